//! A picture of forecasts beside what came: one SVG that stands alone.

use plotters::prelude::*;

use crate::data::{Dataset, Part};
use crate::error::{Error, Result};
use crate::evaluate::intervals::percent;

const SIZE: (u32, u32) = (1200, 420);
const FORECAST: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const OBSERVED: RGBColor = RGBColor(0x33, 0x33, 0x33);
/// Bands lie upon each other: the narrower, the darker.
const BAND: f64 = 0.22;

/// All quantiles of the forecasts.
#[derive(Clone, Copy, Debug)]
pub struct Intervals<'a> {
    /// Ascending, the middle one 1/2.
    pub levels: &'a [f32],
    /// The windows' quantiles, `[targets][horizon][quantiles]` each.
    pub spreads: &'a [Vec<f32>],
}

/// The first target's test rows, and its forecasts: each a horizon long, one after the other so that none hides another.
/// `forecasts` are the test windows', `[targets][horizon]` each; their prediction intervals are drawn as bands.
pub fn forecasts(dataset: &Dataset, forecasts: &[Vec<f32>], intervals: Option<Intervals<'_>>, unit: &str) -> Result<String> {
    let mut svg = String::new();
    draw(dataset, forecasts, intervals, unit, &mut svg)
        .map_err(|reason| Error::failed(format!("the forecasts cannot be drawn: {reason}")))?;
    Ok(svg)
}

fn draw(
    dataset: &Dataset,
    forecasts: &[Vec<f32>],
    intervals: Option<Intervals<'_>>,
    unit: &str,
    svg: &mut String,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let horizon = dataset.window().horizon;
    let windows = &dataset.windows(Part::Test);
    let column = &dataset.series().columns[0];
    let rows = dataset.partition().test.clone();
    let observed: Vec<(f64, f64)> = rows.clone().map(|row| (row as f64, f64::from(column.values[row]))).collect();
    // From the last sample that the window saw: the line shows where each forecast begins.
    let line = |index: usize| -> Vec<(f64, f64)> {
        let origin = windows.origin(index);
        let seen = (origin as f64 - 1.0, f64::from(column.values[origin - 1]));
        let ahead = forecasts[index][..horizon].iter().enumerate();
        std::iter::once(seen).chain(ahead.map(|(k, value)| ((origin + k) as f64, f64::from(*value)))).collect()
    };
    let lines: Vec<Vec<(f64, f64)>> = (0..forecasts.len()).step_by(horizon).map(line).collect();
    // A forecast's pair of quantiles: along the upper one, and back along the lower one.
    let bands = intervals.into_iter().flat_map(|Intervals { levels, spreads }| {
        let quantiles = levels.len();
        let end = move |index: usize, quantile: usize, ahead: usize| {
            ((windows.origin(index) + ahead) as f64, f64::from(spreads[index][ahead * quantiles + quantile]))
        };
        (0..quantiles / 2).flat_map(move |pair| {
            (0..spreads.len()).step_by(horizon).map(move |index| {
                let upper = (0..horizon).map(|ahead| end(index, quantiles - 1 - pair, ahead));
                let lower = (0..horizon).rev().map(|ahead| end(index, pair, ahead));
                (pair, upper.chain(lower).collect::<Vec<(f64, f64)>>())
            })
        })
    });
    let bands: Vec<(usize, Vec<(f64, f64)>)> = bands.collect();

    let values =
        observed.iter().chain(lines.iter().flatten()).chain(bands.iter().flat_map(|(_, band)| band)).map(|(_, value)| *value);
    let (lowest, highest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    // Three digits of the range are enough to tell the grid's lines apart.
    let decimals = (2 - (highest - lowest).max(f64::MIN_POSITIVE).log10().floor() as i32).clamp(0, 9) as usize;
    let margin = 0.05 * (highest - lowest).max(f64::MIN_POSITIVE);
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{}, forecast {horizon} samples ahead", column.name), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(rows.start as f64..rows.end as f64, lowest - margin..highest + margin)?;
    let stamp = |row: &f64| match &dataset.series().times {
        Some(times) => times.text((row.round().max(0.0) as usize).min(dataset.series().rows() - 1)),
        None => format!("{row:.0}"),
    };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(12)
        .x_label_formatter(&stamp)
        .y_label_formatter(&|value| format!("{value:.decimals$}"))
        .y_desc(if unit.is_empty() { &column.name } else { unit })
        .draw()?;
    for (number, (pair, band)) in bands.iter().enumerate() {
        let drawn = chart.draw_series(std::iter::once(Polygon::new(band.clone(), FORECAST.mix(BAND))))?;
        if let (true, Some(Intervals { levels, .. })) = (number == 0 || bands[number - 1].0 != *pair, intervals) {
            let coverage = f64::from(levels[levels.len() - 1 - pair]) - f64::from(levels[*pair]);
            // A band lies upon all that are wider.
            let color = FORECAST.mix(1.0 - (1.0 - BAND).powi(*pair as i32 + 1));
            drawn
                .label(format!("{} of what comes", percent(coverage)))
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], color.filled()));
        }
    }
    let key = |color: RGBColor| move |(x, y): (i32, i32)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2));
    chart.draw_series(LineSeries::new(observed, &OBSERVED))?.label("observed").legend(key(OBSERVED));
    for (index, line) in lines.into_iter().enumerate() {
        let drawn = chart.draw_series(LineSeries::new(line, FORECAST.stroke_width(2)))?;
        if index == 0 {
            drawn.label("forecast").legend(key(FORECAST));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(OBSERVED)
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Normalization, Split};
    use crate::data::testing::{synthetic, window};

    #[test]
    fn observed_rows_and_every_horizonth_forecast_are_drawn() {
        let series = synthetic(100, 1, 1, |row, _| (row % 7) as f32);
        let dataset = Dataset::new(series, &window(6, 2, 5, Normalization::Last), &Split::default()).unwrap();
        let count = dataset.windows(Part::Test).len();
        let svg = forecasts(&dataset, &vec![vec![3.0; 5]; count], None, "volts").unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        for text in ["volts", "observed", "forecast", "c0, forecast 5 samples ahead"] {
            assert!(svg.contains(text), "{text} is missing");
        }
        // The forecasts' lines and one in the legend.
        let drawn = svg.matches("#D55E00").count();
        assert_eq!(drawn, count.div_ceil(5) + 1);

        let spreads = vec![[1.0, 2.0, 3.0, 4.0, 5.0].repeat(5); count];
        let intervals = Intervals { levels: &[0.05, 0.25, 0.5, 0.75, 0.95], spreads: &spreads };
        let banded = forecasts(&dataset, &vec![vec![3.0; 5]; count], Some(intervals), "volts").unwrap();
        assert_eq!(banded.matches("<polygon").count(), svg.matches("<polygon").count() + 2 * count.div_ceil(5));
        for text in ["90 % of what comes", "50 % of what comes"] {
            assert_eq!(banded.matches(text).count(), 1, "{text}");
        }
    }
}
