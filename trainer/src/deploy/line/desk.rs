//! The desk's side of the line protocol: one request at a time, repeated under its number until it is answered.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use embedded_rnn_link::{Damage, Decoder, ENCODED, Fault, Hello, Reply, Request, VERSION};

use crate::error::Error;

/// How often a request is sent before the board counts as silent.
const ATTEMPTS: u32 = 4;

/// How long after a damaged frame an answer may still come.
const QUIET: Duration = Duration::from_millis(500);

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The sample that the board read itself; empty if it was not asked to.
    pub sample: Vec<f32>,
    /// The rest.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Who the board is.
    Hello(Hello),
    /// It is done.
    Done,
    /// The sample was taken, and there are too few for a forecast.
    Filling,
    /// The sample was taken, and this is the forecast: target after target.
    Forecast(Vec<f32>),
}

/// Why there is no answer.
#[derive(Debug)]
pub enum AskError {
    /// The board says why.
    Fault(Fault),
    /// The board said nothing, or nothing that could be read.
    Silent {
        /// Requests sent.
        attempts: u32,
        /// Frames that came damaged.
        damaged: u32,
    },
    /// The board's answer has no sense here.
    Senseless(String),
    /// The line itself failed.
    Line(io::Error),
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AskError::Fault(fault) => fault.fmt(f),
            AskError::Silent { attempts, damaged: 0 } => {
                write!(
                    f,
                    "the board did not answer {attempts} requests; is the program `serve` on it, and the line the right one?"
                )
            }
            AskError::Silent { attempts, damaged } => {
                write!(
                    f,
                    "of the board's answers to {attempts} requests {damaged} came damaged and none whole; look at the line's speed and ground"
                )
            }
            AskError::Senseless(what) => write!(f, "the board's answer has no sense: {what}"),
            AskError::Line(reason) => write!(f, "the line failed: {reason}"),
        }
    }
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        Error::failed(error.to_string())
    }
}

/// A desk on a line whose reads end after a short while, with [`ErrorKind::TimedOut`] or [`ErrorKind::WouldBlock`] if nothing came.
#[derive(Debug)]
pub struct Desk<L> {
    line: L,
    decoder: Decoder,
    /// Bytes that were read behind the last frame.
    unread: VecDeque<u8>,
    number: u16,
    patience: Duration,
    /// Values of a sample and of a forecast, from the board's Hello.
    sizes: [usize; 2],
}

/// What came within the patience.
enum Heard {
    Answer(Answer),
    Repeat,
}

impl<L: Read + Write> Desk<L> {
    /// A desk that waits for so long before it asks again.
    pub fn new(line: L, patience: Duration) -> Self {
        Desk { line, decoder: Decoder::new(), unread: VecDeque::new(), number: 0, patience, sizes: [0; 2] }
    }

    /// Asks who the board is, and remembers the sizes of its samples and forecasts.
    pub fn hello(&mut self) -> Result<Hello, AskError> {
        match self.ask(&Request::Hello { version: VERSION })?.outcome {
            Outcome::Hello(hello) => {
                self.sizes = [hello.features.into(), usize::from(hello.targets) * usize::from(hello.horizon)];
                Ok(hello)
            }
            other => Err(AskError::Senseless(format!("to Hello it said {other:?}"))),
        }
    }

    /// Asks, and asks again.
    pub fn ask(&mut self, request: &Request<'_>) -> Result<Answer, AskError> {
        self.number = self.number.wrapping_add(1).max(1);
        let mut line = [0; ENCODED];
        let line = request.encode(self.number, &mut line);
        let mut damaged = 0;
        for _ in 0..ATTEMPTS {
            self.line.write_all(line).and_then(|()| self.line.flush()).map_err(AskError::Line)?;
            if let Heard::Answer(answer) = self.listen(*request == Request::Measure, &mut damaged)? {
                return Ok(answer);
            }
        }
        Err(AskError::Silent { attempts: ATTEMPTS, damaged })
    }

    /// Listens until the answer is complete or the patience ends.
    fn listen(&mut self, measured: bool, damaged: &mut u32) -> Result<Heard, AskError> {
        let mut deadline = Instant::now() + self.patience;
        let (mut sample, mut forecast) = (Parts::new(self.sizes[0]), Parts::new(self.sizes[1]));
        while let Some(byte) = self.byte(deadline)? {
            let frame = match self.decoder.push(byte) {
                None => continue,
                Some(Ok(frame)) => frame,
                Some(Err(damage)) => {
                    // Half a frame from before the desk was there is no damage.
                    *damaged += u32::from(damage != Damage::TooShort);
                    // If it was the answer, there is no other to wait for.
                    deadline = deadline.min(Instant::now() + QUIET);
                    continue;
                }
            };
            let reply = Reply::read(&frame).map_err(|reason| AskError::Senseless(reason.to_string()))?;
            if frame.number != self.number {
                // An answer to an earlier request that was repeated, or the board could not read this one.
                if reply == Reply::Fault(Fault::Damaged) {
                    return Ok(Heard::Repeat);
                }
                continue;
            }
            let outcome = match reply {
                Reply::Hello(hello) => Outcome::Hello(hello),
                Reply::Done => Outcome::Done,
                Reply::Filling => Outcome::Filling,
                Reply::Fault(fault) => return Err(AskError::Fault(fault)),
                Reply::Sample { first, values } => {
                    sample.gather(first, values.iter())?;
                    continue;
                }
                Reply::Forecast { first, values } => {
                    if !forecast.gather(first, values.iter())? {
                        continue;
                    }
                    if forecast.broken {
                        return Ok(Heard::Repeat);
                    }
                    Outcome::Forecast(forecast.values)
                }
            };
            let lacks_sample = measured && (sample.broken || sample.values.len() != self.sizes[0]);
            return Ok(if lacks_sample { Heard::Repeat } else { Heard::Answer(Answer { sample: sample.values, outcome }) });
        }
        Ok(Heard::Repeat)
    }

    /// The next byte; `None` when the time is up.
    fn byte(&mut self, deadline: Instant) -> Result<Option<u8>, AskError> {
        let mut bytes = [0; 512];
        loop {
            if let Some(byte) = self.unread.pop_front() {
                return Ok(Some(byte));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            match self.line.read(&mut bytes) {
                Ok(0) => return Err(AskError::Line(io::Error::new(ErrorKind::UnexpectedEof, "the board is gone"))),
                Ok(count) => self.unread.extend(&bytes[..count]),
                Err(reason) if matches!(reason.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(reason) => return Err(AskError::Line(reason)),
            }
        }
    }
}

/// Values that come in parts.
struct Parts {
    values: Vec<f32>,
    size: usize,
    /// A part is lost: the answer has to be repeated, when its last part has passed.
    broken: bool,
}

impl Parts {
    fn new(size: usize) -> Self {
        Parts { values: Vec::new(), size, broken: false }
    }

    /// Takes a part; whether it was the last.
    fn gather(&mut self, first: u16, values: impl Iterator<Item = f32>) -> Result<bool, AskError> {
        let first = usize::from(first);
        // A repeated answer begins anew.
        if first == 0 {
            self.values.clear();
            self.broken = false;
        }
        self.broken |= first != self.values.len();
        self.values.resize(first, 0.0);
        self.values.extend(values);
        if self.values.len() > self.size {
            let found = self.values.len();
            return Err(AskError::Senseless(format!("{found} values came where its Hello promised {}", self.size)));
        }
        Ok(self.values.len() == self.size)
    }
}

#[cfg(test)]
mod tests {
    use embedded_rnn::image::Interval;
    use embedded_rnn_link::Values;

    use super::*;

    const HELLO: Hello = Hello {
        version: VERSION,
        digest: 7,
        interval: Interval::Unknown,
        features: 1,
        targets: 1,
        lookback: 2,
        horizon: 70,
        measures: false,
        saves: false,
        capacity: 0,
    };

    /// A board whose answers are lost or damaged as the plan says; a repeated request is answered and not counted.
    struct Board {
        decoder: Decoder,
        out: VecDeque<u8>,
        plan: VecDeque<Mishap>,
        last: Option<u16>,
        samples: u32,
    }

    #[derive(Clone, Copy)]
    enum Mishap {
        None,
        RequestLost,
        RequestDamaged,
        AnswerLost,
        AnswerDamaged,
    }

    impl Board {
        fn desk(plan: &[Mishap]) -> Desk<Self> {
            let plan = [&[Mishap::None], plan].concat().into();
            let board = Board { decoder: Decoder::new(), out: VecDeque::new(), plan, last: None, samples: 0 };
            let mut desk = Desk::new(board, Duration::from_millis(20));
            assert_eq!(desk.hello().unwrap(), HELLO);
            desk
        }

        fn answer(&mut self, number: u16, request: &Request<'_>) -> Vec<u8> {
            let mut line = [0; ENCODED];
            let mut say = |reply: Reply<'_>| reply.encode(number, &mut line).to_vec();
            let repeated = self.last.replace(number) == Some(number);
            match request {
                Request::Hello { .. } => say(Reply::Hello(HELLO)),
                Request::Sample { values, .. } => {
                    self.samples += u32::from(!repeated);
                    let value = values.iter().next().unwrap();
                    let bytes = value.to_le_bytes().repeat(70);
                    let (first, rest) = bytes.split_at(4 * 56);
                    let parts = [(0, first), (56, rest)]
                        .map(|(first, part)| Reply::Forecast { first, values: Values::of(part).unwrap() });
                    parts.map(say).concat()
                }
                Request::Measure => say(Reply::Fault(Fault::Sensor)),
                _ => say(Reply::Done),
            }
        }
    }

    impl Write for Board {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            for byte in bytes {
                let mut decoder = std::mem::take(&mut self.decoder);
                if let Some(Ok(frame)) = decoder.push(*byte) {
                    let request = Request::read(&frame).unwrap();
                    match self.plan.pop_front().unwrap_or(Mishap::None) {
                        Mishap::None => {
                            let answer = self.answer(frame.number, &request);
                            self.out.extend(answer);
                        }
                        Mishap::RequestLost => {}
                        Mishap::RequestDamaged => {
                            self.out.extend(Reply::Fault(Fault::Damaged).encode(0, &mut [0; ENCODED]));
                        }
                        Mishap::AnswerLost => drop(self.answer(frame.number, &request)),
                        Mishap::AnswerDamaged => {
                            let mut answer = self.answer(frame.number, &request);
                            answer[5] ^= 0x40;
                            self.out.extend(answer);
                        }
                    }
                }
                self.decoder = decoder;
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Board {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            if self.out.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
            let count = self.out.len().min(bytes.len()).min(7);
            bytes.iter_mut().zip(self.out.drain(..count)).for_each(|(slot, byte)| *slot = byte);
            Ok(count)
        }
    }

    fn sample(bytes: &[u8; 4]) -> Request<'_> {
        Request::Sample { first: 0, values: Values::of(bytes).unwrap() }
    }

    #[test]
    fn forecasts_in_parts_are_put_together() {
        let mut desk = Board::desk(&[]);
        let answer = desk.ask(&sample(&2.5f32.to_le_bytes())).unwrap();
        assert_eq!(answer, Answer { sample: vec![], outcome: Outcome::Forecast(vec![2.5; 70]) });
    }

    #[test]
    fn whatever_is_lost_or_damaged_once_no_sample_is_taken_twice() {
        use Mishap::{AnswerDamaged, AnswerLost, None, RequestDamaged, RequestLost};
        let plan = [RequestLost, None, RequestDamaged, None, AnswerLost, None, AnswerDamaged, AnswerLost, RequestLost, None];
        let mut desk = Board::desk(&plan);
        for value in 1..=4 {
            let answer = desk.ask(&sample(&(value as f32).to_le_bytes())).unwrap();
            assert_eq!(answer.outcome, Outcome::Forecast(vec![value as f32; 70]));
        }
        assert_eq!((desk.line.samples, desk.line.plan.len()), (4, 0));
    }

    #[test]
    fn a_fault_is_told_and_a_silent_board_is_given_up() {
        let mut desk = Board::desk(&[]);
        assert!(matches!(desk.ask(&Request::Measure), Err(AskError::Fault(Fault::Sensor))));
        let mut desk = Board::desk(&[Mishap::RequestLost; 4]);
        let error = desk.ask(&Request::Reset).unwrap_err();
        assert!(error.to_string().contains("did not answer 4 requests"), "{error}");
        let mut desk = Board::desk(&[Mishap::AnswerDamaged; 4]);
        let error = desk.ask(&Request::Reset).unwrap_err();
        assert!(error.to_string().contains("4 requests 4 came damaged"), "{error}");
        assert_eq!(desk.ask(&Request::Reset).unwrap().outcome, Outcome::Done, "the line is as good as ever");
    }
}
