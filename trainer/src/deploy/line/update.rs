//! A new model to a board over its line.

use std::io::{Read, Write};

use embedded_rnn_link::{CHUNK, Fault, Request};

use super::desk::{AskError, Desk};
use crate::error::{Error, Result};

/// Sends a model file with this CRC-32; when this returns with success, the board runs it. `each` is told of the bytes sent.
pub fn update<L: Read + Write>(desk: &mut Desk<L>, file: &[u8], digest: u32, mut each: impl FnMut(usize)) -> Result<()> {
    let before = desk.hello()?;
    if before.digest == digest {
        return Ok(());
    }
    let too_long = |capacity| Error::failed(format!("the model has {} bytes and the board's slot {capacity}", file.len()));
    let length = u32::try_from(file.len()).map_err(|_| too_long(before.capacity))?;
    if before.capacity == 0 {
        return Err(Error::failed("the board has no slot for a new model; deploy the model with its firmware"));
    }
    if length > before.capacity {
        return Err(too_long(before.capacity));
    }
    desk.ask(&Request::Begin { length, digest })?;
    for (bytes, offset) in file.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        desk.ask(&Request::Chunk { offset, bytes })?;
        each(offset as usize + bytes.len());
    }
    // A board that switched to the new model has forgotten the request: what it runs now is the answer.
    match desk.ask(&Request::Finish) {
        Ok(_) | Err(AskError::Silent { .. } | AskError::Fault(Fault::NotBegun)) => {}
        Err(error) => return Err(error.into()),
    }
    let after = desk.hello()?.digest;
    if after == digest {
        return Ok(());
    }
    Err(Error::failed(format!("the board runs the model {after:08x} after the update, and {digest:08x} was sent")))
}
