//! What the tests of several stages share.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Dataset, LabelColumn, Labels, Selection, Series};
use crate::config::{Normalization, Split, Window};

/// One target, no time.
pub(crate) fn select(target: &str) -> Selection {
    Selection { targets: vec![target.into()], ..Selection::default() }
}

/// A CSV that lives as long as its handle.
pub(crate) fn write_csv(content: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().expect("a temporary file");
    file.write_all(content.as_ref()).expect("a writable temporary file");
    file
}

/// A CSV whose columns `c0`, `c1`, ... hold `value(row, column)`.
pub(crate) fn synthetic(rows: usize, columns: usize, targets: usize, value: impl Fn(usize, usize) -> f32) -> Series {
    let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
    let mut content = names.join(",") + "\n";
    for row in 0..rows {
        content += &((0..columns).map(|column| value(row, column).to_string()).collect::<Vec<_>>().join(",") + "\n");
    }
    let selection = Selection { targets: names[..targets].to_vec(), features: names[targets..].to_vec(), ..Selection::default() };
    Series::read(write_csv(content).path(), &selection).expect("a good series")
}

/// The same without targets, with the class of each row.
pub(crate) fn labeled(
    rows: usize,
    columns: usize,
    value: impl Fn(usize, usize) -> f32,
    class: impl Fn(usize) -> &'static str,
) -> Series {
    let classes = (0..rows).map(|row| class(row).to_owned()).collect();
    let column = LabelColumn { name: "class".into(), classes: Vec::new() };
    let labels = Labels::new(&column, classes).expect("good classes");
    Series { labels: Some(labels), ..synthetic(rows, columns, 0, value) }
}

/// Settings of a window without a transform.
pub(crate) fn window(lookback: usize, patch: usize, horizon: usize, normalization: Normalization) -> Window {
    Window { mode: Default::default(), lookback, patch, horizon, transform: Default::default(), normalization }
}

/// The shipped series.
pub(crate) fn sunspots() -> Series {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/sunspots.csv");
    let selection = Selection { time: Some("month".into()), ..select("sunspots") };
    Series::read(&path, &selection).expect("the shipped series")
}

/// A benchmark series from the folder that `RNN_DATA` names (from the repository's root, if relative); says so and gives `None`
/// where the variable is not set.
pub(crate) fn benchmark(file: &str, selection: &Selection) -> Option<Series> {
    let Some(folder) = std::env::var_os("RNN_DATA") else {
        println!("SKIPPED: RNN_DATA is not set");
        return None;
    };
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join(file);
    Some(Series::read(&path, selection).expect("the benchmark series"))
}

/// ETTh1's oil temperature at lookback 336, split as the benchmark has it.
pub(crate) fn etth1(horizon: usize) -> Option<Dataset> {
    let series = benchmark("ETTh1.csv", &Selection { time: Some("date".into()), ..select("OT") })?;
    let split = Split::Rows { train_from: 0, train: 8640, validation: 2880, test: 2880 };
    Some(Dataset::new(series, &window(336, 24, horizon, Normalization::Last), &split).expect("the benchmark's split"))
}
