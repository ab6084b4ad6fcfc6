//! The networks that are trained here.

use std::path::Path;

use embedded_rnn_trainer::config::Config;
use embedded_rnn_trainer::data::{Augmented, Dataset, Part};
use embedded_rnn_trainer::error::Result;
use embedded_rnn_trainer::network::plain::PlainNetwork;
use embedded_rnn_trainer::report::run_folder::{dataset, shape};
use embedded_rnn_trainer::train::{State, Task, fit};

/// A trained network, and what it was trained with and on.
pub struct Subject {
    pub network: PlainNetwork,
    pub config: Config,
    pub dataset: Dataset,
}

/// A network to be trained; `None` where its series is not there.
pub struct Model {
    pub name: &'static str,
    pub train: Box<dyn Fn() -> Result<Option<Subject>>>,
}

fn train(config: Config) -> Result<Subject> {
    config.validate()?;
    let dataset = dataset(&config)?;
    let shape = shape(&config, &dataset);
    let windows = |part, amplitude| Augmented { windows: dataset.windows(part), amplitude, seed: config.training.seed };
    let task = Task {
        threads: None,
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &windows(Part::Training, config.regularization.amplitude),
        validation: &windows(Part::Validation, 0.0),
    };
    let outcome = fit(&task, State::new(&shape, config.training.seed), None, &mut ())?;
    Ok(Subject { network: outcome.best.params.to_plain(), config, dataset })
}

/// The demonstration's configuration with other windows and layers.
fn sunspots(lookback: usize, patch: usize, hidden: &[usize], epochs: usize, more: &str) -> Result<Option<Subject>> {
    let text = format!(
        "[data]\npath = \"sunspots.csv\"\ntime = \"month\"\ntarget = \"sunspots\"\nseason = 132\nsplit = [0.70, 0.15, 0.15]\n\
         [window]\nlookback = {lookback}\npatch = {patch}\nhorizon = 12\ntransform = \"sqrt\"\n\
         [network]\nhidden = {hidden:?}\n\
         [regularization]\ndropout = {{ output = 0.3 }}\nzoneout = {{ cell = 0.5 }}\namplitude = 0.3\n{more}\n\
         [training]\nloss = \"huber\"\ndelta = 0.5\nepochs = {epochs}\nbatch = 64\nlearning_rate = 2e-3\n"
    );
    let mut config = Config::parse(&text, Path::new("sunspots"))?;
    config.data.path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/sunspots.csv");
    train(config).map(Some)
}

/// ETTh1, the benchmark's split.
fn etth1(patch: usize, horizon: usize, hidden: &[usize], epochs: usize) -> Result<Option<Subject>> {
    let path = std::env::var_os("RNN_DATA").map(|folder| Path::new(&folder).join("ETTh1.csv"));
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(None) };
    let text = format!(
        "[data]\npath = \"ETTh1.csv\"\ntime = \"date\"\ntarget = \"OT\"\nseason = 24\n\
         split = {{ train = 8640, validation = 2880, test = 2880 }}\n\
         [window]\nlookback = 336\npatch = {patch}\nhorizon = {horizon}\n\
         [network]\nhidden = {hidden:?}\n\
         [regularization]\ndropout = {{ output = 0.3 }}\nzoneout = {{ cell = 0.5 }}\n\
         [training]\nloss = \"huber\"\ndelta = 0.5\nepochs = {epochs}\nbatch = 128\nlearning_rate = 1e-3\n"
    );
    let mut config = Config::parse(&text, Path::new("etth1"))?;
    config.data.path = path;
    train(config).map(Some)
}

/// All of them, small ones first.
pub fn all() -> Vec<Model> {
    let model = |name, train: Box<dyn Fn() -> Result<Option<Subject>>>| Model { name, train };
    let normed = |form: &'static str| -> Box<dyn Fn() -> Result<Option<Subject>>> {
        Box::new(move || sunspots(132, 12, &[24], 30, &format!("layer_norm = {{ form = \"{form}\" }}")))
    };
    vec![
        model("sunspots, single months", Box::new(|| sunspots(132, 1, &[16], 15, ""))),
        model("sunspots, patches of 8", Box::new(|| sunspots(128, 8, &[32], 30, ""))),
        model("sunspots, patches of 12", Box::new(|| sunspots(132, 12, &[48], 30, ""))),
        model("sunspots, patches of 16", Box::new(|| sunspots(128, 16, &[128], 15, ""))),
        model("sunspots, two layers", Box::new(|| sunspots(132, 12, &[24, 17], 30, ""))),
        model("sunspots, wide", Box::new(|| sunspots(132, 12, &[256], 5, ""))),
        model("sunspots, joint layer norm", normed("joint")),
        model("sunspots, layer norm in form A", normed("a")),
        model("sunspots, layer norm in form B", normed("b")),
        model("ETTh1, 24 hours", Box::new(|| etth1(24, 24, &[32], 12))),
        model("ETTh1, 96 hours", Box::new(|| etth1(24, 96, &[64], 12))),
        model("ETTh1, patches of 8", Box::new(|| etth1(8, 24, &[48], 6))),
        model("ETTh1, two layers", Box::new(|| etth1(24, 24, &[32, 16], 12))),
        model("ETTh1, wide", Box::new(|| etth1(24, 24, &[128], 4))),
    ]
}
