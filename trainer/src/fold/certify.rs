//! Folding with every rewrite measured on real windows.

use super::certificate::{Certificate, Difference, MeasuredRewrite, Measurements, ZeroedGroups};
use super::folded::FoldedNetwork;
use super::mean::{MeanNetwork, Scalers};
use super::reference::Reference;
use super::{Target, apply, zero_groups};
use crate::error::{Error, Result};
use crate::network::plain::PlainNetwork;
use crate::regularize::settings::Regularization;

/// Folds a trained network and measures each rewrite on `windows`, whose values are in the transformed domain, `[samples][F]` each.
///
/// The networks are run in `f64` once before and once after each rewrite: some hundred windows are plenty. Where units are removed,
/// setting their groups to zero is measured apart, and the rewrites start from the network so zeroed.
pub fn certify(
    network: &PlainNetwork,
    regularization: &Regularization,
    scalers: &Scalers,
    target: Target,
    windows: &[Vec<f64>],
) -> Result<(FoldedNetwork, Certificate)> {
    let mut mean = MeanNetwork::new(network, regularization, scalers)?;
    check_windows(windows, mean.step_inputs())?;
    let forecasts =
        |reference: &dyn Reference| -> Vec<Vec<f64>> { windows.iter().map(|window| reference.forecast_window(window)).collect() };
    let mut trained = forecasts(&mean);
    let zeroed = zero_groups(&mut mean, network, regularization).map(|(zeroed, units)| {
        let before = core::mem::replace(&mut trained, forecasts(&mean));
        let threshold = regularization.group_lasso.threshold;
        let difference = difference(&before, &trained, scalers);
        ZeroedGroups { threshold, units, weights: zeroed.weights, largest: zeroed.largest, difference }
    });
    let mut before = trained.clone();
    let mut rewrites = Vec::new();
    let folded = apply(mean, target, &mut |rewrite, reference| {
        let after = forecasts(reference);
        rewrites.push(MeasuredRewrite::new(rewrite, difference(&before, &after, scalers)));
        before = after;
    });
    let whole = difference(&trained, &forecasts(&folded), scalers);
    let measurements = Measurements::default();
    let certificate = Certificate { target, windows: windows.len(), zeroed, rewrites, whole, measurements };
    certificate.check()?;
    Ok((folded, certificate))
}

/// There is something to measure on, and the network can read it.
pub(super) fn check_windows(windows: &[Vec<f64>], step_inputs: usize) -> Result<()> {
    if windows.is_empty() {
        return Err(Error::input("no window is left to measure the fold on: give the series more rows than window.lookback"));
    }
    for (index, window) in windows.iter().enumerate() {
        if window.is_empty() || !window.len().is_multiple_of(step_inputs) {
            return Err(Error::input(format!(
                "window {} to measure the fold on holds {} values, which is no whole number of steps of {step_inputs}: let window.patch divide window.lookback",
                index + 1,
                window.len()
            )));
        }
        if !window.iter().all(|value| value.is_finite()) {
            return Err(Error::input(format!(
                "window {} to measure the fold on holds a value that is not finite: mend the series",
                index + 1
            )));
        }
    }
    Ok(())
}

/// The largest differences over all windows and outputs.
fn difference(before: &[Vec<f64>], after: &[Vec<f64>], scalers: &Scalers) -> Difference {
    let mut largest = Difference::default();
    for (before, after) in before.iter().zip(after) {
        let horizon = before.len() / scalers.targets.len().max(1);
        for (index, (a, b)) in before.iter().zip(after).enumerate() {
            let absolute = (a - b).abs();
            // Logits have no unit but their own.
            let deviation = scalers.targets.get(index / horizon).map_or(1.0, |scaler| scaler.deviation);
            let relative = absolute / a.abs().max(deviation);
            // Once there is something that is not a number, it stays: `max` would lose it.
            let keep = |largest: f64, new: f64| if largest.is_nan() || new <= largest { largest } else { new };
            largest.absolute = keep(largest.absolute, absolute);
            largest.relative = keep(largest.relative, relative);
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::fold;
    use crate::fold::random::{BAR, Shape, network, scalers, signal};
    use crate::regularize::settings::{Dropout, RecurrentDropout, Scaling, Zoneout};

    fn everything() -> Regularization {
        Regularization {
            dropout: Dropout { input: 0.1, between: 0.2, output: 0.3, scaling: Scaling::Classical, ..Dropout::default() },
            recurrent: RecurrentDropout { drop: 0.25, scaling: Scaling::Classical, ..RecurrentDropout::default() },
            zoneout: Zoneout { cell: 0.5, hidden: 0.1, ..Zoneout::default() },
            ..Regularization::default()
        }
    }

    fn shape() -> Shape {
        Shape { features: 2, patch: 2, hidden: vec![6, 4], targets: 2, horizon: 3 }
    }

    #[test]
    fn every_rewrite_is_listed_once_in_order_and_measured() {
        let network = network(3, &shape());
        for (normalization, target, names) in [
            (
                Normalization::None,
                Target::Float,
                vec!["input dr", "between-", "recurren", "output d", "input sh", "input sc", "target s", "target s", "hidden z"],
            ),
            (
                Normalization::Last,
                Target::Float,
                vec!["input dr", "between-", "recurren", "output d", "input sc", "target s", "hidden z"],
            ),
            (Normalization::Last, Target::Integer, vec!["input dr", "between-", "recurren", "output d", "target s"]),
        ] {
            let mut scalers = scalers(3, &shape(), normalization);
            // One column within the guard, so that there is a shift to fold.
            scalers.inputs[0].mean = scalers.inputs[0].deviation;
            let samples = signal(3, &scalers, 200);
            let windows: Vec<Vec<f64>> = samples.chunks_exact(2 * 20).map(<[f64]>::to_vec).collect();
            let (folded, certificate) = certify(&network, &everything(), &scalers, target, &windows).unwrap();
            let (alone, rewrites) = fold(&network, &everything(), &scalers, target).unwrap();
            assert_eq!(folded, alone);
            assert_eq!(certificate.rewrites.iter().map(|r| &r.name[..8]).collect::<Vec<_>>(), names);
            assert!(certificate.rewrites.iter().zip(&rewrites).all(|(a, b)| a.name == b.name && a.applied == b.applied));
            assert_eq!(certificate.windows, 10);
            for rewrite in &certificate.rewrites {
                let Difference { absolute, relative } = rewrite.difference;
                assert!((0.0..=BAR).contains(&relative) && absolute >= 0.0, "{rewrite:?}");
            }
            assert!(certificate.rewrites.iter().any(|rewrite| rewrite.difference.absolute > 0.0), "nothing was measured");
            assert!(certificate.whole.relative > 0.0 && certificate.whole.relative <= BAR, "{:?}", certificate.whole);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_digest() {
        let network = network(4, &shape());
        let scalers = scalers(4, &shape(), Normalization::Last);
        let windows = vec![signal(4, &scalers, 24)];
        let run = || certify(&network, &everything(), &scalers, Target::Float, &windows).unwrap().1.digest();
        assert_eq!(run(), run());
    }

    #[test]
    fn a_difference_is_taken_against_forecast_or_deviation_and_no_nan_hides() {
        let scalers = scalers(5, &Shape { targets: 1, ..shape() }, Normalization::Last);
        let deviation = scalers.targets[0].deviation;
        let seen = difference(&[vec![0.0, deviation * 8.0]], &[vec![deviation, deviation * 12.0]], &scalers);
        assert!((seen.absolute - 4.0 * deviation).abs() < 1e-12 * deviation && (seen.relative - 1.0).abs() < 1e-12);
        let seen = difference(&[vec![0.0, 1.0, 2.0]], &[vec![0.0, f64::NAN, 2.5]], &scalers);
        assert!(seen.absolute.is_nan() || seen.relative.is_nan(), "{seen:?}");
    }

    #[test]
    fn windows_that_cannot_be_read_are_refused() {
        let network = network(6, &shape());
        let scalers = scalers(6, &shape(), Normalization::Last);
        let good = signal(6, &scalers, 24);
        let mut infinite = good.clone();
        infinite[7] = f64::INFINITY;
        for (windows, part) in [
            (vec![], "no window"),
            (vec![good.clone(), good[..10].to_vec()], "window 2 to measure the fold on holds 10 values"),
            (vec![vec![]], "window 1 to measure the fold on holds 0 values"),
            (vec![infinite], "not finite"),
        ] {
            let error = certify(&network, &everything(), &scalers, Target::Float, &windows).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
