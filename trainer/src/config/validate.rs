//! What types cannot say: which values of the settings make sense, alone and together.

mod classes;
mod regularization;
mod windows;

use super::{Config, Fold, Loss, Network, Split};
use crate::error::{Error, Result};
use crate::network::plain::NormForm;

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
/// Classes of a classifier, at most.
pub const MAX_CLASSES: usize = 256;
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
    windows::check(config)?;
    network(config)?;
    windows::streaming(config)?;
    regularization::check(config)?;
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
    if let Some(label) = &data.label {
        classes::label(data, label, &targets, &features)?;
    } else if targets.is_empty() {
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
    if !skip.is_none() && config.data.label.is_some() {
        return refuse(
            "network.skip",
            "network.skip = \"ridge\" continues a series, and data.label asks for a window's class: set it to \"none\", or leave it out".into(),
        );
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

fn training(config: &Config) -> Check {
    let training = &config.training;
    positive("training.delta", training.delta)?;
    quantiles(training.loss, &training.quantiles)?;
    classes::loss(config)?;
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
#[path = "validate_tests.rs"]
mod tests;
