//! `f32` arithmetic with `libm`'s functions as the file format defines it, every operation rounded by itself: one row at a time from the
//! folded network's textbook layout.

use embedded_rnn_trainer::fold::{FoldedLstm, FoldedNetwork, FoldedNorm, InputStatistics};
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::regularize::settings::Reading;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// Products of a row's weights with columns, added to `start` one after the other.
fn row(start: f32, weights: &[f64], columns: &[f32]) -> f32 {
    let mut sum = start;
    for (w, x) in weights.iter().zip(columns) {
        sum += *w as f32 * x;
    }
    sum
}

/// All rows of a matrix `[4H][columns]`.
fn rows(biases: &[f64], weights: &[f64], columns: &[f32]) -> Vec<f32> {
    biases.iter().zip(weights.chunks_exact(columns.len())).map(|(b, weights)| row(*b as f32, weights, columns)).collect()
}

fn sum(values: impl Iterator<Item = f32>) -> f32 {
    let mut sum = 0.0;
    for value in values {
        sum += value;
    }
    sum
}

/// `y` of pre-activations `[4H]`.
fn normalize(norm: &FoldedNorm, a: &[f32], epsilon: f64) -> Vec<f32> {
    let units = a.len() / 4;
    let gate = |gate: usize| &a[gate * units..][..units];
    // Of a gate's block: the sum of a term over it.
    let block = |number: usize, term: &dyn Fn(f32) -> f32| {
        let of_gate = |number: usize| sum(gate(number).iter().map(|a| term(*a)));
        if norm.per_gate { of_gate(number) } else { of_gate(0) + of_gate(1) + of_gate(2) + of_gate(3) }
    };
    let gates = if norm.per_gate { 1 } else { 4 };
    let (n, m) = ((gates * norm.divisor) as f32, (gates * (norm.divisor - units)) as f32);
    let normalized = |number: usize| {
        let (mean, squares) = if norm.centered {
            let total = block(number, &|a| a);
            (0.0, block(number, &|a| a * a) + if m > 0.0 { total * total / m } else { 0.0 })
        } else {
            let mean = block(number, &|a| a) / n;
            (mean, block(number, &|a| (a - mean) * (a - mean)) + m * mean * mean)
        };
        let r = 1.0 / (squares / n + epsilon as f32).sqrt();
        gate(number).iter().map(move |a| (a - mean) * r).collect::<Vec<f32>>()
    };
    [0, 1, 2, 3].into_iter().flat_map(normalized).collect()
}

/// `LN(c)`
fn normalize_cell(norm: &FoldedNorm, c: &mut [f32]) {
    let n = c.len() as f32;
    let mean = sum(c.iter().copied()) / n;
    let r = 1.0 / (sum(c.iter().map(|c| (c - mean) * (c - mean))) / n + norm.epsilon_c as f32).sqrt();
    for (c, (gain, shift)) in c.iter_mut().zip(norm.gain_c.iter().zip(&norm.shift_c)) {
        *c = (*c - mean) * r * *gain as f32 + *shift as f32;
    }
}

/// r of a block of `W x + b` from the inputs.
fn input_root(statistics: &InputStatistics, block: usize, x: &[f32]) -> f32 {
    let length = statistics.triangles.len() / statistics.constants.len();
    let mut triangle = statistics.triangles[block * length..][..length].iter();
    let mut squares = 0.0;
    for k in 0..x.len() {
        let offset = *triangle.next().unwrap() as f32;
        let factors: Vec<f64> = triangle.by_ref().take(x.len() - k).copied().collect();
        let y = row(offset, &factors, &x[k..]);
        squares += y * y;
    }
    1.0 / (squares + statistics.constants[block] as f32).sqrt()
}

/// What the gates read, `[4H]`.
fn gates(layer: &FoldedLstm, x: &[f32], h: &[f32]) -> Vec<f32> {
    let plain = &layer.weights;
    let from_x = rows(&plain.b, &plain.w, x);
    // The columns of h follow those of x in one sum.
    let together = || from_x.iter().zip(plain.u.chunks_exact(h.len())).map(|(a, u)| row(*a, u, h)).collect::<Vec<f32>>();
    let Some(norm) = &layer.norm else { return together() };
    let shifted = |(a, shift): (f32, &f64)| a + *shift as f32;
    if norm.form == NormForm::Joint {
        let y = normalize(norm, &together(), norm.epsilon_x);
        return y.iter().zip(&norm.gain_x).map(|(y, gain)| y * *gain as f32).zip(&norm.shift).map(shifted).collect();
    }
    let scaled_x: Vec<f32> = match &norm.from_inputs {
        None => normalize(norm, &from_x, norm.epsilon_x).iter().zip(&norm.gain_x).map(|(y, gain)| y * *gain as f32).collect(),
        Some(statistics) => {
            let block = from_x.len() / statistics.constants.len();
            from_x.iter().enumerate().map(|(row, a)| a * input_root(statistics, row / block, x)).collect()
        }
    };
    let y_h = normalize(norm, &rows(&vec![0.0; 4 * h.len()], &plain.u, h), norm.epsilon_h);
    let sums = scaled_x.iter().zip(&y_h).zip(&norm.gain_h).map(|((x, y_h), gain_h)| x + y_h * *gain_h as f32);
    sums.zip(&norm.shift).map(shifted).collect()
}

/// One step of a layer.
fn step(layer: &FoldedLstm, x: &[f32], c: &mut [f32], h: &mut [f32]) {
    let units = h.len();
    let a = gates(layer, x, h);
    let kept = layer.keep_candidate != 1.0 || layer.keep_cell != 1.0;
    let candidate = |unit: usize| {
        let [i, f, g] = [0, 1, 2].map(|gate| a[gate * units + unit]);
        let (old, new) = (sigmoid(f) * c[unit], sigmoid(i) * libm::tanhf(g));
        if kept { layer.keep_cell as f32 * (old + layer.keep_candidate as f32 * new) } else { old + new }
    };
    let mut read: Vec<f32> = (0..units).map(candidate).collect();
    if let Some(norm) = layer.norm.as_ref().filter(|norm| norm.form == NormForm::B) {
        normalize_cell(norm, &mut read);
    }
    for (c, read) in c.iter_mut().zip(&mut read) {
        match &layer.zoneout {
            Some(zoneout) => {
                *c += (1.0 - zoneout.cell) as f32 * (*read - *c);
                if zoneout.reading == Reading::Zoned {
                    *read = *c;
                }
            }
            None => *c = *read,
        }
    }
    if let Some(norm) = layer.norm.as_ref().filter(|norm| norm.form == NormForm::A) {
        normalize_cell(norm, &mut read);
    }
    for (unit, (h, read)) in h.iter_mut().zip(&read).enumerate() {
        let output = sigmoid(a[3 * units + unit]) * libm::tanhf(*read);
        let z_h = layer.zoneout.as_ref().map_or(0.0, |zoneout| zoneout.hidden);
        *h = if z_h > 0.0 { z_h as f32 * *h + output } else { output };
    }
}

/// The forecast of a window of raw samples `[lookback][F]`, which no transform and no normalization touch.
pub fn run(network: &FoldedNetwork, window: &[f32]) -> Vec<f32> {
    let features = network.inputs.len();
    let scaled = |(index, z): (usize, &f32)| {
        let scaler = network.inputs[index % features];
        (z - scaler.offset as f32) * scaler.scale as f32
    };
    run_entering(network, &window.iter().enumerate().map(scaled).collect::<Vec<f32>>())
}

/// What the head says of a window as it enters the first layer.
pub fn run_entering(network: &FoldedNetwork, window: &[f32]) -> Vec<f32> {
    let mut states: Vec<(Vec<f32>, Vec<f32>)> = Vec::new();
    for layer in &network.layers {
        states.push((vec![0.0; layer.weights.hidden], vec![0.0; layer.weights.hidden]));
    }
    let mut entered: Vec<f32> = Vec::new();
    for samples in window.chunks_exact(network.layers[0].weights.inputs) {
        let mut x = samples.to_vec();
        entered.extend(&x);
        for (layer, (c, h)) in network.layers.iter().zip(&mut states) {
            step(layer, &x, c, h);
            x.clone_from(h);
        }
    }
    let h = &states[states.len() - 1].1;
    let head = &network.head;
    let root = network.head_norm.map(|norm| {
        let (n, m) = (norm.divisor as f32, (norm.divisor - h.len()) as f32);
        let mean = sum(h.iter().copied()) / n;
        let squares = sum(h.iter().map(|h| (h - mean) * (h - mean)));
        1.0 / ((squares + m * mean * mean) / n + norm.epsilon as f32).sqrt()
    });
    let skipped = |output: usize| {
        let Some(skip) = &network.skip else { return -0.0 };
        let mut sum = 0.0;
        for r in 0..skip.rank {
            sum +=
                skip.spread[output * skip.rank + r] as f32 * row(0.0, &skip.products[r * skip.inputs..][..skip.inputs], &entered);
        }
        sum
    };
    let value = |(output, (w, d)): (usize, (&[f64], &f64))| {
        let products = row(0.0, w, h);
        root.map_or(products, |root| products * root) + *d as f32 + skipped(output)
    };
    head.w.chunks_exact(head.inputs).zip(&head.b).enumerate().map(value).collect()
}
