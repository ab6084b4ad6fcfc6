//! The packed pair's inner loop and the rounded high word of a product for ARMv6-M (Cortex-M0, M0+).
//!
//! There is no `smlad`, and `muls` gives the low 32 bits of a product only. Two columns of a pair of gates, four multiply-accumulates,
//! take twelve instructions; the eight of two columns with what loads and splits them twenty-eight.

// Instructions that the compiler does not choose, or not in these numbers.
#![allow(unsafe_code)]

use super::packed_pair::{self, Sums};

/// Assembler macros of both files for this core: [`columns`] defines them, [`end_columns`] takes them back, for two blocks of assembly
/// may or may not meet in one unit of compilation.
macro_rules! columns {
    () => {
        concat!(
            // Adds to \r and \b the products of word \w, which is lost: its low halfword's with r3, its high one's with r2.
            ".macro embedded_rnn_pair w, r, b\n",
            "asrs r6, \\w, #16\n",
            "sxtb r7, r6\n",
            "muls r6, r2, r6\n",
            "add \\r, \\r, r6\n",
            "muls r7, r2, r7\n",
            "add \\b, \\b, r7\n",
            "sxth r6, \\w\n",
            "sxtb \\w, \\w\n",
            "muls r6, r3, r6\n",
            "add \\r, \\r, r6\n",
            "muls \\w, r3, \\w\n",
            "add \\b, \\b, \\w\n",
            ".endm\n",
            ".macro embedded_rnn_two_columns\n",
            "ldm r1!, {{r2}}\n",
            "ldm r0!, {{r4, r5}}\n",
            "sxth r3, r2\n",
            "asrs r2, r2, #16\n",
            "embedded_rnn_pair r4, r8, r9\n",
            "embedded_rnn_pair r5, r10, r11\n",
            ".endm\n",
            ".macro embedded_rnn_four_columns\n",
            "embedded_rnn_two_columns\n",
            "embedded_rnn_two_columns\n",
            ".endm\n",
        )
    };
}

/// See [`columns`].
macro_rules! end_columns {
    () => {
        ".purgem embedded_rnn_pair\n.purgem embedded_rnn_two_columns\n.purgem embedded_rnn_four_columns"
    };
}

pub(super) use {columns, end_columns};

core::arch::global_asm!(
    ".syntax unified",
    ".thumb",
    columns!(),
    // r0: words, r1: activations, r2: their end, r3: four sums.
    ".section .text.embedded_rnn_packed_pair, \"ax\", %progbits",
    ".global embedded_rnn_packed_pair",
    ".type embedded_rnn_packed_pair, %function",
    ".thumb_func",
    ".p2align 2",
    "embedded_rnn_packed_pair:",
    "push {{r4-r7, lr}}",
    "mov r4, r8",
    "mov r5, r9",
    "mov r6, r10",
    "mov r7, r11",
    "push {{r3-r7}}",
    "ldm r3!, {{r4-r7}}",
    "mov r8, r4",
    "mov r9, r5",
    "mov r10, r6",
    "mov r11, r7",
    "mov r12, r2",
    // Eight columns a turn; four of them are left out of the first where their number is odd in fours.
    "subs r2, r2, r1",
    "lsrs r2, r2, #4",
    "bcs 3f",
    "2:",
    "embedded_rnn_four_columns",
    "3:",
    "embedded_rnn_four_columns",
    "cmp r1, r12",
    "bne 2b",
    "pop {{r3-r7}}",
    "mov r0, r8",
    "mov r1, r9",
    "stm r3!, {{r0, r1}}",
    "mov r0, r10",
    "mov r1, r11",
    "stm r3!, {{r0, r1}}",
    "mov r8, r4",
    "mov r9, r5",
    "mov r10, r6",
    "mov r11, r7",
    "pop {{r4-r7, pc}}",
    ".size embedded_rnn_packed_pair, . - embedded_rnn_packed_pair",
    // r0 * r1: a*b = ah*bh*2^32 + (ah*bl + al*bh)*2^16 + al*bl with signed high and unsigned low halves; rounded by the last shift's carry.
    ".section .text.embedded_rnn_multiply_high, \"ax\", %progbits",
    ".global embedded_rnn_multiply_high",
    ".type embedded_rnn_multiply_high, %function",
    ".thumb_func",
    ".p2align 2",
    "embedded_rnn_multiply_high:",
    "uxth r2, r0",
    "asrs r0, r0, #16",
    "uxth r3, r1",
    "asrs r1, r1, #16",
    "mov r12, r2",
    "muls r2, r3, r2",
    "lsrs r2, r2, #16",
    "muls r3, r0, r3",
    "adds r2, r2, r3",
    "mov r3, r12",
    "muls r3, r1, r3",
    "muls r0, r1, r0",
    "uxth r1, r2",
    "asrs r2, r2, #16",
    "adds r3, r3, r1",
    "adds r0, r0, r2",
    "asrs r3, r3, #16",
    "adcs r0, r3",
    "bx lr",
    ".size embedded_rnn_multiply_high, . - embedded_rnn_multiply_high",
    end_columns!(),
    ".text",
);

unsafe extern "C" {
    fn embedded_rnn_packed_pair(words: *const u32, xh: *const i16, end: *const i16, sums: *mut Sums);
    safe fn embedded_rnn_multiply_high(a: i32, b: i32) -> i32;
}

/// `(a*b + 2^31) >> 32`.
#[inline(always)]
pub(crate) fn multiply_high(a: i32, b: i32) -> i32 {
    embedded_rnn_multiply_high(a, b)
}

/// Adds the products of a block of columns to the sums `R_if B_if R_go B_go`; the bits of the portable loop. A block has a multiple
/// of four columns, a word each; what is beyond the shorter slice, or a rest of less than four, is left out.
#[inline(always)]
pub(super) fn accumulate(mut sums: Sums, words: &[u32], xh: &[i16]) -> Sums {
    let columns = words.len().min(xh.len()) & !3;
    // Activations are read in words, as the buffers of layers allow.
    if columns == 0 || !xh.as_ptr().addr().is_multiple_of(4) {
        return packed_pair::accumulate_portable(sums, words, xh);
    }
    // SAFETY: the function reads `columns` words and halfwords, a multiple of four and at least four, no more than either slice holds,
    // from addresses that are multiples of four, and ends where the activations' pointer reaches the end computed here. It reads and
    // writes four sums, and keeps the registers that the calling convention says.
    unsafe { embedded_rnn_packed_pair(words.as_ptr(), xh.as_ptr(), xh.as_ptr().add(columns), &mut sums) }
    sums
}
