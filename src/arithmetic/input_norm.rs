//! The norm over `W x + b` of few inputs, from their side: its γ is in the weights, and its RMS needs no sum over rows.
//!
//! With `[W b]` centered, `|W x + b|^2/N` is a square form of x. As a sum of I squares it is `Σ_k y_k^2` and a constant, where
//! `y_k = l_k + Σ_(j >= k) L_kj x_j`: an upper triangle L with offsets l. The constant has joined ε.

use super::int8::multiply_high;
use super::normalizer::NormBlock;
use super::reciprocal_root::spread_root;
use crate::image::{Fields, LoadError, Record};

/// The values of a triangle with its offsets: `I*(I + 3)/2`.
fn triangle_length(inputs: usize) -> usize {
    // One of the two factors is even.
    if inputs.is_multiple_of(2) { (inputs / 2).saturating_mul(inputs + 3) } else { inputs.saturating_mul((inputs + 3) / 2) }
}

/// A triangle for each block.
#[derive(Clone, Copy, Debug)]
struct Triangles<'m, T> {
    inputs: usize,
    /// Each gate's rows are a block of their own.
    per_gate: bool,
    /// `[blocks]` of k from 0 to I - 1 of `[1 + I - k]`: the offset of `y_k`, then its factors of x from the k-th on.
    values: &'m [T],
}

impl<'m, T: bytemuck::Pod + Default + PartialEq> Triangles<'m, T> {
    /// They are followed by zeros up to a multiple of 4.
    fn read(fields: &mut Fields<'m>, record: &Record<'_>, per_gate: bool) -> Result<Self, LoadError> {
        let inputs = record.inputs();
        let count = triangle_length(inputs).saturating_mul(if per_gate { 4 } else { 1 });
        let padded = count.checked_next_multiple_of(4).ok_or(record.malformed())?;
        let (values, padding) = fields.slice::<T>(padded)?.split_at_checked(count).ok_or(record.malformed())?;
        if padding.iter().any(|value| *value != T::default()) {
            return Err(record.malformed());
        }
        Ok(Triangles { inputs, per_gate, values })
    }

    /// For each gate `root` of its block's constant and triangle.
    #[inline(always)]
    fn of_gates<C: Copy, R: Copy>(&self, constants: [C; 4], root: impl Fn(C, &'m [T]) -> R) -> [R; 4] {
        let length = triangle_length(self.inputs);
        let of = |gate: usize, constant: C| root(constant, self.values.get(gate.saturating_mul(length)..).unwrap_or_default());
        let [i, f, g, o] = constants;
        if self.per_gate { [of(0, i), of(1, f), of(2, g), of(3, o)] } else { [of(0, i); 4] }
    }
}

/// The sum that `add` makes of what it had, the offset and the factors of every `y_k`, and x from the k-th on.
#[inline(always)]
fn rows<T, X, S>(triangle: &[T], x: &[X], inputs: usize, start: S, add: impl Fn(S, &T, &[T], &[X]) -> S) -> S {
    let (mut sum, mut triangle) = (start, triangle);
    for k in 0..inputs {
        let Some((row, rest)) = triangle.split_at_checked(1 + inputs - k) else { break };
        let (Some((offset, factors)), Some(x)) = (row.split_first(), x.get(k..)) else { break };
        sum = add(sum, offset, factors, x);
        triangle = rest;
    }
    sum
}

/// What a gate's rows are multiplied with, in integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct InputFactor {
    left: u32,
    root: i32,
}

impl InputFactor {
    /// `r z`, in the format of a pre-activation.
    #[inline(always)]
    pub fn apply(self, z: i32) -> i32 {
        // In files that keep their promise `|z|*2^left` is at most four times the result.
        multiply_high(z << (self.left & 31), self.root)
    }
}

/// The norm over `W x + b` from its inputs, in integers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputNormInt8<'m> {
    /// Where the binary point of `r z` stands, from 1 to [`InputNormInt8::LARGEST_SHIFT`].
    shift: u32,
    /// What the squares of a block's y are added to, in squared units of y; the others 0 where all gates are one block.
    constants: [u64; 4],
    triangles: Triangles<'m, i32>,
}

impl<'m> InputNormInt8<'m> {
    /// The largest shift.
    pub const LARGEST_SHIFT: u32 = 32;

    pub(super) fn read(fields: &mut Fields<'m>, record: &Record<'_>, per_gate: bool, shift: u32) -> Result<Self, LoadError> {
        let constants = *fields.array::<u64, 4>()?;
        let unused = if per_gate { &[] } else { constants.get(1..).unwrap_or_default() };
        if shift > Self::LARGEST_SHIFT
            || unused.iter().any(|constant| *constant != 0)
            || constants.iter().any(|constant| *constant > NormBlock::LARGEST_EPSILON)
        {
            return Err(record.malformed());
        }
        Ok(InputNormInt8 { shift, constants, triangles: Triangles::read(fields, record, per_gate)? })
    }

    /// Each gate's factor. `x`: the inputs, whatever follows them.
    #[inline]
    pub fn factors(&self, x: &[i16]) -> [InputFactor; 4] {
        self.triangles.of_gates(self.constants, |constant, triangle| self.factor(constant, triangle, x))
    }

    // One copy for all gates.
    #[inline(never)]
    fn factor(&self, constant: u64, triangle: &[i32], x: &[i16]) -> InputFactor {
        let spread = rows(triangle, x, self.triangles.inputs, constant, |sum, offset, factors, x| {
            let products = factors.iter().zip(x);
            let y = products.fold(*offset, |y, (factor, x)| y.wrapping_add(factor.wrapping_mul((*x).into())));
            sum.wrapping_add((i64::from(y) * i64::from(y)) as u64)
        });
        let (half, root) = spread_root(spread);
        let up = (half + self.shift) as i32 - Self::LARGEST_SHIFT as i32;
        if up >= 0 { InputFactor { left: up as u32, root } } else { InputFactor { left: 0, root: root >> (-up & 31) } }
    }
}

/// The norm over `W x + b` from its inputs, in `f32`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputNormF32<'m> {
    /// What the squares of a block's y are added to; the others 0 where all gates are one block.
    constants: [f32; 4],
    triangles: Triangles<'m, f32>,
}

impl<'m> InputNormF32<'m> {
    pub(super) fn read(fields: &mut Fields<'m>, record: &Record<'_>, per_gate: bool) -> Result<Self, LoadError> {
        let constants = *fields.array::<f32, 4>()?;
        let (used, unused) = constants.split_at(if per_gate { 4 } else { 1 });
        if !used.iter().all(|constant| *constant > 0.0 && constant.is_finite()) || unused.iter().any(|constant| *constant != 0.0)
        {
            return Err(record.malformed());
        }
        Ok(InputNormF32 { constants, triangles: Triangles::read(fields, record, per_gate)? })
    }

    /// Each gate's r. `x`: the inputs.
    #[inline]
    pub fn factors(&self, x: &[f32]) -> [f32; 4] {
        self.triangles.of_gates(self.constants, |constant, triangle| self.factor(constant, triangle, x))
    }

    // One copy for all gates.
    #[inline(never)]
    fn factor(&self, constant: f32, triangle: &[f32], x: &[f32]) -> f32 {
        let squares = rows(triangle, x, self.triangles.inputs, 0.0f32, |sum, offset, factors, x| {
            let y = factors.iter().zip(x).fold(*offset, |y, (factor, x)| y + factor * x);
            sum + y * y
        });
        1.0 / libm::sqrtf(squares + constant)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn random(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        }
    }

    /// `Σ y_k^2` of a triangle, term by term.
    fn squares(triangle: &[f64], x: &[f64]) -> f64 {
        let (inputs, mut at, mut sum) = (x.len(), 0, 0.0);
        for k in 0..inputs {
            let products = triangle[at + 1..].iter().zip(&x[k..]).map(|(factor, x)| factor * x);
            let y = triangle[at] + products.sum::<f64>();
            at += 1 + inputs - k;
            sum += y * y;
        }
        sum
    }

    /// Both arithmetics against `f64`, block by block, from inputs near nothing to large ones.
    #[test]
    fn factors_are_reciprocal_roots_of_the_square_form() {
        let mut random = random(3);
        let mut worst = 0.0f64;
        for inputs in [1, 2, 3, 7, 16] {
            for (per_gate, size) in [(false, 1e-4), (true, 1e-3), (false, 0.1), (true, 1.0)] {
                let length = triangle_length(inputs);
                assert_eq!(length, (0..inputs).map(|k| 1 + inputs - k).sum());
                let blocks = if per_gate { 4 } else { 1 };
                // 14 fractional bits of y, inputs in Q11.
                let values: Vec<i32> = (0..blocks * length).map(|_| (12_000.0 * random()) as i32).collect();
                let x: Vec<i16> = (0..inputs).map(|_| (2048.0 * size * random()) as i16).collect();
                let mut constants = [0u64; 4];
                constants[..blocks].iter_mut().for_each(|constant| *constant = (1e6 * (1.5 + random())) as u64);
                let triangles = Triangles { inputs, per_gate, values: &values };
                let norm = InputNormInt8 { shift: 6, constants, triangles };
                let real: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
                let real_x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
                let narrow: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                let narrow_x: Vec<f32> = x.iter().map(|x| f32::from(*x)).collect();
                let triangles = Triangles { inputs, per_gate, values: &narrow };
                let float = InputNormF32 { constants: constants.map(|constant| constant as f32), triangles };
                let found = norm.factors(&x).into_iter().zip(float.factors(&narrow_x));
                for (gate, (integer, float)) in found.enumerate() {
                    let block = if per_gate { gate } else { 0 };
                    let exact = 1.0 / libm::sqrt(squares(&real[block * length..][..length], &real_x) + constants[block] as f64);
                    assert!((f64::from(float) / exact - 1.0).abs() < 1e-6, "{float} {exact}");
                    // The root has 62 bits, of which a product takes 32, and a shift of 6 another 26.
                    for z in [1 << 30, -999_999_999, 77_777, -5] {
                        let error = f64::from(integer.apply(z)) - f64::from(z) * exact * libm::exp2(4.0);
                        worst = worst.max(error.abs());
                    }
                }
            }
        }
        // Rounded to a unit, after a root cut to so many bits that a z of 2^30 loses a quarter of one.
        assert!((0.3..=0.75).contains(&worst), "{worst}");
    }

    #[test]
    fn a_spread_of_nothing_is_taken_for_one() {
        for shift in [1, 32] {
            let triangles = Triangles { inputs: 1, per_gate: false, values: &[0, 0] };
            let factor = InputNormInt8 { shift, constants: [0; 4], triangles }.factors(&[5])[0];
            assert_eq!(factor.apply(0), 0);
            assert_eq!(factor.left, shift - 1);
        }
    }

    /// No value of a file makes a sum panic.
    #[test]
    fn any_triangle_gives_a_factor() {
        for value in [i32::MIN, i32::MAX, -1] {
            let values = [value; 20];
            for (shift, constant) in [(1, 0), (32, NormBlock::LARGEST_EPSILON)] {
                for per_gate in [false, true] {
                    let triangles = Triangles { inputs: 2, per_gate, values: &values };
                    for x in [[i16::MIN; 2], [i16::MAX; 2]] {
                        for factor in (InputNormInt8 { shift, constants: [constant; 4], triangles }).factors(&x) {
                            assert!(factor.root >= 0 && factor.left < 32);
                            factor.apply(i32::MIN);
                        }
                    }
                }
            }
        }
    }
}
