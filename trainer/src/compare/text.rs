//! The comparison as it is printed.

use super::sign_test::SignTest;
use super::statistics::Spread;
use super::summary::{Comparison, Row, Seed};
use crate::report::table::{Align, Table};

/// The figures for people, with what they mean.
pub fn table(comparison: &Comparison) -> String {
    let mut table = Table::new([
        ("variant", Align::Left),
        ("valid. best", Align::Right),
        ("test best", Align::Right),
        ("wins, p", Align::Right),
        ("test final", Align::Right),
        ("wins, p", Align::Right),
        ("epoch", Align::Right),
        ("time", Align::Right),
        ("flash", Align::Right),
        ("RAM", Align::Right),
        ("MACs", Align::Right),
        ("instr./step", Align::Right),
    ]);
    for row in &comparison.variants {
        let spread = |spread: Option<Spread>| or_dash(spread, |spread| spread.to_string());
        let cost = row.cost.as_ref();
        let board = cost.and_then(|cost| cost.board.as_ref());
        table.row([
            row.name.clone(),
            spread(row.best.validation_rmse),
            spread(row.best.test_rmse),
            sign(row.sign_best),
            spread(row.last.test_rmse),
            sign(row.sign_last),
            or_dash(row.best_epoch, |epoch| format!("{epoch:.1}")),
            or_dash(row.step_time_ratio, |ratio| format!("{ratio:.2}x")),
            or_dash(cost, |cost| cost.device.flash_bytes.to_string()),
            or_dash(cost, |cost| cost.device.ram_bytes.to_string()),
            or_dash(cost, |cost| cost.device.macs.to_string()),
            or_dash(board, |board| board.instructions_per_step.to_string()),
        ]);
    }
    let mut text = format!("{table}");
    let baselines = comparison.baselines.iter().map(|baseline| format!("{} {:.4}", plain(baseline.name), baseline.test.rmse));
    text += &format!("\nwithout a network, test: {}\n", baselines.collect::<Vec<_>>().join(", "));
    text += &format!("error: {}\n", comparison.measure);
    text += "best: the epoch with the lowest validation loss; time: of an optimizer step, relative to none's; epoch: its mean number; wins: seeds in which the test error is below none's, \
             of those that differ, with the sign test's two-sided p\n";
    for left in &comparison.left_out {
        text += &format!("left out: {}, {}\n", left.name, left.reason);
    }
    for note in &comparison.notes {
        text += &format!("note: {note}\n");
    }
    text
}

pub(super) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

pub(super) fn sign(test: Option<SignTest>) -> String {
    or_dash(test, |test| format!("{}/{} {}", test.wins, test.wins + test.losses, p(test.p)))
}

/// A chance with as many digits as it deserves.
pub(super) fn p(p: f64) -> String {
    if p < 0.0001 { "<.0001".into() } else { format!("{p:.4}").trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// A name for people.
pub(super) fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// Whether a variant's mean test error is below none's over the seeds that both have, at best validation and at the last epoch.
pub(super) fn below(row: &Row, none: Option<&Row>) -> [bool; 2] {
    let others = none.map_or(&[][..], |none| &none.seeds);
    let less = |figure: fn(&Seed) -> f64| {
        let difference = |seed: &Seed| others.iter().find(|o| o.seed == seed.seed).map(|other| figure(seed) - figure(other));
        row.seeds.iter().filter_map(difference).sum::<f64>() < 0.0
    };
    [less(|seed| seed.best.test.rmse), less(|seed| seed.last.test.rmse)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::comparison;

    #[test]
    fn every_variant_has_its_line_and_what_is_not_known_a_dash() {
        let comparison = comparison();
        let text = table(&comparison);
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in\n{text}"));
        let cells = |name: &str| {
            line(name).split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            cells("none"),
            [
                "none",
                "0.5400 ± 0.0900",
                "0.6000 ± 0.1000",
                "-",
                "0.8000 ± 0.1000",
                "-",
                "2.0",
                "1.00x",
                "2048",
                "512",
                "1000",
                "1234"
            ]
        );
        assert_eq!(cells("output-dropout")[3..6], ["2/3 1", "0.6000 ± 0.1000", "3/3 0.25"]);
        assert_eq!(cells("output-dropout")[11], "-");
        assert_eq!(cells("decay")[8..], ["-", "-", "-", "-"]);
        assert_eq!(line("without a network"), "without a network, test: naive 0.6500, ridge 0.5500");
        assert_eq!(line("left out"), "left out: between-dropout, one <layer>");
        assert!(text.contains("in units of the training rows' deviation"));
    }

    #[test]
    fn means_are_compared() {
        let comparison = comparison();
        let none = comparison.none();
        assert_eq!(below(&comparison.variants[1], none), [true, true]);
        // Of decay's two seeds, which are the easier ones, one is none's equal at best validation.
        assert_eq!(below(&comparison.variants[2], none), [false, true]);
        assert_eq!(below(&comparison.variants[0], none), [false, false]);
        assert_eq!([0.00002, 0.0625, 0.25, 1.0].map(p), ["<.0001", "0.0625", "0.25", "1"]);
    }
}
