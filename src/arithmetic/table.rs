//! The sigmoid table of the integer arithmetic.
//!
//! 512 segments over [-16, 16), 1/16 wide. A word holds `base << 16 | slope`: the sigmoid at the segment's left end in Q15, and the
//! rise over the segment in Q15. Computed at compile time, so that nothing has to be generated or trusted.
//!
//! The assembly for ARMv7-M reads `σ - 0.5` instead, which is a signed halfword as well and needs no subtraction where tanh is wanted:
//! there [`OFFSET`] is taken from every base. A core with vectors too has one table for each.

/// Segments on either side of zero.
pub(crate) const HALF: usize = 256;

/// What has been taken from the sigmoid in Q15.
pub(crate) const OFFSET: i32 = if cfg!(all(kernel = "armv7m", not(kernel_vectors))) { 1 << 14 } else { 0 };

#[cfg(all(kernel = "armv7m", not(kernel_vectors)))]
pub(crate) use SIGMOID as CENTERED;

/// `σ - 0.5`, in the sigmoid's order.
#[cfg(all(kernel = "armv7m", kernel_vectors))]
pub(crate) static CENTERED: [u32; 2 * HALF] = build(1 << 14);

/// `SIGMOID[k]` is the segment that begins at `(k - 256) / 16`.
pub(crate) static SIGMOID: [u32; 2 * HALF] = build(OFFSET);

/// `exp(-x)` for `0 <= x <= 16`, to better than 1e-14 relative: sixteen times smaller argument, Taylor series, four squarings.
const fn exp_negative(x: f64) -> f64 {
    let y = -x / 16.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut n = 1;
    while n < 24 {
        term = term * y / n as f64;
        sum += term;
        n += 1;
    }
    let mut squarings = 0;
    while squarings < 4 {
        sum *= sum;
        squarings += 1;
    }
    sum
}

/// The sigmoid at `k / 16` in Q15, rounded; at most 32767, the largest that a signed halfword holds, so that kernels may multiply
/// both halves of a word as signed numbers.
const fn node(k: i32) -> i32 {
    let x = k as f64 / 16.0;
    let upper = (32768.0 / (1.0 + exp_negative(if k < 0 { -x } else { x })) + 0.5) as i32;
    let value = if k < 0 { 32768 - upper } else { upper };
    if value > 32767 { 32767 } else { value }
}

const fn build(offset: i32) -> [u32; 2 * HALF] {
    let mut table = [0; 2 * HALF];
    let mut k = 0;
    while k < 2 * HALF {
        let left = node(k as i32 - HALF as i32);
        let right = node(k as i32 - HALF as i32 + 1);
        table[k] = ((left - offset) as u32) << 16 | (right - left) as u32;
        k += 1;
    }
    table
}
