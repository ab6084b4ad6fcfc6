//! Penalties on the last layer's h (Merity et al., arXiv 1708.01009): activation regularization, `ar * mean (m*h_t)^2` with the output
//! dropout's mask m, and temporal activation regularization, `tar * mean (h_t - h_(t-1))^2` from the second step on. Means are over
//! rows, steps and units. The norm stabilizer ([`norm_stabilizer`]) is a third.

use super::factors::Factors;
use super::norm_stabilizer;
use super::settings::ActivationPenalty;
use crate::network::Real;
use crate::network::lanes::{Lanes, add, multiply};
use crate::network::layer::Extent;

/// The last layer's outputs. B, T, N: see [`crate::network`].
#[derive(Clone, Copy, Debug)]
pub struct Activations<'a, R> {
    /// `[T][B][N]`; padded units are zero.
    pub h: &'a [Lanes<R>],
    /// H
    pub hidden: usize,
    /// T and B, and the rows that the means are taken over.
    pub extent: Extent,
    /// The output dropout, one mask a sequence.
    pub mask: Option<&'a Factors<R>>,
}

impl<R: Real> Activations<'_, R> {
    /// The penalty.
    pub fn value(&self, settings: &ActivationPenalty) -> f64 {
        let step = self.step();
        let square = |v: R| v.to_f64() * v.to_f64();
        let mut squares = 0.0;
        for (index, h) in self.h.iter().enumerate() {
            let mut masked = *h;
            self.mask(&mut masked, index);
            squares += masked.iter().map(|&v| square(v)).sum::<f64>();
        }
        let mut changes = 0.0;
        for (later, earlier) in self.h.iter().skip(step).zip(self.h) {
            changes += later.iter().zip(earlier).map(|(&a, &b)| square(a - b)).sum::<f64>();
        }
        let (ar, tar) = self.weights(settings);
        let mut sum = ar * squares + tar * changes;
        if settings.norm > 0.0 {
            sum += settings.norm * norm_stabilizer::value(self);
        }
        sum
    }

    /// Adds the penalty's gradient with respect to h, `[T][B][N]`.
    pub fn add_gradient(&self, settings: &ActivationPenalty, d_h: &mut [Lanes<R>]) {
        let step = self.step();
        let (ar, tar) = self.weights(settings);
        let (ar, tar) = (R::from_f64(2.0 * ar), R::from_f64(2.0 * tar));
        for (index, (d_h, h)) in d_h.iter_mut().zip(self.h).enumerate() {
            let mut masked = *h;
            // Once for m and once for its derivative.
            self.mask(&mut masked, index);
            self.mask(&mut masked, index);
            for (d_h, masked) in d_h.iter_mut().zip(masked) {
                *d_h += ar * masked;
            }
        }
        for index in step..self.h.len() {
            let change: Lanes<R> = std::array::from_fn(|u| tar * (self.h[index][u] - self.h[index - step][u]));
            add(&mut d_h[index], &change);
            add(&mut d_h[index - step], &change.map(|d| -d));
        }
        if settings.norm > 0.0 {
            norm_stabilizer::add_gradient(self, settings.norm, d_h);
        }
    }

    /// Blocks of a step, `B * N`.
    fn step(&self) -> usize {
        self.h.len() / self.extent.steps
    }

    /// The strengths divided by what is averaged over, the whole batch; one step has no changes.
    fn weights(&self, settings: &ActivationPenalty) -> (f64, f64) {
        let count = |steps: usize| (steps * self.extent.batch * self.hidden).max(1) as f64;
        (settings.ar / count(self.extent.steps), settings.tar / count(self.extent.steps - 1))
    }

    fn mask(&self, lanes: &mut Lanes<R>, index: usize) {
        if let Some(mask) = self.mask {
            let blocks = self.step() / self.extent.rows;
            let (row, block) = (index / blocks % self.extent.rows, index % blocks);
            multiply(lanes, &mask.lanes(self.extent.first_row + row, 0, block));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::lanes::LANES;

    #[test]
    fn means_over_rows_steps_and_units() {
        // Two units in a block, two rows, three steps.
        let mut h = vec![[0.0; LANES]; 6];
        let values = [[1.0, 2.0], [0.0, -1.0], [3.0, 2.0], [0.0, 1.0], [3.0, 0.0], [-2.0, 1.0]];
        for (lanes, pair) in h.iter_mut().zip(values) {
            lanes[..2].copy_from_slice(&pair);
        }
        let extent = Extent { steps: 3, rows: 2, first_row: 0, batch: 2 };
        let activations = Activations { h: &h, hidden: 2, extent, mask: None };
        let value = |ar, tar| activations.value(&ActivationPenalty { ar, tar, norm: 0.0 });
        // Squares: 5 + 1 + 13 + 1 + 9 + 5 over 12; changes: 4 + 4 (first to second), 4 + 4 (second to third) over 8.
        assert!((value(1.0, 0.0) - 34.0 / 12.0).abs() < 1e-15);
        assert!((value(0.0, 1.0) - 16.0 / 8.0).abs() < 1e-15);
        let half = Factors::Constant(0.5);
        let masked = Activations { mask: Some(&half), ..activations };
        assert!((masked.value(&ActivationPenalty { ar: 1.0, tar: 1.0, norm: 0.0 }) - (34.0 / 48.0 + 2.0)).abs() < 1e-15);
    }

    #[test]
    fn one_step_has_no_changes() {
        let h = [[1.0f64; LANES]];
        let extent = Extent { steps: 1, rows: 1, first_row: 0, batch: 1 };
        let activations = Activations { h: &h, hidden: 16, extent, mask: None };
        let settings = ActivationPenalty { tar: 5.0, norm: 5.0, ..ActivationPenalty::default() };
        assert_eq!(activations.value(&settings), 0.0);
        let mut d_h = [[0.0; LANES]];
        activations.add_gradient(&settings, &mut d_h);
        assert_eq!(d_h, [[0.0; LANES]]);
    }
}
