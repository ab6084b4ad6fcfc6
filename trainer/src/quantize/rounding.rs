//! How weights are rounded.

use std::ops::Range;

use super::compensate::{Compensation, DAMPING};
use super::moments::Moments;
use super::norm::{Product, squared_factors};
use super::row::{ONE, Row};
use super::trace::Steps;
use crate::config::Rounding;
use crate::error::{Error, Result};
use crate::fold::FoldedNorm;
use crate::network::plain::{NormForm, PlainLstm};

/// Multiply-adds that a layer's moments may cost: a second or two. Rows have moments of their own while there are few, and share them with
/// their neighbors where that would take longer.
const WORK: usize = 2_000_000_000;

/// The rounding of rows over the same columns.
#[derive(Clone, Debug)]
pub(super) enum RowRounding {
    /// Each weight to the nearest, of rows of which no activations are known.
    Nearest,
    /// With activations in view.
    Calibrated(Groups),
}

/// Groups of rows that share their compensation.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    rounding: Rounding,
    /// Rows of a gate; of the head all.
    gate: usize,
    /// Rows of a group, the last of a gate's excepted.
    rows: usize,
    compensations: Vec<Compensation>,
}

/// Of moments that must be finite.
fn compensation(moments: &Moments, damping: f64) -> Result<Compensation> {
    Compensation::new(moments, damping)
        .ok_or_else(|| Error::failed("quantization needs calibration windows on which the network's states are finite"))
}

impl RowRounding {
    /// For the head, which reads `steps` without x, with `outputs` rows.
    pub fn of_head(rounding: Rounding, steps: &Steps, outputs: usize) -> Result<Self> {
        let moments = Moments::of(steps.columns, &activations(steps, 1.0, 0..steps.columns), None, true);
        let compensations = vec![compensation(&moments, DAMPING)?];
        Ok(RowRounding::Calibrated(Groups { rounding, gate: outputs, rows: outputs, compensations }))
    }

    /// How row r is rounded with its activations in view, if they are.
    fn calibrated(&self, r: usize) -> Option<(Rounding, &Compensation)> {
        match self {
            RowRounding::Nearest => None,
            RowRounding::Calibrated(Groups { rounding, gate, rows, compensations }) => {
                Some((*rounding, &compensations[r / gate * gate.div_ceil(*rows) + r % gate / rows]))
            }
        }
    }

    /// Rounds row r with a scale made `coarser` times coarser than it has to be.
    pub fn round(&self, r: usize, weights: &[f64], bias: f64, coarser: f64) -> Row {
        match self.calibrated(r) {
            None => Row::round(weights, bias, coarser),
            Some((rounding, compensation)) => compensation.round(rounding, weights, bias, coarser),
        }
    }

    /// Rounds row r with a scale.
    pub fn at_scale(&self, r: usize, weights: &[f64], bias: f64, scale: f64) -> Row {
        match self.calibrated(r) {
            None => Row::at_scale(weights, bias, scale),
            Some((rounding, compensation)) => compensation.at_scale(rounding, weights, bias, scale),
        }
    }

    /// The expected squared error of row r's sum: of activations as they are, or of ones that know nothing of each other.
    pub fn error(&self, r: usize, weights: &[f64], row: &Row) -> f64 {
        match self.calibrated(r) {
            None => row.scale * row.scale * weights.len() as f64 / 12.0,
            Some((_, compensation)) => compensation.variance(weights, row),
        }
    }
}

/// The rounding of a layer's rows.
#[derive(Clone, Debug)]
pub(super) struct LayerRounding {
    /// Of rows over all columns, or of those over x where the form has them apart.
    pub rows: RowRounding,
    /// Of those over h where the form has them apart.
    pub recurrent: RowRounding,
}

/// Columns of a layer's steps as activations.
fn activations(steps: &Steps, input_scale: f64, columns: Range<usize>) -> Vec<f64> {
    let one = |column: usize| if column < steps.inputs { input_scale * ONE } else { ONE };
    steps.iter().flat_map(|step| columns.clone().map(|k| (step[k] * one(k)).round())).collect()
}

/// What a layer's rows over some columns are rounded with. `growth`: by how much squared errors grow between them and the
/// pre-activations, a step; `biased`: a bias takes means away.
fn layer_rows(
    rounding: Rounding,
    steps: &Steps,
    input_scale: f64,
    columns: Range<usize>,
    growth: Option<&[f64]>,
    biased: bool,
    damping: f64,
) -> Result<RowRounding> {
    let hidden = steps.columns - steps.inputs;
    let values = activations(steps, input_scale, columns.clone());
    let cost = values.len() * columns.len() / 2;
    let rows = (cost * 4 * hidden).div_ceil(WORK).clamp(1, hidden);
    // Columns of x before the first of h in its group of four are with h, and meet zeros.
    let before = if columns.start > 0 { columns.start % 4 } else { 0 };
    let first_rows = (0..4).flat_map(|gate| (0..hidden).step_by(rows).map(move |unit| gate * hidden + unit));
    let compensations = first_rows.map(|first| {
        let end = (first + rows).min((first / hidden + 1) * hidden);
        let weight =
            |(number, step): (usize, &[f64])| step[first..end].iter().sum::<f64>() * growth.map_or(1.0, |growth| growth[number]);
        let weights: Vec<f64> = steps.sensitivities.chunks_exact(4 * hidden).enumerate().map(weight).collect();
        compensation(&Moments::of(columns.len(), &values, Some(&weights), biased).padded(before), damping)
    });
    let compensations = compensations.collect::<Result<Vec<Compensation>>>()?;
    Ok(RowRounding::Calibrated(Groups { rounding, gate: hidden, rows, compensations }))
}

impl LayerRounding {
    /// For a layer that sees `steps`. `plain`: the weights that are to be rounded; `norm`: what reads their sums; `input_scale`: as
    /// [`super::layer::quantize`] has it.
    pub fn new(
        rounding: Rounding,
        plain: &PlainLstm,
        norm: Option<&FoldedNorm>,
        steps: &Steps,
        input_scale: f64,
        damping: f64,
    ) -> Result<Self> {
        let rows = |columns: Range<usize>, growth: Option<&[f64]>, biased: bool| {
            layer_rows(rounding, steps, input_scale, columns, growth, biased, damping)
        };
        let all = 0..steps.columns;
        let Some(norm) = norm else {
            return Ok(LayerRounding { rows: rows(all, None, true)?, recurrent: RowRounding::Nearest });
        };
        // What comes out of a norm has its input's error times r.
        if norm.form == NormForm::Joint {
            let growth = squared_factors(plain, norm, steps, Product::Both, norm.epsilon_x);
            return Ok(LayerRounding { rows: rows(all, Some(&growth), true)?, recurrent: RowRounding::Nearest });
        }
        let of_x = squared_factors(plain, norm, steps, Product::Inputs, norm.epsilon_x);
        let of_h = squared_factors(plain, norm, steps, Product::Recurrent, norm.epsilon_h);
        Ok(LayerRounding {
            rows: rows(0..steps.inputs, Some(&of_x), true)?,
            // A bias upon the product of a state near zero would be all that its norm sees.
            recurrent: rows(steps.inputs..steps.columns, Some(&of_h), false)?,
        })
    }
}
