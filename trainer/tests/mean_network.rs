//! The mean network that training evaluates against the straightforward one that folding starts from: two implementations that share
//! no code but the activation functions.

use embedded_rnn_trainer::config::Normalization;
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::fold::{MeanNetwork, Scaler, Scalers};
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::network::shape::Norm;
use embedded_rnn_trainer::network::{Mode, Params, Shape, Workspace, init::initialize};
use embedded_rnn_trainer::random::Key;
use embedded_rnn_trainer::regularize::settings::{
    CandidateDropout, CellDropout, Dropout, Gates, LayerNorm, Mask, Noise, Reading, RecurrentDropout, Regularization, Scaling,
    WeightDrop, Zoneout,
};

const STEPS: usize = 6;
const ROWS: usize = 3;

/// A choice of rates, each off in about a third of the draws, and of everything else.
fn settings(seed: u64, norm: Option<Norm>) -> Regularization {
    let key = Key::new(seed);
    let coin = |part: u64| key.with(part).below(2) == 1;
    let rate = |part: u64| (0.9 * key.with(part).uniform() - 0.3).max(0.0);
    let scaling = |part: u64| if coin(part) { Scaling::Classical } else { Scaling::Inverted };
    let gates = |part: u64| if coin(part) { Gates::Separate } else { Gates::Tied };
    let mask = |part: u64| if coin(part) { Mask::Sequence } else { Mask::Step };
    Regularization {
        dropout: Dropout {
            input: rate(1),
            between: rate(2),
            output: rate(3),
            scaling: scaling(4),
            mask: Mask::Sequence,
            gates: gates(5),
        },
        recurrent: RecurrentDropout { drop: rate(6), scaling: scaling(7), gates: gates(8) },
        candidate: CandidateDropout { drop: rate(9), scaling: scaling(10), mask: mask(11) },
        cell: CellDropout { drop: rate(12), scaling: None },
        weight_drop: WeightDrop { drop: rate(13), scaling: scaling(14) },
        noise: Noise { input: rate(15), weights: rate(16) },
        zoneout: Zoneout {
            cell: rate(17),
            hidden: rate(18),
            reading: if coin(19) { Reading::Zoned } else { Reading::Candidate },
        },
        layer_norm: norm.map_or_else(LayerNorm::default, |Norm { form, per_gate, epsilon }| LayerNorm {
            head: false,
            form: Some(form),
            per_gate,
            epsilon,
        }),
        ..Regularization::default()
    }
}

/// Fresh weights, with everything that starts at a constant moved away from it.
fn params(shape: &Shape, seed: u64) -> Params<f64> {
    let mut plain = initialize::<f64>(shape, seed).to_plain();
    let mut count = 0;
    let mut shake = |values: &mut Vec<f64>| {
        for value in values {
            count += 1;
            *value += 0.3 * Key::new(seed).with(count).normal();
        }
    };
    for layer in &mut plain.layers {
        shake(&mut layer.b);
        if let Some(norm) = &mut layer.norm {
            for values in [&mut norm.gain_x, &mut norm.shift_x, &mut norm.gain_h, &mut norm.shift_h] {
                shake(values);
            }
            shake(&mut norm.gain_c);
            shake(&mut norm.shift_c);
        }
    }
    shake(&mut plain.head.b);
    if let Some(norm) = &mut plain.head.norm {
        shake(&mut norm.gain);
        shake(&mut norm.shift);
    }
    Params::from_plain(&plain)
}

#[test]
fn training_evaluates_the_network_that_folding_starts_from() {
    let norm = |form, per_gate| Some(Norm { form, per_gate, epsilon: 0.02 });
    let norms = [NormForm::A, NormForm::B, NormForm::Joint].map(|form| [norm(form, false), norm(form, true)]);
    for norm in norms.concat().into_iter().chain([None]) {
        for seed in 0..40 {
            let shape = Shape { inputs: 2, hidden: vec![5, 18], outputs: 3, norm, head_norm: (seed % 2 == 1).then_some(0.02) };
            let (params, settings) = (params(&shape, seed), settings(seed, norm));
            let x: Vec<f64> = (0..ROWS * STEPS * shape.inputs).map(|k| Key::new(seed).with(77).with(k as u64).normal()).collect();
            let mut workspace = Workspace::new(&shape, &settings, STEPS, ROWS);
            let ours = workspace.forward(&params, &x, Mode::Evaluation);

            let identity = Scaler { mean: 0.0, deviation: 1.0 };
            let scalers = Scalers {
                inputs: vec![identity; 2],
                targets: vec![identity],
                normalization: Normalization::None,
                streaming: false,
            };
            let mean = MeanNetwork::new(&params.to_plain(), &settings, &scalers).expect("a network that fits its scalers");
            let theirs: Vec<f64> = x.chunks(STEPS * shape.inputs).flat_map(|window| mean.forecast_window(window)).collect();
            let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert_eq!(ours.len(), theirs.len());
            assert!(worst < 1e-12, "{worst:e} with {settings:?} and seed {seed}");
        }
    }
}
