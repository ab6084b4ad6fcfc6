//! Truncated back-propagation with carried state: against values computed by PyTorch (`golden/carried.py` made them), against finite
//! differences, and against a window that is not cut.

use embedded_rnn_trainer::config::{Loss, Training};
use embedded_rnn_trainer::network::plain::{NormForm, PlainDense, PlainLstm, PlainNetwork};
use embedded_rnn_trainer::network::shape::Norm;
use embedded_rnn_trainer::network::{MaskKey, Mode, Params, Real, Shape, Workspace, init::initialize};
use embedded_rnn_trainer::random::Key;
use embedded_rnn_trainer::regularize::settings::{
    ActivationPenalty, CandidateDropout, CellDropout, Dropout, Gates, Mask, Reading, RecurrentDropout, Regularization, Scaling,
    WeightDrop, Zoneout,
};
use embedded_rnn_trainer::train::loss::Objective;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    inputs: usize,
    hidden: Vec<usize>,
    outputs: usize,
    steps: usize,
    /// `W U b` of each layer, then the head's.
    tensors: Vec<Vec<f64>>,
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    fresh: Vec<bool>,
    windows: Vec<f64>,
    targets: Vec<f64>,
    outputs: Vec<f64>,
    loss: f64,
    gradients: Vec<Vec<f64>>,
}

impl Golden {
    fn plain(&self, tensors: &[Vec<f64>]) -> PlainNetwork {
        let inputs = std::iter::once(self.inputs).chain(self.hidden.iter().copied());
        let layers = inputs.zip(&self.hidden).zip(tensors.chunks_exact(3)).map(|((inputs, hidden), tensors)| PlainLstm {
            inputs,
            hidden: *hidden,
            w: tensors[0].clone(),
            u: tensors[1].clone(),
            b: tensors[2].clone(),
            norm: None,
        });
        let [.., w, b] = tensors else { panic!("a head") };
        let head = PlainDense {
            inputs: *self.hidden.last().expect("a layer"),
            outputs: self.outputs,
            w: w.clone(),
            b: b.clone(),
            norm: None,
        };
        PlainNetwork { layers: layers.collect(), head, skip: None }
    }
}

fn difference<R: Real>(ours: &[R], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a.to_f64() - b).abs()).fold(0.0, f64::max)
}

fn agrees<R: Real>(golden: &Golden, bar: f64) {
    let cast = |values: &[f64]| values.iter().map(|&v| R::from_f64(v)).collect::<Vec<R>>();
    let params = Params::<R>::from_plain(&golden.plain(&golden.tensors));
    let rows = golden.segments[0].fresh.len();
    let mut workspace = Workspace::new(params.shape(), &Regularization::default(), golden.steps, rows).reading_every_step();
    let mut gradients = Params::zeros(params.shape());
    for segment in &golden.segments {
        let (windows, targets) = (cast(&segment.windows), cast(&segment.targets));
        let mode = Mode::Training(MaskKey { seed: 1, step: 1, first_row: 0 });
        let predictions = workspace.forward_carried(&params, &windows, mode, &segment.fresh);
        assert!(difference(predictions, &segment.outputs) <= bar);
        let mut d_predictions = vec![R::ZERO; targets.len()];
        let objective = Objective::new(&Training { loss: Loss::Mse, ..Training::default() }, params.shape().outputs);
        let loss = objective.gradient(predictions, &targets, &mut d_predictions);
        assert!((loss - segment.loss).abs() <= bar, "{loss} {}", segment.loss);
        workspace.backward(&params, &windows, &d_predictions, &mut gradients);
        let expected = Params::<f64>::from_plain(&golden.plain(&segment.gradients));
        assert!(difference(&gradients.values, &expected.values) <= bar, "{}", difference(&gradients.values, &expected.values));
    }
}

#[test]
fn three_segments_are_pytorchs() {
    let golden: Golden = serde_json::from_str(include_str!("golden/carried.json")).expect("a golden file");
    assert_eq!(golden.segments.len(), 3);
    agrees::<f64>(&golden, 1e-13);
    agrees::<f32>(&golden, 2e-6);
}

/// Random numbers between ±1, no two draws alike.
fn draws(key: u64, count: usize) -> Vec<f64> {
    (0..count).map(|k| 2.0 * Key::new(key).with(k as u64).uniform() - 1.0).collect()
}

const ROWS: usize = 3;
const STEPS: usize = 4;

/// The gradients of the second of two segments against finite differences, the state before it held fixed, in which a row is fresh.
fn worst(shape: &Shape, settings: &Regularization, mode: Mode) -> f64 {
    let mut params = Params::<f64>::zeros(shape);
    params = {
        let mut plain = params.to_plain();
        let mut count = 0;
        let mut fill = |values: &mut [f64], width: f64, middle: f64| {
            count += 1;
            let drawn = draws(count, values.len());
            values
                .iter_mut()
                .zip(drawn)
                .for_each(|(value, drawn)| *value = middle + width * (0.1f64.copysign(drawn) + 0.9 * drawn));
        };
        for layer in &mut plain.layers {
            let width = 1.5 / ((layer.inputs + layer.hidden) as f64).sqrt();
            fill(&mut layer.w, width, 0.0);
            fill(&mut layer.u, width, 0.0);
            fill(&mut layer.b, 0.8, 0.0);
            if let Some(norm) = &mut layer.norm {
                [&mut norm.gain_x, &mut norm.gain_h, &mut norm.gain_c].into_iter().for_each(|gain| fill(gain, 0.4, 1.0));
                let shifts = [&mut norm.shift_x, &mut norm.bias_x, &mut norm.shift_h, &mut norm.shift_c];
                shifts.into_iter().for_each(|shift| fill(shift, 0.6, 0.0));
            }
        }
        fill(&mut plain.head.w, 1.0, 0.0);
        fill(&mut plain.head.b, 0.5, 0.0);
        if let Some(norm) = &mut plain.head.norm {
            fill(&mut norm.gain, 0.4, 1.0);
            fill(&mut norm.shift, 0.6, 0.0);
        }
        Params::from_plain(&plain)
    };
    let values = ROWS * STEPS * shape.inputs;
    let (first, second) = (draws(101, values), draws(102, values));
    let targets = draws(103, ROWS * STEPS * shape.outputs);
    let mut workspace = Workspace::new(shape, settings, STEPS, ROWS).reading_every_step();
    let begun = params.clone();
    let mut loss = |params: &Params<f64>, gradients: Option<&mut Params<f64>>| {
        workspace.forward_carried(&begun, &first, mode, &[true; ROWS]);
        let predictions = workspace.forward_carried(params, &second, mode, &[false, true, false]);
        let errors: Vec<f64> = predictions.iter().zip(&targets).map(|(y, target)| y - target).collect();
        if let Some(gradients) = gradients {
            workspace.backward(params, &second, &errors, gradients);
        }
        0.5 * errors.iter().map(|e| e * e).sum::<f64>() + workspace.activation_penalty()
    };
    let mut gradients = Params::zeros(shape);
    loss(&params, Some(&mut gradients));
    let mut worst = 0f64;
    for index in 0..params.values.len() {
        let center = params.values[index];
        if center == 0.0 {
            assert_eq!(gradients.values[index], 0.0, "padding has a gradient");
            continue;
        }
        let mut at = |offset: f64| {
            params.values[index] = center + offset;
            loss(&params, None)
        };
        let h = 1e-3;
        let numeric = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        params.values[index] = center;
        let exact = gradients.values[index];
        worst = worst.max((exact - numeric).abs() / exact.abs().max(numeric.abs()).max(1e-5));
    }
    worst
}

fn regularizers() -> Vec<Regularization> {
    let plain = Regularization::default();
    let mut list = vec![
        plain,
        Regularization { activation: ActivationPenalty { ar: 0.7, tar: 0.9, norm: 0.8 }, ..plain },
        Regularization { dropout: Dropout { output: 0.4, ..Dropout::default() }, ..plain },
        Regularization { recurrent: RecurrentDropout { drop: 0.3, ..RecurrentDropout::default() }, ..plain },
        Regularization { zoneout: Zoneout { cell: 0.4, hidden: 0.2, reading: Reading::Zoned }, ..plain },
    ];
    for gates in [Gates::Tied, Gates::Separate] {
        let scaling = Scaling::Classical;
        list.push(Regularization {
            dropout: Dropout { input: 0.2, between: 0.25, output: 0.2, scaling, mask: Mask::Step, gates },
            recurrent: RecurrentDropout { drop: 0.3, scaling: Scaling::Inverted, gates },
            candidate: CandidateDropout { drop: 0.2, scaling, mask: Mask::Sequence },
            cell: CellDropout { drop: 0.2, scaling: None },
            weight_drop: WeightDrop { drop: 0.2, scaling },
            zoneout: Zoneout { cell: 0.4, hidden: 0.3, reading: Reading::Candidate },
            activation: ActivationPenalty { ar: 0.7, tar: 0.9, norm: 0.0 },
            ..plain
        });
    }
    list
}

#[test]
fn gradients_of_every_step_under_a_carried_state_match_differences() {
    let training = Mode::Training(MaskKey { seed: 11, step: 5, first_row: 0 });
    for (hidden, outputs) in [(vec![5], 2), (vec![3, 6], 3), (vec![17], 1)] {
        let shape = Shape { inputs: 2, hidden, outputs, norm: None, head_norm: None };
        for settings in regularizers() {
            for mode in [training, Mode::Evaluation] {
                let worst = worst(&shape, &settings, mode);
                assert!(worst <= 1e-6, "relative error {worst:e} in {mode:?} of {shape:?} with {settings:?}");
            }
        }
    }
}

#[test]
fn layer_norm_under_a_carried_state_matches_differences() {
    let training = Mode::Training(MaskKey { seed: 11, step: 5, first_row: 0 });
    for form in [NormForm::A, NormForm::B, NormForm::Joint] {
        for head_norm in [None, Some(0.5)] {
            let norm = Some(Norm { form, per_gate: false, epsilon: 0.5 });
            let shape = Shape { inputs: 2, hidden: vec![4, 3], outputs: 2, norm, head_norm };
            let settings = Regularization { zoneout: Zoneout { cell: 0.3, ..Zoneout::default() }, ..Regularization::default() };
            let worst = worst(&shape, &settings, training);
            assert!(worst <= 1e-6, "relative error {worst:e} of {shape:?}");
        }
    }
}

/// Segments of carried state are the window that they were cut from, bit for bit, on any number of threads, and the last of all steps is
/// what a head says that reads no other.
#[test]
fn segments_are_the_whole_window() {
    let shape = Shape { inputs: 2, hidden: vec![18, 5], outputs: 3, norm: None, head_norm: None };
    let settings =
        Regularization { zoneout: Zoneout { cell: 0.3, hidden: 0.1, ..Zoneout::default() }, ..Regularization::default() };
    let params = initialize(&shape, 4);
    // Several parts of a batch.
    let (rows, steps, cuts) = (40, 4, 3);
    let width = steps * shape.inputs;
    let all: Vec<f32> = draws(7, rows * cuts * width).into_iter().map(|v| v as f32).collect();
    let mut whole = Workspace::new(&shape, &settings, cuts * steps, rows).reading_every_step();
    let expected = whole.forward(&params, &all, Mode::Evaluation).to_vec();
    let last = Workspace::new(&shape, &settings, cuts * steps, rows).forward(&params, &all, Mode::Evaluation).to_vec();
    let outputs =
        |row: usize, step: usize| (row * cuts * steps + step) * shape.outputs..(row * cuts * steps + step + 1) * shape.outputs;
    for row in 0..rows {
        assert_eq!(expected[outputs(row, cuts * steps - 1)], last[row * shape.outputs..][..shape.outputs]);
    }
    for threads in [1, 3] {
        let mut workspace = Workspace::new(&shape, &settings, steps, rows).reading_every_step().with_threads(threads);
        for cut in 0..cuts {
            let of_row = |row: usize| all[(row * cuts + cut) * width..][..width].iter().copied();
            let windows: Vec<f32> = (0..rows).flat_map(of_row).collect();
            let said = workspace.forward_carried(&params, &windows, Mode::Evaluation, &vec![cut == 0; rows]);
            for (index, said) in said.chunks_exact(shape.outputs).enumerate() {
                let (row, step) = (index / steps, cut * steps + index % steps);
                assert_eq!(said, &expected[outputs(row, step)], "row {row}, step {step}");
            }
        }
    }
}
