//! Why a file is not run.

use core::fmt;

use embedded_rnn::{LoadError, forecast::SelfTestError};

/// A file that is no model for this firmware, or a model that does not give its own forecast here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refused {
    /// Not a whole model file, or one of another type than the firmware's network.
    Load(LoadError),
    /// The file's own window gives another forecast than the file promises.
    SelfTest(SelfTestError),
}

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        Refused::Load(error)
    }
}

impl From<SelfTestError> for Refused {
    fn from(error: SelfTestError) -> Self {
        Refused::SelfTest(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Load(error) => error.fmt(f),
            Refused::SelfTest(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Refused {}
