//! Rows of an integer layer in every order that a file may have them in, and back.

use embedded_rnn::image::Layout;

use super::writer::bytes;
use crate::quantize::QuantizedRows;

/// Rows as a file holds them, in no particular order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlainRows {
    /// Columns of each block of packed pairs.
    pub blocks: Vec<usize>,
    /// Columns of a row, padding left out.
    pub columns: usize,
    /// `[4H][columns]`, gate-major.
    pub weights: Vec<i8>,
    /// `[4H]`
    pub bias: Vec<i32>,
    /// `[4H]`: multipliers, or words of them.
    pub scales: Vec<i32>,
}

/// Columns of a group of a layout.
pub(super) fn group(layout: Layout) -> usize {
    if layout == Layout::RowMajor { 8 } else { 4 }
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

    /// The blocks, then the units. `before`: columns that are not among these rows' but come before them; `exact`: scales are
    /// multipliers, of which those of the gates i and g are divided in packed pairs.
    pub fn write(&self, layout: Layout, before: usize, exact: bool) -> Vec<u8> {
        let mut blocks: Vec<u32> = self.blocks.iter().map(|columns| *columns as u32).collect();
        // The stream after them is read four words at a time.
        blocks.resize(blocks.len().next_multiple_of(4), 0);
        let hidden = self.bias.len() / 4;
        let mut words: Vec<u32> = Vec::new();
        for unit in 0..hidden {
            let rows = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
            if layout == Layout::RowMajor {
                self.write_rows(&mut words, rows, before);
            } else {
                self.write_pairs(&mut words, rows, before, exact);
            }
        }
        [bytes(&blocks), bytes(&words)].concat()
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

    fn write_pairs(&self, words: &mut Vec<u32>, rows: [usize; 4], before: usize, exact: bool) {
        let skipped = before % group(Layout::PackedPair);
        let pairs = [[rows[0], rows[1]], [rows[2], rows[3]]];
        for [a, b] in pairs {
            let (bias_a, bias_b) = (self.bias[a], self.bias[b]);
            words.extend([bias_a.wrapping_mul(256).wrapping_add(bias_b) as u32, bias_b as u32]);
        }
        for column in (0..padded(Layout::PackedPair, before, self.columns)).step_by(2) {
            for [a, b] in pairs {
                let half = |column: usize| {
                    let column = column.checked_sub(skipped);
                    (256 * self.weight(a, column) + self.weight(b, column)) as u16
                };
                words.push(u32::from(half(column)) | u32::from(half(column + 1)) << 16);
            }
        }
        for [a, b] in pairs {
            words.extend([(if exact { self.scales[a] / 256 } else { self.scales[a] }) as u32, self.scales[b] as u32]);
        }
    }

    /// Reads what [`Self::write`] wrote: `count` blocks and `hidden` units of `columns` columns. The number of bytes is also given;
    /// nothing if there are too few.
    pub fn read(
        bytes: &[u8],
        layout: Layout,
        before: usize,
        exact: bool,
        [count, hidden, columns]: [usize; 3],
    ) -> Option<(Self, usize)> {
        let unit = padded(layout, before, columns) + 8;
        let listed = count.next_multiple_of(4);
        let length = 4 * (listed + hidden * unit);
        let words: Vec<u32> = bytes.get(..length)?.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let (blocks, stream) = words.split_at(listed);
        let mut rows = PlainRows {
            blocks: blocks[..count].iter().map(|block| *block as usize).collect(),
            columns,
            weights: vec![0; 4 * hidden * columns],
            bias: vec![0; 4 * hidden],
            scales: vec![0; 4 * hidden],
        };
        for (unit, words) in stream.chunks_exact(unit).enumerate() {
            let numbers = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
            if layout == Layout::RowMajor {
                rows.read_rows(words, numbers, before);
            } else {
                rows.read_pairs(words, numbers, before, exact);
            }
        }
        Some((rows, length))
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

    /// Every number of columns and of columns before them, in both orders, back to the same rows; the biases of A slots as small as
    /// the packed pair's bound makes them.
    #[test]
    fn rows_survive_every_order() {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for layout in [Layout::PackedPair, Layout::RowMajor] {
            for (hidden, columns, before) in (1..20).map(|k| (1 + k % 3, k as usize, (7 * k % 17) as usize)) {
                for exact in [true, false] {
                    let many = |random: &mut dyn FnMut() -> u32, count: u32| (0..count).map(|_| random()).collect::<Vec<u32>>();
                    let rows = PlainRows {
                        blocks: vec![4; columns.div_ceil(4)],
                        columns,
                        weights: many(&mut random, 4 * hidden * columns as u32).iter().map(|v| (v % 255) as i8).collect(),
                        bias: many(&mut random, 4 * hidden).iter().map(|v| *v as i32 % (1 << 22) - (1 << 21)).collect(),
                        scales: many(&mut random, 4 * hidden).iter().map(|v| (v << 8) as i32 & 0x7fff_ff00).collect(),
                    };
                    let rows = PlainRows { weights: rows.weights.iter().map(|w| (*w).max(-127)).collect(), ..rows };
                    let bytes = rows.write(layout, before, exact);
                    let sizes = [rows.blocks.len(), hidden as usize, columns];
                    assert_eq!(PlainRows::read(&bytes, layout, before, exact, sizes), Some((rows, bytes.len())));
                    assert_eq!(PlainRows::read(&bytes[1..], layout, before, exact, sizes), None);
                }
            }
        }
    }
}
