//! The head.

use core::marker::PhantomData;

use super::head_form::{Head, PlainHead};
use crate::arithmetic::Number;
use crate::image::{Cursor, LoadError, RecordKind};

/// The head of a forecaster: `y = V h + d`, `HORIZON` values for each of `TARGETS` targets from the `H` units of the last layer, and what
/// its form `F` adds. All values of a forecast come out at once, in units of the transformed domain.
#[derive(Clone, Copy, Debug)]
pub struct Dense<const H: usize, const TARGETS: usize, const HORIZON: usize, F = PlainHead>(PhantomData<F>);

impl<const H: usize, const TARGETS: usize, const HORIZON: usize, F: Head> Dense<H, TARGETS, HORIZON, F> {
    /// Takes the head's record and checks it against the type.
    pub fn bind<'m, N: Number>(cursor: &mut Cursor<'m>) -> Result<N::Dense<'m, F>, LoadError> {
        const { assert!(TARGETS * HORIZON <= u16::MAX as usize) }
        Self::bind_outputs::<N>(cursor, TARGETS * HORIZON)
    }

    /// The same for a head of which each value has several outputs.
    pub(super) fn bind_outputs<'m, N: Number>(cursor: &mut Cursor<'m>, outputs: usize) -> Result<N::Dense<'m, F>, LoadError> {
        const { assert!(H > 0 && TARGETS > 0 && HORIZON > 0) }
        let layer = cursor.layer();
        let record = cursor.next(RecordKind::Dense)?;
        record.expect_shape(layer, H, outputs)?;
        let found = record.header().form;
        if found != F::FORM.number() {
            return Err(LoadError::HeadForm { expected: F::FORM, found });
        }
        N::bind_dense(&record)
    }

    /// The head's values for a hidden state.
    #[inline]
    pub fn forward<N: Number>(weights: &N::Dense<'_, F>, h: &[N::Activation; H]) -> [[f32; HORIZON]; TARGETS] {
        let mut y = [[0.0; HORIZON]; TARGETS];
        N::dense(weights, h, y.as_flattened_mut());
        y
    }
}
