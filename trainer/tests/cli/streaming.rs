//! A stream on its whole way: trained with carried state, exported with its warm-up, evaluated and forecast as a stream; and what has no
//! streams says so.

use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use serde_json::Value;

use crate::desk::{CONFIG, Desk, HORIZON, ROWS, series};

fn config() -> String {
    CONFIG
        .replace("[window]", "[window]\nmode = \"streaming\"")
        .replace("batch = 32", "batch = 3")
        .replace("epochs = 3", "epochs = 8")
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("s.toml", config());
    desk
}

/// Raw samples of some rows, `[n][2]`.
fn samples(rows: std::ops::Range<usize>) -> Vec<f32> {
    let text = series();
    let value = |line: &str| line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect::<Vec<f32>>();
    text.lines().skip(1).skip(rows.start).take(rows.len()).flat_map(value).collect()
}

#[test]
fn each_command_takes_the_stream() {
    let desk = desk();
    let trained = desk.rnn("train s.toml --json --out run").object();
    // 168 rows: 10 segments of 14 that may begin anywhere, for each of 7 samples of a step, in threes.
    assert_eq!((&trained["training_windows"], &trained["validation_windows"]), (&69.into(), &(36 - HORIZON + 1).into()));
    let exported = desk.rnn("export run --json -o m.rnn").object();
    let warm_up = &exported["warm_up"];
    let steps = warm_up["steps"].as_u64().unwrap() as usize;
    assert!((1..=8).contains(&steps) && warm_up["samples"] == 7 * steps && warm_up["tried"] == 8, "{warm_up}");
    let budget = &exported["budget"];
    assert_eq!((&budget["steps"], &budget["macs"]), (&1.into(), &(4 * 6 * (14 + 6) + 6 * 3).into()));
    let lines = String::from_utf8(desk.read("m.rs")).unwrap();
    assert!(lines.contains("FEATURES, LOOKBACK, PATCH, 0, Streaming>;") && lines.contains("Streaming"), "{lines}");

    let inspected = desk.rnn("inspect m.rnn --json").object();
    assert_eq!((&inspected["mode"], &inspected["warmup_steps"]), (&"streaming".into(), &warm_up["steps"]));
    assert_eq!(inspected["self_test"], true);
    let spoken = desk.rnn("inspect m.rnn").done();
    assert!(spoken.contains("\nmode        streaming: the state is kept; warm after "), "{spoken}");
    let evaluated = desk.rnn("evaluate m.rnn --data series.csv --json").object();
    assert_eq!(evaluated["test"]["windows"], 36 - HORIZON + 1);

    // Every forecast is of the stream from the file's first row on whose steps end there.
    let forecasts = desk.rnn("predict m.rnn --data series.csv --json").object()["forecasts"].clone();
    let forecasts = forecasts.as_array().unwrap();
    assert_eq!(forecasts.len(), ROWS - 7 * steps + 1);
    let bytes = ModelBytes::new(&desk.read("m.rnn"));
    let mut device = DeviceModel::bind(bytes.as_slice()).unwrap();
    for forecast in forecasts {
        let seen = forecast["seen"].as_u64().unwrap() as usize;
        let expected = device.forecast(&samples(seen % 7..seen)).unwrap();
        let said: Vec<f32> = forecast["values"][0].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
        assert_eq!(said, expected, "after {seen} rows");
    }
    let last = desk.rnn("predict m.rnn --data series.csv --last --json").object()["forecasts"][0].clone();
    assert_eq!(last["values"], forecasts[forecasts.len() - 1]["values"]);

    // A core's order of weights changes nothing.
    desk.rnn("export --repack m.rnn --target cortex-m55 -o rows.rnn").done();
    let again = desk.rnn("predict rows.rnn --data series.csv --json").object()["forecasts"].clone();
    assert_eq!(again.as_array().unwrap(), forecasts);
}

#[test]
fn one_seed_gives_one_file_however_it_is_trained() {
    let desk = desk();
    for (run, how) in [("one", ""), ("other", "--threads 3")] {
        desk.rnn(&format!("train s.toml --out {run} {how}")).done();
        desk.rnn(&format!("export {run} -o {run}.rnn")).done();
    }
    assert_eq!(desk.read("one.rnn"), desk.read("other.rnn"));
    desk.rnn("train s.toml --out third --seed 5").done();
    desk.rnn("export third --format f32 -o third.rnn").done();
    assert_ne!(desk.read("one.rnn"), desk.read("third.rnn"));
}

#[test]
fn quantiles_and_amplitude_work_in_streams() {
    let desk = desk();
    let augmented = config().replace("[training]", "[training]\nloss = \"pinball\"\nquantiles = [0.1, 0.5, 0.9]");
    desk.write("q.toml", augmented.replace("[regularization]", "[regularization]\namplitude = 0.2"));
    desk.rnn("train q.toml --out run").done();
    let exported = desk.rnn("export run --json -o m.rnn").object();
    assert!(exported["intervals"]["after"]["pairs"][0]["coverage"].as_f64().unwrap() > 0.79, "{exported}");
    let evaluated = desk.rnn("evaluate m.rnn --data series.csv --json").object();
    assert_eq!(evaluated["validation_intervals"], exported["intervals"]);
    let last: Value = desk.rnn("predict m.rnn --data series.csv --last --json").object()["forecasts"][0].clone();
    assert_eq!(last["intervals"][0]["coverage"], 0.8);
}

#[test]
fn what_needs_windows_says_so() {
    let desk = desk();
    desk.rnn("train s.toml --out run").done();
    desk.rnn("export run -o m.rnn").done();
    for command in ["monitor m.rnn --data series.csv", "deploy m.rnn --board qemu-m4"] {
        let sentence = desk.refusal(command);
        assert!(
            sentence.starts_with("m.rnn: the model forecasts from a stream, and ") && sentence.contains("window.mode"),
            "{sentence}"
        );
    }
    assert!(desk.refusal("compare s.toml").contains("forecast from windows"));
    desk.write("skip.toml", config().replace("[network]", "[network]\nskip = \"ridge\""));
    assert!(desk.refusal("train skip.toml").contains("network.skip is a function of a window, which a stream does not have"));
    desk.write("many.toml", config().replace("batch = 3", "batch = 300"));
    let many = desk.refusal("train many.toml");
    assert!(
        many.contains("training.batch = 300 asks for as many streams side by side") && many.contains("use at most 70"),
        "{many}"
    );
    desk.write("preset.toml", format!("preset = \"patch-lstm\"\n{}", config()));
    assert!(desk.refusal("train preset.toml").contains("has no preset"));
}
