//! From a trained network to a proven model file: fold, quantize, pack, and measure the file through the device crate.

mod classes;

use std::path::{Path, PathBuf};

use embedded_rnn::image::{
    Arithmetic, Functions, Interval, Layout, Manifest, Mode, Normalization, Provenance, Series, forecast_checksum,
};
use serde::Serialize;

use crate::config::{Config, Rounding, Window};
use crate::data::{Dataset, LEAST_DEVIATION, Level, Moments, Part, Windows, base};
use crate::error::{Error, Result};
use crate::evaluate::conformal::{Widening, calibrate};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::evaluate::hidden::hidden_rmse;
use crate::evaluate::intervals::{self, IntervalMetrics};
use crate::evaluate::warmup::{self, WarmUp};
use crate::fold::reference::Reference;
use crate::fold::{Certificate, FoldedNetwork, Measurements, NearestMeasurements, Scaler, Scalers, Target, certify};
use crate::network::plain::PlainNetwork;
use crate::pack::{Budget, CellFormat, Core, Description, IntervalTable, Packing, Payload, budget, pack};
use crate::quantize::quantize;

/// Windows that rewrites are certified, scales chosen and agreement measured on; evenly taken from their part.
const WINDOWS: usize = 256;

/// Values of a file's self-test: enough to move every unit, few beside the weights.
const SELF_TEST_VALUES: usize = 48;

/// The arithmetic of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `int8` weights, 16-bit activations.
    #[default]
    Int8,
    /// `int8` weights with a 16-bit cell: for cores without a long multiplication (Cortex-M0); no layer norm.
    #[value(name = "int8-cell16")]
    Int8Cell16,
    /// `f32` throughout, with this crate's own sigmoid and tanh.
    F32,
    /// `f32` with the functions of the `libm` crate.
    #[value(name = "f32-libm")]
    F32Libm,
    /// `f32` with the functions of the `micromath` crate; the firmware needs the feature `micromath`.
    #[value(name = "f32-micromath")]
    F32Micromath,
}

impl Format {
    /// `int8`, `int8-cell16` or `f32`.
    pub fn arithmetic(self) -> &'static str {
        match self {
            Format::Int8 => "int8",
            Format::Int8Cell16 => "int8-cell16",
            Format::F32 | Format::F32Libm | Format::F32Micromath => "f32",
        }
    }

    /// How an integer file is packed for a core.
    fn packing(self, core: Core) -> Packing {
        let cell = if self == Format::Int8Cell16 { CellFormat::Cell16 } else { CellFormat::Exact };
        Packing { layout: core.layout(), cell }
    }

    /// The sigmoid and tanh of an `f32` file.
    fn functions(self) -> Option<Functions> {
        match self {
            Format::Int8 | Format::Int8Cell16 => None,
            Format::F32 => Some(Functions::Rational),
            Format::F32Libm => Some(Functions::Libm),
            Format::F32Micromath => Some(Functions::Micromath),
        }
    }
}

/// A trained network with all that describes it.
#[derive(Clone, Copy, Debug)]
pub struct Trained<'a> {
    /// The best epoch's weights.
    pub network: &'a PlainNetwork,
    /// What it was trained with.
    pub config: &'a Config,
    /// What it was trained on.
    pub dataset: &'a Dataset,
}

/// A model file and what belongs to it.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The model file.
    pub file: Vec<u8>,
    /// The Rust lines that name the network's type.
    pub snippet: String,
    /// What was done to the network, and what was measured.
    pub certificate: Certificate,
    /// The order of weights.
    pub layout: Layout,
    /// What the model costs.
    pub budget: Budget,
    /// Prediction intervals on the validation windows that they were widened on, where the network says quantiles.
    pub intervals: Option<CalibratedIntervals>,
    /// How long a stream takes to forget its beginning, where the model is one for streams.
    pub warm_up: Option<WarmUp>,
    /// The network as it was folded for this file.
    pub folded: FoldedNetwork,
}

/// What became of prediction intervals at export.
#[derive(Clone, Debug, Serialize)]
pub struct CalibratedIntervals {
    /// On the validation windows, all of them.
    #[serde(flatten)]
    pub metrics: IntervalMetrics,
    /// The largest coverage that so few windows can promise, where an interval asks for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

impl CalibratedIntervals {
    /// What speaks against them, if something does.
    pub fn warning(&self) -> Option<String> {
        let most = intervals::percent(self.most?);
        Some(format!(
            "{} validation windows promise a coverage of {most} at most, and an interval asks for more: give validation more rows",
            self.metrics.windows
        ))
    }
}

/// Of streams a stretch that ends where a window does is taken in its place, so many times as long, so that most of its states are those of
/// a long stream; where there are several, fewer of them.
const STRETCH: usize = 4;

/// Up to `most` windows of a part, evenly taken: raw samples `[L][F]` each; of streams, stretches.
pub fn raw_windows(windows: &Windows<'_>, most: usize) -> Vec<Vec<f32>> {
    let streaming = windows.dataset().window().mode.is_streaming();
    let most = if streaming && most < usize::MAX { most.div_ceil(STRETCH) } else { most };
    let stride = windows.len().div_ceil(most).max(1);
    let raw = |index| {
        if streaming {
            return windows.raw_stretch(index, STRETCH * windows.dataset().window().lookback);
        }
        let mut window = vec![0.0; windows.raw_len()];
        windows.raw_input(index, &mut window);
        window
    };
    (0..windows.len()).step_by(stride).map(raw).collect()
}

/// A column of a window of raw samples in the transformed domain, and how it is measured.
fn measured(dataset: &Dataset, window: &[f32], column: usize) -> (Vec<f32>, Level) {
    // Every value of the series passed the transform when the dataset was made.
    let forward = |raw: &f32| dataset.window().transform.forward(*raw).unwrap_or_default();
    let values: Vec<f32> = window.iter().skip(column).step_by(dataset.features()).map(forward).collect();
    let level = Level::of(dataset.window().normalization, &dataset.scaler().columns[column], &values);
    (values, level)
}

/// Raw windows as [`scalers`] takes them: in the transformed domain, and normalized there where that is not by the last value, which the
/// scalers know of.
pub fn transformed(dataset: &Dataset, windows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let features = dataset.features();
    let season = dataset.window().normalization.season();
    let entering = |window: &Vec<f32>| {
        let mut entered = vec![0.0; window.len() - season * features];
        for column in 0..features {
            let (values, Level { offset, deviation }) = measured(dataset, window, column);
            for (t, slot) in entered.iter_mut().skip(column).step_by(features).enumerate() {
                let z = f64::from(values[season + t]);
                *slot = match dataset.window().normalization {
                    Normalization::None | Normalization::Last => z,
                    Normalization::Mean => z - offset,
                    Normalization::Scaled => (z - offset) / deviation,
                    Normalization::Seasonal { .. } => z - f64::from(values[t]),
                };
            }
        }
        entered
    };
    windows.iter().map(entering).collect()
}

/// Training windows in the transformed domain, evenly taken: what rewrites are certified, scales chosen and norms calibrated on.
pub fn calibration_windows(dataset: &Dataset) -> Vec<Vec<f64>> {
    transformed(dataset, &raw_windows(&dataset.windows(Part::Training), WINDOWS))
}

/// Mean and deviation of every column, as folding wants them. Where [`transformed`] normalizes windows, what is left has no mean to
/// subtract, and scaled ones no deviation either.
pub fn scalers(dataset: &Dataset) -> Scalers {
    let normalization = dataset.window().normalization;
    let scaler = |moments: &Moments| match normalization {
        Normalization::None | Normalization::Last => Scaler { mean: moments.mean, deviation: moments.deviation },
        Normalization::Mean | Normalization::Seasonal { .. } => Scaler { mean: 0.0, deviation: moments.deviation },
        Normalization::Scaled => Scaler { mean: 0.0, deviation: 1.0 },
    };
    let all: Vec<Scaler> = dataset.scaler().columns.iter().map(scaler).collect();
    let normalization = if normalization == Normalization::Last { normalization } else { Normalization::None };
    Scalers {
        targets: all[..dataset.targets()].to_vec(),
        inputs: all,
        normalization,
        streaming: dataset.window().mode.is_streaming(),
    }
}

/// The least deviation that each column of a window is divided by on the device, where windows are scaled.
pub fn least_deviations(dataset: &Dataset) -> Vec<f32> {
    match dataset.window().normalization {
        Normalization::Scaled => {
            dataset.scaler().columns.iter().map(|moments| (moments.deviation * LEAST_DEVIATION) as f32).collect()
        }
        _ => Vec::new(),
    }
}

/// The population deviation of each target's training rows, in raw units.
pub fn target_deviations(dataset: &Dataset) -> Vec<f64> {
    let deviation = |values: &[f32]| {
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    let training = dataset.partition().training.clone();
    dataset.series().columns[..dataset.targets()].iter().map(|column| deviation(&column.values[training.clone()])).collect()
}

/// Folded `f64` forecasts of raw windows, in raw units, `[targets][horizon]` each: what the device's are compared with. Of quantiles it is
/// the medians, of a classifier the logits.
pub fn float_forecasts(folded: &FoldedNetwork, dataset: &Dataset, windows: &[Vec<f32>]) -> Vec<Vec<f64>> {
    if !dataset.classes().is_empty() {
        return transformed(dataset, windows).iter().map(|window| folded.forecast_window(window)).collect();
    }
    let quantiles = folded.head.outputs / dataset.outputs();
    let Window { horizon, normalization, transform, .. } = *dataset.window();
    let forecast = |(raw, window): (&Vec<f32>, Vec<f64>)| {
        let levels: Vec<(Vec<f32>, Level)> = (0..dataset.targets()).map(|target| measured(dataset, raw, target)).collect();
        let mut said = folded.forecast_window(&window);
        let value = |(output, quantiles): (usize, &mut [f64])| {
            quantiles.sort_by(f64::total_cmp);
            let (median, (values, level)) = (quantiles[quantiles.len() / 2], &levels[output / horizon]);
            let z = match normalization {
                // The reference has added it.
                Normalization::None | Normalization::Last => median,
                Normalization::Scaled => median * level.deviation + level.offset,
                Normalization::Mean | Normalization::Seasonal { .. } => {
                    median + base(normalization, level, values, output % horizon)
                }
            };
            f64::from(transform.inverse(z as f32))
        };
        said.chunks_exact_mut(quantiles).enumerate().map(value).collect()
    };
    windows.iter().zip(transformed(dataset, windows)).map(forecast).collect()
}

/// Root mean square of device minus float forecasts, each target in units of its deviation.
pub fn agreement(device: &[Vec<f32>], float: &[Vec<f64>], deviations: &[f64]) -> f64 {
    let mut sum = 0.0;
    let mut count = 0usize;
    for (device, float) in device.iter().zip(float) {
        let horizon = device.len() / deviations.len();
        for (k, (device, float)) in device.iter().zip(float).enumerate() {
            sum += ((f64::from(*device) - float) / deviations[k / horizon]).powi(2);
            count += 1;
        }
    }
    (sum / count.max(1) as f64).sqrt()
}

/// Text that the manifest borrows.
struct Texts {
    classes: String,
    columns: String,
    time: String,
    trainer: String,
}

fn manifest<'a>(trained: &Trained<'a>, texts: &'a Texts, certificate: [u8; 32], warmup: u32) -> Result<Manifest<'a>> {
    let (config, dataset) = (trained.config, trained.dataset);
    let narrow = |key: &str, value: usize| {
        u16::try_from(value).map_err(|_| Error::input(format!("{key} = {value} does not fit a model file: at most 65535")))
    };
    let row = |value: usize| value as u32;
    let partition = dataset.partition();
    let interval = dataset.series().times.as_ref().and_then(|times| times.interval());
    Ok(Manifest {
        // Both are set by the payload.
        arithmetic: Arithmetic::F32 { functions: Functions::Rational },
        layout: Layout::Interleaved,
        window: embedded_rnn::image::Window {
            features: narrow("number of columns", dataset.features())?,
            targets: narrow("number of targets", dataset.targets())?,
            lookback: narrow("window.lookback", config.window.lookback)?,
            patch: narrow("window.patch", config.window.patch)?,
            horizon: narrow("window.horizon", config.window.horizon)?,
            layers: narrow("number of layers", config.network.hidden.len())?,
            transform: config.window.transform,
            normalization: config.window.normalization,
            mode: if config.window.mode.is_streaming() { Mode::Streaming { warmup } } else { Mode::Windowed },
        },
        classes: &texts.classes,
        series: Series {
            columns: &texts.columns,
            time: &texts.time,
            unit: &config.data.unit,
            interval: match interval {
                None => Interval::Unknown,
                Some(crate::data::Interval::Months(months)) => Interval::Months(months),
                Some(crate::data::Interval::Microseconds(micros)) => Interval::Microseconds(micros),
            },
        },
        provenance: Provenance {
            trainer: &texts.trainer,
            seed: config.training.seed,
            data: dataset.series().sha256,
            training: row(partition.training.len()),
            validation: row(partition.validation.len()),
            test: row(partition.test.len()),
            certificate,
        },
    })
}

/// A packed file against the folded network in `f64`, on validation windows.
struct Measured {
    agreement: f64,
    classes: Option<f64>,
    hidden: Vec<f64>,
    clamped: u64,
}

/// [`export_for`] the core that most boards have.
pub fn export(trained: &Trained<'_>, format: Format, file_name: &str) -> Result<Exported> {
    export_for(trained, format, Core::default(), file_name)
}

/// Folds, quantizes, packs for a core and measures. `file_name` is what the snippet calls the file.
pub fn export_for(trained: &Trained<'_>, format: Format, core: Core, file_name: &str) -> Result<Exported> {
    let dataset = trained.dataset;
    let validation = raw_windows(&dataset.windows(Part::Validation), WINDOWS);
    let calibration = calibration_windows(dataset);
    let functions = format.functions();
    let target = if functions.is_some() { Target::Float } else { Target::Integer };
    let regularization = &trained.config.regularization;
    let (folded, mut certificate) = certify(trained.network, regularization, &scalers(dataset), target, &calibration)?;
    let quantized =
        if functions.is_none() { Some(quantize(&folded, &calibration, trained.config.export.rounding)?) } else { None };
    let payload = match &quantized {
        Some(quantized) => Payload::IntegerFor(quantized, format.packing(core)),
        None => Payload::Float(&folded, functions.unwrap_or(Functions::Rational)),
    };
    let label = dataset.series().labels.as_ref().map(|labels| &labels.name);
    let texts = Texts {
        classes: dataset.classes().iter().map(|class| format!("{class}\n")).collect(),
        columns: dataset
            .series()
            .columns
            .iter()
            .map(|column| &column.name)
            .chain(label)
            .map(|name| format!("{name}\n"))
            .collect(),
        time: trained.config.data.time.clone().unwrap_or_default(),
        trainer: format!("embedded-rnn-trainer {}", env!("CARGO_PKG_VERSION")),
    };
    let Some(test_window) = validation.last() else {
        return Err(Error::input("no validation window is left to test the file with: give validation more rows"));
    };
    // Whole samples, the latest ones, and at least one; not so many that they repeat after a season, for no difference would be left.
    let most = SELF_TEST_VALUES.div_ceil(dataset.features()).min(dataset.window().lookback);
    let season = dataset.window().normalization.season();
    let count = (1..=most).rev().find(|count| season == 0 || !season.is_multiple_of(*count)).unwrap_or(most);
    let test_samples = count * dataset.features();
    let test_samples = &test_window[test_window.len() - test_samples..];

    // The first file is measured; the last carries the certificate's digest, by how much intervals are widened, and the forecast that
    // comes of it. The digest does not change what is computed.
    let manifest_without = manifest(trained, &texts, [0; 32], 1)?;
    let levels: Vec<f32> = match &trained.config.training.quantiles[..] {
        // A median alone is a forecast as any other.
        levels if levels.len() > 1 => levels.iter().map(|level| *level as f32).collect(),
        _ => Vec::new(),
    };
    let unwidened = vec![0.0; dataset.outputs() * (levels.len() / 2)];
    let table = |widening| (!levels.is_empty()).then_some(IntervalTable { levels: &levels, widening });
    let least_deviations = &least_deviations(dataset);
    let first = Description {
        manifest: manifest_without,
        least_deviations,
        test_samples,
        intervals: table(&unwidened),
        test_checksum: 0,
    };
    let float = float_forecasts(&folded, dataset, &validation);
    let deviations = if dataset.classes().is_empty() { target_deviations(dataset) } else { classes::deviations(&float) };
    let transformed = transformed(dataset, &validation);
    let measure = |payload: Payload<'_>| -> Result<Measured> {
        let bytes = ModelBytes::new(&pack(payload, &first)?);
        let mut model = DeviceModel::open(&bytes, Path::new(file_name))?;
        let refused = |reason: String| Error::failed(format!("the packed model refuses its own training data: {reason}"));
        let forecasts = validation.iter().map(|window| model.forecast(window)).collect::<std::result::Result<Vec<_>, _>>();
        let forecasts = forecasts.map_err(refused)?;
        Ok(Measured {
            agreement: agreement(&forecasts, &float, &deviations),
            classes: model.is_classifier().then(|| classes::agreement(&forecasts, &float)),
            hidden: hidden_rmse(&mut model, &folded, &validation, &transformed).map_err(refused)?,
            clamped: model.clamped,
        })
    };
    let measured = measure(payload)?;
    let rounding = trained.config.export.rounding;
    let nearest = if quantized.is_some() && rounding != Rounding::Nearest {
        let nearest = quantize(&folded, &calibration, Rounding::Nearest)?;
        let measured = measure(Payload::IntegerFor(&nearest, format.packing(core)))?;
        Some(NearestMeasurements { forecast_agreement_rms: measured.agreement, hidden_rmse: measured.hidden })
    } else {
        None
    };
    certificate.measurements = Measurements {
        forecast_agreement_rms: Some(measured.agreement),
        class_agreement: measured.classes,
        hidden_rmse: Some(measured.hidden),
        rounding: quantized.as_ref().map(|_| rounding),
        nearest,
        saturated_inputs: quantized.as_ref().map(|_| measured.clamped),
        accumulator: quantized.as_ref().map(|quantized| quantized.notes.clone()),
    };
    let Widening { values: widening, most } = if levels.is_empty() {
        Widening { values: Vec::new(), most: None }
    } else {
        let bytes = ModelBytes::new(&pack(payload, &first)?);
        calibrate(&mut DeviceModel::open(&bytes, Path::new(file_name))?, &dataset.windows(Part::Validation))?
    };
    let warm_up = if dataset.window().mode.is_streaming() {
        let bytes = ModelBytes::new(&pack(payload, &first)?);
        let measured = warmup::measure(&mut DeviceModel::open(&bytes, Path::new(file_name))?, &dataset.windows(Part::Validation));
        Some(measured.map_err(|refused| refused.of(dataset.series()))?)
    } else {
        None
    };
    let manifest = manifest(trained, &texts, certificate.digest(), warm_up.map_or(0, |warm_up| warm_up.steps))?;
    let description = Description { manifest, intervals: table(&widening), ..first };
    let bytes = ModelBytes::new(&pack(payload, &description)?);
    let mut model = DeviceModel::open(&bytes, Path::new(file_name))?;
    let test = model.spread(&model.test_window());
    let test = test.map_err(|reason| Error::failed(format!("the packed model refuses its own test: {reason}")))?;

    let file = pack(payload, &Description { test_checksum: forecast_checksum(&test), ..description })?;
    let bytes = ModelBytes::new(&file);
    let mut model = DeviceModel::open(&bytes, Path::new(file_name))?;
    if !model.self_test() {
        return Err(Error::failed("the packed model fails its own self-test: this is a defect of the exporter"));
    }
    let intervals = match levels.len() {
        0 => None,
        _ => {
            let (metrics, _) = intervals::score(&mut model, &dataset.windows(Part::Validation))?;
            Some(CalibratedIntervals { metrics, most })
        }
    };
    let layers = model.layers();
    Ok(Exported {
        intervals,
        warm_up,
        snippet: model.snippet(file_name),
        layout: model.manifest.layout,
        budget: budget(&model.manifest, &layers, model.head(), model.levels(), model.skip_rank(), file.len()),
        certificate,
        folded,
        file,
    })
}

/// Where a model file's certificate lies: `model.rnn` has `model.certificate.json` beside it.
pub fn certificate_path(model: &Path) -> PathBuf {
    model.with_extension("certificate.json")
}

/// The certificate that lies beside a model file, if it is the one that the file names.
pub fn certificate_beside(model: &Path, digest: &[u8; 32]) -> Option<Certificate> {
    let text = std::fs::read_to_string(certificate_path(model)).ok()?;
    serde_json::from_str::<Certificate>(&text).ok().filter(|certificate| certificate.digest() == *digest)
}

/// Where the Rust lines that name a model's type lie: `model.rnn` has `model.rs` beside it.
pub fn snippet_path(model: &Path) -> PathBuf {
    model.with_extension("rs")
}
