//! What a firmware may rely on once a model is loaded.

use embedded_rnn::arithmetic::Number;
use embedded_rnn::forecast::SelfTestError;
use embedded_rnn::image::{LoadError, Mode};
use embedded_rnn::network::Topology;
use embedded_rnn::{Dense, Forecaster, Int8, Lstm, Model, Network, NotReady, SampleError, Session, Streaming, Then};

use crate::fixtures::{
    Bytes, InStream, deep_int8, log_f32, root_int8, stream_f32, stream_int8, streamed, streamed_int8, tiny_int8,
};

/// A fixture's network as a windowed model and, its file changed, as a streaming one.
macro_rules! both {
    ($fixture:ident => $call:expr) => {{
        let file = streamed($fixture::BYTES, 1);
        let windowed = $fixture::Model::load($fixture::BYTES).unwrap();
        let streaming = <$fixture::Model<'_> as InStream>::Model::load(file.as_slice()).unwrap();
        $call(&windowed, &streaming)
    }};
}

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
    stream: &Model<'_, N, T, F, L, P, 0, Streaming>,
    bad: &[f32],
    error: fn(u16) -> SampleError,
) {
    let mut forecaster = model.forecaster();
    samples::<F>(2, L + 3).iter().for_each(|sample| forecaster.push(sample).unwrap());
    let before = forecaster.forecast().unwrap();
    let mut session = stream.session();
    for value in bad {
        for feature in 0..F {
            let mut sample = samples::<F>(3, 1)[0];
            sample[feature] = *value;
            assert_eq!(forecaster.push(&sample), Err(error(feature as u16)), "{value}");
            assert_eq!((forecaster.missing(), forecaster.forecast().unwrap()), (0, before), "{value}");
            let good: [[f32; F]; P] = samples::<F>(4, P).try_into().unwrap();
            session.step(&good).unwrap();
            let (state, forecast) = (*session.state(), session.forecast().unwrap());
            // The last of a patch is the bad one: those before it must not have entered either.
            let mut patch = good;
            patch[P - 1] = sample;
            assert_eq!(session.step(&patch), Err(error(feature as u16)), "{value}");
            assert_eq!(session.push(&sample), Err(error(feature as u16)), "{value}");
            assert_eq!((*session.state(), session.forecast(), session.waiting()), (state, Ok(forecast), 0), "{value}");
        }
    }
}

#[test]
fn refused_samples_leave_everything_as_it_was() {
    let not_finite = |feature| SampleError::NotFinite { feature };
    let out_of_domain = |feature| SampleError::OutOfDomain { feature };
    let endless = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0xffff_ffff)];
    both!(tiny_int8 => |windowed, streaming| refuses(windowed, streaming, &endless, not_finite));
    both!(stream_int8 => |windowed, streaming| refuses(windowed, streaming, &endless, not_finite));
    both!(stream_f32 => |windowed, streaming| refuses(windowed, streaming, &endless, not_finite));
    both!(root_int8 => |windowed, streaming| refuses(windowed, streaming, &endless, not_finite));
    both!(root_int8 => |windowed, streaming| refuses(windowed, streaming, &[-1e-30, -1.0, f32::MIN], out_of_domain));
    both!(log_f32 => |windowed, streaming| refuses(windowed, streaming, &endless, not_finite));
    both!(log_f32 => |windowed, streaming| refuses(windowed, streaming, &[0.0, -0.0, -1.0, f32::MIN], out_of_domain));
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

    let file = streamed(stream_int8::BYTES, 1);
    let model = <stream_int8::Model<'_> as InStream>::Model::load(file.as_slice()).unwrap();
    let mut session = model.session();
    let zero = *session.state();
    assert_eq!(session.forecast(), Err(NotReady { missing: 1 }));
    session.step(&[[1e9; 3]]).unwrap();
    assert!(*session.state() != zero && session.clamped() > 0 && session.forecast().is_ok());
    session.reset();
    assert_eq!((*session.state(), session.forecast(), session.clamped()), (zero, Err(NotReady { missing: 1 }), 0));
}

/// Whether a session over each window gives what a forecaster gives.
fn streams_like_windows<N: Number, const F: usize, const L: usize, const P: usize, T: Topology<N>>(
    model: &Model<'_, N, T, F, L, P>,
    stream: &Model<'_, N, T, F, L, P, 0, Streaming>,
) {
    let all = samples::<F>(6, 5 * L);
    for window in all.windows(L) {
        let mut forecaster = model.forecaster();
        window.iter().for_each(|sample| forecaster.push(sample).unwrap());
        let mut session = stream.session();
        window.as_chunks().0.iter().for_each(|patch| session.step(patch).unwrap());
        let (mut windowed, mut streamed) = (forecaster.forecast().unwrap(), session.forecast().unwrap());
        let windowed = T::rows(&mut windowed).flatten().map(|value| value.to_bits());
        assert!(windowed.eq(T::rows(&mut streamed).flatten().map(|value| value.to_bits())));
    }
}

#[test]
fn a_window_is_its_steps_bit_for_bit() {
    both!(stream_int8 => streams_like_windows);
    both!(stream_f32 => streams_like_windows);
    both!(deep_int8 => streams_like_windows);
    both!(log_f32 => streams_like_windows);
}

/// What a stream's normalization means, said in windows: a forecaster sees samples less their last one, a step those less the one before.
#[test]
fn a_step_is_seen_from_the_sample_before_it() {
    // One step of two samples: the window's own last value is what it would be less, were it the sample before.
    type Net = Network<Lstm<2, 5, embedded_rnn::Zoneout>, Dense<5, 1, 3>>;
    let file = streamed(tiny_int8::BYTES, 1);
    let model = Model::<Int8, Net, 1, 8, 2, 0, Streaming>::load(file.as_slice()).unwrap();
    let run = |patches: &[[[f32; 1]; 2]]| {
        let mut session = model.session();
        patches.iter().for_each(|patch| session.step(patch).unwrap());
        (*session.state(), session.forecast().unwrap()[0])
    };
    let patches = [[[20.0], [21.0]], [[19.5], [22.0]], [[22.5], [18.0]]];
    let (state, forecast) = run(&patches);
    // The first step's inputs are 0 and 1 from its own first sample: all may be moved, and the forecast moves along.
    let moved = patches.map(|patch| patch.map(|[value]| [value + 8.0]));
    let (same, later) = run(&moved);
    assert_eq!(same, state);
    for (forecast, later) in forecast.iter().zip(later) {
        assert!((later - forecast - 8.0).abs() < 1e-5, "{forecast} {later}");
    }
    // What the second step is seen from is the first one's newest sample, not its own.
    let (other, _) = run(&[[[20.0], [21.5]], patches[1], patches[2]]);
    assert_ne!(other, state);
}

#[test]
fn a_session_waits_until_it_is_warm() {
    let model = streamed_int8::Model::load(streamed_int8::BYTES).unwrap();
    let mut session = model.session();
    let warmup = model.warmup() as usize;
    assert!(warmup > 1 && streamed_int8::PATCH > 1);
    for (pushed, sample) in samples(11, 40).iter().enumerate() {
        let missing = (warmup * streamed_int8::PATCH).saturating_sub(pushed);
        assert_eq!((session.missing(), session.waiting()), (missing, pushed % streamed_int8::PATCH));
        assert_eq!(session.forecast().map(|_| ()), if missing > 0 { Err(NotReady { missing }) } else { Ok(()) });
        assert_eq!(session.quantiles().is_ok(), missing == 0);
        session.push(sample).unwrap();
    }
    session.reset();
    assert_eq!(session.missing(), warmup * streamed_int8::PATCH);
}

/// Samples one by one are the steps that they make, wherever a step of several begins among them.
#[test]
fn pushes_are_steps() {
    let model = streamed_int8::Model::load(streamed_int8::BYTES).unwrap();
    let all = samples::<2>(12, 41);
    let pushed = |session: &mut Session<'_, '_, _, _, 2, 8, 2>, samples: &[[f32; 2]]| {
        samples.iter().for_each(|sample| session.push(sample).unwrap());
    };
    let (mut one, mut other) = (model.session(), model.session());
    pushed(&mut one, &all);
    all[..40].as_chunks().0.iter().for_each(|patch| other.step(patch).unwrap());
    assert_eq!((one.waiting(), other.waiting()), (1, 0));
    assert_eq!((*one.state(), one.forecast().map(bits)), (*other.state(), other.forecast().map(bits)));
    let (mut one, mut other) = (model.session(), model.session());
    pushed(&mut one, &all);
    pushed(&mut other, &all[..1]);
    all[1..].as_chunks().0.iter().for_each(|patch| other.step(patch).unwrap());
    assert_eq!((*one.state(), one.waiting(), other.waiting()), (*other.state(), 1, 1));
}

#[test]
fn a_file_of_the_other_mode_is_refused() {
    let mode = |found| Err(LoadError::Mode { found });
    let found = Mode::Streaming { warmup: 3 };
    let file = streamed(tiny_int8::BYTES, 3);
    assert_eq!(tiny_int8::Model::load(file.as_slice()).map(|_| ()), mode(found));
    let windowed = <tiny_int8::Model<'_> as InStream>::Model::load(tiny_int8::BYTES);
    assert_eq!(windowed.map(|_| ()), mode(Mode::Windowed));
    assert!(LoadError::Mode { found }.to_string().contains("add Streaming") && Mode::Windowed.warmup().is_none());
    let never = streamed(tiny_int8::BYTES, 0);
    let loaded = <tiny_int8::Model<'_> as InStream>::Model::load(never.as_slice());
    assert_eq!(loaded.map(|_| ()), Err(LoadError::Manifest));
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

    let file = streamed(stream_int8::BYTES, 1);
    let model = <stream_int8::Model<'_> as InStream>::Model::load(file.as_slice()).unwrap();
    let mut session = model.session();
    session.step(&[[20.0, 1e6, 20.0]]).unwrap();
    session.step(&[[-1e6, 1e6, 20.0]]).unwrap();
    session.step(&[[20.0; 3]]).unwrap();
    assert_eq!(session.clamped(), 3);

    // Floats have no accumulators to protect.
    let file = streamed(stream_f32::BYTES, 1);
    let model = <stream_f32::Model<'_> as InStream>::Model::load(file.as_slice()).unwrap();
    let mut session = model.session();
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
    assert_eq!(streamed_int8::Model::load(streamed_int8::BYTES).unwrap().self_test(), Ok(()));

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
    let file = streamed(deep_int8::BYTES, 1);
    let left = Model::<Int8, Left, 2, 10, 1, 0, Streaming>::load(file.as_slice()).unwrap();
    let right = Model::<Int8, Right, 2, 10, 1, 0, Streaming>::load(file.as_slice()).unwrap();
    assert_eq!((left.self_test(), right.self_test()), (Ok(()), Ok(())));
    let (mut left, mut right) = (left.session(), right.session());
    for sample in samples(9, 50) {
        left.step(&[sample]).unwrap();
        right.step(&[sample]).unwrap();
        assert_eq!(left.forecast().map(bits), right.forecast().map(bits));
    }
    // Snapshots too: the layers' bytes come in the same order.
    let mut buffer = vec![0; left.snapshot_length()];
    left.save(&mut buffer).unwrap();
    right.reset();
    right.restore(&buffer).unwrap();
    assert_eq!(left.forecast().map(bits), right.forecast().map(bits));
}
