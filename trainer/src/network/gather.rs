//! Weight gradients: outer products of what a matrix multiplied and of its outputs' gradients, summed over rows and steps.

use super::kernel::tile::{Tile, outer, tiles};
use super::kernel::{Block, Kernel, Simd};
use super::lanes::Row;
use super::products::Operand;
use super::real::Real;
use super::step::{load_row, store_row};

/// Batch rows whose gate gradients are gathered into weight gradients at once, while they are in the cache.
pub const GATHER_ROWS: usize = 256;

/// `gradients[n][k] += sum over steps and rows of operand[row][k] * deltas[n][row]`, from the operand's first step on.
#[derive(Debug)]
pub struct Gather<'s, 'a, R> {
    /// `[N][K]`
    pub gradients: &'s mut [Row<R>],
    /// What the matrix multiplied.
    pub operand: Operand<'a, R>,
    /// `[steps][N][rows]`
    pub deltas: &'a [Row<R>],
    /// N
    pub blocks: usize,
    /// B
    pub rows: usize,
}

impl<R: Real> Kernel<R> for Gather<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(mut self, simd: S) {
        let width = self.operand.width();
        for block in 0..self.blocks {
            tiles!(S, R, width, k, M => gather_tile::<R, S, M>(simd, &mut self, block, k));
        }
    }
}

/// M inputs to the gates of a block.
#[inline(always)]
fn gather_tile<R: Real, S: Simd<R>, const M: usize>(simd: S, gather: &mut Gather<'_, '_, R>, block: usize, k: usize) {
    let mut acc: Tile<S::Block, M, 4> = [[simd.splat(R::ZERO); 4]; M];
    if gather.operand.separate() || S::COLUMNS == 1 {
        for gate in 0..4 {
            some_gates::<R, S, M, 1>(simd, gather, &mut acc, block, k, gate);
        }
    } else if S::COLUMNS == 2 {
        some_gates::<R, S, M, 2>(simd, gather, &mut acc, block, k, 0);
        some_gates::<R, S, M, 2>(simd, gather, &mut acc, block, k, 2);
    } else {
        some_gates::<R, S, M, 4>(simd, gather, &mut acc, block, k, 0);
    }
    for (m, sums) in acc.iter().enumerate() {
        let gradient = &mut gather.gradients[block * gather.operand.width() + k + m];
        for (sum, gradient) in sums.iter().zip(gradient) {
            (*sum + simd.load(gradient)).store(gradient);
        }
    }
}

/// M inputs to G gates of a block, which read the same copy of the operand.
#[inline(always)]
fn some_gates<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    gather: &Gather<'_, '_, R>,
    acc: &mut Tile<S::Block, M, 4>,
    block: usize,
    k: usize,
    gate: usize,
) {
    let Gather { operand, deltas, blocks, rows, .. } = gather;
    let mut part = [[simd.splat(R::ZERO); G]; M];
    for (step, deltas) in deltas.chunks_exact(blocks * rows).enumerate() {
        let values = (operand.rows(step, gate, *rows), operand.stride(), k);
        outer::<R, S, M, G>(simd, &mut part, values, (&deltas[block * rows..][..*rows], gate));
    }
    for m in 0..M {
        acc[m][gate..gate + G].copy_from_slice(&part[m]);
    }
}

/// Bias gradients: `gradients[n] += sum over steps and rows of deltas[n][row]`.
#[derive(Debug)]
pub struct GatherBiases<'s, R> {
    /// `[N]`
    pub gradients: &'s mut [Row<R>],
    /// `[steps][N][rows]`
    pub deltas: &'s [Row<R>],
    /// N
    pub blocks: usize,
    /// B
    pub rows: usize,
}

impl<R: Real> Kernel<R> for GatherBiases<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        for block in 0..self.blocks {
            let mut sums = [simd.splat(R::ZERO); 4];
            for step in self.deltas.chunks_exact(self.blocks * self.rows) {
                for delta in &step[block * self.rows..][..self.rows] {
                    let delta = load_row(simd, delta);
                    for gate in 0..4 {
                        sums[gate] = sums[gate] + delta[gate];
                    }
                }
            }
            let mut gradient = load_row(simd, &self.gradients[block]);
            for gate in 0..4 {
                gradient[gate] = gradient[gate] + sums[gate];
            }
            store_row(gradient, &mut self.gradients[block]);
        }
    }
}
