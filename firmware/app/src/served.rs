//! A predictor that answers a desk over a line.

use embedded_io::{Read, Write};
use embedded_rnn::{SampleError, image::Interval};
use embedded_rnn_link::{Damage, Decoder, ENCODED, Fault, Frame, Hello, PART, Reply, Request, VERSION, Values};

use crate::{Abilities, Flat, Predict};

/// Bytes that are read from the line at once at most.
const READ: usize = 32;

/// What a model file says that its type does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The file's CRC-32.
    pub digest: u32,
    /// The sampling interval.
    pub interval: Interval,
    /// Samples in a window.
    pub lookback: u16,
}

/// Why serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The desk has no more requests.
    Desk,
    /// Another model is active: drop this one and open the store again.
    Model,
    /// The line ended, which a UART never does.
    Line,
}

/// The line failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError<R, W> {
    /// Nothing could be read.
    Read(R),
    /// Nothing could be written.
    Write(W),
}

/// What a request came to; said again if the request is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Hello,
    Done,
    /// A sample was taken; the forecast is made when it is said, for making it changes nothing.
    Taken,
    /// The same, and the sample is the board's own.
    Measured,
    Fault(Fault),
    Ended(Ended),
}

/// A predictor, what the board can do besides, and where the conversation stands.
#[derive(Debug)]
pub struct Served<P, B, const FEATURES: usize, const TARGETS: usize, const HORIZON: usize> {
    identity: Identity,
    predictor: P,
    board: B,
    sample: [f32; FEATURES],
    /// Columns of the sample that came already.
    filled: usize,
    /// The last request's number and kind, and what it came to.
    last: Option<(u16, u8, Outcome)>,
}

impl<P, B, const FEATURES: usize, const TARGETS: usize, const HORIZON: usize> Served<P, B, FEATURES, TARGETS, HORIZON>
where
    P: Predict<Sample = [f32; FEATURES], Refusal = SampleError>,
    P::Forecast: Flat,
    B: Abilities<P>,
{
    /// Joins the two; nothing is said yet.
    pub fn new(identity: Identity, predictor: P, board: B) -> Self {
        Served { identity, predictor, board, sample: [0.0; FEATURES], filled: 0, last: None }
    }

    /// The predictor, for instance to read what a meter around it has counted.
    pub fn predictor(&self) -> &P {
        &self.predictor
    }

    /// Answers requests until the desk, the model or the line ends.
    pub fn run<R: Read, W: Write>(&mut self, from: &mut R, to: &mut W) -> Result<Ended, LineError<R::Error, W::Error>> {
        let mut decoder = Decoder::new();
        let mut bytes = [0; READ];
        loop {
            let count = from.read(&mut bytes).map_err(LineError::Read)?;
            if count == 0 {
                return Ok(Ended::Line);
            }
            for byte in bytes.iter().take(count) {
                let Some(found) = decoder.push(*byte) else { continue };
                if let Some(ended) = self.answer(found, to).map_err(LineError::Write)? {
                    return Ok(ended);
                }
            }
        }
    }

    /// Answers what a decoder found on the line, for boards that read their line in an interrupt.
    pub fn answer<W: Write>(&mut self, found: Result<Frame<'_>, Damage>, to: &mut W) -> Result<Option<Ended>, W::Error> {
        let Ok(frame) = found else {
            self.say(0, &Reply::Fault(Fault::Damaged), to)?;
            to.flush()?;
            return Ok(None);
        };
        let request = Request::read(&frame);
        let outcome = match self.last {
            Some((number, kind, outcome))
                if number == frame.number && kind == frame.kind && !matches!(request, Ok(Request::Hello { .. })) =>
            {
                outcome
            }
            _ => match request {
                Ok(request) => self.act(&request).unwrap_or_else(Outcome::Fault),
                Err(malformed) if malformed.known => Outcome::Fault(Fault::Malformed { kind: frame.kind.into() }),
                Err(_) => Outcome::Fault(Fault::Unknown { kind: frame.kind.into() }),
            },
        };
        self.last = Some((frame.number, frame.kind, outcome));
        self.tell(frame.number, outcome, to)?;
        to.flush()?;
        Ok(if let Outcome::Ended(ended) = outcome { Some(ended) } else { None })
    }

    fn act(&mut self, request: &Request<'_>) -> Result<Outcome, Fault> {
        if !matches!(request, Request::Sample { .. }) {
            // A sample whose rest never came.
            self.filled = 0;
        }
        match *request {
            Request::Hello { version } if version != VERSION => Err(Fault::Version { board: VERSION.into() }),
            Request::Hello { .. } => Ok(Outcome::Hello),
            Request::Sample { first, values } => self.take_part(first, values),
            Request::Measure => {
                self.sample = self.board.measure()?;
                self.push().map(|()| Outcome::Measured)
            }
            Request::Reset => {
                self.predictor.reset();
                Ok(Outcome::Done)
            }
            Request::Save => self.board.save(&self.predictor).map(|()| Outcome::Done),
            Request::End => Ok(Outcome::Ended(Ended::Desk)),
            Request::Begin { length, digest } => self.board.begin(length, digest).map(|()| Outcome::Done),
            Request::Chunk { offset, bytes } => self.board.chunk(offset, bytes).map(|()| Outcome::Done),
            Request::Finish => self.board.finish().map(|()| Outcome::Ended(Ended::Model)),
            Request::Abort => self.board.abort().map(|()| Outcome::Done),
            Request::Activate => self.board.activate().map(|()| Outcome::Ended(Ended::Model)),
        }
    }

    fn take_part(&mut self, first: u16, values: Values<'_>) -> Result<Outcome, Fault> {
        // A first part always begins anew.
        if first == 0 {
            self.filled = 0;
        }
        let expected = Fault::Part { expected: self.filled as u32 };
        let end = usize::from(first) + values.count();
        let part = self.sample.get_mut(first.into()..end).filter(|_| usize::from(first) == self.filled).ok_or(expected)?;
        for (slot, value) in part.iter_mut().zip(values.iter()) {
            *slot = value;
        }
        self.filled = end;
        if end < FEATURES {
            return Ok(Outcome::Done);
        }
        self.filled = 0;
        self.push().map(|()| Outcome::Taken)
    }

    fn push(&mut self) -> Result<(), Fault> {
        self.predictor.push(&self.sample).map_err(|refusal| match refusal {
            SampleError::NotFinite { feature } => Fault::NotFinite { feature: feature.into() },
            SampleError::OutOfDomain { feature } => Fault::OutOfDomain { feature: feature.into() },
            // None of today's.
            _ => Fault::Malformed { kind: 0x02 },
        })
    }

    fn tell<W: Write>(&mut self, number: u16, outcome: Outcome, to: &mut W) -> Result<(), W::Error> {
        match outcome {
            Outcome::Hello => self.say(number, &Reply::Hello(self.hello()), to),
            Outcome::Done | Outcome::Ended(_) => self.say(number, &Reply::Done, to),
            Outcome::Fault(fault) => self.say(number, &Reply::Fault(fault), to),
            Outcome::Taken => self.forecast(number, to),
            Outcome::Measured => {
                let sample = self.sample;
                self.parts(number, &sample, |first, values| Reply::Sample { first, values }, to)?;
                self.forecast(number, to)
            }
        }
    }

    fn forecast<W: Write>(&mut self, number: u16, to: &mut W) -> Result<(), W::Error> {
        match self.predictor.forecast() {
            None => self.say(number, &Reply::Filling, to),
            Some(forecast) => self.parts(number, forecast.flat(), |first, values| Reply::Forecast { first, values }, to),
        }
    }

    fn hello(&self) -> Hello {
        let Identity { digest, interval, lookback } = self.identity;
        Hello {
            version: VERSION,
            digest,
            interval,
            // The device crate's models have no more.
            features: FEATURES as u16,
            targets: TARGETS as u16,
            lookback,
            horizon: HORIZON as u16,
            measures: B::MEASURES,
            saves: B::SAVES,
            capacity: self.board.capacity(),
        }
    }

    fn parts<W: Write>(
        &self,
        number: u16,
        values: &[f32],
        reply: impl for<'v> Fn(u16, Values<'v>) -> Reply<'v>,
        to: &mut W,
    ) -> Result<(), W::Error> {
        for (index, part) in values.chunks(PART).enumerate() {
            let mut bytes = [[0; 4]; PART];
            for (slot, value) in bytes.iter_mut().zip(part) {
                *slot = value.to_le_bytes();
            }
            let values = bytes.as_flattened().get(..4 * part.len()).and_then(Values::of);
            if let Some(values) = values {
                self.say(number, &reply((index * PART) as u16, values), to)?;
            }
        }
        Ok(())
    }

    fn say<W: Write>(&self, number: u16, reply: &Reply<'_>, to: &mut W) -> Result<(), W::Error> {
        let mut line = [0; ENCODED];
        to.write_all(reply.encode(number, &mut line))
    }
}
