//! The file's bytes.

use bytemuck::NoUninit;
use embedded_rnn::image::{
    ALIGNMENT, Arithmetic, FORMAT_VERSION, Functions, HEADER_LENGTH, Header, Layout, Manifest, RecordHeader, RecordKind, checksum,
};
use embedded_rnn::network::HeadForm;

use super::integer::{Packing, write_integer};
use crate::error::{Error, Result};
use crate::fold::{Carried, FoldedLstm, FoldedNetwork, FoldedNorm, InputStatistics};
use crate::network::plain::NormForm;
use crate::quantize::{QuantizedNetwork, form};
use crate::regularize::settings::Reading;

/// What is packed.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// `f32`, with the sigmoid and tanh that the device is to use.
    Float(&'a FoldedNetwork, Functions),
    /// `int8`, for most cores.
    Integer(&'a QuantizedNetwork),
    /// `int8`, for a core and with an arithmetic of choice.
    IntegerFor(&'a QuantizedNetwork, Packing),
}

/// Levels of quantiles, and by how much the intervals between them are widened.
#[derive(Clone, Copy, Debug)]
pub struct IntervalTable<'a> {
    /// Ascending, the middle one 1/2.
    pub levels: &'a [f32],
    /// `[K][Z][pairs]`, the widest pair first, in the transformed domain.
    pub widening: &'a [f32],
}

/// What a file says beside its weights.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// The manifest; arithmetic and layout are set by the payload.
    pub manifest: Manifest<'a>,
    /// The least deviation that each column of a window is divided by; none where windows are not scaled.
    pub least_deviations: &'a [f32],
    /// The self-test's raw samples `[n][F]`, which repeat until the window is full.
    pub test_samples: &'a [f32],
    /// Of a network with quantiles; none where each value of a forecast has one output.
    pub intervals: Option<IntervalTable<'a>>,
    /// CRC-32 of the self-test's forecast: of what the device computes from a file packed with any other one.
    pub test_checksum: u32,
}

impl Payload<'_> {
    fn arithmetic(&self) -> (Arithmetic, Layout) {
        match self {
            Payload::Float(_, functions) => (Arithmetic::F32 { functions: *functions }, Layout::Interleaved),
            Payload::Integer(_) => Packing::default().named(),
            Payload::IntegerFor(_, packing) => packing.named(),
        }
    }
}

/// Appends records to a file.
pub(super) struct Writer {
    bytes: Vec<u8>,
    manifest: u32,
}

impl Writer {
    /// A file with its manifest, and room for its header.
    pub(super) fn new(manifest: &Manifest<'_>) -> Result<Self> {
        let encoded =
            postcard::to_stdvec(manifest).map_err(|reason| Error::failed(format!("the manifest cannot be encoded: {reason}")))?;
        let mut writer = Writer { bytes: vec![0; HEADER_LENGTH], manifest: encoded.len() as u32 };
        writer.bytes.extend(&encoded);
        writer.pad();
        Ok(writer)
    }

    /// The whole file.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        let mut file = self.bytes;
        let length = u32::try_from(file.len()).map_err(|_| Error::failed("the model file would exceed 4 GiB"))?;
        let mut header = Header { length, checksum: 0, manifest: self.manifest };
        file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
        header.checksum = checksum(&file);
        file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
        debug_assert_eq!(u16::from_le_bytes([file[8], file[9]]), FORMAT_VERSION);
        Ok(file)
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }

    pub(super) fn record(&mut self, kind: RecordKind, form: u16, inputs: usize, outputs: usize, tensors: &[&[u8]]) -> Result<()> {
        let narrow = |value: usize| {
            u16::try_from(value).map_err(|_| Error::input(format!("a size of {value} does not fit a model file: at most 65535")))
        };
        let length = tensors.iter().map(|tensor| tensor.len()).sum::<usize>() as u32;
        let header = RecordHeader { kind, form, inputs: narrow(inputs)?, outputs: narrow(outputs)?, length };
        self.bytes.extend(header.to_bytes());
        tensors.iter().for_each(|tensor| self.bytes.extend(*tensor));
        self.pad();
        Ok(())
    }
}

pub(super) fn bytes<T: NoUninit>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}

/// Values, and zeros up to a multiple of 4.
pub(super) fn padded<T: Copy + Default>(values: &[T]) -> Vec<T> {
    let mut padded = values.to_vec();
    padded.resize(values.len().next_multiple_of(4), T::default());
    padded
}

/// A skip's rank, where a record's form stands.
pub(super) fn form_of_rank(rank: usize) -> Result<u16> {
    u16::try_from(rank).map_err(|_| Error::input(format!("network.skip_rank = {rank} does not fit a model file: at most 65535")))
}

/// `[R][P]` as a device reads it, step by step: `[T][R][I]`.
pub(super) fn by_step<T: Copy>(products: &[T], inputs: usize, step: usize) -> Vec<T> {
    let of_step = |start| products.chunks_exact(inputs).flat_map(move |row| row[start..start + step].iter().copied());
    (0..inputs).step_by(step).flat_map(of_step).collect()
}

/// An `f32` layer: for each unit the biases, then a column after the other, gates `i f g o`.
fn float_units(layer: &FoldedLstm) -> Vec<f32> {
    let plain = &layer.weights;
    let (inputs, hidden) = (plain.inputs, plain.hidden);
    let mut units = Vec::with_capacity(4 * hidden * (1 + inputs + hidden));
    for unit in 0..hidden {
        let rows = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
        units.extend(rows.map(|r| plain.b[r] as f32));
        for column in 0..inputs {
            units.extend(rows.map(|r| plain.w[r * inputs + column] as f32));
        }
        for column in 0..hidden {
            units.extend(rows.map(|r| plain.u[r * hidden + column] as f32));
        }
    }
    units
}

/// Parameters of the norms, then for each unit gains of `W x` (or all columns) where they are not in the weights, gains of `U h` where they
/// are apart, shifts, gain and shift of c where it is normalized; then the statistics of the inputs, if they are what `W x` has.
fn float_norm(norm: &FoldedNorm, hidden: usize) -> Vec<f32> {
    let apart = norm.form != NormForm::Joint;
    let flag = |flag: bool| if flag { 1.0 } else { 0.0 };
    let [epsilon_h, epsilon_c] = if apart { [norm.epsilon_h, norm.epsilon_c] } else { [0.0; 2] };
    let mut values = vec![
        norm.epsilon_x as f32,
        epsilon_h as f32,
        epsilon_c as f32,
        norm.divisor as f32,
        flag(norm.per_gate),
        flag(norm.centered),
        flag(norm.from_inputs.is_some()),
        0.0,
    ];
    for unit in 0..hidden {
        let gates = |values: &[f64]| [0, 1, 2, 3].map(|gate| values[gate * hidden + unit] as f32);
        if norm.from_inputs.is_none() {
            values.extend(gates(&norm.gain_x));
        }
        if apart {
            values.extend(gates(&norm.gain_h));
        }
        values.extend(gates(&norm.shift));
        if apart {
            values.extend([norm.gain_c[unit] as f32, norm.shift_c[unit] as f32, 0.0, 0.0]);
        }
    }
    if let Some(InputStatistics { constants, triangles }) = &norm.from_inputs {
        let narrow = |values: &[f64]| padded(&values.iter().map(|value| *value as f32).collect::<Vec<f32>>());
        values.extend(narrow(constants));
        values.extend(narrow(triangles));
    }
    values
}

/// What follows a head of `outputs` where it says quantiles.
pub(super) fn write_intervals(writer: &mut Writer, intervals: Option<IntervalTable<'_>>, outputs: usize) -> Result<()> {
    let Some(IntervalTable { levels, widening }) = intervals else { return Ok(()) };
    writer.record(RecordKind::Intervals, 0, levels.len(), outputs, &[bytes(levels), bytes(widening)])
}

fn write_float(writer: &mut Writer, network: &FoldedNetwork, intervals: Option<IntervalTable<'_>>) -> Result<()> {
    for layer in &network.layers {
        let (cell, hidden, reads_zoned) = layer.zoneout.as_ref().map_or((0.0, 0.0, 0.0), |zoneout| {
            (zoneout.cell, zoneout.hidden, if zoneout.reading == Reading::Zoned { 1.0 } else { 0.0 })
        });
        let carried = layer.zoneout.as_ref().map(|zoneout| zoneout.carried);
        assert!(hidden == 0.0 || carried == Some(Carried::Scaled), "a network folded for f32 carries u");
        let form = form(layer);
        let (inputs, outputs) = (layer.weights.inputs, layer.weights.hidden);
        let mut parameters = vec![(1.0 - cell) as f32, hidden as f32, reads_zoned, 0.0];
        if form.kept {
            parameters.extend([layer.keep_candidate as f32, layer.keep_cell as f32, 0.0, 0.0]);
        }
        let norm = layer.norm.as_ref().map(|norm| float_norm(norm, outputs)).unwrap_or_default();
        let units = float_units(layer);
        let tensors = [bytes(&parameters), bytes(&norm), bytes(&units)];
        writer.record(RecordKind::Lstm, form.number(), inputs, outputs, &tensors)?;
    }
    let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
    let head = &network.head;
    let norm = network.head_norm.map(|norm| {
        assert!(norm.centered, "the head norm's mean has moved into V");
        [norm.epsilon as f32, norm.divisor as f32, 0.0, 0.0]
    });
    let (bias, weights) = (narrow(&head.b), narrow(&head.w));
    let tensors = [norm.as_ref().map_or(&[][..], |norm| bytes(norm)), bytes(&bias), bytes(&weights)];
    writer.record(RecordKind::Dense, head_form(norm.is_some()), head.inputs, head.outputs, &tensors)?;
    write_intervals(writer, intervals, head.outputs)?;
    let Some(skip) = &network.skip else { return Ok(()) };
    assert!(skip.bias.iter().all(|bias| *bias == 0.0), "a skip's constant is folded into the head");
    let products = by_step(&narrow(&skip.products), skip.inputs, network.layers[0].weights.inputs);
    let spread = narrow(&skip.spread);
    let tensors = [bytes(&spread), bytes(&products)];
    writer.record(RecordKind::Skip, form_of_rank(skip.rank)?, skip.inputs, skip.outputs, &tensors)
}

/// Values that the head of a file says: quantiles of each forecast value, or a logit a class.
pub fn head_outputs(manifest: &Manifest<'_>, quantiles: usize) -> usize {
    let forecast = usize::from(manifest.window.targets) * usize::from(manifest.window.horizon) * quantiles;
    match manifest.classes().count() {
        0 => forecast,
        classes => classes,
    }
}

/// The number by which a file names a head's form.
pub(super) fn head_form(normed: bool) -> u16 {
    if normed { HeadForm::Norm.number() } else { HeadForm::Plain.number() }
}

/// The bytes of a model file.
pub fn pack(payload: Payload<'_>, description: &Description<'_>) -> Result<Vec<u8>> {
    let (arithmetic, layout) = payload.arithmetic();
    let manifest = Manifest { arithmetic, layout, ..description.manifest };
    let mut writer = Writer::new(&manifest)?;
    let (window, intervals) = (manifest.window, description.intervals);
    let mut scaling: Vec<[f32; 3]> = match payload {
        // Nothing is clamped: the limit is the largest number.
        Payload::Float(network, _) => {
            network.inputs.iter().map(|scaler| [scaler.offset as f32, scaler.scale as f32, f32::MAX]).collect()
        }
        Payload::Integer(network) | Payload::IntegerFor(network, _) => network.inputs.clone(),
    };
    scaling.iter_mut().zip(description.least_deviations).for_each(|(column, least)| column[0] = *least);
    writer.record(RecordKind::Scaling, 0, window.features.into(), window.targets.into(), &[bytes(&scaling)])?;
    match payload {
        Payload::Float(network, _) => write_float(&mut writer, network, intervals)?,
        Payload::Integer(network) => write_integer(&mut writer, network, Packing::default(), intervals)?,
        Payload::IntegerFor(network, packing) => write_integer(&mut writer, network, packing, intervals)?,
    }
    let tensors = [bytes(description.test_samples), bytes(std::slice::from_ref(&description.test_checksum))];
    let quantiles = intervals.map_or(1, |intervals| intervals.levels.len());
    let outputs = head_outputs(&manifest, quantiles);
    writer.record(RecordKind::SelfTest, 0, window.lookback.into(), outputs, &tensors)?;
    writer.finish()
}
