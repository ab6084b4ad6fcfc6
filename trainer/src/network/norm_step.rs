//! One step of a layer with layer norm, forward and backward. A norm needs a whole row before it can go on, so that products come
//! first, for all blocks, and then each row from norm to norm. The forms are those of [`NormForm`].

use super::cell;
use super::gather::GatherBiases;
use super::kernel::prefetch::prefetch;
use super::kernel::tile::{columns, tiles};
use super::kernel::{Block, Kernel, Simd, Width};
use super::lanes::{Lanes, Row, zeros};
use super::norm::{self, NormBack, Places, Scope, affine};
use super::norm_cell::CellNorm;
use super::params::{NormGradients, NormParams};
use super::plain::NormForm;
use super::products::{Operand, product};
use super::real::Real;
use super::shape::{Norm, blocks};
use super::step::{BackwardStep, ForwardStep, load_row, store_row};
use crate::regularize::settings::Reading;

/// What a layer's norms keep from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct NormBuffers<R> {
    form: NormForm,
    /// Of the norms on pre-activations.
    gates: Scope<R>,
    /// The norm on c; empty in the joint form.
    cell: CellNorm<R>,
    /// Normalized `W x + b_x`, in the joint form `W x + U h + b`, `[T][N][B]`; the backward pass overwrites it with the gradients of what
    /// was normalized, and so below.
    x: Vec<Row<R>>,
    /// Normalized `U h`, `[T][N][B]`; empty in the joint form.
    h: Vec<Row<R>>,
    /// `1/sqrt(variance + ε)` of each gate, `[T][B]`.
    scales_x: Vec<[R; 4]>,
    /// The same of `U h`.
    scales_h: Vec<[R; 4]>,
    /// Some rows on their way through the cell, `[TOGETHER][N]`.
    row: Vec<Lanes<R>>,
}

/// Rows that go from norm to norm together.
const TOGETHER: usize = 4;

/// Calls a function on several rows at a time, then on those that are left.
macro_rules! together {
    ($rows:expr, $row:ident, $m:ident => $call:expr) => {{
        let rows: usize = $rows;
        let mut $row = 0;
        while rows - $row >= TOGETHER {
            const $m: usize = TOGETHER;
            $call;
            $row += $m;
        }
        while rows > $row {
            const $m: usize = 1;
            $call;
            $row += $m;
        }
    }};
}

impl<R: Real> NormBuffers<R> {
    /// For up to `steps` and `rows` of a layer with `hidden` units.
    pub fn new(norm: Norm, hidden: usize, (steps, rows): (usize, usize)) -> Self {
        let (n, epsilon) = (blocks(hidden), R::from_f64(norm.epsilon));
        let apart = if norm.form == NormForm::Joint { 0 } else { steps * rows };
        NormBuffers {
            form: norm.form,
            gates: Scope { units: hidden, per_gate: norm.per_gate, epsilon },
            cell: CellNorm::new(hidden, epsilon, apart),
            x: vec![[zeros(); 4]; steps * rows * n],
            h: vec![[zeros(); 4]; apart * n],
            scales_x: vec![[R::ZERO; 4]; steps * rows],
            scales_h: vec![[R::ZERO; 4]; apart],
            row: vec![zeros(); TOGETHER * n],
        }
    }

    /// After the backward pass of some steps: the gradients of what W and U gave, `[T][N][B]`.
    pub fn deltas(&self) -> (&[Row<R>], &[Row<R>]) {
        match self.form {
            NormForm::Joint => (&self.x, &self.x),
            NormForm::A | NormForm::B => (&self.x, &self.h),
        }
    }

    /// Has a step's share of the large buffers fetched; `size` is `B * N`.
    pub fn prefetch(&self, time: usize, size: usize) {
        prefetch(&self.x[time * size..][..size]);
        if self.form != NormForm::Joint {
            prefetch(&self.h[time * size..][..size]);
            self.cell.prefetch(time, size);
        }
    }

    /// Adds to the gradients of all biases and of the shifts of pre-activations. `deltas` are the gradients of the pre-activations and
    /// `d_x` those of what was normalized, `[steps][N][B]` of the same steps; `b` is the layer's bias.
    pub fn gather_biases(
        &self,
        width: Width,
        b: &mut [Row<R>],
        gradients: &mut NormGradients<'_, R>,
        (deltas, d_x): (&[Row<R>], &[Row<R>]),
        rows: usize,
    ) {
        let blocks = b.len();
        let gather =
            |gradients: &mut [&mut [Row<R>]], deltas| R::gather_biases(width, GatherBiases { gradients, deltas, blocks, rows });
        match self.form {
            NormForm::Joint => {
                gather(&mut [gradients.shift_x], deltas);
                gather(&mut [b], d_x);
            }
            NormForm::A | NormForm::B => {
                gather(&mut [gradients.shift_x, gradients.shift_h, b], deltas);
                gather(&mut [gradients.bias_x], d_x);
            }
        }
    }
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
        together!(rows, row, M => forward_rows::<R, S, M>(simd, norm, step, params, row));
    }
}

/// M rows from products to outputs.
#[inline(always)]
fn forward_rows<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &mut ForwardStep<'_, R>,
    params: &NormParams<'_, R>,
    row: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let (from, size) = (step.time * rows, rows * n);
    let joint = norm.form == NormForm::Joint;
    let x = &mut norm.x[from * n..][..size];
    let h = if joint { &mut [][..] } else { &mut norm.h[from * n..][..size] };
    let places = Places { first: row, row: 1, block: rows };
    let statistics_x = norm.gates.statistics::<S, M, 4>(simd, x, places);
    let statistics_h = if joint { statistics_x } else { norm.gates.statistics::<S, M, 4>(simd, h, places) };
    let zoned = step.masks.zone.is_some() && step.masks.reading == Reading::Zoned;
    for m in 0..M {
        norm.scales_x[from + row + m] = statistics_x[m].scales;
        if !joint {
            norm.scales_h[from + row + m] = statistics_h[m].scales;
        }
        for block in 0..n {
            let (place, unit) = (places.at(m, block), (row + m) * n + block);
            let normalized = norm.gates.normalize(simd, &x[place], &statistics_x[m], block);
            store_row(normalized, &mut x[place]);
            let mut a = affine(simd, normalized, &params.gain_x[block], &params.shift_x[block]);
            if !joint {
                let normalized = norm.gates.normalize(simd, &h[place], &statistics_h[m], block);
                store_row(normalized, &mut h[place]);
                let from_h = affine(simd, normalized, &params.gain_h[block], &params.shift_h[block]);
                let bias = load_row(simd, &step.params.b[block]);
                for gate in 0..4 {
                    a[gate] = a[gate] + from_h[gate] + bias[gate];
                }
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
            read.store(&mut norm.row[m * n + block]);
        }
    }
    match norm.form {
        NormForm::A => norm.cell.forward::<S, M>(simd, from + row, params, &mut norm.row),
        NormForm::B => {
            norm.cell.forward::<S, M>(simd, from + row, params, &mut norm.row);
            for unit in 0..M * n {
                let (new, place) = (&mut norm.row[unit], row * n + unit);
                let (share, c_before) = (step.masks.zone_cell(simd, place), simd.load(&step.c_before[place]));
                let c = cell::blend::<R, S::Block>(share, c_before, simd.load(new));
                c.store(&mut step.c[place]);
                if zoned {
                    c.store(new);
                }
            }
        }
        NormForm::Joint => {}
    }
    for m in 0..M {
        for block in 0..n {
            let unit = (row + m) * n + block;
            let o = simd.load(&step.gates[places.at(m, block)][3]);
            let (tanh_c, h) = cell::output::<R, S::Block>(o, simd.load(&norm.row[m * n + block]));
            tanh_c.store(&mut step.tanh_c[unit]);
            let (share, before) = (step.masks.zone_hidden(simd, unit), simd.load(&step.h_before[unit]));
            step.keep_h(simd, unit, cell::blend::<R, S::Block>(share, before, h));
        }
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
        together!(rows, row, M => backward_rows::<R, S, M>(simd, norm, step, (params, gradients), row));
    }
}

/// M rows from the gradients of h(t) to those of the products.
#[inline(always)]
fn backward_rows<R: Real, S: Simd<R>, const M: usize>(
    simd: S,
    norm: &mut NormBuffers<R>,
    step: &mut BackwardStep<'_, R>,
    (params, gradients): (&NormParams<'_, R>, &mut NormGradients<'_, R>),
    row: usize,
) {
    let (rows, n) = (step.rows, step.blocks);
    let (from, size) = (step.time * rows, rows * n);
    let places = Places { first: row, row: 1, block: rows };
    let reading = step.masks.reading;
    for m in 0..M {
        for block in 0..n {
            let unit = (row + m) * n + block;
            let (share, d_h) = (step.masks.zone_hidden(simd, unit), simd.load(&step.d_h[unit]));
            let (d_h_before, d_h) = cell::blend_backward::<R, S::Block>(share, d_h);
            d_h_before.store(&mut step.d_h[unit]);
            let o = &mut step.gates[places.at(m, block)][3];
            let tanh_c = simd.load(&step.tanh_c[unit]);
            let (d_o, d_read) = cell::output_backward::<R, S::Block>(simd.load(o), tanh_c, d_h);
            d_o.store(o);
            d_read.store(&mut norm.row[m * n + block]);
        }
    }
    match norm.form {
        NormForm::A => norm.cell.backward::<S, M>(simd, from + row, params, gradients, &mut norm.row),
        NormForm::B => {
            for unit in 0..M * n {
                let (d_new, place) = (&mut norm.row[unit], row * n + unit);
                let (share, d_c) = (step.masks.zone_cell(simd, place), simd.load(&step.d_c[place]));
                let (d_before, d) = cell::cell_backward::<R, S::Block>(share, reading, d_c, simd.load(d_new));
                d_before.store(&mut step.d_c[place]);
                d.store(d_new);
            }
            norm.cell.backward::<S, M>(simd, from + row, params, gradients, &mut norm.row);
        }
        NormForm::Joint => {}
    }
    for m in 0..M {
        for block in 0..n {
            let unit = (row + m) * n + block;
            let (mut d_before, mut d_new) = (simd.load(&step.d_c[unit]), simd.load(&norm.row[m * n + block]));
            if norm.form != NormForm::B {
                let share = step.masks.zone_cell(simd, unit);
                (d_before, d_new) = cell::cell_backward::<R, S::Block>(share, reading, d_before, d_new);
            }
            let lanes = &mut step.gates[places.at(m, block)];
            let gates = load_row(simd, lanes);
            let (masks, c_before) = (step.masks.candidate(simd, unit), simd.load(&step.c_before[unit]));
            let ([d_i, d_f, d_g], d_c) = cell::candidate_backward::<R, S::Block>(gates, c_before, &masks, d_new);
            for (gate, d) in [d_i, d_f, d_g].iter().enumerate() {
                d.store(&mut lanes[gate]);
            }
            (d_before + d_c).store(&mut step.d_c[unit]);
        }
    }
    let scales = |all: &[[R; 4]]| {
        let mut scales = [[R::ZERO; 4]; M];
        scales.copy_from_slice(&all[from + row..from + row + M]);
        scales
    };
    let back = |gain, scales| NormBack { d_y: &*step.gates, places, gain, scales, scope: norm.gates };
    let x = &mut norm.x[from * n..][..size];
    let from_x = back(params.gain_x, scales(&norm.scales_x));
    norm::backward::<R, S, M, 4>(simd, &from_x, x, places, gradients.gain_x);
    if norm.form != NormForm::Joint {
        let h = &mut norm.h[from * n..][..size];
        let from_h = back(params.gain_h, scales(&norm.scales_h));
        norm::backward::<R, S, M, 4>(simd, &from_h, h, places, gradients.gain_h);
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
