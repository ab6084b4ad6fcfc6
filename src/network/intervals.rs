//! Quantiles in order, and intervals that are as wide as they had to be on validation data.

use crate::image::{Cursor, Dimension, LoadError, Record, RecordKind};

/// The levels of a forecast's quantiles, and by how much each interval was widened so that it covers what it promises.
///
/// Quantiles are sorted first (monotone rearrangement; Chernozhukov, Fernández-Val & Galichon 2010). Then the lower and the upper one of
/// each symmetric pair move apart by a number of the pair and the sample of the horizon, found by split conformal prediction (Romano,
/// Patterson & Candès, arXiv 1905.03222); a negative one moves them together. The narrower intervals go first and an interval holds every
/// narrower one and the median, so that no quantile crosses another. All of this happens in the transformed domain.
#[derive(Clone, Copy, Debug)]
pub struct Intervals<'m> {
    /// Ascending; an odd number of them, the middle one 1/2.
    levels: &'m [f32],
    /// `[targets][horizon][pairs]`, the widest pair first.
    widening: &'m [f32],
}

impl<'m> Intervals<'m> {
    /// Takes the record and checks it. `outputs`: values of a forecast, targets times horizon.
    pub fn bind(cursor: &mut Cursor<'m>, outputs: usize, quantiles: usize) -> Result<Self, LoadError> {
        let layer = cursor.layer();
        let record: Record<'m> = cursor.next(RecordKind::Intervals)?;
        if record.inputs() != quantiles {
            let (expected, found) = (quantiles as u32, record.inputs() as u32);
            return Err(LoadError::Shape { dimension: Dimension::Quantiles, layer, expected, found });
        }
        let malformed = record.malformed();
        record.expect_shape(layer, quantiles, outputs.checked_mul(quantiles).ok_or(malformed)?)?;
        let mut fields = record.fields();
        let levels = fields.slice::<f32>(quantiles)?;
        let widening = fields.slice::<f32>(outputs.checked_mul(quantiles / 2).ok_or(malformed)?)?;
        fields.end()?;
        let ascending = levels.iter().zip(levels.iter().skip(1)).all(|(a, b)| a < b);
        let within = levels.iter().all(|level| *level > 0.0 && *level < 1.0);
        let symmetric = quantiles >= 3 && quantiles % 2 == 1 && levels.get(quantiles / 2) == Some(&0.5);
        if ascending && within && symmetric && widening.iter().all(|by| by.is_finite()) {
            Ok(Intervals { levels, widening })
        } else {
            Err(malformed)
        }
    }

    /// The quantiles' levels, ascending; the middle one is 1/2.
    pub fn levels(&self) -> &'m [f32] {
        self.levels
    }

    /// By how much each pair is widened, `[targets][horizon][pairs]`, the widest pair first, in the transformed domain.
    pub fn widening(&self) -> &'m [f32] {
        self.widening
    }

    /// Sorts the quantiles of each value. `values`: `[targets][horizon][quantiles]`.
    #[inline]
    pub fn sort(&self, values: &mut [f32]) {
        for value in values.chunks_exact_mut(self.levels.len().max(1)) {
            for end in (1..value.len()).rev() {
                for at in 0..end {
                    if let Some([a, b]) = value.get_mut(at..at + 2)
                        && *b < *a
                    {
                        core::mem::swap(a, b);
                    }
                }
            }
        }
    }

    /// Widens the intervals of sorted quantiles. `values`: `[targets][horizon][quantiles]`.
    #[inline]
    pub fn widen(&self, values: &mut [f32]) {
        let pairs = self.levels.len() / 2;
        let by_value = self.widening.chunks_exact(pairs.max(1));
        for (value, widening) in values.chunks_exact_mut(self.levels.len().max(1)).zip(by_value) {
            let Some((lower, [median, upper @ ..])) = value.split_at_mut_checked(pairs) else { continue };
            let (mut lowest, mut highest) = (*median, *median);
            for ((low, high), by) in lower.iter_mut().rev().zip(upper).zip(widening.iter().rev()) {
                // Written out: `f32::min` leaves the sign of zero open.
                let (below, above) = (*low - by, *high + by);
                lowest = if lowest < below { lowest } else { below };
                highest = if above < highest { highest } else { above };
                (*low, *high) = (lowest, highest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Intervals;

    fn three(widening: &[f32]) -> Intervals<'_> {
        Intervals { levels: &[0.1, 0.5, 0.9], widening }
    }

    #[test]
    fn quantiles_are_sorted_value_by_value() {
        let mut values = [3.0, 1.0, 2.0, -1.0, -2.0, -3.0, 0.0, 0.0, 0.0];
        three(&[]).sort(&mut values);
        assert_eq!(values, [1.0, 2.0, 3.0, -3.0, -2.0, -1.0, 0.0, 0.0, 0.0]);
        let five = Intervals { levels: &[0.05, 0.25, 0.5, 0.75, 0.95], widening: &[] };
        // All 120 orders of five.
        let mut orders = 0;
        for code in 0..3125 {
            let digits = [code % 5, code / 5 % 5, code / 25 % 5, code / 125 % 5, code / 625].map(|digit| digit as f32);
            if (0..5).all(|digit| digits.contains(&(digit as f32))) {
                let mut values = digits;
                five.sort(&mut values);
                assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0], "{digits:?}");
                orders += 1;
            }
        }
        assert_eq!(orders, 120);
    }

    #[test]
    fn pairs_move_apart_and_the_median_stays() {
        let mut values = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0];
        three(&[0.5, -0.25]).widen(&mut values);
        assert_eq!(values, [0.5, 2.0, 3.5, 1.25, 2.0, 2.75]);
    }

    #[test]
    fn an_interval_holds_the_median_and_every_narrower_one() {
        let mut values = [1.0, 2.0, 4.0];
        three(&[-1.5]).widen(&mut values);
        assert_eq!(values, [2.0, 2.0, 2.5]);
        let five = Intervals { levels: &[0.05, 0.25, 0.5, 0.75, 0.95], widening: &[-1.0, 3.0] };
        let mut values = [-4.0, -1.0, 0.0, 1.0, 6.0];
        five.widen(&mut values);
        assert_eq!(values, [-4.0, -4.0, 0.0, 4.0, 5.0]);
    }

    #[test]
    fn a_constant_forecast_stays_one_and_not_a_number_is_not_hidden() {
        let mut values = [7.0, 7.0, 7.0, f32::NAN, f32::NAN, f32::NAN];
        three(&[0.0, 1.0]).sort(&mut values);
        three(&[0.0, 1.0]).widen(&mut values);
        assert_eq!(values[..3], [7.0; 3]);
        assert!(values[3..].iter().all(|value| value.is_nan()));
    }
}
