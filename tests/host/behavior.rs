//! What a firmware may rely on once a model is loaded.

use embedded_rnn::arithmetic::Number;
use embedded_rnn::forecast::{SelfTestError, SessionError};
use embedded_rnn::network::Topology;
use embedded_rnn::{Dense, Forecaster, Int8, Lstm, Model, Network, NotReady, SampleError, Then};

use crate::fixtures::{Bytes, deep_int8, log_f32, root_int8, stream_f32, stream_int8, tiny_int8};

/// Samples that no fixture's transform refuses, `[count]` of `F` columns.
pub fn samples<const F: usize>(seed: u32, count: usize) -> Vec<[f32; F]> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        14.0 + 12.0 * (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| core::array::from_fn(|_| next())).collect()
}

/// A forecast's bits.
pub fn bits<const H: usize, const T: usize>(forecast: [[f32; H]; T]) -> [[u32; H]; T] {
    forecast.map(|row| row.map(f32::to_bits))
}

#[test]
fn a_forecast_waits_for_its_window() {
    let model = tiny_int8::Model::load(tiny_int8::BYTES).unwrap();
    let mut forecaster = model.forecaster();
    for (pushed, sample) in samples(1, 8).iter().enumerate() {
        assert_eq!(forecaster.missing(), 8 - pushed);
        assert_eq!(forecaster.forecast(), Err(NotReady { missing: 8 - pushed }));
        forecaster.push(sample).unwrap();
    }
    assert_eq!(forecaster.missing(), 0);
    assert!(forecaster.forecast().unwrap().as_flattened().iter().all(|value| value.is_finite()));
}

/// Refused samples: `bad` values in column `feature`, the error they give, and the forecast before and after.
fn refuses<N: Number, const F: usize, const L: usize, const P: usize, T: Topology<N>>(
    model: &Model<'_, N, T, F, L, P>,
    bad: &[f32],
    error: fn(u16) -> SampleError,
) {
    let mut forecaster = model.forecaster();
    samples::<F>(2, L + 3).iter().for_each(|sample| forecaster.push(sample).unwrap());
    let before = forecaster.forecast().unwrap();
    let mut session = model.session().ok();
    for value in bad {
        for feature in 0..F {
            let mut sample = samples::<F>(3, 1)[0];
            sample[feature] = *value;
            assert_eq!(forecaster.push(&sample), Err(error(feature as u16)), "{value}");
            assert_eq!((forecaster.missing(), forecaster.forecast().unwrap()), (0, before), "{value}");
            if let Some(session) = &mut session {
                let good: [[f32; F]; P] = samples::<F>(4, P).try_into().unwrap();
                session.step(&good).unwrap();
                let (state, forecast) = (*session.state(), session.forecast());
                // The last of a patch is the bad one: those before it must not have entered either.
                let mut patch = good;
                patch[P - 1] = sample;
                assert_eq!(session.step(&patch), Err(error(feature as u16)), "{value}");
                assert_eq!((*session.state(), session.forecast()), (state, forecast), "{value}");
            }
        }
    }
}

#[test]
fn refused_samples_leave_everything_as_it_was() {
    let not_finite = |feature| SampleError::NotFinite { feature };
    let out_of_domain = |feature| SampleError::OutOfDomain { feature };
    let endless = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0xffff_ffff)];
    refuses(&tiny_int8::Model::load(tiny_int8::BYTES).unwrap(), &endless, not_finite);
    refuses(&stream_int8::Model::load(stream_int8::BYTES).unwrap(), &endless, not_finite);
    refuses(&stream_f32::Model::load(stream_f32::BYTES).unwrap(), &endless, not_finite);
    let root = root_int8::Model::load(root_int8::BYTES).unwrap();
    refuses(&root, &endless, not_finite);
    refuses(&root, &[-1e-30, -1.0, f32::MIN], out_of_domain);
    let log = log_f32::Model::load(log_f32::BYTES).unwrap();
    refuses(&log, &endless, not_finite);
    refuses(&log, &[0.0, -0.0, -1.0, f32::MIN], out_of_domain);
}

#[test]
fn reset_forgets_everything() {
    let model = stream_int8::Model::load(stream_int8::BYTES).unwrap();
    let run = |forecaster: &mut Forecaster<'_, '_, _, _, 3, 6, 1>| {
        samples(5, 6).iter().for_each(|sample| forecaster.push(sample).unwrap());
        forecaster.forecast().map(bits).unwrap()
    };
    let mut forecaster = model.forecaster();
    let fresh = run(&mut forecaster);
    forecaster.push(&[1e9; 3]).unwrap();
    assert_ne!(forecaster.forecast().map(bits).unwrap(), fresh);
    assert!(forecaster.clamped() > 0);
    forecaster.reset();
    assert_eq!((forecaster.missing(), forecaster.clamped()), (6, 0));
    assert_eq!(run(&mut forecaster), fresh);

    let mut session = model.session().unwrap();
    let (zero, untouched) = (*session.state(), bits(session.forecast()));
    session.step(&[[1e9; 3]]).unwrap();
    assert!(*session.state() != zero && session.clamped() > 0);
    session.reset();
    assert_eq!((*session.state(), bits(session.forecast()), session.clamped()), (zero, untouched, 0));
}

/// Whether a session over each window gives what a forecaster gives.
fn streams_like_windows<N: Number, const F: usize, const L: usize, const P: usize, T: Topology<N>>(
    model: &Model<'_, N, T, F, L, P>,
) {
    let all = samples::<F>(6, 5 * L);
    for window in all.windows(L) {
        let mut forecaster = model.forecaster();
        window.iter().for_each(|sample| forecaster.push(sample).unwrap());
        let mut session = model.session().unwrap();
        window.as_chunks().0.iter().for_each(|patch| session.step(patch).unwrap());
        let (mut windowed, mut streamed) = (forecaster.forecast().unwrap(), session.forecast());
        let windowed = T::rows(&mut windowed).flatten().map(|value| value.to_bits());
        assert!(windowed.eq(T::rows(&mut streamed).flatten().map(|value| value.to_bits())));
    }
}

#[test]
fn a_window_is_its_steps_bit_for_bit() {
    streams_like_windows(&stream_int8::Model::load(stream_int8::BYTES).unwrap());
    streams_like_windows(&stream_f32::Model::load(stream_f32::BYTES).unwrap());
    streams_like_windows(&deep_int8::Model::load(deep_int8::BYTES).unwrap());
    streams_like_windows(&log_f32::Model::load(log_f32::BYTES).unwrap());
}

#[test]
fn models_that_normalize_windows_cannot_stream() {
    let model = tiny_int8::Model::load(tiny_int8::BYTES).unwrap();
    assert_eq!(model.session().map(|_| ()), Err(SessionError::Windowed));
}

#[test]
fn many_sensors_share_a_model() {
    let model = tiny_int8::Model::load(tiny_int8::BYTES).unwrap();
    let sensors = [samples::<1>(7, 30), samples::<1>(8, 30)];
    let alone = sensors.each_ref().map(|sensor| {
        let mut forecaster = model.forecaster();
        let forecasts = sensor.iter().map(|sample| {
            forecaster.push(sample).unwrap();
            forecaster.forecast().map(bits)
        });
        forecasts.collect::<Vec<_>>()
    });
    let mut together = [model.forecaster(), model.forecaster()];
    for at in 0..30 {
        for (sensor, forecaster) in together.iter_mut().enumerate() {
            forecaster.push(&sensors[sensor][at]).unwrap();
            assert_eq!(forecaster.forecast().map(bits), alone[sensor][at], "sensor {sensor}, sample {at}");
        }
    }
    assert_ne!(alone[0][29], alone[1][29]);
}

#[test]
fn clamped_inputs_are_counted() {
    let model = tiny_int8::Model::load(tiny_int8::BYTES).unwrap();
    let mut forecaster = model.forecaster();
    let mut clamped = |window: [f32; 8]| {
        window.iter().for_each(|value| forecaster.push(&[*value]).unwrap());
        forecaster.forecast().unwrap();
        forecaster.clamped()
    };
    assert_eq!(clamped([20.0; 8]), 0);
    // The last value is subtracted: from itself it leaves nothing to clamp.
    assert_eq!(clamped([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1e6]), 7);
    assert_eq!(clamped([1e6, 20.0, -1e6, 20.0, 20.0, 20.0, f32::MAX, 20.0]), 3);
    assert_eq!(clamped([20.0; 8]), 0);

    let model = stream_int8::Model::load(stream_int8::BYTES).unwrap();
    let mut session = model.session().unwrap();
    session.step(&[[20.0, 1e6, 20.0]]).unwrap();
    session.step(&[[-1e6, 1e6, 20.0]]).unwrap();
    session.step(&[[20.0; 3]]).unwrap();
    assert_eq!(session.clamped(), 3);

    // Floats have no accumulators to protect.
    let model = stream_f32::Model::load(stream_f32::BYTES).unwrap();
    let mut session = model.session().unwrap();
    session.step(&[[1e30; 3]]).unwrap();
    assert_eq!(session.clamped(), 0);
}

#[test]
fn the_self_test_tells_other_bits() {
    assert_eq!(tiny_int8::Model::load(tiny_int8::BYTES).unwrap().self_test(), Ok(()));
    assert_eq!(stream_int8::Model::load(stream_int8::BYTES).unwrap().self_test(), Ok(()));
    assert_eq!(stream_f32::Model::load(stream_f32::BYTES).unwrap().self_test(), Ok(()));
    assert_eq!(deep_int8::Model::load(deep_int8::BYTES).unwrap().self_test(), Ok(()));
    assert_eq!(root_int8::Model::load(root_int8::BYTES).unwrap().self_test(), Ok(()));
    assert_eq!(log_f32::Model::load(log_f32::BYTES).unwrap().self_test(), Ok(()));

    // The test's two samples, then the forecast's checksum.
    let file = Bytes::new(tiny_int8::BYTES);
    let samples = file.record(3) + 16;
    let checksum = samples + 4 * 2;
    let found = u32::from_le_bytes(file.as_slice()[checksum..][..4].try_into().unwrap());
    for bit in 0..32 {
        let expected = found ^ 1 << bit;
        let changed = file.clone().with(checksum, &expected.to_le_bytes()).repaired();
        let model = tiny_int8::Model::load(changed.as_slice()).unwrap();
        assert_eq!(model.self_test(), Err(SelfTestError::Mismatch { expected, found }));
    }
    let changed = file.clone().with(samples + 4, &f32::NAN.to_le_bytes()).repaired();
    let model = tiny_int8::Model::load(changed.as_slice()).unwrap();
    assert_eq!(model.self_test(), Err(SelfTestError::Sample(SampleError::NotFinite { feature: 0 })));
}

#[test]
fn chains_may_be_grouped_either_way() {
    type Left = Network<Then<Then<Lstm<2, 4>, Lstm<4, 3>>, Lstm<3, 3>>, Dense<3, 1, 2>>;
    type Right = Network<Then<Lstm<2, 4>, Then<Lstm<4, 3>, Lstm<3, 3>>>, Dense<3, 1, 2>>;
    let left = Model::<Int8, Left, 2, 7, 1>::load(deep_int8::BYTES).unwrap();
    let right = Model::<Int8, Right, 2, 7, 1>::load(deep_int8::BYTES).unwrap();
    assert_eq!((left.self_test(), right.self_test()), (Ok(()), Ok(())));
    let (mut left, mut right) = (left.session().unwrap(), right.session().unwrap());
    for sample in samples(9, 50) {
        left.step(&[sample]).unwrap();
        right.step(&[sample]).unwrap();
        assert_eq!(bits(left.forecast()), bits(right.forecast()));
    }
    // Snapshots too: the layers' bytes come in the same order.
    let mut buffer = vec![0; left.snapshot_length()];
    left.save(&mut buffer).unwrap();
    right.reset();
    right.restore(&buffer).unwrap();
    assert_eq!(bits(left.forecast()), bits(right.forecast()));
}
