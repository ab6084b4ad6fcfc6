//! Blocks of columns: what a stream of packed pairs says of them, where not every unit's columns are one block.

/// Where a block stands among its unit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the unit's only one.
    Whole,
    /// Another one follows it.
    Inner,
    /// It is the last of several.
    Last,
}

/// A block of columns, over which a kernel of packed pairs sums before it extracts the A accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Columns: a multiple of 4.
    pub columns: usize,
    /// Where it stands.
    pub place: Place,
}

impl Block {
    /// The word `2*columns - place` that comes before the block's columns.
    pub const fn word(self) -> u32 {
        let place = match self.place {
            Place::Whole => 0,
            Place::Inner => 1,
            Place::Last => 2,
        };
        (2 * self.columns as u32).wrapping_sub(place)
    }

    /// What a word says; none if it is no block's.
    #[inline(always)]
    pub const fn from_word(word: u32) -> Option<Self> {
        let place = match word % 8 {
            0 => Place::Whole,
            7 => Place::Inner,
            6 => Place::Last,
            _ => return None,
        };
        let columns = word.div_ceil(8) as usize * 4;
        Some(Block { columns, place })
    }
}

/// Whether a stream is of `units` units, each with blocks that have `columns` columns together: four biases, before each block its word
/// and after it a word a column, four multipliers.
pub(super) fn well_formed(mut stream: &[u32], units: usize, columns: usize) -> bool {
    for _ in 0..units {
        match unit(stream, columns) {
            Some(rest) => stream = rest,
            None => return false,
        }
    }
    stream.is_empty()
}

/// What follows a unit; none if it is not as it should be.
fn unit(stream: &[u32], columns: usize) -> Option<&[u32]> {
    let (_, mut rest) = stream.split_at_checked(4)?;
    let mut done = 0;
    loop {
        let (word, words) = rest.split_first()?;
        let block = Block::from_word(*word)?;
        let end = done + block.columns;
        let fits = match block.place {
            Place::Whole => done == 0 && end == columns,
            Place::Inner => end < columns,
            Place::Last => done > 0 && end == columns,
        };
        if !fits || block.columns == 0 {
            return None;
        }
        rest = words.split_at_checked(block.columns)?.1;
        done = end;
        if end == columns {
            return Some(rest.split_at_checked(4)?.1);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn words_say_what_they_were_made_of() {
        for columns in (4..600).step_by(4) {
            for place in [Place::Whole, Place::Inner, Place::Last] {
                let block = Block { columns, place };
                assert_eq!(Block::from_word(block.word()), Some(block));
            }
        }
        for word in [1, 2, 3, 4, 5, 9, 13] {
            assert_eq!(Block::from_word(word), None);
        }
    }

    fn stream(units: &[&[Block]]) -> Vec<u32> {
        let mut words = Vec::new();
        for blocks in units {
            words.extend([5; 4]);
            for block in *blocks {
                words.push(block.word());
                words.extend(vec![3; block.columns]);
            }
            words.extend([7; 4]);
        }
        words
    }

    #[test]
    fn units_have_all_columns_once() {
        let block = |columns, place| Block { columns, place };
        let whole = [block(12, Place::Whole)];
        let split = [block(4, Place::Inner), block(8, Place::Last)];
        let three = [block(4, Place::Inner), block(4, Place::Inner), block(4, Place::Last)];
        let good = stream(&[&split, &whole, &three]);
        assert!(well_formed(&good, 3, 12));
        assert!(!well_formed(&good, 2, 12) && !well_formed(&good, 4, 12) && !well_formed(&good, 3, 16));
        assert!(!well_formed(&good[..good.len() - 1], 3, 12));
        for bad in [
            &[block(12, Place::Last)][..],
            &[block(8, Place::Whole), block(4, Place::Last)],
            &[block(8, Place::Inner), block(8, Place::Last)],
            &[block(8, Place::Inner), block(4, Place::Inner)],
            &[block(8, Place::Inner), block(4, Place::Whole)],
            &[block(0, Place::Inner), block(12, Place::Last)],
            &[block(8, Place::Whole)],
        ] {
            assert!(!well_formed(&stream(&[bad]), 1, 12), "{bad:?}");
        }
    }
}
