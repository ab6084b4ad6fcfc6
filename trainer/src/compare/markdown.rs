//! The comparison as Markdown, a row for each variant: the tables of a README.

use super::summary::{Comparison, Row};
use super::text::plain;

/// Which error a table states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Measure {
    /// The root of the mean square.
    Rmse,
    /// The mean square.
    Mse,
}

/// The table.
pub fn markdown(comparison: &Comparison, measure: Measure) -> String {
    let board = comparison.board.is_some();
    let mut text = String::from(
        "| regularizer | at best validation | at the final epoch | better than none at the end | step time | flash |",
    );
    text += if board { " instructions a step |\n|---|---|---|---|---|---|---|\n" } else { "\n|---|---|---|---|---|---|\n" };
    for row in &comparison.variants {
        text += &line(row, measure, board);
    }
    let figure = |errors: super::Errors| match measure {
        Measure::Rmse => format!("{:.3}", errors.rmse),
        Measure::Mse => format!("{:.4}", errors.mse),
    };
    let names = comparison.baselines.iter().map(|baseline| plain(baseline.name)).collect::<Vec<_>>().join(" / ");
    let errors = comparison.baselines.iter().map(|baseline| figure(baseline.test)).collect::<Vec<_>>().join(" / ");
    text += &format!("| no network: {names} | {errors} |{}\n", if board { " | | | | |" } else { " | | | |" });
    text
}

fn line(row: &Row, measure: Measure, board: bool) -> String {
    let dash = || "–".to_owned();
    let error = |means: &super::summary::Means| match measure {
        Measure::Rmse => means.test_rmse.map_or_else(dash, |spread| format!("{:.3}", spread.mean)),
        Measure::Mse => means.test_mse.map_or_else(dash, |spread| format!("{:.4}", spread.mean)),
    };
    let wins = row.sign_last.map(|sign| format!("{} of {}", sign.wins, sign.wins + sign.losses + sign.ties)).unwrap_or_default();
    let time = row.step_time_ratio.map_or_else(dash, |ratio| format!("{ratio:.2} x"));
    let flash = row.cost.as_ref().map_or_else(dash, |cost| grouped(cost.device.flash_bytes as u64));
    let mut line =
        format!("| {} | {} | {} | {wins} | {time} | {flash} |", row.name.replace('-', " "), error(&row.best), error(&row.last));
    if board {
        let instructions = row.cost.as_ref().and_then(|cost| cost.board.as_ref());
        line += &format!(" {} |", instructions.map_or_else(dash, |board| grouped(board.instructions_per_step)));
    }
    line + "\n"
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let mut groups: Vec<&str> = if head.is_empty() { vec![] } else { vec![head] };
    groups.extend((0..tail.len()).step_by(3).map(|at| &tail[at..at + 3]));
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::comparison;

    #[test]
    fn every_variant_has_its_row() {
        let mut comparison = comparison();
        let text = markdown(&comparison, Measure::Rmse);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 3 + 1);
        assert_eq!(lines[2], "| none | 0.600 | 0.800 |  | 1.00 x | 2 048 | 1 234 |");
        assert_eq!(lines[3], "| output dropout | 0.567 | 0.600 | 3 of 3 | 1.00 x | 2 048 | – |");
        assert_eq!(lines[5], "| no network: naive / ridge | 0.650 / 0.550 | | | | | |");
        assert!(lines.iter().all(|line| line.matches('|').count() == 8), "{text}");
        comparison.board = None;
        let text = markdown(&comparison, Measure::Mse);
        assert!(text.lines().all(|line| line.matches('|').count() == 7), "{text}");
        assert!(text.contains("| none | 0.3667 | 0.6467 |"), "{text}");
        assert_eq!([7, 999, 1000, 22_707, 1_234_567].map(grouped), ["7", "999", "1 000", "22 707", "1 234 567"]);
    }
}
