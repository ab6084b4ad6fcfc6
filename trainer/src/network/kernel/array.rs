//! The portable twin: plain arrays, from which each instruction set's blocks may not differ by a bit.

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

use super::simd::{Block, Simd};
use crate::network::lanes::{LANES, Lanes};
use crate::network::real::Real;

/// No instruction set in particular.
#[derive(Clone, Copy, Debug)]
pub struct Array;

/// Sixteen lanes in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrayBlock<R>(pub Lanes<R>);

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<R: Real> $trait for ArrayBlock<R> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                ArrayBlock(from_fn(|u| self.0[u].$method(other.0[u])))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<R: Real> Block<R> for ArrayBlock<R> {
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        ArrayBlock(from_fn(|u| self.0[u].mul_add(factor.0[u], addend.0[u])))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        ArrayBlock(from_fn(|u| (-self.0[u]).mul_add(factor.0[u], addend.0[u])))
    }

    #[inline(always)]
    fn clamp(self, limit: R) -> Self {
        // Comparisons rather than `clamp`: a NaN passes through both.
        let upper = |x: R| if x > limit { limit } else { x };
        let lower = |x: R| if x < -limit { -limit } else { x };
        ArrayBlock(self.0.map(|x| lower(upper(x))))
    }

    #[inline(always)]
    fn select(bits: u16, hit: Self, miss: Self) -> Self {
        ArrayBlock(from_fn(|u| if bits >> u & 1 == 1 { hit.0[u] } else { miss.0[u] }))
    }

    #[inline(always)]
    fn constant(self, value: R) -> Self {
        ArrayBlock([value; LANES])
    }

    #[inline(always)]
    fn map(self, function: fn(R) -> R) -> Self {
        ArrayBlock(self.0.map(function))
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes<R>) {
        *lanes = self.0;
    }

    #[inline(always)]
    fn sum(self) -> R {
        let mut tree = self.0;
        let mut width = LANES / 2;
        while width > 0 {
            for u in 0..width {
                tree[u] += tree[u + width];
            }
            width /= 2;
        }
        tree[0]
    }
}

impl<R: Real> Simd<R> for Array {
    type Block = ArrayBlock<R>;
    const ROWS: usize = 1;
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn splat(self, value: R) -> ArrayBlock<R> {
        ArrayBlock([value; LANES])
    }

    #[inline(always)]
    fn load(self, lanes: &Lanes<R>) -> ArrayBlock<R> {
        ArrayBlock(*lanes)
    }

    #[inline(always)]
    fn below(self, words: &[u32; LANES], threshold: u32) -> u16 {
        let mut bits = 0;
        for (u, &word) in words.iter().enumerate() {
            bits |= u16::from(word < threshold) << u;
        }
        bits
    }
}
