//! What a window says of a column: from where, and in which unit, its values are measured.

/// What is subtracted from a column's values, and what the rest is multiplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Subtracted from the column's values, where not each has its own of a season before.
    pub offset: f32,
    /// Activation units per unit of the transformed domain.
    pub scale: f32,
    /// What a forecast is multiplied with before the offset is added back, where windows are scaled.
    pub deviation: f32,
}

/// The mean of a window's values. They are summed up as differences from one of them, the newest, so that a large offset costs no digits.
pub(super) fn mean(values: impl Iterator<Item = f32>, last: f32) -> f32 {
    let (mut sum, mut count) = (0.0, 0u16);
    for value in values {
        sum += value - last;
        count = count.saturating_add(1);
    }
    last + sum / f32::from(count)
}

/// The population deviation of a window's values, at least `least`: a constant window has one too. Squares are taken in units of `least`, so
/// that values of any unit neither overflow nor vanish.
pub(super) fn deviation(values: impl Iterator<Item = f32>, mean: f32, least: f32) -> f32 {
    let unit = 1.0 / least;
    let (mut sum, mut count) = (0.0, 0u16);
    for value in values {
        let distance = (value - mean) * unit;
        sum += distance * distance;
        count = count.saturating_add(1);
    }
    let root = libm::sqrtf(sum / f32::from(count));
    // Written out, so that what is not a number is one deviation.
    least * if root > 1.0 { root } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::{deviation, mean};

    /// Mean and deviation in doubles.
    fn exact(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
        let squares = values.iter().map(|value| (f64::from(*value) - mean) * (f64::from(*value) - mean)).sum::<f64>();
        (mean, libm::sqrt(squares / n))
    }

    #[test]
    fn huge_offsets_and_units_of_any_size_cost_few_digits() {
        for (offset, size) in [(101_325.0f32, 200.0f32), (101_325.0, 2.0), (0.0, 1e-6), (-3e-5, 1e-6), (1e12, 1e9), (0.0, 1e-25)]
        {
            let wave = |k: u16| offset + size * (f32::from(k * 37 % 101) / 50.0 - 1.0);
            let values: [f32; 336] = core::array::from_fn(|k| wave(k as u16));
            let (exact_mean, exact_deviation) = exact(&values);
            let mean = mean(values.iter().copied(), values[335]);
            // The resolution of values at this offset, and of the deviation.
            let resolution = f64::from(offset.abs() * f32::EPSILON) + 1e-5 * exact_deviation;
            assert!((f64::from(mean) - exact_mean).abs() <= resolution, "{offset} {size}: {mean} {exact_mean}");
            let deviation = deviation(values.iter().copied(), mean, 1e-3 * size);
            let error = (f64::from(deviation) - exact_deviation).abs();
            assert!(error <= resolution, "{offset} {size}: {deviation} {exact_deviation}");
        }
    }

    #[test]
    fn a_constant_window_has_its_own_mean_and_the_least_deviation() {
        for value in [0.0f32, 101_325.1, -1e-30, 3e30] {
            let values = [value; 336];
            assert_eq!(mean(values.iter().copied(), value), value);
            assert_eq!(deviation(values.iter().copied(), value, 0.25), 0.25);
        }
    }

    #[test]
    fn what_is_no_number_is_measured_by_the_least_deviation() {
        assert_eq!(deviation([f32::NAN, 1.0].into_iter(), 0.0, 0.5), 0.5);
        assert_eq!(deviation(core::iter::empty(), 0.0, 0.5), 0.5);
    }
}
