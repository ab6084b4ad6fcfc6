//! The text of the inner loop: a unit's sums over its columns, one block of columns after the other.
//!
//! Two columns of a pair of gates, four multiply-accumulates, are a word, eight instructions: halfwords and bytes are sign-extended, and
//! `mla`, which takes as long for any numbers, accumulates `R = 256*A + B` and B. A turn is eight columns of four gates, 32
//! multiply-accumulates in 76 instructions. What a unit needs otherwise lies at the stack pointer, see [`super::super::frame`].
//!
//! | registers | while columns are summed |
//! |---|---|
//! | `r0`, `r1` | the stream, the activations |
//! | `r2` | free |
//! | `r3` | where the block ends |
//! | `r4 r5 r6 r7` | four words of weights; they are low, as short instructions ask |
//! | `r8 r9 r10 r11` | `R_if B_if R_go B_go` |
//! | `r12 lr` | two activations |

/// Two columns of a pair of gates.
macro_rules! pair {
    ($word:literal, $r:literal, $b:literal) => {
        concat!(
            "sxth r2, ",
            $word,
            "\n",
            "mla ",
            $r,
            ", r2, r12, ",
            $r,
            "\n",
            "sxtb r2, ",
            $word,
            "\n",
            "mla ",
            $b,
            ", r2, r12, ",
            $b,
            "\n",
            "asrs ",
            $word,
            ", ",
            $word,
            ", #16\n",
            "mla ",
            $r,
            ", ",
            $word,
            ", lr, ",
            $r,
            "\n",
            "sxtb ",
            $word,
            ", ",
            $word,
            "\n",
            "mla ",
            $b,
            ", ",
            $word,
            ", lr, ",
            $b,
            "\n",
        )
    };
}

/// Two columns.
macro_rules! two_columns {
    ($if:literal, $go:literal) => {
        concat!("ldrsh r12, [r1], #4\n", "ldrsh lr, [r1, #-2]\n", pair!($if, "r8", "r9"), pair!($go, "r10", "r11"),)
    };
}

/// Four columns.
macro_rules! four_columns {
    () => {
        concat!("ldm r0!, {{r4, r5, r6, r7}}\n", two_columns!("r4", "r5"), two_columns!("r6", "r7"),)
    };
}

/// A unit's accumulators times their multipliers: `i f g o` in `r3 r4 r5 r6`. Falls out at its end; `r7`-`r12` and `lr` are used up.
///
/// A block is entered in the middle where it has an odd number of groups of four columns. The compared address is the last column's end
/// where it is the unit's only block. Where there are several it is a byte or two less, and its bit 1 is set.
///
/// Where columns are in blocks, each begins at 29, which reads its word `2*columns - k`, k the bytes that the compared address
/// is less.
macro_rules! products {
    () => {
        concat!(
            "ldm r0!, {{r8, r9, r10, r11}}\n",
            "ldm sp, {{r1, r2, r3}}\n",
            "cbnz r2, 32f\n",
            "strd r2, r2, [sp, #48]\n",
            "b 29f\n",
            // The end of one of several blocks: A += (R - B) >> 8.
            "30: ldrd r4, r5, [sp, #48]\n",
            "add r8, r4, r8, asr #8\n",
            "add r10, r5, r10, asr #8\n",
            "bpl 31f\n",
            // The next block: R begins as B, which runs through.
            "strd r8, r10, [sp, #48]\n",
            "mov r8, r9\n",
            "mov r10, r11\n",
            "29: ldr r3, [r0], #4\n",
            "adds r2, r3, #2\n",
            "lsrs r2, r2, #2\n",
            "adds r3, r3, r1\n",
            // Bit 1 tells whether the groups of four columns are odd in number.
            "32: lsls r2, r2, #31\n",
            "bcs 21f\n",
            "20:\n",
            four_columns!(),
            "21:\n",
            four_columns!(),
            "cmp r1, r3\n",
            "blo 20b\n",
            "sub r8, r8, r9\n",
            "sub r10, r10, r11\n",
            "lsls r2, r3, #31\n",
            "bcs 30b\n",
            "ldm r0!, {{r3, r4, r5, r6}}\n",
            "28:\n",
            multiply_high!("r3", "r3", "r8", "r2"),
            multiply_high!("r4", "r4", "r9", "r2"),
            multiply_high!("r5", "r5", "r10", "r2"),
            multiply_high!("r6", "r6", "r11", "r2"),
        )
    };
}

/// What is out of the way: the end of the last of several blocks.
macro_rules! blocks {
    () => {
        concat!("31: ldm r0!, {{r3, r4, r5, r6}}\n", "lsls r3, r3, #8\n", "lsls r5, r5, #8\n", "b 28b\n",)
    };
}
