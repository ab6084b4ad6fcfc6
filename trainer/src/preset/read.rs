//! Configurations with a preset: what is not written is filled in.

use std::path::Path;

use serde::de::Deserialize;
use toml::{Table, Value};

use super::recipe::{Wishes, patch_lstm};
use crate::config::Config;
use crate::data::{Selection, Series};
use crate::error::{Error, Result};

/// The presets' names.
const NAMES: [&str; 1] = ["patch-lstm"];

/// A configuration, and what a preset decided of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Every value is set.
    pub config: Config,
    /// Reasons, a line each; none without a preset.
    pub notes: Vec<String>,
}

/// Reads a configuration, with a preset or without.
pub fn read(path: &Path) -> Result<Resolved> {
    let bytes = std::fs::read(path).map_err(|reason| Error::file("read", path, reason))?;
    // What is no text or no TOML is complained about by the reader of configurations.
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    match text.parse::<Table>() {
        Ok(table) if table.contains_key("preset") => filled(table, text, path),
        _ => Ok(Resolved { config: Config::read(path)?, notes: Vec::new() }),
    }
}

/// `[a.b]` of a table.
fn at<'t>(table: &'t Table, keys: &[&str]) -> Option<&'t Value> {
    let (last, path) = keys.split_last()?;
    let inner = path.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?;
    inner.get(*last)
}

/// Values of `table`, and of `defaults` where it has none.
fn over(table: Table, defaults: Table) -> Table {
    let mut merged = defaults;
    for (key, value) in table {
        let value = match (value, merged.remove(&key)) {
            (Value::Table(own), Some(Value::Table(below))) => Value::Table(over(own, below)),
            (own, _) => own,
        };
        merged.insert(key, value);
    }
    merged
}

fn filled(mut table: Table, text: &str, path: &Path) -> Result<Resolved> {
    let name = table.remove("preset");
    let known = NAMES.map(|name| format!("\"{name}\"")).join(", ");
    if name.as_ref().and_then(Value::as_str).is_none_or(|name| !NAMES.contains(&name)) {
        let found = name.map_or_else(String::new, |name| name.to_string());
        return Err(Error::input(format!("{}: preset = {found} is not a preset: use {known}", path.display())));
    }
    let flash = match table.remove("flash") {
        None => None,
        Some(value) => Some(value.as_integer().and_then(|flash| usize::try_from(flash).ok()).ok_or_else(|| {
            Error::input(format!(
                "{}: flash = {value} is no number of bytes: give a whole number, as in flash = 16384",
                path.display()
            ))
        })?),
    };
    // What is there must be sound before the rest is chosen to fit it.
    let placeholders = "[window]\nlookback = 1\nhorizon = 1\n[network]\nhidden = [1]\n".parse::<Table>();
    let whole = over(table.clone(), placeholders.unwrap_or_default());
    let stub = Config::parse_filled(&whole.to_string(), text, path, false)?.located(path)?;
    if stub.data.label.is_some() {
        return Err(Error::input(format!(
            "{}: preset = \"patch-lstm\" is of forecasts, and data.label asks for classes: leave the preset out and write [window], [network] and [training]",
            path.display()
        )));
    }
    if stub.window.mode.is_streaming() {
        return Err(Error::input(format!(
            "{}: window.mode = \"streaming\" has no preset: write the keys of [window], [network] and [training] yourself, or leave it out",
            path.display()
        )));
    }
    let value = |keys: &[&str]| at(&table, keys).cloned();
    let number = |keys: &[&str]| value(keys).and_then(|value| value.as_integer()).and_then(|value| usize::try_from(value).ok());
    let wishes = Wishes {
        horizon: number(&["window", "horizon"]),
        lookback: number(&["window", "lookback"]),
        patch: number(&["window", "patch"]),
        transform: value(&["window", "transform"]).map(|_| stub.window.transform),
        normalization: value(&["window", "normalization"]).map(|_| stub.window.normalization),
        hidden: value(&["network", "hidden"]).and_then(|value| Vec::deserialize(value).ok()),
        skip: value(&["network", "skip"]).map(|_| stub.network.skip),
        amplitude: value(&["regularization", "amplitude"]).map(|_| stub.regularization.amplitude),
        flash,
        seed: value(&["training", "seed"]).map(|_| stub.training.seed),
    };
    let series = Series::read(&stub.data.path, &Selection { transform: Default::default(), ..Selection::from(&stub) })?;
    let (mut config, notes) = patch_lstm(&series, &stub.data, &wishes)?;
    config.data.path = std::path::PathBuf::from(at(&table, &["data", "path"]).and_then(Value::as_str).unwrap_or_default());
    let defaults =
        config.to_toml()?.parse::<Table>().map_err(|reason| Error::failed(format!("the preset is no TOML: {reason}")))?;
    let resolved = over(table, defaults).to_string();
    Ok(Resolved { config: Config::parse_filled(&resolved, text, path, true)?.located(path)?, notes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Loss, Skip};

    /// A folder with a series of cycles and a configuration.
    fn folder(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut csv = "v,w\n".to_owned();
        for row in 0u32..240 {
            let noise = crate::data::amplitude_factor(1.0, 4, 0, row as usize).ln();
            csv += &format!("{},{}\n", (std::f64::consts::TAU * f64::from(row) / 12.0).sin() + 0.1 * noise, row % 7);
        }
        fs::write(folder.path().join("s.csv"), csv).unwrap();
        fs::write(folder.path().join("c.toml"), config).unwrap();
        folder
    }

    fn complaint(config: &str) -> String {
        let folder = folder(config);
        let path = folder.path().join("c.toml");
        let error = read(&path).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string().replace(&path.display().to_string(), "c.toml")
    }

    #[test]
    fn what_is_not_written_is_filled_in_and_what_is_stays() {
        let folder = folder(
            "preset = \"patch-lstm\"\nflash = 6000\n[data]\npath = \"s.csv\"\ntarget = \"v\"\n[regularization]\namplitude = 0.0\nzoneout = { cell = 0.25 }\n\
             [training]\nepochs = 3\n",
        );
        let Resolved { config, notes } = read(&folder.path().join("c.toml")).unwrap();
        assert_eq!(config.data.path, folder.path().join("s.csv"));
        assert_eq!((config.training.epochs, config.training.loss, config.training.batch), (3, Loss::Huber, 16));
        assert_eq!((config.regularization.zoneout.cell, config.regularization.dropout.output), (0.25, 0.3));
        assert_eq!((config.network.skip, config.data.season), (Skip::Ridge, Some(12)));
        assert_eq!(config.window.horizon, 6, "a fortieth of the rows");
        assert!(!notes.is_empty());
        let plain = read(&folder.path().join("none.toml")).unwrap_err();
        assert!(plain.to_string().starts_with("cannot read "), "{plain}");
    }

    #[test]
    fn complaints_name_the_line_that_was_written() {
        const DATA: &str = "[data]\npath = \"s.csv\"\ntarget = \"v\"\n";
        assert_eq!(
            complaint(&format!("preset = \"lstm\"\n{DATA}")),
            "c.toml: preset = \"lstm\" is not a preset: use \"patch-lstm\""
        );
        assert_eq!(
            complaint(&format!("preset = \"patch-lstm\"\nflash = -1\n{DATA}")),
            "c.toml: flash = -1 is no number of bytes: give a whole number, as in flash = 16384"
        );
        assert_eq!(
            complaint(&format!("preset = \"patch-lstm\"\n\n{DATA}[window]\nlookbak = 3\n")),
            "c.toml, line 7: unknown key `lookbak` in [window]: did you mean `lookback`?"
        );
        assert_eq!(
            complaint(&format!("preset = \"patch-lstm\"\n{DATA}[regularization]\ndropout = {{ output = 1.0 }}\n")),
            "c.toml, line 6: regularization.dropout.output = 1 drops everything: use less than 1"
        );
        assert_eq!(complaint("preset = \"patch-lstm\"\n"), "c.toml: the table [data] is missing: add it");
    }
}
