//! The cell's form as a type: firmware links only what its cell needs.
//!
//! A form is [`Plain`], [`ZoneoutCell`] or [`Zoneout`], wrapped by [`Kept`] where classical dropout left factors in the cell, wrapped by
//! [`NormA`], [`NormB`] or [`JointNorm`] where the cell has layer norm: `JointNorm<Kept<ZoneoutCell>>`.

use core::fmt::Debug;
use core::marker::PhantomData;

use bytemuck::Zeroable;

use super::cell_form::{CellForm, NormForm, ZoneoutForm};
use crate::arithmetic::Element;

mod sealed {
    pub trait Sealed {}
}

/// What an LSTM cell does beyond the plain equations at test time.
pub trait Form: sealed::Sealed + Copy + Debug + PartialEq + Send + Sync + 'static {
    /// What the file must say.
    const FORM: CellForm;
    /// The cell state is blended with its previous value.
    const CELL: bool = !matches!(Self::FORM.zoneout, ZoneoutForm::None);
    /// The hidden state is blended with its previous value.
    const HIDDEN: bool = matches!(Self::FORM.zoneout, ZoneoutForm::Both);
    /// There is layer norm.
    const NORM: bool = !matches!(Self::FORM.norm, NormForm::None);
    /// `W x` and `U h` are normalized apart, and so is c.
    const SEPARATE: bool = Self::FORM.separate();
    /// The normalized c is what is stored.
    const STORED: bool = matches!(Self::FORM.norm, NormForm::B);
    /// Memory for a hidden state in more bits than an activation has: `[A; H]` where it is blended, else empty.
    type Wide<A: Element, const H: usize>: Wide<A>;
    /// Memory of a step for pre-activations that wait for their statistics: a row `[A; 4]` a unit and norm, else empty.
    type Scratch<A: Element, const H: usize>: Scratch<A>;
    /// The keep factors, if the form has them.
    type Keep<T: Part>: Few<T>;
    /// The norms' parameters, if the form has them.
    type Norm<T: Part>: Few<T>;
}

/// A form without layer norm.
pub trait Unnormed: Form {}

/// A form without keep factors and layer norm.
pub trait Unkept: Unnormed {}

/// An array of `H` or of no elements.
pub trait Wide<A>: Copy + Debug + PartialEq + AsMut<[A]> {
    /// All zero.
    const ZERO: Self;
}

impl<A: Element, const N: usize> Wide<A> for [A; N] {
    const ZERO: Self = [A::ZERO; N];
}

/// Rows of four gates: of no unit, of every unit, or two for every unit.
pub trait Scratch<A>: Zeroable {
    /// The rows, those of `U h` after those of `W x`.
    fn rows(&mut self) -> &mut [[A; 4]];
}

impl<A: Element, const N: usize> Scratch<A> for [[A; 4]; N] {
    #[inline(always)]
    fn rows(&mut self) -> &mut [[A; 4]] {
        self
    }
}

impl<A: Element, const N: usize> Scratch<A> for [[[A; 4]; N]; 2] {
    #[inline(always)]
    fn rows(&mut self) -> &mut [[A; 4]] {
        self.as_flattened_mut()
    }
}

/// What a layer's weights may be made of.
pub trait Part: Copy + Debug + Send + Sync {}

impl<T: Copy + Debug + Send + Sync> Part for T {}

/// One value or none, as the form says.
pub trait Few<T>: Part {
    /// Reads the value, if there is one.
    fn read<E>(read: impl FnOnce() -> Result<T, E>) -> Result<Self, E>;
    /// The value, if there is one.
    fn get(&self) -> Option<&T>;
}

impl<T: Part> Few<T> for [T; 0] {
    #[inline(always)]
    fn read<E>(_: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        Ok([])
    }

    #[inline(always)]
    fn get(&self) -> Option<&T> {
        None
    }
}

impl<T: Part> Few<T> for [T; 1] {
    #[inline(always)]
    fn read<E>(read: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        Ok([read()?])
    }

    #[inline(always)]
    fn get(&self) -> Option<&T> {
        self.first()
    }
}

/// `c_t = σ(f)*c + σ(i)*tanh(g)`, `h_t = σ(o)*tanh(c_t)` (Hochreiter & Schmidhuber 1997, with Gers's forget gate).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain {}

/// Zoneout on the cell state: `c_t = z_c*c + (1-z_c)*c'` (Krueger et al., arXiv 1606.01305, at test time). One multiplication and two
/// additions a unit more than [`Plain`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ZoneoutCell {}

/// Zoneout on both states: [`ZoneoutCell`] and `h_t = z_h*h + (1-z_h)*h'`. In integer arithmetic it needs 4H bytes of state more,
/// because a blend in an activation's 12 bits would have a dead zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Zoneout {}

/// Factors that classical dropout leaves in the cell: `c' = q_m*(σ(f)*c + q_s*σ(i)*tanh(g))`, with `q_s` from dropout on the candidate
/// (Semeniuta et al., arXiv 1603.05118) and `q_m` from dropout on the cell (RNNDrop, Moon et al., ASRU 2015). Two multiplications a unit
/// more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kept<F = Plain>(PhantomData<F>);

/// Layer norm in form A: `a = LN(W x + b) + LN(U h)`, c stored raw, `h = σ(o)*tanh(LN(c))` (Ba et al., arXiv 1607.06450). Needs eight
/// sums a unit as scratch while it steps. A file may say that the norm over `W x` takes its statistics from the inputs, with its gains in W: the
/// same type runs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormA<F = Plain>(PhantomData<F>);

/// Layer norm in form B: as [`NormA`], but the normalized c is what is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormB<F = Plain>(PhantomData<F>);

/// Layer norm over all pre-activations together: `a = LN(W x + U h + b)`, none on c. Needs four sums a unit as scratch while it steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointNorm<F = Plain>(PhantomData<F>);

macro_rules! bare {
    ($form:ty, $number:expr, $wide:ty) => {
        impl sealed::Sealed for $form {}
        impl Unnormed for $form {}
        impl Unkept for $form {}
        impl Form for $form {
            const FORM: CellForm = $number;
            type Wide<A: Element, const H: usize> = $wide;
            type Scratch<A: Element, const H: usize> = [[A; 4]; 0];
            type Keep<T: Part> = [T; 0];
            type Norm<T: Part> = [T; 0];
        }
    };
}

bare!(Plain, CellForm::PLAIN, [A; 0]);
bare!(ZoneoutCell, CellForm::ZONEOUT_CELL, [A; 0]);
bare!(Zoneout, CellForm::ZONEOUT, [A; H]);

impl<F: Unkept> sealed::Sealed for Kept<F> {}
impl<F: Unkept> Unnormed for Kept<F> {}
impl<F: Unkept> Form for Kept<F> {
    const FORM: CellForm = CellForm { kept: true, ..F::FORM };
    type Wide<A: Element, const H: usize> = F::Wide<A, H>;
    type Scratch<A: Element, const H: usize> = [[A; 4]; 0];
    type Keep<T: Part> = [T; 1];
    type Norm<T: Part> = [T; 0];
}

macro_rules! normed {
    ($form:ident, $norm:expr, $scratch:ty) => {
        impl<F: Unnormed> sealed::Sealed for $form<F> {}
        impl<F: Unnormed> Form for $form<F> {
            const FORM: CellForm = CellForm { norm: $norm, ..F::FORM };
            type Wide<A: Element, const H: usize> = F::Wide<A, H>;
            type Scratch<A: Element, const H: usize> = $scratch;
            type Keep<T: Part> = F::Keep<T>;
            type Norm<T: Part> = [T; 1];
        }
    };
}

normed!(NormA, NormForm::A, [[[A; 4]; H]; 2]);
normed!(NormB, NormForm::B, [[[A; 4]; H]; 2]);
normed!(JointNorm, NormForm::Joint, [[A; 4]; H]);
