//! Heads that tell classes: the same bits as a type, with shapes known at run time and as defined; the other order of weights; and files and
//! types that do not fit each other.

use embedded_rnn::arithmetic::{Libm, Number};
use embedded_rnn::forecast::{Model, largest, softmax};
use embedded_rnn::image::{Layout, LoadError};
use embedded_rnn::{Cell16, Classes, Dense, Float, Int8, Lstm, Network, NormHead, PackedPair, RowMajor, Zoneout};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::pack::{budget, repack};
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::integer::equals_definition;
use crate::sketch::{Extras, Random, Sketch};
use crate::typed::windows_agree;

type Five = Network<Lstm<6, 11>, Classes<Dense<11, 5, 1>>>;
type Normed = Network<Lstm<6, 11, Zoneout>, Classes<Dense<11, 5, 1, NormHead>>>;

fn five<N: Number>(seed: u64) -> Sketch {
    Sketch::of::<N, Five>(seed, &[11], 3, 8, 2)
}

fn normed<N: Number>(seed: u64) -> Sketch {
    let extras = Extras { head: true, ..Extras::default() };
    Sketch::of::<N, Normed>(seed, &[11], 3, 8, 2).with_extras(extras).with_zoneout(0.3, 0.5, Reading::Candidate)
}

#[test]
fn types_and_run_time_shapes_give_the_same_bits() {
    windows_agree::<Int8, Five, 3, 8, 2>(&five::<Int8>(1).normalized());
    windows_agree::<Int8, Normed, 3, 8, 2>(&normed::<Int8>(2));
    windows_agree::<Int8<RowMajor>, Five, 3, 8, 2>(&five::<Int8<RowMajor>>(3).normalized());
    windows_agree::<Int8<PackedPair, Cell16>, Five, 3, 8, 2>(&five::<Int8<PackedPair, Cell16>>(4));
    windows_agree::<Float, Normed, 3, 8, 2>(&normed::<Float>(5));
    windows_agree::<Float<Libm>, Five, 3, 8, 2>(&five::<Float<Libm>>(6).normalized());
}

#[test]
fn logits_are_as_defined_and_every_class_is_told() {
    let mut told = [0; 5];
    for sketch in [five::<Int8>(11), five::<Int8>(12).normalized(), normed::<Int8>(13).normalized()] {
        let built = sketch.build();
        let mut random = Random(!sketch.seed);
        for _ in 0..40 {
            let (equal, outcome) = equals_definition(&built.file, &built, &sketch, &random.samples(8, 3));
            assert!(equal, "{sketch:?}");
            told[largest(&outcome.forecast)] += 1;
        }
    }
    assert!(told.iter().all(|count| *count > 0), "{told:?}");
}

#[test]
fn a_classifier_gives_the_largest_logit_and_its_softmax() {
    let sketch = five::<Int8>(21).normalized();
    let bytes = ModelBytes::new(&sketch.build().file);
    let model = Model::<Int8, Five, 3, 8, 2>::load(bytes.as_slice()).unwrap();
    let mut dynamic = DeviceModel::bind(bytes.as_slice()).unwrap();
    let mut classifier = model.classifier();
    let samples = Random(5).samples(60, 3);
    let mut told = Vec::new();
    for (row, sample) in samples.as_chunks::<3>().0.iter().enumerate() {
        assert_eq!(classifier.missing(), 8usize.saturating_sub(row));
        assert_eq!(classifier.classify().is_ok(), row >= 8);
        classifier.push(sample).unwrap();
        let Ok(scores) = classifier.classify() else { continue };
        let mut expected = dynamic.logits(&samples[3 * (row - 7)..3 * (row + 1)]).unwrap();
        assert_eq!(scores.logits()[..], expected[..]);
        assert_eq!(scores.class(), largest(&expected));
        softmax(&mut expected);
        assert_eq!(scores.probabilities().map(f32::to_bits)[..], expected.iter().map(|p| p.to_bits()).collect::<Vec<_>>()[..]);
        told.push(scores.class());
    }
    told.sort_unstable();
    told.dedup();
    assert!(told.len() > 1, "{told:?}");
    assert_eq!((model.class_name(4), model.class_name(5)), (Some("class 4"), None));
}

#[test]
fn the_other_order_of_weights_the_type_and_the_budget() {
    let file = five::<Int8>(31).build().file;
    let there = repack(&ModelBytes::new(&file), Layout::RowMajor).unwrap().unwrap();
    let back = repack(&ModelBytes::new(&there), Layout::PackedPair).unwrap().unwrap();
    assert!(there != file && back == file);
    let bytes = ModelBytes::new(&file);
    let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
    assert!(model.self_test() && model.is_classifier());
    let lines = model.snippet("m.rnn");
    assert!(lines.contains("use embedded_rnn::{Classes, Dense, Int8, Lstm, Network};"), "{lines}");
    assert!(lines.contains("Network<Lstm<6, 11>, Classes<Dense<11, 5, 1>>>, FEATURES"), "{lines}");
    assert!(lines.contains("pub const CLASSES: usize = 5;") && !lines.contains("HORIZON"), "{lines}");
    let budget = budget(&model.manifest, &model.layers(), model.head(), &[], 0, file.len());
    assert_eq!(budget.macs, 4 * (4 * 11 * (6 + 11)) + 5 * 11);
}

#[test]
fn classifiers_and_forecasters_are_not_taken_for_each_other() {
    type Forecasts = Network<Lstm<6, 11>, Dense<11, 1, 5>>;
    type Four = Network<Lstm<6, 11>, Classes<Dense<11, 4, 1>>>;
    let classifier = ModelBytes::new(&five::<Int8>(41).build().file);
    let forecaster = ModelBytes::new(&Sketch::of::<Int8, Forecasts>(41, &[11], 3, 8, 2).build().file);
    let refusal = Model::<Int8, Forecasts, 3, 8, 2>::load(classifier.as_slice()).unwrap_err();
    assert_eq!(refusal, LoadError::Classes { expected: 0, found: 5 });
    assert_eq!(refusal.to_string(), "the file is a classifier of 5 classes, the network's type a forecaster");
    let refusal = Model::<Int8, Five, 3, 8, 2>::load(forecaster.as_slice()).unwrap_err();
    assert_eq!(refusal.to_string(), "the file is a forecaster, the network's type a classifier of 5 classes");
    let refusal = Model::<Int8, Four, 3, 8, 2>::load(classifier.as_slice()).unwrap_err();
    assert_eq!(refusal.to_string(), "the network's type has 4 classes, the file 5");
}
