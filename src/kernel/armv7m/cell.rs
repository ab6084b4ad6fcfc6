//! The text of a unit's gates, cell and output, for every form.
//!
//! | registers | |
//! |---|---|
//! | `r3 r4 r5 r6` | pre-activations `i f g o`, then what becomes of them |
//! | `r7` | the unit, counted from -H up to 0 |
//! | `r8 r9` | the ends of c and of the new h |
//! | `r10` | the middle of the table of `σ - 0.5` |
//! | `r11` | 256 in the high halfword, the place of a segment's fraction in the low byte; without the DSP extension the table's high halfwords |
//! | `r12` | 2^30: one half in the format of the gates |
//! | `r1 r2` | free; `r8` too once c is stored |

/// `σ - 0.5` of a pre-activation in Q12.
macro_rules! gate {
    ($value:literal) => {
        concat!("ssat ", $value, ", #17, ", $value, "\n", segment!($value))
    };
}

/// Writes `r10`, `r11` and `r12` into the frame, at an offset from the stack pointer. Operand: `{table}` is the table of `σ - 0.5`.
macro_rules! fixed {
    ($offset:literal) => {
        concat!(
            "movw r10, #:lower16:{table} + 1024\n",
            "movt r10, #:upper16:{table} + 1024\n",
            fixed_r11!(),
            "mov r12, #0x40000000\n",
            "add r4, sp, #",
            $offset,
            "\n",
            "stm r4, {{r10, r11, r12}}\n",
        )
    };
}

/// From pre-activations to the new c in memory and the new h in `r6`, and its storing.
///
/// Operands: `{kept}`, `{cell}` and `{hidden}` are the form's; `{further}` is where the frame holds, in this order, the keep factors of
/// candidate and cell, `1 - z_c`, whether the output reads the zoned c, `1 - z_h` and the end of the wide hidden state.
macro_rules! cell {
    () => {
        concat!(
            gate!("r3"),
            gate!("r4"),
            gate!("r5"),
            gate!("r6"),
            "ldr r1, [r8, r7, lsl #2]\n",
            "add r4, r12, r4, lsl #8\n",
            "add r3, r12, r3, lsl #8\n",
            ".if {kept}\n",
            "ldr r2, [sp, #{further}]\n",
            multiply_high!("r3", "r3", "r2", "r2"),
            add!("r3", "r3", "r3"),
            ".endif\n",
            multiply_high!("r4", "r1", "r4", "r2"),
            accumulate_high!("r4", "r3", "r5", "r2"),
            add!("r4", "r4", "r4"),
            ".if {kept}\n",
            "ldr r2, [sp, #{further} + 4]\n",
            multiply_high!("r4", "r4", "r2", "r2"),
            add!("r4", "r4", "r4"),
            ".endif\n",
            ".if {cell}\n",
            "ldrd r2, r5, [sp, #{further} + 8]\n",
            subtract!("r3", "r4", "r1"),
            multiply_high!("r3", "r3", "r2", "r2"),
            add_double!("r3", "r1"),
            "str r3, [r8, r7, lsl #2]\n",
            "cmp r5, #0\n",
            "it ne\n",
            "movne r4, r3\n",
            ".else\n",
            "str r4, [r8, r7, lsl #2]\n",
            ".endif\n",
            "ssat r4, #17, r4, asr #9\n",
            segment!("r4"),
            "add r6, r12, r6, lsl #8\n",
            ".if {hidden}\n",
            "ldrd r1, r2, [sp, #{further} + 16]\n",
            "ldr r3, [r2, r7, lsl #2]\n",
            multiply_high!("r6", "r6", "r4", "r8"),
            subtract!("r6", "r6", "r3"),
            multiply_high!("r6", "r6", "r1", "r8"),
            add_double!("r6", "r3"),
            "str r6, [r2, r7, lsl #2]\n",
            "add r6, r6, #512\n",
            "asrs r6, r6, #10\n",
            ".else\n",
            "asrs r6, r6, #10\n",
            multiply_high!("r6", "r6", "r4", "r2"),
            ".endif\n",
            "strh r6, [r9, r7, lsl #1]\n",
        )
    };
}
