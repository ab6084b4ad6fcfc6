//! A linear skip: the forecast gets a linear function of the window beside what the head says.

use super::{Network, Topology};
use crate::arithmetic::{Element, Linear};
use crate::image::{Cursor, Dimension, LoadError, RecordKind};

/// No linear skip: [`Network`]'s default, of which firmware links nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoSkip {}

/// `y += B (A x)`: `A` takes `RANK` products of the `WINDOW` normalized values of a window, `B` spreads them over the forecast. The
/// products are summed up while the window's steps pass by, so that the window is kept nowhere.
///
/// Trained networks get the ridge solution here, reduced to its rank, and only what it leaves has to be learned by the recurrent layers.
///
/// ```
/// use embedded_rnn::{Dense, Int8, Lstm, Network, Skip, network::Topology};
/// type Skipping = Network<Lstm<4, 5>, Dense<5, 1, 3>, Skip<8, 2>>;
/// assert_eq!(<Skipping as Topology<Int8>>::WINDOW, 8);
/// ```
///
/// A window is a whole number of steps; this one does not compile:
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network, Skip};
/// type Uneven<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>, Skip<9, 2>>, 1, 8, 4>;
/// assert!(Uneven::load(&[]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Skip<const WINDOW: usize, const RANK: usize> {}

/// What a skip remembers of a window that is not over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkipState<P, const RANK: usize> {
    sums: [P; RANK],
    /// Steps that have passed by.
    steps: u16,
}

impl<P: Element, const RANK: usize> SkipState<P, RANK> {
    /// Before the first step.
    const ZERO: Self = SkipState { sums: [P::ZERO; RANK], steps: 0 };
}

impl<N, B, D, const WINDOW: usize, const RANK: usize> Topology<N> for Network<B, D, Skip<WINDOW, RANK>>
where
    N: Linear,
    Network<B, D>: Topology<N>,
{
    type State = (<Network<B, D> as Topology<N>>::State, SkipState<N::Partial, RANK>);
    type Weights<'m> = (<Network<B, D> as Topology<N>>::Weights<'m>, N::Skip<'m>);
    type Output = <Network<B, D> as Topology<N>>::Output;
    type Quantiles = <Network<B, D> as Topology<N>>::Quantiles;
    const ZERO: Self::State = (<Network<B, D> as Topology<N>>::ZERO, SkipState::ZERO);
    const INPUTS: usize = <Network<B, D> as Topology<N>>::INPUTS;
    const TARGETS: usize = <Network<B, D> as Topology<N>>::TARGETS;
    const HORIZON: usize = <Network<B, D> as Topology<N>>::HORIZON;
    const QUANTILES: usize = <Network<B, D> as Topology<N>>::QUANTILES;
    const CLASSES: usize = <Network<B, D> as Topology<N>>::CLASSES;
    const OUTPUTS: usize = <Network<B, D> as Topology<N>>::OUTPUTS;
    const DEPTH: u16 = <Network<B, D> as Topology<N>>::DEPTH;
    const WINDOW: usize = WINDOW;

    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError> {
        const {
            assert!(RANK > 0 && RANK <= u16::MAX as usize, "a skip has a rank of 1 to 65535");
            assert!(WINDOW > 0 && WINDOW <= u16::MAX as usize && WINDOW.is_multiple_of(Self::INPUTS));
        }
        let network = <Network<B, D> as Topology<N>>::bind(cursor)?;
        let layer = cursor.layer();
        let record = cursor.next(RecordKind::Skip)?;
        record.expect_shape(layer, WINDOW, Self::OUTPUTS)?;
        let found = record.header().form;
        if usize::from(found) != RANK {
            let (expected, found) = (RANK as u32, found.into());
            return Err(LoadError::Shape { dimension: Dimension::Rank, layer, expected, found });
        }
        Ok((network, N::bind_skip(&record)?))
    }

    #[inline]
    fn input(state: &mut Self::State) -> &mut [N::Activation] {
        <Network<B, D> as Topology<N>>::input(&mut state.0)
    }

    #[inline]
    fn step(weights: &Self::Weights<'_>, state: &mut Self::State) {
        let (network, SkipState { sums, steps }) = state;
        N::accumulate(&weights.1, (*steps).into(), <Network<B, D> as Topology<N>>::input(network), sums);
        *steps = steps.saturating_add(1);
        <Network<B, D> as Topology<N>>::step(&weights.0, network);
    }

    #[inline]
    fn head(weights: &Self::Weights<'_>, state: &Self::State) -> Self::Quantiles {
        let mut output = <Network<B, D> as Topology<N>>::head(&weights.0, &state.0);
        for (target, row) in Self::quantile_rows(&mut output).enumerate() {
            N::add(&weights.1, &state.1.sums, target * Self::HORIZON * Self::QUANTILES, row);
        }
        output
    }

    #[inline]
    fn settle(weights: &Self::Weights<'_>, quantiles: &mut Self::Quantiles) {
        <Network<B, D> as Topology<N>>::settle(&weights.0, quantiles);
    }

    #[inline]
    fn point(quantiles: &Self::Quantiles) -> Self::Output {
        <Network<B, D> as Topology<N>>::point(quantiles)
    }

    fn rows(output: &mut Self::Output) -> impl Iterator<Item = &mut [f32]> {
        <Network<B, D> as Topology<N>>::rows(output)
    }

    fn quantile_rows(quantiles: &mut Self::Quantiles) -> impl Iterator<Item = &mut [f32]> {
        <Network<B, D> as Topology<N>>::quantile_rows(quantiles)
    }

    fn visit(state: &mut Self::State, visitor: &mut impl FnMut(&mut [u8])) {
        <Network<B, D> as Topology<N>>::visit(&mut state.0, visitor);
        visitor(bytemuck::try_cast_slice_mut(&mut state.1.sums).unwrap_or_default());
        visitor(bytemuck::bytes_of_mut(&mut state.1.steps));
    }
}
