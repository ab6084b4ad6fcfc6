//! Keep factors of classical dropout move into the matrix that reads the masked activation; biases stay as they are.
//!
//! `W (q x) = (q W) x`, with `q = 1 - p` the keep probability. Exact with respect to the mean network, whether a norm stands over the
//! product or not: a factor within a norm is not a factor of what comes out of it, and it is within that it moves.

use super::mean::MeanNetwork;
use super::rewrite::{Rewrite, scale};

/// Non-recurrent dropout and its scaling at test time.
const NON_RECURRENT: &str = "Zaremba et al., arXiv 1409.2329; Srivastava et al., JMLR 15 (2014), section 4";

/// Takes a factor, leaving 1; nothing where it is 1 already.
fn take(factor: &mut f64) -> Option<f64> {
    let taken = core::mem::replace(factor, 1.0);
    (taken != 1.0).then_some(taken)
}

/// Dropout on the first layer's input.
pub fn input_keep(network: &mut MeanNetwork) -> Option<Rewrite> {
    let q = take(&mut network.keep.input)?;
    scale(&mut network.layers[0].w, q);
    Some(Rewrite {
        name: "input dropout's keep factor",
        formula: "W1 <- q W1",
        source: NON_RECURRENT,
        applied: format!("q = {q}"),
    })
}

/// Dropout between layers.
pub fn between_keep(network: &mut MeanNetwork) -> Option<Rewrite> {
    let q = take(&mut network.keep.between)?;
    let above = &mut network.layers[1..];
    if above.is_empty() {
        return None;
    }
    for layer in above {
        scale(&mut layer.w, q);
    }
    Some(Rewrite {
        name: "between-layer dropout's keep factor",
        formula: "W(l+1) <- q W(l+1)",
        source: NON_RECURRENT,
        applied: format!("q = {q}"),
    })
}

/// Dropout on h(t-1).
pub fn recurrent_keep(network: &mut MeanNetwork) -> Option<Rewrite> {
    let q = take(&mut network.keep.recurrent)?;
    for layer in &mut network.layers {
        scale(&mut layer.u, q);
    }
    Some(Rewrite {
        name: "recurrent dropout's keep factor",
        formula: "U <- q U",
        source: "Gal & Ghahramani, arXiv 1512.05287",
        applied: format!("q = {q}"),
    })
}

/// DropConnect on U.
pub fn weights_keep(network: &mut MeanNetwork) -> Option<Rewrite> {
    let q = take(&mut network.keep.weights)?;
    for layer in &mut network.layers {
        scale(&mut layer.u, q);
    }
    Some(Rewrite {
        name: "weight-drop's keep factor",
        formula: "U <- q U",
        source: "Merity et al., arXiv 1708.02182; Wan et al., ICML 2013",
        applied: format!("q = {q}"),
    })
}

/// Dropout before the head.
pub fn output_keep(network: &mut MeanNetwork) -> Option<Rewrite> {
    let q = take(&mut network.keep.output)?;
    scale(&mut network.head.w, q);
    Some(Rewrite {
        name: "output dropout's keep factor",
        formula: "V <- q V",
        source: NON_RECURRENT,
        applied: format!("q = {q}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::random::{Shape, agree, mean, signal};
    use crate::network::plain::NormForm;
    use crate::regularize::settings::{Dropout, LayerNorm, RecurrentDropout, Regularization, Scaling, WeightDrop};

    const ALL: [fn(&mut MeanNetwork) -> Option<Rewrite>; 5] =
        [input_keep, between_keep, recurrent_keep, output_keep, weights_keep];

    fn shape() -> Shape {
        Shape { features: 2, patch: 2, hidden: vec![6, 4, 5], targets: 1, horizon: 3 }
    }

    /// A mean network in which only the factor of `ALL[kind]` is not 1.
    fn only(kind: usize, scaling: Scaling, form: Option<NormForm>) -> MeanNetwork {
        let mut rates = [0.0; 5];
        rates[kind] = 0.35;
        let regularization = Regularization {
            dropout: Dropout { input: rates[0], between: rates[1], output: rates[3], scaling, ..Dropout::default() },
            recurrent: RecurrentDropout { drop: rates[2], scaling, ..RecurrentDropout::default() },
            weight_drop: WeightDrop { drop: rates[4], scaling },
            layer_norm: LayerNorm { form, ..LayerNorm::default() },
            ..Regularization::default()
        };
        mean(7, &shape(), &regularization, Normalization::None)
    }

    #[test]
    fn each_factor_moves_into_its_matrix() {
        let forms = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];
        for (kind, form) in (0..ALL.len()).flat_map(|kind| forms.map(|form| (kind, form))) {
            let before = only(kind, Scaling::Classical, form);
            for (other, rewrite) in ALL.iter().enumerate() {
                let mut after = before.clone();
                let done = rewrite(&mut after);
                assert_eq!(done.is_some(), kind == other);
                agree(&before, &after, &signal(7, &before.scalers, 300 * shape().patch));
            }
        }
    }

    #[test]
    fn dropping_the_factor_or_multiplying_by_the_drop_probability_is_seen() {
        for (kind, rewrite) in ALL.iter().enumerate() {
            let before = only(kind, Scaling::Classical, None);
            let samples = signal(7, &before.scalers, 20 * shape().patch);
            for wrong in [1.0, 0.35] {
                let mut after = before.clone();
                let factors = &mut after.keep;
                let all =
                    [&mut factors.input, &mut factors.between, &mut factors.recurrent, &mut factors.output, &mut factors.weights];
                *all.into_iter().nth(kind).unwrap() = wrong;
                rewrite(&mut after);
                let difference = crate::fold::random::largest_difference(&before, &after, &samples);
                assert!(difference > 1e-3, "kind {kind}, factor {wrong}: {difference}");
            }
        }
    }

    #[test]
    fn inverted_dropout_and_a_zero_rate_leave_nothing_to_fold() {
        for (kind, rewrite) in ALL.iter().enumerate() {
            let before = only(kind, Scaling::Inverted, None);
            let mut after = before.clone();
            assert_eq!(rewrite(&mut after), None);
            assert_eq!(after, before);
        }
    }

    #[test]
    fn biases_stay() {
        let before = only(1, Scaling::Classical, None);
        let mut after = before.clone();
        between_keep(&mut after);
        assert_eq!(after.layers[0], before.layers[0]);
        assert_ne!(after.layers[2].w, before.layers[2].w);
        assert_eq!((&after.layers[2].b, &after.layers[2].u), (&before.layers[2].b, &before.layers[2].u));
    }
}
