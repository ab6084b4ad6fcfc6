//! Types that do not fit the file: the error names what differs, with both values.

use embedded_rnn::image::{Arithmetic, Dimension, Functions, Layout, LoadError};
use embedded_rnn::network::CellForm;
use embedded_rnn::{Dense, Float, Int8, Libm, Lstm, Model, Network, Plain, Then, Zoneout, ZoneoutCell};

use crate::fixtures::{Bytes, deep_int8, stream_f32, stream_int8, tiny_int8};

/// The error with which a file is refused by a type.
macro_rules! refusal {
    ($bytes:expr, $($type:tt)+) => { <$($type)+>::load($bytes).unwrap_err() };
}

fn shape(dimension: Dimension, layer: u16, expected: u32, found: u32) -> LoadError {
    LoadError::Shape { dimension, layer, expected, found }
}

type TinyNet = Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>;

#[test]
fn another_number_system() {
    let (int8, rational) = (Arithmetic::Int8 { revision: 1 }, Arithmetic::F32 { functions: Functions::Rational });
    let libm = Arithmetic::F32 { functions: Functions::Libm };
    let refused = |expected, found| LoadError::Arithmetic { expected, found };
    type StreamNet = Network<Then<Lstm<3, 7, Zoneout>, Lstm<7, 5, Zoneout>>, Dense<5, 2, 2>>;
    assert_eq!(refusal!(tiny_int8::BYTES, Model<Float, TinyNet, 1, 8, 2>), refused(rational, int8));
    assert_eq!(refusal!(stream_f32::BYTES, Model<Float<Libm>, StreamNet, 3, 6, 1>), refused(libm, rational));
    assert_eq!(refusal!(stream_f32::BYTES, Model<Int8, StreamNet, 3, 6, 1>), refused(int8, rational));
}

#[test]
fn another_revision_of_the_arithmetic() {
    let (expected, found) = (Arithmetic::Int8 { revision: 1 }, Arithmetic::Int8 { revision: 2 });
    let file = Bytes::new(tiny_int8::BYTES).with_manifest(|manifest| manifest.arithmetic = found);
    assert_eq!(refusal!(file.as_slice(), tiny_int8::Model), LoadError::Arithmetic { expected, found });
}

#[test]
fn another_layout() {
    let (expected, found) = (Layout::PackedPair, Layout::Interleaved);
    let file = Bytes::new(tiny_int8::BYTES).with_manifest(|manifest| manifest.layout = found);
    assert_eq!(refusal!(file.as_slice(), tiny_int8::Model), LoadError::LayoutMismatch { expected, found });
}

#[test]
fn other_windows() {
    use Dimension::{Features, Horizon, Lookback, Patch, Targets};
    let tiny = tiny_int8::BYTES;
    type TwoFeatures = Network<Lstm<4, 5, Zoneout>, Dense<5, 1, 3>>;
    assert_eq!(refusal!(tiny, Model<Int8, TwoFeatures, 2, 8, 2>), shape(Features, 0, 2, 1));
    assert_eq!(refusal!(tiny, Model<Int8, TinyNet, 1, 10, 2>), shape(Lookback, 0, 10, 8));
    type PatchOfFour = Network<Lstm<4, 5, Zoneout>, Dense<5, 1, 3>>;
    assert_eq!(refusal!(tiny, Model<Int8, PatchOfFour, 1, 8, 4>), shape(Patch, 0, 4, 2));
    type HorizonOfFour = Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 4>>;
    assert_eq!(refusal!(tiny, Model<Int8, HorizonOfFour, 1, 8, 2>), shape(Horizon, 0, 4, 3));
    type ThreeTargets = Network<Then<Lstm<3, 7, Zoneout>, Lstm<7, 5, Zoneout>>, Dense<5, 3, 2>>;
    assert_eq!(refusal!(stream_int8::BYTES, Model<Int8, ThreeTargets, 3, 6, 1>), shape(Targets, 0, 3, 2));
}

#[test]
fn another_depth() {
    type Deeper = Network<Then<Lstm<2, 5, Zoneout>, Lstm<5, 5, Zoneout>>, Dense<5, 1, 3>>;
    assert_eq!(refusal!(tiny_int8::BYTES, Model<Int8, Deeper, 1, 8, 2>), shape(Dimension::Layers, 0, 2, 1));
    type Shallower = Network<Then<Lstm<2, 4>, Lstm<4, 3>>, Dense<3, 1, 2>>;
    assert_eq!(refusal!(deep_int8::BYTES, Model<Int8, Shallower, 2, 10, 1>), shape(Dimension::Layers, 0, 2, 3));
}

#[test]
fn other_units() {
    type First = Network<Then<Lstm<3, 8, Zoneout>, Lstm<8, 5, Zoneout>>, Dense<5, 2, 2>>;
    assert_eq!(refusal!(stream_int8::BYTES, Model<Int8, First, 3, 6, 1>), shape(Dimension::Outputs, 0, 8, 7));
    type Second = Network<Then<Lstm<3, 7, Zoneout>, Lstm<7, 6, Zoneout>>, Dense<6, 2, 2>>;
    assert_eq!(refusal!(stream_int8::BYTES, Model<Int8, Second, 3, 6, 1>), shape(Dimension::Outputs, 1, 6, 5));
}

/// A file that contradicts its own manifest.
#[test]
fn other_inputs_and_outputs_of_a_record() {
    let file = Bytes::new(tiny_int8::BYTES);
    // Scaling, LSTM, head, self-test: their inputs and outputs.
    for (record, layer, [inputs, outputs]) in [(0, 0, [1, 1]), (1, 0, [2, 5]), (2, 1, [5, 3]), (3, 0, [8, 3])] {
        let at = file.record(record);
        let changed = file.clone().with(at + 4, &900u16.to_le_bytes()).repaired();
        let error = refusal!(changed.as_slice(), tiny_int8::Model);
        assert_eq!(error, shape(Dimension::Inputs, layer, inputs, 900), "record {record}");
        let changed = file.clone().with(at + 6, &901u16.to_le_bytes()).repaired();
        let error = refusal!(changed.as_slice(), tiny_int8::Model);
        assert_eq!(error, shape(Dimension::Outputs, layer, outputs, 901), "record {record}");
    }
}

#[test]
fn another_form() {
    type PlainTiny = Network<Lstm<2, 5, Plain>, Dense<5, 1, 3>>;
    let error = refusal!(tiny_int8::BYTES, Model<Int8, PlainTiny, 1, 8, 2>);
    assert_eq!(error, LoadError::Form { layer: 0, expected: CellForm::PLAIN, found: CellForm::ZONEOUT.number() });
    type Mixed = Network<Then<Lstm<3, 7, Zoneout>, Lstm<7, 5, ZoneoutCell>>, Dense<5, 2, 2>>;
    let error = refusal!(stream_int8::BYTES, Model<Int8, Mixed, 3, 6, 1>);
    assert_eq!(error, LoadError::Form { layer: 1, expected: CellForm::ZONEOUT_CELL, found: CellForm::ZONEOUT.number() });
    let file = Bytes::new(tiny_int8::BYTES);
    let at = file.record(1) + 2;
    let unknown = file.with(at, &99u16.to_le_bytes()).repaired();
    let error = refusal!(unknown.as_slice(), tiny_int8::Model);
    assert_eq!(error, LoadError::Form { layer: 0, expected: CellForm::ZONEOUT, found: 99 });
}

#[test]
fn messages_hold_both_values() {
    let messages = [
        (shape(Dimension::Outputs, 1, 6, 5), "outputs of layer 1: the network's type has 6, the file 5"),
        (
            LoadError::Form { layer: 2, expected: CellForm::PLAIN, found: 99 },
            "layer 2 of the network's type is a plain cell (0), the file's cell form is 99",
        ),
        (
            LoadError::Length { stated: 700, found: 699 },
            "the file should have 700 bytes and has 699: it was cut, or something follows it",
        ),
        (
            LoadError::Arithmetic {
                expected: Arithmetic::Int8 { revision: 1 },
                found: Arithmetic::F32 { functions: Functions::Micromath },
            },
            "the file is for f32 (micromath) arithmetic, the network's type for int8 (revision 1)",
        ),
    ];
    for (error, message) in messages {
        let error: Box<dyn core::error::Error> = Box::new(error);
        assert_eq!(error.to_string(), message);
    }
}
