//! Ridge, chosen on validation, reduced in rank: what a linear skip is made of.
//!
//! Reduced-rank regression (Izenman 1975; with a ridge penalty, Mukherjee & Zhu 2011): of all matrices of rank r, the one nearest to the
//! ridge solution W in the metric of the penalized Gram matrix is `W V V'`, V the r leading eigenvectors of `W' (X'X + lambda) W`, which the
//! normal equations make `W' X'Y`. So `A = V' W'` takes r products of the window and `B = V` spreads them over the outputs.
//!
//! Under last-value normalization a forecast of nothing is persistence. The solution is therefore also scaled by the share of it, from 0 to
//! 1, that is best on validation: where persistence wins, the skip shrinks towards it.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::ridge::{Moments, Ridge, center, for_blocks};
use crate::config::{Network, Normalization};
use crate::data::{Dataset, Part, Partition, Windows};
use crate::error::{Error, Result};
use crate::network::skip::PlainSkip;

/// By how much a smaller rank may raise the validation error (mean square) over the full solution's.
pub const TOLERANCE: f64 = 0.005;

/// By how much a constant alone must lower the validation error of persistence to be kept.
const DRIFT: f64 = 0.02;

/// Bytes that a skip may have where the configuration does not say.
pub const FLASH: usize = 8192;

/// A skip, and how it was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct SkipFit {
    /// The skip, in the network's normalized units.
    pub skip: PlainSkip,
    /// Ridge's penalty.
    pub lambda: f64,
    /// The share of ridge's solution that was taken.
    pub share: f64,
    /// Mean squared error of the whole ridge solution on the validation windows, normalized.
    pub ridge_error: f64,
    /// The same of the skip.
    pub error: f64,
}

/// Bytes of a skip of a rank in an `int8` file.
pub fn skip_bytes(rank: usize, inputs: usize, outputs: usize) -> usize {
    rank * (inputs + 2 * outputs + 4) + 4 * outputs
}

/// Fits the skip that a configuration asks for.
pub fn fit_skip(dataset: &Dataset, network: &Network) -> Result<SkipFit> {
    let training = dataset.windows(Part::Training);
    let moments = Moments::of(&training)?;
    let (ridge, _) = Ridge::choose_from(&moments, dataset)?;
    let validation = dataset.windows(Part::Validation);
    let (inputs, outputs) = (training.input_len(), training.target_len());

    let bytes = |rank| skip_bytes(rank, inputs, outputs);
    let allowed = network.skip_flash.unwrap_or(FLASH);
    let most = (1..=outputs).take_while(|rank| bytes(*rank) <= allowed).last().unwrap_or(0);
    let most = most.min(network.skip_rank.unwrap_or(usize::MAX));
    if most == 0 {
        return Err(Error::input(format!(
            "network.skip_flash = {allowed} holds no skip: one of rank 1 needs {} bytes for {inputs} values of a window and {outputs} of a forecast; \
             give it as many, shorten the window, or set network.skip = \"none\"",
            bytes(1)
        )));
    }

    let (vectors, sizes) = principal(&ridge, &moments);
    let errors = Errors::sum(&ridge, &vectors, &validation);
    // Ranks beyond what the weights span add nothing.
    let spanned = sizes.iter().take_while(|size| **size > 1e-12 * sizes[0]).count();
    let most = most.min(spanned);
    let full = errors.of(outputs, 1.0);
    let rank = match network.skip_rank {
        Some(_) => most,
        None => (0..=most).find(|rank| errors.of(*rank, 1.0) <= full * (1.0 + TOLERANCE)).unwrap_or(most),
    };
    let share = match dataset.window().normalization {
        // A constant alone is the series' mean drift, which is mostly chance: persistence unless it clearly helps.
        Normalization::Last if rank == 0 && errors.of(0, 1.0) > errors.of(0, 0.0) * (1.0 - DRIFT) => 0.0,
        Normalization::None => 1.0,
        _ => errors.best_share(rank),
    };
    let rank = if share == 0.0 { 0 } else { rank };
    let skip = build(&ridge, &vectors.columns(0, rank).into_owned(), &sizes[..rank], moments.windows, share, inputs);
    Ok(SkipFit { error: errors.of(rank, share), ridge_error: full, skip, lambda: ridge.lambda(), share })
}

/// The same penalty, rank and share on training and validation windows together: nothing is left to be chosen, and the rows nearest to the
/// future count too.
pub fn refit_skip(dataset: &Dataset, fit: &SkipFit) -> Result<PlainSkip> {
    let partition = dataset.partition();
    let rows = partition.training.start..partition.validation.end;
    let joined = Partition { training: rows, ..partition.clone() };
    let longer = Dataset::with_scaler(dataset.series().clone(), dataset.window(), joined, dataset.scaler().clone())?;
    let windows = longer.windows(Part::Training);
    let moments = Moments::of(&windows)?;
    let ridge = moments.solve(fit.lambda).ok_or_else(|| {
        Error::failed(format!(
            "ridge with lambda {} has no single solution on training and validation windows together",
            fit.lambda
        ))
    })?;
    let (vectors, sizes) = principal(&ridge, &moments);
    let rank = fit.skip.rank;
    Ok(build(&ridge, &vectors.columns(0, rank).into_owned(), &sizes[..rank], moments.windows, fit.share, windows.input_len()))
}

/// The eigenvectors of `W' X'Y`, a column each, by falling eigenvalue, and these.
fn principal(ridge: &Ridge, moments: &Moments) -> (DMatrix<f64>, Vec<f64>) {
    let product = ridge.weights.tr_mul(&moments.cross);
    // Symmetric but for rounding.
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new((&product + product.transpose()) * 0.5);
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
    let columns: Vec<DVector<f64>> = order.iter().map(|k| eigenvectors.column(*k).into_owned()).collect();
    (DMatrix::from_columns(&columns), order.iter().map(|k| eigenvalues[*k].max(0.0)).collect())
}

/// Sums over the validation windows by principal direction, of which every rank's errors follow.
struct Errors {
    /// Targets squared.
    target: f64,
    /// Targets times forecasts, and forecasts squared, of each direction.
    with: Vec<[f64; 2]>,
    /// The same of the intercept alone.
    without: Vec<[f64; 2]>,
    /// Values in all.
    count: f64,
}

impl Errors {
    fn sum(ridge: &Ridge, vectors: &DMatrix<f64>, windows: &Windows<'_>) -> Errors {
        let outputs = vectors.ncols();
        let rotated = &ridge.weights * vectors;
        let mean = vectors.tr_mul(&ridge.output_mean);
        let sums = || vec![[0.0; 2]; outputs];
        let mut errors = Errors { target: 0.0, with: sums(), without: sums(), count: 0.0 };
        for_blocks(windows, |mut x, y| {
            center(&mut x, &ridge.input_mean);
            // The directions are orthogonal and all there are, so that sums over them are sums over outputs.
            let (said, came) = (rotated.tr_mul(&x), vectors.tr_mul(&y));
            for (said, came) in said.column_iter().zip(came.column_iter()) {
                for k in 0..outputs {
                    for (sums, forecast) in [(&mut errors.with[k], mean[k] + said[k]), (&mut errors.without[k], mean[k])] {
                        sums[0] += came[k] * forecast;
                        sums[1] += forecast * forecast;
                    }
                    errors.target += came[k] * came[k];
                }
            }
            errors.count += (y.ncols() * outputs) as f64;
        });
        errors
    }

    /// Targets times forecasts, and forecasts squared, of the solution reduced to a rank.
    fn products(&self, rank: usize) -> [f64; 2] {
        let all = self.with[..rank].iter().chain(&self.without[rank..]);
        all.fold([0.0; 2], |[cross, power], sums| [cross + sums[0], power + sums[1]])
    }

    /// The mean squared error of a share of the solution reduced to a rank.
    fn of(&self, rank: usize, share: f64) -> f64 {
        let [cross, power] = self.products(rank);
        (self.target - 2.0 * share * cross + share * share * power) / self.count
    }

    /// The share with the smallest error, from 0 to 1.
    fn best_share(&self, rank: usize) -> f64 {
        let [cross, power] = self.products(rank);
        if power > 0.0 { (cross / power).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// The skip of the leading directions `vectors` `[O][R]`, whose products have a mean square of about 1 over the training windows.
fn build(ridge: &Ridge, vectors: &DMatrix<f64>, sizes: &[f64], windows: usize, share: f64, inputs: usize) -> PlainSkip {
    let (outputs, rank) = vectors.shape();
    let deviations: Vec<f64> = sizes.iter().map(|size| (size / windows as f64).sqrt()).collect();
    let rotated = &ridge.weights * vectors;
    let mut products = vec![0.0; rank * inputs];
    for r in 0..rank {
        // Under last-value normalization the last sample is always zero and has no weight.
        for (a, w) in products[r * inputs..].iter_mut().zip(rotated.column(r).iter()) {
            *a = w / deviations[r];
        }
    }
    let spread = (0..outputs).flat_map(|o| (0..rank).map(move |r| (o, r))).map(|(o, r)| share * vectors[(o, r)] * deviations[r]);
    let at_mean = vectors * rotated.tr_mul(&ridge.input_mean);
    let bias = ridge.output_mean.iter().zip(at_mean.iter()).map(|(mean, said)| share * (mean - said)).collect();
    PlainSkip { inputs, rank, outputs, products, spread: spread.collect(), bias }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Split;
    use crate::data::amplitude_factor;
    use crate::data::testing::{sunspots, synthetic, window};

    fn settings(rank: Option<usize>, flash: Option<usize>) -> Network {
        Network { skip_rank: rank, skip_flash: flash, ..Network::default() }
    }

    fn noise(row: usize, column: usize) -> f64 {
        amplitude_factor(1.0, 3, column, row).ln()
    }

    /// Mean squared error of a skip by its definition, one window at a time.
    fn error(skip: &PlainSkip, windows: &Windows<'_>) -> f64 {
        let (mut x, mut y) = (vec![0.0f32; windows.input_len()], vec![0.0f32; windows.target_len()]);
        let mut sum = 0.0;
        for index in 0..windows.len() {
            windows.input(index, &mut x);
            windows.target(index, &mut y);
            let said = skip.forecast(&x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
            sum += said.iter().zip(&y).map(|(said, y)| (said - f64::from(*y)).powi(2)).sum::<f64>();
        }
        sum / (windows.len() * windows.target_len()) as f64
    }

    #[test]
    fn full_rank_is_ridge_and_stated_errors_are_the_skips() {
        for normalization in [Normalization::None, Normalization::Last] {
            let series = synthetic(400, 2, 2, |row, column| {
                (3.0 + (row as f64 / (3 + column) as f64).sin() + 0.3 * noise(row, column)) as f32
            });
            let dataset = Dataset::new(series, &window(12, 3, 4, normalization), &Split::default()).unwrap();
            let validation = dataset.windows(Part::Validation);
            let full = fit_skip(&dataset, &settings(Some(8), None)).unwrap();
            assert_eq!(full.skip.rank, 8);
            let ridge = Ridge::choose(&dataset).unwrap();
            let exact = ridge.squared_error(&validation);
            assert!((full.ridge_error - exact).abs() < 1e-12, "{} {exact}", full.ridge_error);
            assert!(full.error <= exact + 1e-12 && full.share > 0.5 && full.share <= 1.0, "{full:?}");
            for rank in [None, Some(1), Some(2), Some(8)] {
                let fit = fit_skip(&dataset, &settings(rank, None)).unwrap();
                assert!((error(&fit.skip, &validation) - fit.error).abs() < 1e-9, "{rank:?}");
                assert!(rank.is_none_or(|rank| fit.skip.rank == rank) && fit.skip.is_sound());
            }
            let chosen = fit_skip(&dataset, &settings(None, None)).unwrap();
            assert!(chosen.error <= exact * (1.0 + TOLERANCE), "{} {exact}", chosen.error);
            assert!(chosen.skip.rank > 1, "two columns that go their own ways");
            let smaller = fit_skip(&dataset, &settings(Some(chosen.skip.rank - 1), None)).unwrap();
            assert!(smaller.error > chosen.error, "{} {}", smaller.error, chosen.error);
        }
    }

    #[test]
    fn a_walk_is_left_to_persistence() {
        let mut value = 0.0;
        let mut walk: Vec<f64> = Vec::new();
        for row in 0..600 {
            value += noise(row, 0);
            walk.push(value);
        }
        let dataset = Dataset::new(
            synthetic(600, 1, 1, |row, _| walk[row] as f32),
            &window(24, 4, 6, Normalization::Last),
            &Split::default(),
        )
        .unwrap();
        let test = dataset.windows(Part::Test);
        let fit = fit_skip(&dataset, &settings(None, None)).unwrap();
        let persistence = PlainSkip { rank: 0, products: vec![], spread: vec![], bias: vec![0.0; 6], ..fit.skip.clone() };
        let (skip, last) = (error(&fit.skip, &test), error(&persistence, &test));
        assert!(skip <= 1.04 * last, "{skip} {last}");
    }

    #[test]
    fn refitting_keeps_the_choice_and_sees_the_validation_rows() {
        let dataset = Dataset::new(sunspots(), &window(48, 12, 6, Normalization::Last), &Split::default()).unwrap();
        let fit = fit_skip(&dataset, &settings(None, None)).unwrap();
        let refitted = refit_skip(&dataset, &fit).unwrap();
        assert_eq!((refitted.rank, refitted.inputs, refitted.outputs), (fit.skip.rank, 48, 6));
        let validation = dataset.windows(Part::Validation);
        assert!(refitted.is_sound() && error(&refitted, &validation) < error(&fit.skip, &validation));
        // On the training windows alone it is the fit again.
        let partition = Partition {
            validation: dataset.partition().training.end..dataset.partition().training.end,
            ..dataset.partition().clone()
        };
        let same = Dataset::with_scaler(dataset.series().clone(), dataset.window(), partition, dataset.scaler().clone()).unwrap();
        assert_eq!(refit_skip(&same, &fit).unwrap(), fit.skip);
    }

    #[test]
    fn flash_bounds_the_rank() {
        let dataset = Dataset::new(sunspots(), &window(132, 12, 12, Normalization::Last), &Split::default()).unwrap();
        let of = |flash| fit_skip(&dataset, &settings(None, Some(flash)));
        let free = of(FLASH).unwrap().skip.rank;
        assert!((1..=12).contains(&free), "{free}");
        assert_eq!(of(48 + 160).unwrap().skip.rank, 1);
        let refusal = of(48 + 159).unwrap_err();
        assert_eq!(refusal.exit_code(), 2);
        assert!(
            refusal.to_string().starts_with("network.skip_flash = 207 holds no skip: one of rank 1 needs 208 bytes"),
            "{refusal}"
        );
    }
}
