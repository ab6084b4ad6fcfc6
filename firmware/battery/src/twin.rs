//! The integer number systems whose kernels are compared, each with its portable code.

use embedded_rnn::arithmetic::{Cell16, Int8, LstmInt8, Number, PackedPair, RowMajor};
use embedded_rnn::kernel::portable;
use embedded_rnn::network::Form;

use crate::random::Random;

/// A number system's step beside its portable code.
pub trait Twin: Number<Activation = i16, Wide = i32, Sum = i32> {
    /// Rows are side by side, of which none is bounded but by its `i32`.
    const ROW_MAJOR: bool;
    /// Scales are words of a shift and a number.
    const WORDS: bool;

    /// A cell state; `wild`: anywhere in its format, its ends among them.
    fn cell(random: &mut Random, wild: bool) -> Self::Cell;

    /// The portable step.
    fn portable<F: Form>(
        weights: &Self::Lstm<'_, F>,
        xh: &[i16],
        c: &mut [Self::Cell],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    );
}

/// One of an `i32` cell.
fn cell32(random: &mut Random, wild: bool) -> i32 {
    match random.below(8) {
        0 if wild => [i32::MIN, i32::MAX][random.below(2) as usize],
        _ => random.magnitude(if wild { 31 } else { 24 }),
    }
}

impl Twin for Int8 {
    const ROW_MAJOR: bool = false;
    const WORDS: bool = false;

    fn cell(random: &mut Random, wild: bool) -> i32 {
        cell32(random, wild)
    }

    fn portable<F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i32],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        portable::lstm_int8::<F>(weights, xh, c, wide, scratch, h);
    }
}

impl Twin for Int8<RowMajor> {
    const ROW_MAJOR: bool = true;
    const WORDS: bool = false;

    fn cell(random: &mut Random, wild: bool) -> i32 {
        cell32(random, wild)
    }

    fn portable<F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i32],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        portable::lstm_row_major::<F>(weights, xh, c, wide, scratch, h);
    }
}

impl Twin for Int8<PackedPair, Cell16> {
    const ROW_MAJOR: bool = false;
    const WORDS: bool = true;

    fn cell(random: &mut Random, wild: bool) -> i16 {
        match random.below(8) {
            0 if wild => [i16::MIN, i16::MAX][random.below(2) as usize],
            _ => random.magnitude(if wild { 15 } else { 13 }) as i16,
        }
    }

    fn portable<F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i16],
        wide: &mut [i32],
        _: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        portable::lstm_cell16::<F>(weights, xh, c, wide, h);
    }
}
