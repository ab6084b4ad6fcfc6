//! What each variant costs: time of a training step, and flash, RAM and instructions on the device.

use std::fmt::Write;

use super::rows::{self, LABELS, WIDTH};
use super::svg::{Scale, thousands};
use crate::compare::summary::{Comparison, Row};

const TOP: f64 = 22.0;
const ROW: f64 = 22.0;
const GAP: f64 = 16.0;
/// Room for a figure at the end of the longest bar.
const FIGURE: f64 = 62.0;

/// One kind of cost.
struct Panel {
    title: &'static str,
    value: fn(&Row) -> Option<f64>,
    show: fn(f64) -> String,
}

const PANELS: [Panel; 4] = [
    Panel { title: "training step, none = 1", value: |row| row.step_time_ratio, show: |ratio| format!("{ratio:.2}") },
    Panel {
        title: "flash, bytes",
        value: |row| row.cost.as_ref().map(|cost| cost.device.flash_bytes as f64),
        show: |bytes| thousands(bytes as u64),
    },
    Panel {
        title: "RAM, bytes",
        value: |row| row.cost.as_ref().map(|cost| cost.device.ram_bytes as f64),
        show: |bytes| thousands(bytes as u64),
    },
    Panel {
        title: "instructions a step",
        value: |row| row.cost.as_ref().and_then(|cost| cost.board.as_ref()).map(|board| board.instructions_per_step as f64),
        show: |count| thousands(count as u64),
    },
];

/// The plot; kinds of cost that nobody has are left away. Writing to a String cannot fail.
pub(super) fn plot(comparison: &Comparison) -> String {
    let rows = &comparison.variants;
    let panels: Vec<&Panel> = PANELS.iter().filter(|panel| rows.iter().any(|row| (panel.value)(row).is_some())).collect();
    let height = TOP + ROW * rows.len() as f64 + 4.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Costs by variant\">");
    rows::draw(&mut svg, rows, TOP, ROW);
    let width = (WIDTH - LABELS - GAP * panels.len().saturating_sub(1) as f64) / panels.len().max(1) as f64;
    for (place, panel) in panels.iter().enumerate() {
        let left = LABELS + (width + GAP) * place as f64;
        let _ = write!(svg, "<text class=\"head\" x=\"{left}\" y=\"14\">{}</text>", panel.title);
        let longest = rows.iter().filter_map(panel.value).fold(f64::MIN_POSITIVE, f64::max);
        let scale = Scale { domain: (0.0, longest), range: (0.0, width - FIGURE) };
        let none = comparison.none().and_then(panel.value);
        for (index, row) in rows.iter().enumerate() {
            let y = TOP + ROW * index as f64;
            let value = (panel.value)(row);
            let length = value.map_or(0.0, |value| scale.at(value));
            let class = if value == none { "none" } else { "other" };
            let _ = write!(
                svg,
                "<rect class=\"bar {class}\" x=\"{left}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{}\"/>",
                y + 5.0,
                ROW - 10.0
            );
            let _ = write!(
                svg,
                "<text class=\"figure\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left + length + 5.0,
                y + ROW / 2.0 + 4.0,
                value.map_or_else(|| "not known".to_owned(), panel.show)
            );
        }
    }
    svg += "</svg>";
    svg
}
