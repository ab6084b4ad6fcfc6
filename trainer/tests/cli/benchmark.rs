//! The accuracy protocol on a small series.

use serde_json::Value;

use crate::desk::Desk;

const ARGUMENTS: &str = "benchmark --data series.csv --time day --target load --train 168 --val 36 --test 36 --lookback 14 --patch 7 \
                         --horizons 3,5 --hidden 6 --seeds 2 --out b";

#[test]
fn test_windows_are_read_when_asked_and_the_reading_is_noted() {
    let desk = Desk::new();
    let validation = desk.rnn(&format!("{ARGUMENTS} --json")).object();
    assert_eq!(validation["part"], "validation");
    assert!(!desk.path("b/final.log").exists());
    let last = desk.rnn(&format!("{ARGUMENTS} --json --final --threads 1")).object();
    assert_eq!((&last["part"], &last["seeds"]), (&"test".into(), &2.into()));
    let log = String::from_utf8(desk.read("b/final.log")).unwrap();
    assert!(log.lines().count() == 1 && log.contains("horizons [3, 5], hidden [6], 2 seeds"), "{log}");
    for (index, (row, seen)) in last["rows"].as_array().unwrap().iter().zip(validation["rows"].as_array().unwrap()).enumerate() {
        let horizon = [3, 5][index];
        assert_eq!((&row["horizon"], &row["hidden"], &row["windows"]), (&horizon.into(), &6.into(), &(37 - horizon).into()));
        // Neither the part nor the number of threads changes a training.
        assert_eq!(row["validation_mse"], seen["mse"]);
        assert_eq!(row["flash_bytes"], desk.read(&format!("b/h6-z{horizon}-s1.rnn")).len());
        for key in ["mse", "mse_sd", "mae", "ram_bytes", "macs", "int8_vs_float_rms"] {
            assert!(row[key].as_f64().is_some_and(|number| number > 0.0), "{key}: {row}");
        }
        assert!(row["int8_vs_float_rms"].as_f64() < Some(0.05), "{row}");
        for name in ["naive", "drift", "nlinear", "ridge"] {
            assert!(row["baselines"][name]["mse"].as_f64().is_some_and(|mse| mse > 0.0), "{name}: {row}");
        }
        assert!(matches!(row["baselines"]["seasonal_naive"], Value::Object(_) | Value::Null));
    }
    assert_eq!(last["rows"].as_array().map(Vec::len), Some(2));

    let table = desk.rnn(&format!("{ARGUMENTS} --final --markdown")).done();
    assert!(table.starts_with("| horizon | forecast |") && table.contains("| 5 | **embedded-rnn, H = 6** |"), "{table}");
    assert_eq!(String::from_utf8(desk.read("b/final.log")).unwrap().lines().count(), 2);
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_written() {
    let desk = Desk::new();
    let with = |from: &str, to: &str| ARGUMENTS.replace(from, to);
    assert!(desk.refusal(&with("--target load", "--target lode")).contains("lode"));
    assert!(desk.refusal(&with("--data series.csv", "--data none.csv")).contains("none.csv"));
    assert!(desk.refusal(&with("--patch 7", "--patch 5")).contains("patch"));
    assert!(desk.refusal(&with("--test 36", "--test 3600")).contains("240"));
    assert!(desk.refusal("benchmark etth1 --data series.csv").contains("series.csv"));
}
