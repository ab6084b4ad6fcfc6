//! How far apart a station's samples are.

use embedded_rnn::image::Interval;

/// Where the sampling period comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// As far as the series' that the model was trained on.
    Models(u64),
    /// As the build said (`RNN_PERIOD_MS`), though the model's differs.
    Asked {
        /// In use, in microseconds.
        period: u64,
        /// The model's, where it has one in microseconds.
        model: Option<u64>,
    },
    /// A second, since the model's series had no time stamps or counted months, and the build said nothing.
    Default,
}

impl Chosen {
    /// Chooses, from microseconds that the build asked for and what the model file says.
    pub fn new(asked: Option<u64>, model: Interval) -> Self {
        let model = match model {
            Interval::Microseconds(period) if period > 0 => Some(period),
            _ => None,
        };
        match (asked, model) {
            (Some(period), model) if model != Some(period) => Chosen::Asked { period, model },
            (_, Some(period)) => Chosen::Models(period),
            (_, None) => Chosen::Default,
        }
    }

    /// In microseconds, more than 0.
    pub fn microseconds(self) -> u64 {
        match self {
            Chosen::Models(period) | Chosen::Asked { period, .. } => period.max(1),
            Chosen::Default => 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_a_period_leaves_it_to_the_build() {
        use Interval::{Microseconds, Months, Unknown};
        for (asked, model, period, microseconds) in [
            (None, Unknown, Chosen::Default, 1_000_000),
            (None, Months(1), Chosen::Default, 1_000_000),
            (None, Microseconds(0), Chosen::Default, 1_000_000),
            (None, Microseconds(500), Chosen::Models(500), 500),
            (Some(500), Microseconds(500), Chosen::Models(500), 500),
            (Some(7), Microseconds(500), Chosen::Asked { period: 7, model: Some(500) }, 7),
            (Some(7), Months(1), Chosen::Asked { period: 7, model: None }, 7),
        ] {
            let chosen = Chosen::new(asked, model);
            assert_eq!((chosen, chosen.microseconds()), (period, microseconds), "{asked:?} {model:?}");
        }
    }
}
