//! Layers whose shapes are types: those that do not fit each other do not compile, and a file that does not fit the type is a typed
//! error with both shapes.
//!
//! `Network<Then<Lstm<12, 48>, Lstm<48, 16>>, Dense<16, 1, 12>>` is two LSTM layers of different widths and a head that forecasts one
//! target twelve samples ahead. Values live at run time: [`Layer::Weights`] are borrowed from the image and may be shared,
//! [`Layer::State`] is plain memory of known size.

mod cell_form;
mod classes;
mod dense;
mod form;
mod head_form;
mod intervals;
mod layer;
mod lstm;
mod quantiles;
mod skip;
mod topology;

pub use cell_form::{CellForm, NormForm, ZoneoutForm};
pub use classes::Classes;
pub use dense::Dense;
pub(crate) use form::Few;
pub use form::{Form, JointNorm, Kept, NormA, NormB, Plain, Unkept, Unnormed, Zoneout, ZoneoutCell};
pub use head_form::{Head, HeadForm, NormHead, PlainHead};
pub use intervals::Intervals;
pub use layer::{Layer, Then};
pub use lstm::{Lstm, LstmState};
pub use quantiles::Quantiles;
pub use skip::{NoSkip, Skip, SkipState};
pub use topology::{Network, Topology};
