//! Prediction intervals against what came: how often they held it, and how wide they were for that, before and after they were widened.

use serde::Serialize;

use super::device::DeviceModel;
use super::passes::over;
use crate::data::Windows;
use crate::error::Result;
use crate::report::table::{Align, Table};

/// Coverage and width of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Band {
    /// The share of values that lay within, its ends included.
    pub coverage: f64,
    /// The mean of `upper - lower`, in raw units.
    pub width: f64,
}

/// One pair of quantiles.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The lower quantile's level.
    pub lower: f32,
    /// The upper one's.
    pub upper: f32,
    /// Over all targets and the whole horizon.
    #[serde(flatten)]
    pub all: Band,
    /// One for each sample of the horizon, over all targets.
    pub by_horizon: Vec<Band>,
}

/// All quantiles, as training left them or as they were widened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean pinball loss over all levels, targets and the whole horizon, in raw units.
    pub pinball: f64,
    /// The same for each sample of the horizon.
    pub pinball_by_horizon: Vec<f64>,
    /// The widest first.
    pub pairs: Vec<Pair>,
}

/// A model's intervals on some windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntervalMetrics {
    /// Windows forecast.
    pub windows: usize,
    /// As training left them.
    pub before: Spread,
    /// As they were widened on the validation rows.
    pub after: Spread,
}

/// Sums over windows, for each sample of the horizon.
struct Sums<'l> {
    levels: &'l [f32],
    count: usize,
    /// `[Z]`
    pinball: Vec<f64>,
    /// `[pairs][Z]` of values within, and of widths.
    within: Vec<Vec<[f64; 2]>>,
}

impl<'l> Sums<'l> {
    fn new(levels: &'l [f32], horizon: usize) -> Self {
        Sums { levels, count: 0, pinball: vec![0.0; horizon], within: vec![vec![[0.0; 2]; horizon]; levels.len() / 2] }
    }

    /// `said` is `[K][Z][Q]`, `came` `[K][Z]`.
    fn add(&mut self, said: &[f32], came: &[f32]) {
        let (quantiles, horizon) = (self.levels.len(), self.pinball.len());
        self.count += came.len() / horizon;
        for (value, (said, came)) in said.chunks_exact(quantiles).zip(came).enumerate() {
            let ahead = value % horizon;
            for (level, said) in self.levels.iter().zip(said) {
                let under = f64::from(*came) - f64::from(*said);
                let level = f64::from(*level);
                self.pinball[ahead] += (level * under).max((level - 1.0) * under) / quantiles as f64;
            }
            for (pair, sums) in self.within.iter_mut().enumerate() {
                let (lower, upper) = (said[pair], said[quantiles - 1 - pair]);
                sums[ahead][0] += f64::from(u8::from(lower <= *came && *came <= upper));
                sums[ahead][1] += f64::from(upper) - f64::from(lower);
            }
        }
    }

    fn spread(&self) -> Spread {
        let count = self.count.max(1) as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let pair = |(pair, sums): (usize, &Vec<[f64; 2]>)| {
            let by_horizon: Vec<Band> =
                sums.iter().map(|[within, width]| Band { coverage: within / count, width: width / count }).collect();
            let all = |of: fn(&Band) -> f64| mean(&by_horizon.iter().map(of).collect::<Vec<_>>());
            Pair {
                lower: self.levels[pair],
                upper: self.levels[self.levels.len() - 1 - pair],
                all: Band { coverage: all(|band| band.coverage), width: all(|band| band.width) },
                by_horizon,
            }
        };
        let pinball_by_horizon: Vec<f64> = self.pinball.iter().map(|sum| sum / count).collect();
        Spread {
            pinball: mean(&pinball_by_horizon),
            pinball_by_horizon,
            pairs: self.within.iter().enumerate().map(pair).collect(),
        }
    }
}

/// Intervals of a model with quantiles on windows, and all of its quantiles as widened, `[K][Z][Q]` each.
pub fn score(model: &mut DeviceModel<'_>, windows: &Windows<'_>) -> Result<(IntervalMetrics, Vec<Vec<f32>>)> {
    let dataset = windows.dataset();
    let horizon = dataset.window().horizon;
    let mut sums = [(); 2].map(|()| Sums::new(model.levels(), horizon));
    let mut came = vec![0.0; windows.target_len()];
    let mut widened = Vec::with_capacity(windows.len());
    let said = over(model, windows, |model| model.current_spreads()).map_err(|refused| refused.of(dataset.series()))?;
    for (index, both) in said.into_iter().enumerate() {
        windows.raw_target(index, &mut came);
        for (sums, said) in sums.iter_mut().zip(&both) {
            sums.add(said, &came);
        }
        let [_, after] = both;
        widened.push(after);
    }
    let [before, after] = sums.map(|sums| sums.spread());
    Ok((IntervalMetrics { windows: windows.len(), before, after }, widened))
}

/// Percent for people: `80 %`, `97.5 %`.
pub fn percent(share: f64) -> String {
    // Levels are rounded to `f32`.
    format!("{} %", (share * 1e5).round() / 1e3)
}

impl Pair {
    /// The promised coverage.
    pub fn nominal(&self) -> f64 {
        f64::from(self.upper) - f64::from(self.lower)
    }
}

impl IntervalMetrics {
    /// For people: every pair over the whole horizon, and along it.
    pub fn table(&self, unit: &str) -> String {
        let unit = if unit.is_empty() { String::new() } else { format!(" [{unit}]") };
        let mut table = Table::new([
            ("interval", Align::Left),
            ("ahead", Align::Right),
            ("coverage before", Align::Right),
            ("after", Align::Right),
            (&format!("width before{unit}"), Align::Right),
            ("after", Align::Right),
        ]);
        let horizon = self.before.pinball_by_horizon.len();
        // The ends and three places between them are enough to see how it goes.
        let mut shown: Vec<usize> = (0..=4).map(|k| k * (horizon - 1) / 4).collect();
        shown.dedup();
        for (before, after) in self.before.pairs.iter().zip(&self.after.pairs) {
            let mut row = |name: String, ahead: String, before: &Band, after: &Band| {
                let percent = |share: f64| format!("{:.1} %", 100.0 * share);
                let [narrow, wide] = [before.width, after.width].map(|width| format!("{width:.4}"));
                table.row([name, ahead, percent(before.coverage), percent(after.coverage), narrow, wide]);
            };
            row(percent(before.nominal()), "all".into(), &before.all, &after.all);
            if horizon > 1 {
                for ahead in &shown {
                    row(String::new(), (ahead + 1).to_string(), &before.by_horizon[*ahead], &after.by_horizon[*ahead]);
                }
            }
        }
        format!("{table}mean pinball loss{unit}: {:.5} before, {:.5} after\n", self.before.pinball, self.after.pinball)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_width_and_pinball_are_counted_by_hand() {
        let levels = [0.1, 0.5, 0.9];
        let mut sums = Sums::new(&levels, 2);
        // Two targets of two samples: within, on the edge, below, above.
        sums.add(&[0.0, 1.0, 2.0, 0.0, 1.0, 4.0, 5.0, 6.0, 7.0, 0.0, 0.0, 1.0], &[1.5, 0.0, 4.0, 3.0]);
        let spread = sums.spread();
        let [pair] = &spread.pairs[..] else { panic!("one pair") };
        assert_eq!(pair.by_horizon, [Band { coverage: 0.5, width: 2.0 }, Band { coverage: 0.5, width: 2.5 }]);
        assert_eq!(pair.all, Band { coverage: 0.5, width: 2.25 });
        let first = (0.1 * 1.5 + 0.5 * 0.5 + 0.1 * 0.5) + (0.9 * 1.0 + 0.5 * 2.0 + 0.1 * 3.0);
        assert!((spread.pinball_by_horizon[0] - first / 6.0).abs() < 1e-7, "{spread:?}");
        let second = (0.0 + 0.5 * 1.0 + 0.1 * 4.0) + (0.1 * 3.0 + 0.5 * 3.0 + 0.9 * 2.0);
        assert!((spread.pinball_by_horizon[1] - second / 6.0).abs() < 1e-7, "{spread:?}");
        assert!((spread.pinball - (first + second) / 12.0).abs() < 1e-7);
    }

    #[test]
    fn intervals_are_spoken() {
        assert_eq!([0.8, f64::from(0.9f32) - f64::from(0.1f32), 0.95, 0.999].map(percent), ["80 %", "80 %", "95 %", "99.9 %"]);
        let levels = [0.1, 0.5, 0.9];
        let mut sums = Sums::new(&levels, 1);
        sums.add(&[0.0, 1.0, 2.0], &[1.5]);
        let metrics = IntervalMetrics { windows: 1, before: sums.spread(), after: sums.spread() };
        assert_eq!(
            metrics.table("kPa"),
            "interval  ahead  coverage before    after  width before [kPa]   after\n\
             80 %        all          100.0 %  100.0 %              2.0000  2.0000\n\
             mean pinball loss [kPa]: 0.15000 before, 0.15000 after\n"
        );
    }
}
