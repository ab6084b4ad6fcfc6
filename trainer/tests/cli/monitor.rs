//! `rnn monitor`: alarms, failures that are known, and the moving z-score beside.

use crate::desk::Desk;

const CONFIG: &str = r#"[data]
path = "pump.csv"
time = "time"
clock = "wall"
target = "flow"
split = { train = 500, validation = 400, test = 600 }

[window]
lookback = 16
patch = 4
horizon = 4

[network]
hidden = [6]

[training]
epochs = 30
batch = 32
learning_rate = 0.02
"#;

/// Hourly flow with a rhythm of 12 hours and noise. From row 1200 (2020-02-20 00:00) on it falters for two days; in row 100 the clock is
/// set back.
fn pump() -> String {
    let mut noise = 77u32;
    let mut text = "time,flow\n".to_owned();
    let mut time = jiff::civil::date(2020, 1, 1).at(0, 0, 0, 0);
    for row in 0..1500 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let shaken = f64::from(noise >> 8) / f64::from(1 << 24) - 0.5;
        let falters = (1200..1248).contains(&row);
        let wave = (row as f64 * std::f64::consts::TAU / 12.0).sin() * if falters { -1.0 } else { 1.0 };
        text += &format!("{},{:.3}\n", time.strftime("%Y-%m-%d %H:%M"), 50.0 + 3.0 * wave + 0.6 * shaken);
        if row != 100 {
            time = time.checked_add(jiff::Span::new().hours(1)).unwrap();
        }
    }
    text
}

fn watching() -> Desk {
    let desk = Desk::new();
    desk.write("pump.csv", pump());
    desk.write("pump.toml", CONFIG);
    let trained = desk.rnn("train pump.toml");
    assert!(trained.stderr.contains("pump.csv, line 103: the clock was set by an hour"), "{trained:?}");
    trained.done();
    desk.rnn("export runs/pump -o model.rnn").done();
    desk
}

#[test]
fn a_known_failure_is_noticed_and_told_to_people_and_programs() {
    let desk = watching();
    desk.write("failures.csv", "# two days\nfailure,from,to\n2020-02-20 08:00,2020-02-19 12:00,2020-02-22 12:00\n");
    let watch = "monitor model.rnn --data pump.csv --every 4";
    let report = desk.rnn(&format!("{watch} --labels failures.csv --json -o monitor.rs --plot alarms.svg")).object();
    assert_eq!((&report["calibrated_on"]["rows"], &report["watched"]["rows"]), (&400.into(), &600.into()));
    assert_eq!(
        (&report["calibrated_on"]["from"], &report["watched"]["to"]),
        (&"2020-01-21 19:00".into(), &"2020-03-03 10:00".into())
    );
    assert_eq!(report["scale"][0].as_array().map(Vec::len), Some(4));
    let truth = &report["monitor"]["truth"];
    let failure = &truth["failures"][0];
    assert_eq!((&failure["failure"], &failure["caught"]), (&"2020-02-20 08:00".into(), &true.into()), "{report}");
    let lead = failure["lead_samples"].as_i64().unwrap();
    assert!((1..=9).contains(&lead), "the pump falters 9 samples before: {report}");
    assert_eq!(failure["lead"], format!("{lead} h 0 min before"));
    let alarms = report["monitor"]["alarms"].as_array().unwrap();
    let of_failure = alarms.iter().filter(|alarm| alarm["failures"] == serde_json::json!(["2020-02-20 08:00"])).count();
    assert_eq!(truth["false_alarms"], alarms.len() - of_failure);
    for detector in ["monitor", "z_score"] {
        assert!(report[detector]["on"].as_f64() > report[detector]["off"].as_f64(), "{report}");
    }
    assert!(truth["alarmed_share"].as_f64().is_some_and(|share| share < 0.2), "{report}");
    assert!(report["z_score_in_hindsight"]["truth"]["false_alarms"].as_u64() <= truth["false_alarms"].as_u64());

    let constant = String::from_utf8(desk.read("monitor.rs")).unwrap();
    assert!(
        constant.contains("pub const MONITOR: MonitorParameters<1, STEPS>") && constant.contains("STEPS: usize = 4;"),
        "{constant}"
    );
    let svg = String::from_utf8(desk.read("alarms.svg")).unwrap();
    assert!(svg.contains("flow; shaded") && svg.contains("moving z-score, 16 samples"), "{svg}");

    let people = desk.rnn(&format!("{watch} --labels failures.csv")).done();
    for part in
        ["watched 600 rows", "failure at 2020-02-20 08:00", "moving z-score, 16 samples", "in hindsight", "h 0 min before"]
    {
        assert!(people.contains(part), "{part} is missing in\n{people}");
    }
    // A window around the failure does as well as one that is given, and who knows no failures calls no alarm false.
    let labelled = desk.rnn(&format!("{watch} --label 2020-02-20T08:00 --around 60 --json")).object();
    assert_eq!(labelled["monitor"]["truth"]["failures"][0]["lead_samples"], lead);
    let unknown = desk.rnn(watch).done();
    assert!(unknown.contains("not known") && !unknown.contains("hindsight") && !unknown.contains("false\n"), "{unknown}");
}

#[test]
fn another_series_is_watched_after_healthy_rows() {
    let desk = watching();
    let other: String =
        pump().lines().enumerate().filter(|(line, _)| *line == 0 || *line > 700).map(|(_, line)| format!("{line}\n")).collect();
    desk.write("other.csv", &other);
    let sentence = desk.refusal("monitor model.rnn --data other.csv");
    assert!(sentence.contains("other.csv: the model was not trained on this file: give --calibrate N"), "{sentence}");
    let report = desk.rnn("monitor model.rnn --data other.csv --calibrate 300 --label 2020-02-20T08:00 --json").object();
    assert_eq!((&report["calibrated_on"]["rows"], &report["watched"]["rows"]), (&300.into(), &484.into()));
    assert_eq!(report["monitor"]["truth"]["failures"][0]["caught"], true);
    // Its clock must be vouched for.
    desk.write("other.csv", pump().replacen("50.", "51.", 1));
    let sentence = desk.refusal("monitor model.rnn --data other.csv --calibrate 300");
    assert!(sentence.contains("other.csv, line 103: 2020-01-05 04:00 repeats the stamp"), "{sentence}");
    let vouched = desk.rnn("monitor model.rnn --data other.csv --calibrate 300 --wall-clock");
    assert!(vouched.stderr.contains("other.csv, line 103: the clock was set by an hour"), "{vouched:?}");
    vouched.done();
}

#[test]
fn what_cannot_be_watched_is_refused_in_a_sentence() {
    let desk = watching();
    desk.write("late.csv", "failure\n2021-01-01\n");
    for (arguments, expected) in [
        ("--every 5", "--every 5: the model forecasts 4 samples: give at most that"),
        ("--false-alarms 0", "--false-alarms 0 is no rate"),
        ("--false-alarms nan", "--false-alarms NaN is no rate"),
        ("--false-alarms 990", "--false-alarms 990 per 1000 samples cannot be told from the 400 rows to calibrate on"),
        ("--calibrate 100", "--calibrate: pump.csv is the file that the model was trained on"),
        ("--window 501", "--window 501: only 500 rows lie before those that calibrate the alarm"),
        ("--label never", "--label: \"never\" is not a time stamp"),
        (
            "--label 2021-01-01",
            "--label: 2021-01-01 lies outside the series, which reaches from 2020-01-01 00:00 to 2020-03-03 10:00",
        ),
        ("--labels late.csv", "late.csv, line 2, column \"failure\": 2021-01-01 lies outside the series"),
        ("--labels none.csv", "cannot read none.csv"),
        ("--plot nowhere/x.svg", "cannot write nowhere/x.svg"),
    ] {
        let sentence = desk.refusal(&format!("monitor model.rnn --data pump.csv {arguments}"));
        assert!(sentence.starts_with(expected), "{sentence}\nshould begin with\n{expected}");
    }
    // A failure that the training saw is no test.
    let answer = desk.rnn("monitor model.rnn --data pump.csv --label 2020-01-03");
    assert!(answer.stderr.contains("the failure at 2020-01-03 lies outside the watched rows and is not counted"), "{answer:?}");
    answer.done();
}
