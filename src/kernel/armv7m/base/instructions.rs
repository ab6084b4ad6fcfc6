//! Arithmetic of gates and cells, with the bits of the DSP extension's single instructions.

/// `(a*b + 2^31) >> 32`: the high word, and one more where the low word has its highest bit.
macro_rules! multiply_high {
    ($to:literal, $a:literal, $b:literal, $free:literal) => {
        concat!("smull ", $free, ", ", $to, ", ", $a, ", ", $b, "\n", "add ", $to, ", ", $to, ", ", $free, ", lsr #31\n",)
    };
}

/// Adds `(a*b + 2^31) >> 32`. a is lost.
macro_rules! accumulate_high {
    ($to:literal, $a:literal, $b:literal, $free:literal) => {
        concat!(
            "smull ",
            $free,
            ", ",
            $a,
            ", ",
            $a,
            ", ",
            $b,
            "\n",
            "add ",
            $to,
            ", ",
            $to,
            ", ",
            $a,
            "\n",
            "add ",
            $to,
            ", ",
            $to,
            ", ",
            $free,
            ", lsr #31\n",
        )
    };
}

/// The largest or smallest number if the last instruction's result is beyond it.
macro_rules! saturate {
    ($value:literal) => {
        // What has overflowed has the other sign.
        concat!("bvc 50f\n", "asrs ", $value, ", ", $value, ", #31\n", "eor ", $value, ", ", $value, ", #0x80000000\n", "50:\n",)
    };
}

/// The saturated sum.
macro_rules! add {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("adds ", $to, ", ", $a, ", ", $b, "\n", saturate!($to))
    };
}

/// The saturated difference.
macro_rules! subtract {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("subs ", $to, ", ", $a, ", ", $b, "\n", saturate!($to))
    };
}

/// The saturated sum of a number and of a half's saturated double, in the half's place.
macro_rules! add_double {
    ($half:literal, $to:literal) => {
        concat!(add!($half, $half, $half), add!($half, $to, $half),)
    };
}

/// `σ - 0.5` in Q23, which is tanh of half the argument in Q22, of a pre-activation that lies within the table. `r1` is lost.
macro_rules! segment {
    ($value:literal) => {
        concat!(
            "asrs r2, ",
            $value,
            ", #8\n",
            "uxtb ",
            $value,
            ", ",
            $value,
            "\n",
            "ldrsh r1, [r11, r2, lsl #2]\n",
            "ldrh r2, [r10, r2, lsl #2]\n",
            "muls r2, ",
            $value,
            ", r2\n",
            "add ",
            $value,
            ", r2, r1, lsl #8\n",
        )
    };
}

/// What [`segment`] reads in `r11`.
macro_rules! fixed_r11 {
    () => {
        "add r11, r10, #2\n"
    };
}
