//! Integer arithmetic: `int8` weights with one scale a row, 12-bit activations, a 32-bit cell. Portable; the same bits everywhere.
//!
//! | value | format | range |
//! |---|---|---|
//! | weight | `i8`, one real scale a row | [-127, 127] |
//! | activation `x`, `h` | `i16`, Q11 | h within ±2048, x within the file's limit |
//! | accumulator, bias | `i32` | proven by the exporter |
//! | pre-activation | Q12, twice the value for `g` | clamped to ±16 |
//! | gate `i f o` | Q23 | [0, 1) |
//! | `tanh` | Q22 | (-1, 1) |
//! | cell `c` | `i32`, Q9.22, saturating | ±512 |
//!
//! `p = (acc*m + 2^31) >> 32` with a multiplier `m` a row; tanh is the sigmoid's table read at twice the argument,
//! `tanh(x) = 2σ(2x) - 1`. Layer norm's formats are told in [`super::int8_norm`], the order of weights in [`super::int8_layout`], and
//! another arithmetic of the cell in [`super::cell16`].

use core::fmt::Debug;
use core::marker::PhantomData;

use super::head_norm::HeadNormInt8;
use super::int8_layout::{IntegerLayout, PackedPair, Rows};
use super::int8_norm::NormInt8;
use super::table::{HALF, OFFSET, SIGMOID};
use super::{Element, Number};
use crate::image::{Arithmetic, Layout, LoadError, Record};
#[cfg(kernel_dsp)]
use crate::kernel::armv7m::dense_int8;
#[cfg(not(kernel_dsp))]
use crate::kernel::portable::dense_int8;
use crate::network::{Few, Form, Head, PlainHead};

/// 1.0 as an activation (Q11).
pub const ACTIVATION_ONE: i16 = 1 << 11;

/// The largest weight: -128 would not fit the packed halfword `256*a + b`.
pub const WEIGHT_LIMIT: i8 = 127;

/// The revision of the integer arithmetic that this crate computes.
const REVISION: u8 = 1;

/// 0.5 as a gate (Q23); `σ - 0.5` in Q23 is `tanh` of half the argument in Q22.
const HALF_GATE: i32 = 1 << 22;

#[cfg(kernel = "armv6m")]
pub(crate) use crate::kernel::armv6m::multiply_high;

/// `(a*b + 2^31) >> 32`: the rounded high word of a product (ARM's `smmulr`).
#[cfg(not(kernel = "armv6m"))]
#[inline(always)]
pub(crate) fn multiply_high(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b) + (1 << 31)) >> 32) as i32
}

/// The sigmoid of a pre-activation in Q12, as a gate in Q23. Largest error 5.2e-5.
#[inline(always)]
pub fn sigmoid(p: i32) -> i32 {
    // The segment's index needs no bounds check: after the clamp it lies in [0, 511], and the mask says so to the compiler.
    let p = p.clamp(-(1 << 16), (1 << 16) - 1);
    let word = SIGMOID[((p >> 8) + HALF as i32) as usize & (2 * HALF - 1)];
    (((word as i32) >> 16) + OFFSET) * 256 + i32::from(word as i16) * (p & 255)
}

/// tanh in Q22 of an argument given as *twice* its value in Q12. Largest error 1.0e-4.
#[inline(always)]
pub fn tanh(twice: i32) -> i32 {
    sigmoid(twice) - HALF_GATE
}

/// A row's accumulator to a pre-activation: `(acc*m + 2^31) >> 32`.
#[inline(always)]
pub(crate) fn scale_accumulator(accumulator: i32, multiplier: i32) -> i32 {
    multiply_high(accumulator, multiplier)
}

/// Zoneout at test time: how much of the new value enters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zone {
    /// `1 - z_c` in Q31.
    pub cell: i32,
    /// `1 - z_h` in Q31.
    pub hidden: i32,
    /// The output's tanh reads the blended cell instead of the candidate.
    pub reads_zoned: bool,
}

/// Keep factors of classical dropout in Q31.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KeepInt8 {
    /// On `i*g`.
    pub candidate: i32,
    /// On all of c'.
    pub cell: i32,
}

/// `old + (1-z)*(new - old)`, saturating; the step is rounded to an even number of units.
#[inline(always)]
fn blend(old: i32, new: i32, keep_new: i32) -> i32 {
    let step = multiply_high(new.saturating_sub(old), keep_new);
    old.saturating_add(step.saturating_add(step))
}

/// `q*value` with a factor in Q31, rounded to an even number of units; saturates where a factor of 1 rounds the largest values up.
#[inline(always)]
fn keep(value: i32, factor: i32) -> i32 {
    let half = multiply_high(value, factor);
    half.saturating_add(half)
}

/// The candidate `c'` in Q9.22 and the output gate in Q23 of one unit, from its pre-activations `i f g o` (Q12, g twice).
#[inline(always)]
pub(crate) fn candidate<F: Form>([i, f, g, o]: [i32; 4], c: i32, factors: &F::Keep<KeepInt8>) -> (i32, i32) {
    let i = sigmoid(i) << 8;
    let f = sigmoid(f) << 8;
    let g = tanh(g);
    let o = sigmoid(o);
    let factors = factors.get();
    let i = factors.map_or(i, |factors| keep(i, factors.candidate));
    // f*c + i*g in Q21, then doubled to Q22 with saturation. |f*c| <= 2^30 and |i*g| < 2^21: nothing wraps.
    let sum = multiply_high(c, f).wrapping_add(multiply_high(i, g));
    let candidate = sum.saturating_add(sum);
    (factors.map_or(candidate, |factors| keep(candidate, factors.cell)), o)
}

/// Stores a candidate, blended where the form says so. Gives what the output's tanh reads.
#[inline(always)]
pub(crate) fn store<F: Form>(c: &mut i32, candidate: i32, zone: Zone) -> i32 {
    let stored = if F::CELL { blend(*c, candidate, zone.cell) } else { candidate };
    *c = stored;
    if F::CELL && zone.reads_zoned { stored } else { candidate }
}

/// The new hidden state in Q11 from the output gate (Q23) and what its tanh reads (Q9.22).
#[inline(always)]
pub(crate) fn output<F: Form>(o: i32, read: i32, wide: Option<&mut i32>, zone: Zone) -> i16 {
    let tanh_c = tanh(read >> 9);
    match wide {
        // Blended in Q21, because a blend in the activation's 12 bits would have a dead zone.
        Some(wide) if F::HIDDEN => {
            *wide = blend(*wide, multiply_high(o << 8, tanh_c), zone.hidden);
            (wide.wrapping_add(1 << 9) >> 10) as i16
        }
        _ => multiply_high(o >> 2, tanh_c) as i16,
    }
}

/// Gates, cell and output of one unit from its pre-activations `i f g o` (Q12, g twice). Gives the new hidden state in Q11.
#[inline(always)]
pub(crate) fn cell<F: Form>(p: [i32; 4], c: &mut i32, wide: Option<&mut i32>, weights: &LstmInt8<'_, F>) -> i16 {
    let (candidate, o) = candidate::<F>(p, *c, &weights.keep);
    let read = store::<F>(c, candidate, weights.zone);
    output::<F>(o, read, wide, weights.zone)
}

mod sealed {
    pub trait Sealed {}
}

/// How an integer LSTM's gates and cell are computed from its rows' accumulators: [`Exact`] or [`Cell16`](super::Cell16).
pub trait CellArithmetic: sealed::Sealed + Copy + Debug + PartialEq + Send + Sync + 'static {
    /// What the file must say.
    const ARITHMETIC: Arithmetic;
    /// Computes forms with layer norm.
    const NORMS: bool;
    /// A cell state.
    type Cell: Element;

    /// See [`Number::lstm`].
    fn lstm<L: IntegerLayout, F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [Self::Cell],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    );
}

/// The arithmetic of [`Int8`] that every core computes: an `i32` cell, 32-bit products' high words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exact {}

impl sealed::Sealed for Exact {}
impl sealed::Sealed for super::Cell16 {}

impl CellArithmetic for Exact {
    const ARITHMETIC: Arithmetic = Arithmetic::Int8 { revision: REVISION };
    const NORMS: bool = true;
    type Cell = i32;

    #[inline]
    fn lstm<L: IntegerLayout, F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i32],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        if F::NORM {
            L::normed_lstm::<F>(weights, xh, c, wide, scratch, h);
        } else {
            L::lstm::<F>(weights, xh, c, wide, h);
        }
    }
}

/// `int8` weights and `i16` activations, in the order of weights `L` and with the cell's arithmetic `C`.
///
/// The order is chosen for a core and changes no bit; the arithmetic is a choice of the user's. `Int8` alone is what most cores
/// take, `Int8<RowMajor>` what a core with vectors takes, `Int8<PackedPair, Cell16>` the cheaper cell of a Cortex-M0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Int8<L = PackedPair, C = Exact>(PhantomData<(L, C)>);

/// An LSTM layer's weights.
#[derive(Clone, Copy, Debug)]
pub struct LstmInt8<'m, F: Form> {
    pub(crate) zone: Zone,
    pub(crate) keep: F::Keep<KeepInt8>,
    pub(crate) norm: F::Norm<NormInt8<'m>>,
    /// All columns together; of x alone where the form normalizes `W x` and `U h` apart.
    pub(crate) rows: Rows<'m>,
}

/// A head's weights: row-major `i8`, rows padded to a multiple of four.
#[derive(Clone, Copy, Debug)]
pub struct DenseInt8<'m, F: Head = PlainHead> {
    pub(crate) norm: F::Norm<HeadNormInt8>,
    /// `[O]`, in units of the transformed domain; added after scaling, so that the mean of a large quantity costs no resolution.
    pub(crate) bias: &'m [f32],
    /// `[O]`, units of the transformed domain per accumulator unit.
    pub(crate) scale: &'m [f32],
    /// `[O][H padded]`
    pub(crate) weights: &'m [i8],
}

impl<L: IntegerLayout, C: CellArithmetic> Number for Int8<L, C> {
    const ARITHMETIC: Arithmetic = C::ARITHMETIC;
    const LAYOUT: Layout = L::LAYOUT;
    const COLUMNS_MULTIPLE: usize = L::COLUMNS;
    type Activation = i16;
    type Padding = L::Padding;
    type Cell = C::Cell;
    type Wide = i32;
    type Sum = i32;
    type Lstm<'m, F: Form> = LstmInt8<'m, F>;
    type Dense<'m, F: Head> = DenseInt8<'m, F>;

    fn bind_lstm<'m, F: Form>(record: &Record<'m>) -> Result<LstmInt8<'m, F>, LoadError> {
        if F::NORM && !C::NORMS {
            return Err(LoadError::FormOfArithmetic { arithmetic: C::ARITHMETIC, form: F::FORM });
        }
        let columns = if F::SEPARATE { record.inputs() } else { record.inputs() + record.outputs() };
        let mut fields = record.fields();
        let &[cell, hidden, words, reads_zoned] = fields.array::<i32, 4>()?;
        // A negative share would drive the states apart instead of together.
        if cell < 0 || hidden < 0 {
            return Err(record.malformed());
        }
        let keep = F::Keep::read(|| match *fields.array::<i32, 4>()? {
            [candidate, cell, 0, 0] if candidate >= 0 && cell >= 0 => Ok(KeepInt8 { candidate, cell }),
            _ => Err(record.malformed()),
        })?;
        let norm = F::Norm::read(|| NormInt8::read::<L>(&mut fields, record, F::SEPARATE))?;
        let rows = Rows::read::<L>(&mut fields, record, words, 0, columns)?;
        fields.end()?;
        Ok(LstmInt8 { zone: Zone { cell, hidden, reads_zoned: reads_zoned != 0 }, keep, norm, rows })
    }

    fn bind_dense<'m, F: Head>(record: &Record<'m>) -> Result<DenseInt8<'m, F>, LoadError> {
        let columns = record.inputs().next_multiple_of(4);
        let mut fields = record.fields();
        let norm = F::Norm::read(|| HeadNormInt8::read(&mut fields, record))?;
        let bias = fields.slice(record.outputs())?;
        let scale = fields.slice(record.outputs())?;
        let weights = fields.slice(record.outputs().saturating_mul(columns))?;
        fields.end()?;
        Ok(DenseInt8 { norm, bias, scale, weights })
    }

    #[inline]
    fn encode(difference: f32, scale: f32, limit: f32) -> (i16, bool) {
        let value = difference * scale;
        let (value, clamped) = if value > limit {
            (limit, true)
        } else if value < -limit {
            (-limit, true)
        } else {
            (value, false)
        };
        // Rounds half away from zero; the cast saturates and takes NaN to zero.
        ((value + if value < 0.0 { -0.5 } else { 0.5 }) as i16, clamped)
    }

    #[inline]
    fn lstm<F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [C::Cell],
        wide: &mut [i32],
        scratch: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        C::lstm::<L, F>(weights, xh, c, wide, scratch, h);
    }

    #[inline]
    fn dense<F: Head>(weights: &DenseInt8<'_, F>, h: &[i16], y: &mut [f32]) {
        dense_int8(weights, h, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real_sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + libm::exp(-x))
    }

    /// Every pre-activation that there is, and some beyond the clamp.
    #[test]
    fn largest_errors_are_as_stated() {
        let (mut worst_sigmoid, mut worst_tanh) = (0.0f64, 0.0f64);
        for p in -(1 << 17)..(1 << 17) {
            let got = f64::from(sigmoid(p)) / f64::from(1 << 23);
            worst_sigmoid = worst_sigmoid.max((got - real_sigmoid(f64::from(p) / 4096.0)).abs());
            let got = f64::from(tanh(p)) / f64::from(1 << 22);
            worst_tanh = worst_tanh.max((got - libm::tanh(f64::from(p) / 8192.0)).abs());
        }
        assert!((4.5e-5..=5.2e-5).contains(&worst_sigmoid), "{worst_sigmoid}");
        assert!((9.0e-5..=1.04e-4).contains(&worst_tanh), "{worst_tanh}");
    }

    #[test]
    fn sigmoid_is_monotone_and_below_one() {
        let mut last = -1;
        for p in -(1 << 17)..(1 << 17) {
            let now = sigmoid(p);
            assert!(now >= last && now < 1 << 23, "{p}");
            last = now;
        }
        assert_eq!(sigmoid(0), 1 << 22);
        assert_eq!(sigmoid(i32::MIN), sigmoid(-(1 << 16)));
        assert_eq!(sigmoid(i32::MAX), sigmoid((1 << 16) - 1));
    }

    #[test]
    fn multiply_high_rounds_and_never_overflows() {
        assert_eq!(multiply_high(1 << 16, 1 << 15), 1);
        assert_eq!(multiply_high(-(1 << 16), 1 << 15), 0);
        assert_eq!(multiply_high(i32::MIN, i32::MIN), 1 << 30);
        assert_eq!(multiply_high(i32::MIN, i32::MAX), -(1 << 30) + 1);
    }

    #[test]
    fn blend_saturates_at_the_cell_ends() {
        assert_eq!(blend(i32::MIN, i32::MAX, i32::MAX), -2);
        assert_eq!(blend(1000, 3000, 1 << 30), 2000);
        assert_eq!(blend(1000, 3000, 0), 1000);
    }

    #[test]
    fn encode_rounds_half_away_from_zero_and_clamps() {
        assert_eq!(<Int8>::encode(1.5, 1.0, 100.0), (2, false));
        assert_eq!(<Int8>::encode(-1.5, 1.0, 100.0), (-2, false));
        assert_eq!(<Int8>::encode(1.0, 2048.0, 8191.0), (2048, false));
        assert_eq!(<Int8>::encode(9.0, 2048.0, 8191.0), (8191, true));
        assert_eq!(<Int8>::encode(f32::INFINITY, 1.0, 8191.0), (8191, true));
        assert_eq!(<Int8>::encode(f32::NEG_INFINITY, 1.0, 8191.0), (-8191, true));
        assert_eq!(<Int8>::encode(f32::NAN, 1.0, 8191.0).0, 0);
    }
}
