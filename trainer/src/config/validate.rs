//! What types cannot say: which values of the settings make sense, alone and together.

use super::{Config, Fold, Loss, Network, Normalization, Split};
use crate::error::{Error, Result};
use crate::network::plain::NormForm;
use crate::regularize::settings::{Gates, Mask, Regularization, Scaling};

/// Units of an LSTM layer, at most.
pub const MAX_HIDDEN: usize = 512;
/// LSTM layers, at most.
pub const MAX_LAYERS: usize = 8;
/// Samples of a window, at most.
pub const MAX_LOOKBACK: usize = 16_384;
/// Samples of a forecast, at most.
pub const MAX_HORIZON: usize = 1_024;
/// Values that enter the network in one step (patch x columns), at most.
pub const MAX_STEP_INPUTS: usize = 1_024;
/// Values of a forecast (targets x horizon, times quantiles), at most.
pub const MAX_OUTPUTS: usize = 4_096;
/// Quantiles of a value, at most.
pub const MAX_QUANTILES: usize = 19;

/// Units that a norm over units alone is taken over, at least: over two, only signs are left.
pub const MIN_NORMALIZED: usize = 3;

/// What is wrong, and at which dotted key.
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) sentence: String,
}

impl Config {
    /// Checks every value and how they fit together; the first complaint is returned.
    pub fn validate(&self) -> Result<()> {
        match problem(self) {
            None => Ok(()),
            Some(problem) => Err(Error::Input(problem.sentence)),
        }
    }
}

/// The first thing wrong with a configuration.
pub(super) fn problem(config: &Config) -> Option<Problem> {
    check(config).err()
}

type Check = std::result::Result<(), Problem>;

fn refuse(key: &str, sentence: String) -> Check {
    Err(Problem { key: key.to_owned(), sentence })
}

fn check(config: &Config) -> Check {
    columns(config)?;
    split(config)?;
    window(config)?;
    network(config)?;
    regularization(config)?;
    training(config)?;
    export(config)?;
    budget(config)
}

fn budget(config: &Config) -> Check {
    match config.budget.limits().find(|(_, limit)| *limit == 0) {
        Some((key, _)) => refuse(key, format!("{key} = 0 allows nothing: use at least 1, or leave it out")),
        None => Ok(()),
    }
}

fn columns(config: &Config) -> Check {
    let data = &config.data;
    if data.path.as_os_str().is_empty() {
        return refuse("data.path", "data.path is empty: name the CSV file".into());
    }
    let targets = data.target.to_vec();
    let features = data.features.to_vec();
    if targets.is_empty() {
        return refuse("data.target", "data.target names no column: name at least one to forecast".into());
    }
    for (key, names) in [("data.target", &targets), ("data.features", &features)] {
        for (i, name) in names.iter().enumerate() {
            if name.trim().is_empty() {
                return refuse(key, format!("{key} holds an empty name: use the column's header"));
            }
            if name.contains(['\n', '\r']) {
                return refuse(
                    key,
                    format!("{key} names {name:?}, whose line break a model file cannot hold: rename the column"),
                );
            }
            if names[..i].contains(name) {
                return refuse(key, format!("{key} names \"{name}\" twice: name it once"));
            }
        }
    }
    if let Some(name) = features.iter().find(|name| targets.contains(name)) {
        return refuse(
            "data.features",
            format!(
                "data.features names \"{name}\", which data.target names too: targets are inputs anyway, take it out of the features"
            ),
        );
    }
    if let Some(time) = &data.time
        && (targets.contains(time) || features.contains(time))
    {
        return refuse("data.time", format!("data.time = \"{time}\" is a target or feature too: give it one role"));
    }
    if data.season == Some(0) {
        return refuse(
            "data.season",
            "data.season = 0 is no season: give its samples, or leave the key out to have it found".into(),
        );
    }
    Ok(())
}

fn split(config: &Config) -> Check {
    const KEY: &str = "data.split";
    match config.data.split {
        Split::Rows { train_from, train, validation, test } => {
            for (part, rows) in [("train", train), ("validation", validation), ("test", test)] {
                if rows == 0 {
                    return refuse(KEY, format!("{KEY}.{part} = 0 leaves that part empty: give it rows"));
                }
            }
            if train_from >= train {
                return refuse(
                    KEY,
                    format!("{KEY}.train_from = {train_from} leaves none of the {train} training rows: use a smaller row"),
                );
            }
        }
        Split::Fractions(fractions) => {
            if let Some(bad) = fractions.iter().find(|part| !(**part > 0.0 && **part < 1.0)) {
                return refuse(KEY, format!("{KEY} holds {bad}: each of its fractions must lie between 0 and 1"));
            }
            let sum: f64 = fractions.iter().sum();
            // 0.7 + 0.15 + 0.15 is not exactly 1 in binary.
            if sum > 1.0 + 1e-9 {
                return refuse(KEY, format!("{KEY} adds up to {sum}: its fractions may add up to 1 at most"));
            }
        }
    }
    Ok(())
}

fn count(key: &str, value: usize, largest: usize) -> Check {
    match value {
        0 => refuse(key, format!("{key} = 0 is too small: use at least 1")),
        _ if value > largest => refuse(key, format!("{key} = {value} is too large: use at most {largest}")),
        _ => Ok(()),
    }
}

fn window(config: &Config) -> Check {
    let window = &config.window;
    count("window.lookback", window.lookback, MAX_LOOKBACK)?;
    count("window.horizon", window.horizon, MAX_HORIZON)?;
    count("window.patch", window.patch, MAX_LOOKBACK)?;
    if !window.lookback.is_multiple_of(window.patch) {
        let (patch, lookback) = (window.patch, window.lookback);
        return refuse(
            "window.patch",
            format!("window.patch = {patch} does not divide window.lookback = {lookback}: choose a divisor of it"),
        );
    }
    let targets = config.data.target.to_vec().len();
    let columns = targets + config.data.features.to_vec().len();
    if window.patch * columns > MAX_STEP_INPUTS {
        return refuse(
            "window.patch",
            format!(
                "window.patch = {} with {columns} columns makes {} inputs a step: at most {MAX_STEP_INPUTS} are possible, use a smaller patch",
                window.patch,
                window.patch * columns
            ),
        );
    }
    let each = config.training.outputs_per_value();
    let outputs = window.horizon.saturating_mul(targets).saturating_mul(each);
    if outputs > MAX_OUTPUTS {
        let quantiles = if each > 1 { format!(" and {each} quantiles") } else { String::new() };
        return refuse(
            "window.horizon",
            format!(
                "window.horizon = {} with {targets} targets{quantiles} makes {outputs} outputs: at most {MAX_OUTPUTS} are possible, use a shorter horizon",
                window.horizon
            ),
        );
    }
    Ok(())
}

fn network(config: &Config) -> Check {
    const KEY: &str = "network.hidden";
    let hidden = &config.network.hidden;
    if hidden.is_empty() {
        return refuse(KEY, format!("{KEY} is empty: give the units of at least one layer, as in [32]"));
    }
    if hidden.len() > MAX_LAYERS {
        return refuse(KEY, format!("{KEY} has {} layers: use at most {MAX_LAYERS}", hidden.len()));
    }
    match hidden.iter().find(|units| **units == 0 || **units > MAX_HIDDEN) {
        Some(units) => refuse(KEY, format!("{KEY} holds {units}: a layer has 1 to {MAX_HIDDEN} units")),
        None => skip(config),
    }
}

fn skip(config: &Config) -> Check {
    let Network { skip, skip_rank, skip_flash, .. } = config.network;
    for (key, value) in [("network.skip_rank", skip_rank), ("network.skip_flash", skip_flash)] {
        let Some(value) = value else { continue };
        if skip.is_none() {
            return refuse(
                key,
                format!("{key} = {value} is of a skip and there is none: set network.skip = \"ridge\", or leave it out"),
            );
        }
        count(key, value, 1_000_000)?;
    }
    if config.network.skip_refit && skip.is_none() {
        let mend = "set network.skip = \"ridge\", or leave it out";
        return refuse("network.skip_refit", format!("network.skip_refit = true is of a skip and there is none: {mend}"));
    }
    let values = config.window.lookback * (config.data.target.to_vec().len() + config.data.features.to_vec().len());
    if !skip.is_none() && values > usize::from(u16::MAX) {
        return refuse(
            "network.skip",
            format!(
                "network.skip reads all {values} values of a window and a model file holds 65535: shorten window.lookback, or set network.skip = \"none\""
            ),
        );
    }
    Ok(())
}

/// Rates are probabilities short of certainty; `certain` says what certainty would do.
fn rate(key: &str, value: f64, certain: &str) -> Check {
    if (0.0..1.0).contains(&value) {
        Ok(())
    } else if value >= 1.0 {
        refuse(key, format!("{key} = {value} {certain}: use less than 1"))
    } else {
        refuse(key, format!("{key} = {value} is not a probability: use 0 (off) or more, and less than 1"))
    }
}

fn not_negative(key: &str, value: f64) -> Check {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        refuse(key, format!("{key} = {value} is out of range: use 0 (off) or a positive number"))
    }
}

fn positive(key: &str, value: f64) -> Check {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        refuse(key, format!("{key} = {value} is out of range: use a positive number"))
    }
}

fn regularization(config: &Config) -> Check {
    let settings = &config.regularization;
    let drops = "drops everything";
    rate("regularization.dropout.input", settings.dropout.input, drops)?;
    rate("regularization.dropout.between", settings.dropout.between, drops)?;
    rate("regularization.dropout.output", settings.dropout.output, drops)?;
    rate("regularization.recurrent.drop", settings.recurrent.drop, drops)?;
    rate("regularization.candidate.drop", settings.candidate.drop, drops)?;
    rate("regularization.cell.drop", settings.cell.drop, drops)?;
    rate("regularization.weight_drop.drop", settings.weight_drop.drop, drops)?;
    let freezes = "never updates the state";
    rate("regularization.zoneout.cell", settings.zoneout.cell, freezes)?;
    rate("regularization.zoneout.hidden", settings.zoneout.hidden, freezes)?;
    if settings.dropout.gates == Gates::Separate && settings.dropout.mask == Mask::Step {
        return refuse(
            "regularization.dropout.gates",
            "regularization.dropout.gates = \"separate\" needs masks that last a sequence: set regularization.dropout.mask = \"sequence\""
                .into(),
        );
    }
    if settings.cell.scaling == Some(Scaling::Inverted) {
        return refuse(
            "regularization.cell.scaling",
            "regularization.cell.scaling = \"inverted\" would multiply every kept cell by 1/(1-drop) again at every step: \
             leave the key out, dropout on the cell is classical"
                .into(),
        );
    }
    not_negative("regularization.noise.input", settings.noise.input)?;
    not_negative("regularization.noise.weights", settings.noise.weights)?;
    not_negative("regularization.activation.ar", settings.activation.ar)?;
    not_negative("regularization.activation.tar", settings.activation.tar)?;
    not_negative("regularization.activation.norm", settings.activation.norm)?;
    not_negative("regularization.group_lasso.strength", settings.group_lasso.strength)?;
    not_negative("regularization.group_lasso.threshold", settings.group_lasso.threshold)?;
    layer_norm(config)?;
    if !(0.0..1.0).contains(&settings.average) {
        return refuse(
            "regularization.average",
            format!("regularization.average = {} is out of range: use 0 (off) or more, and less than 1", settings.average),
        );
    }
    averaging(settings)?;
    max_norm(settings)?;
    not_negative("regularization.l1", settings.l1)?;
    not_negative("regularization.l2", settings.l2)?;
    not_negative("regularization.decay", settings.decay)?;
    not_negative("regularization.amplitude", settings.amplitude)?;
    if settings.amplitude > 0.0 && config.window.normalization != Normalization::Last {
        return refuse(
            "regularization.amplitude",
            format!(
                "regularization.amplitude = {} scales what is left after the window's last value is subtracted: \
                 set window.normalization = \"last\", or the amplitude to 0",
                settings.amplitude
            ),
        );
    }
    Ok(())
}

fn averaging(settings: &Regularization) -> Check {
    let from = settings.swa.from;
    if !(0.0..1.0).contains(&from) {
        return refuse(
            "regularization.swa.from",
            format!(
                "regularization.swa.from = {from} is no share of the epochs: use 0 (off) or more, and less than 1; 0.75 averages the last quarter"
            ),
        );
    }
    if from > 0.0 && settings.average > 0.0 {
        return refuse(
            "regularization.swa.from",
            format!(
                "regularization.swa.from = {from} and regularization.average = {} are two averages of the same weights, and one alone can be \
                 validated and exported: leave one of them out",
                settings.average
            ),
        );
    }
    Ok(())
}

fn max_norm(settings: &Regularization) -> Check {
    let radius = settings.max_norm;
    not_negative("regularization.max_norm", radius)?;
    if radius > 0.0 && settings.layer_norm.form.is_some() {
        return refuse(
            "regularization.max_norm",
            format!(
                "regularization.max_norm = {radius} bounds the size of weights, and regularization.layer_norm.form divides that size out \
                 again, so that nothing would be bounded: leave one of them out"
            ),
        );
    }
    Ok(())
}

fn layer_norm(config: &Config) -> Check {
    let settings = &config.regularization;
    positive("regularization.layer_norm.epsilon", settings.layer_norm.epsilon)?;
    if settings.layer_norm.head
        && let Some(units) = config.network.hidden.last().filter(|units| **units < MIN_NORMALIZED)
    {
        return refuse(
            "regularization.layer_norm.head",
            format!(
                "regularization.layer_norm.head would normalize the {units} units of the last layer, which leaves no more than their signs: \
                 use at least {MIN_NORMALIZED} units there in network.hidden"
            ),
        );
    }
    let Some(form) = settings.layer_norm.form else { return Ok(()) };
    let alone = form != NormForm::Joint || settings.layer_norm.per_gate;
    if alone && let Some(units) = config.network.hidden.iter().find(|units| **units < MIN_NORMALIZED) {
        return refuse(
            "regularization.layer_norm.form",
            format!(
                "regularization.layer_norm would normalize over {units} units, which leaves no more than their signs: \
                 use at least {MIN_NORMALIZED} units in every layer of network.hidden"
            ),
        );
    }
    if form != NormForm::Joint && settings.group_lasso.strength > 0.0 {
        return refuse(
            "regularization.group_lasso.strength",
            "regularization.group_lasso removes units, and layer norm in forms \"a\" and \"b\" keeps each cell in the statistics of \
             the others: set regularization.layer_norm.form = \"joint\", or the strength to 0"
                .into(),
        );
    }
    Ok(())
}

fn training(config: &Config) -> Check {
    let training = &config.training;
    positive("training.delta", training.delta)?;
    quantiles(training.loss, &training.quantiles)?;
    count("training.epochs", training.epochs, 1_000_000)?;
    count("training.batch", training.batch, 65_536)?;
    positive("training.learning_rate", training.learning_rate)?;
    not_negative("training.clip", training.clip)?;
    // TOML's integers are signed.
    if i64::try_from(training.seed).is_err() {
        return refuse("training.seed", format!("training.seed = {} is too large: use at most {}", training.seed, i64::MAX));
    }
    Ok(())
}

fn quantiles(loss: Loss, levels: &[f64]) -> Check {
    const KEY: &str = "training.quantiles";
    let refuse = |sentence: String| refuse(KEY, format!("{KEY} {sentence}"));
    match (loss, levels) {
        (Loss::Pinball, []) => {
            return refuse("is missing, and training.loss = \"pinball\" is of quantiles: add quantiles = [0.1, 0.5, 0.9]".into());
        }
        (Loss::Pinball, _) => {}
        (_, []) => return Ok(()),
        (_, _) => return refuse("is of the pinball loss: set training.loss = \"pinball\", or leave it out".into()),
    }
    if levels.len() > MAX_QUANTILES {
        return refuse(format!("has {} levels: use at most {MAX_QUANTILES}", levels.len()));
    }
    // A model file holds them as `f32`.
    if let Some(level) = levels.iter().find(|level| !(**level as f32 > 0.0 && (**level as f32) < 1.0)) {
        return refuse(format!("holds {level}: a level lies between 0 and 1"));
    }
    if let Some(pair) = levels.windows(2).find(|pair| pair[0] as f32 >= pair[1] as f32) {
        return refuse(format!("has {} before {}: give levels in ascending order, each once", pair[0], pair[1]));
    }
    if !levels.contains(&0.5) {
        return refuse("lacks 0.5, the median, which is the forecast: add it".into());
    }
    // 1 - 0.1 is not exactly 0.9 in binary.
    let partner = |level: f64| levels.iter().any(|other| (other + level - 1.0).abs() < 1e-9);
    match levels.iter().find(|level| !partner(**level)) {
        // Rounded, so that the partner of 0.1 is spoken as 0.9.
        Some(level) => refuse(format!(
            "holds {level} without {}, and an interval has two ends: add it, or leave {level} out",
            ((1.0 - level) * 1e9).round() / 1e9
        )),
        None => Ok(()),
    }
}

fn export(config: &Config) -> Check {
    not_negative("export.tolerance", config.export.tolerance)?;
    if config.export.fold == Fold::Static && config.regularization.group_lasso.strength > 0.0 {
        return refuse(
            "export.fold",
            "export.fold = \"static\" trains on, and would let removed units grow again: leave out regularization.group_lasso"
                .to_owned(),
        );
    }
    if config.export.fold == Fold::Static && config.regularization.layer_norm.form != Some(NormForm::Joint) {
        return refuse(
            "export.fold",
            "export.fold = \"static\" turns the joint layer norm into a plain LSTM; without layer norm there is nothing to fold, and forms \
             A and B normalize the cell too: set regularization.layer_norm.form = \"joint\", or leave export.fold out"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Loss, Names, Skip};
    use crate::regularize::settings::Every;

    fn good() -> Config {
        let text =
            "data = { path = \"s.csv\", target = \"OT\" }\nwindow = { lookback = 12, horizon = 3 }\nnetwork = { hidden = [8] }\n";
        Config::parse(text, Path::new("c.toml")).unwrap()
    }

    fn pinball(config: &mut Config, levels: &[f64]) {
        (config.training.loss, config.training.quantiles) = (Loss::Pinball, levels.to_vec());
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
            (
                |c| (c.window.lookback, c.window.patch) = (1_025, 1_025),
                "window.patch = 1025 with 1 columns makes 1025 inputs a step",
            ),
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
            (|c| c.training.delta = 0.0, "training.delta = 0 is out of range: use a positive number"),
            (
                |c| c.training.loss = Loss::Pinball,
                "training.quantiles is missing, and training.loss = \"pinball\" is of quantiles",
            ),
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
}
