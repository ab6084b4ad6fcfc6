//! Prediction intervals of trained networks on series whose noise is known, through the device crate.

use std::f64::consts::TAU;
use std::path::Path;

use embedded_rnn_trainer::config::Config;
use embedded_rnn_trainer::data::{Augmented, Dataset, Part, amplitude_factor};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::evaluate::intervals::{IntervalMetrics, score};
use embedded_rnn_trainer::export::{Exported, Format, Trained, export};
use embedded_rnn_trainer::report::run_folder::{dataset, shape};
use embedded_rnn_trainer::train::{Residual, State, Task, fit};

/// A season of twelve samples, and normal noise that is loud in one half of it.
fn deviation(row: usize) -> f64 {
    0.5 + 0.3 * (row as f64 * TAU / 12.0).cos()
}

fn series(folder: &Path, value: impl Fn(usize, f64) -> f64) {
    let mut text = "v\n".to_owned();
    for row in 0..2_600 {
        // Standard normal.
        let noise = amplitude_factor(1.0, 11, 0, row).ln();
        text += &format!("{}\n", value(row, noise));
    }
    std::fs::write(folder.join("s.csv"), text).unwrap();
}

const CONFIG: &str = "[data]\npath = \"s.csv\"\ntarget = \"v\"\nsplit = { train = 1600, validation = 500, test = 500 }\n\
    [window]\nlookback = 24\npatch = 4\nhorizon = 3\nnormalization = \"none\"\n[network]\nhidden = [10]\n\
    [training]\nloss = \"pinball\"\nquantiles = [0.05, 0.1, 0.5, 0.9, 0.95]\nepochs = 20\nlearning_rate = 0.01\nseed = 3\n";

fn trained(folder: &Path, config: &str, format: Format) -> (Exported, Dataset) {
    let path = folder.join("c.toml");
    std::fs::write(&path, config).unwrap();
    let config = Config::read(&path).unwrap();
    let dataset = dataset(&config).unwrap();
    let (shape, seed, quantiles) = (shape(&config, &dataset), config.training.seed, config.training.outputs_per_value());
    let windows = |part| Augmented { windows: dataset.windows(part), amplitude: 0.0, seed };
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Residual { windows: &windows(Part::Training), skip: None, quantiles },
        validation: &Residual { windows: &windows(Part::Validation), skip: None, quantiles },
        threads: None,
    };
    let outcome = fit(&task, State::new(&shape, seed), None, &mut ()).unwrap();
    let network = outcome.best.params.to_plain();
    let exported = export(&Trained { network: &network, config: &config, dataset: &dataset }, format, "m.rnn").unwrap();
    (exported, dataset)
}

fn on(exported: &Exported, dataset: &Dataset, part: Part) -> IntervalMetrics {
    let bytes = ModelBytes::new(&exported.file);
    let mut model = DeviceModel::open(&bytes, Path::new("m.rnn")).unwrap();
    let (metrics, spreads) = score(&mut model, &dataset.windows(part)).unwrap();
    assert!(spreads.iter().all(|spread| spread.chunks_exact(5).all(|value| value.is_sorted())));
    metrics
}

/// About 498 test windows: the standard error of a coverage of 80 % is 1.8 %, of the calibration as much again. Twice that is allowed,
/// and a tenth of the width that the noise's own quantiles have.
#[test]
fn intervals_cover_what_they_promise_and_are_as_wide_as_the_noise() {
    let folder = tempfile::tempdir().unwrap();
    series(folder.path(), |row, noise| 10.0 + 3.0 * (row as f64 * TAU / 12.0).sin() + deviation(row) * noise);
    let (exported, dataset) = trained(folder.path(), CONFIG, Format::Int8);
    let metrics = on(&exported, &dataset, Part::Test);
    println!("{}", metrics.table(""));
    // Quantiles of the standard normal distribution.
    for (pair, quantile) in metrics.after.pairs.iter().zip([1.644_854, 1.281_552]) {
        assert!((pair.all.coverage - pair.nominal()).abs() < 0.05, "{pair:?}");
        assert!(pair.by_horizon.iter().all(|band| (band.coverage - pair.nominal()).abs() < 0.05), "{pair:?}");
        let width = 2.0 * quantile * (0..12).map(deviation).sum::<f64>() / 12.0;
        assert!((pair.all.width / width - 1.0).abs() < 0.1, "{} {width}", pair.all.width);
    }
    // They are wide where the noise is loud: of a single width for all months, none would be.
    let bytes = ModelBytes::new(&exported.file);
    let mut model = DeviceModel::open(&bytes, Path::new("m.rnn")).unwrap();
    let windows = dataset.windows(Part::Test);
    let mut width = [(0.0, 0); 2];
    for index in 0..windows.len() {
        let mut window = vec![0.0; windows.raw_len()];
        windows.raw_input(index, &mut window);
        let spread = model.spread(&window).unwrap();
        let loud = usize::from(deviation(windows.origin(index)) > 0.5);
        width[loud] = (width[loud].0 + f64::from(spread[3] - spread[1]), width[loud].1 + 1);
    }
    let [quiet, loud] = width.map(|(sum, count)| sum / f64::from(count));
    assert!(loud > 1.4 * quiet, "{quiet} {loud}");
}

/// On the rows that intervals are widened on, the coverage of each sample of the horizon is what was promised, to one window or two.
#[test]
fn widening_mends_what_training_left_undone() {
    let folder = tempfile::tempdir().unwrap();
    series(folder.path(), |row, noise| (3.0 + (row as f64 * TAU / 12.0).sin() + 0.4 * noise).exp());
    let hasty = CONFIG.replace("epochs = 20", "epochs = 1").replace("normalization = \"none\"", "transform = \"log\"");
    for format in [Format::Int8, Format::F32, Format::Int8Cell16] {
        let (exported, dataset) = trained(folder.path(), &hasty, format);
        let metrics = on(&exported, &dataset, Part::Validation);
        let calibrated = exported.intervals.as_ref().unwrap();
        assert_eq!((&calibrated.metrics, calibrated.most), (&metrics, None));
        let slack = 2.5 / metrics.windows as f64;
        for (before, after) in metrics.before.pairs.iter().zip(&metrics.after.pairs) {
            for band in &after.by_horizon {
                assert!((band.coverage - after.nominal()).abs() < slack, "{format:?} {band:?}");
            }
            assert!((before.all.coverage - before.nominal()).abs() > 0.02, "one epoch learns no quantiles: {before:?}");
        }
        let test = on(&exported, &dataset, Part::Test);
        for pair in &test.after.pairs {
            assert!((pair.all.coverage - pair.nominal()).abs() < 0.06, "{pair:?}");
        }
    }
}

/// A median alone is a forecast as any other: no intervals, and no byte for them.
#[test]
fn one_quantile_is_a_forecast() {
    let folder = tempfile::tempdir().unwrap();
    series(folder.path(), |row, noise| 10.0 + (row as f64 * TAU / 12.0).sin() + 0.1 * noise);
    let short = CONFIG.replace("epochs = 20", "epochs = 1");
    let median = short.replace("[0.05, 0.1, 0.5, 0.9, 0.95]", "[0.5]");
    let mae = median.replace("loss = \"pinball\"\nquantiles = [0.5]", "loss = \"mae\"");
    let [median, mae] = [median, mae].map(|config| trained(folder.path(), &config, Format::Int8).0);
    assert!(median.intervals.is_none() && median.snippet == mae.snippet);
    assert_eq!(median.file.len(), mae.file.len());
    let bytes = ModelBytes::new(&median.file);
    let model = DeviceModel::open(&bytes, Path::new("m.rnn")).unwrap();
    assert_eq!((model.levels(), model.quantiles()), (&[][..], 1));
}

/// Too few validation windows for what is promised: the largest score is taken, and it is said.
#[test]
fn few_validation_windows_are_told() {
    let folder = tempfile::tempdir().unwrap();
    series(folder.path(), |row, noise| 10.0 + (row as f64 * TAU / 12.0).sin() + 0.1 * noise);
    let few = CONFIG.replace("validation = 500", "validation = 12").replace("epochs = 20", "epochs = 1");
    let few = few.replace("0.05, 0.1, 0.5, 0.9, 0.95", "0.025, 0.1, 0.5, 0.9, 0.975");
    let (exported, _) = trained(folder.path(), &few, Format::Int8);
    let calibrated = exported.intervals.unwrap();
    assert_eq!((calibrated.metrics.windows, calibrated.most), (10, Some(10.0 / 11.0)));
    // 95 % of eleven are more than ten, 80 % are nine.
    assert!(calibrated.metrics.after.pairs[0].by_horizon.iter().all(|band| band.coverage == 1.0));
    assert!(calibrated.warning().unwrap().contains("10 validation windows promise a coverage of 90.909 % at most"));
}
