//! Max-norm: a bound on the length of each unit's incoming weights (Srebro & Shraibman 2005; Hinton et al., arXiv 1207.0580, section 2).
//!
//! After the optimizer's step `w <- w * min(1, c/|w|)`, the nearest point of the ball `|w| <= c`. It is a constraint and no penalty: nothing is
//! added to the loss or to its gradient, and weights within the ball are not touched.
//!
//! A unit is whatever sums its inputs and has one nonlinearity. In an LSTM that is each gate of each hidden unit, so that w is a row of the
//! stacked `[W U]`: everything that enters one pre-activation, from below and from the step before, together. (Keras bounds W and U
//! apart.) Biases and gains are left out, and V too: the head's outputs are no hidden units, and a bound on V would bound the forecasts.
//!
//! A mean of points of the ball lies in the ball, so that averaged weights hold the bound as well.

use crate::network::lanes::{LANES, Row};
use crate::network::{Params, Real};

/// Projects every unit's incoming weights onto the ball of a radius. To the last bits: a row that was shortened is at most a rounding longer.
pub fn project<R: Real>(params: &mut Params<R>, radius: f64) {
    for layer in 0..params.shape().hidden.len() {
        let (inputs, hidden) = (params.shape().layer_inputs(layer), params.shape().hidden[layer]);
        let panels = params.layer_mut(layer);
        for (w, u) in panels.w.chunks_exact_mut(inputs).zip(panels.u.chunks_exact_mut(hidden)) {
            let mut squares = [[0.0; LANES]; 4];
            for row in w.iter().chain(&*u) {
                for (sum, v) in squares.as_flattened_mut().iter_mut().zip(row.as_flattened()) {
                    *sum += v.to_f64() * v.to_f64();
                }
            }
            let factors = squares.map(|gate| gate.map(|square| factor(libm::sqrt(square), radius)));
            if factors.as_flattened().iter().any(|factor| *factor < 1.0) {
                w.iter_mut().chain(u).for_each(|row| shorten(row, &factors));
            }
        }
    }
}

/// `min(1, c/|w|)`
fn factor(norm: f64, radius: f64) -> f64 {
    if norm > radius { radius / norm } else { 1.0 }
}

fn shorten<R: Real>(row: &mut Row<R>, factors: &[[f64; LANES]; 4]) {
    for (value, &factor) in row.as_flattened_mut().iter_mut().zip(factors.as_flattened()) {
        if factor < 1.0 {
            *value = R::from_f64(value.to_f64() * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;
    use crate::network::init::initialize;
    use crate::network::plain::PlainNetwork;

    fn shape() -> Shape {
        Shape { inputs: 3, hidden: vec![18, 5], outputs: 17, norm: None, head_norm: None }
    }

    /// The definition, on the textbook layout.
    fn projected(mut plain: PlainNetwork, radius: f64) -> PlainNetwork {
        for layer in &mut plain.layers {
            let (inputs, hidden) = (layer.inputs, layer.hidden);
            for row in 0..4 * hidden {
                let (w, u) = (&mut layer.w[row * inputs..][..inputs], &mut layer.u[row * hidden..][..hidden]);
                let norm = w.iter().chain(&*u).map(|v| v * v).sum::<f64>().sqrt();
                if norm > radius {
                    w.iter_mut().chain(u).for_each(|v| *v *= radius / norm);
                }
            }
        }
        plain
    }

    #[test]
    fn it_follows_the_definition() {
        let params: Params<f64> = initialize(&shape(), 3);
        for radius in [0.3, 1.2, 1.3] {
            let mut ours = params.clone();
            project(&mut ours, radius);
            let (ours, expected) = (ours.to_plain(), projected(params.to_plain(), radius));
            for (a, b) in ours.layers.iter().zip(&expected.layers) {
                let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
                assert!(near(&a.w, &b.w) && near(&a.u, &b.u) && a.b == b.b, "{radius}");
            }
            assert_eq!(ours.head, expected.head);
        }
        // One radius that shortens some rows and leaves others, so that both were met.
        let (some, plain) = (projected(params.to_plain(), 1.2), params.to_plain());
        let rows = some.layers[0].w.chunks(3).zip(plain.layers[0].w.chunks(3));
        let same = rows.filter(|(a, b)| a == b).count();
        assert!((1..72).contains(&same), "{same} of 72 rows untouched");
    }

    #[test]
    fn weights_within_the_ball_keep_their_bits() {
        let params: Params<f32> = initialize(&shape(), 3);
        let mut same = params.clone();
        project(&mut same, 100.0);
        assert_eq!(same, params);
    }

    #[test]
    fn single_precision_holds_the_bound_and_a_second_time_changes_next_to_nothing() {
        let mut params: Params<f32> = initialize(&shape(), 3);
        project(&mut params, 0.7);
        for layer in &params.to_plain().layers {
            for row in 0..4 * layer.hidden {
                let incoming =
                    layer.w[row * layer.inputs..][..layer.inputs].iter().chain(&layer.u[row * layer.hidden..][..layer.hidden]);
                let norm = incoming.map(|v| v * v).sum::<f64>().sqrt();
                assert!(norm <= 0.7 * (1.0 + 1e-6), "{norm}");
            }
        }
        let before = params.clone();
        project(&mut params, 0.7);
        assert!(before.values.iter().zip(&params.values).all(|(a, b)| (a - b).abs() <= 1e-7 * a.abs()));
    }

    #[test]
    fn biases_gains_and_padding_are_left_alone() {
        let mut params = Params::<f64>::zeros(&shape());
        let mut plain = params.to_plain();
        plain.layers.iter_mut().for_each(|layer| layer.b.fill(50.0));
        plain.head.w.fill(50.0);
        params = Params::from_plain(&plain);
        let before = params.clone();
        project(&mut params, 0.1);
        assert_eq!(params, before);
    }
}
