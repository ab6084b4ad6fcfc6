//! One step of a layer without norms, forward and backward: products and cell fused, a tile of rows of a block at a time, while the
//! pre-activations are in registers. Cells with layer norm take [`crate::network::norm_step`] instead, on the same views.

use super::cell;
use super::lanes::{LANES, Lanes, Row, add, multiply, tiles};
use super::params::LayerParams;
use super::products::{Back, Operand, product, product_back};
use super::real::Real;
use crate::regularize::plan::LayerPlan;

/// What a step forward reads and writes.
#[derive(Debug)]
pub struct ForwardStep<'a, R> {
    /// Of the window.
    pub time: usize,
    /// B
    pub rows: usize,
    /// N
    pub blocks: usize,
    /// The batch row of the first window.
    pub first_row: usize,
    /// The layer's parameters.
    pub params: LayerParams<'a, R>,
    /// Its regularizers.
    pub plan: &'a LayerPlan<R>,
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
    /// Keeps the new h of a block, and what U will multiply of it.
    #[inline(always)]
    pub fn keep_h(&mut self, row: usize, block: usize, h: &Lanes<R>) {
        let place = row * self.blocks + block;
        self.h[place] = *h;
        if let Some(mask) = &self.plan.recurrent {
            for copy in 0..mask.copies() {
                let masked = &mut self.masked_h[copy * self.rows * self.blocks + place];
                *masked = *h;
                multiply(masked, &mask.copy(copy).lanes(self.first_row + row, self.time, block));
            }
        }
    }
}

/// All blocks and rows of a step.
pub fn forward<R: Real>(step: &mut ForwardStep<'_, R>) {
    for block in 0..step.blocks {
        tiles!(step.rows, row => forward_tile::<R, _>(step, block, row));
    }
}

/// M rows of a block from inputs to outputs.
#[inline(always)]
fn forward_tile<R: Real, const M: usize>(step: &mut ForwardStep<'_, R>, block: usize, row: usize) {
    let (inputs, hidden) = (step.x.width(), step.recurrent.width());
    let LayerParams { w, u, b, .. } = step.params;
    let (w, u) = (&w[block * inputs..][..inputs], &u[block * hidden..][..hidden]);
    let activations: [[Lanes<R>; M]; 4] = std::array::from_fn(|gate| {
        let mut acc = [b[block][gate]; M];
        product(&mut acc, &step.x, row, w, gate);
        product(&mut acc, &step.recurrent, row, u, gate);
        acc
    });
    for m in 0..M {
        let a = activations.map(|gate| gate[m]);
        let place = (row + m) * step.blocks + block;
        let batch_row = step.first_row + row + m;
        let masks = step.plan.candidate(batch_row, step.time, block);
        let zone = step.plan.zone.as_ref().map(|zone| zone.at(batch_row, step.time, block));
        let new = cell::forward(&a, &step.c_before[place], &step.h_before[place], &masks, zone.as_ref());
        step.gates[block * step.rows + row + m] = new.gates;
        step.c[place] = new.c;
        step.tanh_c[place] = new.tanh_c;
        step.keep_h(row + m, block, &new.h);
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
    /// The batch row of the first window.
    pub first_row: usize,
    /// Its regularizers.
    pub plan: &'a LayerPlan<R>,
    /// Transposed U, `[N][64 N]`.
    pub u_transposed: &'a [Lanes<R>],
    /// Gradients of the outputs from above, `[B][N]`.
    pub upstream: Option<&'a [Lanes<R>]>,
    /// Gates in, gradients of the pre-activations out, `[N][B]`.
    pub gates: &'a mut [Row<R>],
    /// `[B][N]`, and so the rest.
    pub c_before: &'a [Lanes<R>],
    /// tanh of the cell state that the output read.
    pub tanh_c: &'a [Lanes<R>],
    /// Gradient of c on its way back.
    pub d_c: &'a mut [Lanes<R>],
    /// Gradient of h on its way back past the gates.
    pub d_h: &'a mut [Lanes<R>],
}

impl<R: Real> BackwardStep<'_, R> {
    /// The gradients of h(t) of M rows of a block: through the next step's products, past them, and from above. `later` are the
    /// gradients of the next step's products `U h`, `[N][B]`; empty at the last step.
    #[inline(always)]
    pub fn d_h<const M: usize>(&self, later: &[Row<R>], block: usize, row: usize) -> [Lanes<R>; M] {
        let depth = self.blocks * 4 * LANES;
        let mut acc = product_back::<R, M>(
            &Back {
                deltas: later,
                rows: self.rows,
                panel: &self.u_transposed[block * depth..][..depth],
                mask: self.plan.recurrent.as_ref(),
                first_row: self.first_row,
                time: self.time,
                block,
            },
            row,
        );
        for (m, d_h) in acc.iter_mut().enumerate() {
            let place = (row + m) * self.blocks + block;
            add(d_h, &self.d_h[place]);
            if let Some(upstream) = self.upstream {
                add(d_h, &upstream[place]);
            }
        }
        acc
    }
}

/// All blocks and rows of a step; `later` as in [`BackwardStep::d_h`].
pub fn backward<R: Real>(step: &mut BackwardStep<'_, R>, later: &[Row<R>]) {
    for block in 0..step.blocks {
        tiles!(step.rows, row => backward_tile::<R, _>(step, later, block, row));
    }
}

/// M rows of a block from the gradients of the outputs to those of the pre-activations.
#[inline(always)]
fn backward_tile<R: Real, const M: usize>(step: &mut BackwardStep<'_, R>, later: &[Row<R>], block: usize, row: usize) {
    for (m, d_h) in step.d_h::<M>(later, block, row).iter().enumerate() {
        let place = (row + m) * step.blocks + block;
        let batch_row = step.first_row + row + m;
        let masks = step.plan.candidate(batch_row, step.time, block);
        let zone = step.plan.zone.as_ref().map(|zone| zone.at(batch_row, step.time, block));
        let (c_before, tanh_c) = (&step.c_before[place], &step.tanh_c[place]);
        let gates = &mut step.gates[block * step.rows + row + m];
        let gradient = cell::backward(gates, c_before, tanh_c, d_h, &step.d_c[place], &masks, zone.as_ref());
        *gates = gradient.gates;
        step.d_c[place] = gradient.c;
        step.d_h[place] = gradient.h;
    }
}

/// What the gradients of a step's inputs are computed from.
#[derive(Debug)]
pub struct InputStep<'a, R> {
    /// Of the window.
    pub time: usize,
    /// B
    pub rows: usize,
    /// N
    pub blocks: usize,
    /// N'
    pub input_blocks: usize,
    /// The batch row of the first window.
    pub first_row: usize,
    /// Its regularizers.
    pub plan: &'a LayerPlan<R>,
    /// Transposed W, `[N'][64 N]`.
    pub w_transposed: &'a [Lanes<R>],
    /// Gradients of the products `W x`, `[N][B]`.
    pub deltas: &'a [Row<R>],
    /// `[B][N']`
    pub d_x: &'a mut [Lanes<R>],
}

/// All blocks and rows of a step's inputs.
pub fn backward_inputs<R: Real>(step: &mut InputStep<'_, R>) {
    for block in 0..step.input_blocks {
        tiles!(step.rows, row => input_tile::<R, _>(step, block, row));
    }
}

/// M rows of a block from the gradients of the products to those of the inputs.
#[inline(always)]
fn input_tile<R: Real, const M: usize>(step: &mut InputStep<'_, R>, block: usize, row: usize) {
    let depth = step.blocks * 4 * LANES;
    let d_x = product_back::<R, M>(
        &Back {
            deltas: step.deltas,
            rows: step.rows,
            panel: &step.w_transposed[block * depth..][..depth],
            mask: step.plan.input.as_ref(),
            first_row: step.first_row,
            time: step.time,
            block,
        },
        row,
    );
    for (m, d_x) in d_x.iter().enumerate() {
        step.d_x[(row + m) * step.input_blocks + block] = *d_x;
    }
}
