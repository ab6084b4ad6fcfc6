//! The whole loop on mocked hardware: a thermometer on a bus, a timer, a lamp, and a real model.

use std::{cell::Cell, iter, rc::Rc};

use embedded_hal::i2c::{Error as _, ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::{
    delay::NoopDelay,
    digital::{Mock as PinMock, State, Transaction as Edge},
    i2c::{Mock as BusMock, Transaction},
};
use embedded_rnn::{Dense, Int8, Lstm, Network, SampleError, Zoneout, image::Interval};
use embedded_rnn_app::{
    Clock, Gaps, InRange, Lamp, Period, Predict, Progress, RangeError, Report, Sampled, Source, Station, Tally, Thermometer,
};

/// The model's type, as it stands beside the file.
type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>, 1, 8, 2>;

static MODEL: &[u8] = embedded_rnn::include_model!("../../../tests/fixtures/tiny-int8.rnn");

const ADDRESS: u8 = 0x48;
const PERIOD: u64 = 1_000_000;
const NACK: ErrorKind = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);

/// A clock that stands still but for the steps that the test makes: each reading is `step` later than the one before.
struct Stepped {
    now: Rc<Cell<u64>>,
    step: u64,
}

impl Clock for Stepped {
    fn microseconds(&mut self) -> u64 {
        self.now.set(self.now.get() + self.step);
        self.now.get()
    }
}

#[derive(Debug, PartialEq)]
enum Entry {
    Forecast(u32, [[f32; 3]; 1]),
    Failed(u32, Option<ErrorKind>),
    Missed(u32, u32),
}

#[derive(Default)]
struct Journal(Vec<Entry>);

type Error = RangeError<lm75::Error<ErrorKind>>;

impl<S: Source<Error = Error>, P: Predict<Forecast = [[f32; 3]; 1], Refusal = SampleError>> Report<S, P> for Journal {
    fn forecast(&mut self, samples: u32, forecast: &[[f32; 3]; 1]) {
        self.0.push(Entry::Forecast(samples, *forecast));
    }

    fn refused(&mut self, samples: u32, refusal: SampleError) {
        panic!("a thermometer's reading is finite: {refusal} after {samples}");
    }

    fn failed(&mut self, samples: u32, error: Error) {
        self.0.push(Entry::Failed(
            samples,
            match error {
                RangeError::Sensor(lm75::Error::I2C(error)) => Some(error.kind()),
                _ => None,
            },
        ));
    }

    fn missed(&mut self, samples: u32, missed: u32) {
        self.0.push(Entry::Missed(samples, missed));
    }
}

/// A turn's readings on the bus.
#[derive(Clone, Copy)]
enum Reading {
    Degrees(f32),
    Fails(ErrorKind),
}

use Reading::{Degrees, Fails};

fn transaction(reading: &Reading) -> Transaction {
    let [high, low] = match reading {
        Degrees(degrees) => ((degrees * 256.0) as i16).to_be_bytes(),
        Fails(_) => [0xFF; 2],
    };
    let read = Transaction::write_read(ADDRESS, vec![0], vec![high, low]);
    if let Fails(kind) = reading { read.with_error(*kind) } else { read }
}

/// What the model forecasts from degrees in a row.
fn host(degrees: &[f32]) -> [[f32; 3]; 1] {
    let model = Model::load(MODEL).unwrap();
    let mut forecaster = model.forecaster();
    degrees.iter().for_each(|degrees| forecaster.push(&[*degrees]).unwrap());
    forecaster.forecast().unwrap()
}

/// Runs so many turns over the bus's readings; the lamp's pin must go as `lamp` says.
fn run(readings: &[Reading], turns: usize, retries: u8, step: u64, lamp: &[State]) -> (Vec<Progress>, Tally, Vec<Entry>) {
    let model = Model::load(MODEL).unwrap();
    let mut bus = BusMock::new(&readings.iter().map(transaction).collect::<Vec<_>>());
    let mut pin = PinMock::new(&lamp.iter().map(|state| Edge::set(*state)).collect::<Vec<_>>());
    let clock = Stepped { now: Rc::default(), step };
    let thermometer = InRange::new(Thermometer::new(bus.clone(), ADDRESS), [(-40.0, 110.0)]);
    let period = Period::new(PERIOD, Interval::Unknown, clock, NoopDelay::new()).unwrap();
    let source = Sampled::new(thermometer, period, retries);
    let mut journal = Lamp::new(pin.clone(), Journal::default());
    let mut station = Station::with_gaps(source, model.forecaster(), &mut journal, Gaps::Hold { at_most: 3 });
    let progress = iter::repeat_with(|| station.turn()).take(turns).collect();
    let tally = station.tally();
    drop(station);
    bus.done();
    pin.done();
    (progress, tally, journal.release().1.0)
}

const CURVE: [f32; 10] = [20.5, 21.0, 21.5, 22.0, 22.0, 21.5, 21.0, 20.5, 20.0, 19.5];
/// Each look at the clock finds the next sample due: nothing is waited for and nothing missed.
const IN_TIME: u64 = PERIOD;

#[test]
fn a_normal_run_forecasts_what_the_host_does() {
    let readings = CURVE.map(Degrees);
    let (progress, tally, journal) = run(&readings, 10, 0, IN_TIME, &[State::Low; 3]);
    assert_eq!(progress, [&[Progress::Filling; 7][..], &[Progress::Forecast; 3]].concat());
    assert_eq!(tally, Tally { samples: 10, forecasts: 3, ..Tally::default() });
    let expected: Vec<_> = (8..=10).map(|end| Entry::Forecast(end as u32, host(&CURVE[end - 8..end]))).collect();
    assert_eq!(journal, expected);
}

#[test]
fn a_reading_that_fails_once_is_tried_again_in_its_period() {
    for kind in [NACK, ErrorKind::Overrun, ErrorKind::ArbitrationLoss] {
        let mut readings = CURVE.map(Degrees).to_vec();
        readings.insert(4, Fails(kind));
        let (_, tally, journal) = run(&readings, 10, 1, IN_TIME, &[State::Low; 3]);
        assert_eq!(tally, Tally { samples: 10, forecasts: 3, ..Tally::default() });
        assert_eq!(journal[2], Entry::Forecast(10, host(&CURVE[2..])));
    }
}

#[test]
fn a_sensor_that_does_not_answer_short_data_and_a_stuck_bus_are_held_over_and_reported() {
    // No acknowledgment, a transfer that ended early, a line held down: each in its own sample, three in a row.
    let kinds = [NACK, ErrorKind::Overrun, ErrorKind::Bus];
    let readings: Vec<_> =
        CURVE[..8].iter().map(|degrees| Degrees(*degrees)).chain(kinds.map(Fails)).chain([Degrees(20.0)]).collect();
    let lamp = [State::Low, State::High, State::High, State::High, State::Low];
    let (progress, tally, journal) = run(&readings, 12, 0, IN_TIME, &lamp);
    assert_eq!(progress[8..], [Progress::Failed, Progress::Failed, Progress::Failed, Progress::Forecast]);
    assert_eq!(tally, Tally { samples: 9, failed: 3, held: 3, forecasts: 2, ..Tally::default() });
    assert_eq!(journal[1..4], kinds.map(|kind| Entry::Failed(8, Some(kind))));
    // The last good sample stands in for each of the three.
    assert_eq!(journal[4], Entry::Forecast(9, host(&[22.0, 21.5, 21.0, 20.5, 20.5, 20.5, 20.5, 20.0])));
}

#[test]
fn a_bus_that_stays_stuck_empties_the_history_and_the_loop_goes_on() {
    let stuck = [Fails(ErrorKind::Bus); 6];
    let again = CURVE.map(Degrees);
    let readings: Vec<_> = again[..8].iter().chain(&stuck).chain(&again[..8]).copied().collect();
    let lamp = [&[State::Low][..], &[State::High; 6], &[State::Low]].concat();
    let (progress, tally, journal) = run(&readings, 22, 0, IN_TIME, &lamp);
    assert_eq!(progress[8..14], [Progress::Failed; 6]);
    assert_eq!(progress[14..], [&[Progress::Filling; 7][..], &[Progress::Forecast]].concat());
    assert_eq!(tally, Tally { samples: 16, failed: 6, held: 3, restarts: 1, forecasts: 2, ..Tally::default() });
    assert_eq!(journal[7], Entry::Forecast(16, host(&CURVE[..8])), "nothing of before the gap is left");
}

#[test]
fn a_reading_out_of_range_is_no_sample() {
    let mut readings = CURVE.map(Degrees).to_vec();
    readings.insert(8, Degrees(110.5));
    let (progress, tally, journal) = run(&readings, 11, 0, IN_TIME, &[State::Low, State::High, State::Low, State::Low]);
    assert_eq!(progress[8], Progress::Failed);
    assert_eq!((tally.failed, tally.held, tally.samples), (1, 1, 10));
    assert_eq!(journal[1], Entry::Failed(8, None));
    assert_eq!(journal[2], Entry::Forecast(9, host(&[21.5, 22.0, 22.0, 21.5, 21.0, 20.5, 20.5, 20.0])));
}

#[test]
fn missed_deadlines_are_reported_and_the_spacing_kept() {
    // Between two looks at the clock three periods pass: each sample but the first comes with two that were missed before it.
    let readings = [Degrees(20.5), Degrees(21.0), Degrees(21.5), Degrees(22.0)];
    let lamp = [State::High, State::High, State::High, State::Low];
    let (progress, tally, journal) = run(&readings, 4, 0, 3 * PERIOD, &lamp);
    assert_eq!(progress, [Progress::Filling, Progress::Filling, Progress::Filling, Progress::Forecast]);
    assert_eq!(tally, Tally { samples: 4, missed: 6, held: 6, forecasts: 1, ..Tally::default() });
    assert_eq!(journal[..3], [Entry::Missed(1, 2), Entry::Missed(2, 2), Entry::Missed(3, 2)]);
    assert_eq!(journal[3], Entry::Forecast(4, host(&[20.5, 20.5, 21.0, 21.0, 21.0, 21.5, 21.5, 21.5, 22.0][1..])));
}
