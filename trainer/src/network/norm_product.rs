//! The norm over the products of a step, of all blocks and rows: what it keeps from the forward pass, and its gradient.
//!
//! The products have no mean ([`crate::network::centered`]): `z^ = z/sqrt(mean z^2 + ε)`, over all units of the four gates, or over each
//! gate's. Sums of squares are taken of the products while these are in registers. z is kept, and z^ is one multiplication away.
//!
//! Backward, with `d = gain * d_y`: `d_z = (d - z^ * mean(d * z^)) / sqrt(mean z^2 + ε)`.

use super::buffer::Buffer;
use super::deltas::Deltas;
use super::kernel::prefetch::prefetch;
use super::kernel::{Block, Simd};
use super::lanes::{Row, zeros};
use super::norm::reciprocal_roots;
use super::real::Real;
use super::step::{load_row, store_row};

/// One factor for each gate: equal ones where the gates share their statistics.
type Each<R> = [R; 4];

/// One norm over products.
#[derive(Clone, Debug)]
pub struct ProductNorm<R> {
    /// Each gate for itself?
    per_gate: bool,
    /// ε
    epsilon: R,
    /// One by the number of units that a mean is taken over.
    share: R,
    /// What is normalized, `[T][N][B]`.
    z: Buffer<Row<R>>,
    /// `1/sqrt(mean z^2 + ε)`, `[T][B]`.
    scales: Vec<Each<R>>,
    /// Sums over blocks, `[B]`: of squares, and backward of gradients with z; in the first gate's place where they share one.
    sums: Buffer<Row<R>>,
    /// What z is multiplied by in its gradient, `[B]`.
    shares: Vec<Each<R>>,
    /// Gradients of z.
    pub deltas: Deltas<R>,
}

impl<R: Real> ProductNorm<R> {
    /// For up to `steps` and `rows` of a layer with `hidden` units in some blocks.
    pub fn new((hidden, blocks): (usize, usize), per_gate: bool, epsilon: R, (steps, rows): (usize, usize)) -> Self {
        let units = if per_gate { hidden } else { 4 * hidden };
        ProductNorm {
            per_gate,
            epsilon,
            share: R::ONE / R::from_f64(units as f64),
            z: Buffer::new(steps * rows * blocks),
            scales: vec![[R::ZERO; 4]; steps * rows],
            sums: Buffer::new(rows),
            shares: vec![[R::ZERO; 4]; rows],
            deltas: Deltas::new((steps, rows), blocks),
        }
    }

    /// Has a step's share fetched; `size` is `B * N`.
    pub fn prefetch(&self, time: usize, size: usize) {
        prefetch(&self.z[time * size..][..size]);
    }

    /// A step forward of so many rows and blocks.
    pub fn forward(&mut self, time: usize, rows: usize, blocks: usize) -> ProductStep<'_, R> {
        self.sums[..rows].fill([zeros(); 4]);
        ProductStep {
            per_gate: self.per_gate,
            epsilon: self.epsilon,
            share: self.share,
            z: &mut self.z[time * rows * blocks..][..rows * blocks],
            scales: &mut self.scales[time * rows..][..rows],
            sums: &mut self.sums[..rows],
            shares: &mut self.shares[..rows],
            deltas: &mut [],
        }
    }

    /// A step backward, and the gradients of the products of the step after it, `[N][B]`.
    pub fn backward(&mut self, time: usize, rows: usize, blocks: usize) -> (ProductStep<'_, R>, &[Row<R>]) {
        self.sums[..rows].fill([zeros(); 4]);
        let (deltas, later) = self.deltas.step_back();
        let step = ProductStep {
            per_gate: self.per_gate,
            epsilon: self.epsilon,
            share: self.share,
            z: &mut self.z[time * rows * blocks..][..rows * blocks],
            scales: &mut self.scales[time * rows..][..rows],
            sums: &mut self.sums[..rows],
            shares: &mut self.shares[..rows],
            deltas,
        };
        (step, later)
    }
}

/// One norm over the products of one step. Places count blocks and rows, `[N][B]`.
#[derive(Debug)]
pub struct ProductStep<'a, R> {
    per_gate: bool,
    epsilon: R,
    share: R,
    z: &'a mut [Row<R>],
    scales: &'a mut [Each<R>],
    sums: &'a mut [Row<R>],
    shares: &'a mut [Each<R>],
    deltas: &'a mut [Row<R>],
}

impl<R: Real> ProductStep<'_, R> {
    /// Keeps the products of a block of a row.
    #[inline(always)]
    pub fn keep<S: Simd<R>>(&mut self, simd: S, place: usize, row: usize, z: [S::Block; 4]) {
        store_row(z, &mut self.z[place]);
        self.add(simd, row, z, z);
    }

    /// Adds `left * right` of a block to a row's sums.
    #[inline(always)]
    fn add<S: Simd<R>>(&mut self, simd: S, row: usize, left: [S::Block; 4], right: [S::Block; 4]) {
        let sums = &mut self.sums[row];
        if self.per_gate {
            for gate in 0..4 {
                left[gate].mul_add(right[gate], simd.load(&sums[gate])).store(&mut sums[gate]);
            }
        } else {
            let mut sum = simd.load(&sums[0]);
            for gate in 0..4 {
                sum = left[gate].mul_add(right[gate], sum);
            }
            sum.store(&mut sums[0]);
        }
    }

    /// A gate's means of M rows' sums; the first gate's is that of all where they share it.
    #[inline(always)]
    fn means<S: Simd<R>, const M: usize>(&self, simd: S, row: usize, gate: usize) -> [R; M] {
        let mut column = [simd.splat(R::ZERO); M];
        for m in 0..M {
            column[m] = simd.load(&self.sums[row + m][gate]);
        }
        let mut means = S::Block::sums(column);
        for mean in &mut means {
            *mean = *mean * self.share;
        }
        means
    }

    /// Takes the statistics of M rows, of which all blocks are kept.
    #[inline(always)]
    pub fn take_scales<S: Simd<R>, const M: usize>(&mut self, simd: S, row: usize) {
        for gate in 0..if self.per_gate { 4 } else { 1 } {
            let scales = reciprocal_roots(self.means::<S, M>(simd, row, gate), self.epsilon);
            for m in 0..M {
                set(&mut self.scales[row + m], (gate, self.per_gate), scales[m]);
            }
        }
    }

    /// `sum + gain * z^` of a block of a row.
    #[inline(always)]
    pub fn normalized<S: Simd<R>>(
        &self,
        simd: S,
        (place, row): (usize, usize),
        gain: &[S::Block; 4],
        sum: [S::Block; 4],
    ) -> [S::Block; 4] {
        let (z, scales, mut a) = (load_row(simd, &self.z[place]), &self.scales[row], sum);
        for gate in 0..4 {
            a[gate] = gain[gate].mul_add(z[gate] * simd.splat(scales[gate]), a[gate]);
        }
        a
    }

    /// From the gradients of a block of a row of outputs: adds to the row's sums, and to the gradient of the gain, which it returns.
    #[inline(always)]
    pub fn add_gradient<S: Simd<R>>(
        &mut self,
        simd: S,
        (place, row): (usize, usize),
        (gain, d_gain): (&Row<R>, [S::Block; 4]),
        d_y: &[S::Block; 4],
    ) -> [S::Block; 4] {
        let (z, scales) = (load_row(simd, &self.z[place]), &self.scales[row]);
        let (mut products, mut d_gain) = (z, d_gain);
        for gate in 0..4 {
            products[gate] = d_y[gate] * z[gate];
            d_gain[gate] = products[gate].mul_add(simd.splat(scales[gate]), d_gain[gate]);
        }
        self.add(simd, row, products, load_row(simd, gain));
        d_gain
    }

    /// Takes the means of M rows, of which all blocks have added their gradients.
    #[inline(always)]
    pub fn take_shares<S: Simd<R>, const M: usize>(&mut self, simd: S, row: usize) {
        for gate in 0..if self.per_gate { 4 } else { 1 } {
            let means = self.means::<S, M>(simd, row, gate);
            for m in 0..M {
                // The sums are of d * z: one more scale makes them those of d * z^, one is that of z^, and one divides.
                let scale = self.scales[row + m][gate];
                set(&mut self.shares[row + m], (gate, self.per_gate), means[m] * (scale * scale * scale));
            }
        }
    }

    /// From the gradients of a block of a row of outputs to those of z, which it keeps and returns.
    #[inline(always)]
    pub fn finish<S: Simd<R>>(
        &mut self,
        simd: S,
        (place, row): (usize, usize),
        gain: &[S::Block; 4],
        d_y: &[S::Block; 4],
    ) -> [S::Block; 4] {
        let (z, scales, shares) = (load_row(simd, &self.z[place]), &self.scales[row], &self.shares[row]);
        let mut d_z = z;
        for gate in 0..4 {
            let d = gain[gate] * (d_y[gate] * simd.splat(scales[gate]));
            d_z[gate] = z[gate].neg_mul_add(simd.splat(shares[gate]), d);
        }
        store_row(d_z, &mut self.deltas[place]);
        d_z
    }
}

/// Sets one gate's value, or all where they share it.
#[inline(always)]
fn set<R: Real>(each: &mut Each<R>, (gate, per_gate): (usize, bool), value: R) {
    if per_gate {
        each[gate] = value;
    } else {
        *each = [value; 4];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernel::array::{Array, ArrayBlock};
    use crate::network::lanes::{LANES, Lanes};
    use crate::network::masks::real_units;
    use crate::random::Key;

    const EPSILON: f64 = 0.01;
    const UNITS: usize = 21;
    const BLOCKS: usize = 2;
    /// The row under test, among others.
    const ROW: usize = 2;
    const ROWS: usize = 5;

    type Rows = [[Lanes<f64>; 4]; BLOCKS];

    /// A row without mean, over each gate's units or over all.
    fn random(part: u64, per_gate: bool) -> Rows {
        let value = |gate: usize, unit: usize| Key::new(8).with(part).with((gate * 64 + unit) as u64).normal();
        let mean = |gate: usize| (0..UNITS).map(|unit| value(gate, unit)).sum::<f64>() / UNITS as f64;
        let all = (0..4).map(mean).sum::<f64>() / 4.0;
        let of = |gate: usize, unit: usize| {
            let mean = if per_gate { mean(gate) } else { all };
            if unit < UNITS { value(gate, unit) - mean } else { 0.0 }
        };
        std::array::from_fn(|block| std::array::from_fn(|gate| std::array::from_fn(|u| of(gate, block * LANES + u))))
    }

    fn blocks(row: &[Lanes<f64>; 4]) -> [ArrayBlock<f64>; 4] {
        row.map(ArrayBlock)
    }

    /// Of a block.
    fn place(block: usize) -> (usize, usize) {
        (block * ROWS + ROW, ROW)
    }

    /// As the second of two steps.
    fn kept(z: &Rows, per_gate: bool) -> ProductNorm<f64> {
        let mut norm = ProductNorm::new((UNITS, BLOCKS), per_gate, EPSILON, (2, ROWS));
        let mut step = norm.forward(1, ROWS, BLOCKS);
        for (block, z) in z.iter().enumerate() {
            step.keep(Array, place(block).0, ROW, blocks(z));
        }
        step.take_scales::<_, 1>(Array, ROW);
        norm
    }

    fn normalized(z: &Rows, per_gate: bool) -> Rows {
        let (mut norm, one, zero) = (kept(z, per_gate), [ArrayBlock([1.0; LANES]); 4], [ArrayBlock([0.0; LANES]); 4]);
        let step = norm.forward(1, ROWS, BLOCKS);
        std::array::from_fn(|block| step.normalized(Array, place(block), &one, zero).map(|block| block.0))
    }

    /// The definition, mean and all.
    fn reference(z: &Rows, per_gate: bool) -> Rows {
        let mut y = *z;
        let of = |gates: std::ops::Range<usize>| -> Vec<f64> {
            gates.flat_map(|gate| (0..UNITS).map(move |unit| z[unit / 16][gate][unit % 16])).collect()
        };
        for gate in 0..4 {
            let over = if per_gate { of(gate..gate + 1) } else { of(0..4) };
            let mean = over.iter().sum::<f64>() / over.len() as f64;
            let variance = over.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / over.len() as f64;
            for unit in 0..UNITS {
                let y = &mut y[unit / 16][gate][unit % 16];
                *y = (*y - mean) / (variance + EPSILON).sqrt();
            }
        }
        y
    }

    fn worst(a: &Rows, b: &Rows) -> f64 {
        let (a, b) = (a.as_flattened().as_flattened(), b.as_flattened().as_flattened());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn rows_without_mean_are_normalized_by_the_definition() {
        for per_gate in [false, true] {
            let z = random(1, per_gate);
            let worst = worst(&normalized(&z, per_gate), &reference(&z, per_gate));
            assert!(worst < 1e-14, "{worst:e}");
        }
    }

    #[test]
    fn gradients_match_differences_once_their_mean_is_gone() {
        for per_gate in [false, true] {
            let (z, d_y, gain) = (random(1, per_gate), random(2, false), random(3, false));
            // The loss is the sum of d_y * gain * z^, of the norm by its definition.
            let loss = |z: &Rows, gain: &Rows| -> f64 {
                let y = reference(z, per_gate);
                let (y, d_y, gain) = (y.as_flattened(), d_y.as_flattened(), gain.as_flattened());
                let products = y.as_flattened().iter().zip(d_y.as_flattened()).zip(gain.as_flattened());
                products.map(|((y, d), g)| y * d * g).sum()
            };
            let mut norm = kept(&z, per_gate);
            norm.deltas.begin((2, ROWS), BLOCKS);
            let (mut step, _) = norm.backward(1, ROWS, BLOCKS);
            let mut d_gain = [[zeros(); 4]; BLOCKS];
            for block in 0..BLOCKS {
                let gains = (&gain[block], blocks(&d_gain[block]));
                d_gain[block] = step.add_gradient(Array, place(block), gains, &blocks(&d_y[block])).map(|block| block.0);
            }
            step.take_shares::<_, 1>(Array, ROW);
            let mut d_z: Rows = std::array::from_fn(|block| {
                step.finish(Array, place(block), &blocks(&gain[block]), &blocks(&d_y[block])).map(|block| block.0)
            });
            let kept: Rows = std::array::from_fn(|block| norm.deltas.current()[place(block).0]);
            assert_eq!(kept, d_z);
            // What centered weights do to it.
            for gate in 0..4 {
                let gates = if per_gate { gate..gate + 1 } else { 0..4 };
                let count = gates.len() * UNITS;
                let mean = gates.flat_map(|gate| d_z.map(|row| row[gate].iter().sum::<f64>())).sum::<f64>() / count as f64;
                if per_gate || gate == 0 {
                    for (block, row) in d_z.iter_mut().enumerate() {
                        let real = real_units(UNITS, block).count_ones() as usize;
                        let own = if per_gate { gate..gate + 1 } else { 0..4 };
                        row[own].iter_mut().for_each(|lanes| lanes[..real].iter_mut().for_each(|d| *d -= mean));
                    }
                }
            }
            let difference = |change: &dyn Fn(f64) -> f64| (change(1e-4) - change(-1e-4)) / 2e-4;
            let moved = |row: &Rows, (block, gate, u): (usize, usize, usize), offset: f64| {
                let mut moved = *row;
                moved[block][gate][u] += offset;
                moved
            };
            for at in (0..4 * UNITS).map(|k| (k % UNITS / 16, k / UNITS, k % UNITS % 16)) {
                let (block, gate, u) = at;
                let numeric = difference(&|offset| loss(&moved(&z, at, offset), &gain));
                assert!((d_z[block][gate][u] - numeric).abs() < 1e-7, "{at:?}");
                let numeric = difference(&|offset| loss(&z, &moved(&gain, at, offset)));
                assert!((d_gain[block][gate][u] - numeric).abs() < 1e-7, "gain at {at:?}");
            }
        }
    }

    #[test]
    fn zeros_stay_zero() {
        assert_eq!(kept(&[[zeros(); 4]; BLOCKS], true).scales[ROWS + ROW], [10.0; 4]);
        let zero: Rows = [[zeros(); 4]; BLOCKS];
        assert_eq!(normalized(&zero, false), zero);
    }
}
