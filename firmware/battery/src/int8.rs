//! Random layers and heads in integer arithmetic: typical ones, wild ones that saturate everywhere, and the largest admitted sums.

use embedded_rnn::arithmetic::{Block, DenseInt8, Element, Int8, Multiplier16, NormBlock, Number, Place};
use embedded_rnn::image::{Cursor, RecordKind};
use embedded_rnn::kernel::portable;
use embedded_rnn::network::Form;

use crate::battery::{LARGEST, Shape, Tally};
use crate::random::Random;
use crate::twin::Twin;
use crate::writer::Writer;

/// Steps that one layer is driven for.
const STEPS: u32 = 16;

/// The most columns of a layer, padded.
const COLUMNS: usize = (2 * LARGEST).next_multiple_of(8);

/// Inputs of which a norm may take its statistics: with more, their triangles would not fit beside a layer.
pub(crate) const FEW: usize = 4;

/// What weights and inputs are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Regime {
    /// As of a trained network.
    Typical,
    /// Every number anywhere in its format, most of them beyond what an exporter would write.
    Wild,
    /// Every weight at its end, and the largest sums: A accumulators at exactly ±(2^23 - 1) in every block, or accumulators that have no
    /// such bound at the ends of an `i32`.
    Edge(i32),
}

fn regime(random: &mut Random) -> Regime {
    match random.below(4) {
        0 => Regime::Wild,
        1 => Regime::Edge(if random.below(2) == 0 { 1 } else { -1 }),
        _ => Regime::Typical,
    }
}

/// How a layer's columns are taken, multiples of 4.
#[derive(Clone, Copy)]
struct Blocks {
    columns: usize,
    /// Each unit draws blocks of its own; otherwise all columns are one.
    drawn: bool,
    /// The most columns of a block, which the first unit's first block has.
    widest: usize,
}

impl Blocks {
    fn new(random: &mut Random, columns: usize) -> Self {
        let drawn = random.below(2) == 0;
        let groups = columns as u32 / 4;
        let widest = 4 * if drawn { 1 + random.below(groups) } else { groups } as usize;
        Blocks { columns, drawn, widest }
    }

    /// The next block of unit `unit`, of whose columns `done` are taken.
    fn next(&self, random: &mut Random, unit: usize, done: usize) -> Block {
        let most = self.widest.min(self.columns - done);
        let taken = if unit == 0 && done == 0 { most } else { 4 * (1 + random.below(most as u32 / 4)) as usize };
        let place = match (done, done + taken == self.columns) {
            (0, true) => Place::Whole,
            (_, true) => Place::Last,
            _ => Place::Inner,
        };
        Block { columns: if self.drawn { taken } else { self.columns }, place }
    }

    /// The magnitude of x and h at which the widest block's sum is the largest that may be.
    fn edge_input(&self) -> i32 {
        ((1 << 23) - 1) / (127 * self.widest as i32)
    }
}

/// A row's bias and scale, and the weights' ends.
fn scales<N: Twin>(writer: &mut Writer<'_>, random: &mut Random, regime: Regime) {
    let m = 60_000_000 + random.within(20_000_000);
    let wild = regime == Regime::Wild;
    if N::WORDS {
        let word = |random: &mut Random| match wild {
            true => random.bits() as i32,
            false => {
                let shift = random.below(4) + if matches!(regime, Regime::Edge(_)) { 10 } else { 6 };
                Multiplier16 { shift, multiplier: 2048 + random.below(2048) as i32 }.word()
            }
        };
        writer.integers([0; 4].map(|_| word(random)));
    } else if N::ROW_MAJOR {
        writer.integers(if wild { [0; 4].map(|_| random.magnitude(31)) } else { [m, m, m, 2 * m] });
    } else if wild {
        writer.integers([random.magnitude(23), random.magnitude(31), random.magnitude(23), random.magnitude(31)]);
    } else {
        writer.integers([m / 256, m, m / 128, m]);
    }
}

/// The units' words in row-major order; columns that are not among `columns` have zero weights.
fn row_major<N: Twin>(
    writer: &mut Writer<'_>,
    random: &mut Random,
    units: usize,
    columns: core::ops::Range<usize>,
    edge: i32,
    regime: Regime,
) {
    for _ in 0..units {
        let products = 127 * columns.len() as i32 * edge;
        writer.integers([0; 4].map(|_| match regime {
            Regime::Typical => random.within(3000),
            Regime::Wild => random.magnitude(31),
            Regime::Edge(sign) => sign * (i32::MAX - products),
        }));
        for group in 0..columns.end.div_ceil(8) {
            for _ in 0..8 {
                let weights = [0, 1, 2, 3].map(|_| match regime {
                    Regime::Edge(_) => -127i8 as u8,
                    _ => random.within(127) as i8 as u8,
                });
                writer.word(u32::from_le_bytes(weights));
            }
            for word in 0..8 {
                // Words of a row's first and second four columns take turns.
                let first = 8 * group + 4 * (word % 2);
                let place = writer.place() - 8 + word;
                let mask = [0, 1, 2, 3].map(|k| if columns.contains(&(first + k)) { 0xff } else { 0 });
                writer.mask(place, u32::from_le_bytes(mask));
            }
        }
        scales::<N>(writer, random, regime);
    }
}

/// The units' words; columns that are not among `columns` have zero weights. Gives what the parameters have to tell: the words where
/// columns are in blocks.
fn rows<N: Twin>(
    writer: &mut Writer<'_>,
    random: &mut Random,
    units: usize,
    columns: core::ops::Range<usize>,
    blocks: Blocks,
    regime: Regime,
) -> u32 {
    let begin = writer.place();
    for unit in 0..units {
        let mut block = blocks.next(random, unit, 0);
        for _ in 0..2 {
            let (a, b) = match regime {
                Regime::Typical => (random.within(3000), random.within(3000)),
                Regime::Wild => (random.magnitude(24), random.magnitude(31)),
                Regime::Edge(sign) => {
                    // Columns beyond the last have zero weights.
                    let first = block.columns.min(columns.len()) as i32;
                    let bias = (1 << 23) - 1 - 127 * first * blocks.edge_input();
                    (sign * bias, sign * bias)
                }
            };
            writer.integers([a.wrapping_mul(256).wrapping_add(b), b]);
        }
        let mut done = 0;
        loop {
            if blocks.drawn {
                writer.word(block.word());
            }
            for pair in done / 2..(done + block.columns) / 2 {
                for _ in 0..2 {
                    let mut halfword = |column: usize| {
                        let (a, b) = match regime {
                            Regime::Edge(_) => (-127, -127),
                            _ => (random.within(127), random.within(127)),
                        };
                        if columns.contains(&column) { (256 * a + b) as u16 } else { 0 }
                    };
                    let (low, high) = (halfword(2 * pair), halfword(2 * pair + 1));
                    writer.word(u32::from(low) | u32::from(high) << 16);
                }
            }
            done += block.columns;
            if done == blocks.columns {
                break;
            }
            block = blocks.next(random, unit, done);
        }
        scales::<N>(writer, random, regime);
    }
    if blocks.drawn { (writer.place() - begin) as u32 } else { 0 }
}

/// A share or a keep factor in Q31.
fn share(random: &mut Random) -> i32 {
    match random.below(4) {
        0 => i32::MAX,
        1 => 0,
        _ => (random.bits() >> 1) as i32,
    }
}

fn norm<F: Form>(writer: &mut Writer<'_>, random: &mut Random, shape: Shape, regime: Regime) {
    let divisor = shape.hidden as u32 + random.below(3);
    let per_gate = random.below(3) == 0;
    // The norm over `W x` from its inputs, where they are few.
    let from_inputs = F::SEPARATE && shape.inputs <= FEW && random.below(2) == 0;
    let shift = if from_inputs { 1 + random.below(32) } else { 0 };
    writer.integers([divisor as i32, per_gate.into(), 0, shift as i32]);
    for norm in 0..4 {
        let used = (norm == 0 && !from_inputs) || (norm > 0 && norm < 3 && F::SEPARATE);
        let epsilon = u64::from(random.bits()) << random.below(28);
        let epsilon = if used { epsilon.min(NormBlock::LARGEST_EPSILON) } else { 0 };
        writer.integers([epsilon as i32, (epsilon >> 32) as i32]);
    }
    let wild = regime == Regime::Wild;
    let gain = |random: &mut Random, middle: i32| if wild { random.magnitude(31) } else { middle + random.within(middle / 4) };
    for _ in 0..shape.hidden {
        for _ in 0..if F::SEPARATE && !from_inputs { 2 } else { 1 } {
            writer.integers([0; 4].map(|_| gain(random, 400_000)));
        }
        writer.integers([0; 4].map(|_| if wild { random.magnitude(31) } else { random.within(1500) }));
        if F::SEPARATE {
            let shift = if wild { random.magnitude(31) } else { random.within(20_000) };
            writer.integers([gain(random, 6_000_000), shift, 0, 0]);
        }
    }
    if from_inputs {
        for block in 0..4 {
            let constant = if block == 0 || per_gate { u64::from(random.bits()) << random.below(28) } else { 0 };
            writer.integers([constant as i32, (constant >> 32) as i32]);
        }
        let values = shape.inputs * (shape.inputs + 3) / 2 * if per_gate { 4 } else { 1 };
        for _ in 0..values {
            writer.integers([if wild { random.magnitude(31) } else { random.within(12_000) }]);
        }
        (values..values.next_multiple_of(4)).for_each(|_| writer.word(0));
    }
}

/// Writes an LSTM's record. Also the magnitude of x and h that takes sums to their ends.
fn lstm_record<'m, N: Twin, F: Form>(
    memory: &'m mut [u64],
    random: &mut Random,
    shape: Shape,
    regime: Regime,
) -> (Option<&'m [u8]>, i32) {
    let before = shape.inputs % N::COLUMNS_MULTIPLE;
    let columns = if F::SEPARATE { shape.inputs } else { shape.inputs + shape.hidden };
    let blocks = Blocks::new(random, columns.next_multiple_of(4));
    let recurrent = Blocks::new(random, (before + shape.hidden).next_multiple_of(4));
    // Without the pair's bound x and h may be as large as they are in any file.
    let edge = if N::ROW_MAJOR { 8191 } else { blocks.edge_input() };
    let mut writer = Writer::new(memory);
    let reads_zoned = random.below(2) as i32;
    let parameters = writer.place();
    writer.integers([share(random), share(random), 0, reads_zoned]);
    if F::FORM.kept {
        writer.integers([share(random), share(random), 0, 0]);
    }
    let of_norm = writer.place();
    if F::NORM {
        norm::<F>(&mut writer, random, shape, regime);
    }
    if F::SEPARATE {
        let columns = before..before + shape.hidden;
        if N::ROW_MAJOR {
            row_major::<N>(&mut writer, random, shape.hidden, columns, edge, regime);
        } else {
            let words = rows::<N>(&mut writer, random, shape.hidden, columns, recurrent, regime);
            writer.replace(of_norm + 2, words);
        }
    }
    if N::ROW_MAJOR {
        row_major::<N>(&mut writer, random, shape.hidden, 0..columns, edge, regime);
    } else {
        let words = rows::<N>(&mut writer, random, shape.hidden, 0..columns, blocks, regime);
        writer.replace(parameters + 2, words);
    }
    (writer.finish(RecordKind::Lstm, F::FORM.number(), shape.inputs, shape.hidden), edge)
}

/// Everything that a step reads and writes.
struct State<N: Twin> {
    xh: Aligned,
    c: [N::Cell; LARGEST],
    wide: [i32; LARGEST],
}

/// Kernels read whole words.
#[derive(Clone)]
#[repr(C, align(8))]
struct Aligned([i16; COLUMNS]);

impl<N: Twin> State<N> {
    fn new(random: &mut Random, shape: Shape, regime: Regime, edge: i32) -> Self {
        let mut state = State { xh: Aligned([0; COLUMNS]), c: [N::Cell::ZERO; LARGEST], wide: [0; LARGEST] };
        for value in &mut state.xh.0[..shape.inputs + shape.hidden] {
            *value = activation(random, regime, edge);
        }
        let wild = regime == Regime::Wild;
        for (c, wide) in state.c.iter_mut().zip(&mut state.wide) {
            *c = N::cell(random, wild);
            *wide = random.magnitude(if wild { 31 } else { 21 });
        }
        state
    }

    fn twin(&self) -> Self {
        State { xh: self.xh.clone(), ..*self }
    }
}

fn activation(random: &mut Random, regime: Regime, edge: i32) -> i16 {
    match regime {
        Regime::Typical => random.within(2048) as i16,
        Regime::Wild => [i16::MIN, i16::MAX, -8191, 8191, random.bits() as i16][random.below(5) as usize],
        Regime::Edge(sign) => (-sign * edge).clamp(-8191, 8191) as i16,
    }
}

/// Drives one layer; the kernel and the portable code each keep a state of their own.
pub fn lstm<N: Twin, F: Form>(memory: &mut [u64], random: &mut Random, shape: Shape, tally: &mut Tally) {
    let regime = regime(random);
    let (record, edge) = lstm_record::<N, F>(memory, random, shape, regime);
    let Some(weights) = record.and_then(bound::<N, F>) else {
        tally.refused += 1;
        return;
    };
    let mut fast = State::<N>::new(random, shape, regime, edge);
    let mut slow = fast.twin();
    for _ in 0..STEPS {
        step::<N, F>(|w, xh, c, wide, z, h| N::lstm::<F>(w, xh, c, wide, z, h), &weights, &mut fast, shape);
        step::<N, F>(|w, xh, c, wide, z, h| N::portable::<F>(w, xh, c, wide, z, h), &weights, &mut slow, shape);
        tally.step(fast.xh.0 == slow.xh.0 && fast.c == slow.c && fast.wide == slow.wide);
        for index in 0..shape.inputs {
            let x = activation(random, regime, edge);
            (fast.xh.0[index], slow.xh.0[index]) = (x, x);
        }
    }
}

fn bound<N: Twin, F: Form>(record: &[u8]) -> Option<N::Lstm<'_, F>> {
    N::bind_lstm::<F>(&Cursor::new(record).next(RecordKind::Lstm).ok()?).ok()
}

type Scratch = [[i32; 4]];

fn step<N: Twin, F: Form>(
    kernel: impl Fn(&N::Lstm<'_, F>, &[i16], &mut [N::Cell], &mut [i32], &mut Scratch, &mut [i16]),
    weights: &N::Lstm<'_, F>,
    state: &mut State<N>,
    shape: Shape,
) {
    let Shape { inputs, hidden } = shape;
    let mut h = [0i16; LARGEST];
    // Whatever is in it.
    let mut scratch = [[-1; 4]; 2 * LARGEST];
    let rows = hidden * F::FORM.scratch_rows();
    let columns = (inputs + hidden).next_multiple_of(N::COLUMNS_MULTIPLE);
    let wide = if F::HIDDEN { hidden } else { 0 };
    let (xh, h) = (&state.xh.0[..columns], &mut h[..hidden]);
    kernel(weights, xh, &mut state.c[..hidden], &mut state.wide[..wide], &mut scratch[..rows], h);
    state.xh.0[inputs..inputs + hidden].copy_from_slice(h);
}

/// A head of random weights. `shape`: as many outputs as inputs are asked for.
pub fn dense(memory: &mut [u64], random: &mut Random, shape: Shape, tally: &mut Tally) {
    let Shape { inputs: outputs, hidden } = shape;
    let mut writer = Writer::new(memory);
    for _ in 0..outputs {
        writer.floats([random.signed() * 100.0]);
    }
    for _ in 0..outputs {
        writer.floats([random.signed() * 1e-4]);
    }
    let ends = random.below(4) == 0;
    for _ in 0..outputs {
        for group in 0..hidden.div_ceil(4) {
            let weights = [0, 1, 2, 3].map(|k| match 4 * group + k < hidden {
                true if ends => -127i8 as u8,
                true => random.within(127) as i8 as u8,
                false => 0,
            });
            writer.word(u32::from_le_bytes(weights));
        }
    }
    let record = writer.finish(RecordKind::Dense, 0, hidden, outputs);
    let Some(weights) = record.and_then(bound_dense) else {
        tally.refused += 1;
        return;
    };
    for _ in 0..STEPS {
        let mut h = Aligned([0; COLUMNS]);
        for h in &mut h.0[..hidden] {
            *h = if ends { i16::MIN } else { random.bits() as i16 };
        }
        let (mut fast, mut slow) = ([0.0f32; LARGEST], [0.0f32; LARGEST]);
        // The hidden state lies anywhere in the joint buffer, and what follows it is not the head's to read as h.
        let h = &h.0[..hidden];
        <Int8>::dense(&weights, h, &mut fast[..outputs]);
        portable::dense_int8(&weights, h, &mut slow[..outputs]);
        tally.step(fast.map(f32::to_bits) == slow.map(f32::to_bits));
    }
}

fn bound_dense(record: &[u8]) -> Option<DenseInt8<'_>> {
    <Int8>::bind_dense(&Cursor::new(record).next(RecordKind::Dense).ok()?).ok()
}
