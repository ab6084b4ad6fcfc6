//! A layer's inputs, step-major and under their noise and masks: what W multiplies.

use super::lanes::{LANES, Lanes, multiply};
use super::layer::Extent;
use super::products::Operand;
use super::real::Real;
use super::shape::blocks;
use crate::regularize::factors::GateFactors;
use crate::regularize::plan::LayerPlan;

/// Where a layer's inputs come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a, R> {
    /// Windows, `[B][T][I]`.
    Windows(&'a [R]),
    /// Outputs of the layer below, `[T][B][N']`.
    Below(&'a [Lanes<R>]),
}

/// A copy of the inputs, where they cannot be read in place.
#[derive(Clone, Debug)]
pub struct Inputs<R> {
    /// I
    width: usize,
    /// `[T][G][B][I]`, rows padded to 16 N' above the first layer; G copies for the gates. Empty where the layer below is read in
    /// place.
    x: Vec<R>,
}

impl<R: Real> Inputs<R> {
    /// For up to `steps` and `rows` of the first layer's windows, or of the layer below if `above`. `copies` says how many a mask may
    /// ask for, 0 where there is none.
    pub fn new(width: usize, above: bool, (steps, rows): (usize, usize), copies: usize) -> Self {
        let length = if above { copies * blocks(width) * LANES } else { copies.max(1) * width };
        Inputs { width, x: vec![R::ZERO; steps * rows * length] }
    }

    /// Copies the inputs to where the products read them, unless they can be read where they are.
    pub fn load(&mut self, source: Source<'_, R>, extent: Extent, plan: &LayerPlan<R>) {
        let Extent { steps, rows, first_row } = extent;
        let (mask, copies) = (plan.input.as_ref(), copies(plan));
        match source {
            Source::Windows(windows) => {
                let width = self.width;
                for (row, window) in windows.chunks_exact(steps * width).take(rows).enumerate() {
                    for (time, values) in window.chunks_exact(width).enumerate() {
                        for copy in 0..copies {
                            let x = &mut self.x[((time * copies + copy) * rows + row) * width..][..width];
                            x.copy_from_slice(values);
                            if let Some(noise) = &plan.noise {
                                noise.add(((first_row + row) as u64) << 32 | time as u64, x);
                            }
                            let Some(mask) = mask else { continue };
                            for (block, x) in x.chunks_mut(LANES).enumerate() {
                                for (x, factor) in x.iter_mut().zip(mask.copy(copy).lanes(first_row + row, time, block)) {
                                    *x = *x * factor;
                                }
                            }
                        }
                    }
                }
            }
            Source::Below(below) => {
                let Some(mask) = mask else { return };
                let n = blocks(self.width);
                for (index, x) in self.x.as_chunks_mut::<LANES>().0.iter_mut().take(copies * below.len()).enumerate() {
                    let (block, row, copy, time) =
                        (index % n, index / n % rows, index / n / rows % copies, index / n / rows / copies);
                    *x = below[(time * rows + row) * n + block];
                    multiply(x, &mask.copy(copy).lanes(first_row + row, time, block));
                }
            }
        }
    }

    /// The inputs as the products read them, after [`Inputs::load`] with the same arguments.
    pub fn operand<'a>(&'a self, source: Source<'a, R>, extent: Extent, plan: &LayerPlan<R>) -> Operand<'a, R> {
        let padded = blocks(self.width) * LANES;
        let (values, stride) = match source {
            Source::Windows(_) => (&self.x[..], self.width),
            Source::Below(_) if plan.input.is_some() => (&self.x[..], padded),
            Source::Below(below) => (below.as_flattened(), padded),
        };
        Operand::new(values, (self.width, stride), extent.rows, copies(plan))
    }
}

/// How many copies of the inputs a plan asks for.
fn copies<R: Real>(plan: &LayerPlan<R>) -> usize {
    plan.input.as_ref().map_or(1, GateFactors::copies)
}
