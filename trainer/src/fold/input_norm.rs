//! The norm over `W x` of few inputs, in forms A and B: its RMS comes from the inputs' side, and γ moves into W.
//!
//! Once `[W b]` is centered, `LN(W x + b)` needs `r = 1/sqrt(|W x + b|^2/N + ε)` and nothing else of the rows. The sum over `4H` rows is a
//! square form of the inputs: with the QR decomposition `[W b]/sqrt(N) = Q R`,
//!
//! `|W x + b|^2/N = |R (x, 1)|^2 = Σ_k (l_k + Σ_(j >= k) L_kj x_j)^2 + λ^2`,
//!
//! where L and l are R's rows but the last, and λ is its last: what of b lies outside the reach of W. It joins ε. (L is the Cholesky factor
//! of `W'W/N`; by QR a W of any rank has one, and nothing is squared that is rooted again.) So r is known without the rows, γ no longer
//! stands before an RMS, and `diag(γ) W` is what is stored: `a = r diag(γ)(W x + b) + ..`, without a square or a gain for any row.
//!
//! The joint norm reads `W x + U h + b`, whose RMS would take H more columns: it is left as it is.

use nalgebra::DMatrix;

use super::folded::{FoldedLstm, FoldedNetwork, FoldedNorm};
use super::rewrite::Rewrite;
use crate::network::plain::NormForm;

/// The statistics of `W x + b` from the inputs' side: for each block `|L x + l|^2` and a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct InputStatistics {
    /// ε and λ² of each block: one, or each gate's.
    pub constants: Vec<f64>,
    /// `[blocks]` of k from 0 to I - 1 of `[1 + I - k]`: `l_k`, then `L_kj` for j from k on.
    pub triangles: Vec<f64>,
}

impl InputStatistics {
    /// Values of a triangle with its offsets.
    pub fn length(inputs: usize) -> usize {
        inputs * (inputs + 3) / 2
    }

    /// `|W x + b|^2/N + ε` of each block.
    pub fn variances(&self, x: &[f64]) -> Vec<f64> {
        let of_block = |(triangle, constant): (&[f64], &f64)| {
            let (mut rest, mut sum) = (triangle, *constant);
            for k in 0..x.len() {
                let (row, below) = rest.split_at(1 + x.len() - k);
                let y = row[0] + row[1..].iter().zip(&x[k..]).map(|(factor, x)| factor * x).sum::<f64>();
                sum += y * y;
                rest = below;
            }
            sum
        };
        self.triangles.chunks_exact(Self::length(x.len())).zip(&self.constants).map(of_block).collect()
    }

    /// Of a layer's centered `[W b]`, whose blocks have all their rows.
    fn of(layer: &FoldedLstm, norm: &FoldedNorm) -> Self {
        let (inputs, rows) = (layer.weights.inputs, norm.rows());
        let mut statistics = InputStatistics { constants: Vec::new(), triangles: Vec::new() };
        for (w, b) in layer.weights.w.chunks_exact(rows * inputs).zip(layer.weights.b.chunks_exact(rows)) {
            // Rows of zeros where there are fewer than columns, so that R is square.
            let matrix = DMatrix::from_fn(rows.max(inputs + 1), inputs + 1, |row, column| {
                let value = if row >= rows {
                    0.0
                } else if column < inputs {
                    w[row * inputs + column]
                } else {
                    b[row]
                };
                value / (rows as f64).sqrt()
            });
            let r = matrix.qr().r();
            for k in 0..inputs {
                statistics.triangles.push(r[(k, inputs)]);
                statistics.triangles.extend((k..inputs).map(|column| r[(k, column)]));
            }
            statistics.constants.push(r[(inputs, inputs)].powi(2) + norm.epsilon_x);
        }
        statistics
    }
}

/// Whether fewer multiplications are left: a block's triangle and its squares, against a square and a gain for each of 4H rows.
/// Counted on an emulated Cortex-M4, integers: a row saves 6.5 instructions, a value of a triangle costs 3.7; so both rules agree.
pub fn pays(inputs: usize, hidden: usize, per_gate: bool) -> bool {
    InputStatistics::length(inputs) * if per_gate { 4 } else { 1 } < 8 * hidden
}

/// γ of the norms over `W x` moves into W and the bias inside, where that pays and the rows are centered and all there.
pub fn gain(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let mut applied = Vec::new();
    for (index, layer) in network.layers.iter_mut().enumerate() {
        let (inputs, hidden) = (layer.weights.inputs, layer.weights.hidden);
        let Some(mut norm) = layer.norm.take() else { continue };
        let whole = norm.centered && norm.divisor == hidden && norm.from_inputs.is_none();
        if whole && norm.form != NormForm::Joint && pays(inputs, hidden, norm.per_gate) {
            norm.from_inputs = Some(InputStatistics::of(layer, &norm));
            norm.epsilon_x = 0.0;
            let gains = core::mem::take(&mut norm.gain_x);
            for (row, gain) in gains.iter().enumerate() {
                layer.weights.w[row * inputs..][..inputs].iter_mut().for_each(|w| *w *= gain);
                layer.weights.b[row] *= gain;
            }
            applied.push(index + 1);
        }
        layer.norm = Some(norm);
    }
    (!applied.is_empty()).then(|| Rewrite {
        name: "x norm's gain",
        formula: "W, b inside <- diag(gamma_x) W, diag(gamma_x) b; r_x = 1/sqrt(|L x + l|^2 + lambda^2 + eps), [W b]/sqrt(N) = Q [L l; 0 lambda]",
        source: "Ba et al., arXiv 1607.06450, eq. 3: the variance of a linear map is a square form of its input",
        applied: format!("layers {applied:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::layer_norm::center;
    use crate::fold::mean::MeanNetwork;
    use crate::fold::random::{Shape, agree, largest_difference, mean, signal};
    use crate::fold::zoneout::scale_hidden;
    use crate::regularize::settings::{LayerNorm, Regularization, Zoneout};

    fn normed(shape: &Shape, form: NormForm, per_gate: bool, zoneout: Zoneout) -> MeanNetwork {
        let layer_norm = LayerNorm { form: Some(form), per_gate, ..LayerNorm::default() };
        let mut network =
            mean(41, shape, &Regularization { layer_norm, zoneout, ..Regularization::default() }, Normalization::Last);
        network.scalers.targets[0].deviation = 1.0;
        network
    }

    /// The second layer reads more than pays.
    fn shape() -> Shape {
        Shape { features: 2, patch: 1, hidden: vec![9, 4], targets: 1, horizon: 2 }
    }

    #[test]
    fn the_statistics_of_the_inputs_are_those_of_the_rows() {
        for form in [NormForm::A, NormForm::B] {
            for per_gate in [false, true] {
                for hidden in [0.0, 0.4] {
                    let before = normed(&shape(), form, per_gate, Zoneout { hidden, ..Zoneout::default() });
                    let mut after = FoldedNetwork::from_mean(before.clone());
                    let samples = signal(41, &before.scalers, 300);
                    assert_eq!(gain(&mut after), None, "not before rows are centered");
                    center(&mut after);
                    scale_hidden(&mut after);
                    assert_eq!(gain(&mut after).unwrap().applied, "layers [1]");
                    agree(&before, &after, &samples);
                    assert_eq!(gain(&mut after), None, "a second time there is nothing left to do");
                    let norms: Vec<&FoldedNorm> = after.layers.iter().filter_map(|layer| layer.norm.as_ref()).collect();
                    assert!(norms[0].gain_x.is_empty() && norms[0].from_inputs.is_some() && norms[1].from_inputs.is_none());
                    assert_eq!(norms[0].from_inputs.as_ref().unwrap().constants.len(), if per_gate { 4 } else { 1 });
                }
            }
        }
    }

    #[test]
    fn the_joint_norm_is_left_as_it_is() {
        let mut after = FoldedNetwork::from_mean(normed(&shape(), NormForm::Joint, false, Zoneout::default()));
        center(&mut after);
        assert_eq!(gain(&mut after), None);
    }

    /// W of rank 0, of rank 1 with two columns, and with one input; with a bias inside and without.
    #[test]
    fn a_matrix_of_any_rank_has_its_triangle() {
        let two = shape();
        let one = Shape { features: 1, ..shape() };
        for (shape, columns) in
            [(&two, [0.0, 0.0]), (&two, [1.0, -2.0]), (&two, [0.0, 1.0]), (&one, [0.0; 2]), (&one, [1.0, 0.0])]
        {
            for (per_gate, bias) in [(false, 1.0), (true, 1.0), (false, 0.0), (true, 0.0)] {
                let mut before = normed(shape, NormForm::A, per_gate, Zoneout::default());
                let first = &mut before.layers[0];
                let inputs = first.inputs;
                for row in first.w.chunks_exact_mut(inputs) {
                    let along = row[0];
                    row.iter_mut().zip(columns).for_each(|(w, column)| *w = along * column);
                }
                first.norm.as_mut().unwrap().bias_x.iter_mut().for_each(|b| *b *= bias);
                let mut after = FoldedNetwork::from_mean(before.clone());
                center(&mut after);
                assert!(gain(&mut after).is_some());
                agree(&before, &after, &signal(41, &before.scalers, 200));
            }
        }
    }

    /// What looks like it: γ before an RMS over the rows, λ left out, one block's statistics for all gates.
    #[test]
    fn what_looks_like_the_fold_but_is_not_is_seen() {
        let before = normed(&shape(), NormForm::A, true, Zoneout::default());
        let mut right = FoldedNetwork::from_mean(before.clone());
        center(&mut right);
        let epsilon = right.layers[0].norm.as_ref().unwrap().epsilon_x;
        gain(&mut right);
        let changed = |change: &dyn Fn(&mut FoldedNorm)| {
            let mut wrong = right.clone();
            change(wrong.layers[0].norm.as_mut().unwrap());
            wrong
        };
        let before_rms = changed(&|norm| {
            (norm.from_inputs, norm.epsilon_x, norm.gain_x) = (None, epsilon, vec![1.0; 36]);
        });
        let no_lambda = changed(&|norm| norm.from_inputs.as_mut().unwrap().constants.fill(epsilon));
        let one_block = changed(&|norm| {
            let statistics = norm.from_inputs.as_mut().unwrap();
            statistics.triangles = statistics.triangles[..5].repeat(4);
            statistics.constants = vec![statistics.constants[0]; 4];
        });
        for (error, wrong) in [("before the RMS", before_rms), ("without lambda", no_lambda), ("one block", one_block)] {
            let difference = largest_difference(&before, &wrong, &signal(41, &before.scalers, 60));
            assert!(difference > 1e-3, "{error}: {difference:e}");
        }
    }

    #[test]
    fn it_pays_where_inputs_are_few() {
        for (inputs, hidden, whole, per_gate) in
            [(1, 16, true, true), (8, 32, true, true), (16, 128, true, true), (24, 24, false, false), (8, 20, true, false)]
        {
            assert_eq!((pays(inputs, hidden, false), pays(inputs, hidden, true)), (whole, per_gate), "{inputs} {hidden}");
        }
    }
}
