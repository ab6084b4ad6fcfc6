//! The test error of every seed, a row for each variant: at best validation on the left, at the final epoch on the right.

use std::fmt::Write;

use super::rows::{self, LABELS, WIDTH};
use super::svg::{Scale, domain, escape};
use crate::compare::statistics::Spread;
use crate::compare::summary::{Comparison, Row, Seed};
use crate::compare::text::{below, plain};

const GAP: f64 = 18.0;
const TOP: f64 = 46.0;
const ROW: f64 = 24.0;
/// Room for the mean's figure at the right of a panel.
const FIGURE: f64 = 52.0;

/// Marks nearer to each other than this share a name.
const TOGETHER: f64 = 6.0;

/// One of the two panels.
struct Panel {
    title: &'static str,
    error: fn(&Seed) -> f64,
    mean: fn(&Row) -> Option<Spread>,
    /// Its place in [`below`]'s answer.
    side: usize,
}

const PANELS: [Panel; 2] = [
    Panel { title: "at best validation", error: |seed| seed.best.test.rmse, mean: |row| row.best.test_rmse, side: 0 },
    Panel { title: "at the final epoch", error: |seed| seed.last.test.rmse, mean: |row| row.last.test_rmse, side: 1 },
];

/// The plot. Writing to a String cannot fail.
pub(super) fn plot(comparison: &Comparison) -> String {
    let rows = &comparison.variants;
    let height = TOP + ROW * rows.len() as f64 + 26.0;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Test error of every seed by variant, at best validation and at the final epoch\">"
    );
    rows::draw(&mut svg, rows, TOP, ROW);
    let domain = shared_domain(comparison);
    let width = (WIDTH - LABELS - GAP) / 2.0;
    for (index, panel) in PANELS.iter().enumerate() {
        let left = LABELS + (width + GAP) * index as f64;
        let scale = Scale { domain, range: (left, left + width - FIGURE) };
        draw(&mut svg, panel, &scale, comparison, height - 26.0);
    }
    svg += "</svg>";
    svg
}

/// Both panels share their scale. What is far worse than none is drawn at the edge, so that it does not squeeze all the rest.
fn shared_domain(comparison: &Comparison) -> (f64, f64) {
    let all = |row: &Row| row.seeds.iter().flat_map(|seed| PANELS.iter().map(|panel| (panel.error)(seed))).collect::<Vec<_>>();
    let mut values: Vec<f64> = comparison.variants.iter().flat_map(all).collect();
    let none = comparison.none().map(all).unwrap_or_default();
    let (low, high) = domain(none.iter().copied());
    let limit = if none.is_empty() { f64::INFINITY } else { high + (high - low).max(0.25 * high) };
    values.retain(|value| *value <= limit);
    domain(values.into_iter())
}

fn draw(svg: &mut String, panel: &Panel, scale: &Scale, comparison: &Comparison, bottom: f64) {
    let (left, right) = scale.range;
    let _ = write!(svg, "<text class=\"head\" x=\"{left}\" y=\"14\">{}</text>", panel.title);
    for (value, text) in scale.ticks(5) {
        let x = scale.at(value);
        let _ = write!(svg, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>");
        let _ = write!(svg, "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>", bottom + 16.0);
    }
    if let Some(mean) = comparison.none().and_then(panel.mean) {
        let x = scale.at(mean.mean);
        let _ = write!(svg, "<line class=\"none-line\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>");
    }
    references(svg, scale, comparison, bottom);
    for (index, row) in comparison.variants.iter().enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        let class = if index == 0 {
            "none"
        } else if below(row, comparison.none())[panel.side] {
            "better"
        } else {
            "worse"
        };
        for seed in &row.seeds {
            let error = (panel.error)(seed);
            let title = format!("{}, seed {}: {error:.4}", escape(&row.name), seed.seed);
            if scale.is_beyond(error) {
                let _ = write!(
                    svg,
                    "<path class=\"dot {class}\" d=\"M{:.1} {:.1} l7 4.5 l-7 4.5 z\"><title>{title}</title></path>",
                    right - 5.0,
                    y - 4.5
                );
            } else {
                let _ = write!(
                    svg,
                    "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{title}</title></circle>",
                    scale.at(error)
                );
            }
        }
        if let Some(mean) = (panel.mean)(row) {
            if !scale.is_beyond(mean.mean) {
                let x = scale.at(mean.mean);
                let _ = write!(
                    svg,
                    "<line class=\"mean {class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                    y - 9.0,
                    y + 9.0
                );
            }
            let _ = write!(
                svg,
                "<text class=\"figure\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.4}</text>",
                right + FIGURE - 4.0,
                y + 4.0,
                mean.mean
            );
        }
    }
}

/// Forecasts without a network: a mark at the top where they lie within the scale. Those whose marks nearly coincide share one name, and names
/// that would overlap take turns.
fn references(svg: &mut String, scale: &Scale, comparison: &Comparison, bottom: f64) {
    let (low, high) = scale.domain;
    let mut inside: Vec<_> = comparison.baselines.iter().filter(|baseline| (low..=high).contains(&baseline.test.rmse)).collect();
    inside.sort_by(|a, b| a.test.rmse.total_cmp(&b.test.rmse));
    for baseline in &inside {
        let x = scale.at(baseline.test.rmse);
        let _ = write!(svg, "<line class=\"reference\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>", TOP - 4.0);
    }
    let mut free = [f64::NEG_INFINITY; 2];
    for together in inside.chunk_by(|a, b| scale.at(b.test.rmse) - scale.at(a.test.rmse) < TOGETHER) {
        let x = together.iter().map(|baseline| scale.at(baseline.test.rmse)).sum::<f64>() / together.len() as f64;
        let name = together.iter().map(|baseline| plain(baseline.name)).collect::<Vec<_>>().join(", ");
        let title = together.iter().map(|baseline| format!("{}: {:.4}", plain(baseline.name), baseline.test.rmse));
        let half = 3.2 * name.len() as f64;
        let line = usize::from(x - half < free[0]);
        free[line] = x + half + 4.0;
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{name}<title>{}</title></text>",
            TOP - 7.0 - 11.0 * line as f64,
            title.collect::<Vec<_>>().join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::summary::Reference;
    use crate::compare::testing::{comparison, errors};

    #[test]
    fn marks_that_nearly_coincide_share_a_name() {
        let mut comparison = comparison();
        let at = |errors_of: &[(&'static str, f64)], comparison: &mut Comparison| {
            comparison.baselines = errors_of.iter().map(|&(name, rmse)| Reference { name, test: errors(rmse) }).collect();
            plot(comparison)
        };
        let svg = at(&[("naive", 0.65), ("ridge", 0.55), ("drift", 0.6505)], &mut comparison);
        assert_eq!(svg.matches(">naive, drift<title>naive: 0.6500, drift: 0.6505</title>").count(), 2, "{svg}");
        assert_eq!((svg.matches(">ridge<title>").count(), svg.matches("class=\"reference\"").count()), (2, 6));
        let svg = at(&[("naive", 0.65), ("ridge", 0.55), ("drift", 0.75)], &mut comparison);
        assert_eq!(svg.matches(">drift<title>").count(), 2);
    }
}
