//! The linear skip in each number system: `y += B (A x)`, with the products `A x` summed up step by step.

use core::fmt::Debug;

use super::{CellArithmetic, Element, Float, Functions, Int8, IntegerLayout, Number};
use crate::image::{LoadError, Record};
use crate::kernel::skip;

/// A number system in which a linear skip can be computed.
pub trait Linear: Number {
    /// A product of the window that is being summed up.
    type Partial: Element;
    /// A skip's weights, borrowed from the image.
    type Skip<'m>: Copy + Debug + Send + Sync;

    /// Checks a skip record's length and borrows its weights.
    fn bind_skip<'m>(record: &Record<'m>) -> Result<Self::Skip<'m>, LoadError>;

    /// Adds a step's part of `A x` to `sums` `[R]`. `step`: its number in the window, from 0; steps after the window add nothing. `x`: the
    /// step's input.
    fn accumulate(weights: &Self::Skip<'_>, step: usize, x: &[Self::Activation], sums: &mut [Self::Partial]);

    /// Adds the rows of `B (A x)` from `first` on to `y`, in units of the transformed domain.
    fn add(weights: &Self::Skip<'_>, sums: &[Self::Partial], first: usize, y: &mut [f32]);
}

/// A skip's weights in integers.
#[derive(Clone, Copy, Debug)]
pub struct SkipInt8<'m> {
    /// `[R]`, units of z per accumulator unit.
    pub(crate) product_scale: &'m [f32],
    /// `[O]`, units of the transformed domain per unit of B.
    pub(crate) output_scale: &'m [f32],
    /// B, `[O][R]`
    pub(crate) outputs: &'m [i16],
    /// A, `[T][R][I]`
    pub(crate) products: &'m [i8],
}

/// A skip's weights in `f32`.
#[derive(Clone, Copy, Debug)]
pub struct SkipF32<'m> {
    /// B, `[O][R]`
    pub(crate) outputs: &'m [f32],
    /// A, `[T][R][I]`
    pub(crate) products: &'m [f32],
}

/// The rank that a record states; none is malformed.
fn rank(record: &Record<'_>) -> Result<usize, LoadError> {
    let rank = usize::from(record.header().form);
    if rank == 0 { Err(record.malformed()) } else { Ok(rank) }
}

impl<L: IntegerLayout, C: CellArithmetic> Linear for Int8<L, C> {
    type Partial = i32;
    type Skip<'m> = SkipInt8<'m>;

    fn bind_skip<'m>(record: &Record<'m>) -> Result<SkipInt8<'m>, LoadError> {
        let rank = rank(record)?;
        let mut fields = record.fields();
        let product_scale = fields.slice(rank)?;
        let output_scale = fields.slice(record.outputs())?;
        let outputs = fields.slice(record.outputs().saturating_mul(rank))?;
        let products = fields.slice(record.inputs().saturating_mul(rank))?;
        fields.end()?;
        Ok(SkipInt8 { product_scale, output_scale, outputs, products })
    }

    #[inline]
    fn accumulate(weights: &SkipInt8<'_>, step: usize, x: &[i16], sums: &mut [i32]) {
        skip::accumulate_int8(weights, step, x, sums);
    }

    #[inline]
    fn add(weights: &SkipInt8<'_>, sums: &[i32], first: usize, y: &mut [f32]) {
        skip::add_int8(weights, sums, first, y);
    }
}

impl<M: Functions> Linear for Float<M> {
    type Partial = f32;
    type Skip<'m> = SkipF32<'m>;

    fn bind_skip<'m>(record: &Record<'m>) -> Result<SkipF32<'m>, LoadError> {
        let rank = rank(record)?;
        let mut fields = record.fields();
        let outputs = fields.slice(record.outputs().saturating_mul(rank))?;
        let products = fields.slice(record.inputs().saturating_mul(rank))?;
        fields.end()?;
        Ok(SkipF32 { outputs, products })
    }

    #[inline]
    fn accumulate(weights: &SkipF32<'_>, step: usize, x: &[f32], sums: &mut [f32]) {
        skip::accumulate_f32(weights, step, x, sums);
    }

    #[inline]
    fn add(weights: &SkipF32<'_>, sums: &[f32], first: usize, y: &mut [f32]) {
        skip::add_f32(weights, sums, first, y);
    }
}
