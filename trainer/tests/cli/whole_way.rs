//! Right input: from a CSV to forecasts, for people and for programs.

use serde_json::Value;

use crate::desk::{CONFIG, Desk, HORIZON, LOOKBACK, ROWS};

/// Asserts that an object has exactly these keys, in any order.
fn assert_keys(object: &Value, expected: &[&str]) {
    let mut found: Vec<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn programs_get_one_object_from_each_command() {
    let desk = Desk::new();
    let trained = desk.rnn("train tiny.toml --json --out run").object();
    assert_keys(
        &trained,
        &["run", "epochs", "best_epoch", "validation_loss", "parameters", "training_windows", "validation_windows", "seconds"],
    );
    assert_eq!((&trained["run"], &trained["epochs"]), (&"run".into(), &3.into()));
    // W, U, b of 6 units reading 14 inputs, V and d of 3 outputs.
    assert_eq!(trained["parameters"], 4 * 6 * (14 + 6 + 1) + 3 * (6 + 1));
    assert_eq!(trained["training_windows"], 168 - LOOKBACK - HORIZON + 1);

    for (format, rms) in [("int8", 0.05), ("int8-cell16", 0.05), ("f32", 1e-5)] {
        let exported = desk.rnn(&format!("export run --json --format {format} --output {format}.rnn")).object();
        assert_keys(
            &exported,
            &["model", "snippet", "certificate_file", "static_fold", "target", "arithmetic", "layout", "budget", "certificate"],
        );
        assert_eq!(exported["arithmetic"], format);
        let budget = &exported["budget"];
        assert_keys(budget, &["flash_bytes", "history_bytes", "state_bytes", "ram_bytes", "macs_per_step", "steps", "macs"]);
        assert_eq!(budget["flash_bytes"], desk.read(&format!("{format}.rnn")).len());
        assert_eq!(budget["macs"], 2 * 4 * 6 * (14 + 6) + 6 * 3);
        let measured = &exported["certificate"]["measurements"];
        assert!(number(&measured["forecast_agreement_rms"]) < rms, "{format}: {measured}");
        assert!(desk.path(format!("{format}.rs")).exists());

        let inspected = desk.rnn(&format!("inspect {format}.rnn --json")).object();
        for key in [
            "model",
            "crc32",
            "layout",
            "columns",
            "targets",
            "unit",
            "interval",
            "lookback",
            "patch",
            "horizon",
            "transform",
            "normalization",
            "scaling",
            "trainer",
            "seed",
            "data_sha256",
            "training_rows",
            "validation_rows",
            "test_rows",
            "certificate_sha256",
        ] {
            assert!(!inspected[key].is_null(), "{key} is missing in {inspected}");
        }
        assert_eq!((&inspected["arithmetic"], &inspected["self_test"]), (&format.into(), &true.into()));
        assert_eq!(inspected["layers"][0]["cell"], "lstm");
        assert_eq!((&inspected["budget"], &inspected["certificate"]), (budget, &exported["certificate"]));

        let evaluated = desk.rnn(&format!("evaluate {format}.rnn --data series.csv --json")).object();
        assert_keys(&evaluated, &["model", "data", "arithmetic", "unit", "held_back", "test", "baselines", "clamped_inputs"]);
        assert_eq!((&evaluated["held_back"], &evaluated["test"]["windows"]), (&true.into(), &(36 - HORIZON + 1).into()));
        assert_keys(&evaluated["baselines"], &["naive", "seasonal_naive", "drift", "nlinear", "ridge"]);
        for errors in [&evaluated["test"], &evaluated["baselines"]["ridge"]] {
            assert!(number(&errors["mae"]) > 0.0 && number(&errors["rmse"]) >= number(&errors["mae"]), "{errors}");
            assert!(number(&errors["normalized"]["mse"]) > 0.0);
            assert_eq!(errors["targets"][0]["by_horizon"].as_array().map(Vec::len), Some(HORIZON));
        }

        let predicted = desk.rnn(&format!("predict {format}.rnn --data series.csv --json")).object();
        assert_keys(&predicted, &["targets", "horizon", "unit", "clamped_inputs", "forecasts"]);
        let forecasts = predicted["forecasts"].as_array().unwrap();
        assert_eq!(forecasts.len(), ROWS - LOOKBACK + 1);
        let last = desk.rnn(&format!("predict {format}.rnn --data series.csv --last --json")).object();
        assert_eq!(last["forecasts"].as_array().map(Vec::len), Some(1));
        assert_eq!(last["forecasts"][0]["values"], forecasts.last().unwrap()["values"]);
        assert_eq!(last["forecasts"][0]["times"], serde_json::json!(["2020-08-28", "2020-08-29", "2020-08-30"]));
    }
}

/// The order of weights follows the core and changes no forecast; a file becomes the other and back, byte for byte.
#[test]
fn models_are_packed_for_their_core() {
    let desk = Desk::new();
    desk.rnn("train tiny.toml --out run").done();
    for (format, type_of_number) in [("int8", "Int8<RowMajor>"), ("int8-cell16", "Int8<RowMajor, Cell16>")] {
        desk.rnn(&format!("export run --format {format} -o m4.rnn")).done();
        desk.rnn(&format!("export run --format {format} --target cortex-m55 -o m55.rnn")).done();
        let repacked = desk.rnn("export --repack m4.rnn --target cortex-m55 -o again.rnn --json").object();
        assert_eq!((&repacked["layout"], &repacked["arithmetic"]), (&"row-major".into(), &format.into()));
        assert_eq!(repacked["certificate_file"], "again.certificate.json");
        assert!(desk.read("again.rnn") == desk.read("m55.rnn"));
        desk.rnn("export --repack again.rnn --target cortex-m0 -o back.rnn").done();
        assert!(desk.read("back.rnn") == desk.read("m4.rnn"));
        let inspected = desk.rnn("inspect again.rnn --json").object();
        assert_eq!((&inspected["layout"], &inspected["self_test"]), (&"row-major".into(), &true.into()));
        assert!(!inspected["certificate"].is_null(), "{inspected}");
        assert!(String::from_utf8(desk.read("again.rs")).unwrap().contains(&format!("Model<'m, {type_of_number}, ")));
        let forecasts =
            |model: &str| desk.rnn(&format!("predict {model} --data series.csv --json")).object()["forecasts"].clone();
        assert_eq!(forecasts("m4.rnn"), forecasts("again.rnn"));
    }
}

#[test]
fn people_get_words_and_tables() {
    let desk = Desk::new();
    let trained = desk.rnn("train tiny.toml").done();
    assert!(trained.starts_with("trained 525 parameters on 152 windows for 3 epochs in "), "{trained}");
    assert!(trained.ends_with("\nnext: rnn export runs/tiny --output model.rnn\n"), "{trained}");
    let metrics = String::from_utf8(desk.read("runs/tiny/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 4, "{metrics}");

    let exported = desk.rnn("export runs/tiny -o model.rnn").done();
    for part in ["target scale", "device forecasts against f64", "bytes of flash", "written: model.rnn, model.rs, model.cert"] {
        assert!(exported.contains(part), "{part} is missing in\n{exported}");
    }

    assert!(exported.contains("% rounded to nearest)"), "{exported}");
    let nearest = desk.rnn("export runs/tiny --rounding nearest -o nearest.rnn --json").object();
    assert_eq!(nearest["certificate"]["measurements"]["rounding"], "nearest");
    assert!(desk.read("nearest.rnn") != desk.read("model.rnn"));
    let compensated: serde_json::Value = serde_json::from_slice(&desk.read("model.certificate.json")).unwrap();
    let measured = &compensated["measurements"];
    assert_eq!(measured["rounding"], "compensated");
    assert_eq!(measured["nearest"]["hidden_rmse"], nearest["certificate"]["measurements"]["hidden_rmse"]);

    let inspected = desk.rnn("inspect model.rnn").done();
    for line in [
        "forecasts   load [kW], 3 samples ahead",
        "reads       load, temperature; the last 14 samples, 7 a step",
        "interval    1 day",
        "transform   none",
        "layer 1     lstm, 14 inputs, 6 units, zoneout on c",
        "rows        168 training, 36 validation, 36 test",
        "self-test   passed",
    ] {
        assert!(inspected.lines().any(|found| found == line), "{line} is missing in\n{inspected}");
    }
    assert!(inspected.contains("folded for integer arithmetic"), "{inspected}");
    std::fs::remove_file(desk.path("model.certificate.json")).unwrap();
    let without = desk.rnn("inspect model.rnn").done();
    assert!(without.contains("is not beside it in model.certificate.json"), "{without}");

    let evaluated = desk.rnn("evaluate model.rnn --data series.csv").done();
    let names: Vec<&str> = evaluated.lines().skip(3).map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(names, ["this model", "naive", "seasonal naive", "drift", "nlinear", "ridge"], "{evaluated}");
    assert!(evaluated.contains("MAE [kW]") && evaluated.contains("held back from training"), "{evaluated}");
}

#[test]
fn forecasts_come_as_csv() {
    let desk = Desk::with_model();
    let rows = |arguments: &str| {
        let text = desk.rnn(arguments).done();
        assert!(text.ends_with('\n') && !text.ends_with("\n\n") && !text.contains('\r'), "{text:?}");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect::<Vec<Vec<String>>>()
    };
    let all = rows("predict model.rnn --data series.csv");
    assert_eq!(all[0], ["after", "load+1", "load+2", "load+3"]);
    assert_eq!(all.len(), 1 + ROWS - LOOKBACK + 1);
    assert_eq!((all[1][0].as_str(), all.last().unwrap()[0].as_str()), ("2020-01-14", "2020-08-27"));
    let last = rows("predict model.rnn --data series.csv --last");
    assert_eq!(last[0], ["time", "load"]);
    let stamps: Vec<&String> = last[1..].iter().map(|row| &row[0]).collect();
    assert_eq!(stamps, ["2020-08-28", "2020-08-29", "2020-08-30"]);
    let values: Vec<&String> = last[1..].iter().map(|row| &row[1]).collect();
    assert_eq!(values, all.last().unwrap()[1..].iter().collect::<Vec<_>>());
    // Text and JSON are the same numbers, to the bit.
    let json = desk.rnn("predict model.rnn --data series.csv --last --json").object();
    let exact = json["forecasts"][0]["values"][0].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32);
    assert!(values.iter().map(|value| value.parse::<f32>().unwrap()).eq(exact), "{json}");
}

#[test]
fn a_series_without_time_or_unit_needs_neither() {
    let desk = Desk::new();
    desk.write("plain.toml", CONFIG.replace("time = \"day\"\n", "").replace("unit = \"kW\"\n", ""));
    desk.rnn("train plain.toml").done();
    desk.rnn("export runs/plain -o plain.rnn").done();
    let inspected = desk.rnn("inspect plain.rnn").done();
    assert!(inspected.contains("forecasts   load, 3 samples ahead\n"), "{inspected}");
    assert!(inspected.contains("interval    not known\n"), "{inspected}");
    let last = desk.rnn("predict plain.rnn --data series.csv --last").done();
    let steps: Vec<&str> = last.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(steps, ["time", "+1", "+2", "+3"]);
    let all = desk.rnn("predict plain.rnn --data series.csv").done();
    assert!(all.lines().nth(1).unwrap().starts_with("line 15,"), "{all}");
}

#[test]
fn another_series_is_evaluated_whole_and_baselines_get_rows_on_request() {
    let desk = Desk::with_model();
    let text = crate::desk::series();
    // The last two thirds, as if they came from another sensor.
    let (header, rows) = text.split_once('\n').unwrap();
    desk.write("other.csv", format!("{header}\n{}\n", rows.lines().skip(80).collect::<Vec<_>>().join("\n")));
    let evaluated = desk.rnn("evaluate model.rnn --data other.csv --json").object();
    assert_eq!((&evaluated["held_back"], &evaluated["baselines"]["ridge"]), (&false.into(), &Value::Null));
    assert_eq!(evaluated["test"]["windows"], 160 - LOOKBACK - HORIZON + 1);
    let fitted = desk.rnn("evaluate model.rnn --data other.csv --train 100 --json").object();
    assert!(number(&fitted["baselines"]["ridge"]["mae"]) > 0.0);
    assert_eq!(fitted["test"]["windows"], 60 - HORIZON + 1);
    let seasonal = desk.rnn("evaluate model.rnn --data other.csv --season 7 --json").object();
    assert!(number(&seasonal["baselines"]["seasonal_naive"]["mae"]) < number(&seasonal["baselines"]["naive"]["mae"]));
    let few = desk.rnn("evaluate model.rnn --data other.csv --train 10");
    assert!(few.stderr.contains("warning: --train leaves too few rows for the baseline \"ridge\""), "{few:?}");
    few.done();
}

#[test]
fn what_speaks_against_a_model_is_said_in_plain_words() {
    let desk = Desk::with_model();
    // Three epochs do not learn a week's rhythm; the seasonal naive forecast knows it.
    let evaluated = desk.rnn("evaluate model.rnn --data series.csv");
    let warning =
        "warning: the baseline \"seasonal naive\" beats the model in MAE and in RMSE: this model is not worth its flash\n";
    assert!(evaluated.stderr.contains(warning), "{evaluated:?}");
    evaluated.done();
    // A sensor that reads ten times as much as ever.
    desk.write("wild.csv", crate::desk::series().replace(",1", ",91"));
    let predicted = desk.rnn("predict model.rnn --data wild.csv --json");
    assert!(predicted.stderr.starts_with("warning: inputs lay beyond what the model was trained for"), "{predicted:?}");
    assert!(number(&predicted.object()["clamped_inputs"]) > 0.0);
}

#[test]
fn the_same_seed_gives_the_same_file_and_another_seed_another() {
    let desk = Desk::new();
    let mut models = Vec::new();
    for (run, flags) in [("a", ""), ("b", ""), ("c", "--seed 0"), ("d", "--seed 1")] {
        desk.rnn(&format!("train tiny.toml --out {run} {flags}")).done();
        for format in ["int8", "f32"] {
            desk.rnn(&format!("export {run} --format {format} -o model.rnn")).done();
            models.push(desk.read("model.rnn"));
        }
    }
    for format in 0..2 {
        assert!(models[format] == models[2 + format], "trained twice");
        assert!(models[format] == models[4 + format], "the configuration's seed, on the command line");
        assert!(models[format] != models[6 + format], "another seed");
    }
    // Nor does it matter where the files lie.
    let elsewhere = Desk::new();
    elsewhere.rnn("train tiny.toml").done();
    elsewhere.rnn("export runs/tiny -o model.rnn").done();
    assert!(models[0] == elsewhere.read("model.rnn"), "another folder");
}

#[test]
fn a_run_is_replaced_only_on_request() {
    let desk = Desk::new();
    desk.rnn("train tiny.toml --out run --seed 1").done();
    let first = desk.read("run/checkpoint.bin");
    let sentence = desk.refusal("train tiny.toml --out run");
    assert!(sentence.contains("holds a training already: continue it with --resume, replace it with --overwrite"), "{sentence}");
    desk.rnn("train tiny.toml --out run --overwrite").done();
    assert!(first != desk.read("run/checkpoint.bin"));
    // A finished training goes on to its own end.
    let resumed = desk.rnn("train tiny.toml --out run --resume --json").object();
    assert_eq!(resumed["epochs"], 3);
}
