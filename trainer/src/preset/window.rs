//! The window: value transform, lookback and patch, chosen with the closed-form linear model on validation, which takes no training.

use embedded_rnn::forecast::Transform;

use crate::config::{Mode, Normalization, Split, Window, normalization_name};
use crate::data::{Dataset, Part, Partition, Series};
use crate::error::Result;
use crate::evaluate::metrics::score;
use crate::linear::Ridge;

/// Training windows that a candidate is fitted on, at most: the last ones.
const LARGEST: usize = 20_000;

/// Samples of a window, at most: four bytes of RAM each on the device.
const LONGEST: usize = 512;

/// A longer window must lower the error by so much to be chosen.
const WORTH: f64 = 0.01;

/// A value transform must lower the error by so much.
const WORTH_TRANSFORM: f64 = 0.03;

/// A normalization other than by the last value must lower the error by so much.
const WORTH_NORMALIZATION: f64 = 0.03;

/// Steps that a window is cut into, best first.
const STEPS: [usize; 7] = [14, 12, 16, 13, 11, 10, 15];

/// Lookback and patch near a wanted lookback: some 10 to 16 steps, patches of which a season is a whole number where that can be.
pub(super) fn cut(wanted: usize, season: Option<usize>) -> (usize, usize) {
    if wanted <= 12 {
        return (wanted.max(1), 1);
    }
    let fits = |steps: &&usize| wanted.is_multiple_of(**steps);
    let whole = |steps: &&usize| {
        let patch = wanted / **steps;
        season.is_some_and(|season| season.is_multiple_of(patch) || patch.is_multiple_of(season))
    };
    let best = STEPS.iter().filter(fits).find(whole).or_else(|| STEPS.iter().find(fits));
    match best {
        Some(steps) => (wanted, wanted / steps),
        None => {
            let patch = wanted.div_ceil(12);
            (12 * patch, patch)
        }
    }
}

/// Lookbacks worth a trial, shortest first.
fn lookbacks(season: Option<usize>, horizon: usize, most: usize) -> Vec<usize> {
    let ladder = [12, 24, 48, 96, 168, 336].into_iter();
    let seasons = season.into_iter().flat_map(|season| [1, 2, 3, 4].map(|count| count * season));
    let mut all: Vec<usize> = ladder.chain(seasons).chain([horizon, 2 * horizon]).filter(|wanted| *wanted >= 4).collect();
    all = all.into_iter().map(|wanted| cut(wanted, season).0).filter(|lookback| *lookback <= most).collect();
    all.sort_unstable();
    all.dedup();
    // Neighbors say the same.
    let mut apart: Vec<usize> = Vec::new();
    for lookback in all {
        if apart.last().is_none_or(|last| lookback * 10 >= last * 12) {
            apart.push(lookback);
        }
    }
    if apart.is_empty() { vec![most.clamp(1, 12)] } else { apart }
}

/// Root mean square and mean absolute error of ridge on validation, in raw units.
fn errors(series: &Series, window: &Window, split: &Split) -> Result<[f64; 2]> {
    let partition = Partition::new(split, series.rows()).map_err(crate::error::Error::input)?;
    let reach = LARGEST + window.lookback + window.horizon;
    let train_from = partition.train_from.max(partition.training.len().saturating_sub(reach));
    let rows = [Part::Training, Part::Validation, Part::Test].map(|part| partition.rows(part).len());
    let split = Split::Rows { train_from, train: rows[0], validation: rows[1], test: rows[2] };
    let dataset = Dataset::new(series.clone(), window, &split)?;
    let ridge = Ridge::choose(&dataset)?;
    let windows = dataset.windows(Part::Validation);
    let metrics = score(&windows, |index, out| {
        ridge.forecast(&windows, index, out);
        Ok(())
    })?;
    Ok([metrics.errors.rmse, metrics.errors.mae])
}

/// What of the window is given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    pub lookback: Option<usize>,
    pub patch: Option<usize>,
    pub transform: Option<Transform>,
    pub normalization: Option<Normalization>,
    /// Amplitude augmentation is asked for, which scaled windows have not.
    pub augmented: bool,
}

/// A window, and why it is so.
pub(super) struct Chosen {
    pub window: Window,
    pub notes: Vec<String>,
}

/// Chooses what is not given. `season`: in samples, where there is one.
pub(super) fn choose(series: &Series, split: &Split, horizon: usize, season: Option<usize>, given: Given) -> Result<Chosen> {
    let training = Partition::new(split, series.rows())
        .map_or(0, |partition| partition.training.len() - partition.train_from.min(partition.training.len()));
    // Windows must leave most of the training rows for their number.
    let most = (training.saturating_sub(horizon) * 2 / 5).clamp(1, if training > 60_000 { 336 } else { LONGEST });
    let normalization = given.normalization.unwrap_or_default();
    // A window in which the network reads so many samples.
    let under = |read: usize, transform, normalization: Normalization| {
        let (read, patch) = match given.patch {
            Some(patch) if patch > 0 => (read.next_multiple_of(patch), patch),
            _ => (read, cut_exactly(read, season)),
        };
        Window { mode: Mode::Windowed, lookback: read + normalization.season(), patch, horizon, transform, normalization }
    };
    let of = |read: usize, transform| under(read, transform, normalization);
    let mut notes = Vec::new();
    let plain = given.transform.unwrap_or(Transform::None);
    let read = match given.lookback {
        Some(lookback) => lookback.saturating_sub(normalization.season()).max(1),
        None => {
            let mut tried = Vec::new();
            for read in lookbacks(season, horizon, most.saturating_sub(normalization.season()).max(1)) {
                let window = of(read, plain);
                tried.push((errors(series, &window, split)?[0], window.lookback));
            }
            let best = tried.iter().map(|(error, _)| *error).fold(f64::INFINITY, f64::min);
            let worth = tried.iter().find(|(error, _)| *error <= best * (1.0 + WORTH));
            let lookback = worth.map_or(most.min(12) + normalization.season(), |(_, lookback)| *lookback);
            let listed: Vec<String> = tried.iter().map(|(error, lookback)| format!("{lookback}: {error:.4}")).collect();
            notes.push(format!(
                "lookback {lookback}: the shortest within 1 % of the best linear model on validation ({})",
                listed.join(", ")
            ));
            lookback - normalization.season()
        }
    };
    let mut window = of(read, plain);
    if given.transform.is_none() {
        let values = || series.columns.iter().flat_map(|column| &column.values);
        let least = values().fold(f32::INFINITY, |least, value| least.min(*value));
        let candidates = [(Transform::Sqrt, least >= 0.0), (Transform::Log, least > 0.0)];
        let before = errors(series, &window, split)?;
        let mut best = (1.0 - WORTH_TRANSFORM, window.transform);
        for (transform, _) in candidates.into_iter().filter(|(_, admitted)| *admitted) {
            let found = errors(series, &Window { transform, ..window }, split)?;
            let ratio = (found[0] / before[0] + found[1] / before[1]) / 2.0;
            if ratio < best.0 && found[0] <= before[0] {
                best = (ratio, transform);
            }
        }
        window.transform = best.1;
        if window.transform != Transform::None {
            let percent = 100.0 * (1.0 - best.0);
            notes.push(format!("transform: lowers the linear model's validation error by {percent:.1} %"));
        }
    }
    if given.normalization.is_none() {
        let before = errors(series, &window, split)?;
        let mut best = (1.0 - WORTH_NORMALIZATION, window);
        let mut listed = Vec::new();
        let seasonal = season.and_then(|season| u16::try_from(season).ok()).map(|season| Normalization::Seasonal { season });
        let scaled = (!given.augmented).then_some(Normalization::Scaled);
        let candidates = [Some(Normalization::Mean), scaled, seasonal];
        for normalization in candidates.into_iter().flatten() {
            let candidate = under(read, window.transform, normalization);
            if candidate.lookback > most.max(window.lookback)
                || given.lookback.is_some_and(|lookback| lookback != candidate.lookback)
            {
                continue;
            }
            let found = errors(series, &candidate, split)?;
            let ratio = (found[0] / before[0] + found[1] / before[1]) / 2.0;
            listed.push(format!("{}: {ratio:.4}", normalization_name(normalization)));
            if ratio < best.0 && found[0] <= before[0] {
                best = (ratio, candidate);
            }
        }
        window = best.1;
        let name = normalization_name(window.normalization);
        notes.push(format!(
            "normalization {name}: \"last\" unless another lowers the linear model's validation error by 3 % ({})",
            listed.join(", ")
        ));
    }
    Ok(Chosen { window, notes })
}

/// A patch that divides a lookback which cannot change.
fn cut_exactly(lookback: usize, season: Option<usize>) -> usize {
    let (cut, patch) = cut(lookback, season);
    if cut == lookback {
        return patch;
    }
    // The divisor that makes the number of steps nearest to 13.
    let divisors = (1..=lookback).filter(|patch| lookback.is_multiple_of(*patch));
    divisors.min_by_key(|patch| (lookback / patch).abs_diff(13)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::{sunspots, synthetic};

    #[test]
    fn windows_are_cut_into_a_dozen_steps_that_fit_the_season() {
        assert_eq!(cut(336, Some(24)), (336, 24));
        assert_eq!(cut(132, Some(132)), (132, 11));
        assert_eq!(cut(48, Some(24)), (48, 4));
        assert_eq!(cut(7, None), (7, 1));
        assert_eq!(cut(0, None), (1, 1));
        for wanted in 1..600 {
            let (lookback, patch) = cut(wanted, Some(24));
            assert!(lookback.is_multiple_of(patch) && lookback >= wanted && lookback <= wanted + 12, "{wanted}");
            assert!(lookback <= 12 || (10..=16).contains(&(lookback / patch)), "{wanted}: {lookback} {patch}");
            assert!(wanted.is_multiple_of(cut_exactly(wanted, None)));
        }
    }

    #[test]
    fn a_long_memory_asks_for_a_long_window_and_a_short_one_does_not() {
        // The value 40 samples ago returns.
        let mut values: Vec<f64> = (0..40).map(|k| ((k * 37 % 41) as f64).sin()).collect();
        for row in 40..900 {
            let noise = crate::data::amplitude_factor(1.0, 1, 0, row).ln();
            values.push(0.9 * values[row - 40] + 0.2 * noise);
        }
        let series = synthetic(900, 1, 1, |row, _| values[row] as f32);
        let chosen = choose(&series, &Split::default(), 8, Some(40), Given::default()).unwrap();
        assert!(chosen.window.lookback >= 40, "{:?}", chosen.window);
        let mut walk = 0.0;
        let walk: Vec<f64> = (0..900)
            .map(|row| {
                walk += crate::data::amplitude_factor(1.0, 2, 0, row).ln();
                walk
            })
            .collect();
        let series = synthetic(900, 1, 1, |row, _| walk[row] as f32);
        let chosen = choose(&series, &Split::default(), 8, None, Given::default()).unwrap();
        assert!(chosen.window.lookback <= 24 && chosen.window.transform == Transform::None, "{:?}", chosen.window);
    }

    #[test]
    fn normalizations_are_compared_where_none_is_given() {
        let noise = |row: usize| crate::data::amplitude_factor(1.0, 4, 0, row).ln();
        let series = synthetic(300, 1, 1, |row, _| (10.0 * noise(row % 20) + 0.1 * noise(20 + row)) as f32);
        let chosen = choose(&series, &Split::default(), 2, Some(20), Given::default()).unwrap();
        let note = chosen.notes.iter().find(|note| note.starts_with("normalization ")).unwrap();
        assert!(["mean: ", "scaled: ", "seasonal: "].iter().all(|name| note.contains(name)), "{note}");
        let Window { lookback, patch, normalization, .. } = chosen.window;
        assert!((lookback - normalization.season()).is_multiple_of(patch), "{:?}", chosen.window);
        let augmented = Given { augmented: true, ..Given::default() };
        let chosen = choose(&series, &Split::default(), 2, Some(20), augmented).unwrap();
        assert!(!chosen.notes.iter().any(|note| note.contains("scaled: ")), "{:?}", chosen.notes);
        let given = Given { normalization: Some(Normalization::Seasonal { season: 20 }), ..Given::default() };
        let Window { lookback, patch, .. } = choose(&series, &Split::default(), 2, Some(20), given).unwrap().window;
        assert!(lookback > 20 && (lookback - 20).is_multiple_of(patch));
    }

    #[test]
    fn what_is_given_stays() {
        let given = Given {
            lookback: Some(60),
            patch: Some(5),
            transform: Some(Transform::Sqrt),
            normalization: Some(Normalization::None),
            augmented: false,
        };
        let chosen = choose(&sunspots(), &Split::default(), 12, Some(132), given).unwrap();
        let expected = Window {
            mode: Mode::Windowed,
            lookback: 60,
            patch: 5,
            horizon: 12,
            transform: Transform::Sqrt,
            normalization: Normalization::None,
        };
        assert_eq!(chosen.window, expected);
        assert!(chosen.notes.is_empty());
    }
}
