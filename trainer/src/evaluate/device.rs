//! Model files on the desk: the device crate's own kernels, for shapes that are known only at run time.
//!
//! Nothing is computed here: [`embedded_rnn::arithmetic::Number`] computes the layers and the head,
//! [`embedded_rnn::forecast::Pipeline`] leads a window through them, exactly as on a board.

use std::iter::empty;
use std::path::Path;
use std::sync::Arc;

use embedded_rnn::arithmetic::{Element, Float, Libm, Linear, Micromath, Number, Rational};
use embedded_rnn::forecast::{Level, Pipeline, Recurrent, SelfTest, Transform};
use embedded_rnn::image::{
    Arithmetic, Cursor, Functions, Image, Layout, LoadError, Manifest, Mode, Record, RecordKind, forecast_checksum,
};
use embedded_rnn::network::{CellForm, HeadForm, Intervals, NormHead, PlainHead, ZoneoutForm};
use embedded_rnn::{Cell16, Int8, PackedPair, RowMajor};

use super::cell::{self, Buffers, Cell};
use crate::error::{Error, Result};
use crate::pack::{head_outputs, snippet};

/// The median of each value, from all of its quantiles.
pub fn medians(spread: &[f32], quantiles: usize) -> Vec<f32> {
    spread.iter().skip(quantiles / 2).step_by(quantiles).copied().collect()
}

/// The bytes of a model file, aligned as the device crate asks.
#[derive(Clone, Debug)]
pub struct ModelBytes {
    blocks: Vec<u128>,
    length: usize,
}

impl ModelBytes {
    /// Aligns a file's bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let mut blocks = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut::<u128, u8>(&mut blocks)[..bytes.len()].copy_from_slice(bytes);
        ModelBytes { blocks, length: bytes.len() }
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        std::fs::read(path).map(|bytes| Self::new(&bytes)).map_err(|reason| Error::file("read", path, reason))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.blocks)[..self.length]
    }
}

/// One LSTM layer with its state.
#[derive(Clone, Debug)]
struct Layer<'m, N: Number> {
    cell: Arc<dyn Cell<N> + 'm>,
    form: CellForm,
    norm_from_inputs: bool,
    inputs: usize,
    hidden: usize,
    buffers: Buffers<N>,
}

impl<'m, N: Number> Layer<'m, N> {
    fn reset(&mut self) {
        self.buffers.xh.fill(N::Activation::ZERO);
        self.buffers.c.fill(N::Cell::ZERO);
        self.buffers.wide.fill(N::Wide::ZERO);
    }

    fn step(&mut self) {
        self.cell.step(&mut self.buffers);
        let Buffers { xh, h, .. } = &mut self.buffers;
        xh[self.inputs..][..self.hidden].copy_from_slice(h);
    }
}

/// Whether a layer's norm over `W x` takes its statistics from the inputs: a word of the norm's parameters, behind the cell's.
fn norm_from_inputs(record: &Record<'_>, form: CellForm, arithmetic: Arithmetic) -> bool {
    let integer = !matches!(arithmetic, Arithmetic::F32 { .. });
    let at = 4 + if form.kept { 4 } else { 0 } + if integer { 3 } else { 6 };
    let words = record.fields().slice::<u32>(at + 1);
    form.separate() && words.is_ok_and(|words| words.last().is_some_and(|word| *word != 0))
}

/// The head of a form that is known only at run time.
#[derive(Clone, Debug)]
enum Head<'m, N: Number> {
    Plain(N::Dense<'m, PlainHead>),
    Norm(N::Dense<'m, NormHead>),
}

/// A linear skip with the sums of a window.
#[derive(Clone, Debug)]
struct Skip<'m, N: Linear> {
    weights: N::Skip<'m>,
    sums: Vec<N::Partial>,
    /// Steps that have passed by.
    steps: usize,
}

impl<'m, N: Linear> Skip<'m, N> {
    /// The skip that follows the head, where one does.
    fn bind(records: &mut Cursor<'m>, layer: u16, window: usize, outputs: usize) -> std::result::Result<Option<Self>, LoadError> {
        if records.upcoming() != Some(RecordKind::Skip as u16) {
            return Ok(None);
        }
        let record = records.next(RecordKind::Skip)?;
        record.expect_shape(layer, window, outputs)?;
        let weights = N::bind_skip(&record)?;
        Ok(Some(Skip { weights, sums: vec![N::Partial::ZERO; record.header().form.into()], steps: 0 }))
    }
}

/// A network in one number system with its state.
#[derive(Clone, Debug)]
struct Engine<'m, N: Linear> {
    layers: Vec<Layer<'m, N>>,
    head: Head<'m, N>,
    skip: Option<Skip<'m, N>>,
    /// After every step: the hidden states of all layers are appended here if it is there.
    trace: Option<Vec<Vec<N::Activation>>>,
}

impl<'m, N: Linear> Engine<'m, N> {
    fn bind(image: &Image<'m>) -> std::result::Result<Bound<'m, Self>, LoadError> {
        let manifest = &image.manifest;
        if manifest.arithmetic != N::ARITHMETIC {
            return Err(LoadError::Arithmetic { expected: N::ARITHMETIC, found: manifest.arithmetic });
        }
        if manifest.layout != N::LAYOUT {
            return Err(LoadError::LayoutMismatch { expected: N::LAYOUT, found: manifest.layout });
        }
        let window = manifest.window;
        let classes = manifest.class_count()?;
        let outputs = head_outputs(manifest, 1);
        let malformed = |record| LoadError::Malformed { record };
        let of_kind = (classes > 0) == (window.targets == 0) && (classes > 0) == (window.horizon == 0);
        if window.targets > window.features || window.features == 0 || !of_kind {
            return Err(LoadError::Manifest);
        }
        if window.mode.warmup().is_some_and(|warmup| warmup == 0 || !window.normalization.streams() || classes > 0) {
            return Err(LoadError::Manifest);
        }
        let mut records = image.records();
        let pipeline = Pipeline::bind(&records.next(RecordKind::Scaling)?, &window)?;
        let mut width = usize::from(window.features) * usize::from(window.patch);
        let mut layers = Vec::new();
        for number in 0..window.layers {
            let record = records.next(RecordKind::Lstm)?;
            let header = record.header();
            record.expect_shape(number, width, header.outputs.into())?;
            let form = CellForm::from_number(header.form).ok_or(malformed(RecordKind::Lstm))?;
            let hidden = record.outputs();
            let buffers = Buffers {
                xh: vec![N::Activation::ZERO; (width + hidden).next_multiple_of(N::COLUMNS_MULTIPLE)],
                c: vec![N::Cell::ZERO; hidden],
                wide: vec![N::Wide::ZERO; if form.zoneout == ZoneoutForm::Both { hidden } else { 0 }],
                scratch: vec![[N::Sum::ZERO; 4]; form.scratch_rows() * hidden],
                h: vec![N::Activation::ZERO; hidden],
            };
            let cell = cell::bind(form, &record)?;
            let norm_from_inputs = norm_from_inputs(&record, form, N::ARITHMETIC);
            layers.push(Layer { cell, form, norm_from_inputs, inputs: width, hidden, buffers });
            width = hidden;
        }
        if layers.is_empty() {
            return Err(LoadError::Manifest);
        }
        let head = records.next(RecordKind::Dense)?;
        let quantiles = if classes > 0 { 1 } else { (head.outputs() / outputs).max(1) };
        let all = outputs * quantiles;
        head.expect_shape(window.layers, width, all)?;
        let head = match HeadForm::from_number(head.header().form).ok_or(malformed(RecordKind::Dense))? {
            HeadForm::Plain => Head::Plain(N::bind_dense(&head)?),
            HeadForm::Norm => Head::Norm(N::bind_dense(&head)?),
        };
        let intervals = if quantiles > 1 { Some(Intervals::bind(&mut records, outputs, quantiles)?) } else { None };
        let values = (usize::from(window.lookback) - window.normalization.season()) * usize::from(window.features);
        let skip = Skip::bind(&mut records, window.layers + 1, values, all)?;
        if skip.is_some() && window.mode != Mode::Windowed {
            return Err(LoadError::Record { expected: RecordKind::SelfTest, found: RecordKind::Skip as u16 });
        }
        let engine = Engine { layers, head, skip, trace: None };
        let test = records.next(RecordKind::SelfTest)?;
        test.expect_shape(0, window.lookback.into(), all)?;
        let test = SelfTest::read(&test, window.lookback.into(), window.features.into())?;
        records.end()?;
        Ok(Bound { engine, pipeline, intervals, test })
    }

    /// A step of a stream: samples of the transformed domain, and how their columns are measured. Gives the number of clamped inputs.
    fn advance(&mut self, pipeline: &Pipeline<'_>, samples: &[f32], levels: &[Level]) -> u32 {
        let clamped = pipeline.encode::<N>(&mut samples.chunks_exact(levels.len()), &mut empty(), levels, self.input());
        self.step();
        clamped
    }

    fn head(&self, y: &mut [f32]) {
        if let Some(last) = self.layers.last() {
            match &self.head {
                Head::Plain(head) => N::dense(head, &last.buffers.h, y),
                Head::Norm(head) => N::dense(head, &last.buffers.h, y),
            }
        }
        if let Some(skip) = &self.skip {
            N::add(&skip.weights, &skip.sums, 0, y);
        }
    }
}

struct Bound<'m, E> {
    engine: E,
    pipeline: Pipeline<'m>,
    intervals: Option<Intervals<'m>>,
    test: SelfTest<'m>,
}

impl<N: Linear> Recurrent<N> for Engine<'_, N> {
    fn reset(&mut self) {
        self.layers.iter_mut().for_each(Layer::reset);
        if let Some(skip) = &mut self.skip {
            skip.sums.fill(N::Partial::ZERO);
            skip.steps = 0;
        }
    }

    fn input(&mut self) -> &mut [N::Activation] {
        self.layers.first_mut().map_or(&mut [], |layer| &mut layer.buffers.xh[..layer.inputs])
    }

    fn step(&mut self) {
        if let (Some(skip), Some(layer)) = (&mut self.skip, self.layers.first()) {
            N::accumulate(&skip.weights, skip.steps, &layer.buffers.xh[..layer.inputs], &mut skip.sums);
            skip.steps += 1;
        }
        for l in 0..self.layers.len() {
            let (below, rest) = self.layers.split_at_mut(l);
            if let Some(below) = below.last() {
                rest[0].buffers.xh[..below.hidden].copy_from_slice(&below.buffers.h);
            }
            rest[0].step();
        }
        if let Some(trace) = &mut self.trace {
            trace.extend(self.layers.iter().map(|layer| layer.buffers.h.clone()));
        }
    }
}

#[derive(Clone, Debug)]
enum Arm<'m> {
    Int8(Engine<'m, Int8>),
    Rows(Engine<'m, Int8<RowMajor>>),
    Cell16(Engine<'m, Int8<PackedPair, Cell16>>),
    RowsCell16(Engine<'m, Int8<RowMajor, Cell16>>),
    Rational(Engine<'m, Float<Rational>>),
    Libm(Engine<'m, Float<Libm>>),
    Micromath(Engine<'m, Float<Micromath>>),
}

/// Runs an expression on whichever engine a model has.
macro_rules! on_engine {
    ($arm:expr, $engine:ident => $body:expr) => {
        match $arm {
            Arm::Int8($engine) => $body,
            Arm::Rows($engine) => $body,
            Arm::Cell16($engine) => $body,
            Arm::RowsCell16($engine) => $body,
            Arm::Rational($engine) => $body,
            Arm::Libm($engine) => $body,
            Arm::Micromath($engine) => $body,
        }
    };
}

/// A model file that runs on the desk with the device's bits.
#[derive(Clone, Debug)]
pub struct DeviceModel<'m> {
    arm: Arm<'m>,
    /// What the file says of itself.
    pub manifest: Manifest<'m>,
    /// The file's CRC-32.
    pub digest: u32,
    /// How windows pass through it.
    pub pipeline: Pipeline<'m>,
    /// Levels of its quantiles and widths of its intervals, where it has them.
    pub intervals: Option<Intervals<'m>>,
    /// The file's own test.
    pub test: SelfTest<'m>,
    /// Input values clamped so far.
    pub clamped: u64,
    /// Windows run so far.
    pub windows: u64,
    transformed: Vec<f32>,
    /// How the columns of the last window are measured; of a stream, how they are after the last step.
    levels: Vec<Level>,
    /// The newest sample that the network has seen, in the transformed domain; empty before the first one.
    last: Vec<f32>,
}

impl<'m> DeviceModel<'m> {
    /// Checks and binds a file; `name` is how errors call it.
    pub fn open(bytes: &'m ModelBytes, name: &Path) -> Result<Self> {
        Self::bind(bytes.as_slice()).map_err(|reason| {
            let mend = match reason {
                LoadError::NotAModel | LoadError::TooShort { .. } => "name a file that `rnn export` wrote",
                _ => "write it anew with `rnn export`",
            };
            Error::input(format!("{}: {reason}: {mend}", name.display()))
        })
    }

    /// Checks and binds a file's aligned bytes.
    pub fn bind(bytes: &'m [u8]) -> std::result::Result<Self, LoadError> {
        let image = Image::open(bytes)?;
        macro_rules! bound {
            ($arm:path, $number:ty) => {{
                let Bound { engine, pipeline, intervals, test } = Engine::<$number>::bind(&image)?;
                ($arm(engine), pipeline, intervals, test)
            }};
        }
        let (arm, pipeline, intervals, test) = match image.manifest.arithmetic {
            Arithmetic::F32 { functions: Functions::Rational } => bound!(Arm::Rational, Float<Rational>),
            Arithmetic::F32 { functions: Functions::Libm } => bound!(Arm::Libm, Float<Libm>),
            Arithmetic::F32 { functions: Functions::Micromath } => bound!(Arm::Micromath, Float<Micromath>),
            Arithmetic::Int8Cell16 { .. } if image.manifest.layout == Layout::RowMajor => {
                bound!(Arm::RowsCell16, Int8<RowMajor, Cell16>)
            }
            Arithmetic::Int8Cell16 { .. } => bound!(Arm::Cell16, Int8<PackedPair, Cell16>),
            _ if image.manifest.layout == Layout::RowMajor => bound!(Arm::Rows, Int8<RowMajor>),
            _ => bound!(Arm::Int8, Int8),
        };
        let (manifest, digest) = (image.manifest, image.digest);
        Ok(DeviceModel {
            arm,
            manifest,
            digest,
            pipeline,
            intervals,
            test,
            clamped: 0,
            windows: 0,
            transformed: Vec::new(),
            levels: Vec::new(),
            last: Vec::new(),
        })
    }

    /// Inputs, units and form of each LSTM layer.
    pub fn layers(&self) -> Vec<(usize, usize, CellForm)> {
        on_engine!(&self.arm, engine => engine.layers.iter().map(|layer| (layer.inputs, layer.hidden, layer.form)).collect())
    }

    /// Of each LSTM layer, whether its norm over `W x` takes its statistics from the inputs.
    pub fn norms_from_inputs(&self) -> Vec<bool> {
        on_engine!(&self.arm, engine => engine.layers.iter().map(|layer| layer.norm_from_inputs).collect())
    }

    /// The head's form.
    pub fn head(&self) -> HeadForm {
        on_engine!(&self.arm, engine => match engine.head {
            Head::Plain(_) => HeadForm::Plain,
            Head::Norm(_) => HeadForm::Norm,
        })
    }

    /// Products of the window that a linear skip takes; 0 where there is none.
    pub fn skip_rank(&self) -> usize {
        on_engine!(&self.arm, engine => engine.skip.as_ref().map_or(0, |skip| skip.sums.len()))
    }

    /// The module that names the file's type for the firmware; `file_name` is what it calls the file.
    pub fn snippet(&self, file_name: &str) -> String {
        snippet(&self.manifest, &self.layers(), self.head(), self.levels(), self.skip_rank(), file_name)
    }

    /// Levels of the quantiles, ascending; none where each value of a forecast has one output.
    pub fn levels(&self) -> &'m [f32] {
        self.intervals.as_ref().map_or(&[], Intervals::levels)
    }

    /// Quantiles of each value; 1 where there are none.
    pub fn quantiles(&self) -> usize {
        self.levels().len().max(1)
    }

    /// Whether it tells classes and forecasts nothing.
    pub fn is_classifier(&self) -> bool {
        !self.manifest.classes.is_empty()
    }

    /// Refuses a classifier where forecasts are asked for, in a sentence that begins with `name`, the file, and ends with `why`.
    pub fn expect_forecaster(&self, name: &Path, why: &str) -> Result<()> {
        if !self.is_classifier() {
            return Ok(());
        }
        Err(Error::input(format!("{} is a classifier and forecasts nothing: {why}", name.display())))
    }

    /// A classifier's logits, `[classes]`, from a window of raw samples. The message says which sample was refused.
    pub fn logits(&mut self, window: &[f32]) -> std::result::Result<Vec<f32>, String> {
        self.see(window).map(|()| self.said())
    }

    /// The forecast `[targets][horizon]` in raw units from a window of raw samples `[lookback][F]`, oldest first; the median where there
    /// are quantiles. The message says which sample of the window was refused.
    pub fn forecast(&mut self, window: &[f32]) -> std::result::Result<Vec<f32>, String> {
        let quantiles = self.quantiles();
        self.spread(window).map(|spread| medians(&spread, quantiles))
    }

    /// The same with all quantiles, `[targets][horizon][quantiles]`; a classifier's logits.
    pub fn spread(&mut self, window: &[f32]) -> std::result::Result<Vec<f32>, String> {
        self.see(window).map(|()| self.current_spread())
    }

    /// The same before and after the intervals are widened.
    pub fn both_spreads(&mut self, window: &[f32]) -> std::result::Result<[Vec<f32>; 2], String> {
        self.see(window).map(|()| self.current_spreads())
    }

    /// The same before they are widened, in the transformed domain.
    pub fn transformed_spread(&mut self, window: &[f32]) -> std::result::Result<Vec<f32>, String> {
        self.see(window).map(|()| self.current_transformed_spread())
    }

    /// What the head says in raw units.
    fn raw(&self, mut said: Vec<f32>, widened: bool) -> Vec<f32> {
        if let (Some(intervals), true) = (&self.intervals, widened) {
            intervals.widen(&mut said);
        }
        self.decode(&mut said, &self.pipeline);
        said
    }

    /// Of each target, the deviation by which the last window was divided; 1 where windows are not scaled.
    pub fn deviations(&self) -> Vec<f32> {
        self.levels[..self.manifest.window.targets.into()].iter().map(|level| level.deviation).collect()
    }

    /// Leads what the head said of the last window out of a pipeline.
    fn decode(&self, said: &mut [f32], pipeline: &Pipeline<'_>) {
        if self.is_classifier() {
            return;
        }
        let features = self.pipeline.scaling.len();
        let last_season = &self.transformed[self.transformed.len() - self.pipeline.normalization.season() * features..];
        let row = usize::from(self.manifest.window.horizon) * self.quantiles();
        for (column, (row, level)) in said.chunks_exact_mut(row).zip(&self.levels).enumerate() {
            let season = last_season.iter().skip(column).step_by(features).copied();
            pipeline.decode(row, self.quantiles(), level, season);
        }
    }

    /// The mode that the file was trained for.
    pub fn is_streaming(&self) -> bool {
        self.manifest.window.mode != Mode::Windowed
    }

    /// Of a stream: steps from the zero state before the first forecast.
    pub fn warmup(&self) -> usize {
        self.manifest.window.mode.warmup().unwrap_or(0) as usize
    }

    /// Back to the zero state, before the first sample of a stream.
    pub fn restart(&mut self) {
        on_engine!(&mut self.arm, engine => engine.reset());
        self.last.clear();
    }

    /// The next step of a stream: raw samples `[patch][F]`, oldest first. The message says which was refused; then none has entered.
    pub fn advance(&mut self, samples: &[f32]) -> std::result::Result<(), String> {
        let features = self.pipeline.scaling.len();
        self.transform(samples)?;
        self.levels.resize(features, Level::default());
        let before = if self.last.is_empty() { &self.transformed[..features] } else { &self.last };
        self.pipeline.measure(empty(), before, &mut self.levels);
        let clamped = on_engine!(&mut self.arm, engine => engine.advance(&self.pipeline, &self.transformed, &self.levels));
        self.clamped += u64::from(clamped);
        self.last.clear();
        self.last.extend_from_slice(&self.transformed[self.transformed.len() - features..]);
        self.pipeline.measure(empty(), &self.last, &mut self.levels);
        Ok(())
    }

    /// The forecast from where a stream is, with all quantiles `[targets][horizon][quantiles]`, warmed up or not.
    pub fn current_spread(&self) -> Vec<f32> {
        self.raw(self.said(), true)
    }

    /// The same before and after the intervals are widened.
    pub fn current_spreads(&self) -> [Vec<f32>; 2] {
        let said = self.said();
        [self.raw(said.clone(), false), self.raw(said, true)]
    }

    /// The same before they are widened, in the transformed domain.
    pub fn current_transformed_spread(&self) -> Vec<f32> {
        let mut said = self.said();
        self.decode(&mut said, &Pipeline { transform: Transform::None, ..self.pipeline });
        said
    }

    /// Raw samples `[n][F]` to the transformed domain.
    fn transform(&mut self, samples: &[f32]) -> std::result::Result<(), String> {
        let features = self.pipeline.scaling.len();
        self.transformed.resize(samples.len(), 0.0);
        for (row, (raw, z)) in samples.chunks_exact(features).zip(self.transformed.chunks_exact_mut(features)).enumerate() {
            self.pipeline.transform(raw, z).map_err(|error| format!("sample {row} of the window: {error}"))?;
        }
        Ok(())
    }

    /// What the head says of the network's state, quantiles sorted.
    fn said(&self) -> Vec<f32> {
        let mut y = vec![0.0; head_outputs(&self.manifest, self.quantiles())];
        on_engine!(&self.arm, engine => engine.head(&mut y));
        if let Some(intervals) = &self.intervals {
            intervals.sort(&mut y);
        }
        y
    }

    /// Runs a window from the zero state, `[lookback][F]`; of a streaming model, any number of whole steps.
    pub fn see(&mut self, window: &[f32]) -> std::result::Result<(), String> {
        let features = self.pipeline.scaling.len();
        let shape = self.manifest.window;
        self.windows += 1;
        if self.is_streaming() {
            let step = usize::from(shape.patch) * features;
            assert!(window.len() >= step && window.len().is_multiple_of(step), "whole steps of {step} values");
            self.restart();
            return window.chunks_exact(step).try_for_each(|samples| self.advance(samples));
        }
        assert_eq!(window.len(), usize::from(shape.lookback) * features, "a window of lookback samples");
        self.transform(window)?;
        self.levels.resize(features, Level::default());
        let samples = self.transformed.chunks_exact(features);
        self.pipeline.measure(samples.clone(), &self.transformed[window.len() - features..], &mut self.levels);
        let season = self.pipeline.normalization.season();
        let steps = (usize::from(shape.lookback) - season) / usize::from(shape.patch);
        let read = samples.clone().skip(season);
        let clamped = on_engine!(&mut self.arm, engine => self.pipeline.run(engine, steps, read, samples, &self.levels));
        self.clamped += u64::from(clamped);
        Ok(())
    }

    /// Like [`Self::forecast`]; gives the hidden states of the run instead, `[step][layer][H]`, in units of h.
    pub fn hidden_states(&mut self, window: &[f32]) -> std::result::Result<Vec<Vec<Vec<f64>>>, String> {
        on_engine!(&mut self.arm, engine => engine.trace = Some(Vec::new()));
        let result = self.see(window);
        let layers = usize::from(self.manifest.window.layers);
        let one = f64::from(embedded_rnn::arithmetic::ACTIVATION_ONE);
        let states: Vec<Vec<f64>> = match &mut self.arm {
            Arm::Int8(engine) => traced(&mut engine.trace, |h| f64::from(h) / one),
            Arm::Rows(engine) => traced(&mut engine.trace, |h| f64::from(h) / one),
            Arm::Cell16(engine) => traced(&mut engine.trace, |h| f64::from(h) / one),
            Arm::RowsCell16(engine) => traced(&mut engine.trace, |h| f64::from(h) / one),
            Arm::Rational(engine) => traced(&mut engine.trace, f64::from),
            Arm::Libm(engine) => traced(&mut engine.trace, f64::from),
            Arm::Micromath(engine) => traced(&mut engine.trace, f64::from),
        };
        result.map(|_| states.chunks_exact(layers).map(<[_]>::to_vec).collect())
    }

    /// The self-test's window of raw samples, `[lookback][F]`.
    pub fn test_window(&self) -> Vec<f32> {
        self.test.window().flatten().copied().collect()
    }

    /// Runs the window that the file carries; true if the forecast is the file's, bit for bit.
    pub fn self_test(&mut self) -> bool {
        self.spread(&self.test_window()).is_ok_and(|spread| forecast_checksum(&spread) == self.test.checksum())
    }
}

fn traced<A: Copy>(trace: &mut Option<Vec<Vec<A>>>, value: impl Fn(A) -> f64) -> Vec<Vec<f64>> {
    trace.take().unwrap_or_default().into_iter().map(|h| h.into_iter().map(&value).collect()).collect()
}
