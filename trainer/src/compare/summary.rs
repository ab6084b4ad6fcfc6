//! What the finished runs say together.

use serde::Serialize;

use super::board::{self, BoardCost};
use super::measure::Errors;
use super::notes::notes;
use super::plan::{Chosen, LeftOut, Plan};
use super::record::{DeviceCost, Fate, Point, Record, Trained};
use super::sign_test::{SignTest, smallest_p};
use super::statistics::Spread;
use super::store::Store;
use super::variants::NONE;
use crate::config::Window;
use crate::data::Part;
use crate::error::Result;
use crate::evaluate::baselines::fit_all;
use crate::evaluate::metrics::score;

/// How errors are stated.
pub(super) const MEASURE: &str = "RMSE and MSE on the normalized scale: over all windows of a part, all targets and the whole horizon, in the \
                       transformed domain, in units of the training rows' deviation there";

/// A comparison's outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The configuration's name.
    pub name: String,
    /// What was trained, and on what.
    pub setting: Setting,
    /// How errors are stated.
    pub measure: &'static str,
    /// Seeds of each variant, from 0.
    pub seeds: u64,
    /// The smallest p that the sign test can give with so many seeds.
    pub smallest_p: f64,
    /// The board on which instructions were counted.
    pub board: Option<String>,
    /// The variants, none first.
    pub variants: Vec<Row>,
    /// Test errors of forecasts that need no network.
    pub baselines: Vec<Reference>,
    /// Variants that do not apply to the configuration.
    pub left_out: Vec<LeftOut>,
    /// Runs that are not there yet.
    pub missing: Vec<Missing>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What was trained, and on what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The targets' headers.
    pub targets: Vec<String>,
    /// The window.
    pub window: Window,
    /// Units of each layer.
    pub hidden: Vec<usize>,
    /// The loss that training minimizes and learning curves show.
    pub loss: crate::config::Loss,
    /// Passes over the training windows.
    pub epochs: usize,
    /// Optimizer steps.
    pub steps: u64,
    /// Windows of each part.
    pub training_windows: usize,
    /// Windows of each part.
    pub validation_windows: usize,
    /// Windows of each part.
    pub test_windows: usize,
}

/// A forecast that needs no network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// Its name.
    pub name: &'static str,
    /// Its errors on the test windows.
    pub test: Errors,
}

/// A run that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Its variant.
    pub variant: String,
    /// Its seed.
    pub seed: u64,
}

/// One variant's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its `[regularization]`.
    pub settings: String,
    /// What it does.
    pub reason: &'static str,
    /// Each seed's errors.
    pub seeds: Vec<Seed>,
    /// Seeds with which training diverged.
    pub diverged: Vec<u64>,
    /// With the weights of the epoch with the lowest validation loss.
    pub best: Means,
    /// With the weights of the last epoch.
    pub last: Means,
    /// The mean number of the best epoch.
    pub best_epoch: Option<f64>,
    /// Against none, on the test error at best validation, seed by seed; none's own is left out.
    pub sign_best: Option<SignTest>,
    /// The same at the last epoch.
    pub sign_last: Option<SignTest>,
    /// Milliseconds of an optimizer step, of the seed with the least; see [`Trained::seconds_per_step`].
    pub step_milliseconds: Option<f64>,
    /// The same, relative to none's.
    pub step_time_ratio: Option<f64>,
    /// What the first seed's int8 file costs.
    pub cost: Option<Cost>,
    /// What the file with the last epoch's weights costs, under group lasso.
    pub cost_last: Option<DeviceCost>,
    /// Why there is no such file.
    pub export_failure: Option<String>,
    /// Losses by epoch, the mean over the seeds that came so far.
    pub curve: Vec<Point>,
}

/// One seed's errors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Seed {
    /// The seed.
    pub seed: u64,
    /// With the weights of the best epoch.
    pub best: super::record::Measured,
    /// With the weights of the last epoch.
    pub last: super::record::Measured,
}

/// Means over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Means {
    /// RMSE on the validation windows.
    pub validation_rmse: Option<Spread>,
    /// RMSE on the test windows.
    pub test_rmse: Option<Spread>,
    /// MSE on the validation windows.
    pub validation_mse: Option<Spread>,
    /// MSE on the test windows.
    pub test_mse: Option<Spread>,
}

/// What a file costs on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Known from the file.
    #[serde(flatten)]
    pub device: DeviceCost,
    /// Measured on the emulated board.
    pub board: Option<BoardCost>,
}

impl Means {
    fn new<'a>(measured: impl Iterator<Item = &'a super::record::Measured> + Clone) -> Self {
        let spread = |figure: fn(&super::record::Measured) -> f64| Spread::new(&measured.clone().map(figure).collect::<Vec<_>>());
        Means {
            validation_rmse: spread(|m| m.validation.rmse),
            test_rmse: spread(|m| m.test.rmse),
            validation_mse: spread(|m| m.validation.mse),
            test_mse: spread(|m| m.test.mse),
        }
    }
}

impl Comparison {
    /// Joins what is there. `board` names where instructions were counted.
    pub fn new(plan: &Plan<'_>, store: &Store, board: Option<&str>) -> Result<Self> {
        let mut missing = Vec::new();
        let mut records: Vec<Vec<Record>> = vec![Vec::new(); plan.variants.len()];
        for run in &plan.runs {
            match store.load(run)? {
                Some(record) => records[run.variant].push(record),
                None => missing.push(Missing { variant: plan.variants[run.variant].name.clone(), seed: run.seed }),
            }
        }
        let mut rows = Vec::new();
        for (variant, records) in plan.variants.iter().zip(&records) {
            let mut row = Row::new(variant, records);
            let device = trained(records).find_map(|(_, trained)| trained.device.clone());
            if let Some(device) = device {
                let board = match board {
                    Some(board) => board::known(plan, store, board, &device)?,
                    None => None,
                };
                row.cost = Some(Cost { device, board });
            }
            rows.push(row);
        }
        against_none(&mut rows);
        let mut comparison = Comparison {
            name: plan.name.clone(),
            setting: Setting::new(plan),
            measure: MEASURE,
            seeds: plan.seeds,
            smallest_p: smallest_p(plan.seeds as u32),
            board: board.map(str::to_owned),
            variants: rows,
            baselines: baselines(plan)?,
            left_out: plan.left_out.clone(),
            missing,
            notes: Vec::new(),
        };
        comparison.notes = notes(&comparison);
        Ok(comparison)
    }

    /// None's row.
    pub fn none(&self) -> Option<&Row> {
        self.variants.iter().find(|row| row.name == NONE)
    }
}

impl Setting {
    fn new(plan: &Plan<'_>) -> Self {
        let (config, dataset) = (plan.config, plan.dataset);
        Setting {
            targets: config.data.target.to_vec(),
            window: config.window,
            hidden: config.network.hidden.clone(),
            loss: config.training.loss,
            epochs: config.training.epochs,
            steps: plan.steps(),
            training_windows: dataset.windows(Part::Training).len(),
            validation_windows: dataset.windows(Part::Validation).len(),
            test_windows: dataset.windows(Part::Test).len(),
        }
    }
}

fn trained(records: &[Record]) -> impl Iterator<Item = (u64, &Trained)> + Clone {
    records.iter().filter_map(|record| match &record.outcome {
        Fate::Trained(trained) => Some((record.seed, &**trained)),
        Fate::Validated(_) | Fate::Diverged { .. } => None,
    })
}

impl Row {
    pub(super) fn new(variant: &Chosen, records: &[Record]) -> Self {
        let runs = trained(records);
        let figures = |figure: fn(&Trained) -> f64| runs.clone().map(move |(_, run)| figure(run));
        let diverged = records.iter().filter(|record| matches!(record.outcome, Fate::Diverged { .. }));
        Row {
            name: variant.name.clone(),
            settings: variant.settings.clone(),
            reason: variant.reason,
            seeds: runs.clone().map(|(seed, run)| Seed { seed, best: run.best, last: run.last }).collect(),
            diverged: diverged.map(|record| record.seed).collect(),
            best: Means::new(runs.clone().map(|(_, run)| &run.best)),
            last: Means::new(runs.clone().map(|(_, run)| &run.last)),
            best_epoch: Spread::new(&figures(|run| run.best_epoch as f64).collect::<Vec<_>>()).map(|spread| spread.mean),
            sign_best: None,
            sign_last: None,
            step_milliseconds: figures(|run| 1e3 * run.seconds_per_step).min_by(f64::total_cmp),
            step_time_ratio: None,
            cost: None,
            cost_last: runs.clone().find_map(|(_, run)| run.device_last.clone()),
            export_failure: runs.clone().find_map(|(_, run)| run.export_failure.clone()),
            curve: mean_curve(runs.map(|(_, run)| run.curve.as_slice())),
        }
    }
}

/// Epoch by epoch, over the curves that reach so far.
pub(super) fn mean_curve<'a>(curves: impl Iterator<Item = &'a [Point]> + Clone) -> Vec<Point> {
    let longest = curves.clone().map(<[Point]>::len).max().unwrap_or(0);
    let at = |epoch: usize| {
        let there = curves.clone().filter_map(move |curve| curve.get(epoch));
        let count = there.clone().count() as f64;
        Point {
            epoch: epoch + 1,
            training_loss: there.clone().map(|point| point.training_loss).sum::<f64>() / count,
            validation_loss: there.map(|point| point.validation_loss).sum::<f64>() / count,
        }
    };
    (0..longest).map(at).collect()
}

/// Fills in what compares a row with none's.
pub(super) fn against_none(rows: &mut [Row]) {
    let Some((none, others)) = rows.split_first_mut() else { return };
    none.step_time_ratio = none.step_milliseconds.map(|_| 1.0);
    for row in others {
        let pairs = |figure: fn(&Seed) -> f64| {
            let pair = |seed: &Seed| none.seeds.iter().find(|other| other.seed == seed.seed).map(|n| (figure(seed), figure(n)));
            SignTest::new(row.seeds.iter().filter_map(pair))
        };
        let (best, last) = (pairs(|seed| seed.best.test.rmse), pairs(|seed| seed.last.test.rmse));
        row.sign_best = Some(best);
        row.sign_last = Some(last);
        row.step_time_ratio = row.step_milliseconds.zip(none.step_milliseconds).map(|(row, none)| row / none);
    }
}

fn baselines(plan: &Plan<'_>) -> Result<Vec<Reference>> {
    let windows = plan.dataset.windows(Part::Test);
    let one = |baseline: Box<dyn crate::evaluate::baselines::Baseline>| {
        let metrics = score(&windows, |index, out| {
            baseline.forecast(&windows, index, out);
            Ok(())
        })?;
        Ok(Reference { name: baseline.name(), test: Errors::from_mse(metrics.normalized.mse) })
    };
    fit_all(plan.dataset, plan.config.data.season)?.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use crate::compare::testing::comparison;

    #[test]
    fn rows_compare_seed_by_seed_with_none() {
        let comparison = comparison();
        let [none, dropout, decay] = &comparison.variants[..] else { panic!() };
        assert_eq!((none.sign_best, none.step_time_ratio), (None, Some(1.0)));
        let sign = dropout.sign_best.unwrap();
        assert_eq!((sign.wins, sign.losses, sign.p), (2, 1, 1.0));
        let sign = dropout.sign_last.unwrap();
        assert_eq!((sign.wins, sign.losses, sign.p), (3, 0, 0.25));
        // One pair is tied, one is gone.
        let sign = decay.sign_best.unwrap();
        assert_eq!((sign.wins, sign.losses, sign.ties), (0, 0, 2));
        assert_eq!((decay.diverged.as_slice(), decay.seeds.len()), (&[2][..], 2));
        assert!((decay.last.test_rmse.unwrap().mean - 0.5).abs() < 1e-12);
        assert!((none.best.validation_rmse.unwrap().mean - 0.54).abs() < 1e-12);
        assert!((decay.step_milliseconds.unwrap() - 1.5).abs() < 1e-12 && (decay.step_time_ratio.unwrap() - 1.5).abs() < 1e-12);
    }

    #[test]
    fn curves_of_different_lengths_are_averaged_as_far_as_they_go() {
        let curve = &comparison().variants[0].curve;
        assert_eq!(curve.len(), 5);
        assert!((curve[0].validation_loss - 1.1).abs() < 1e-12);
        assert!((curve[4].validation_loss - (0.5 + 0.7 / 5.0)).abs() < 1e-12);
    }
}
