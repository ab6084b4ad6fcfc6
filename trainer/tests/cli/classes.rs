//! Classes on their whole way: trained, exported, inspected, evaluated and told; and what makes no sense of them.

use crate::desk::{Desk, ROWS, series};

const CONFIG: &str = r#"[data]
path = "labeled.csv"
time = "day"
label = "week"
features = ["load", "temperature"]

[window]
lookback = 14
patch = 7

[network]
hidden = [6]

[regularization]
dropout = { output = 0.1 }
zoneout = { cell = 0.25 }
amplitude = 0.1

[training]
loss = "cross-entropy"
epochs = 12
batch = 16
learning_rate = 0.02
"#;

/// The series with a further column: whether the row lies in the first or the second half of its week, which the load's wave tells.
fn labeled() -> String {
    let series = series();
    let mut lines = series.lines();
    let mut text = format!("{},week\n", lines.next().unwrap());
    for (row, line) in lines.enumerate() {
        text += &format!("{line},{}\n", if row % 7 < 4 { "early" } else { "late" });
    }
    text
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("labeled.csv", labeled());
    desk.write("c.toml", CONFIG);
    desk
}

#[test]
fn programs_get_classes_from_each_command() {
    let desk = desk();
    let trained = desk.rnn("train c.toml --json --out run").object();
    assert_eq!(trained["parameters"], 4 * 6 * (14 + 6 + 1) + 2 * (6 + 1));
    // Newest rows 13 to 167, and the 36 of validation.
    assert_eq!((&trained["training_windows"], &trained["classes"]["windows"]), (&155.into(), &36.into()));
    let exported = desk.rnn("export run --json -o m.rnn").object();
    let measured = &exported["certificate"]["measurements"];
    assert!(measured["class_agreement"].as_f64().unwrap() > 0.9, "{measured}");
    let lines = String::from_utf8(desk.read("m.rs")).unwrap();
    assert!(lines.contains("Classes<Dense<6, 2, 1>>") && lines.contains("pub const CLASSES: usize = 2;"), "{lines}");
    let inspected = desk.rnn("inspect m.rnn --json").object();
    assert_eq!((&inspected["classes"], &inspected["label"]), (&serde_json::json!(["early", "late"]), &"week".into()));
    assert_eq!((&inspected["columns"], &inspected["self_test"]), (&serde_json::json!(["load", "temperature"]), &true.into()));

    let evaluated = desk.rnn("evaluate m.rnn --data labeled.csv --json").object();
    let test = &evaluated["test"];
    assert_eq!((&evaluated["held_back"], &test["windows"]), (&true.into(), &36.into()));
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    assert!(number(&test["accuracy"]) > 0.8 && number(&test["majority"]["accuracy"]) < 0.6, "{test}");
    let confusion: Vec<Vec<u64>> = serde_json::from_value(test["confusion"].clone()).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 36);
    assert_eq!((confusion[0][0] + confusion[1][1]) as f64 / 36.0, number(&test["accuracy"]));

    // Labels are not needed to tell classes.
    let told = desk.rnn("predict m.rnn --data series.csv --json").object();
    let windows = told["windows"].as_array().unwrap();
    assert_eq!((windows.len(), &windows[0]["at"]), (ROWS - 13, &"2020-01-14".into()));
    for window in windows {
        let probabilities: Vec<f64> = serde_json::from_value(window["probabilities"].clone()).unwrap();
        let likely = usize::from(probabilities[1] > probabilities[0]);
        assert_eq!(window["class"], told["classes"][likely]);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    }
    desk.rnn("export --repack m.rnn --target cortex-m55 -o rows.rnn").done();
    assert_eq!(desk.rnn("predict rows.rnn --data series.csv --json").object()["windows"], told["windows"]);
    // Interrupted and gone on with, the training is the same.
    desk.rnn("train c.toml --out run --resume").done();
    desk.rnn("export run -o again.rnn").done();
    assert!(desk.read("m.rnn") == desk.read("again.rnn"));
}

#[test]
fn people_get_classes_in_words_and_columns() {
    let desk = desk();
    let trained = desk.rnn("train c.toml").done();
    assert!(trained.contains("on the validation rows:\n") && trained.contains("most common class"), "{trained}");
    let exported = desk.rnn("export runs/c -o m.rnn").done();
    assert!(exported.contains("device logits against f64, RMS: ") && exported.contains("; the same class in "), "{exported}");
    let inspected = desk.rnn("inspect m.rnn").done();
    assert!(inspected.contains("\ntells       week of the newest sample: early, late\n"), "{inspected}");
    assert!(inspected.contains("\nhead        dense, 2 outputs\n"), "{inspected}");
    let evaluated = desk.rnn("evaluate m.rnn --data labeled.csv").done();
    assert!(evaluated.contains("36 windows, each told the class of its newest row\n"), "{evaluated}");
    assert!(evaluated.contains("\nclass of the row before") && evaluated.contains("taken for"), "{evaluated}");
    let last = desk.rnn("predict m.rnn --data series.csv --last").done();
    assert!(last.starts_with("at,class,probability early,probability late\n2020-08-27,"), "{last}");
    assert_eq!(last.lines().count(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    let desk = desk();
    let refused = |name: &str, from: &str, to: &str| {
        desk.write(name, CONFIG.replace(from, to));
        desk.refusal(&format!("train {name} --out none"))
    };
    for (from, to, sentence) in [
        ("label = \"week\"", "label = \"week\"\ntarget = \"load\"", "line 5: data.target and data.label are both given"),
        ("features = [\"load\", \"temperature\"]", "", "data.features names no column, and a window's class is told by them"),
        ("\"temperature\"]", "\"week\"]", "line 4: data.label = \"week\" is what data.features names too: give it one role"),
        (
            "patch = 7",
            "patch = 7\nhorizon = 3",
            "line 10: window.horizon = 3 is of forecasts, and data.label asks for a window's class",
        ),
        ("\"cross-entropy\"", "\"mse\"", "line 20: training.loss is of values, and data.label asks for classes"),
        ("label = \"week\"", "target = \"load\"", "is missing in [window]: add it"),
        ("hidden = [6]", "hidden = [6]\nskip = \"ridge\"", "line 13: network.skip = \"ridge\" continues a series"),
        ("label = \"week\"", "label = \"weak\"", "has no column \"weak\""),
        ("[data]", "preset = \"patch-lstm\"\n[data]", "preset = \"patch-lstm\" is of forecasts, and data.label asks for classes"),
    ] {
        let found = refused("bad.toml", from, to);
        assert!(found.contains(sentence), "{sentence}\n{found}");
    }
    let forecasts = CONFIG
        .replace("label = \"week\"", "target = \"load\"")
        .replace("[\"load\", ", "[")
        .replace("patch = 7", "patch = 7\nhorizon = 2");
    desk.write("bad.toml", &forecasts);
    assert!(
        desk.refusal("train bad.toml")
            .contains("training.loss = \"cross-entropy\" is of classes: name their column with data.label")
    );
    desk.write("bad.toml", forecasts.replace("loss = \"cross-entropy\"", "class_weights = \"balanced\""));
    assert!(desk.refusal("train bad.toml").contains("training.class_weights is of classes, and there are none"));
    let sentence = desk.refusal("compare c.toml --seeds 1");
    assert!(sentence.contains("training.loss = \"cross-entropy\" asks for classes"), "{sentence}");
}

#[test]
fn labels_that_cannot_be_learned_are_refused_by_name() {
    let desk = desk();
    let refused = |csv: String| {
        desk.write("labeled.csv", csv);
        desk.refusal("train c.toml --out none")
    };
    let single = refused(labeled().replace("late", "early"));
    assert!(single.contains("column \"week\": every row is of the class \"early\""), "{single}");
    let rows: Vec<String> = labeled().lines().map(str::to_owned).collect();
    let with = |row: usize, class: &str| {
        let mut rows = rows.clone();
        let (values, _) = rows[row].rsplit_once(',').unwrap();
        rows[row] = format!("{values},{class}");
        rows.join("\n") + "\n"
    };
    let later = refused(with(200, "never"));
    assert!(
        later.contains("no training window is of the class \"never\", which line 201 has: give training more rows"),
        "{later}"
    );
    let early = refused(with(2, "never"));
    assert!(
        early.contains("no training window is of the class \"never\", which line 3 has"),
        "the first window ends later: {early}"
    );
    let empty = refused(with(5, ""));
    assert!(empty.contains("labeled.csv, line 6, column \"week\": the cell is empty: write the row's class"), "{empty}");

    // Of later data.
    desk.write("labeled.csv", labeled());
    desk.rnn("train c.toml").done();
    desk.rnn("export runs/c -o m.rnn").done();
    desk.write("later.csv", with(100, "midday"));
    let unknown = desk.refusal("evaluate m.rnn --data later.csv");
    assert!(
        unknown.contains(
            "later.csv, line 101, column \"week\": \"midday\" is none of the model's classes, \"early\", \"late\": mend the cell"
        ),
        "{unknown}"
    );
    assert!(desk.refusal("evaluate m.rnn --data series.csv").contains("has no column \"week\""));
    for (command, sentence) in [
        (
            "monitor m.rnn --data labeled.csv",
            "m.rnn is a classifier and forecasts nothing: `rnn monitor` watches forecasts' errors",
        ),
        (
            "deploy m.rnn --board qemu-m4 --feed labeled.csv",
            "m.rnn is a classifier and forecasts nothing: the firmware of real boards",
        ),
        ("deploy m.rnn --board rp2040", "m.rnn is a classifier and forecasts nothing: the firmware of real boards"),
        ("bench size m.rnn", "m.rnn is a classifier and forecasts nothing: the real boards' firmware"),
        ("evaluate m.rnn --data labeled.csv --season 7", "--season is of forecasts, and m.rnn is a classifier: leave it out"),
        ("evaluate m.rnn --data labeled.csv --plot p.svg", "--plot is of forecasts, and m.rnn is a classifier: leave it out"),
    ] {
        let found = desk.refusal(command);
        assert!(found.contains(sentence), "{command}: {found}");
    }
}

/// Windows of classes are measured by the same normalizations as those of forecasts; the first season of a window only serves for that.
#[test]
fn windows_of_every_normalization_are_told() {
    for (normalization, lookback, season) in [("mean", 14, 0), ("scaled", 14, 0), ("seasonal", 21, 7)] {
        let desk = desk();
        let window = format!("lookback = {lookback}\npatch = 7\nnormalization = \"{normalization}\"\n");
        let data = if season > 0 { format!("label = \"week\"\nseason = {season}\n") } else { "label = \"week\"\n".to_owned() };
        let config = CONFIG
            .replace("amplitude = 0.1\n", "")
            .replace("lookback = 14\npatch = 7\n", &window)
            .replace("label = \"week\"\n", &data);
        desk.write("c.toml", config);
        let trained = desk.rnn("train c.toml --json --out run").object();
        assert_eq!(trained["classes"]["windows"], 36, "{normalization}");
        desk.rnn("export run --json -o m.rnn").object();
        let told = &desk.rnn("evaluate m.rnn --data labeled.csv --json").object()["test"];
        assert_eq!(told["windows"], 36, "{normalization}: {told}");
        assert_eq!(desk.rnn("predict m.rnn --data labeled.csv --last").done().lines().count(), 2, "{normalization}");
    }
}
