//! `f32` arithmetic over a choice of sigmoid and tanh. Sums run in the order of the columns, and nothing is fused, so that the bits
//! are the same on every target.

use core::fmt::Debug;
use core::marker::PhantomData;

use super::Number;
use super::float_norm::NormF32;
use super::head_norm::HeadNormF32;
use crate::image::{Arithmetic, Functions as FunctionsName, Layout, LoadError, Record};
#[cfg(not(kernel_float = "vfp"))]
use crate::kernel::float::Portable as Native;
#[cfg(kernel_float = "vfp")]
use crate::kernel::vfp::Vfp as Native;
use crate::kernel::{float, float_norm, portable};
use crate::network::{Few, Form, Head, PlainHead};

/// A sigmoid and a tanh. Each implementation is named in the model file, because it decides the bits.
pub trait Functions: Copy + Debug + PartialEq + 'static {
    /// What the file must say.
    const NAME: FunctionsName;
    /// `1 / (1 + e^-x)`
    fn sigmoid(x: f32) -> f32;
    /// `tanh(x)`
    fn tanh(x: f32) -> f32;
}

/// `f32` throughout, with the sigmoid and tanh of `M`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Float<M: Functions = Rational>(PhantomData<M>);

/// A branch-free rational polynomial of tanh, clamped at ±7.905 where `f32` rounds tanh to 1; the sigmoid is
/// `0.5 + 0.5*tanh(x/2)`. Largest absolute errors 4.6e-7 (tanh) and 2.8e-7 (sigmoid); the results never leave [-1, 1] and [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rational {}

/// The functions of the `libm` crate (pinned to an exact version): the reference, several times slower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Libm {}

/// The functions of the `micromath` crate. Largest absolute errors 5.4e-4 (sigmoid) and 1.1e-3 (tanh); on a Cortex-M4F a step
/// of 48 units takes *more* instructions than with `libm`: 49,082 against 44,249. Offered for those who link micromath already.
#[cfg(feature = "micromath")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Micromath {}

impl Functions for Rational {
    const NAME: FunctionsName = FunctionsName::Rational;

    #[inline]
    fn sigmoid(x: f32) -> f32 {
        0.5 + 0.5 * Self::tanh(0.5 * x)
    }

    #[inline]
    fn tanh(x: f32) -> f32 {
        const LARGEST: f32 = 7.905_311;
        let x = if x > LARGEST { LARGEST } else { x };
        let x = if x < -LARGEST { -LARGEST } else { x };
        let square = x * x;
        // Numerator x*P(x^2) of degree 13 and denominator Q(x^2) of degree 6, a minimax fit (the form that Eigen uses).
        let p = [2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_4e-4, 4.893_525e-3]
            .iter()
            .fold(-2.760_768_5e-16, |sum, coefficient| sum * square + coefficient);
        let q = [1.185_347e-4, 2.268_434_6e-3, 4.893_525e-3]
            .iter()
            .fold(1.198_258_4e-6, |sum, coefficient| sum * square + coefficient);
        let ratio = x * p / q;
        let ratio = if ratio > 1.0 { 1.0 } else { ratio };
        if ratio < -1.0 { -1.0 } else { ratio }
    }
}

impl Functions for Libm {
    const NAME: FunctionsName = FunctionsName::Libm;

    #[inline]
    fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + libm::expf(-x))
    }

    #[inline]
    fn tanh(x: f32) -> f32 {
        libm::tanhf(x)
    }
}

#[cfg(feature = "micromath")]
impl Functions for Micromath {
    const NAME: FunctionsName = FunctionsName::Micromath;

    #[inline]
    fn sigmoid(x: f32) -> f32 {
        // Beyond ±16 its exponential overflows into nonsense, and the sigmoid is 0 or 1 there to f32's last bit but one.
        let x = if x > 16.0 { 16.0 } else { x };
        let x = if x < -16.0 { -16.0 } else { x };
        1.0 / (1.0 + micromath::F32Ext::exp(-x))
    }

    #[inline]
    fn tanh(x: f32) -> f32 {
        2.0 * Self::sigmoid(2.0 * x) - 1.0
    }
}

/// Zoneout at test time, with the hidden state carried as `u = h / (1-z_h)`: `u_t = z_h*u + o*tanh(c)`. The factor `1-z_h` is folded
/// into whatever reads u.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zone {
    /// `1 - z_c`
    pub cell: f32,
    /// `z_h`
    pub hidden: f32,
    /// The output's tanh reads the blended cell instead of the candidate.
    pub reads_zoned: bool,
}

/// Keep factors of classical dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KeepF32 {
    /// On `i*g`.
    pub candidate: f32,
    /// On all of c'.
    pub cell: f32,
}

/// An LSTM layer's weights, the four gates of a column side by side.
#[derive(Clone, Copy, Debug)]
pub struct LstmF32<'m, F: Form> {
    pub(crate) zone: Zone,
    pub(crate) keep: F::Keep<KeepF32>,
    pub(crate) norm: F::Norm<NormF32<'m>>,
    /// `[H]` units of `[1 + I + H][4]`: the biases, then a column after the other, gates `i f g o`.
    pub(crate) units: &'m [[f32; 4]],
}

/// A head's weights.
#[derive(Clone, Copy, Debug)]
pub struct DenseF32<'m, F: Head = PlainHead> {
    pub(crate) norm: F::Norm<HeadNormF32>,
    /// `[O]`
    pub(crate) bias: &'m [f32],
    /// `[O][H]`
    pub(crate) weights: &'m [f32],
}

impl<M: Functions> Number for Float<M> {
    const ARITHMETIC: Arithmetic = Arithmetic::F32 { functions: M::NAME };
    const LAYOUT: Layout = Layout::Interleaved;
    const COLUMNS_MULTIPLE: usize = 1;
    type Activation = f32;
    type Padding = [f32; 3];
    type Cell = f32;
    type Wide = ();
    type Sum = f32;
    type Lstm<'m, F: Form> = LstmF32<'m, F>;
    type Dense<'m, F: Head> = DenseF32<'m, F>;

    fn bind_lstm<'m, F: Form>(record: &Record<'m>) -> Result<LstmF32<'m, F>, LoadError> {
        let mut fields = record.fields();
        let &[cell, hidden, reads_zoned, _] = fields.array::<f32, 4>()?;
        let keep = F::Keep::read(|| match *fields.array::<f32, 4>()? {
            [candidate, cell, 0.0, 0.0] => Ok(KeepF32 { candidate, cell }),
            _ => Err(record.malformed()),
        })?;
        let norm = F::Norm::read(|| NormF32::read(&mut fields, record, F::SEPARATE))?;
        let units = fields.slice::<[f32; 4]>(record.outputs().saturating_mul(1 + record.inputs() + record.outputs()))?;
        fields.end()?;
        Ok(LstmF32 { zone: Zone { cell, hidden, reads_zoned: reads_zoned != 0.0 }, keep, norm, units })
    }

    fn bind_dense<'m, F: Head>(record: &Record<'m>) -> Result<DenseF32<'m, F>, LoadError> {
        let mut fields = record.fields();
        let norm = F::Norm::read(|| HeadNormF32::read(&mut fields, record))?;
        let bias = fields.slice(record.outputs())?;
        let weights = fields.slice(record.outputs().saturating_mul(record.inputs()))?;
        fields.end()?;
        Ok(DenseF32 { norm, bias, weights })
    }

    #[inline]
    fn encode(difference: f32, scale: f32, limit: f32) -> (f32, bool) {
        let value = difference * scale;
        if value > limit {
            (limit, true)
        } else if value < -limit {
            (-limit, true)
        } else {
            (value, false)
        }
    }

    #[inline]
    fn lstm<F: Form>(
        weights: &LstmF32<'_, F>,
        xh: &[f32],
        c: &mut [f32],
        _wide: &mut [()],
        scratch: &mut [[f32; 4]],
        h: &mut [f32],
    ) {
        if F::NORM {
            float_norm::lstm::<Native, M, F>(weights, xh, c, scratch, h);
        } else {
            float::lstm::<Native, M, F>(weights, xh, c, h);
        }
    }

    #[inline]
    fn dense<F: Head>(weights: &DenseF32<'_, F>, h: &[f32], y: &mut [f32]) {
        portable::dense_f32(weights, h, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest absolute errors (sigmoid, tanh) over [-20, 20] and far beyond.
    fn errors<M: Functions>() -> (f64, f64) {
        let (mut sigmoid, mut tanh) = (0.0f64, 0.0f64);
        let near = (-2_000_000..=2_000_000).map(|k| k as f32 * 1e-5);
        for x in near.chain([f32::MIN, -1e30, -300.0, -88.0, 88.0, 300.0, 1e30, f32::MAX]) {
            let exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
            sigmoid = sigmoid.max((f64::from(M::sigmoid(x)) - exact).abs());
            tanh = tanh.max((f64::from(M::tanh(x)) - libm::tanh(f64::from(x))).abs());
            assert!((0.0..=1.0).contains(&M::sigmoid(x)) && (-1.0..=1.0).contains(&M::tanh(x)), "{x}");
        }
        (sigmoid, tanh)
    }

    #[test]
    fn largest_errors_are_as_stated() {
        let (sigmoid, tanh) = errors::<Rational>();
        assert!(sigmoid <= 2.8e-7 && tanh <= 4.6e-7, "rational: {sigmoid:e} {tanh:e}");
        let (sigmoid, tanh) = errors::<Libm>();
        assert!(sigmoid <= 9.0e-8 && tanh <= 8.1e-8, "libm: {sigmoid:e} {tanh:e}");
    }

    #[cfg(feature = "micromath")]
    #[test]
    fn micromath_errors_are_as_stated() {
        let (sigmoid, tanh) = errors::<Micromath>();
        assert!((5e-4..=5.4e-4).contains(&sigmoid) && (1e-3..=1.1e-3).contains(&tanh), "micromath: {sigmoid:e} {tanh:e}");
    }

    /// Every exponent with either sign and a few mantissas, infinities and NaNs among them: no argument panics, and only NaN
    /// may give NaN (micromath's exponential gives a number even then).
    fn takes_everything<M: Functions>() {
        for high in 0..=u16::MAX {
            let x = f32::from_bits((u32::from(high) << 16) | (0x5a5a * u32::from(high & 1)));
            let (sigmoid, tanh) = (M::sigmoid(x), M::tanh(x));
            let bounded = (0.0..=1.0).contains(&sigmoid) && (-1.0..=1.0).contains(&tanh);
            let undefined = x.is_nan() && sigmoid.is_nan() && tanh.is_nan();
            assert!(bounded || undefined, "{x}: {sigmoid} {tanh}");
        }
    }

    #[test]
    fn every_argument_is_taken() {
        takes_everything::<Rational>();
        takes_everything::<Libm>();
        #[cfg(feature = "micromath")]
        takes_everything::<Micromath>();
    }

    #[test]
    fn tanh_is_odd() {
        for k in 0..10_000 {
            let x = k as f32 * 1e-3;
            assert_eq!(Rational::tanh(-x), -Rational::tanh(x));
        }
    }
}
