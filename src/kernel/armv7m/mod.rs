//! The integer kernels for ARMv7-M, and for ARMv8-M with the DSP extension: a whole unit at a time in assembly. What the DSP extension
//! does in one instruction has a text of several for cores without it.

// Instructions that the compiler does not choose for these products.
#![allow(unsafe_code)]

// Assembly outside of functions is assembled for the target's own instructions, whatever CPU the compiler was told of; those of ARMv8-M
// lack the DSP extension. ARMv7E-M has it.
#[cfg(kernel_cpu = "cortex-m33")]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(kernel_cpu = "cortex-m33"))]
macro_rules! cpu {
    () => {
        ""
    };
}

// Texts come before the functions that are made of them.
#[cfg(not(kernel_dsp))]
#[macro_use]
mod base;
#[cfg(kernel_dsp)]
#[macro_use]
mod dsp;
#[macro_use]
mod cell;
#[macro_use]
mod entry;
mod form;
mod frame;
pub(super) mod memory;
mod normed;
mod rows;
mod step;

#[cfg(kernel_dsp)]
pub(crate) use self::dsp::dense::dense_int8;
use self::frame::Columns;
use super::int8_norm::{self, clamped, joint_cells, separate};
use crate::arithmetic::{IntegerLayout, LstmInt8, NormInt8, Normalizer, PackedPair, Rows, Sums};
use crate::network::{Few, Form};

/// See [`crate::arithmetic::Number::lstm`]; forms without layer norm. Nothing is changed where `xh` does not begin at a multiple of 4.
#[inline]
pub(crate) fn lstm<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i32], wide: &mut [i32], h: &mut [i16]) {
    let Some(columns) = Columns::new(xh) else { return };
    step::lstm(weights, columns, c, wide, h);
}

/// Forms with layer norm.
#[inline]
pub(crate) fn normed_lstm<F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    scratch: &mut [[i32; 4]],
    h: &mut [i16],
) {
    let (Some(norm), Some(columns)) = (weights.norm.get(), Columns::new(xh)) else { return };
    if F::SEPARATE {
        return separate::<Paired, F>(weights, norm, xh, (c, wide, h), scratch);
    }
    let [epsilon, ..] = norm.epsilon;
    let sums = rows::fill(&weights.rows, columns, norm.limit_bits(), scratch);
    match sums.and_then(|sums| norm.joint_normalizer(sums, epsilon)) {
        Some(normalizer) => normed::lstm(weights, normalizer, norm.affine.as_chunks().0, scratch, c, wide, h),
        None => joint_cells(weights, norm, &each(norm, epsilon, scratch), scratch, c, wide, h),
    }
}

/// The products of packed pairs in assembly.
enum Paired {}

impl int8_norm::Products for Paired {
    const MULTIPLE: usize = PackedPair::COLUMNS;

    #[inline]
    fn normalizers(rows: &Rows<'_>, xh: &[i16], norm: &NormInt8<'_>, epsilon: u64, z: &mut [[i32; 4]]) -> [Normalizer; 4] {
        // A part of what was found to be aligned, from a multiple of 4 on.
        let sums = Columns::new(xh).and_then(|columns| rows::fill(rows, columns, norm.limit_bits(), z));
        match sums.and_then(|sums| norm.joint_normalizer(sums, epsilon)) {
            Some(normalizer) => [normalizer; 4],
            None => each(norm, epsilon, z),
        }
    }

    #[inline]
    fn fill(rows: &Rows<'_>, xh: &[i16], z: &mut [[i32; 4]]) {
        if let Some(columns) = Columns::new(xh) {
            rows::fill_alone(rows, columns, z);
        }
    }
}

/// Statistics of gates that are blocks of their own, or of pre-activations some of which have to be clamped.
#[inline(never)]
fn each(norm: &NormInt8<'_>, epsilon: u64, z: &mut [[i32; 4]]) -> [Normalizer; 4] {
    let limit = norm.limit();
    let mut sums = [Sums::default(); 4];
    for z in z {
        *z = clamped(*z, limit, &mut sums);
    }
    norm.normalizers(sums, epsilon)
}
