//! The residual monitor: bounded whatever comes, quiet on noise, awake at a change, and its alarm has hysteresis.

use embedded_rnn::forecast::SnapshotError;
use embedded_rnn::monitor::{Alarm, Hysteresis, Monitor, MonitorError, MonitorParameters, Rules};
use proptest::prelude::*;

const RULES: Rules = Rules {
    warm_up: 0,
    adaption: 0.01,
    alarm_adaption: 0.001,
    clip: 3.0,
    limit: 20.0,
    smoothing: 0.2,
    alarm: Hysteresis { on: 4.0, off: 2.0, raise_after: 1, clear_after: 5 },
};

const ONE: MonitorParameters<1, 1> = MonitorParameters { model: 7, scale: [[1.0]], floor: [0.1], rules: RULES };
const TWO: MonitorParameters<2, 3> =
    MonitorParameters { model: 7, scale: [[1.0, 2.0, 3.0], [0.5, 0.5, 0.5]], floor: [0.1, 0.1], rules: RULES };
const _: () = assert!(ONE.is_sound() && TWO.is_sound());

/// Noise whose absolute mean is `size`, the same every time.
fn noise(size: f32) -> impl FnMut() -> f32 {
    let mut state = 12_345u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f32::from((state >> 16) as u16) / 32_768.0 - 1.0) * 2.0 * size
    }
}

/// One step ahead: the forecast is `forecast`, and `came` comes.
fn step(monitor: &mut Monitor<'_, 1, 1>, forecast: f32, came: f32) -> embedded_rnn::Verdict {
    monitor.expect(&[[forecast]]).unwrap();
    monitor.observe(&[came]).unwrap()
}

#[test]
fn the_score_is_the_error_in_units_of_the_usual_one() {
    let mut monitor = Monitor::new(&TWO);
    monitor.expect(&[[10.0, 10.0, 10.0], [-1.0, -1.0, -1.0]]).unwrap();
    // The largest quotient among targets: 3 / 1 and 0.5 / 0.5; then 2 / 2 and 2 / 0.5; then beyond the limit.
    assert_eq!(monitor.observe(&[13.0, -0.5]).unwrap().score, 3.0);
    assert_eq!(monitor.observe(&[8.0, 1.0]).unwrap().score, 4.0);
    assert_eq!(monitor.observe(&[1e9, -1.0]).unwrap().score, RULES.limit);
    // Learned: 1 + 0.01 (3 - 1), 2 + 0.01 (2 - 2), 3 + 0.01 (3 * 3 - 3): the wild error was clipped.
    assert_eq!(monitor.scale()[0], [1.0 + 0.01 * 2.0, 2.0, 3.0 + 0.01 * 6.0]);
    assert_eq!(monitor.scale()[1], [0.5, 0.5 + 0.01 * (3.0 * 0.5 - 0.5), 0.5 + 0.01 * (0.0 - 0.5)]);
}

#[test]
fn what_is_refused_leaves_everything_as_it_was() {
    let mut monitor = Monitor::new(&TWO);
    assert_eq!(monitor.observe(&[1.0, 1.0]), Err(MonitorError::NoForecast));
    monitor.expect(&[[1.0; 3]; 2]).unwrap();
    monitor.observe(&[2.0, 2.0]).unwrap();
    let before = format!("{monitor:?}");
    for (sample, target) in [([f32::NAN, 1.0], 0), ([1.0, f32::INFINITY], 1), ([f32::NEG_INFINITY, f32::NAN], 0)] {
        assert_eq!(monitor.observe(&sample), Err(MonitorError::SampleNotFinite { target }));
    }
    let forecast = [[1.0; 3], [1.0, f32::NAN, 1.0]];
    assert_eq!(monitor.expect(&forecast), Err(MonitorError::ForecastNotFinite { target: 1, step: 1 }));
    assert_eq!(format!("{monitor:?}"), before);
    // Steps that are not used may hold anything.
    monitor.expect(&[[1.0, 1.0, 1.0, f32::NAN]; 2]).unwrap();
}

#[test]
fn a_missed_sample_passes_over_its_step() {
    let (mut monitor, mut other) = (Monitor::new(&TWO), Monitor::new(&TWO));
    for monitor in [&mut monitor, &mut other] {
        monitor.expect(&[[1.0, 2.0, 3.0], [0.0; 3]]).unwrap();
    }
    let before = *monitor.scale();
    monitor.miss();
    assert_eq!(*monitor.scale(), before);
    // The second step is compared with the second forecast: no error.
    assert_eq!(monitor.observe(&[2.0, 0.0]).unwrap().score, 0.0);
    assert_eq!(other.observe(&[2.0, 0.0]).unwrap().score, 1.0);
    monitor.miss();
    assert!(monitor.needs_forecast());
    monitor.miss();
    assert_eq!(monitor.observe(&[2.0, 0.0]), Err(MonitorError::NoForecast));
}

#[test]
fn noise_of_the_usual_size_raises_no_alarm_at_any_offset() {
    for offset in [0.0, 101_325.0, -1e7] {
        let mut monitor = Monitor::new(&ONE);
        let mut noise = noise(1.0);
        for _ in 0..100_000 {
            let verdict = step(&mut monitor, offset, offset + noise());
            assert_eq!(verdict.alarm, Alarm::Off);
        }
        assert!((monitor.scale()[0][0] - 1.0).abs() < 0.3, "{:?}", monitor.scale());
    }
}

#[test]
fn a_step_change_is_detected_within_samples_and_ends_when_it_ends() {
    let mut monitor = Monitor::new(&ONE);
    let mut noise = noise(1.0);
    assert!((0..1000).all(|_| !step(&mut monitor, 0.0, noise()).alarm.is_on()));
    let raised = (0..50).position(|_| step(&mut monitor, 0.0, 10.0 + noise()).alarm == Alarm::Raised);
    assert!(raised.is_some_and(|samples| samples < 5), "{raised:?}");
    // As long as the change lasts, so does the alarm: the scale hardly follows.
    assert!((0..500).all(|_| step(&mut monitor, 0.0, 10.0 + noise()).alarm == Alarm::On));
    let cleared = (0..100).position(|_| step(&mut monitor, 0.0, noise()).alarm == Alarm::Cleared);
    assert!(cleared.is_some_and(|samples| (RULES.alarm.clear_after as usize - 1..40).contains(&samples)), "{cleared:?}");
}

#[test]
fn a_frozen_scale_keeps_the_alarm_and_a_slow_one_lets_it_end() {
    let frozen = MonitorParameters { rules: Rules { alarm_adaption: 0.0, ..RULES }, ..ONE };
    let alarmed_after = |parameters: &MonitorParameters<1, 1>, samples: usize| {
        let mut monitor = Monitor::new(parameters);
        (0..samples).map(|_| step(&mut monitor, 0.0, 8.0)).last().is_some_and(|verdict| verdict.alarm.is_on())
    };
    assert!(alarmed_after(&frozen, 100_000));
    assert!(alarmed_after(&ONE, 500));
    assert!(!alarmed_after(&ONE, 5_000));
}

#[test]
fn one_wild_sample_moves_the_scale_no_more_than_the_clip_admits() {
    let mut monitor = Monitor::new(&ONE);
    step(&mut monitor, 0.0, 1e30);
    assert_eq!(monitor.scale()[0][0], 1.0 + 0.01 * 2.0);
}

#[test]
fn a_constant_series_sinks_to_the_floor_and_stays_there() {
    let mut monitor = Monitor::new(&ONE);
    for _ in 0..10_000 {
        assert_eq!(step(&mut monitor, 55.0, 55.0).score, 0.0);
    }
    assert_eq!(monitor.scale()[0][0], 0.1);
    // Noise below the floor is no news.
    assert!(step(&mut monitor, 55.0, 55.05).score <= 0.51);
}

#[test]
fn no_alarm_while_warming_up_and_the_scale_is_learned_fast() {
    let parameters = MonitorParameters { rules: Rules { warm_up: 50, ..RULES }, ..ONE };
    let mut monitor = Monitor::new(&parameters);
    let mut noise = noise(30.0);
    for _ in 0..50 {
        assert_eq!(step(&mut monitor, 0.0, noise()).alarm, Alarm::WarmUp);
    }
    assert!(monitor.scale()[0][0] > 10.0, "{:?}", monitor.scale());
    assert_ne!(step(&mut monitor, 0.0, 0.0).alarm, Alarm::WarmUp);
}

#[test]
fn acknowledged_and_reset() {
    let mut monitor = Monitor::new(&ONE);
    assert!((0..20).any(|_| step(&mut monitor, 0.0, 100.0).alarm == Alarm::Raised) && monitor.is_alarmed());
    let learned = *monitor.scale();
    monitor.acknowledge();
    assert!(!monitor.is_alarmed() && *monitor.scale() == learned && learned != ONE.scale);
    monitor.reset();
    assert_eq!(format!("{monitor:?}"), format!("{:?}", Monitor::new(&ONE)));
}

#[test]
fn saved_and_restored_it_goes_on_with_the_same_bits() {
    let mut first = Monitor::new(&TWO);
    let mut noise = noise(2.0);
    let mut snapshot = [0xa5; Monitor::<2, 3>::SNAPSHOT_LENGTH];
    for round in 0..200 {
        first.save(&mut snapshot).unwrap();
        let mut second = Monitor::new(&TWO);
        second.restore(&snapshot).unwrap();
        assert!(second.needs_forecast());
        for monitor in [&mut first, &mut second] {
            monitor.expect(&[[0.0; 3]; 2]).unwrap();
        }
        for _ in 0..3 {
            let sample = [noise(), if round > 100 { 9.0 } else { noise() }];
            assert_eq!(first.observe(&sample), second.observe(&sample));
        }
        assert_eq!(first.scale(), second.scale());
    }
    assert!(first.is_alarmed());
}

#[test]
fn foreign_short_and_damaged_snapshots_are_refused() {
    let mut monitor = Monitor::new(&TWO);
    monitor.expect(&[[0.0; 3]; 2]).unwrap();
    monitor.observe(&[3.0, 3.0]).unwrap();
    let mut snapshot = [0; Monitor::<2, 3>::SNAPSHOT_LENGTH];
    assert_eq!(
        monitor.save(&mut snapshot[1..]),
        Err(SnapshotError::Length { expected: Monitor::<2, 3>::SNAPSHOT_LENGTH, found: Monitor::<2, 3>::SNAPSHOT_LENGTH - 1 })
    );
    monitor.save(&mut snapshot).unwrap();
    let other = MonitorParameters { model: 8, ..TWO };
    assert_eq!(Monitor::new(&other).restore(&snapshot), Err(SnapshotError::OtherModel { expected: 8, found: 7 }));
    let before = format!("{monitor:?}");
    for bit in 0..snapshot.len() * 8 {
        let mut damaged = snapshot;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(monitor.restore(&damaged), Err(SnapshotError::Damaged), "bit {bit}");
        assert_eq!(format!("{monitor:?}"), before);
    }
}

#[test]
fn memory_is_the_scales_the_forecast_and_a_little() {
    assert_eq!(size_of::<Monitor<'_, 1, 1>>(), size_of::<usize>() + 4 + 4 + 16);
    assert_eq!(size_of::<Monitor<'_, 2, 12>>(), size_of::<usize>() + 2 * 2 * 12 * 4 + 16);
}

#[test]
fn unsound_parameters_are_told_from_sound_ones() {
    type Spoil = fn(&mut MonitorParameters<2, 3>);
    let spoilers: &[Spoil] = &[
        |p| p.scale[1][2] = f32::NAN,
        |p| p.scale[0][1] = 0.01,
        |p| p.scale[0][1] = f32::INFINITY,
        |p| p.floor[1] = 0.0,
        |p| p.rules.adaption = -0.1,
        |p| p.rules.alarm_adaption = 1.1,
        |p| p.rules.smoothing = 0.0,
        |p| p.rules.clip = 0.5,
        |p| p.rules.limit = f32::INFINITY,
        |p| p.rules.alarm.on = 30.0,
        |p| p.rules.alarm.off = 5.0,
    ];
    for (number, spoil) in spoilers.iter().enumerate() {
        let mut parameters = TWO;
        spoil(&mut parameters);
        assert!(!parameters.is_sound(), "spoiler {number}");
    }
}

/// Anything finite, the largest numbers included.
fn any_value() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<f32>().prop_filter("finite", |value| value.is_finite()),
        -10f32..10.0,
        Just(f32::MAX),
        Just(f32::MIN),
        Just(0.0)
    ]
}

proptest! {
    /// Whatever comes, all numbers stay finite and in their ranges, and nothing panics.
    #[test]
    fn the_state_is_bounded(
        rounds in prop::collection::vec((any_value(), any_value(), any_value(), any::<bool>()), 1..300),
        adaption in 0f32..=1.0, alarm_adaption in 0f32..=1.0, smoothing in 0.001f32..=1.0, clip in 1f32..100.0, warm_up in 0u32..50,
    ) {
        let rules = Rules { adaption, alarm_adaption, smoothing, clip, warm_up, ..RULES };
        let parameters = MonitorParameters { rules, ..TWO };
        prop_assert!(parameters.is_sound());
        let mut monitor = Monitor::new(&parameters);
        for (forecast, first, second, miss) in rounds {
            if monitor.needs_forecast() {
                monitor.expect(&[[forecast; 4]; 2]).unwrap();
            }
            if miss {
                monitor.miss();
                continue;
            }
            let verdict = monitor.observe(&[first, second]).unwrap();
            prop_assert!((0.0..=RULES.limit).contains(&verdict.score), "{verdict:?}");
            prop_assert!((0.0..=RULES.limit * 1.0001).contains(&verdict.smoothed), "{verdict:?}");
            prop_assert_eq!(verdict.alarm.is_on(), monitor.is_alarmed());
            for (row, floor) in monitor.scale().iter().zip(parameters.floor) {
                prop_assert!(row.iter().all(|scale| scale.is_finite() && *scale >= floor), "{row:?}");
            }
        }
    }

    /// Series and scales twice as large give the same scores: units do not matter. (By a power of two, so that bits are the same.)
    #[test]
    fn units_do_not_matter(samples in prop::collection::vec(-100f32..100.0, 1..200), power in -10i32..10) {
        let factor = 2f32.powi(power);
        let scaled = MonitorParameters { scale: [[factor]], floor: [0.1 * factor], ..ONE };
        let (mut monitor, mut other) = (Monitor::new(&ONE), Monitor::new(&scaled));
        for sample in samples {
            prop_assert_eq!(step(&mut monitor, 1.0, sample), step(&mut other, factor, sample * factor));
        }
    }
}
