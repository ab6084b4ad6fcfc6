//! The bench's figures, for programs and for people.

use serde::Serialize;

use crate::report::table::{Align, Table};

/// One contender at one network.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Of [`super::shapes::SHAPES`].
    pub shape: &'static str,
    /// `lstm` or `lstm-regularized`
    pub cell: &'static str,
    /// Threads it may use.
    pub threads: usize,
    /// `embedded-rnn`, `embedded-rnn-avx2`, `pytorch`, `pytorch-tuned-malloc`, `candle` or `burn`
    pub contender: &'static str,
    /// Of all steps.
    pub median_ms: f64,
    /// Of all steps.
    pub min_ms: f64,
    /// Its minimum by ours.
    pub ratio: f64,
    /// Operations of the matrix products in its minimum, by the machine's peak on as many threads.
    pub gemm_percent: f64,
    /// Growth of resident bytes from the idle process to the one that trains.
    pub memory_bytes: Option<u64>,
}

/// What was measured, and on what.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Shape by shape.
    pub rows: Vec<Row>,
    /// Of one thread.
    pub gemm_peak_gflops: f64,
    /// Ours: `avx512`, `avx2`, `neon` or `scalar`.
    pub simd: &'static str,
    /// The processor's name.
    pub processor: String,
    /// Names with versions.
    pub versions: Vec<String>,
}

const COLUMNS: [&str; 9] = ["shape", "cell", "threads", "contender", "median ms", "min ms", "ratio", "% of GEMM peak", "MB"];

/// Those that hold text.
const LEFT: [&str; 3] = ["shape", "cell", "contender"];

/// A row's cells, in the order of [`COLUMNS`].
fn cells(row: &Row) -> [String; 9] {
    [
        row.shape.to_owned(),
        row.cell.to_owned(),
        row.threads.to_string(),
        row.contender.to_owned(),
        format!("{:.3}", row.median_ms),
        format!("{:.3}", row.min_ms),
        format!("{:.2}", row.ratio),
        format!("{:.0}", row.gemm_percent),
        megabytes(row.memory_bytes),
    ]
}

/// The middle value; of an even count the upper one.
pub fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Figures {
    /// A table for a terminal.
    pub fn text(&self) -> String {
        let columns = COLUMNS.map(|column| (column, if LEFT.contains(&column) { Align::Left } else { Align::Right }));
        let mut table = Table::new(columns);
        self.rows.iter().for_each(|row| table.row(cells(row)));
        table.to_string() + &self.machine()
    }

    /// The same for a document.
    pub fn markdown(&self) -> String {
        let line = |cells: [String; 9]| format!("| {} |\n", cells.join(" | "));
        let header = line(COLUMNS.map(str::to_owned)) + &format!("|{}\n", "---|".repeat(COLUMNS.len()));
        self.rows.iter().map(|row| line(cells(row))).fold(header, |text, row| text + &row) + "\n" + &self.machine()
    }

    fn machine(&self) -> String {
        format!(
            "{}, {}, GEMM peak {:.0} GFLOP/s a thread; {}\n",
            self.processor,
            self.simd,
            self.gemm_peak_gflops,
            self.versions.join(", ")
        )
    }
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn tables_have_a_line_for_each_row() {
        let row = Row {
            shape: "A",
            cell: "lstm",
            threads: 1,
            contender: "pytorch",
            median_ms: 2.0,
            min_ms: 1.5,
            ratio: 3.0,
            gemm_percent: 20.0,
            memory_bytes: Some(2_500_000),
        };
        let figures = Figures {
            rows: vec![row.clone(), Row { memory_bytes: None, ..row }],
            gemm_peak_gflops: 100.0,
            simd: "avx2",
            processor: "a processor".into(),
            versions: vec!["torch 2".into()],
        };
        assert_eq!(figures.text().lines().count(), 4);
        let markdown = figures.markdown();
        assert!(markdown.contains("| A | lstm | 1 | pytorch | 2.000 | 1.500 | 3.00 | 20 | 2.5 |\n"), "{markdown}");
        assert!(markdown.ends_with("a processor, avx2, GEMM peak 100 GFLOP/s a thread; torch 2\n"));
    }
}
