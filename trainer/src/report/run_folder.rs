//! A run folder: everything that a training leaves behind.
//!
//! `config.toml` as it was resolved, `checkpoint.bin` with the best and the latest weights, `skip.json` with the linear skip where there
//! is one, `metrics.csv` with a line an epoch, `report.json` with the outcome.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{Config, Data};
use crate::data::{Dataset, Part, Selection, Series};
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomically};
use crate::network::Shape;
use crate::network::plain::PlainNetwork;
use crate::network::skip::PlainSkip;
use crate::train::{CheckpointFile, Skipped};

/// The folder of one training.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// A finished or interrupted training, read back.
#[derive(Clone, Debug)]
pub struct TrainedRun {
    /// As it was resolved.
    pub config: Config,
    /// The series that the configuration names.
    pub dataset: Dataset,
    /// The best epoch's weights.
    pub network: PlainNetwork,
}

impl RunFolder {
    /// The files of a run in a folder, whether there are any or not.
    pub fn at(path: &Path) -> Self {
        RunFolder { path: path.to_owned() }
    }

    /// Makes a folder for a new training. A folder that holds a run already is refused, because its weights would be lost.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let run = Self::at(path);
        if run.checkpoint().exists() && !overwrite {
            return Err(Error::input(format!(
                "{} holds a training already: continue it with --resume, replace it with --overwrite, or name another folder with --out",
                path.display()
            )));
        }
        create_folder(path)?;
        if overwrite {
            for file in [run.checkpoint(), run.skip(), run.metrics(), run.report()] {
                match std::fs::remove_file(&file) {
                    Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => {
                        return Err(Error::file("remove", &file, reason));
                    }
                    _ => {}
                }
            }
        }
        Ok(run)
    }

    /// An existing run.
    pub fn open(path: &Path) -> Result<Self> {
        let run = Self::at(path);
        if !run.config().exists() {
            return Err(Error::input(format!(
                "{} is not a run folder: it holds no config.toml; name a folder that `rnn train` made",
                path.display()
            )));
        }
        Ok(run)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The weights.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.bin")
    }

    /// The linear skip.
    pub fn skip(&self) -> PathBuf {
        self.path.join("skip.json")
    }

    /// A line an epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// The outcome.
    pub fn report(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// Writes the resolved configuration.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        write_atomically(&self.config(), config.to_toml()?.as_bytes())
    }

    /// Refuses a run without a checkpoint; there is none before a training's first epoch ends.
    pub fn expect_checkpoint(&self) -> Result<()> {
        if self.checkpoint().exists() {
            return Ok(());
        }
        Err(Error::input(format!(
            "{} holds no checkpoint: its training ended before its first epoch did; train again without --resume",
            self.path.display()
        )))
    }

    /// Reads the run back: configuration, series, best weights.
    pub fn trained(&self) -> Result<TrainedRun> {
        let config = Config::read(&self.config())?;
        let dataset = dataset(&config)?;
        self.expect_checkpoint()?;
        let state = self.checkpoint_file(&config, &dataset)?.load(&shape(&config, &dataset))?;
        let best = state.best.ok_or_else(|| {
            Error::input(format!("{} holds no finished epoch: continue its training with --resume", self.path.display()))
        })?;
        let network = best.params.to_plain();
        let network = match self.read_skip(&config, &dataset)? {
            Some(skipped) => skipped.around(network),
            None => network,
        };
        Ok(TrainedRun { network, config, dataset })
    }

    /// Writes the linear skip; it belongs to the configuration and the data as the checkpoint does.
    pub fn write_skip(&self, skipped: &Skipped, config: &Config, dataset: &Dataset) -> Result<()> {
        let stored = Stored { digest: self.digest(config, dataset)?, skipped: skipped.clone() };
        let text =
            serde_json::to_string(&stored).map_err(|reason| Error::failed(format!("the skip cannot be written: {reason}")))?;
        write_atomically(&self.skip(), text.as_bytes())
    }

    /// Reads the linear skip, where the configuration asks for one.
    pub fn read_skip(&self, config: &Config, dataset: &Dataset) -> Result<Option<Skipped>> {
        if config.network.skip.is_none() {
            return Ok(None);
        }
        let path = self.skip();
        let text = std::fs::read_to_string(&path).map_err(|reason| Error::file("read", &path, reason))?;
        let refuse = |why: &str| Error::input(format!("{}: {why}: train again without --resume", path.display()));
        let Stored { digest, skipped } =
            serde_json::from_str(&text).map_err(|reason| refuse(&format!("the skip cannot be read ({reason})")))?;
        if digest != self.digest(config, dataset)? {
            return Err(refuse("the skip belongs to another configuration or to other data"));
        }
        let inputs = dataset.windows(Part::Training).input_len();
        let fits = |skip: &PlainSkip| skip.is_sound() && skip.inputs == inputs && skip.outputs == shape(config, dataset).outputs;
        let fits = fits(&skipped.skip) && skipped.refitted.as_ref().is_none_or(fits) && (0.0..=1.0).contains(&skipped.share);
        if fits { Ok(Some(skipped)) } else { Err(refuse("the skip does not fit the network")) }
    }

    /// The run's checkpoint: it belongs to the configuration and to the bytes of the series, wherever they lie.
    pub fn checkpoint_file(&self, config: &Config, dataset: &Dataset) -> Result<CheckpointFile> {
        Ok(CheckpointFile { path: self.checkpoint(), digest: self.digest(config, dataset)? })
    }

    /// Of the configuration and of the bytes of the series.
    fn digest(&self, config: &Config, dataset: &Dataset) -> Result<[u8; 32]> {
        let elsewhere = Config { data: Data { path: PathBuf::new(), ..config.data.clone() }, ..config.clone() };
        Ok(Sha256::new().chain_update(elsewhere.to_toml()?).chain_update(dataset.series().sha256).finalize().into())
    }
}

/// A linear skip in its file.
#[derive(Serialize, Deserialize)]
struct Stored {
    digest: [u8; 32],
    skipped: Skipped,
}

/// The network that a configuration asks for.
pub fn shape(config: &Config, dataset: &Dataset) -> Shape {
    Shape {
        inputs: dataset.step_inputs(),
        hidden: config.network.hidden.clone(),
        outputs: dataset.outputs() * config.training.outputs_per_value(),
        norm: config.regularization.layer_norm.norm(),
        head_norm: config.regularization.layer_norm.head_norm(),
    }
}

/// The series that a configuration names, split, scaled and transformed.
pub fn dataset(config: &Config) -> Result<Dataset> {
    let series = Series::read(&config.data.path, &Selection::from(config))?;
    Dataset::new(series, &config.window, &config.data.split)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_neither_replaced_nor_invented() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs").join("first");
        let message = |result: Result<RunFolder>| result.unwrap_err().to_string();
        assert!(message(RunFolder::open(&path)).ends_with("name a folder that `rnn train` made"));
        let run = RunFolder::create(&path, false).unwrap();
        assert!(run.expect_checkpoint().unwrap_err().to_string().contains("holds no checkpoint"));
        // An empty run is nothing to lose, a checkpoint is.
        RunFolder::create(&path, false).unwrap();
        std::fs::write(run.checkpoint(), b"weights").unwrap();
        std::fs::write(run.report(), b"{}").unwrap();
        assert!(message(RunFolder::create(&path, false)).contains("holds a training already"));
        assert!(run.checkpoint().exists());
        RunFolder::create(&path, true).unwrap();
        assert!(!run.checkpoint().exists() && !run.report().exists());
    }
}
