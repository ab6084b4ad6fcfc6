//! A board on a line: what it answers, and that nothing is done twice.

mod memory;

use std::{collections::VecDeque, convert::Infallible};

use embedded_io::{ErrorType, Read, Write};
use embedded_rnn::{
    Dense, Int8, Lstm, Network, SampleError, Zoneout,
    forecast::SnapshotError,
    image::{Interval, checksum},
};
use embedded_rnn_app::{Abilities, Ended, FedOnly, Identity, Predict, Saving, Served, State, StateError, Updating};
use embedded_rnn_link::{Decoder, ENCODED, Fault, Hello, PART, Reply, Request, VERSION, Values};
use embedded_rnn_update::{Refused, Slot as _, Store};
use memory::Memory;

/// The model's type, as it stands beside the file.
type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>, 1, 8, 2>;

static MODEL: &[u8] = embedded_rnn::include_model!("../../../tests/fixtures/tiny-int8.rnn");

/// A line that brings what was queued, then ends.
#[derive(Default)]
struct Incoming(VecDeque<u8>);

impl ErrorType for Incoming {
    type Error = Infallible;
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let count = self.0.len().min(buffer.len()).min(5);
        buffer.iter_mut().zip(self.0.drain(..count)).for_each(|(slot, byte)| *slot = byte);
        Ok(count)
    }
}

/// A line that keeps what was said.
#[derive(Default)]
struct Outgoing(Vec<u8>);

impl ErrorType for Outgoing {
    type Error = Infallible;
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A reply without its borrow.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Plain(u16, Reply<'static>),
    Forecast(u16, u16, Vec<f32>),
    Sample(u16, u16, Vec<f32>),
}

use Said::{Forecast, Plain, Sample};

fn said(bytes: &[u8]) -> Vec<Said> {
    let mut decoder = Decoder::new();
    let mut all = Vec::new();
    for byte in bytes {
        let Some(frame) = decoder.push(*byte) else { continue };
        let frame = frame.expect("a board's line is whole");
        all.push(match Reply::read(&frame).unwrap() {
            Reply::Forecast { first, values } => Forecast(frame.number, first, values.iter().collect()),
            Reply::Sample { first, values } => Sample(frame.number, first, values.iter().collect()),
            Reply::Hello(hello) => Plain(frame.number, Reply::Hello(hello)),
            Reply::Done => Plain(frame.number, Reply::Done),
            Reply::Filling => Plain(frame.number, Reply::Filling),
            Reply::Fault(fault) => Plain(frame.number, Reply::Fault(fault)),
        });
    }
    all
}

fn line(number: u16, request: &Request<'_>) -> Vec<u8> {
    request.encode(number, &mut [0; ENCODED]).to_vec()
}

fn sample(number: u16, first: u16, values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    line(number, &Request::Sample { first, values: Values::of(&bytes).unwrap() })
}

fn run<P, B, const F: usize, const T: usize, const H: usize>(
    served: &mut Served<P, B, F, T, H>,
    lines: &[Vec<u8>],
) -> (Ended, Vec<Said>)
where
    P: Predict<Sample = [f32; F], Forecast = [[f32; H]; T], Refusal = SampleError>,
    B: Abilities<P>,
{
    let mut to = Outgoing::default();
    let ended = served.run(&mut Incoming(lines.concat().into()), &mut to).unwrap();
    (ended, said(&to.0))
}

fn identity(file: &[u8]) -> Identity {
    Identity { digest: checksum(file), interval: Interval::Microseconds(5), lookback: 8 }
}

#[test]
fn a_recording_gets_the_hosts_forecasts() {
    let model = Model::load(MODEL).unwrap();
    let mut served = Served::<_, _, 1, 1, 3>::new(identity(MODEL), model.forecaster(), FedOnly);
    let mut host = model.forecaster();
    let curve: Vec<f32> = (0..20u8).map(|hour| 20.0 + f32::from(hour % 7)).collect();
    let mut lines = vec![line(1, &Request::Hello { version: VERSION })];
    lines.extend(curve.iter().zip(2..).map(|(value, number)| sample(number, 0, &[*value])));
    lines.push(line(99, &Request::End));
    let (ended, said) = run(&mut served, &lines);
    assert_eq!(ended, Ended::Desk);
    let hello = Hello {
        version: VERSION,
        digest: model.digest(),
        interval: Interval::Microseconds(5),
        features: 1,
        targets: 1,
        lookback: 8,
        horizon: 3,
        measures: false,
        saves: false,
        capacity: 0,
    };
    assert_eq!(said[0], Plain(1, Reply::Hello(hello)));
    for ((value, number), said) in curve.iter().zip(2..).zip(&said[1..]) {
        host.push(&[*value]).unwrap();
        match host.forecast() {
            Ok([forecast]) => assert_eq!(*said, Forecast(number, 0, forecast.to_vec())),
            Err(_) => assert_eq!(*said, Plain(number, Reply::Filling)),
        }
    }
    assert_eq!(said[21..], [Plain(99, Reply::Done)]);
}

/// Forecasts its samples' sum and count, in more values than a frame has.
#[derive(Default)]
struct Sums {
    sum: f32,
    count: f32,
}

impl Predict for Sums {
    type Sample = [f32; 130];
    type Forecast = [[f32; 40]; 2];
    type Refusal = SampleError;

    fn push(&mut self, sample: &[f32; 130]) -> Result<(), SampleError> {
        if let Some(feature) = sample.iter().position(|value| !value.is_finite()) {
            return Err(SampleError::NotFinite { feature: feature as u16 });
        }
        self.sum += sample.iter().sum::<f32>();
        self.count += 1.0;
        Ok(())
    }

    fn forecast(&mut self) -> Option<[[f32; 40]; 2]> {
        (self.count > 0.0).then_some([[self.sum; 40], [self.count; 40]])
    }

    fn reset(&mut self) {
        *self = Sums::default();
    }
}

/// Measures ones, and counts how often it did.
#[derive(Default)]
struct Ones(u32);

impl Abilities<Sums> for Ones {
    const MEASURES: bool = true;

    fn measure(&mut self) -> Result<[f32; 130], Fault> {
        self.0 += 1;
        if self.0 > 2 { Err(Fault::Sensor) } else { Ok([1.0; 130]) }
    }
}

fn sums() -> Served<Sums, Ones, 130, 2, 40> {
    Served::new(identity(&[]), Sums::default(), Ones::default())
}

fn parts(from: u16, values: &[f32; 130]) -> Vec<Vec<u8>> {
    values.chunks(PART).enumerate().map(|(index, part)| sample(from + index as u16, (index * PART) as u16, part)).collect()
}

fn forecast(number: u16, sum: f32, count: f32) -> Vec<Said> {
    let values = [[sum; 40], [count; 40]].concat();
    vec![Forecast(number, 0, values[..PART].to_vec()), Forecast(number, PART as u16, values[PART..].to_vec())]
}

#[test]
fn wide_samples_and_long_forecasts_come_in_parts() {
    let (_, said) = run(&mut sums(), &parts(1, &[2.0; 130]));
    assert_eq!(said[..2], [Plain(1, Reply::Done), Plain(2, Reply::Done)]);
    assert_eq!(said[2..], forecast(3, 260.0, 1.0));
}

#[test]
fn a_part_out_of_order_is_refused_and_a_first_part_begins_anew() {
    let part = |number, first, count| sample(number, first, &[1.0f32; PART][..count]);
    let lines = [part(1, 56, 56), part(2, 0, 56), part(3, 100, 30), part(4, 56, 56), part(5, 112, 56), part(6, 112, 18)];
    let lines = [&lines[..], &[part(7, 0, 56), part(8, 0, 56), part(9, 56, 56), part(10, 112, 18)]].concat();
    let (_, said) = run(&mut sums(), &lines);
    let fault = |number, expected| Plain(number, Reply::Fault(Fault::Part { expected }));
    assert_eq!(said[..5], [fault(1, 0), Plain(2, Reply::Done), fault(3, 56), Plain(4, Reply::Done), fault(5, 112)]);
    assert_eq!(said[5..7], forecast(6, 130.0, 1.0));
    assert_eq!(said[10..], forecast(10, 260.0, 2.0));
}

#[test]
fn a_repeated_request_is_answered_again_and_not_done_again() {
    let mut served = sums();
    let sample = parts(1, &[1.0; 130]);
    let again = [&sample[..], &sample[2..], &sample[2..]].concat();
    let (_, said) = run(&mut served, &again);
    assert_eq!(said[2..], [forecast(3, 130.0, 1.0), forecast(3, 130.0, 1.0), forecast(3, 130.0, 1.0)].concat());
    let measure = |number| line(number, &Request::Measure);
    let (_, said) = run(&mut served, &[measure(4), measure(4), measure(5), measure(6), measure(6)]);
    let one =
        [vec![Sample(4, 0, vec![1.0; 56]), Sample(4, 56, vec![1.0; 56]), Sample(4, 112, vec![1.0; 18])], forecast(4, 260.0, 2.0)];
    assert_eq!(said[..5], one.concat());
    assert_eq!(said[5..10], one.concat());
    assert_eq!(said[13..15], forecast(5, 390.0, 3.0));
    assert_eq!(said[15..], [Plain(6, Reply::Fault(Fault::Sensor)), Plain(6, Reply::Fault(Fault::Sensor))]);
    // Hello is always carried out, and after it an old number is a new one.
    let hello = line(6, &Request::Hello { version: VERSION });
    let (_, said) = run(&mut served, &[hello.clone(), hello, line(7, &Request::Reset), line(7, &Request::Reset)]);
    assert!(matches!(said[..2], [Plain(6, Reply::Hello(_)), Plain(6, Reply::Hello(_))]), "{said:?}");
    assert_eq!(said[2..], [Plain(7, Reply::Done), Plain(7, Reply::Done)]);
}

#[test]
fn what_cannot_be_done_is_a_typed_fault() {
    let mut served = sums();
    let mut damaged = line(1, &Request::Reset);
    damaged[4] ^= 2;
    let mut nan = [0.0; 130];
    nan[20] = f32::NAN;
    let unknown =
        embedded_rnn_link::encode(&embedded_rnn_link::Frame { kind: 0x42, number: 2, body: &[1, 2] }, &mut [0; ENCODED]).to_vec();
    let malformed =
        embedded_rnn_link::encode(&embedded_rnn_link::Frame { kind: 0x10, number: 3, body: &[1, 2] }, &mut [0; ENCODED]).to_vec();
    let lines = [
        vec![0x17; 700],
        damaged,
        unknown,
        malformed,
        line(4, &Request::Hello { version: 9 }),
        line(5, &Request::Save),
        line(6, &Request::Begin { length: 1, digest: 2 }),
        parts(7, &nan).concat(),
    ];
    let (ended, said) = run(&mut served, &lines);
    assert_eq!(ended, Ended::Line);
    let fault = |number, fault| Plain(number, Reply::Fault(fault));
    let expected = [
        fault(0, Fault::Damaged),
        fault(0, Fault::Damaged),
        fault(2, Fault::Unknown { kind: 0x42 }),
        fault(3, Fault::Malformed { kind: 0x10 }),
        fault(4, Fault::Version { board: VERSION.into() }),
        fault(5, Fault::Unsupported),
        fault(6, Fault::Unsupported),
        Plain(7, Reply::Done),
        Plain(8, Reply::Done),
        fault(9, Fault::NotFinite { feature: 20 }),
    ];
    assert_eq!(said, expected);
}

fn check(file: &[u8]) -> Result<u32, Refused> {
    let model = Model::load(file)?;
    model.self_test()?;
    Ok(model.digest())
}

/// The model as another training would have left it.
fn other() -> Vec<u8> {
    let mut file = MODEL.to_vec();
    let data = embedded_rnn::Image::open(MODEL).unwrap().manifest.provenance.data;
    let at = MODEL.windows(data.len()).position(|window| window == data).unwrap();
    file[at] ^= 1;
    let sum = checksum(&file);
    file[16..20].copy_from_slice(&sum.to_le_bytes());
    file
}

#[test]
fn a_new_model_comes_over_the_line_and_runs() {
    let new = other();
    let mut store = Store::new([Memory::holding(MODEL), Memory::holding(&[])], Memory::holding(&[])).unwrap();
    let mut transfer = |file: &[u8], digest: u32| {
        let opened = store.open(check).unwrap();
        let active = opened.active.unwrap();
        let model = Model::load(active.bytes).unwrap();
        let board = Updating::new(opened.spare, check);
        let mut served = Served::<_, _, 1, 1, 3>::new(identity(active.bytes), model.forecaster(), board);
        let mut lines =
            vec![line(1, &Request::Hello { version: VERSION }), line(2, &Request::Begin { length: file.len() as u32, digest })];
        for (index, bytes) in file.chunks(200).enumerate() {
            let chunk = line(3 + index as u16, &Request::Chunk { offset: 200 * index as u32, bytes });
            // Every answer is lost once.
            lines.extend([chunk.clone(), chunk]);
        }
        lines.push(line(50, &Request::Finish));
        let (ended, said) = run(&mut served, &lines);
        let Plain(1, Reply::Hello(hello)) = &said[0] else { panic!("{said:?}") };
        (ended, hello.digest, hello.capacity, said.into_iter().last().unwrap())
    };
    let capacity = Memory::BYTES as u32;
    let digest = checksum(&new);
    let refused = |fault| Plain(50, Reply::Fault(fault));
    let mut damaged = new.clone();
    damaged[300] ^= 1;
    assert_eq!(transfer(&damaged, digest), (Ended::Line, checksum(MODEL), capacity, refused(Fault::Refused)));
    assert_eq!(transfer(&new, digest ^ 1), (Ended::Line, checksum(MODEL), capacity, refused(Fault::Digest { found: digest })));
    assert_eq!(transfer(&new, digest), (Ended::Model, checksum(MODEL), capacity, Plain(50, Reply::Done)));
    assert_eq!(transfer(MODEL, checksum(MODEL)), (Ended::Model, digest, capacity, Plain(50, Reply::Done)), "the new one runs");
}

#[test]
fn a_saved_history_outlives_a_reset_and_no_other_model_takes_it() {
    const BYTES: usize = 12 + 4 * 8;
    let file = Memory::holding(&other());
    let (model, another) = (Model::load(MODEL).unwrap(), Model::load(&file.bytes()[..MODEL.len()]).unwrap());
    let mut state = State::<_, BYTES>::open(Memory::holding(&[])).unwrap();
    assert_eq!(state.restore(&mut model.forecaster()), Ok(false));
    let mut saved = vec![];
    let mut flash = {
        let board = Saving::new(FedOnly, &mut state);
        let mut served = Served::<_, _, 1, 1, 3>::new(identity(MODEL), model.forecaster(), board);
        let mut lines: Vec<_> = (0..9u8).zip(1..).map(|(hour, number)| sample(number, 0, &[20.0 + f32::from(hour)])).collect();
        lines.extend([line(50, &Request::Save), line(51, &Request::Hello { version: VERSION }), sample(52, 0, &[30.0])]);
        let (_, said) = run(&mut served, &lines);
        assert_eq!(said[9], Plain(50, Reply::Done));
        assert!(matches!(said[10], Plain(51, Reply::Hello(Hello { saves: true, .. }))), "{said:?}");
        saved.extend(said);
        state.release()
    };
    // The reset.
    let mut state = State::<_, BYTES>::open(&mut flash).unwrap();
    let mut forecaster = model.forecaster();
    assert_eq!(state.restore(&mut forecaster), Ok(true));
    let mut served = Served::<_, _, 1, 1, 3>::new(identity(MODEL), forecaster, FedOnly);
    assert_eq!(run(&mut served, &[sample(52, 0, &[30.0])]).1, saved[11..]);
    let error = state.restore(&mut another.forecaster()).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::OtherModel { .. })), "{error}");
    let mut short = State::<_, 40>::open(Memory::holding(&[])).unwrap();
    assert!(matches!(short.save(&model.forecaster()), Err(StateError::Snapshot(SnapshotError::Length { .. }))));
}
