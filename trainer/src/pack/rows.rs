//! Rows of an integer layer in every order that a file may have them in, and back.

use embedded_rnn::arithmetic::{Block, Place};
use embedded_rnn::image::Layout;

use super::writer::bytes;
use crate::quantize::{QuantizedRows, pair_blocks};

/// Rows as a file holds them, in no particular order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlainRows {
    /// `[H]`: columns of each block of packed pairs of each unit.
    pub blocks: Vec<Vec<usize>>,
    /// Columns of a row, padding left out.
    pub columns: usize,
    /// `[4H][columns]`, gate-major.
    pub weights: Vec<i8>,
    /// `[4H]`
    pub bias: Vec<i32>,
    /// `[4H]`: multipliers, or words of them.
    pub scales: Vec<i32>,
}

/// What a file says of rows outside of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    /// H
    pub hidden: usize,
    /// Columns of a row, padding left out.
    pub columns: usize,
    /// Columns that are not among these rows' but come before them.
    pub before: usize,
    /// Words of the stream where columns are in blocks, otherwise 0.
    pub words: usize,
    /// The largest absolute activation of each column.
    pub largest: &'a [i64],
}

/// The place of block `number` of `count`.
fn place(number: usize, count: usize) -> Place {
    match number + 1 {
        _ if count == 1 => Place::Whole,
        last if last == count => Place::Last,
        _ => Place::Inner,
    }
}

/// Columns of a group of a layout.
pub(super) fn group(layout: Layout) -> usize {
    if layout == Layout::RowMajor { 8 } else { 4 }
}

/// A unit's words, those of blocks taken out, and the columns of its blocks.
struct UnitWords {
    words: Vec<u32>,
    blocks: Vec<usize>,
}

/// Takes a unit of so many columns from the front of a stream.
fn unit_words(stream: &[u32], columns: usize, in_blocks: bool) -> Option<(UnitWords, &[u32])> {
    if !in_blocks {
        let (unit, rest) = stream.split_at_checked(columns + 8)?;
        return Some((UnitWords { words: unit.to_vec(), blocks: vec![columns] }, rest));
    }
    let (biases, mut rest) = stream.split_at_checked(4)?;
    let (mut words, mut blocks) = (biases.to_vec(), Vec::new());
    while words.len() < columns + 4 {
        let (word, after) = rest.split_first()?;
        let block = Block::from_word(*word)?;
        let (taken, after) = after.split_at_checked(block.columns)?;
        words.extend(taken);
        blocks.push(block.columns);
        rest = after;
    }
    let (scales, rest) = rest.split_at_checked(4)?;
    words.extend(scales);
    Some((UnitWords { words, blocks }, rest))
}

/// Words of a row's columns: `before % group` that meet zero weights, the columns, and padding.
fn padded(layout: Layout, before: usize, columns: usize) -> usize {
    (before % group(layout) + columns).next_multiple_of(group(layout))
}

impl PlainRows {
    /// Rows over all their columns.
    pub fn of(rows: &QuantizedRows) -> Self {
        let QuantizedRows { columns, blocks, weights, bias, multiplier } = rows.clone();
        PlainRows { blocks, columns, weights, bias, scales: multiplier }
    }

    /// Rows over h, whose first `inputs % 4` columns are of x and meet zero weights.
    pub fn recurrent(rows: &QuantizedRows, inputs: usize) -> Self {
        let before = inputs % 4;
        let weights = rows.weights.chunks_exact(rows.columns).flat_map(|row| &row[before..]).copied().collect();
        PlainRows { columns: rows.columns - before, weights, ..Self::of(rows) }
    }

    fn weight(&self, row: usize, column: Option<usize>) -> i32 {
        match column {
            Some(column) if column < self.columns => i32::from(self.weights[row * self.columns + column]),
            _ => 0,
        }
    }

    /// Whether some unit's columns are in several blocks; then those of all units are behind blocks' words.
    fn in_blocks(&self) -> bool {
        self.blocks.iter().any(|blocks| blocks.len() > 1)
    }

    /// The units, and their words where their columns are in blocks, otherwise 0. `before`: columns that are not among these rows' but
    /// come before them; `exact`: scales are multipliers, of which those of the gates i and g are divided in packed pairs.
    pub fn write(&self, layout: Layout, before: usize, exact: bool) -> (u32, Vec<u8>) {
        let hidden = self.bias.len() / 4;
        let mut words: Vec<u32> = Vec::new();
        for unit in 0..hidden {
            let rows = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
            if layout == Layout::RowMajor {
                self.write_rows(&mut words, rows, before);
            } else {
                self.write_pairs(&mut words, unit, rows, before, exact);
            }
        }
        let in_blocks = layout == Layout::PackedPair && self.in_blocks();
        (if in_blocks { words.len() as u32 } else { 0 }, bytes(&words).to_vec())
    }

    fn write_rows(&self, words: &mut Vec<u32>, rows: [usize; 4], before: usize) {
        let skipped = before % group(Layout::RowMajor);
        words.extend(rows.map(|row| self.bias[row] as u32));
        for first in (0..padded(Layout::RowMajor, before, self.columns)).step_by(8) {
            for row in rows {
                let four = |first: usize| {
                    u32::from_le_bytes([0, 1, 2, 3].map(|k| self.weight(row, (first + k).checked_sub(skipped)) as u8))
                };
                words.extend([four(first), four(first + 4)]);
            }
        }
        words.extend(rows.map(|row| self.scales[row] as u32));
    }

    fn write_pairs(&self, words: &mut Vec<u32>, unit: usize, rows: [usize; 4], before: usize, exact: bool) {
        let skipped = before % group(Layout::PackedPair);
        let blocks = &self.blocks[unit];
        let pairs = [[rows[0], rows[1]], [rows[2], rows[3]]];
        for [a, b] in pairs {
            let (bias_a, bias_b) = (self.bias[a], self.bias[b]);
            words.extend([bias_a.wrapping_mul(256).wrapping_add(bias_b) as u32, bias_b as u32]);
        }
        let in_blocks = self.in_blocks();
        let mut start = 0;
        for (number, columns) in blocks.iter().enumerate() {
            if in_blocks {
                words.push(Block { columns: *columns, place: place(number, blocks.len()) }.word());
            }
            for column in (start..start + columns).step_by(2) {
                for [a, b] in pairs {
                    let half = |column: usize| {
                        let column = column.checked_sub(skipped);
                        (256 * self.weight(a, column) + self.weight(b, column)) as u16
                    };
                    words.push(u32::from(half(column)) | u32::from(half(column + 1)) << 16);
                }
            }
            start += columns;
        }
        for [a, b] in pairs {
            words.extend([(if exact { self.scales[a] / 256 } else { self.scales[a] }) as u32, self.scales[b] as u32]);
        }
    }

    /// Reads what [`Self::write`] wrote, and the number of bytes. Nothing if there are too few, or if rows in row-major order, which do not
    /// tell the blocks, exceed the packed pair's bound.
    pub fn read(bytes: &[u8], layout: Layout, exact: bool, shape: Shape<'_>) -> Option<(Self, usize)> {
        let Shape { hidden, columns, before, words, largest } = shape;
        let padded_columns = padded(layout, before, columns);
        let length = 4 * if words == 0 { hidden * (padded_columns + 8) } else { words };
        let stream: Vec<u32> = bytes.get(..length)?.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let mut rows = PlainRows {
            blocks: Vec::new(),
            columns,
            weights: vec![0; 4 * hidden * columns],
            bias: vec![0; 4 * hidden],
            scales: vec![0; 4 * hidden],
        };
        let mut stream = &stream[..];
        for unit in 0..hidden {
            let numbers = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
            let (unit, rest) = unit_words(stream, padded_columns, words > 0)?;
            stream = rest;
            if layout == Layout::RowMajor {
                rows.read_rows(&unit.words, numbers, before);
                let blocks = rows.blocks_of([numbers[0], numbers[2]], before, largest)?;
                rows.blocks.push(blocks);
            } else {
                rows.read_pairs(&unit.words, numbers, before, exact);
                rows.blocks.push(unit.blocks);
            }
        }
        Some((rows, length))
    }

    /// The blocks of a unit whose rows in A slots are these.
    fn blocks_of(&self, rows: [usize; 2], before: usize, largest: &[i64]) -> Option<Vec<usize>> {
        let before = before % group(Layout::PackedPair);
        let zeros = std::iter::repeat_n(0, before);
        let largest: Vec<i64> = zeros.chain(largest.iter().copied()).collect();
        let weights = rows.map(|row| {
            let own = &self.weights[row * self.columns..][..self.columns];
            std::iter::repeat_n(0, before).chain(own.iter().copied()).collect::<Vec<i8>>()
        });
        pair_blocks(&[(&weights[0], self.bias[rows[0]]), (&weights[1], self.bias[rows[1]])], &largest)
    }

    fn set(&mut self, row: usize, column: Option<usize>, weight: i8) {
        if let Some(column) = column.filter(|column| *column < self.columns) {
            self.weights[row * self.columns + column] = weight;
        }
    }

    fn read_rows(&mut self, words: &[u32], rows: [usize; 4], before: usize) {
        let skipped = before % group(Layout::RowMajor);
        let (ends, middle) = (words.len() - 4, &words[4..words.len() - 4]);
        for (gate, row) in rows.into_iter().enumerate() {
            (self.bias[row], self.scales[row]) = (words[gate] as i32, words[ends + gate] as i32);
            for (number, group) in middle.chunks_exact(8).enumerate() {
                for k in 0..8 {
                    let weight = group[2 * gate + k / 4].to_le_bytes()[k % 4] as i8;
                    self.set(row, (8 * number + k).checked_sub(skipped), weight);
                }
            }
        }
    }

    fn read_pairs(&mut self, words: &[u32], rows: [usize; 4], before: usize, exact: bool) {
        let skipped = before % group(Layout::PackedPair);
        let (ends, middle) = (words.len() - 4, &words[4..words.len() - 4]);
        for pair in [0, 1] {
            let (a, b) = (rows[2 * pair], rows[2 * pair + 1]);
            let [both, low] = [words[2 * pair] as i32, words[2 * pair + 1] as i32];
            (self.bias[a], self.bias[b]) = (both.wrapping_sub(low) >> 8, low);
            let scale = words[ends + 2 * pair] as i32;
            (self.scales[a], self.scales[b]) =
                (if exact { scale.wrapping_mul(256) } else { scale }, words[ends + 2 * pair + 1] as i32);
            for (number, two) in middle.chunks_exact(2).enumerate() {
                for k in 0..2 {
                    let half = (two[pair] >> (16 * k)) as i16;
                    let w_b = half as i8;
                    let w_a = ((i32::from(half) - i32::from(w_b)) / 256) as i8;
                    let column = (2 * number + k).checked_sub(skipped);
                    self.set(a, column, w_a);
                    self.set(b, column, w_b);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number of columns and of columns before them, in both orders, with blocks and without, back to the same rows; the biases of
    /// A slots as small as the packed pair's bound makes them. The row-major order finds the blocks again.
    #[test]
    fn rows_survive_every_order() {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for (hidden, columns, before) in (1..20).map(|k| (1 + k % 3, 5 * k as usize, (7 * k % 17) as usize)) {
            for (exact, most) in [(true, 2048), (false, 2048), (true, 30_000)] {
                let many = |random: &mut dyn FnMut() -> u32, count: u32| (0..count).map(|_| random()).collect::<Vec<u32>>();
                let largest = vec![most; columns];
                let rows = PlainRows {
                    blocks: Vec::new(),
                    columns,
                    weights: many(&mut random, 4 * hidden * columns as u32).iter().map(|v| (v % 127) as i8 - 63).collect(),
                    bias: many(&mut random, 4 * hidden).iter().map(|v| *v as i32 % (1 << 19) - (1 << 18)).collect(),
                    scales: many(&mut random, 4 * hidden).iter().map(|v| (v << 8) as i32 & 0x7fff_ff00).collect(),
                };
                let units = 0..hidden as usize;
                let blocks = units.map(|unit| rows.blocks_of([unit, 2 * hidden as usize + unit], before, &largest).unwrap());
                let rows = PlainRows { blocks: blocks.collect(), ..rows.clone() };
                assert!(most == 2048 || columns < 40 || rows.in_blocks());
                for layout in [Layout::PackedPair, Layout::RowMajor] {
                    let (words, bytes) = rows.write(layout, before, exact);
                    assert_eq!(words > 0, layout == Layout::PackedPair && rows.in_blocks());
                    let shape = Shape { hidden: hidden as usize, columns, before, words: words as usize, largest: &largest };
                    assert_eq!(PlainRows::read(&bytes, layout, exact, shape), Some((rows.clone(), bytes.len())));
                    assert_eq!(PlainRows::read(&bytes[1..], layout, exact, shape), None);
                }
            }
        }
    }
}
