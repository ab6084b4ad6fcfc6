//! What the desk asks for.

use crate::{
    CHUNK, ENCODED, Frame, Malformed, Values,
    body::{Reader, Writer},
    frame::encode,
};

/// A request; each is answered by one reply or several, under its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Who are you? Answered by [`Reply::Hello`](crate::Reply::Hello).
    Hello {
        /// The desk's version of the protocol.
        version: u8,
    },
    /// A sample, or a part of one: columns from `first` on. The last part makes a forecast.
    Sample {
        /// The first value's column.
        first: u16,
        /// The values, raw.
        values: Values<'a>,
    },
    /// Read your own sensor; the sample is sent back, then what a sample's last part is answered with.
    Measure,
    /// Forget all samples.
    Reset,
    /// Save the history, so that it outlives a reset.
    Save,
    /// The desk has no more requests; what runs under an emulator ends.
    End,
    /// A new model comes: erase the spare slot.
    Begin {
        /// Bytes of the model file.
        length: u32,
        /// Its CRC-32.
        digest: u32,
    },
    /// The model file's next bytes.
    Chunk {
        /// Where they begin in the file.
        offset: u32,
        /// At most [`CHUNK`] bytes, and at least one.
        bytes: &'a [u8],
    },
    /// The model file is complete: test it and make it active.
    Finish,
    /// Give the update up.
    Abort,
    /// Make the model in the other slot active again.
    Activate,
}

impl<'a> Request<'a> {
    /// The frame's kind.
    pub fn kind(&self) -> u8 {
        match self {
            Request::Hello { .. } => 0x01,
            Request::Sample { .. } => 0x02,
            Request::Measure => 0x03,
            Request::Reset => 0x04,
            Request::Save => 0x05,
            Request::End => 0x06,
            Request::Begin { .. } => 0x10,
            Request::Chunk { .. } => 0x11,
            Request::Finish => 0x12,
            Request::Abort => 0x13,
            Request::Activate => 0x14,
        }
    }

    /// Writes the request as it goes on the line.
    pub fn encode<'o>(&self, number: u16, line: &'o mut [u8; ENCODED]) -> &'o [u8] {
        let mut body = Writer::new();
        match self {
            Request::Hello { version } => body.put(&[*version]),
            Request::Sample { first, values } => body.put(&first.to_le_bytes()).put(values.0),
            Request::Begin { length, digest } => body.put(&length.to_le_bytes()).put(&digest.to_le_bytes()),
            Request::Chunk { offset, bytes } => body.put(&offset.to_le_bytes()).put(bytes),
            Request::Measure
            | Request::Reset
            | Request::Save
            | Request::End
            | Request::Finish
            | Request::Abort
            | Request::Activate => &mut body,
        };
        encode(&Frame { kind: self.kind(), number, body: body.bytes() }, line)
    }

    /// What a frame asks for.
    pub fn read(frame: &Frame<'a>) -> Result<Self, Malformed> {
        let kind = frame.kind;
        let mut body = Reader(frame.body);
        let request = match kind {
            0x01 => body.u8().map(|version| Request::Hello { version }),
            0x02 => body.u16().and_then(|first| Some(Request::Sample { first, values: Values::read(body.rest())? })),
            0x03 => Some(Request::Measure),
            0x04 => Some(Request::Reset),
            0x05 => Some(Request::Save),
            0x06 => Some(Request::End),
            0x10 => body.u32().and_then(|length| Some(Request::Begin { length, digest: body.u32()? })),
            0x11 => body
                .u32()
                .map(|offset| Request::Chunk { offset, bytes: body.rest() })
                .filter(|request| matches!(request, Request::Chunk { bytes, .. } if (1..=CHUNK).contains(&bytes.len()))),
            0x12 => Some(Request::Finish),
            0x13 => Some(Request::Abort),
            0x14 => Some(Request::Activate),
            _ => return Err(Malformed { kind, known: false }),
        };
        // A request with more fields than are known is another version's.
        request.filter(|_| body.0.is_empty()).ok_or(Malformed { kind, known: true })
    }
}
