//! Recurrent layers and a head that fit each other.

use core::fmt::Debug;
use core::marker::PhantomData;

use super::{Dense, Head, Layer, NoSkip};
use crate::arithmetic::Number;
use crate::image::{Cursor, LoadError};

/// Recurrent layers `B`, a head `D` and, where there is one, a linear [`Skip`](super::Skip) `S`; what the exporter's Rust line names.
///
/// The head reads the last layer's units; another number of them does not compile:
///
/// ```compile_fail,E0271
/// use embedded_rnn::{Dense, Int8, Lstm, Network, network::Topology};
/// const INPUTS: usize = <Network<Lstm<3, 10>, Dense<6, 1, 4>> as Topology<Int8>>::INPUTS;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Network<B, D, S = NoSkip>(PhantomData<(B, D, S)>);

/// A whole network in the number system `N`. Implemented by [`Network`] for layers and heads that fit each other.
pub trait Topology<N: Number> {
    /// The recurrent layers' state.
    type State: Copy + Debug + PartialEq;
    /// Borrowed from the image.
    type Weights<'m>: Copy + Debug;
    /// A forecast: `[[f32; HORIZON]; TARGETS]`; of a classifier its logits, `[f32; CLASSES]`.
    type Output: Copy + Debug + PartialEq;
    /// What the head says: `[[[f32; QUANTILES]; HORIZON]; TARGETS]`, or an [`Output`](Self::Output) where it says one value of each.
    type Quantiles: Copy + Debug + PartialEq;
    /// The state before the first step.
    const ZERO: Self::State;
    /// Inputs of a step.
    const INPUTS: usize;
    /// Targets of a forecast; 0 of a classifier.
    const TARGETS: usize;
    /// Values of a forecast for each target; 0 of a classifier.
    const HORIZON: usize;
    /// Quantiles of each value, see [`Quantiles`](super::Quantiles); 1 where there are none.
    const QUANTILES: usize = 1;
    /// Classes of a classifier, see [`Classes`](super::Classes); 0 of a forecaster.
    const CLASSES: usize = 0;
    /// Values that the head says.
    const OUTPUTS: usize = Self::TARGETS * Self::HORIZON * Self::QUANTILES;
    /// LSTM layers.
    const DEPTH: u16;
    /// Values of the window that the head reads beside the state: samples times columns with a skip, else 0.
    const WINDOW: usize = 0;

    /// Takes the network's records and checks them against the type.
    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError>;
    /// Where the next step's input is written: `[INPUTS]`.
    fn input(state: &mut Self::State) -> &mut [N::Activation];
    /// One time step of all recurrent layers. Cannot fail.
    fn step(weights: &Self::Weights<'_>, state: &mut Self::State);
    /// The head's values for the state, in units of the transformed domain.
    fn head(weights: &Self::Weights<'_>, state: &Self::State) -> Self::Quantiles;
    /// Brings quantiles into order and widens their intervals as the file says, still in the transformed domain.
    #[inline]
    fn settle(_weights: &Self::Weights<'_>, _quantiles: &mut Self::Quantiles) {}
    /// The forecast among the quantiles: their median.
    fn point(quantiles: &Self::Quantiles) -> Self::Output;
    /// A forecast as rows of values, one a target.
    fn rows(output: &mut Self::Output) -> impl Iterator<Item = &mut [f32]>;
    /// Quantiles as rows of values, one a target: all quantiles of the first value, then of the next.
    fn quantile_rows(quantiles: &mut Self::Quantiles) -> impl Iterator<Item = &mut [f32]>;
    /// Shows every byte of the state that has to survive a reset.
    fn visit(state: &mut Self::State, visitor: &mut impl FnMut(&mut [u8]));
}

impl<N, B, F, const I: usize, const H: usize, const TARGETS: usize, const HORIZON: usize> Topology<N>
    for Network<B, Dense<H, TARGETS, HORIZON, F>>
where
    N: Number,
    B: Layer<N, Input = [N::Activation; I], Output = [N::Activation; H]>,
    F: Head,
{
    type State = B::State;
    type Weights<'m> = (B::Weights<'m>, N::Dense<'m, F>);
    type Output = [[f32; HORIZON]; TARGETS];
    type Quantiles = [[f32; HORIZON]; TARGETS];
    const ZERO: B::State = B::ZERO;
    const INPUTS: usize = I;
    const TARGETS: usize = TARGETS;
    const HORIZON: usize = HORIZON;
    const DEPTH: u16 = B::DEPTH;

    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError> {
        Ok((B::bind(cursor)?, Dense::<H, TARGETS, HORIZON, F>::bind::<N>(cursor)?))
    }

    #[inline]
    fn input(state: &mut B::State) -> &mut [N::Activation] {
        B::input(state)
    }

    #[inline]
    fn step(weights: &Self::Weights<'_>, state: &mut B::State) {
        B::step(&weights.0, state);
    }

    #[inline]
    fn head(weights: &Self::Weights<'_>, state: &B::State) -> Self::Quantiles {
        Dense::<H, TARGETS, HORIZON, F>::forward::<N>(&weights.1, B::output(state))
    }

    #[inline]
    fn point(quantiles: &Self::Quantiles) -> Self::Output {
        *quantiles
    }

    fn rows(output: &mut Self::Output) -> impl Iterator<Item = &mut [f32]> {
        output.iter_mut().map(|row| &mut row[..])
    }

    fn quantile_rows(quantiles: &mut Self::Quantiles) -> impl Iterator<Item = &mut [f32]> {
        Self::rows(quantiles)
    }

    fn visit(state: &mut B::State, visitor: &mut impl FnMut(&mut [u8])) {
        B::visit(state, visitor);
    }
}
