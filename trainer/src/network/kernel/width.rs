//! Which instruction set a computation runs on: the widest that the processor has, or a forced one.

use std::sync::OnceLock;

use super::array::Array;
use super::simd::Kernel;
use crate::error::{Error, Result};

/// The environment variable that forces an instruction set.
pub const VARIABLE: &str = "RNN_SIMD";

/// An instruction set that the processor has. Results have the same bits on each.
#[derive(Clone, Copy, Debug)]
pub enum Width {
    /// Plain code.
    Scalar,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(super::avx2::Avx2),
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(super::avx512::Avx512),
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon(super::neon::Neon),
}

impl Width {
    /// Those of this processor, narrowest first.
    pub fn available() -> Vec<Width> {
        #[cfg(target_arch = "x86_64")]
        let vectors = [super::avx2::Avx2::detect().map(Width::Avx2), super::avx512::Avx512::detect().map(Width::Avx512)]
            .into_iter()
            .flatten();
        #[cfg(target_arch = "aarch64")]
        let vectors = [Width::Neon(super::neon::Neon)].into_iter();
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let vectors = std::iter::empty();
        std::iter::once(Width::Scalar).chain(vectors).collect()
    }

    /// What the environment variable takes, and reports show.
    pub fn name(self) -> &'static str {
        match self {
            Width::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Width::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Width::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Width::Neon(_) => "neon",
        }
    }

    /// The widest, or the one that the environment variable [`VARIABLE`] asks for.
    pub fn asked() -> Result<Width> {
        let mut available = Width::available();
        match std::env::var(VARIABLE) {
            Err(_) => Ok(available.pop().unwrap_or(Width::Scalar)),
            Ok(asked) => available.iter().find(|width| width.name() == asked).copied().ok_or_else(|| {
                let names: Vec<&str> = available.iter().map(|width| width.name()).collect();
                Error::input(format!("the environment variable {VARIABLE} is {asked:?}: this processor has {}", names.join(", ")))
            }),
        }
    }

    /// As [`Width::asked`], found once; the widest where the environment asks for what is not there.
    pub fn default_width() -> Width {
        static WIDTH: OnceLock<Width> = OnceLock::new();
        *WIDTH.get_or_init(|| Width::asked().unwrap_or_else(|_| Width::available().pop().unwrap_or(Width::Scalar)))
    }

    /// A computation in `f32`.
    #[inline]
    pub fn run<K: Kernel<f32>>(self, kernel: K) -> K::Output {
        match self {
            Width::Scalar => kernel.run(Array),
            #[cfg(target_arch = "x86_64")]
            Width::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Width::Avx512(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Width::Neon(simd) => simd.run(kernel),
        }
    }

    /// A computation in `f64`, on arrays: it has no need of speed, only of a multiply-add that is one instruction.
    #[inline]
    pub fn run_arrays<K: Kernel<f64>>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Width::Avx2(simd) => simd.run_arrays(kernel),
            #[cfg(target_arch = "x86_64")]
            Width::Avx512(simd) => simd.avx2().run_arrays(kernel),
            _ => kernel.run(Array),
        }
    }
}
