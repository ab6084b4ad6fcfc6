//! A recording through a board, sample by sample, each forecast compared with the host's as it comes.

use std::io::{Read, Write};

use embedded_rnn_link::{Hello, PART, Request, Values};

use super::desk::{Desk, Outcome};
use crate::{
    deploy::compare,
    error::{Error, Result},
    evaluate::device::DeviceModel,
};

/// What was fed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Samples that the board took in.
    pub samples: usize,
    /// Forecasts, all with the host's bits.
    pub forecasts: usize,
}

/// Refuses a board that runs another model than the file at hand.
pub fn expect_same(hello: &Hello, device: &DeviceModel<'_>, digest: u32) -> Result<()> {
    let window = &device.manifest.window;
    if hello.digest != digest {
        return Err(Error::failed(format!(
            "the board runs the model {:08x} and the file at hand is {digest:08x}; deploy the file first, or name the right one",
            hello.digest
        )));
    }
    let board = [hello.features, hello.targets, hello.lookback, hello.horizon];
    let file = [window.features, window.targets, window.lookback, window.horizon];
    if board != file {
        return Err(Error::failed(format!(
            "the board says columns, targets, lookback, horizon {board:?} and the model file {file:?}; its firmware was built for another model"
        )));
    }
    Ok(())
}

/// Feeds samples `[n][features]` to a board that has just said Hello, and stops at the first forecast that is not the host's. `each` is told
/// of each sample.
pub fn feed<L: Read + Write>(
    desk: &mut Desk<L>,
    device: &mut DeviceModel<'_>,
    samples: &[f32],
    mut each: impl FnMut(Fed),
) -> Result<Fed> {
    let [features, lookback] = [device.manifest.window.features, device.manifest.window.lookback].map(usize::from);
    desk.ask(&Request::Reset)?;
    let mut fed = Fed::default();
    for (index, sample) in samples.chunks_exact(features).enumerate() {
        let number = index + 1;
        let at = |what: String| Error::failed(format!("sample {number}: {what}"));
        let outcome = ask(desk, sample).map_err(|error| at(error.to_string()))?;
        fed.samples += 1;
        let window = (number >= lookback).then(|| &samples[(number - lookback) * features..number * features]);
        match (window, outcome) {
            (None, Outcome::Filling) => {}
            (Some(window), Outcome::Forecast(board)) => {
                let host = device.forecast(window).map_err(|reason| at(reason.to_string()))?;
                let bits = board.iter().map(|value| value.to_bits()).collect();
                if let Some(difference) = compare(&[host], &[bits]).first_difference {
                    let (value, [host, board]) = (difference.value, [difference.host, difference.board].map(shown));
                    return Err(at(format!("value {value} of the forecast after it: host {host}, board {board}")));
                }
                fed.forecasts += 1;
            }
            (Some(_), other) => return Err(at(format!("a forecast is due and the board said {other:?}; was it reset?"))),
            (None, other) => return Err(at(format!("the history is not full and the board said {other:?}"))),
        }
        each(fed);
    }
    Ok(fed)
}

/// One sample, in as many parts as it takes.
fn ask<L: Read + Write>(desk: &mut Desk<L>, sample: &[f32]) -> std::result::Result<Outcome, super::AskError> {
    let mut outcome = Outcome::Done;
    for (part, first) in sample.chunks(PART).zip((0..).step_by(PART)) {
        let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
        // A part has one value at least, and no more than fit.
        let Some(values) = Values::of(&bytes) else { continue };
        outcome = desk.ask(&Request::Sample { first, values })?.outcome;
    }
    Ok(outcome)
}

fn shown(bits: Option<u32>) -> String {
    bits.map_or("nothing".into(), |bits| format!("{} ({bits:#010x})", f32::from_bits(bits)))
}
