//! The step of cells without layer norm, a whole unit at a time.

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use super::form::Further;
use super::frame::{Cell, Columns, Products};
use crate::arithmetic::{CENTERED, LstmInt8};
use crate::network::Form;

/// Does nothing where lengths disagree with the weights'.
#[inline(always)]
pub(super) fn lstm<F: Form>(weights: &LstmInt8<'_, F>, columns: Columns<'_>, c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    let units = c.len();
    let Some((cell, further)) = Cell::new(c, h).zip(Further::new(weights, wide, units)) else { return };
    let Some(frame) = Products::new(&weights.rows, units, columns, cell, further) else { return };
    // SAFETY: `Products` holds as many units as the stream has, which was checked to hold them whole when it was bound, their blocks with
    // all columns once; `Cell` and `Further` hold the ends of slices of as many elements as there are units.
    unsafe { step::<F>(frame) }
}

/// Reads `units` units from the stream, each with all columns, reads and writes c and the wide hidden state, writes h.
///
/// # Safety
/// The frame's units must be as many as the stream, c, h and (if the form has it) the wide hidden state have, at least one; its blocks
/// multiples of 4 that add up to its columns, which begin at a multiple of 4. `smlad` and `qadd` set the Q flag, which Rust code does not
/// read.
#[unsafe(naked)]
unsafe extern "C" fn step<F: Form>(frame: Products<Cell, MaybeUninit<Further>>) {
    naked_asm!(
        cpu!(),
        enter!(),
        fixed!("68"),
        "10:",
        products!(),
        "add r1, sp, #56",
        "ldm r1, {{r7, r8, r9, r10, r11, r12}}",
        cell!(),
        "adds r7, #1",
        "str r7, [sp, #56]",
        "bne 10b",
        leave!(),
        blocks!(),
        kept = const F::FORM.kept as u32,
        cell = const F::CELL as u32,
        hidden = const F::HIDDEN as u32,
        further = const 80,
        table = sym CENTERED,
    )
}
