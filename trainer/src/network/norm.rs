//! Layer norm of one row (Ba et al., arXiv 1607.06450, eq. 4), without gain and shift: `z^ = (z - mean)/sqrt(variance + ε)`, and its
//! gradient. Population variance, over the real units of a row; padded units take no part and stay zero.
//!
//! A row's values lie in blocks with G gates each: four for pre-activations, one for the cell. Statistics are over all of them, or
//! over each gate's alone. Sums run over blocks and then over lanes as one fixed tree: the same bits for every vector width.

use super::lanes::{LANES, Lanes, add, sum, zeros};
use super::real::Real;

/// Where a row's blocks lie in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The first block.
    pub first: usize,
    /// From a block to the next.
    pub distance: usize,
}

impl Places {
    /// The place of a block.
    #[inline(always)]
    pub fn at(self, block: usize) -> usize {
        self.first + block * self.distance
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

impl<R: Real> Scope<R> {
    /// N
    fn blocks(self) -> usize {
        self.units.div_ceil(LANES)
    }

    /// Clears what lies beyond the row's units.
    #[inline(always)]
    fn clear_padding<const G: usize>(self, block: usize, lanes: &mut [Lanes<R>; G]) {
        let real = self.units - block * LANES;
        if real < LANES {
            for lanes in lanes {
                lanes[real..].fill(R::ZERO);
            }
        }
    }

    /// Means from the sums over each gate's units.
    #[inline(always)]
    fn means<const G: usize>(self, sums: &[Lanes<R>; G]) -> [R; G] {
        let gates: [R; G] = std::array::from_fn(|gate| sum(&sums[gate]));
        if self.per_gate {
            return gates.map(|gate| gate / R::from_f64(self.units as f64));
        }
        let mut total = R::ZERO;
        for gate in gates {
            total += gate;
        }
        [total / R::from_f64((G * self.units) as f64); G]
    }
}

/// Normalizes a row in place and returns `1/sqrt(variance + ε)` of each gate.
pub fn normalize<R: Real, const G: usize>(z: &mut [[Lanes<R>; G]], places: Places, scope: Scope<R>) -> [R; G] {
    let mut sums = [zeros::<R>(); G];
    for block in 0..scope.blocks() {
        for (sums, z) in sums.iter_mut().zip(&z[places.at(block)]) {
            add(sums, z);
        }
    }
    let means = scope.means(&sums);
    let mut squares = [zeros::<R>(); G];
    for block in 0..scope.blocks() {
        let z = &mut z[places.at(block)];
        for (lanes, mean) in z.iter_mut().zip(means) {
            for z in lanes {
                *z = *z - mean;
            }
        }
        scope.clear_padding(block, z);
        for (squares, z) in squares.iter_mut().zip(z) {
            for u in 0..LANES {
                squares[u] += z[u] * z[u];
            }
        }
    }
    let scales = scope.means(&squares).map(|variance| R::ONE / (variance + scope.epsilon).sqrt());
    for block in 0..scope.blocks() {
        for (lanes, scale) in z[places.at(block)].iter_mut().zip(scales) {
            for z in lanes {
                *z = *z * scale;
            }
        }
    }
    scales
}

/// `gain * z^ + shift` of a block.
#[inline(always)]
pub fn affine<R: Real, const G: usize>(normalized: &[Lanes<R>; G], gain: &[Lanes<R>; G], shift: &[Lanes<R>; G]) -> [Lanes<R>; G] {
    let mut y = [zeros::<R>(); G];
    for gate in 0..G {
        for u in 0..LANES {
            y[gate][u] = gain[gate][u] * normalized[gate][u] + shift[gate][u];
        }
    }
    y
}

/// The gradients of one norm's outputs, `y = gain * z^ + shift`.
#[derive(Clone, Copy, Debug)]
pub struct NormBack<'a, R, const G: usize> {
    /// Gradients of y.
    pub d_y: &'a [[Lanes<R>; G]],
    /// Where the row lies in them.
    pub places: Places,
    /// `[N]`
    pub gain: &'a [[Lanes<R>; G]],
    /// What [`normalize`] returned.
    pub scales: [R; G],
    /// What the statistics were taken over.
    pub scope: Scope<R>,
}

/// From the gradients of y to those of z, in the place of z^; adds to the gain's gradient.
///
/// With `d = gain * d_y`: `d_z = (d - mean d - z^ * mean(d * z^)) / sqrt(variance + ε)`.
pub fn backward<R: Real, const G: usize>(
    back: &NormBack<'_, R, G>,
    z: &mut [[Lanes<R>; G]],
    places: Places,
    d_gain: &mut [[Lanes<R>; G]],
) {
    let NormBack { d_y, places: from, gain, scales, scope } = *back;
    let (mut sums, mut products) = ([zeros::<R>(); G], [zeros::<R>(); G]);
    for block in 0..scope.blocks() {
        let (d_y, z) = (&d_y[from.at(block)], &z[places.at(block)]);
        for gate in 0..G {
            for u in 0..LANES {
                let change = d_y[gate][u] * z[gate][u];
                d_gain[block][gate][u] += change;
                sums[gate][u] += gain[block][gate][u] * d_y[gate][u];
                products[gate][u] += gain[block][gate][u] * change;
            }
        }
    }
    let (sums, products) = (scope.means(&sums), scope.means(&products));
    for block in 0..scope.blocks() {
        let (d_y, z) = (&d_y[from.at(block)], &mut z[places.at(block)]);
        for gate in 0..G {
            for u in 0..LANES {
                let d = gain[block][gate][u] * d_y[gate][u];
                z[gate][u] = scales[gate] * (d - sums[gate] - z[gate][u] * products[gate]);
            }
        }
        scope.clear_padding(block, z);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// One row's values, gate by gate.
    fn values(z: &[[Lanes<f64>; 4]], places: Places) -> Vec<f64> {
        (0..4).flat_map(|gate| (0..UNITS).map(move |unit| z[places.at(unit / 16)][gate][unit % 16])).collect()
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
            let places = Places { first: 1, distance: ROWS };
            normalize(&mut z, places, scope);
            let expected = reference(&values(&before, places), per_gate);
            let worst = values(&z, places).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-14, "{worst:e}");
            assert!(z[places.at(1)].iter().all(|lanes| lanes[UNITS - 16..].iter().all(|&v| v == 0.0)));
            // Other rows are left alone.
            assert_eq!((z[0], z[2], z[3], z[5]), (before[0], before[2], before[3], before[5]));
        }
    }

    #[test]
    fn gradients_match_differences() {
        for per_gate in [false, true] {
            let scope = Scope { units: UNITS, per_gate, epsilon: EPSILON };
            let (before, d_y, gain) = (random(1, 2 * ROWS), random(2, 2 * ROWS), random(3, 2));
            let places = Places { first: 2, distance: ROWS };
            // The loss is the sum of d_y * gain * z^.
            let loss = |z: &[[Lanes<f64>; 4]], gain: &[[Lanes<f64>; 4]]| {
                let mut z = z.to_vec();
                normalize(&mut z, places, scope);
                let gain = values(gain, Places { first: 0, distance: 1 });
                values(&z, places).iter().zip(values(&d_y, places)).zip(gain).map(|((z, d), g)| z * d * g).sum::<f64>()
            };
            let mut z = before.clone();
            let scales = normalize(&mut z, places, scope);
            let mut d_gain = vec![[zeros(); 4]; 2];
            backward(&NormBack { d_y: &d_y, places, gain: &gain, scales, scope }, &mut z, places, &mut d_gain);
            for unit in 0..UNITS {
                for gate in 0..4 {
                    let (block, u) = (unit / 16, unit % 16);
                    let difference = |change: &dyn Fn(f64) -> f64| (change(1e-4) - change(-1e-4)) / 2e-4;
                    let numeric = difference(&|offset| {
                        let mut moved = before.clone();
                        moved[places.at(block)][gate][u] += offset;
                        loss(&moved, &gain)
                    });
                    assert!((z[places.at(block)][gate][u] - numeric).abs() < 1e-7);
                    let numeric = difference(&|offset| {
                        let mut moved = gain.clone();
                        moved[block][gate][u] += offset;
                        loss(&before, &moved)
                    });
                    assert!((d_gain[block][gate][u] - numeric).abs() < 1e-7);
                }
            }
            assert!(z[places.at(1)].iter().all(|lanes| lanes[UNITS - 16..].iter().all(|&v| v == 0.0)));
        }
    }

    #[test]
    fn equal_values_are_normalized_to_zero() {
        let mut z = vec![[[3.0; LANES]; 1]; 2];
        let scope = Scope { units: 32, per_gate: false, epsilon: EPSILON };
        let [scale] = normalize(&mut z, Places { first: 0, distance: 1 }, scope);
        assert_eq!((z[0][0][5], scale), (0.0, 10.0));
    }
}
