//! Weights whose products need no mean for their layer norm. The mean over the units of `z = W x + b` is a product too, of x with the mean
//! row of W: taken from W and b once a batch, it is gone from every z, and a norm has only its variance left to find. The norm's output
//! is the same.
//!
//! Taking the mean away is a projection, and its own transpose: the gradients of W are those of the centered W with their mean taken
//! away, and the gradient of z may keep its mean, which neither they nor the gradient of x see. That spares the sums back as well.

use super::lanes::{LANES, Lanes, Row, add, zeros};
use super::masks::real_units;
use super::params::Params;
use super::plain::NormForm;
use super::real::Real;

/// Takes the mean over units from all that a norm on pre-activations reads: parameters before a batch, or their gradients after it.
pub fn center<R: Real>(params: &mut Params<R>) {
    let Some(norm) = params.shape().norm else { return };
    for layer in 0..params.shape().hidden.len() {
        let (inputs, hidden) = (params.shape().layer_inputs(layer), params.shape().hidden[layer]);
        let over = Over { hidden, per_gate: norm.per_gate };
        let panels = params.layer_mut(layer);
        over.center(panels.w, inputs);
        over.center(panels.u, hidden);
        match (norm.form, panels.norm) {
            (NormForm::A | NormForm::B, Some(panels)) => over.center(panels.bias_x, 1),
            _ => over.center(panels.b, 1),
        }
    }
}

/// What a mean is taken over: H units of each gate, or of all gates together.
#[derive(Clone, Copy, Debug)]
struct Over {
    hidden: usize,
    per_gate: bool,
}

impl Over {
    /// Centers each input's weights; `panels` is `[N][K]`.
    fn center<R: Real>(self, panels: &mut [Row<R>], inputs: usize) {
        for input in 0..inputs {
            let mut sums: Row<R> = [zeros(); 4];
            for row in panels[input..].iter().step_by(inputs) {
                sums.iter_mut().zip(row).for_each(|(sum, lanes)| add(sum, lanes));
            }
            let means = self.means(sums);
            for (block, row) in panels[input..].iter_mut().step_by(inputs).enumerate() {
                let real = real_units(self.hidden, block).count_ones() as usize;
                for (lanes, &mean) in row.iter_mut().zip(&means) {
                    subtract(lanes, mean, real);
                }
            }
        }
    }

    /// Each gate's mean; padding is zero and adds nothing.
    fn means<R: Real>(self, [i, f, g, o]: Row<R>) -> [R; 4] {
        let mean = |lanes: &Lanes<R>, count: usize| total(lanes) / R::from_f64(count as f64);
        if self.per_gate {
            return [&i, &f, &g, &o].map(|lanes| mean(lanes, self.hidden));
        }
        let mut all = i;
        [&f, &g, &o].into_iter().for_each(|lanes| add(&mut all, lanes));
        [mean(&all, 4 * self.hidden); 4]
    }
}

/// The sum over lanes.
fn total<R: Real>(lanes: &Lanes<R>) -> R {
    let mut sum = R::ZERO;
    for &lane in lanes {
        sum += lane;
    }
    sum
}

/// From the real units alone: padding stays zero.
fn subtract<R: Real>(lanes: &mut Lanes<R>, mean: R, real: usize) {
    if real == LANES {
        lanes.iter_mut().for_each(|lane| *lane = *lane - mean);
    } else {
        lanes[..real].iter_mut().for_each(|lane| *lane = *lane - mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::init::initialize;
    use crate::network::{Shape, shape::Norm};

    #[test]
    fn means_are_gone_where_a_norm_reads_and_nowhere_else() {
        for (form, per_gate) in [(NormForm::A, false), (NormForm::A, true), (NormForm::B, false), (NormForm::Joint, true)] {
            let norm = Some(Norm { form, per_gate, epsilon: 1e-5 });
            let shape = Shape { inputs: 3, hidden: vec![21, 5], outputs: 2, norm, head_norm: None };
            let mut params: Params<f64> = initialize(&shape, 4);
            params.values.iter_mut().filter(|value| **value != 0.0).for_each(|value| *value += 0.25);
            let before = params.to_plain();
            center(&mut params);
            let after = params.to_plain();
            assert_eq!(after.head, before.head);
            for (after, before) in after.layers.iter().zip(&before.layers) {
                let centered = |after: &[f64], before: &[f64], columns: usize| {
                    let rows = if per_gate { after.len() / columns / 4 } else { after.len() / columns };
                    for first in (0..after.len() / columns).step_by(rows) {
                        for column in 0..columns {
                            let of =
                                |m: &[f64]| (first..first + rows).map(|row| m[row * columns + column]).sum::<f64>() / rows as f64;
                            assert!(of(after).abs() < 1e-15);
                            let mean = of(before);
                            let same = |row: usize| after[row * columns + column] - before[row * columns + column] + mean;
                            assert!((first..first + rows).all(|row| same(row).abs() < 1e-14));
                        }
                    }
                };
                centered(&after.w, &before.w, before.inputs);
                centered(&after.u, &before.u, before.hidden);
                let (Some(norm), Some(norm_before)) = (&after.norm, &before.norm) else { panic!("a norm") };
                if form == NormForm::Joint {
                    centered(&after.b, &before.b, 1);
                } else {
                    centered(&norm.bias_x, &norm_before.bias_x, 1);
                    assert_eq!(after.b, before.b);
                }
                assert_eq!((&norm.gain_x, &norm.shift_x), (&norm_before.gain_x, &norm_before.shift_x));
            }
            // Padding is still zero.
            let padded = Params::<f64>::from_plain(&after);
            assert_eq!(padded, params);
        }
    }

    #[test]
    fn without_a_norm_nothing_changes() {
        let shape = Shape { inputs: 3, hidden: vec![21], outputs: 2, norm: None, head_norm: None };
        let params: Params<f32> = initialize(&shape, 4);
        let mut same = params.clone();
        center(&mut same);
        assert_eq!(same, params);
    }
}
