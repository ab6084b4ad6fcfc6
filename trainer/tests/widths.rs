//! Every instruction set gives the bits of plain code: predictions and gradients, for every cell and regularizer, at odd sizes.

use embedded_rnn_trainer::network::kernel::Width;
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::network::shape::Norm;
use embedded_rnn_trainer::network::{MaskKey, Mode, Params, Shape, Workspace, init::initialize};
use embedded_rnn_trainer::random::Key;
use embedded_rnn_trainer::regularize::settings::{
    ActivationPenalty, CandidateDropout, CellDropout, Dropout, Gates, Mask, Noise, Reading, RecurrentDropout, Regularization,
    Scaling, WeightDrop, Zoneout,
};

/// Every regularizer at once, in one of several forms.
fn settings(gates: Gates, scaling: Scaling, mask: Mask, reading: Reading) -> Regularization {
    Regularization {
        dropout: Dropout { input: 0.2, between: 0.25, output: 0.3, scaling, mask, gates },
        recurrent: RecurrentDropout { drop: 0.3, scaling, gates },
        candidate: CandidateDropout { drop: 0.2, scaling, mask },
        cell: CellDropout { drop: 0.1, scaling: None },
        weight_drop: WeightDrop { drop: 0.3, scaling },
        noise: Noise { input: 0.1, weights: 0.05 },
        activation: ActivationPenalty { ar: 0.5, tar: 0.7, norm: 0.6 },
        zoneout: Zoneout { cell: 0.4, hidden: 0.2, reading },
        ..Regularization::default()
    }
}

fn all_settings() -> Vec<Regularization> {
    vec![
        Regularization::default(),
        settings(Gates::Tied, Scaling::Inverted, Mask::Step, Reading::Candidate),
        settings(Gates::Separate, Scaling::Classical, Mask::Sequence, Reading::Zoned),
    ]
}

/// Bits of the predictions and of the gradients.
fn bits(width: Width, shape: &Shape, settings: &Regularization, (steps, rows): (usize, usize), mode: Mode) -> Vec<u32> {
    let key = Key::new(9);
    let mut params: Params<f32> = initialize(shape, 3);
    for (index, value) in params.values.iter_mut().enumerate().filter(|(_, value)| **value != 0.0) {
        *value += 0.3 * key.with(index as u64).normal() as f32;
    }
    let windows: Vec<f32> = (0..rows * steps * shape.inputs).map(|k| key.with(1 << 40 | k as u64).normal() as f32).collect();
    let mut workspace = Workspace::on(width, shape, settings, steps, rows);
    let predictions = workspace.forward(&params, &windows, mode).to_vec();
    let mut gradients = Params::zeros(shape);
    workspace.backward(&params, &windows, &predictions, &mut gradients);
    assert!(gradients.values.iter().all(|value| value.is_finite()));
    predictions.iter().chain(&gradients.values).map(|value| value.to_bits()).collect()
}

fn assert_same(shape: &Shape, settings: &Regularization, extent: (usize, usize)) {
    for mode in [Mode::Evaluation, Mode::Training(MaskKey { seed: 1, step: 2, first_row: 0 })] {
        let plain = bits(Width::Scalar, shape, settings, extent, mode);
        for width in Width::available() {
            let differing = bits(width, shape, settings, extent, mode).iter().zip(&plain).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "values on {} in {mode:?} of {shape:?}, {extent:?} with {settings:?}", width.name());
        }
    }
}

fn norms() -> Vec<Option<Norm>> {
    let forms = [NormForm::A, NormForm::B, NormForm::Joint].into_iter();
    let norms = forms.flat_map(|form| [false, true].map(|per_gate| Some(Norm { form, per_gate, epsilon: 1e-5 })));
    std::iter::once(None).chain(norms).collect()
}

#[test]
fn every_cell_and_regularizer_has_the_bits_of_plain_code() {
    for norm in norms() {
        for settings in all_settings() {
            assert_same(
                &Shape { inputs: 3, hidden: vec![33, 21], outputs: 2, norm, head_norm: norm.map(|norm| norm.epsilon) },
                &settings,
                (4, 13),
            );
        }
    }
}

#[test]
fn odd_sizes_have_the_bits_of_plain_code() {
    for (inputs, hidden, outputs, steps, rows) in [
        (1, vec![1], 1, 1, 1),
        (1, vec![1], 1, 5, 3),
        (17, vec![16], 17, 1, 7),
        (2, vec![15, 17, 1, 48], 3, 3, 5),
        (5, vec![80], 1, 2, 66),
        (19, vec![100], 2, 2, 2),
    ] {
        for norm in [None, Some(Norm { form: NormForm::A, per_gate: false, epsilon: 1e-5 })] {
            for settings in all_settings() {
                assert_same(
                    &Shape { inputs, hidden: hidden.clone(), outputs, norm, head_norm: norm.map(|norm| norm.epsilon) },
                    &settings,
                    (steps, rows),
                );
            }
        }
    }
}

#[test]
fn not_a_number_reaches_the_predictions_on_every_width() {
    let shape = Shape { inputs: 2, hidden: vec![20], outputs: 1, norm: None, head_norm: None };
    let params: Params<f32> = initialize(&shape, 1);
    for width in Width::available() {
        let mut workspace = Workspace::on(width, &shape, &Regularization::default(), 3, 2);
        let mut windows = vec![0.5; 2 * 3 * 2];
        windows[7] = f32::NAN;
        let predictions = workspace.forward(&params, &windows, Mode::Evaluation);
        assert!(predictions[0].is_finite() && predictions[1].is_nan(), "{}", width.name());
    }
}
