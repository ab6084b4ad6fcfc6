//! Weight gradients: outer products of what a matrix multiplied and of its outputs' gradients, summed over rows and steps.

use super::lanes::{Lanes, Row, accumulate_outer, add, tiles};
use super::products::Operand;
use super::real::Real;

/// Batch rows whose gate gradients are gathered into weight gradients at once, while they are in the cache.
pub const GATHER_ROWS: usize = 128;

/// `gradients[n][k] += sum over steps and rows of operand[row][k] * deltas[n][row]`, from the operand's first step on; deltas are
/// `[steps][N][rows]`.
pub fn gather<R: Real>(gradients: &mut [Row<R>], operand: Operand<'_, R>, deltas: &[Row<R>], blocks: usize, rows: usize) {
    for (block, gradients) in gradients.chunks_exact_mut(operand.width()).enumerate() {
        let batch = Gather { operand, deltas, block, blocks, rows };
        for gate in 0..4 {
            tiles!(operand.width(), k => gather_tile::<R, _>(&batch, k, gate, gradients));
        }
    }
}

/// What [`gather`] sums over, for one block.
struct Gather<'a, R> {
    operand: Operand<'a, R>,
    deltas: &'a [Row<R>],
    block: usize,
    blocks: usize,
    rows: usize,
}

/// M inputs to one gate of one block.
#[inline(always)]
fn gather_tile<R: Real, const M: usize>(batch: &Gather<'_, R>, k: usize, gate: usize, gradients: &mut [Row<R>]) {
    let Gather { operand, deltas, block, blocks, rows } = *batch;
    let mut acc: [Lanes<R>; M] = std::array::from_fn(|m| gradients[k + m][gate]);
    for (step, deltas) in deltas.chunks_exact(blocks * rows).enumerate() {
        accumulate_outer(&mut acc, operand.rows(step, gate, rows), operand.stride(), k, &deltas[block * rows..][..rows], gate);
    }
    for (m, sum) in acc.iter().enumerate() {
        gradients[k + m][gate] = *sum;
    }
}

/// `gradients[n] += sum over steps and rows of deltas[n][row]`
pub fn gather_biases<R: Real>(gradients: &mut [Row<R>], deltas: &[Row<R>], rows: usize) {
    for step in deltas.chunks_exact(gradients.len() * rows) {
        for (gradient, deltas) in gradients.iter_mut().zip(step.chunks_exact(rows)) {
            for delta in deltas {
                for (gradient, delta) in gradient.iter_mut().zip(delta) {
                    add(gradient, delta);
                }
            }
        }
    }
}
