//! A comparison of made-up figures, for tests.

use super::board::BoardCost;
use super::measure::Errors;
use super::notes::notes;
use super::plan::{Chosen, LeftOut};
use super::record::{DeviceCost, Fate, LayerShape, Measured, Point, Record, Trained};
use super::sign_test::smallest_p;
use super::summary::{Comparison, Cost, MEASURE, Reference, Row, Setting, against_none};
use super::variants::NONE;
use crate::config::{Loss, Window};
use embedded_rnn::forecast::{Normalization, Transform};

pub fn errors(rmse: f64) -> Errors {
    Errors { rmse, mse: rmse * rmse }
}

pub fn record(variant: &str, seed: u64, best: f64, last: f64) -> Record {
    let measured = |rmse: f64| Measured { validation: errors(0.9 * rmse), test: errors(rmse) };
    let point = |epoch: usize| Point { epoch, training_loss: 1.0 / epoch as f64, validation_loss: 0.5 + best / epoch as f64 };
    let device = DeviceCost {
        model: format!("{variant}.rnn"),
        layers: vec![LayerShape { inputs: 2, hidden: 4, form: "Plain".into() }],
        head: "PlainHead".into(),
        flash_bytes: 2048,
        ram_bytes: 512,
        macs: 1000,
        agreement: Some(0.001),
    };
    let trained = Trained {
        best_epoch: 2,
        steps: 30,
        seconds_per_step: 0.001 * (1.0 + seed as f64),
        best: measured(best),
        last: measured(last),
        curve: (1..=3 + seed as usize).map(point).collect(),
        device: (seed == 0).then_some(device),
        device_last: None,
        export_failure: None,
    };
    Record { variant: variant.into(), seed, digest: String::new(), outcome: Fate::Trained(Box::new(trained)) }
}

/// Two variants beside none, three seeds, one of which diverged.
pub fn comparison() -> Comparison {
    let chosen = |name: &str| Chosen {
        name: name.to_owned(),
        settings: format!("{name} = \"<0.1>\""),
        reason: "for the test",
        regularization: Default::default(),
        fold: Default::default(),
    };
    let runs = |name: &str, errors: [(f64, f64); 3]| -> Vec<Record> {
        (0..3u64).zip(errors).map(|(seed, (best, last))| record(name, seed, best, last)).collect()
    };
    let mut wild = runs("decay", [(0.5, 0.4), (0.6, 0.6), (0.7, 0.9)]);
    for record in &mut wild {
        let Fate::Trained(trained) = &mut record.outcome else { unreachable!() };
        trained.seconds_per_step *= 1.5;
    }
    wild[2].outcome = Fate::Diverged { reason: "in epoch 2".into() };
    let mut rows = vec![
        Row::new(&chosen(NONE), &runs(NONE, [(0.5, 0.7), (0.6, 0.8), (0.7, 0.9)])),
        Row::new(&chosen("output-dropout"), &runs("output-dropout", [(0.4, 0.5), (0.5, 0.6), (0.8, 0.7)])),
        Row::new(&chosen("decay"), &wild),
    ];
    let Record { outcome: Fate::Trained(first), .. } = record(NONE, 0, 0.5, 0.7) else { unreachable!() };
    let board = BoardCost {
        board: "qemu-m4".into(),
        instructions_per_step: 1234,
        instructions_per_forecast: 13_574,
        stack_bytes: 700,
        compared: 120,
    };
    rows[0].cost = first.device.map(|device| Cost { device, board: Some(board) });
    rows[1].cost = rows[0].cost.clone().map(|cost| Cost { board: None, ..cost });
    against_none(&mut rows);
    let mut comparison = Comparison {
        name: "series <&>".into(),
        setting: Setting {
            targets: vec!["OT & \"more\"".into()],
            window: Window {
                mode: Default::default(),
                lookback: 12,
                patch: 2,
                horizon: 3,
                transform: Transform::Sqrt,
                normalization: Normalization::Last,
            },
            hidden: vec![4],
            loss: Loss::Mse,
            epochs: 5,
            steps: 50,
            training_windows: 100,
            validation_windows: 20,
            test_windows: 30,
        },
        measure: MEASURE,
        seeds: 3,
        smallest_p: smallest_p(3),
        board: Some("qemu-m4".into()),
        variants: rows,
        baselines: vec![Reference { name: "naive", test: errors(0.65) }, Reference { name: "ridge", test: errors(0.55) }],
        left_out: vec![LeftOut { name: "between-dropout".into(), reason: "one <layer>".into() }],
        missing: vec![],
        notes: vec![],
    };
    comparison.notes = notes(&comparison);
    comparison
}
