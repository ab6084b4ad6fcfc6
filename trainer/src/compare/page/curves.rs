//! Learning curves, one small plot for each variant: its mean losses by epoch, none's validation loss behind them in gray.

use std::fmt::Write;

use super::svg::{Scale, escape};
use crate::compare::record::Point;
use crate::compare::summary::{Comparison, Row};

const WIDTH: f64 = 236.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 228.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 128.0;

/// All of them. Writing to a String cannot fail.
pub(super) fn plots(comparison: &Comparison) -> String {
    let none: &[Point] = comparison.none().map_or(&[], |row| &row.curve);
    let x = Scale { domain: (1.0, (comparison.setting.epochs.max(2)) as f64), range: (LEFT, RIGHT) };
    let y = Scale { domain: (0.0, highest(comparison, none)), range: (BOTTOM, TOP) };
    let mut html = String::from("<div class=\"curves\">");
    for row in comparison.variants.iter().filter(|row| !row.curve.is_empty()) {
        html += &plot(row, none, &x, &y);
    }
    html += "</div>";
    html
}

/// The top of all plots: the highest validation loss, but for what lies far above none's.
fn highest(comparison: &Comparison, none: &[Point]) -> f64 {
    let highest = |curve: &[Point]| curve.iter().map(|point| point.validation_loss).fold(0.0, f64::max);
    let all = comparison.variants.iter().map(|row| highest(&row.curve)).fold(0.0, f64::max);
    let limit = if none.is_empty() { f64::INFINITY } else { 1.3 * highest(none) };
    (1.03 * all).min(limit).max(1e-9)
}

fn plot(row: &Row, none: &[Point], x: &Scale, y: &Scale) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Mean losses of {0} by epoch\"><text class=\"head\" x=\"4\" y=\"14\">{0}</text>",
        escape(&row.name)
    );
    for (value, text) in y.ticks(3) {
        let place = y.at(value);
        let _ = write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>");
        let _ =
            write!(svg, "<text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", LEFT - 5.0, place + 3.5);
    }
    for (epoch, anchor) in [(x.domain.0, "start"), (x.domain.1, "end")] {
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}{epoch}</text>",
            x.at(epoch),
            BOTTOM + 14.0,
            if anchor == "start" { "epoch " } else { "" }
        );
    }
    let validation = |point: &Point| point.validation_loss;
    svg += &line("curve training", &row.curve, |point| point.training_loss, x, y);
    svg += &line("curve behind", none, validation, x, y);
    svg += &line("curve validation", &row.curve, validation, x, y);
    svg += "</svg>";
    svg
}

fn line(class: &str, curve: &[Point], loss: impl Fn(&Point) -> f64, x: &Scale, y: &Scale) -> String {
    let points: Vec<String> =
        curve.iter().map(|point| format!("{:.1},{:.1}", x.at(point.epoch as f64), y.at(loss(point)))).collect();
    format!("<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "))
}
