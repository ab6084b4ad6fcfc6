//! `rnn inspect`: what a model file holds.

use std::fmt::Write;
use std::path::PathBuf;

use embedded_rnn::forecast::Transform;
use embedded_rnn::image::{Interval, Normalization};
use embedded_rnn::network::{CellForm, HeadForm, NormForm, ZoneoutForm};
use serde::Serialize;

use super::numbers::{counted, grouped};
use super::output::Output;
use crate::config::normalization_name;
use crate::data;
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::export::{certificate_beside, certificate_path};
use crate::fold::Certificate;
use crate::pack::{Budget, budget};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model file.
    model: PathBuf,
}

#[derive(Serialize)]
struct Layer {
    cell: &'static str,
    zoneout: &'static str,
    /// Factors of classical dropout are left in the cell.
    keep_factors: bool,
    /// The norm over `W x` takes its statistics from the inputs, and has its gains in W.
    norm_from_inputs: bool,
    inputs: usize,
    hidden: usize,
}

#[derive(Serialize)]
struct Report {
    model: PathBuf,
    crc32: String,
    arithmetic: &'static str,
    arithmetic_detail: String,
    layout: String,
    columns: Vec<String>,
    targets: u16,
    unit: String,
    interval: String,
    lookback: u16,
    patch: u16,
    horizon: u16,
    transform: Transform,
    normalization: &'static str,
    /// Samples of the season that is subtracted from the next, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    season: Option<usize>,
    #[serde(skip)]
    normalized: Normalization,
    mode: String,
    /// Steps of a stream from the zero state before the first forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    warmup_steps: Option<u32>,
    layers: Vec<Layer>,
    /// A classifier's classes, in the order of its logits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<String>,
    /// The column of its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// Levels of the quantiles of each value, where the head says some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quantiles: Vec<f32>,
    /// By how much each interval is widened, in the transformed domain: target by target, sample by sample, the widest pair first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    widening: Vec<f32>,
    /// Layer norm stands before the head.
    head_norm: bool,
    /// Products of the window that a linear skip takes; 0 where there is none.
    skip_rank: usize,
    /// Offset, scale and limit of each column.
    scaling: Vec<[f32; 3]>,
    budget: Budget,
    trainer: String,
    seed: u64,
    data_sha256: String,
    training_rows: u32,
    validation_rows: u32,
    test_rows: u32,
    certificate_sha256: String,
    /// The certificate beside the file, where it is there and is the one that the file names.
    certificate: Option<Certificate>,
    self_test: bool,
    #[serde(skip)]
    type_line: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sampling interval for people.
fn interval(interval: Interval) -> String {
    match interval {
        Interval::Unknown => "not known".to_owned(),
        Interval::Months(months) => data::Interval::Months(months).to_string(),
        Interval::Microseconds(micros) => data::Interval::Microseconds(micros).to_string(),
    }
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let bytes = ModelBytes::read(&args.model)?;
    let mut device = DeviceModel::open(&bytes, &args.model)?;
    let manifest = device.manifest;
    let layers = device.layers();
    let window = manifest.window;
    let report = Report {
        model: args.model.clone(),
        crc32: format!("{:08x}", device.digest),
        arithmetic: manifest.arithmetic.name(),
        arithmetic_detail: manifest.arithmetic.to_string(),
        layout: manifest.layout.to_string(),
        columns: manifest.series.columns().take(window.features.into()).map(str::to_owned).collect(),
        classes: manifest.classes().map(str::to_owned).collect(),
        label: manifest.series.columns().nth(window.features.into()).map(str::to_owned),
        targets: window.targets,
        unit: manifest.series.unit.to_owned(),
        interval: interval(manifest.series.interval),
        lookback: window.lookback,
        patch: window.patch,
        horizon: window.horizon,
        transform: window.transform,
        normalization: normalization_name(window.normalization),
        season: Some(window.normalization.season()).filter(|season| *season > 0),
        normalized: window.normalization,
        mode: window.mode.to_string(),
        warmup_steps: window.mode.warmup(),
        layers: layers
            .iter()
            .zip(device.norms_from_inputs())
            .map(|((inputs, hidden, form), norm_from_inputs)| Layer {
                cell: cell(*form),
                zoneout: zoneout(*form),
                keep_factors: form.kept,
                norm_from_inputs,
                inputs: *inputs,
                hidden: *hidden,
            })
            .collect(),
        quantiles: device.levels().to_vec(),
        widening: device.intervals.map_or_else(Vec::new, |intervals| intervals.widening().to_vec()),
        head_norm: device.head() == HeadForm::Norm,
        scaling: device.pipeline.scaling.to_vec(),
        skip_rank: device.skip_rank(),
        budget: budget(&manifest, &layers, device.head(), device.levels(), device.skip_rank(), bytes.as_slice().len()),
        trainer: manifest.provenance.trainer.to_owned(),
        seed: manifest.provenance.seed,
        data_sha256: hex(&manifest.provenance.data),
        training_rows: manifest.provenance.training,
        validation_rows: manifest.provenance.validation,
        test_rows: manifest.provenance.test,
        certificate_sha256: hex(&manifest.provenance.certificate),
        certificate: certificate_beside(&args.model, &manifest.provenance.certificate),
        self_test: device.self_test(),
        type_line: type_line(&device.snippet("")),
    };
    output.finish(&report, || people(&report))?;
    if !report.self_test {
        return Err(Error::failed(format!(
            "{}: the self-test's forecast is not the one that the file states",
            args.model.display()
        )));
    }
    Ok(())
}

fn cell(form: CellForm) -> &'static str {
    match form.norm {
        NormForm::None => "lstm",
        NormForm::A => "lstm-ln-a",
        NormForm::B => "lstm-ln-b",
        NormForm::Joint => "lstm-ln-joint",
    }
}

fn zoneout(form: CellForm) -> &'static str {
    match form.zoneout {
        ZoneoutForm::Cell => "c",
        ZoneoutForm::Both => "c and h",
        ZoneoutForm::None => "none",
    }
}

/// The line of the snippet that names the type.
fn type_line(snippet: &str) -> String {
    snippet.lines().find(|line| line.starts_with("pub type")).unwrap_or_default().to_owned()
}

/// How a column's values, in the transformed domain, become the network's inputs.
fn scaling(normalization: Normalization, streaming: bool, [offset, scale, limit]: [f32; 3]) -> String {
    let mut text = match normalization {
        Normalization::Last if streaming => "the value before the step is subtracted".to_owned(),
        Normalization::Last => "the window's last value is subtracted".to_owned(),
        Normalization::None => format!("{offset} is subtracted"),
        Normalization::Mean => "the window's mean is subtracted".to_owned(),
        Normalization::Scaled => format!("the window's mean is subtracted, divided by its deviation, at least {offset}"),
        Normalization::Seasonal { season } => format!("the value {} before is subtracted", counted(season.into(), "sample")),
    };
    if limit < f32::MAX {
        // The file states the limit after scaling.
        text += &format!(", clamped at ±{:.4}", limit / scale);
    }
    if scale != 1.0 {
        text += &format!(", times {scale}");
    }
    text
}

fn people(report: &Report) -> String {
    let Budget { flash_bytes, history_bytes, state_bytes, macs_per_step, steps, macs, .. } = report.budget;
    let [flash, history, state, macs_per_step, macs] =
        [flash_bytes, history_bytes, state_bytes, macs_per_step, macs].map(|number| grouped(number as u64));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("file", format!("{}, {flash} bytes, CRC-32 {}", report.model.display(), report.crc32));
    let targets = report.columns[..usize::from(report.targets).min(report.columns.len())].join(", ");
    let unit = if report.unit.is_empty() { String::new() } else { format!(" [{}]", report.unit) };
    match &report.label {
        None => line("forecasts", format!("{targets}{unit}, {} ahead", counted(report.horizon.into(), "sample"))),
        Some(label) => line("tells", format!("{label} of the newest sample: {}", report.classes.join(", "))),
    }
    let lookback = counted(report.lookback.into(), "sample");
    let columns = report.columns.join(", ");
    match report.warmup_steps {
        None => {
            line("mode", "windowed: each forecast is of its window alone".to_owned());
            line("reads", format!("{columns}; the last {lookback}, {} a step", report.patch));
        }
        Some(steps) => {
            let samples = counted(steps as usize * usize::from(report.patch), "sample");
            let steps = counted(steps as usize, "step");
            line("mode", format!("streaming: the state is kept; warm after {steps} ({samples})"));
            line("reads", format!("{columns}; {} a step, trained in segments of {lookback}", report.patch));
        }
    }
    line("interval", report.interval.clone());
    line(
        "transform",
        match report.transform {
            Transform::None => "none",
            Transform::Sqrt => "square root",
            Transform::Log => "logarithm",
        }
        .to_owned(),
    );
    for (column, values) in report.columns.iter().zip(&report.scaling) {
        line("input", format!("{column}: {}", scaling(report.normalized, report.warmup_steps.is_some(), *values)));
    }
    for (number, Layer { cell, inputs, hidden, zoneout, keep_factors, norm_from_inputs }) in report.layers.iter().enumerate() {
        let kept = if *keep_factors { ", keep factors" } else { "" };
        let norm = if *norm_from_inputs { ", x normalized by its inputs" } else { "" };
        line(
            &format!("layer {}", number + 1),
            format!("{cell}, {inputs} inputs, {hidden} units, zoneout on {zoneout}{kept}{norm}"),
        );
    }
    let outputs = match report.classes.len() {
        0 => usize::from(report.targets) * usize::from(report.horizon) * report.quantiles.len().max(1),
        classes => classes,
    };
    let norm = if report.head_norm { ", behind layer norm" } else { "" };
    line("head", format!("dense, {}{norm}", counted(outputs, "output")));
    if let [_, ..] = report.quantiles[..] {
        let levels = report.quantiles.iter().map(f32::to_string).collect::<Vec<_>>().join(", ");
        let (least, most) =
            report.widening.iter().fold((f32::MAX, f32::MIN), |(least, most), by| (least.min(*by), most.max(*by)));
        line("quantiles", format!("{levels}; intervals widened by {least:.4} to {most:.4} at each end"));
    }
    if report.skip_rank > 0 {
        let values = (usize::from(report.lookback) - report.season.unwrap_or_default()) * report.columns.len();
        line("skip", format!("linear, {} of the window's {values} values", counted(report.skip_rank, "product")));
    }
    line("arithmetic", format!("{}, layout {}", report.arithmetic_detail, report.layout));
    line("flash", format!("{flash} bytes, read in place"));
    line(
        "RAM",
        match report.warmup_steps {
            None => format!("{history} bytes for each sensor's history, {state} of stack while a forecast runs"),
            Some(_) => format!(
                "{history} bytes for each sensor's samples, {state} for its state and for what a step and a forecast need"
            ),
        },
    );
    line("work", format!("{macs} multiply-accumulates a forecast: {} of {macs_per_step}, and the head", counted(steps, "step")));
    line("trained by", format!("{}, seed {}", report.trainer, report.seed));
    line("trained on", format!("a CSV with SHA-256 {}", report.data_sha256));
    line("rows", format!("{} training, {} validation, {} test", report.training_rows, report.validation_rows, report.test_rows));
    line("self-test", if report.self_test { "passed" } else { "FAILED" }.to_owned());
    line("Rust type", report.type_line.clone());
    match &report.certificate {
        Some(certificate) => text += &format!("\n{certificate}"),
        None => {
            text += &format!(
                "\nThe certificate of this file (sha256 {}) is not beside it in {}.\n",
                report.certificate_sha256,
                certificate_path(&report.model).display()
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_told_in_units_of_the_transformed_domain() {
        assert_eq!(
            scaling(Normalization::Last, false, [0.0, 500.0, 1000.0]),
            "the window's last value is subtracted, clamped at ±2.0000, times 500"
        );
        assert_eq!(scaling(Normalization::None, false, [20.5, 1.0, f32::MAX]), "20.5 is subtracted");
        assert_eq!(scaling(Normalization::Mean, false, [0.0, 1.0, f32::MAX]), "the window's mean is subtracted");
        assert_eq!(
            scaling(Normalization::Scaled, false, [0.25, 500.0, 1000.0]),
            "the window's mean is subtracted, divided by its deviation, at least 0.25, clamped at ±2.0000, times 500"
        );
        assert_eq!(
            scaling(Normalization::Seasonal { season: 24 }, false, [0.0, 1.0, f32::MAX]),
            "the value 24 samples before is subtracted"
        );
        assert_eq!(scaling(Normalization::Last, true, [0.0, 1.0, f32::MAX]), "the value before the step is subtracted");
    }

    #[test]
    fn intervals_are_spoken() {
        assert_eq!(interval(Interval::Unknown), "not known");
        assert_eq!(interval(Interval::Months(1)), "1 month");
        assert_eq!(interval(Interval::Microseconds(900_000_000)), "15 minutes");
    }
}
