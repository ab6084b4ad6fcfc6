//! Wrong input to `train` and `export`: exit code 2, one sentence with place and mend, nothing written.

use crate::desk::{CONFIG, Desk, series};

/// The refusal of `train` with `from` replaced by `to` in the configuration.
fn with_config(desk: &Desk, from: &str, to: &str) -> String {
    assert!(CONFIG.contains(from), "{from}");
    desk.write("tiny.toml", CONFIG.replacen(from, to, 1));
    desk.refusal("train tiny.toml")
}

/// The refusal of `train` on another CSV, without the path before the file's name.
fn with_series(desk: &Desk, content: impl AsRef<[u8]>) -> String {
    desk.write("series.csv", content);
    let sentence = desk.refusal("train tiny.toml");
    let path = desk.path("series.csv").canonicalize().unwrap();
    sentence
        .replace(&path.display().to_string(), "series.csv")
        .replace(&desk.path("series.csv").display().to_string(), "series.csv")
}

#[test]
fn configurations() {
    let desk = Desk::new();
    assert_eq!(desk.refusal("train none.toml"), "cannot read none.toml: no such file or directory");
    assert_eq!(desk.refusal("train ."), "cannot read .: is a directory");
    for (from, to, expected) in [
        ("lookback = 14", "lookbak = 14", "tiny.toml, line 9: unknown key `lookbak` in [window]: did you mean `lookback`?"),
        (
            "output = 0.1",
            "output = 1.0",
            "tiny.toml, line 17: regularization.dropout.output = 1 drops everything: use less than 1",
        ),
        (
            "cell = 0.25",
            "cell = 1.0",
            "tiny.toml, line 18: regularization.zoneout.cell = 1 never updates the state: use less than 1",
        ),
        (
            "zoneout = { cell = 0.25 }",
            "average = 0.9\nswa = { from = 0.5 }",
            "tiny.toml, line 19: regularization.swa.from = 0.5 and regularization.average = 0.9 are two averages of the same weights",
        ),
        (
            "zoneout = { cell = 0.25 }",
            "swa = { from = 3 }",
            "tiny.toml, line 18: regularization.swa.from = 3 is no share of the epochs: use 0 (off) or more, and less than 1",
        ),
        (
            "zoneout = { cell = 0.25 }",
            "swa = { every = \"batch\" }",
            "tiny.toml, line 18: regularization.swa.every = \"batch\" is not one of its choices: use one of \"epoch\", \"step\"",
        ),
        (
            "zoneout = { cell = 0.25 }",
            "max_norm = nan",
            "tiny.toml, line 18: regularization.max_norm = NaN is out of range: use 0 (off) or a positive number",
        ),
        (
            "zoneout = { cell = 0.25 }",
            "max_norm = 2.0\nlayer_norm = { form = \"joint\" }",
            "tiny.toml, line 18: regularization.max_norm = 2 bounds the size of weights, and regularization.layer_norm.form divides",
        ),
        (
            "zoneout = { cell = 0.25 }",
            "activation = { norm = -1.0 }",
            "tiny.toml, line 18: regularization.activation.norm = -1 is out of range: use 0 (off) or a positive number",
        ),
        (
            "horizon = 3",
            "horizon = -3",
            "tiny.toml, line 11: window.horizon = -3 is of the wrong kind: it must be a whole number, 0 or more",
        ),
        ("patch = 7", "patch = 0", "tiny.toml, line 10: window.patch = 0 is too small: use at least 1"),
        ("hidden = [6]", "hidden = [6, 0]", "tiny.toml, line 14: network.hidden holds 0: a layer has 1 to 512 units"),
        (
            "patch = 7",
            "patch = 5",
            "tiny.toml, line 10: window.patch = 5 does not divide window.lookback = 14: choose a divisor of it",
        ),
        ("epochs = 3", "epochs = \"many\"", "tiny.toml, line 21: training.epochs = \"many\" is of the wrong kind"),
        ("[network]", "[network", "tiny.toml, line 13: not valid TOML: "),
        ("[network]\nhidden = [6]\n", "", "tiny.toml: the table [network] is missing: add it"),
    ] {
        let sentence = with_config(&desk, from, to);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[test]
fn series_files() {
    let desk = Desk::new();
    let good = series();
    let replaced = |line: usize, with: &str| {
        let lines = good.lines().enumerate().map(|(index, text)| if index + 1 == line { with } else { text });
        lines.collect::<Vec<_>>().join("\n")
    };
    for (content, expected) in [
        (
            good.replacen("load", "lode", 1),
            "series.csv has no column \"load\"; its columns are \"day\", \"lode\", \"temperature\": did you mean \"lode\"?",
        ),
        (replaced(5, "2020-01-04,high,5.0"), "series.csv, line 5, column \"load\": \"high\" is not a number: write a number"),
        (replaced(5, "2020-01-04,,5.0"), "series.csv, line 5, column \"load\": the cell is empty"),
        (
            replaced(5, "2020-01-06,10.0,5.0"),
            "series.csv, line 5: from 2020-01-03 to 2020-01-06 2 samples are missing (the interval is 1 day): fill them in",
        ),
        (
            good.lines().take(20).collect::<Vec<_>>().join("\n"),
            "series.csv: of 19 rows the split leaves 13 for training and lookback 14 and horizon 3 need 17",
        ),
        (String::new(), "series.csv is empty: it needs a header line and one row a sample"),
    ] {
        let sentence = with_series(&desk, content);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    let constant = with_series(&desk, good.lines().map(constant_load).collect::<String>());
    assert!(constant.starts_with("series.csv") && constant.contains("\"load\"") && constant.contains("constant"), "{constant}");
    let binary = with_series(&desk, b"day,load,temperature\n2020-01-01,\xff,1\n");
    assert_eq!(binary, "series.csv, line 2: not UTF-8 text: save the file as UTF-8");

    std::fs::remove_file(desk.path("series.csv")).unwrap();
    let missing = desk.refusal("train tiny.toml");
    assert!(missing.starts_with("cannot read ") && missing.ends_with("series.csv: no such file or directory"), "{missing}");
    std::fs::create_dir(desk.path("series.csv")).unwrap();
    let folder = desk.refusal("train tiny.toml");
    assert!(folder.ends_with("series.csv: is a directory"), "{folder}");
}

fn constant_load(line: &str) -> String {
    match line.split(',').collect::<Vec<_>>()[..] {
        [day, load, temperature] if load != "load" => format!("{day},7.0,{temperature}\n"),
        _ => format!("{line}\n"),
    }
}

#[test]
fn run_folders() {
    let desk = Desk::new();
    // Below a file there is no folder to make, whoever asks for it.
    let sentence = desk.refusal("train tiny.toml --out series.csv/run");
    assert_eq!(sentence, "cannot create the folder series.csv/run: not a directory");
    let sentence = desk.refusal("train tiny.toml --out series.csv");
    assert_eq!(sentence, "cannot create the folder series.csv: file exists");
    let sentence = desk.refusal("train tiny.toml --resume --out nowhere");
    assert_eq!(sentence, "nowhere is not a run folder: it holds no config.toml; name a folder that `rnn train` made");

    // The user's own configuration is not the run's.
    std::fs::create_dir(desk.path("mine")).unwrap();
    desk.write("mine/config.toml", CONFIG.replace("series.csv", "../series.csv"));
    let sentence = desk.refusal("train mine/config.toml --out mine");
    assert!(sentence.starts_with("--out mine: the run's config.toml would replace mine/config.toml itself"), "{sentence}");

    // A folder stands where a file of the run belongs.
    std::fs::create_dir_all(desk.path("odd/config.toml")).unwrap();
    let sentence = desk.refusal("train tiny.toml --out odd");
    assert!(sentence.starts_with("cannot write odd/config.toml: "), "{sentence}");
}

#[test]
fn another_configuration_is_not_resumed() {
    let desk = Desk::new();
    desk.rnn("train tiny.toml").done();
    for (from, to) in [("epochs = 3", "epochs = 4"), ("cell = 0.25", "cell = 0.5"), ("hidden = [6]", "hidden = [7]")] {
        desk.write("tiny.toml", CONFIG.replace(from, to));
        let sentence = desk.refusal("train tiny.toml --resume");
        assert!(sentence.contains("checkpoint.bin belongs to another configuration or to other data"), "{sentence}");
    }
    desk.write("tiny.toml", CONFIG);
    assert!(desk.refusal("train tiny.toml --resume --seed 1").contains("belongs to another configuration or to other data"));
    desk.write("series.csv", series().replacen("5.", "6.", 1));
    assert!(desk.refusal("train tiny.toml --resume").contains("belongs to another configuration or to other data"));
    assert!(desk.refusal("export runs/tiny -o model.rnn").contains("belongs to another configuration or to other data"));
}

#[test]
fn checkpoints() {
    let desk = Desk::new();
    desk.rnn("train tiny.toml").done();
    let good = desk.read("runs/tiny/checkpoint.bin");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    for damaged in [&good[..good.len() - 1], &flipped, b"", b"day,load\n"] {
        desk.write("runs/tiny/checkpoint.bin", damaged);
        for arguments in ["train tiny.toml --resume", "export runs/tiny -o model.rnn"] {
            let sentence = desk.refusal(arguments);
            assert!(sentence.contains("runs/tiny/checkpoint.bin is ") && sentence.contains("train again"), "{sentence}");
        }
    }
    std::fs::remove_file(desk.path("runs/tiny/checkpoint.bin")).unwrap();
    let sentence = desk.refusal("export runs/tiny -o model.rnn");
    assert!(sentence.starts_with("runs/tiny holds no checkpoint"), "{sentence}");
}

#[test]
fn places_of_exports() {
    let desk = Desk::new();
    desk.rnn("train tiny.toml").done();
    std::fs::create_dir(desk.path("folder.rnn")).unwrap();
    std::fs::create_dir(desk.path("taken.rs")).unwrap();
    for (arguments, expected) in [
        ("export . -o model.rnn", ". is not a run folder: it holds no config.toml; name a folder that `rnn train` made"),
        ("export runs/none -o model.rnn", "runs/none is not a run folder"),
        ("export tiny.toml -o model.rnn", "tiny.toml is not a run folder"),
        ("export runs/tiny --format f32 --rounding nearest -o model.rnn", "--rounding says how weights become int8"),
        (
            "export runs/tiny -o none/model.rnn",
            "cannot write none/model.rnn: there is no folder none; create it, or name another",
        ),
        ("export runs/tiny -o series.csv/model.rnn", "cannot write series.csv/model.rnn: there is no folder series.csv"),
        ("export runs/tiny -o folder.rnn", "cannot write folder.rnn: it is a folder; name a file"),
        ("export runs/tiny -o taken.rnn", "cannot write taken.rs: it is a folder; name a file"),
        ("export runs/tiny -o model.rnn/", "cannot write model.rnn/: it is a folder; name a file"),
        ("export runs/tiny -o ..", "--output .. names no file"),
        (
            "export runs/tiny -o model.rs",
            "--output model.rs: the type's Rust lines go into a file of that name: call the model model.rnn",
        ),
    ] {
        let sentence = desk.refusal(arguments);
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[test]
fn flags() {
    let desk = Desk::new();
    for (arguments, part) in [
        ("train", "<CONFIG>"),
        ("train tiny.toml --sed 3", "--seed"),
        ("train tiny.toml --seed -1", "-1"),
        ("train tiny.toml --seed 9223372036854775808", "9223372036854775808"),
        ("train tiny.toml --resume --overwrite", "--overwrite"),
        ("export runs/tiny", "--output <FILE>"),
        ("export runs/tiny -o m.rnn --format int4", "int8, int8-cell16, f32"),
        ("export runs/tiny -o m.rnn --target z80", "cortex-m4"),
        ("export -o m.rnn", "<RUN>"),
        ("export runs/tiny --repack a.rnn -o m.rnn", "--repack"),
        ("export --repack a.rnn --format f32 -o m.rnn", "--repack"),
        ("evaluate m.rnn", "--data <CSV>"),
        ("evaluate m.rnn --data series.csv --season 0", "--season <N>"),
        ("evaluate m.rnn --data series.csv --train 0", "--train <N>"),
        ("demo --seeds 0", "--seeds <N>"),
        ("tarin tiny.toml", "train"),
    ] {
        let before = desk.content();
        let answer = desk.rnn(arguments);
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""), "{answer:?}");
        assert!(answer.stderr.starts_with("error: ") && answer.stderr.contains(part), "{answer:?}");
        assert!(before == desk.content(), "{arguments}");
    }
}
