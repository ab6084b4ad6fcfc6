//! Whole steps of the plain cell for ARMv6-M, one unit after the other without leaving assembly: the accumulators stay in registers.
//!
//! Both read the packed pair's stream, with columns in blocks or not. The exact cell spends most of its time on seven rounded high words
//! of products; the 16-bit cell needs none. Rounding is a shift's carry, added.

// Instructions that the compiler does not choose, or not in these numbers.
#![allow(unsafe_code)]

use super::armv6m::{columns, end_columns};
use crate::arithmetic::{Rows, SIGMOID, SIGMOID_MIDDLE};

core::arch::global_asm!(
    ".syntax unified",
    ".thumb",
    columns!(),
    // Saves registers and copies the `Step` at r0 onto the stack.
    ".macro embedded_rnn_enter",
    "push {{r4-r7, lr}}",
    "mov r4, r8",
    "mov r5, r9",
    "mov r6, r10",
    "mov r7, r11",
    "push {{r4-r7}}",
    "sub sp, #44",
    "ldm r0!, {{r1-r7}}",
    "mov r0, sp",
    "stm r0!, {{r1-r7}}",
    ".endm",
    ".macro embedded_rnn_leave",
    "add sp, #44",
    "pop {{r4-r7}}",
    "mov r8, r4",
    "mov r9, r5",
    "mov r10, r6",
    "mov r11, r7",
    "pop {{r4-r7, pc}}",
    ".endm",
    // The sums of a unit: B of f and o in r9 and r11; of i and g in r8 and r10 the accumulators, or, where the unit's columns are one block
    // and `down` is 0, 256 times them. r0 comes to stand at its multipliers; [sp, #28]: by how much those of i and g are to be shifted.
    // [sp, #32] and [sp, #36] hold the A accumulators of blocks that are done, [sp, #40] the block's word.
    ".macro embedded_rnn_rows down",
    "ldr r0, [sp, #0]",
    "ldr r1, [sp, #4]",
    "ldm r0!, {{r4-r7}}",
    "mov r8, r4",
    "mov r9, r5",
    "mov r10, r6",
    "mov r11, r7",
    "ldr r2, [sp, #8]",
    "movs r3, #0",
    "str r3, [sp, #28]",
    "mov r12, r2",
    "subs r2, r2, r1",
    "bhs 9f",
    // No end: columns are in blocks.
    "str r3, [sp, #32]",
    "str r3, [sp, #36]",
    "8: ldm r0!, {{r2}}",
    "str r2, [sp, #40]",
    "adds r2, r2, #2",
    "lsrs r2, r2, #3",
    "lsls r2, r2, #3",
    "adds r3, r1, r2",
    "mov r12, r3",
    // Eight columns a turn; four of them are left out of the first where their number is odd in fours.
    "9: lsrs r2, r2, #4",
    "bcs 4f",
    "3:",
    "embedded_rnn_four_columns",
    "4:",
    "embedded_rnn_four_columns",
    "cmp r1, r12",
    "bne 3b",
    // R - B
    "mov r2, r8",
    "mov r3, r9",
    "subs r2, r2, r3",
    "mov r3, r10",
    "mov r4, r11",
    "subs r3, r3, r4",
    "ldr r4, [sp, #8]",
    "cmp r4, #0",
    "bne 7f",
    "ldr r4, [sp, #40]",
    "lsls r5, r4, #29",
    "beq 7f",
    // The end of one of several blocks: A += (R - B) >> 8.
    "asrs r2, r2, #8",
    "ldr r5, [sp, #32]",
    "adds r2, r2, r5",
    "asrs r3, r3, #8",
    "ldr r5, [sp, #36]",
    "adds r3, r3, r5",
    "lsrs r4, r4, #1",
    "bcc 6f",
    // The next block: R begins as B, which runs through.
    "str r2, [sp, #32]",
    "str r3, [sp, #36]",
    "mov r8, r9",
    "mov r10, r11",
    "b 8b",
    "6: movs r4, #8",
    "str r4, [sp, #28]",
    "b 5f",
    "7:",
    ".if \\down",
    "asrs r2, r2, #\\down",
    "asrs r3, r3, #\\down",
    ".endif",
    "5: mov r8, r2",
    "mov r10, r3",
    ".endm",
    // The table's word of the pre-activation \\p, which becomes its place in the segment; r7: the table's middle. \\t is lost.
    ".macro embedded_rnn_segment p, word, t",
    "asrs \\t, \\p, #16",
    "adds \\t, \\t, #1",
    "cmp \\t, #1",
    "bls 5f",
    // Beyond ±16: -2^16 or 2^16 - 1.
    "asrs \\p, \\p, #31",
    "movs \\t, #0",
    "mvns \\t, \\t",
    "uxth \\t, \\t",
    "eors \\p, \\t",
    "5:",
    "asrs \\t, \\p, #8",
    "lsls \\t, \\t, #2",
    "ldr \\word, [r7, \\t]",
    "uxtb \\p, \\p",
    ".endm",
    // The sigmoid in Q23 of r0. r1, r2 are lost.
    ".macro embedded_rnn_sigmoid",
    "embedded_rnn_segment r0, r1, r2",
    "asrs r2, r1, #16",
    "lsls r2, r2, #8",
    "uxth r1, r1",
    "muls r0, r1, r0",
    "adds r0, r0, r2",
    ".endm",
    // The sigmoid in Q15 of \\p. \\t and r0 are lost.
    ".macro embedded_rnn_sigmoid16 p, t",
    "embedded_rnn_segment \\p, \\t, r0",
    "uxth r0, \\t",
    "muls \\p, r0, \\p",
    "asrs \\t, \\t, #16",
    "asrs \\p, \\p, #8",
    "adcs \\p, \\t",
    ".endm",
    // tanh in Q15 of \\p, twice the argument. \\t and r0 are lost.
    ".macro embedded_rnn_tanh16 p, t",
    "embedded_rnn_segment \\p, \\t, r0",
    "uxth r0, \\t",
    "muls \\p, r0, \\p",
    // Twice the node: the segment's rise has no upper bit.
    "asrs \\t, \\t, #15",
    "movs r0, #1",
    "lsls r0, r0, #15",
    "subs \\t, \\t, r0",
    "asrs \\p, \\p, #7",
    "adcs \\p, \\t",
    ".endm",
    // An accumulator to a pre-activation by its word of shift and multiplier, which is lost like r0.
    ".macro embedded_rnn_scale16 sum, word",
    "lsls r0, \\word, #3",
    "lsrs r0, r0, #27",
    "asrs \\sum, r0",
    "uxth \\word, \\word",
    "muls \\sum, \\word, \\sum",
    "asrs \\sum, \\sum, #12",
    "movs \\word, #0",
    "adcs \\sum, \\word",
    ".endm",
    ".section .text.embedded_rnn_step_exact, \"ax\", %progbits",
    ".global embedded_rnn_step_exact",
    ".type embedded_rnn_step_exact, %function",
    ".thumb_func",
    ".p2align 2",
    "embedded_rnn_step_exact:",
    "embedded_rnn_enter",
    "2:",
    "embedded_rnn_rows 0",
    "mov r4, r0",
    "adds r0, #16",
    "str r0, [sp, #0]",
    "ldr r7, [sp, #24]",
    // i in Q31 to r8.
    "mov r0, r8",
    "ldr r1, [r4, #0]",
    "ldr r2, [sp, #28]",
    "lsls r1, r2",
    "bl embedded_rnn_multiply_high",
    "embedded_rnn_sigmoid",
    "lsls r0, r0, #8",
    "mov r8, r0",
    // f in Q31 to r9.
    "mov r0, r9",
    "ldr r1, [r4, #4]",
    "bl embedded_rnn_multiply_high",
    "embedded_rnn_sigmoid",
    "lsls r0, r0, #8",
    "mov r9, r0",
    // g in Q22 to r10.
    "mov r0, r10",
    "ldr r1, [r4, #8]",
    "ldr r2, [sp, #28]",
    "lsls r1, r2",
    "bl embedded_rnn_multiply_high",
    "embedded_rnn_sigmoid",
    "movs r1, #1",
    "lsls r5, r1, #22",
    "subs r0, r0, r5",
    "mov r10, r0",
    // o in Q21 to r11.
    "mov r0, r11",
    "ldr r1, [r4, #12]",
    "bl embedded_rnn_multiply_high",
    "embedded_rnn_sigmoid",
    "lsrs r0, r0, #2",
    "mov r11, r0",
    // c
    "ldr r4, [sp, #12]",
    "ldr r0, [r4]",
    "mov r1, r9",
    "bl embedded_rnn_multiply_high",
    "mov r6, r0",
    "mov r0, r8",
    "mov r1, r10",
    "bl embedded_rnn_multiply_high",
    "adds r0, r0, r6",
    "adds r0, r0, r0",
    "bvc 6f",
    "asrs r0, r0, #31",
    "movs r1, #1",
    "lsls r1, r1, #31",
    "eors r0, r1",
    "6:",
    "stm r4!, {{r0}}",
    "str r4, [sp, #12]",
    // h
    "asrs r0, r0, #9",
    "embedded_rnn_sigmoid",
    "subs r0, r0, r5",
    "mov r1, r11",
    "bl embedded_rnn_multiply_high",
    "ldr r1, [sp, #16]",
    "strh r0, [r1]",
    "adds r1, r1, #2",
    "str r1, [sp, #16]",
    "ldr r0, [sp, #20]",
    "cmp r1, r0",
    "beq 7f",
    "b 2b",
    "7:",
    "embedded_rnn_leave",
    ".size embedded_rnn_step_exact, . - embedded_rnn_step_exact",
    ".section .text.embedded_rnn_step_cell16, \"ax\", %progbits",
    ".global embedded_rnn_step_cell16",
    ".type embedded_rnn_step_cell16, %function",
    ".thumb_func",
    ".p2align 2",
    "embedded_rnn_step_cell16:",
    "embedded_rnn_enter",
    "2:",
    "embedded_rnn_rows 8",
    "ldr r7, [sp, #24]",
    "ldm r0!, {{r3-r6}}",
    "str r0, [sp, #0]",
    // i to r1, f to r2.
    "mov r1, r8",
    "mov r2, r9",
    "embedded_rnn_scale16 r1, r3",
    "embedded_rnn_sigmoid16 r1, r3",
    "embedded_rnn_scale16 r2, r4",
    "embedded_rnn_sigmoid16 r2, r4",
    // g to r3, o to r4.
    "mov r3, r10",
    "mov r4, r11",
    "embedded_rnn_scale16 r3, r5",
    "embedded_rnn_tanh16 r3, r5",
    "embedded_rnn_scale16 r4, r6",
    "embedded_rnn_sigmoid16 r4, r6",
    // c to r6.
    "ldr r5, [sp, #12]",
    "movs r0, #0",
    "ldrsh r6, [r5, r0]",
    "muls r6, r2, r6",
    "muls r1, r3, r1",
    "asrs r1, r1, #4",
    "adds r6, r6, r1",
    "asrs r6, r6, #15",
    "adcs r6, r0",
    "sxth r1, r6",
    "cmp r1, r6",
    "beq 6f",
    "asrs r6, r6, #31",
    "movs r1, #1",
    "lsls r1, r1, #15",
    "subs r1, r1, #1",
    "eors r6, r1",
    "6:",
    "strh r6, [r5]",
    "adds r5, r5, #2",
    "str r5, [sp, #12]",
    // h
    "lsls r1, r6, #2",
    "embedded_rnn_tanh16 r1, r2",
    "muls r1, r4, r1",
    "asrs r1, r1, #19",
    "movs r0, #0",
    "adcs r1, r0",
    "ldr r2, [sp, #16]",
    "strh r1, [r2]",
    "adds r2, r2, #2",
    "str r2, [sp, #16]",
    "ldr r0, [sp, #20]",
    "cmp r2, r0",
    "beq 7f",
    "b 2b",
    "7:",
    "embedded_rnn_leave",
    ".size embedded_rnn_step_cell16, . - embedded_rnn_step_cell16",
    end_columns!(),
    ".text",
);

/// What a step's function reads; its offsets are in the assembly.
#[repr(C)]
struct Step<C> {
    stream: *const u32,
    xh: *const i16,
    /// Null where columns are in blocks.
    xh_end: *const i16,
    c: *mut C,
    h: *mut i16,
    h_end: *const i16,
    table_middle: *const u32,
}

unsafe extern "C" {
    fn embedded_rnn_step_exact(step: *const Step<i32>);
    fn embedded_rnn_step_cell16(step: *const Step<i16>);
}

/// What a step's function needs, if the slices fit each other: columns in fours and words.
#[inline(always)]
fn prepare<C>(rows: &Rows<'_>, xh: &[i16], c: &mut [C], h: &mut [i16]) -> Option<Step<C>> {
    let (units, columns) = (c.len(), xh.len());
    let whole = columns > 0 && columns.is_multiple_of(4) && xh.as_ptr().addr().is_multiple_of(4);
    if !whole || columns != rows.columns || units == 0 || units != rows.units || h.len() != units {
        return None;
    }
    let (xh, h) = (xh.as_ptr_range(), h.as_mut_ptr_range());
    Some(Step {
        stream: rows.stream.as_ptr(),
        xh: xh.start,
        xh_end: if rows.in_blocks { core::ptr::null() } else { xh.end },
        c: c.as_mut_ptr(),
        h: h.start,
        h_end: h.end,
        table_middle: SIGMOID.as_ptr().wrapping_add(SIGMOID_MIDDLE),
    })
}

/// A step of the plain cell; the bits of the portable one. False if the slices do not fit each other, and nothing is done.
#[inline(always)]
pub(crate) fn exact(rows: &Rows<'_>, xh: &[i16], c: &mut [i32], h: &mut [i16]) -> bool {
    let Some(step) = prepare(rows, xh, c, h) else { return false };
    // SAFETY: for each unit the function reads four words, a word a column, blocks' words where there are such, and four words of the
    // stream, which was checked to hold as many whole units as there are cells and hidden states, their blocks with all columns once; it
    // ends when the hidden states' pointer reaches their end. For each unit it reads the activations to their end, four a time, of which
    // there are a multiple, in words, which are aligned. It reads and
    // writes each cell once, writes each hidden state once, and both slices are borrowed for it alone. A pre-activation is clamped
    // before it reads the table, to 256 words on either side of the middle. It keeps the registers that the calling convention says.
    unsafe { embedded_rnn_step_exact(&step) }
    true
}

/// A step of the plain 16-bit cell; the bits of the portable one. False if the slices do not fit each other, and nothing is done.
#[inline(always)]
pub(crate) fn cell16(rows: &Rows<'_>, xh: &[i16], c: &mut [i16], h: &mut [i16]) -> bool {
    let Some(step) = prepare(rows, xh, c, h) else { return false };
    // SAFETY: as of `exact`, with cells of 16 bits.
    unsafe { embedded_rnn_step_cell16(&step) }
    true
}
