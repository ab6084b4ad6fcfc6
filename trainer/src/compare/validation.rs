//! Validation errors alone, to choose by: no test error is computed, printed or kept.
//!
//! A rate or a length of training that was chosen with test errors in view makes those errors too good. What this module reports may be
//! looked at as often as one likes.

use serde::Serialize;

use super::plan::{LeftOut, Plan};
use super::record::{Fate, Point, Validated};
use super::sign_test::SignTest;
use super::statistics::Spread;
use super::store::Store;
use super::summary::mean_curve;
use super::text::{or_dash, sign};
use crate::error::Result;
use crate::report::table::{Align, Table};

/// What validation says of each variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validation {
    /// The configuration's name.
    pub name: String,
    /// Passes over the training windows.
    pub epochs: usize,
    /// Optimizer steps.
    pub steps: u64,
    /// Seeds of each variant, from 0.
    pub seeds: u64,
    /// The variants, none first.
    pub variants: Vec<ValidationRow>,
    /// Variants that do not apply to the configuration.
    pub left_out: Vec<LeftOut>,
    /// Runs that are not there yet.
    pub missing: usize,
}

/// What validation says of one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValidationRow {
    /// Its name.
    pub name: String,
    /// Its `[regularization]`.
    pub settings: String,
    /// Seeds with which training diverged.
    pub diverged: usize,
    /// RMSE with the weights of the epoch with the lowest validation loss.
    pub best: Option<Spread>,
    /// RMSE with the weights of the last epoch.
    pub last: Option<Spread>,
    /// The last epoch's mean RMSE over that of the best one: over-fitting, where it is above 1.
    pub rise: Option<f64>,
    /// The last epoch's mean RMSE over none's.
    pub ratio: Option<f64>,
    /// Against none at the last epoch, seed by seed; none's own is left out.
    pub sign: Option<SignTest>,
    /// The mean number of the best epoch.
    pub best_epoch: Option<f64>,
    /// Losses by epoch, the mean over the seeds.
    pub curve: Vec<Point>,
}

impl Validation {
    /// Joins what is there.
    pub fn new(plan: &Plan<'_>, store: &Store) -> Result<Self> {
        let mut runs: Vec<Vec<(u64, Box<Validated>)>> = vec![Vec::new(); plan.variants.len()];
        let mut diverged = vec![0; plan.variants.len()];
        let mut missing = 0;
        for run in &plan.runs {
            match store.load(run)?.map(|record| record.outcome) {
                Some(Fate::Validated(validated)) => runs[run.variant].push((run.seed, validated)),
                Some(_) => diverged[run.variant] += 1,
                None => missing += 1,
            }
        }
        let last = |runs: &[(u64, Box<Validated>)]| Spread::new(&runs.iter().map(|(_, run)| run.last.rmse).collect::<Vec<_>>());
        let none = last(&runs[0]);
        let variants = plan.variants.iter().zip(&runs).zip(diverged).enumerate().map(|(index, ((variant, own), diverged))| {
            let spread = |figure: fn(&Validated) -> f64| Spread::new(&own.iter().map(|(_, run)| figure(run)).collect::<Vec<_>>());
            let (best, last) = (spread(|run| run.best.rmse), spread(|run| run.last.rmse));
            let pairs = own.iter().filter_map(|(seed, run)| {
                runs[0].iter().find(|(other, _)| other == seed).map(|(_, none)| (run.last.rmse, none.last.rmse))
            });
            ValidationRow {
                name: variant.name.clone(),
                settings: variant.settings.clone(),
                diverged,
                best,
                last,
                rise: last.zip(best).map(|(last, best)| last.mean / best.mean),
                ratio: last.zip(none).map(|(last, none)| last.mean / none.mean),
                sign: (index > 0).then(|| SignTest::new(pairs)),
                best_epoch: spread(|run| run.best_epoch as f64).map(|spread| spread.mean),
                curve: mean_curve(own.iter().map(|(_, run)| run.curve.as_slice())),
            }
        });
        Ok(Validation {
            name: plan.name.clone(),
            epochs: plan.config.training.epochs,
            steps: plan.steps(),
            seeds: plan.seeds,
            variants: variants.collect(),
            left_out: plan.left_out.clone(),
            missing,
        })
    }

    /// The figures for people, with what they mean.
    pub fn table(&self) -> String {
        let mut table = Table::new([
            ("variant", Align::Left),
            ("valid. best", Align::Right),
            ("valid. final", Align::Right),
            ("final/best", Align::Right),
            ("final/none's", Align::Right),
            ("wins, p", Align::Right),
            ("epoch", Align::Right),
        ]);
        for row in &self.variants {
            let spread = |spread: Option<Spread>| or_dash(spread, |spread| spread.to_string());
            let ratio = |ratio: Option<f64>| or_dash(ratio, |ratio| format!("{ratio:.3}"));
            table.row([
                row.name.clone(),
                spread(row.best),
                spread(row.last),
                ratio(row.rise),
                ratio(row.ratio),
                sign(row.sign),
                or_dash(row.best_epoch, |epoch| format!("{epoch:.1}")),
            ]);
        }
        let mut text = format!("{table}");
        text += &format!(
            "\n{} epochs, {} steps, {} seeds. RMSE over the validation windows, on the normalized scale; no test error was computed\n",
            self.epochs, self.steps, self.seeds
        );
        for row in self.variants.iter().filter(|row| row.diverged > 0) {
            text += &format!("note: {}: training diverged with {} seeds; its means are of the others\n", row.name, row.diverged);
        }
        for left in &self.left_out {
            text += &format!("left out: {}, {}\n", left.name, left.reason);
        }
        if self.missing > 0 {
            text += &format!("note: {} runs are not there yet\n", self.missing);
        }
        text
    }
}
