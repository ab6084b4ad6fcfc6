//! What the board answers.

use embedded_rnn::image::Interval;

use crate::{
    ENCODED, Fault, Frame, Malformed, Values,
    body::{Reader, Writer},
    frame::encode,
};

/// Which board this is, and with which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The board's version of the protocol.
    pub version: u8,
    /// The model file's CRC-32.
    pub digest: u32,
    /// The model's sampling interval.
    pub interval: Interval,
    /// Columns of a sample.
    pub features: u16,
    /// Columns that are forecast.
    pub targets: u16,
    /// Samples in a window.
    pub lookback: u16,
    /// Samples forecast.
    pub horizon: u16,
    /// Whether there is a sensor to [`Measure`](crate::Request::Measure).
    pub measures: bool,
    /// Whether the history can be saved.
    pub saves: bool,
    /// Bytes that a new model may have; 0 if there is no slot to write.
    pub capacity: u32,
}

/// A reply, under the number of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// To [`Request::Hello`](crate::Request::Hello).
    Hello(Hello),
    /// It is done, and there is nothing to say about it.
    Done,
    /// The sample was taken; there are too few for a forecast.
    Filling,
    /// A forecast, or a part of one, target after target: values from `first` on. The forecast is complete when targets times horizon are
    /// there.
    Forecast {
        /// The first value's place.
        first: u16,
        /// The values, in raw units.
        values: Values<'a>,
    },
    /// What the board's own sensor read, or a part of it.
    Sample {
        /// The first value's column.
        first: u16,
        /// The values, raw.
        values: Values<'a>,
    },
    /// It was not done.
    Fault(Fault),
}

impl<'a> Reply<'a> {
    /// The frame's kind.
    pub fn kind(&self) -> u8 {
        match self {
            Reply::Hello(_) => 0x81,
            Reply::Done => 0x82,
            Reply::Filling => 0x83,
            Reply::Forecast { .. } => 0x84,
            Reply::Sample { .. } => 0x85,
            Reply::Fault(_) => 0xC0,
        }
    }

    /// Writes the reply as it goes on the line.
    pub fn encode<'o>(&self, number: u16, line: &'o mut [u8; ENCODED]) -> &'o [u8] {
        let mut body = Writer::new();
        match self {
            Reply::Hello(hello) => hello.put(&mut body),
            Reply::Done | Reply::Filling => {}
            Reply::Forecast { first, values } | Reply::Sample { first, values } => {
                body.put(&first.to_le_bytes()).put(values.0);
            }
            Reply::Fault(fault) => {
                let (code, detail) = fault.to_code();
                body.put(&[code]).put(&detail.to_le_bytes());
            }
        }
        encode(&Frame { kind: self.kind(), number, body: body.bytes() }, line)
    }

    /// What a frame answers.
    pub fn read(frame: &Frame<'a>) -> Result<Self, Malformed> {
        let kind = frame.kind;
        let mut body = Reader(frame.body);
        let reply = match kind {
            0x81 => Hello::read(&mut body).map(Reply::Hello),
            0x82 => Some(Reply::Done),
            0x83 => Some(Reply::Filling),
            0x84 => body.u16().and_then(|first| Some(Reply::Forecast { first, values: Values::read(body.rest())? })),
            0x85 => body.u16().and_then(|first| Some(Reply::Sample { first, values: Values::read(body.rest())? })),
            0xC0 => body.u8().and_then(|code| Some(Reply::Fault(Fault::from_code(code, body.u32()?)?))),
            _ => return Err(Malformed { kind, known: false }),
        };
        reply.filter(|_| body.0.is_empty()).ok_or(Malformed { kind, known: true })
    }
}

impl Hello {
    fn put(&self, body: &mut Writer) {
        let (unit, count) = match self.interval {
            Interval::Unknown => (0, 0),
            Interval::Microseconds(count) => (1, count),
            Interval::Months(count) => (2, count.into()),
        };
        body.put(&[self.version, u8::from(self.measures) | u8::from(self.saves) << 1, unit]);
        body.put(&count.to_le_bytes()).put(&self.digest.to_le_bytes()).put(&self.capacity.to_le_bytes());
        for size in [self.features, self.targets, self.lookback, self.horizon] {
            body.put(&size.to_le_bytes());
        }
    }

    fn read(body: &mut Reader<'_>) -> Option<Self> {
        let [version, flags, unit] = body.array()?;
        let interval = match (unit, body.u64()?) {
            (0, 0) => Interval::Unknown,
            (1, count) => Interval::Microseconds(count),
            (2, count) => Interval::Months(u32::try_from(count).ok()?),
            _ => return None,
        };
        let (digest, capacity) = (body.u32()?, body.u32()?);
        let [features, targets, lookback, horizon] = [body.u16()?, body.u16()?, body.u16()?, body.u16()?];
        let (measures, saves) = (flags & 1 != 0, flags & 2 != 0);
        (flags < 4).then_some(Hello {
            version,
            digest,
            interval,
            features,
            targets,
            lookback,
            horizon,
            measures,
            saves,
            capacity,
        })
    }
}
