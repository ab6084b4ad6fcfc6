//! Forecasts that need no network. A model that does not beat them is not worth its flash.

use super::season::find_season;
use crate::config::Normalization;
use crate::data::{Dataset, Part, Windows};
use crate::error::Result;
use crate::linear::Ridge;

/// A forecaster in raw units.
pub trait Baseline {
    /// Its name in reports and JSON.
    fn name(&self) -> &'static str;

    /// Forecasts a window: `out` is `[K][Z]`, targets by horizon, the horizon running fastest.
    fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]);
}

/// Tomorrow is as today: the last value, throughout. Also called persistence.
#[derive(Clone, Copy, Debug)]
pub struct Naive;

/// The last value, moved on along the line from the series' first row through the last one seen (Hyndman & Athanasopoulos, "Forecasting:
/// principles and practice", 3rd ed., section 5.2: all of the past, not only the window).
#[derive(Clone, Copy, Debug)]
pub struct Drift;

/// As one season ago; of the seasons that the horizon outruns, the last one seen. Where the series does not reach back that far, the last value.
#[derive(Clone, Copy, Debug)]
pub struct SeasonalNaive {
    season: usize,
}

impl SeasonalNaive {
    /// With a known season, at least 1 sample long.
    pub fn new(season: usize) -> Self {
        SeasonalNaive { season: season.max(1) }
    }

    /// With the season of the first target's training rows, in the transformed domain; `None` where they have none (see [`find_season`]).
    pub fn find(dataset: &Dataset) -> Option<Self> {
        find_season(&dataset.transformed(0)[dataset.partition().training.clone()]).map(Self::new)
    }

    /// Samples in a season.
    pub fn season(&self) -> usize {
        self.season
    }
}

/// How the linear baselines' windows are normalized: by their last value, as NLinear's are, whatever the model's own normalization is; where
/// that keeps the level, theirs do too.
fn yardstick(dataset: &Dataset) -> Normalization {
    match dataset.window().normalization {
        Normalization::None => Normalization::None,
        _ => Normalization::Last,
    }
}

/// NLinear (Zeng et al., arXiv 2205.13504) in closed form: least squares without a penalty on windows whose last value is subtracted.
#[derive(Clone, Debug)]
pub struct NLinear(Ridge);

impl NLinear {
    /// Fits on the training windows. `None` where windows keep their level, and where there is no single solution.
    pub fn fit(dataset: &Dataset) -> Option<Self> {
        let subtracts = yardstick(dataset) == Normalization::Last;
        subtracts.then(|| Ridge::fit_under(dataset, Normalization::Last, 0.0).ok()).flatten().map(NLinear)
    }
}

impl Baseline for NLinear {
    fn name(&self) -> &'static str {
        "nlinear"
    }

    fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]) {
        self.0.forecast(windows, index, out);
    }
}

/// The targets' raw columns, each with its part of the forecast.
fn by_target<'w, 'o>(windows: &Windows<'w>, out: &'o mut [f32]) -> impl Iterator<Item = (&'w [f32], &'o mut [f32])> {
    let dataset = windows.dataset();
    assert_eq!(out.len(), dataset.outputs(), "a forecast is [K][Z]");
    dataset.series().columns.iter().map(|column| column.values.as_slice()).zip(out.chunks_exact_mut(dataset.window().horizon))
}

impl Baseline for Naive {
    fn name(&self) -> &'static str {
        "naive"
    }

    fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]) {
        let origin = windows.origin(index);
        for (column, out) in by_target(windows, out) {
            out.fill(column[origin - 1]);
        }
    }
}

impl Baseline for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
    }

    fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]) {
        Ridge::forecast(self, windows, index, out);
    }
}

impl Baseline for Drift {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]) {
        let last = windows.origin(index) - 1;
        for (column, out) in by_target(windows, out) {
            let (from, to) = (f64::from(column[0]), f64::from(column[last]));
            let slope = if last == 0 { 0.0 } else { (to - from) / last as f64 };
            for (ahead, value) in out.iter_mut().enumerate() {
                *value = (to + slope * (ahead + 1) as f64) as f32;
            }
        }
    }
}

impl Baseline for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal_naive"
    }

    fn forecast(&self, windows: &Windows<'_>, index: usize, out: &mut [f32]) {
        let origin = windows.origin(index);
        for (column, out) in by_target(windows, out) {
            for (ahead, value) in out.iter_mut().enumerate() {
                let seasons = ahead / self.season + 1;
                let row = (origin + ahead).checked_sub(seasons * self.season).unwrap_or(origin - 1);
                *value = column[row];
            }
        }
    }
}

/// Every baseline that the dataset's rows allow: naive and drift always; seasonal naive where a season is given or found;
/// NLinear where windows lose their level and least squares has a solution; ridge where there are training and validation windows.
pub fn fit_all(dataset: &Dataset, season: Option<usize>) -> Result<Vec<Box<dyn Baseline>>> {
    let mut all: Vec<Box<dyn Baseline>> = vec![Box::new(Naive)];
    if let Some(seasonal) = season.map(SeasonalNaive::new).or_else(|| SeasonalNaive::find(dataset)) {
        all.push(Box::new(seasonal));
    }
    all.push(Box::new(Drift));
    if !dataset.windows(Part::Training).is_empty()
        && let Some(nlinear) = NLinear::fit(dataset)
    {
        all.push(Box::new(nlinear));
    }
    if [Part::Training, Part::Validation].iter().all(|part| !dataset.windows(*part).is_empty()) {
        all.push(Box::new(Ridge::choose_under(dataset, yardstick(dataset))?));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use embedded_rnn::forecast::Transform;

    use super::*;
    use crate::config::{Normalization, Split, Window};
    use crate::data::testing::{etth1, sunspots, synthetic, window};
    use crate::data::{Partition, Scaler};
    use crate::evaluate::metrics::{Metrics, score};

    fn judge(dataset: &Dataset, baseline: &dyn Baseline) -> Metrics {
        let windows = dataset.windows(Part::Test);
        score(&windows, |index, out| {
            baseline.forecast(&windows, index, out);
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn each_forecasts_what_its_name_says() {
        let series = synthetic(100, 3, 2, |row, column| (row * 2 + 1000 * column) as f32);
        let dataset = Dataset::new(series, &window(6, 2, 5, Normalization::Last), &Split::default()).unwrap();
        let windows = dataset.windows(Part::Test);
        assert_eq!(windows.origin(0), 85);
        let said = |baseline: &dyn Baseline| {
            let mut out = vec![0.0; 10];
            baseline.forecast(&windows, 0, &mut out);
            out
        };
        assert_eq!(said(&Naive), [168.0, 168.0, 168.0, 168.0, 168.0, 1168.0, 1168.0, 1168.0, 1168.0, 1168.0]);
        assert_eq!(said(&Drift), [170.0, 172.0, 174.0, 176.0, 178.0, 1170.0, 1172.0, 1174.0, 1176.0, 1178.0]);
        assert_eq!(said(&SeasonalNaive::new(3))[..5], [164.0, 166.0, 168.0, 164.0, 166.0]);
        assert_eq!(said(&SeasonalNaive::new(1)), said(&Naive));
        assert_eq!(said(&SeasonalNaive::new(50))[5..7], [1070.0, 1072.0]);
        // Row 85 - 86 is before the series begins, row 86 - 86 is its first.
        assert_eq!(said(&SeasonalNaive::new(86))[..2], [168.0, 0.0]);
    }

    #[test]
    fn a_drift_from_a_single_row_stands_still() {
        let series = synthetic(10, 1, 1, |row, _| row as f32 + 3.0);
        let scaler = Scaler { columns: vec![crate::data::Moments { mean: 0.0, deviation: 1.0 }] };
        let settings = window(1, 1, 2, Normalization::Last);
        let dataset = Dataset::with_scaler(series, &settings, Partition::foreign(10, 0), scaler).unwrap();
        let mut out = [0.0; 2];
        Drift.forecast(&dataset.windows(Part::Test), 0, &mut out);
        assert_eq!(out, [3.0, 3.0]);
        // Without training rows there is no season to find and nothing to regress.
        let names: Vec<_> = fit_all(&dataset, None).unwrap().iter().map(|baseline| baseline.name()).collect();
        assert_eq!(names, ["naive", "drift"]);
        let names: Vec<_> = fit_all(&dataset, Some(2)).unwrap().iter().map(|baseline| baseline.name()).collect();
        assert_eq!(names, ["naive", "seasonal_naive", "drift"]);
    }

    #[test]
    fn the_sunspots_figures_are_the_published_ones() {
        let settings = Window { transform: Transform::Sqrt, ..window(132, 12, 12, Normalization::Last) };
        let dataset = Dataset::new(sunspots(), &settings, &Split::default()).unwrap();
        let all = fit_all(&dataset, Some(132)).unwrap();
        // numpy in doubles, on the same windows; ridge as `ridge.rs` describes it, chosen on validation (300).
        for (baseline, (name, mae, rmse)) in all.iter().zip([
            ("naive", 23.7018, 31.7698),
            ("seasonal_naive", 34.0918, 47.2259),
            ("drift", 23.7427, 31.8238),
            ("nlinear", 17.9218, 23.7333),
            ("ridge", 17.5109, 23.3126),
        ]) {
            assert_eq!(baseline.name(), name);
            let metrics = judge(&dataset, baseline.as_ref());
            assert_eq!(metrics.windows, 413);
            assert!((metrics.errors.mae - mae).abs() < 1e-3, "{name} {:?}", metrics.errors);
            assert!((metrics.errors.rmse - rmse).abs() < 1e-3, "{name} {:?}", metrics.errors);
        }
        assert_eq!(SeasonalNaive::find(&dataset).unwrap().season(), 131);
    }

    #[test]
    fn persistence_on_the_benchmark_is_the_published_one() {
        for (horizon, mse, mae) in [(24, 0.034312, 0.139406), (96, 0.069264, 0.203283)] {
            let Some(dataset) = etth1(horizon) else { return };
            let found = judge(&dataset, &Naive).normalized;
            assert!((found.mse - mse).abs() < 1e-6 && (found.mae - mae).abs() < 1e-6, "{horizon}: {found:?}");
        }
    }
}
