//! The model file: a header, a manifest, and records of tensors that are read in place. [`specification`] describes it byte by byte.
//!
//! Reading is checked once, as a whole, before anything is used; the trainer writes through the same types.

mod checksum;
mod error;
mod header;
mod manifest;
mod record;

#[doc = include_str!("FORMAT.md")]
pub mod specification {}

pub(crate) use checksum::snapshot_checksum;
pub use checksum::{checksum, forecast_checksum};
pub use error::{Dimension, LoadError};
pub use header::{ALIGNMENT, FORMAT_VERSION, HEADER_LENGTH, Header, Image, MAGIC};
pub use manifest::{Arithmetic, Functions, Interval, Layout, Manifest, Mode, Normalization, Provenance, Series, Window};
pub use record::{Cursor, Fields, RECORD_HEADER_LENGTH, Record, RecordHeader, RecordKind};
