//! Quantiles on their whole way: trained, exported, inspected, evaluated, drawn, and forecast with the ends of their intervals.

use serde_json::Value;

use crate::desk::{CONFIG, Desk, HORIZON, ROWS};

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("q.toml", format!("{CONFIG}loss = \"pinball\"\nquantiles = [0.1, 0.5, 0.9]\n"));
    desk
}

#[test]
fn programs_get_intervals_from_each_command() {
    let desk = desk();
    let trained = desk.rnn("train q.toml --json --out run").object();
    assert_eq!(trained["parameters"], 4 * 6 * (14 + 6 + 1) + 9 * (6 + 1));
    let exported = desk.rnn("export run --json -o m.rnn").object();
    for intervals in [&trained["intervals"], &exported["intervals"]] {
        assert_eq!(intervals["windows"], 36 - HORIZON + 1);
        for stage in ["before", "after"] {
            let pair = &intervals[stage]["pairs"][0];
            assert_eq!((&pair["lower"], &pair["upper"]), (&0.1.into(), &0.9.into()));
            assert_eq!(pair["by_horizon"].as_array().map(Vec::len), Some(HORIZON));
            assert!(intervals[stage]["pinball"].as_f64().unwrap() > 0.0);
        }
        // Of 34 windows the 28th decides, and may be rounded out.
        assert!(intervals["after"]["pairs"][0]["coverage"].as_f64().unwrap() > 0.79, "{intervals}");
    }
    let lines = String::from_utf8(desk.read("m.rs")).unwrap();
    assert!(lines.contains("Quantiles<Dense<6, 1, 3>, 3>") && lines.contains("pub const QUANTILES: [f32; 3] = [0.1, 0.5, 0.9];"));
    let inspected = desk.rnn("inspect m.rnn --json").object();
    assert_eq!((&inspected["quantiles"], &inspected["self_test"]), (&serde_json::json!([0.1, 0.5, 0.9]), &true.into()));
    assert_eq!(inspected["widening"].as_array().map(Vec::len), Some(HORIZON));

    let evaluated = desk.rnn("evaluate m.rnn --data series.csv --plot f.svg --json").object();
    assert_eq!(evaluated["intervals"]["windows"], evaluated["test"]["windows"]);
    assert_eq!(evaluated["validation_intervals"], exported["intervals"]);
    let svg = String::from_utf8(desk.read("f.svg")).unwrap();
    assert!(svg.contains("80 % of what comes") && svg.contains("<polygon"), "{svg}");

    let last = &desk.rnn("predict m.rnn --data series.csv --last --json").object()["forecasts"][0];
    let [interval] = &last["intervals"].as_array().unwrap()[..] else { panic!("{last}") };
    assert_eq!(interval["coverage"], 0.8);
    let row = |values: &Value| values[0].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
    for ((lower, median), upper) in row(&interval["lower"]).iter().zip(row(&last["values"])).zip(row(&interval["upper"])) {
        assert!(*lower <= median && median <= upper, "{last}");
    }
    // Packed for another core, the file says the same.
    desk.rnn("export --repack m.rnn --target cortex-m55 -o rows.rnn").done();
    let forecasts = |model: &str| desk.rnn(&format!("predict {model} --data series.csv --json")).object()["forecasts"].clone();
    assert_eq!(forecasts("m.rnn"), forecasts("rows.rnn"));
}

#[test]
fn people_get_intervals_in_words_and_columns() {
    let desk = desk();
    let trained = desk.rnn("train q.toml").done();
    assert!(
        trained.contains("prediction intervals on the validation rows, before and after they are widened there"),
        "{trained}"
    );
    let exported = desk.rnn("export runs/q -o m.rnn").done();
    assert!(exported.contains("interval  ahead  coverage before") && exported.contains("mean pinball loss [kW]"), "{exported}");
    let inspected = desk.rnn("inspect m.rnn").done();
    assert!(inspected.contains("\nquantiles   0.1, 0.5, 0.9; intervals widened by "), "{inspected}");
    assert!(inspected.contains("\nhead        dense, 9 outputs\n"), "{inspected}");
    let evaluated = desk.rnn("evaluate m.rnn --data series.csv").done();
    for part in
        ["prediction intervals on these rows:\n", "prediction intervals on the validation rows, where they were widened:\n"]
    {
        assert!(evaluated.contains(part), "{evaluated}");
    }
    let last = desk.rnn("predict m.rnn --data series.csv --last").done();
    assert!(last.starts_with("time,load lower 80%,load,load upper 80%\n2020-08-28,"), "{last}");
    let all = desk.rnn("predict m.rnn --data series.csv").done();
    assert!(all.starts_with("after,load+1 lower 80%,load+1,load+1 upper 80%,load+2 lower 80%,"), "{all}");
    assert_eq!(all.lines().count(), 1 + ROWS - 14 + 1);
    // Another model's levels stand in its own file: a second export of the same run is the same, byte for byte.
    desk.rnn("export runs/q -o again.rnn").done();
    assert!(desk.read("m.rnn") == desk.read("again.rnn"));
}

#[test]
fn a_skip_carries_its_quantiles_and_a_training_can_go_on() {
    let desk = desk();
    let config = format!("{CONFIG}loss = \"pinball\"\nquantiles = [0.1, 0.5, 0.9]\n");
    desk.write("s.toml", config.replace("hidden = [6]", "hidden = [6]\nskip = \"ridge\"\nskip_refit = true"));
    desk.rnn("train s.toml").done();
    desk.rnn("train s.toml --out runs/s --resume").done();
    desk.rnn("export runs/s -o s.rnn").done();
    let inspected = desk.rnn("inspect s.rnn --json").object();
    assert!(inspected["skip_rank"].as_u64().unwrap() > 0 && inspected["self_test"] == true, "{inspected}");
    let evaluated = desk.rnn("evaluate s.rnn --data series.csv --json").object();
    assert!(evaluated["intervals"]["after"]["pairs"][0]["coverage"].as_f64().unwrap() > 0.5, "{evaluated}");
}

#[test]
fn senseless_levels_are_refused_by_line() {
    let desk = desk();
    for (levels, sentence) in [
        ("[0.9, 0.5, 0.1]", "training.quantiles has 0.9 before 0.5: give levels in ascending order, each once"),
        ("[0.1, 0.9]", "training.quantiles lacks 0.5, the median, which is the forecast: add it"),
        ("[0.5, 1.5]", "training.quantiles holds 1.5: a level lies between 0 and 1"),
        ("0.5", "training.quantiles = 0.5 is of the wrong kind: it must be a list in [ ]"),
    ] {
        desk.write("bad.toml", format!("{CONFIG}loss = \"pinball\"\nquantiles = {levels}\n"));
        let line = CONFIG.lines().count() + 2;
        assert!(desk.refusal("train bad.toml").contains(&format!("bad.toml, line {line}: {sentence}")), "{levels}");
    }
    let sentence = desk.refusal("compare q.toml --seeds 1");
    assert!(sentence.contains("training.loss = \"pinball\" asks for quantiles"), "{sentence}");
}
