//! Amplitude augmentation: window and target grow and shrink together, by one factor a window and epoch.
//!
//! The factor is a function of seed, epoch and window alone, so it does not depend on threads or on the order of batches.

use super::windows::Windows;
use crate::random::Key;

/// A standard normal number of seed, epoch and window.
fn normal(seed: u64, epoch: u64, window: u64) -> f64 {
    // "ampl" in ASCII: apart from every other use of the same seed.
    Key::new(seed).with(0x616d_706c).with(epoch).with(window).normal()
}

/// `exp(amplitude * N(0,1))`, the factor of one window in one epoch; exactly 1 where the amplitude is 0.
pub fn amplitude_factor(amplitude: f64, seed: u64, epoch: usize, window: usize) -> f64 {
    if amplitude == 0.0 { 1.0 } else { libm::exp(amplitude * normal(seed, epoch as u64, window as u64)) }
}

/// Windows as training sees them: normalized, and scaled anew in every epoch.
#[derive(Clone, Debug)]
pub struct Augmented<'a> {
    /// The windows.
    pub windows: Windows<'a>,
    /// The deviation of the factor's logarithm; 0 switches augmentation off.
    pub amplitude: f64,
    /// The seed.
    pub seed: u64,
}

impl Augmented<'_> {
    /// Fills `inputs` `[B][T][I]` and `targets` `[B][O]` with the windows that `indices` `[B]` names, scaled for `epoch`.
    ///
    /// # Panics
    /// If a buffer's length does not fit or an index is out of range.
    pub fn fill(&self, epoch: usize, indices: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        let (input_len, target_len) = (self.windows.input_len(), self.windows.target_len());
        assert_eq!(inputs.len(), indices.len() * input_len, "inputs are [B][T][I]");
        assert_eq!(targets.len(), indices.len() * target_len, "targets are [B][O]");
        let rows = inputs.chunks_exact_mut(input_len).zip(targets.chunks_exact_mut(target_len));
        for (&index, (input, target)) in indices.iter().zip(rows) {
            self.windows.input(index, input);
            self.windows.target(index, target);
            if self.amplitude != 0.0 {
                let factor = amplitude_factor(self.amplitude, self.seed, epoch, index) as f32;
                // A class is the same however strong its signal is.
                let of_series = if self.windows.dataset().classes().is_empty() { target } else { &mut [] };
                for value in input.iter_mut().chain(of_series) {
                    *value *= factor;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Augmented, amplitude_factor, normal};
    use crate::config::{Normalization, Split};
    use crate::data::testing::{synthetic, window};
    use crate::data::{Dataset, Part};

    #[test]
    fn the_numbers_are_standard_normal_and_uncorrelated() {
        let n = 200_000usize;
        let draws: Vec<f64> = (0..n).map(|i| normal(7, (i / 1000) as u64, (i % 1000) as u64)).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n as f64;
        let fourth = draws.iter().map(|d| (d - mean).powi(4)).sum::<f64>() / n as f64;
        let neighbors = draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / n as f64;
        let epochs = (0..n - 1000).map(|i| draws[i] * draws[i + 1000]).sum::<f64>() / n as f64;
        // Five standard errors of each.
        let error = 5.0 / (n as f64).sqrt();
        assert!(mean.abs() < error && neighbors.abs() < error && epochs.abs() < error, "{mean} {neighbors} {epochs}");
        assert!((variance - 1.0).abs() < error * 2f64.sqrt(), "{variance}");
        assert!((fourth - 3.0).abs() < error * 96f64.sqrt(), "{fourth}");
        let beyond = draws.iter().filter(|d| d.abs() > 1.959964).count() as f64 / n as f64;
        assert!((beyond - 0.05).abs() < 5.0 * (0.05f64 * 0.95 / n as f64).sqrt(), "{beyond}");
    }

    #[test]
    fn a_factor_depends_on_seed_epoch_and_window_and_on_nothing_else() {
        let factor = amplitude_factor(0.3, 1, 2, 3);
        assert_eq!(factor.to_bits(), amplitude_factor(0.3, 1, 2, 3).to_bits());
        for other in [
            amplitude_factor(0.3, 2, 2, 3),
            amplitude_factor(0.3, 1, 3, 3),
            amplitude_factor(0.3, 1, 2, 4),
            amplitude_factor(0.3, 1, 3, 2),
        ] {
            assert_ne!(factor, other);
        }
        assert_eq!(amplitude_factor(0.0, 1, 2, 3), 1.0);
    }

    #[test]
    fn window_and_target_are_scaled_together() {
        let series = synthetic(60, 2, 1, |row, column| ((row * (3 + column)) % 11) as f32);
        let dataset = Dataset::new(series, &window(6, 2, 3, Normalization::Last), &Split::default()).unwrap();
        let windows = dataset.windows(Part::Training);
        let (mut input, mut target) = (vec![0.0; 12], vec![0.0; 3]);
        let source = |amplitude| Augmented { windows: windows.clone(), amplitude, seed: 5 };
        let indices = [4, 0, 7];
        let (mut inputs, mut targets) = (vec![0.0; 36], vec![0.0; 9]);
        source(0.3).fill(9, &indices, &mut inputs, &mut targets);
        let (mut plain_inputs, mut plain_targets) = (vec![0.0; 36], vec![0.0; 9]);
        source(0.0).fill(9, &indices, &mut plain_inputs, &mut plain_targets);
        for (b, &index) in indices.iter().enumerate() {
            windows.input(index, &mut input);
            windows.target(index, &mut target);
            assert_eq!(plain_inputs[b * 12..][..12], input);
            assert_eq!(plain_targets[b * 3..][..3], target);
            let factor = amplitude_factor(0.3, 5, 9, index) as f32;
            assert!(inputs[b * 12..][..12].iter().zip(&input).all(|(scaled, plain)| *scaled == plain * factor));
            assert!(targets[b * 3..][..3].iter().zip(&target).all(|(scaled, plain)| *scaled == plain * factor));
        }
    }
}
