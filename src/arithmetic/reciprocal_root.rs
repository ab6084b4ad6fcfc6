//! The reciprocal square root in integers.

/// `2^46 / sqrt(x)`: of a number in Q32 from [1/4, 1), in Q30; `x` below 2^30 counts as 2^30. Largest relative error 1e-9. No division:
/// a quadratic within 2.5 % and three of Newton's steps, `y <- y*(3 - x*y^2)/2`.
#[inline]
pub(crate) fn reciprocal_root(x: u32) -> i32 {
    let x = u64::from(x.max(1 << 30));
    // The quadratic of least relative error, in Q30.
    let slope = 3_527_624_809 - ((1_759_398_851 * x) >> 32);
    let guess = 2_867_787_662 - ((slope * x) >> 32);
    let root = (0..3).fold(guess, |y, _| {
        // y stays below 2^31.1, its square below 2^62.2, x*y^2 below 1.05.
        let product = (((y * y) >> 30) * x) >> 32;
        (y * ((3 << 30) - product)) >> 31
    });
    root.min(i32::MAX as u64) as i32
}

/// `(k, y)` with `1/sqrt(spread) = y * 2^k / 2^62`, `y` from [2^30, 2^31); a spread of 0 counts as 1.
// One copy for all norms: a step has few of them, and the products of 64 bits are long.
#[inline(never)]
pub(super) fn spread_root(spread: u64) -> (u32, i32) {
    let spread = spread.max(1);
    // Even, so that its root is a shift by half of it: the spread is x / 2^zeros, x from [2^62, 2^64).
    let zeros = spread.leading_zeros() & !1;
    (zeros / 2, reciprocal_root(((spread << zeros) >> 32) as u32))
}

#[cfg(test)]
mod tests {
    use super::reciprocal_root;

    #[test]
    fn largest_error_is_as_stated() {
        let mut worst = 0.0f64;
        let steps = (0..3_000_000u32).map(|k| (1 << 30) + k * 1073);
        for x in steps.chain([1 << 30, (1 << 30) + 1, u32::MAX - 1, u32::MAX, 1 << 31, (1 << 31) - 1]) {
            let exact = libm::exp2(46.0) / libm::sqrt(f64::from(x));
            let error = (f64::from(reciprocal_root(x)) - exact) / exact;
            worst = worst.max(error.abs());
        }
        assert!((8e-10..=1e-9).contains(&worst), "{worst:e}");
    }

    #[test]
    fn smaller_arguments_count_as_the_smallest() {
        assert_eq!(reciprocal_root(1 << 30), reciprocal_root(0));
        assert!(f64::from(reciprocal_root(0)) > libm::exp2(31.0) * (1.0 - 1e-9));
    }
}
