//! Plain-text tables with aligned columns.

use std::fmt;

/// How a column's cells are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table with a header line; columns are separated by two spaces and as wide as their widest cell.
#[derive(Clone, Debug)]
pub struct Table {
    alignment: Vec<Align>,
    /// The header first.
    lines: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        Table {
            alignment: columns.iter().map(|(_, align)| *align).collect(),
            lines: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
        }
    }

    /// Adds a row, one cell for each column.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.alignment.len(), "one cell for each column");
        self.lines.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.alignment.len()).map(width).collect();
        for line in &self.lines {
            let cells = line.iter().zip(&widths).zip(&self.alignment).map(|((cell, &width), align)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_no_line_ends_in_space() {
        let mut table = Table::new([("model", Align::Left), ("MAE", Align::Right), ("note", Align::Left)]);
        table.row(["naïve".into(), "23.70".into(), "last value".into()]);
        table.row(["ridge regression".into(), "8.5".into(), String::new()]);
        assert_eq!(
            table.to_string(),
            "model               MAE  note\n\
             naïve             23.70  last value\n\
             ridge regression    8.5\n"
        );
    }
}
