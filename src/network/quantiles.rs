//! A head that says several quantiles of every value.

use core::marker::PhantomData;

use super::{Dense, Head, Intervals, Layer, Network, Topology};
use crate::arithmetic::Number;
use crate::image::{Cursor, LoadError};

/// The head `D`, and with it a network, with `Q` quantiles in place of each value of a forecast: the median, and symmetric pairs that are
/// the ends of prediction intervals. [`Forecaster::quantiles`](crate::Forecaster::quantiles) gives all of them,
/// [`Forecaster::forecast`](crate::Forecaster::forecast) the median.
///
/// ```
/// use embedded_rnn::{Dense, Int8, Lstm, Network, Quantiles, network::Topology};
/// type Interval = Network<Lstm<4, 5>, Quantiles<Dense<5, 1, 12>, 3>>;
/// let [levels]: <Interval as Topology<Int8>>::Quantiles = [[[0.0; 3]; 12]];
/// let [median]: <Interval as Topology<Int8>>::Output = [[0.0; 12]];
/// assert_eq!(levels.len(), median.len());
/// ```
///
/// Quantiles come in pairs around the median; an even number of them does not compile:
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network, Quantiles};
/// type Uneven<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Quantiles<Dense<5, 1, 3>, 2>>, 1, 8, 4>;
/// assert!(Uneven::load(&[]).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantiles<D, const Q: usize>(PhantomData<D>);

impl<N, B, F, const I: usize, const H: usize, const TARGETS: usize, const HORIZON: usize, const Q: usize> Topology<N>
    for Network<B, Quantiles<Dense<H, TARGETS, HORIZON, F>, Q>>
where
    N: Number,
    B: Layer<N, Input = [N::Activation; I], Output = [N::Activation; H]>,
    F: Head,
{
    type State = B::State;
    type Weights<'m> = (B::Weights<'m>, N::Dense<'m, F>, Intervals<'m>);
    type Output = [[f32; HORIZON]; TARGETS];
    type Quantiles = [[[f32; Q]; HORIZON]; TARGETS];
    const ZERO: B::State = B::ZERO;
    const INPUTS: usize = I;
    const TARGETS: usize = TARGETS;
    const HORIZON: usize = HORIZON;
    const QUANTILES: usize = Q;
    const DEPTH: u16 = B::DEPTH;

    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError> {
        const {
            assert!(Q >= 3 && Q % 2 == 1, "quantiles are a median and pairs around it");
            assert!(TARGETS * HORIZON * Q <= u16::MAX as usize, "a head has 1 to 65535 outputs");
        }
        let layers = B::bind(cursor)?;
        let head = Dense::<H, TARGETS, HORIZON, F>::bind_outputs::<N>(cursor, TARGETS * HORIZON * Q)?;
        Ok((layers, head, Intervals::bind(cursor, TARGETS * HORIZON, Q)?))
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
        let mut y = [[[0.0; Q]; HORIZON]; TARGETS];
        N::dense(&weights.1, B::output(state), y.as_flattened_mut().as_flattened_mut());
        y
    }

    #[inline]
    fn settle(weights: &Self::Weights<'_>, quantiles: &mut Self::Quantiles) {
        let values = quantiles.as_flattened_mut().as_flattened_mut();
        weights.2.sort(values);
        weights.2.widen(values);
    }

    #[inline]
    fn point(quantiles: &Self::Quantiles) -> Self::Output {
        let mut point = [[0.0; HORIZON]; TARGETS];
        for (point, quantiles) in point.as_flattened_mut().iter_mut().zip(quantiles.as_flattened()) {
            *point = quantiles[Q / 2];
        }
        point
    }

    fn rows(output: &mut Self::Output) -> impl Iterator<Item = &mut [f32]> {
        output.iter_mut().map(|row| &mut row[..])
    }

    fn quantile_rows(quantiles: &mut Self::Quantiles) -> impl Iterator<Item = &mut [f32]> {
        quantiles.iter_mut().map(|row| row.as_flattened_mut())
    }

    fn visit(state: &mut B::State, visitor: &mut impl FnMut(&mut [u8])) {
        B::visit(state, visitor);
    }
}
