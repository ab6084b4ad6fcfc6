//! Layer norm of rows (Ba et al., arXiv 1607.06450, eq. 4), without gain and shift: `z^ = (z - mean)/sqrt(variance + ε)`, and its
//! gradient. Population variance, over the real units of a row; padded units take no part and stay zero. The norm on c and that before
//! the head; those on pre-activations are in [`crate::network::norm_product`].
//!
//! Rows lie one after the other, `[M][N]`. Sums run over blocks, and then over lanes as one fixed tree: the same bits for every vector
//! width.

use super::kernel::{Block, Simd};
use super::lanes::{LANES, Lanes};
use super::masks::real_units;
use super::real::Real;

/// What statistics are taken over.
#[derive(Clone, Copy, Debug)]
pub struct Scope<R> {
    /// H
    pub units: usize,
    /// ε
    pub epsilon: R,
}

/// A row's statistics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics<R> {
    /// Its mean.
    pub mean: R,
    /// `1/sqrt(variance + ε)`
    pub scale: R,
}

impl<R: Real> Scope<R> {
    /// N
    fn blocks(self) -> usize {
        self.units.div_ceil(LANES)
    }

    /// Means of M rows from the sums over their units.
    #[inline(always)]
    fn means<B: Block<R>, const M: usize>(self, sums: [B; M]) -> [R; M] {
        let share = R::ONE / R::from_f64(self.units as f64);
        let mut means = B::sums(sums);
        for mean in &mut means {
            *mean = *mean * share;
        }
        means
    }

    /// The statistics of M rows: together, because each takes a chain of sums, a division, a root, and the processor can run several
    /// of them at once.
    #[inline(always)]
    pub fn statistics<S: Simd<R>, const M: usize>(self, simd: S, z: &[Lanes<R>]) -> [Statistics<R>; M] {
        let n = self.blocks();
        let mut sums = [simd.splat(R::ZERO); M];
        for m in 0..M {
            for block in 0..n {
                sums[m] = sums[m] + simd.load(&z[m * n + block]);
            }
        }
        let means = self.means(sums);
        let mut squares = [simd.splat(R::ZERO); M];
        for m in 0..M {
            for block in 0..n {
                let centered = simd.load(&z[m * n + block]) - simd.splat(means[m]);
                let centered = only(real_units(self.units, block), centered);
                squares[m] = centered.mul_add(centered, squares[m]);
            }
        }
        let scales = reciprocal_roots(self.means(squares), self.epsilon);
        let mut statistics = [Statistics::default(); M];
        for m in 0..M {
            statistics[m] = Statistics { mean: means[m], scale: scales[m] };
        }
        statistics
    }

    /// `z^` of a block.
    #[inline(always)]
    pub fn normalize<S: Simd<R>>(self, simd: S, z: S::Block, statistics: &Statistics<R>, block: usize) -> S::Block {
        let centered = z - simd.splat(statistics.mean);
        only(real_units(self.units, block), centered * simd.splat(statistics.scale))
    }
}

/// `1/sqrt(variance + ε)` of each: roots and divisions are slow, and so those of all rows are in one vector.
#[inline(always)]
pub fn reciprocal_roots<R: Real, const M: usize>(variances: [R; M], epsilon: R) -> [R; M] {
    let mut column = variances;
    for value in &mut column {
        *value = (*value + epsilon).sqrt();
    }
    for value in &mut column {
        *value = R::ONE / *value;
    }
    column
}

/// Zero beyond the real units; a whole block has no need of it.
#[inline(always)]
fn only<R: Real, B: Block<R>>(real: u16, block: B) -> B {
    if real == u16::MAX { block } else { B::select(real, block, block.constant(R::ZERO)) }
}

/// The gain of a norm, `y = gain * z^ + shift`, and what its gradients are taken back through.
#[derive(Clone, Copy, Debug)]
pub struct NormBack<'a, R> {
    /// `[N]`
    pub gain: &'a [Lanes<R>],
    /// What the statistics were taken over.
    pub scope: Scope<R>,
}

/// What the gradients of a whole row come to, with `d = gain * d_y`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackMeans<R> {
    /// `mean d`
    d: R,
    /// `mean(d * z^)`
    products: R,
}

impl<R: Real> NormBack<'_, R> {
    /// The means of M rows, from the gradients of y and from z^, both `[M][N]`; adds to the gain's gradient, row by row.
    #[inline(always)]
    pub fn means<S: Simd<R>, const M: usize>(
        &self,
        simd: S,
        d_y: &[Lanes<R>],
        z: &[Lanes<R>],
        d_gain: &mut [Lanes<R>],
    ) -> [BackMeans<R>; M] {
        let n = self.scope.blocks();
        let (mut sum, mut product) = ([simd.splat(R::ZERO); M], [simd.splat(R::ZERO); M]);
        for block in 0..n {
            let (gain, mut d) = (simd.load(&self.gain[block]), simd.load(&d_gain[block]));
            for m in 0..M {
                let (d_y, z) = (simd.load(&d_y[m * n + block]), simd.load(&z[m * n + block]));
                d = d_y.mul_add(z, d);
                let scaled = gain * d_y;
                sum[m] = sum[m] + scaled;
                product[m] = scaled.mul_add(z, product[m]);
            }
            d.store(&mut d_gain[block]);
        }
        let (d, products) = (self.scope.means(sum), self.scope.means(product));
        let mut means = [BackMeans::default(); M];
        for m in 0..M {
            means[m] = BackMeans { d: d[m], products: products[m] };
        }
        means
    }

    /// From the gradient of a block of y to that of z: `d_z = (d - mean d - z^ * mean(d * z^)) / sqrt(variance + ε)`.
    #[inline(always)]
    pub fn finish<S: Simd<R>>(
        &self,
        simd: S,
        block: usize,
        (means, scale): (&BackMeans<R>, R),
        (d_y, z): (S::Block, S::Block),
    ) -> S::Block {
        let d = simd.load(&self.gain[block]) * d_y - simd.splat(means.d);
        let d = z.neg_mul_add(simd.splat(means.products), d);
        only(real_units(self.scope.units, block), simd.splat(scale) * d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernel::array::{Array, ArrayBlock};
    use crate::network::lanes::zeros;
    use crate::random::Key;

    const EPSILON: f64 = 0.01;
    const UNITS: usize = 21;
    const SCOPE: Scope<f64> = Scope { units: UNITS, epsilon: EPSILON };

    /// A row; padding is zero.
    fn random(part: u64) -> [Lanes<f64>; 2] {
        let value = |unit: usize| if unit < UNITS { Key::new(8).with(part).with(unit as u64).normal() + 0.3 } else { 0.0 };
        std::array::from_fn(|block| std::array::from_fn(|u| value(block * LANES + u)))
    }

    fn normalize(z: &mut [Lanes<f64>], scope: Scope<f64>) -> f64 {
        let [statistics] = scope.statistics(Array, z);
        for (block, z) in z.iter_mut().enumerate() {
            *z = scope.normalize(Array, ArrayBlock(*z), &statistics, block).0;
        }
        statistics.scale
    }

    #[test]
    fn rows_are_normalized_by_the_definition_and_padding_stays_zero() {
        let before = random(1);
        let mut z = before;
        normalize(&mut z, SCOPE);
        let row = &before.as_flattened()[..UNITS];
        let mean = row.iter().sum::<f64>() / UNITS as f64;
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / UNITS as f64;
        for (unit, &z) in z.as_flattened().iter().enumerate() {
            let expected = if unit < UNITS { (row[unit] - mean) / (variance + EPSILON).sqrt() } else { 0.0 };
            assert!((z - expected).abs() < 1e-14, "unit {unit}: {z} for {expected}");
        }
    }

    #[test]
    fn gradients_match_differences() {
        let (before, d_y, gain) = (random(1), random(2), random(3));
        // The loss is the sum of d_y * gain * z^.
        let loss = |z: &[Lanes<f64>; 2], gain: &[Lanes<f64>; 2]| {
            let mut z = *z;
            normalize(&mut z, SCOPE);
            let (z, d, g) = (z.as_flattened(), d_y.as_flattened(), gain.as_flattened());
            (0..UNITS).map(|unit| z[unit] * d[unit] * g[unit]).sum::<f64>()
        };
        let mut z = before;
        let scale = normalize(&mut z, SCOPE);
        let mut d_gain = [zeros(); 2];
        let back = NormBack { gain: &gain, scope: SCOPE };
        let [means] = back.means(Array, &d_y, &z, &mut d_gain);
        for unit in 0..2 * LANES {
            let (block, u) = (unit / LANES, unit % LANES);
            let d = (ArrayBlock(d_y[block]), ArrayBlock(z[block]));
            let analytic = back.finish(Array, block, (&means, scale), d).0[u];
            let difference = |change: &dyn Fn(f64) -> f64| (change(1e-4) - change(-1e-4)) / 2e-4;
            let numeric = difference(&|offset| {
                let mut moved = before;
                moved[block][u] += offset;
                if unit < UNITS { loss(&moved, &gain) } else { 0.0 }
            });
            assert!((analytic - numeric).abs() < 1e-7, "unit {unit}");
            let numeric = difference(&|offset| {
                let mut moved = gain;
                moved[block][u] += offset;
                loss(&before, &moved)
            });
            assert!((d_gain[block][u] - numeric).abs() < 1e-7, "gain of unit {unit}");
        }
    }

    #[test]
    fn equal_values_are_normalized_to_zero() {
        let mut z = [[3.0; LANES]; 2];
        let scale = normalize(&mut z, Scope { units: 32, epsilon: EPSILON });
        assert_eq!((z[0][5], scale), (0.0, 10.0));
    }
}
