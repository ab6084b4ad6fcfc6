//! Networks as types, as a board runs them, and networks whose shapes are known at run time, as the desk runs them, give the same bits.

use embedded_rnn::arithmetic::{ACTIVATION_ONE, Libm, Micromath, Number};
use embedded_rnn::forecast::Model;
use embedded_rnn::image::Normalization;
use embedded_rnn::network::{Layer, Topology};
use embedded_rnn::{Cell16, Dense, Float, Int8, Lstm, Network, PackedPair, RowMajor, Streaming, Then, Zoneout, ZoneoutCell};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::sketch::{Random, Sketch};

fn bits<'y>(forecast: impl IntoIterator<Item = &'y f32>) -> Vec<u32> {
    forecast.into_iter().map(|y| y.to_bits()).collect()
}

/// Windows of typical samples, of samples beyond the input's limit, of one value, and of steps.
fn windows(seed: u64, length: usize, features: usize) -> Vec<Vec<f32>> {
    let mut random = Random(seed);
    let mut all: Vec<Vec<f32>> = (0..20).map(|_| random.samples(length, features)).collect();
    all.extend((0..5).map(|k| random.samples(length, features).iter().map(|v| (v - 20.0) * 10f32.powi(k)).collect()));
    all.push(vec![20.0; length * features]);
    all.push((0..length * features).map(|k| if k < length { -1e30 } else { 1e30 }).collect());
    all
}

/// Forecasts of windows: a forecaster of the typed network, and the network at run time.
pub fn windows_agree<N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize>(sketch: &Sketch) {
    let bytes = ModelBytes::new(&sketch.build().file);
    forecasters_agree::<N, T, F, L, P, 0>(sketch, &bytes);
}

/// The same for windows with a season before them.
pub fn forecasters_agree<N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize, const S: usize>(
    sketch: &Sketch,
    bytes: &ModelBytes,
) {
    let model = Model::<N, T, F, L, P, S>::load(bytes.as_slice()).unwrap();
    model.self_test().unwrap();
    let mut dynamic = DeviceModel::bind(bytes.as_slice()).unwrap();
    let mut forecaster = model.forecaster();
    for (number, window) in windows(sketch.seed, L, F).iter().enumerate() {
        window.as_chunks().0.iter().for_each(|sample| forecaster.push(sample).unwrap());
        let typed = bits(T::quantile_rows(&mut forecaster.quantiles().unwrap()).flatten().map(|y| &*y));
        let point = bits(T::rows(&mut forecaster.forecast().unwrap()).flatten().map(|y| &*y));
        let medians = typed.chunks_exact(T::QUANTILES).map(|value| value[T::QUANTILES / 2]);
        assert!(medians.eq(point.iter().copied()), "{:?}, window {number}", sketch.widths);
        assert_eq!(point, bits(&dynamic.forecast(window).unwrap()), "{:?}, window {number}", sketch.widths);
        dynamic.clamped = 0;
        assert_eq!(typed, bits(&dynamic.spread(window).unwrap()), "{:?}, window {number}", sketch.widths);
        assert_eq!(u64::from(forecaster.clamped()), dynamic.clamped, "{:?}, window {number}", sketch.widths);
    }
}

/// Those, and streams of a network without a skip: a session of the typed network, and the network at run time. Without normalization a
/// stream from the zero state is a window.
pub fn streams_agree<N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize>(sketch: &Sketch) {
    windows_agree::<N, T, F, L, P>(sketch);
    let (streaming, windowed) = (sketch.clone().streamed(1).build(), sketch.build());
    let [bytes, windowed] = [streaming, windowed].map(|built| ModelBytes::new(&built.file));
    let model = Model::<N, T, F, L, P, 0, Streaming>::load(bytes.as_slice()).unwrap();
    model.self_test().unwrap();
    let mut dynamic = DeviceModel::bind(bytes.as_slice()).unwrap();
    assert!(dynamic.self_test() && dynamic.is_streaming());
    let mut windowed = DeviceModel::bind(windowed.as_slice()).unwrap();
    for (number, window) in windows(sketch.seed, L, F).iter().enumerate() {
        let mut session = model.session();
        window.as_chunks().0.iter().for_each(|sample| session.push(sample).unwrap());
        let said = bits(T::quantile_rows(&mut session.quantiles().unwrap()).flatten().map(|y| &*y));
        dynamic.clamped = 0;
        assert_eq!(said, bits(&dynamic.spread(window).unwrap()), "{:?}, stream {number}", sketch.widths);
        assert_eq!(u64::from(session.clamped()), dynamic.clamped, "{:?}, stream {number}", sketch.widths);
        if sketch.window.normalization == Normalization::None {
            assert_eq!(said, bits(&windowed.spread(window).unwrap()), "{:?}, window {number}", sketch.widths);
        }
    }
}

fn integer_windows_agree<N: Number>() {
    type Plain = Network<Lstm<2, 11>, Dense<11, 1, 5>>;
    let sketch = Sketch::of::<N, Plain>(1, &[11], 1, 16, 2);
    streams_agree::<N, Plain, 1, 16, 2>(&sketch);
    streams_agree::<N, Plain, 1, 16, 2>(&sketch.normalized());
    type Cell = Network<Then<Lstm<3, 8, ZoneoutCell>, Lstm<8, 13, ZoneoutCell>>, Dense<13, 3, 2>>;
    type Both = Network<Then<Lstm<3, 8, Zoneout>, Lstm<8, 13, Zoneout>>, Dense<13, 3, 2>>;
    for reading in [Reading::Candidate, Reading::Zoned] {
        let sketch = Sketch::of::<N, Cell>(2, &[8, 13], 3, 12, 1);
        streams_agree::<N, Cell, 3, 12, 1>(&sketch.clone().with_zoneout(0.4, 0.0, reading));
        streams_agree::<N, Both, 3, 12, 1>(&sketch.with_zoneout(0.4, 0.6, reading).normalized());
    }
}

#[test]
fn windows_agree_in_integers() {
    integer_windows_agree::<Int8>();
    integer_windows_agree::<Int8<RowMajor>>();
    integer_windows_agree::<Int8<PackedPair, Cell16>>();
    integer_windows_agree::<Int8<RowMajor, Cell16>>();
}

#[test]
fn windows_agree_in_floats() {
    type Plain = Network<Lstm<2, 11>, Dense<11, 1, 5>>;
    streams_agree::<Float, Plain, 1, 16, 2>(&Sketch::of::<Float, Plain>(3, &[11], 1, 16, 2));
    streams_agree::<Float<Libm>, Plain, 1, 16, 2>(&Sketch::of::<Float<Libm>, Plain>(3, &[11], 1, 16, 2).normalized());
    streams_agree::<Float<Micromath>, Plain, 1, 16, 2>(&Sketch::of::<Float<Micromath>, Plain>(3, &[11], 1, 16, 2));
    type Both = Network<Then<Lstm<3, 8, Zoneout>, Lstm<8, 13, Zoneout>>, Dense<13, 3, 2>>;
    for reading in [Reading::Candidate, Reading::Zoned] {
        let sketch = Sketch::of::<Float, Both>(4, &[8, 13], 3, 12, 1).with_zoneout(0.4, 0.6, reading);
        streams_agree::<Float, Both, 3, 12, 1>(&sketch);
        streams_agree::<Float, Both, 3, 12, 1>(&sketch.normalized());
    }
}

/// Two layers, and their hidden states along a stream of thousands of steps.
fn stream_agrees<N: Number>(value: fn(N::Activation) -> f64) {
    type Layers = Then<Lstm<2, 9, Zoneout>, Lstm<9, 6, Zoneout>>;
    type Net = Network<Layers, Dense<6, 1, 2>>;
    const STEPS: usize = 5_000;
    let sketch = Sketch::of::<N, Net>(5, &[9, 6], 2, STEPS as u16, 1).with_zoneout(0.2, 0.3, Reading::Candidate).streamed(1);
    let built = sketch.build();
    let bytes = ModelBytes::new(&built.file);
    let model = Model::<N, Net, 2, STEPS, 1, 0, Streaming>::load(bytes.as_slice()).unwrap();
    let mut session = model.session();
    let samples = Random(6).samples(STEPS, 2);
    let dynamic = DeviceModel::bind(bytes.as_slice()).unwrap().hidden_states(&samples).unwrap();
    assert_eq!(dynamic.len(), STEPS);
    for (step, (sample, layers)) in samples.as_chunks::<2>().0.iter().zip(&dynamic).enumerate() {
        session.step(&[*sample]).unwrap();
        let (first, second): &<Layers as Layer<N>>::State = session.state();
        let typed = [first.hidden().map(value).to_vec(), second.hidden().map(value).to_vec()];
        assert_eq!(typed[..], layers[..], "step {step}");
    }
}

#[test]
fn hidden_states_agree_along_a_stream() {
    stream_agrees::<Int8>(|h| f64::from(h) / f64::from(ACTIVATION_ONE));
    stream_agrees::<Int8<PackedPair, Cell16>>(|h| f64::from(h) / f64::from(ACTIVATION_ONE));
    stream_agrees::<Float>(f64::from);
}
