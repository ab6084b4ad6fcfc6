//! The products of a layer with its weights, in tiles of rows: forward, and from gradients back to what was multiplied.

use super::lanes::{LANES, Lanes, Row, accumulate, add, multiply, zeros};
use super::real::Real;
use crate::regularize::factors::GateFactors;

/// What a matrix multiplies: rows of values, one copy for all gates, or one for each where their masks differ.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, R> {
    /// `[steps][G][B][stride]`, G copies.
    values: &'a [R],
    /// Values in a row, without padding.
    width: usize,
    /// Distance of rows.
    stride: usize,
    /// Distance of the gates' copies; 0 where they share one.
    copy: usize,
    /// Distance of steps.
    step: usize,
}

impl<'a, R: Real> Operand<'a, R> {
    /// `values` is `[steps][copies][rows][stride]`; copies are 1 or 4.
    pub fn new(values: &'a [R], (width, stride): (usize, usize), rows: usize, copies: usize) -> Self {
        let copy = rows * stride;
        Operand { values, width, stride, copy: if copies == 1 { 0 } else { copy }, step: copies * copy }
    }

    /// From a step on.
    pub fn from(self, time: usize) -> Self {
        Operand { values: &self.values[time * self.step..], ..self }
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Distance of rows.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// One row of the first step, as a gate reads it.
    #[inline(always)]
    fn row(&self, gate: usize, row: usize) -> &'a [R] {
        &self.values[gate * self.copy + row * self.stride..][..self.width]
    }

    /// All rows of a step, as a gate reads them, with their padding.
    #[inline(always)]
    pub fn rows(&self, step: usize, gate: usize, rows: usize) -> &'a [R] {
        &self.values[step * self.step + gate * self.copy..][..rows * self.stride]
    }
}

/// `acc[m] += panel * operand[row + m]` for one gate of a block; the panel is `[K]`.
#[inline(always)]
pub fn product<R: Real, const M: usize>(
    acc: &mut [Lanes<R>; M],
    operand: &Operand<'_, R>,
    row: usize,
    panel: &[Row<R>],
    gate: usize,
) {
    let a: [&[R]; M] = std::array::from_fn(|m| operand.row(gate, row + m));
    accumulate(acc, a, panel, gate);
}

/// What [`product_back`] multiplies, for one block of what was multiplied forward.
#[derive(Clone, Copy, Debug)]
pub struct Back<'a, R> {
    /// Gradients of the products, `[N][B]`; empty where there are none.
    pub deltas: &'a [Row<R>],
    /// B
    pub rows: usize,
    /// The block's columns of the matrix, transposed, `[64 N]`.
    pub panel: &'a [Lanes<R>],
    /// The mask of what was multiplied.
    pub mask: Option<&'a GateFactors<R>>,
    /// The batch row of the first window.
    pub first_row: usize,
    /// The step of what was multiplied, for its mask.
    pub time: usize,
    /// The block of what was multiplied, for its mask.
    pub block: usize,
}

/// M rows of gradients of what was multiplied, its mask included.
#[inline(always)]
pub fn product_back<R: Real, const M: usize>(back: &Back<'_, R>, row: usize) -> [Lanes<R>; M] {
    let mut acc = [zeros(); M];
    let panels = back.panel.as_chunks::<1>().0.chunks_exact(4 * LANES);
    match back.mask {
        Some(GateFactors::Separate(masks)) => {
            for (gate, mask) in masks.iter().enumerate() {
                let mut part = [zeros(); M];
                for (deltas, panel) in back.deltas.chunks_exact(back.rows).zip(panels.clone()) {
                    let a: [&[R]; M] = std::array::from_fn(|m| &deltas[row + m][gate][..]);
                    accumulate(&mut part, a, &panel[gate * LANES..][..LANES], 0);
                }
                for (m, (acc, part)) in acc.iter_mut().zip(&mut part).enumerate() {
                    multiply(part, &mask.lanes(back.first_row + row + m, back.time, back.block));
                    add(acc, part);
                }
            }
        }
        tied => {
            for (deltas, panel) in back.deltas.chunks_exact(back.rows).zip(panels) {
                let a: [&[R]; M] = std::array::from_fn(|m| deltas[row + m].as_flattened());
                accumulate(&mut acc, a, panel, 0);
            }
            if let Some(GateFactors::Tied(mask)) = tied {
                for (m, acc) in acc.iter_mut().enumerate() {
                    multiply(acc, &mask.lanes(back.first_row + row + m, back.time, back.block));
                }
            }
        }
    }
    acc
}
