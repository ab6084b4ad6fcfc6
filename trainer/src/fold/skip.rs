//! A linear skip's constant moves into the head; its scalers move with the network's own (see [`super::scaler`]).

use super::mean::MeanNetwork;
use super::rewrite::Rewrite;

/// The skip's constant moves into the head's bias; a skip that is nothing but a constant vanishes.
pub fn skip_bias(network: &mut MeanNetwork) -> Option<Rewrite> {
    let MeanNetwork { head, skip: place, .. } = network;
    let skip = place.as_mut()?;
    for (bias, constant) in head.b.iter_mut().zip(&mut skip.bias) {
        *bias += core::mem::take(constant);
    }
    let applied = match skip.rank {
        0 => {
            *place = None;
            "a skip that is constant, which is gone".to_owned()
        }
        rank => format!("a skip of rank {rank}"),
    };
    Some(Rewrite { name: "skip constant", formula: "d <- d + c, c <- 0", source: "linearity", applied })
}

#[cfg(test)]
mod tests {
    use super::super::random::{Shape, mean, signal};
    use super::super::reference::Reference;
    use super::*;
    use crate::config::Normalization;
    use crate::fold::scaler::{input_scale, input_shift, target_scale, target_shift};
    use crate::network::skip::PlainSkip;
    use crate::regularize::settings::{Dropout, Regularization, Scaling};

    type OnMean = fn(&mut MeanNetwork) -> Option<Rewrite>;

    /// Ten steps of two samples of three columns.
    fn start(normalization: Normalization, rank: usize) -> MeanNetwork {
        let shape = Shape { features: 3, patch: 2, hidden: vec![5], targets: 2, horizon: 3 };
        let dropout = Dropout { input: 0.2, scaling: Scaling::Classical, ..Dropout::default() };
        let mut network = mean(7, &shape, &Regularization { dropout, ..Regularization::default() }, normalization);
        for scaler in &mut network.scalers.inputs {
            // On the near side of the guard, so that the shift moves.
            scaler.mean = 1.5 * scaler.deviation;
        }
        network.scalers.targets = network.scalers.inputs[..2].to_vec();
        let inputs = 60;
        let value = |k: usize| ((k * 37 % 101) as f64 - 50.0) / 200.0;
        network.skip = Some(PlainSkip {
            inputs,
            rank,
            outputs: 6,
            products: (0..rank * inputs).map(value).collect(),
            spread: (0..6 * rank).map(|k| value(3 * k + 1)).collect(),
            bias: (0..6).map(|k| value(k + 5)).collect(),
        });
        network
    }

    fn difference(a: &MeanNetwork, b: &MeanNetwork) -> f64 {
        let window = signal(5, &a.scalers, 20);
        // Forecasts, drawn from scalers that rewrites use up, have the first network's deviations.
        let scale = |o: usize| a.scalers.targets[o / 3].deviation;
        let (a, b) = (a.forecast_window(&window), b.forecast_window(&window));
        let differences = a.iter().zip(&b).enumerate().map(|(o, (a, b))| (a - b).abs() / a.abs().max(scale(o)));
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn every_rewrite_leaves_the_forecasts_of_a_skip_as_they_were() {
        let rewrites: [OnMean; 5] = [input_shift, input_scale, target_scale, target_shift, skip_bias];
        for normalization in [Normalization::None, Normalization::Last] {
            for rank in [0, 1, 4] {
                let before = start(normalization, rank);
                for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]] {
                    let mut after = before.clone();
                    for (done, rewrite) in order.into_iter().enumerate() {
                        rewrites[rewrite](&mut after);
                        let difference = difference(&before, &after);
                        assert!(difference <= 1e-12, "{normalization} {rank} {order:?} after {done}: {difference:e}");
                    }
                    assert_eq!(after.skip.is_none(), rank == 0);
                }
            }
        }
    }

    #[test]
    fn a_constant_that_is_left_behind_is_seen() {
        let before = start(Normalization::Last, 2);
        let mut after = before.clone();
        skip_bias(&mut after).unwrap();
        after.head.b.copy_from_slice(&before.head.b);
        assert!(difference(&before, &after) > 1e-3);
    }
}
