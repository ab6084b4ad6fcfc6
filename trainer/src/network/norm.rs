//! Layer norm of one row (Ba et al., arXiv 1607.06450, eq. 4), without gain and shift: `z^ = (z - mean)/sqrt(variance + ε)`, and its
//! gradient. Population variance, over the real units of a row; padded units take no part and stay zero.
//!
//! A row's values lie in blocks with G gates each: four for pre-activations, one for the cell. Statistics are over all of them, or
//! over each gate's alone. Sums run over blocks, then over gates, and then over lanes as one fixed tree: the same bits for every
//! vector width.

use super::kernel::{Block, Simd};
use super::lanes::{LANES, Lanes};
use super::masks::real_units;
use super::real::Real;

/// Where the blocks of some rows lie in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The first row's first block.
    pub first: usize,
    /// From a row to the next.
    pub row: usize,
    /// From a block to the next.
    pub block: usize,
}

impl Places {
    /// The place of a block.
    #[inline(always)]
    pub fn at(self, row: usize, block: usize) -> usize {
        self.first + row * self.row + block * self.block
    }
}

/// What statistics are taken over.
#[derive(Clone, Copy, Debug)]
pub struct Scope<R> {
    /// H
    pub units: usize,
    /// Each gate for itself?
    pub per_gate: bool,
    /// ε
    pub epsilon: R,
}

/// A row's statistics, one for each gate.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<R, const G: usize> {
    /// Means.
    pub means: [R; G],
    /// `1/sqrt(variance + ε)`
    pub scales: [R; G],
}

impl<R: Real, const G: usize> Default for Statistics<R, G> {
    fn default() -> Self {
        Statistics { means: [R::ZERO; G], scales: [R::ZERO; G] }
    }
}

impl<R: Real> Scope<R> {
    /// N
    fn blocks(self) -> usize {
        self.units.div_ceil(LANES)
    }

    /// Means of M rows from the sums over each gate's units.
    #[inline(always)]
    fn means<B: Block<R>, const M: usize, const G: usize>(self, sums: [[B; G]; M]) -> [[R; G]; M] {
        let mut means = [[R::ZERO; G]; M];
        if self.per_gate || G == 1 {
            let share = R::ONE / R::from_f64(self.units as f64);
            for gate in 0..G {
                let mut column = [sums[0][gate]; M];
                for m in 1..M {
                    column[m] = sums[m][gate];
                }
                let totals = B::sums(column);
                for m in 0..M {
                    means[m][gate] = totals[m] * share;
                }
            }
        } else {
            let share = R::ONE / R::from_f64((G * self.units) as f64);
            let mut column = [sums[0][0]; M];
            for m in 0..M {
                column[m] = sums[m][0];
                for gate in 1..G {
                    column[m] = column[m] + sums[m][gate];
                }
            }
            let totals = B::sums(column);
            for m in 0..M {
                means[m] = [totals[m] * share; G];
            }
        }
        means
    }

    /// The statistics of M rows: together, because each takes a chain of sums, a division, a root, and the processor can run several
    /// of them at once.
    #[inline(always)]
    pub fn statistics<S: Simd<R>, const M: usize, const G: usize>(
        self,
        simd: S,
        z: &[[Lanes<R>; G]],
        places: Places,
    ) -> [Statistics<R, G>; M] {
        let mut sums = [[simd.splat(R::ZERO); G]; M];
        for m in 0..M {
            for block in 0..self.blocks() {
                let z = &z[places.at(m, block)];
                for gate in 0..G {
                    sums[m][gate] = sums[m][gate] + simd.load(&z[gate]);
                }
            }
        }
        let means = self.means(sums);
        let mut squares = [[simd.splat(R::ZERO); G]; M];
        for m in 0..M {
            for block in 0..self.blocks() {
                let (z, real) = (&z[places.at(m, block)], real_units(self.units, block));
                for gate in 0..G {
                    let centered = only(real, simd.load(&z[gate]) - simd.splat(means[m][gate]));
                    squares[m][gate] = centered.mul_add(centered, squares[m][gate]);
                }
            }
        }
        let variances = self.means(squares);
        let mut statistics = [Statistics::default(); M];
        for m in 0..M {
            statistics[m].means = means[m];
        }
        // Roots and divisions are slow: one of each where the gates share it, and those of all rows in one vector.
        let distinct = if self.per_gate { G } else { 1 };
        for gate in 0..G {
            let mut column = [R::ZERO; M];
            for m in 0..M {
                column[m] = if gate < distinct { variances[m][gate] + self.epsilon } else { statistics[m].scales[0] };
            }
            if gate < distinct {
                for root in &mut column {
                    *root = root.sqrt();
                }
                for root in &mut column {
                    *root = R::ONE / *root;
                }
            }
            for m in 0..M {
                statistics[m].scales[gate] = column[m];
            }
        }
        statistics
    }

    /// `z^` of a block.
    #[inline(always)]
    pub fn normalize<S: Simd<R>, const G: usize>(
        self,
        simd: S,
        z: [S::Block; G],
        statistics: &Statistics<R, G>,
        block: usize,
    ) -> [S::Block; G] {
        let real = real_units(self.units, block);
        let mut normalized = [simd.splat(R::ZERO); G];
        for gate in 0..G {
            let centered = z[gate] - simd.splat(statistics.means[gate]);
            normalized[gate] = only(real, centered * simd.splat(statistics.scales[gate]));
        }
        normalized
    }
}

/// Zero beyond the real units; a whole block has no need of it.
#[inline(always)]
fn only<R: Real, B: Block<R>>(real: u16, block: B) -> B {
    if real == u16::MAX { block } else { B::select(real, block, block.constant(R::ZERO)) }
}

/// The gradients of the outputs of one norm, `y = gain * z^ + shift`, and what they are taken back through.
#[derive(Clone, Copy, Debug)]
pub struct NormBack<'a, R, const G: usize> {
    /// Gradients of y.
    pub d_y: &'a [[Lanes<R>; G]],
    /// Where the first of some rows lies in them.
    pub places: Places,
    /// `[N]`
    pub gain: &'a [[Lanes<R>; G]],
    /// What the statistics were taken over.
    pub scope: Scope<R>,
}

/// What the gradients of a whole row come to, with `d = gain * d_y`.
#[derive(Clone, Copy, Debug)]
pub struct BackMeans<R, const G: usize> {
    /// `mean d`
    d: [R; G],
    /// `mean(d * z^)`
    products: [R; G],
}

impl<R: Real, const G: usize> Default for BackMeans<R, G> {
    fn default() -> Self {
        BackMeans { d: [R::ZERO; G], products: [R::ZERO; G] }
    }
}

impl<R: Real, const G: usize> NormBack<'_, R, G> {
    /// The means of M rows; adds to the gain's gradient, row by row.
    #[inline(always)]
    pub fn means<S: Simd<R>, const M: usize>(
        &self,
        simd: S,
        z: &[[Lanes<R>; G]],
        places: Places,
        d_gain: &mut [[Lanes<R>; G]],
    ) -> [BackMeans<R, G>; M] {
        let NormBack { d_y, places: from, gain, scope } = *self;
        let (mut sums, mut products) = ([[simd.splat(R::ZERO); G]; M], [[simd.splat(R::ZERO); G]; M]);
        for gate in 0..G {
            let (mut sum, mut product) = ([simd.splat(R::ZERO); M], [simd.splat(R::ZERO); M]);
            for block in 0..scope.blocks() {
                let (gain, mut d) = (simd.load(&gain[block][gate]), simd.load(&d_gain[block][gate]));
                for m in 0..M {
                    let (d_y, z) = (simd.load(&d_y[from.at(m, block)][gate]), simd.load(&z[places.at(m, block)][gate]));
                    d = d_y.mul_add(z, d);
                    let scaled = gain * d_y;
                    sum[m] = sum[m] + scaled;
                    product[m] = scaled.mul_add(z, product[m]);
                }
                d.store(&mut d_gain[block][gate]);
            }
            for m in 0..M {
                (sums[m][gate], products[m][gate]) = (sum[m], product[m]);
            }
        }
        let (d, products) = (scope.means(sums), scope.means(products));
        let mut means = [BackMeans::default(); M];
        for m in 0..M {
            means[m] = BackMeans { d: d[m], products: products[m] };
        }
        means
    }

    /// From the gradients of y to those of z, in the place of z^, of one row: `d_z = (d - mean d - z^ * mean(d * z^)) / sqrt(variance + ε)`.
    #[inline(always)]
    pub fn finish<S: Simd<R>>(
        &self,
        simd: S,
        row: usize,
        (means, scales): (&BackMeans<R, G>, &[R; G]),
        z: &mut [[Lanes<R>; G]],
        places: Places,
    ) {
        for block in 0..self.scope.blocks() {
            let (d_y, z) = (&self.d_y[self.places.at(row, block)], &mut z[places.at(row, block)]);
            let (gain, real) = (&self.gain[block], real_units(self.scope.units, block));
            for gate in 0..G {
                let d = simd.load(&gain[gate]) * simd.load(&d_y[gate]) - simd.splat(means.d[gate]);
                let d = simd.load(&z[gate]).neg_mul_add(simd.splat(means.products[gate]), d);
                only(real, simd.splat(scales[gate]) * d).store(&mut z[gate]);
            }
        }
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
    const ROWS: usize = 3;

    fn random(part: u64, count: usize) -> Vec<[Lanes<f64>; 4]> {
        let value = |k: usize, gate: usize, u: usize| {
            let unit = k / ROWS * LANES + u;
            if unit < UNITS { Key::new(8).with(part).with((k * 64 + gate * 16 + u) as u64).normal() + 0.3 } else { 0.0 }
        };
        (0..count).map(|k| std::array::from_fn(|gate| std::array::from_fn(|u| value(k, gate, u)))).collect()
    }

    /// Normalizes a row in place.
    fn normalize<const G: usize>(z: &mut [[Lanes<f64>; G]], places: Places, scope: Scope<f64>) -> [f64; G] {
        let [statistics] = scope.statistics(Array, z, places);
        for block in 0..scope.blocks() {
            let normalized = scope.normalize(Array, z[places.at(0, block)].map(ArrayBlock), &statistics, block);
            z[places.at(0, block)] = normalized.map(|block| block.0);
        }
        statistics.scales
    }

    /// One row's values, gate by gate.
    fn values(z: &[[Lanes<f64>; 4]], places: Places) -> Vec<f64> {
        (0..4).flat_map(|gate| (0..UNITS).map(move |unit| z[places.at(0, unit / 16)][gate][unit % 16])).collect()
    }

    /// The definition, over whole chunks of a row.
    fn reference(row: &[f64], per_gate: bool) -> Vec<f64> {
        let chunks = row.chunks(if per_gate { UNITS } else { row.len() });
        chunks
            .flat_map(|chunk| {
                let n = chunk.len() as f64;
                let mean = chunk.iter().sum::<f64>() / n;
                let variance = chunk.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                chunk.iter().map(move |v| (v - mean) / (variance + EPSILON).sqrt())
            })
            .collect()
    }

    #[test]
    fn rows_are_normalized_by_the_definition_and_padding_stays_zero() {
        for per_gate in [false, true] {
            let scope = Scope { units: UNITS, per_gate, epsilon: EPSILON };
            let before = random(1, 2 * ROWS);
            let mut z = before.clone();
            let places = Places { first: 1, row: 1, block: ROWS };
            normalize(&mut z, places, scope);
            let expected = reference(&values(&before, places), per_gate);
            let worst = values(&z, places).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-14, "{worst:e}");
            assert!(z[places.at(0, 1)].iter().all(|lanes| lanes[UNITS - 16..].iter().all(|&v| v == 0.0)));
            // Other rows are left alone.
            assert_eq!((z[0], z[2], z[3], z[5]), (before[0], before[2], before[3], before[5]));
        }
    }

    #[test]
    fn gradients_match_differences() {
        for per_gate in [false, true] {
            let scope = Scope { units: UNITS, per_gate, epsilon: EPSILON };
            let (before, d_y, gain) = (random(1, 2 * ROWS), random(2, 2 * ROWS), random(3, 2));
            let places = Places { first: 2, row: 1, block: ROWS };
            // The loss is the sum of d_y * gain * z^.
            let loss = |z: &[[Lanes<f64>; 4]], gain: &[[Lanes<f64>; 4]]| {
                let mut z = z.to_vec();
                normalize(&mut z, places, scope);
                let gain = values(gain, Places { first: 0, row: 2, block: 1 });
                values(&z, places).iter().zip(values(&d_y, places)).zip(gain).map(|((z, d), g)| z * d * g).sum::<f64>()
            };
            let mut z = before.clone();
            let scales = normalize(&mut z, places, scope);
            let mut d_gain = vec![[zeros(); 4]; 2];
            let back = NormBack { d_y: &d_y, places, gain: &gain, scope };
            let [means] = back.means(Array, &z, places, &mut d_gain);
            back.finish(Array, 0, (&means, &scales), &mut z, places);
            for unit in 0..UNITS {
                for gate in 0..4 {
                    let (block, u) = (unit / 16, unit % 16);
                    let difference = |change: &dyn Fn(f64) -> f64| (change(1e-4) - change(-1e-4)) / 2e-4;
                    let numeric = difference(&|offset| {
                        let mut moved = before.clone();
                        moved[places.at(0, block)][gate][u] += offset;
                        loss(&moved, &gain)
                    });
                    assert!((z[places.at(0, block)][gate][u] - numeric).abs() < 1e-7);
                    let numeric = difference(&|offset| {
                        let mut moved = gain.clone();
                        moved[block][gate][u] += offset;
                        loss(&before, &moved)
                    });
                    assert!((d_gain[block][gate][u] - numeric).abs() < 1e-7);
                }
            }
            assert!(z[places.at(0, 1)].iter().all(|lanes| lanes[UNITS - 16..].iter().all(|&v| v == 0.0)));
        }
    }

    #[test]
    fn equal_values_are_normalized_to_zero() {
        let mut z = vec![[[3.0; LANES]; 1]; 2];
        let scope = Scope { units: 32, per_gate: false, epsilon: EPSILON };
        let [scale] = normalize(&mut z, Places { first: 0, row: 2, block: 1 }, scope);
        assert_eq!((z[0][0][5], scale), (0.0, 10.0));
    }
}
