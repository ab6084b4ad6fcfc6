//! Everything a training needs to go on, in one file.
//!
//! Layout: 8 bytes of magic, 32 bytes of digest (of whatever must not change between start and resumption), payload length
//! (`u64`, little-endian), payload (postcard), CRC-32 of all before it (little-endian).

use std::fs;
use std::path::PathBuf;

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};

use super::observer::EpochReport;
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::network::{Params, Shape, init::initialize};
use crate::optimize::AdamW;

/// First bytes of a checkpoint; the last one is the format's version.
const MAGIC: &[u8; 8] = b"RNNCKPT3";

/// Magic, digest and length.
const HEADER: usize = 8 + 32 + 8;

/// The parameters with the lowest validation loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its epoch, from 1.
    pub epoch: usize,
    /// Its validation loss.
    pub loss: f64,
    /// The parameters after it.
    pub params: Params<f32>,
}

/// A training between two epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The parameters.
    pub params: Params<f32>,
    /// The optimizer's moments and its count of steps.
    pub optimizer: AdamW<f32>,
    /// The average of the parameters, moving or equally weighted, where one is asked for and has begun.
    pub average: Option<Params<f32>>,
    /// The best so far.
    pub best: Option<Best>,
    /// One report for each finished epoch.
    pub history: Vec<EpochReport>,
}

impl State {
    /// Before the first epoch.
    pub fn new(shape: &Shape, seed: u64) -> Self {
        State::from_params(initialize(shape, seed))
    }

    /// Before the first epoch, from given parameters.
    pub fn from_params(params: Params<f32>) -> Self {
        State { optimizer: AdamW::new(&params), params, average: None, best: None, history: Vec::new() }
    }

    /// The parameters that validation and export read: the average, where there is one.
    pub fn evaluated(&self) -> &Params<f32> {
        self.average.as_ref().unwrap_or(&self.params)
    }

    /// Do all parts have the sizes of this network?
    fn fits(&self, shape: &Shape) -> bool {
        let length = Params::<f32>::zeros(shape).values.len();
        let params = |params: &Params<f32>| params.shape() == shape && params.values.len() == length;
        params(&self.params)
            && self.average.as_ref().is_none_or(params)
            && self.best.as_ref().is_none_or(|best| params(&best.params))
            && self.optimizer.mean.len() == length
            && self.optimizer.square.len() == length
    }
}

/// Where checkpoints are kept, and what they must belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointFile {
    /// The file.
    pub path: PathBuf,
    /// Digest of configuration and data.
    pub digest: [u8; 32],
}

impl CheckpointFile {
    /// Writes beside the file and renames, so that there is a whole checkpoint at any time.
    pub fn save(&self, state: &State) -> Result<()> {
        let payload = postcard::to_stdvec(state).map_err(|e| Error::file("write", &self.path, e))?;
        let mut bytes = Vec::with_capacity(HEADER + payload.len() + 4);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
        write_atomically(&self.path, &bytes)
    }

    /// Reads a checkpoint of this network; everything about it is checked.
    pub fn load(&self, shape: &Shape) -> Result<State> {
        let bytes = fs::read(&self.path).map_err(|e| Error::file("read", &self.path, e))?;
        self.parse(&bytes, shape)
    }

    fn parse(&self, bytes: &[u8], shape: &Shape) -> Result<State> {
        let path = self.path.display();
        let damaged = |what: &str| {
            Error::input(format!("checkpoint {path} is damaged ({what}): delete it and train again without --resume"))
        };
        if !bytes.starts_with(MAGIC) {
            return Err(Error::input(format!(
                "{path} is not a checkpoint of this version: move it away and train again without --resume"
            )));
        }
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("it is cut short"))?;
        let (header, payload) = body.split_at_checked(HEADER).ok_or_else(|| damaged("it is cut short"))?;
        let (header, length) = header.split_last_chunk::<8>().ok_or_else(|| damaged("it is cut short"))?;
        if u64::from_le_bytes(*length) != payload.len() as u64 {
            return Err(damaged("its length is not the one it states"));
        }
        if u32::from_le_bytes(*sum) != checksum(body) {
            return Err(damaged("its checksum does not match"));
        }
        if !header.ends_with(&self.digest) {
            return Err(Error::input(format!(
                "checkpoint {path} belongs to another configuration or to other data: restore them, or train without --resume"
            )));
        }
        let (state, rest): (State, _) = postcard::take_from_bytes(payload).map_err(|_| damaged("its contents cannot be read"))?;
        if !rest.is_empty() || !state.fits(shape) {
            return Err(damaged("its contents do not fit the network"));
        }
        Ok(state)
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    CRC.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape { inputs: 1, hidden: vec![2], outputs: 1, norm: None, head_norm: None }
    }

    fn state() -> State {
        let mut state = State::new(&shape(), 5);
        state.optimizer.steps = 7;
        state.optimizer.mean[3] = 0.25;
        state.average = Some(initialize(&shape(), 7));
        state.best = Some(Best { epoch: 1, loss: 0.5, params: initialize(&shape(), 6) });
        state.history.push(EpochReport {
            epoch: 1,
            step: 7,
            train_loss: 0.75,
            validation_loss: 0.5,
            learning_rate: 1e-3,
            gradient_norm: 2.0,
            best: true,
        });
        state
    }

    fn file(folder: &tempfile::TempDir) -> CheckpointFile {
        CheckpointFile { path: folder.path().join("checkpoint"), digest: [3; 32] }
    }

    fn message(result: Result<State>) -> String {
        match result {
            Err(Error::Input(message)) => message,
            other => panic!("expected wrong input, got {other:?}"),
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder);
        file.save(&State::new(&shape(), 0)).expect("a first checkpoint");
        file.save(&state()).expect("another in its place");
        assert_eq!(file.load(&shape()), Ok(state()));
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing temporary is left");
    }

    #[test]
    fn every_truncation_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder);
        file.save(&state()).expect("a checkpoint");
        let bytes = fs::read(&file.path).expect("its bytes");
        for length in 0..bytes.len() {
            let message = message(file.parse(&bytes[..length], &shape()));
            assert!(message.contains("checkpoint") && message.contains("--resume"), "{message}");
        }
        assert!(message(file.parse(&[&bytes[..], &[0]].concat(), &shape())).contains("length"));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder);
        file.save(&state()).expect("a checkpoint");
        let bytes = fs::read(&file.path).expect("its bytes");
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            message(file.parse(&flipped, &shape()));
        }
    }

    #[test]
    fn another_configuration_and_another_network_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder);
        file.save(&state()).expect("a checkpoint");
        let other = CheckpointFile { digest: [4; 32], ..file.clone() };
        assert!(message(other.load(&shape())).contains("another configuration"));
        assert!(message(file.load(&Shape { outputs: 2, ..shape() })).contains("do not fit"));
    }

    #[test]
    fn missing_files_and_folders_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = CheckpointFile { path: folder.path().join("missing").join("checkpoint"), digest: [0; 32] };
        assert!(message(file.load(&shape())).contains("missing"));
        assert!(matches!(file.save(&state()), Err(Error::Input(message)) if message.contains("missing")));
    }
}
