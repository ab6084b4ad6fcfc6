//! The patch-LSTM recipe: one LSTM layer on patches of windows whose last value is subtracted, beside the ridge solution as a linear skip.

use embedded_rnn::forecast::Transform;

use super::trial;
use super::window::{self, Given};
use crate::config::{Allowance, Config, Data, Export, Loss, Network, Normalization, Skip, Training};
use crate::data::{Dataset, Part, Series};
use crate::error::{Error, Result};
use crate::evaluate::season::find_season;
use crate::linear::{fit_skip, skip_bytes};
use crate::network::skip::PlainSkip;
use crate::regularize::settings::{Dropout, RecurrentDropout, Regularization, Zoneout};
use crate::train::batches::batch_count;

/// Bytes that an `int8` file may take where nothing else is asked for.
pub const FLASH: usize = 16_384;

/// Optimizer updates that a training takes: the schedule counts these, not passes over the data.
const UPDATES: usize = 1_200;

/// Training windows below which a set is small: it gets dropout on h and weight decay as well.
const SMALL: usize = 2_000;

/// Multiply-accumulates that all trial trainings together may take: some 30 seconds of one core.
const WORK: f64 = 1.5e11;

/// By how much a candidate's validation loss must be lower for what is not the recipe's own.
const WORTH: f64 = 0.01;

/// The larger step size that is tried; the recipe's is a third of it.
const FASTER: f64 = 3e-3;

/// The amplitude of augmentation that is tried.
const AMPLITUDE: f64 = 0.3;

/// What the user decided; the rest is the preset's.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Samples forecast.
    pub horizon: Option<usize>,
    /// Samples of a window.
    pub lookback: Option<usize>,
    /// Samples of a step.
    pub patch: Option<usize>,
    /// The value transform.
    pub transform: Option<Transform>,
    /// Per-window normalization.
    pub normalization: Option<Normalization>,
    /// Units of the layers.
    pub hidden: Option<Vec<usize>>,
    /// The linear skip.
    pub skip: Option<Skip>,
    /// Amplitude augmentation.
    pub amplitude: Option<f64>,
    /// Bytes of weights, at most; [`FLASH`] if not given.
    pub flash: Option<usize>,
    /// The seed.
    pub seed: Option<u64>,
}

/// Samples that are forecast where nobody says: a season if it is short, a year of months, a day of hours, else a dozen.
fn horizon(season: Option<usize>, series: &Series) -> usize {
    let rows = series.rows();
    let wanted = match (series.times.as_ref().and_then(|times| times.interval()), season) {
        (Some(crate::data::Interval::Months(1)), _) => 12,
        (_, Some(season)) if season <= 48 => season,
        (_, Some(_)) => 24,
        (_, None) => 12,
    };
    // The smallest part must hold a handful of forecasts.
    wanted.clamp(1, (rows / 40).max(1))
}

/// Bytes of a file beside its weights, about: header, manifest, scaling, self-test.
const OVERHEAD: usize = 768;

/// Bytes of a network's weights: of each unit four rows, biases and multipliers, and a block's word; a head.
fn bytes(units: usize, step: usize, outputs: usize) -> usize {
    units * (4 * (step + units).next_multiple_of(4) + 36) + outputs * (units.next_multiple_of(4) + 8)
}

/// Fills the configuration for a series, read without a transform. Gives it with the reasons.
pub fn patch_lstm(series: &Series, data: &Data, wishes: &Wishes) -> Result<(Config, Vec<String>)> {
    let mut notes = Vec::new();
    let training_rows = crate::data::Partition::new(&data.split, series.rows()).map_err(Error::input)?.training;
    let season = data.season.or_else(|| find_season(&series.columns[0].values[training_rows]));
    let horizon = wishes.horizon.unwrap_or_else(|| horizon(season, series));
    let normalization = match (wishes.normalization, season) {
        (Some(Normalization::Seasonal { .. }), None) => {
            return Err(Error::input(
                "window.normalization = \"seasonal\" and the training rows have no clear season: set data.season, or another normalization",
            ));
        }
        // One that is too long for a file leaves no window either.
        (Some(Normalization::Seasonal { .. }), Some(season)) => {
            Some(Normalization::Seasonal { season: u16::try_from(season).unwrap_or(u16::MAX) })
        }
        (wished, _) => wished,
    };
    let given = Given {
        lookback: wishes.lookback,
        patch: wishes.patch,
        transform: wishes.transform,
        normalization,
        augmented: wishes.amplitude.is_some_and(|amplitude| amplitude > 0.0),
    };
    let chosen = window::choose(series, &data.split, horizon, season, given)?;
    notes.extend(chosen.notes);
    let window = chosen.window;
    let dataset = Dataset::new(series.clone(), &window, &data.split)?;
    let windows = dataset.windows(Part::Training).len();

    let flash = wishes.flash.unwrap_or(FLASH);
    let skip = wishes.skip.unwrap_or(Skip::Ridge);
    let inputs = dataset.windows(Part::Training).input_len();
    let skip_flash = (!skip.is_none()).then(|| (flash / 2).max(skip_bytes(1, inputs, dataset.outputs())));
    let fitted = match skip {
        Skip::None => None,
        Skip::Ridge => Some(fit_skip(&dataset, &Network { skip, skip_flash, ..Network::default() })?.skip),
    };
    let beside = OVERHEAD + fitted.as_ref().map_or(0, |skip| skip_bytes(skip.rank, inputs, dataset.outputs()));
    let hidden = match &wishes.hidden {
        Some(hidden) => hidden.clone(),
        None => {
            let sizes = if windows < 500 { &[16, 12, 8, 4][..] } else { &[32, 24, 16, 12, 8, 4] };
            let of = |units: &&usize| bytes(**units, dataset.step_inputs(), dataset.outputs()) + beside <= flash;
            let units = sizes.iter().find(of).copied().ok_or_else(|| {
                Error::input(format!(
                    "flash = {flash} bytes hold no network for {} samples of lookback and {horizon} of horizon: allow more, or shorten them",
                    window.lookback
                ))
            })?;
            notes.push(format!("{units} units: what fits into {flash} bytes of flash, and {windows} training windows"));
            vec![units]
        }
    };
    let small = windows < SMALL;
    let (batch, learning_rate) = match windows {
        0..300 => (16, 1e-3),
        300..SMALL => (32, 1e-3),
        SMALL..20_000 => (128, 1e-3),
        _ => (256, 1e-3),
    };
    let batches = batch_count(windows, batch).max(1);
    let epochs = UPDATES.div_ceil(batches).clamp(4, 200);
    notes.push(format!("{} updates: {epochs} passes in batches of {batch}", epochs * batches));
    let mut config = Config {
        data: Data { season, ..data.clone() },
        window,
        network: Network { hidden, skip, skip_rank: None, skip_flash, skip_refit: !skip.is_none() },
        regularization: Regularization {
            dropout: Dropout { output: 0.3, ..Dropout::default() },
            zoneout: Zoneout { cell: 0.5, ..Zoneout::default() },
            recurrent: RecurrentDropout { drop: if small { 0.1 } else { 0.0 }, ..RecurrentDropout::default() },
            decay: if small { 0.1 } else { 0.0 },
            amplitude: wishes.amplitude.unwrap_or(0.0),
            ..Regularization::default()
        },
        training: Training {
            loss: Loss::Huber,
            delta: 0.5,
            epochs,
            batch,
            learning_rate,
            clip: 1.0,
            seed: wishes.seed.unwrap_or(0),
            ..Training::default()
        },
        export: Export::default(),
        budget: Allowance::default(),
    };
    config.validate()?;
    try_out(&mut config, &dataset, fitted.as_ref(), wishes, &mut notes)?;
    Ok((config, notes))
}

/// Chooses between settings that only a training can tell apart.
fn try_out(
    config: &mut Config,
    dataset: &Dataset,
    fitted: Option<&PlainSkip>,
    wishes: &Wishes,
    notes: &mut Vec<String>,
) -> Result<()> {
    let mut candidates: Vec<(&str, Config)> = Vec::new();
    let has_amplitude = !matches!(config.window.normalization, Normalization::None | Normalization::Scaled);
    if wishes.amplitude.is_none() && has_amplitude {
        let mut candidate = config.clone();
        candidate.regularization.amplitude = AMPLITUDE;
        candidates.push(("amplitude augmentation", candidate));
    }
    let mut faster = config.clone();
    faster.training.learning_rate = FASTER;
    candidates.push(("a three times larger step", faster));
    // A series too long for whole trials gets shorter ones, with the same schedule.
    let whole = trial::work(config, dataset.windows(Part::Training).len(), dataset.features()) * (1 + candidates.len()) as f64;
    let epochs = ((config.training.epochs as f64 * (WORK / whole).min(1.0)) as usize).max(2);
    let shortened = |config: &Config| {
        let mut config = config.clone();
        config.training.epochs = epochs;
        config
    };
    let mut best = trial::loss(&shortened(config), dataset, fitted)?;
    for (name, candidate) in candidates {
        let loss = trial::loss(&shortened(&candidate), dataset, fitted)?;
        let taken = loss < best * (1.0 - WORTH);
        let verdict = if taken { "taken" } else { "left out" };
        notes.push(format!("{name}: validation loss {loss:.5} with it, {best:.5} without: {verdict}"));
        if taken {
            // Candidates differ from the recipe in one thing each, and add up.
            let amplitude = config.regularization.amplitude.max(candidate.regularization.amplitude);
            best = loss;
            *config = candidate;
            config.regularization.amplitude = amplitude;
        }
    }
    Ok(())
}
