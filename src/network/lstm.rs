//! One LSTM layer.

use core::marker::PhantomData;

use super::form::{Form, Plain, Scratch, Wide};
use super::layer::Layer;
use crate::arithmetic::{Element, Number};
use crate::image::{Cursor, LoadError, RecordKind};
use crate::kernel::Joint;
use crate::kernel::place::{Place, copy};

/// An LSTM layer with `I` inputs and `H` units: `a = W x + U h + b`, `c' = σ(f)*c + σ(i)*tanh(g)`, `h' = σ(o)*tanh(c')`, gates in the
/// order `i f g o`, and what the [`Form`] adds.
#[derive(Clone, Copy, Debug)]
pub struct Lstm<const I: usize, const H: usize, F = Plain>(PhantomData<F>);

/// What an LSTM layer remembers: the joint `x|h` buffer, the cell state, and a wide hidden state where the form blends it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmState<N: Number, F: Form, const I: usize, const H: usize> {
    joint: Joint<N::Activation, N::Padding, I, H>,
    c: [N::Cell; H],
    wide: F::Wide<N::Wide, H>,
}

impl<N: Number, F: Form, const I: usize, const H: usize> LstmState<N, F, I, H> {
    /// The cell state.
    pub fn cell(&self) -> &[N::Cell; H] {
        &self.c
    }

    /// The hidden state.
    pub fn hidden(&self) -> &[N::Activation; H] {
        &self.joint.h
    }
}

/// The bytes of an array; of none where its elements have none, which is the one cast that can fail.
fn bytes<A: Element>(values: &mut [A]) -> &mut [u8] {
    bytemuck::try_cast_slice_mut(values).unwrap_or_default()
}

impl<N: Number, F: Form, const I: usize, const H: usize> Layer<N> for Lstm<I, H, F> {
    type Input = [N::Activation; I];
    type Output = [N::Activation; H];
    type State = LstmState<N, F, I, H>;
    type Weights<'m> = N::Lstm<'m, F>;
    const ZERO: Self::State = LstmState { joint: Joint::ZERO, c: [N::Cell::ZERO; H], wide: F::Wide::ZERO };
    const DEPTH: u16 = 1;

    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<N::Lstm<'m, F>, LoadError> {
        const { assert!(I > 0 && H > 0 && I <= u16::MAX as usize && H <= u16::MAX as usize) }
        let layer = cursor.layer();
        let record = cursor.next(RecordKind::Lstm)?;
        record.expect_shape(layer, I, H)?;
        let found = record.header().form;
        if found != F::FORM.number() {
            return Err(LoadError::Form { layer, expected: F::FORM, found });
        }
        N::bind_lstm(&record)
    }

    #[inline]
    fn input(state: &mut Self::State) -> &mut Self::Input {
        &mut state.joint.x
    }

    #[inline]
    fn step(weights: &N::Lstm<'_, F>, state: &mut Self::State) {
        // Every unit reads the whole previous hidden state, so the new one is collected beside it.
        let (mut h, mut scratch) = (Place::<[N::Activation; H]>::new(), Place::<F::Scratch<N::Sum, H>>::new());
        let (h, scratch) = (h.zero(), scratch.zero());
        let xh = state.joint.padded(N::COLUMNS_MULTIPLE);
        N::lstm::<F>(weights, xh, &mut state.c, state.wide.as_mut(), scratch.rows(), h);
        copy(h, &mut state.joint.h);
    }

    #[inline]
    fn output(state: &Self::State) -> &Self::Output {
        &state.joint.h
    }

    fn visit(state: &mut Self::State, visitor: &mut impl FnMut(&mut [u8])) {
        visitor(bytes(&mut state.joint.h));
        visitor(bytes(&mut state.c));
        visitor(bytes(state.wide.as_mut()));
    }
}
