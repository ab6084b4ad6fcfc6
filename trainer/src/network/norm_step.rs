//! One step of a layer with layer norm, forward and backward. A norm needs a whole row before it can go on, so that products come
//! first, for all blocks, and then each row from norm to norm. The forms are those of [`NormForm`].
//!
//! A row's statistics are a chain of sums, a division and a root, and its next norm waits for them. So rows go from one stage to the next
//! together, as many as the first-level cache holds: while the chains of some are under way, others are worked on.

use std::ops::Range;

use super::cell;
use super::kernel::tile::{columns, tiles};
use super::kernel::{Block, Kernel, Simd};
use super::lanes::Row;
use super::norm::{NormBack, Places};
use super::norm_buffers::{NormBuffers, STAGE};
use super::params::{NormGradients, NormParams};
use super::plain::NormForm;
use super::products::{Operand, product};
use super::real::Real;
use super::step::{BackwardStep, ForwardStep, load_row, store_row};
use crate::regularize::settings::Reading;

/// Rows whose sums run beside each other.
const TOGETHER: usize = 4;

/// Blocks in a stage: what they read and write fits the first-level cache.
const STAGE_BLOCKS: usize = 32;

/// The rows of each stage.
fn stages(rows: usize, blocks: usize) -> impl Iterator<Item = Range<usize>> {
    let stage = (STAGE_BLOCKS / blocks).clamp(TOGETHER, STAGE);
    (0..rows).step_by(stage).map(move |first| first..rows.min(first + stage))
}

/// Calls a function on several rows at a time, then on those that are left.
macro_rules! together {
    ($rows:expr, $row:ident, $m:ident => $call:expr) => {{
        let rows: Range<usize> = $rows;
        let mut $row = rows.start;
        while rows.end - $row >= TOGETHER {
            const $m: usize = TOGETHER;
            $call;
            $row += $m;
        }
        while rows.end > $row {
            const $m: usize = 1;
            $call;
            $row += $m;
        }
    }};
}

/// All blocks and rows of a step.
#[derive(Debug)]
pub struct NormForward<'s, 'a, 'p, R> {
    /// What the norms keep.
    pub norm: &'s mut NormBuffers<R>,
    /// The step.
    pub step: &'s mut ForwardStep<'a, R>,
    /// Gains and shifts.
    pub params: &'s NormParams<'p, R>,
}

impl<R: Real> Kernel<R> for NormForward<'_, '_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        let NormForward { norm, step, params } = self;
        let (rows, n) = (step.rows, step.blocks);
        let (from, size) = (step.time * rows, rows * n);
        let joint = norm.form == NormForm::Joint;
        let x = &mut norm.x[from * n..][..size];
        let h = if joint { &mut [][..] } else { &mut norm.h[from * n..][..size] };
        for block in 0..n {
            let (w, u) = step.panels(block);
            let z = &mut x[block * rows..][..rows];
            if joint {
                let (bias, factors) = (load_row(simd, &step.params.b[block]), [(&step.x, w), (&step.recurrent, u)]);
                tiles!(S, R, rows, row, M => product_tile::<R, S, M, 2>(simd, factors, bias, z, row));
            } else {
                let (bias, factors) = (load_row(simd, &params.bias_x[block]), [(&step.x, w)]);
                tiles!(S, R, rows, row, M => product_tile::<R, S, M, 1>(simd, factors, bias, z, row));
                let z = &mut h[block * rows..][..rows];
                let (bias, factors) = ([simd.splat(R::ZERO); 4], [(&step.recurrent, u)]);
                tiles!(S, R, rows, row, M => product_tile::<R, S, M, 1>(simd, factors, bias, z, row));
            }
        }
        for rows in stages(rows, n) {
            together!(rows.clone(), row, M => statistics::<R, S, M>(simd, norm, step, row));
            together!(rows.clone(), row, M => gates::<R, S, M>(simd, norm, step, params, row));
            if !joint {
                together!(rows.clone(), row, M => norm.cell.statistics::<S, M>(simd, from + row, &step.tanh_c[row * n..][..M * n]));
            }
            for row in rows {
                outputs::<R, S>(simd, norm, step, params, row);
            }
        }
    }
}

/// The statistics of M rows of products.
#[inline(always)]
fn statistics<R: Real, S: Simd<R>, const M: usize>(simd: S, norm: &mut NormBuffers<R>, step: &ForwardStep<'_, R>, row: usize) {
    let (from, size, n) = (step.time * step.rows, step.rows * step.blocks, step.blocks);
    let places = Places { first: row, row: 1, block: step.rows };
    let x = norm.gates.statistics::<S, M, 4>(simd, &norm.x[from * n..][..size], places);
    norm.statistics_x[from + row..][..M].copy_from_slice(&x);
    if norm.form != NormForm::Joint {
        let h = norm.gates.statistics::<S, M, 4>(simd, &norm.h[from * n..][..size], places);
        norm.statistics_h[from + row..][..M].copy_from_slice(&h);
    }
}

/// M rows from products to c', which stays where tanh(c) will be.
#[inline(always)]
fn gates<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &mut ForwardStep<'_, R>,
    params: &NormParams<'_, R>,
    row: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let (from, size) = (step.time * rows, rows * n);
    let joint = norm.form == NormForm::Joint;
    let zoned = step.masks.zone.is_some() && step.masks.reading == Reading::Zoned;
    let x = &mut norm.x[from * n..][..size];
    let h = if joint { &mut [][..] } else { &mut norm.h[from * n..][..size] };
    for block in 0..n {
        let (gain_x, mut shift) = (load_row(simd, &params.gain_x[block]), load_row(simd, &params.shift_x[block]));
        let mut gain_h = gain_x;
        if !joint {
            gain_h = load_row(simd, &params.gain_h[block]);
            let (shift_h, bias) = (load_row(simd, &params.shift_h[block]), load_row(simd, &step.params.b[block]));
            for gate in 0..4 {
                shift[gate] = shift[gate] + shift_h[gate] + bias[gate];
            }
        }
        for row in row..row + M {
            let (place, unit) = (block * rows + row, row * n + block);
            let mut a = shift;
            if !joint {
                let normalized = norm.gates.normalize(simd, load_row(simd, &h[place]), &norm.statistics_h[from + row], block);
                store_row(normalized, &mut h[place]);
                for gate in 0..4 {
                    a[gate] = gain_h[gate].mul_add(normalized[gate], a[gate]);
                }
            }
            let normalized = norm.gates.normalize(simd, load_row(simd, &x[place]), &norm.statistics_x[from + row], block);
            store_row(normalized, &mut x[place]);
            for gate in 0..4 {
                a[gate] = gain_x[gate].mul_add(normalized[gate], a[gate]);
            }
            let gates = cell::activate::<R, S::Block>(a);
            store_row(gates, &mut step.gates[place]);
            let (masks, c_before) = (step.masks.candidate(simd, unit), simd.load(&step.c_before[unit]));
            let mut read = cell::candidate::<R, S::Block>(gates, c_before, &masks);
            if norm.form != NormForm::B {
                let c = cell::blend::<R, S::Block>(step.masks.zone_cell(simd, unit), c_before, read);
                c.store(&mut step.c[unit]);
                if zoned {
                    read = c;
                }
            }
            read.store(&mut step.tanh_c[unit]);
        }
    }
}

/// A row from c' to h.
#[inline(always)]
fn outputs<R: Real, S: Simd<R>>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &mut ForwardStep<'_, R>,
    params: &NormParams<'_, R>,
    row: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let zoned = step.masks.zone.is_some() && step.masks.reading == Reading::Zoned;
    for block in 0..n {
        let (place, unit) = (block * rows + row, row * n + block);
        let mut read = simd.load(&step.tanh_c[unit]);
        if norm.form != NormForm::Joint {
            read = norm.cell.forward(simd, step.time * rows + row, block, params, read);
        }
        if norm.form == NormForm::B {
            let c = cell::blend::<R, S::Block>(step.masks.zone_cell(simd, unit), simd.load(&step.c_before[unit]), read);
            c.store(&mut step.c[unit]);
            if zoned {
                read = c;
            }
        }
        let (tanh_c, h) = cell::output::<R, S::Block>(simd.load(&step.gates[place][3]), read);
        tanh_c.store(&mut step.tanh_c[unit]);
        let (share, before) = (step.masks.zone_hidden(simd, unit), simd.load(&step.h_before[unit]));
        step.keep_h(simd, unit, cell::blend::<R, S::Block>(share, before, h));
    }
}

/// All blocks and rows of a step backward; adds to the gradients of the gains, and of the norm on c.
#[derive(Debug)]
pub struct NormBackward<'s, 'a, 'p, 'g, R> {
    /// What the norms kept.
    pub norm: &'s mut NormBuffers<R>,
    /// The step.
    pub step: &'s mut BackwardStep<'a, R>,
    /// Gains and shifts.
    pub params: &'s NormParams<'p, R>,
    /// Their gradients.
    pub gradients: &'s mut NormGradients<'g, R>,
}

impl<R: Real> Kernel<R> for NormBackward<'_, '_, '_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        let NormBackward { norm, step, params, gradients } = self;
        let (rows, n) = (step.rows, step.blocks);
        let (from, size) = (step.time * rows, rows * n);
        let recurrent = if norm.form == NormForm::Joint { &norm.x } else { &norm.h };
        let later = if step.last { &[] } else { &recurrent[from * n + size..][..size] };
        columns!(S, R, n, block, G => {
            tiles!(S, R, rows, row, M => d_h_tile::<R, S, M, G>(simd, step, later, row, block));
        });
        for rows in stages(rows, n) {
            let first = rows.start;
            together!(rows.clone(), row, M => outputs_back::<R, S, M>(simd, norm, step, (params, gradients), row, first));
            for row in rows.clone() {
                gates_back::<R, S>(simd, norm, step, params, row, first);
            }
            together!(rows.clone(), row, M => means_back::<R, S, M>(simd, norm, step, (params, gradients), row, first));
            for row in rows {
                products_back::<R, S>(simd, norm, step, params, row, first);
            }
        }
    }
}

/// M rows from the gradients of h(t) to those of o's pre-activations and of the cell state that the output read, and to the means which
/// the norm on c needs of these; `first` is the stage's first row.
#[inline(always)]
fn outputs_back<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &mut BackwardStep<'_, R>,
    (params, gradients): (&NormParams<'_, R>, &mut NormGradients<'_, R>),
    row: usize,
    first: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let d_read = &mut norm.d_read[(row - first) * n..][..M * n];
    for m in 0..M {
        for block in 0..n {
            let unit = (row + m) * n + block;
            let (share, d_h) = (step.masks.zone_hidden(simd, unit), simd.load(&step.d_h[unit]));
            let (d_h_before, d_h) = cell::blend_backward::<R, S::Block>(share, d_h);
            d_h_before.store(&mut step.d_h[unit]);
            let o = &mut step.gates[block * rows + row + m][3];
            let (d_o, mut d) = cell::output_backward::<R, S::Block>(simd.load(o), simd.load(&step.tanh_c[unit]), d_h);
            d_o.store(o);
            if norm.form == NormForm::B {
                let (share, d_c) = (step.masks.zone_cell(simd, unit), simd.load(&step.d_c[unit]));
                let (d_before, d_new) = cell::cell_backward::<R, S::Block>(share, step.masks.reading, d_c, d);
                d_before.store(&mut step.d_c[unit]);
                d = d_new;
            }
            d.store(&mut d_read[m * n + block]);
        }
    }
    if norm.form != NormForm::Joint {
        norm.cell.means_back::<S, M>(simd, (step.time * rows + row, row - first), params, gradients, d_read);
    }
}

/// A row from the gradients of the cell state that the output read to those of the pre-activations and of c(t-1).
#[inline(always)]
fn gates_back<R: Real, S: Simd<R>>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &mut BackwardStep<'_, R>,
    params: &NormParams<'_, R>,
    row: usize,
    first: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let mut d_read = &norm.d_read[(row - first) * n..][..n];
    if norm.form != NormForm::Joint {
        d_read = norm.cell.backward(simd, (step.time * rows + row, row - first), params, d_read);
    }
    for block in 0..n {
        let unit = row * n + block;
        let (mut d_before, mut d_new) = (simd.load(&step.d_c[unit]), simd.load(&d_read[block]));
        if norm.form != NormForm::B {
            let share = step.masks.zone_cell(simd, unit);
            (d_before, d_new) = cell::cell_backward::<R, S::Block>(share, step.masks.reading, d_before, d_new);
        }
        let lanes = &mut step.gates[block * rows + row];
        let gates = load_row(simd, lanes);
        let (masks, c_before) = (step.masks.candidate(simd, unit), simd.load(&step.c_before[unit]));
        let ([d_i, d_f, d_g], d_c) = cell::candidate_backward::<R, S::Block>(gates, c_before, &masks, d_new);
        for (gate, d) in [d_i, d_f, d_g].iter().enumerate() {
            d.store(&mut lanes[gate]);
        }
        (d_before + d_c).store(&mut step.d_c[unit]);
    }
}

/// The means which the norms on pre-activations need of the gradients of M rows.
#[inline(always)]
fn means_back<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &BackwardStep<'_, R>,
    (params, gradients): (&NormParams<'_, R>, &mut NormGradients<'_, R>),
    row: usize,
    first: usize,
) {
    let (from, size, n) = (step.time * step.rows, step.rows * step.blocks, step.blocks);
    let places = Places { first: row, row: 1, block: step.rows };
    let back = |gain| NormBack { d_y: &*step.gates, places, gain, scope: norm.gates };
    let x = back(params.gain_x).means::<S, M>(simd, &norm.x[from * n..][..size], places, gradients.gain_x);
    norm.means_x[row - first..][..M].copy_from_slice(&x);
    if norm.form != NormForm::Joint {
        let h = back(params.gain_h).means::<S, M>(simd, &norm.h[from * n..][..size], places, gradients.gain_h);
        norm.means_h[row - first..][..M].copy_from_slice(&h);
    }
}

/// A row from the gradients of the pre-activations to those of the products.
#[inline(always)]
fn products_back<R: Real, S: Simd<R>>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &BackwardStep<'_, R>,
    params: &NormParams<'_, R>,
    row: usize,
    first: usize,
) {
    let (from, size, n) = (step.time * step.rows, step.rows * step.blocks, step.blocks);
    let places = Places { first: row, row: 1, block: step.rows };
    let back = |gain| NormBack { d_y: &*step.gates, places, gain, scope: norm.gates };
    let whole = (&norm.means_x[row - first], &norm.statistics_x[from + row].scales);
    back(params.gain_x).finish(simd, 0, whole, &mut norm.x[from * n..][..size], places);
    if norm.form != NormForm::Joint {
        let whole = (&norm.means_h[row - first], &norm.statistics_h[from + row].scales);
        back(params.gain_h).finish(simd, 0, whole, &mut norm.h[from * n..][..size], places);
    }
}

/// M rows of a block's products, of F matrices; z is `[B]`.
#[inline(always)]
fn product_tile<R: Real, S: Simd<R>, const M: usize, const F: usize>(
    simd: S,
    factors: [(&Operand<'_, R>, &[Row<R>]); F],
    bias: [S::Block; 4],
    z: &mut [Row<R>],
    row: usize,
) {
    let mut acc = [bias; M];
    for (operand, panel) in factors {
        product::<R, S, M>(simd, &mut acc, operand, row, panel);
    }
    for m in 0..M {
        store_row(acc[m], &mut z[row + m]);
    }
}

/// M rows of G blocks' gradients of h(t).
#[inline(always)]
fn d_h_tile<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    step: &mut BackwardStep<'_, R>,
    later: &[Row<R>],
    row: usize,
    block: usize,
) {
    let acc = step.d_h::<S, M, G>(simd, later, row, block);
    for m in 0..M {
        for g in 0..G {
            acc[m][g].store(&mut step.d_h[(row + m) * step.blocks + block + g]);
        }
    }
}
