//! Straightforward `f64` forward passes, streaming and windowed: the oracle for every rewrite and for the device crate.
//!
//! [`MeanNetwork`](super::MeanNetwork) is run as training left it, with factors on activations, zoneout blended and scalers outside;
//! [`FoldedNetwork`](super::FoldedNetwork) is run as the device runs it. The two share only the matrix product and the nonlinearities;
//! each has a layer norm of its own, the textbook's and the device's.

mod folded;
mod mean;

pub(crate) use folded::preactivations;

use crate::network::skip::PlainSkip;

/// The state of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerState {
    /// `[H]`; u rather than h where a folded network carries it scaled: [`Reference::hidden`] gives h.
    pub h: Vec<f64>,
    /// `[H]`
    pub c: Vec<f64>,
}

/// What is carried from one step to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// First to last.
    pub layers: Vec<LayerState>,
    /// `[F]`; the values that normalization by the last value subtracts, unused without it.
    pub last: Vec<f64>,
    /// What has entered so far, normalized as the first layer's input is, but before its mask; kept where there is a linear skip.
    pub window: Vec<f64>,
}

/// A network that can be run for reference. All values are in the transformed domain.
pub trait Reference {
    /// F
    fn features(&self) -> usize;

    /// Values of one step, P samples times F features.
    fn step_inputs(&self) -> usize;

    /// Units of each layer.
    fn widths(&self) -> Vec<usize>;

    /// One step: `x` holds P samples of F features, sample-major.
    fn step(&self, state: &mut State, x: &[f64]);

    /// h of one layer after the latest step.
    fn hidden(&self, state: &State, layer: usize) -> Vec<f64>;

    /// The forecast from the latest step, `[targets][horizon]`.
    fn forecast(&self, state: &State) -> Vec<f64>;

    /// Whether the network is run as a stream.
    fn is_streaming(&self) -> bool;

    /// The zero state before a window or a stretch of a stream, `[samples][F]`.
    fn start_of(&self, samples: &[f64]) -> State {
        let features = self.features();
        let last = if self.is_streaming() { &samples[..features] } else { &samples[samples.len() - features..] };
        self.start(last)
    }

    /// The zero state; `last` `[F]` is what normalization by the last value subtracts: of a window its last sample, of a stream its first.
    fn start(&self, last: &[f64]) -> State {
        let layers = self.widths().into_iter().map(|units| LayerState { h: vec![0.0; units], c: vec![0.0; units] });
        State { layers: layers.collect(), last: last.to_vec(), window: Vec::new() }
    }

    /// The forecast from a whole window or stretch of a stream, `[samples][F]`, started from the zero state.
    ///
    /// The window holds a whole number of steps; samples after the last whole step would be left out.
    fn forecast_window(&self, window: &[f64]) -> Vec<f64> {
        let mut state = self.start_of(window);
        for x in window.chunks_exact(self.step_inputs()) {
            self.step(&mut state, x);
        }
        self.forecast(&state)
    }
}

/// `1/(1 + exp(-a))`
fn sigmoid(a: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-a))
}

/// A matrix `[rows][x.len()]` times x.
fn product(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    assert!(matrix.len().is_multiple_of(x.len()), "one value for each column");
    matrix.chunks_exact(x.len()).map(|row| dot(row, x)).collect()
}

/// What a skip adds, `[O]` in the head's units: of a window that is not over, of what has entered so far.
fn skipped(skip: Option<&PlainSkip>, state: &State, outputs: usize) -> Vec<f64> {
    let Some(skip) = skip else { return vec![0.0; outputs] };
    let mut window = state.window.clone();
    window.resize(skip.inputs, 0.0);
    skip.forecast(&window)
}

/// Inner product.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
