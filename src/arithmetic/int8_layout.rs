//! The orders of an integer layer's weights in a file, each made for the instruction sets that read it fast. All give the same bits.

use core::fmt::Debug;

use super::LstmInt8;
use super::block::well_formed;
use crate::image::{Fields, Layout, LoadError, Record};
#[cfg(kernel = "armv7m")]
use crate::kernel::armv7m as paired;
use crate::kernel::joint::Padding;
#[cfg(not(kernel = "armv7m"))]
use crate::kernel::packed_pair as paired;
use crate::kernel::{int8_norm, packed_pair, row_major};
use crate::network::Form;

/// Rows of weights: of each unit four biases, a word a column, four multipliers; see [`crate::kernel`].
#[derive(Clone, Copy, Debug)]
pub struct Rows<'m> {
    /// Columns of a unit, whole groups.
    pub columns: usize,
    /// Units of the stream.
    pub units: usize,
    /// Columns are in blocks, each behind its word, as [`well_formed`] has it; otherwise they are one block and have no word.
    pub in_blocks: bool,
    /// The units.
    pub stream: &'m [u32],
}

impl<'m> Rows<'m> {
    /// No rows at all.
    pub const NONE: Self = Rows { columns: 0, units: 0, in_blocks: false, stream: &[] };

    /// Takes the stream of the record's units: of `columns` columns that begin behind `before` others, of which those behind the last
    /// whole group are in it too; and padding to whole groups. `words`: the stream's, where columns are in blocks, otherwise 0.
    pub fn read<L: IntegerLayout>(
        fields: &mut Fields<'m>,
        record: &Record<'_>,
        words: i32,
        before: usize,
        columns: usize,
    ) -> Result<Self, LoadError> {
        let columns = (before % L::COLUMNS + columns).next_multiple_of(L::COLUMNS);
        let units = record.outputs();
        if words == 0 {
            let stream = fields.slice::<u32>(units.saturating_mul(columns + 8))?;
            return Ok(Rows { columns, units, in_blocks: false, stream });
        }
        let words = usize::try_from(words).map_err(|_| record.malformed())?;
        let stream = fields.slice::<u32>(words)?;
        if L::LAYOUT == Layout::PackedPair && well_formed(stream, units, columns) {
            Ok(Rows { columns, units, in_blocks: true, stream })
        } else {
            Err(record.malformed())
        }
    }
}

mod sealed {
    use super::{Form, LstmInt8, Rows};

    /// The inner loops of a layout.
    pub trait Kernel {
        /// The accumulators `i f g o` of one unit after the other, and what the file says of their scales. `xh`: as many columns as
        /// the rows have.
        fn accumulators<'a>(rows: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a;

        /// The same, scaled to pre-activations as [`super::super::Exact`] is defined.
        fn preactivations<'a>(rows: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a;

        /// A step of a cell without layer norm in the arithmetic [`super::super::Exact`].
        fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]);

        /// A step of a cell with layer norm.
        fn normed_lstm<F: Form>(
            weights: &LstmInt8<'_, F>,
            xh: &[i16],
            c: &mut [i32],
            wide: &mut [i32],
            scratch: &mut [[i32; 4]],
            h: &mut [i16],
        );
    }
}

use sealed::Kernel;

/// An order of an integer layer's weights: [`PackedPair`] or [`RowMajor`].
pub trait IntegerLayout: sealed::Kernel + Copy + Debug + PartialEq + Send + Sync + 'static {
    /// What the file must say.
    const LAYOUT: Layout;
    /// Rows are padded to a multiple of so many columns, a power of two.
    const COLUMNS: usize;
    /// What the joint buffer is padded with.
    type Padding: Padding<i16>;
}

/// Two gates' weights of a column in a halfword: for cores with 32-bit registers, above all those with `smlad`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PackedPair {}

impl IntegerLayout for PackedPair {
    const LAYOUT: Layout = Layout::PackedPair;
    const COLUMNS: usize = 4;
    type Padding = [i16; 3];
}

impl Kernel for PackedPair {
    #[inline(always)]
    fn accumulators<'a>(rows: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
        packed_pair::accumulators(rows, xh)
    }

    #[inline(always)]
    fn preactivations<'a>(rows: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
        packed_pair::preactivations(rows, xh)
    }

    #[inline(always)]
    fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
        paired::lstm(weights, xh, c, wide, h);
    }

    #[inline(always)]
    fn normed_lstm<F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i32],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        #[cfg(kernel = "armv7m")]
        paired::normed_lstm(weights, xh, c, wide, scratch, h);
        #[cfg(not(kernel = "armv7m"))]
        int8_norm::lstm::<Self, F>(weights, xh, c, wide, scratch, h);
    }
}

/// Row after row in groups of eight columns: for cores with vectors (Cortex-M55).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowMajor {}

impl IntegerLayout for RowMajor {
    const LAYOUT: Layout = Layout::RowMajor;
    const COLUMNS: usize = 8;
    type Padding = [i16; 7];
}

impl Kernel for RowMajor {
    #[inline(always)]
    fn accumulators<'a>(rows: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = ([i32; 4], [i32; 4])> + 'a {
        row_major::accumulators(rows, xh)
    }

    #[inline(always)]
    fn preactivations<'a>(rows: &'a Rows<'_>, xh: &'a [i16]) -> impl Iterator<Item = [i32; 4]> + 'a {
        row_major::preactivations(rows, xh)
    }

    #[inline(always)]
    fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
        row_major::lstm(weights, xh, c, wide, h);
    }

    #[inline(always)]
    fn normed_lstm<F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i32],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        int8_norm::lstm::<Self, F>(weights, xh, c, wide, scratch, h);
    }
}
