//! Random layers and heads in `f32`.

use embedded_rnn::arithmetic::{DenseF32, Float, LstmF32, Number, Rational};
use embedded_rnn::image::{Cursor, RecordKind};
use embedded_rnn::kernel::portable;
use embedded_rnn::network::Form;

use crate::battery::{LARGEST, Shape, Tally};
use crate::int8::FEW;
use crate::random::Random;
use crate::writer::Writer;

/// Steps that one layer is driven for.
const STEPS: u32 = 8;

fn lstm_record<'m, F: Form>(memory: &'m mut [u64], random: &mut Random, shape: Shape, wild: bool) -> Option<&'m [u8]> {
    let Shape { inputs, hidden } = shape;
    let mut writer = Writer::new(memory);
    let zoned = random.below(2) as f32;
    writer.floats([0.5 + 0.5 * random.signed(), 0.5 + 0.5 * random.signed(), zoned, 0.0]);
    if F::FORM.kept {
        writer.floats([0.9, 0.95, 0.0, 0.0]);
    }
    if F::NORM {
        let [epsilon_h, epsilon_c] = if F::SEPARATE { [2e-5, 3e-5] } else { [0.0; 2] };
        let divisor = (hidden as u32 + random.below(3)) as f32;
        let flags = [random.below(2) as f32, random.below(2) as f32];
        let from_inputs = F::SEPARATE && inputs <= FEW && random.below(2) == 0;
        let (epsilon_x, flag) = if from_inputs { (0.0, 1.0) } else { (1e-5, 0.0) };
        writer.floats([epsilon_x, epsilon_h, epsilon_c, divisor, flags[0], flags[1], flag, 0.0]);
        for _ in 0..hidden {
            for _ in 0..F::FORM.scratch_rows() - usize::from(from_inputs) {
                writer.floats([0; 4].map(|_| 0.7 + 0.3 * random.signed()));
            }
            writer.floats([0; 4].map(|_| 0.4 * random.signed()));
            if F::SEPARATE {
                writer.floats([0.7 + 0.3 * random.signed(), 0.2 * random.signed(), 0.0, 0.0]);
            }
        }
        if from_inputs {
            let blocks = if flags[0] == 1.0 { 4 } else { 1 };
            for block in 0..4 {
                writer.floats([if block < blocks { 0.01 } else { 0.0 }]);
            }
            let values = inputs * (inputs + 3) / 2 * blocks;
            for _ in 0..values {
                writer.floats([0.5 * random.signed()]);
            }
            (values..values.next_multiple_of(4)).for_each(|_| writer.floats([0.0]));
        }
    }
    let scale = if wild { 30.0 } else { 0.7 };
    for _ in 0..hidden * (1 + inputs + hidden) {
        writer.floats([0; 4].map(|_| scale * random.signed()));
    }
    writer.finish(RecordKind::Lstm, F::FORM.number(), inputs, hidden)
}

#[derive(Clone)]
struct State {
    xh: [f32; 2 * LARGEST],
    c: [f32; LARGEST],
}

impl State {
    fn same(&self, other: &Self) -> bool {
        let bits = |values: &[f32], others: &[f32]| values.iter().map(|v| v.to_bits()).eq(others.iter().map(|v| v.to_bits()));
        bits(&self.xh, &other.xh) && bits(&self.c, &other.c)
    }
}

/// Drives one layer; the kernel and the portable code each keep a state of their own.
pub fn lstm<F: Form>(memory: &mut [u64], random: &mut Random, shape: Shape, tally: &mut Tally) {
    let wild = random.below(4) == 0;
    let record = lstm_record::<F>(memory, random, shape, wild);
    let Some(weights) = record.and_then(bound::<F>) else {
        tally.refused += 1;
        return;
    };
    let mut fast = State { xh: [0.0; 2 * LARGEST], c: [0.0; LARGEST] };
    fast.c = fast.c.map(|_| random.signed() * if wild { 1e20 } else { 2.0 });
    let mut slow = fast.clone();
    for _ in 0..STEPS {
        for index in 0..shape.inputs {
            let x = random.signed() * 3.0;
            (fast.xh[index], slow.xh[index]) = (x, x);
        }
        step::<F>(|w, xh, c, z, h| Float::<Rational>::lstm::<F>(w, xh, c, &mut [], z, h), &weights, &mut fast, shape);
        step::<F>(|w, xh, c, z, h| portable::lstm_f32::<Rational, F>(w, xh, c, z, h), &weights, &mut slow, shape);
        tally.step(fast.same(&slow));
    }
}

fn bound<F: Form>(record: &[u8]) -> Option<LstmF32<'_, F>> {
    Float::<Rational>::bind_lstm::<F>(&Cursor::new(record).next(RecordKind::Lstm).ok()?).ok()
}

fn step<F: Form>(
    kernel: impl Fn(&LstmF32<'_, F>, &[f32], &mut [f32], &mut [[f32; 4]], &mut [f32]),
    weights: &LstmF32<'_, F>,
    state: &mut State,
    shape: Shape,
) {
    let Shape { inputs, hidden } = shape;
    let mut h = [0.0f32; LARGEST];
    let mut scratch = [[f32::NAN; 4]; 2 * LARGEST];
    let rows = hidden * F::FORM.scratch_rows();
    kernel(weights, &state.xh[..inputs + hidden], &mut state.c[..hidden], &mut scratch[..rows], &mut h[..hidden]);
    state.xh[inputs..inputs + hidden].copy_from_slice(&h[..hidden]);
}

/// A head of random weights.
pub fn dense(memory: &mut [u64], random: &mut Random, shape: Shape, tally: &mut Tally) {
    let Shape { inputs: outputs, hidden } = shape;
    let mut writer = Writer::new(memory);
    for _ in 0..outputs * (1 + hidden) {
        writer.floats([random.signed()]);
    }
    let record = writer.finish(RecordKind::Dense, 0, hidden, outputs);
    let Some(weights) = record.and_then(bound_dense) else {
        tally.refused += 1;
        return;
    };
    let mut h = [0.0f32; LARGEST];
    h.iter_mut().for_each(|h| *h = random.signed());
    let (mut fast, mut slow) = ([0.0f32; LARGEST], [0.0f32; LARGEST]);
    Float::<Rational>::dense(&weights, &h[..hidden], &mut fast[..outputs]);
    portable::dense_f32(&weights, &h[..hidden], &mut slow[..outputs]);
    tally.step(fast.map(f32::to_bits) == slow.map(f32::to_bits));
}

fn bound_dense(record: &[u8]) -> Option<DenseF32<'_>> {
    Float::<Rational>::bind_dense(&Cursor::new(record).next(RecordKind::Dense).ok()?).ok()
}
