//! A run folder: everything that a training leaves behind.
//!
//! `config.toml` as it was resolved, `checkpoint.bin` with the best and the latest weights, `metrics.csv` with a line an epoch,
//! `report.json` with the outcome.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::{Config, Data};
use crate::data::{Dataset, Selection, Series};
use crate::error::{Error, Result};
use crate::files::{create_folder, write_atomically};
use crate::network::Shape;
use crate::network::plain::PlainNetwork;
use crate::train::CheckpointFile;

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
            for file in [run.checkpoint(), run.metrics(), run.report()] {
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
        Ok(TrainedRun { network: best.params.to_plain(), config, dataset })
    }

    /// The run's checkpoint: it belongs to the configuration and to the bytes of the series, wherever they lie.
    pub fn checkpoint_file(&self, config: &Config, dataset: &Dataset) -> Result<CheckpointFile> {
        let elsewhere = Config { data: Data { path: PathBuf::new(), ..config.data.clone() }, ..config.clone() };
        let digest = Sha256::new().chain_update(elsewhere.to_toml()?).chain_update(dataset.series().sha256).finalize().into();
        Ok(CheckpointFile { path: self.checkpoint(), digest })
    }
}

/// The network that a configuration asks for.
pub fn shape(config: &Config, dataset: &Dataset) -> Shape {
    Shape {
        inputs: dataset.step_inputs(),
        hidden: config.network.hidden.clone(),
        outputs: dataset.outputs(),
        norm: config.regularization.layer_norm.norm(),
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
