//! The comparison as a CSV, a line for each variant.

use super::statistics::Spread;
use super::summary::Comparison;
use crate::error::{Error, Result};

const HEADER: [&str; 28] = [
    "variant",
    "settings",
    "seeds",
    "diverged",
    "best_epoch",
    "validation_rmse_best",
    "validation_rmse_best_deviation",
    "test_rmse_best",
    "test_rmse_best_deviation",
    "test_mse_best",
    "wins_best",
    "losses_best",
    "p_best",
    "validation_rmse_final",
    "validation_rmse_final_deviation",
    "test_rmse_final",
    "test_rmse_final_deviation",
    "test_mse_final",
    "wins_final",
    "losses_final",
    "p_final",
    "step_milliseconds",
    "step_time_ratio",
    "flash_bytes",
    "ram_bytes",
    "macs",
    "instructions_per_step",
    "instructions_per_forecast",
];

/// The whole file; what is not known is empty.
pub fn csv(comparison: &Comparison) -> Result<Vec<u8>> {
    let failed = |reason: &dyn std::fmt::Display| Error::failed(format!("the comparison cannot be written as CSV: {reason}"));
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).map_err(|reason| failed(&reason))?;
    for row in &comparison.variants {
        let cost = row.cost.as_ref();
        let board = cost.and_then(|cost| cost.board.as_ref());
        let mut cells = vec![
            row.name.clone(),
            row.settings.replace('\n', "; "),
            row.seeds.len().to_string(),
            row.diverged.len().to_string(),
            cell(row.best_epoch),
        ];
        for (means, sign) in [(&row.best, &row.sign_best), (&row.last, &row.sign_last)] {
            cells.extend(spread(means.validation_rmse));
            cells.extend(spread(means.test_rmse));
            cells.push(cell(means.test_mse.map(|spread| spread.mean)));
            cells.extend([cell(sign.map(|sign| sign.wins)), cell(sign.map(|sign| sign.losses)), cell(sign.map(|sign| sign.p))]);
        }
        cells.extend([
            cell(row.step_milliseconds),
            cell(row.step_time_ratio),
            cell(cost.map(|cost| cost.device.flash_bytes)),
            cell(cost.map(|cost| cost.device.ram_bytes)),
            cell(cost.map(|cost| cost.device.macs)),
            cell(board.map(|board| board.instructions_per_step)),
            cell(board.map(|board| board.instructions_per_forecast)),
        ]);
        writer.write_record(&cells).map_err(|reason| failed(&reason))?;
    }
    writer.into_inner().map_err(|reason| failed(&reason))
}

fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn spread(spread: Option<Spread>) -> [String; 2] {
    [cell(spread.map(|spread| spread.mean)), cell(spread.and_then(|spread| spread.deviation))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::comparison;

    #[test]
    fn every_line_has_its_cells() {
        let bytes = csv(&comparison()).unwrap();
        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|found| found == name).unwrap();
        // The reader refuses lines of different lengths.
        let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
        assert_eq!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), ["none", "output-dropout", "decay"]);
        let number = |row: usize, name: &str| rows[row][column(name)].parse::<f64>().unwrap();
        assert!((number(1, "test_rmse_final") - 0.6).abs() < 1e-12);
        assert!((number(0, "validation_rmse_best") - 0.54).abs() < 1e-12);
        assert_eq!((number(1, "wins_best"), number(1, "p_final"), number(0, "instructions_per_step")), (2.0, 0.25, 1234.0));
        assert_eq!((&rows[0][column("p_best")], &rows[2][column("flash_bytes")]), ("", ""));
    }
}
