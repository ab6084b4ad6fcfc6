//! What an optimizer step costs: forward and backward of a batch, in milliseconds, for the shapes of the demo and of the training
//! benchmarks. `cargo run --release -p embedded-rnn-trainer --example step_cost`

use std::time::Instant;

use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::network::shape::Norm;
use embedded_rnn_trainer::network::{MaskKey, Mode, Params, Shape, Workspace, init::initialize};
use embedded_rnn_trainer::regularize::settings::{Dropout, Gates, RecurrentDropout, Regularization, Zoneout};

fn main() {
    let demo = Regularization {
        dropout: Dropout { output: 0.3, ..Dropout::default() },
        zoneout: Zoneout { cell: 0.5, ..Zoneout::default() },
        ..Regularization::default()
    };
    let everything = Regularization {
        dropout: Dropout { input: 0.1, between: 0.1, output: 0.3, ..Dropout::default() },
        recurrent: RecurrentDropout { drop: 0.1, ..RecurrentDropout::default() },
        zoneout: Zoneout { cell: 0.5, hidden: 0.1, ..Zoneout::default() },
        ..Regularization::default()
    };
    let normed = Regularization {
        recurrent: RecurrentDropout { drop: 0.1, ..RecurrentDropout::default() },
        zoneout: Zoneout { cell: 0.1, hidden: 0.1, ..Zoneout::default() },
        ..Regularization::default()
    };
    let separate = Regularization { recurrent: RecurrentDropout { gates: Gates::Separate, ..normed.recurrent }, ..normed };
    let norm = |form| Some(Norm { form, per_gate: false, epsilon: 1e-5 });
    let columns = [
        ("plain", None, Regularization::default()),
        ("demo", None, demo),
        ("everything", None, everything),
        ("separate", None, separate),
        ("norm joint", norm(NormForm::Joint), normed),
        ("norm A", norm(NormForm::A), normed),
    ];
    println!("{:<28}{}", "milliseconds", columns.map(|(name, ..)| format!("{name:>12}")).concat());
    for (name, inputs, hidden, outputs, steps, rows) in [
        ("demo (12, 48, 1, T 11, B 64)", 12, vec![48], 12, 11, 64),
        ("A (1, 32, 1, T 50, B 64)", 1, vec![32], 1, 50, 64),
        ("B (7, 64, 2, T 96, B 32)", 7, vec![64, 64], 1, 96, 32),
        ("C (16, 128, 2, T 50, B 64)", 16, vec![128, 128], 1, 50, 64),
        ("D (8, 16, 1, T 100, B 32)", 8, vec![16], 1, 100, 32),
    ] {
        let times = columns.map(|(_, norm, settings)| {
            let shape = Shape { inputs, hidden: hidden.clone(), outputs, norm, head_norm: None };
            format!("{:>12.3}", milliseconds(&shape, &settings, steps, rows))
        });
        println!("{name:<28}{}", times.concat());
    }
}

/// The fastest of several steps.
fn milliseconds(shape: &Shape, settings: &Regularization, steps: usize, rows: usize) -> f64 {
    let params: Params<f32> = initialize(shape, 1);
    let mut gradients = Params::zeros(shape);
    let mut workspace = Workspace::new(shape, settings, steps, rows);
    let windows: Vec<f32> = (0..rows * steps * shape.inputs).map(|k| (k % 17) as f32 / 8.0 - 1.0).collect();
    let mut d_predictions = vec![0.0; rows * shape.outputs];
    let mut best = f64::INFINITY;
    for step in 0..40 {
        let start = Instant::now();
        let mode = Mode::Training(MaskKey { seed: 1, step, first_row: 0 });
        d_predictions.copy_from_slice(workspace.forward(&params, &windows, mode));
        workspace.backward(&params, &windows, &d_predictions, &mut gradients);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    best
}
