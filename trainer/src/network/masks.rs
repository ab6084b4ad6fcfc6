//! The masks of a batch as bits, drawn before its first step and read again by the backward pass.

use super::kernel::{Block, Kernel, Simd, Width};
use super::lanes::{LANES, Lanes};
use super::layer::Extent;
use super::real::Real;
use crate::regularize::factors::{Factors, GateFactors};
use crate::regularize::plan::LayerPlan;
use crate::regularize::settings::{Mask as Lifetime, Reading};

/// One mask over the rows, blocks and steps of a batch.
#[derive(Clone, Debug, Default)]
pub struct Mask<R> {
    /// One bit a unit, `[T or 1][B][N]`.
    bits: Vec<u16>,
    /// The factors of a set bit and of a clear one.
    factors: [R; 2],
    /// `B * N` where each step has its own, else 0.
    step: usize,
    /// `B * N`
    size: usize,
}

/// A mask at one step.
#[derive(Clone, Copy, Debug)]
pub struct MaskStep<'a, R> {
    /// `[B][N]`
    bits: &'a [u16],
    factors: [R; 2],
}

impl<R: Real> Mask<R> {
    /// Draws the masks of a batch, for a layer or an input of some blocks.
    pub fn draw(&mut self, factors: &Factors<R>, extent: Extent, blocks: usize, width: Width) {
        let Extent { steps, rows, first_row, .. } = extent;
        let size = rows * blocks;
        self.size = size;
        match *factors {
            Factors::Constant(value) => {
                (self.factors, self.step) = ([value; 2], 0);
                self.bits.clear();
                self.bits.resize(size, 0);
            }
            Factors::Drawn { mask, hit, miss, .. } => {
                self.factors = [hit, miss];
                let (count, step) = if mask == Lifetime::Sequence { (1, 0) } else { (steps, size) };
                self.step = step;
                self.bits.resize(count * size, 0);
                R::draw(width, Draw { bits: &mut self.bits[..count * size], factors, rows, blocks, first_row });
            }
        }
    }

    /// At a step.
    pub fn at(&self, time: usize) -> MaskStep<'_, R> {
        MaskStep { bits: &self.bits[time * self.step..][..self.size], factors: self.factors }
    }
}

impl<R: Real> MaskStep<'_, R> {
    /// The factors of a block; `place` is `row * N + block`.
    #[inline(always)]
    pub fn block<S: Simd<R>>(&self, simd: S, place: usize) -> S::Block {
        let [hit, miss] = self.factors;
        S::Block::select(self.bits[place], simd.splat(hit), simd.splat(miss))
    }

    /// The same in memory.
    pub fn lanes(&self, place: usize) -> Lanes<R> {
        let [hit, miss] = self.factors;
        let bits = self.bits[place];
        std::array::from_fn(|u| if bits >> u & 1 == 1 { hit } else { miss })
    }
}

/// What [`Mask::draw`] runs.
#[derive(Debug)]
pub struct Draw<'a, R> {
    bits: &'a mut [u16],
    factors: &'a Factors<R>,
    rows: usize,
    blocks: usize,
    first_row: usize,
}

impl<R: Real> Kernel<R> for Draw<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<R>>(self, simd: S) {
        for (place, bits) in self.bits.chunks_exact_mut(self.blocks).enumerate() {
            let (row, time) = (self.first_row + place % self.rows, place / self.rows);
            for (block, bits) in bits.iter_mut().enumerate() {
                *bits = self.factors.bits(simd, row, time, block);
            }
        }
    }
}

/// The masks of a layer that work beyond its products.
#[derive(Clone, Debug, Default)]
pub struct LayerMasks<R> {
    candidate: Option<Mask<R>>,
    cell: Option<Mask<R>>,
    zone: Option<(Mask<R>, Mask<R>)>,
    reading: Reading,
}

/// The same at one step.
#[derive(Clone, Copy, Debug)]
pub struct StepMasks<'a, R> {
    /// On what enters the cell.
    pub candidate: Option<MaskStep<'a, R>>,
    /// On c'.
    pub cell: Option<MaskStep<'a, R>>,
    /// Zoneout's shares of c and of h.
    pub zone: Option<(MaskStep<'a, R>, MaskStep<'a, R>)>,
    /// Which cell state the output reads.
    pub reading: Reading,
}

impl<R: Real> LayerMasks<R> {
    /// Draws all masks that a plan asks for.
    pub fn draw(&mut self, plan: &LayerPlan<R>, extent: Extent, blocks: usize, width: Width) {
        for (mask, factors) in [(&mut self.candidate, &plan.candidate), (&mut self.cell, &plan.cell)] {
            match factors {
                Some(factors) => mask.get_or_insert_default().draw(factors, extent, blocks, width),
                None => *mask = None,
            }
        }
        match &plan.zone {
            Some(zone) => {
                let (cell, hidden) = self.zone.get_or_insert_default();
                cell.draw(&zone.cell, extent, blocks, width);
                hidden.draw(&zone.hidden, extent, blocks, width);
                self.reading = zone.reading;
            }
            None => (self.zone, self.reading) = (None, Reading::Candidate),
        }
    }

    /// At a step.
    pub fn at(&self, time: usize) -> StepMasks<'_, R> {
        StepMasks {
            candidate: self.candidate.as_ref().map(|mask| mask.at(time)),
            cell: self.cell.as_ref().map(|mask| mask.at(time)),
            zone: self.zone.as_ref().map(|(cell, hidden)| (cell.at(time), hidden.at(time))),
            reading: self.reading,
        }
    }
}

/// The masks of what a matrix multiplies: none, one for all gates, or one each.
#[derive(Clone, Debug, Default)]
pub struct GateMasks<R> {
    masks: [Mask<R>; 4],
    /// 0, 1 or 4.
    copies: usize,
}

/// The same at one step.
#[derive(Clone, Copy, Debug)]
pub enum GateStep<'a, R> {
    /// Nothing is masked.
    None,
    /// One for all gates.
    Tied(MaskStep<'a, R>),
    /// One for each.
    Separate([MaskStep<'a, R>; 4]),
}

impl<R: Real> GateMasks<R> {
    /// Draws them for a batch.
    pub fn draw(&mut self, factors: Option<&GateFactors<R>>, extent: Extent, blocks: usize, width: Width) {
        self.copies = factors.map_or(0, GateFactors::copies);
        let Some(factors) = factors else { return };
        for (copy, mask) in self.masks[..self.copies].iter_mut().enumerate() {
            mask.draw(factors.copy(copy), extent, blocks, width);
        }
    }

    /// How many masked copies there are.
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// At a step.
    pub fn at(&self, time: usize) -> GateStep<'_, R> {
        match (self.copies, &self.masks) {
            (0, _) => GateStep::None,
            (1, [mask, ..]) => GateStep::Tied(mask.at(time)),
            (_, masks) => GateStep::Separate([0, 1, 2, 3].map(|gate| masks[gate].at(time))),
        }
    }
}

impl<'a, R: Real> GateStep<'a, R> {
    /// The mask of each copy.
    pub fn copies(&self) -> &[MaskStep<'a, R>] {
        match self {
            GateStep::None => &[],
            GateStep::Tied(mask) => std::slice::from_ref(mask),
            GateStep::Separate(masks) => masks,
        }
    }
}

/// Bits of the units of a block, all set where the block is full.
pub fn real_units(units: usize, block: usize) -> u16 {
    let real = units - block * LANES;
    if real < LANES { (1 << real) - 1 } else { u16::MAX }
}
