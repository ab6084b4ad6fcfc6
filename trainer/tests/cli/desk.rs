//! A folder with a small series and a configuration that trains in no time, and the program run in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a busy machine; a program that hangs fails its test.
const PATIENCE: Duration = Duration::from_secs(300);

/// Rows of the series.
pub const ROWS: usize = 240;
/// Of [`CONFIG`].
pub const LOOKBACK: usize = 14;
/// Of [`CONFIG`].
pub const HORIZON: usize = 3;

/// Two columns in, one forecast, seconds of training at most.
pub const CONFIG: &str = r#"[data]
path = "series.csv"
time = "day"
target = "load"
features = ["temperature"]
unit = "kW"

[window]
lookback = 14
patch = 7
horizon = 3

[network]
hidden = [6]

[regularization]
dropout = { output = 0.1 }
zoneout = { cell = 0.25 }

[training]
epochs = 3
batch = 32
learning_rate = 0.01
"#;

/// A week's rhythm in the first column, a month's in the second, noise in both. Row 0 is 2020-01-01.
pub fn series() -> String {
    let mut noise = 12_345u32;
    let mut text = "day,load,temperature\n".to_owned();
    let mut day = jiff::civil::date(2020, 1, 1);
    for row in 0..ROWS {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let shaken = f64::from(noise >> 8) / f64::from(1 << 24) - 0.5;
        let wave = |period: f64| (row as f64 * std::f64::consts::TAU / period).sin();
        text += &format!("{day},{:.3},{:.3}\n", 10.0 + 3.0 * wave(7.0) + shaken, 5.0 + 2.0 * wave(30.0) - 0.5 * shaken);
        day = day.tomorrow().unwrap();
    }
    text
}

/// A folder of its own for a test: `series.csv` and `tiny.toml` lie in it.
pub struct Desk {
    folder: TempDir,
}

/// What the program did.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// Its stdout, after success.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The one JSON object on its stdout, after success.
    pub fn object(self) -> Value {
        let value: Value = serde_json::from_str(&self.done()).expect("one JSON value and nothing else");
        assert!(value.is_object(), "{value}");
        value
    }

    /// The one sentence on its stderr, after an end with `code` and without a result.
    pub fn sentence(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let sentence = self.stderr.strip_prefix("rnn: ").and_then(|rest| rest.strip_suffix('\n'));
        let sentence = sentence.unwrap_or_else(|| panic!("no sentence: {self:?}")).to_owned();
        assert!(!sentence.contains('\n') && !sentence.is_empty(), "more than one line: {sentence}");
        sentence
    }
}

impl Desk {
    pub fn new() -> Self {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        desk.write("series.csv", series());
        desk.write("tiny.toml", CONFIG);
        desk
    }

    /// A desk with the run `runs/tiny` and the `int8` file `model.rnn` exported from it.
    pub fn with_model() -> Self {
        let desk = Self::new();
        desk.rnn("train tiny.toml").done();
        desk.rnn("export runs/tiny -o model.rnn").done();
        desk
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|reason| panic!("{name}: {reason}"))
    }

    /// The program with arguments that are separated by spaces, not yet run; its folder is the desk's.
    pub fn command(&self, arguments: &str) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rnn"));
        command.current_dir(self.folder.path()).args(arguments.split_whitespace());
        command
    }

    pub fn rnn(&self, arguments: &str) -> Answer {
        self.rnn_with(arguments, None)
    }

    /// Where `PATH` is `path`, if given.
    pub fn rnn_with(&self, arguments: &str, path: Option<&OsStr>) -> Answer {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let output = command.timeout(PATIENCE).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program speaks UTF-8");
        Answer { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs what must be refused as wrong input: the sentence, after making sure that nothing was written, changed or removed.
    pub fn refusal(&self, arguments: &str) -> String {
        let before = self.content();
        let sentence = self.rnn(arguments).sentence(2);
        assert!(before == self.content(), "`rnn {arguments}` was refused and left something behind: {:?}", self.content().keys());
        sentence
    }

    /// Every file and folder, a folder as no content.
    pub fn content(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                    found.insert(path, None);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    found.insert(path, Some(bytes));
                }
            }
        }
        found
    }
}
