//! The comparison's folder: `runs/` with one file for each finished run, `models/` with the exported files, `boards/` with what
//! emulated boards took. Every file is written whole or not at all, so several processes may share the folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plan::Run;
use super::record::Record;
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomically};

/// A comparison's folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Makes the folder, or opens the one that is there.
    pub fn create(folder: &Path) -> Result<Self> {
        for part in ["runs", "models", "boards"] {
            create_folder(&folder.join(part))?;
        }
        Ok(Store { folder: folder.to_owned() })
    }

    /// Opens the folder of a comparison that has been begun.
    pub fn open(folder: &Path) -> Result<Self> {
        if folder.join("runs").is_dir() {
            return Ok(Store { folder: folder.to_owned() });
        }
        Err(Error::input(format!(
            "{} is not the folder of a comparison: name it with --out, or begin without --merge",
            folder.display()
        )))
    }

    /// A file of the folder itself.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where a run's result is kept.
    pub fn run(&self, run: &Run) -> PathBuf {
        self.folder.join("runs").join(format!("{}.json", run.stem))
    }

    /// Where an exported model lies.
    pub fn model(&self, name: &str) -> PathBuf {
        self.folder.join("models").join(name)
    }

    /// Where the cost of a shape on a board is kept.
    pub(super) fn board(&self, key: &str) -> PathBuf {
        self.folder.join("boards").join(format!("{key}.json"))
    }

    /// A finished run; none if there is none yet.
    pub fn load(&self, run: &Run) -> Result<Option<Record>> {
        let path = self.run(run);
        let record: Option<Record> = read(&path)?;
        match record {
            Some(record) if record.digest != run.digest => {
                Err(Error::input(format!("{} is the result of another run: delete it", path.display())))
            }
            record => Ok(record),
        }
    }

    /// Keeps a finished run.
    pub fn save(&self, run: &Run, record: &Record) -> Result<()> {
        write(&self.run(run), record)
    }
}

/// A JSON file; none if there is none.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(reason) if reason.kind() == ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(Error::file("read", path, reason)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|reason| Error::input(format!("{} is damaged ({reason}): delete it, and it is made again", path.display())))
}

/// Writes a JSON file.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|reason| Error::failed(format!("{} cannot be written as JSON: {reason}", path.display())))?;
    write_atomically(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::record::Fate;

    #[test]
    fn a_result_is_read_back_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let run = Run { index: 0, variant: 0, seed: 3, digest: "abc".into(), stem: "none-3-abc".into() };
        assert_eq!(store.load(&run), Ok(None));
        assert!(Store::open(folder.path()).is_ok());
        let refusal = Store::open(&folder.path().join("runs")).unwrap_err();
        assert!(refusal.exit_code() == 2 && refusal.to_string().contains("without --merge"), "{refusal}");
        let record = Record {
            variant: "none".into(),
            seed: 3,
            digest: "abc".into(),
            outcome: Fate::Diverged { reason: "in epoch 2".into() },
        };
        store.save(&run, &record).unwrap();
        assert_eq!(store.load(&run), Ok(Some(record)));

        let other = Run { digest: "abd".into(), ..run.clone() };
        assert!(store.load(&other).unwrap_err().to_string().ends_with("is the result of another run: delete it"));
        let whole = std::fs::read(store.run(&run)).unwrap();
        for length in 0..whole.len() {
            std::fs::write(store.run(&run), &whole[..length]).unwrap();
            let error = store.load(&run).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("none-3-abc.json is damaged"), "{error}");
        }
    }
}
