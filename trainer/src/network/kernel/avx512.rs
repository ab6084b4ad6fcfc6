//! AVX-512: a block is one register.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::avx2::Avx2;
use super::simd::{Block, Kernel, Simd};
use crate::network::lanes::{LANES, Lanes};

/// Proof that the processor has AVX-512 F and DQ, AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(Avx2);

/// Sixteen `f32`.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Block(__m512);

impl Avx512 {
    /// If the processor has it.
    pub fn detect() -> Option<Self> {
        let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
        Avx2::detect().filter(|_| avx512).map(Avx512)
    }

    /// The narrower set that it includes.
    pub fn avx2(self) -> Avx2 {
        self.0
    }

    /// Runs a computation on its blocks.
    pub fn run<K: Kernel<f32>>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
        fn enabled<K: Kernel<f32>>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` proves that the processor has these features.
        unsafe { enabled(self, kernel) }
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $instruction:ident) => {
        impl $trait for Avx512Block {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a block exists only where the features do.
                Avx512Block(unsafe { $instruction(self.0, other.0) })
            }
        }
    };
}
operator!(Add, add, _mm512_add_ps);
operator!(Sub, sub, _mm512_sub_ps);
operator!(Mul, mul, _mm512_mul_ps);
operator!(Div, div, _mm512_div_ps);

// SAFETY, throughout: a block exists only where the features do, and references to lanes are valid for 16 values.
impl Block<f32> for Avx512Block {
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Avx512Block(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        Avx512Block(unsafe { _mm512_fnmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn clamp(self, limit: f32) -> Self {
        // Of a NaN and a number these instructions give the second operand.
        Avx512Block(unsafe { _mm512_max_ps(_mm512_set1_ps(-limit), _mm512_min_ps(_mm512_set1_ps(limit), self.0)) })
    }

    #[inline(always)]
    fn select(bits: u16, hit: Self, miss: Self) -> Self {
        Avx512Block(unsafe { _mm512_mask_blend_ps(bits, miss.0, hit.0) })
    }

    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        Avx512Block(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn map(self, function: fn(f32) -> f32) -> Self {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        let lanes = lanes.map(function);
        Avx512Block(unsafe { _mm512_loadu_ps(lanes.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes<f32>) {
        unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            super::avx2::sum(eight)
        }
    }

    #[inline(always)]
    fn sums<const M: usize>(blocks: [Self; M]) -> [f32; M] {
        let mut sums = [0.0; M];
        if M == 4 {
            // SAFETY: the features are there, and four values have room in `sums`.
            unsafe {
                let halves =
                    |a: __m512, b: __m512| _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xee>(a, b));
                let (left, right) = (halves(blocks[0].0, blocks[1].0), halves(blocks[2].0, blocks[3].0));
                let quarters =
                    _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(left, right), _mm512_shuffle_f32x4::<0xdd>(left, right));
                let pairs = _mm512_add_ps(quarters, _mm512_permute_ps::<0x4e>(quarters));
                let each = _mm512_add_ps(pairs, _mm512_permute_ps::<0xb1>(pairs));
                _mm_storeu_ps(sums.as_mut_ptr(), _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, each)));
            }
        } else {
            for m in 0..M {
                sums[m] = blocks[m].sum();
            }
        }
        sums
    }
}

// SAFETY, throughout: as above, and `self` proves the features.
impl Simd<f32> for Avx512 {
    type Block = Avx512Block;
    const ROWS: usize = 6;
    const COLUMNS: usize = 4;

    #[inline(always)]
    fn splat(self, value: f32) -> Avx512Block {
        Avx512Block(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(self, lanes: &Lanes<f32>) -> Avx512Block {
        Avx512Block(unsafe { _mm512_loadu_ps(lanes.as_ptr()) })
    }

    #[inline(always)]
    fn below(self, words: &[u32; LANES], threshold: u32) -> u16 {
        unsafe { _mm512_cmplt_epu32_mask(_mm512_loadu_si512(words.as_ptr().cast()), _mm512_set1_epi32(threshold as i32)) }
    }
}
