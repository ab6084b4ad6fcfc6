//! What a firmware may rely on where a model says quantiles.

use embedded_rnn::LoadError;
use embedded_rnn::image::RecordKind;

use crate::behavior::samples;
use crate::fixtures::{Bytes, InStream, quantile_int8, quantile_skip_f32, streamed};

#[test]
fn quantiles_ascend_and_the_median_is_the_forecast() {
    let model = quantile_int8::Model::load(quantile_int8::BYTES).unwrap();
    let mut sensor = model.forecaster();
    let file = streamed(quantile_int8::BYTES, 1);
    let stream = <quantile_int8::Model<'_> as InStream>::Model::load(file.as_slice()).unwrap();
    let mut session = stream.session();
    assert_eq!(sensor.quantiles().unwrap_err().missing, quantile_int8::LOOKBACK);
    assert_eq!(quantile_int8::QUANTILES, [0.25, 0.5, 0.75]);
    for sample in samples(1, 40) {
        sensor.push(&sample).unwrap();
        let (Ok(quantiles), Ok(forecast)) = (sensor.quantiles(), sensor.forecast()) else { continue };
        for (quantiles, forecast) in quantiles.iter().zip(&forecast) {
            for ([lower, median, upper], forecast) in quantiles.iter().zip(forecast) {
                assert!(lower <= median && median <= upper && median.to_bits() == forecast.to_bits());
            }
        }
    }
    for sample in samples(2, quantile_int8::LOOKBACK) {
        session.step(&[sample]).unwrap();
    }
    let medians = session.quantiles().unwrap().map(|target| target.map(|[_, median, _]| median.to_bits()));
    assert_eq!(medians, session.forecast().unwrap().map(|target| target.map(f32::to_bits)));
}

/// The intervals of a root are widened before it is undone, so that no end lies where no value can.
#[test]
fn intervals_stay_within_the_transforms_range() {
    let model = quantile_skip_f32::Model::load(quantile_skip_f32::BYTES).unwrap();
    assert_eq!((model.self_test(), quantile_skip_f32::QUANTILES.len()), (Ok(()), 5));
    let mut sensor = model.forecaster();
    for sample in samples::<2>(3, 60) {
        sensor.push(&sample.map(|value| value / 100.0)).unwrap();
        let Ok(quantiles) = sensor.quantiles() else { continue };
        let ends = quantiles.as_flattened();
        assert!(ends.iter().all(|value| value.is_sorted() && value[0] >= 0.0), "{ends:?}");
    }
}

/// The intervals follow the head, and are part of the file that the checksum vouches for.
#[test]
fn intervals_are_a_record_of_their_own() {
    let whole = Bytes::new(quantile_int8::BYTES);
    let at = whole.record(3);
    assert_eq!(whole.as_slice()[at..][..8], [6, 0, 0, 0, 3, 0, 12, 0]);
    let found = 77u16;
    let other = whole.clone().with(at, &found.to_le_bytes()).repaired();
    let expected = LoadError::Record { expected: RecordKind::Intervals, found };
    assert_eq!(quantile_int8::Model::load(other.as_slice()).map(|_| ()), Err(expected));
    // A median of another level.
    let other = whole.with(at + 16 + 4, &0.6f32.to_le_bytes()).repaired();
    let expected = LoadError::Malformed { record: RecordKind::Intervals };
    assert_eq!(quantile_int8::Model::load(other.as_slice()).map(|_| ()), Err(expected));
}
