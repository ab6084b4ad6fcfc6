//! Layer norm's parameters and statistics in `f32`.

use super::input_norm::InputNormF32;
use crate::image::{Fields, LoadError, Record};

/// A layer's norms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormF32<'m> {
    /// ε of the norms over `W x` (or all columns), `U h` and c.
    pub epsilon: [f32; 3],
    /// N: the rows that the statistics of pre-activations are over.
    rows: f32,
    /// M: how many of them are gone.
    missing: f32,
    /// Each gate's rows are a block of their own.
    per_gate: bool,
    /// The weights have been centered: no mean is subtracted.
    centered: bool,
    /// A unit: gains of `W x` (or all columns) where they are not in the weights, gains of `U h` where they are apart, shifts, gain and
    /// shift of c where it is normalized.
    pub affine: &'m [[f32; 4]],
    /// The norm over `W x` from its inputs: its gains are in the weights.
    pub from_inputs: Option<InputNormF32<'m>>,
    /// I
    pub inputs: usize,
}

/// `(z - mean)*factor` is `(z - mean)/sqrt(var + ε)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistics {
    mean: f32,
    factor: f32,
}

impl Statistics {
    /// From the mean that is to be subtracted and the sum of squares that is left, over `rows`.
    #[inline(always)]
    fn new(mean: f32, squares: f32, rows: f32, epsilon: f32) -> Self {
        Statistics { mean, factor: 1.0 / libm::sqrtf(squares / rows + epsilon) }
    }

    #[inline(always)]
    pub fn apply(self, z: f32) -> f32 {
        (z - self.mean) * self.factor
    }

    /// The statistics of a c. `rows`: H.
    #[inline]
    pub fn of_cell(c: impl Iterator<Item = f32> + Clone, rows: usize, epsilon: f32) -> Self {
        let rows = rows as f32;
        let mean = c.clone().fold(0.0, |sum, c| sum + c) / rows;
        let squares = c.fold(0.0, |sum, c| sum + (c - mean) * (c - mean));
        Self::new(mean, squares, rows, epsilon)
    }
}

impl<'m> NormF32<'m> {
    /// `separate`: `W x` and `U h` are normalized apart, and c too.
    pub(super) fn read(fields: &mut Fields<'m>, record: &Record<'_>, separate: bool) -> Result<Self, LoadError> {
        let (inputs, hidden) = (record.inputs(), record.outputs());
        let &[x, h, c, divisor, per_gate, centered, from_inputs, reserved] = fields.array::<f32, 8>()?;
        let positive = |epsilon: f32| epsilon > 0.0 && epsilon.is_finite();
        // ε of the norm over `W x` has joined what its inputs give.
        let of_x = if from_inputs == 1.0 { separate && x == 0.0 } else { positive(x) };
        let epsilons = of_x && if separate { positive(h) && positive(c) } else { h == 0.0 && c == 0.0 };
        let flag = |value: f32| value == 0.0 || value == 1.0;
        // Statistics over fewer rows than there are have no meaning.
        let whole = divisor >= hidden as f32 && divisor <= f32::from(u16::MAX) && divisor as u16 as f32 == divisor;
        if !epsilons || !whole || !flag(per_gate) || !flag(centered) || !flag(from_inputs) || reserved != 0.0 {
            return Err(record.malformed());
        }
        let gates = if per_gate == 1.0 { 1.0 } else { 4.0 };
        let from_inputs = from_inputs == 1.0;
        let rows_of_unit = if from_inputs {
            3
        } else if separate {
            4
        } else {
            2
        };
        let affine = fields.slice(hidden.saturating_mul(rows_of_unit))?;
        let from_inputs = from_inputs.then(|| InputNormF32::read(fields, record, per_gate == 1.0)).transpose()?;
        Ok(NormF32 {
            epsilon: [x, h, c],
            rows: gates * divisor,
            missing: gates * (divisor - hidden as f32),
            per_gate: per_gate == 1.0,
            centered: centered == 1.0,
            affine,
            from_inputs,
            inputs,
        })
    }

    /// Each gate's statistics. `z`: `[H]`; rows that are gone held 0 before they were centered.
    #[inline]
    pub fn statistics(&self, z: &[[f32; 4]], epsilon: f32) -> [Statistics; 4] {
        let none = [0.0; 4];
        if self.centered {
            // With M rows gone, the sum of the others is M times the mean that centering took away.
            let gone = if self.missing > 0.0 { self.block(z, none, |z, _| z).map(|sum| sum * sum / self.missing) } else { none };
            let squares = self.block(z, none, |z, _| z * z);
            both(squares, gone, |squares, gone| Statistics::new(0.0, squares + gone, self.rows, epsilon))
        } else {
            let means = self.block(z, none, |z, _| z).map(|sum| sum / self.rows);
            let squares = self.block(z, means, |z, mean| (z - mean) * (z - mean));
            both(squares, means, |squares, mean| Statistics::new(mean, squares + self.missing * mean * mean, self.rows, epsilon))
        }
    }

    /// For each gate the sum of a term over the rows of its block.
    #[inline(always)]
    fn block(&self, z: &[[f32; 4]], means: [f32; 4], term: impl Fn(f32, f32) -> f32) -> [f32; 4] {
        let sums = z.iter().fold([0.0; 4], |sums, z| both(sums, both(*z, means, &term), |sum, term| sum + term));
        let [i, f, g, o] = sums;
        if self.per_gate { sums } else { [i + f + g + o; 4] }
    }
}

/// Gate by gate.
#[inline(always)]
fn both<T>([a, b, c, d]: [f32; 4], [e, f, g, h]: [f32; 4], value: impl Fn(f32, f32) -> T) -> [T; 4] {
    [value(a, e), value(b, f), value(c, g), value(d, h)]
}
