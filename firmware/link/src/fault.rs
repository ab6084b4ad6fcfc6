//! Why something was not done.

use core::fmt;

/// A typed error: a code and one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What came was no whole frame. The reply's number is 0: the request's is not known.
    Damaged,
    /// No request has this kind.
    Unknown {
        /// The frame's kind.
        kind: u32,
    },
    /// The body is not that of a request of this kind.
    Malformed {
        /// The frame's kind.
        kind: u32,
    },
    /// The desk speaks another version of the protocol.
    Version {
        /// The board's.
        board: u32,
    },
    /// The model refuses the sample: a value is NaN or infinite.
    NotFinite {
        /// The column.
        feature: u32,
    },
    /// The model refuses the sample: a value lies outside the value transform's domain.
    OutOfDomain {
        /// The column.
        feature: u32,
    },
    /// A part of a sample came out of order, or has too many values.
    Part {
        /// The column that the next part has to begin with.
        expected: u32,
    },
    /// The sensor could not be read.
    Sensor,
    /// This board has no sensor, no place for saved histories, or no slot to write, whichever was asked for.
    Unsupported,
    /// The model does not fit the slot, or has more bytes than were announced.
    TooLong {
        /// Bytes that there are.
        capacity: u32,
    },
    /// No update has begun, or its flash failed.
    NotBegun,
    /// The chunk is not the one that follows.
    Offset {
        /// Where the next chunk begins.
        expected: u32,
    },
    /// The model's bytes are not all there.
    Incomplete {
        /// Bytes that there are.
        received: u32,
    },
    /// The file in the slot is not the one that was announced.
    Digest {
        /// The file's CRC-32.
        found: u32,
    },
    /// Not a whole model file, or one of another network than the board's firmware has.
    Refused,
    /// The model does not give the forecast that its file promises.
    SelfTest {
        /// The CRC-32 of the forecast made here.
        found: u32,
    },
    /// The flash could not be written.
    Flash,
}

impl Fault {
    /// Code and number; the number is 0 where there is none.
    pub fn to_code(self) -> (u8, u32) {
        match self {
            Fault::Damaged => (1, 0),
            Fault::Unknown { kind } => (2, kind),
            Fault::Malformed { kind } => (3, kind),
            Fault::Version { board } => (4, board),
            Fault::NotFinite { feature } => (5, feature),
            Fault::OutOfDomain { feature } => (6, feature),
            Fault::Part { expected } => (7, expected),
            Fault::Sensor => (8, 0),
            Fault::Unsupported => (9, 0),
            Fault::TooLong { capacity } => (10, capacity),
            Fault::NotBegun => (11, 0),
            Fault::Offset { expected } => (12, expected),
            Fault::Incomplete { received } => (13, received),
            Fault::Digest { found } => (14, found),
            Fault::Refused => (15, 0),
            Fault::SelfTest { found } => (16, found),
            Fault::Flash => (17, 0),
        }
    }

    /// What a code and a number mean; `None` for a code of another version.
    pub fn from_code(code: u8, number: u32) -> Option<Self> {
        Some(match code {
            1 if number == 0 => Fault::Damaged,
            2 => Fault::Unknown { kind: number },
            3 => Fault::Malformed { kind: number },
            4 => Fault::Version { board: number },
            5 => Fault::NotFinite { feature: number },
            6 => Fault::OutOfDomain { feature: number },
            7 => Fault::Part { expected: number },
            8 if number == 0 => Fault::Sensor,
            9 if number == 0 => Fault::Unsupported,
            10 => Fault::TooLong { capacity: number },
            11 if number == 0 => Fault::NotBegun,
            12 => Fault::Offset { expected: number },
            13 => Fault::Incomplete { received: number },
            14 => Fault::Digest { found: number },
            15 if number == 0 => Fault::Refused,
            16 => Fault::SelfTest { found: number },
            17 if number == 0 => Fault::Flash,
            _ => return None,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Damaged => f.write_str("the frame came damaged"),
            Fault::Unknown { kind } => write!(f, "the board knows no request of kind {kind:#04x}"),
            Fault::Malformed { kind } => write!(f, "the board cannot read a request of kind {kind:#04x}"),
            Fault::Version { board } => write!(f, "the board speaks version {board} of the protocol"),
            Fault::NotFinite { feature } => write!(f, "column {feature} of the sample is not a finite number"),
            Fault::OutOfDomain { feature } => {
                write!(f, "column {feature} of the sample lies outside the value transform's domain")
            }
            Fault::Part { expected } => write!(f, "the next part of the sample begins with column {expected}"),
            Fault::Sensor => f.write_str("the board's sensor could not be read"),
            Fault::Unsupported => f.write_str("this board cannot do that"),
            Fault::TooLong { capacity } => write!(f, "the model is longer than {capacity} bytes"),
            Fault::NotBegun => f.write_str("no update has begun"),
            Fault::Offset { expected } => write!(f, "the next chunk begins at byte {expected}"),
            Fault::Incomplete { received } => write!(f, "only {received} bytes of the model were received"),
            Fault::Digest { found } => write!(f, "the file received has the checksum {found:08x}, which was not announced"),
            Fault::Refused => f.write_str("the file is no model for this board's firmware"),
            Fault::SelfTest { found } => {
                write!(f, "the model's own test gives {found:08x} here, which its file does not promise")
            }
            Fault::Flash => f.write_str("the board's flash could not be written"),
        }
    }
}

impl core::error::Error for Fault {}
