//! What a firmware may rely on where a model tells classes.

use embedded_rnn::{Classifier, LoadError, Scores};

use crate::behavior::samples;
use crate::fixtures::{Bytes, classes_int8};

#[test]
fn classes_have_names_and_probabilities() {
    let model = classes_int8::Model::load(classes_int8::BYTES).unwrap();
    assert_eq!((model.self_test(), classes_int8::CLASSES), (Ok(()), 3));
    let mut sensor = model.classifier();
    assert_eq!(sensor.classify().unwrap_err().missing, classes_int8::LOOKBACK);
    let mut told = [0; classes_int8::CLASSES];
    for sample in samples::<2>(4, 200) {
        sensor.push(&sample).unwrap();
        let Ok(scores) = sensor.classify() else { continue };
        let probabilities = scores.probabilities();
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(probabilities.iter().all(|probability| *probability <= probabilities[scores.class()]));
        assert!(model.class_name(scores.class()).is_some_and(|name| name.starts_with("class ")));
        told[scores.class()] += 1;
    }
    assert!(told.iter().filter(|count| **count > 0).count() > 1, "{told:?}");
}

#[test]
fn a_saved_classifier_goes_on_as_if_nothing_had_been() {
    let model = classes_int8::Model::load(classes_int8::BYTES).unwrap();
    let (mut sensor, mut other) = (model.classifier(), model.classifier());
    for sample in samples::<2>(5, 9) {
        sensor.push(&sample).unwrap();
    }
    fn length<const CLASSES: usize, N, T, const F: usize, const L: usize, const P: usize>(
        _: &Classifier<'_, '_, N, T, F, L, P>,
    ) -> usize
    where
        N: embedded_rnn::arithmetic::Number,
        T: embedded_rnn::network::Topology<N, Output = [f32; CLASSES]>,
    {
        Classifier::<'_, '_, N, T, F, L, P>::SNAPSHOT_LENGTH
    }
    let mut saved = vec![0; length(&sensor)];
    sensor.save(&mut saved).unwrap();
    other.restore(&saved).unwrap();
    let said = |scores: Scores<3>| scores.logits().map(f32::to_bits);
    assert_eq!(sensor.classify().map(said), other.classify().map(said));
    sensor.reset();
    assert_eq!(sensor.missing(), classes_int8::LOOKBACK);
}

/// Names that do not end, of another number, or of one class alone.
#[test]
fn names_that_do_not_fit_are_refused() {
    let whole = Bytes::new(classes_int8::BYTES);
    for (classes, expected) in [
        ("a\nb\nc", LoadError::Manifest),
        ("a\n", LoadError::Manifest),
        ("a\nb\n", LoadError::Classes { expected: 3, found: 2 }),
        ("", LoadError::Classes { expected: 3, found: 0 }),
    ] {
        let other = whole.with_manifest(|manifest| manifest.classes = classes);
        assert_eq!(classes_int8::Model::load(other.as_slice()).map(|_| ()), Err(expected), "{classes:?}");
    }
}
