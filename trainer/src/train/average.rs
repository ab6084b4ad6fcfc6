//! An exponential moving average of the parameters (Polyak & Juditsky 1992 in spirit; with decay as in Tarvainen & Valpola,
//! arXiv 1703.01780, eq. 1): validation, the best epoch and the export read it in the parameters' place.

use crate::network::Params;

/// The decay of a step, counted from 1: `min(decay, (1 + steps)/(10 + steps))`, so that the start from random weights is forgotten
/// however short the training is.
fn decay_at(decay: f64, steps: u64) -> f64 {
    decay.min((1 + steps) as f64 / (10 + steps) as f64)
}

/// After the optimizer's step: `average = d * average + (1 - d) * params`.
pub fn update(average: &mut Params<f32>, params: &Params<f32>, decay: f64, steps: u64) {
    let rest = (1.0 - decay_at(decay, steps)) as f32;
    for (average, &value) in average.values.iter_mut().zip(&params.values) {
        *average += rest * (value - *average);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;

    fn filled(value: f32) -> Params<f32> {
        let mut params = Params::zeros(&Shape { inputs: 1, hidden: vec![2], outputs: 1, norm: None, head_norm: None });
        params.values.fill(value);
        params
    }

    #[test]
    fn it_follows_the_definition() {
        let (mut average, mut expected) = (filled(5.0), 5.0);
        for steps in 1..200u64 {
            let value = (steps as f64 * 0.1).sin();
            update(&mut average, &filled(value as f32), 0.9, steps);
            let decay = if steps < 80 { (1.0 + steps as f64) / (10.0 + steps as f64) } else { 0.9 };
            expected = decay * expected + (1.0 - decay) * value;
        }
        assert!(average.values.iter().all(|&v| (f64::from(v) - expected).abs() < 1e-6), "{} {expected}", average.values[0]);
    }

    #[test]
    fn a_constant_is_reached_and_kept() {
        let mut average = filled(5.0);
        for steps in 1..2000 {
            update(&mut average, &filled(1.0), 0.99, steps);
        }
        assert!(average.values.iter().all(|&v| (v - 1.0).abs() < 1e-6));
    }
}
