//! Weights before training: a forget bias of 1 (Gers et al. 2000), Xavier-uniform input weights (Glorot & Bengio 2010), recurrent
//! weights orthogonal per gate (Saxe et al., arXiv 1312.6120), a head at half of Xavier's width, all other biases zero.
//!
//! Layer norm starts with gains of 1 and shifts of 0. The bias inside the norm over W x is drawn like the weights of one more input:
//! with a zero there, one input would leave the norm with nothing but its sign. In the joint form that bias is b, and the forget
//! gate's 1 stands in the shift.

use super::params::Params;
use super::plain::NormForm;
use super::real::Real;
use super::shape::Shape;
use crate::random::Key;

/// The head starts at this part of Xavier's width, so that first forecasts stay near the mean.
const HEAD_GAIN: f64 = 0.5;

/// Fresh parameters; the same seed gives the same bits.
pub fn initialize<R: Real>(shape: &Shape, seed: u64) -> Params<R> {
    // "init" in ASCII: apart from the masks' keys.
    let key = Key::new(seed).with(0x696e_6974);
    let mut plain = Params::<f64>::zeros(shape).to_plain();
    for (l, layer) in plain.layers.iter_mut().enumerate() {
        let key = key.with(l as u64);
        xavier(&mut layer.w, layer.inputs, layer.hidden, 1.0, key.with(0));
        for (gate, u) in layer.u.chunks_exact_mut(layer.hidden * layer.hidden).enumerate() {
            orthogonal(u, layer.hidden, key.with(1).with(gate as u64));
        }
        let forget = layer.hidden..2 * layer.hidden;
        let outside = match &mut layer.norm {
            None => &mut layer.b,
            Some(norm) => {
                norm.gain_x.fill(1.0);
                norm.gain_h.fill(1.0);
                norm.gain_c.fill(1.0);
                let (inside, outside) = match norm.form {
                    NormForm::Joint => (&mut layer.b, &mut norm.shift_x),
                    NormForm::A | NormForm::B => (&mut norm.bias_x, &mut layer.b),
                };
                xavier(inside, layer.inputs, layer.hidden, 1.0, key.with(2));
                outside
            }
        };
        outside[forget].fill(1.0);
    }
    let head = &mut plain.head;
    xavier(&mut head.w, head.inputs, head.outputs, HEAD_GAIN, key.with(u64::MAX));
    if let Some(norm) = &mut head.norm {
        norm.gain.fill(1.0);
    }
    Params::from_plain(&plain)
}

/// Uniform within `gain * sqrt(6 / (inputs + outputs))`.
fn xavier(weights: &mut [f64], inputs: usize, outputs: usize, gain: f64, key: Key) {
    let width = gain * libm::sqrt(6.0 / (inputs + outputs) as f64);
    for (k, w) in weights.iter_mut().enumerate() {
        *w = width * (2.0 * key.with(k as u64).uniform() - 1.0);
    }
}

/// The Q of a normal matrix's QR decomposition with positive diagonal of R, so that Q is uniform among orthogonal matrices. By
/// Gram-Schmidt on rows, twice, which is as orthogonal as Householder's (Giraud et al. 2005) and sums in a fixed order.
fn orthogonal(q: &mut [f64], size: usize, key: Key) {
    for (k, value) in q.iter_mut().enumerate() {
        *value = key.with(k as u64).normal();
    }
    for row in 0..size {
        let (done, rest) = q.split_at_mut(row * size);
        let current = &mut rest[..size];
        for _ in 0..2 {
            for earlier in done.chunks_exact(size) {
                let projection = dot(earlier, current);
                for (value, &e) in current.iter_mut().zip(earlier) {
                    *value -= projection * e;
                }
            }
        }
        let norm = libm::sqrt(dot(current, current));
        for value in current {
            *value /= norm;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::shape::Norm;

    #[test]
    fn recurrent_weights_are_orthogonal_per_gate() {
        for hidden in [1, 5, 48] {
            let shape = Shape { inputs: 3, hidden: vec![hidden], outputs: 2, norm: None, head_norm: None };
            let plain = initialize::<f64>(&shape, 4).to_plain();
            let gates: Vec<&[f64]> = plain.layers[0].u.chunks_exact(hidden * hidden).collect();
            for u in &gates {
                for a in 0..hidden {
                    for b in 0..hidden {
                        let product = dot(&u[a * hidden..][..hidden], &u[b * hidden..][..hidden]);
                        assert!((product - f64::from(a == b)).abs() < 1e-14, "{product}");
                    }
                }
            }
            assert!(hidden == 1 || gates.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn widths_and_biases() {
        let shape = Shape { inputs: 24, hidden: vec![32, 16], outputs: 12, norm: None, head_norm: None };
        let plain = initialize::<f64>(&shape, 0).to_plain();
        let width = |w: &[f64]| w.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let mean = |w: &[f64]| w.iter().sum::<f64>() / w.len() as f64;
        for (w, bound) in [
            (&plain.layers[0].w, (6.0f64 / 56.0).sqrt()),
            (&plain.layers[1].w, (6.0f64 / 48.0).sqrt()),
            (&plain.head.w, 0.5 * (6.0f64 / 28.0).sqrt()),
        ] {
            assert!(width(w) <= bound && width(w) > 0.97 * bound && mean(w).abs() < 0.1 * bound);
        }
        for layer in &plain.layers {
            let h = layer.hidden;
            assert!(layer.b.iter().enumerate().all(|(k, &b)| b == f64::from((h..2 * h).contains(&k))));
        }
        assert!(plain.head.b.iter().all(|&d| d == 0.0));
    }

    #[test]
    fn norms_start_with_gains_of_one_and_a_bias_inside() {
        for (form, per_gate) in [(NormForm::A, false), (NormForm::B, true), (NormForm::Joint, false)] {
            let shape = Shape {
                inputs: 1,
                hidden: vec![6, 5],
                outputs: 1,
                norm: Some(Norm { form, per_gate, epsilon: 1e-5 }),
                head_norm: None,
            };
            for layer in initialize::<f64>(&shape, 3).to_plain().layers {
                let (h, norm) = (layer.hidden, layer.norm.expect("a norm"));
                assert!(norm.gain_x.iter().chain(&norm.gain_h).chain(&norm.gain_c).all(|&gain| gain == 1.0));
                assert!(norm.shift_h.iter().chain(&norm.shift_c).all(|&shift| shift == 0.0));
                let (inside, outside) =
                    if form == NormForm::Joint { (&layer.b, &norm.shift_x) } else { (&norm.bias_x, &layer.b) };
                let width = (6.0 / (layer.inputs + h) as f64).sqrt();
                assert!(inside.iter().all(|&b| b != 0.0 && b.abs() <= width) && inside[0] != inside[1]);
                assert!(outside.iter().enumerate().all(|(k, &b)| b == f64::from((h..2 * h).contains(&k))));
            }
        }
    }

    #[test]
    fn seeds_decide() {
        let shape = Shape { inputs: 2, hidden: vec![5], outputs: 1, norm: None, head_norm: None };
        assert_eq!(initialize::<f32>(&shape, 7), initialize::<f32>(&shape, 7));
        assert_ne!(initialize::<f32>(&shape, 7), initialize::<f32>(&shape, 8));
    }
}
