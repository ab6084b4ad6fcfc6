//! Wrong input to the commands that read a model file: exit code 2, one sentence, nothing written.

use crate::desk::{Desk, series};

/// Every command that reads a model file.
const READERS: [&str; 5] = [
    "inspect model.rnn",
    "evaluate model.rnn --data series.csv",
    "predict model.rnn --data series.csv",
    "predict model.rnn --data series.csv --last --json",
    "deploy model.rnn --board qemu-m4",
];

#[test]
fn damaged_model_files() {
    let desk = Desk::with_model();
    let good = desk.read("model.rnn");
    let cut = |length: usize| good[..length].to_vec();
    let flipped = |bit: usize| {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let again = "write it anew with `rnn export`";
    let other = "name a file that `rnn export` wrote";
    for (content, part, mend) in [
        (Vec::new(), "0 bytes are too few for a model file", other),
        (cut(1), "1 bytes are too few for a model file", other),
        (cut(good.len() / 2), "it was cut, or something follows it", again),
        (cut(good.len() - 1), "it was cut, or something follows it", again),
        ([&good[..], b"\n"].concat(), "it was cut, or something follows it", again),
        (flipped(8 * good.len() / 2 + 3), "the file is damaged: CRC-32", again),
        (flipped(8 * good.len() - 1), "the file is damaged: CRC-32", again),
        (flipped(0), "this is not a model file", other),
        (series().into_bytes(), "this is not a model file", other),
        (desk.read("runs/tiny/checkpoint.bin"), "this is not a model file", other),
    ] {
        desk.write("model.rnn", &content);
        for arguments in READERS {
            let sentence = desk.refusal(arguments);
            assert!(sentence.starts_with("model.rnn: ") && sentence.contains(part), "{arguments}: {sentence}");
            assert!(sentence.ends_with(mend), "{sentence}");
        }
    }
}

#[test]
fn model_files_that_cannot_be_read() {
    let desk = Desk::with_model();
    std::fs::remove_file(desk.path("model.rnn")).unwrap();
    for arguments in READERS {
        assert_eq!(desk.refusal(arguments), "cannot read model.rnn: no such file or directory");
    }
    std::fs::create_dir(desk.path("model.rnn")).unwrap();
    for arguments in READERS {
        assert_eq!(desk.refusal(arguments), "cannot read model.rnn: is a directory");
    }
}

#[test]
fn series_that_do_not_fit_the_model() {
    let desk = Desk::with_model();
    let good = series();
    let head = |rows: usize| good.lines().take(rows + 1).map(|line| format!("{line}\n")).collect::<String>();
    desk.write("renamed.csv", good.replacen("temperature", "humidity", 1));
    desk.write("untimed.csv", good.replacen("day", "date", 1));
    desk.write("short.csv", head(13));
    desk.write("scarce.csv", head(16));
    desk.write("text.csv", good.replacen("2020-01-03,", "2020-01-03,x", 1));
    let no_column = "renamed.csv has no column \"temperature\"; its columns are \"day\", \"load\", \"humidity\"";
    for (arguments, expected) in [
        ("evaluate model.rnn --data renamed.csv", no_column),
        ("predict model.rnn --data renamed.csv", no_column),
        ("deploy model.rnn --board qemu-m4 --data renamed.csv", no_column),
        ("evaluate model.rnn --data untimed.csv", "untimed.csv has no column \"day\""),
        ("evaluate model.rnn --data none.csv", "cannot read none.csv: no such file or directory"),
        ("predict model.rnn --data text.csv", "text.csv, line 4, column \"load\": "),
        ("predict model.rnn --data short.csv", "short.csv: 13 rows are too few for a forecast: the model looks back 14 samples"),
        ("evaluate model.rnn --data scarce.csv", "scarce.csv: 16 rows are too few to test on: lookback 14 and horizon 3 need 17"),
        ("deploy model.rnn --board qemu-m4 --data short.csv", "13 samples are too few to stream: the model looks back 14"),
        (
            "evaluate model.rnn --data series.csv --train 100",
            "--train: series.csv is the file that the model was trained on, whose training rows are known: leave --train out",
        ),
        ("evaluate model.rnn --data renamed.csv --train 500", no_column),
    ] {
        let sentence = desk.refusal(arguments);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    desk.write("other.csv", head(200));
    let sentence = desk.refusal("evaluate model.rnn --data other.csv --train 200");
    assert!(sentence.starts_with("other.csv: 200 rows are too few to test on"), "{sentence}");
}
