//! Records written into memory that the caller lends.

use embedded_rnn::image::{ALIGNMENT, RecordHeader, RecordKind};

/// Words of a record's header.
const HEADER: usize = 4;

/// Collects a record's tensors behind the place of its header.
pub struct Writer<'a> {
    words: &'a mut [u32],
    used: usize,
    fits: bool,
}

impl<'a> Writer<'a> {
    /// Writes to the memory's beginning.
    pub fn new(memory: &'a mut [u64]) -> Self {
        let words = bytemuck::cast_slice_mut(memory);
        Writer { fits: words.len() >= HEADER, words, used: HEADER }
    }

    /// One word more.
    pub fn word(&mut self, word: u32) {
        match self.words.get_mut(self.used) {
            Some(place) => *place = word,
            None => self.fits = false,
        }
        self.used += 1;
    }

    /// The place of the next word.
    pub fn place(&self) -> usize {
        self.used
    }

    /// A word in another one's place.
    pub fn replace(&mut self, place: usize, word: u32) {
        if let Some(old) = self.words.get_mut(place) {
            *old = word;
        }
    }

    /// Keeps of a word the bits that a mask has.
    pub fn mask(&mut self, place: usize, mask: u32) {
        if let Some(word) = self.words.get_mut(place) {
            *word &= mask;
        }
    }

    /// Integers.
    pub fn integers<const N: usize>(&mut self, values: [i32; N]) {
        values.into_iter().for_each(|value| self.word(value as u32));
    }

    /// Numbers.
    pub fn floats<const N: usize>(&mut self, values: [f32; N]) {
        values.into_iter().for_each(|value| self.word(value.to_bits()));
    }

    /// The record's bytes; none where the memory is too small for it.
    pub fn finish(mut self, kind: RecordKind, form: u16, inputs: usize, outputs: usize) -> Option<&'a [u8]> {
        let length = 4 * (self.used - HEADER) as u32;
        while !self.used.is_multiple_of(ALIGNMENT / 4) {
            self.word(0);
        }
        if !self.fits {
            return None;
        }
        let header = RecordHeader { kind, form, inputs: inputs as u16, outputs: outputs as u16, length };
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(self.words);
        bytes[..4 * HEADER].copy_from_slice(&header.to_bytes());
        Some(&bytes[..4 * self.used])
    }
}
