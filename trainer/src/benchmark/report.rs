//! The figures for people: a table for terminals, and one for documents.

use serde::Serialize;

use super::published::Published;
use super::run::Row;
use crate::evaluate::by_baseline::spoken;
use crate::evaluate::metrics::NormalizedErrors;
use crate::report::table::{Align, Table};

/// A benchmark's outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Benchmark {
    /// The protocol's name, or the file's.
    pub name: String,
    /// SHA-256 of the CSV.
    pub data_sha256: String,
    /// The windows that errors are of: `validation` or `test`.
    pub part: String,
    /// Trainings of each row.
    pub seeds: u64,
    /// Horizons and sizes.
    pub rows: Vec<Row>,
    /// Published figures on the same rows and scale; printed beside test errors.
    #[serde(skip)]
    pub published: &'static [Published],
}

/// One line of a horizon's table: a forecaster, its errors, and what the model costs.
struct Line {
    horizon: usize,
    name: String,
    errors: NormalizedErrors,
    deviation: Option<f64>,
    /// Flash, RAM, multiply-accumulates, largest difference from float.
    cost: Option<[String; 4]>,
}

impl Benchmark {
    /// All lines: of each horizon the networks, largest first as they were asked for, then the rest by error.
    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for of_horizon in self.rows.chunk_by(|a, b| a.horizon == b.horizon) {
            let horizon = of_horizon[0].horizon;
            lines.extend(of_horizon.iter().map(|row| Line {
                horizon,
                name: format!("embedded-rnn, H = {}", row.hidden),
                errors: NormalizedErrors { mse: row.mse, mae: row.mae },
                deviation: row.mse_sd,
                cost: Some([
                    row.flash_bytes.to_string(),
                    row.ram_bytes.to_string(),
                    row.macs.to_string(),
                    format!("{:.2} %", 100.0 * row.int8_vs_float_rms),
                ]),
            }));
            let other = |name: String, errors| Line { horizon, name, errors, deviation: None, cost: None };
            let mut others: Vec<Line> =
                of_horizon[0].baselines.iter().map(|(name, errors)| other(spoken(name), *errors)).collect();
            for published in self.published {
                let figure = published.figures.iter().find(|(published, ..)| *published == horizon);
                others.extend(figure.map(|(_, mse, mae)| {
                    other(format!("{} (published)", published.name), NormalizedErrors { mse: *mse, mae: *mae })
                }));
            }
            others.sort_by(|a, b| a.errors.mse.total_cmp(&b.errors.mse));
            lines.extend(others);
        }
        lines
    }

    /// Where a forecast that needs no network is better.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for row in &self.rows {
            for (name, errors) in row.baselines.iter().filter(|(_, errors)| errors.mse < row.mse) {
                warnings.push(format!(
                    "at horizon {} the baseline \"{}\" (MSE {:.4}) beats the network with {} units (MSE {:.4})",
                    row.horizon,
                    spoken(name),
                    errors.mse,
                    row.hidden,
                    row.mse
                ));
            }
        }
        warnings
    }
}

fn mse(line: &Line) -> String {
    match line.deviation {
        Some(deviation) => format!("{:.5} ± {deviation:.5}", line.errors.mse),
        None => format!("{:.5}", line.errors.mse),
    }
}

/// For terminals.
pub fn table(benchmark: &Benchmark) -> String {
    let mut table = Table::new([
        ("horizon", Align::Right),
        ("forecast", Align::Left),
        ("MSE", Align::Left),
        ("MAE", Align::Right),
        ("flash", Align::Right),
        ("RAM", Align::Right),
        ("MACs", Align::Right),
        ("from float", Align::Right),
    ]);
    for line in benchmark.lines() {
        let [flash, ram, macs, float] = line.cost.clone().unwrap_or_default();
        let mae = format!("{:.5}", line.errors.mae);
        table.row([line.horizon.to_string(), line.name.clone(), mse(&line), mae, flash, ram, macs, float]);
    }
    table.to_string()
}

/// For documents, in Markdown.
pub fn markdown(benchmark: &Benchmark) -> String {
    let mut text = "| horizon | forecast | MSE | MAE | flash | RAM | MACs |\n|---|---|---|---|---|---|---|\n".to_owned();
    for line in benchmark.lines() {
        let (name, mse) = (&line.name, mse(&line));
        let (name, mse) = if line.cost.is_some() { (format!("**{name}**"), format!("**{mse}**")) } else { (name.clone(), mse) };
        let [flash, ram, macs, _] = line.cost.unwrap_or_default();
        text += &format!("| {} | {name} | {mse} | {:.5} | {flash} | {ram} | {macs} |\n", line.horizon, line.errors.mae);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::published::ETTH1;
    use crate::evaluate::by_baseline::ByBaseline;

    fn benchmark() -> Benchmark {
        let mut baselines = ByBaseline::new();
        baselines.set("naive", NormalizedErrors { mse: 0.07, mae: 0.2 });
        baselines.set("ridge", NormalizedErrors { mse: 0.052, mae: 0.176 });
        let row = |hidden, mse| Row {
            horizon: 96,
            hidden,
            windows: 10,
            mse,
            mse_sd: Some(0.0002),
            mae: 0.17,
            validation_mse: 0.09,
            flash_bytes: 14_000,
            ram_bytes: 2_000,
            macs: 103_000,
            int8_vs_float_rms: 0.0012,
            training_seconds: 2.0,
            baselines: baselines.clone(),
        };
        let rows = vec![row(32, 0.051), row(16, 0.0525)];
        Benchmark { name: "etth1".into(), data_sha256: String::new(), part: "test".into(), seeds: 3, rows, published: ETTH1 }
    }

    #[test]
    fn networks_stand_first_then_the_others_by_error() {
        let text = table(&benchmark());
        let names: Vec<&str> = text.lines().skip(1).map(|line| line.trim_start().split("  ").nth(1).unwrap().trim()).collect();
        let others = ["ridge", "NLinear (published)", "DLinear (published)", "naive", "FEDformer (published)"];
        assert_eq!(names[..2], ["embedded-rnn, H = 32", "embedded-rnn, H = 16"]);
        assert_eq!(names[2..], others);
        let markdown = markdown(&benchmark());
        assert!(markdown.contains("| 96 | **embedded-rnn, H = 32** | **0.05100 ± 0.00020** | 0.17000 | 14000 | 2000 | 103000 |"));
        assert!(markdown.contains("| 96 | naive | 0.07000 | 0.20000 |  |  |  |"));
    }

    #[test]
    fn a_baseline_that_wins_is_named() {
        let warnings = benchmark().warnings();
        assert_eq!(warnings, ["at horizon 96 the baseline \"ridge\" (MSE 0.0520) beats the network with 16 units (MSE 0.0525)"]);
    }
}
