//! What is forecast from what, and which rows are whose: fixed before anything is trained.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::config::{Allowance, Config, Data, Export, Loss, Names, Network, Normalization, Split, Training, Window};
use crate::regularize::settings::{Dropout, Regularization, Zoneout};

/// A protocol that publications share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Named {
    /// ETTh1 (Zhou et al., arXiv 2012.07436), univariate: the oil temperature, hourly; 8640 training rows, then 2880 rows each of
    /// validation and test targets.
    Etth1,
}

impl Named {
    /// As it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Named::Etth1 => "etth1",
        }
    }

    /// Its columns and rows, on a file.
    pub fn protocol(self, path: &Path) -> Protocol {
        match self {
            Named::Etth1 => Protocol {
                path: path.to_owned(),
                time: Some("date".to_owned()),
                target: "OT".to_owned(),
                rows: [8640, 2880, 2880],
                lookback: 336,
                patch: 24,
                normalization: Normalization::Last,
            },
        }
    }
}

/// One target of one file, forecast from its own past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The CSV.
    pub path: PathBuf,
    /// The column of time stamps, if there is one.
    pub time: Option<String>,
    /// The column that is forecast.
    pub target: String,
    /// Training rows, then rows of validation and of test targets.
    pub rows: [usize; 3],
    /// Samples that the network sees.
    pub lookback: usize,
    /// Samples that enter as one step.
    pub patch: usize,
    /// Per-window normalization; a season comes on top of `lookback`.
    pub normalization: Normalization,
}

impl Protocol {
    /// The recipe on this protocol: one LSTM layer on patches of windows whose last value is subtracted, cell zoneout 0.5 (Krueger et al.,
    /// arXiv 1606.01305), output dropout 0.3, Huber's loss, AdamW with a cosine schedule over 12 epochs.
    pub fn recipe(&self, horizon: usize, hidden: usize, seed: u64) -> Config {
        let [train, validation, test] = self.rows;
        Config {
            data: Data {
                path: self.path.clone(),
                time: self.time.clone(),
                clock: Default::default(),
                target: Names::One(self.target.clone()),
                label: None,
                features: Names::None,
                season: Some(self.normalization.season()).filter(|season| *season > 0),
                unit: String::new(),
                split: Split::Rows { train_from: 0, train, validation, test },
            },
            window: Window {
                mode: Default::default(),
                lookback: self.lookback + self.normalization.season(),
                patch: self.patch,
                horizon,
                transform: Default::default(),
                normalization: self.normalization,
            },
            network: Network { hidden: vec![hidden], ..Network::default() },
            regularization: Regularization {
                dropout: Dropout { output: 0.3, ..Dropout::default() },
                zoneout: Zoneout { cell: 0.5, ..Zoneout::default() },
                ..Regularization::default()
            },
            training: Training {
                loss: Loss::Huber,
                delta: 0.5,
                epochs: 12,
                batch: 128,
                learning_rate: 1e-3,
                seed,
                ..Training::default()
            },
            export: Export::default(),
            budget: Allowance::default(),
        }
    }
}
