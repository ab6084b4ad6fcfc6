//! A linear skip on the device: bit for bit as defined, as a type and with shapes known at run time, near the folded network in `f64`,
//! and harmless where a file lies about it.

use embedded_rnn::arithmetic::{Libm, Micromath};
use embedded_rnn::forecast::Model;
use embedded_rnn::image::{Arithmetic, Dimension, HEADER_LENGTH, Header, LoadError, RecordKind, checksum};
use embedded_rnn::{Cell16, Dense, Float, Int8, Lstm, Network, NormHead, PackedPair, RowMajor, Skip, Then, Zoneout};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::pack::Payload;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::integer::equals_definition;
use crate::sketch::{Extras, Random, Sketch};
use crate::typed::windows_agree;
use crate::{definition_f32, sketch};

type One = Network<Lstm<2, 11>, Dense<11, 1, 5>, Skip<16, 3>>;
type Two = Network<Then<Lstm<6, 8, Zoneout>, Lstm<8, 7, Zoneout>>, Dense<7, 2, 4>, Skip<36, 5>>;
type Normed = Network<Lstm<2, 11>, Dense<11, 1, 5, NormHead>, Skip<16, 3>>;

fn one<N: embedded_rnn::arithmetic::Linear>(seed: u64) -> Sketch {
    Sketch::of::<N, One>(seed, &[11], 1, 16, 2).with_skip(3)
}

fn two<N: embedded_rnn::arithmetic::Linear>(seed: u64) -> Sketch {
    Sketch::of::<N, Two>(seed, &[8, 7], 3, 12, 2).with_skip(5).with_zoneout(0.4, 0.6, Reading::Candidate)
}

/// Layer norm before the head, and a skip beside both.
fn normed<N: embedded_rnn::arithmetic::Linear>(seed: u64) -> Sketch {
    let extras = Extras { head: true, ..Extras::default() };
    Sketch::of::<N, Normed>(seed, &[11], 1, 16, 2).with_skip(3).with_extras(extras)
}

#[test]
fn types_and_run_time_shapes_give_the_same_bits() {
    windows_agree::<Int8, One, 1, 16, 2>(&one::<Int8>(1));
    windows_agree::<Int8, One, 1, 16, 2>(&one::<Int8>(2).normalized());
    windows_agree::<Int8, Two, 3, 12, 2>(&two::<Int8>(3));
    windows_agree::<Int8, Two, 3, 12, 2>(&two::<Int8>(4).normalized());
    windows_agree::<Float, One, 1, 16, 2>(&one::<Float>(5));
    windows_agree::<Float, Two, 3, 12, 2>(&two::<Float>(6).normalized());
    windows_agree::<Float<Libm>, Two, 3, 12, 2>(&two::<Float<Libm>>(7));
    windows_agree::<Float<Micromath>, One, 1, 16, 2>(&one::<Float<Micromath>>(8).normalized());
    windows_agree::<Int8<RowMajor>, Two, 3, 12, 2>(&two::<Int8<RowMajor>>(9));
    windows_agree::<Int8<PackedPair, Cell16>, One, 1, 16, 2>(&one::<Int8<PackedPair, Cell16>>(10).normalized());
    windows_agree::<Int8, Normed, 1, 16, 2>(&normed::<Int8>(61));
    windows_agree::<Float, Normed, 1, 16, 2>(&normed::<Float>(62).normalized());
}

#[test]
fn integers_are_as_defined_and_near_the_folded_network() {
    let sketches = [
        one::<Int8>(11),
        one::<Int8>(12).normalized(),
        two::<Int8>(13),
        two::<Int8>(14).normalized(),
        normed::<Int8>(15),
        normed::<Int8>(16).normalized(),
    ];
    for sketch in sketches {
        let built = sketch.build();
        let length = usize::from(sketch.window.lookback) * usize::from(sketch.window.features);
        let mut random = Random(!sketch.seed);
        let mut squares = Vec::new();
        for _ in 0..40 {
            let window = random.samples(usize::from(sketch.window.lookback), sketch.window.features.into());
            let (equal, outcome) = equals_definition(&built.file, &built, &sketch, &window);
            assert!(equal, "{sketch:?}");
            assert_eq!(window.len(), length);
            let exact = built.folded.forecast_window(&window.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
            squares.extend(outcome.forecast.iter().zip(&exact).map(|(device, exact)| (f64::from(*device) - exact).powi(2)));
        }
        // A target has a deviation of 3.
        let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt() / 3.0;
        println!("{:?}: RMS {rms:.4} of a deviation", sketch.widths);
        assert!(rms < 0.04, "{rms}");
        // The skip says something: without it forecasts are others.
        let silent = embedded_rnn_trainer::fold::FoldedNetwork { skip: None, ..built.folded.clone() };
        let window: Vec<f64> = (0..length).map(|k| 20.0 + (k % 5) as f64).collect();
        let difference: f64 = silent
            .forecast_window(&window)
            .iter()
            .zip(built.folded.forecast_window(&window))
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        assert!(difference > 0.1, "{difference}");
    }
}

#[test]
fn floats_are_as_defined() {
    for sketch in [one::<Float<Libm>>(21), two::<Float<Libm>>(22), normed::<Float<Libm>>(23)] {
        assert!(matches!(sketch.numbers, sketch::Numbers::F32(_)));
        let built = sketch.build();
        let bytes = ModelBytes::new(&built.file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        assert_eq!(model.skip_rank(), sketch.skip);
        assert!(matches!(model.manifest.arithmetic, Arithmetic::F32 { .. }));
        let mut random = Random(7);
        for _ in 0..10 {
            let window = random.samples(usize::from(sketch.window.lookback), sketch.window.features.into());
            let said: Vec<u32> = model.forecast(&window).unwrap().iter().map(|y| y.to_bits()).collect();
            let defined = definition_f32::run(&built.folded, &window);
            assert_eq!(said, defined.iter().map(|y| y.to_bits()).collect::<Vec<_>>());
        }
    }
}

/// Its type does not compile as a stream's, and a file that pretends to be one is refused where types are known at run time only.
#[test]
fn a_stream_has_no_skip() {
    let windowed = one::<Int8>(31).build();
    let mut streaming = one::<Int8>(31).streamed(1);
    streaming.skip = 0;
    let network = windowed.quantized.unwrap();
    let length = usize::from(streaming.window.lookback);
    let sound = ModelBytes::new(&streaming.build().file);
    assert!(DeviceModel::bind(sound.as_slice()).is_ok());
    let file = streaming.pack_only(Payload::Integer(&network), &vec![20.0; length]);
    let bytes = ModelBytes::new(&file);
    let found = RecordKind::Skip as u16;
    let refused = LoadError::Record { expected: RecordKind::SelfTest, found };
    assert_eq!(DeviceModel::bind(bytes.as_slice()).map(|_| ()).unwrap_err(), refused);
}

#[test]
fn other_types_refuse_the_file_and_say_why() {
    let (with, without) = (one::<Int8>(41).build(), Sketch { skip: 0, ..one::<Int8>(41) }.build());
    let [with, without] = [with, without].map(|built| ModelBytes::new(&built.file));
    type Bare = Network<Lstm<2, 11>, Dense<11, 1, 5>>;
    type OtherRank = Network<Lstm<2, 11>, Dense<11, 1, 5>, Skip<16, 4>>;
    let refusal = Model::<Int8, Bare, 1, 16, 2>::load(with.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Record { expected: RecordKind::SelfTest, found: 5 });
    let refusal = Model::<Int8, One, 1, 16, 2>::load(without.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Record { expected: RecordKind::Skip, found: 4 });
    let refusal = Model::<Int8, OtherRank, 1, 16, 2>::load(with.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Shape { dimension: Dimension::Rank, layer: 2, expected: 4, found: 3 });
    assert_eq!(refusal.to_string(), "rank of layer 2: the network's type has 4, the file 3");
}

/// The place of the skip record's header.
fn skip_record(file: &[u8]) -> usize {
    let manifest = u32::from_le_bytes(file[20..24].try_into().unwrap()) as usize;
    let mut at = (HEADER_LENGTH + manifest).next_multiple_of(16);
    while u16::from_le_bytes([file[at], file[at + 1]]) != RecordKind::Skip as u16 {
        let length = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap()) as usize;
        at += 16 + length.next_multiple_of(16);
    }
    at
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
fn a_skip_that_lies_is_refused_or_harmless() {
    let file = one::<Int8>(51).build().file;
    let at = skip_record(&file);
    let load = |change: &dyn Fn(&mut [u8])| {
        let bytes = forged(&file, change);
        let typed = Model::<Int8, One, 1, 16, 2>::load(bytes.as_slice()).map(|_| ());
        (typed, DeviceModel::bind(bytes.as_slice()).map(|_| ()))
    };
    // Rank 0, a rank that the tensors do not have, inputs and outputs that are not the window's.
    for (offset, value) in [(2, 0u16), (2, 4), (2, u16::MAX), (4, 15), (4, 0), (6, 4), (6, u16::MAX)] {
        let (typed, dynamic) = load(&|file| file[at + offset..][..2].copy_from_slice(&value.to_le_bytes()));
        assert!(typed.is_err() && dynamic.is_err(), "{offset} {value}");
    }
    let malformed = Err(LoadError::Malformed { record: RecordKind::Skip });
    assert_eq!(load(&|file| file[at + 8] -= 1).1, malformed);
    assert_eq!(load(&|file| file[at + 2] = 0).1, malformed);
    // Weights, scales that are no numbers: whatever they say, nothing panics and both say the same.
    for value in [0x80, 0x7f, 0xff] {
        let bytes = forged(&file, |file| {
            let length = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap()) as usize;
            file[at + 16..at + 16 + length].fill(value);
        });
        let model = Model::<Int8, One, 1, 16, 2>::load(bytes.as_slice()).unwrap();
        let mut dynamic = DeviceModel::bind(bytes.as_slice()).unwrap();
        for extreme in [1e30f32, -1e30, 20.0] {
            let mut forecaster = model.forecaster();
            let window = vec![extreme; 16];
            window.iter().for_each(|sample| forecaster.push(&[*sample]).unwrap());
            let typed = forecaster.forecast().unwrap()[0].map(f32::to_bits);
            assert_eq!(dynamic.forecast(&window).unwrap().iter().map(|y| y.to_bits()).collect::<Vec<_>>(), typed);
        }
    }
}
