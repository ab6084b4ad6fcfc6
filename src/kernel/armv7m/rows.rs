//! Pre-activations that wait for their statistics, and the sums that those are made of, if any.

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use super::frame::{Columns, Products};
use crate::arithmetic::{Rows, Sums};

/// Constants of [`rows`].
#[repr(C)]
struct Sink {
    /// `r7`, `r8`: where the next unit's pre-activations go, and the end of that.
    place: [*mut [i32; 4]; 2],
    /// `r9`
    first: i32,
    /// `r10`, `r11`
    second: [u32; 2],
    /// `r12`: what the high word of the squares' sum must stay below.
    bound: u32,
    /// `pc`: what follows a unit's products. 1 where sums are wanted, else 0; the assembly makes an address of it.
    then: u32,
}

/// What [`rows`] gives.
#[repr(C)]
struct Outcome {
    first: i32,
    second: [u32; 2],
    bound: u32,
}

/// Fills `z` with the pre-activations `i f g o` of its units, and sums all gates together. The sums are given if those of the squares stayed
/// below `2^(2*bits)` throughout, so that no pre-activation leaves `±(2^bits - 1)`. `z` stays as it is where lengths disagree.
#[inline(always)]
pub(super) fn fill(rows: &Rows<'_>, columns: Columns<'_>, bits: u32, z: &mut [[i32; 4]]) -> Option<Sums> {
    let bound = if bits < 16 { 0 } else { 1 << (2 * bits - 32) };
    let Outcome { first, second, bound: left } = run(rows, columns, bound, true, z)?;
    let [low, high] = second.map(u64::from);
    (left == bound && bound != 0).then(|| Sums::new(first, high << 32 | low))
}

/// Fills `z` alone.
#[inline(always)]
pub(super) fn fill_alone(rows: &Rows<'_>, columns: Columns<'_>, z: &mut [[i32; 4]]) {
    run(rows, columns, 0, false, z);
}

#[inline(always)]
fn run(rows: &Rows<'_>, columns: Columns<'_>, bound: u32, sums: bool, z: &mut [[i32; 4]]) -> Option<Outcome> {
    let mut outcome = MaybeUninit::<Outcome>::uninit();
    let units = z.len();
    let place = z.as_mut_ptr_range();
    let sink = Sink { place: [place.start, place.end], first: 0, second: [0; 2], bound, then: sums.into() };
    let frame = Products::new(rows, units, columns, sink, outcome.as_mut_ptr())?;
    // SAFETY: `Products` holds as many units as the stream has and `z` takes; the stream was checked to hold them whole when it was
    // bound, their blocks with all columns once. `outcome` is written before the assembly returns.
    Some(unsafe {
        rows_and_sums(frame);
        outcome.assume_init()
    })
}

/// # Safety
/// The frame's units must be as many as the stream has and the sink takes, at least one; its blocks multiples of 4 that add up to its
/// columns, which begin at a multiple of 4; the sink's last word must be 0 or 1. A square is below 2^60, for a product's high word is
/// below 2^30: a unit's four cannot overflow a sum whose high word stays below the bound, at most 2^28 before. Beyond it the sums are not
/// used, and no more compared.
#[unsafe(naked)]
unsafe extern "C" fn rows_and_sums(frame: Products<Sink, *mut Outcome>) {
    naked_asm!(
        cpu!(),
        enter!(),
        "ldr r2, [sp, #80]",
        "adr r3, 44f",
        "ldr r3, [r3, r2, lsl #2]",
        "str r3, [sp, #80]",
        "10:",
        products!(),
        "add r1, sp, #56",
        "ldm r1, {{r7, r8, r9, r10, r11, r12, pc}}",
        "42: stm r7!, {{r3, r4, r5, r6}}",
        "str r7, [sp, #56]",
        "cmp r7, r8",
        "bne 10b",
        "b 45f",
        "43: stm r7!, {{r3, r4, r5, r6}}",
        "add r9, r9, r3",
        "add r9, r9, r4",
        "add r9, r9, r5",
        "add r9, r9, r6",
        "smlal r10, r11, r3, r3",
        "smlal r10, r11, r4, r4",
        "smlal r10, r11, r5, r5",
        "smlal r10, r11, r6, r6",
        "cmp r11, r12",
        "bhs 40f",
        "41: add r2, sp, #56",
        "stm r2, {{r7, r8, r9, r10, r11}}",
        "cmp r7, r8",
        "bne 10b",
        "45: ldr r2, [sp, #84]",
        "stm r2, {{r9, r10, r11, r12}}",
        leave!(),
        "40: mvn r12, #0",
        "str r12, [sp, #76]",
        "b 41b",
        ".p2align 2",
        "44: .word 42b+1, 43b+1",
        blocks!(),
    )
}
