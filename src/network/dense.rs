//! The head.

use crate::arithmetic::Number;
use crate::image::{Cursor, LoadError, RecordKind};

/// The head of a forecaster: `y = V h + d`, `HORIZON` values for each of `TARGETS` targets from the `H` units of the last layer. All
/// values of a forecast come out at once, in units of the transformed domain.
#[derive(Clone, Copy, Debug)]
pub struct Dense<const H: usize, const TARGETS: usize, const HORIZON: usize>;

impl<const H: usize, const TARGETS: usize, const HORIZON: usize> Dense<H, TARGETS, HORIZON> {
    /// Takes the head's record and checks it against the type.
    pub fn bind<'m, N: Number>(cursor: &mut Cursor<'m>) -> Result<N::Dense<'m>, LoadError> {
        const { assert!(H > 0 && TARGETS > 0 && HORIZON > 0 && TARGETS * HORIZON <= u16::MAX as usize) }
        let layer = cursor.layer();
        let record = cursor.next(RecordKind::Dense)?;
        record.expect_shape(layer, H, TARGETS * HORIZON)?;
        N::bind_dense(&record)
    }

    /// The head's values for a hidden state.
    #[inline]
    pub fn forward<N: Number>(weights: &N::Dense<'_>, h: &[N::Activation; H]) -> [[f32; HORIZON]; TARGETS] {
        let mut y = [[0.0; HORIZON]; TARGETS];
        N::dense(weights, h, y.as_flattened_mut());
        y
    }
}
