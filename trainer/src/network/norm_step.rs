//! One step of a layer with layer norm, forward and backward. A norm needs a whole row before it can go on, so that products come
//! first, for all blocks, and then each row from norm to norm. The forms are those of [`NormForm`].
//!
//! A row's statistics are a chain of sums, a division and a root. So rows go from one stage to the next together, as many as the caches
//! hold, and their chains overlap. Within a stage rows follow within blocks, so that gains and their gradients stay in registers.

use std::ops::Range;

use super::cell;
use super::kernel::tile::{columns, tiles};
use super::kernel::{Block, Kernel, Simd};
use super::lanes::{Lanes, Row};
use super::norm_buffers::NormBuffers;
use super::norm_cell::CellNorm;
use super::norm_product::ProductStep;
use super::params::{NormGradients, NormParams};
use super::plain::NormForm;
use super::products::{Operand, product};
use super::real::Real;
use super::step::{BackwardStep, ForwardStep, load_row, store_row};
use crate::regularize::settings::Reading;

/// Rows whose sums run beside each other.
const TOGETHER: usize = 4;

/// Blocks in a stage: what they read and write stays near.
const STAGE_BLOCKS: usize = 64;

/// The rows of each stage.
fn stages(rows: usize, blocks: usize) -> impl Iterator<Item = Range<usize>> {
    let stage = (STAGE_BLOCKS / blocks).max(TOGETHER);
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
        let gains = [self.params.gain_x, self.params.gain_h];
        match self.norm.form {
            NormForm::Joint => self.run_of::<S, 1>(simd, [gains[0]]),
            NormForm::A | NormForm::B => self.run_of::<S, 2>(simd, gains),
        }
    }
}

impl<R: Real> NormForward<'_, '_, '_, R> {
    /// With F norms over products.
    #[inline(always)]
    fn run_of<S: Simd<R>, const F: usize>(self, simd: S, gains: [&[Row<R>]; F]) {
        let NormForward { norm: NormBuffers { form, products, cell, .. }, step, params } = self;
        let (rows, n, time) = (step.rows, step.blocks, step.time);
        let Some(products) = products.first_chunk_mut::<F>() else { return };
        let mut products = products.each_mut().map(|product| product.forward(time, rows, n));
        for block in 0..n {
            let (w, u) = step.panels(block);
            if let [x, h] = &mut products[..] {
                let (bias, factors) = (load_row(simd, &params.bias_x[block]), [(&step.x, w)]);
                tiles!(S, R, rows, row, M => product_tile::<R, S, M, 1>(simd, factors, bias, x, (block * rows, row)));
                let (bias, factors) = ([simd.splat(R::ZERO); 4], [(&step.recurrent, u)]);
                tiles!(S, R, rows, row, M => product_tile::<R, S, M, 1>(simd, factors, bias, h, (block * rows, row)));
            } else {
                let (bias, factors) = (load_row(simd, &step.params.b[block]), [(&step.x, w), (&step.recurrent, u)]);
                let joint = &mut products[0];
                tiles!(S, R, rows, row, M => product_tile::<R, S, M, 2>(simd, factors, bias, joint, (block * rows, row)));
            }
        }
        for rows in stages(rows, n) {
            for product in &mut products {
                together!(rows.clone(), row, M => product.take_scales::<S, M>(simd, row));
            }
            gates::<R, S, F>(simd, (*form, &products), gains, step, params, rows.clone());
            if *form != NormForm::Joint {
                let index = time * step.rows;
                together!(rows.clone(), row, M => cell.statistics::<S, M>(simd, index + row, &step.tanh_c[row * n..][..M * n]));
            }
            for row in rows {
                outputs::<R, S>(simd, (*form, cell), step, params, row);
            }
        }
    }
}

/// M rows of a block's products, of P matrices; `first` is the block's first place.
#[inline(always)]
fn product_tile<R: Real, S: Simd<R>, const M: usize, const P: usize>(
    simd: S,
    factors: [(&Operand<'_, R>, &[Row<R>]); P],
    bias: [S::Block; 4],
    norm: &mut ProductStep<'_, R>,
    (first, row): (usize, usize),
) {
    let mut acc = [bias; M];
    for (operand, panel) in factors {
        product::<R, S, M>(simd, &mut acc, operand, row, panel);
    }
    for m in 0..M {
        norm.keep(simd, first + row + m, row + m, acc[m]);
    }
}

/// Some rows from products under their F norms to c', which stays where tanh(c) will be.
#[inline(always)]
fn gates<R: Real, S: Simd<R>, const F: usize>(
    simd: S,
    (form, products): (NormForm, &[ProductStep<'_, R>; F]),
    gains: [&[Row<R>]; F],
    step: &mut ForwardStep<'_, R>,
    params: &NormParams<'_, R>,
    stage: Range<usize>,
) {
    let (rows, n) = (step.rows, step.blocks);
    let zoned = step.masks.zone.is_some() && step.masks.reading == Reading::Zoned;
    for block in 0..n {
        let mut shift = load_row(simd, &params.shift_x[block]);
        if form != NormForm::Joint {
            let (shift_h, bias) = (load_row(simd, &params.shift_h[block]), load_row(simd, &step.params.b[block]));
            for gate in 0..4 {
                shift[gate] = shift[gate] + shift_h[gate] + bias[gate];
            }
        }
        let mut gain = [shift; F];
        for f in 0..F {
            gain[f] = load_row(simd, &gains[f][block]);
        }
        for row in stage.clone() {
            let (place, unit) = (block * rows + row, row * n + block);
            let mut a = shift;
            for f in 0..F {
                a = products[f].normalized(simd, (place, row), &gain[f], a);
            }
            let gates = cell::activate::<R, S::Block>(a);
            store_row(gates, &mut step.gates[place]);
            let (masks, c_before) = (step.masks.candidate(simd, unit), simd.load(&step.c_before[unit]));
            let mut read = cell::candidate::<R, S::Block>(gates, c_before, &masks);
            if form != NormForm::B {
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
    (form, norm): (NormForm, &mut CellNorm<R>),
    step: &mut ForwardStep<'_, R>,
    params: &NormParams<'_, R>,
    row: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let zoned = step.masks.zone.is_some() && step.masks.reading == Reading::Zoned;
    for block in 0..n {
        let (place, unit) = (block * rows + row, row * n + block);
        let mut read = simd.load(&step.tanh_c[unit]);
        if form != NormForm::Joint {
            read = norm.forward(simd, step.time * rows + row, block, params, read);
        }
        if form == NormForm::B {
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
        match self.norm.form {
            NormForm::Joint => self.run_of::<S, 1>(simd),
            NormForm::A | NormForm::B => self.run_of::<S, 2>(simd),
        }
    }
}

impl<R: Real> NormBackward<'_, '_, '_, '_, R> {
    /// With F norms over products.
    #[inline(always)]
    fn run_of<S: Simd<R>, const F: usize>(self, simd: S) {
        let NormBackward { norm, step, params, gradients } = self;
        let NormBuffers { form, products, cell, d_read, d_gates, d_outside, d_inside } = norm;
        let (rows, n, form) = (step.rows, step.blocks, *form);
        let Some(products) = products.first_chunk_mut::<F>() else { return };
        let products = products.each_mut().map(|product| product.backward(step.time, rows, n));
        // The last product is that of U.
        let later = if step.last { &[] } else { products[F - 1].1 };
        columns!(S, R, n, block, G => {
            tiles!(S, R, rows, row, M => d_h_tile::<R, S, M, G>(simd, step, later, row, block));
        });
        let mut products = products.map(|(product, _)| product);
        let (d_read, d_gates) = (&mut d_read[..rows * n], &mut d_gates[..rows * n]);
        for stage in stages(rows, n) {
            together!(stage.clone(), row, M => {
                outputs_back::<R, S, M>(simd, form, step, (&mut *d_read, &mut *d_gates), row);
                if form != NormForm::Joint {
                    let d_read = &d_read[row * n..][..M * n];
                    cell.means_back::<S, M>(simd, (step.time * rows + row, row), params, gradients, d_read);
                }
            });
            gates_back::<R, S, F>(
                simd,
                (form, cell, d_read),
                &mut products,
                step,
                (params, gradients),
                (d_gates, d_outside),
                stage.clone(),
            );
            for product in &mut products {
                together!(stage.clone(), row, M => product.take_shares::<S, M>(simd, row));
            }
            products_back::<R, S, F>(simd, &mut products, params, (&*d_gates, &mut *d_inside), (rows, stage));
        }
    }
}

/// M rows from the gradients of h(t) to those of o's pre-activations and of the cell state that the output read.
#[inline(always)]
fn outputs_back<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    form: NormForm,
    step: &mut BackwardStep<'_, R>,
    (d_read, d_gates): (&mut [Lanes<R>], &mut [Row<R>]),
    first: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    for row in first..first + M {
        for block in 0..n {
            let (place, unit) = (block * rows + row, row * n + block);
            let (share, d_h) = (step.masks.zone_hidden(simd, unit), simd.load(&step.d_h[unit]));
            let (d_h_before, d_h) = cell::blend_backward::<R, S::Block>(share, d_h);
            d_h_before.store(&mut step.d_h[unit]);
            let (o, tanh_c) = (simd.load(&step.gates[place][3]), simd.load(&step.tanh_c[unit]));
            let (d_o, mut d) = cell::output_backward::<R, S::Block>(o, tanh_c, d_h);
            d_o.store(&mut d_gates[place][3]);
            if form == NormForm::B {
                let (share, d_c) = (step.masks.zone_cell(simd, unit), simd.load(&step.d_c[unit]));
                let (d_before, d_new) = cell::cell_backward::<R, S::Block>(share, step.masks.reading, d_c, d);
                d_before.store(&mut step.d_c[unit]);
                d = d_new;
            }
            d.store(&mut d_read[unit]);
        }
    }
}

/// Some rows from the gradients of what the output read to those of the pre-activations and of c(t-1), and to what the norms need of them.
#[inline(always)]
fn gates_back<R: Real, S: Simd<R>, const F: usize>(
    simd: S,
    (form, norm, d_read): (NormForm, &CellNorm<R>, &[Lanes<R>]),
    products: &mut [ProductStep<'_, R>; F],
    step: &mut BackwardStep<'_, R>,
    (params, gradients): (&NormParams<'_, R>, &mut NormGradients<'_, R>),
    (d_gates, d_outside): (&mut [Row<R>], &mut [Row<R>]),
    stage: Range<usize>,
) {
    let (rows, n) = (step.rows, step.blocks);
    let gains = [params.gain_x, params.gain_h];
    for block in 0..n {
        let mut sums = load_row(simd, &d_outside[block]);
        let mut d_gains = [sums; F];
        for f in 0..F {
            d_gains[f] = load_row(simd, if f == 0 { &gradients.gain_x[block] } else { &gradients.gain_h[block] });
        }
        for row in stage.clone() {
            let (place, unit) = (block * rows + row, row * n + block);
            let (mut d_before, mut d_new) = (simd.load(&step.d_c[unit]), simd.load(&d_read[unit]));
            if form != NormForm::Joint {
                d_new = norm.backward(simd, (step.time * rows + row, row), block, params, d_new);
            }
            if form != NormForm::B {
                let share = step.masks.zone_cell(simd, unit);
                (d_before, d_new) = cell::cell_backward::<R, S::Block>(share, step.masks.reading, d_before, d_new);
            }
            let (masks, c_before) = (step.masks.candidate(simd, unit), simd.load(&step.c_before[unit]));
            let gates = load_row(simd, &step.gates[place]);
            let ([d_i, d_f, d_g], d_c) = cell::candidate_backward::<R, S::Block>(gates, c_before, &masks, d_new);
            (d_before + d_c).store(&mut step.d_c[unit]);
            let d = [d_i, d_f, d_g, simd.load(&d_gates[place][3])];
            for gate in 0..3 {
                d[gate].store(&mut d_gates[place][gate]);
            }
            for gate in 0..4 {
                sums[gate] = sums[gate] + d[gate];
            }
            for f in 0..F {
                d_gains[f] = products[f].add_gradient(simd, (place, row), (&gains[f][block], d_gains[f]), &d);
            }
        }
        store_row(sums, &mut d_outside[block]);
        for f in 0..F {
            store_row(d_gains[f], if f == 0 { &mut gradients.gain_x[block] } else { &mut gradients.gain_h[block] });
        }
    }
}

/// Some rows from the gradients of the pre-activations to those of the products.
#[inline(always)]
fn products_back<R: Real, S: Simd<R>, const F: usize>(
    simd: S,
    products: &mut [ProductStep<'_, R>; F],
    params: &NormParams<'_, R>,
    (d_gates, d_inside): (&[Row<R>], &mut [Row<R>]),
    (rows, stage): (usize, Range<usize>),
) {
    for (block, d_inside) in d_inside.iter_mut().enumerate() {
        let mut sums = load_row(simd, d_inside);
        let mut gains = [sums; F];
        for f in 0..F {
            gains[f] = load_row(simd, if f == 0 { &params.gain_x[block] } else { &params.gain_h[block] });
        }
        for row in stage.clone() {
            let place = block * rows + row;
            let d = load_row(simd, &d_gates[place]);
            for f in 0..F {
                let d_z = products[f].finish(simd, (place, row), &gains[f], &d);
                for gate in 0..if f == 0 { 4 } else { 0 } {
                    sums[gate] = sums[gate] + d_z[gate];
                }
            }
        }
        store_row(sums, d_inside);
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
