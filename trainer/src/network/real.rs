//! The number type of a training: `f32` for speed, `f64` to check gradients against finite differences.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use super::kernel::{Block, Dispatch};

/// A floating-point number with the two activation functions of an LSTM.
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
    + Dispatch
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

    /// `self * factor + addend`, rounded once: an instruction where the target has one, else slow.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// Hyperbolic tangent of each lane.
    fn tanh<B: Block<Self>>(x: B) -> B;

    /// `1 / (1 + exp(-x))` of each lane.
    fn sigmoid<B: Block<Self>>(x: B) -> B;
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

    #[inline(always)]
    fn mul_add(self, factor: f32, addend: f32) -> f32 {
        self.mul_add(factor, addend)
    }

    /// The rational minimax approximation `x P(x^2) / Q(x^2)` of degrees 13 and 6 that Eigen and XLA use. Absolute error at most
    /// 4.2e-7; odd; NaN stays NaN.
    #[inline(always)]
    fn tanh<B: Block<f32>>(x: B) -> B {
        let x = x.clamp(TANH_CLAMP);
        let square = x * x;
        let mut p = x.constant(TANH_NUMERATOR[0]);
        for &coefficient in &TANH_NUMERATOR[1..] {
            p = p.mul_add(square, x.constant(coefficient));
        }
        let mut q = x.constant(TANH_DENOMINATOR[0]);
        for &coefficient in &TANH_DENOMINATOR[1..] {
            q = q.mul_add(square, x.constant(coefficient));
        }
        x * p / q
    }

    /// `1/2 + tanh(x/2)/2`. Absolute error at most 2.5e-7.
    #[inline(always)]
    fn sigmoid<B: Block<f32>>(x: B) -> B {
        let half = x.constant(0.5);
        half.mul_add(<f32 as Real>::tanh(half * x), half)
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

    #[inline(always)]
    fn mul_add(self, factor: f64, addend: f64) -> f64 {
        self.mul_add(factor, addend)
    }

    #[inline(always)]
    fn tanh<B: Block<f64>>(x: B) -> B {
        x.map(libm::tanh)
    }

    #[inline(always)]
    fn sigmoid<B: Block<f64>>(x: B) -> B {
        x.map(|x| 1.0 / (1.0 + libm::exp(-x)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernel::array::ArrayBlock;

    fn tanh(x: f32) -> f32 {
        <f32 as Real>::tanh(ArrayBlock([x; 16])).0[0]
    }

    fn sigmoid(x: f32) -> f32 {
        <f32 as Real>::sigmoid(ArrayBlock([x; 16])).0[0]
    }

    /// The largest difference to the `f64` function over a dense grid of [-12, 12].
    fn error(approximation: fn(ArrayBlock<f32>) -> ArrayBlock<f32>, reference: fn(f64) -> f64) -> f64 {
        let block = |k: i32| -> [f32; 16] { std::array::from_fn(|u| (16 * k + u as i32) as f32 * 5e-5) };
        let worst = |k: i32| {
            let x = block(k);
            let differences = x.iter().zip(approximation(ArrayBlock(x)).0);
            differences.map(|(&x, y)| (f64::from(y) - reference(f64::from(x))).abs()).fold(0.0, f64::max)
        };
        (-15_000..=15_000).map(worst).fold(0.0, f64::max)
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
        for k in 0..20_000 {
            let x = k as f32 * 1e-3;
            assert_eq!(tanh(-x), -tanh(x));
            assert!(tanh(x) <= 1.0 + f32::EPSILON);
        }
        for exponent in -30..0 {
            let x = libm::ldexpf(1.0, exponent);
            let exact = libm::tanh(f64::from(x));
            assert!((f64::from(tanh(x)) / exact - 1.0).abs() < 5e-7, "tanh(2^{exponent})");
        }
    }

    #[test]
    fn not_a_number_and_infinities() {
        assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert!((tanh(f32::INFINITY) - 1.0).abs() < 4.2e-7 && (tanh(f32::NEG_INFINITY) + 1.0).abs() < 4.2e-7);
        assert!(sigmoid(f32::NEG_INFINITY).abs() < 2.5e-7);
    }
}
