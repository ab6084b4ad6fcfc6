//! AVX2 with FMA: a block is two registers.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::array::Array;
use super::simd::{Block, Kernel, Simd};
use crate::network::lanes::{LANES, Lanes};

/// Proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

/// Sixteen `f32`.
#[derive(Clone, Copy, Debug)]
pub struct Avx2Block(__m256, __m256);

impl Avx2 {
    /// If the processor has it.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }

    /// Runs a computation on its blocks.
    pub fn run<K: Kernel<f32>>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn enabled<K: Kernel<f32>>(simd: Avx2, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` proves that the processor has these features.
        unsafe { enabled(self, kernel) }
    }

    /// Runs a computation in `f64` on arrays that become its registers.
    pub fn run_arrays<K: Kernel<f64>>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn enabled<K: Kernel<f64>>(kernel: K) -> K::Output {
            kernel.run(Array)
        }
        // SAFETY: as above.
        unsafe { enabled(kernel) }
    }
}

/// Eight lanes as a tree: halves, quarters, eighths.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn sum(eight: __m256) -> f32 {
    // SAFETY: the caller's.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $instruction:ident) => {
        impl $trait for Avx2Block {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a block exists only where the features do.
                unsafe { Avx2Block($instruction(self.0, other.0), $instruction(self.1, other.1)) }
            }
        }
    };
}
operator!(Add, add, _mm256_add_ps);
operator!(Sub, sub, _mm256_sub_ps);
operator!(Mul, mul, _mm256_mul_ps);
operator!(Div, div, _mm256_div_ps);

/// Eight lanes from the low eight bits.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn blend(bits: i32, hit: __m256, miss: __m256) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let hits = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits), lanes), lanes);
        _mm256_blendv_ps(miss, hit, _mm256_castsi256_ps(hits))
    }
}

// SAFETY, throughout: a block exists only where the features do, and references to lanes are valid for 16 values.
impl Block<f32> for Avx2Block {
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Avx2Block(_mm256_fmadd_ps(self.0, factor.0, addend.0), _mm256_fmadd_ps(self.1, factor.1, addend.1)) }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Avx2Block(_mm256_fnmadd_ps(self.0, factor.0, addend.0), _mm256_fnmadd_ps(self.1, factor.1, addend.1)) }
    }

    #[inline(always)]
    fn clamp(self, limit: f32) -> Self {
        // Of a NaN and a number these instructions give the second operand.
        unsafe {
            let (upper, lower) = (_mm256_set1_ps(limit), _mm256_set1_ps(-limit));
            let clamped = |x| _mm256_max_ps(lower, _mm256_min_ps(upper, x));
            Avx2Block(clamped(self.0), clamped(self.1))
        }
    }

    #[inline(always)]
    fn select(bits: u16, hit: Self, miss: Self) -> Self {
        let bits = i32::from(bits);
        unsafe { Avx2Block(blend(bits, hit.0, miss.0), blend(bits >> 8, hit.1, miss.1)) }
    }

    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        let eight = unsafe { _mm256_set1_ps(value) };
        Avx2Block(eight, eight)
    }

    #[inline(always)]
    fn map(self, function: fn(f32) -> f32) -> Self {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        let lanes = lanes.map(function);
        unsafe { Avx2Block(_mm256_loadu_ps(lanes.as_ptr()), _mm256_loadu_ps(lanes.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn store(self, lanes: &mut Lanes<f32>) {
        unsafe {
            _mm256_storeu_ps(lanes.as_mut_ptr(), self.0);
            _mm256_storeu_ps(lanes.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe { sum(_mm256_add_ps(self.0, self.1)) }
    }

    #[inline(always)]
    fn sums<const M: usize>(blocks: [Self; M]) -> [f32; M] {
        let mut sums = [0.0; M];
        if M == 4 {
            // SAFETY: the features are there, and four values have room in `sums`.
            unsafe {
                let quarters = |a: Self, b: Self| {
                    let (a, b) = (_mm256_add_ps(a.0, a.1), _mm256_add_ps(b.0, b.1));
                    _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
                };
                let (left, right) = (quarters(blocks[0], blocks[1]), quarters(blocks[2], blocks[3]));
                let pairs = _mm256_add_ps(_mm256_shuffle_ps::<0x44>(left, right), _mm256_shuffle_ps::<0xee>(left, right));
                let each = _mm256_add_ps(pairs, _mm256_permute_ps::<0xb1>(pairs));
                // Of the halves `[a a c c]` and `[b b d d]`.
                let (even, odd) = (_mm256_castps256_ps128(each), _mm256_extractf128_ps::<1>(each));
                let mixed = _mm_unpacklo_ps(even, odd);
                _mm_storeu_ps(sums.as_mut_ptr(), _mm_shuffle_ps::<0x44>(mixed, _mm_unpackhi_ps(even, odd)));
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
impl Simd<f32> for Avx2 {
    type Block = Avx2Block;
    // Twelve registers of sums, two of weights and a factor: all but one of the sixteen.
    const ROWS: usize = 6;
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn splat(self, value: f32) -> Avx2Block {
        let eight = unsafe { _mm256_set1_ps(value) };
        Avx2Block(eight, eight)
    }

    #[inline(always)]
    fn load(self, lanes: &Lanes<f32>) -> Avx2Block {
        unsafe { Avx2Block(_mm256_loadu_ps(lanes.as_ptr()), _mm256_loadu_ps(lanes.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn below(self, words: &[u32; LANES], threshold: u32) -> u16 {
        unsafe {
            // There are only signed comparisons: shift both ranges by half.
            let half = _mm256_set1_epi32(i32::MIN);
            let threshold = _mm256_xor_si256(_mm256_set1_epi32(threshold as i32), half);
            let bits = |words: *const u32| {
                let words = _mm256_xor_si256(_mm256_loadu_si256(words.cast()), half);
                _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(threshold, words))) as u16
            };
            bits(words.as_ptr()) | bits(words.as_ptr().add(8)) << 8
        }
    }
}
