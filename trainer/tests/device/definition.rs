//! The integer arithmetic as the file format defines it, in wide integers and with nothing clever: one row at a time from unpacked
//! weights, accumulators that cannot overflow, the sigmoid's nodes from `f64`.

use embedded_rnn::forecast::Transform;
use embedded_rnn::image::{Mode, Normalization};
use embedded_rnn::network::{NormForm, ZoneoutForm};
use embedded_rnn_trainer::quantize::{
    QuantizedInputNorm, QuantizedLstm, QuantizedNetwork, QuantizedNorm, QuantizedRows, QuantizedSkip,
};

use crate::definition_window::Measured;
use crate::sketch::Sketch;

/// `value / 2^bits`, rounded half up.
fn round_shift(value: i128, bits: u32) -> i64 {
    i64::try_from((value + (1 << (bits - 1))).div_euclid(1 << bits)).unwrap()
}

/// To the nearest value of an `i32`.
fn saturate(value: i64) -> i64 {
    value.clamp(i32::MIN.into(), i32::MAX.into())
}

/// The sigmoid at `k / 16` in Q15, at most 32767.
fn node(k: i64) -> i64 {
    let exact = 32768.0 / (1.0 + (-(k as f64) / 16.0).exp());
    (exact.round() as i64).min(32767)
}

/// The sigmoid in Q23 of a pre-activation in Q12: straight lines between nodes, constant beyond ±16.
pub fn sigmoid(p: i64) -> i64 {
    let p = p.clamp(-65536, 65535);
    let (k, within) = (p.div_euclid(256), p.rem_euclid(256));
    256 * node(k) + (node(k + 1) - node(k)) * within
}

/// tanh in Q22 of twice its argument in Q12.
pub fn tanh(twice: i64) -> i64 {
    sigmoid(twice) - (1 << 22)
}

/// `old + (1-z)*(new - old)`, in steps of two units.
fn blend(old: i64, new: i64, keep_new: i32) -> i64 {
    let step = round_shift(i128::from(saturate(new - old)) * i128::from(keep_new), 32);
    saturate(old + saturate(2 * step))
}

/// `q*value` with a factor in Q31, in steps of two units.
fn keep(value: i64, factor: i32) -> i64 {
    saturate(2 * round_shift(i128::from(value) * i128::from(factor), 32))
}

/// The root that the format defines: of x in Q32 from [1/4, 1) the reciprocal square root in Q30.
fn reciprocal_root(x: i128) -> i128 {
    let slope = 3_527_624_809 - x * 1_759_398_851 / (1 << 32);
    let mut root = 2_867_787_662 - x * slope / (1 << 32);
    for _ in 0..3 {
        let product = root * root / (1 << 30) * x / (1 << 32);
        root = root * ((3 << 30) - product) / (1 << 31);
    }
    root.min(i128::from(i32::MAX))
}

/// The least b with `rows <= 2^b`.
fn bits(rows: i128) -> u32 {
    (0..).find(|b| rows <= 1 << b).unwrap()
}

/// `(z - mean)/sqrt(var + ε)` of a block's values; `rows`: those that are left and those that are gone; `epsilon`: `rows^2 ε`.
fn normalize(z: &[i64], rows: i128, epsilon: u64) -> Vec<i64> {
    let first: i128 = z.iter().map(|z| i128::from(*z)).sum();
    let second: i128 = z.iter().map(|z| i128::from(*z).pow(2)).sum();
    let spread = (rows * second - first * first + i128::from(epsilon)).max(1);
    let zeros = (0..).step_by(2).find(|zeros| spread << (zeros + 2) >= 1 << 64).unwrap();
    let root = reciprocal_root((spread << zeros) / (1 << 32));
    let up = zeros / 2 - 1 - bits(rows).div_ceil(2) as i32;
    let apply = |z: &i64| {
        let difference = rows * i128::from(*z) - first;
        let scaled = if up >= 0 { difference << up } else { difference.div_euclid(1 << -up) };
        round_shift(scaled * root, 32)
    };
    z.iter().map(apply).collect()
}

/// Rows of x `[4H]`, gains included, times the reciprocal roots of their inputs' square forms.
fn normed_by_inputs(norm: &QuantizedInputNorm, per_gate: bool, z: &[i64], x: &[i64]) -> Vec<i64> {
    let blocks = if per_gate { 4 } else { 1 };
    let length = norm.triangles.len() / blocks;
    let of_block = |(block, z): (usize, &[i64])| {
        let mut triangle = norm.triangles[block * length..][..length].iter().map(|value| i128::from(*value));
        let mut spread = i128::from(norm.constants[block]);
        for k in 0..x.len() {
            let offset = triangle.next().unwrap();
            let y: i128 = offset + x[k..].iter().map(|x| i128::from(*x) * triangle.next().unwrap()).sum::<i128>();
            assert!(y.abs() <= i128::from(i32::MAX), "the proven bound");
            spread += y * y;
        }
        let spread = spread.max(1);
        assert!(spread < 1 << 63, "the proven bound");
        let zeros = (0..).step_by(2).find(|zeros| spread << (zeros + 2) >= 1 << 64).unwrap();
        let root = reciprocal_root((spread << zeros) / (1 << 32));
        let up = zeros / 2 + norm.shift as i32 - 32;
        let (left, root) = if up >= 0 { (up, root) } else { (0, root >> -up) };
        let scaled = move |z: &i64| {
            let shifted = i128::from(*z) << left;
            assert!(i32::try_from(shifted).is_ok(), "the shifted row keeps its value");
            round_shift(shifted * root, 32)
        };
        z.iter().map(scaled).collect::<Vec<i64>>()
    };
    z.chunks_exact(z.len() / blocks).enumerate().flat_map(of_block).collect()
}

/// Normalized values, times their gains.
fn scaled(normalized: &[i64], gains: impl Iterator<Item = i32>) -> Vec<i64> {
    normalized.iter().zip(gains).map(|(y, gain)| round_shift(i128::from(*y) * i128::from(gain), 32)).collect()
}

/// Accumulators scaled by their multipliers, `[4H]`.
fn scale(rows: &QuantizedRows, columns: &[i64], largest: &mut Largest) -> Vec<i64> {
    let units = rows.bias.len() / 4;
    let row = |(row, weights): (usize, &[i8])| {
        let products = weights.iter().zip(columns).map(|(w, x)| i64::from(*w) * x);
        let accumulator = i64::from(rows.bias[row]) + products.sum::<i64>();
        largest[row / units] = accumulator.abs().max(largest[row / units]);
        round_shift(i128::from(accumulator) * i128::from(rows.multiplier[row]), 32)
    };
    rows.weights.chunks_exact(rows.columns).enumerate().map(row).collect()
}

/// A norm over pre-activations `[4H]`, with gains; `table`: which of a unit's rows in the table they are.
fn normed(norm: &QuantizedNorm, p: &[i64], epsilon: u64, table: usize) -> Vec<i64> {
    let units = p.len() / 4;
    let (block, rows) = if norm.per_gate { (units, 1) } else { (4 * units, 4) };
    let rows = rows * i128::from(norm.divisor);
    let limit = (1 << (30 - bits(rows))) - 1;
    let clamped: Vec<i64> = p.iter().map(|p| *p.clamp(&-limit, &limit)).collect();
    let normalized: Vec<i64> = clamped.chunks_exact(block).flat_map(|z| normalize(z, rows, epsilon)).collect();
    scaled(&normalized, (0..4 * units).map(|row| of_unit(norm, units, row % units)[table][row / units]))
}

/// A unit's rows of the table: gains, shifts.
fn of_unit(norm: &QuantizedNorm, units: usize, unit: usize) -> &[[i32; 4]] {
    let rows = norm.affine.len() / units;
    &norm.affine[unit * rows..][..rows]
}

/// A norm over c `[H]`, in Q22.
fn normed_cell(norm: &QuantizedNorm, c: &[i64]) -> Vec<i64> {
    let units = c.len();
    let magnitude = c.iter().map(|c| if *c < 0 { -c - 1 } else { *c }).max().unwrap();
    let width = (0..).find(|width| magnitude < 1i64 << width).unwrap();
    let shift = u32::saturating_sub(width, 30 - bits(units as i128));
    let shifted: Vec<i64> = c.iter().map(|c| c.div_euclid(1 << shift)).collect();
    let normalized = normalize(&shifted, units as i128, norm.epsilon[2] >> (2 * shift));
    let products = scaled(&normalized, (0..units).map(|unit| of_unit(norm, units, unit).last().unwrap()[0]));
    let shifted =
        products.iter().enumerate().map(|(unit, y)| saturate(y + i64::from(of_unit(norm, units, unit).last().unwrap()[1])));
    shifted.map(|y| 32 * y.clamp(-(1 << 26), (1 << 26) - 1)).collect()
}

/// Pre-activations in Q12 (g twice), `[4H]`.
fn preactivations(layer: &QuantizedLstm, x: &[i64], h: &[i64], largest: &mut Largest) -> Vec<i64> {
    let joint: Vec<i64> = x.iter().chain(h).copied().collect();
    let Some(norm) = &layer.norm else { return scale(&layer.rows, &joint, largest) };
    let shift = |row: usize, table: usize| i64::from(of_unit(norm, layer.hidden, row % layer.hidden)[table][row / layer.hidden]);
    match &norm.recurrent {
        None => {
            let p = normed(norm, &scale(&layer.rows, &joint, largest), norm.epsilon[0], 0);
            p.iter().enumerate().map(|(row, p)| saturate(p + shift(row, 1))).collect()
        }
        Some(recurrent) => {
            let z = scale(&layer.rows, x, largest);
            let p = match &norm.from_inputs {
                None => normed(norm, &z, norm.epsilon[0], 0),
                Some(from_inputs) => normed_by_inputs(from_inputs, norm.per_gate, &z, x),
            };
            // Columns of x that share a group of four with h have zero weights.
            let columns = &joint[x.len() / 4 * 4..];
            let tables = norm.affine.len() / layer.hidden;
            let q = normed(norm, &scale(recurrent, columns, largest), norm.epsilon[1], tables - 3);
            p.iter().zip(&q).enumerate().map(|(row, (p, q))| saturate(saturate(p + q) + shift(row, tables - 2))).collect()
        }
    }
}

/// A layer's state.
#[derive(Clone, Debug)]
pub struct State {
    /// `[H]`, Q11
    pub h: Vec<i64>,
    /// `[H]`, Q22
    pub c: Vec<i64>,
    /// `[H]`, Q21; h before rounding, where it is blended.
    pub wide: Vec<i64>,
}

/// The largest absolute accumulators that a run met, `[gate]`.
pub type Largest = [i64; 4];

/// One step of a layer. `x`: `[I]`, Q11.
fn step(layer: &QuantizedLstm, state: &mut State, x: &[i64], largest: &mut Largest) {
    let hidden = layer.hidden;
    let p = preactivations(layer, x, &state.h, largest);
    let gate = |gate: usize, unit: usize| p[gate * hidden + unit];
    let candidate = |unit: usize| {
        let (i, f, g) = (256 * sigmoid(gate(0, unit)), sigmoid(gate(1, unit)), tanh(gate(2, unit)));
        let i = if layer.form.kept { keep(i, layer.keep[0]) } else { i };
        let kept = round_shift(i128::from(state.c[unit]) * i128::from(256 * f), 32);
        let written = round_shift(i128::from(i) * i128::from(g), 32);
        let candidate = saturate(2 * (kept + written));
        if layer.form.kept { keep(candidate, layer.keep[1]) } else { candidate }
    };
    let mut read: Vec<i64> = (0..hidden).map(candidate).collect();
    let norm_in = |form| layer.norm.as_ref().filter(|_| layer.form.norm == form);
    if let Some(norm) = norm_in(NormForm::B) {
        read = normed_cell(norm, &read);
    }
    for (c, read) in state.c.iter_mut().zip(&mut read) {
        let zoned = layer.form.zoneout != ZoneoutForm::None;
        *c = if zoned { blend(*c, *read, layer.blend_cell) } else { *read };
        if zoned && layer.reads_zoned {
            *read = *c;
        }
    }
    if let Some(norm) = norm_in(NormForm::A) {
        read = normed_cell(norm, &read);
    }
    for (unit, read) in read.iter().enumerate() {
        let (o, output) = (sigmoid(gate(3, unit)), tanh(read.div_euclid(512)));
        state.h[unit] = if layer.form.zoneout == ZoneoutForm::Both {
            let wide = blend(state.wide[unit], round_shift(i128::from(256 * o) * i128::from(output), 32), layer.blend_hidden);
            state.wide[unit] = wide;
            (wide + 512).div_euclid(1024)
        } else {
            round_shift(i128::from(o.div_euclid(4)) * i128::from(output), 32)
        };
    }
}

/// What a window gives.
pub struct Outcome {
    /// `[step][layer][H]`, Q11
    pub hidden: Vec<Vec<Vec<i64>>>,
    /// `[step][layer][H]`, Q22
    pub cells: Vec<Vec<Vec<i64>>>,
    /// `[targets][horizon]`, raw units.
    pub forecast: Vec<f32>,
    /// `[layer]`
    pub largest: Vec<Largest>,
}

/// Runs a network over a window of raw samples, `[lookback][F]`.
pub fn run(network: &QuantizedNetwork, sketch: &Sketch, window: &[f32]) -> Outcome {
    run_with(network, sketch, window, step)
}

/// Runs a network whose layers step as is said.
pub fn run_with(
    network: &QuantizedNetwork,
    sketch: &Sketch,
    window: &[f32],
    step: impl Fn(&QuantizedLstm, &mut State, &[i64], &mut Largest),
) -> Outcome {
    let shape = sketch.window;
    assert_eq!(shape.transform, Transform::None, "raw samples are the transformed domain here");
    let features = usize::from(shape.features);
    let measured = Measured::of(sketch, window);
    let scaling: Vec<[f32; 2]> = network.inputs.iter().map(|[offset, scale, _]| [*offset, *scale]).collect();
    let inputs = network.layers[0].inputs;
    let streamed = |(index, raw): (usize, &f32)| {
        // The sample before the step; of the first step its own first one.
        let before = window[(index / inputs * inputs).saturating_sub(features) + index % features];
        let [offset, scale] = scaling[index % features];
        (raw - if shape.normalization == Normalization::Last { before } else { offset }) * scale
    };
    let entering: Vec<f32> = match shape.mode {
        Mode::Windowed => measured.entering(&scaling),
        Mode::Streaming { .. } => window.iter().enumerate().map(streamed).collect(),
    };
    let encode = |(index, value): (usize, &f32)| {
        let [_, _, limit] = network.inputs[index % features];
        let value = value.max(-limit).min(limit);
        // Half away from zero, the sum rounded as `f32` does.
        i64::from((value + 0.5f32.copysign(value)).trunc() as i32)
    };
    let zero = |layer: &QuantizedLstm| State { h: vec![0; layer.hidden], c: vec![0; layer.hidden], wide: vec![0; layer.hidden] };
    let mut states: Vec<State> = network.layers.iter().map(zero).collect();
    let mut largest = vec![[0; 4]; network.layers.len()];
    let (mut hidden, mut cells) = (Vec::new(), Vec::new());
    let mut entered: Vec<i64> = Vec::new();
    for patch in entering.chunks_exact(inputs) {
        let mut x: Vec<i64> = patch.iter().enumerate().map(encode).collect();
        entered.extend(&x);
        for ((layer, state), largest) in network.layers.iter().zip(&mut states).zip(&mut largest) {
            step(layer, state, &x, largest);
            x.clone_from(&state.h);
        }
        hidden.push(states.iter().map(|state| state.h.clone()).collect());
        cells.push(states.iter().map(|state| state.c.clone()).collect());
    }
    let top = &states[states.len() - 1].h;
    let head = &network.head;
    let root = head.norm.map(|norm| {
        let (first, second) = top.iter().fold((0i128, 0i128), |(a, b), h| (a + i128::from(*h), b + i128::from(h * h)));
        let spread = i128::from(norm.divisor) * second - first * first + i128::from(norm.epsilon);
        1.0 / (spread.max(1) as f32).sqrt()
    });
    let skipped = |index: usize| network.skip.as_ref().map_or(-0.0, |skip| skip_of(skip, &entered, index));
    let output = |(index, w): (usize, &[i8])| {
        let sum: i64 = w.iter().zip(top).map(|(w, h)| i64::from(*w) * h).sum();
        let sum = root.map_or(sum as f32, |root| sum as f32 * root);
        sum * head.scale[index] + head.bias[index] + skipped(index)
    };
    let mut forecast: Vec<f32> = head.weights.chunks_exact(head.inputs).enumerate().map(output).collect();
    sketch.settle(&mut forecast);
    if sketch.classes == 0 {
        let (horizon, quantiles) = (usize::from(shape.horizon), sketch.quantiles);
        for (index, value) in forecast.iter_mut().enumerate() {
            *value = measured.back(*value, index / (horizon * quantiles), index / quantiles % horizon);
        }
    }
    Outcome { hidden, cells, forecast, largest }
}

/// What a skip adds to an output, from the whole window as it entered.
fn skip_of(skip: &QuantizedSkip, entered: &[i64], output: usize) -> f32 {
    let mut sum = 0.0;
    for r in 0..skip.rank {
        let row = &skip.products[r * skip.inputs..][..skip.inputs];
        let product: i64 = row.iter().zip(entered).map(|(a, x)| i64::from(*a) * x).sum();
        assert!(product.abs() <= i64::from(i32::MAX), "the proven bound");
        sum += f32::from(skip.spread[output * skip.rank + r]) * (product as f32 * skip.product_scale[r]);
    }
    sum * skip.output_scale[output]
}
