//! NEON: a block is four registers.

use std::arch::aarch64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::simd::{Block, Kernel, Simd};
use crate::network::lanes::{LANES, Lanes};

/// NEON, which every AArch64 processor has.
#[derive(Clone, Copy, Debug)]
pub struct Neon;

/// Sixteen `f32`.
#[derive(Clone, Copy, Debug)]
pub struct NeonBlock([float32x4_t; 4]);

impl Neon {
    /// Runs a computation on its blocks.
    pub fn run<K: Kernel<f32>>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $instruction:ident) => {
        impl $trait for NeonBlock {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (self.0, other.0);
                // SAFETY: NEON is part of the target.
                NeonBlock(unsafe { [$instruction(a0, b0), $instruction(a1, b1), $instruction(a2, b2), $instruction(a3, b3)] })
            }
        }
    };
}
operator!(Add, add, vaddq_f32);
operator!(Sub, sub, vsubq_f32);
operator!(Mul, mul, vmulq_f32);
operator!(Div, div, vdivq_f32);

// SAFETY, throughout: NEON is part of the target, and references to lanes are valid for 16 values.
impl Block<f32> for NeonBlock {
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let (a, b, [c0, c1, c2, c3]) = (self.0, factor.0, addend.0);
        NeonBlock(unsafe {
            [vfmaq_f32(c0, a[0], b[0]), vfmaq_f32(c1, a[1], b[1]), vfmaq_f32(c2, a[2], b[2]), vfmaq_f32(c3, a[3], b[3])]
        })
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        let (a, b, [c0, c1, c2, c3]) = (self.0, factor.0, addend.0);
        NeonBlock(unsafe {
            [vfmsq_f32(c0, a[0], b[0]), vfmsq_f32(c1, a[1], b[1]), vfmsq_f32(c2, a[2], b[2]), vfmsq_f32(c3, a[3], b[3])]
        })
    }

    #[inline(always)]
    fn clamp(self, limit: f32) -> Self {
        // These instructions give a NaN wherever there is one.
        let clamped = |x| unsafe { vmaxq_f32(vdupq_n_f32(-limit), vminq_f32(vdupq_n_f32(limit), x)) };
        let [a, b, c, d] = self.0;
        NeonBlock([clamped(a), clamped(b), clamped(c), clamped(d)])
    }

    #[inline(always)]
    fn select(bits: u16, hit: Self, miss: Self) -> Self {
        const LANE_BITS: [u32; 4] = [1, 2, 4, 8];
        let four = |quarter: usize| unsafe {
            let hits = vtstq_u32(vdupq_n_u32(u32::from(bits) >> (4 * quarter)), vld1q_u32(LANE_BITS.as_ptr()));
            vbslq_f32(hits, hit.0[quarter], miss.0[quarter])
        };
        NeonBlock([four(0), four(1), four(2), four(3)])
    }

    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        NeonBlock([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    fn map(self, function: fn(f32) -> f32) -> Self {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        Neon.load(&lanes.map(function))
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes<f32>) {
        let [a, b, c, d] = self.0;
        let to = lanes.as_mut_ptr();
        unsafe {
            vst1q_f32(to, a);
            vst1q_f32(to.add(4), b);
            vst1q_f32(to.add(8), c);
            vst1q_f32(to.add(12), d);
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        unsafe {
            let four = vaddq_f32(vaddq_f32(a, c), vaddq_f32(b, d));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
}

// SAFETY, throughout: as above.
impl Simd<f32> for Neon {
    type Block = NeonBlock;
    const ROWS: usize = 6;
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn splat(self, value: f32) -> NeonBlock {
        NeonBlock([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    fn load(self, lanes: &Lanes<f32>) -> NeonBlock {
        let from = lanes.as_ptr();
        NeonBlock(unsafe { [vld1q_f32(from), vld1q_f32(from.add(4)), vld1q_f32(from.add(8)), vld1q_f32(from.add(12))] })
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
