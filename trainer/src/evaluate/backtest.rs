//! A model file against the baselines, window by window, through the device crate.

use serde::Serialize;

use super::baselines::fit_all;
use super::by_baseline::{ByBaseline, spoken};
use super::device::{DeviceModel, medians};
use super::intervals::{self, IntervalMetrics};
use super::metrics::{Errors, Metrics, score};
use super::passes::over;
use crate::data::{Dataset, Part};
use crate::error::Result;
use crate::report::table::{Align, Table};

/// A model's errors and the baselines', on the same windows.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// The model file, through the device crate.
    pub test: Metrics,
    /// The baselines.
    pub baselines: ByBaseline<Metrics>,
    /// Inputs that lay beyond the largest that the file admits, and were clamped.
    pub clamped_inputs: u64,
    /// The model's prediction intervals, where it says quantiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<IntervalMetrics>,
    /// The model's forecasts in raw units, `[targets][horizon]` each.
    #[serde(skip)]
    pub forecasts: Vec<Vec<f32>>,
    /// All of its quantiles, `[targets][horizon][quantiles]` each; none where it has none.
    #[serde(skip)]
    pub spreads: Vec<Vec<f32>>,
}

/// Evaluates a model on the windows of a part of a dataset. `season` is for the seasonal naive forecast; found if not given.
pub fn backtest(model: &mut DeviceModel<'_>, dataset: &Dataset, part: Part, season: Option<usize>) -> Result<Evaluation> {
    let (test, forecasts, clamped_inputs) = run_through(model, dataset, part)?;
    let (intervals, spreads) = match model.intervals {
        None => (None, Vec::new()),
        Some(_) => {
            let (metrics, spreads) = intervals::score(model, &dataset.windows(part))?;
            (Some(metrics), spreads)
        }
    };
    Ok(Evaluation { test, baselines: score_baselines(dataset, part, season)?, clamped_inputs, intervals, forecasts, spreads })
}

/// A model's errors on the windows of a part, its forecasts `[targets][horizon]` in raw units, and how many inputs were clamped.
pub fn run_through(model: &mut DeviceModel<'_>, dataset: &Dataset, part: Part) -> Result<(Metrics, Vec<Vec<f32>>, u64)> {
    let windows = dataset.windows(part);
    let clamped_before = model.clamped;
    let forecasts = over(model, &windows, |model| medians(&model.current_spread(), model.quantiles()))
        .map_err(|refused| refused.of(dataset.series()))?;
    let test = score(&windows, |index, out| {
        out.copy_from_slice(&forecasts[index]);
        Ok(())
    })?;
    Ok((test, forecasts, model.clamped - clamped_before))
}

/// The baselines' errors on the windows of a part.
pub fn score_baselines(dataset: &Dataset, part: Part, season: Option<usize>) -> Result<ByBaseline<Metrics>> {
    let windows = dataset.windows(part);
    let mut baselines = ByBaseline::new();
    for baseline in fit_all(dataset, season)? {
        let metrics = score(&windows, |index, out| {
            baseline.forecast(&windows, index, out);
            Ok(())
        })?;
        baselines.set(baseline.name(), metrics);
    }
    Ok(baselines)
}

impl Evaluation {
    /// The errors for people, the model's first.
    pub fn table(&self, unit: &str) -> String {
        let unit = if unit.is_empty() { String::new() } else { format!(" [{unit}]") };
        let mut table = Table::new([
            ("", Align::Left),
            (&format!("MAE{unit}"), Align::Right),
            (&format!("RMSE{unit}"), Align::Right),
            ("MASE", Align::Right),
            ("sMAPE", Align::Right),
        ]);
        let all = || std::iter::once(("this model", &self.test)).chain(self.baselines.iter());
        let decimals = decimals(all().map(|(_, metrics)| metrics.errors.mae));
        for (name, Metrics { errors, mase, smape, .. }) in all() {
            let mase = mase.map_or_else(String::new, |mase| format!("{mase:.3}"));
            let [mae, rmse] = [errors.mae, errors.rmse].map(|error| format!("{error:.decimals$}"));
            table.row([spoken(name), mae, rmse, mase, format!("{smape:.1} %")]);
        }
        table.to_string()
    }

    /// The baseline with the smallest RMSE.
    pub fn best_baseline(&self) -> Option<(&'static str, Errors)> {
        let errors = self.baselines.iter().map(|(name, metrics)| (name, metrics.errors));
        errors.min_by(|a, b| a.1.rmse.total_cmp(&b.1.rmse))
    }

    /// What speaks against the model, in plain words; nothing if nothing does.
    pub fn warnings(&self) -> Vec<String> {
        let model = self.test.errors;
        let mut warnings = Vec::new();
        for (name, Metrics { errors, .. }) in self.baselines.iter() {
            let (by_mae, by_rmse) = (errors.mae < model.mae, errors.rmse < model.rmse);
            let measure = match (by_mae, by_rmse) {
                (true, true) => "in MAE and in RMSE",
                (true, false) => "in MAE",
                (false, true) => "in RMSE",
                (false, false) => continue,
            };
            let mut warning = format!("the baseline \"{}\" beats the model {measure}", spoken(name));
            if by_mae && by_rmse {
                warning += ": this model is not worth its flash";
            }
            warnings.push(warning);
        }
        if self.clamped_inputs > 0 {
            let (were, values) = if self.clamped_inputs == 1 { ("was", "value lay") } else { ("were", "values lay") };
            warnings.push(format!(
                "{} input {values} beyond what the model was trained for and {were} clamped: forecasts after them are doubtful",
                self.clamped_inputs
            ));
        }
        warnings
    }
}

/// Decimals with which the smallest of the values has four significant digits.
fn decimals(values: impl Iterator<Item = f64>) -> usize {
    let smallest = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    if smallest.is_finite() { (3 - smallest.log10().floor() as i32).clamp(0, 12) as usize } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::NormalizedErrors;

    fn metrics(mae: f64, rmse: f64) -> Metrics {
        let normalized = NormalizedErrors { mse: rmse * rmse, mae };
        Metrics { windows: 3, errors: Errors { mae, rmse }, mase: Some(0.5), smape: 12.0, normalized, targets: Vec::new() }
    }

    fn evaluation() -> Evaluation {
        let mut baselines = ByBaseline::new();
        for (name, mae, rmse) in [("naive", 23.7, 31.8), ("drift", 16.0, 23.0), ("ridge", 17.5, 20.0)] {
            baselines.set(name, metrics(mae, rmse));
        }
        Evaluation {
            test: metrics(16.84, 22.76),
            baselines,
            clamped_inputs: 0,
            intervals: None,
            forecasts: Vec::new(),
            spreads: Vec::new(),
        }
    }

    #[test]
    fn the_model_stands_first_and_digits_fit_the_values() {
        assert_eq!(
            evaluation().table("spots"),
            "            MAE [spots]  RMSE [spots]   MASE   sMAPE\n\
             this model        16.84         22.76  0.500  12.0 %\n\
             naive             23.70         31.80  0.500  12.0 %\n\
             drift             16.00         23.00  0.500  12.0 %\n\
             ridge             17.50         20.00  0.500  12.0 %\n"
        );
        for (value, expected) in [(0.01234, 5), (1.0, 3), (9.99, 3), (10.0, 2), (99_999.0, 0), (0.0, 0), (1e-30, 12)] {
            assert_eq!(decimals([value, 1e6].into_iter()), if value == 0.0 { 0 } else { expected }, "{value}");
        }
    }

    #[test]
    fn a_baseline_that_wins_is_named_and_so_are_clamped_inputs() {
        let mut evaluation = evaluation();
        assert_eq!(
            evaluation.warnings(),
            ["the baseline \"drift\" beats the model in MAE", "the baseline \"ridge\" beats the model in RMSE"]
        );
        assert_eq!(evaluation.best_baseline(), Some(("ridge", Errors { mae: 17.5, rmse: 20.0 })));
        evaluation.test = metrics(16.5, 22.0);
        evaluation.baselines.set("seasonal_naive", metrics(1.0, 2.0));
        evaluation.clamped_inputs = 2;
        let warnings = evaluation.warnings();
        assert!(warnings[0].starts_with("the baseline \"seasonal naive\" beats the model in MAE and in RMSE"), "{warnings:?}");
        assert!(warnings.last().unwrap().starts_with("2 input values lay beyond"), "{warnings:?}");
        evaluation.test = metrics(0.5, 1.0);
        evaluation.clamped_inputs = 0;
        assert!(evaluation.warnings().is_empty());
    }
}
