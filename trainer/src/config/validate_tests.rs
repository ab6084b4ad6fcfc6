use std::path::Path;

use super::*;
use crate::config::{Loss, Names, Normalization, Skip};
use crate::regularize::settings::{Every, Gates, Mask, Scaling};

fn good() -> Config {
    let text =
        "data = { path = \"s.csv\", target = \"OT\" }\nwindow = { lookback = 12, horizon = 3 }\nnetwork = { hidden = [8] }\n";
    Config::parse(text, Path::new("c.toml")).unwrap()
}

fn pinball(config: &mut Config, levels: &[f64]) {
    (config.training.loss, config.training.quantiles) = (Loss::Pinball, levels.to_vec());
}

/// A season, and a patch of three.
fn seasonal(config: &mut Config, season: u16) {
    config.data.season = Some(season.into());
    (config.window.normalization, config.window.patch) = (Normalization::Seasonal { season }, 3);
}

#[test]
fn a_season_beside_whole_steps_is_accepted() {
    let mut config = good();
    seasonal(&mut config, 6);
    assert_eq!(config.validate(), Ok(()));
}

#[test]
fn symmetric_levels_around_the_median_are_accepted() {
    for levels in [&[0.5][..], &[0.1, 0.5, 0.9], &[0.05, 0.25, 0.5, 0.75, 0.95], &[0.025, 0.5, 0.975]] {
        let mut config = good();
        pinball(&mut config, levels);
        assert_eq!(config.validate(), Ok(()), "{levels:?}");
        let again = Config::parse(&config.to_toml().unwrap(), Path::new("c.toml")).unwrap();
        assert_eq!(again, config);
        assert_eq!(config.training.outputs_per_value(), levels.len());
    }
    assert!(!good().to_toml().unwrap().contains("quantiles"));
}

#[test]
fn every_senseless_value_is_refused_with_its_key_and_mend() {
    type Spoil = fn(&mut Config);
    let cases: &[(Spoil, &str)] = &[
        (|c| c.data.path = "".into(), "data.path is empty: name the CSV file"),
        (|c| c.data.target = Names::None, "data.target names no column"),
        (|c| c.data.target = Names::Many(vec![]), "data.target names no column"),
        (|c| c.data.target = Names::One(" ".into()), "data.target holds an empty name"),
        (|c| c.data.target = Names::Many(vec!["a".into(), "a".into()]), "data.target names \"a\" twice"),
        (|c| c.data.target = Names::One("O\nT".into()), "data.target names \"O\\nT\", whose line break"),
        (|c| c.data.features = Names::One("OT".into()), "data.features names \"OT\", which data.target names too"),
        (|c| c.data.time = Some("OT".into()), "data.time = \"OT\" is a target or feature too"),
        (|c| c.data.season = Some(0), "data.season = 0 is no season"),
        (|c| c.data.split = Split::Rows { train_from: 0, train: 5, validation: 0, test: 5 }, "data.split.validation = 0"),
        (
            |c| c.data.split = Split::Rows { train_from: 5, train: 5, validation: 1, test: 5 },
            "data.split.train_from = 5 leaves none of the 5 training rows",
        ),
        (|c| c.data.split = Split::Fractions([0.8, 0.2, 0.0]), "data.split holds 0:"),
        (|c| c.data.split = Split::Fractions([0.8, -0.2, 0.3]), "data.split holds -0.2:"),
        (|c| c.data.split = Split::Fractions([0.8, f64::NAN, 0.1]), "data.split holds NaN:"),
        (|c| c.data.split = Split::Fractions([0.8, 0.2, 0.1]), "data.split adds up to 1.1"),
        (|c| c.window.lookback = 0, "window.lookback = 0 is too small"),
        (|c| c.window.lookback = 20_000, "window.lookback = 20000 is too large"),
        (|c| c.window.horizon = 0, "window.horizon = 0 is too small"),
        (|c| c.window.horizon = 1_025, "window.horizon = 1025 is too large: use at most 1024"),
        (|c| c.window.patch = 0, "window.patch = 0 is too small"),
        (|c| c.window.patch = 5, "window.patch = 5 does not divide window.lookback = 12"),
        (|c| (c.window.lookback, c.window.patch) = (1_025, 1_025), "window.patch = 1025 with 1 columns makes 1025 inputs a step"),
        (
            |c| {
                c.data.target = Names::Many((0..5).map(|i| i.to_string()).collect());
                c.window.horizon = 1_000;
            },
            "window.horizon = 1000 with 5 targets makes 5000 outputs",
        ),
        (|c| c.network.hidden = vec![], "network.hidden is empty"),
        (|c| c.network.hidden = vec![4; 9], "network.hidden has 9 layers"),
        (|c| c.network.hidden = vec![4, 0], "network.hidden holds 0: a layer has 1 to 512 units"),
        (|c| c.network.hidden = vec![513], "network.hidden holds 513: a layer has 1 to 512 units"),
        (|c| c.network.skip_rank = Some(2), "network.skip_rank = 2 is of a skip and there is none"),
        (|c| c.network.skip_refit = true, "network.skip_refit = true is of a skip and there is none"),
        (|c| (c.network.skip, c.network.skip_rank) = (Skip::Ridge, Some(0)), "network.skip_rank = 0 is too small"),
        (
            |c| {
                (c.network.skip, c.window.lookback) = (Skip::Ridge, 16_384);
                c.data.features = Names::Many((0..4).map(|i| i.to_string()).collect());
            },
            "network.skip reads all 81920 values of a window and a model file holds 65535",
        ),
        (|c| c.regularization.dropout.input = 1.0, "regularization.dropout.input = 1 drops everything: use less than 1"),
        (|c| c.regularization.dropout.between = -0.1, "regularization.dropout.between = -0.1 is not a probability"),
        (|c| c.regularization.dropout.output = f64::NAN, "regularization.dropout.output = NaN is not a probability"),
        (|c| c.regularization.recurrent.drop = 2.0, "regularization.recurrent.drop = 2 drops everything"),
        (|c| c.regularization.zoneout.cell = 1.0, "regularization.zoneout.cell = 1 never updates the state"),
        (|c| c.regularization.zoneout.hidden = -1.0, "regularization.zoneout.hidden = -1 is not a probability"),
        (|c| c.regularization.candidate.drop = 1.0, "regularization.candidate.drop = 1 drops everything: use less than 1"),
        (|c| c.regularization.cell.drop = -0.5, "regularization.cell.drop = -0.5 is not a probability"),
        (|c| c.regularization.weight_drop.drop = 1.5, "regularization.weight_drop.drop = 1.5 drops everything"),
        (|c| c.regularization.dropout.gates = Gates::Separate, "set regularization.dropout.mask = \"sequence\""),
        (
            |c| c.regularization.cell.scaling = Some(Scaling::Inverted),
            "regularization.cell.scaling = \"inverted\" would multiply every kept cell by 1/(1-drop) again at every step",
        ),
        (|c| c.regularization.noise.input = -0.1, "regularization.noise.input = -0.1 is out of range"),
        (|c| c.regularization.noise.weights = f64::NAN, "regularization.noise.weights = NaN is out of range"),
        (|c| c.regularization.activation.ar = -2.0, "regularization.activation.ar = -2 is out of range"),
        (|c| c.regularization.activation.tar = f64::INFINITY, "regularization.activation.tar = inf is out of range"),
        (|c| c.regularization.activation.norm = -1.0, "regularization.activation.norm = -1 is out of range: use 0 (off)"),
        (|c| c.regularization.activation.norm = f64::NAN, "regularization.activation.norm = NaN is out of range"),
        (|c| c.regularization.max_norm = -3.0, "regularization.max_norm = -3 is out of range: use 0 (off)"),
        (|c| c.regularization.max_norm = f64::NAN, "regularization.max_norm = NaN is out of range"),
        (|c| c.regularization.max_norm = f64::INFINITY, "regularization.max_norm = inf is out of range"),
        (
            |c| (c.regularization.max_norm, c.regularization.layer_norm.form) = (3.0, Some(NormForm::Joint)),
            "regularization.max_norm = 3 bounds the size of weights, and regularization.layer_norm.form divides that size out",
        ),
        (|c| c.regularization.swa.from = 1.0, "regularization.swa.from = 1 is no share of the epochs: use 0 (off)"),
        (|c| c.regularization.swa.from = -0.1, "regularization.swa.from = -0.1 is no share of the epochs"),
        (|c| c.regularization.swa.from = f64::NAN, "regularization.swa.from = NaN is no share of the epochs"),
        (
            |c| (c.regularization.swa.from, c.regularization.average) = (0.75, 0.99),
            "regularization.swa.from = 0.75 and regularization.average = 0.99 are two averages of the same weights",
        ),
        (|c| c.regularization.group_lasso.strength = -1.0, "regularization.group_lasso.strength = -1 is out of range"),
        (|c| c.regularization.group_lasso.threshold = -1.0, "regularization.group_lasso.threshold = -1 is out of range"),
        (|c| c.regularization.layer_norm.epsilon = 0.0, "regularization.layer_norm.epsilon = 0 is out of range"),
        (
            |c| (c.regularization.layer_norm.form, c.network.hidden) = (Some(NormForm::A), vec![8, 2]),
            "regularization.layer_norm would normalize over 2 units, which leaves no more than their signs: use at least 3",
        ),
        (
            |c| {
                let norm = &mut c.regularization.layer_norm;
                (norm.form, norm.per_gate, c.network.hidden) = (Some(NormForm::Joint), true, vec![1]);
            },
            "regularization.layer_norm would normalize over 1 units",
        ),
        (
            |c| (c.regularization.layer_norm.head, c.network.hidden) = (true, vec![8, 2]),
            "regularization.layer_norm.head would normalize the 2 units of the last layer",
        ),
        (
            |c| {
                c.regularization.layer_norm.form = Some(NormForm::B);
                c.regularization.group_lasso.strength = 0.01;
            },
            "set regularization.layer_norm.form = \"joint\", or the strength to 0",
        ),
        (|c| c.regularization.average = 1.0, "regularization.average = 1 is out of range: use 0 (off) or more"),
        (|c| c.regularization.average = -0.1, "regularization.average = -0.1 is out of range"),
        (|c| c.regularization.l1 = -1.0, "regularization.l1 = -1 is out of range"),
        (|c| c.regularization.l2 = f64::NAN, "regularization.l2 = NaN is out of range"),
        (|c| c.regularization.decay = f64::INFINITY, "regularization.decay = inf is out of range"),
        (|c| c.regularization.amplitude = -0.3, "regularization.amplitude = -0.3 is out of range"),
        (
            |c| {
                c.regularization.amplitude = 0.3;
                c.window.normalization = Normalization::None;
            },
            "set window.normalization = \"last\", or the amplitude to 0",
        ),
        (
            |c| {
                c.regularization.amplitude = 0.3;
                c.window.normalization = Normalization::Scaled;
            },
            "or the amplitude to 0",
        ),
        (
            |c| c.window.normalization = Normalization::Seasonal { season: 0 },
            "window.normalization = \"seasonal\" subtracts the sample of a season before: set data.season to its samples",
        ),
        (|c| seasonal(c, 12), "window.lookback = 12 leaves nothing beside the season of 12 samples"),
        (
            |c| seasonal(c, 5),
            "window.patch = 3 does not divide the 7 samples that window.lookback = 12 leaves beside the season of 5",
        ),
        (|c| c.training.delta = 0.0, "training.delta = 0 is out of range: use a positive number"),
        (|c| c.training.loss = Loss::Pinball, "training.quantiles is missing, and training.loss = \"pinball\" is of quantiles"),
        (|c| c.training.quantiles = vec![0.5], "training.quantiles is of the pinball loss: set training.loss = \"pinball\""),
        (|c| pinball(c, &[0.0, 0.5, 1.0]), "training.quantiles holds 0: a level lies between 0 and 1"),
        (|c| pinball(c, &[-0.1, 0.5, 1.1]), "training.quantiles holds -0.1: a level"),
        (|c| pinball(c, &[0.1, 0.5, f64::NAN]), "training.quantiles holds NaN: a level"),
        (|c| pinball(c, &[1e-60, 0.5, 0.9]), "a level lies between 0 and 1"),
        (|c| pinball(c, &[0.1, 0.9, 0.5]), "training.quantiles has 0.9 before 0.5: give levels in ascending order"),
        (|c| pinball(c, &[0.1, 0.5, 0.5, 0.9]), "training.quantiles has 0.5 before 0.5"),
        (|c| pinball(c, &[0.1, 0.9]), "training.quantiles lacks 0.5, the median"),
        (|c| pinball(c, &[0.1, 0.5, 0.95]), "training.quantiles holds 0.1 without 0.9, and an interval has two ends"),
        (|c| pinball(c, &[0.5, 0.95]), "training.quantiles holds 0.95 without 0.05, and an interval has two ends"),
        (
            |c| pinball(c, &(1..24).map(|k| f64::from(k) / 24.0).collect::<Vec<_>>()),
            "training.quantiles has 23 levels: use at most 19",
        ),
        (
            |c| {
                pinball(c, &[0.1, 0.5, 0.9]);
                c.data.target = Names::Many((0..2).map(|i| i.to_string()).collect());
                c.window.horizon = 1_000;
            },
            "window.horizon = 1000 with 2 targets and 3 quantiles makes 6000 outputs",
        ),
        (|c| c.training.epochs = 0, "training.epochs = 0 is too small"),
        (|c| c.training.batch = 0, "training.batch = 0 is too small"),
        (|c| c.training.learning_rate = -1e-3, "training.learning_rate = -0.001 is out of range"),
        (|c| c.training.clip = -1.0, "training.clip = -1 is out of range"),
        (|c| c.training.seed = u64::MAX, "training.seed = 18446744073709551615 is too large"),
    ];
    assert_eq!(good().validate(), Ok(()));
    for (spoil, expected) in cases {
        let mut config = good();
        spoil(&mut config);
        let error = config.validate().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{error} should contain {expected}");
    }
}

#[test]
fn every_regularizer_that_makes_sense_is_accepted() {
    type Ask = fn(&mut Config);
    let cases: &[Ask] = &[
        |c| (c.regularization.dropout.gates, c.regularization.dropout.mask) = (Gates::Separate, Mask::Sequence),
        |c| (c.regularization.cell.drop, c.regularization.cell.scaling) = (0.3, Some(Scaling::Classical)),
        |c| (c.regularization.candidate.drop, c.regularization.cell.drop) = (0.2, 0.1),
        |c| (c.regularization.recurrent.drop, c.regularization.weight_drop.drop) = (0.2, 0.1),
        |c| (c.regularization.layer_norm.form, c.network.hidden) = (Some(NormForm::A), vec![3]),
        |c| (c.regularization.layer_norm.form, c.network.hidden) = (Some(NormForm::Joint), vec![1]),
        |c| {
            c.regularization.layer_norm.form = Some(NormForm::Joint);
            c.regularization.group_lasso.strength = 0.01;
        },
        |c| c.regularization.average = 0.999,
        |c| (c.regularization.swa.from, c.regularization.swa.every) = (0.5, Every::Step),
        |c| (c.regularization.max_norm, c.regularization.layer_norm.head) = (3.0, true),
        |c| (c.regularization.max_norm, c.regularization.average) = (3.0, 0.99),
        |c| (c.regularization.max_norm, c.regularization.group_lasso.strength) = (3.0, 0.01),
        |c| (c.regularization.layer_norm.head, c.network.hidden) = (true, vec![2, 3]),
        |c| (c.regularization.layer_norm.head, c.regularization.group_lasso.strength) = (true, 0.01),
    ];
    for ask in cases {
        let mut config = good();
        ask(&mut config);
        assert_eq!(config.validate(), Ok(()));
    }
}
