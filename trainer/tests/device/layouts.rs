//! Files in every order of weights give the same bits, and one becomes the other without loss.

use embedded_rnn::image::{Functions, Image, Layout, LoadError};
use embedded_rnn::network::{CellForm, HeadForm};
use embedded_rnn::{Cell16, Dense, Int8, LoadError as Refusal, Lstm, Model, Network, NormA, PackedPair, RowMajor, Then};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::pack::{CellFormat, Packing, Payload, pack, repack, snippet};

use crate::forms::all_forms;
use crate::sketch::{Extras, Numbers, Random, Sketch};

type Net<const F: usize, const P: usize> = Network<Then<Lstm<F, 13>, Lstm<13, 6>>, Dense<6, 1, 2>>;

fn hidden(file: &[u8], window: &[f32]) -> (Vec<Vec<Vec<f64>>>, Vec<f32>) {
    let bytes = ModelBytes::new(file);
    let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
    assert!(model.self_test());
    (model.hidden_states(window).unwrap(), model.forecast(window).unwrap())
}

/// Every form, with inputs of every rest by 8.
fn sketches() -> Vec<Sketch> {
    let mut sketches = all_forms(&Sketch::of::<Int8, Net<3, 1>>(71, &[13, 6], 3, 40, 1));
    for inputs in [1, 2, 4, 5, 6, 7, 8, 12] {
        let sketch = Sketch::of::<Int8, Net<3, 1>>(80 + inputs, &[13, 6], inputs as u16, 40, 1);
        let extras = Extras { norm: Some(NormForm::A), ..Extras::default() };
        sketches.extend([sketch.clone(), sketch.with_extras(extras)]);
    }
    let skipping = Sketch::of::<Int8, Net<3, 1>>(93, &[13, 6], 3, 40, 1).with_skip(4);
    sketches.extend([skipping.clone(), skipping.with_extras(Extras { head: true, ..Extras::default() })]);
    sketches
}

#[test]
fn every_order_gives_the_same_bits_and_becomes_the_other() {
    for sketch in sketches() {
        let paired = sketch.build().file;
        let rows =
            Sketch { numbers: Numbers::Int8For(Packing { layout: Layout::RowMajor, ..Packing::default() }), ..sketch.clone() };
        let rows = rows.build().file;
        let random = Random(sketch.seed).samples(40, sketch.window.features.into());
        let wild: Vec<f32> = random.iter().map(|v| (v - 20.0) * 50.0).collect();
        for window in [random, wild] {
            assert_eq!(hidden(&paired, &window), hidden(&rows, &window), "{:?} {:?}", sketch.extras, sketch.zoneout);
        }
        let to = |file: &[u8], layout| repack(&ModelBytes::new(file), layout).unwrap().unwrap();
        assert!(to(&paired, Layout::RowMajor) == rows, "{:?}", sketch.extras);
        assert!(to(&rows, Layout::PackedPair) == paired, "{:?}", sketch.extras);
        assert!(to(&rows, Layout::RowMajor) == rows && to(&paired, Layout::PackedPair) == paired);
    }
}

#[test]
fn a_16_bit_cell_is_the_same_in_every_order() {
    let plain = Sketch::of::<Int8<PackedPair, Cell16>, Net<3, 1>>(72, &[13, 6], 3, 40, 1);
    for sketch in all_forms(&plain).into_iter().chain([plain.with_skip(4)]) {
        if sketch.extras.norm.is_some() {
            continue;
        }
        let paired = sketch.build().file;
        let rows = repack(&ModelBytes::new(&paired), Layout::RowMajor).unwrap().unwrap();
        let window = Random(sketch.seed).samples(40, 3);
        assert_eq!(hidden(&paired, &window), hidden(&rows, &window));
        assert!(repack(&ModelBytes::new(&rows), Layout::PackedPair).unwrap().unwrap() == paired);
    }
}

#[test]
fn weights_of_one_order_stay_and_damaged_files_are_refused() {
    let sketch = Sketch::of::<Int8, Net<3, 1>>(73, &[13, 6], 3, 10, 1);
    let float = Sketch { numbers: Numbers::F32(Functions::Rational), ..sketch.clone() }.build().file;
    assert!(repack(&ModelBytes::new(&float), Layout::RowMajor).unwrap().unwrap() == float);
    let mut damaged = sketch.build().file;
    damaged[100] ^= 1;
    let refusal = repack(&ModelBytes::new(&damaged), Layout::RowMajor).unwrap().unwrap_err();
    assert!(matches!(refusal, LoadError::Checksum { .. }), "{refusal:?}");
}

#[test]
fn types_refuse_other_orders_and_other_cells() {
    type One = Network<Lstm<3, 9>, Dense<9, 1, 2>>;
    let sketch = Sketch::of::<Int8<RowMajor>, One>(74, &[9], 3, 10, 1);
    let rows = ModelBytes::new(&sketch.build().file);
    let manifest = Image::open(rows.as_slice()).unwrap().manifest;
    assert!(Model::<Int8<RowMajor>, One, 3, 10, 1>::load(rows.as_slice()).is_ok());
    let refusal = Model::<Int8, One, 3, 10, 1>::load(rows.as_slice()).unwrap_err();
    assert_eq!(refusal, Refusal::LayoutMismatch { expected: Layout::PackedPair, found: Layout::RowMajor });
    assert_eq!(refusal.to_string(), "the file's weights are laid out row-major, the network's type reads packed-pair");
    let refusal = Model::<Int8<RowMajor, Cell16>, One, 3, 10, 1>::load(rows.as_slice()).unwrap_err();
    assert!(matches!(refusal, Refusal::Arithmetic { .. }));
    let lines = snippet(&manifest, &[(3, 9, CellForm::PLAIN)], HeadForm::Plain, &[], 0, "m.rnn");
    assert!(lines.contains("use embedded_rnn::{Dense, Int8, Lstm, Network, RowMajor};"), "{lines}");
    assert!(lines.contains("Model<'m, Int8<RowMajor>, Network<Lstm<3, 9>, Dense<9, 1, 2>>,"), "{lines}");
}

/// Neither the exporter nor the device computes layer norm in 16 bits.
#[test]
fn a_16_bit_cell_has_no_layer_norm() {
    type Normed = Network<Lstm<3, 9, NormA>, Dense<9, 1, 2>>;
    let extras = Extras { norm: Some(NormForm::A), ..Extras::default() };
    let sketch = Sketch::of::<Int8, Normed>(75, &[9], 3, 10, 1).with_extras(extras);
    let built = sketch.build();
    let image = ModelBytes::new(&built.file);
    let manifest = Image::open(image.as_slice()).unwrap().manifest;
    let description = embedded_rnn_trainer::pack::Description {
        manifest,
        least_deviations: &[],
        test_samples: &[0.0; 30],
        intervals: None,
        test_checksum: 0,
    };
    let packing = Packing { layout: Layout::PackedPair, cell: CellFormat::Cell16 };
    let refusal = pack(Payload::IntegerFor(built.quantized.as_ref().unwrap(), packing), &description).unwrap_err().to_string();
    assert!(refusal.contains("layer 1 has layer norm") && refusal.contains("int8"), "{refusal}");
    // A file that claims it all the same.
    let encoded = postcard::to_stdvec(&manifest).unwrap();
    let at = built.file.windows(encoded.len()).position(|bytes| bytes == encoded).unwrap();
    let mut lying = built.file.clone();
    lying[at] = 2;
    let (head, rest) = lying.split_at_mut(16);
    rest[..4].fill(0);
    let crc = embedded_rnn::image::checksum(&[&head[..], rest].concat());
    lying[16..20].copy_from_slice(&crc.to_le_bytes());
    let lying = ModelBytes::new(&lying);
    let refusal = Model::<Int8<PackedPair, Cell16>, Normed, 3, 10, 1>::load(lying.as_slice()).unwrap_err();
    assert!(matches!(refusal, Refusal::FormOfArithmetic { .. }) && refusal.to_string().contains("no layer norm"), "{refusal}");
}
