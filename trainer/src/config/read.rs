//! From a file to a [`Config`] and back, with complaints that name file, line and key.

use std::path::Path;

use super::place::{closest, is_written, key_at, line_of, line_of_key};
use super::{Config, Normalization, validate};
use crate::error::{Error, Result};

impl Config {
    /// Reads and validates a configuration; `data.path` becomes absolute, resolved from the configuration's own folder.
    pub fn read(path: &Path) -> Result<Config> {
        let bytes = std::fs::read(path).map_err(|reason| Error::file("read", path, reason))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Error::input(format!("{}, line {line}: not UTF-8 text: save the file as UTF-8", path.display()))
        })?;
        Config::parse(text, path)?.located(path)
    }

    /// The same with `data.path` resolved from the folder of the configuration's file.
    pub(crate) fn located(mut self, path: &Path) -> Result<Config> {
        let folder = path.parent().unwrap_or(Path::new(""));
        self.data.path = std::path::absolute(folder.join(&self.data.path))
            .map_err(|reason| Error::file("resolve", &self.data.path, reason))?;
        Ok(self)
    }

    /// Parses and validates a configuration's text; `name` is the file that complaints name. `data.path` stays as it is written.
    pub fn parse(text: &str, name: &Path) -> Result<Config> {
        Self::parse_filled(text, text, name, true)
    }

    /// Parses a text that was made by filling in `written`, in which complaints find their lines. Where it is not
    /// `complete`, only `[data]` is validated.
    pub(crate) fn parse_filled(text: &str, written: &str, name: &Path, complete: bool) -> Result<Config> {
        let mut config: Config = toml::from_str(text).map_err(|error| explain(text, written, name, &error))?;
        if let Normalization::Seasonal { season } = &mut config.window.normalization {
            // One that a file cannot hold is complained about as none.
            *season = config.data.season.and_then(|season| u16::try_from(season).ok()).unwrap_or_default();
        }
        let missing = |key: &str| Error::input(format!("{}{}", place(written, name, key), missing(key)));
        for (key, absent) in [("data.target", config.data.target.is_none()), ("window.horizon", config.window.horizon == 0)] {
            if absent && config.data.label.is_none() && !is_written(written, key) && !is_written(text, key) {
                return Err(missing(key));
            }
        }
        let problem = validate::problem(&config).filter(|problem| complete || problem.key.starts_with("data."));
        match problem {
            None => Ok(config),
            Some(problem) => Err(Error::input(format!("{}{}", place(written, name, &problem.key), problem.sentence))),
        }
    }

    /// The configuration as TOML, every default written out; [`Config::parse`] reads it back as it was.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::input(format!("the configuration cannot be written as TOML: {error}")))
    }
}

/// Where a key stands, or else its table, for the beginning of a complaint.
fn place(written: &str, name: &Path, key: &str) -> String {
    match line_of_key(written, key) {
        Some(line) => format!("{}, line {line}: ", name.display()),
        None => format!("{}: ", name.display()),
    }
}

/// The sentence for a key that only classification does without.
fn missing(key: &str) -> String {
    let (table, key) = key.split_once('.').unwrap_or_default();
    format!("`{key}` is missing in [{table}]: add it")
}

/// The tables without which nothing can be done.
const REQUIRED_TABLES: [&str; 3] = ["data", "window", "network"];

/// One sentence from what TOML's reader found.
fn explain(text: &str, written: &str, name: &Path, error: &toml::de::Error) -> Error {
    let message = error.message();
    let span = error.span();
    let key = span.as_ref().and_then(|span| key_at(text, span.start));
    let line = match (&span, &key) {
        (Some(span), _) if text == written => Some(line_of(text, span.start)),
        (_, Some(key)) => line_of_key(written, key),
        _ => None,
    };
    let place = match line {
        Some(line) => format!("{}, line {line}", name.display()),
        None => name.display().to_string(),
    };
    let table = |key: &Option<String>| match key.as_deref() {
        Some(key) => format!("[{key}]"),
        None => "the configuration".to_owned(),
    };
    // serde quotes names in backticks: the one found first, then those expected.
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let sentence = if message.starts_with("unknown field") && !quoted.is_empty() {
        // The place is the unknown key itself, or the table that holds it.
        let parent = match key.as_deref().map(|key| key.rsplit_once('.').unwrap_or(("", key))) {
            Some(("", last)) if last == quoted[0] => None,
            Some((parent, last)) if last == quoted[0] => Some(parent.to_owned()),
            _ => key,
        };
        match closest(quoted[0], &quoted[1..]) {
            Some(known) => format!("unknown key `{}` in {}: did you mean `{known}`?", quoted[0], table(&parent)),
            None => format!("unknown key `{}` in {}: its keys are {}", quoted[0], table(&parent), quoted[1..].join(", ")),
        }
    } else if message.starts_with("missing field") && !quoted.is_empty() {
        if REQUIRED_TABLES.contains(&quoted[0]) {
            return Error::input(format!("{}: the table [{}] is missing: add it", name.display(), quoted[0]));
        }
        format!("`{}` is missing in {}: add it", quoted[0], table(&key))
    } else if message.starts_with("unknown variant") && !quoted.is_empty() {
        let key = key.unwrap_or_else(|| "a value".to_owned());
        let choices = quoted[1..].iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(", ");
        format!("{key} = \"{}\" is not one of its choices: use one of {choices}", quoted[0])
    } else if let (Some(key), Some((_, expected))) = (&key, message.rsplit_once(", expected ")) {
        let found = span.as_ref().and_then(|span| text.get(span.clone())).and_then(|found| found.lines().next()).unwrap_or("");
        format!("{key} = {found} is of the wrong kind: it must be {}", plain_type(expected))
    } else {
        // A syntax error; TOML's own words, on one line.
        format!("not valid TOML: {}", message.lines().collect::<Vec<_>>().join(", "))
    };
    Error::input(format!("{place}: {sentence}"))
}

/// Rust's names of types, for people.
fn plain_type(expected: &str) -> &str {
    match expected {
        "usize" | "u64" => "a whole number, 0 or more",
        "f64" | "f32" => "a number",
        "a string" | "path string" => "text in quotes",
        "a sequence" => "a list in [ ]",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use crate::config::{Config, Loss, Names, Normalization, Split};

    const GOOD: &str =
        "[data]\npath = \"series.csv\"\ntarget = \"OT\"\n[window]\nlookback = 12\nhorizon = 3\n[network]\nhidden = [8]\n";

    fn complaint(text: &str) -> String {
        Config::parse(text, Path::new("c.toml")).unwrap_err().to_string()
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let config = Config::parse(GOOD, Path::new("c.toml")).unwrap();
        assert_eq!(config.data.target, Names::One("OT".into()));
        assert_eq!(config.data.target.to_vec(), ["OT"]);
        assert!(config.data.features.to_vec().is_empty());
        assert_eq!(config.data.split, Split::Fractions([0.7, 0.15, 0.15]));
        assert_eq!((config.window.patch, config.window.normalization), (1, Normalization::Last));
        assert_eq!((config.training.loss, config.training.batch), (Loss::Mse, 64));
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let full = "[data]\npath = \"a b.csv\"\ntime = \"date\"\ntarget = [\"OT\", \"HULL\"]\nfeatures = \"MULL\"\nunit = \"°C\"\nseason = 24\n\
                    split = { train = 8640, validation = 2880, test = 2880 }\n[window]\nlookback = 336\npatch = 24\nhorizon = 96\n\
                    transform = \"sqrt\"\nnormalization = \"none\"\n[network]\nhidden = [32, 16]\n[regularization]\nl2 = 0.001\n\
                    dropout = { output = 0.3, scaling = \"classical\" }\nzoneout = { cell = 0.5, reading = \"zoned\" }\n\
                    [training]\nloss = \"huber\"\ndelta = 0.5\nseed = 7\nclip = 0\n";
        let late = full.replace("{ train = 8640,", "{ train_from = 7200, train = 8640,");
        for text in [GOOD, full, &late] {
            let config = Config::parse(text, Path::new("c.toml")).unwrap();
            let again = Config::parse(&config.to_toml().unwrap(), Path::new("resolved.toml")).unwrap();
            assert_eq!(again, config);
        }
    }

    #[test]
    fn a_seasonal_normalization_takes_the_season_of_the_data() {
        let text = GOOD.replace("lookback = 12", "lookback = 12\nnormalization = \"seasonal\"");
        assert_eq!(
            complaint(&text),
            "c.toml, line 6: window.normalization = \"seasonal\" subtracts the sample of a season before: set data.season to its samples, \
             1 to 65535"
        );
        let text = text.replace("[window]", "season = 4\n[window]");
        let config = Config::parse(&text, Path::new("c.toml")).unwrap();
        assert_eq!(config.window.normalization, Normalization::Seasonal { season: 4 });
        assert_eq!(Config::parse(&config.to_toml().unwrap(), Path::new("resolved.toml")).unwrap(), config);
        for normalization in ["mean", "scaled"] {
            let text = GOOD.replace("horizon = 3", &format!("horizon = 3\nnormalization = \"{normalization}\""));
            let config = Config::parse(&text, Path::new("c.toml")).unwrap();
            assert_eq!(Config::parse(&config.to_toml().unwrap(), Path::new("resolved.toml")).unwrap(), config);
        }
        let unknown = complaint(&GOOD.replace("horizon = 3", "horizon = 3\nnormalization = \"lest\""));
        let choices = "\"none\", \"last\", \"mean\", \"scaled\", \"seasonal\"";
        assert_eq!(
            unknown,
            format!("c.toml, line 7: window.normalization = \"lest\" is not one of its choices: use one of {choices}")
        );
    }

    #[test]
    fn the_csv_is_found_from_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, GOOD).unwrap();
        assert_eq!(Config::read(&path).unwrap().data.path, folder.path().join("series.csv"));
        std::fs::write(&path, GOOD.replace("series.csv", "/elsewhere/series.csv")).unwrap();
        assert_eq!(Config::read(&path).unwrap().data.path, PathBuf::from("/elsewhere/series.csv"));
        let missing = Config::read(&folder.path().join("none.toml")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read ") && missing.exit_code() == 2, "{missing}");
        std::fs::write(&path, b"[data]\npath = \"\xff\"").unwrap();
        let binary = Config::read(&path).unwrap_err().to_string();
        assert!(binary.ends_with("line 2: not UTF-8 text: save the file as UTF-8"), "{binary}");
    }

    #[test]
    fn unknown_keys_are_refused_with_the_known_ones() {
        assert_eq!(
            complaint(&GOOD.replace("lookback", "lookbak")),
            "c.toml, line 5: unknown key `lookbak` in [window]: did you mean `lookback`?"
        );
        assert_eq!(
            complaint(&format!("{GOOD}[regularization.zoneout]\nrate = 0.5\n")),
            "c.toml, line 10: unknown key `rate` in [regularization.zoneout]: its keys are cell, hidden, reading"
        );
        assert_eq!(
            complaint(&format!("{GOOD}[trainning]\n")),
            "c.toml, line 9: unknown key `trainning` in the configuration: did you mean `training`?"
        );
        assert_eq!(
            complaint(&GOOD.replace("[window]", "split = { train = 3, valid = 2, test = 1 }\n[window]")),
            "c.toml, line 4: unknown key `valid` in [data.split]: its keys are train, validation, test, train_from"
        );
    }

    #[test]
    fn missing_keys_and_tables_are_named() {
        assert_eq!(complaint(&GOOD.replace("horizon = 3\n", "")), "c.toml, line 4: `horizon` is missing in [window]: add it");
        assert_eq!(complaint(&GOOD.replace("[network]\nhidden = [8]\n", "")), "c.toml: the table [network] is missing: add it");
        assert_eq!(complaint(""), "c.toml: the table [data] is missing: add it");
    }

    #[test]
    fn values_of_the_wrong_kind_are_told_the_right_one() {
        for (from, to, expected) in [
            (
                "lookback = 12",
                "lookback = -1",
                "c.toml, line 5: window.lookback = -1 is of the wrong kind: it must be a whole number, 0 or more",
            ),
            (
                "lookback = 12",
                "lookback = 1.5",
                "c.toml, line 5: window.lookback = 1.5 is of the wrong kind: it must be a whole number, 0 or more",
            ),
            (
                "horizon = 3",
                "horizon = \"3\"",
                "c.toml, line 6: window.horizon = \"3\" is of the wrong kind: it must be a whole number, 0 or more",
            ),
            ("hidden = [8]", "hidden = 8", "c.toml, line 8: network.hidden = 8 is of the wrong kind: it must be a list in [ ]"),
            (
                "target = \"OT\"",
                "target = 3",
                "c.toml, line 3: data.target = 3 is of the wrong kind: it must be a column name or a list of column names",
            ),
            (
                "[window]",
                "split = 0.7\n[window]",
                "c.toml, line 4: data.split = 0.7 is of the wrong kind: it must be [train, validation, test] as three fractions, \
                 or { train = N, validation = N, test = N } as rows",
            ),
            (
                "horizon = 3",
                "horizon = 3\ntransform = \"root\"",
                "c.toml, line 7: window.transform = \"root\" is not one of its choices: use one of \"none\", \"sqrt\", \"log\"",
            ),
        ] {
            assert_eq!(complaint(&GOOD.replace(from, to)), expected);
        }
        let short = complaint(&GOOD.replace("[window]", "split = [0.7, 0.3]\n[window]"));
        assert!(short.starts_with("c.toml, line 4: data.split = [0.7, 0.3] is of the wrong kind"), "{short}");
        let long = complaint(&GOOD.replace("[window]", "split = [0.7, 0.1, 0.1, 0.1]\n[window]"));
        assert!(long.starts_with("c.toml, line 4: data.split"), "{long}");
    }

    #[test]
    fn broken_toml_is_named_by_line() {
        let broken = complaint(&GOOD.replace("lookback = 12", "lookback = = 12"));
        assert!(broken.starts_with("c.toml, line 5: not valid TOML: ") && !broken.contains('\n'), "{broken}");
        let twice = complaint(&GOOD.replace("horizon = 3", "horizon = 3\nhorizon = 4"));
        assert!(twice.starts_with("c.toml, line 7: ") && !twice.contains('\n'), "{twice}");
    }

    #[test]
    fn a_value_out_of_range_is_named_by_line() {
        assert_eq!(
            complaint(&format!("{GOOD}[regularization.recurrent]\ndrop = 1.0\n")),
            "c.toml, line 10: regularization.recurrent.drop = 1 drops everything: use less than 1"
        );
        assert_eq!(
            complaint(&GOOD.replace("horizon = 3", "horizon = 3\npatch = 5")),
            "c.toml, line 7: window.patch = 5 does not divide window.lookback = 12: choose a divisor of it"
        );
    }
}
