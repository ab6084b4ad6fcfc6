//! The training loop on a series whose answer is known.

use std::ops::ControlFlow;
use std::time::Duration;

use embedded_rnn_trainer::config::{Loss, Training};
use embedded_rnn_trainer::error::Error;
use embedded_rnn_trainer::network::plain::{NormForm, PlainLstm};
use embedded_rnn_trainer::network::shape::Norm;
use embedded_rnn_trainer::network::{Mode, Params, Shape, Workspace, init::initialize};
use embedded_rnn_trainer::regularize::group_lasso::{Groups, norm};
use embedded_rnn_trainer::regularize::settings::{
    ActivationPenalty, CandidateDropout, CellDropout, Dropout, Every, Gates, GroupLasso, Mask, Noise, Reading, RecurrentDropout,
    Regularization, Scaling, StochasticAverage, WeightDrop, Zoneout,
};
use embedded_rnn_trainer::train::batches::Windows;
use embedded_rnn_trainer::train::{CheckpointFile, Ending, EpochReport, Observer, Outcome, State, StepReport, Task, fit};

const STEPS: usize = 8;

/// Windows of a sine with two values a step, and the two values that follow.
struct Sine {
    first: usize,
    count: usize,
    /// A window whose target is not a number.
    broken: Option<usize>,
}

impl Windows for Sine {
    fn count(&self) -> usize {
        self.count
    }

    fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        assert!(epoch > 0);
        let value = |k: usize| (k as f32 * 0.37).sin();
        for ((&window, x), y) in windows.iter().zip(inputs.chunks_mut(2 * STEPS)).zip(targets.chunks_mut(2)) {
            let start = self.first + window;
            x.iter_mut().enumerate().for_each(|(k, x)| *x = value(start + k));
            y.iter_mut().enumerate().for_each(|(k, y)| *y = value(start + 2 * STEPS + k));
            if self.broken == Some(window) {
                y[0] = f32::NAN;
            }
        }
    }
}

const TRAIN: Sine = Sine { first: 0, count: 150, broken: None };
const VALIDATION: Sine = Sine { first: 500, count: 50, broken: None };

fn shape() -> Shape {
    Shape { inputs: 2, hidden: vec![12, 5], outputs: 2, norm: None, head_norm: None }
}

fn training() -> Training {
    Training { loss: Loss::Huber, epochs: 6, batch: 32, learning_rate: 0.01, warmup: 4, seed: 3, ..Training::default() }
}

fn everything() -> Regularization {
    Regularization {
        dropout: Dropout { input: 0.05, between: 0.05, output: 0.1, scaling: Scaling::Classical, ..Dropout::default() },
        recurrent: RecurrentDropout { drop: 0.1, scaling: Scaling::Inverted, ..RecurrentDropout::default() },
        zoneout: Zoneout { cell: 0.2, hidden: 0.1, reading: Reading::Candidate },
        candidate: CandidateDropout { drop: 0.05, scaling: Scaling::Classical, mask: Mask::Step },
        cell: CellDropout { drop: 0.02, scaling: None },
        weight_drop: WeightDrop { drop: 0.1, scaling: Scaling::Inverted },
        noise: Noise { input: 0.02, weights: 0.01 },
        activation: ActivationPenalty { ar: 0.01, tar: 0.01, norm: 0.01 },
        group_lasso: GroupLasso { strength: 1e-4, ..GroupLasso::default() },
        average: 0.9,
        max_norm: 1.1,
        decay_biases: true,
        l1: 1e-5,
        l2: 1e-5,
        decay: 0.01,
        ..Regularization::default()
    }
}

/// The same with a mask for each gate and sequence.
fn separate() -> Regularization {
    let everything = everything();
    let dropout = Dropout { mask: Mask::Sequence, gates: Gates::Separate, ..everything.dropout };
    let recurrent = RecurrentDropout { gates: Gates::Separate, ..everything.recurrent };
    Regularization { dropout, recurrent, ..everything }
}

/// The network with the joint layer norm.
fn normed() -> Shape {
    Shape { norm: Some(Norm { form: NormForm::Joint, per_gate: false, epsilon: 1e-5 }), ..shape() }
}

/// Runs a task on the two parts, with the network that the state holds.
fn run(
    training: &Training,
    regularization: &Regularization,
    (train, validation): (&Sine, &Sine),
    start: State,
    file: Option<&CheckpointFile>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let shape = start.params.shape().clone();
    let task = Task { shape: &shape, steps: STEPS, regularization, training, train, validation, threads: None };
    fit(&task, start, file, observer)
}

fn simple(training: &Training) -> Result<Outcome, Error> {
    let start = State::new(&shape(), training.seed);
    run(training, &Regularization::default(), (&TRAIN, &VALIDATION), start, None, &mut ())
}

/// Counts what it is told, and asks to stop after an epoch.
#[derive(Default)]
struct Counter {
    steps: Vec<StepReport>,
    epochs: Vec<EpochReport>,
    stop_after: Option<usize>,
}

impl Observer for Counter {
    fn step(&mut self, report: &StepReport) {
        self.steps.push(*report);
    }

    fn epoch(&mut self, report: &EpochReport, _elapsed: Duration) -> ControlFlow<()> {
        self.epochs.push(*report);
        if self.stop_after == Some(report.epoch) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn file(folder: &tempfile::TempDir, name: &str) -> CheckpointFile {
    CheckpointFile { path: folder.path().join(name), digest: [1; 32] }
}

#[test]
fn it_learns_a_sine() {
    let training = Training { epochs: 60, ..training() };
    let mut counter = Counter::default();
    let start = State::new(&shape(), 3);
    let plain = Regularization::default();
    let outcome = run(&training, &plain, (&TRAIN, &VALIDATION), start, None, &mut counter).expect("a trained network");
    assert_eq!(outcome.ending, Ending::Completed);
    let first = &outcome.history[0];
    assert!(first.validation_loss > 0.05 && outcome.best.loss < 1e-3, "{} to {}", first.validation_loss, outcome.best.loss);

    // The reports: five steps an epoch, in order; the best is the lowest.
    assert_eq!(counter.epochs, outcome.history);
    assert_eq!(counter.steps.len(), 300);
    assert!(counter.steps.iter().enumerate().all(|(k, report)| report.step == k as u64 + 1 && report.total == 300));
    let lowest = outcome.history.iter().map(|report| report.validation_loss).fold(f64::INFINITY, f64::min);
    assert_eq!(outcome.best.loss, lowest);
    assert_eq!(outcome.history[outcome.best.epoch - 1].validation_loss, lowest);

    // The best parameters give the best loss.
    let loss = validation_loss(&outcome.best.params, &plain);
    assert!((loss / lowest - 1.0).abs() < 1e-6, "{loss} {lowest}");
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    let outcome = |seed| {
        let training = Training { seed, ..training() };
        let start = State::new(&shape(), seed);
        run(&training, &everything(), (&TRAIN, &VALIDATION), start, None, &mut ()).expect("a trained network")
    };
    assert_eq!(outcome(3), outcome(3));
    assert_ne!(outcome(3).best.params, outcome(4).best.params);
}

#[test]
fn a_resumed_training_ends_with_the_same_bytes() {
    let equal = |every| Regularization { average: 0.0, swa: StochasticAverage { from: 0.5, every }, ..everything() };
    let (epochs, steps) = (equal(Every::Epoch), equal(Every::Step));
    for (shape, settings) in [(shape(), everything()), (normed(), separate()), (shape(), epochs), (shape(), steps)] {
        let folder = tempfile::tempdir().expect("a folder");
        let (whole, parts) = (file(&folder, "whole"), file(&folder, "parts"));
        let task = |start: State, file: &CheckpointFile, observer: &mut dyn Observer| {
            run(&training(), &settings, (&TRAIN, &VALIDATION), start, Some(file), observer).expect("a trained network")
        };
        let uninterrupted = task(State::new(&shape, 3), &whole, &mut ());
        for stop_after in [1, 4] {
            let mut counter = Counter { stop_after: Some(stop_after), ..Counter::default() };
            let stopped = task(State::new(&shape, 3), &parts, &mut counter);
            assert_eq!((stopped.ending, stopped.history.len()), (Ending::Asked, stop_after));
            let state = parts.load(&shape).expect("the checkpoint");
            assert_eq!(task(state, &parts, &mut ()), uninterrupted);
            assert_eq!(std::fs::read(&parts.path).expect("bytes"), std::fs::read(&whole.path).expect("bytes"));
        }
        // Resumed once more, there is nothing left to do.
        let mut counter = Counter::default();
        assert_eq!(task(parts.load(&shape).expect("the checkpoint"), &parts, &mut counter), uninterrupted);
        assert!(counter.epochs.is_empty());
    }
}

/// The mean squared error's half over the validation windows.
fn validation_loss(params: &Params<f32>, settings: &Regularization) -> f64 {
    let (mut inputs, mut targets) = (vec![0.0; 50 * 2 * STEPS], vec![0.0; 50 * 2]);
    VALIDATION.fill(1, &(0..50).collect::<Vec<_>>(), &mut inputs, &mut targets);
    let mut workspace = Workspace::new(params.shape(), settings, STEPS, 50);
    let predictions = workspace.forward(params, &inputs, Mode::Evaluation);
    let cost = |(y, target): (&f32, &f32)| 0.5 * f64::from(y - target) * f64::from(y - target);
    predictions.iter().zip(&targets).map(cost).sum::<f64>() / 100.0
}

#[test]
fn every_form_of_layer_norm_learns_a_sine() {
    for form in [NormForm::A, NormForm::B, NormForm::Joint] {
        for per_gate in [false, true] {
            let shape = Shape { norm: Some(Norm { form, per_gate, epsilon: 1e-5 }), ..shape() };
            let training = Training { epochs: 120, ..training() };
            let plain = Regularization::default();
            // One seed in twenty ends above: the median of five does not hang on a training's last bits.
            let mut losses = [1, 2, 3, 4, 5].map(|seed| {
                let start = State::new(&shape, seed);
                run(&training, &plain, (&TRAIN, &VALIDATION), start, None, &mut ()).expect("a trained network").best.loss
            });
            losses.sort_by(f64::total_cmp);
            assert!(losses[2] < 5e-3, "{form:?} {per_gate}: {losses:?}");
        }
    }
}

#[test]
fn the_average_is_what_is_validated_and_kept_and_training_does_not_see_it() {
    let outcome = |average| {
        let settings = Regularization { average, ..Regularization::default() };
        let start = State::new(&shape(), 3);
        run(&training(), &settings, (&TRAIN, &VALIDATION), start, None, &mut ()).expect("a trained network")
    };
    let (without, with) = (outcome(0.0), outcome(0.95));
    for (a, b) in without.history.iter().zip(&with.history) {
        assert_eq!((a.train_loss, a.gradient_norm), (b.train_loss, b.gradient_norm));
        assert_ne!(a.validation_loss, b.validation_loss);
    }
    assert_ne!(without.best.params, with.best.params);
    let loss = validation_loss(&with.best.params, &Regularization::default());
    assert!((loss / with.best.loss - 1.0).abs() < 1e-5, "{loss} {}", with.best.loss);
    let (last, reported) = (validation_loss(&with.last, &Regularization::default()), with.history[5].validation_loss);
    assert!((last / reported - 1.0).abs() < 1e-5, "{last} {reported}");
}

/// The weights after each of some epochs.
fn weights_after(epochs: std::ops::RangeInclusive<usize>, training: &Training, settings: &Regularization) -> Vec<Params<f32>> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = file(&folder, "checkpoint");
    let after = |epoch| {
        let mut counter = Counter { stop_after: Some(epoch), ..Counter::default() };
        run(training, settings, (&TRAIN, &VALIDATION), State::new(&shape(), 3), Some(&file), &mut counter)
            .expect("a trained network");
        file.load(&shape()).expect("the checkpoint").params
    };
    epochs.map(after).collect()
}

fn mean(all: &[Params<f32>]) -> Vec<f64> {
    let value = |index: usize| all.iter().map(|params| f64::from(params.values[index])).sum::<f64>() / all.len() as f64;
    (0..all[0].values.len()).map(value).collect()
}

fn assert_near(found: &Params<f32>, expected: &[f64]) {
    assert!(found.values.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6));
}

#[test]
fn the_equal_average_is_the_mean_of_the_last_epochs_weights_or_steps() {
    // A batch holds all windows: an epoch is a step, and both kinds take the same weights.
    let one = Training { epochs: 8, batch: 1000, warmup: 0, ..training() };
    for (training, every) in [(&training(), Every::Epoch), (&one, Every::Epoch), (&one, Every::Step)] {
        let settings = Regularization { swa: StochasticAverage { from: 0.5, every }, ..Regularization::default() };
        let outcome = run(training, &settings, (&TRAIN, &VALIDATION), State::new(&shape(), 3), None, &mut ()).expect("a network");
        let first = training.epochs / 2 + 1;
        let all = weights_after(first..=training.epochs, training, &settings);
        assert_eq!(all.len(), training.epochs / 2);
        assert_near(&outcome.last, &mean(&all));
        assert!(outcome.last.values.iter().zip(&all.last().expect("the last").values).any(|(a, b)| (a - b).abs() > 1e-4));
        // Validated with the mean, from the first averaged epoch on.
        let reported = outcome.history.last().expect("an epoch").validation_loss;
        let loss = validation_loss(&outcome.last, &settings);
        assert!((loss / reported - 1.0).abs() < 1e-5, "{loss} {reported}");
        // The rate falls until then, and stays.
        let rates: Vec<f64> = outcome.history.iter().map(|report| report.learning_rate).collect();
        assert!(rates[first - 1..].iter().all(|rate| *rate == rates[first - 1]), "{rates:?}");
        assert!(rates[first - 1] > 0.3 * training.learning_rate && rates[first - 1] < 0.7 * training.learning_rate, "{rates:?}");
    }
}

/// Several steps an epoch: all of them are taken, not the epochs' last.
#[test]
fn an_average_over_steps_is_over_all_of_them() {
    let settings = |every| Regularization { swa: StochasticAverage { from: 0.5, every }, ..Regularization::default() };
    let outcome = |every| {
        run(&training(), &settings(every), (&TRAIN, &VALIDATION), State::new(&shape(), 3), None, &mut ()).expect("a network")
    };
    let (epochs, steps) = (outcome(Every::Epoch), outcome(Every::Step));
    // Training does not see the average.
    for (a, b) in epochs.history.iter().zip(&steps.history) {
        assert_eq!((a.train_loss, a.learning_rate), (b.train_loss, b.learning_rate));
        assert_eq!(a.validation_loss == b.validation_loss, a.epoch < 4);
    }
}

/// Incoming weights of every gate of every unit.
fn lengths(params: &Params<f32>) -> Vec<f64> {
    let plain = params.to_plain();
    let of_layer = |layer: &PlainLstm| {
        let row = |row: usize| {
            let incoming = layer.w[row * layer.inputs..][..layer.inputs].iter();
            incoming.chain(&layer.u[row * layer.hidden..][..layer.hidden]).map(|v| v * v).sum::<f64>().sqrt()
        };
        (0..4 * layer.hidden).map(row).collect::<Vec<f64>>()
    };
    plain.layers.iter().flat_map(of_layer).collect()
}

#[test]
fn max_norm_holds_at_the_end_of_a_training_and_in_its_averages() {
    let swa = StochasticAverage { from: 0.5, every: Every::Step };
    let plain = Regularization::default();
    for settings in [plain, Regularization { average: 0.9, ..plain }, Regularization { swa, ..plain }] {
        let settings = Regularization { max_norm: 1.05, ..settings };
        let outcome =
            run(&training(), &settings, (&TRAIN, &VALIDATION), State::new(&shape(), 3), None, &mut ()).expect("a network");
        for params in [&outcome.last, &outcome.best.params] {
            let lengths = lengths(params);
            let longest = lengths.iter().copied().fold(0.0, f64::max);
            assert!(longest <= 1.05 * (1.0 + 1e-6) && longest > 1.04, "{longest}");
        }
        let free = Regularization { max_norm: 0.0, ..settings };
        let free = run(&training(), &free, (&TRAIN, &VALIDATION), State::new(&shape(), 3), None, &mut ()).expect("a network");
        assert!(lengths(&free.last).iter().any(|length| *length > 1.1));
    }
}

#[test]
fn what_is_switched_off_or_never_reached_changes_no_bit() {
    let outcome = |settings: &Regularization| {
        run(&training(), settings, (&TRAIN, &VALIDATION), State::new(&shape(), 3), None, &mut ()).expect("a trained network")
    };
    let plain = Regularization::default();
    let expected = outcome(&plain);
    let none = StochasticAverage { from: 0.0, every: Every::Step };
    assert_eq!(outcome(&Regularization { swa: none, ..plain }), expected);
    assert_eq!(outcome(&Regularization { max_norm: 1e9, ..plain }), expected);
    // The buffers of the penalties are there, and nothing is added.
    let tiny = ActivationPenalty { norm: 1e-300, ..ActivationPenalty::default() };
    assert_eq!(outcome(&Regularization { activation: tiny, ..plain }), expected);
    // And each does something where it is on.
    let some = ActivationPenalty { norm: 0.1, ..ActivationPenalty::default() };
    assert_ne!(outcome(&Regularization { activation: some, ..plain }), expected);
    assert_ne!(outcome(&Regularization { max_norm: 1.0, ..plain }), expected);
    assert_ne!(outcome(&Regularization { swa: StochasticAverage { from: 0.5, ..none }, ..plain }), expected);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let swa = StochasticAverage { from: 0.3, every: Every::Step };
    for settings in [everything(), Regularization { average: 0.0, swa, ..everything() }] {
        // Four parts a batch.
        let (training, shape) = (Training { batch: 75, ..training() }, shape());
        let outcome = |threads| {
            let (regularization, training) = (&settings, &training);
            let (train, validation) = (&TRAIN, &VALIDATION);
            let task = Task { shape: &shape, steps: STEPS, regularization, training, train, validation, threads: Some(threads) };
            fit(&task, State::new(&shape, 3), None, &mut ()).expect("a trained network")
        };
        let one = outcome(1);
        assert!([2, 3, 4].into_iter().all(|threads| outcome(threads) == one));
    }
}

#[test]
fn group_lasso_removes_units_and_what_is_left_still_forecasts() {
    for (shape, average, from) in [(shape(), 0.0, 0.0), (normed(), 0.0, 0.0), (shape(), 0.95, 0.0), (shape(), 0.0, 0.75)] {
        let group_lasso = GroupLasso { strength: 0.007, ..GroupLasso::default() };
        let swa = StochasticAverage { from, every: Every::Step };
        let settings = Regularization { group_lasso, average, swa, ..Regularization::default() };
        let training = Training { epochs: 80, ..training() };
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder, "checkpoint");
        let start = State::new(&shape, 3);
        run(&training, &settings, (&TRAIN, &VALIDATION), start, Some(&file), &mut ()).expect("a trained network");
        let last = file.load(&shape).expect("the checkpoint");
        let params = last.evaluated();
        let groups = Groups::new(&shape);
        let gone = groups.units.iter().filter(|group| norm(group, &params.values) == 0.0).count();
        let loss = validation_loss(params, &settings);
        assert!((3..17).contains(&gone), "{gone} of 17 units gone, loss {loss}");
        assert!(loss < 5e-3, "{loss} with {gone} units gone");
    }
}

#[test]
fn patience_ends_a_training_that_gets_no_better() {
    // Validation windows that have nothing to do with the training's.
    struct Opposite;
    impl Windows for Opposite {
        fn count(&self) -> usize {
            20
        }
        fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
            TRAIN.fill(epoch, windows, inputs, targets);
            targets.iter_mut().for_each(|y| *y = -*y);
        }
    }
    let training = Training { epochs: 40, patience: 3, ..training() };
    let (shape, plain) = (shape(), Regularization::default());
    let task = Task {
        shape: &shape,
        steps: STEPS,
        regularization: &plain,
        training: &training,
        train: &TRAIN,
        validation: &Opposite,
        threads: None,
    };
    let outcome = fit(&task, State::new(&shape, 3), None, &mut ()).expect("a trained network");
    assert_eq!(outcome.ending, Ending::Patience);
    assert_eq!(outcome.history.len(), outcome.best.epoch + 3);
}

#[test]
fn a_divergence_names_its_place_and_keeps_the_best() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = file(&folder, "checkpoint");
    let good = Training { epochs: 2, ..training() };
    let start = State::new(&shape(), 3);
    let plain = Regularization::default();
    run(&good, &plain, (&TRAIN, &VALIDATION), start, Some(&file), &mut ()).expect("two good epochs");
    let before = file.load(&shape()).expect("a checkpoint");

    let wild = Training { epochs: 9, learning_rate: 1e38, warmup: 0, clip: 0.0, ..training() };
    let error = run(&wild, &plain, (&TRAIN, &VALIDATION), before.clone(), Some(&file), &mut ()).expect_err("a divergence");
    let Error::Failed(message) = error else { panic!("{error:?}") };
    for part in ["epoch 3", "step 1", "training.learning_rate", "training.clip", "epoch before, 2", "checkpoint"] {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    assert_eq!(file.load(&shape()), Ok(before));
}

#[test]
fn a_broken_window_is_named() {
    let broken = Sine { broken: Some(17), ..TRAIN };
    let plain = Regularization::default();
    for (parts, part) in [((&broken, &VALIDATION), "training window 17"), ((&TRAIN, &broken), "validation window")] {
        let start = State::new(&shape(), 3);
        let error = run(&training(), &plain, parts, start, None, &mut ()).expect_err("a broken window");
        assert!(matches!(&error, Error::Failed(message) if message.contains(part)), "{error}");
    }
}

#[test]
fn empty_parts_and_empty_settings_are_wrong_input() {
    let nothing = Sine { count: 0, ..TRAIN };
    let plain = Regularization::default();
    for (parts, part) in [((&nothing, &VALIDATION), "training windows"), ((&TRAIN, &nothing), "validation windows")] {
        let error = run(&training(), &plain, parts, State::new(&shape(), 3), None, &mut ()).expect_err("no windows");
        assert!(matches!(&error, Error::Input(message) if message.contains(part)), "{error}");
    }
    for (training, key) in
        [(Training { epochs: 0, ..training() }, "training.epochs"), (Training { batch: 0, ..training() }, "training.batch")]
    {
        assert!(matches!(simple(&training), Err(Error::Input(message)) if message.contains(key)));
    }
}

#[test]
fn one_window_and_batches_larger_than_all() {
    let one = Sine { count: 1, ..TRAIN };
    let training = Training { epochs: 2, batch: 1000, ..training() };
    let start = State { history: vec![], ..State::new(&shape(), 3) };
    let outcome = run(&training, &everything(), (&one, &VALIDATION), start, None, &mut ()).expect("a trained network");
    assert_eq!(outcome.history.last().map(|report| report.step), Some(2));
    assert_ne!(outcome.best.params, initialize(&shape(), 3));
}
