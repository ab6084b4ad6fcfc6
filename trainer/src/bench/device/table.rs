//! The rows for a terminal.

use super::{LeftOut, Row, rivals};
use crate::report::table::{Align, Table};

/// A line a row, the closest rival beside it.
pub fn table(rows: &[Row], left_out: &[LeftOut]) -> String {
    let mut table = Table::new([
        ("core", Align::Left),
        ("cell", Align::Left),
        ("variant", Align::Left),
        ("arithmetic", Align::Left),
        ("I", Align::Right),
        ("H", Align::Right),
        ("instr/step", Align::Right),
        ("instr/MAC", Align::Right),
        ("rival", Align::Right),
        ("times", Align::Right),
        ("code", Align::Right),
        ("table", Align::Right),
        ("RAM", Align::Right),
        ("stack", Align::Right),
    ]);
    for row in rows {
        let rival = rivals::instructions(row.core, row.arithmetic, (row.input, row.hidden));
        table.row([
            row.core.into(),
            row.cell.into(),
            row.variant.into(),
            row.arithmetic.into(),
            row.input.to_string(),
            row.hidden.to_string(),
            row.instructions_per_step.to_string(),
            format!("{:.3}", row.instructions_per_mac),
            rival.map_or(String::new(), |rival| rival.to_string()),
            rival.map_or(String::new(), |rival| format!("{:.2}", rival as f64 / row.instructions_per_step as f64)),
            row.code_bytes.to_string(),
            row.table_bytes.to_string(),
            row.ram_bytes.to_string(),
            row.stack_bytes.to_string(),
        ]);
    }
    let left_out = left_out.iter().map(|row| {
        let LeftOut { core, cell, arithmetic, input, hidden, reason } = row;
        format!("left out: {core}, {cell}, {arithmetic}, ({input}, {hidden}): {reason}\n")
    });
    std::iter::once(format!("{table}rival: {}\n", rivals::SOURCE)).chain(left_out).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn row(core: &'static str, arithmetic: &'static str, (input, hidden): (usize, usize), instructions: u64) -> Row {
        Row {
            core,
            cell: "lstm",
            arithmetic,
            variant: "plain",
            input,
            hidden,
            instructions_per_step: instructions,
            instructions_per_mac: 1.25,
            code_bytes: 600,
            table_bytes: 2048,
            ram_bytes: 544,
            stack_bytes: 200,
        }
    }

    #[test]
    fn the_rival_stands_beside_the_row() {
        let text = table(&[row("m4", "int8", (8, 64), 20_000), row("m33", "int8", (8, 64), 20_000)], &[]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], "m4 lstm plain int8 8 64 20000 1.250 67205 3.36 600 2048 544 200".split(' ').collect::<Vec<_>>());
        assert_eq!(lines[2], "m33 lstm plain int8 8 64 20000 1.250 600 2048 544 200".split(' ').collect::<Vec<_>>());
        assert!(text.contains("-Ofast"));
    }

    #[test]
    fn what_is_left_out_is_said() {
        let out = LeftOut { core: "m0", cell: "lstm", arithmetic: "f32", input: 16, hidden: 128, reason: "too large".into() };
        assert!(table(&[], &[out]).ends_with("left out: m0, lstm, f32, (16, 128): too large\n"));
    }
}
