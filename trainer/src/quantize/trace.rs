//! What the rows of each layer are multiplied with over the calibration windows, before it is rounded.

use super::sensitivity::squared;
use crate::config::Normalization;
use crate::fold::FoldedNetwork;
use crate::fold::reference::Reference;

/// Steps that are kept of all windows together; more change nothing but the time.
const STEPS: usize = 16_384;

/// Values that are kept of a layer's steps.
const VALUES: usize = 1 << 23;

/// The joint inputs `[x | h]` of one layer, exact, in the layer's own units.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    /// I
    pub inputs: usize,
    /// I + H
    pub columns: usize,
    /// `[steps][columns]`
    pub values: Vec<f64>,
    /// `[steps][4H]`: how much errors of pre-activations matter, see [`super::sensitivity`]; empty for the head's.
    pub sensitivities: Vec<f64>,
}

impl Steps {
    /// One step after the other.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.columns)
    }

    /// The largest absolute input of x, of each of `features` columns of a sample.
    pub fn largest_inputs(&self, features: usize) -> Vec<f64> {
        let mut largest = vec![0.0f64; features];
        for (k, x) in self.iter().flat_map(|step| step[..self.inputs].iter().enumerate()) {
            let largest = &mut largest[k % features];
            if !largest.is_nan() {
                *largest = if x.is_nan() { *x } else { largest.max(x.abs()) };
            }
        }
        largest
    }

    /// About `most` steps, evenly taken. `period`: steps of a window, with which the choice must not fall into step.
    pub fn thinned(&self, most: usize, period: usize) -> Steps {
        let stride = stride(self.values.len() / self.columns, most, period);
        let values = self.iter().step_by(stride).flatten().copied().collect();
        Steps { values, sensitivities: Vec::new(), ..*self }
    }
}

/// The first stride that leaves at most `most` of `all` and has no factor in common with `period`.
fn stride(all: usize, most: usize, period: usize) -> usize {
    let common = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let least = all.div_ceil(most).max(1);
    (least..).find(|stride| common(*stride, period) == 1).unwrap_or(least)
}

/// The folded network's way over the calibration windows.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    /// First to last.
    pub layers: Vec<Steps>,
    /// What the head is multiplied with: `[windows][H]`, h after the last step.
    pub last: Steps,
    /// Steps of a window.
    pub period: usize,
}

/// Values as they enter the first layer. `last`: the window's last sample.
fn scaled(network: &FoldedNetwork, last: &[f64], values: &[f64]) -> impl Iterator<Item = f64> {
    let features = network.features();
    values.iter().enumerate().map(move |(k, z)| {
        let scaler = network.inputs[k % features];
        let offset = match network.normalization {
            Normalization::None => scaler.offset,
            _ => last[k % features],
        };
        (z - offset) * scaler.scale
    })
}

/// Whole windows, `[lookback][F]` each, as they enter the first layer.
pub(super) fn entering(network: &FoldedNetwork, windows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let entered = |window: &Vec<f64>| scaled(network, &window[window.len() - network.features()..], window).collect();
    windows.iter().map(entered).collect()
}

impl Trace {
    /// Runs all windows, `[lookback][F]` each.
    pub fn of(network: &FoldedNetwork, windows: &[Vec<f64>]) -> Trace {
        let empty = |inputs: usize, hidden: usize| Steps {
            inputs,
            columns: inputs + hidden,
            values: Vec::new(),
            sensitivities: Vec::new(),
        };
        let mut layers: Vec<Steps> =
            network.layers.iter().map(|layer| empty(layer.weights.inputs, layer.weights.hidden)).collect();
        let mut last = empty(0, network.head.inputs);
        let period = windows.first().map_or(1, |window| window.len() / network.step_inputs()).max(1);
        let widest = layers.iter().map(|steps| steps.columns + 4 * (steps.columns - steps.inputs)).max().unwrap_or(1);
        let stride = stride(windows.len() * period, STEPS.min(VALUES / widest).max(1), period);
        let mut number = 0;
        for window in windows {
            let mut state = network.start_of(window);
            for patch in window.chunks_exact(network.step_inputs()) {
                let before = state.clone();
                let mut below: Vec<f64> = scaled(network, &state.last, patch).collect();
                network.step(&mut state, patch);
                if number % stride == 0 {
                    for (index, steps) in layers.iter_mut().enumerate() {
                        let h = network.hidden(&before, index);
                        steps.values.extend(below.iter().chain(&h));
                        steps.sensitivities.extend(squared(&network.layers[index], &below, &h, &before.layers[index].c));
                        below = network.hidden(&state, index);
                    }
                }
                number += 1;
            }
            last.values.extend(network.hidden(&state, layers.len() - 1));
        }
        Trace { layers, last, period }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::random::{Shape, network, scalers, signal};
    use crate::fold::{Target, fold};
    use crate::regularize::settings::Regularization;

    /// A stride that shared a factor with the window's steps would see some of its steps only.
    #[test]
    fn strides_meet_every_step_of_a_window() {
        for (all, most, period) in [(100, 512, 11), (2519, 512, 11), (4096, 512, 8), (4096, 400, 11), (5000, 400, 12)] {
            let stride = stride(all, most, period);
            let mut seen = vec![false; period];
            (0..all).step_by(stride).for_each(|step| seen[step % period] = true);
            assert!(seen.iter().all(|seen| *seen) && all.div_ceil(stride) <= most, "{all} {most} {period}: {stride}");
        }
    }

    #[test]
    fn the_trace_holds_what_every_layer_reads() {
        let shape = Shape { features: 2, patch: 2, hidden: vec![3, 5], targets: 1, horizon: 2 };
        let scalers = scalers(1, &shape, Normalization::Last);
        let (folded, _) = fold(&network(1, &shape), &Regularization::default(), &scalers, Target::Integer).unwrap();
        let windows: Vec<Vec<f64>> = signal(1, &scalers, 24).chunks_exact(12).map(<[f64]>::to_vec).collect();
        let trace = Trace::of(&folded, &windows);
        assert_eq!((trace.period, trace.layers.len(), trace.last.iter().len()), (3, 2, windows.len()));
        let [first, second] = &trace.layers[..] else { panic!("two layers") };
        assert_eq!([first.columns, first.inputs, second.columns, second.inputs], [7, 4, 8, 3]);
        let steps: Vec<[&[f64]; 2]> = first.iter().zip(second.iter()).map(|(a, b)| [a, b]).collect();
        assert_eq!(steps.len(), 3 * windows.len());
        for (number, [a, b]) in steps.iter().enumerate() {
            // What the second layer reads of the first is what the first meets again in the next step.
            match steps.get(number + 1).filter(|_| number % 3 < 2) {
                Some([next, _]) => assert_eq!(b[..3], next[4..]),
                None => assert_eq!(b[..3].len(), 3),
            }
            if number % 3 == 0 {
                assert!(a[4..].iter().chain(&b[3..]).all(|h| *h == 0.0));
            }
        }
        assert_eq!(second.sensitivities.len(), 20 * steps.len());
        let [all, apart] = [1, 2].map(|features| first.largest_inputs(features));
        assert!(all[0] > 0.0 && apart[0].max(apart[1]) == all[0] && apart[0].min(apart[1]) < all[0]);
    }
}
