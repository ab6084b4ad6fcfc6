//! What the assembly reads and keeps beside its registers: its arguments, where the calling convention puts them.
//!
//! A frame is passed by value: the first four words go in `r0`-`r3`, the others lie at the stack pointer and are the callee's to change,
//! so that nothing is copied. Offsets from the stack pointer are told.

use core::mem::MaybeUninit;

use crate::arithmetic::{Rows, table_middle};

/// Callee-saved registers, for as long as the assembly runs.
pub(super) type Saved = MaybeUninit<[u32; 9]>;

/// Activations that `ldm` may read: they begin at a multiple of 4, and are a multiple of 4 in number, at least 4.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a>(&'a [i16]);

impl<'a> Columns<'a> {
    /// Of `x|h`, if it is so.
    #[inline(always)]
    pub fn new(xh: &'a [i16]) -> Option<Self> {
        let aligned = xh.as_ptr().addr().is_multiple_of(4);
        (aligned && !xh.is_empty() && xh.len().is_multiple_of(4)).then_some(Columns(xh))
    }
}

/// What the text of products reads and keeps, and the constants of what follows it.
#[repr(C)]
pub(super) struct Products<C, F> {
    /// `r0`
    stream: *const u32,
    /// `r1`
    saved: *mut Saved,
    /// `r2`: which entry of the loop a unit begins with, see [`super::entry`].
    first: u32,
    /// `r3`
    unused: MaybeUninit<u32>,
    /// 0
    columns: *const i16,
    /// 4: where a unit begins; set by the assembly.
    entry: MaybeUninit<u32>,
    /// 8 to 36: in the order of the registers `r7`-`r12` and `lr`.
    constants: C,
    /// 36: where the block ends, less a byte where others follow it, less two where it is the last of several.
    block_end: *const i16,
    /// 40: A accumulators of the blocks that are done.
    extracted: [i32; 2],
    /// 48
    saved_again: *mut Saved,
    /// 52
    further: F,
}

/// The entry of units whose columns are in blocks.
const IN_BLOCKS: u32 = 4;

impl<C, F> Products<C, F> {
    /// For `units` rows of four gates over these columns; none where their numbers disagree.
    #[inline(always)]
    pub fn new(rows: &Rows<'_>, units: usize, columns: Columns<'_>, saved: &mut Saved, constants: C, further: F) -> Option<Self> {
        const { assert!(size_of::<C>() == 28) }
        let Columns(columns) = columns;
        if units == 0 || units != rows.units || columns.len() != rows.columns {
            return None;
        }
        // Addresses that are compared, and never read from.
        let columns = columns.as_ptr_range();
        let first = if rows.in_blocks { IN_BLOCKS } else { rows.columns as u32 / 4 % 4 };
        Some(Products {
            stream: rows.stream.as_ptr(),
            saved,
            first,
            unused: MaybeUninit::uninit(),
            columns: columns.start,
            entry: MaybeUninit::uninit(),
            constants,
            block_end: columns.end,
            extracted: [0; 2],
            saved_again: saved,
            further,
        })
    }
}

/// Constants of [`super::cell`].
#[repr(C)]
pub(super) struct Cell {
    /// `r7`: minus the units that are left.
    unit: i32,
    /// `r8`
    c_end: *mut i32,
    /// `r9`
    h_end: *mut i16,
    /// `r10`
    table: *const u32,
    /// `r11`
    #[cfg(kernel_dsp)]
    fraction: u32,
    /// `r11`
    #[cfg(not(kernel_dsp))]
    bases: *const i16,
    /// `r12`
    half_gate: u32,
    /// `lr`
    half_output: u32,
}

impl Cell {
    /// Of as many units as both have; none where their numbers disagree.
    #[inline(always)]
    pub fn new(c: &mut [i32], h: &mut [i16]) -> Option<Self> {
        (c.len() == h.len()).then(|| Cell {
            unit: (c.len() as i32).wrapping_neg(),
            c_end: c.as_mut_ptr_range().end,
            h_end: h.as_mut_ptr_range().end,
            table: table_middle(),
            #[cfg(kernel_dsp)]
            fraction: 256 << 16,
            // The high halfwords.
            #[cfg(not(kernel_dsp))]
            bases: table_middle().cast::<i16>().wrapping_add(1),
            half_gate: 1 << 30,
            half_output: 1 << 20,
        })
    }
}
