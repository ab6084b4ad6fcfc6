//! Per-window normalization on the device: bit for bit as defined, as a type and with shapes known at run time, near the folded network in
//! `f64`; and windows that have no deviation, a huge level, or a tiny unit.

use embedded_rnn::arithmetic::{Libm, Linear};
use embedded_rnn::forecast::{Model, SampleError};
use embedded_rnn::image::{Dimension, HEADER_LENGTH, Header, LoadError, Normalization, RecordKind, checksum};
use embedded_rnn::{Dense, Float, Int8, Lstm, Network, Quantiles, RowMajor, Skip, Streaming, Zoneout};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::pack::Payload;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::definition_f32;
use crate::definition_window::Measured;
use crate::integer::equals_definition;
use crate::sketch::{Random, Sketch};
use crate::typed::{forecasters_agree, windows_agree};

const SEASON: usize = 7;
const SEASONAL: Normalization = Normalization::Seasonal { season: SEASON as u16 };
const ALL: [Normalization; 3] = [Normalization::Mean, Normalization::Scaled, SEASONAL];

/// One column; a season and the nine samples after it. The horizon outruns the season.
type One = Network<Lstm<3, 11>, Dense<11, 1, 10>>;
/// Several columns and targets, quantiles, a skip over what follows the season.
type Wide = Network<Lstm<6, 8, Zoneout>, Quantiles<Dense<8, 2, 4>, 3>, Skip<30, 4>>;

fn one<N: Linear>(seed: u64, normalization: Normalization) -> Sketch {
    let lookback = if normalization == SEASONAL { 16 } else { 15 };
    Sketch::of::<N, One>(seed, &[11], 1, lookback, 3).under(normalization)
}

fn wide<N: Linear>(seed: u64, normalization: Normalization) -> Sketch {
    let lookback = if normalization == SEASONAL { 17 } else { 12 };
    let sketch = Sketch::of::<N, Wide>(seed, &[8], 3, lookback, 2);
    sketch.under(normalization).with_skip(4).with_zoneout(0.4, 0.6, Reading::Candidate)
}

#[test]
fn types_and_run_time_shapes_give_the_same_bits() {
    type Whole = Network<Lstm<6, 8, Zoneout>, Quantiles<Dense<8, 2, 4>, 3>, Skip<36, 4>>;
    fn agree<N: Linear>(seed: u64) {
        for normalization in [Normalization::Mean, Normalization::Scaled] {
            windows_agree::<N, One, 1, 15, 3>(&one::<N>(seed, normalization));
            windows_agree::<N, Whole, 3, 12, 2>(&wide::<N>(seed + 1, normalization));
        }
        let sketch = one::<N>(seed + 2, SEASONAL);
        forecasters_agree::<N, One, 1, 16, 3, SEASON>(&sketch, &ModelBytes::new(&sketch.build().file));
        let sketch = wide::<N>(seed + 3, SEASONAL);
        forecasters_agree::<N, Wide, 3, 17, 2, SEASON>(&sketch, &ModelBytes::new(&sketch.build().file));
    }
    agree::<Int8>(1);
    agree::<Int8<RowMajor>>(11);
    agree::<Float>(21);
}

#[test]
fn integers_are_as_defined_and_near_the_folded_network() {
    for sketch in ALL.iter().flat_map(|all| [one::<Int8>(31, *all), wide::<Int8>(32, *all)]) {
        let built = sketch.build();
        let mut random = Random(!sketch.seed);
        let mut squares = Vec::new();
        for _ in 0..40 {
            let window = random.samples(sketch.window.lookback.into(), sketch.window.features.into());
            let (equal, outcome) = equals_definition(&built.file, &built, &sketch, &window);
            assert!(equal, "{sketch:?}");
            // Quantiles are in no order there, and widened here.
            if sketch.quantiles == 1 {
                let (measured, exact) = (Measured::of(&sketch, &window), built.folded.forecast_window(&sketch.entering(&window)));
                let exact = exact.iter().enumerate().map(|(k, y)| f64::from(measured.back(*y as f32, 0, k)));
                squares.extend(outcome.forecast.iter().zip(exact).map(|(device, exact)| (f64::from(*device) - exact).powi(2)));
            }
        }
        if !squares.is_empty() {
            // A target has a deviation of 3.
            let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt() / 3.0;
            println!("{}: RMS {rms:.4} of a deviation", sketch.window.normalization);
            assert!(rms < 0.04, "{rms}");
        }
    }
}

#[test]
fn floats_are_as_defined() {
    for sketch in ALL.map(|normalization| one::<Float<Libm>>(41, normalization)) {
        let built = sketch.build();
        let bytes = ModelBytes::new(&built.file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        let scaling: Vec<[f32; 2]> = built.folded.inputs.iter().map(|s| [s.offset as f32, s.scale as f32]).collect();
        let mut random = Random(7);
        for _ in 0..10 {
            let window = random.samples(sketch.window.lookback.into(), 1);
            let measured = Measured::of(&sketch, &window);
            let said: Vec<u32> = model.forecast(&window).unwrap().iter().map(|y| y.to_bits()).collect();
            let defined = definition_f32::run_entering(&built.folded, &measured.entering(&scaling));
            let defined = defined.iter().enumerate().map(|(k, y)| measured.back(*y, 0, k).to_bits());
            assert_eq!(said, defined.collect::<Vec<_>>());
        }
    }
}

/// The forecast of a window.
fn forecast(model: &mut DeviceModel<'_>, window: impl Iterator<Item = f32>) -> Vec<f32> {
    model.forecast(&window.collect::<Vec<f32>>()).unwrap()
}

fn wave(k: usize) -> f32 {
    (k * 7 % 16) as f32 / 4.0 - 2.0
}

#[test]
fn the_level_of_a_window_is_the_level_of_its_forecast() {
    for normalization in ALL {
        let sketch = one::<Int8>(51, normalization);
        let file = sketch.build().file;
        let bytes = ModelBytes::new(&file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        let length = usize::from(sketch.window.lookback);
        // Air pressure, in values that `f32` holds exactly.
        let near = forecast(&mut model, (0..length).map(wave));
        let high = forecast(&mut model, (0..length).map(|k| 101_325.0 + wave(k)));
        for (near, high) in near.iter().zip(&high) {
            assert!((high - 101_325.0 - near).abs() <= 0.02, "{normalization}: {near} {high}");
        }
        // A constant has a forecast that is constant where zeros give one, and finite in any case.
        for level in [0.0f32, 101_325.0, -1e-6, 1e20] {
            let constant = forecast(&mut model, std::iter::repeat_n(level, length));
            assert!(constant.iter().all(|value| value.is_finite()), "{normalization} {level}: {constant:?}");
            let least = if normalization == Normalization::Scaled { 1.0 } else { 20.0 };
            assert!(
                constant.iter().all(|value| (value - level).abs() <= least + 1e-6 * level.abs()),
                "{normalization}: {constant:?}"
            );
        }
    }
}

#[test]
fn scaled_windows_of_any_unit_give_the_same_forecast_in_that_unit() {
    let sketch = one::<Int8>(61, Normalization::Scaled);
    let file = sketch.build().file;
    let length = usize::from(sketch.window.lookback);
    let bytes = ModelBytes::new(&file);
    let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
    let one = forecast(&mut model, (0..length).map(wave));
    // Powers of two change no bit but the exponent's.
    for unit in [0.125f32, 8.0, 65_536.0] {
        let other = forecast(&mut model, (0..length).map(|k| unit * wave(k)));
        let rescaled: Vec<f32> = other.iter().map(|value| value / unit).collect();
        for (one, other) in one.iter().zip(&rescaled) {
            assert!((one - other).abs() <= 1e-5 * one.abs().max(1.0), "{unit}: {one} {other}");
        }
    }
    // Below the least deviation, 0.003, a window is one of a constant with a little noise: its forecast is that near.
    let tiny = forecast(&mut model, (0..length).map(|k| 1e-6 * wave(k)));
    assert!(tiny.iter().all(|value| value.abs() < 0.1), "{tiny:?}");
    assert_eq!(model.clamped, 0);
}

#[test]
fn tiny_units_are_forecast_where_the_file_was_made_for_them() {
    let sketch = one::<Int8>(71, Normalization::Scaled);
    let file = forged(&sketch.build().file, |file| {
        let at = scaling_record(file) + 16;
        file[at..at + 4].copy_from_slice(&3e-9f32.to_le_bytes());
    });
    let mut model = DeviceModel::bind(file.as_slice()).unwrap();
    let length = usize::from(sketch.window.lookback);
    let exponent = 2f32.powi(-20);
    let (one, tiny) =
        (forecast(&mut model, (0..length).map(wave)), forecast(&mut model, (0..length).map(|k| exponent * wave(k))));
    for (one, tiny) in one.iter().zip(&tiny) {
        assert!((one - tiny / exponent).abs() <= 1e-5 * one.abs().max(1.0), "{one} {tiny}");
    }
}

#[test]
fn what_is_no_number_is_refused_and_what_is_missing_is_counted() {
    let bytes = ModelBytes::new(&one::<Int8>(81, SEASONAL).build().file);
    let model = Model::<Int8, One, 1, 16, 3, SEASON>::load(bytes.as_slice()).unwrap();
    assert_eq!(Model::<Int8, One, 1, 16, 3, SEASON>::STEPS, 3);
    let mut forecaster = model.forecaster();
    for pushed in 0..16 {
        assert_eq!(forecaster.forecast().unwrap_err().missing, 16 - pushed);
        assert_eq!(forecaster.push(&[f32::NAN]), Err(SampleError::NotFinite { feature: 0 }));
        assert_eq!(forecaster.push(&[f32::INFINITY]), Err(SampleError::NotFinite { feature: 0 }));
        forecaster.push(&[wave(pushed)]).unwrap();
    }
    // The whole history, season and all, is what a snapshot holds.
    let before = forecaster.forecast().unwrap();
    let mut snapshot = [0; 128];
    let length = 12 + 4 * 16;
    forecaster.save(&mut snapshot[..length]).unwrap();
    forecaster.reset();
    forecaster.restore(&snapshot[..length]).unwrap();
    assert_eq!(forecaster.forecast().unwrap(), before);
}

#[test]
fn values_beyond_the_limit_are_clamped_and_counted() {
    for normalization in [Normalization::Mean, SEASONAL] {
        let sketch = one::<Int8>(91, normalization);
        let bytes = ModelBytes::new(&sketch.build().file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        let length = usize::from(sketch.window.lookback);
        forecast(&mut model, (0..length).map(|k| 20.0 + wave(k)));
        assert_eq!(model.clamped, 0, "{normalization}");
        forecast(&mut model, (0..length).map(|k| if k == length - 2 { 1e6 } else { 20.0 }));
        // The mean moves, and with it all values; of differences one is beyond.
        assert_eq!(model.clamped, if normalization == SEASONAL { 1 } else { length as u64 }, "{normalization}");
    }
    // A scaled window has no value beyond the root of its length.
    let sketch = one::<Int8>(92, Normalization::Scaled);
    let bytes = ModelBytes::new(&sketch.build().file);
    let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
    forecast(&mut model, (0..15).map(|k| if k == 13 { 1e6 } else { 20.0 }));
    assert!(model.clamped <= 1);
}

#[test]
fn a_stream_has_none_of_them() {
    type Streams<'m> = embedded_rnn::Model<'m, Int8, One, 1, 15, 3, 0, Streaming>;
    let network = one::<Int8>(101, Normalization::None).build().quantized.unwrap();
    let pack = |normalization| {
        let sketch = one::<Int8>(101, normalization).streamed(1);
        ModelBytes::new(&sketch.pack_only(Payload::Integer(&network), &[20.0; 15]))
    };
    assert!(Streams::load(pack(Normalization::Last).as_slice()).is_ok());
    for normalization in [Normalization::Mean, Normalization::Scaled] {
        let bytes = pack(normalization);
        assert_eq!(Streams::load(bytes.as_slice()).unwrap_err(), LoadError::Manifest, "{normalization:?}");
        assert_eq!(DeviceModel::bind(bytes.as_slice()).unwrap_err(), LoadError::Manifest, "{normalization:?}");
    }
}

/// Where the scaling record begins: the first after the manifest.
fn scaling_record(file: &[u8]) -> usize {
    (HEADER_LENGTH + u32::from_le_bytes(file[20..24].try_into().unwrap()) as usize).next_multiple_of(16)
}

/// The file with a change and a checksum that fits it.
fn forged(file: &[u8], change: impl FnOnce(&mut [u8])) -> ModelBytes {
    let mut file = file.to_vec();
    change(&mut file);
    let manifest = u32::from_le_bytes(file[20..24].try_into().unwrap());
    let mut header = Header { length: file.len() as u32, checksum: 0, manifest };
    file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
    header.checksum = checksum(&file);
    file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
    ModelBytes::new(&file)
}

#[test]
fn a_file_that_lies_of_seasons_and_deviations_is_refused() {
    let file = one::<Int8>(111, SEASONAL).build().file;
    // Arithmetic 2 bytes, layout 1, six sizes, transform, normalization: then the season.
    let season = HEADER_LENGTH + 11;
    assert_eq!(file[season], SEASON as u8);
    for (lie, expected) in [(0, LoadError::Manifest), (16, LoadError::Manifest), (6, LoadError::Manifest)] {
        let lying = forged(&file, |file| file[season] = lie);
        assert_eq!(DeviceModel::bind(lying.as_slice()).unwrap_err(), expected, "{lie}");
    }
    // Another type than the file's.
    let bytes = ModelBytes::new(&file);
    type Whole = Network<Lstm<4, 11>, Dense<11, 1, 10>>;
    let refusal = Model::<Int8, Whole, 1, 16, 4>::load(bytes.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Shape { dimension: Dimension::Patch, layer: 0, expected: 4, found: 3 });
    let refusal = Model::<Int8, One, 1, 16, 3, 1>::load(bytes.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Shape { dimension: Dimension::Season, layer: 0, expected: 1, found: 7 });
    assert_eq!(refusal.to_string(), "season of layer 0: the network's type has 1, the file 7");

    let file = one::<Int8>(112, Normalization::Scaled).build().file;
    for least in [0.0f32, -1.0, f32::NAN, f32::INFINITY, 1e-31] {
        let lying = forged(&file, |file| {
            let at = scaling_record(file) + 16;
            file[at..at + 4].copy_from_slice(&least.to_le_bytes());
        });
        let refusal = DeviceModel::bind(lying.as_slice()).unwrap_err();
        assert_eq!(refusal, LoadError::Malformed { record: RecordKind::Scaling }, "{least}");
    }
}
