//! The number type of a training: `f32` for speed, `f64` to check gradients against finite differences.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use bytemuck::Pod;

use super::activations;
use super::kernel::{Block, Dispatch};

/// A floating-point number with the two activation functions of an LSTM.
pub trait Real:
    Pod
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

    /// `1 / (1 + exp(-a))` of each lane of i, f and o, the hyperbolic tangent of g.
    fn gates<B: Block<Self>>(a: [B; 4]) -> [B; 4];
}

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

    #[inline(always)]
    fn tanh<B: Block<f32>>(x: B) -> B {
        activations::tanh(x)
    }

    #[inline(always)]
    fn gates<B: Block<f32>>(a: [B; 4]) -> [B; 4] {
        activations::gates(a)
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
    fn gates<B: Block<f64>>([i, f, g, o]: [B; 4]) -> [B; 4] {
        let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        [i.map(sigmoid), f.map(sigmoid), g.map(libm::tanh), o.map(sigmoid)]
    }
}
