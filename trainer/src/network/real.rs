//! The number type of a training: `f32` for speed, `f64` to check gradients against finite differences.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A floating-point number with the two activation functions of an LSTM.
///
/// Products and sums are written as `*` and `+`, never as a fused multiply-add: without the instruction it would be a call into
/// software, and with it the bits would depend on the machine.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;

    /// The same value.
    fn to_f64(self) -> f64;

    /// Absolute value.
    fn abs(self) -> Self;

    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;

    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// Hyperbolic tangent.
    fn tanh(self) -> Self;

    /// `1 / (1 + exp(-x))`
    fn sigmoid(self) -> Self;
}

/// Where tanh rounds to 1 in the rational approximation below.
const TANH_CLAMP: f32 = 7.905_311;

/// Odd coefficients of the numerator, highest first.
const TANH_NUMERATOR: [f32; 7] =
    [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_4e-4, 4.893_524_6e-3];

/// Even coefficients of the denominator, highest first.
const TANH_DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525_3e-3];

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn abs(self) -> f32 {
        self.abs()
    }

    #[inline(always)]
    fn sqrt(self) -> f32 {
        self.sqrt()
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    /// The rational minimax approximation `x P(x^2) / Q(x^2)` of degrees 13 and 6 that Eigen and XLA use, free of branches so that
    /// a block of lanes becomes vector code. Absolute error at most 4.2e-7; odd; NaN stays NaN.
    #[inline(always)]
    fn tanh(self) -> f32 {
        // Comparisons rather than `clamp` or `min`: each is one instruction, and a NaN passes through both.
        let x = if self > TANH_CLAMP { TANH_CLAMP } else { self };
        let x = if x < -TANH_CLAMP { -TANH_CLAMP } else { x };
        let square = x * x;
        let [p13, p11, p9, p7, p5, p3, p1] = TANH_NUMERATOR;
        let p = (((((p13 * square + p11) * square + p9) * square + p7) * square + p5) * square + p3) * square + p1;
        let [q6, q4, q2, q0] = TANH_DENOMINATOR;
        let q = ((q6 * square + q4) * square + q2) * square + q0;
        x * p / q
    }

    /// `1/2 + tanh(x/2)/2`. Absolute error at most 2.5e-7.
    #[inline(always)]
    fn sigmoid(self) -> f32 {
        0.5 + 0.5 * Real::tanh(0.5 * self)
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn abs(self) -> f64 {
        self.abs()
    }

    #[inline(always)]
    fn sqrt(self) -> f64 {
        self.sqrt()
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }

    fn tanh(self) -> f64 {
        libm::tanh(self)
    }

    fn sigmoid(self) -> f64 {
        1.0 / (1.0 + libm::exp(-self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest difference to the `f64` function over a dense grid of [-12, 12].
    fn error(approximation: fn(f32) -> f32, reference: fn(f64) -> f64) -> f64 {
        (-240_000..=240_000)
            .map(|k| k as f32 * 5e-5)
            .map(|x| (f64::from(approximation(x)) - reference(f64::from(x))).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn tanh_error() {
        let worst = error(Real::tanh, libm::tanh);
        assert!(worst < 4.2e-7, "{worst:e}");
    }

    #[test]
    fn sigmoid_error() {
        let worst = error(Real::sigmoid, |x| 1.0 / (1.0 + libm::exp(-x)));
        assert!(worst < 2.5e-7, "{worst:e}");
    }

    #[test]
    fn tanh_is_odd_bounded_and_relatively_exact_near_zero() {
        for k in 0..200_000 {
            let x = k as f32 * 1e-4;
            assert_eq!(Real::tanh(-x), -Real::tanh(x));
            assert!(Real::tanh(x) <= 1.0 + f32::EPSILON);
        }
        for exponent in -30..0 {
            let x = libm::ldexpf(1.0, exponent);
            let exact = libm::tanh(f64::from(x));
            assert!((f64::from(Real::tanh(x)) / exact - 1.0).abs() < 5e-7, "tanh(2^{exponent})");
        }
    }

    #[test]
    fn not_a_number_and_infinities() {
        assert!(Real::tanh(f32::NAN).is_nan() && Real::sigmoid(f32::NAN).is_nan());
        assert!((Real::tanh(f32::INFINITY) - 1.0).abs() < 4.2e-7 && (Real::tanh(f32::NEG_INFINITY) + 1.0).abs() < 4.2e-7);
        assert!(Real::sigmoid(f32::NEG_INFINITY).abs() < 2.5e-7);
    }
}
