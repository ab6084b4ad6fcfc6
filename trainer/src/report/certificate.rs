//! The certificate as it is printed.

use std::fmt;

use super::table::{Align, Table};
use crate::fold::{Certificate, Measurements, Target};

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match self.target {
            Target::Float => "f32",
            Target::Integer => "integer",
        };
        if let Some(zeroed) = &self.zeroed {
            writeln!(
                f,
                "{} units removed: {} weights below {} set to zero (the largest {:.1e}), forecasts changed by {:.1e} absolute, {:.1e} relative",
                zeroed.units,
                zeroed.weights,
                zeroed.threshold,
                zeroed.largest,
                zeroed.difference.absolute,
                zeroed.difference.relative
            )?;
        }
        let windows = if self.windows == 1 { "window" } else { "windows" };
        writeln!(f, "folded for {target} arithmetic; largest differences over {} {windows}, in f64:", self.windows)?;
        let mut table = Table::new([
            ("rewrite", Align::Left),
            ("formula", Align::Left),
            ("applied", Align::Left),
            ("absolute", Align::Right),
            ("relative", Align::Right),
            ("source", Align::Left),
        ]);
        for rewrite in &self.rewrites {
            table.row([
                rewrite.name.clone(),
                rewrite.formula.clone(),
                rewrite.applied.clone(),
                format!("{:.1e}", rewrite.difference.absolute),
                format!("{:.1e}", rewrite.difference.relative),
                rewrite.source.clone(),
            ]);
        }
        table.row([
            "all of it".to_owned(),
            String::new(),
            String::new(),
            format!("{:.1e}", self.whole.absolute),
            format!("{:.1e}", self.whole.relative),
            "folded against trained".to_owned(),
        ]);
        write!(f, "{table}")?;
        measurements(f, &self.measurements)?;
        write!(f, "certificate sha256 ")?;
        self.digest().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        writeln!(f)
    }
}

/// A share in percent; shares as small as those of `f32` keep their size.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 1e-3 { format!("{percent:.3} %") } else { format!("{percent:.1e} %") }
}

/// A line for each measurement that was made; beside what rounding to nearest would have given, where that was measured.
fn measurements(f: &mut fmt::Formatter<'_>, measured: &Measurements) -> fmt::Result {
    let beside =
        |nearest: Option<f64>| nearest.map_or(String::new(), |share| format!(" ({} rounded to nearest)", percent(share)));
    let nearest = measured.nearest.as_ref();
    if let Some(rms) = measured.forecast_agreement_rms {
        let beside = beside(nearest.map(|nearest| nearest.forecast_agreement_rms));
        match measured.class_agreement {
            None => writeln!(f, "device forecasts against f64, RMS: {} of the target's deviation{beside}", percent(rms))?,
            Some(equal) => writeln!(
                f,
                "device logits against f64, RMS: {} of their deviation{beside}; the same class in {} of windows",
                percent(rms),
                percent(equal)
            )?,
        }
    }
    for (index, rmse) in measured.hidden_rmse.iter().flatten().enumerate() {
        let beside = beside(nearest.and_then(|nearest| nearest.hidden_rmse.get(index).copied()));
        writeln!(f, "device h of layer {} against f64, RMSE: {} of its deviation{beside}", index + 1, percent(*rmse))?;
    }
    if let Some(count) = measured.saturated_inputs {
        writeln!(f, "input values clamped: {count}")?;
    }
    for choice in measured.accumulator.iter().flatten() {
        writeln!(f, "int8: {choice}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rounding;
    use crate::fold::{Difference, MeasuredRewrite, NearestMeasurements, Rewrite, ZeroedGroups};

    #[test]
    fn shares_keep_their_size() {
        assert_eq!([0.0, 4.7e-7, 0.00812].map(percent), ["0.000 %", "4.7e-5 %", "0.812 %"]);
    }

    #[test]
    fn every_part_is_shown_and_absent_ones_are_not() {
        let rewrite =
            Rewrite { name: "input scale", formula: "W1 <- W1/s", source: "linearity", applied: "all 2 input columns".into() };
        let mut certificate = Certificate {
            target: Target::Float,
            windows: 200,
            zeroed: None,
            rewrites: vec![MeasuredRewrite::new(rewrite, Difference { absolute: 3.46e-14, relative: 1.02e-15 })],
            whole: Difference { absolute: 5e-14, relative: 2e-15 },
            measurements: Measurements::default(),
        };
        let text = certificate.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "folded for f32 arithmetic; largest differences over 200 windows, in f64:",
                "rewrite      formula     applied              absolute  relative  source",
                "input scale  W1 <- W1/s  all 2 input columns   3.5e-14   1.0e-15  linearity",
                "all of it                                      5.0e-14   2.0e-15  folded against trained",
            ]
        );
        assert!(lines[4].starts_with("certificate sha256 ") && lines[4].len() == 19 + 64, "{}", lines[4]);
        assert_eq!(lines.len(), 5);
        let difference = Difference { absolute: 3e-4, relative: 2e-5 };
        certificate.zeroed = Some(ZeroedGroups { threshold: 1e-3, units: 4, weights: 80, largest: 9.1e-4, difference });
        assert_eq!(
            certificate.to_string().lines().next(),
            Some(
                "4 units removed: 80 weights below 0.001 set to zero (the largest 9.1e-4), forecasts changed by 3.0e-4 absolute, 2.0e-5 relative"
            )
        );
        certificate.measurements = Measurements {
            forecast_agreement_rms: Some(0.0123),
            class_agreement: None,
            hidden_rmse: Some(vec![0.0054, 0.01]),
            rounding: Some(Rounding::Compensated),
            nearest: Some(NearestMeasurements { forecast_agreement_rms: 0.05, hidden_rmse: vec![0.0061, 0.02] }),
            saturated_inputs: Some(3),
            accumulator: Some(vec!["layer 1: 3 rows at a coarser scale".into()]),
        };
        let text = certificate.to_string();
        for line in [
            "device forecasts against f64, RMS: 1.230 % of the target's deviation (5.000 % rounded to nearest)",
            "device h of layer 2 against f64, RMSE: 1.000 % of its deviation (2.000 % rounded to nearest)",
            "input values clamped: 3",
            "int8: layer 1: 3 rows at a coarser scale",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
        }
    }
}
