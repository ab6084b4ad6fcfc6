//! A linear skip to integers.
//!
//! `B (A x)` with A in `int8` and B, of which there is little, in 16 bits: a row of A has the scale of its product, a row of B that of its
//! output. A window's neighbors
//! resemble each other, so that rounding errors of one sign add up over hundreds of samples; a row is therefore also rounded with each
//! column's error carried over to the next sample of that column (first-order error diffusion, Floyd & Steinberg 1976), and of the two
//! ways the one that errs less on calibration windows is taken. Then each integer in turn moves to where the product's squared error over
//! these windows is least, the others held (coordinate descent on the layer's output error, as Hubara et al. 2021 and others minimize it),
//! damped so that few windows are not learned by heart.
//!
//! Large weights that cancel (a ridge solution with a small penalty, on a smooth series) need more bits than that. Where rounding would move
//! the forecast by too much, the products that err most get a second row, of what the first leaves: in the file it is one product more, which
//! B spreads as the first.

use nalgebra::{DMatrix, DVector};

use super::bound;
use super::row::{ONE, Row};
use crate::error::{Error, Result};
use crate::network::skip::PlainSkip;

/// A skip as integers; its sums leave it as `f32` in units of the transformed domain.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedSkip {
    /// P
    pub inputs: usize,
    /// R: products, and second rows of some of them.
    pub rank: usize,
    /// O
    pub outputs: usize,
    /// A, `[R][P]`
    pub products: Vec<i8>,
    /// `[R]`: units of a product per accumulator unit.
    pub product_scale: Vec<f32>,
    /// B, `[O][R]`
    pub spread: Vec<i16>,
    /// `[O]`: units of the transformed domain per unit of B.
    pub output_scale: Vec<f32>,
}

impl QuantizedSkip {
    /// The real matrices that the integers stand for. `scale`: as [`quantize`] has it.
    pub(super) fn real(&self, scale: f64) -> PlainSkip {
        let row = |weights: &[i8], unit: f64| weights.iter().map(|w| f64::from(*w) * unit).collect::<Vec<f64>>();
        let wide = |weights: &[i16], unit: f64| weights.iter().map(|w| f64::from(*w) * unit).collect::<Vec<f64>>();
        let product_scale = self.product_scale.iter().map(|unit| f64::from(*unit) * scale * ONE);
        let products = self.products.chunks_exact(self.inputs).zip(product_scale);
        let spread = self.spread.chunks_exact(self.rank).zip(&self.output_scale);
        PlainSkip {
            inputs: self.inputs,
            rank: self.rank,
            outputs: self.outputs,
            products: products.flat_map(|(weights, unit)| row(weights, unit)).collect(),
            spread: spread.flat_map(|(weights, unit)| wide(weights, f64::from(*unit))).collect(),
            bias: vec![0.0; self.outputs],
        }
    }
}

/// Rounds with each column's rounding error added to the column's next value, `features` further on.
fn diffused(weights: &[f64], features: usize, coarser: f64) -> Row {
    let mut row = Row::round(weights, 0.0, coarser);
    let mut carried = vec![0.0; features];
    for (k, (w, rounded)) in weights.iter().zip(&mut row.weights).enumerate() {
        let wanted = w / row.scale + carried[k % features];
        *rounded = wanted.round().clamp(-127.0, 127.0) as i8;
        carried[k % features] = wanted - f64::from(*rounded);
    }
    row
}

/// The sum of squared errors of a row's product over windows.
fn error(row: &Row, weights: &[f64], windows: &[Vec<f64>]) -> f64 {
    let errors: Vec<f64> = row.weights.iter().zip(weights).map(|(q, w)| f64::from(*q) * row.scale - w).collect();
    windows.iter().map(|window| errors.iter().zip(window).map(|(e, x)| e * x).sum::<f64>().powi(2)).sum()
}

/// By how much rounding A may move the skip's forecasts, as a share of their root mean square, before products get second rows.
const TOLERANCE: f64 = 0.0075;

/// What second rows bring it down to.
const AFTER: f64 = 0.003;

/// Values of a window beyond which a row is left as it was rounded: products of all pairs would need too much memory.
const MOST_REFINED: usize = 2_048;

/// Passes over a row's integers.
const PASSES: usize = 4;

/// Mean products of pairs of values over windows, damped on the diagonal; none for windows that are too long.
fn products_of_pairs(windows: &[Vec<f64>], inputs: usize) -> Option<DMatrix<f64>> {
    if inputs > MOST_REFINED || windows.is_empty() {
        return None;
    }
    let x = DMatrix::from_fn(inputs, windows.len(), |k, window| windows[window][k]);
    let mut pairs = &x * x.transpose() / windows.len() as f64;
    let damping = 0.01 * pairs.trace() / inputs as f64;
    (0..inputs).for_each(|k| pairs[(k, k)] += damping);
    Some(pairs)
}

/// Moves integers one by one to where the product errs least.
fn refine(row: &mut Row, weights: &[f64], pairs: &DMatrix<f64>) {
    let error = DVector::from_fn(weights.len(), |k, _| f64::from(row.weights[k]) * row.scale - weights[k]);
    let mut slope = pairs * error;
    for _ in 0..PASSES {
        for k in 0..weights.len() {
            if pairs[(k, k)] <= 0.0 {
                continue;
            }
            let wanted = f64::from(row.weights[k]) - slope[k] / (pairs[(k, k)] * row.scale);
            let moved = wanted.round().clamp(-127.0, 127.0) as i8;
            if moved != row.weights[k] {
                let step = f64::from(moved) - f64::from(row.weights[k]);
                slope.axpy(step * row.scale, &pairs.column(k), 1.0);
                row.weights[k] = moved;
            }
        }
    }
}

/// Quantizes a skip. `scale`: integers per unit of x, divided by 2048; `limits`: the largest of them of each column
/// of a sample; `windows`: calibration windows as
/// they enter, `[P]` each.
pub(super) fn quantize(
    skip: &PlainSkip,
    features: usize,
    scale: f64,
    limits: &[i64],
    windows: &[Vec<f64>],
) -> Result<QuantizedSkip> {
    let largest: Vec<i64> = (0..skip.inputs).map(|k| limits[k % features]).collect();
    let pairs = products_of_pairs(windows, skip.inputs);
    let rounded = |weights: &[f64]| {
        // Coarser rows have smaller integers: after a few halvings every sum fits.
        (0..24).map(|halvings| 2f64.powi(halvings)).find_map(|coarser| {
            let mut ways = vec![Row::round(weights, 0.0, coarser), diffused(weights, features, coarser)];
            if let Some(pairs) = &pairs {
                for way in 0..ways.len() {
                    let mut row = ways[way].clone();
                    refine(&mut row, weights, pairs);
                    ways.push(row);
                }
            }
            let within = ways.into_iter().filter(|row| bound::fits_accumulator(row, &largest));
            within.min_by(|a, b| error(a, weights, windows).total_cmp(&error(b, weights, windows)))
        })
    };
    let mut rows = Vec::new();
    for (number, weights) in skip.products.chunks_exact(skip.inputs).enumerate() {
        rows.push(rounded(weights).ok_or_else(|| {
            Error::failed(format!("product {number} of the skip exceeds its accumulator: use a shorter window.lookback"))
        })?);
    }
    // What each product's error does to the forecast, summed over outputs and windows.
    let power: f64 =
        windows.iter().flat_map(|window| skip.forecast(window)).zip(skip.bias.iter().cycle()).map(|(y, c)| (y - c).powi(2)).sum();
    let spreads = |r: usize| skip.spread.iter().skip(r).step_by(skip.rank).map(|b| b * b).sum::<f64>();
    let of = |r: usize| &skip.products[r * skip.inputs..][..skip.inputs];
    let mut errors: Vec<(usize, f64)> =
        rows.iter().enumerate().map(|(r, row)| (r, error(row, of(r), windows) * spreads(r))).collect();
    errors.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut left: f64 = errors.iter().map(|(_, error)| error).sum();
    let allowed = if left > TOLERANCE * TOLERANCE * power { AFTER * AFTER * power } else { left };
    let mut sources: Vec<usize> = (0..skip.rank).collect();
    for (r, error) in errors {
        if left <= allowed {
            break;
        }
        let rest: Vec<f64> = of(r).iter().zip(&rows[r].weights).map(|(w, q)| w - f64::from(*q) * rows[r].scale).collect();
        // What is left is smaller than the row, and fits where that does.
        let Some(second) = rounded(&rest) else { continue };
        left -= error;
        rows.push(second);
        sources.push(r);
    }
    let mut spread = Vec::new();
    let mut output_scale = Vec::new();
    for b in skip.spread.chunks_exact(skip.rank) {
        let most = b.iter().fold(0.0f64, |most, b| most.max(b.abs()));
        let scale = (most / f64::from(i16::MAX)).max(f64::MIN_POSITIVE.sqrt());
        spread.extend(sources.iter().map(|r| (b[*r] / scale).round() as i16));
        output_scale.push(scale as f32);
    }
    Ok(QuantizedSkip {
        inputs: skip.inputs,
        rank: rows.len(),
        outputs: skip.outputs,
        product_scale: rows.iter().map(|row| (row.scale / (scale * ONE)) as f32).collect(),
        products: rows.into_iter().flat_map(|row| row.weights).collect(),
        spread,
        output_scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(inputs: usize, value: impl Fn(usize) -> f64) -> PlainSkip {
        let products = (0..inputs).map(value).collect();
        PlainSkip { inputs, rank: 1, outputs: 2, products, spread: vec![1.0, -0.25], bias: vec![0.0; 2] }
    }

    /// What the integers say, in reality's units.
    fn said(quantized: &QuantizedSkip, scale: f64, window: &[f64]) -> f64 {
        let integers = quantized.products.iter().zip(window).map(|(w, x)| f64::from(*w) * (x * scale * ONE).round());
        integers.sum::<f64>() * f64::from(quantized.product_scale[0])
    }

    #[test]
    fn smooth_windows_get_diffused_rows_and_rough_ones_the_nearest() {
        let plain = skip(300, |k| if k == 299 { 1.0 } else { 0.0021 });
        let smooth: Vec<Vec<f64>> = (1..9).map(|k| vec![f64::from(k); 300]).collect();
        let rough: Vec<Vec<f64>> = (1..9).map(|k| (0..300).map(|i| if i == 7 * k { 1.0 } else { 0.0 }).collect()).collect();
        let of = |windows: &[Vec<f64>]| quantize(&plain, 1, 1.0, &[4096], windows).unwrap();
        let exact = 0.0021 * 299.0 + 1.0;
        assert!((said(&of(&smooth), 1.0, &smooth[0]) - exact).abs() < 0.01, "{}", said(&of(&smooth), 1.0, &smooth[0]));
        // The nearest integers are all zero but the last.
        assert_eq!(of(&rough).products[..299], [0; 299]);
        assert_eq!(of(&rough).products[299], 127);
        // What they lose is in a second row, which is spread as the first.
        assert_eq!((of(&rough).rank, of(&rough).spread), (2, vec![32_767, 32_767, -32_767, -32_767]));
    }

    /// Windows are smooth, each finer wave a tenth of the one before, and weights draw as much from each: they are large and cancel.
    #[test]
    fn products_whose_rounding_would_be_seen_get_a_second_row() {
        let wave = |j: usize, k: usize| (std::f64::consts::PI * (j * (2 * k + 1)) as f64 / 120.0).cos();
        let plain = skip(60, |k| (0..4).map(|j| 10f64.powi(j as i32) * wave(j, k)).sum());
        let of = |w: usize, j: usize| 10f64.powi(-(j as i32)) * (f64::from(((w + 2) * (5 * j + 7) % 13) as u32) / 6.0 - 1.0);
        let windows: Vec<Vec<f64>> =
            (0..40).map(|w| (0..60).map(|k| (0..4).map(|j| of(w, j) * wave(j, k)).sum()).collect()).collect();
        let quantized = quantize(&plain, 1, 1.0, &[4096], &windows).unwrap();
        assert_eq!((quantized.rank, quantized.products.len(), quantized.spread.len()), (2, 120, 4));
        assert_eq!(quantized.spread[0], quantized.spread[1]);
        let real = quantized.real(1.0);
        let (mut errors, mut power) = (0.0, 0.0);
        for window in &windows {
            for (real, exact) in real.forecast(window).iter().zip(plain.forecast(window)) {
                errors += (real - exact).powi(2);
                power += exact * exact;
            }
        }
        assert!(errors <= AFTER * AFTER * power, "{errors} {power}");
        // A smooth row is rounded well enough.
        assert_eq!(quantize(&skip(60, |k| (k as f64 * 0.1).cos()), 1, 1.0, &[4096], &windows).unwrap().rank, 1);
    }

    /// The real matrices forecast what the integers do, and what was quantized but for the rounding.
    #[test]
    fn the_real_skip_says_what_the_integers_say() {
        let plain = skip(20, |k| (k as f64 * 0.7).sin());
        let window: Vec<f64> = (0..20).map(|k| f64::from(k % 7) - 3.0).collect();
        let quantized = quantize(&plain, 1, 0.5, &[32_767], std::slice::from_ref(&window)).unwrap();
        let (real, exact) = (quantized.real(0.5).forecast(&window), plain.forecast(&window));
        let product = said(&quantized, 0.5, &window);
        for (o, (real, exact)) in real.iter().zip(&exact).enumerate() {
            let spread = f64::from(quantized.spread[o]) * f64::from(quantized.output_scale[o]);
            assert!((real - spread * product).abs() < 1e-9 && (real - exact).abs() < 0.02, "{real} {exact}");
        }
    }

    #[test]
    fn the_largest_sum_fits_the_accumulator() {
        let plain = skip(1_000, |k| if k % 2 == 0 { 1.0 } else { -1.0 });
        let quantized = quantize(&plain, 1, 1.0, &[32_767], &[vec![0.5; 1_000]]).unwrap();
        let sum: i64 = quantized.products.iter().map(|w| i64::from(*w).abs() * 32_767).sum();
        assert!(sum <= i64::from(i32::MAX) && sum > i64::from(i32::MAX) / 3, "{sum}");
    }
}
