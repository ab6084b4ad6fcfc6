//! Heads that say quantiles: the same bits as a type, with shapes known at run time and as defined; the other order of weights; and
//! records of intervals that lie.

use embedded_rnn::arithmetic::{Libm, Linear};
use embedded_rnn::forecast::Model;
use embedded_rnn::image::{Dimension, HEADER_LENGTH, Header, Layout, LoadError, RecordKind, checksum};
use embedded_rnn::{Cell16, Dense, Float, Int8, Lstm, Network, NormHead, PackedPair, Quantiles, RowMajor, Skip, Zoneout};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::pack::{budget, repack};
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::definition_f32;
use crate::integer::equals_definition;
use crate::sketch::{Extras, Random, Sketch};
use crate::typed::{streams_agree, windows_agree};

type Three = Network<Lstm<6, 11>, Quantiles<Dense<11, 2, 5>, 3>>;
type Five = Network<Lstm<6, 11, Zoneout>, Quantiles<Dense<11, 2, 5, NormHead>, 5>>;
type Skipping = Network<Lstm<6, 11>, Quantiles<Dense<11, 2, 5>, 3>, Skip<24, 4>>;

fn three<N: Linear>(seed: u64) -> Sketch {
    Sketch::of::<N, Three>(seed, &[11], 3, 8, 2)
}

fn five<N: Linear>(seed: u64) -> Sketch {
    let extras = Extras { head: true, ..Extras::default() };
    Sketch::of::<N, Five>(seed, &[11], 3, 8, 2).with_extras(extras).with_zoneout(0.3, 0.5, Reading::Candidate)
}

fn skipping<N: Linear>(seed: u64) -> Sketch {
    Sketch::of::<N, Skipping>(seed, &[11], 3, 8, 2).with_skip(4)
}

#[test]
fn types_and_run_time_shapes_give_the_same_bits() {
    streams_agree::<Int8, Three, 3, 8, 2>(&three::<Int8>(1));
    streams_agree::<Int8, Five, 3, 8, 2>(&five::<Int8>(2).normalized());
    windows_agree::<Int8, Skipping, 3, 8, 2>(&skipping::<Int8>(3).normalized());
    windows_agree::<Int8<RowMajor>, Skipping, 3, 8, 2>(&skipping::<Int8<RowMajor>>(4));
    streams_agree::<Int8<PackedPair, Cell16>, Three, 3, 8, 2>(&three::<Int8<PackedPair, Cell16>>(5).normalized());
    streams_agree::<Float, Five, 3, 8, 2>(&five::<Float>(6));
    windows_agree::<Float<Libm>, Skipping, 3, 8, 2>(&skipping::<Float<Libm>>(7).normalized());
}

#[test]
fn quantiles_are_as_defined_and_ascend() {
    let mut crossed = 0;
    for sketch in [three::<Int8>(11), five::<Int8>(12).normalized(), skipping::<Int8>(13).normalized()] {
        let built = sketch.build();
        let mut random = Random(!sketch.seed);
        for _ in 0..20 {
            let window = random.samples(8, 3);
            let (equal, outcome) = equals_definition(&built.file, &built, &sketch, &window);
            assert!(equal, "{sketch:?}");
            assert!(outcome.forecast.chunks_exact(sketch.quantiles).all(|value| value.is_sorted()));
            let exact = built.folded.head.outputs;
            assert_eq!(outcome.forecast.len(), exact);
            let said = embedded_rnn_trainer::fold::reference::Reference::forecast_window(
                &built.folded,
                &window.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(),
            );
            crossed += said.chunks_exact(sketch.quantiles).filter(|value| !value.is_sorted()).count();
        }
    }
    assert!(crossed > 100, "random heads say quantiles out of order: {crossed}");
    for sketch in [three::<Float<Libm>>(14), skipping::<Float<Libm>>(15), five::<Float<Libm>>(16)] {
        let built = sketch.build();
        let bytes = ModelBytes::new(&built.file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        let mut random = Random(7);
        for _ in 0..10 {
            let window = random.samples(8, 3);
            let mut defined = definition_f32::run(&built.folded, &window);
            sketch.settle(&mut defined);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&model.spread(&window).unwrap()), bits(&defined));
        }
    }
}

#[test]
fn the_other_order_of_weights_keeps_intervals() {
    let file = skipping::<Int8>(21).build().file;
    let there = repack(&ModelBytes::new(&file), Layout::RowMajor).unwrap().unwrap();
    let back = repack(&ModelBytes::new(&there), Layout::PackedPair).unwrap().unwrap();
    assert!(there != file && back == file);
    let (there, file) = (ModelBytes::new(&there), ModelBytes::new(&file));
    let [mut a, mut b] = [&there, &file].map(|bytes| DeviceModel::bind(bytes.as_slice()).unwrap());
    assert!(a.self_test() && b.self_test());
    let window = Random(3).samples(8, 3);
    assert_eq!(a.spread(&window).unwrap(), b.spread(&window).unwrap());
    assert_eq!(a.both_spreads(&window).unwrap()[1], a.spread(&window).unwrap());
}

#[test]
fn the_type_names_the_quantiles_and_the_budget_counts_them() {
    let bytes = ModelBytes::new(&skipping::<Int8>(22).build().file);
    let model = DeviceModel::bind(bytes.as_slice()).unwrap();
    let lines = model.snippet("m.rnn");
    assert!(lines.contains("use embedded_rnn::{Dense, Int8, Lstm, Network, Quantiles, Skip};"), "{lines}");
    assert!(lines.contains("Network<Lstm<6, 11>, Quantiles<Dense<11, 2, 5>, 3>, Skip<24, 4>>"), "{lines}");
    assert!(lines.contains("pub const QUANTILES: [f32; 3] = [0.25, 0.5, 0.75];"), "{lines}");
    let of = |levels: &[f32]| budget(&model.manifest, &model.layers(), model.head(), levels, model.skip_rank(), 0);
    let (three, one) = (of(model.levels()), of(&[]));
    assert_eq!(three.macs - one.macs, 20 * (11 + 4));
    assert_eq!(three.state_bytes - one.state_bytes, 20 * 4);
}

#[test]
fn other_types_refuse_the_file_and_say_why() {
    let bytes = ModelBytes::new(&three::<Int8>(23).build().file);
    type Point = Network<Lstm<6, 11>, Dense<11, 2, 5>>;
    let refusal = Model::<Int8, Point, 3, 8, 2>::load(bytes.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Shape { dimension: Dimension::Outputs, layer: 1, expected: 10, found: 30 });
    let point = Sketch { quantiles: 1, ..three::<Int8>(23) }.build().file;
    let refusal = Model::<Int8, Three, 3, 8, 2>::load(ModelBytes::new(&point).as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Shape { dimension: Dimension::Outputs, layer: 1, expected: 30, found: 10 });
}

/// The place of the record's header.
fn intervals_record(file: &[u8]) -> usize {
    let manifest = u32::from_le_bytes(file[20..24].try_into().unwrap()) as usize;
    let mut at = (HEADER_LENGTH + manifest).next_multiple_of(16);
    while u16::from_le_bytes([file[at], file[at + 1]]) != RecordKind::Intervals as u16 {
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
fn intervals_that_lie_are_refused_or_harmless() {
    let file = three::<Int8>(31).build().file;
    let at = intervals_record(&file);
    let load = |change: &dyn Fn(&mut [u8])| {
        let bytes = forged(&file, change);
        let typed = Model::<Int8, Three, 3, 8, 2>::load(bytes.as_slice()).map(|_| ());
        (typed, DeviceModel::bind(bytes.as_slice()).map(|_| ()))
    };
    assert_eq!(load(&|_| ()), (Ok(()), Ok(())));
    let of_shape = |change: &dyn Fn(&mut [u8])| {
        let (typed, dynamic) = load(change);
        assert_eq!(typed, dynamic);
        typed.unwrap_err()
    };
    for (offset, value) in [(4, 0u16), (4, 1), (4, 5), (4, u16::MAX), (6, 10), (6, 0), (6, u16::MAX)] {
        let refusal = of_shape(&|file| file[at + offset..][..2].copy_from_slice(&value.to_le_bytes()));
        let dimension = if offset == 4 { Dimension::Quantiles } else { Dimension::Outputs };
        assert!(
            matches!(refusal, LoadError::Shape { dimension: found, .. } if found == dimension),
            "{offset} {value}: {refusal:?}"
        );
    }
    let malformed = LoadError::Malformed { record: RecordKind::Intervals };
    assert_eq!(of_shape(&|file| file[at + 2] = 1), malformed, "a form");
    assert_eq!(of_shape(&|file| file[at + 8] -= 4), malformed, "its length");
    // Levels that do not ascend, are no probabilities, have no median; widenings that are no numbers.
    for (index, value) in
        [(0, 0.5f32), (0, 0.6), (0, 0.0), (0, -0.1), (2, 1.0), (2, 0.4), (1, 0.51), (0, f32::NAN), (2, f32::INFINITY)]
    {
        let write = |file: &mut [u8]| file[at + 16 + 4 * index..][..4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(of_shape(&write), malformed, "{index} {value}");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let write = |file: &mut [u8]| file[at + 16 + 12..][..4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(of_shape(&write), malformed, "{value}");
    }
    // Whatever numbers it holds, an interval holds its median.
    for value in [f32::MAX, f32::MIN, -0.0] {
        let bytes = forged(&file, |file| file[at + 16 + 12..][..4].copy_from_slice(&value.to_le_bytes()));
        let spread = DeviceModel::bind(bytes.as_slice()).unwrap().spread(&Random(5).samples(8, 3)).unwrap();
        assert!(spread.chunks_exact(3).all(|value| value.is_sorted()), "{value}");
    }
    assert_eq!(malformed.to_string(), "the intervals record does not fit its own shape");
}

/// Two quantiles, or another even number of them, are no median with pairs around it.
#[test]
fn even_numbers_of_quantiles_are_refused() {
    let sketch = Sketch { quantiles: 2, ..three::<Int8>(33) };
    let bytes = ModelBytes::new(&packed_unchecked(&sketch));
    let refusal = DeviceModel::bind(bytes.as_slice()).map(|_| ()).unwrap_err();
    assert_eq!(refusal, LoadError::Malformed { record: RecordKind::Intervals });
}

/// A file of a sketch that no reader takes.
fn packed_unchecked(sketch: &Sketch) -> Vec<u8> {
    use embedded_rnn::image::Image;
    use embedded_rnn_trainer::pack::{Description, IntervalTable, Payload, pack};
    let sound = Sketch { quantiles: 3, ..sketch.clone() }.build();
    let mut quantized = sound.quantized.unwrap();
    let head = &mut quantized.head;
    head.outputs = 10 * sketch.quantiles;
    head.weights.truncate(head.outputs * head.inputs);
    head.bias.truncate(head.outputs);
    head.scale.truncate(head.outputs);
    let bytes = ModelBytes::new(&sound.file);
    let manifest = Image::open(bytes.as_slice()).unwrap().manifest;
    let intervals = Some(IntervalTable { levels: &[0.4, 0.5], widening: &[0.0; 10] });
    let description = Description { manifest, least_deviations: &[], test_samples: &[20.0; 3], intervals, test_checksum: 0 };
    pack(Payload::Integer(&quantized), &description).unwrap()
}
