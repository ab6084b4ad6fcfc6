//! The paired sign test (Dixon & Mood 1946): how likely is it that one of two equal methods wins as often as this?

use serde::Serialize;

/// The outcome of a sign test; a pair with equal values is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignTest {
    /// Pairs in which the variant's error is smaller.
    pub wins: u32,
    /// Pairs in which it is larger.
    pub losses: u32,
    /// Pairs that are equal.
    pub ties: u32,
    /// Two-sided: the chance that two equal methods differ in so many pairs or more, either way.
    pub p: f64,
}

impl SignTest {
    /// Compares pairs of errors, `(variant, none)`.
    pub fn new(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let (mut wins, mut losses, mut ties) = (0, 0, 0);
        for (variant, none) in pairs {
            match variant.partial_cmp(&none) {
                Some(std::cmp::Ordering::Less) => wins += 1,
                Some(std::cmp::Ordering::Greater) => losses += 1,
                _ => ties += 1,
            }
        }
        SignTest { wins, losses, ties, p: two_sided(wins, losses) }
    }
}

/// `min(1, 2 P(X <= min(wins, losses)))` for `X` binomial with `wins + losses` trials of probability 1/2.
fn two_sided(wins: u32, losses: u32) -> f64 {
    let n = wins + losses;
    // C(n, k)/2^n; up to a thousand pairs the first term is a normal number.
    let mut term = 0.5f64.powi(n as i32);
    let mut sum = 0.0;
    for k in 0..=wins.min(losses) {
        sum += term;
        term *= f64::from(n - k) / f64::from(k + 1);
    }
    (2.0 * sum).min(1.0)
}

/// The smallest p that so many pairs can give: all of them on one side.
pub fn smallest_p(pairs: u32) -> f64 {
    two_sided(pairs, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_scipy() {
        // scipy.stats.binomtest(wins, wins + losses).pvalue; by hand as sums of binomial coefficients over 2^n.
        for (wins, losses, expected) in [
            (5, 0, 2.0 / 32.0),
            (0, 5, 2.0 / 32.0),
            (4, 1, 2.0 * (1.0 + 5.0) / 32.0),
            (7, 1, 2.0 * (1.0 + 8.0) / 256.0),
            (2, 8, 2.0 * (1.0 + 10.0 + 45.0) / 1024.0),
            (17, 3, 2.0 * (1.0 + 20.0 + 190.0 + 1140.0) / 1_048_576.0),
            (5, 5, 1.0),
            (3, 2, 1.0),
            (1, 0, 1.0),
            (0, 0, 1.0),
        ] {
            let p = two_sided(wins, losses);
            assert!((p - expected).abs() < 1e-15, "{wins} {losses}: {p} {expected}");
        }
        assert!((two_sided(17, 3) - 0.002_576_828_002_929_687_5).abs() < 1e-15);
        assert!(two_sided(1000, 0) > 0.0);
    }

    #[test]
    fn ties_are_dropped() {
        let test = SignTest::new([(1.0, 2.0), (1.0, 2.0), (3.0, 3.0), (2.0, 1.0), (0.5, 0.75)]);
        assert_eq!((test.wins, test.losses, test.ties), (3, 1, 1));
        assert!((test.p - 2.0 * (1.0 + 4.0) / 16.0).abs() < 1e-15);
    }

    #[test]
    fn few_pairs_cannot_mean_much() {
        assert_eq!([1, 2, 5, 6].map(smallest_p), [1.0, 0.5, 0.0625, 0.03125]);
    }
}
