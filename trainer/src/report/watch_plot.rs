//! A picture of a watched series: what came, what was known to fail, and when which detector spoke. One SVG that stands alone.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::data::Series;
use crate::error::{Error, Result};
use crate::monitor::Failure;

const SIZE: (u32, u32) = (1400, 760);
const OBSERVED: RGBColor = RGBColor(0x33, 0x33, 0x33);
const FAILURE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
const SCORE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const ALARM: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
/// Places of the picture that a line is drawn through; each holds the smallest and the largest value there.
const PLACES: usize = 1200;

/// A detector's scores and alarms.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Its name.
    pub name: &'a str,
    /// One a watched row.
    pub scores: &'a [f32],
    /// The alarm's thresholds, the upper one first.
    pub thresholds: [f32; 2],
    /// Rows in an alarm.
    pub alarms: Vec<Range<usize>>,
}

/// The first target over the watched rows, and each detector's scores below it.
pub fn watched(series: &Series, rows: &Range<usize>, failures: &[Failure], curves: &[Curve<'_>], unit: &str) -> Result<String> {
    let mut svg = String::new();
    draw(series, rows, failures, curves, unit, &mut svg)
        .map_err(|reason| Error::failed(format!("the alarms cannot be drawn: {reason}")))?;
    Ok(svg)
}

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

/// A line through the smallest and largest value of each place.
fn line(first: usize, values: &[f32]) -> Vec<(f64, f64)> {
    let width = values.len().div_ceil(PLACES).max(1);
    let place = |(index, values): (usize, &[f32])| {
        let extreme = |pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick).map(f64::from);
        let at = (first + index * width) as f64;
        [extreme(f32::min), extreme(f32::max)].map(|value| value.map(|value| (at, value)))
    };
    values.chunks(width).enumerate().flat_map(place).flatten().collect()
}

struct Panel<'a> {
    caption: String,
    description: &'a str,
    range: Range<f64>,
    /// The lowest panel carries the time.
    stamps: Option<&'a dyn Fn(&f64) -> String>,
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    rows: &Range<usize>,
    failures: &[Failure],
    alarms: &[Range<usize>],
    lines: &[(&[(f64, f64)], ShapeStyle)],
    about: &Panel<'_>,
) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .caption(&about.caption, ("sans-serif", 17))
        .margin(6)
        .margin_right(18)
        .x_label_area_size(if about.stamps.is_some() { 30 } else { 6 })
        .y_label_area_size(60)
        .build_cartesian_2d(rows.start as f64..rows.end as f64, about.range.clone())?;
    let unnamed = |_: &f64| String::new();
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).y_desc(about.description).x_labels(9).y_labels(6);
    match about.stamps {
        Some(stamps) => mesh.x_label_formatter(&|row| stamps(row)).draw()?,
        None => mesh.x_label_formatter(&unnamed).draw()?,
    }
    let (low, high) = (about.range.start, about.range.end);
    let visible = |range: &Range<usize>| (range.start.max(rows.start) as f64, range.end.min(rows.end) as f64);
    for failure in failures {
        let (from, to) = visible(&failure.window);
        if from < to {
            chart.draw_series([Rectangle::new([(from, low), (to, high)], FAILURE.mix(0.22).filled())])?;
            let at = failure.row as f64;
            chart.draw_series([PathElement::new([(at, low), (at, high)], FAILURE.stroke_width(2))])?;
        }
    }
    for (points, style) in lines {
        chart.draw_series(LineSeries::new(points.iter().copied(), *style))?;
    }
    // A strip at the top, so that the shortest alarm is still seen.
    for alarm in alarms {
        let (from, to) = visible(alarm);
        let widest = from.max(to).max(from + rows.len() as f64 / 500.0);
        chart.draw_series([Rectangle::new([(from, high - 0.07 * (high - low)), (widest, high)], ALARM.filled())])?;
    }
    Ok(())
}

fn draw(series: &Series, rows: &Range<usize>, failures: &[Failure], curves: &[Curve<'_>], unit: &str, svg: &mut String) -> Drawn {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((1 + curves.len(), 1));
    let column = &series.columns[0];
    let observed = line(rows.start, &column.values[rows.clone()]);
    let bounds = |points: &[(f64, f64)]| {
        points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| (low.min(*value), high.max(*value)))
    };
    let (lowest, highest) = bounds(&observed);
    let margin = 0.08 * (highest - lowest).max(f64::MIN_POSITIVE);
    let stamp = |row: &f64| match &series.times {
        Some(times) => times.text((row.round().max(0.0) as usize).min(series.rows() - 1)),
        None => format!("{row:.0}"),
    };
    let known = if failures.is_empty() { "" } else { "; shaded: a failure's window, its line: the failure" };
    let about = Panel {
        caption: format!("{}{known}", column.name),
        description: if unit.is_empty() { &column.name } else { unit },
        range: lowest - margin..highest + margin,
        stamps: None,
    };
    panel(&areas[0], rows, failures, &[], &[(&observed, OBSERVED.stroke_width(1))], &about)?;
    for (number, (curve, area)) in curves.iter().zip(&areas[1..]).enumerate() {
        // Scores reach over orders of magnitude.
        let logarithm = |score: f32| f64::from(score.max(curve.thresholds[0] / 20.0)).log10();
        let scores: Vec<f32> = curve.scores.iter().map(|score| logarithm(*score) as f32).collect();
        let scores = line(rows.start, &scores);
        let highest = bounds(&scores).1.max(logarithm(curve.thresholds[0]));
        let [on, off] = curve.thresholds.map(|threshold| {
            let at = logarithm(threshold);
            [(rows.start as f64, at), (rows.end as f64, at)]
        });
        let about = Panel {
            caption: format!(
                "{}: logarithm of the score, thresholds {:.2} and {:.2}; strip: alarms",
                curve.name, curve.thresholds[0], curve.thresholds[1]
            ),
            description: "log10",
            range: logarithm(0.0)..highest + 0.35,
            stamps: (number + 1 == curves.len()).then_some(&stamp as &dyn Fn(&f64) -> String),
        };
        let lines: [(&[(f64, f64)], ShapeStyle); 3] =
            [(&scores, SCORE.stroke_width(1)), (&on, ALARM.stroke_width(2)), (&off, ALARM.mix(0.5).stroke_width(1))];
        panel(area, rows, failures, &curve.alarms, &lines, &about)?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::synthetic;

    #[test]
    fn every_failure_and_alarm_is_drawn() {
        let series = synthetic(5000, 1, 1, |row, _| (row % 7) as f32);
        let scores = vec![1.0; 4000];
        let failures = [2000, 3000].map(|row| Failure { stamp: row.to_string(), row, window: row - 50..row + 50 });
        let curve = |name, alarms| Curve { name, scores: &scores, thresholds: [4.0, 2.0], alarms };
        let curves = [curve("monitor", vec![1990..2010, 2500..2501]), curve("moving z-score", vec![1200..1210, 4999..5000])];
        let svg = watched(&series, &(1000..5000), &failures, &curves, "volts").unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for text in ["volts", "monitor: logarithm of the score, thresholds 4.00 and 2.00", "moving z-score: "] {
            assert!(svg.contains(text), "{text} is missing");
        }
        let rectangles = |color: &str| svg.lines().filter(|line| line.contains("<rect") && line.contains(color)).count();
        assert_eq!((rectangles("#CC79A7"), rectangles("#D55E00")), (6, 4));
        assert!(svg.len() < 400_000, "{} bytes", svg.len());
    }
}
