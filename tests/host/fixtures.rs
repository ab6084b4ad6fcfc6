//! The model files under `tests/fixtures`, the types that the exporter named for them, and bytes that may be changed.

use embedded_rnn::arithmetic::Number;
use embedded_rnn::image::{HEADER_LENGTH, Header, Image, LoadError, Manifest, Mode, RECORD_HEADER_LENGTH, checksum};
use embedded_rnn::network::Topology;
use embedded_rnn::{Forecaster, Model, Streaming, include_model};

/// For each file a module with what the exporter wrote beside it, its bytes, and a test that the two agree.
macro_rules! fixtures {
    ($($name:ident = $file:literal $({ $($lacking:item)* })?;)*) => {
        $(
            pub mod $name {
                include!(concat!("../fixtures/", $file, ".rs"));

                // A classifier has neither.
                $($($lacking)*)?

                pub static BYTES: &[u8] = super::include_model!(concat!("../fixtures/", $file, ".rnn"));

                #[test]
                fn the_exported_constants_are_the_files() {
                    let window = super::Image::open(BYTES).unwrap().manifest.window;
                    let sizes = [window.features, window.lookback, window.patch, window.targets, window.horizon];
                    assert_eq!(sizes.map(usize::from), [FEATURES, LOOKBACK, PATCH, TARGETS, HORIZON]);
                    assert_eq!(STEPS, Model::STEPS);
                }
            }
        )*

        /// Every fixture.
        pub const ALL: &[Fixture] =
            &[$(Fixture { name: $file, bytes: || $name::BYTES, exercise: |bytes| $name::Model::exercise(bytes) }),*];
    };
}

fixtures! {
    tiny_int8 = "tiny-int8";
    stream_int8 = "stream-int8";
    stream_f32 = "stream-f32";
    deep_int8 = "deep-int8";
    root_int8 = "root-int8";
    log_f32 = "log-f32";
    norm_a_int8 = "norm-a-int8";
    norm_joint_int8 = "norm-joint-int8";
    norm_b_f32 = "norm-b-f32";
    norm_joint_f32 = "norm-joint-f32";
    head_norm_int8 = "head-norm-int8";
    head_norm_f32 = "head-norm-f32";
    skip_int8 = "skip-int8";
    skip_f32 = "skip-f32";
    quantile_int8 = "quantile-int8";
    quantile_skip_f32 = "quantile-skip-f32";
    classes_int8 = "classes-int8" {
        const TARGETS: usize = 0;
        const HORIZON: usize = 0;
    };
    streamed_int8 = "streamed-int8";
}

/// A file with its type's actions.
pub struct Fixture {
    pub name: &'static str,
    pub bytes: fn() -> &'static [u8],
    /// Loads bytes as the file's type and does with the model all that a firmware may do.
    pub exercise: fn(&[u8]) -> Result<(), LoadError>,
}

/// Everything that a firmware may do with a model.
trait Exercise<'m>: Sized {
    fn exercise(bytes: &'m [u8]) -> Result<(), LoadError>;
}

impl<'m, N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize> Exercise<'m> for Model<'m, N, T, F, L, P> {
    fn exercise(bytes: &'m [u8]) -> Result<(), LoadError> {
        let model = Self::load(bytes)?;
        // A hostile file may well fail its own test; it may not panic.
        let _ = model.self_test();
        let samples = [20.0, 1e-30, f32::MAX, 0.0, f32::MIN, 21.0, f32::NAN, 19.0];
        let mut forecaster = model.forecaster();
        for (number, sample) in samples.iter().cycle().take(3 * L).enumerate() {
            // Refused by a root or a logarithm.
            let _ = forecaster.push(&[*sample; F]);
            let _ = forecaster.forecast();
            let _ = forecaster.quantiles();
            if number == 2 * L {
                let mut buffer = vec![0; Forecaster::<'_, '_, N, T, F, L, P>::SNAPSHOT_LENGTH];
                forecaster.save(&mut buffer).unwrap();
                forecaster.reset();
                forecaster.restore(&buffer).unwrap();
            }
        }
        Ok(())
    }
}

impl<'m, N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize> Exercise<'m>
    for Model<'m, N, T, F, L, P, 0, Streaming>
{
    fn exercise(bytes: &'m [u8]) -> Result<(), LoadError> {
        let model = Self::load(bytes)?;
        let _ = model.self_test();
        let mut session = model.session();
        for sample in [20.0, 1e-30, f32::MAX, 0.0, f32::MIN, 21.0, f32::NAN, 19.0].iter().cycle().take(40 * P) {
            let _ = session.push(&[*sample; F]);
            let _ = session.step(&[[*sample; F]; P]);
            let _ = (session.forecast(), session.quantiles(), session.missing());
        }
        let mut buffer = vec![0; session.snapshot_length()];
        session.save(&mut buffer).unwrap();
        session.reset();
        session.restore(&buffer).unwrap();
        Ok(())
    }
}

/// The type of a windowed model's network in a stream.
pub trait InStream {
    type Model;
}

impl<'m, N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize> InStream for Model<'m, N, T, F, L, P> {
    type Model = Model<'m, N, T, F, L, P, 0, Streaming>;
}

/// A windowed model's file as if its network had been trained in a stream.
pub fn streamed(bytes: &[u8], warmup: u32) -> Bytes {
    Bytes::new(bytes).with_manifest(|manifest| manifest.window.mode = Mode::Streaming { warmup })
}

/// A file's bytes, aligned as they must be, open to change.
#[derive(Clone)]
pub struct Bytes {
    blocks: Vec<u128>,
    length: usize,
}

impl Bytes {
    pub fn new(bytes: &[u8]) -> Self {
        let mut blocks = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut blocks)[..bytes.len()].copy_from_slice(bytes);
        Bytes { blocks, length: bytes.len() }
    }

    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.blocks)[..self.length]
    }

    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.blocks)[..self.length]
    }

    /// The same with length and checksum as they would be if the bytes were meant so.
    pub fn repaired(mut self) -> Self {
        let length = self.length as u32;
        self.as_mut_slice()[12..16].copy_from_slice(&length.to_le_bytes());
        let checksum = checksum(self.as_slice());
        self.as_mut_slice()[16..20].copy_from_slice(&checksum.to_le_bytes());
        self
    }

    /// The same with other bytes from `at` on.
    pub fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.as_mut_slice()[at..][..bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Where record number `index` begins.
    pub fn record(&self, index: usize) -> usize {
        let mut at = self.length - Image::open(self.as_slice()).unwrap().records().remaining();
        for _ in 0..index {
            let length = u32::from_le_bytes(self.as_slice()[at + 8..][..4].try_into().unwrap());
            at += RECORD_HEADER_LENGTH + (length as usize).next_multiple_of(16);
        }
        at
    }

    /// The same with another manifest, its records where they were.
    pub fn with_manifest(&self, change: impl FnOnce(&mut Manifest<'_>)) -> Self {
        let image = Image::open(self.as_slice()).unwrap();
        let mut manifest = image.manifest;
        change(&mut manifest);
        let mut buffer = [0; 1024];
        let encoded = postcard::to_slice(&manifest, &mut buffer).unwrap();
        let records = &self.as_slice()[self.length - image.records().remaining()..];
        let mut file = Header { length: 0, checksum: 0, manifest: encoded.len() as u32 }.to_bytes().to_vec();
        file.extend_from_slice(encoded);
        file.resize((HEADER_LENGTH + encoded.len()).next_multiple_of(16), 0);
        file.extend_from_slice(records);
        Bytes::new(&file).repaired()
    }
}
