//! What a configuration is trained on: windows, or streams.

use super::batches::Windows;
use crate::config::{Config, Mode};
use crate::data::{Augmented, Dataset, Part, Streams};
use crate::error::Result;

/// Where training and validation windows come from.
#[derive(Clone, Debug)]
pub enum Sources<'a> {
    /// Each begins at the zero state.
    Windowed {
        /// What is learned from.
        training: Augmented<'a>,
        /// What the best epoch is chosen by.
        validation: Augmented<'a>,
    },
    /// Segments of streams, from each of which the state goes on to the next.
    Streaming {
        /// What is learned from.
        training: Streams<'a>,
        /// What the best epoch is chosen by.
        validation: Streams<'a>,
    },
}

impl<'a> Sources<'a> {
    /// Those of the configuration's mode.
    pub fn new(config: &Config, dataset: &'a Dataset) -> Result<Self> {
        let (seed, amplitude) = (config.training.seed, config.regularization.amplitude);
        Ok(match config.window.mode {
            Mode::Windowed => Sources::Windowed {
                training: Augmented { windows: dataset.windows(Part::Training), amplitude, seed },
                validation: Augmented { windows: dataset.windows(Part::Validation), amplitude: 0.0, seed },
            },
            Mode::Streaming => Sources::Streaming {
                training: Streams::training(dataset, config.training.batch, amplitude, seed)?,
                validation: Streams::validation(dataset),
            },
        })
    }

    /// What is learned from.
    pub fn training(&self) -> &dyn Windows {
        match self {
            Sources::Windowed { training, .. } => training,
            Sources::Streaming { training, .. } => training,
        }
    }

    /// What the best epoch is chosen by.
    pub fn validation(&self) -> &dyn Windows {
        match self {
            Sources::Windowed { validation, .. } => validation,
            Sources::Streaming { validation, .. } => validation,
        }
    }
}
