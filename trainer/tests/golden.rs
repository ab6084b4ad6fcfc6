//! Values computed by PyTorch, in `f64`: `golden/generate.py` made the files beside it and shows each computation.

use embedded_rnn_trainer::config::{Loss, Training};
use embedded_rnn_trainer::network::plain::{NormForm, PlainDense, PlainHeadNorm, PlainLstm, PlainNetwork, PlainNorm};
use embedded_rnn_trainer::network::{MaskKey, Mode, Params, Real, Workspace};
use embedded_rnn_trainer::optimize::{AdamW, Decay, clip::clip, schedule::learning_rate};
use embedded_rnn_trainer::regularize::settings::Regularization;
use embedded_rnn_trainer::train::loss::Objective;
use serde::Deserialize;

#[derive(Deserialize)]
struct Lstm {
    inputs: usize,
    hidden: usize,
    w: Vec<f64>,
    u: Vec<f64>,
    b: Vec<f64>,
    norm: Option<Norm>,
}

#[derive(Deserialize)]
struct Norm {
    form: NormForm,
    per_gate: bool,
    epsilon: f64,
    gain_x: Vec<f64>,
    shift_x: Vec<f64>,
    bias_x: Vec<f64>,
    gain_h: Vec<f64>,
    shift_h: Vec<f64>,
    gain_c: Vec<f64>,
    shift_c: Vec<f64>,
}

#[derive(Deserialize)]
struct Dense {
    inputs: usize,
    outputs: usize,
    w: Vec<f64>,
    b: Vec<f64>,
    norm: Option<HeadNorm>,
}

#[derive(Deserialize)]
struct HeadNorm {
    epsilon: f64,
    gain: Vec<f64>,
    shift: Vec<f64>,
}

#[derive(Deserialize)]
struct Network {
    layers: Vec<Lstm>,
    head: Dense,
}

#[derive(Deserialize)]
struct Case {
    network: Network,
    #[serde(default)]
    regularization: Regularization,
    steps: usize,
    windows: Vec<f64>,
    outputs: Vec<f64>,
    targets: Option<Vec<f64>>,
    loss: Option<f64>,
    gradients: Option<Network>,
}

impl Norm {
    fn plain(self) -> PlainNorm {
        let Norm { form, per_gate, epsilon, gain_x, shift_x, bias_x, gain_h, shift_h, gain_c, shift_c } = self;
        PlainNorm { form, per_gate, epsilon, gain_x, shift_x, bias_x, gain_h, shift_h, gain_c, shift_c }
    }
}

impl Lstm {
    fn plain(self) -> PlainLstm {
        let Lstm { inputs, hidden, w, u, b, norm } = self;
        PlainLstm { inputs, hidden, w, u, b, norm: norm.map(Norm::plain) }
    }
}

impl Network {
    fn plain(self) -> PlainNetwork {
        let Dense { inputs, outputs, w, b, norm } = self.head;
        let norm = norm.map(|HeadNorm { epsilon, gain, shift }| PlainHeadNorm { epsilon, gain, shift });
        let head = PlainDense { inputs, outputs, w, b, norm };
        PlainNetwork { layers: self.layers.into_iter().map(Lstm::plain).collect(), head, skip: None }
    }
}

fn difference<R: Real>(ours: &[R], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a.to_f64() - b).abs()).fold(0.0, f64::max)
}

fn cast<R: Real>(values: &[f64]) -> Vec<R> {
    values.iter().map(|&v| R::from_f64(v)).collect()
}

/// The largest difference of a case's outputs.
fn outputs_differ<R: Real>(case: &Case, params: &Params<R>, mode: Mode) -> f64 {
    let rows = case.windows.len() / case.steps / params.shape().inputs;
    let mut workspace = Workspace::new(params.shape(), &case.regularization, case.steps, rows);
    difference(workspace.forward(params, &cast(&case.windows), mode), &case.outputs)
}

fn cases(json: &str) -> Vec<(Case, PlainNetwork)> {
    let cases: Vec<Case> = serde_json::from_str(json).expect("a golden file");
    cases
        .into_iter()
        .map(|mut case| {
            let empty = Network { layers: vec![], head: Dense { inputs: 0, outputs: 0, w: vec![], b: vec![], norm: None } };
            let plain = std::mem::replace(&mut case.network, empty).plain();
            (case, plain)
        })
        .collect()
}

#[test]
fn plain_networks_of_one_and_three_layers() {
    let cases = cases(include_str!("golden/plain.json"));
    assert_eq!(cases.iter().map(|(_, plain)| plain.layers.len()).collect::<Vec<_>>(), [1, 3]);
    for (case, plain) in &cases {
        let key = Mode::Training(MaskKey { seed: 0, step: 0, first_row: 0 });
        for mode in [Mode::Evaluation, key] {
            let worst = outputs_differ(case, &Params::<f64>::from_plain(plain), mode);
            assert!(worst < 1e-14, "{worst:e}");
            let worst = outputs_differ(case, &Params::<f32>::from_plain(plain), mode);
            assert!(worst < 3e-6, "f32: {worst:e}");
        }
    }
}

/// The gradients of the mean squared error.
fn check_gradients(case: Case, plain: &PlainNetwork, bound: f64) {
    check_gradients_of(&Training::default(), case, plain, [1e-14, bound]);
}

/// A loss and its gradients, each within its bound.
fn check_gradients_of(training: &Training, case: Case, plain: &PlainNetwork, [of_loss, bound]: [f64; 2]) {
    let params = Params::<f64>::from_plain(plain);
    let (targets, expected) = (case.targets.expect("targets"), case.gradients.expect("gradients").plain());
    let rows = targets.len() / params.shape().outputs;
    let mut workspace = Workspace::new(params.shape(), &case.regularization, case.steps, rows);
    let predictions = workspace.forward(&params, &case.windows, Mode::Evaluation).to_vec();
    let objective = Objective::new(training, params.shape().outputs);
    let mut d_predictions = vec![0.0; predictions.len()];
    let loss = objective.gradient(&predictions, &targets, &mut d_predictions);
    let expected_loss = case.loss.expect("a loss");
    assert!((loss - expected_loss).abs() < of_loss, "{loss} {expected_loss}");
    let mut gradients = Params::zeros(params.shape());
    workspace.backward(&params, &case.windows, &d_predictions, &mut gradients);
    let expected = Params::<f64>::from_plain(&expected);
    let worst = difference(&gradients.values, &expected.values);
    assert!(worst < bound, "{worst:e}");

    // In single precision relative to the largest gradient of each tensor.
    let (params, windows) = (params.cast::<f32>(), cast::<f32>(&case.windows));
    let mut workspace = Workspace::new(params.shape(), &case.regularization, case.steps, rows);
    workspace.forward(&params, &windows, Mode::Evaluation);
    let mut gradients = Params::zeros(params.shape());
    workspace.backward(&params, &windows, &cast::<f32>(&d_predictions), &mut gradients);
    for tensor in params.shape().tensors() {
        let (ours, exact) = (&gradients.values[tensor.range.clone()], &expected.values[tensor.range]);
        let largest = exact.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let worst = difference(ours, exact);
        assert!(worst <= 1e-5 * largest.max(1e-3), "f32: {worst:e} of {largest:e} in {:?}", tensor.role);
    }
}

#[test]
fn gradients_of_plain_networks() {
    for (case, plain) in cases(include_str!("golden/plain.json")) {
        check_gradients(case, &plain, 1e-14);
    }
}

#[test]
fn layer_norm_in_every_form() {
    let cases = cases(include_str!("golden/layer_norm.json"));
    assert_eq!(cases.len(), 3 * 2 * 3);
    let mut forms: Vec<_> = cases.iter().filter_map(|(_, plain)| plain.layers[0].norm.as_ref()).collect();
    assert_eq!(forms.len(), cases.len());
    forms.dedup_by_key(|norm| (norm.form, norm.per_gate));
    assert_eq!(forms.len(), 6);
    for (case, plain) in cases {
        let worst = outputs_differ(&case, &Params::<f64>::from_plain(&plain), Mode::Evaluation);
        assert!(worst < 1e-13, "{worst:e} with {:?}", case.regularization);
        let worst = outputs_differ(&case, &Params::<f32>::from_plain(&plain), Mode::Evaluation);
        assert!(worst < 2e-5, "f32: {worst:e} with {:?}", case.regularization);
        if case.gradients.is_some() {
            check_gradients(case, &plain, 1e-13);
        }
    }
}

/// Alone and with every form in the cell, with gradients, and under the output's keep factor.
#[test]
fn layer_norm_before_the_head() {
    let cases = cases(include_str!("golden/head_norm.json"));
    assert_eq!(cases.len(), 4 * 2);
    for (case, plain) in cases {
        assert!(plain.head.norm.is_some());
        let worst = outputs_differ(&case, &Params::<f64>::from_plain(&plain), Mode::Evaluation);
        assert!(worst < 1e-13, "{worst:e} with {:?}", case.regularization);
        let worst = outputs_differ(&case, &Params::<f32>::from_plain(&plain), Mode::Evaluation);
        assert!(worst < 2e-5, "f32: {worst:e} with {:?}", case.regularization);
        if case.gradients.is_some() {
            check_gradients(case, &plain, 1e-13);
        }
    }
}

#[test]
fn keep_factors_inside_the_cell_and_on_its_weights() {
    check_test_time(include_str!("golden/cell.json"), 7);
}

/// Test time of every case, in both number types.
fn check_test_time(json: &str, count: usize) {
    let cases = cases(json);
    assert_eq!(cases.len(), count);
    for (case, plain) in &cases {
        let worst = outputs_differ(case, &Params::<f64>::from_plain(plain), Mode::Evaluation);
        assert!(worst < 1e-14, "{worst:e} with {:?}", case.regularization);
        let worst = outputs_differ(case, &Params::<f32>::from_plain(plain), Mode::Evaluation);
        assert!(worst < 3e-6, "f32: {worst:e} with {:?}", case.regularization);
    }
}

#[test]
fn zoneout_at_test_time_in_both_readings() {
    check_test_time(include_str!("golden/zoneout.json"), 6);
}

#[test]
fn dropouts_scaling_at_test_time() {
    check_test_time(include_str!("golden/dropout.json"), 9);
}

#[derive(Deserialize)]
struct Trajectory {
    network: Network,
    training: Training,
    decay: f64,
    steps: usize,
    windows: Vec<f64>,
    targets: Vec<f64>,
    losses: Vec<f64>,
    norms: Vec<f64>,
    last: Network,
}

/// Ten optimizer steps: losses, gradient norms, last parameters.
fn train<R: Real>(case: &Trajectory, start: &PlainNetwork) -> (Vec<f64>, Vec<f64>, Params<R>) {
    let mut params = Params::<R>::from_plain(start);
    let mut gradients = Params::zeros(params.shape());
    let rows = case.targets.len() / params.shape().outputs;
    let mut workspace = Workspace::new(params.shape(), &Regularization::default(), case.steps, rows);
    let (windows, targets) = (cast::<R>(&case.windows), cast::<R>(&case.targets));
    let mut adam = AdamW::new(&params);
    let settings = &case.training;
    let total = case.losses.len() as u64;
    let (mut losses, mut norms) = (vec![], vec![]);
    let mut d_predictions = vec![R::ZERO; targets.len()];
    for step in 0..total {
        let predictions = workspace.forward(&params, &windows, Mode::Evaluation);
        losses.push(Objective::new(settings, start.head.outputs).gradient(predictions, &targets, &mut d_predictions));
        workspace.backward(&params, &windows, &d_predictions, &mut gradients);
        norms.push(clip(&mut gradients, settings.clip));
        let rate = learning_rate(settings.learning_rate, settings.warmup as u64, total, step);
        adam.step(&mut params, &gradients, rate, Decay { rate: case.decay, biases: false });
    }
    (losses, norms, params)
}

#[test]
fn ten_steps_of_adamw() {
    let mut case: Trajectory = serde_json::from_str(include_str!("golden/trajectory.json")).expect("a golden file");
    let empty = || Network { layers: vec![], head: Dense { inputs: 0, outputs: 0, w: vec![], b: vec![], norm: None } };
    let start = std::mem::replace(&mut case.network, empty()).plain();
    let last = Params::<f64>::from_plain(&std::mem::replace(&mut case.last, empty()).plain());
    assert_eq!(case.losses.len(), 10);

    let (losses, norms, params) = train::<f64>(&case, &start);
    assert!(difference(&losses, &case.losses) < 1e-12, "{losses:?}");
    assert!(difference(&norms, &case.norms) < 1e-12, "{norms:?}");
    assert!(difference(&params.values, &last.values) < 1e-12);

    let (losses, _, params) = train::<f32>(&case, &start);
    assert!(difference(&losses, &case.losses) < 1e-5, "{losses:?}");
    assert!(difference(&params.values, &last.values) < 1e-4);
}

#[derive(Deserialize)]
struct LossCase {
    training: Training,
    predictions: Vec<f64>,
    targets: Vec<f64>,
    value: f64,
    gradients: Vec<f64>,
}

#[test]
fn losses() {
    let cases: Vec<LossCase> = serde_json::from_str(include_str!("golden/loss.json")).expect("a golden file");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let mut gradients = vec![0.0; case.gradients.len()];
        let value = Objective::new(&case.training, 1).gradient(&case.predictions, &case.targets, &mut gradients);
        assert!((value - case.value).abs() < 1e-15 && difference(&gradients, &case.gradients) < 1e-16);
    }
}

/// The cross-entropy through whole networks: one-hot targets, weights in their place, logits in the hundreds.
#[test]
fn gradients_of_the_cross_entropy() {
    let training = Training { loss: Loss::CrossEntropy, ..Training::default() };
    let cases = cases(include_str!("golden/cross_entropy.json"));
    assert!(cases[2].0.outputs.iter().any(|logit| logit.abs() > 100.0));
    for (case, plain) in cases {
        // Rounding is relative: to logits in the hundreds, and to the weights of the head that they pass back through.
        let bounds = if case.outputs.iter().any(|logit| logit.abs() > 100.0) { [1e-11; 2] } else { [1e-14; 2] };
        check_gradients_of(&training, case, &plain, bounds);
    }
}
