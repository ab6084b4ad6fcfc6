//! The integer arithmetic with a 16-bit cell as the file format defines it, in wide integers that are asserted to be narrow ones.

use embedded_rnn::network::ZoneoutForm;
use embedded_rnn_trainer::quantize::QuantizedLstm;

use crate::definition::{Largest, State, sigmoid, tanh};

/// A value that 32 bits hold.
fn narrow(value: i64) -> i64 {
    i32::try_from(value).expect("a value within 32 bits").into()
}

fn share(factor: i32) -> i64 {
    (i64::from(factor).div_euclid(1 << 16) + 1).div_euclid(2)
}

fn saturate(value: i64) -> i64 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

fn blend(old: i64, new: i64, factor: i32) -> i64 {
    old + narrow((new - old) * share(factor) + (1 << 13)).div_euclid(1 << 14)
}

fn sigmoid16(p: i64) -> i64 {
    (sigmoid(p) + (1 << 7)).div_euclid(1 << 8)
}

fn tanh16(twice: i64) -> i64 {
    (tanh(twice) + (1 << 6)).div_euclid(1 << 7)
}

/// One step of a layer whose multipliers are the words `s << 24 | k` of the file. c is in Q11, the wide h in Q15.
pub fn step(layer: &QuantizedLstm, state: &mut State, x: &[i64], largest: &mut Largest) {
    let hidden = layer.hidden;
    let columns: Vec<i64> = x.iter().chain(&state.h).copied().collect();
    let mut p = Vec::new();
    for (row, weights) in layer.rows.weights.chunks_exact(layer.rows.columns).enumerate() {
        let products: i64 = weights.iter().zip(&columns).map(|(w, x)| i64::from(*w) * x).sum();
        let sum = narrow(i64::from(layer.rows.bias[row]) + products);
        largest[row / hidden] = sum.abs().max(largest[row / hidden]);
        let word = layer.rows.multiplier[row] as u32;
        let (shift, multiplier) = (word >> 24, i64::from(word & 0xffff));
        p.push(narrow(sum.div_euclid(1 << shift) * multiplier + (1 << 11)).div_euclid(1 << 12));
    }
    for unit in 0..hidden {
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| p[gate * hidden + unit]);
        let mut written = sigmoid16(i);
        if layer.form.kept {
            written = (written * share(layer.keep[0]) + (1 << 13)).div_euclid(1 << 14);
        }
        let product = narrow(written * tanh16(g)).div_euclid(1 << 4);
        let mut read = saturate(narrow(state.c[unit] * sigmoid16(f) + product + (1 << 14)).div_euclid(1 << 15));
        if layer.form.kept {
            read = (read * share(layer.keep[1]) + (1 << 13)).div_euclid(1 << 14);
        }
        let zoned = layer.form.zoneout != ZoneoutForm::None;
        state.c[unit] = if zoned { blend(state.c[unit], read, layer.blend_cell) } else { read };
        if zoned && layer.reads_zoned {
            read = state.c[unit];
        }
        let output = narrow(sigmoid16(o) * tanh16(4 * read));
        state.h[unit] = if layer.form.zoneout == ZoneoutForm::Both {
            state.wide[unit] = blend(state.wide[unit], (output + (1 << 14)).div_euclid(1 << 15), layer.blend_hidden);
            (state.wide[unit] + 8).div_euclid(16)
        } else {
            (output + (1 << 18)).div_euclid(1 << 19)
        };
    }
}
