//! The file's bytes.

use bytemuck::NoUninit;
use embedded_rnn::image::{
    ALIGNMENT, Arithmetic, FORMAT_VERSION, Functions, HEADER_LENGTH, Header, Layout, Manifest, RecordHeader, RecordKind, checksum,
};

use crate::error::{Error, Result};
use crate::fold::{Carried, FoldedLstm, FoldedNetwork, FoldedNorm};
use crate::network::plain::NormForm;
use crate::quantize::{QuantizedDense, QuantizedNetwork, QuantizedNorm, QuantizedRows, form};
use crate::regularize::settings::Reading;

/// What is packed.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// `f32`, with the sigmoid and tanh that the device is to use.
    Float(&'a FoldedNetwork, Functions),
    /// `int8`
    Integer(&'a QuantizedNetwork),
}

/// What a file says beside its weights.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// The manifest; arithmetic and layout are set by the payload.
    pub manifest: Manifest<'a>,
    /// The self-test's raw samples `[n][F]`, which repeat until the window is full.
    pub test_samples: &'a [f32],
    /// CRC-32 of the self-test's forecast: of what the device computes from a file packed with any other one.
    pub test_checksum: u32,
}

impl Payload<'_> {
    fn arithmetic(&self) -> (Arithmetic, Layout) {
        match self {
            Payload::Float(_, functions) => (Arithmetic::F32 { functions: *functions }, Layout::Interleaved),
            Payload::Integer(_) => (Arithmetic::Int8 { revision: 1 }, Layout::PackedPair),
        }
    }
}

/// Appends records to a file.
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }

    fn record(&mut self, kind: RecordKind, form: u16, inputs: usize, outputs: usize, tensors: &[&[u8]]) -> Result<()> {
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

fn bytes<T: NoUninit>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}

/// The words of an integer layer: for each unit four biases, a word a column, four multipliers; see the device crate's
/// `kernel::packed_pair`.
fn integer_stream(rows: &QuantizedRows) -> Vec<u32> {
    let (columns, hidden) = (rows.columns, rows.bias.len() / 4);
    let weight = |gate: usize, unit: usize, column: usize| {
        if column < columns { i32::from(rows.weights[(gate * hidden + unit) * columns + column]) } else { 0 }
    };
    // The weights of gates a and b of two columns.
    let pair = |a: usize, unit: usize, column: usize| {
        let half = |column| (256 * weight(a, unit, column) + weight(a + 1, unit, column)) as u16;
        u32::from(half(column)) | u32::from(half(column + 1)) << 16
    };
    let mut words = Vec::with_capacity(hidden * (columns.next_multiple_of(4) + 8));
    for unit in 0..hidden {
        let row = |gate: usize| gate * hidden + unit;
        for a in [0, 2] {
            let (bias_a, bias_b) = (rows.bias[row(a)], rows.bias[row(a + 1)]);
            words.extend([bias_a.wrapping_mul(256).wrapping_add(bias_b) as u32, bias_b as u32]);
        }
        for column in (0..columns.next_multiple_of(4)).step_by(2) {
            words.extend([pair(0, unit, column), pair(2, unit, column)]);
        }
        for a in [0, 2] {
            words.extend([(rows.multiplier[row(a)] / 256) as u32, rows.multiplier[row(a + 1)] as u32]);
        }
    }
    words
}

/// The blocks, then the stream.
fn integer_rows(rows: &QuantizedRows) -> Vec<u8> {
    let mut blocks: Vec<u32> = rows.blocks.iter().map(|columns| *columns as u32).collect();
    // The stream after them is read four words at a time.
    blocks.resize(blocks.len().next_multiple_of(4), 0);
    [bytes(&blocks), bytes(&integer_stream(rows))].concat()
}

fn integer_norm(norm: &QuantizedNorm) -> Vec<u8> {
    let QuantizedNorm { divisor, per_gate, epsilon: [x, h, c], affine, recurrent } = norm;
    let blocks = recurrent.as_ref().map_or(0, |rows| rows.blocks.len() as u32);
    let parameters = [*divisor, u32::from(*per_gate), blocks, 0];
    let recurrent = recurrent.as_ref().map(integer_rows).unwrap_or_default();
    [bytes(&parameters), bytes(&[*x, *h, *c, 0]), bytes(affine), &recurrent].concat()
}

fn write_integer(writer: &mut Writer, network: &QuantizedNetwork) -> Result<()> {
    for layer in &network.layers {
        let parameters = [layer.blend_cell, layer.blend_hidden, layer.rows.blocks.len() as i32, i32::from(layer.reads_zoned)];
        let [candidate, cell] = layer.keep;
        let keep = [candidate, cell, 0, 0];
        let norm = layer.norm.as_ref().map(integer_norm).unwrap_or_default();
        let keep: &[u8] = if layer.form.kept { bytes(&keep) } else { &[] };
        let rows = integer_rows(&layer.rows);
        let tensors = [bytes(&parameters), keep, &norm, &rows];
        writer.record(RecordKind::Lstm, layer.form.number(), layer.inputs, layer.hidden, &tensors)?;
    }
    let QuantizedDense { inputs, outputs, weights, bias, scale } = &network.head;
    let mut padded = Vec::new();
    for row in weights.chunks_exact(*inputs) {
        padded.extend(row);
        padded.resize(padded.len().next_multiple_of(4), 0);
    }
    writer.record(RecordKind::Dense, 0, *inputs, *outputs, &[bytes(bias), bytes(scale), bytes(&padded)])
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

/// Parameters of the norms, then for each unit gains of `W x` (or all columns), gains of `U h` where they are apart, shifts, gain and
/// shift of c where it is normalized.
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
        0.0,
        0.0,
    ];
    for unit in 0..hidden {
        let gates = |values: &[f64]| [0, 1, 2, 3].map(|gate| values[gate * hidden + unit] as f32);
        values.extend(gates(&norm.gain_x));
        if apart {
            values.extend(gates(&norm.gain_h));
        }
        values.extend(gates(&norm.shift));
        if apart {
            values.extend([norm.gain_c[unit] as f32, norm.shift_c[unit] as f32, 0.0, 0.0]);
        }
    }
    values
}

fn write_float(writer: &mut Writer, network: &FoldedNetwork) -> Result<()> {
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
    writer.record(RecordKind::Dense, 0, head.inputs, head.outputs, &[bytes(&narrow(&head.b)), bytes(&narrow(&head.w))])
}

/// The bytes of a model file.
pub fn pack(payload: Payload<'_>, description: &Description<'_>) -> Result<Vec<u8>> {
    let (arithmetic, layout) = payload.arithmetic();
    let manifest = Manifest { arithmetic, layout, ..description.manifest };
    let encoded =
        postcard::to_stdvec(&manifest).map_err(|reason| Error::failed(format!("the manifest cannot be encoded: {reason}")))?;
    let mut writer = Writer { bytes: vec![0; HEADER_LENGTH] };
    writer.bytes.extend(&encoded);
    writer.pad();
    let window = manifest.window;
    let scaling: Vec<[f32; 3]> = match payload {
        // Nothing is clamped: the limit is the largest number.
        Payload::Float(network, _) => {
            network.inputs.iter().map(|scaler| [scaler.offset as f32, scaler.scale as f32, f32::MAX]).collect()
        }
        Payload::Integer(network) => network.inputs.clone(),
    };
    writer.record(RecordKind::Scaling, 0, window.features.into(), window.targets.into(), &[bytes(&scaling)])?;
    match payload {
        Payload::Float(network, _) => write_float(&mut writer, network)?,
        Payload::Integer(network) => write_integer(&mut writer, network)?,
    }
    let tensors = [bytes(description.test_samples), bytes(std::slice::from_ref(&description.test_checksum))];
    let outputs = usize::from(window.targets) * usize::from(window.horizon);
    writer.record(RecordKind::SelfTest, 0, window.lookback.into(), outputs, &tensors)?;
    let mut file = writer.bytes;
    let length = u32::try_from(file.len()).map_err(|_| Error::failed("the model file would exceed 4 GiB"))?;
    let mut header = Header { length, checksum: 0, manifest: encoded.len() as u32 };
    file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
    header.checksum = checksum(&file);
    file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
    debug_assert_eq!(u16::from_le_bytes([file[8], file[9]]), FORMAT_VERSION);
    Ok(file)
}
