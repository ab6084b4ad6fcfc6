//! The products of a layer with its weights, in tiles of rows: forward, and from gradients back to what was multiplied.

use super::kernel::tile::{self, Tile};
use super::kernel::{Block, Simd};
use super::lanes::{LANES, Lanes, Row};
use super::masks::GateStep;
use super::real::Real;

/// What a matrix multiplies: rows of values, one copy for all gates, or one for each where their masks differ.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, R> {
    /// `[steps][G][B][stride]`, G copies; windows are `[B][steps][width]`.
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

    /// Windows of some steps where they are, `[B][steps][width]`.
    pub fn windows(values: &'a [R], width: usize, steps: usize) -> Self {
        Operand { values, width, stride: steps * width, copy: 0, step: width }
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

    /// Does each gate read a copy of its own?
    pub fn separate(&self) -> bool {
        self.copy > 0
    }

    /// M rows of the first step, as a gate reads them.
    #[inline(always)]
    fn tile<const M: usize>(&self, gate: usize, row: usize) -> [&'a [R]; M] {
        let mut rows = [&[][..]; M];
        for (m, values) in rows.iter_mut().enumerate() {
            *values = &self.values[gate * self.copy + (row + m) * self.stride..][..self.width];
        }
        rows
    }

    /// All rows of a step, as a gate reads them, with what lies between them.
    #[inline(always)]
    pub fn rows(&self, step: usize, gate: usize, rows: usize) -> &'a [R] {
        &self.values[step * self.step + gate * self.copy..][..(rows - 1) * self.stride + self.width]
    }
}

/// `acc[m] += panel * operand[row + m]` for the gates of a block; the panel is `[K]`.
#[inline(always)]
pub fn product<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    acc: &mut Tile<S::Block, M, 4>,
    operand: &Operand<'_, R>,
    row: usize,
    panel: &[Row<R>],
) {
    if operand.separate() {
        for gate in 0..4 {
            tile::some_gates::<R, S, M, 1>(simd, acc, operand.tile(gate, row), panel, gate);
        }
    } else {
        tile::gates::<R, S, M>(simd, acc, operand.tile(0, row), panel);
    }
}

/// What [`product_back`] multiplies.
#[derive(Clone, Copy, Debug)]
pub struct Back<'a, R> {
    /// Gradients of the products, `[N][B]`; empty where there are none.
    pub deltas: &'a [Row<R>],
    /// B
    pub rows: usize,
    /// The matrix, transposed, `[N'][64 N]`.
    pub panels: &'a [Lanes<R>],
    /// N'
    pub blocks: usize,
    /// The mask of what was multiplied, `[B][N']`.
    pub mask: GateStep<'a, R>,
}

/// M rows and G blocks of gradients of what was multiplied, its mask included.
#[inline(always)]
pub fn product_back<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    back: &Back<'_, R>,
    row: usize,
    block: usize,
) -> Tile<S::Block, M, G> {
    let mut acc = [[simd.splat(R::ZERO); G]; M];
    let depth = back.panels.len() / back.blocks;
    let mut panels = [&[][..]; G];
    for (g, panel) in panels.iter_mut().enumerate() {
        *panel = &back.panels[(block + g) * depth..][..depth];
    }
    if let GateStep::Separate(masks) = &back.mask {
        for (gate, mask) in masks.iter().enumerate() {
            let mut part = [[simd.splat(R::ZERO); G]; M];
            for (n, deltas) in back.deltas.chunks_exact(back.rows).enumerate() {
                let (mut d, mut w) = ([&[][..]; M], panels);
                for (m, d) in d.iter_mut().enumerate() {
                    *d = &deltas[row + m][gate][..];
                }
                for w in &mut w {
                    *w = &w[(4 * n + gate) * LANES..][..LANES];
                }
                tile::backward::<R, S, M, G>(simd, &mut part, d, w);
            }
            for m in 0..M {
                for g in 0..G {
                    acc[m][g] = part[m][g].mul_add(mask.block(simd, (row + m) * back.blocks + block + g), acc[m][g]);
                }
            }
        }
        return acc;
    }
    for (n, deltas) in back.deltas.chunks_exact(back.rows).enumerate() {
        let (mut d, mut w) = ([&[][..]; M], panels);
        for (m, d) in d.iter_mut().enumerate() {
            *d = deltas[row + m].as_flattened();
        }
        for w in &mut w {
            *w = &w[4 * n * LANES..][..4 * LANES];
        }
        tile::backward::<R, S, M, G>(simd, &mut acc, d, w);
    }
    if let GateStep::Tied(mask) = &back.mask {
        for m in 0..M {
            for g in 0..G {
                acc[m][g] = acc[m][g] * mask.block(simd, (row + m) * back.blocks + block + g);
            }
        }
    }
    acc
}
