//! Random networks of any shape, folded, quantized and packed.

use std::path::Path;

use embedded_rnn::arithmetic::Number;
use embedded_rnn::forecast::Transform;
use embedded_rnn::image::{
    Arithmetic, Functions, Interval, Layout, Manifest, Mode, Normalization, Provenance, Series, Window, forecast_checksum,
};
use embedded_rnn::network::Topology;
use embedded_rnn_trainer::config::Rounding;
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::fold::{FoldedNetwork, Scaler, Scalers, Target, fold};
use embedded_rnn_trainer::network::plain::{NormForm, PlainDense, PlainHeadNorm, PlainLstm, PlainNetwork, PlainNorm};
use embedded_rnn_trainer::network::skip::PlainSkip;
use embedded_rnn_trainer::pack::{CellFormat, Description, IntervalTable, Packing, Payload, pack};
use embedded_rnn_trainer::quantize::{QuantizedNetwork, quantize};
use embedded_rnn_trainer::regularize::settings::{
    CandidateDropout, CellDropout, GroupLasso, LayerNorm, Reading, Regularization, Scaling, Zoneout,
};

/// Uniform in [-1, 1), the same on every machine.
pub struct Random(pub u64);

impl Random {
    /// The next value.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Many values within ±`scale`.
    pub fn many(&mut self, count: usize, scale: f64) -> Vec<f64> {
        (0..count).map(|_| scale * self.next()).collect()
    }

    /// Raw samples `[count][features]` from 14 to 26: a wave of another length and phase in each column, and noise upon it.
    pub fn samples(&mut self, count: usize, features: usize) -> Vec<f32> {
        let waves: Vec<(f64, f64)> = (0..features).map(|_| (10.0 + 8.0 * self.next(), 3.0 * self.next())).collect();
        let mut samples = Vec::with_capacity(count * features);
        for t in 0..count {
            for (length, phase) in &waves {
                let wave = libm::sin(std::f64::consts::TAU * t as f64 / length + phase);
                samples.push((20.0 + 4.5 * wave + 1.5 * self.next()) as f32);
            }
        }
        samples
    }
}

/// What is packed for the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numbers {
    Int8,
    /// In another order or with another cell than [`Numbers::Int8`].
    Int8For(Packing),
    F32(Functions),
}

impl Numbers {
    /// Those of a number system.
    fn of<N: Number>() -> Self {
        let cell = match N::ARITHMETIC {
            Arithmetic::F32 { functions } => return Numbers::F32(functions),
            Arithmetic::Int8Cell16 { .. } => CellFormat::Cell16,
            _ => CellFormat::Exact,
        };
        let packing = Packing { layout: N::LAYOUT, cell };
        if packing == Packing::default() { Numbers::Int8 } else { Numbers::Int8For(packing) }
    }
}

/// What every cell of a network has beyond the plain equations and zoneout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extras {
    pub norm: Option<NormForm>,
    pub per_gate: bool,
    /// Classical dropout on candidate and cell.
    pub kept: bool,
    /// Layer norm before the head.
    pub head: bool,
    /// Units of each layer that are removed, from [`Sketch::widths`] down.
    pub removed: usize,
}

/// A random network to be.
#[derive(Clone, Debug)]
pub struct Sketch {
    pub seed: u64,
    /// Units of each layer.
    pub widths: Vec<usize>,
    pub window: Window,
    pub zoneout: Zoneout,
    pub extras: Extras,
    /// The rank of a linear skip; 0 for none.
    pub skip: usize,
    /// Quantiles of each value; 1 for none.
    pub quantiles: usize,
    /// Classes of a classifier; 0 of a forecaster.
    pub classes: usize,
    pub numbers: Numbers,
}

/// A packed network and what it was packed from.
pub struct Built {
    pub folded: FoldedNetwork,
    /// With [`Numbers::Int8`].
    pub quantized: Option<QuantizedNetwork>,
    pub file: Vec<u8>,
}

/// Gains about 0.6, those of h smaller, so that a network forgets.
fn norm(random: &mut Random, form: NormForm, per_gate: bool, hidden: usize) -> PlainNorm {
    let gains = |random: &mut Random, count: usize, middle: f64| -> Vec<f64> {
        (0..count).map(|_| middle * (1.0 + 0.5 * random.next())).collect()
    };
    let both = |values: Vec<f64>| if form == NormForm::Joint { Vec::new() } else { values };
    PlainNorm {
        form,
        per_gate,
        epsilon: LayerNorm::default().epsilon,
        gain_x: gains(random, 4 * hidden, 0.6),
        shift_x: random.many(4 * hidden, 0.4),
        bias_x: both(random.many(4 * hidden, 0.5)),
        gain_h: both(gains(random, 4 * hidden, 0.2)),
        shift_h: both(random.many(4 * hidden, 0.4)),
        gain_c: both(gains(random, hidden, 0.6)),
        shift_c: both(random.many(hidden, 0.3)),
    }
}

/// Sets to zero all that keeps a unit of every layer from being removed.
fn detach(network: &mut PlainNetwork, unit: usize) {
    let column = |matrix: &mut [f64], columns: usize| matrix.iter_mut().skip(unit).step_by(columns).for_each(|w| *w = 0.0);
    let normed_head = network.head.norm.is_some();
    for index in 0..network.layers.len() {
        let last = index + 1 == network.layers.len();
        let PlainLstm { inputs, hidden, w, u, b, norm } = &mut network.layers[index];
        for row in [0, 1, 2, 3].map(|gate| gate * *hidden + unit) {
            w[row * *inputs..][..*inputs].fill(0.0);
            u[row * *hidden..][..*hidden].fill(0.0);
            b[row] = 0.0;
        }
        if let (Some(norm), true) = (norm, last && normed_head) {
            // A candidate of zero, for an h of zero.
            (norm.gain_x[2 * *hidden + unit], norm.shift_x[2 * *hidden + unit]) = (0.0, 0.0);
        }
        column(u, *hidden);
        let hidden = *hidden;
        match network.layers.get_mut(index + 1) {
            Some(above) => column(&mut above.w, hidden),
            None => column(&mut network.head.w, hidden),
        }
    }
}

impl Sketch {
    /// The sketch of a typed network; without per-window normalization, zoneout or a value transform.
    pub fn of<N: Number, T: Topology<N>>(seed: u64, widths: &[usize], features: u16, lookback: u16, patch: u16) -> Self {
        let window = Window {
            features,
            targets: T::TARGETS as u16,
            lookback,
            patch,
            horizon: T::HORIZON as u16,
            layers: T::DEPTH,
            transform: Transform::None,
            normalization: Normalization::None,
            mode: Mode::Windowed,
        };
        Sketch {
            seed,
            widths: widths.to_vec(),
            window,
            zoneout: Zoneout::default(),
            extras: Extras::default(),
            skip: 0,
            quantiles: T::QUANTILES,
            classes: T::CLASSES,
            numbers: Numbers::of::<N>(),
        }
    }

    /// The same with zoneout.
    pub fn with_zoneout(self, cell: f64, hidden: f64, reading: Reading) -> Self {
        Sketch { zoneout: Zoneout { cell, hidden, reading }, ..self }
    }

    /// The same with more in its cells.
    pub fn with_extras(self, extras: Extras) -> Self {
        Sketch { extras, ..self }
    }

    /// The same with a linear skip.
    pub fn with_skip(self, rank: usize) -> Self {
        Sketch { skip: rank, ..self }
    }

    /// The same as a classifier.
    pub fn classifier(self, classes: usize) -> Self {
        Sketch { classes, window: Window { targets: 0, horizon: 0, ..self.window }, ..self }
    }

    /// Names of the classes, as a file has them.
    pub fn class_names(&self) -> String {
        (0..self.classes).map(|class| format!("class {class}\n")).collect()
    }

    /// Values that the head says.
    pub fn outputs(&self) -> usize {
        let forecast = usize::from(self.window.targets) * usize::from(self.window.horizon) * self.quantiles;
        if self.classes > 0 { self.classes } else { forecast }
    }

    /// Levels of the quantiles, and random widenings of both signs; none without quantiles.
    pub fn intervals(&self) -> (Vec<f32>, Vec<f32>) {
        if self.quantiles == 1 {
            return (Vec::new(), Vec::new());
        }
        let levels = (1..=self.quantiles).map(|k| k as f32 / (self.quantiles + 1) as f32);
        let outputs = usize::from(self.window.targets) * usize::from(self.window.horizon);
        let widening = Random(self.seed + 77).many(outputs * (self.quantiles / 2), 2.0);
        (levels.collect(), widening.iter().map(|by| *by as f32).collect())
    }

    /// What the specification makes of a head's outputs: quantiles in order, and their intervals widened.
    pub fn settle(&self, outputs: &mut [f32]) {
        let (quantiles, pairs) = (self.quantiles, self.quantiles / 2);
        if quantiles == 1 {
            return;
        }
        let (_, widening) = self.intervals();
        for (value, w) in outputs.chunks_exact_mut(quantiles).zip(widening.chunks_exact(pairs)) {
            value.sort_by(f32::total_cmp);
            let (mut l, mut u) = (value[pairs], value[pairs]);
            for p in (0..pairs).rev() {
                l = l.min(value[p] - w[p]);
                u = u.max(value[quantiles - 1 - p] + w[p]);
                (value[p], value[quantiles - 1 - p]) = (l, u);
            }
        }
    }

    /// The same with each window's last value subtracted.
    pub fn normalized(self) -> Self {
        Sketch { window: Window { normalization: Normalization::Last, ..self.window }, ..self }
    }

    /// The same under another per-window normalization.
    pub fn under(self, normalization: Normalization) -> Self {
        Sketch { window: Window { normalization, ..self.window }, ..self }
    }

    /// The least deviation of each column; none where windows are not scaled.
    pub fn least_deviations(&self) -> Vec<f32> {
        let scaled = self.window.normalization == Normalization::Scaled;
        if scaled { vec![0.003; self.window.features.into()] } else { Vec::new() }
    }

    /// A window of raw samples as the folded network takes it: in the transformed domain, and normalized there, but for the last value.
    pub fn entering(&self, raw: &[f32]) -> Vec<f64> {
        let (features, season) = (usize::from(self.window.features), self.window.normalization.season());
        let z: Vec<f64> = raw.iter().map(|raw| f64::from(self.window.transform.forward(*raw).unwrap())).collect();
        let rows = z.len() / features;
        let column = |j: usize| z.iter().skip(j).step_by(features);
        let means: Vec<f64> = (0..features).map(|j| column(j).sum::<f64>() / rows as f64).collect();
        let deviation = |j: usize| (column(j).map(|z| (z - means[j]).powi(2)).sum::<f64>() / rows as f64).sqrt().max(0.003);
        let deviations: Vec<f64> = (0..features).map(deviation).collect();
        let entering = (season * features..z.len()).map(|k| match self.window.normalization {
            Normalization::None | Normalization::Last => z[k],
            Normalization::Mean => z[k] - means[k % features],
            Normalization::Scaled => (z[k] - means[k % features]) / deviations[k % features],
            Normalization::Seasonal { .. } => z[k] - z[k - season * features],
        });
        entering.collect()
    }

    /// The same as a stream that is warm after so many steps.
    pub fn streamed(self, warmup: u32) -> Self {
        Sketch { window: Window { mode: Mode::Streaming { warmup }, ..self.window }, ..self }
    }

    /// Weights as training leaves them in size: hidden states, which are small, weigh more than inputs, so that a signal reaches the
    /// head through several layers.
    fn network(&self, random: &mut Random) -> PlainNetwork {
        let mut below = usize::from(self.window.features) * usize::from(self.window.patch);
        let mut layers = Vec::new();
        for hidden in self.widths.iter().copied() {
            let gain = if layers.is_empty() { 1.5 } else { 3.0 };
            layers.push(PlainLstm {
                inputs: below,
                hidden,
                w: random.many(4 * hidden * below, gain / (below as f64).sqrt()),
                u: random.many(4 * hidden * hidden, 1.5 / (hidden as f64).sqrt()),
                b: random.many(4 * hidden, 0.5),
                norm: self.extras.norm.map(|form| norm(random, form, self.extras.per_gate, hidden)),
            });
            below = hidden;
        }
        let outputs = self.outputs();
        let (w, b) = (random.many(outputs * below, 1.0), random.many(outputs, 0.3));
        let norm = self.extras.head.then(|| PlainHeadNorm {
            epsilon: LayerNorm::default().epsilon,
            gain: random.many(below, 0.3).iter().map(|gain| 0.8 + gain).collect(),
            shift: random.many(below, 0.4),
        });
        let head = PlainDense { inputs: below, outputs, w, b, norm };
        let samples = usize::from(self.window.lookback) - self.window.normalization.season();
        let inputs = samples * usize::from(self.window.features);
        let skip = (self.skip > 0).then(|| PlainSkip {
            inputs,
            rank: self.skip,
            outputs,
            products: random.many(self.skip * inputs, 1.0 / (inputs as f64).sqrt()),
            spread: random.many(outputs * self.skip, 0.7),
            bias: random.many(outputs, 0.3),
        });
        let mut network = PlainNetwork { layers, head, skip };
        // Those removed stand between those kept.
        for unit in (0..self.extras.removed).map(|k| 2 * k + 1) {
            detach(&mut network, unit);
        }
        network
    }

    /// What the network was trained with.
    pub fn regularization(&self) -> Regularization {
        let Extras { norm, per_gate, kept, head, removed } = self.extras;
        let drop = if kept { 0.2 } else { 0.0 };
        Regularization {
            zoneout: self.zoneout,
            candidate: CandidateDropout { drop, scaling: Scaling::Classical, ..CandidateDropout::default() },
            cell: CellDropout { drop: drop / 4.0, scaling: None },
            layer_norm: LayerNorm { form: norm, per_gate, head, ..LayerNorm::default() },
            group_lasso: GroupLasso { strength: if removed > 0 { 0.01 } else { 0.0 }, ..GroupLasso::default() },
            ..Regularization::default()
        }
    }

    fn scalers(&self) -> Scalers {
        // Of samples of 20, give or take 3, behind the transform.
        let scaler = match self.window.transform {
            Transform::None => Scaler { mean: 20.0, deviation: 3.0 },
            Transform::Sqrt => Scaler { mean: 4.5, deviation: 0.34 },
            Transform::Log => Scaler { mean: 3.0, deviation: 0.15 },
        };
        // What is normalized before folding has neither mean nor, where it is scaled, a deviation.
        let (scaler, normalization) = match self.window.normalization {
            Normalization::None | Normalization::Last => (scaler, self.window.normalization),
            Normalization::Scaled => (Scaler { mean: 0.0, deviation: 1.0 }, Normalization::None),
            _ => (Scaler { mean: 0.0, ..scaler }, Normalization::None),
        };
        Scalers {
            inputs: vec![scaler; self.window.features.into()],
            targets: vec![scaler; self.window.targets.into()],
            normalization,
            streaming: self.window.mode != Mode::Windowed,
        }
    }

    /// Gives the head rows of such a size that each output has a deviation of one over a stream of samples, as targets have.
    fn spread_outputs(&self, trained: &mut PlainNetwork, regularization: &Regularization) {
        const STEPS: usize = 1_000;
        // Of what the head alone says.
        let alone = PlainNetwork { skip: None, ..trained.clone() };
        let (network, _) = fold(&alone, regularization, &self.scalers(), Target::Integer).unwrap();
        let raw = Random(!self.seed).samples(STEPS * usize::from(self.window.patch), self.window.features.into());
        let samples = self.entering(&raw);
        let mut state = network.start_of(&samples);
        let top = self.widths.len() - 1;
        let mut step = |x| {
            network.step(&mut state, x);
            (network.hidden(&state, top), network.forecast(&state))
        };
        let steps: Vec<(Vec<f64>, Vec<f64>)> = samples.chunks_exact(network.step_inputs()).map(&mut step).collect();
        let target = self.scalers().targets.first().map_or(1.0, |target| target.deviation);
        for (output, row) in trained.head.w.chunks_exact_mut(trained.head.inputs).enumerate() {
            let of_step = |(h, y): &(Vec<f64>, Vec<f64>)| match &trained.head.norm {
                // Without its constant part.
                Some(_) => y[output] / target,
                None => row.iter().zip(h).map(|(w, h)| w * h).sum(),
            };
            let outputs: Vec<f64> = steps.iter().map(of_step).collect();
            let mean = outputs.iter().sum::<f64>() / outputs.len() as f64;
            let deviation = (outputs.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / outputs.len() as f64).sqrt();
            row.iter_mut().for_each(|w| *w /= deviation);
        }
    }

    /// Folds, quantizes and packs, with a self-test whose forecast the device crate computes.
    pub fn build(&self) -> Built {
        self.build_rounded(Rounding::Nearest)
    }

    /// The same with weights rounded otherwise.
    pub fn build_rounded(&self, rounding: Rounding) -> Built {
        let window = self.window;
        let mut random = Random(self.seed);
        let mut trained = self.network(&mut random);
        let regularization = self.regularization();
        self.spread_outputs(&mut trained, &regularization);
        let integer = !matches!(self.numbers, Numbers::F32(_));
        let target = if integer { Target::Integer } else { Target::Float };
        let (folded, _) = fold(&trained, &regularization, &self.scalers(), target).unwrap();
        let widths = folded.layers.iter().map(|layer| layer.weights.hidden + self.extras.removed);
        assert!(widths.eq(self.widths.iter().copied()), "as many units are removed as were asked for");
        let length = usize::from(window.lookback) * usize::from(window.features);
        let samples = random.samples(usize::from(window.lookback) * 20, window.features.into());
        let windows: Vec<Vec<f64>> = samples.chunks_exact(length).map(|raw| self.entering(raw)).collect();
        let quantized = integer.then(|| quantize(&folded, &windows, rounding).unwrap());
        let payload = match (&quantized, self.numbers) {
            (Some(quantized), Numbers::Int8For(packing)) => Payload::IntegerFor(quantized, packing),
            (Some(quantized), _) => Payload::Integer(quantized),
            (None, Numbers::F32(functions)) => Payload::Float(&folded, functions),
            (None, _) => unreachable!(),
        };
        let file = self.pack(payload, &samples[..length]);
        Built { folded, quantized, file }
    }

    /// The file of a payload of this sketch's shape.
    pub fn pack(&self, payload: Payload<'_>, test_window: &[f32]) -> Vec<u8> {
        let checksum = |file: &[u8]| {
            let bytes = ModelBytes::new(file);
            let mut first = DeviceModel::open(&bytes, Path::new("sketch")).unwrap();
            forecast_checksum(&first.spread(&first.test_window()).unwrap())
        };
        self.pack_as(payload, test_window, checksum)
    }

    /// The same with a self-test that fails, for files that no reader takes.
    pub fn pack_only(&self, payload: Payload<'_>, test_window: &[f32]) -> Vec<u8> {
        self.pack_as(payload, test_window, |_| 0)
    }

    fn pack_as(&self, payload: Payload<'_>, test_window: &[f32], checksum: impl Fn(&[u8]) -> u32) -> Vec<u8> {
        let classes = self.class_names();
        let manifest = Manifest {
            // Both are set by the payload.
            arithmetic: Arithmetic::Int8 { revision: 0 },
            layout: Layout::PackedPair,
            window: self.window,
            classes: &classes,
            series: Series { columns: "a\nb\nc\n", time: "", unit: "degrees", interval: Interval::Microseconds(60_000_000) },
            provenance: Provenance {
                trainer: "fixture",
                seed: self.seed,
                data: [0; 32],
                training: 0,
                validation: 0,
                test: 0,
                certificate: [0; 32],
            },
        };
        // A quarter of the window repeats.
        let features = usize::from(self.window.features);
        let test_samples = &test_window[..features * usize::from(self.window.lookback).div_ceil(4)];
        let (levels, widening) = self.intervals();
        let intervals = (self.quantiles > 1).then_some(IntervalTable { levels: &levels, widening: &widening });
        let least_deviations = &self.least_deviations();
        let description = Description { manifest, least_deviations, test_samples, intervals, test_checksum: 0 };
        let test_checksum = checksum(&pack(payload, &description).unwrap());
        pack(payload, &Description { test_checksum, ..description }).unwrap()
    }
}
