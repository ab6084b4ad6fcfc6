//! The portable code under names that every target has: the definition, beside which a target's own kernels are tested.

use core::marker::PhantomData;

use super::int8_norm::Products;
use super::{float, float_norm, head_norm, int8_norm, packed_pair, row_major};
use crate::arithmetic::{
    DenseF32, DenseInt8, Functions, IntegerLayout, LstmF32, LstmInt8, NormInt8, Normalizer, PackedPair, RowMajor, Rows, cells16,
};
use crate::network::{Few, Form, Head};

macro_rules! products {
    ($layout:ident, $kernel:ident) => {
        impl Products for Portable<$layout> {
            const MULTIPLE: usize = $layout::COLUMNS;

            #[inline(always)]
            fn normalizers(
                rows: &Rows<'_>,
                xh: &[i16],
                norm: &NormInt8<'_>,
                epsilon: u64,
                z: &mut [[i32; 4]],
            ) -> [Normalizer; 4] {
                int8_norm::normalizers($kernel::preactivations_portable(rows, xh), norm, epsilon, z)
            }

            #[inline(always)]
            fn fill(rows: &Rows<'_>, xh: &[i16], z: &mut [[i32; 4]]) {
                int8_norm::fill($kernel::preactivations_portable(rows, xh), z);
            }
        }
    };
}

/// The products of a layout, portable on every target.
struct Portable<L>(PhantomData<L>);

products!(PackedPair, packed_pair);
products!(RowMajor, row_major);

/// [`crate::arithmetic::Number::lstm`] of [`crate::Int8`].
#[inline]
pub fn lstm_int8<F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    scratch: &mut [[i32; 4]],
    h: &mut [i16],
) {
    if F::NORM {
        int8_norm::lstm_by::<Portable<PackedPair>, F>(weights, xh, (c, wide, h), scratch);
    } else {
        packed_pair::lstm_portable(weights, xh, c, wide, h);
    }
}

/// [`crate::arithmetic::Number::lstm`] of `Int8<RowMajor>`.
#[inline]
pub fn lstm_row_major<F: Form>(
    weights: &LstmInt8<'_, F>,
    xh: &[i16],
    c: &mut [i32],
    wide: &mut [i32],
    scratch: &mut [[i32; 4]],
    h: &mut [i16],
) {
    if F::NORM {
        int8_norm::lstm_by::<Portable<RowMajor>, F>(weights, xh, (c, wide, h), scratch);
    } else {
        row_major::lstm_portable(weights, xh, c, wide, h);
    }
}

/// [`crate::arithmetic::Number::lstm`] of `Int8<PackedPair, Cell16>`.
#[inline]
pub fn lstm_cell16<F: Form>(weights: &LstmInt8<'_, F>, xh: &[i16], c: &mut [i16], wide: &mut [i32], h: &mut [i16]) {
    cells16(packed_pair::accumulators_portable(&weights.rows, xh), weights, c, wide, h);
}

/// [`crate::arithmetic::Number::dense`] of [`crate::Int8`].
#[inline]
pub fn dense_int8<F: Head>(weights: &DenseInt8<'_, F>, h: &[i16], y: &mut [f32]) {
    match weights.norm.get() {
        Some(norm) => head_norm::int8(weights, norm, h, y),
        None => packed_pair::dense(weights, h, y),
    }
}

/// [`crate::arithmetic::Number::lstm`] of [`crate::Float`].
#[inline]
pub fn lstm_f32<M: Functions, F: Form>(
    weights: &LstmF32<'_, F>,
    xh: &[f32],
    c: &mut [f32],
    scratch: &mut [[f32; 4]],
    h: &mut [f32],
) {
    if F::NORM {
        float_norm::lstm::<float::Portable, M, F>(weights, xh, c, scratch, h);
    } else {
        float::lstm::<float::Portable, M, F>(weights, xh, c, h);
    }
}

/// [`crate::arithmetic::Number::dense`] of [`crate::Float`].
#[inline]
pub fn dense_f32<F: Head>(weights: &DenseF32<'_, F>, h: &[f32], y: &mut [f32]) {
    match weights.norm.get() {
        Some(norm) => head_norm::float(weights, norm, h, y),
        None => float::dense(weights, h, y),
    }
}
