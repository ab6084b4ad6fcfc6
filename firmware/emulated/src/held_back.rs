//! The held-back data that is linked into the image.

use core::{convert::Infallible, slice::ChunksExact};

use embedded_rnn_app::Source;

#[cfg(classifier)]
use crate::model::CLASSES as OUTPUTS;
use crate::model::{FEATURES, LOOKBACK};

/// Values that the model says of a window, but for quantiles.
#[cfg(not(classifier))]
const OUTPUTS: usize = crate::model::TARGETS * crate::model::HORIZON;

/// Bytes of one sample: a little-endian `f32` per feature.
const SAMPLE: usize = 4 * FEATURES;

/// `[samples][FEATURES]`
static SERIES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/series.bin"));

/// `[LOOKBACK][FEATURES]`, then `[TARGETS][HORIZON]`, each value with all its quantiles where the model has them; or a classifier's logits.
static WINDOW: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/window.bin"));

const _: () = assert!(SERIES.len().is_multiple_of(SAMPLE), "series.bin does not hold whole samples of this model");
const _: () = assert!(
    WINDOW.len() > LOOKBACK * SAMPLE && (WINDOW.len() - LOOKBACK * SAMPLE).is_multiple_of(4 * OUTPUTS),
    "window.bin does not hold one window of this model and its forecast"
);

/// A linked recording, sample by sample.
#[derive(Clone, Debug)]
pub struct Recording(ChunksExact<'static, u8>);

/// The held-back series.
pub fn series() -> Recording {
    Recording(SERIES.chunks_exact(SAMPLE))
}

/// One window of the held-back series.
pub fn window() -> Recording {
    Recording(WINDOW[..LOOKBACK * SAMPLE].chunks_exact(SAMPLE))
}

/// The bits of the forecast that the host expects from [`window`], target after target.
pub fn expected() -> impl Iterator<Item = u32> {
    WINDOW[LOOKBACK * SAMPLE..].chunks_exact(4).map(word)
}

impl Source for Recording {
    type Sample = [f32; FEATURES];
    type Error = Infallible;

    fn sample(&mut self) -> Option<Result<Self::Sample, Infallible>> {
        let bytes = self.0.next()?;
        let mut sample = [0.0; FEATURES];
        for (value, bytes) in sample.iter_mut().zip(bytes.chunks_exact(4)) {
            *value = f32::from_bits(word(bytes));
        }
        Some(Ok(sample))
    }
}

/// A little-endian word; `bytes` are four.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
