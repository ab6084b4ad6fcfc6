//! The `f32` inner loop for cores whose floating-point unit has single precision: Cortex-M4F, M7, M33.
//!
//! Eight columns of four gates, 32 multiply-accumulates, in 35 instructions and two for the loop. `vmla` rounds the product and then the
//! sum, as the portable loop does; `vfma` would not.

// Instructions that load many registers at once.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::float::Columns;

/// See the module.
pub(crate) enum Vfp {}

impl Columns for Vfp {
    #[inline(always)]
    fn sum([i, f, g, o]: [f32; 4], weights: &[[f32; 4]], xh: &[f32]) -> [f32; 4] {
        let columns = weights.len().min(xh.len());
        // SAFETY: both slices have so many columns.
        let Gates { i, f, g, o } = unsafe { products(i, f, g, o, weights.as_ptr(), xh.as_ptr(), columns) };
        [i, f, g, o]
    }
}

/// Sums of four gates: passed and returned in `s0`-`s3`.
#[repr(C)]
struct Gates {
    i: f32,
    f: f32,
    g: f32,
    o: f32,
}

/// Four gates of a column whose input is in a register, with its weights in four.
macro_rules! column {
    ($x:literal, $i:literal, $f:literal, $g:literal, $o:literal) => {
        concat!(
            "vmla.f32 s0, ",
            $i,
            ", ",
            $x,
            "\n",
            "vmla.f32 s1, ",
            $f,
            ", ",
            $x,
            "\n",
            "vmla.f32 s2, ",
            $g,
            ", ",
            $x,
            "\n",
            "vmla.f32 s3, ",
            $o,
            ", ",
            $x,
            "\n",
        )
    };
}

/// # Safety
/// `columns` must be readable at both pointers, which are multiples of 4 by their types, as `vldm` wants. No memory but the stack is
/// written, and the registers that a caller may rely on are restored.
#[unsafe(naked)]
unsafe extern "C" fn products(i: f32, f: f32, g: f32, o: f32, weights: *const [f32; 4], xh: *const f32, columns: usize) -> Gates {
    naked_asm!(
        // The target has it, but does not tell the assembler of functions like this one.
        ".fpu fpv4-sp-d16",
        "lsrs r3, r2, #3",
        "beq 3f",
        "vpush {{s16-s27}}",
        "2: vldm r1!, {{s20-s27}}",
        "vldm r0!, {{s4-s19}}",
        column!("s20", "s4", "s5", "s6", "s7"),
        column!("s21", "s8", "s9", "s10", "s11"),
        column!("s22", "s12", "s13", "s14", "s15"),
        column!("s23", "s16", "s17", "s18", "s19"),
        "vldm r0!, {{s4-s19}}",
        column!("s24", "s4", "s5", "s6", "s7"),
        column!("s25", "s8", "s9", "s10", "s11"),
        column!("s26", "s12", "s13", "s14", "s15"),
        column!("s27", "s16", "s17", "s18", "s19"),
        "subs r3, #1",
        "bne 2b",
        "vpop {{s16-s27}}",
        "3: ands r2, r2, #7",
        "beq 5f",
        "4: vldm r0!, {{s4-s7}}",
        "vldm r1!, {{s8}}",
        column!("s8", "s4", "s5", "s6", "s7"),
        "subs r2, #1",
        "bne 4b",
        "5: bx lr",
    )
}
