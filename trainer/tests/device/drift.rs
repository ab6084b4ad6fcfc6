//! A million steps without a reset: errors do not add up, and whatever drove a state to its end lets go of it.

use embedded_rnn::forecast::Model;
use embedded_rnn::network::{Form, Layer, LstmState, Topology};
use embedded_rnn::{Dense, Int8, JointNorm, Lstm, Network, Plain, Streaming, Zoneout};
use embedded_rnn_trainer::evaluate::device::ModelBytes;
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::sketch::{Extras, Random, Sketch};

const UNITS: usize = 12;
const LOOKBACK: usize = 400;

/// A stretch of the stream: samples far beyond the input's limit, some in which their traces fade, and those that are measured.
const WILD: usize = 200;
const FADING: usize = 2_000;
const STRETCH: usize = 100_000;

/// Root mean square of device minus exact h, in deviations of h, for each tenth of a million steps; also shows that each unit moves in
/// each, and that c stays far from its format's ends where samples are typical.
fn errors<F: Form>(sketch: &Sketch) -> Vec<f64>
where
    Lstm<1, UNITS, F>: Layer<Int8, Input = [i16; 1], Output = [i16; UNITS], State = LstmState<Int8, F, 1, UNITS>>,
    Network<Lstm<1, UNITS, F>, Dense<UNITS, 1, 1>>: Topology<Int8, State = LstmState<Int8, F, 1, UNITS>>,
{
    let built = sketch.build();
    let bytes = ModelBytes::new(&built.file);
    let model =
        Model::<Int8, Network<Lstm<1, UNITS, F>, Dense<UNITS, 1, 1>>, 1, LOOKBACK, 1, 0, Streaming>::load(bytes.as_slice())
            .unwrap();
    let mut device = model.session();
    let mut exact = built.folded.start(&[20.0]);
    let mut errors = Vec::new();
    for stretch in 0..10 {
        let mut samples = Random(!sketch.seed).samples(STRETCH, 1);
        let side = if stretch % 2 == 0 { 1.0 } else { -1.0 };
        samples[..WILD].iter_mut().enumerate().for_each(|(k, v)| *v += side * 1e4 * (1 + k % 3) as f32);
        let (mut squares, mut values, mut energy) = (0.0, [0.0; UNITS], [0.0; UNITS]);
        for (k, sample) in samples.into_iter().enumerate() {
            device.step(&[[sample]]).unwrap();
            // The exact network's inputs have no limit: it is given what the device was, at its own.
            let admitted = if k < WILD { 20.0 + f64::from(side) * 10.0 } else { f64::from(sample) };
            built.folded.step(&mut exact, &[admitted]);
            if k < WILD + FADING {
                continue;
            }
            assert!(device.state().cell().iter().all(|c| c.unsigned_abs() < 1 << 28), "step {k} of stretch {stretch}");
            let hidden = built.folded.hidden(&exact, 0);
            for unit in 0..UNITS {
                let (h, exact) = (f64::from(device.state().hidden()[unit]) / 2048.0, hidden[unit]);
                squares += (h - exact).powi(2);
                values[unit] += h;
                energy[unit] += h * h;
            }
        }
        let count = (STRETCH - WILD - FADING) as f64;
        let variances: Vec<f64> =
            values.iter().zip(&energy).map(|(sum, squares)| squares / count - (sum / count).powi(2)).collect();
        assert!(variances.iter().all(|variance| *variance > 1e-6), "a unit stands still in stretch {stretch}: {variances:?}");
        errors.push((squares / count / variances.iter().sum::<f64>()).sqrt());
    }
    errors
}

#[test]
fn a_million_steps_do_not_drift() {
    type Net = Network<Lstm<1, UNITS>, Dense<UNITS, 1, 1>>;
    let sketch = |seed| Sketch::of::<Int8, Net>(seed, &[UNITS], 1, LOOKBACK as u16, 1).streamed(1);
    let normed = Extras { norm: Some(NormForm::Joint), ..Extras::default() };
    for (name, errors) in [
        ("plain", errors::<Plain>(&sketch(71))),
        ("joint layer norm", errors::<JointNorm<Plain>>(&sketch(72).with_extras(normed))),
        ("zoneout", errors::<Zoneout>(&sketch(73).with_zoneout(0.3, 0.2, Reading::Candidate))),
    ] {
        println!("{name}: {errors:.5?}");
        let first = errors[0];
        assert!(first < 0.012, "{name}: {errors:?}");
        assert!(errors.iter().all(|error| (0.8 * first..1.25 * first).contains(error)), "{name}: {errors:?}");
    }
}
