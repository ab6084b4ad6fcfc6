//! One step of a layer without norms, forward and backward: products and cell fused, a tile of rows of a block at a time, while the
//! pre-activations are in registers. Cells with layer norm take [`crate::network::norm_step`] instead, on the same views.

use super::cell::{self, CandidateMasks, Zone};
use super::kernel::tile::{Tile, columns, tiles};
use super::kernel::{Block, Kernel, Simd};
use super::lanes::{Lanes, Row};
use super::masks::{GateStep, StepMasks};
use super::params::LayerParams;
use super::products::{Back, Operand, product, product_back};
use super::real::Real;

impl<R: Real> StepMasks<'_, R> {
    /// The masks of a block on their way into c'; `place` is `row * N + block`.
    #[inline(always)]
    pub fn candidate<S: Simd<R>>(&self, simd: S, place: usize) -> CandidateMasks<S::Block> {
        CandidateMasks {
            candidate: self.candidate.map(|mask| mask.block(simd, place)),
            cell: self.cell.map(|mask| mask.block(simd, place)),
        }
    }

    /// Zoneout's share of c(t-1).
    #[inline(always)]
    pub fn zone_cell<S: Simd<R>>(&self, simd: S, place: usize) -> Option<S::Block> {
        self.zone.map(|(cell, _)| cell.block(simd, place))
    }

    /// Zoneout's share of h(t-1).
    #[inline(always)]
    pub fn zone_hidden<S: Simd<R>>(&self, simd: S, place: usize) -> Option<S::Block> {
        self.zone.map(|(_, hidden)| hidden.block(simd, place))
    }

    /// Zoneout of a block.
    #[inline(always)]
    fn zone<S: Simd<R>>(&self, simd: S, place: usize) -> Option<Zone<S::Block>> {
        let reading = self.reading;
        self.zone.map(|(cell, hidden)| Zone { cell: cell.block(simd, place), hidden: hidden.block(simd, place), reading })
    }
}

/// Four gates from memory.
#[inline(always)]
pub fn load_row<R: Real, S: Simd<R>>(simd: S, row: &Row<R>) -> [S::Block; 4] {
    [simd.load(&row[0]), simd.load(&row[1]), simd.load(&row[2]), simd.load(&row[3])]
}

/// Four gates to memory.
#[inline(always)]
pub fn store_row<R: Real, B: Block<R>>(gates: [B; 4], row: &mut Row<R>) {
    for gate in 0..4 {
        gates[gate].store(&mut row[gate]);
    }
}

/// What a step forward reads and writes.
#[derive(Debug)]
pub struct ForwardStep<'a, R> {
    /// Of the window.
    pub time: usize,
    /// B
    pub rows: usize,
    /// N
    pub blocks: usize,
    /// The layer's parameters.
    pub params: LayerParams<'a, R>,
    /// The masks inside the cell, `[B][N]`.
    pub masks: StepMasks<'a, R>,
    /// The mask of the new h before U.
    pub recurrent_mask: GateStep<'a, R>,
    /// What W multiplies, from this step on.
    pub x: Operand<'a, R>,
    /// What U multiplies, from this step on.
    pub recurrent: Operand<'a, R>,
    /// `[B][N]`
    pub c_before: &'a [Lanes<R>],
    /// `[B][N]`
    pub h_before: &'a [Lanes<R>],
    /// `[N][B]`
    pub gates: &'a mut [Row<R>],
    /// `[B][N]`, and so the rest.
    pub c: &'a mut [Lanes<R>],
    /// New h.
    pub h: &'a mut [Lanes<R>],
    /// New h under the recurrent mask, `[G][B][N]`; empty without.
    pub masked_h: &'a mut [Lanes<R>],
    /// tanh of the cell state that the output reads.
    pub tanh_c: &'a mut [Lanes<R>],
}

impl<R: Real> ForwardStep<'_, R> {
    /// The part of W, and that of U, which give a block: `[K]` panel rows each.
    #[inline(always)]
    pub fn panels(&self, block: usize) -> (&[Row<R>], &[Row<R>]) {
        let (inputs, hidden) = (self.x.width(), self.recurrent.width());
        (&self.params.w[block * inputs..][..inputs], &self.params.u[block * hidden..][..hidden])
    }

    /// Keeps the new h of a block, and what U will multiply of it.
    #[inline(always)]
    pub fn keep_h<S: Simd<R>>(&mut self, simd: S, place: usize, h: S::Block) {
        h.store(&mut self.h[place]);
        let size = self.rows * self.blocks;
        for (copy, mask) in self.recurrent_mask.copies().iter().enumerate() {
            (h * mask.block(simd, place)).store(&mut self.masked_h[copy * size + place]);
        }
    }
}

/// All blocks and rows of a step.
#[derive(Debug)]
pub struct Forward<'s, 'a, R>(pub &'s mut ForwardStep<'a, R>);

impl<R: Real> Kernel<R> for Forward<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        let step = self.0;
        for block in 0..step.blocks {
            tiles!(S, R, step.rows, row, M => forward_tile::<R, S, M>(simd, step, block, row));
        }
    }
}

/// M rows of a block from inputs to outputs.
#[inline(always)]
fn forward_tile<R: Real, S: Simd<R>, const M: usize>(simd: S, step: &mut ForwardStep<'_, R>, block: usize, row: usize) {
    let (w, u) = step.panels(block);
    let mut acc = [load_row(simd, &step.params.b[block]); M];
    product::<R, S, M>(simd, &mut acc, &step.x, row, w);
    product::<R, S, M>(simd, &mut acc, &step.recurrent, row, u);
    for (m, &a) in acc.iter().enumerate() {
        let place = (row + m) * step.blocks + block;
        let (masks, zone) = (step.masks.candidate(simd, place), step.masks.zone(simd, place));
        let (c_before, h_before) = (simd.load(&step.c_before[place]), simd.load(&step.h_before[place]));
        let new = cell::forward::<R, S::Block>(a, c_before, h_before, &masks, zone.as_ref());
        store_row(new.gates, &mut step.gates[block * step.rows + row + m]);
        new.c.store(&mut step.c[place]);
        new.tanh_c.store(&mut step.tanh_c[place]);
        step.keep_h(simd, place, new.h);
    }
}

/// What a step backward reads and writes.
#[derive(Debug)]
pub struct BackwardStep<'a, R> {
    /// Of the window.
    pub time: usize,
    /// Is it the last one?
    pub last: bool,
    /// B
    pub rows: usize,
    /// N
    pub blocks: usize,
    /// The masks inside the cell, `[B][N]`.
    pub masks: StepMasks<'a, R>,
    /// The mask of h before U.
    pub recurrent_mask: GateStep<'a, R>,
    /// Transposed U, `[N][64 N]`.
    pub u_transposed: &'a [Lanes<R>],
    /// Gradients of the outputs from above, `[B][N]`.
    pub upstream: Option<&'a [Lanes<R>]>,
    /// `[N][B]`
    pub gates: &'a [Row<R>],
    /// `[B][N]`, and so the rest.
    pub c_before: &'a [Lanes<R>],
    /// tanh of the cell state that the output read.
    pub tanh_c: &'a [Lanes<R>],
    /// Gradient of c on its way back.
    pub d_c: &'a mut [Lanes<R>],
    /// Gradient of h on its way back past the gates, where zoneout keeps some of h.
    pub d_h: &'a mut [Lanes<R>],
}

impl<R: Real> BackwardStep<'_, R> {
    /// The gradients of h(t) of M rows of G blocks: through the next step's products, past them, and from above. `later` are the
    /// gradients of the next step's products `U h`, `[N][B]`; empty at the last step.
    #[inline(always)]
    pub fn d_h<S: Simd<R>, const M: usize, const G: usize>(
        &self,
        simd: S,
        later: &[Row<R>],
        row: usize,
        block: usize,
    ) -> Tile<S::Block, M, G> {
        let (rows, blocks, mask) = (self.rows, self.blocks, self.recurrent_mask);
        let back = Back { deltas: later, rows, panels: self.u_transposed, blocks, mask };
        let mut acc = product_back::<R, S, M, G>(simd, &back, row, block);
        for (m, acc) in acc.iter_mut().enumerate() {
            for (g, d_h) in acc.iter_mut().enumerate() {
                let place = (row + m) * self.blocks + block + g;
                if self.masks.zone.is_some() {
                    *d_h = *d_h + simd.load(&self.d_h[place]);
                }
                if let Some(upstream) = self.upstream {
                    *d_h = *d_h + simd.load(&upstream[place]);
                }
            }
        }
        acc
    }
}

/// All blocks and rows of a step; `later` as in [`BackwardStep::d_h`].
#[derive(Debug)]
pub struct Backward<'s, 'a, R> {
    /// The step.
    pub step: &'s mut BackwardStep<'a, R>,
    /// Gradients of the pre-activations, `[N][B]`.
    pub deltas: &'s mut [Row<R>],
    /// `[N][B]`, or empty.
    pub later: &'s [Row<R>],
}

impl<R: Real> Kernel<R> for Backward<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        let Backward { step, deltas, later } = self;
        columns!(S, R, step.blocks, block, G => {
            tiles!(S, R, step.rows, row, M => backward_tile::<R, S, M, G>(simd, step, (&mut *deltas, later), row, block));
        });
    }
}

/// M rows of G blocks from the gradients of the outputs to those of the pre-activations.
#[inline(always)]
fn backward_tile<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    step: &mut BackwardStep<'_, R>,
    (deltas, later): (&mut [Row<R>], &[Row<R>]),
    row: usize,
    block: usize,
) {
    let acc = step.d_h::<S, M, G>(simd, later, row, block);
    for (m, acc) in acc.iter().enumerate() {
        for (g, &d_h) in acc.iter().enumerate() {
            let place = (row + m) * step.blocks + block + g;
            let (masks, zone) = (step.masks.candidate(simd, place), step.masks.zone(simd, place));
            let index = (block + g) * step.rows + row + m;
            let state = (simd.load(&step.c_before[place]), simd.load(&step.tanh_c[place]));
            let d_state = (d_h, simd.load(&step.d_c[place]));
            let gradient =
                cell::backward::<R, S::Block>(load_row(simd, &step.gates[index]), state, d_state, &masks, zone.as_ref());
            store_row(gradient.gates, &mut deltas[index]);
            gradient.c.store(&mut step.d_c[place]);
            if zone.is_some() {
                gradient.h.store(&mut step.d_h[place]);
            }
        }
    }
}

/// The gradients of a step's inputs, all blocks and rows.
#[derive(Debug)]
pub struct BackwardInputs<'s, 'a, R> {
    /// What they are computed from.
    pub back: Back<'a, R>,
    /// `[B][N']`
    pub d_x: &'s mut [Lanes<R>],
}

impl<R: Real> Kernel<R> for BackwardInputs<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(mut self, simd: S) {
        columns!(S, R, self.back.blocks, block, G => {
            tiles!(S, R, self.back.rows, row, M => input_tile::<R, S, M, G>(simd, &mut self, row, block));
        });
    }
}

/// M rows of G blocks from the gradients of the products to those of the inputs.
#[inline(always)]
fn input_tile<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    step: &mut BackwardInputs<'_, '_, R>,
    row: usize,
    block: usize,
) {
    let d_x = product_back::<R, S, M, G>(simd, &step.back, row, block);
    for (m, d_x) in d_x.iter().enumerate() {
        for (g, &d_x) in d_x.iter().enumerate() {
            d_x.store(&mut step.d_x[(row + m) * step.back.blocks + block + g]);
        }
    }
}
