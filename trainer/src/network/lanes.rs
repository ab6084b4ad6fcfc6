//! Blocks of 16 lanes as they lie in memory, and the two products of the head. Those of the layers, in which training spends its
//! time, are in [`crate::network::kernel`].
//!
//! Plain arrays and plain loops of fixed length, without fused multiply-adds: the bits do not depend on the vectors that the compiler
//! makes of them. The two loops are functions of their own, never inlined: at their end a tile is stored, which is where the
//! vectorizer starts from; inlined into a larger body they were left scalar, four times slower.

use super::real::Real;

/// Units in a block.
pub const LANES: usize = 16;

/// One value for each unit of a block.
pub type Lanes<R> = [R; LANES];

/// A panel row, `[i16|f16|g16|o16]`: one value for each gate of each unit of a block.
pub type Row<R> = [Lanes<R>; 4];

/// Sixteen zeros.
#[inline(always)]
pub fn zeros<R: Real>() -> Lanes<R> {
    [R::ZERO; LANES]
}

/// `a += b`
#[inline(always)]
pub fn add<R: Real>(a: &mut Lanes<R>, b: &Lanes<R>) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a += b;
    }
}

/// `a *= b`
#[inline(always)]
pub fn multiply<R: Real>(a: &mut Lanes<R>, b: &Lanes<R>) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = *a * b;
    }
}

/// `acc[m] += sum over k of a[m][k] * w[k][group]`, k ascending.
#[inline(never)]
pub fn accumulate<R: Real, const M: usize, const G: usize>(
    acc: &mut [Lanes<R>; M],
    a: [&[R]; M],
    w: &[[Lanes<R>; G]],
    group: usize,
) {
    assert!(group < G);
    // Cut to the loop's length here, so that no index in the loop needs a check.
    let a = a.map(|row| &row[..w.len()]);
    let mut sum = *acc;
    for (k, weights) in w.iter().enumerate() {
        let weights = &weights[group];
        for m in 0..M {
            let value = a[m][k];
            for u in 0..LANES {
                sum[m][u] += value * weights[u];
            }
        }
    }
    *acc = sum;
}

/// `acc[m] += sum over rows of a[row][first + m] * d[row][group]`, rows ascending; `a` is `[rows][stride]`.
#[inline(never)]
pub fn accumulate_outer<R: Real, const M: usize, const G: usize>(
    acc: &mut [Lanes<R>; M],
    a: &[R],
    stride: usize,
    first: usize,
    d: &[[Lanes<R>; G]],
    group: usize,
) {
    assert!(group < G && first + M <= stride);
    let mut sum = *acc;
    for (values, deltas) in a.chunks_exact(stride).zip(d) {
        let values = &values[first..first + M];
        let deltas = &deltas[group];
        for m in 0..M {
            for u in 0..LANES {
                sum[m][u] += values[m] * deltas[u];
            }
        }
    }
    *acc = sum;
}

/// Transposes `[N][K][G][16]` weights into `[ceil(K/16)][N*G*16][16]` panels, padded with zeros: what turns gradients of the
/// outputs into gradients of the K inputs, sixteen at a time.
pub fn transpose<R: Real, const G: usize>(w: &[[Lanes<R>; G]], k: usize, panels: &mut [Lanes<R>]) {
    let blocks = w.len() / k;
    let depth = blocks * G * LANES;
    panels.fill(zeros());
    for (n, block) in w.chunks_exact(k).enumerate() {
        for (input, groups) in block.iter().enumerate() {
            let panel = &mut panels[input / LANES * depth + n * G * LANES..][..G * LANES];
            for (column, &value) in panel.iter_mut().zip(groups.as_flattened()) {
                column[input % LANES] = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small integer, so that sums are exact in any order.
    fn value(k: usize) -> f64 {
        (k * 7 % 11) as f64 - 5.0
    }

    fn weights(rows: usize) -> Vec<Row<f64>> {
        (0..rows).map(|k| std::array::from_fn(|g| std::array::from_fn(|u| value(k * 64 + g * 16 + u)))).collect()
    }

    #[test]
    fn products_match_the_definition() {
        let w = weights(5);
        let a: Vec<f64> = (0..10).map(value).collect();
        let mut acc = [[1.0; LANES]; 2];
        accumulate(&mut acc, [&a[..5], &a[5..]], &w, 2);
        for m in 0..2 {
            for u in 0..LANES {
                let expected = 1.0 + (0..5).map(|k| a[5 * m + k] * w[k][2][u]).sum::<f64>();
                assert_eq!(acc[m][u], expected);
            }
        }
    }

    #[test]
    fn outer_products_match_the_definition() {
        let d = weights(3);
        let a: Vec<f64> = (0..12).map(value).collect();
        let mut acc = [[1.0; LANES]; 2];
        accumulate_outer(&mut acc, &a, 4, 1, &d, 3);
        for m in 0..2 {
            for u in 0..LANES {
                let expected = 1.0 + (0..3).map(|row| a[4 * row + 1 + m] * d[row][3][u]).sum::<f64>();
                assert_eq!(acc[m][u], expected);
            }
        }
    }

    #[test]
    fn transposed_panels_hold_each_weight_once() {
        let (blocks, k) = (2, 19);
        let w = weights(blocks * k);
        let mut panels = vec![[9.0; LANES]; 2 * blocks * 64];
        transpose(&w, k, &mut panels);
        for input in 0..32 {
            for n in 0..blocks {
                for column in 0..64 {
                    let expected = if input < k { w[n * k + input].as_flattened()[column] } else { 0.0 };
                    assert_eq!(panels[input / 16 * blocks * 64 + n * 64 + column][input % 16], expected);
                }
            }
        }
    }
}
