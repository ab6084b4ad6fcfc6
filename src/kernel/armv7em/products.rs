//! The text of the inner loop: a unit's sums over its columns, one block of columns after the other.
//!
//! Sixteen columns of four gates, 64 multiply-accumulates, in 54 instructions and three for the loop. `smlad` on raw words accumulates
//! `R = 256*A + B` of two columns, `sxtb16` sign-extends the two low bytes in place, and `smlad` on those accumulates B. Everything
//! that a core has in registers is used; what a unit needs otherwise lies at the stack pointer, see [`super::frame::Frame`].
//!
//! | registers | while columns are summed |
//! |---|---|
//! | `r0`, `r1` | the stream, the activations |
//! | `r3 r4 r5 r6` | `R_if B_if R_go B_go` |
//! | `r2 r7 r8 r9` | eight activations |
//! | `r10 r11 r12 lr` | four words of weights |

/// Four columns whose activations are in two registers.
macro_rules! four_columns {
    ($first:literal, $second:literal) => {
        concat!(
            "ldm r0!, {{r10, r11, r12, lr}}\n",
            "smlad r3, r10, ",
            $first,
            ", r3\n",
            "sxtb16 r10, r10\n",
            "smlad r5, r11, ",
            $first,
            ", r5\n",
            "sxtb16 r11, r11\n",
            "smlad r4, r10, ",
            $first,
            ", r4\n",
            "smlad r6, r11, ",
            $first,
            ", r6\n",
            "smlad r3, r12, ",
            $second,
            ", r3\n",
            "sxtb16 r12, r12\n",
            "smlad r5, lr, ",
            $second,
            ", r5\n",
            "sxtb16 lr, lr\n",
            "smlad r4, r12, ",
            $second,
            ", r4\n",
            "smlad r6, lr, ",
            $second,
            ", r6\n",
        )
    };
}

/// Saves the registers, `r1`: where, and finds the entry of the first block, `r2`: its columns.
macro_rules! enter {
    () => {
        concat!(
            "stm r1, {{r4-r11, lr}}\n",
            "ubfx r2, r2, #2, #2\n",
            "adr r3, 26f\n",
            "ldr r3, [r3, r2, lsl #2]\n",
            "str r3, [sp, #4]\n",
        )
    };
}

/// Restores the registers and returns.
macro_rules! leave {
    () => {
        concat!("ldr r1, [sp, #64]\n", "ldm r1, {{r4-r11, pc}}\n")
    };
}

/// A unit's accumulators times their multipliers: `i f g o` in `r3 r4 r5 r6`. Falls out at its end; `r7`-`r12` and `lr` are used up.
///
/// A block is entered where as many columns are left of sixteen as it has beyond a multiple of them. The compared address is the last
/// column's end where the rows are one block. Where there are more it is one byte less, in each of them, so that `bhi` is taken.
macro_rules! products {
    () => {
        concat!(
            "ldm r0!, {{r3, r4, r5, r6}}\n",
            "ldm sp, {{r1, pc}}\n",
            "20: ldm r1!, {{r2, r7, r8, r9}}\n",
            four_columns!("r2", "r7"),
            "21:\n",
            four_columns!("r8", "r9"),
            "22: ldm r1!, {{r2, r7, r8, r9}}\n",
            four_columns!("r2", "r7"),
            "23:\n",
            four_columns!("r8", "r9"),
            "ldr r2, [sp, #36]\n",
            "cmp r1, r2\n",
            "blo 20b\n",
            "bhi 30f\n",
            "subs r3, r3, r4\n",
            "subs r5, r5, r6\n",
            "ldm r0!, {{r7, r8, r9, r10}}\n",
            "28: smmulr r3, r3, r7\n",
            "smmulr r4, r4, r8\n",
            "smmulr r5, r5, r9\n",
            "smmulr r6, r6, r10\n",
        )
    };
}

/// What is out of the way: entries for odd groups of four columns, and the ends of blocks where there are several.
macro_rules! blocks {
    () => {
        concat!(
            "24: ldm r1!, {{r8, r9}}\n",
            "b 21b\n",
            "25: ldm r1!, {{r8, r9}}\n",
            "b 23b\n",
            ".p2align 2\n",
            "26: .word 20b+1, 25b+1, 22b+1, 24b+1\n",
            // A += (R - B) >> 8.
            "30: subs r3, r3, r4\n",
            "subs r5, r5, r6\n",
            "add r7, sp, #44\n",
            "ldm r7, {{r8, r9, r10}}\n",
            "add r8, r8, r3, asr #8\n",
            "add r9, r9, r5, asr #8\n",
            "ldr r2, [sp, #40]\n",
            "cmp r1, r2\n",
            "beq 31f\n",
            // The next block: R begins as B, which runs through.
            "ldr r11, [r10], #4\n",
            "stm r7, {{r8, r9, r10}}\n",
            "mov r3, r4\n",
            "mov r5, r6\n",
            "add r2, r1, r11, lsl #1\n",
            "subs r2, #1\n",
            "str r2, [sp, #36]\n",
            "ubfx r11, r11, #2, #2\n",
            "adr r12, 26b\n",
            "ldr pc, [r12, r11, lsl #2]\n",
            // The last block: what was extracted, and the state for the next unit.
            "31: mov r3, r8\n",
            "mov r5, r9\n",
            "mov r8, #0\n",
            "mov r9, #0\n",
            "ldrd r10, r2, [sp, #56]\n",
            "stm r7, {{r8, r9, r10}}\n",
            "str r2, [sp, #36]\n",
            "ldm r0!, {{r7, r8, r9, r10}}\n",
            "lsls r7, r7, #8\n",
            "lsl r9, r9, #8\n",
            "b 28b\n",
        )
    };
}

pub(super) use {blocks, enter, four_columns, leave, products};
