//! What windows count in the cross-entropy.

use std::ops::Range;

use super::batches::Windows;
use crate::config::ClassWeights;
use crate::data::{Dataset, Part};

/// `n / (C n_c)` for each class c of C, of whose n windows n_c are: every class counts as much as every other, and the mean over the
/// training windows is 1 (King & Zeng 2001, "Logistic regression in rare events data"). Nothing where windows count the same.
pub fn weights(choice: ClassWeights, dataset: &Dataset) -> Vec<f32> {
    if choice.is_none() {
        return Vec::new();
    }
    let counts = dataset.class_counts(Part::Training);
    let all: usize = counts.iter().sum();
    counts.iter().map(|count| (all as f64 / (counts.len() * count.max(&1)) as f64) as f32).collect()
}

/// Windows of classes whose targets are their weights instead of ones.
pub struct Weighted<'a> {
    /// Where windows come from.
    pub windows: &'a dyn Windows,
    /// `[classes]`; none where windows count the same.
    pub weights: Vec<f32>,
}

impl Windows for Weighted<'_> {
    fn count(&self) -> usize {
        self.windows.count()
    }

    fn streams(&self) -> Option<usize> {
        self.windows.streams()
    }

    fn is_fresh(&self, epoch: usize, window: usize) -> bool {
        self.windows.is_fresh(epoch, window)
    }

    fn counted(&self, window: usize) -> Range<usize> {
        self.windows.counted(window)
    }

    fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        self.windows.fill(epoch, windows, inputs, targets);
        for target in targets.chunks_exact_mut(self.weights.len().max(1)) {
            target.iter_mut().zip(&self.weights).for_each(|(target, weight)| *target *= weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Normalization, Split};
    use crate::data::Augmented;
    use crate::data::testing::{labeled, window};

    #[test]
    fn rare_classes_count_as_much_as_common_ones() {
        let series = labeled(100, 1, |row, _| row as f32, |row| if row % 10 == 0 { "rare" } else { "common" });
        let dataset = Dataset::new(series, &window(5, 1, 0, Normalization::Last), &Split::default()).unwrap();
        let weights = weights(ClassWeights::Balanced, &dataset);
        // Newest rows 4 to 69: six of them are rare.
        assert_eq!(dataset.class_counts(Part::Training), [60, 6]);
        assert_eq!(weights, [0.55, 5.5]);
        assert!(super::weights(ClassWeights::None, &dataset).is_empty());
        let windows = Augmented { windows: dataset.windows(Part::Training), amplitude: 0.5, seed: 1 };
        let (mut inputs, mut targets) = (vec![0.0; 10], vec![0.0; 4]);
        Weighted { windows: &windows, weights }.fill(3, &[6, 7], &mut inputs, &mut targets);
        assert_eq!(targets, [0.0, 5.5, 0.55, 0.0], "amplitudes are of signals, not of classes");
    }
}
