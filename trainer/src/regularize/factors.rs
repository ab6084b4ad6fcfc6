//! What a mask does to a block of units: a factor for each.
//!
//! Dropout multiplies an activation by 0 or a scale; zoneout weighs the previous state by 0 or 1; at test time both are one
//! constant. So training and evaluation run through the same code.

use crate::network::Real;
use crate::network::kernel::Simd;
use crate::network::lanes::{LANES, Lanes};
use crate::random::Key;
use crate::regularize::settings::Mask;

/// Factors of one regularizer at one place of the network.
#[derive(Clone, Copy, Debug)]
pub enum Factors<R> {
    /// The same for every unit.
    Constant(R),
    /// Drawn for every row and unit, and for every time or once for all.
    Drawn {
        /// Seed, step, layer and kind.
        key: Key,
        /// How long a draw stays the same.
        mask: Mask,
        /// Hits are those of 2^32 equally likely numbers that are below.
        threshold: u64,
        /// The factor of a hit.
        hit: R,
        /// The factor otherwise.
        miss: R,
    },
}

impl<R: Real> Factors<R> {
    /// `hit` with the given probability, else `miss`.
    pub fn drawn(key: Key, mask: Mask, probability: f64, hit: R, miss: R) -> Self {
        let threshold = (probability * 4_294_967_296.0).round() as u64;
        Factors::Drawn { key, mask, threshold, hit, miss }
    }

    /// The same in distribution, drawn from numbers of its own for every `part`; a constant stays what it is.
    pub fn apart(self, part: u64) -> Self {
        match self {
            Factors::Constant(_) => self,
            Factors::Drawn { key, mask, threshold, hit, miss } => {
                Factors::Drawn { key: key.with(part), mask, threshold, hit, miss }
            }
        }
    }

    /// The factors of a block of units; `row` is the window's place in the whole batch.
    #[inline(always)]
    pub fn lanes(&self, row: usize, time: usize, block: usize) -> Lanes<R> {
        match *self {
            Factors::Constant(value) => [value; LANES],
            Factors::Drawn { key, mask, threshold, hit, miss } => {
                let time = if mask == Mask::Sequence { 0 } else { time };
                let key = key.with((row as u64) << 32 | time as u64);
                let mut lanes = [miss; LANES];
                for (u, lane) in lanes.iter_mut().enumerate() {
                    let word = key.word((block * LANES + u) as u32);
                    *lane = if u64::from(word) < threshold { hit } else { miss };
                }
                lanes
            }
        }
    }

    /// The hits among a block's units as bits; a constant has none.
    #[inline(always)]
    pub fn bits<S: Simd<R>>(&self, simd: S, row: usize, time: usize, block: usize) -> u16 {
        match *self {
            Factors::Constant(_) => 0,
            Factors::Drawn { key, mask, threshold, .. } => {
                let time = if mask == Mask::Sequence { 0 } else { time };
                let key = key.with((row as u64) << 32 | time as u64);
                let mut words = [0; LANES];
                for (u, word) in words.iter_mut().enumerate() {
                    *word = key.word((block * LANES + u) as u32);
                }
                u32::try_from(threshold).map_or(u16::MAX, |threshold| simd.below(&words, threshold))
            }
        }
    }
}

/// A mask on what the four gates read: one for all of them, or one each.
#[derive(Clone, Copy, Debug)]
pub enum GateFactors<R> {
    /// All gates read the same.
    Tied(Factors<R>),
    /// In the order of the gates.
    Separate([Factors<R>; 4]),
}

impl<R: Real> GateFactors<R> {
    /// How many copies of the masked values there are.
    pub fn copies(&self) -> usize {
        match self {
            GateFactors::Tied(_) => 1,
            GateFactors::Separate(_) => 4,
        }
    }

    /// The mask of a copy.
    #[inline(always)]
    pub fn copy(&self, copy: usize) -> &Factors<R> {
        match self {
            GateFactors::Tied(factors) => factors,
            GateFactors::Separate(gates) => &gates[copy],
        }
    }
}

/// Gaussian noise with mean 0 (Graves, arXiv 1308.0850, section 4).
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Seed, step, layer and kind.
    pub key: Key,
    /// Its standard deviation.
    pub deviation: f64,
}

impl Noise {
    /// Adds to consecutive values of one place.
    pub fn add<R: Real>(&self, place: u64, values: &mut [R]) {
        let key = self.key.with(place);
        for (index, value) in values.iter_mut().enumerate() {
            *value += R::from_f64(self.deviation * key.with(index as u64).normal());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extreme_probabilities_are_exact() {
        let key = Key::new(1);
        for block in 0..100 {
            assert_eq!(Factors::drawn(key, Mask::Step, 0.0, 5.0f32, 7.0).lanes(3, 4, block), [7.0; LANES]);
            assert_eq!(Factors::drawn(key, Mask::Step, 1.0, 5.0f32, 7.0).lanes(3, 4, block), [5.0; LANES]);
        }
    }

    #[test]
    fn bits_are_the_factors() {
        use crate::network::kernel::array::Array;
        for probability in [0.0, 0.3, 1.0] {
            let factors = Factors::drawn(Key::new(7), Mask::Step, probability, 5.0f32, 7.0);
            for block in 0..50 {
                let bits = factors.bits(Array, 3, 4, block);
                let lanes: Lanes<f32> = std::array::from_fn(|u| if bits >> u & 1 == 1 { 5.0 } else { 7.0 });
                assert_eq!(lanes, factors.lanes(3, 4, block));
            }
        }
    }

    #[test]
    fn hits_are_as_frequent_as_asked_and_independent_of_each_other() {
        for probability in [0.1, 0.3, 0.5] {
            let factors = Factors::drawn(Key::new(7), Mask::Step, probability, 1.0f64, 0.0);
            let mask = |row, time| factors.lanes(row, time, 2);
            let (mut hits, mut pairs_in_time, mut pairs_in_rows, mut pairs_in_units) = (0.0, 0.0, 0.0, 0.0);
            let n = 100.0 * 100.0 * 16.0;
            for row in 0..100 {
                for time in 0..100 {
                    let (here, later, below) = (mask(row, time), mask(row, time + 1), mask(row + 1, time));
                    for u in 0..LANES {
                        hits += here[u];
                        pairs_in_time += here[u] * later[u];
                        pairs_in_rows += here[u] * below[u];
                        pairs_in_units += here[u] * here[(u + 1) % LANES];
                    }
                }
            }
            // Four deviations of a binomial count.
            let near = |count: f64, p: f64| (count / n - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt();
            assert!(near(hits, probability), "{hits}");
            for pairs in [pairs_in_time, pairs_in_rows, pairs_in_units] {
                assert!(near(pairs, probability * probability), "{pairs}");
            }
        }
    }

    #[test]
    fn a_sequence_keeps_its_mask_and_a_step_does_not() {
        let mask = |mask| {
            let factors = Factors::drawn(Key::new(7), mask, 0.5, 1.0f64, 0.0);
            (0..50).map(move |time| (0..8).map(|block| factors.lanes(3, time, block)).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert!(mask(Mask::Sequence).windows(2).all(|pair| pair[0] == pair[1]));
        assert!(mask(Mask::Step).windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(mask(Mask::Step)[0], mask(Mask::Sequence)[0]);
    }

    #[test]
    fn noise_has_its_deviation_and_differs_from_place_to_place() {
        let noise = Noise { key: Key::new(4), deviation: 0.3 };
        let draw = |place| {
            let mut values = vec![5.0f64; 100];
            noise.add(place, &mut values);
            values
        };
        let all: Vec<f64> = (0..1000).flat_map(draw).map(|v| v - 5.0).collect();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let variance = all.iter().map(|v| v * v).sum::<f64>() / n;
        // Four deviations of each estimate.
        assert!(mean.abs() < 4.0 * 0.3 / n.sqrt(), "{mean}");
        assert!((variance / 0.09 - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
