//! A layer's inputs, step-major and under their noise and masks: what W multiplies.

use super::kernel::Width;
use super::lanes::{LANES, Lanes, multiply};
use super::layer::Extent;
use super::masks::GateMasks;
use super::products::Operand;
use super::real::Real;
use super::shape::blocks;
use crate::regularize::plan::LayerPlan;

/// Where a layer's inputs come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a, R> {
    /// Windows, `[B][T][I]`.
    Windows(&'a [R]),
    /// Outputs of the layer below, `[T][B][N']`.
    Below(&'a [Lanes<R>]),
}

/// A copy of the inputs, where their noise or masks forbid to read them in place.
#[derive(Clone, Debug)]
pub struct Inputs<R> {
    /// I
    width: usize,
    /// `[T][G][B][I]`, rows padded to 16 N' above the first layer; G copies for the gates. Empty where a layer below is read in place.
    x: Vec<R>,
    /// Are windows read in place?
    in_place: bool,
    /// Their masks, `[B][N']`.
    pub masks: GateMasks<R>,
}

impl<R: Real> Inputs<R> {
    /// For up to `steps` and `rows` of the first layer's windows, or of the layer below if `above`. `copies` says how many a mask may
    /// ask for, 0 where there is none.
    pub fn new(width: usize, above: bool, (steps, rows): (usize, usize), copies: usize) -> Self {
        let length = if above { copies * blocks(width) * LANES } else { copies.max(1) * width };
        Inputs { width, x: vec![R::ZERO; steps * rows * length], in_place: false, masks: GateMasks::default() }
    }

    /// Draws the masks, and copies the inputs to where the products read them, unless they can be read where they are.
    pub fn load(&mut self, width: Width, source: Source<'_, R>, extent: Extent, plan: &LayerPlan<R>) {
        let (n, Extent { steps, rows, first_row, .. }) = (blocks(self.width), extent);
        self.masks.draw(plan.input.as_ref(), extent, n, width);
        let copies = self.masks.copies();
        self.in_place = copies == 0 && plan.noise.is_none();
        match source {
            Source::Windows(_) if self.in_place => {}
            Source::Windows(windows) => {
                let width = self.width;
                for (row, window) in windows.chunks_exact(steps * width).take(rows).enumerate() {
                    for (time, values) in window.chunks_exact(width).enumerate() {
                        let masks = self.masks.at(time);
                        for copy in 0..copies.max(1) {
                            let x = &mut self.x[((time * copies.max(1) + copy) * rows + row) * width..][..width];
                            x.copy_from_slice(values);
                            if let Some(noise) = &plan.noise {
                                noise.add(((first_row + row) as u64) << 32 | time as u64, x);
                            }
                            let Some(mask) = masks.copies().get(copy) else { continue };
                            for (block, x) in x.chunks_mut(LANES).enumerate() {
                                for (x, factor) in x.iter_mut().zip(mask.lanes(row * n + block)) {
                                    *x = *x * factor;
                                }
                            }
                        }
                    }
                }
            }
            Source::Below(below) => {
                let size = rows * n;
                for (index, x) in self.x.as_chunks_mut::<LANES>().0.iter_mut().take(copies * below.len()).enumerate() {
                    let (place, copy, time) = (index % size, index / size % copies, index / size / copies);
                    *x = below[time * size + place];
                    multiply(x, &self.masks.at(time).copies()[copy].lanes(place));
                }
            }
        }
    }

    /// The inputs as the products read them, after [`Inputs::load`] with the same arguments.
    pub fn operand<'a>(&'a self, source: Source<'a, R>, extent: Extent) -> Operand<'a, R> {
        let (copies, padded) = (self.masks.copies(), blocks(self.width) * LANES);
        let (values, stride) = match source {
            Source::Windows(windows) if self.in_place => return Operand::windows(windows, self.width, extent.steps),
            Source::Windows(_) => (&self.x[..], self.width),
            Source::Below(_) if copies > 0 => (&self.x[..], padded),
            Source::Below(below) => (below.as_flattened(), padded),
        };
        Operand::new(values, (self.width, stride), extent.rows, copies.max(1))
    }
}
