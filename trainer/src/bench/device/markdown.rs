//! The rows for the README: a line for each core, cell and arithmetic, the shapes side by side.

use super::networks::SHAPES;
use super::{LeftOut, Row, rivals};

/// The shape whose bytes stand in the table.
const SIZES_OF: (usize, usize) = (8, 64);

/// A Markdown table, the rivals among their core's lines.
pub fn markdown(rows: &[Row], left_out: &[LeftOut]) -> String {
    let header: String = SHAPES.iter().map(|(input, hidden)| format!(" ({input}, {hidden}) |")).collect();
    let mut lines = vec![
        format!("| core | cell | arithmetic |{header} a MAC at the last | code | table | RAM | stack |"),
        "|---|---|---|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for (index, row) in rows.iter().enumerate() {
        if rows[..index].iter().all(|other| kind(other) != kind(row)) {
            lines.push(line(rows, row));
        }
        let is_last_of_core = rows.get(index + 1).is_none_or(|next| next.core != row.core);
        if is_last_of_core {
            lines.extend(rivals::of_core(row.core).map(|rival| {
                let cells: String =
                    rival.instructions.iter().map(|instructions| format!(" {} |", spaced(*instructions))).collect();
                format!("| {} | *{}* | |{cells} | | | | |", row.core, rival.name)
            }));
        }
    }
    let (input, hidden) = SIZES_OF;
    lines.push(String::new());
    lines.push(format!("Executed instructions a step; bytes at ({input}, {hidden}). {}.", rivals::SOURCE));
    lines.extend(left_out.iter().map(|row| {
        format!("Left out: {}, {}, {}, ({}, {}): {}.", row.core, row.cell, row.arithmetic, row.input, row.hidden, row.reason)
    }));
    lines.join("\n")
}

/// What a line of the table is about.
fn kind(row: &Row) -> [&'static str; 4] {
    [row.core, row.cell, row.variant, row.arithmetic]
}

fn line(rows: &[Row], of: &Row) -> String {
    let find = |shape| rows.iter().find(|row| kind(row) == kind(of) && (row.input, row.hidden) == shape);
    let cell = |text: Option<String>| format!(" {} |", text.unwrap_or_default());
    let instructions: String =
        SHAPES.iter().map(|shape| cell(find(*shape).map(|row| spaced(row.instructions_per_step)))).collect();
    let a_mac = cell(find(SHAPES[SHAPES.len() - 1]).map(|row| format!("{:.2}", row.instructions_per_mac)));
    let bytes = |value: fn(&Row) -> u64| cell(find(SIZES_OF).map(|row| value(row).to_string()));
    format!(
        "| {} | {}, {} | {} |{instructions}{a_mac}{}{}{}{}",
        of.core,
        of.cell,
        of.variant,
        of.arithmetic,
        bytes(|row| row.code_bytes),
        bytes(|row| row.table_bytes),
        bytes(|row| row.ram_bytes),
        bytes(|row| row.stack_bytes)
    )
}

/// Digits in groups of three, as the README sets them.
fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&groups.join(&b' ')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::row;
    use super::*;

    #[test]
    fn shapes_stand_side_by_side_and_rivals_after_their_core() {
        let rows = [
            row("m4", "int8", (1, 16), 2_000),
            row("m4", "int8", (8, 64), 20_000),
            row("m4", "f32", (8, 64), 50_000),
            row("m7", "int8", (16, 128), 70_000),
        ];
        let text = markdown(&rows, &[]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "| m4 | lstm, plain | int8 | 2 000 |  | 20 000 |  |  | 600 | 2048 | 544 | 200 |");
        assert_eq!(lines[3], "| m4 | lstm, plain | f32 |  |  | 50 000 |  |  | 600 | 2048 | 544 | 200 |");
        assert_eq!(lines[4], "| m4 | *CMSIS-NN s8* | | 11 198 | 26 653 | 67 205 | 202 073 | | | | | |");
        assert_eq!(lines[7], "| m7 | lstm, plain | int8 |  |  |  | 70 000 | 1.25 |  |  |  |  |");
        let columns = |line: &str| line.matches('|').count();
        assert!(lines[..8].iter().all(|line| columns(line) == columns(lines[0])), "{text}");
    }
}
