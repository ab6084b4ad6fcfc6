//! Random numbers without state: each is a hash of what it is for. They do not depend on the order in which they are drawn, nor
//! on the number of threads, and the same key gives the same numbers again, which is how a backward pass recalls its masks.

/// A key that grows by whatever it is given: a seed, a step, a layer, a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The root of all numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Key(mix64(seed ^ 0x5851_f42d_4c95_7f2d))
    }

    /// The key of a part: another one for every `part`.
    #[inline(always)]
    pub fn with(self, part: u64) -> Self {
        Key(mix64(self.0 ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The 32-bit number of this key and a small counter; cheap, and a loop over counters becomes vector code.
    #[inline(always)]
    pub fn word(self, counter: u32) -> u32 {
        mix32(counter.wrapping_mul(0x9e37_79b9) ^ self.0 as u32).wrapping_add((self.0 >> 32) as u32)
    }

    /// Uniform in (0, 1), 53 bits.
    pub fn uniform(self) -> f64 {
        ((self.0 >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..bound.
    pub fn below(self, bound: usize) -> usize {
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }

    /// Normal with mean 0 and deviation 1 (Box & Muller 1958).
    pub fn normal(self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.with(0).uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.with(1).uniform())
    }
}

/// The finalizer of SplitMix64 (Steele et al. 2014, variant 13).
#[inline(always)]
fn mix64(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A 32-bit finalizer with low bias (Wellons' `lowbias32`).
#[inline(always)]
fn mix32(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let (n, key) = (200_000, Key::new(3));
        let (mut sum, mut squares, mut normal, mut normal_squares, mut words) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for k in 0..n {
            let u = key.with(k).uniform();
            let z = key.with(k).normal();
            sum += u;
            squares += u * u;
            normal += z;
            normal_squares += z * z;
            words += f64::from(key.word(k as u32)) / 4_294_967_296.0;
        }
        let mean = |x: f64| x / n as f64;
        assert!((mean(sum) - 0.5).abs() < 0.003 && (mean(squares) - 1.0 / 3.0).abs() < 0.003);
        assert!(mean(normal).abs() < 0.01 && (mean(normal_squares) - 1.0).abs() < 0.02);
        assert!((mean(words) - 0.5).abs() < 0.003);
    }

    #[test]
    fn neighbors_are_uncorrelated() {
        // Correlation of numbers whose keys differ by one in the seed, a part or the counter.
        let centered = |word: u32| f64::from(word) / 4_294_967_296.0 - 0.5;
        let n = 100_000u64;
        let correlation = |pair: &dyn Fn(u64) -> (u32, u32)| {
            (0..n).map(pair).map(|(a, b)| 12.0 * centered(a) * centered(b)).sum::<f64>() / n as f64
        };
        assert!(correlation(&|k| (Key::new(k).word(0), Key::new(k + 1).word(0))).abs() < 0.02);
        assert!(correlation(&|k| (Key::new(1).with(k).word(5), Key::new(1).with(k + 1).word(5))).abs() < 0.02);
        assert!(correlation(&|k| (Key::new(1).word(k as u32), Key::new(1).word(k as u32 + 1))).abs() < 0.02);
    }

    #[test]
    fn bounded_numbers_cover_their_range() {
        let mut seen = [0; 7];
        for k in 0..7000 {
            seen[Key::new(9).with(k).below(7)] += 1;
        }
        assert!(seen.iter().all(|&count| (850..1150).contains(&count)), "{seen:?}");
    }
}
