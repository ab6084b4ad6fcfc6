//! One step of a layer with layer norm, forward and backward. A norm needs a whole row before it can go on, so that products come
//! first, for all blocks, and then each row from norm to norm. The forms are those of [`NormForm`].

use super::cell;
use super::gather::gather_biases;
use super::lanes::{Lanes, Row, add, tiles, zeros};
use super::norm::{self, NormBack, Places, Scope, affine, normalize};
use super::norm_cell::CellNorm;
use super::params::{NormGradients, NormParams};
use super::plain::NormForm;
use super::products::{Operand, product};
use super::real::Real;
use super::shape::{Norm, blocks};
use super::step::{BackwardStep, ForwardStep};
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
    /// One row on its way through the cell, `[N]`.
    row: Vec<Lanes<R>>,
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
            row: vec![zeros(); n],
        }
    }

    /// After the backward pass of some steps: the gradients of what W and U gave, `[T][N][B]`.
    pub fn deltas(&self) -> (&[Row<R>], &[Row<R>]) {
        match self.form {
            NormForm::Joint => (&self.x, &self.x),
            NormForm::A | NormForm::B => (&self.x, &self.h),
        }
    }

    /// All blocks and rows of a step.
    pub fn forward(&mut self, step: &mut ForwardStep<'_, R>, params: &NormParams<'_, R>) {
        let (rows, n) = (step.rows, step.blocks);
        let (from, size) = (step.time * rows, rows * n);
        let joint = self.form == NormForm::Joint;
        let x = &mut self.x[from * n..][..size];
        let h = if joint { &mut [][..] } else { &mut self.h[from * n..][..size] };
        for block in 0..n {
            let w = panel(step.params.w, block, &step.x);
            let u = panel(step.params.u, block, &step.recurrent);
            let (x, h) = (&mut x[block * rows..][..rows], h.get_mut(block * rows..(block + 1) * rows));
            match h {
                None => {
                    let factors = [(&step.x, w), (&step.recurrent, u)];
                    tiles!(rows, row => product_tile::<R, _>(&factors, Some(&step.params.b[block]), x, row));
                }
                Some(h) => {
                    tiles!(rows, row => product_tile::<R, _>(&[(&step.x, w)], Some(&params.bias_x[block]), x, row));
                    tiles!(rows, row => product_tile::<R, _>(&[(&step.recurrent, u)], None, h, row));
                }
            }
        }
        for row in 0..rows {
            let places = Places { first: row, distance: rows };
            self.scales_x[from + row] = normalize(x, places, self.gates);
            if !joint {
                self.scales_h[from + row] = normalize(h, places, self.gates);
            }
            let batch_row = step.first_row + row;
            for block in 0..n {
                let place = places.at(block);
                let mut a = affine(&x[place], &params.gain_x[block], &params.shift_x[block]);
                if !joint {
                    add_row(&mut a, &affine(&h[place], &params.gain_h[block], &params.shift_h[block]));
                    add_row(&mut a, &step.params.b[block]);
                }
                let gates = cell::activate(&a);
                let masks = step.plan.candidate(batch_row, step.time, block);
                self.row[block] = cell::candidate(&gates, &step.c_before[row * n + block], &masks);
                step.gates[place] = gates;
            }
            if self.form == NormForm::B {
                self.cell.forward(from + row, params, &mut self.row);
            }
            let zone = step.plan.zone.as_ref();
            for block in 0..n {
                let (place, share) = (row * n + block, zone.map(|zone| zone.cell(batch_row, step.time, block)));
                step.c[place] = cell::blend(share.as_ref(), &step.c_before[place], &self.row[block]);
                if zone.is_some_and(|zone| zone.reading == Reading::Zoned) {
                    self.row[block] = step.c[place];
                }
            }
            if self.form == NormForm::A {
                self.cell.forward(from + row, params, &mut self.row);
            }
            for block in 0..n {
                let (place, share) = (row * n + block, zone.map(|zone| zone.hidden(batch_row, step.time, block)));
                let (tanh_c, h) = cell::output(&step.gates[places.at(block)][3], &self.row[block]);
                step.tanh_c[place] = tanh_c;
                step.keep_h(row, block, &cell::blend(share.as_ref(), &step.h_before[place], &h));
            }
        }
    }

    /// All blocks and rows of a step; adds to the gradients of the gains, and of the norm on c.
    pub fn backward(&mut self, step: &mut BackwardStep<'_, R>, params: &NormParams<'_, R>, gradients: &mut NormGradients<'_, R>) {
        let (rows, n) = (step.rows, step.blocks);
        let (from, size) = (step.time * rows, rows * n);
        let recurrent = if self.form == NormForm::Joint { &self.x } else { &self.h };
        let later = if step.last { &[] } else { &recurrent[from * n + size..][..size] };
        for block in 0..n {
            tiles!(rows, row => d_h_tile::<R, _>(step, later, block, row));
        }
        let zone = step.plan.zone.as_ref();
        let reading = zone.map_or(Reading::Candidate, |zone| zone.reading);
        for row in 0..rows {
            let places = Places { first: row, distance: rows };
            let batch_row = step.first_row + row;
            for block in 0..n {
                let (place, share) = (row * n + block, zone.map(|zone| zone.hidden(batch_row, step.time, block)));
                let (d_h_before, d_h) = cell::blend_backward(share.as_ref(), &step.d_h[place]);
                step.d_h[place] = d_h_before;
                let o = &mut step.gates[places.at(block)][3];
                (*o, self.row[block]) = cell::output_backward(o, &step.tanh_c[place], &d_h);
            }
            if self.form == NormForm::A {
                self.cell.backward(from + row, params, gradients, &mut self.row);
            }
            for block in 0..n {
                let (place, share) = (row * n + block, zone.map(|zone| zone.cell(batch_row, step.time, block)));
                (step.d_c[place], self.row[block]) =
                    cell::cell_backward(share.as_ref(), reading, &step.d_c[place], &self.row[block]);
            }
            if self.form == NormForm::B {
                self.cell.backward(from + row, params, gradients, &mut self.row);
            }
            for block in 0..n {
                let place = row * n + block;
                let gates = &mut step.gates[places.at(block)];
                let masks = step.plan.candidate(batch_row, step.time, block);
                let ([d_i, d_f, d_g], d_c) = cell::candidate_backward(gates, &step.c_before[place], &masks, &self.row[block]);
                *gates = [d_i, d_f, d_g, gates[3]];
                add(&mut step.d_c[place], &d_c);
            }
            let back = |gain, scales| NormBack { d_y: &*step.gates, places, gain, scales, scope: self.gates };
            let x = &mut self.x[from * n..][..size];
            norm::backward(&back(params.gain_x, self.scales_x[from + row]), x, places, gradients.gain_x);
            if self.form != NormForm::Joint {
                let h = &mut self.h[from * n..][..size];
                norm::backward(&back(params.gain_h, self.scales_h[from + row]), h, places, gradients.gain_h);
            }
        }
    }

    /// Adds to the gradients of all biases and of the shifts of pre-activations. `deltas` are the gradients of the pre-activations and
    /// `d_x` those of what was normalized, `[steps][N][B]` of the same steps; `b` is the layer's bias.
    pub fn gather_biases(
        &self,
        b: &mut [Row<R>],
        gradients: &mut NormGradients<'_, R>,
        deltas: &[Row<R>],
        d_x: &[Row<R>],
        rows: usize,
    ) {
        gather_biases(gradients.shift_x, deltas, rows);
        match self.form {
            NormForm::Joint => gather_biases(b, d_x, rows),
            NormForm::A | NormForm::B => {
                gather_biases(gradients.shift_h, deltas, rows);
                gather_biases(b, deltas, rows);
                gather_biases(gradients.bias_x, d_x, rows);
            }
        }
    }
}

/// The part of a matrix that gives a block: `[K]` panel rows.
fn panel<'a, R: Real>(matrix: &'a [Row<R>], block: usize, operand: &Operand<'_, R>) -> &'a [Row<R>] {
    &matrix[block * operand.width()..][..operand.width()]
}

/// M rows of a block's products; z is `[B]`.
#[inline(always)]
fn product_tile<R: Real, const M: usize>(
    factors: &[(&Operand<'_, R>, &[Row<R>])],
    bias: Option<&Row<R>>,
    z: &mut [Row<R>],
    row: usize,
) {
    for gate in 0..4 {
        let mut acc = [bias.map_or(zeros(), |bias| bias[gate]); M];
        for (operand, panel) in factors {
            product(&mut acc, operand, row, panel, gate);
        }
        for (m, acc) in acc.iter().enumerate() {
            z[row + m][gate] = *acc;
        }
    }
}

/// M rows of a block's gradients of h(t).
#[inline(always)]
fn d_h_tile<R: Real, const M: usize>(step: &mut BackwardStep<'_, R>, later: &[Row<R>], block: usize, row: usize) {
    for (m, d_h) in step.d_h::<M>(later, block, row).iter().enumerate() {
        step.d_h[(row + m) * step.blocks + block] = *d_h;
    }
}

/// `a += b`
#[inline(always)]
fn add_row<R: Real>(a: &mut Row<R>, b: &Row<R>) {
    for (a, b) in a.iter_mut().zip(b) {
        add(a, b);
    }
}
