//! Finding a season's length by autocorrelation.

/// Rows that are looked at, at most: the last ones.
const LARGEST: usize = 20_000;
/// Peaks this close to the most prominent one count as well, and the first of them is the season: its multiples follow.
const NEARLY: f64 = 0.8;

/// The number of samples after which a series most resembles itself; `None` where it never clearly does.
///
/// The rule: a straight line is fitted and subtracted; autocorrelations are taken up to a third of the rows; a peak's prominence is its
/// height above the higher of the two troughs that part it from higher ground (or from the last lag); the season is the first peak with at
/// least 0.8 of the largest prominence. Its autocorrelation must exceed four standard errors of white noise's, `4/sqrt(n)`. Broad
/// peaks are ragged, so the season is the center of gravity of the peak's upper tenth.
pub fn find_season(values: &[f32]) -> Option<usize> {
    let correlations = autocorrelations(&values[values.len().saturating_sub(LARGEST)..])?;
    let rows = values.len().min(LARGEST) as f64;
    let peaks: Vec<Peak> = (2..correlations.len().saturating_sub(1)).filter_map(|lag| Peak::at(&correlations, lag)).collect();
    let most = peaks.iter().map(|peak| peak.prominence).fold(0.0, f64::max);
    let first = peaks.iter().find(|peak| peak.prominence >= NEARLY * most)?;
    (correlations[first.lag] > 4.0 / rows.sqrt()).then(|| first.center(&correlations))
}

/// `[lag]`, biased (divided by the same n), of the values without their linear trend; `None` for a constant or a handful of values.
fn autocorrelations(values: &[f32]) -> Option<Vec<f64>> {
    let n = values.len();
    if n < 9 {
        return None;
    }
    let middle = (n - 1) as f64 / 2.0;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n as f64;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let t = i as f64 - middle;
        covariance += t * (f64::from(*value) - mean);
        variance += t * t;
    }
    let slope = covariance / variance;
    let rest: Vec<f64> =
        values.iter().enumerate().map(|(i, value)| f64::from(*value) - mean - slope * (i as f64 - middle)).collect();
    let at = |lag: usize| rest.iter().zip(&rest[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let power = at(0);
    // A straight line leaves nothing but roundings.
    let size = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
    (power > 1e-12 * size).then(|| (0..=n / 3).map(|lag| at(lag) / power).collect())
}

struct Peak {
    lag: usize,
    prominence: f64,
}

impl Peak {
    /// The peak at `lag`, if there is one.
    fn at(correlations: &[f64], lag: usize) -> Option<Peak> {
        let height = correlations[lag];
        if !(height > correlations[lag - 1] && height >= correlations[lag + 1]) {
            return None;
        }
        // Lag 0 is always higher ground, so the left trough always counts; the right one only if higher ground follows it.
        let before = correlations[..lag].iter().rev().take_while(|value| **value <= height);
        let left = before.copied().fold(height, f64::min);
        let after = &correlations[lag + 1..];
        let right = after.iter().take_while(|value| **value <= height).copied().fold(height, f64::min);
        let trough = if after.iter().any(|value| *value > height) { left.max(right) } else { left };
        Some(Peak { lag, prominence: height - trough })
    }

    /// The center of gravity of what rises above nine tenths of the prominence.
    fn center(&self, correlations: &[f64]) -> usize {
        let floor = correlations[self.lag] - 0.1 * self.prominence;
        let above = |value: &&f64| **value >= floor;
        let left = correlations[..self.lag].iter().rev().take_while(above).count();
        let right = correlations[self.lag + 1..].iter().take_while(above).count();
        let (mut weight, mut moment) = (0.0, 0.0);
        for (lag, value) in correlations.iter().enumerate().take(self.lag + right + 1).skip(self.lag - left) {
            weight += value - floor;
            moment += lag as f64 * (value - floor);
        }
        if weight > 0.0 { (moment / weight).round() as usize } else { self.lag }
    }
}

#[cfg(test)]
mod tests {
    use super::find_season;
    use crate::data::amplitude_factor;
    use crate::data::testing::{benchmark, select, sunspots};

    /// Standard normal numbers, reproducible.
    fn noise(i: usize) -> f64 {
        amplitude_factor(1.0, 3, 0, i).ln()
    }

    #[test]
    fn a_season_is_found_under_trend_and_noise() {
        for season in [7usize, 12, 24, 50] {
            let values: Vec<f32> = (0..20 * season)
                .map(|i| {
                    let angle = std::f64::consts::TAU * i as f64 / season as f64;
                    (angle.sin() + 0.4 * (2.0 * angle).cos() + 0.3 * noise(i) + 0.02 * i as f64) as f32
                })
                .collect();
            assert_eq!(find_season(&values), Some(season));
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert_eq!(find_season(&(0..2000).map(|i| noise(i) as f32).collect::<Vec<_>>()), None);
        assert_eq!(find_season(&(0..300).map(|i| i as f32 * 0.1).collect::<Vec<_>>()), None);
        assert_eq!(find_season(&[5.0; 100]), None);
        assert_eq!(find_season(&[1.0, 2.0, 1.0]), None);
        assert_eq!(find_season(&[]), None);
    }

    #[test]
    fn the_suns_cycle_is_about_eleven_years() {
        let series = sunspots();
        let roots: Vec<f32> = series.columns[0].values[..1973].iter().map(|value| value.sqrt()).collect();
        assert_eq!(find_season(&roots), Some(131));
        assert_eq!(find_season(&series.columns[0].values[..1973]), Some(127));
    }

    #[test]
    fn hourly_loads_have_days_and_temperatures_weeks() {
        for (column, season) in [("HUFL", 24), ("MUFL", 24), ("HULL", 24), ("OT", 168)] {
            let Some(series) = benchmark("ETTh1.csv", &select(column)) else { return };
            assert_eq!(find_season(&series.columns[0].values[..8640]), Some(season), "{column}");
        }
    }
}
