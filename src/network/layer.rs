//! A recurrent layer, and two of them in a row.

use core::fmt::Debug;
use core::marker::PhantomData;

use crate::arithmetic::Number;
use crate::image::{Cursor, LoadError};

/// A recurrent layer in the number system `N`.
///
/// Inputs are written where the kernel reads them, and outputs are read where it left them: nothing is copied that need not be.
pub trait Layer<N: Number> {
    /// An array of activations.
    type Input: Copy + AsMut<[N::Activation]>;
    /// An array of activations.
    type Output: Copy + AsRef<[N::Activation]>;
    /// Everything that a step remembers.
    type State: Copy + Debug + PartialEq;
    /// Borrowed from the image; shared by as many states as there are sensors.
    type Weights<'m>: Copy + Debug;
    /// The state before the first step; a constant, so that states can live in statics.
    const ZERO: Self::State;
    /// LSTM layers in it.
    const DEPTH: u16;

    /// Takes the layer's records and checks them against the type.
    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError>;

    /// Where the next step's input is written.
    fn input(state: &mut Self::State) -> &mut Self::Input;

    /// One time step. Cannot fail.
    fn step(weights: &Self::Weights<'_>, state: &mut Self::State);

    /// The hidden state after the last step.
    fn output(state: &Self::State) -> &Self::Output;

    /// Shows every byte that has to survive a reset, in a fixed order, to be read or overwritten.
    fn visit(state: &mut Self::State, visitor: &mut impl FnMut(&mut [u8]));
}

/// Layer `A`, then layer `B`, which reads A's output. `Then<Then<A, B>, C>` and `Then<A, Then<B, C>>` read the same files.
///
/// Layers that do not fit each other are no network. Of these two, the first compiles; in the second, ten units meet nine inputs:
///
/// ```
/// use embedded_rnn::{Dense, Int8, Lstm, Network, Then, network::Topology};
/// const INPUTS: usize = <Network<Then<Lstm<3, 10>, Lstm<10, 6>>, Dense<6, 1, 4>> as Topology<Int8>>::INPUTS;
/// assert_eq!(INPUTS, 3);
/// ```
///
/// ```compile_fail,E0271
/// use embedded_rnn::{Dense, Int8, Lstm, Network, Then, network::Topology};
/// const INPUTS: usize = <Network<Then<Lstm<3, 10>, Lstm<9, 6>>, Dense<6, 1, 4>> as Topology<Int8>>::INPUTS;
/// assert_eq!(INPUTS, 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Then<A, B>(PhantomData<(A, B)>);

impl<N, A, B> Layer<N> for Then<A, B>
where
    N: Number,
    A: Layer<N>,
    B: Layer<N, Input = A::Output>,
{
    type Input = A::Input;
    type Output = B::Output;
    type State = (A::State, B::State);
    type Weights<'m> = (A::Weights<'m>, B::Weights<'m>);
    const ZERO: Self::State = (A::ZERO, B::ZERO);
    const DEPTH: u16 = A::DEPTH + B::DEPTH;

    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError> {
        Ok((A::bind(cursor)?, B::bind(cursor)?))
    }

    #[inline]
    fn input(state: &mut Self::State) -> &mut Self::Input {
        A::input(&mut state.0)
    }

    #[inline]
    fn step(weights: &Self::Weights<'_>, state: &mut Self::State) {
        A::step(&weights.0, &mut state.0);
        *B::input(&mut state.1) = *A::output(&state.0);
        B::step(&weights.1, &mut state.1);
    }

    #[inline]
    fn output(state: &Self::State) -> &Self::Output {
        B::output(&state.1)
    }

    fn visit(state: &mut Self::State, visitor: &mut impl FnMut(&mut [u8])) {
        A::visit(&mut state.0, visitor);
        B::visit(&mut state.1, visitor);
    }
}
