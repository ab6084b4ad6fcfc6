//! The line protocol between a board and a desk: samples in, forecasts out, models up. No heap; both sides use it.
//!
//! A [`Frame`] is a kind, a number and a body, with a CRC-32, between zero bytes. A [`Decoder`] takes a line's bytes one by one and finds
//! frames again after any noise. [`Request`] and [`Reply`] are what bodies mean. [`protocol`] describes all of it byte by byte.
#![no_std]
#![forbid(unsafe_code)]

mod body;
mod decoder;
mod fault;
mod frame;
mod reply;
mod request;
mod values;

#[doc = include_str!("../../PROTOCOL.md")]
pub mod protocol {}

pub use body::Malformed;
pub use decoder::{Damage, Decoder};
pub use fault::Fault;
pub use frame::{ENCODED, Frame, MAX_BODY, encode};
pub use reply::{Hello, Reply};
pub use request::Request;
pub use values::{PART, Values};

/// The version of this protocol.
pub const VERSION: u8 = 1;

/// Bytes of a model that one [`Request::Chunk`] carries at most.
pub const CHUNK: usize = 224;
