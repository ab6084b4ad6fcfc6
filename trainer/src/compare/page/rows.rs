//! What the plots by variant share: a band and a name for each row.

use std::fmt::Write;

use super::svg::escape;
use crate::compare::summary::Row;

/// The plots' width.
pub(super) const WIDTH: f64 = 980.0;
/// Room for names at the left.
pub(super) const LABELS: f64 = 196.0;

/// Draws bands and names of rows that are `height` each, the first at `top`. Writing to a String cannot fail.
pub(super) fn draw(svg: &mut String, rows: &[Row], top: f64, height: f64) {
    for (index, row) in rows.iter().enumerate() {
        let y = top + height * index as f64;
        if index % 2 == 0 {
            let _ = write!(svg, "<rect class=\"band\" x=\"0\" y=\"{y}\" width=\"{WIDTH}\" height=\"{height}\"/>");
        }
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LABELS - 10.0,
            y + height / 2.0 + 4.0,
            escape(&row.name)
        );
    }
}
