//! How near a classifier's file is to the network that it was made from.

use embedded_rnn::forecast::largest;

/// The deviation of each logit over some windows, in which differences of logits are told: they have no other unit.
pub(super) fn deviations(float: &[Vec<f64>]) -> Vec<f64> {
    let deviation = |class: usize| {
        let logits = || float.iter().map(|logits| logits[class]);
        let mean = logits().sum::<f64>() / float.len() as f64;
        // A logit that never moves is told in its own unit.
        match (logits().map(|logit| (logit - mean).powi(2)).sum::<f64>() / float.len() as f64).sqrt() {
            0.0 => 1.0,
            deviation => deviation,
        }
    };
    (0..float.first().map_or(0, Vec::len)).map(deviation).collect()
}

/// The share of windows of which both sides' logits give the same class.
pub(super) fn agreement(device: &[Vec<f32>], float: &[Vec<f64>]) -> f64 {
    // As the device does, the lowest of equals.
    let class = |logits: &[f64]| (0..logits.len()).rev().max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    let equal = device.iter().zip(float).filter(|(device, float)| Some(largest(device)) == class(float)).count();
    equal as f64 / device.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_compared_in_their_own_deviations_and_classes_one_by_one() {
        let float = vec![vec![1.0, 5.0, 2.0], vec![3.0, 5.0, 6.0], vec![5.0, 5.0, 4.0]];
        let spread = (8.0f64 / 3.0).sqrt();
        assert_eq!(deviations(&float), [spread, 1.0, spread]);
        // The last is a tie, of which both sides take the lower.
        let device = vec![vec![0.0, 1.0, 0.5], vec![9.0, 0.0, 1.0], vec![4.0, 4.0, 0.0]];
        assert_eq!(agreement(&device, &float), 2.0 / 3.0);
        assert_eq!(deviations(&[]), [0.0; 0]);
    }
}
