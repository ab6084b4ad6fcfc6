//! What an instruction set has to offer: blocks of 16 lanes with their arithmetic, and how large a tile its registers hold.

use std::ops::{Add, Div, Mul, Sub};

use crate::network::lanes::Lanes;
use crate::network::real::Real;

/// Sixteen lanes in registers. That a value exists proves that its instructions do.
///
/// Every operation is rounded once, and every sum over lanes is the same tree, so that the bits are the same for every instruction
/// set.
pub trait Block<R: Real>: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `addend - self * factor`, rounded once.
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self;

    /// Into `[-limit, limit]`; NaN stays NaN.
    fn clamp(self, limit: R) -> Self;

    /// By each lane's bit `hit` (1) or `miss` (0).
    fn select(bits: u16, hit: Self, miss: Self) -> Self;

    /// The value in every lane.
    fn constant(self, value: R) -> Self;

    /// A function of each lane.
    fn map(self, function: fn(R) -> R) -> Self;

    /// To memory.
    fn store(self, lanes: &mut Lanes<R>);

    /// The sum over the lanes: lane `u` and `u + 8`, then `u + 4`, `u + 2`, `u + 1`.
    fn sum(self) -> R;

    /// The same sums of several blocks; four share their instructions where they can.
    #[inline(always)]
    fn sums<const M: usize>(blocks: [Self; M]) -> [R; M] {
        let mut sums = [R::ZERO; M];
        for m in 0..M {
            sums[m] = blocks[m].sum();
        }
        sums
    }
}

/// An instruction set. That a value exists proves that the processor has it.
pub trait Simd<R: Real>: Copy {
    /// Sixteen lanes.
    type Block: Block<R>;

    /// Rows of a tile, and blocks of its width: their products are the accumulators that the registers hold beside the operands.
    const ROWS: usize;
    /// See [`Simd::ROWS`]: 1, 2 or 4.
    const COLUMNS: usize;

    /// The value in every lane.
    fn splat(self, value: R) -> Self::Block;

    /// From memory.
    fn load(self, lanes: &Lanes<R>) -> Self::Block;

    /// The lanes whose word is below the threshold.
    fn below(self, words: &[u32; 16], threshold: u32) -> u16;
}

/// A computation that runs on any instruction set. `run` and all that it calls must be `#[inline(always)]`: only what is inlined
/// into the function that has the instruction set's features is compiled with them.
pub trait Kernel<R: Real> {
    /// Its result.
    type Output;

    /// The computation.
    fn run<S: Simd<R>>(self, simd: S) -> Self::Output;
}
