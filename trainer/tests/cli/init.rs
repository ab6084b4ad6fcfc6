//! `rnn init`, presets and the linear skip, from a CSV to a forecast.

use serde_json::Value;

use crate::desk::{Desk, series};

#[test]
fn a_csv_is_all_that_it_takes() {
    let desk = Desk::new();
    let found: Value =
        serde_json::from_str(&desk.rnn("--json init series.csv --target load --horizon 3 -o made.toml").done()).unwrap();
    assert_eq!((found["target"].as_str(), found["time"].as_str()), (Some("load"), Some("day")));
    assert_eq!((found["season"].as_u64(), found["interval"].as_str()), (Some(7), Some("1 day")));
    assert_eq!((found["rows"].as_u64(), found["horizon"].as_u64()), (Some(240), Some(3)));
    let text = std::fs::read_to_string(desk.path("made.toml")).unwrap();
    assert!(text.contains("path = \"series.csv\"") && text.contains("skip = \"ridge\""), "{text}");
    assert!(text.contains("# features = [\"temperature\"]"), "{text}");

    let trained: Value = desk.rnn("--json train made.toml --out run").object();
    assert!(trained["skip_rank"].as_u64().is_some_and(|rank| rank > 0), "{trained}");
    desk.rnn("export run -o made.rnn").done();
    let snippet = std::fs::read_to_string(desk.path("made.rs")).unwrap();
    assert!(snippet.contains("Skip<"), "{snippet}");
    let inspected = desk.rnn("inspect made.rnn").done();
    assert!(inspected.contains("skip        linear, "), "{inspected}");
    let evaluated: Value = desk.rnn("--json evaluate made.rnn --data series.csv").object();
    let rmse = |value: &Value| value["rmse"].as_f64().unwrap();
    let (own, naive, ridge) =
        (rmse(&evaluated["test"]), rmse(&evaluated["baselines"]["naive"]), rmse(&evaluated["baselines"]["ridge"]));
    assert!(own < 0.7 * naive && own < 1.05 * ridge, "{own} {naive} {ridge}");

    // A finished training that is resumed gives the same file.
    let first = std::fs::read(desk.path("made.rnn")).unwrap();
    desk.rnn("train made.toml --out run --resume").done();
    desk.rnn("export run -o again.rnn").done();
    assert!(first == std::fs::read(desk.path("again.rnn")).unwrap());
}

#[test]
fn a_preset_fills_what_is_not_written() {
    let desk = Desk::new();
    desk.write(
        "preset.toml",
        "preset = \"patch-lstm\"\n[data]\npath = \"series.csv\"\ntarget = \"load\"\n[window]\nhorizon = 3\n[training]\nepochs = 2\n",
    );
    desk.rnn("train preset.toml --out run").done();
    let resolved = std::fs::read_to_string(desk.path("run/config.toml")).unwrap();
    assert!(
        resolved.contains("epochs = 2") && resolved.contains("skip = \"ridge\"") && !resolved.contains("preset"),
        "{resolved}"
    );
}

#[test]
fn refusals() {
    let desk = Desk::new();
    assert_eq!(desk.refusal("init none.csv"), "cannot read none.csv: no such file or directory");
    desk.write("there.toml", "mine");
    let sentence = desk.refusal("init series.csv -o there.toml");
    assert_eq!(sentence, "--output there.toml: the file is there already: name another one with --output, or remove it");
    assert_eq!(std::fs::read(desk.path("there.toml")).unwrap(), b"mine");
    let sentence = desk.refusal("init series.csv --target lod");
    assert!(
        sentence.starts_with("series.csv has no column \"lod\"") && sentence.ends_with("did you mean \"load\"?"),
        "{sentence}"
    );
    desk.write("words.csv", "a,b\nx,y\nz,w\n");
    assert_eq!(desk.refusal("init words.csv"), "words.csv has no column of numbers to forecast: name one with --target");
    desk.write("hole.csv", "a\n1\n2\n\"\"\n4\n5\n");
    let sentence = desk.refusal("init hole.csv");
    assert!(sentence.starts_with("hole.csv, line 4, column \"a\": "), "{sentence}");
    desk.write("short.csv", "a\n1\n2\n3\n4\n5\n");
    let sentence = desk.refusal("init short.csv");
    assert!(sentence.starts_with("short.csv: of 5 rows the split leaves"), "{sentence}");
    desk.write("flat.csv", "a\n".to_owned() + &"1\n".repeat(50));
    let sentence = desk.refusal("init flat.csv --target a");
    assert!(sentence.contains("constant"), "{sentence}");
    assert!(!desk.path("flat.toml").exists());
}

#[test]
fn stamps_with_a_gap_are_left_out_and_said() {
    let desk = Desk::new();
    let gappy: String =
        series().lines().enumerate().filter(|(line, _)| *line != 100).map(|(_, line)| format!("{line}\n")).collect();
    desk.write("gappy.csv", gappy);
    let answer = desk.rnn("init gappy.csv --target load --horizon 3");
    assert!(answer.stderr.contains("the time stamps are left out") && answer.stderr.contains("line 101"), "{answer:?}");
    answer.done();
    let text = std::fs::read_to_string(desk.path("gappy.toml")).unwrap();
    assert!(!text.contains("\ntime =") && text.contains("1 sample is missing"), "{text}");
}
