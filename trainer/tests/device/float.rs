//! `f32` on the device against the folded network in `f64`.

use embedded_rnn::arithmetic::{Functions, Libm};
use embedded_rnn::forecast::Model;
use embedded_rnn::network::Topology;
use embedded_rnn::{Dense, Float, Lstm, Network, Rational, Streaming, Then, Zoneout, ZoneoutCell};
use embedded_rnn_trainer::evaluate::device::ModelBytes;
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::sketch::{Random, Sketch};

/// The bar: the largest difference over a stream, in deviations of the network's normalized output over that stream.
const BAR: f64 = 1e-5;

const STEPS: usize = 10_000;

/// The largest over all outputs of the largest difference over the steps, in deviations of that output. `[steps][outputs]` each.
fn largest_difference(device: &[Vec<f64>], reference: &[Vec<f64>]) -> f64 {
    let outputs = reference[0].len();
    let column = |k: usize| {
        let exact: Vec<f64> = reference.iter().map(|y| y[k]).collect();
        let mean = exact.iter().sum::<f64>() / exact.len() as f64;
        let deviation = (exact.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / exact.len() as f64).sqrt();
        // In raw units, where a target has a deviation of 3.
        assert!(deviation > 1.0, "output {k} hardly moves: {deviation}");
        device.iter().zip(&exact).map(|(y, exact)| (y[k] - exact).abs() / deviation).fold(0.0, f64::max)
    };
    (0..outputs).map(column).fold(0.0, f64::max)
}

/// Streams random samples through a session of the typed network and through the reference; gives the largest difference.
fn stream<M: Functions, T: Topology<Float<M>>, const F: usize, const P: usize>(sketch: &Sketch) -> f64 {
    let built = sketch.clone().streamed(1).build();
    let bytes = ModelBytes::new(&built.file);
    let model = Model::<Float<M>, T, F, P, P, 0, Streaming>::load(bytes.as_slice()).unwrap();
    let mut session = model.session();
    let raw = Random(!sketch.seed).samples(STEPS * P, F);
    let first: Vec<f64> = raw[..F].iter().map(|v| f64::from(*v)).collect();
    let mut state = built.folded.start(&first);
    let (mut device, mut reference) = (Vec::new(), Vec::new());
    for patch in raw.chunks_exact(F * P) {
        let samples: &[[f32; F]; P] = patch.as_chunks().0.try_into().unwrap();
        session.step(samples).unwrap();
        device.push(T::rows(&mut session.forecast().unwrap()).flatten().map(|y| f64::from(*y)).collect());
        built.folded.step(&mut state, &patch.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        reference.push(built.folded.forecast(&state));
    }
    assert_eq!(device.len(), STEPS);
    let difference = largest_difference(&device, &reference);
    println!("{:?} {:?}: {difference:.1e}", sketch.widths, sketch.zoneout);
    difference
}

/// A stream with zoneout in the reading given, and the sketch of the typed network under it.
fn zoned<T: Topology<Float>, const F: usize, const P: usize>(widths: &[usize], hidden: f64, reading: Reading) -> f64 {
    let sketch = Sketch::of::<Float, T>(11, widths, F as u16, P as u16, P as u16).with_zoneout(0.2, hidden, reading);
    stream::<Rational, T, F, P>(&sketch)
}

fn plain<M: Functions, T: Topology<Float<M>>, const F: usize, const P: usize>(seed: u64, widths: &[usize]) -> f64 {
    stream::<M, T, F, P>(&Sketch::of::<Float<M>, T>(seed, widths, F as u16, P as u16, P as u16))
}

#[test]
fn plain_networks_stay_within_the_bar() {
    assert!(plain::<Rational, Network<Lstm<1, 8>, Dense<8, 1, 3>>, 1, 1>(1, &[8]) <= BAR);
    assert!(plain::<Rational, Network<Lstm<3, 16>, Dense<16, 2, 4>>, 3, 1>(2, &[16]) <= BAR);
    assert!(plain::<Rational, Network<Lstm<6, 32>, Dense<32, 1, 12>>, 1, 6>(3, &[32]) <= BAR);
    type Deep = Then<Then<Lstm<4, 12>, Lstm<12, 20>>, Lstm<20, 7>>;
    assert!(plain::<Rational, Network<Deep, Dense<7, 2, 2>>, 2, 2>(4, &[12, 20, 7]) <= BAR);
    assert!(plain::<Libm, Network<Lstm<3, 16>, Dense<16, 2, 4>>, 3, 1>(2, &[16]) <= BAR);
}

#[test]
fn both_readings_of_zoneout_stay_within_the_bar() {
    for reading in [Reading::Candidate, Reading::Zoned] {
        assert!(zoned::<Network<Lstm<2, 16, ZoneoutCell>, Dense<16, 1, 4>>, 2, 1>(&[16], 0.0, reading) <= BAR);
        assert!(zoned::<Network<Lstm<2, 16, Zoneout>, Dense<16, 1, 4>>, 2, 1>(&[16], 0.5, reading) <= BAR);
        type Two = Then<Lstm<4, 10, Zoneout>, Lstm<10, 6, Zoneout>>;
        assert!(zoned::<Network<Two, Dense<6, 2, 3>>, 2, 2>(&[10, 6], 0.3, reading) <= BAR);
    }
}

#[test]
fn streams_seen_from_the_sample_before_stay_within_the_bar() {
    type Net = Network<Lstm<4, 16, Zoneout>, Dense<16, 1, 6>>;
    let sketch = Sketch::of::<Float, Net>(9, &[16], 2, 2, 2).with_zoneout(0.1, 0.25, Reading::Candidate).normalized();
    assert!(stream::<Rational, Net, 2, 2>(&sketch) <= BAR);
    type Plain = Network<Lstm<3, 12>, Dense<12, 2, 4>>;
    assert!(stream::<Rational, Plain, 3, 1>(&Sketch::of::<Float, Plain>(10, &[12], 3, 1, 1).normalized()) <= BAR);
}

#[test]
fn normalized_windows_stay_within_the_bar() {
    type Net = Network<Lstm<4, 16, Zoneout>, Dense<16, 1, 6>>;
    let sketch = Sketch::of::<Float, Net>(7, &[16], 2, 24, 2).with_zoneout(0.1, 0.25, Reading::Candidate).normalized();
    let built = sketch.build();
    let bytes = ModelBytes::new(&built.file);
    let model = Model::<Float, Net, 2, 24, 2>::load(bytes.as_slice()).unwrap();
    let mut forecaster = model.forecaster();
    let raw = Random(8).samples(1_000, 2);
    let (mut device, mut reference) = (Vec::new(), Vec::new());
    for (newest, sample) in raw.as_chunks::<2>().0.iter().enumerate() {
        forecaster.push(sample).unwrap();
        let Ok([forecast]) = forecaster.forecast() else { continue };
        // Without the last value, which would hide the network's own part.
        device.push(forecast.iter().map(|y| f64::from(*y) - f64::from(sample[0])).collect());
        let window: Vec<f64> = raw[2 * (newest + 1 - 24)..2 * (newest + 1)].iter().map(|v| f64::from(*v)).collect();
        reference.push(built.folded.forecast_window(&window).iter().map(|y| y - f64::from(sample[0])).collect());
    }
    assert_eq!(device.len(), 1_000 - 23);
    let difference = largest_difference(&device, &reference);
    println!("normalized: {difference:.1e}");
    assert!(difference <= BAR);
}
