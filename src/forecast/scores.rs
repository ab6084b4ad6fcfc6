//! From logits to a class and to probabilities.

/// How well each class fits a window: what a classifier says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scores<const CLASSES: usize> {
    logits: [f32; CLASSES],
}

impl<const CLASSES: usize> Scores<CLASSES> {
    /// The scores of these logits.
    pub const fn new(logits: [f32; CLASSES]) -> Self {
        Scores { logits }
    }

    /// The most probable class: the index of the largest logit, the lowest of equals.
    /// [`Model::class_name`](crate::Model::class_name) knows its name.
    pub fn class(&self) -> usize {
        largest(&self.logits)
    }

    /// What the network's head says.
    pub fn logits(&self) -> &[f32; CLASSES] {
        &self.logits
    }

    /// The softmax of the logits, one probability a class. It costs an exponential a class, which [`Self::class`] does without.
    pub fn probabilities(&self) -> [f32; CLASSES] {
        let mut probabilities = self.logits;
        softmax(&mut probabilities);
        probabilities
    }
}

/// The index of the largest value, the lowest of equals.
pub fn largest(values: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, value) in values.iter().enumerate() {
        if *value > best.1 {
            best = (index, *value);
        }
    }
    best.0
}

/// Logits to probabilities, in place: `expf(y - m) / s` with m the largest logit and s the sum in order, by the pinned `libm`, so that a
/// board and a desk get the same bits. With m subtracted no exponential overflows.
pub fn softmax(logits: &mut [f32]) {
    let most = logits.get(largest(logits)).copied().unwrap_or_default();
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = libm::expf(*logit - most);
        sum += *logit;
    }
    for probability in logits {
        *probability /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::Scores;

    #[test]
    fn the_lowest_of_equals_wins_and_not_a_number_never_does() {
        assert_eq!(Scores::new([1.0, 3.0, 3.0]).class(), 1);
        assert_eq!(Scores::new([0.0, -0.0]).class(), 0);
        assert_eq!(Scores::new([f32::NAN, -5.0, f32::NAN]).class(), 1);
        assert_eq!(Scores::new([f32::NAN; 2]).class(), 0);
        assert_eq!(Scores::new([f32::MIN, f32::NEG_INFINITY]).class(), 0);
    }

    #[test]
    fn probabilities_add_up_and_large_logits_do_not_overflow() {
        for logits in [[0.0, 0.0, 0.0], [3.0, -1.0, 0.5], [1e4, -1e4, 9_999.0], [f32::MAX, f32::MIN, 0.0]] {
            let probabilities = Scores::new(logits).probabilities();
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{logits:?} {probabilities:?}");
            let exact = logits.map(|logit| libm::exp(f64::from(logit) - f64::from(logits.into_iter().fold(f32::MIN, f32::max))));
            let sum: f64 = exact.iter().sum();
            assert!(probabilities.iter().zip(exact).all(|(found, exact)| (f64::from(*found) - exact / sum).abs() < 2e-7));
        }
        assert!(Scores::new([f32::NAN, 1.0]).probabilities()[0].is_nan());
    }
}
