//! Random networks, scalers and signals for the tests of this folder, and the comparison of two references.

use super::mean::{MeanNetwork, Scaler, Scalers};
use super::reference::Reference;
use crate::config::Normalization;
use crate::network::plain::{NormForm, PlainDense, PlainHeadNorm, PlainLstm, PlainNetwork, PlainNorm};
use crate::regularize::settings::Regularization;

/// The bar: folded against unfolded in `f64`, relative.
pub const BAR: f64 = 1e-12;

/// The sizes of a network.
#[derive(Clone, Debug)]
pub struct Shape {
    /// F
    pub features: usize,
    /// P
    pub patch: usize,
    /// H of each layer.
    pub hidden: Vec<usize>,
    /// Forecast columns, at most F.
    pub targets: usize,
    /// Samples forecast for each.
    pub horizon: usize,
}

/// SplitMix64 (Steele et al. 2014), uniform in -1 .. 1.
pub struct Uniform(pub u64);

impl Uniform {
    /// The next value.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
    }

    /// Many values, within `-bound .. bound`.
    fn many(&mut self, count: usize, bound: f64) -> Vec<f64> {
        (0..count).map(|_| bound * self.next()).collect()
    }
}

/// Weights of the size that training starts from, biases that matter.
pub fn network(seed: u64, shape: &Shape) -> PlainNetwork {
    let mut uniform = Uniform(seed);
    let mut inputs = shape.features * shape.patch;
    let mut layers = Vec::new();
    for &hidden in &shape.hidden {
        layers.push(PlainLstm {
            inputs,
            hidden,
            w: uniform.many(4 * hidden * inputs, 1.5 / (inputs as f64).sqrt()),
            u: uniform.many(4 * hidden * hidden, 1.5 / (hidden as f64).sqrt()),
            b: uniform.many(4 * hidden, 0.8),
            norm: None,
        });
        inputs = hidden;
    }
    let outputs = shape.targets * shape.horizon;
    let head = PlainDense { inputs, outputs, w: uniform.many(outputs * inputs, 1.0), b: uniform.many(outputs, 0.5), norm: None };
    PlainNetwork { layers, head, skip: None }
}

/// The same with layer norm. The recurrent gains are the smaller ones and ε is large, so that the network contracts: one that amplifies
/// rounding from step to step would show that and not what a rewrite does.
pub fn normed(seed: u64, shape: &Shape, form: NormForm, per_gate: bool) -> PlainNetwork {
    let mut uniform = Uniform(seed ^ 0x5EED);
    let mut network = network(seed, shape);
    for layer in &mut network.layers {
        let hidden = layer.hidden;
        let recurrent = if form == NormForm::Joint { 0.7 } else { 0.4 };
        let mut gains =
            |count: usize, around: f64| -> Vec<f64> { uniform.many(count, 0.3).into_iter().map(|gain| around + gain).collect() };
        let (gain_x, gain_h, gain_c) = (gains(4 * hidden, 0.7), gains(4 * hidden, recurrent), gains(hidden, 0.7));
        let (shift_x, shift_h, shift_c) =
            (uniform.many(4 * hidden, 0.5), uniform.many(4 * hidden, 0.5), uniform.many(hidden, 0.5));
        let bias_x = uniform.many(4 * hidden, 0.8);
        let both = |values: Vec<f64>| if form == NormForm::Joint { Vec::new() } else { values };
        layer.norm = Some(PlainNorm {
            form,
            per_gate,
            epsilon: 0.02,
            gain_x,
            shift_x,
            bias_x: both(bias_x),
            gain_h: both(gain_h),
            shift_h: both(shift_h),
            gain_c: both(gain_c),
            shift_c: both(shift_c),
        });
    }
    network
}

/// The network that a configuration asks for, with or without layer norm.
pub fn trained(seed: u64, shape: &Shape, regularization: &Regularization) -> PlainNetwork {
    let norm = regularization.layer_norm;
    let mut network = norm.form.map_or_else(|| network(seed, shape), |form| normed(seed, shape, form, norm.per_gate));
    if norm.head {
        let mut uniform = Uniform(seed ^ 0x4EAD);
        let units = network.head.inputs;
        network.head.norm = Some(PlainHeadNorm {
            epsilon: 0.02,
            gain: uniform.many(units, 0.3).into_iter().map(|gain| 0.7 + gain).collect(),
            shift: uniform.many(units, 0.5),
        });
    }
    network
}

/// Columns of unlike size, on both sides of the conditioning guard; a target has its feature's scaler.
pub fn scalers(seed: u64, shape: &Shape, normalization: Normalization) -> Scalers {
    let mut uniform = Uniform(!seed);
    let inputs: Vec<Scaler> = (0..shape.features)
        .map(|_| {
            let deviation = 10f64.powf(2.0 * uniform.next());
            let sign = uniform.next().signum();
            Scaler { mean: sign * deviation * 10f64.powf(3.0 * uniform.next()), deviation }
        })
        .collect();
    Scalers { targets: inputs[..shape.targets].to_vec(), inputs, normalization, streaming: false }
}

/// A mean network of random weights and scalers.
pub fn mean(seed: u64, shape: &Shape, regularization: &Regularization, normalization: Normalization) -> MeanNetwork {
    MeanNetwork::new(&trained(seed, shape, regularization), regularization, &scalers(seed, shape, normalization)).unwrap()
}

/// `[samples][F]` in the transformed domain, spread over some deviations.
pub fn signal(seed: u64, scalers: &Scalers, samples: usize) -> Vec<f64> {
    let mut uniform = Uniform(seed.rotate_left(17) ^ 0xA5A5);
    let rows = (0..samples).flat_map(|_| &scalers.inputs);
    rows.map(|scaler| scaler.mean + 2.5 * scaler.deviation * uniform.next()).collect()
}

/// The largest difference between a mean network and a rewritten one over a stream, of every layer's h and of the forecast after
/// every step: h as it is, forecasts as in a certificate, against the larger of their own size and the target's deviation.
pub fn largest_difference(a: &MeanNetwork, b: &dyn Reference, samples: &[f64]) -> f64 {
    let all: Vec<Vec<usize>> = a.widths().into_iter().map(|units| (0..units).collect()).collect();
    kept_difference(a, b, &all, samples)
}

/// The same where b has lost all units but the `kept` ones of every layer.
pub fn kept_difference(a: &MeanNetwork, b: &dyn Reference, kept: &[Vec<usize>], samples: &[f64]) -> f64 {
    assert!(b.widths().into_iter().eq(kept.iter().map(Vec::len)), "{:?} of {kept:?}", b.widths());
    let last = &samples[samples.len() - a.features()..];
    let (mut state_a, mut state_b) = (a.start(last), b.start(last));
    let mut largest = 0f64;
    let mut see = |difference: f64| largest = if difference.is_nan() { f64::INFINITY } else { largest.max(difference) };
    for x in samples.chunks_exact(a.step_inputs()) {
        a.step(&mut state_a, x);
        b.step(&mut state_b, x);
        for (layer, kept) in kept.iter().enumerate() {
            let (h, other) = (a.hidden(&state_a, layer), b.hidden(&state_b, layer));
            kept.iter().zip(&other).for_each(|(unit, other)| see((h[*unit] - other).abs()));
        }
        see(relative(a, &a.forecast(&state_a), &b.forecast(&state_b)));
    }
    largest
}

/// Whether rounding stays small in a network over a stream: weights that are some units in the last place off make no difference near
/// [`BAR`]. A recurrent network may amplify rounding from step to step without bound, a norm over two or three values all the more; what
/// two ways of computing such a network differ by says nothing of either.
pub fn is_well_conditioned(network: &MeanNetwork, samples: &[f64]) -> bool {
    let mut uniform = Uniform(1);
    let mut other = network.clone();
    for layer in &mut other.layers {
        layer.w.iter_mut().chain(&mut layer.u).for_each(|weight| *weight *= 1.0 + 4.0 * f64::EPSILON * uniform.next());
    }
    largest_difference(network, &other, samples) <= BAR / 5.0
}

/// The largest difference of two forecasts, against forecast or deviation.
fn relative(network: &MeanNetwork, y: &[f64], other: &[f64]) -> f64 {
    assert_eq!(y.len(), other.len());
    let horizon = y.len() / network.scalers.targets.len();
    let differences = y.iter().zip(other).enumerate().map(|(index, (y, other))| {
        let difference = (y - other).abs() / y.abs().max(network.scalers.targets[index / horizon].deviation);
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    differences.fold(0.0, f64::max)
}

/// Asserts that a network and what it was rewritten to agree within [`BAR`], streaming and on a window.
pub fn agree(a: &MeanNetwork, b: &dyn Reference, samples: &[f64]) {
    agree_within_bar(a, b, largest_difference(a, b, samples), samples);
}

/// The same where b has lost all units but the `kept` ones of every layer.
pub fn agree_kept(a: &MeanNetwork, b: &dyn Reference, kept: &[Vec<usize>], samples: &[f64]) {
    agree_within_bar(a, b, kept_difference(a, b, kept, samples), samples);
}

fn agree_within_bar(a: &MeanNetwork, b: &dyn Reference, streaming: f64, samples: &[f64]) {
    assert!(streaming <= BAR, "streaming: {streaming:e}");
    let window = &samples[samples.len() - 12 * a.step_inputs()..];
    let difference = relative(a, &a.forecast_window(window), &b.forecast_window(window));
    assert!(difference <= BAR, "window: {difference:e}");
}
