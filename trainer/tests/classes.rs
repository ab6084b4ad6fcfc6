//! Classifiers trained on waveforms that are told apart by their shape alone, through the device crate.

use std::f64::consts::TAU;
use std::path::Path;

use embedded_rnn_trainer::config::Config;
use embedded_rnn_trainer::data::{Augmented, Dataset, Part, amplitude_factor};
use embedded_rnn_trainer::evaluate::classes::{ClassMetrics, score};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::export::{Exported, Format, Trained, export};
use embedded_rnn_trainer::report::run_folder::{dataset, shape};
use embedded_rnn_trainer::train::{Residual, State, Task, Weighted, fit, weights};

const CLASSES: [&str; 3] = ["sawtooth", "sine", "square"];

/// The wave of a class at a phase, in turns: every one has the mean 0 and the deviation 1.
fn wave(class: usize, phase: f64) -> f64 {
    let phase = phase.rem_euclid(1.0);
    match class {
        0 => 12f64.sqrt() * (phase - 0.5),
        1 => 2f64.sqrt() * (TAU * phase).sin(),
        _ => {
            if phase < 0.5 {
                1.0
            } else {
                -1.0
            }
        }
    }
}

/// Segments of 40 to 100 samples, each of a class drawn with these odds, of a period of 8 to 20 samples and any phase, with noise upon it.
fn series(folder: &Path, rows: usize, odds: [f64; 3]) {
    let mut place = 0;
    let mut uniform = || {
        place += 1;
        let normal = amplitude_factor(1.0, 23, 1, place).ln();
        0.5 * (1.0 + libm::erf(normal / 2f64.sqrt()))
    };
    let mut text = "current,shape\n".to_owned();
    let (mut left, mut class, mut period, mut phase) = (0, 0, 1.0, 0.0);
    for row in 0..rows {
        if left == 0 {
            let drawn = uniform() * odds.iter().sum::<f64>();
            class = if drawn < odds[0] {
                0
            } else if drawn < odds[0] + odds[1] {
                1
            } else {
                2
            };
            (left, period, phase) = (40 + (60.0 * uniform()) as usize, 8.0 + 12.0 * uniform(), uniform());
        }
        (left, phase) = (left - 1, phase + 1.0 / period);
        let noise = amplitude_factor(0.15, 29, 1, row).ln();
        text += &format!("{:.4},{}\n", 5.0 + wave(class, phase) + noise, CLASSES[class]);
    }
    std::fs::write(folder.join("s.csv"), text).unwrap();
}

const CONFIG: &str = "[data]\npath = \"s.csv\"\nlabel = \"shape\"\nfeatures = \"current\"\nsplit = { train = 4000, validation = 1000, test = 2000 }\n\
    [window]\nlookback = 32\npatch = 2\nnormalization = \"none\"\n[network]\nhidden = [20]\n\
    [training]\nloss = \"cross-entropy\"\nepochs = 20\nlearning_rate = 0.01\nseed = 3\n";

fn trained(folder: &Path, config: &str, format: Format) -> (Exported, Dataset) {
    let path = folder.join("c.toml");
    std::fs::write(&path, config).unwrap();
    let config = Config::read(&path).unwrap();
    let dataset = dataset(&config).unwrap();
    let (shape, seed) = (shape(&config, &dataset), config.training.seed);
    let windows = |part| Augmented { windows: dataset.windows(part), amplitude: 0.0, seed };
    let (train, validation) = (windows(Part::Training), windows(Part::Validation));
    let weights = weights(config.training.class_weights, &dataset);
    let [train, validation] = [&train, &validation].map(|windows| Weighted { windows, weights: weights.clone() });
    let task = Task {
        shape: &shape,
        steps: dataset.steps(),
        regularization: &config.regularization,
        training: &config.training,
        train: &Residual { windows: &train, skip: None, quantiles: 1 },
        validation: &Residual { windows: &validation, skip: None, quantiles: 1 },
        threads: None,
    };
    let outcome = fit(&task, State::new(&shape, seed), None, &mut ()).unwrap();
    let network = outcome.best.params.to_plain();
    let exported = export(&Trained { network: &network, config: &config, dataset: &dataset }, format, "m.rnn").unwrap();
    (exported, dataset)
}

fn on_test(exported: &Exported, dataset: &Dataset) -> ClassMetrics {
    let bytes = ModelBytes::new(&exported.file);
    score(&mut DeviceModel::open(&bytes, Path::new("m.rnn")).unwrap(), dataset, Part::Test).unwrap()
}

/// The accuracy of what knows a window's level and size alone: the nearest of the classes' centers in mean and deviation.
fn by_moments(dataset: &Dataset) -> f64 {
    let moments = |part| -> Vec<([f64; 2], usize)> {
        let windows = dataset.windows(part);
        let of = |index| {
            let mut window = vec![0.0; windows.input_len()];
            windows.raw_input(index, &mut window);
            let mean = window.iter().map(|value| f64::from(*value)).sum::<f64>() / window.len() as f64;
            let square = window.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / window.len() as f64;
            ([mean, square.sqrt()], windows.class(index).unwrap())
        };
        (0..windows.len()).map(of).collect()
    };
    let (training, test) = (moments(Part::Training), moments(Part::Test));
    let center = |class: usize| {
        let of_class = || training.iter().filter(|(_, of)| *of == class);
        [0, 1].map(|k| of_class().map(|(moments, _)| moments[k]).sum::<f64>() / of_class().count() as f64)
    };
    let centers = [0, 1, 2].map(center);
    let distance = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let right = |(moments, came): &&([f64; 2], usize)| {
        (0..3).min_by(|a, b| distance(*moments, centers[*a]).total_cmp(&distance(*moments, centers[*b]))) == Some(*came)
    };
    test.iter().filter(right).count() as f64 / test.len() as f64
}

#[test]
fn shapes_are_told_apart_where_level_and_size_tell_nothing() {
    let folder = tempfile::tempdir().unwrap();
    series(folder.path(), 7_000, [1.0; 3]);
    let (exported, dataset) = trained(folder.path(), CONFIG, Format::Int8);
    let metrics = on_test(&exported, &dataset);
    let simple = by_moments(&dataset);
    println!("{}nearest moments {simple:.3}", metrics.table());
    // Windows that hold the end of one segment and the beginning of another are hard for everybody.
    assert!(metrics.model.accuracy > 0.85, "{}", metrics.table());
    assert!(simple < 0.6 && metrics.majority.accuracy < 0.5, "{simple}");
    assert!(metrics.model.log_loss < metrics.majority.log_loss);
    assert!(metrics.classes.iter().all(|class| class.recall.unwrap() > 0.75), "{}", metrics.table());
    let measured = &exported.certificate.measurements;
    assert!(measured.class_agreement.unwrap() > 0.99 && measured.forecast_agreement_rms.unwrap() < 0.01, "{measured:?}");
    // In float the same network tells the same.
    let (float, _) = trained(folder.path(), CONFIG, Format::F32);
    let measured = &float.certificate.measurements;
    assert!(measured.class_agreement == Some(1.0) && measured.forecast_agreement_rms.unwrap() < 1e-5, "{measured:?}");
    assert!((on_test(&float, &dataset).model.accuracy - metrics.model.accuracy).abs() < 0.01);
}

/// Balanced weights find more of a class that is rare.
#[test]
fn balanced_weights_tell_rare_classes_more_often() {
    let folder = tempfile::tempdir().unwrap();
    series(folder.path(), 7_000, [0.1, 1.0, 1.0]);
    let short = CONFIG.replace("epochs = 20", "epochs = 6");
    let balanced = format!("{short}class_weights = \"balanced\"\n");
    let [plain, balanced] = [short, balanced].map(|config| {
        let (exported, dataset) = trained(folder.path(), &config, Format::F32);
        on_test(&exported, &dataset)
    });
    println!("{}\n{}", plain.table(), balanced.table());
    assert!(plain.classes[0].windows > 0);
    assert!(balanced.classes[0].recall > plain.classes[0].recall);
}
