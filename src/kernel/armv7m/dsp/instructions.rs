//! Arithmetic of gates and cells in single instructions. Where ARMv7-M needs several, its text of the same name takes a free register.

/// `(a*b + 2^31) >> 32`.
macro_rules! multiply_high {
    ($to:literal, $a:literal, $b:literal, $free:literal) => {
        concat!("smmulr ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// Adds `(a*b + 2^31) >> 32`. a is lost elsewhere.
macro_rules! accumulate_high {
    ($to:literal, $a:literal, $b:literal, $free:literal) => {
        concat!("smmlar ", $to, ", ", $a, ", ", $b, ", ", $to, "\n")
    };
}

/// The saturated sum.
macro_rules! add {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("qadd ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// The saturated difference.
macro_rules! subtract {
    ($to:literal, $a:literal, $b:literal) => {
        concat!("qsub ", $to, ", ", $a, ", ", $b, "\n")
    };
}

/// The saturated sum of a number and of a half's saturated double, in the half's place.
macro_rules! add_double {
    ($half:literal, $to:literal) => {
        concat!("qdadd ", $half, ", ", $to, ", ", $half, "\n")
    };
}

/// `σ - 0.5` in Q23, which is tanh of half the argument in Q22, of a pre-activation that lies within the table. `r1` is lost elsewhere.
macro_rules! segment {
    ($value:literal) => {
        concat!(
            "asrs r2, ",
            $value,
            ", #8\n",
            "ldr r2, [r10, r2, lsl #2]\n",
            "bfi r11, ",
            $value,
            ", #0, #8\n",
            "smuad ",
            $value,
            ", r2, r11\n",
        )
    };
}

/// What [`segment`] reads in `r11`.
macro_rules! fixed_r11 {
    () => {
        "mov r11, #0x01000000\n"
    };
}
