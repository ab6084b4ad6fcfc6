//! `rnn bench train` as other programs read it.

use crate::desk::Desk;

#[test]
fn the_benchs_figures_are_one_object() {
    let desk = Desk::new();
    let figures = desk.rnn("bench train --shapes D --threads 1,2 --rounds 1 --json").object();
    assert!(figures["gemm_peak_gflops"].as_f64().unwrap() > 0.0);
    let rows = figures["rows"].as_array().unwrap();
    let key = |row: &serde_json::Value| (row["cell"].as_str().unwrap().to_owned(), row["threads"].as_u64().unwrap());
    let keys: Vec<(String, u64)> = rows.iter().map(key).collect();
    let expected = [("lstm", 1), ("lstm", 2), ("lstm-regularized", 1), ("lstm-regularized", 2)];
    assert_eq!(keys, expected.map(|(cell, threads)| (cell.to_owned(), threads)));
    for row in rows {
        assert_eq!((row["shape"].as_str(), row["contender"].as_str()), (Some("D"), Some("embedded-rnn")));
        assert_eq!(row["ratio"].as_f64(), Some(1.0));
        assert!(row["min_ms"].as_f64().unwrap() > 0.0 && row["median_ms"].as_f64() >= row["min_ms"].as_f64());
    }
}

/// Stdout is the table alone, as it is to be copied; what is said on the way goes to stderr.
#[test]
fn a_table_stands_alone_on_stdout() {
    let answer = Desk::new().rnn("bench train --shapes D --cell lstm --threads 1 --rounds 1 --markdown");
    assert!(answer.stderr.contains("shape D, lstm, threads: 1"), "{}", answer.stderr);
    let table = answer.done();
    assert!(table.starts_with("| shape |") && !table.contains("threads: 1"), "{table}");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn narrower_vectors_are_a_contender() {
    let rows = Desk::new().rnn("bench train --shapes D --cell lstm --threads 1 --rounds 1 --against avx2 --json").object();
    let contenders: Vec<&str> = rows["rows"].as_array().unwrap().iter().map(|row| row["contender"].as_str().unwrap()).collect();
    assert_eq!(contenders, ["embedded-rnn", "embedded-rnn-avx2"]);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let desk = Desk::new();
    assert!(desk.refusal("bench train --shapes E").contains("--shapes E: there is no such shape; they are A, B, C, D"));
    assert!(desk.refusal("bench train --threads 0").contains("--threads 0"));
    let sentence = desk.refusal("bench train --against pytorch --python no-such-python");
    assert!(sentence.contains("no-such-python") && sentence.contains("--python"), "{sentence}");
}
