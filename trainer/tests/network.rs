//! What the network does under its regularizers, number types, paddings and batch sizes.

use embedded_rnn_trainer::network::plain::{NormForm, PlainLstm, PlainNetwork};
use embedded_rnn_trainer::network::shape::Norm;
use embedded_rnn_trainer::network::{MaskKey, Mode, Params, Real, Shape, Workspace, init::initialize};
use embedded_rnn_trainer::random::Key;
use embedded_rnn_trainer::regularize::settings::{
    ActivationPenalty, CandidateDropout, CellDropout, Dropout, Gates, Mask, Noise, Reading, RecurrentDropout, Regularization,
    Scaling, WeightDrop, Zoneout,
};

fn everything(scaling: Scaling) -> Regularization {
    Regularization {
        dropout: Dropout { input: 0.2, between: 0.3, output: 0.4, scaling, ..Dropout::default() },
        recurrent: RecurrentDropout { drop: 0.25, scaling, ..RecurrentDropout::default() },
        zoneout: Zoneout { cell: 0.5, hidden: 0.1, reading: Reading::Candidate },
        ..Regularization::default()
    }
}

/// The same with masks inside the cell and on weights, and noise; one a sequence, and a gate where there is the choice.
fn more(scaling: Scaling) -> Regularization {
    let (mask, gates) = (Mask::Sequence, Gates::Separate);
    let everything = everything(scaling);
    Regularization {
        dropout: Dropout { mask, gates, ..everything.dropout },
        recurrent: RecurrentDropout { gates, ..everything.recurrent },
        candidate: CandidateDropout { drop: 0.2, scaling, mask },
        cell: CellDropout { drop: 0.1, scaling: None },
        weight_drop: WeightDrop { drop: 0.3, scaling },
        noise: Noise { input: 0.2, weights: 0.0 },
        activation: ActivationPenalty { ar: 0.3, tar: 0.2, norm: 0.4 },
        ..everything
    }
}

/// No norm, and every form.
fn norms() -> Vec<Option<Norm>> {
    let norm = |form, per_gate| Some(Norm { form, per_gate, epsilon: 1e-3 });
    vec![None, norm(NormForm::A, false), norm(NormForm::B, true), norm(NormForm::Joint, false), norm(NormForm::Joint, true)]
}

fn training(step: u64) -> Mode {
    Mode::Training(MaskKey { seed: 3, step, first_row: 0 })
}

fn windows<R: Real>(count: usize) -> Vec<R> {
    (0..count).map(|k| R::from_f64(Key::new(5).with(k as u64).normal())).collect()
}

fn forward<R: Real>(params: &Params<R>, settings: &Regularization, steps: usize, windows: &[R], mode: Mode) -> Vec<R> {
    let rows = windows.len() / steps / params.shape().inputs;
    Workspace::new(params.shape(), settings, steps, rows).forward(params, windows, mode).to_vec()
}

#[test]
fn rates_of_zero_are_the_identity() {
    for norm in norms() {
        let params: Params<f64> = initialize(&Shape { inputs: 3, hidden: vec![6, 5], outputs: 2, norm, head_norm: None }, 1);
        let x = windows(4 * 5 * 3);
        for scaling in [Scaling::Inverted, Scaling::Classical] {
            for reading in [Reading::Candidate, Reading::Zoned] {
                for (mask, gates) in [(Mask::Step, Gates::Tied), (Mask::Sequence, Gates::Separate)] {
                    let zero = Regularization {
                        dropout: Dropout { scaling, mask, gates, ..Dropout::default() },
                        recurrent: RecurrentDropout { drop: 0.0, scaling, gates },
                        candidate: CandidateDropout { drop: 0.0, scaling, mask },
                        cell: CellDropout { drop: 0.0, scaling: Some(Scaling::Classical) },
                        weight_drop: WeightDrop { drop: 0.0, scaling },
                        zoneout: Zoneout { reading, ..Zoneout::default() },
                        ..Regularization::default()
                    };
                    let plain = forward(&params, &Regularization::default(), 5, &x, Mode::Evaluation);
                    assert_eq!(forward(&params, &zero, 5, &x, training(1)), plain);
                    assert_eq!(forward(&params, &zero, 5, &x, Mode::Evaluation), plain);
                }
            }
        }
    }
}

#[test]
fn zoneout_of_zero_on_one_state_changes_nothing_of_it() {
    // With one rate positive both blends are computed; the other's must be exact.
    let params: Params<f64> = initialize(&Shape { inputs: 2, hidden: vec![5], outputs: 1, norm: None, head_norm: None }, 2);
    let x = windows(3 * 4 * 2);
    let tiny =
        Regularization { zoneout: Zoneout { cell: 1e-12, hidden: 0.0, ..Zoneout::default() }, ..Regularization::default() };
    let plain = forward(&params, &Regularization::default(), 4, &x, Mode::Evaluation);
    // A rate this small never hits.
    assert_eq!(forward(&params, &tiny, 4, &x, training(1)), plain);
}

#[test]
fn a_network_inside_a_larger_one_of_zeros_gives_the_same_bits() {
    // Units that are padding in one network and real, with zero weights, in the other.
    let small: Params<f32> = initialize(&Shape { inputs: 3, hidden: vec![5, 13], outputs: 3, norm: None, head_norm: None }, 4);
    let plain = small.to_plain();
    let mut wide =
        Params::<f32>::zeros(&Shape { inputs: 3, hidden: vec![16, 16], outputs: 16, norm: None, head_norm: None }).to_plain();
    for (from, to) in plain.layers.iter().zip(&mut wide.layers) {
        for gate in 0..4 {
            for unit in 0..from.hidden {
                let (row, place) = (gate * from.hidden + unit, gate * to.hidden + unit);
                to.w[place * to.inputs..][..from.inputs].copy_from_slice(&from.w[row * from.inputs..][..from.inputs]);
                to.u[place * to.hidden..][..from.hidden].copy_from_slice(&from.u[row * from.hidden..][..from.hidden]);
                to.b[place] = from.b[row];
            }
        }
    }
    for output in 0..3 {
        wide.head.w[output * 16..][..13].copy_from_slice(&plain.head.w[output * 13..][..13]);
    }
    let x = windows(4 * 6 * 3);
    let both = [everything(Scaling::Classical), more(Scaling::Classical)];
    for (mode, settings) in [training(1), Mode::Evaluation].iter().flat_map(|mode| both.map(|settings| (*mode, settings))) {
        let expected = forward(&small, &settings, 6, &x, mode);
        let inside = forward(&Params::from_plain(&wide), &settings, 6, &x, mode);
        for (row, expected) in inside.chunks(16).zip(expected.chunks(3)) {
            assert_eq!(&row[..3], expected);
            assert!(row[3..].iter().all(|&y| y == 0.0));
        }
    }
}

#[test]
fn a_window_does_not_depend_on_its_company() {
    for (norm, settings) in norms().into_iter().flat_map(|norm| [everything, more].map(|f| (norm, f(Scaling::Inverted)))) {
        let params: Params<f32> = initialize(&Shape { inputs: 3, hidden: vec![20, 5], outputs: 2, norm, head_norm: None }, 4);
        let (rows, steps) = (7, 4);
        let x = windows(rows * steps * 3);
        let whole = forward(&params, &settings, steps, &x, training(9));
        // One workspace for all sizes, each leaving its traces for the next.
        let mut workspace = Workspace::new(params.shape(), &settings, steps, rows);
        for (first, count) in [(0, 7), (0, 4), (4, 3), (6, 1), (2, 2), (0, 7)] {
            let part = &x[first * steps * 3..][..count * steps * 3];
            let mode = Mode::Training(MaskKey { seed: 3, step: 9, first_row: first });
            assert_eq!(workspace.forward(&params, part, mode), &whole[2 * first..2 * (first + count)]);
        }
    }
}

#[test]
fn gradients_of_a_smaller_batch_ignore_what_is_left_in_the_buffers() {
    for (norm, settings) in norms().into_iter().flat_map(|norm| [everything, more].map(|f| (norm, f(Scaling::Inverted)))) {
        let params: Params<f64> = initialize(&Shape { inputs: 2, hidden: vec![5, 18], outputs: 2, norm, head_norm: None }, 4);
        let (steps, x) = (4, windows(6 * 4 * 2));
        let gradients = |workspace: &mut Workspace<f64>| {
            let part = &x[..3 * steps * 2];
            let d_predictions = workspace.forward(&params, part, training(1)).to_vec();
            let mut gradients = Params::zeros(params.shape());
            workspace.backward(&params, part, &d_predictions, &mut gradients);
            gradients
        };
        let mut used = Workspace::new(params.shape(), &settings, steps, 6);
        let d_predictions = used.forward(&params, &x, training(7)).to_vec();
        used.backward(&params, &x, &d_predictions, &mut Params::zeros(params.shape()));
        assert_eq!(gradients(&mut used), gradients(&mut Workspace::new(params.shape(), &settings, steps, 3)));
        // Evaluation between trainings leaves no trace either.
        used.forward(&params, &x, Mode::Evaluation);
        assert_eq!(gradients(&mut used), gradients(&mut Workspace::new(params.shape(), &settings, steps, 3)));
    }
}

#[test]
fn single_precision_follows_double() {
    for (norm, settings) in norms().into_iter().flat_map(|norm| [everything, more].map(|f| (norm, f(Scaling::Inverted)))) {
        let shape = Shape { inputs: 12, hidden: vec![48, 20], outputs: 12, norm, head_norm: None };
        let double: Params<f64> = initialize::<f32>(&shape, 8).cast();
        let x: Vec<f32> = windows(8 * 11 * 12);
        let x64: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        // Noise is drawn in double and rounded, so that inputs differ in their last bit; a norm enlarges what is small.
        let bound = if norm.is_none() { 6e-6 } else { 3e-5 };
        for mode in [training(2), Mode::Evaluation] {
            let run64 = forward(&double, &settings, 11, &x64, mode);
            let run32 = forward(&double.cast::<f32>(), &settings, 11, &x, mode);
            let worst = run32.iter().zip(&run64).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(worst < bound, "{worst:e} with {norm:?}");
        }
        // And its gradients, relative to the largest.
        let gradients64 = gradients(&double, &settings, &x64);
        let gradients32 = gradients(&double.cast::<f32>(), &settings, &x);
        let largest = gradients64.values.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        let differences = gradients32.values.iter().zip(&gradients64.values).map(|(a, b)| (f64::from(*a) - b).abs());
        let worst = differences.fold(0.0, f64::max) / largest;
        assert!(worst < 3.0 * bound, "gradients: {worst:e} with {norm:?}");
    }
}

fn gradients<R: Real>(params: &Params<R>, settings: &Regularization, x: &[R]) -> Params<R> {
    let mut workspace = Workspace::new(params.shape(), settings, 11, 8);
    let d_predictions = workspace.forward(params, x, training(2)).to_vec();
    let mut gradients = Params::zeros(params.shape());
    workspace.backward(params, x, &d_predictions, &mut gradients);
    gradients
}

/// One unit whose masked paths can be told from each other by its output.
fn one_unit() -> Params<f64> {
    let mut plain =
        Params::<f64>::zeros(&Shape { inputs: 1, hidden: vec![1], outputs: 1, norm: None, head_norm: None }).to_plain();
    plain.layers[0].w = vec![0.7, -0.4, 1.1, 0.5];
    plain.layers[0].u = vec![0.9, 0.6, -1.3, 0.8];
    plain.layers[0].b = vec![0.1, 0.4, -0.2, 0.3];
    plain.head.w = vec![1.0];
    Params::from_plain(&plain)
}

#[test]
fn the_recurrent_mask_is_one_per_sequence() {
    let params = one_unit();
    let mut cut = params.to_plain();
    cut.layers[0].u.fill(0.0);
    let steps = 6;
    let x = windows(200 * steps);
    let drop = Regularization {
        recurrent: RecurrentDropout { drop: 0.4, scaling: Scaling::Classical, ..RecurrentDropout::default() },
        ..Regularization::default()
    };
    let plain = Regularization::default();
    let kept = forward(&params, &plain, steps, &x, Mode::Evaluation);
    let dropped = forward(&Params::from_plain(&cut), &plain, steps, &x, Mode::Evaluation);
    let masked = forward(&params, &drop, steps, &x, training(1));
    let mut count = 0;
    for ((y, kept), dropped) in masked.iter().zip(&kept).zip(&dropped) {
        assert!(y == kept || y == dropped, "a mask that changed within its sequence");
        count += usize::from(y == dropped);
    }
    // 80 expected, deviation 7.
    assert!((52..108).contains(&count), "{count}");
}

/// Counts which of the 16 ways to silence gates explains each output; every output must have exactly one.
fn patterns_of_gates(silence: fn(&mut PlainLstm, usize), settings: &Regularization) -> [usize; 16] {
    let (params, steps) = (one_unit(), 6);
    let x = windows(200 * steps);
    let masked = forward(&params, settings, steps, &x, training(1));
    let explanations: Vec<Vec<f64>> = (0..16)
        .map(|pattern| {
            let mut plain = params.to_plain();
            (0..4).filter(|gate| pattern >> gate & 1 == 1).for_each(|gate| silence(&mut plain.layers[0], gate));
            forward(&Params::from_plain(&plain), &Regularization::default(), steps, &x, Mode::Evaluation)
        })
        .collect();
    let mut seen = [0; 16];
    for (row, y) in masked.iter().enumerate() {
        // Two orders of sums: a masked zero is added in one of them and left out of the other.
        let fits: Vec<usize> = (0..16).filter(|&pattern| (explanations[pattern][row] - y).abs() < 1e-14).collect();
        assert_eq!(fits.len(), 1, "a mask that changed within its sequence");
        seen[fits[0]] += 1;
    }
    seen
}

#[test]
fn separate_masks_silence_each_gate_by_itself_for_a_whole_sequence() {
    let plain = Regularization::default();
    let (scaling, mask) = (Scaling::Classical, Mask::Sequence);
    for gates in [Gates::Tied, Gates::Separate] {
        let recurrent = Regularization { recurrent: RecurrentDropout { drop: 0.5, scaling, gates }, ..plain };
        let input = Regularization { dropout: Dropout { input: 0.5, scaling, mask, gates, ..Dropout::default() }, ..plain };
        for seen in [
            patterns_of_gates(|lstm, gate| lstm.u[gate] = 0.0, &recurrent),
            patterns_of_gates(|lstm, gate| lstm.w[gate] = 0.0, &input),
        ] {
            let kinds = seen.iter().filter(|&&n| n > 0).count();
            match gates {
                Gates::Tied => assert!(kinds == 2 && seen[0] > 60 && seen[15] > 60, "{seen:?}"),
                // 12.5 of each expected, deviation 3.4.
                Gates::Separate => assert!(kinds == 16 && seen.iter().all(|&n| n < 28), "{seen:?}"),
            }
        }
    }
}

#[test]
fn masks_inside_the_cell_stand_where_their_papers_have_them() {
    // One unit, step by step, with every sequence of masks tried; U is zero so that only c remembers.
    let mut plain = one_unit().to_plain();
    plain.layers[0].u.fill(0.0);
    let params = Params::from_plain(&plain);
    let steps = 4;
    let x: Vec<f64> = windows(150 * steps);
    let sigmoid = |a: f64| 1.0 / (1.0 + (-a).exp());
    let run = |window: &[f64], candidate: &dyn Fn(usize) -> f64, cell: &dyn Fn(usize) -> f64| {
        let lstm = &plain.layers[0];
        let (mut c, mut h) = (0.0f64, 0.0);
        for (time, value) in window.iter().enumerate() {
            let a = |gate: usize| lstm.w[gate] * value + lstm.b[gate];
            c = cell(time) * (sigmoid(a(1)) * c + candidate(time) * sigmoid(a(0)) * a(2).tanh());
            h = sigmoid(a(3)) * c.tanh();
        }
        h
    };
    let bit = |pattern: usize, time: usize| f64::from(pattern as u32 >> time & 1);
    let one = |_: usize| 1.0;
    let candidate =
        |mask, scaling| Regularization { candidate: CandidateDropout { drop: 0.5, scaling, mask }, ..Regularization::default() };
    // Which patterns of time explain each output, for masks on the candidate with some scale and on the cell.
    let seen = |settings: &Regularization, explain: &dyn Fn(&[f64], usize) -> f64| {
        let outputs = forward(&params, settings, steps, &x, training(1));
        let mut seen = [0; 16];
        for (window, y) in x.chunks(steps).zip(outputs) {
            let fits: Vec<usize> = (0..16).filter(|&pattern| (explain(window, pattern) - y).abs() < 1e-14).collect();
            assert!(!fits.is_empty(), "an output that no sequence of masks explains");
            seen[fits[0]] += 1;
        }
        seen
    };
    for (scaling, scale) in [(Scaling::Classical, 1.0), (Scaling::Inverted, 2.0)] {
        let explain = |window: &[f64], pattern| run(window, &|time| scale * bit(pattern, time), &one);
        let steps = seen(&candidate(Mask::Step, scaling), &explain);
        assert!(steps.iter().filter(|&&n| n > 0).count() >= 14, "{steps:?}");
        let sequences = seen(&candidate(Mask::Sequence, scaling), &explain);
        assert_eq!(sequences[0] + sequences[15], 150, "{sequences:?}");
        assert!(sequences[0] > 45 && sequences[15] > 45, "{sequences:?}");
    }
    let settings = Regularization { cell: CellDropout { drop: 0.5, scaling: None }, ..Regularization::default() };
    let cells = seen(&settings, &|window, pattern| run(window, &one, &|time| bit(pattern, time)));
    assert_eq!(cells[0] + cells[15], 150, "{cells:?}");
    assert!(cells[0] > 45 && cells[15] > 45, "{cells:?}");
}

#[test]
fn the_input_mask_is_fresh_at_every_step() {
    let params = one_unit();
    let steps = 5;
    let x: Vec<f64> = windows(200 * steps);
    let dropout = Dropout { input: 0.5, scaling: Scaling::Classical, ..Dropout::default() };
    let masked = forward(&params, &Regularization { dropout, ..Regularization::default() }, steps, &x, training(1));
    let mut seen = [0; 32];
    for (window, y) in x.chunks(steps).zip(&masked) {
        let patterns = (0..32u32).filter(|pattern| {
            let kept: Vec<f64> = window.iter().enumerate().map(|(t, v)| if pattern >> t & 1 == 1 { *v } else { 0.0 }).collect();
            forward(&params, &Regularization::default(), steps, &kept, Mode::Evaluation)[0] == *y
        });
        let patterns: Vec<u32> = patterns.collect();
        assert_eq!(patterns.len(), 1, "a window that matches no pattern of its inputs, or several");
        seen[patterns[0] as usize] += 1;
    }
    // 200 draws of 32 patterns: a mask that is constant in time would only show two.
    assert!(seen.iter().filter(|&&n| n > 0).count() > 25, "{seen:?}");
}

#[test]
fn test_time_is_the_mean_of_training_where_the_network_is_linear() {
    // Output dropout meets a linear head; hidden zoneout in a single step blends h' with zero.
    let params: Params<f64> = initialize(&Shape { inputs: 2, hidden: vec![6], outputs: 2, norm: None, head_norm: None }, 6);
    let plain = Regularization::default();
    let output = |scaling| Regularization { dropout: Dropout { output: 0.3, scaling, ..Dropout::default() }, ..plain };
    let zoneout = Zoneout { hidden: 0.3, ..Zoneout::default() };
    for (settings, steps) in
        [(output(Scaling::Inverted), 4), (output(Scaling::Classical), 4), (Regularization { zoneout, ..plain }, 1)]
    {
        let x = windows(steps * 2);
        let mean = forward(&params, &settings, steps, &x, Mode::Evaluation);
        let mut workspace = Workspace::new(params.shape(), &settings, steps, 1);
        let draws = 40_000;
        let (mut sums, mut squares) = ([0.0; 2], [0.0; 2]);
        for step in 0..draws {
            for (k, y) in workspace.forward(&params, &x, training(step)).iter().enumerate() {
                sums[k] += y - mean[k];
                squares[k] += (y - mean[k]) * (y - mean[k]);
            }
        }
        for k in 0..2 {
            let deviation = (squares[k] / draws as f64).sqrt();
            let error = (sums[k] / draws as f64).abs();
            assert!(deviation > 1e-3, "no mask at work");
            assert!(error < 4.0 * deviation / (draws as f64).sqrt(), "{error} with {settings:?}");
        }
    }
}

/// A cell whose gates are constants and whose candidates are so small that tanh is the identity: linear in inputs, h and W_g.
fn linear() -> Params<f64> {
    let mut plain =
        initialize::<f64>(&Shape { inputs: 2, hidden: vec![6], outputs: 2, norm: None, head_norm: None }, 6).to_plain();
    let lstm = &mut plain.layers[0];
    for gate in [0, 1, 3] {
        lstm.w[gate * 6 * 2..][..6 * 2].fill(0.0);
        lstm.u[gate * 6 * 6..][..6 * 6].fill(0.0);
    }
    lstm.w.iter_mut().chain(&mut lstm.u).for_each(|w| *w *= 1e-4);
    // The recurrent way is as strong as the one from the input: h is half of x's size at most.
    lstm.u.iter_mut().for_each(|u| *u *= 1e4);
    Params::from_plain(&plain)
}

#[test]
fn test_time_is_the_mean_of_training_on_a_linear_cell() {
    let plain = Regularization::default();
    let params = linear();
    for scaling in [Scaling::Inverted, Scaling::Classical] {
        let dropout = |mask, gates| Dropout { input: 0.3, scaling, mask, gates, ..Dropout::default() };
        let candidate = |mask| CandidateDropout { drop: 0.3, scaling, mask };
        // With the steps up to which the mean is the mean network's: a mask that lasts is met twice after them.
        let cases = [
            (Regularization { dropout: dropout(Mask::Step, Gates::Tied), ..plain }, 4),
            (Regularization { dropout: dropout(Mask::Sequence, Gates::Tied), ..plain }, 2),
            (Regularization { dropout: dropout(Mask::Sequence, Gates::Separate), ..plain }, 2),
            (Regularization { recurrent: RecurrentDropout { drop: 0.3, scaling, gates: Gates::Tied }, ..plain }, 2),
            (Regularization { recurrent: RecurrentDropout { drop: 0.3, scaling, gates: Gates::Separate }, ..plain }, 2),
            (Regularization { candidate: candidate(Mask::Step), ..plain }, 4),
            (Regularization { candidate: candidate(Mask::Sequence), ..plain }, 1),
            (Regularization { cell: CellDropout { drop: 0.3, scaling: None }, ..plain }, 1),
            (Regularization { weight_drop: WeightDrop { drop: 0.3, scaling }, ..plain }, 2),
            (Regularization { noise: Noise { input: 0.5, weights: 0.0 }, ..plain }, 4),
            (Regularization { noise: Noise { input: 0.0, weights: 1e-5 }, ..plain }, 2),
            (Regularization { zoneout: Zoneout { cell: 0.3, ..Zoneout::default() }, ..plain }, 4),
        ];
        for (settings, steps) in cases {
            let x = windows(steps * 2);
            let mean = forward(&params, &settings, steps, &x, Mode::Evaluation);
            let mut workspace = Workspace::new(params.shape(), &settings, steps, 1);
            let draws = 10_000;
            let (mut sums, mut squares) = ([0.0; 2], [0.0; 2]);
            for step in 0..draws {
                for (k, y) in workspace.forward(&params, &x, training(step)).iter().enumerate() {
                    sums[k] += y - mean[k];
                    squares[k] += (y - mean[k]) * (y - mean[k]);
                }
            }
            for k in 0..2 {
                let deviation = (squares[k] / draws as f64).sqrt();
                let error = (sums[k] / draws as f64).abs();
                assert!(deviation > 1e-3 * mean[k].abs(), "no mask at work in {settings:?}");
                assert!(error < 4.0 * deviation / (draws as f64).sqrt(), "{error} of {deviation} with {settings:?}");
            }
        }
    }
}

/// Every h of the last layer, `[T][H]`, by the textbook's equations.
fn states(plain: &PlainNetwork, window: &[f64]) -> Vec<Vec<f64>> {
    let sigmoid = |a: f64| 1.0 / (1.0 + (-a).exp());
    let mut inputs: Vec<Vec<f64>> = window.chunks(plain.layers[0].inputs).map(<[f64]>::to_vec).collect();
    for layer in &plain.layers {
        let (mut h, mut c) = (vec![0.0; layer.hidden], vec![0.0; layer.hidden]);
        for x in &mut inputs {
            let dot = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            let a = |row: usize| {
                dot(&layer.w[row * layer.inputs..][..layer.inputs], x)
                    + dot(&layer.u[row * layer.hidden..][..layer.hidden], &h)
                    + layer.b[row]
            };
            let gates: Vec<f64> = (0..4 * layer.hidden).map(a).collect();
            for unit in 0..layer.hidden {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gates[gate * layer.hidden + unit]);
                c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * g.tanh();
                h[unit] = sigmoid(o) * c[unit].tanh();
            }
            *x = h.clone();
        }
    }
    inputs
}

/// Over a batch that is worked on in several parts, and one that is smaller than the workspace was made for.
#[test]
fn the_norm_stabilizer_is_its_papers_equation_on_the_last_layer() {
    let (steps, beta) = (6, 0.7);
    for hidden in [vec![5], vec![20, 18]] {
        let params: Params<f64> = initialize(&Shape { inputs: 3, hidden, outputs: 2, norm: None, head_norm: None }, 4);
        let plain = params.to_plain();
        let settings = Regularization {
            activation: ActivationPenalty { norm: beta, ..ActivationPenalty::default() },
            // Not on the states that recur.
            dropout: Dropout { output: 0.5, ..Dropout::default() },
            ..Regularization::default()
        };
        let mut workspace = Workspace::new(params.shape(), &settings, steps, 131);
        for rows in [131, 7, 1] {
            let x: Vec<f64> = windows(rows * steps * 3);
            workspace.forward(&params, &x, training(1));
            let mut sum = 0.0;
            for window in x.chunks(steps * 3) {
                let norms: Vec<f64> =
                    states(&plain, window).iter().map(|h| h.iter().map(|h| h * h).sum::<f64>().sqrt()).collect();
                sum += norms.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>();
            }
            let expected = beta * sum / ((steps - 1) * rows) as f64;
            let found = workspace.activation_penalty();
            assert!((found / expected - 1.0).abs() < 1e-12, "{rows} rows: {found} {expected}");
        }
    }
}

#[test]
fn not_a_number_reaches_the_predictions() {
    let params: Params<f32> = initialize(&Shape { inputs: 2, hidden: vec![5], outputs: 1, norm: None, head_norm: None }, 1);
    let mut x = windows(2 * 3 * 2);
    x[7] = f32::NAN;
    let y = forward(&params, &Regularization::default(), 3, &x, Mode::Evaluation);
    assert!(y[0].is_finite() && y[1].is_nan());
}
