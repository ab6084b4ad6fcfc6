//! The text of the inner loop: a unit's sums over its columns, one block of columns after the other.
//!
//! Sixteen columns of four gates, 64 multiply-accumulates, in 54 instructions and three for the loop. `smlad` on raw words accumulates
//! `R = 256*A + B` of two columns, `sxtb16` sign-extends the two low bytes in place, and `smlad` on those accumulates B. Everything
//! that a core has in registers is used; what a unit needs otherwise lies at the stack pointer, see [`super::super::frame`].
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

/// A unit's accumulators times their multipliers: `i f g o` in `r3 r4 r5 r6`. Falls out at its end; `r7`-`r12` and `lr` are used up.
///
/// A block is entered where as many columns are left of sixteen as it has beyond a multiple of them. The compared address is the last
/// column's end where it is the unit's only block. Where there are several it is a byte or two less, and its bit 1 is set.
///
/// Where columns are in blocks, each begins at 29, which reads its word `2*columns - k`, k the bytes that the compared address
/// is less. A quarter of that, rounded down, tells the entry: 2 g, or 2 g - 1, of g groups of four columns.
macro_rules! products {
    () => {
        concat!(
            "ldm r0!, {{r3, r4, r5, r6}}\n",
            "ldrd r1, r2, [sp]\n",
            "cbnz r2, 32f\n",
            "strd r2, r2, [sp, #48]\n",
            "b 29f\n",
            // The end of one of several blocks: A += (R - B) >> 8.
            "30: ldrd r7, r8, [sp, #48]\n",
            "add r3, r7, r3, asr #8\n",
            "add r5, r8, r5, asr #8\n",
            "bpl 31f\n",
            // The next block: R begins as B, which runs through.
            "strd r3, r5, [sp, #48]\n",
            "mov r3, r4\n",
            "mov r5, r6\n",
            "29: ldr r2, [r0], #4\n",
            "adds r7, r1, r2\n",
            "str r7, [sp, #8]\n",
            "ubfx r2, r2, #2, #3\n",
            "32: tbb [pc, r2]\n",
            "27: .byte (20f-27b)/2, (25f-27b)/2, (25f-27b)/2, (22f-27b)/2, (22f-27b)/2\n",
            ".byte (24f-27b)/2, (24f-27b)/2, (20f-27b)/2, (20f-27b)/2, 0\n",
            // Odd groups of four columns.
            "24: ldm r1!, {{r8, r9}}\n",
            "b 21f\n",
            "25: ldm r1!, {{r8, r9}}\n",
            "b 23f\n",
            "20: ldm r1!, {{r2, r7, r8, r9}}\n",
            four_columns!("r2", "r7"),
            "21:\n",
            four_columns!("r8", "r9"),
            "22: ldm r1!, {{r2, r7, r8, r9}}\n",
            four_columns!("r2", "r7"),
            "23:\n",
            four_columns!("r8", "r9"),
            "ldr r2, [sp, #8]\n",
            "cmp r1, r2\n",
            "blo 20b\n",
            "subs r3, r3, r4\n",
            "subs r5, r5, r6\n",
            "lsls r2, r2, #31\n",
            "bcs 30b\n",
            "ldm r0!, {{r7, r8, r9, r10}}\n",
            "28: smmulr r3, r3, r7\n",
            "smmulr r4, r4, r8\n",
            "smmulr r5, r5, r9\n",
            "smmulr r6, r6, r10\n",
        )
    };
}

/// What is out of the way: the end of the last of several blocks.
macro_rules! blocks {
    () => {
        concat!("31: ldm r0!, {{r7, r8, r9, r10}}\n", "lsls r7, r7, #8\n", "lsls r9, r9, #8\n", "b 28b\n",)
    };
}
