//! What the assembly reads and keeps beside its registers: its arguments, where the calling convention puts them.
//!
//! A frame is passed by value: the first four words go in `r0`-`r3`, the others lie at the stack pointer and are the callee's to change,
//! so that nothing is copied. Offsets from the stack pointer are told.

use core::mem::MaybeUninit;

use crate::arithmetic::Rows;

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

/// What the text of products reads and keeps, and the constants of what follows it. The assembly pushes twelve registers, the frame's first
/// words among them: offsets from the stack pointer are those after that.
#[repr(C)]
pub(super) struct Products<C, F> {
    /// `r0`
    stream: *const u32,
    /// 0, `r1`
    columns: *const i16,
    /// 4, `r2`: where a unit enters the loop: twice its groups of four columns, modulo 8, from 1 to 8; 0 where its columns are in blocks.
    entry: u32,
    /// 8, `r3`: where the block ends, less a byte where others follow it, less two where it is the last of several.
    block_end: *const i16,
    /// 48: A accumulators of the blocks that are done.
    extracted: MaybeUninit<[i32; 2]>,
    /// 56: in the order of the registers from `r7` on.
    constants: C,
    further: F,
}

impl<C, F> Products<C, F> {
    /// For `units` rows of four gates over these columns; none where their numbers disagree.
    #[inline(always)]
    pub fn new(rows: &Rows<'_>, units: usize, columns: Columns<'_>, constants: C, further: F) -> Option<Self> {
        let Columns(columns) = columns;
        if units == 0 || units != rows.units || columns.len() != rows.columns {
            return None;
        }
        let entry = if rows.in_blocks { 0 } else { (columns.len() as u32 / 2).wrapping_sub(1) % 8 + 1 };
        // Addresses that are compared, and never read from.
        let columns = columns.as_ptr_range();
        Some(Products {
            stream: rows.stream.as_ptr(),
            columns: columns.start,
            entry,
            block_end: columns.end,
            extracted: MaybeUninit::uninit(),
            constants,
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
    /// `r10`, `r11`, `r12`; set by the assembly.
    fixed: MaybeUninit<[u32; 3]>,
}

impl Cell {
    /// Of as many units as both have; none where their numbers disagree.
    #[inline(always)]
    pub fn new(c: &mut [i32], h: &mut [i16]) -> Option<Self> {
        (c.len() == h.len()).then(|| Cell {
            unit: (c.len() as i32).wrapping_neg(),
            c_end: c.as_mut_ptr_range().end,
            h_end: h.as_mut_ptr_range().end,
            fixed: MaybeUninit::uninit(),
        })
    }
}
