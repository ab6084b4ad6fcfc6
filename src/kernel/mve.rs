//! The row-major layout's loops for ARMv8.1-M with integer vectors (MVE): Cortex-M55 and M85.
//!
//! Eight columns of four rows, thirty-two multiply-accumulates, take ten instructions. The gates and cells of four units are computed
//! side by side: `vrmulh` is the rounded high word of a product, a saturating shift clamps a pre-activation and leaves the segment's
//! number in its upper bits, and a gather reads the sigmoid's table.

// Instructions that the compiler does not choose for these sums.
#![allow(unsafe_code)]

use super::row_major::accumulate_portable;
use crate::arithmetic::{Rows, SIGMOID};

core::arch::global_asm!(
    ".syntax unified",
    ".thumb",
    // Module-level assembly does not see the target's features.
    ".cpu cortex-m55",
    // The accumulators of a unit in r4 r6 r8 r12, from its stream at r0, which moves on to its multipliers. r1: activations, r2: groups
    // of eight columns. r3, lr, q0..q2 are lost.
    ".macro embedded_rnn_mve_rows",
    "ldm r0!, {{r4, r6, r8, r12}}",
    "mov r3, r1",
    "dls lr, r2",
    "1:",
    "vldrh.u16 q0, [r3], #16",
    "vldrb.s16 q1, [r0], #32",
    "vldrb.s16 q2, [r0, #-24]",
    "vmladava.s16 r4, q0, q1",
    "vldrb.s16 q1, [r0, #-16]",
    "vmladava.s16 r6, q0, q2",
    "vldrb.s16 q2, [r0, #-8]",
    "vmladava.s16 r8, q0, q1",
    "vmladava.s16 r12, q0, q2",
    "le lr, 1b",
    ".endm",
    // The sigmoid in Q23 of four pre-activations in Q12. r3: 2^16, r7: the table. q4, q5 are lost.
    ".macro embedded_rnn_mve_sigmoid q",
    // Clamped from 0 to 2^17 - 1 and 15 bits up: nine bits of segment, eight of place.
    "vqadd.s32 \\q, \\q, r3",
    "vqshlu.s32 \\q, \\q, #15",
    "vshr.u32 q4, \\q, #23",
    "vshl.i32 \\q, \\q, #9",
    "vldrw.u32 q5, [r7, q4, uxtw #2]",
    "vshr.u32 \\q, \\q, #24",
    "vshr.s32 q4, q5, #16",
    "vmullb.s16 q5, q5, \\q",
    "vshl.i32 q4, q4, #8",
    "vadd.i32 \\q, q4, q5",
    ".endm",
    // r0: a unit's stream, r1: activations, r2: groups, r3: four sums.
    ".section .text.embedded_rnn_mve_unit, \"ax\", %progbits",
    ".global embedded_rnn_mve_unit",
    ".type embedded_rnn_mve_unit, %function",
    ".thumb_func",
    ".p2align 2",
    "embedded_rnn_mve_unit:",
    "push {{r3-r8, lr}}",
    "embedded_rnn_mve_rows",
    "pop {{r3}}",
    "stm r3, {{r4, r6, r8, r12}}",
    "pop {{r4-r8, pc}}",
    ".size embedded_rnn_mve_unit, . - embedded_rnn_mve_unit",
    // r0: a `Step`.
    ".section .text.embedded_rnn_mve_step, \"ax\", %progbits",
    ".global embedded_rnn_mve_step",
    ".type embedded_rnn_mve_step, %function",
    ".thumb_func",
    ".p2align 2",
    "embedded_rnn_mve_step:",
    "push {{r0, r4-r11, lr}}",
    "vpush {{d8-d15}}",
    "sub sp, #64",
    "ldrd r1, r2, [r0, #4]",
    "ldrd r10, r5, [r0, #12]",
    "ldr r9, [r0, #20]",
    "ldr r0, [r0]",
    "2:",
    // Pre-activations of up to four units into the stack, i f g o of each side by side.
    "movs r7, #4",
    "cmp r9, r7",
    "csel r7, r9, r7, lo",
    "mov r11, sp",
    "3:",
    "embedded_rnn_mve_rows",
    "vmov q0[2], q0[0], r4, r8",
    "vmov q0[3], q0[1], r6, r12",
    "vldrw.u32 q1, [r0], #16",
    "vrmulh.s32 q0, q0, q1",
    "vstrw.32 q0, [r11], #16",
    "subs r7, #1",
    "bne 3b",
    // Gates: q0 i, q1 f, q2 g, q3 o.
    "mov r11, sp",
    "vld40.32 {{q0, q1, q2, q3}}, [r11]",
    "vld41.32 {{q0, q1, q2, q3}}, [r11]",
    "vld42.32 {{q0, q1, q2, q3}}, [r11]",
    "vld43.32 {{q0, q1, q2, q3}}, [r11]",
    "ldr r7, [sp, #128]",
    "mov.w r3, #0x10000",
    "mov.w r12, #0x400000",
    "ldr r7, [r7, #24]",
    "embedded_rnn_mve_sigmoid q0",
    "embedded_rnn_mve_sigmoid q1",
    "embedded_rnn_mve_sigmoid q2",
    "embedded_rnn_mve_sigmoid q3",
    // Lanes beyond the last unit neither read nor write.
    "vctp.32 r9",
    "vshl.i32 q0, q0, #8",
    "vshl.i32 q1, q1, #8",
    "vsub.i32 q2, q2, r12",
    "vpst",
    "vldrwt.u32 q6, [r10]",
    "vrmulh.s32 q6, q6, q1",
    "vrmulh.s32 q0, q0, q2",
    "vadd.i32 q6, q6, q0",
    "vqadd.s32 q6, q6, q6",
    "vpst",
    "vstrwt.32 q6, [r10], #16",
    "vshr.s32 q6, q6, #9",
    "embedded_rnn_mve_sigmoid q6",
    "vsub.i32 q6, q6, r12",
    "vshr.s32 q3, q3, #2",
    "vrmulh.s32 q6, q3, q6",
    "vpst",
    "vstrht.32 q6, [r5], #8",
    "subs r9, #4",
    "bhi 2b",
    "add sp, #64",
    "vpop {{d8-d15}}",
    "pop {{r0, r4-r11, pc}}",
    ".size embedded_rnn_mve_step, . - embedded_rnn_mve_step",
    ".text",
);

/// What the step's function reads; its offsets are in the assembly.
#[repr(C)]
struct Step {
    stream: *const u32,
    xh: *const i16,
    groups: usize,
    c: *mut i32,
    h: *mut i16,
    units: usize,
    table: *const u32,
}

unsafe extern "C" {
    fn embedded_rnn_mve_unit(stream: *const u32, xh: *const i16, groups: usize, sums: *mut [i32; 4]);
    fn embedded_rnn_mve_step(step: *const Step);
}

/// The accumulators `i f g o` of a unit; the bits of the portable loop. `unit`: biases, a word a column, multipliers.
#[inline(always)]
pub(super) fn accumulate(biases: [i32; 4], unit: &[u32], xh: &[i16]) -> [i32; 4] {
    let mut sums = [0; 4];
    let groups = xh.len() / 8;
    if groups == 0 || unit.len() < 4 + 8 * groups {
        return accumulate_portable(biases, unit.get(4..).unwrap_or_default(), xh);
    }
    // SAFETY: the function reads 4 + 8*groups words of the stream, which were counted above, and 8*groups activations; it writes four
    // sums. Vectors of bytes and halfwords need no alignment beyond their elements'. It keeps the registers that the calling
    // convention says.
    unsafe { embedded_rnn_mve_unit(unit.as_ptr(), xh.as_ptr(), groups, &mut sums) }
    sums
}

/// A step of the plain cell; the bits of the portable one. False if the slices do not fit each other, and nothing is done.
#[inline(always)]
pub(super) fn step(rows: &Rows<'_>, xh: &[i16], c: &mut [i32], h: &mut [i16]) -> bool {
    let (units, groups) = (c.len(), xh.len() / 8);
    if groups == 0 || units == 0 || h.len() != units || rows.stream.len() / units < 8 * groups + 8 {
        return false;
    }
    let step = Step {
        stream: rows.stream.as_ptr(),
        xh: xh.as_ptr(),
        groups,
        c: c.as_mut_ptr(),
        h: h.as_mut_ptr(),
        units,
        table: SIGMOID.as_ptr(),
    };
    // SAFETY: of each of `units` units, at least one, the function reads 8*groups + 8 words, which the stream was counted to have, and
    // for each unit 8*groups activations; it reads and writes `units` cells and writes `units` hidden states, of which lanes beyond the
    // last are predicated off; `c` and `h` are borrowed for it alone. A segment's number lies from 0 to 511 after the clamp,
    // whatever the pre-activations of those lanes, so that a gather stays in the table. It keeps the registers that the
    // calling convention says, d8 to d15 among them.
    unsafe { embedded_rnn_mve_step(&step) }
    true
}
