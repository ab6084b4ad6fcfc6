//! Saved states: the model's digest, the content, and a CRC-32 over the kind of content and both, so that neither another model, nor a
//! half-written page, nor a forecaster's history is taken for a session's state.

use super::SnapshotError;
use crate::image::snapshot_checksum;

/// Bytes of digest and checksum.
pub(crate) const OVERHEAD: usize = 8;

/// What a snapshot holds.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Content {
    /// A forecaster's samples.
    History = 1,
    /// A session's network state.
    State = 2,
    /// What a monitor has learned.
    Monitor = 3,
}

/// Writes a snapshot of exactly `length` bytes; `content` hands its parts to the writer that it is given.
pub(crate) fn save(
    buffer: &mut [u8],
    kind: Content,
    length: usize,
    digest: u32,
    content: impl FnOnce(&mut dyn FnMut(&[u8])),
) -> Result<(), SnapshotError> {
    let found = buffer.len();
    let wrong = SnapshotError::Length { expected: length, found };
    if found != length {
        return Err(wrong);
    }
    let (body, checksum) = buffer.split_last_chunk_mut::<4>().ok_or(wrong)?;
    let (model, space) = body.split_first_chunk_mut::<4>().ok_or(wrong)?;
    *model = digest.to_le_bytes();
    space.fill(0);
    let mut rest = &mut space[..];
    content(&mut |part| {
        if let Some((slot, behind)) = core::mem::take(&mut rest).split_at_mut_checked(part.len()) {
            slot.copy_from_slice(part);
            rest = behind;
        }
    });
    *checksum = snapshot_checksum(kind as u8, body).to_le_bytes();
    Ok(())
}

/// The content of a snapshot that belongs to the model and is whole.
pub(crate) fn open(buffer: &[u8], kind: Content, length: usize, digest: u32) -> Result<&[u8], SnapshotError> {
    let wrong = SnapshotError::Length { expected: length, found: buffer.len() };
    if buffer.len() != length {
        return Err(wrong);
    }
    let (body, checksum) = buffer.split_last_chunk::<4>().ok_or(wrong)?;
    if snapshot_checksum(kind as u8, body) != u32::from_le_bytes(*checksum) {
        return Err(SnapshotError::Damaged);
    }
    let (model, content) = body.split_first_chunk::<4>().ok_or(wrong)?;
    let found = u32::from_le_bytes(*model);
    if found == digest { Ok(content) } else { Err(SnapshotError::OtherModel { expected: digest, found }) }
}
