//! From pre-activations and their statistics to the new state, for cells whose four gates are one block.

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use super::form::Further;
use super::frame::Cell;
use crate::arithmetic::{CENTERED, LstmInt8, Normalizer};
use crate::network::Form;

/// Callee-saved registers, for as long as the assembly runs.
type Saved = MaybeUninit<[u32; 9]>;

/// Arguments of [`cells`]. The first four words go in `r0`-`r3`; offsets of the others from the stack pointer are told.
#[repr(C)]
struct Frame {
    /// `r0`
    unused: MaybeUninit<u32>,
    /// `r1`
    saved: *mut Saved,
    /// `r2`, `r3`
    unused_too: MaybeUninit<[u32; 2]>,
    /// 0, `r7`
    z: *const [i32; 4],
    /// 4, `r8`
    affine: *const [[i32; 4]; 2],
    /// 8, `r9`: N, shifted.
    rows: i32,
    /// 12, `r10`: minus the sum, shifted.
    first: i32,
    /// 16, `r11`
    root: i32,
    /// 20, `r12`: how far to shift to the right.
    down: u32,
    /// 24
    cell: Cell,
    /// 48
    saved_again: *mut Saved,
    /// 52
    further: MaybeUninit<Further>,
}

/// Does nothing where lengths disagree.
#[inline(always)]
pub(super) fn lstm<F: Form>(
    weights: &LstmInt8<'_, F>,
    normalizer: Normalizer,
    affine: &[[[i32; 4]; 2]],
    z: &[[i32; 4]],
    c: &mut [i32],
    wide: &mut [i32],
    h: &mut [i16],
) {
    let units = c.len();
    let Some((cell, further)) = Cell::new(c, h).zip(Further::new(weights, wide, units)) else { return };
    if units == 0 || z.len() != units || affine.len() != units {
        return;
    }
    let mut saved = Saved::uninit();
    let [rows, first, root, down] = normalizer.shifted();
    let frame = Frame {
        unused: MaybeUninit::uninit(),
        saved: &mut saved,
        unused_too: MaybeUninit::uninit(),
        z: z.as_ptr(),
        affine: affine.as_ptr(),
        rows,
        first,
        root,
        down: down as u32,
        cell,
        saved_again: &mut saved,
        further,
    };
    // SAFETY: all slices were checked to have as many units as the cell counts, at least one.
    unsafe { cells::<F>(frame) }
}

/// # Safety
/// Pre-activations, gains and shifts, c, h and (if the form has it) the wide hidden state must be of as many units as the frame's cell
/// counts, at least one.
#[unsafe(naked)]
unsafe extern "C" fn cells<F: Form>(frame: Frame) {
    naked_asm!(
        cpu!(),
        "stm r1, {{r4-r11, lr}}",
        fixed!("36"),
        "10: ldm sp, {{r7, r8, r9, r10, r11, r12}}",
        "ldm r7!, {{r3, r4, r5, r6}}",
        // (N z - S1) shifted, times the root.
        "mla r3, r3, r9, r10",
        "mla r4, r4, r9, r10",
        "mla r5, r5, r9, r10",
        "mla r6, r6, r9, r10",
        "asr r3, r3, r12",
        "asr r4, r4, r12",
        "asr r5, r5, r12",
        "asr r6, r6, r12",
        multiply_high!("r3", "r3", "r11", "r2"),
        multiply_high!("r4", "r4", "r11", "r2"),
        multiply_high!("r5", "r5", "r11", "r2"),
        multiply_high!("r6", "r6", "r11", "r2"),
        "ldm r8!, {{r9, r10, r11, r12}}",
        multiply_high!("r3", "r3", "r9", "r2"),
        multiply_high!("r4", "r4", "r10", "r2"),
        multiply_high!("r5", "r5", "r11", "r2"),
        multiply_high!("r6", "r6", "r12", "r2"),
        "ldm r8!, {{r9, r10, r11, r12}}",
        add!("r3", "r3", "r9"),
        add!("r4", "r4", "r10"),
        add!("r5", "r5", "r11"),
        add!("r6", "r6", "r12"),
        "stm sp, {{r7, r8}}",
        "add r1, sp, #24",
        "ldm r1, {{r7, r8, r9, r10, r11, r12}}",
        cell!(),
        "adds r7, #1",
        "str r7, [sp, #24]",
        "bne 10b",
        "ldr r1, [sp, #48]",
        "ldm r1, {{r4-r11, pc}}",
        kept = const F::FORM.kept as u32,
        cell = const F::CELL as u32,
        hidden = const F::HIDDEN as u32,
        further = const 52,
        table = sym CENTERED,
    )
}
