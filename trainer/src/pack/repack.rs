//! A model file in another order of weights: the same numbers, the same bits of every forecast.

use embedded_rnn::arithmetic::ACTIVATION_ONE;
use embedded_rnn::image::{Arithmetic, Image, Layout, LoadError, RECORD_HEADER_LENGTH, RecordHeader, RecordKind};
use embedded_rnn::network::{CellForm, NormForm};

use super::integer::largest_inputs;
use super::rows::{PlainRows, Shape};
use super::writer::Writer;
use crate::error::Result;
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::fold::InputStatistics;

/// Takes bytes from the front of a record.
struct Tensors<'f> {
    rest: &'f [u8],
}

impl<'f> Tensors<'f> {
    fn take(&mut self, count: usize) -> Option<&'f [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}

/// The number at a word of some parameters.
fn word(parameters: &[u8], index: usize) -> Option<usize> {
    let bytes = parameters.get(4 * index..)?.first_chunk()?;
    usize::try_from(i32::from_le_bytes(*bytes)).ok()
}

/// A number over a word of what is packed.
fn set_word(packed: &mut [u8], at: usize, index: usize, value: u32) {
    packed[at + 4 * index..][..4].copy_from_slice(&value.to_le_bytes());
}

/// The tensors of an LSTM record in another layout; nothing if they do not fit the record's shape. `largest`: of each column of x.
fn lstm(header: RecordHeader, tensors: &[u8], [from, to]: [Layout; 2], exact: bool, largest: &[i64]) -> Option<Vec<u8>> {
    let form = CellForm::from_number(header.form)?;
    let (inputs, hidden) = (usize::from(header.inputs), usize::from(header.outputs));
    let mut tensors = Tensors { rest: tensors };
    let mut packed = Vec::new();
    // Gives the words that the parameters have to tell.
    let rows = |tensors: &mut Tensors<'_>, packed: &mut Vec<u8>, before, words, largest: &[i64]| {
        let shape = Shape { hidden, columns: largest.len(), before, words, largest };
        let (rows, length) = PlainRows::read(tensors.rest, from, exact, shape)?;
        let (words, units) = rows.write(to, before, exact);
        packed.extend(units);
        tensors.take(length).map(|_| words)
    };
    let of_h = vec![i64::from(ACTIVATION_ONE); hidden];
    let parameters = tensors.take(16)?;
    packed.extend(parameters);
    if form.kept {
        packed.extend(tensors.take(16)?);
    }
    if form.norm != NormForm::None {
        let norm = tensors.take(16)?;
        let at = packed.len();
        packed.extend(norm);
        let rows_of_unit = match (form.separate(), word(norm, 3)?) {
            (false, _) => 2,
            (true, 0) => 4,
            (true, _) => 3,
        };
        packed.extend(tensors.take(32 + 16 * hidden * rows_of_unit)?);
        if rows_of_unit == 3 {
            let blocks = if word(norm, 1)? == 1 { 4 } else { 1 };
            packed.extend(tensors.take(32 + 4 * (blocks * InputStatistics::length(inputs)).next_multiple_of(4))?);
        }
        if form.separate() {
            let words = rows(&mut tensors, &mut packed, inputs, word(norm, 2)?, &of_h)?;
            set_word(&mut packed, at, 2, words);
        }
    }
    let columns = if form.separate() { largest.to_vec() } else { [largest, &of_h].concat() };
    let words = rows(&mut tensors, &mut packed, 0, word(parameters, 2)?, &columns)?;
    set_word(&mut packed, 0, 2, words);
    tensors.rest.is_empty().then_some(packed)
}

/// The same model with its integer weights in the order `layout`. A file of `f32` weights, which have one order only, stays as it is.
/// There and back again are the same bytes.
pub fn repack(bytes: &ModelBytes, layout: Layout) -> Result<std::result::Result<Vec<u8>, LoadError>> {
    let bound = DeviceModel::bind(bytes.as_slice()).and_then(|model| Ok((model, Image::open(bytes.as_slice())?)));
    let (model, image) = match bound {
        Ok(bound) => bound,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut manifest = image.manifest;
    let exact = match manifest.arithmetic {
        Arithmetic::Int8 { .. } => true,
        Arithmetic::Int8Cell16 { .. } => false,
        _ => return Ok(Ok(bytes.as_slice().to_vec())),
    };
    let layouts = [manifest.layout, layout];
    manifest.layout = layout;
    let mut writer = Writer::new(&manifest)?;
    let mut records = image.records();
    let layers = usize::from(manifest.window.layers);
    let skip = model.skip_rank() > 0;
    let kinds = [RecordKind::Scaling]
        .into_iter()
        .chain(std::iter::repeat_n(RecordKind::Lstm, layers))
        .chain([RecordKind::Dense])
        .chain((model.quantiles() > 1).then_some(RecordKind::Intervals))
        .chain(skip.then_some(RecordKind::Skip))
        .chain([RecordKind::SelfTest]);
    let mut at = bytes.as_slice().len() - records.remaining();
    let (mut limits, mut layer) = (Vec::new(), 0);
    for kind in kinds {
        let header = match records.next(kind) {
            Ok(record) => record.header(),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let tensors = &bytes.as_slice()[at + RECORD_HEADER_LENGTH..][..header.length as usize];
        at = bytes.as_slice().len() - records.remaining();
        let (inputs, outputs) = (header.inputs.into(), header.outputs.into());
        if kind == RecordKind::Scaling {
            let floats = tensors.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            limits = floats.skip(2).step_by(3).collect();
        }
        if kind == RecordKind::Lstm {
            let largest = largest_inputs(layer, header.inputs.into(), &limits);
            layer += 1;
            let Some(packed) = lstm(header, tensors, layouts, exact, &largest) else {
                return Ok(Err(LoadError::Malformed { record: kind }));
            };
            writer.record(kind, header.form, inputs, outputs, &[&packed])?;
        } else {
            writer.record(kind, header.form, inputs, outputs, &[tensors])?;
        }
    }
    writer.finish().map(Ok)
}
