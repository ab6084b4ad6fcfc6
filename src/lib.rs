//! Recurrent networks on microcontrollers: fixed sizes, no heap, no panic, weights read in place from flash, and the same bits on the
//! desk as on the board.
//!
//! A model file (`model.rnn`) comes from the trainer in this repository, together with one Rust line that names the network's type.
//! The file is checked once; after that a forecaster takes raw samples one by one and gives forecasts in the sensor's own units:
//!
//! ```
//! # mod model {
//! # // What `rnn export` writes beside the model file.
//! # use embedded_rnn::*;
//! # pub type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>, 1, 8, 2>;
//! # }
//! use model::Model;
//!
//! static MODEL: &[u8] = embedded_rnn::include_model!("../tests/fixtures/tiny-int8.rnn");
//!
//! let model = Model::load(MODEL)?;               // everything is checked here, once
//! let mut forecaster = model.forecaster();       // one history a sensor; many may share a model
//! for sample in [20.5, 20.9, 21.4, 21.8, 22.0, 22.1, 22.0, 21.7] {
//!     forecaster.push(&[sample])?;               // raw sensor units in
//! }
//! let [next] = forecaster.forecast()?;           // the next three samples, raw sensor units out
//! # assert_eq!(next.len(), 3);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Layout
//! - [`image`]: the model file, its manifest and its checked view.
//! - [`network`]: layers whose shapes are types.
//! - [`arithmetic`]: the number systems, every approximation with its bound.
//! - [`kernel`]: the inner loops.
//! - [`forecast`]: raw samples to forecasts.
//! - [`monitor`]: forecast errors to alarms.
//!
//! # Promises
//! - No heap and no panic: after [`Model::load`], `step` cannot fail; what the world can do wrong is a typed error.
//! - The same file gives the same bits on every target, in integer arithmetic and in `f32`.
#![no_std]
#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("model files are little-endian and read in place: big-endian targets are not supported");

pub mod arithmetic;
pub mod forecast;
pub mod image;
pub mod kernel;
pub mod monitor;
pub mod network;

#[cfg(feature = "micromath")]
pub use arithmetic::Micromath;
pub use arithmetic::{Cell16, Exact, Float, Int8, Libm, PackedPair, Rational, RowMajor};
pub use forecast::{Classifier, Forecaster, Model, NotReady, SampleError, Scores, Session, Streaming, Windowed};
pub use image::{Image, LoadError};
pub use monitor::{Monitor, MonitorError, MonitorParameters, Verdict};
pub use network::{
    Classes, Dense, JointNorm, Kept, Lstm, Network, NormA, NormB, NormHead, Plain, PlainHead, Quantiles, Skip, Then, Zoneout,
    ZoneoutCell,
};

/// Links a model file into the program's read-only data, aligned to 16 bytes as [`Model::load`] asks.
///
/// ```
/// static MODEL: &[u8] = embedded_rnn::include_model!("../tests/fixtures/tiny-int8.rnn");
/// assert_eq!(MODEL.as_ptr() as usize % 16, 0);
/// ```
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        #[repr(C, align(16))]
        struct Aligned<Bytes: ?Sized>(Bytes);
        static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!($path));
        &ALIGNED.0
    }};
}

/// The README's example is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
