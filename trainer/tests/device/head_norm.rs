//! Layer norm before the head: forecasts against the folded network, the head's form as a type, and records that lie.

use embedded_rnn::arithmetic::{Libm, Micromath, Number};
use embedded_rnn::forecast::Model;
use embedded_rnn::image::{HEADER_LENGTH, RECORD_HEADER_LENGTH, RecordKind, checksum};
use embedded_rnn::network::HeadForm;
use embedded_rnn::{Dense, Float, Int8, LoadError, Lstm, Network, NormA, NormHead, Rational, Then, Zoneout};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::pack::budget;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::forms::contracting;
use crate::sketch::{Extras, Random, Sketch};
use crate::typed::streams_agree;

/// A head norm with every form in the cell, with zoneout on h and with removed units.
fn sketches(plain: &Sketch) -> Vec<Sketch> {
    let mut sketches = Vec::new();
    for norm in [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)] {
        let extras = Extras { norm, head: true, ..Extras::default() };
        sketches.push(plain.clone().with_extras(extras));
        sketches.push(plain.clone().with_extras(extras).with_zoneout(0.2, 0.4, Reading::Candidate));
        if !matches!(norm, Some(NormForm::A | NormForm::B)) {
            sketches.push(plain.clone().with_extras(Extras { removed: 3, kept: true, ..extras }));
        }
    }
    sketches
}

/// Root mean square and largest difference of a device's forecasts from exact ones, in deviations of each output: the worst one's.
fn differences(device: &[Vec<f32>], exact: &[Vec<f64>]) -> (f64, f64) {
    let output = |k: usize| {
        let n = exact.len() as f64;
        let mean = exact.iter().map(|y| y[k]).sum::<f64>() / n;
        let deviation = (exact.iter().map(|y| (y[k] - mean).powi(2)).sum::<f64>() / n).sqrt();
        let errors = device.iter().zip(exact).map(|(y, exact)| (f64::from(y[k]) - exact[k]) / deviation);
        let squares = errors.clone().map(|error| error * error).sum::<f64>();
        ((squares / n).sqrt(), errors.map(f64::abs).fold(0.0, f64::max))
    };
    (0..exact[0].len()).map(output).fold((0.0, 0.0), |worst, new| (f64::max(worst.0, new.0), f64::max(worst.1, new.1)))
}

/// Windows of random samples.
fn windows(sketch: &Sketch) -> Vec<Vec<f32>> {
    let length = usize::from(sketch.window.lookback) * usize::from(sketch.window.features);
    let raw = Random(!sketch.seed).samples(40 * usize::from(sketch.window.lookback), sketch.window.features.into());
    raw.chunks_exact(length).map(<[f32]>::to_vec).collect()
}

/// The head's own error, on the hidden state that the device has: rounding of V to integers, and nothing else. What that makes of a
/// forecast is measured on trained networks.
#[test]
fn int8_heads_differ_by_their_rounded_weights() {
    type Net = Network<Then<Lstm<5, 32>, Lstm<32, 24>>, Dense<24, 1, 3>>;
    for sketch in sketches(&Sketch::of::<Int8, Net>(91, &[32, 24], 5, 50, 1)) {
        let built = sketch.build();
        let bytes = ModelBytes::new(&built.file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        assert_eq!(model.head(), HeadForm::Norm);
        let (head, norm) = (&built.quantized.as_ref().unwrap().head, built.folded.head_norm.unwrap());
        let mut state = built.folded.start(&[0.0; 5]);
        let (mut device, mut rounded) = (Vec::new(), Vec::new());
        let (mut errors, mut expected) = (0.0, 0.0);
        for window in windows(&sketch) {
            let h = model.hidden_states(&window).unwrap().swap_remove(49).swap_remove(1);
            let n = norm.divisor as f64;
            let mean = h.iter().sum::<f64>() / n;
            let squares = h.iter().map(|h| h * h).sum::<f64>();
            let r = 1.0 / (squares / n - mean * mean + norm.epsilon).sqrt();
            let forecast = model.forecast(&window).unwrap();
            let of_integers = head.weights.chunks_exact(h.len()).enumerate().map(|(output, row)| {
                let scale = f64::from(head.scale[output]) / n;
                let products = row.iter().zip(&h).map(|(w, h)| f64::from(*w) * h).sum::<f64>();
                // A weight is off by at most half a unit, evenly; balance moves a few by as much again.
                expected += (r * scale).powi(2) * squares / 12.0;
                r * scale * products + f64::from(head.bias[output])
            });
            rounded.push(of_integers.collect::<Vec<f64>>());
            state.layers[1].h.clone_from(&h);
            let exact = built.folded.forecast(&state);
            errors += forecast.iter().zip(&exact).map(|(y, exact)| (f64::from(*y) - exact).powi(2)).sum::<f64>();
            device.push(forecast);
        }
        let (_, largest) = differences(&device, &rounded);
        assert!(largest <= 1e-4, "{largest:e} {:?} {:?}", sketch.extras, sketch.zoneout);
        let ratio = f64::sqrt(errors / expected);
        assert!((0.1..=2.0).contains(&ratio), "{ratio} {:?} {:?}", sketch.extras, sketch.zoneout);
    }
}

/// The whole network's.
#[test]
fn float_forecasts_are_within_rounding() {
    type Net = Network<Then<Lstm<3, 11>, Lstm<11, 7>>, Dense<7, 1, 3>>;
    for plain in
        [Sketch::of::<Float<Rational>, Net>(92, &[11, 7], 3, 50, 1), Sketch::of::<Float<Libm>, Net>(93, &[11, 7], 3, 50, 1)]
    {
        for sketch in sketches(&plain) {
            let (built, _) = contracting(&sketch);
            let bytes = ModelBytes::new(&built.file);
            let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
            let windows = windows(&sketch);
            let forecasts = windows.iter().map(|window| {
                let exact: Vec<f64> = window.iter().map(|v| f64::from(*v)).collect();
                (model.forecast(window).unwrap(), built.folded.forecast_window(&exact))
            });
            let (device, exact): (Vec<Vec<f32>>, Vec<Vec<f64>>) = forecasts.unzip();
            let (_, largest) = differences(&device, &exact);
            assert!(largest <= 1e-5, "{largest:e} {:?} {:?} {:?}", sketch.numbers, sketch.extras, sketch.zoneout);
        }
    }
}

/// The same bits as a type and by its number; the lines that name it; no other head accepted.
fn head_is_a_type<N: Number>() {
    type Alone = Network<Lstm<3, 9>, Dense<9, 1, 2, NormHead>>;
    type Normed = Network<Then<Lstm<3, 8, NormA<Zoneout>>, Lstm<8, 5, NormA<Zoneout>>>, Dense<5, 2, 2, NormHead>>;
    let alone = Sketch::of::<N, Alone>(95, &[9], 3, 20, 1).with_extras(Extras { head: true, ..Extras::default() });
    streams_agree::<N, Alone, 3, 20, 1>(&alone);
    streams_agree::<N, Alone, 3, 20, 1>(&alone.clone().normalized());
    let file = alone.build().file;
    let bytes = ModelBytes::new(&file);
    let model = DeviceModel::bind(bytes.as_slice()).unwrap();
    let lines = model.snippet("model.rnn");
    assert!(lines.contains("Network<Lstm<3, 9>, Dense<9, 1, 2, NormHead>>"), "{lines}");
    assert!(lines.lines().any(|line| line.starts_with("use") && line.contains("NormHead")), "{lines}");
    let macs = |head| budget(&model.manifest, &model.layers(), head, &[], 0, 0).macs;
    assert_eq!(macs(HeadForm::Norm) - macs(HeadForm::Plain), 9, "a square a unit");
    let plain = Model::<N, Network<Lstm<3, 9>, Dense<9, 1, 2>>, 3, 20, 1>::load(bytes.as_slice()).err();
    assert_eq!(plain, Some(LoadError::HeadForm { expected: HeadForm::Plain, found: 1 }));
    let error = plain.unwrap().to_string();
    assert_eq!(error, "the head of the network's type is a plain head (0), the file's head form is 1");
    let without = Sketch { extras: Extras::default(), ..alone }.build().file;
    let bytes = ModelBytes::new(&without);
    let error = Model::<N, Alone, 3, 20, 1>::load(bytes.as_slice()).err();
    assert_eq!(error, Some(LoadError::HeadForm { expected: HeadForm::Norm, found: 0 }));
    let normed = Sketch::of::<N, Normed>(96, &[8, 5], 3, 20, 1)
        .with_extras(Extras { head: true, norm: Some(NormForm::A), ..Extras::default() })
        .with_zoneout(0.3, 0.25, Reading::Zoned);
    streams_agree::<N, Normed, 3, 20, 1>(&normed);
}

#[test]
fn heads_are_types() {
    head_is_a_type::<Int8>();
    head_is_a_type::<Float<Rational>>();
    head_is_a_type::<Float<Libm>>();
    head_is_a_type::<Float<Micromath>>();
}

/// A file whose head reads 6 units and gives 2 values.
fn built(integer: bool) -> Vec<u8> {
    type Net = Network<Lstm<3, 6>, Dense<6, 1, 2>>;
    let sketch = if integer { Sketch::of::<Int8, Net>(3, &[6], 3, 12, 1) } else { Sketch::of::<Float, Net>(3, &[6], 3, 12, 1) };
    sketch.with_extras(Extras { head: true, ..Extras::default() }).build().file
}

/// Where the dense record begins.
fn dense(file: &[u8]) -> usize {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let mut at = (HEADER_LENGTH + word(20)).next_multiple_of(16);
    while file[at] != RecordKind::Dense as u8 {
        at = (at + RECORD_HEADER_LENGTH + word(at + 8)).next_multiple_of(16);
    }
    at
}

/// The file with words of its dense record replaced (the first of them after the record's header is 4), its checksum renewed.
fn forged(built: &[u8], words: &[(usize, u32)]) -> ModelBytes {
    let mut file = built.to_vec();
    let start = dense(&file);
    for (index, word) in words {
        file[start + 4 * index..][..4].copy_from_slice(&word.to_le_bytes());
    }
    let sum = checksum(&file);
    file[16..20].copy_from_slice(&sum.to_le_bytes());
    ModelBytes::new(&file)
}

#[test]
fn lying_heads_are_refused() {
    let malformed = Some(LoadError::Malformed { record: RecordKind::Dense });
    let kind = RecordKind::Dense as u32;
    for integer in [true, false] {
        let built = built(integer);
        let refused = |words: &[(usize, u32)]| {
            assert_eq!(DeviceModel::bind(forged(&built, words).as_slice()).err(), malformed, "{integer} {words:x?}");
        };
        let accepted = |words: &[(usize, u32)]| {
            let file = forged(&built, words);
            let mut model = DeviceModel::bind(file.as_slice()).unwrap();
            assert!(model.forecast(&Random(4).samples(12, 3)).unwrap().iter().all(|y| y.is_finite()), "{words:x?}");
        };
        accepted(&[]);
        // Forms that are none, and the plain one, whose tensors are shorter.
        for form in [0, 2, 3, 0xffff] {
            refused(&[(0, kind | form << 16)]);
        }
        if integer {
            // N, 0, and N^2 ε in two words.
            for words in [[(4, 5)], [(4, 0)], [(4, 0x1_0000)], [(4, u32::MAX)], [(5, 1)], [(7, 1 << 29)], [(7, u32::MAX)]] {
                refused(&words);
            }
            refused(&[(6, 1), (7, 1 << 28)]);
            accepted(&[(6, 0), (7, 1 << 28)]);
            accepted(&[(6, 0), (7, 0)]);
            accepted(&[(4, 0xffff)]);
        } else {
            for value in [0.0, -1e-5, f32::NAN, f32::INFINITY] {
                refused(&[(4, value.to_bits())]);
            }
            for value in [0.0, 5.0, 6.5, -6.0, 65_536.0, f32::NAN, f32::INFINITY] {
                refused(&[(5, value.to_bits())]);
            }
            refused(&[(6, 1)]);
            refused(&[(7, f32::NAN.to_bits())]);
            accepted(&[(5, 65_535f32.to_bits())]);
        }
    }
}
