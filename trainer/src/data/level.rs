//! Per-window normalization in doubles, as training sees it: what the device measures of each window in `f32`.

use embedded_rnn::forecast::Normalization;

use super::scaler::Moments;

/// The least deviation that a window is divided by, as a share of the training rows': `2^-10`, near RevIN's own guard (a variance of 1e-5).
/// A window that moves less is one of a constant.
pub const LEAST_DEVIATION: f64 = 1.0 / 1024.0;

/// Where a window of one column is measured from, and in which unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Subtracted where the season does not say what is.
    pub offset: f64,
    /// What the rest is divided by.
    pub deviation: f64,
}

impl Level {
    /// Measures a window's values of the transformed domain, oldest first.
    pub fn of(normalization: Normalization, moments: &Moments, window: &[f32]) -> Level {
        let Moments { mean, deviation } = *moments;
        match normalization {
            Normalization::None => Level { offset: mean, deviation },
            Normalization::Last => Level { offset: window.last().map_or(0.0, |last| f64::from(*last)), deviation },
            Normalization::Seasonal { .. } => Level { offset: 0.0, deviation },
            Normalization::Mean => Level { offset: mean_of(window), deviation },
            Normalization::Scaled => {
                let offset = mean_of(window);
                let squares = window.iter().map(|value| (f64::from(*value) - offset).powi(2)).sum::<f64>();
                let own = (squares / window.len().max(1) as f64).sqrt();
                Level { offset, deviation: own.max(LEAST_DEVIATION * deviation) }
            }
        }
    }
}

fn mean_of(window: &[f32]) -> f64 {
    window.iter().map(|value| f64::from(*value)).sum::<f64>() / window.len().max(1) as f64
}

/// What is added to the forecast of the value `ahead` (from 0) after a window's last.
pub fn base(normalization: Normalization, level: &Level, window: &[f32], ahead: usize) -> f64 {
    match normalization.season() {
        0 => level.offset,
        season => f64::from(window[window.len() - season + ahead % season]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENTS: Moments = Moments { mean: 10.0, deviation: 4.0 };

    #[test]
    fn a_window_is_measured_as_its_normalization_says() {
        let window = [1.0f32, 3.0, 5.0, 7.0];
        let of = |normalization| Level::of(normalization, &MOMENTS, &window);
        assert_eq!(of(Normalization::None), Level { offset: 10.0, deviation: 4.0 });
        assert_eq!(of(Normalization::Last), Level { offset: 7.0, deviation: 4.0 });
        assert_eq!(of(Normalization::Mean), Level { offset: 4.0, deviation: 4.0 });
        assert_eq!(of(Normalization::Scaled), Level { offset: 4.0, deviation: 5f64.sqrt() });
        assert_eq!(of(Normalization::Seasonal { season: 2 }), Level { offset: 0.0, deviation: 4.0 });
        let constant = Level::of(Normalization::Scaled, &MOMENTS, &[101_325.0; 5]);
        assert_eq!(constant, Level { offset: 101_325.0, deviation: 4.0 / 1024.0 });
    }

    #[test]
    fn beyond_a_season_the_last_one_seen_is_added_again() {
        let window = [1.0f32, 2.0, 3.0, 4.0, 5.0];
        let normalization = Normalization::Seasonal { season: 3 };
        let level = Level::of(normalization, &MOMENTS, &window);
        let bases: Vec<f64> = (0..7).map(|ahead| base(normalization, &level, &window, ahead)).collect();
        assert_eq!(bases, [3.0, 4.0, 5.0, 3.0, 4.0, 5.0, 3.0]);
    }
}
