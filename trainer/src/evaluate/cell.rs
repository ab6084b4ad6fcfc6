//! A layer's weights, whatever its form: a file's number becomes the type that computes it.

use std::fmt::Debug;
use std::sync::Arc;

use embedded_rnn::LoadError;
use embedded_rnn::arithmetic::Number;
use embedded_rnn::image::Record;
use embedded_rnn::network::{
    CellForm, Form, JointNorm, Kept, NormA, NormB, NormForm, Plain, Unkept, Unnormed, Zoneout, ZoneoutCell, ZoneoutForm,
};

/// What a layer's step reads and writes; see [`Number::lstm`].
#[derive(Clone, Debug)]
pub(super) struct Buffers<N: Number> {
    /// `[I | H | padding]`
    pub xh: Vec<N::Activation>,
    /// `[H]`
    pub c: Vec<N::Cell>,
    /// `[H]` with zoneout on h, else empty.
    pub wide: Vec<N::Wide>,
    /// `[0, 1 or 2 H]`, by the form's norm.
    pub scratch: Vec<[N::Sum; 4]>,
    /// `[H]`
    pub h: Vec<N::Activation>,
}

/// A layer's weights, bound for their form.
pub(super) trait Cell<N: Number>: Debug + Send + Sync {
    /// One time step.
    fn step(&self, buffers: &mut Buffers<N>);
}

#[derive(Debug)]
struct Bound<'m, N: Number, F: Form>(N::Lstm<'m, F>);

impl<N: Number, F: Form> Cell<N> for Bound<'_, N, F> {
    fn step(&self, Buffers { xh, c, wide, scratch, h }: &mut Buffers<N>) {
        N::lstm::<F>(&self.0, xh, c, wide, scratch, h);
    }
}

/// A bound cell, shared by the copies of a model.
type Shared<'m, N> = Arc<dyn Cell<N> + 'm>;

/// Binds a layer's record for the form that it names.
pub(super) fn bind<'m, N: Number>(form: CellForm, record: &Record<'m>) -> Result<Shared<'m, N>, LoadError> {
    match form.zoneout {
        ZoneoutForm::None => with_keep::<N, Plain>(form, record),
        ZoneoutForm::Cell => with_keep::<N, ZoneoutCell>(form, record),
        ZoneoutForm::Both => with_keep::<N, Zoneout>(form, record),
    }
}

fn with_keep<'m, N: Number, F: Unkept>(form: CellForm, record: &Record<'m>) -> Result<Shared<'m, N>, LoadError> {
    if form.kept { with_norm::<N, Kept<F>>(form, record) } else { with_norm::<N, F>(form, record) }
}

fn with_norm<'m, N: Number, F: Unnormed>(form: CellForm, record: &Record<'m>) -> Result<Shared<'m, N>, LoadError> {
    match form.norm {
        NormForm::None => typed::<N, F>(record),
        NormForm::A => typed::<N, NormA<F>>(record),
        NormForm::B => typed::<N, NormB<F>>(record),
        NormForm::Joint => typed::<N, JointNorm<F>>(record),
    }
}

fn typed<'m, N: Number, F: Form>(record: &Record<'m>) -> Result<Shared<'m, N>, LoadError> {
    Ok(Arc::new(Bound::<N, F>(N::bind_lstm(record)?)))
}
