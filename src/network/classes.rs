//! A head that says how well each class fits the window.

use core::marker::PhantomData;

use super::{Dense, Head, Layer, Network, Topology};
use crate::arithmetic::Number;
use crate::image::{Cursor, LoadError};

/// The head `D`, `Dense<H, CLASSES, 1>`, with a logit for each class in place of a forecast: a network that says what the window shows, not
/// what comes after it. [`Model::classifier`](crate::Model::classifier) gives the class and the probabilities.
///
/// ```
/// use embedded_rnn::{Classes, Dense, Int8, Lstm, Network, network::Topology};
/// type Activity = Network<Lstm<12, 16>, Classes<Dense<16, 5, 1>>>;
/// let logits: <Activity as Topology<Int8>>::Output = [0.0; 5];
/// assert_eq!(logits.len(), <Activity as Topology<Int8>>::CLASSES);
/// ```
///
/// One class is nothing to choose from:
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Classes, Dense, Int8, Lstm, Model, Network};
/// type Single<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Classes<Dense<5, 1, 1>>>, 1, 8, 4>;
/// assert!(Single::load(&[]).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Classes<D>(PhantomData<D>);

impl<N, B, F, const I: usize, const H: usize, const CLASSES: usize> Topology<N> for Network<B, Classes<Dense<H, CLASSES, 1, F>>>
where
    N: Number,
    B: Layer<N, Input = [N::Activation; I], Output = [N::Activation; H]>,
    F: Head,
{
    type State = B::State;
    type Weights<'m> = (B::Weights<'m>, N::Dense<'m, F>);
    type Output = [f32; CLASSES];
    type Quantiles = [[f32; CLASSES]; 1];
    const ZERO: B::State = B::ZERO;
    const INPUTS: usize = I;
    const TARGETS: usize = 0;
    const HORIZON: usize = 0;
    const CLASSES: usize = CLASSES;
    const OUTPUTS: usize = CLASSES;
    const DEPTH: u16 = B::DEPTH;

    fn bind<'m>(cursor: &mut Cursor<'m>) -> Result<Self::Weights<'m>, LoadError> {
        const { assert!(CLASSES >= 2 && CLASSES <= u16::MAX as usize, "a classifier has 2 to 65535 classes") }
        Ok((B::bind(cursor)?, Dense::<H, CLASSES, 1, F>::bind::<N>(cursor)?))
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
        let mut logits = [[0.0; CLASSES]];
        N::dense(&weights.1, B::output(state), logits.as_flattened_mut());
        logits
    }

    #[inline]
    fn point(logits: &Self::Quantiles) -> Self::Output {
        let [logits] = logits;
        *logits
    }

    fn rows(logits: &mut Self::Output) -> impl Iterator<Item = &mut [f32]> {
        core::iter::once(&mut logits[..])
    }

    fn quantile_rows(logits: &mut Self::Quantiles) -> impl Iterator<Item = &mut [f32]> {
        logits.iter_mut().map(|row| &mut row[..])
    }

    fn visit(state: &mut B::State, visitor: &mut impl FnMut(&mut [u8])) {
        B::visit(state, visitor);
    }
}
