//! What a layer's norms keep from the forward pass for the backward pass, and the gradients of their biases.

use super::buffer::Buffer;
use super::deltas::Deltas;
use super::lanes::{Lanes, Row, add, zeros};
use super::norm_cell::CellNorm;
use super::norm_product::ProductNorm;
use super::params::NormGradients;
use super::plain::NormForm;
use super::real::Real;
use super::shape::{Norm, blocks};

/// What a layer's norms keep from the forward pass for the backward pass.
#[derive(Clone, Debug)]
pub struct NormBuffers<R> {
    /// Where the norms stand.
    pub form: NormForm,
    /// Over `W x + b_x` and over `U h`; in the joint form one over `W x + U h + b`.
    pub products: Vec<ProductNorm<R>>,
    /// The norm on c; empty in the joint form.
    pub cell: CellNorm<R>,
    /// Gradients of the cell state that the output reads, `[B][N]`.
    pub d_read: Buffer<Lanes<R>>,
    /// Gradients of the pre-activations, `[N][B]`.
    pub d_gates: Buffer<Row<R>>,
    /// Sums of these over rows and steps: the gradients of all biases outside the norms, `[N]`.
    pub d_outside: Buffer<Row<R>>,
    /// The same of the first product: the gradient of the bias inside its norm, `[N]`.
    pub d_inside: Buffer<Row<R>>,
}

impl<R: Real> NormBuffers<R> {
    /// For up to `steps` and `rows` of a layer with `hidden` units.
    pub fn new(norm: Norm, hidden: usize, (steps, rows): (usize, usize)) -> Self {
        let (n, epsilon, joint) = (blocks(hidden), R::from_f64(norm.epsilon), norm.form == NormForm::Joint);
        let product = || ProductNorm::new((hidden, n), norm.per_gate, epsilon, (steps, rows));
        NormBuffers {
            form: norm.form,
            products: (0..if joint { 1 } else { 2 }).map(|_| product()).collect(),
            cell: CellNorm::new(hidden, epsilon, if joint { (0, 0) } else { (steps, rows) }),
            d_read: Buffer::new(rows * n),
            d_gates: Buffer::new(rows * n),
            d_outside: Buffer::new(n),
            d_inside: Buffer::new(n),
        }
    }

    /// Before the backward pass of some steps and rows.
    pub fn begin_back(&mut self, (steps, rows): (usize, usize), blocks: usize) {
        self.products.iter_mut().for_each(|product| product.deltas.begin((steps, rows), blocks));
        self.d_outside.fill([zeros(); 4]);
        self.d_inside.fill([zeros(); 4]);
    }

    /// The gradients of what W and U gave.
    pub fn deltas(&self) -> (&Deltas<R>, &Deltas<R>) {
        (&self.products[0].deltas, &self.products[self.products.len() - 1].deltas)
    }

    /// Has a step's share of the large buffers fetched; `size` is `B * N`.
    pub fn prefetch(&self, time: usize, size: usize) {
        self.products.iter().for_each(|product| product.prefetch(time, size));
        if self.form != NormForm::Joint {
            self.cell.prefetch(time, size);
        }
    }

    /// After the backward pass: adds to the gradients of all biases and of the shifts of pre-activations; `b` is the layer's bias.
    pub fn add_biases(&self, b: &mut [Row<R>], gradients: &mut NormGradients<'_, R>) {
        match self.form {
            NormForm::Joint => {
                add_rows(gradients.shift_x, &self.d_outside);
                add_rows(b, &self.d_inside);
            }
            NormForm::A | NormForm::B => {
                for outside in [&mut *gradients.shift_x, &mut *gradients.shift_h, b] {
                    add_rows(outside, &self.d_outside);
                }
                add_rows(gradients.bias_x, &self.d_inside);
            }
        }
    }
}

fn add_rows<R: Real>(to: &mut [Row<R>], rows: &[Row<R>]) {
    for (to, row) in to.as_flattened_mut().iter_mut().zip(rows.as_flattened()) {
        add(to, row);
    }
}
