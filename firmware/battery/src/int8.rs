//! Random layers and heads in integer arithmetic: typical ones, wild ones that saturate everywhere, and the largest admitted sums.

use embedded_rnn::arithmetic::{DenseInt8, Int8, LstmInt8, NormBlock, Number};
use embedded_rnn::image::{Cursor, RecordKind};
use embedded_rnn::kernel::portable;
use embedded_rnn::network::Form;

use crate::battery::{LARGEST, Shape, Tally};
use crate::random::Random;
use crate::writer::Writer;

/// Steps that one layer is driven for.
const STEPS: u32 = 16;

/// The most columns of a layer, padded.
const COLUMNS: usize = (2 * LARGEST).next_multiple_of(4);

/// Inputs of which a norm may take its statistics: with more, their triangles would not fit beside a layer.
pub(crate) const FEW: usize = 4;

/// What weights and inputs are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Regime {
    /// As of a trained network.
    Typical,
    /// Every number anywhere in its format, most of them beyond what an exporter would write.
    Wild,
    /// Every weight at its end, and the A accumulators at exactly ±(2^23 - 1) in every block.
    Edge(i32),
}

fn regime(random: &mut Random) -> Regime {
    match random.below(4) {
        0 => Regime::Wild,
        1 => Regime::Edge(if random.below(2) == 0 { 1 } else { -1 }),
        _ => Regime::Typical,
    }
}

/// Columns of each block: multiples of 4 that add up to `columns`, a multiple of 4 itself.
struct Blocks {
    columns: [u32; COLUMNS / 4],
    count: usize,
}

impl Blocks {
    fn new(random: &mut Random, columns: usize) -> Self {
        let mut blocks = Blocks { columns: [0; COLUMNS / 4], count: 0 };
        let whole = random.below(2) == 0;
        let mut rest = columns as u32 / 4;
        while rest > 0 {
            let taken = if whole { rest } else { 1 + random.below(rest) };
            blocks.columns[blocks.count] = 4 * taken;
            blocks.count += 1;
            rest -= taken;
        }
        blocks
    }

    fn used(&self) -> &[u32] {
        &self.columns[..self.count]
    }
}

/// The magnitude of x and h at which a block's first sum is the largest that may be.
fn edge_input(blocks: &Blocks) -> i32 {
    let widest = blocks.used().iter().copied().max().unwrap_or(4);
    ((1 << 23) - 1) / (127 * widest as i32)
}

/// Blocks, then the units' words; columns that are not among `columns` have zero weights.
fn rows(
    writer: &mut Writer<'_>,
    random: &mut Random,
    units: usize,
    columns: core::ops::Range<usize>,
    blocks: &Blocks,
    regime: Regime,
) {
    for slot in 0..blocks.count.next_multiple_of(4) {
        writer.word(blocks.columns[slot]);
    }
    for _ in 0..units {
        for _ in 0..2 {
            let (a, b) = match regime {
                Regime::Typical => (random.within(3000), random.within(3000)),
                Regime::Wild => (random.magnitude(24), random.magnitude(31)),
                Regime::Edge(sign) => {
                    let first = blocks.columns[0].min(columns.len() as u32) as i32;
                    let bias = (1 << 23) - 1 - 127 * first * edge_input(blocks);
                    (sign * bias, sign * bias)
                }
            };
            writer.integers([a.wrapping_mul(256).wrapping_add(b), b]);
        }
        for pair in 0..columns.end.next_multiple_of(4) / 2 {
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
        let m = 60_000_000 + random.within(20_000_000);
        match regime {
            Regime::Wild => {
                writer.integers([random.magnitude(23), random.magnitude(31), random.magnitude(23), random.magnitude(31)])
            }
            _ => writer.integers([m / 256, m, m / 128, m]),
        }
    }
}

/// A share or a keep factor in Q31.
fn share(random: &mut Random) -> i32 {
    match random.below(4) {
        0 => i32::MAX,
        1 => 0,
        _ => (random.bits() >> 1) as i32,
    }
}

fn norm<F: Form>(writer: &mut Writer<'_>, random: &mut Random, shape: Shape, count: usize, regime: Regime) {
    let divisor = shape.hidden as u32 + random.below(3);
    let per_gate = random.below(3) == 0;
    // The norm over `W x` from its inputs, where they are few.
    let from_inputs = F::SEPARATE && shape.inputs <= FEW && random.below(2) == 0;
    let shift = if from_inputs { 1 + random.below(32) } else { 0 };
    writer.integers([divisor as i32, per_gate.into(), count as i32, shift as i32]);
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

/// Writes an LSTM's record.
fn lstm_record<'m, F: Form>(memory: &'m mut [u64], random: &mut Random, shape: Shape, regime: Regime) -> (Option<&'m [u8]>, i32) {
    let before = shape.inputs % 4;
    let columns = if F::SEPARATE { shape.inputs } else { shape.inputs + shape.hidden };
    let blocks = Blocks::new(random, columns.next_multiple_of(4));
    let recurrent = Blocks::new(random, (before + shape.hidden).next_multiple_of(4));
    let mut writer = Writer::new(memory);
    let reads_zoned = random.below(2) as i32;
    writer.integers([share(random), share(random), blocks.count as i32, reads_zoned]);
    if F::FORM.kept {
        writer.integers([share(random), share(random), 0, 0]);
    }
    if F::NORM {
        norm::<F>(&mut writer, random, shape, if F::SEPARATE { recurrent.count } else { 0 }, regime);
    }
    if F::SEPARATE {
        rows(&mut writer, random, shape.hidden, before..before + shape.hidden, &recurrent, regime);
    }
    rows(&mut writer, random, shape.hidden, 0..columns, &blocks, regime);
    (writer.finish(RecordKind::Lstm, F::FORM.number(), shape.inputs, shape.hidden), edge_input(&blocks))
}

/// Everything that a step reads and writes.
#[derive(Clone)]
struct State {
    xh: Aligned,
    c: [i32; LARGEST],
    wide: [i32; LARGEST],
}

/// Kernels read whole words.
#[derive(Clone)]
#[repr(C, align(8))]
struct Aligned([i16; COLUMNS]);

impl State {
    fn new(random: &mut Random, shape: Shape, regime: Regime, edge: i32) -> Self {
        let mut state = State { xh: Aligned([0; COLUMNS]), c: [0; LARGEST], wide: [0; LARGEST] };
        for value in &mut state.xh.0[..shape.inputs + shape.hidden] {
            *value = activation(random, regime, edge);
        }
        let bits = if regime == Regime::Wild { 31 } else { 24 };
        for (c, wide) in state.c.iter_mut().zip(&mut state.wide) {
            (*c, *wide) = (random.magnitude(bits), random.magnitude(if regime == Regime::Wild { 31 } else { 21 }));
            if regime == Regime::Wild && random.below(8) == 0 {
                *c = if random.below(2) == 0 { i32::MIN } else { i32::MAX };
            }
        }
        state
    }
}

fn activation(random: &mut Random, regime: Regime, edge: i32) -> i16 {
    match regime {
        Regime::Typical => random.within(2048) as i16,
        Regime::Wild => [i16::MIN, i16::MAX, -8191, 8191, random.bits() as i16][random.below(5) as usize],
        Regime::Edge(sign) => (-sign * edge).clamp(-8191, 8191) as i16,
    }
}

/// Drives one layer of a random kind; the kernel and the portable code each keep a state of their own.
pub fn lstm<F: Form>(memory: &mut [u64], random: &mut Random, shape: Shape, tally: &mut Tally) {
    let regime = regime(random);
    let (record, edge) = lstm_record::<F>(memory, random, shape, regime);
    let Some(weights) = record.and_then(bound::<F>) else {
        tally.refused += 1;
        return;
    };
    let mut fast = State::new(random, shape, regime, edge);
    let mut slow = fast.clone();
    for _ in 0..STEPS {
        step::<F>(|w, xh, c, wide, z, h| <Int8>::lstm::<F>(w, xh, c, wide, z, h), &weights, &mut fast, shape);
        step::<F>(|w, xh, c, wide, z, h| portable::lstm_int8::<F>(w, xh, c, wide, z, h), &weights, &mut slow, shape);
        tally.step(fast.xh.0 == slow.xh.0 && fast.c == slow.c && fast.wide == slow.wide);
        for index in 0..shape.inputs {
            let x = activation(random, regime, edge);
            (fast.xh.0[index], slow.xh.0[index]) = (x, x);
        }
    }
}

fn bound<F: Form>(record: &[u8]) -> Option<LstmInt8<'_, F>> {
    <Int8>::bind_lstm::<F>(&Cursor::new(record).next(RecordKind::Lstm).ok()?).ok()
}

type Scratch = [[i32; 4]; 2 * LARGEST];

fn step<F: Form>(
    kernel: impl Fn(&LstmInt8<'_, F>, &[i16], &mut [i32], &mut [i32], &mut [[i32; 4]], &mut [i16]),
    weights: &LstmInt8<'_, F>,
    state: &mut State,
    shape: Shape,
) {
    let Shape { inputs, hidden } = shape;
    let mut h = [0i16; LARGEST];
    // Whatever is in it.
    let mut scratch: Scratch = [[-1; 4]; 2 * LARGEST];
    let rows = hidden * F::FORM.scratch_rows();
    let columns = (inputs + hidden).next_multiple_of(4);
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
