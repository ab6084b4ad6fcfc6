//! The packed pair's inner loop for ARMv7E-M, and for ARMv8-M with the DSP extension.
//!
//! Four columns of four gates, sixteen multiply-accumulates, in fifteen instructions and two for the loop.
//! `smlad` on raw words accumulates `R = 256*A + B` of two columns, `sxtb16` sign-extends the two low bytes in place, and `smlad` on
//! those accumulates B.

// Instructions that the compiler does not choose for this product.
#![allow(unsafe_code)]

use core::arch::asm;

use super::packed_pair::Sums;

/// Adds the products of a block of columns to the sums `R_if B_if R_go B_go`; the bits of the portable loop. A block has a multiple
/// of four columns, a word each; what is beyond the shorter slice, or a rest of less than four, is left out.
#[inline(always)]
pub(super) fn accumulate([mut r0, mut b0, mut r1, mut b1]: Sums, words: &[u32], xh: &[i16]) -> Sums {
    let columns = words.len().min(xh.len()) & !3;
    if columns == 0 {
        return [r0, b0, r1, b1];
    }
    // SAFETY: the loop reads four words and four halfwords at a time, `columns` of each, which is a multiple of four, at least four,
    // and no more than either slice holds; it ends when the activations' pointer reaches their end, computed here. It writes no
    // memory. Words, which `ldm` wants aligned, are so by their type; two activations are loaded by `ldr`, which these cores
    // allow at any alignment. `smlad` sets the Q flag on overflow, which Rust code does not read; the sums wrap as the portable loop's do.
    unsafe {
        let end = xh.as_ptr().add(columns);
        asm!(
            "2:",
            "ldr {pair}, [{x}], #4",
            "ldm {w}!, {{r2, r3, r4, r5}}",
            "smlad {r0}, r2, {pair}, {r0}",
            "sxtb16 r2, r2",
            "smlad {r1}, r3, {pair}, {r1}",
            "sxtb16 r3, r3",
            "smlad {b0}, r2, {pair}, {b0}",
            "smlad {b1}, r3, {pair}, {b1}",
            "ldr {pair}, [{x}], #4",
            "smlad {r0}, r4, {pair}, {r0}",
            "sxtb16 r4, r4",
            "smlad {r1}, r5, {pair}, {r1}",
            "sxtb16 r5, r5",
            "smlad {b0}, r4, {pair}, {b0}",
            "smlad {b1}, r5, {pair}, {b1}",
            "cmp {x}, {end}",
            "bne 2b",
            w = inout(reg) words.as_ptr() => _,
            x = inout(reg) xh.as_ptr() => _,
            end = in(reg) end,
            r0 = inout(reg) r0,
            b0 = inout(reg) b0,
            r1 = inout(reg) r1,
            b1 = inout(reg) b1,
            pair = out(reg) _,
            out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            options(nostack, readonly),
        );
    }
    [r0, b0, r1, b1]
}
