//! Every gradient of every parameter against finite differences in `f64`, for every regularizer, under frozen masks.

use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::network::shape::{Norm, Role};
use embedded_rnn_trainer::network::{MaskKey, Mode, Params, Shape, Workspace};
use embedded_rnn_trainer::random::Key;
use embedded_rnn_trainer::regularize::penalty;
use embedded_rnn_trainer::regularize::settings::{
    ActivationPenalty, CandidateDropout, CellDropout, Dropout, Gates, Mask, Noise, Reading, RecurrentDropout, Regularization,
    Scaling, WeightDrop, Zoneout,
};

const KEY: MaskKey = MaskKey { seed: 11, step: 5, first_row: 0 };

/// Differences smaller than this come from rounding in the loss, not from the gradient.
const FLOOR: f64 = 1e-5;

/// A network with random weights and biases, and a batch of windows with targets.
struct Case {
    params: Params<f64>,
    windows: Vec<f64>,
    targets: Vec<f64>,
    steps: usize,
    rows: usize,
}

impl Case {
    fn new(shape: &Shape, steps: usize, rows: usize) -> Case {
        let key = Key::new(17);
        let mut plain = Params::<f64>::zeros(shape).to_plain();
        let mut count = 0;
        let mut fill = |values: &mut [f64], width: f64| {
            for value in values {
                count += 1;
                // Away from zero, where the absolute value in L1 has a kink.
                let uniform = 2.0 * key.with(count).uniform() - 1.0;
                *value = width * (0.1 * uniform.signum() + 0.9 * uniform);
            }
        };
        for layer in &mut plain.layers {
            let width = 1.5 / ((layer.inputs + layer.hidden) as f64).sqrt();
            fill(&mut layer.w, width);
            fill(&mut layer.u, width);
            fill(&mut layer.b, 0.8);
            if let Some(norm) = &mut layer.norm {
                for gain in [&mut norm.gain_x, &mut norm.gain_h, &mut norm.gain_c] {
                    fill(gain, 0.4);
                    gain.iter_mut().for_each(|gain| *gain += 1.0);
                }
                for shift in [&mut norm.shift_x, &mut norm.bias_x, &mut norm.shift_h, &mut norm.shift_c] {
                    fill(shift, 0.6);
                }
            }
        }
        fill(&mut plain.head.w, 1.0);
        fill(&mut plain.head.b, 0.5);
        if let Some(norm) = &mut plain.head.norm {
            fill(&mut norm.gain, 0.4);
            norm.gain.iter_mut().for_each(|gain| *gain += 1.0);
            fill(&mut norm.shift, 0.6);
        }
        let mut windows = vec![0.0; rows * steps * shape.inputs];
        let mut targets = vec![0.0; rows * shape.outputs];
        fill(&mut windows, 1.5);
        fill(&mut targets, 1.0);
        Case { params: Params::from_plain(&plain), windows, targets, steps, rows }
    }

    /// The sum of squares, with penalties, and its gradients with respect to the predictions.
    fn loss(
        &self,
        workspace: &mut Workspace<f64>,
        params: &Params<f64>,
        settings: &Regularization,
        mode: Mode,
    ) -> (f64, Vec<f64>) {
        let predictions = workspace.forward(params, &self.windows, mode);
        let errors: Vec<f64> = predictions.iter().zip(&self.targets).map(|(y, target)| y - target).collect();
        let squares = 0.5 * errors.iter().map(|e| e * e).sum::<f64>();
        (squares + penalty::value(settings, params) + workspace.activation_penalty(), errors)
    }

    /// The largest relative difference between gradients and finite differences.
    fn worst(&self, settings: &Regularization, mode: Mode) -> f64 {
        let mut workspace = Workspace::new(self.params.shape(), settings, self.steps, self.rows);
        let (_, d_predictions) = self.loss(&mut workspace, &self.params, settings, mode);
        let mut gradients = Params::zeros(self.params.shape());
        workspace.backward(&self.params, &self.windows, &d_predictions, &mut gradients);
        penalty::add_gradient(settings, &self.params, &mut gradients);

        let mut params = self.params.clone();
        let mut worst: f64 = 0.0;
        for index in 0..params.values.len() {
            let center = params.values[index];
            let padding = center == 0.0;
            if padding {
                assert_eq!(gradients.values[index], 0.0, "padding has a gradient");
                continue;
            }
            let mut at = |offset: f64| {
                params.values[index] = center + offset;
                self.loss(&mut workspace, &params, settings, mode).0
            };
            // The central difference of fourth order.
            let h = 1e-3;
            let numeric = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            params.values[index] = center;
            let exact = gradients.values[index];
            worst = worst.max((exact - numeric).abs() / exact.abs().max(numeric.abs()).max(FLOOR));
        }
        worst
    }

    fn check(&self, settings: &Regularization, mode: Mode) {
        let worst = self.worst(settings, mode);
        assert!(worst <= 1e-6, "relative error {worst:e} in {mode:?} of {:?} with {settings:?}", self.params.shape());
    }
}

/// Every regularizer alone in each of its forms, and all at once.
fn regularizers() -> Vec<Regularization> {
    let plain = Regularization::default();
    let mut list = vec![plain, Regularization { l1: 0.03, l2: 0.1, ..plain }];
    for scaling in [Scaling::Inverted, Scaling::Classical] {
        let none = Dropout { scaling, ..Dropout::default() };
        for dropout in [Dropout { input: 0.3, ..none }, Dropout { between: 0.3, ..none }, Dropout { output: 0.4, ..none }] {
            list.push(Regularization { dropout, ..plain });
        }
        list.push(Regularization { recurrent: RecurrentDropout { drop: 0.3, scaling, ..RecurrentDropout::default() }, ..plain });
        for reading in [Reading::Candidate, Reading::Zoned] {
            list.push(Regularization {
                dropout: Dropout { input: 0.2, between: 0.3, output: 0.25, scaling, ..Dropout::default() },
                recurrent: RecurrentDropout { drop: 0.25, scaling, ..RecurrentDropout::default() },
                zoneout: Zoneout { cell: 0.5, hidden: 0.3, reading },
                l1: 0.01,
                l2: 0.05,
                ..plain
            });
        }
    }
    for reading in [Reading::Candidate, Reading::Zoned] {
        for (cell, hidden) in [(0.5, 0.0), (0.0, 0.3), (0.4, 0.2)] {
            list.push(Regularization { zoneout: Zoneout { cell, hidden, reading }, ..plain });
        }
    }
    list
}

/// The masks inside the cell, separate ones, and what is not a mask; alone and all at once.
fn more_regularizers() -> Vec<Regularization> {
    let plain = Regularization::default();
    let noise = Noise { input: 0.3, weights: 0.2 };
    let activation = ActivationPenalty { ar: 0.7, tar: 0.9, norm: 0.8 };
    let off = ActivationPenalty::default();
    let mut list = vec![
        Regularization { cell: CellDropout { drop: 0.3, scaling: None }, ..plain },
        Regularization { noise: Noise { weights: 0.0, ..noise }, ..plain },
        Regularization { noise: Noise { input: 0.0, ..noise }, ..plain },
        Regularization { activation: ActivationPenalty { ar: 0.7, ..off }, ..plain },
        Regularization { activation: ActivationPenalty { tar: 0.9, ..off }, ..plain },
        Regularization { activation: ActivationPenalty { norm: 0.8, ..off }, ..plain },
        Regularization { l1: 0.02, l2: 0.1, decay_biases: true, ..plain },
    ];
    for (scaling, mask) in [(Scaling::Inverted, Mask::Sequence), (Scaling::Classical, Mask::Step)] {
        let weight_drop = WeightDrop { drop: 0.3, scaling };
        let candidate = CandidateDropout { drop: 0.3, scaling, mask };
        list.push(Regularization { candidate, ..plain });
        list.push(Regularization { weight_drop, ..plain });
        for gates in [Gates::Tied, Gates::Separate] {
            let dropout = Dropout { input: 0.3, between: 0.25, output: 0.2, scaling, mask: Mask::Sequence, gates };
            let recurrent = RecurrentDropout { drop: 0.3, scaling, gates };
            list.push(Regularization { dropout, ..plain });
            list.push(Regularization { recurrent, ..plain });
            for reading in [Reading::Candidate, Reading::Zoned] {
                list.push(Regularization {
                    dropout,
                    recurrent,
                    candidate,
                    cell: CellDropout { drop: 0.2, scaling: None },
                    weight_drop,
                    noise,
                    activation,
                    zoneout: Zoneout { cell: 0.4, hidden: 0.3, reading },
                    l2: 0.05,
                    ..plain
                });
            }
        }
    }
    list
}

/// Every form of layer norm. ε is large because U h starts at zero: with a small one, curvature there outweighs any difference.
fn norms() -> Vec<Norm> {
    let forms = [NormForm::A, NormForm::B, NormForm::Joint];
    forms.into_iter().flat_map(|form| [false, true].map(|per_gate| Norm { form, per_gate, epsilon: 0.1 })).collect()
}

fn check_all(shape: &Shape, steps: usize, rows: usize) {
    let case = Case::new(shape, steps, rows);
    for settings in regularizers() {
        case.check(&settings, Mode::Training(KEY));
    }
}

#[test]
fn one_layer() {
    check_all(&Shape { inputs: 3, hidden: vec![5], outputs: 2, norm: None, head_norm: None }, 4, 3);
}

#[test]
fn two_layers_of_unequal_widths() {
    check_all(&Shape { inputs: 2, hidden: vec![3, 6], outputs: 3, norm: None, head_norm: None }, 4, 3);
}

#[test]
fn three_layers_of_unequal_widths() {
    check_all(&Shape { inputs: 2, hidden: vec![5, 3, 4], outputs: 2, norm: None, head_norm: None }, 4, 2);
}

#[test]
fn one_unit() {
    check_all(&Shape { inputs: 1, hidden: vec![1], outputs: 1, norm: None, head_norm: None }, 3, 2);
    check_all(&Shape { inputs: 1, hidden: vec![1, 1], outputs: 1, norm: None, head_norm: None }, 3, 2);
}

#[test]
fn more_units_than_a_block_and_more_outputs() {
    check_all(&Shape { inputs: 2, hidden: vec![17], outputs: 17, norm: None, head_norm: None }, 3, 2);
}

#[test]
fn wide_below_narrow_and_more_inputs_than_a_block() {
    check_all(&Shape { inputs: 18, hidden: vec![17, 3], outputs: 1, norm: None, head_norm: None }, 2, 2);
}

#[test]
fn one_step_and_one_window() {
    check_all(&Shape { inputs: 2, hidden: vec![5], outputs: 2, norm: None, head_norm: None }, 1, 3);
    check_all(&Shape { inputs: 2, hidden: vec![5, 4], outputs: 2, norm: None, head_norm: None }, 3, 1);
    check_all(&Shape { inputs: 2, hidden: vec![5], outputs: 1, norm: None, head_norm: None }, 1, 1);
}

#[test]
fn more_rows_than_are_gathered_at_once() {
    let case = Case::new(&Shape { inputs: 2, hidden: vec![2], outputs: 1, norm: None, head_norm: None }, 5, 131);
    for settings in regularizers() {
        case.check(&settings, Mode::Training(KEY));
    }
}

/// Parts of a batch each add their share of the mean over the whole.
#[test]
fn penalties_on_activations_in_a_batch_of_several_parts() {
    let case = Case::new(&Shape { inputs: 2, hidden: vec![3], outputs: 1, norm: None, head_norm: None }, 4, 131);
    let activation = ActivationPenalty { ar: 0.7, tar: 0.9, norm: 0.8 };
    case.check(&Regularization { activation, ..Regularization::default() }, Mode::Training(KEY));
    let activation = ActivationPenalty { ar: 0.0, tar: 0.0, norm: 20.0 };
    case.check(&Regularization { activation, ..Regularization::default() }, Mode::Training(KEY));
}

#[test]
fn masks_inside_the_cell_separate_masks_noise_and_penalties_on_activations() {
    for (hidden, inputs, steps, rows) in [(vec![5], 3, 4, 3), (vec![3, 6], 2, 4, 2)] {
        let case = Case::new(&Shape { inputs, hidden, outputs: 2, norm: None, head_norm: None }, steps, rows);
        for settings in more_regularizers() {
            case.check(&settings, Mode::Training(KEY));
        }
    }
}

#[test]
fn the_same_beyond_a_block() {
    for (hidden, inputs) in [(vec![17], 1), (vec![2, 17], 18)] {
        let case = Case::new(&Shape { inputs, hidden, outputs: 1, norm: None, head_norm: None }, 2, 2);
        for settings in more_regularizers() {
            // Noise on weights knows no blocks, and to draw it anew for every difference takes minutes.
            case.check(&Regularization { noise: Noise { weights: 0.0, ..settings.noise }, ..settings }, Mode::Training(KEY));
        }
    }
}

#[test]
fn every_form_of_layer_norm() {
    for norm in norms() {
        for (hidden, inputs, steps, rows) in [(vec![5], 3, 4, 3), (vec![4, 3], 1, 3, 2), (vec![17], 2, 3, 2), (vec![3], 1, 1, 1)]
        {
            let case = Case::new(&Shape { inputs, hidden, outputs: 2, norm: Some(norm), head_norm: None }, steps, rows);
            case.check(&Regularization::default(), Mode::Training(KEY));
        }
    }
}

#[test]
fn layer_norm_with_every_regularizer() {
    for norm in norms() {
        let case = Case::new(&Shape { inputs: 2, hidden: vec![4, 3], outputs: 1, norm: Some(norm), head_norm: None }, 3, 2);
        for settings in regularizers().iter().chain(&more_regularizers()) {
            // Where masks leave one of three units, |h| is its absolute value, whose kink a difference can reach across: the norm stabilizer
            // is met here without masks, and with them where there are more units.
            let masked = settings.recurrent.drop > 0.0;
            let norm = if masked { 0.0 } else { settings.activation.norm };
            let activation = ActivationPenalty { norm, ..settings.activation };
            case.check(&Regularization { activation, ..*settings }, Mode::Training(KEY));
        }
    }
}

#[test]
fn layer_norm_in_the_mean_network() {
    for norm in norms() {
        let case = Case::new(&Shape { inputs: 2, hidden: vec![4, 3], outputs: 1, norm: Some(norm), head_norm: None }, 3, 2);
        for settings in more_regularizers() {
            case.check(&settings, Mode::Evaluation);
        }
    }
}

/// Before the head, with every form in the cell, every regularizer, and beyond a block.
#[test]
fn layer_norm_before_the_head() {
    let head_norm = Some(0.5);
    // Norms upon norms: with a smaller ε, curvature outweighs the difference's order.
    let norms = norms().into_iter().map(|norm| Norm { epsilon: 0.5, ..norm });
    for norm in [None].into_iter().chain(norms.map(Some)) {
        let case = Case::new(&Shape { inputs: 2, hidden: vec![4, 3], outputs: 2, norm, head_norm }, 3, 2);
        for settings in regularizers().iter().chain(&more_regularizers()) {
            case.check(settings, Mode::Training(KEY));
        }
    }
    for hidden in [vec![17], vec![2, 18]] {
        let case = Case::new(&Shape { inputs: 1, hidden, outputs: 1, norm: None, head_norm }, 2, 3);
        for settings in regularizers() {
            case.check(&settings, Mode::Training(KEY));
            case.check(&settings, Mode::Evaluation);
        }
    }
}

#[test]
fn the_mean_network_of_test_time_has_gradients_too() {
    let case = Case::new(&Shape { inputs: 2, hidden: vec![5, 3], outputs: 2, norm: None, head_norm: None }, 4, 3);
    for settings in regularizers().iter().chain(&more_regularizers()) {
        case.check(settings, Mode::Evaluation);
    }
}

#[test]
fn masks_are_frozen_by_their_key() {
    // Without this the finite differences above would compare losses under different masks.
    let case = Case::new(&Shape { inputs: 3, hidden: vec![5], outputs: 2, norm: None, head_norm: None }, 4, 3);
    let settings =
        Regularization { zoneout: Zoneout { cell: 0.5, hidden: 0.3, ..Zoneout::default() }, ..Regularization::default() };
    let mut workspace = Workspace::new(case.params.shape(), &settings, case.steps, case.rows);
    let mut gradients = |step: u64| {
        let mode = Mode::Training(MaskKey { step, ..KEY });
        let (_, d_predictions) = case.loss(&mut workspace, &case.params, &settings, mode);
        let mut gradients = Params::zeros(case.params.shape());
        workspace.backward(&case.params, &case.windows, &d_predictions, &mut gradients);
        gradients
    };
    assert_eq!(gradients(1), gradients(1));
    assert_ne!(gradients(1), gradients(2));
}

#[test]
fn every_weight_of_a_random_case_is_checked() {
    // `worst` skips zeros as padding: no real parameter may be zero.
    let shape = Shape { inputs: 2, hidden: vec![17, 3], outputs: 2, norm: None, head_norm: None };
    let case = Case::new(&shape, 1, 1);
    let real = 4 * 17 * (2 + 17 + 1) + 4 * 3 * (17 + 3 + 1) + 2 * (3 + 1);
    assert_eq!(case.params.values.iter().filter(|&&v| v != 0.0).count(), real);
    assert!(shape.tensors().iter().any(|tensor| tensor.role == Role::Bias));
}
