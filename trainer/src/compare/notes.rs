//! What keeps a reader of a comparison from concluding too much.

use super::summary::Comparison;

/// The chance beyond which a difference is usually not called one.
const LEVEL: f64 = 0.05;

/// One sentence each.
pub(super) fn notes(comparison: &Comparison) -> Vec<String> {
    let Comparison { seeds, smallest_p, variants, missing, .. } = comparison;
    let mut notes = Vec::new();
    let others = variants.len().saturating_sub(1);
    if *seeds < 2 {
        notes.push(
            "one seed says nothing about chance: there is no deviation, and the sign test has nothing to count; use --seeds"
                .into(),
        );
    } else if *smallest_p > LEVEL {
        notes.push(format!(
            "with {seeds} seeds the smallest p that the sign test can give is {smallest_p:.4}, when all of them agree: no difference here \
             can be called significant at {LEVEL}; that takes 6 seeds or more"
        ));
    }
    if others > 1 && *smallest_p <= LEVEL {
        notes.push(format!(
            "{others} variants are tested against none, each twice: about one in twenty such tests gives p < {LEVEL} by chance alone"
        ));
    }
    notes.push(
        "seeds vary initialization, order of windows and masks, not the data: the sign test speaks of this series and this split only".into(),
    );
    for row in variants {
        if !row.diverged.is_empty() {
            let list = row.diverged.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            notes.push(format!("{}: training diverged with seed {list}; its means are of the other seeds", row.name));
        }
        if let Some(last) = &row.cost_last {
            let units = last.layers.iter().map(|layer| layer.hidden.to_string()).collect::<Vec<_>>().join(" and ");
            notes.push(format!(
                "{}: the device figures are of the best epoch; with the last epoch's weights {units} units are left, {} bytes of flash and {} MACs",
                row.name, last.flash_bytes, last.macs
            ));
        }
        if let Some(reason) = &row.export_failure {
            notes.push(format!("{}: its export failed: {reason}", row.name));
        }
    }
    if !missing.is_empty() {
        let of = |row: &super::summary::Row| {
            let seeds = missing.iter().filter(|run| run.variant == row.name).map(|run| run.seed.to_string());
            let list = seeds.collect::<Vec<_>>().join(", ");
            (!list.is_empty()).then(|| format!("{} with seed {list}", row.name))
        };
        let list = variants.iter().filter_map(of).collect::<Vec<_>>().join("; ");
        notes.push(format!("{} of {} runs are not there yet: {list}", missing.len(), *seeds as usize * variants.len()));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::notes;
    use crate::compare::summary::Missing;
    use crate::compare::testing::comparison;
    use crate::compare::variants::NONE;

    #[test]
    fn missing_runs_are_listed() {
        let mut comparison = comparison();
        let missing = |variant: &str, seed| Missing { variant: variant.to_owned(), seed };
        comparison.missing = vec![missing("decay", 0), missing(NONE, 1), missing("decay", 2)];
        let last = notes(&comparison).pop().unwrap();
        assert_eq!(last, "3 of 9 runs are not there yet: none with seed 1; decay with seed 0, 2");
    }

    #[test]
    fn few_seeds_and_divergence_are_said() {
        let notes = comparison().notes.join("\n");
        assert!(notes.contains("with 3 seeds the smallest p that the sign test can give is 0.2500"), "{notes}");
        assert!(notes.contains("decay: training diverged with seed 2"), "{notes}");
        assert!(!notes.contains("by chance alone"), "{notes}");
    }
}
