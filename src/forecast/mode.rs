//! Which way of meeting samples a model's type is for.

use core::fmt::Debug;

use crate::image::Mode;

mod sealed {
    pub trait Sealed {}
}

/// [`Windowed`] or [`Streaming`]: a file of the other mode is refused when it is bound.
pub trait ForecastMode: sealed::Sealed + Copy + Debug {
    /// Whether the network's state is kept from step to step.
    const STREAMING: bool;

    /// Whether a file is of this mode.
    fn is_of(mode: Mode) -> bool {
        mode.warmup().is_some() == Self::STREAMING
    }

    /// The mode's name.
    fn name() -> &'static str {
        if Self::STREAMING { "streaming" } else { "windowed" }
    }
}

/// Every forecast runs the network from its zero state over the last samples: see [`crate::Forecaster`].
#[derive(Clone, Copy, Debug)]
pub struct Windowed;

/// The network's state is kept from step to step: see [`crate::Session`].
#[derive(Clone, Copy, Debug)]
pub struct Streaming;

impl sealed::Sealed for Windowed {}
impl sealed::Sealed for Streaming {}

impl ForecastMode for Windowed {
    const STREAMING: bool = false;
}

impl ForecastMode for Streaming {
    const STREAMING: bool = true;
}
