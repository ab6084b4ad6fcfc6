//! `rnn compare` on a series of a hundred values: what it writes, what it does not repeat, and how its parts are joined.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use assert_cmd::Command;
use serde_json::Value;

const CONFIG: &str = "\
[data]
path = \"series.csv\"
target = \"level\"
split = [0.6, 0.2, 0.2]
[window]
lookback = 8
patch = 2
horizon = 2
[network]
hidden = [6]
[regularization]
dropout = { output = 0.2 }
[training]
epochs = 3
batch = 16
";

const ONLY: &str = "cell-zoneout,decay";

/// A folder with a series and its configuration.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut csv = String::from("level\n");
        for k in 0..100 {
            csv += &format!("{}\n", (f64::from(k) * 0.4).sin() + f64::from(k % 7) * 0.05);
        }
        std::fs::write(folder.path().join("series.csv"), csv).expect("a series");
        std::fs::write(folder.path().join("tiny.toml"), CONFIG).expect("a configuration");
        Desk { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn compare(&self, out: &str, arguments: &[&str]) -> assert_cmd::assert::Assert {
        let mut command = Command::cargo_bin("rnn").expect("the program");
        command.current_dir(self.folder.path()).args(["compare", "tiny.toml", "--no-board", "--out", out]).args(arguments);
        command.assert()
    }

    /// Modification times of everything in a comparison's `runs`, by name.
    fn runs(&self, out: &str) -> BTreeMap<String, SystemTime> {
        let entries = std::fs::read_dir(self.path(out).join("runs")).expect("the runs");
        let entry = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.expect("a run");
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).expect("its time");
            (entry.file_name().into_string().expect("its name"), modified)
        };
        entries.map(entry).collect()
    }
}

fn json(assert: assert_cmd::assert::Assert) -> Value {
    let output = assert.success().get_output().clone();
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn words(assert: assert_cmd::assert::Assert, code: i32) -> String {
    let output = assert.code(code).get_output().clone();
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

/// Everything but what a clock says.
fn timeless(path: &Path) -> Value {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for key in ["seconds_per_step", "step_milliseconds", "step_time_ratio"] {
                    map.remove(key);
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

#[test]
fn a_comparison_is_written_once_and_finished_runs_are_not_repeated() {
    let desk = Desk::new();
    let arguments = ["--seeds", "2", "--only", ONLY, "--threads", "2", "--json"];
    let result = json(desk.compare("out", &arguments));
    let names: Vec<&str> =
        result["variants"].as_array().expect("variants").iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["none", "cell-zoneout", "decay"]);
    for row in result["variants"].as_array().expect("variants") {
        assert_eq!(row["seeds"].as_array().map(Vec::len), Some(2));
        for stage in ["best", "last"] {
            for part in ["validation_rmse", "test_rmse"] {
                let mean = row[stage][part]["mean"].as_f64().expect("a mean");
                assert!(mean > 0.0 && mean < 10.0, "{stage} {part} {mean}");
            }
        }
        assert!(row["cost"]["flash_bytes"].as_u64() > Some(500) && row["cost"]["board"].is_null());
        assert_eq!(row["curve"].as_array().map(Vec::len), Some(3));
    }
    // The last epoch's figures are not the best one's.
    let differs = |row: &Value| row["best"]["test_rmse"] != row["last"]["test_rmse"];
    assert!(result["variants"].as_array().expect("variants").iter().any(differs) || result["variants"][0]["best_epoch"] == 3.0);
    assert_eq!(result["smallest_p"], 0.5);
    let page = std::fs::read_to_string(desk.path("out/compare.html")).expect("a page");
    assert!(names.iter().all(|name| page.contains(&format!(">{name}<"))));
    assert_eq!(std::fs::read_to_string(desk.path("out/compare.csv")).expect("a CSV").lines().count(), 4);

    // Again: the same figures from the same files.
    let first = desk.runs("out");
    assert_eq!(first.len(), 6);
    assert_eq!(json(desk.compare("out", &arguments)), result);
    assert_eq!(desk.runs("out"), first);

    // Interrupted before one run was finished: that one alone is made again, and comes out the same.
    let lost = first.keys().find(|name| name.starts_with("decay-1-")).expect("a run");
    let before = timeless(&desk.path("out/runs").join(lost));
    std::fs::remove_file(desk.path("out/runs").join(lost)).expect("removed");
    let said = words(desk.compare("out", &arguments[..arguments.len() - 1]), 0);
    assert!(said.contains("5 of them were there already") && said.contains("0.5000"), "{said}");
    for (name, modified) in desk.runs("out") {
        assert_eq!(modified == first[&name], name != *lost, "{name}");
    }
    assert_eq!(timeless(&desk.path("out/runs").join(lost)), before);

    // One seed more: the others are kept.
    json(desk.compare("out", &["--seeds", "3", "--only", ONLY, "--json"]));
    let more = desk.runs("out");
    assert_eq!(more.len(), 9);
    assert!(first.iter().all(|(name, modified)| name == lost || more[name] == *modified));
}

#[test]
fn shards_share_a_folder_and_are_merged() {
    let desk = Desk::new();
    let common = ["--seeds", "2", "--only", ONLY];
    let with = |more: &[&str]| [&common[..], more].concat().iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let compare = |out: &str, more: &[&str]| desk.compare(out, &with(more).iter().map(String::as_str).collect::<Vec<_>>());

    let refused = words(compare("shared", &["--merge"]), 2);
    assert!(refused.contains("is not the folder of a comparison"), "{refused}");
    assert!(!desk.path("shared").exists());

    let said = words(compare("shared", &["--shard", "1/4", "--threads", "1"]), 0);
    assert!(said.contains("2 of them in shard 1/4") && said.contains("--merge"), "{said}");
    assert_eq!(desk.runs("shared").len(), 2);
    assert!(!desk.path("shared/compare.json").exists());

    let part = json(compare("shared", &["--merge", "--json"]));
    assert_eq!(part["missing"].as_array().map(Vec::len), Some(4));
    let said = words(compare("shared", &["--merge"]), 0);
    // Seed by seed, none first: runs 0 and 4 of 6 are there.
    assert!(
        said.contains("4 of 6 runs are not there yet: none with seed 1; cell-zoneout with seed 0; decay with seed 0, 1"),
        "{said}"
    );
    assert_eq!(desk.runs("shared").len(), 2, "a merge trains nothing");

    for shard in ["2/4", "3/4", "4/4"] {
        compare("shared", &["--shard", shard]).success();
    }
    assert_eq!(json(compare("shared", &["--merge", "--json"]))["missing"], Value::Array(vec![]));
    compare("whole", &[]).success();
    assert_eq!(timeless(&desk.path("shared/compare.json")), timeless(&desk.path("whole/compare.json")));
}

#[test]
fn wrong_input_is_refused_in_one_sentence() {
    let desk = Desk::new();
    for (arguments, expected) in [
        (&["--only", "cell-zoneot"][..], "--only cell-zoneot: no such variant; did you mean cell-zoneout?"),
        (&["--only", "between-dropout"], "--only between-dropout: the network has one layer"),
        (&["--seeds", "0"], "--seeds 0: ask for 1 to 1000 seeds"),
        (&["--threads", "0"], "--threads 0 trains nothing"),
        (&["--shard", "5/4"], "write i/n with i from 1 to n"),
        (&["--data", "missing.csv"], "missing.csv"),
    ] {
        let said = words(desk.compare("out", arguments), 2);
        assert!(said.contains(expected), "{expected} in {said}");
        assert!(!desk.path("out/compare.json").exists());
    }
    // A damaged result is named, and the way out with it.
    desk.compare("out", &["--seeds", "1", "--only", "decay"]).success();
    let (name, _) = desk.runs("out").pop_first().expect("a run");
    std::fs::write(desk.path("out/runs").join(&name), "{\"variant\":").expect("damage");
    let said = words(desk.compare("out", &["--seeds", "1", "--only", "decay"]), 2);
    assert!(said.contains(&name) && said.contains("is damaged") && said.contains("delete it"), "{said}");
}

/// The joint norm is trained, and a plain LSTM measured and exported; its training on has its own figures.
#[test]
fn a_statically_folded_norm_costs_a_plain_lstm() {
    let desk = Desk::new();
    let only = "layer-norm-joint,layer-norm-joint-static,norm-stabilizer,max-norm,swa";
    let result = json(desk.compare("out", &["--seeds", "2", "--only", only, "--json"]));
    let rows = result["variants"].as_array().expect("variants");
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).expect(name);
    let (none, joint, folded) = (row("none"), row("layer-norm-joint"), row("layer-norm-joint-static"));
    assert_eq!(folded["cost"]["layers"], none["cost"]["layers"]);
    assert_eq!(folded["cost"]["flash_bytes"], none["cost"]["flash_bytes"]);
    assert_ne!(joint["cost"]["layers"], none["cost"]["layers"]);
    assert_eq!(folded["curve"], joint["curve"], "the same training comes before");
    for stage in ["best", "last"] {
        assert_ne!(folded[stage]["test_rmse"], joint[stage]["test_rmse"], "{stage}");
    }
    // What acts in training alone leaves nothing on the device.
    for name in ["norm-stabilizer", "max-norm", "swa"] {
        assert_eq!(row(name)["cost"]["layers"], none["cost"]["layers"]);
        assert_ne!(row(name)["last"], none["last"], "{name}");
    }
    let alone = json(desk.compare("out", &["--seeds", "2", "--only", only, "--validation-only", "--json"]));
    let validated = alone["variants"].as_array().expect("variants").iter().find(|row| row["name"] == "layer-norm-joint-static");
    assert_eq!(validated.expect("the variant")["last"], folded["last"]["validation_rmse"]);
}

/// No test error anywhere: not on the terminal, not in a file.
#[test]
fn validation_alone_says_nothing_of_the_test_windows() {
    let desk = Desk::new();
    let text = words(desk.compare("out", &["--seeds", "2", "--validation-only", "--rates", "decay", "--epochs", "2"]), 0);
    for name in ["none", "decay-x0.1", "decay-x0.3", "decay-x1", "decay-x3", "decay-x10"] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
    }
    assert!(text.contains("2 epochs, ") && text.contains("no test error was computed"), "{text}");
    let report = json(desk.compare("out", &["--seeds", "2", "--validation-only", "--rates", "decay", "--epochs", "2", "--json"]));
    assert_eq!(report["variants"].as_array().map(Vec::len), Some(6));
    assert!(report["variants"][1]["last"]["mean"].as_f64().is_some_and(|error| error > 0.0), "{report}");
    assert!(!report.to_string().contains("test"), "{report}");
    let runs = desk.path("out").join("validation").join("runs");
    let mut count = 0;
    for entry in std::fs::read_dir(runs).expect("the runs") {
        let text = std::fs::read_to_string(entry.expect("a run").path()).expect("a run");
        assert!(text.contains("validated") && !text.contains("test"), "{text}");
        count += 1;
    }
    assert_eq!(count, 12);
    assert!(!desk.path("out").join("compare.json").exists());
    // What has no meaning together.
    for arguments in [&["--rates", "decay"][..], &["--validation-only", "--markdown", "rmse"]] {
        words(desk.compare("out", arguments), 2);
    }
    let refused = words(desk.compare("out", &["--validation-only", "--epochs", "0"]), 2);
    assert!(refused.contains("training.epochs = 0 is too small"), "{refused}");
}

#[test]
fn the_table_is_printed_in_markdown() {
    let desk = Desk::new();
    let output = desk.compare("out", &["--seeds", "1", "--only", "decay", "--markdown", "mse"]).success().get_output().clone();
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() >= 5 && lines.iter().all(|line| line.starts_with("| ") || line.starts_with("|-")), "{text}");
    assert!(lines[2].starts_with("| none | ") && lines[3].starts_with("| decay | "), "{text}");
}
