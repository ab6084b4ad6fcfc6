//! The trained network as it computes at test time, nothing folded yet: the mean network and the scalers around it.

use serde::{Deserialize, Serialize};

use crate::config::Normalization;
use crate::error::{Error, Result};
use crate::network::plain::{NormForm, PlainDense, PlainHeadNorm, PlainLstm, PlainNetwork, PlainNorm};
use crate::network::skip::PlainSkip;
use crate::regularize::settings::{Regularization, Scaling, Zoneout};

/// Mean and deviation of one column over the training rows, in the transformed domain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// m
    pub mean: f64,
    /// s
    pub deviation: f64,
}

/// The scalers around a network.
///
/// The network's step input holds P samples of F features, sample-major: index `p*F + f`. Targets are the first of the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scalers {
    /// `[F]`
    pub inputs: Vec<Scaler>,
    /// `[targets]`; none where the outputs are a classifier's logits, which have no unit.
    pub targets: Vec<Scaler>,
    /// What is subtracted: the training rows' mean, or the window's last value. In the latter case the mean cancels,
    /// `(z - m)/s - (z_last - m)/s = (z - z_last)/s`, and the last value is added back to the forecast.
    pub normalization: Normalization,
    /// Whether the network is run as a stream, where the last value is that of the sample before a step.
    pub streaming: bool,
}

/// The factors by which activations are multiplied at test time: `q = 1 - p` under classical dropout, 1 under inverted dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keep {
    /// On the first layer's input.
    pub input: f64,
    /// On what a layer above the first reads.
    pub between: f64,
    /// On h(t-1), before U, in every layer.
    pub recurrent: f64,
    /// On what the head reads.
    pub output: f64,
    /// On U, in every layer.
    pub weights: f64,
    /// On `i*g`, in every layer.
    pub candidate: f64,
    /// On `f*c + i*g`, in every layer.
    pub cell: f64,
}

impl Keep {
    /// The factors that training left to be applied.
    pub fn at_test_time(regularization: &Regularization) -> Self {
        let keep = |scaling, drop: f64| match scaling {
            Scaling::Classical => 1.0 - drop,
            Scaling::Inverted => 1.0,
        };
        let Regularization { dropout, recurrent, candidate, cell, weight_drop, .. } = regularization;
        Keep {
            input: keep(dropout.scaling, dropout.input),
            between: keep(dropout.scaling, dropout.between),
            recurrent: keep(recurrent.scaling, recurrent.drop),
            output: keep(dropout.scaling, dropout.output),
            weights: keep(weight_drop.scaling, weight_drop.drop),
            candidate: keep(candidate.scaling, candidate.drop),
            cell: keep(Scaling::Classical, cell.drop),
        }
    }
}

/// The mean network: what every rewrite starts from and, but for the last ones, what it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanNetwork {
    /// First to last.
    pub layers: Vec<PlainLstm>,
    /// Reads the last layer's h.
    pub head: PlainDense,
    /// Reads the normalized window, past every mask; in the targets' normalized units, as the head.
    pub skip: Option<PlainSkip>,
    /// Factors on activations.
    pub keep: Keep,
    /// Zoneout's expectation, in every layer.
    pub zoneout: Zoneout,
    /// Between the transformed domain and the network.
    pub scalers: Scalers,
}

impl MeanNetwork {
    /// The mean of `network` under `regularization`; refuses what does not fit together.
    pub fn new(network: &PlainNetwork, regularization: &Regularization, scalers: &Scalers) -> Result<Self> {
        check_rates(regularization)?;
        check_shapes(network)?;
        check_removal(network, regularization)?;
        check_scalers(network, scalers)?;
        Ok(MeanNetwork {
            layers: network.layers.clone(),
            head: network.head.clone(),
            skip: network.skip.clone(),
            keep: Keep::at_test_time(regularization),
            zoneout: regularization.zoneout,
            scalers: scalers.clone(),
        })
    }

    /// Samples times features that enter as one step.
    pub fn step_inputs(&self) -> usize {
        self.layers[0].inputs
    }
}

/// Every rate is a probability below 1.
fn check_rates(regularization: &Regularization) -> Result<()> {
    let Regularization { dropout, recurrent, zoneout, candidate, cell, weight_drop, .. } = regularization;
    let rates = [
        ("dropout.input", dropout.input),
        ("dropout.between", dropout.between),
        ("dropout.output", dropout.output),
        ("recurrent.drop", recurrent.drop),
        ("zoneout.cell", zoneout.cell),
        ("zoneout.hidden", zoneout.hidden),
        ("candidate.drop", candidate.drop),
        ("cell.drop", cell.drop),
        ("weight_drop.drop", weight_drop.drop),
    ];
    for (key, rate) in rates {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::input(format!(
                "regularization.{key} = {rate}: the rate is a drop probability, give a number from 0 to below 1"
            )));
        }
    }
    if cell.scaling == Some(Scaling::Inverted) {
        return Err(Error::input(
            "regularization.cell.scaling = \"inverted\": kept cells would grow by 1/q at every step, leave the key out or set it to \"classical\"",
        ));
    }
    Ok(())
}

/// Every buffer has the length that its layer states, every layer reads what the one below it gives, every weight is a number.
fn check_shapes(network: &PlainNetwork) -> Result<()> {
    let Some(first) = network.layers.first() else {
        return Err(Error::input("the trained network has no LSTM layer: give network.hidden at least one size and train again"));
    };
    let mut below = first.inputs;
    for (index, layer) in network.layers.iter().enumerate() {
        let place = format!("layer {}", index + 1);
        let (inputs, hidden) = (layer.inputs, layer.hidden);
        check_count(&place, "inputs", inputs, below)?;
        check_values(&place, "W", &layer.w, 4 * hidden * inputs)?;
        check_values(&place, "U", &layer.u, 4 * hidden * hidden)?;
        check_values(&place, "b", &layer.b, 4 * hidden)?;
        if let Some(norm) = &layer.norm {
            check_norm(&place, norm, inputs, hidden)?;
        }
        below = hidden;
    }
    let head = &network.head;
    check_count("the head", "inputs", head.inputs, below)?;
    check_values("the head", "V", &head.w, head.outputs * head.inputs)?;
    check_values("the head", "d", &head.b, head.outputs)?;
    head.norm.as_ref().map_or(Ok(()), |norm| check_head_norm(norm, head.inputs))
}

/// The norm before the head fits it and leaves something of what it normalizes.
fn check_head_norm(norm: &PlainHeadNorm, inputs: usize) -> Result<()> {
    let PlainHeadNorm { epsilon, gain, shift } = norm;
    check_values("the head", "γ", gain, inputs)?;
    check_values("the head", "β", shift, inputs)?;
    if !(epsilon.is_finite() && *epsilon > 0.0) {
        return Err(Error::input(format!(
            "the layer norm before the head has ε = {epsilon}: give regularization.layer_norm.epsilon a small positive number"
        )));
    }
    if inputs == 1 {
        return Err(Error::input(
            "the head reads one unit, and a norm over one value keeps nothing of it: give the last layer more units in network.hidden",
        ));
    }
    Ok(())
}

/// Units are removed from no layer whose norm runs over c: a unit that nothing reads still takes part in the statistics of c.
fn check_removal(network: &PlainNetwork, regularization: &Regularization) -> Result<()> {
    let over_cell = |layer: &PlainLstm| layer.norm.as_ref().is_some_and(|norm| norm.form != NormForm::Joint);
    if regularization.group_lasso.strength > 0.0 && network.layers.iter().any(over_cell) {
        return Err(Error::input(
            "regularization.group_lasso.strength removes units, which layer norm over c does not allow: set regularization.layer_norm.form = \"joint\", or the strength to 0",
        ));
    }
    Ok(())
}

/// The norms fit their layer and leave something of what they normalize.
fn check_norm(place: &str, norm: &PlainNorm, inputs: usize, hidden: usize) -> Result<()> {
    let PlainNorm { form, per_gate, epsilon, gain_x, shift_x, bias_x, gain_h, shift_h, gain_c, shift_c } = norm;
    check_values(place, "γx", gain_x, 4 * hidden)?;
    check_values(place, "βx", shift_x, 4 * hidden)?;
    if !(epsilon.is_finite() && *epsilon > 0.0) {
        return Err(Error::input(format!(
            "the layer norm of {place} has ε = {epsilon}: give regularization.layer_norm.epsilon a small positive number"
        )));
    }
    if hidden == 1 && (*per_gate || *form != NormForm::Joint) {
        return Err(Error::input(format!(
            "{place} has one unit, and a norm over one value keeps nothing of it: give it more units in network.hidden"
        )));
    }
    if *form == NormForm::Joint {
        return Ok(());
    }
    check_values(place, "b_x", bias_x, 4 * hidden)?;
    check_values(place, "γh", gain_h, 4 * hidden)?;
    check_values(place, "βh", shift_h, 4 * hidden)?;
    check_values(place, "γc", gain_c, hidden)?;
    check_values(place, "βc", shift_c, hidden)?;
    if inputs == 1 && bias_x.iter().all(|bias| *bias == 0.0) {
        return Err(Error::input(format!(
            "{place} reads one input and has no bias inside its norm over W x, which then keeps the input's sign alone: train with a bias inside, or set regularization.layer_norm.form = \"joint\""
        )));
    }
    Ok(())
}

fn check_count(place: &str, what: &str, found: usize, expected: usize) -> Result<()> {
    if found == 0 || found != expected {
        return Err(Error::input(format!(
            "{place} of the trained network has {found} {what} where {expected} are given to it: train again, its checkpoint does not fit together"
        )));
    }
    Ok(())
}

fn check_values(place: &str, name: &str, values: &[f64], expected: usize) -> Result<()> {
    if expected == 0 || values.len() != expected {
        return Err(Error::input(format!(
            "{name} of {place} in the trained network holds {} values where its shape needs {expected}: train again, its checkpoint does not fit together",
            values.len()
        )));
    }
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::failed(format!(
            "{name} of {place} in the trained network holds {value}: the training diverged, train again with a smaller training.learning_rate"
        )));
    }
    Ok(())
}

/// The scalers' columns divide the network's inputs and outputs; every deviation is usable.
fn check_scalers(network: &PlainNetwork, scalers: &Scalers) -> Result<()> {
    let (features, targets) = (scalers.inputs.len(), scalers.targets.len());
    let inputs = network.layers[0].inputs;
    if features == 0 || !inputs.is_multiple_of(features) {
        return Err(Error::input(format!(
            "the network reads {inputs} values a step, which {features} input columns do not divide: train again with the columns of this configuration"
        )));
    }
    let outputs = network.head.outputs;
    if targets > features || (targets > 0 && !outputs.is_multiple_of(targets)) {
        return Err(Error::input(format!(
            "the network gives {outputs} values, which {targets} target columns (of {features} input columns) do not divide: train again with the targets of this configuration"
        )));
    }
    for (kind, columns) in [("input", &scalers.inputs), ("target", &scalers.targets)] {
        for (column, Scaler { mean, deviation }) in columns.iter().enumerate() {
            if !(mean.is_finite() && deviation.is_finite() && *deviation > 0.0) {
                return Err(Error::input(format!(
                    "{kind} column {} has mean {mean} and deviation {deviation} over the training rows: choose a column that varies and is finite",
                    column + 1
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::random::{Shape, normed, scalers};
    use crate::regularize::settings::{CandidateDropout, CellDropout, Dropout, RecurrentDropout, WeightDrop};

    fn shape() -> Shape {
        Shape { features: 2, patch: 3, hidden: vec![5, 3], targets: 2, horizon: 4 }
    }

    #[test]
    fn the_keep_probability_is_one_minus_drop_and_only_classical_dropout_leaves_it() {
        const NONE: Keep =
            Keep { input: 1.0, between: 1.0, recurrent: 1.0, output: 1.0, weights: 1.0, candidate: 1.0, cell: 1.0 };
        let mut regularization = Regularization {
            dropout: Dropout { input: 0.1, between: 0.2, output: 0.3, scaling: Scaling::Classical, ..Dropout::default() },
            recurrent: RecurrentDropout { drop: 0.4, scaling: Scaling::Classical, ..RecurrentDropout::default() },
            weight_drop: WeightDrop { drop: 0.5, scaling: Scaling::Classical },
            candidate: CandidateDropout { drop: 0.25, scaling: Scaling::Classical, ..CandidateDropout::default() },
            ..Regularization::default()
        };
        assert_eq!(
            Keep::at_test_time(&regularization),
            Keep { input: 0.9, between: 0.8, recurrent: 0.6, output: 0.7, weights: 0.5, candidate: 0.75, cell: 1.0 }
        );
        regularization.dropout.scaling = Scaling::Inverted;
        regularization.recurrent.scaling = Scaling::Inverted;
        regularization.weight_drop.scaling = Scaling::Inverted;
        regularization.candidate.scaling = Scaling::Inverted;
        assert_eq!(Keep::at_test_time(&regularization), NONE);
        regularization.cell.drop = 0.25;
        assert_eq!(Keep::at_test_time(&regularization), Keep { cell: 0.75, ..NONE }, "always classical");
    }

    /// The message with which the mean network is refused.
    fn refusal(break_it: impl FnOnce(&mut PlainNetwork, &mut Regularization, &mut Scalers)) -> Error {
        refusal_of(&shape(), break_it)
    }

    fn refusal_of(shape: &Shape, break_it: impl FnOnce(&mut PlainNetwork, &mut Regularization, &mut Scalers)) -> Error {
        let mut plain = normed(1, shape, NormForm::A, false);
        let mut regularization = Regularization::default();
        let mut columns = scalers(1, shape, Normalization::Last);
        assert!(MeanNetwork::new(&plain, &regularization, &columns).is_ok());
        break_it(&mut plain, &mut regularization, &mut columns);
        MeanNetwork::new(&plain, &regularization, &columns).unwrap_err()
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_place() {
        let mut seen = Vec::new();
        let mut expect = |error: Error, code: u8, part: &str| {
            let message = error.to_string();
            assert!(message.contains(part), "{message}");
            assert_eq!(error.exit_code(), code, "{message}");
            assert!(!seen.contains(&message), "two causes share one message: {message}");
            seen.push(message);
        };
        expect(refusal(|_, r, _| r.dropout.output = 1.0), 2, "regularization.dropout.output = 1");
        expect(refusal(|_, r, _| r.zoneout.hidden = -0.1), 2, "regularization.zoneout.hidden = -0.1");
        expect(refusal(|_, r, _| r.recurrent.drop = f64::NAN), 2, "regularization.recurrent.drop = NaN");
        expect(refusal(|n, _, _| n.layers.clear()), 2, "no LSTM layer");
        expect(refusal(|n, _, _| n.layers[1].inputs = 4), 2, "layer 2");
        expect(refusal(|n, _, _| n.head.inputs = 5), 2, "the head");
        expect(refusal(|n, _, _| n.layers[0].u.truncate(7)), 2, "U of layer 1");
        expect(refusal(|n, _, _| n.head.b[3] = f64::INFINITY), 1, "d of the head");
        expect(refusal(|_, _, s| s.inputs.extend([s.inputs[0]; 2])), 2, "4 input columns do not divide");
        expect(refusal(|_, _, s| s.targets.push(s.targets[0])), 2, "3 target columns");
        expect(refusal(|_, _, s| s.inputs[1].deviation = 0.0), 2, "input column 2");
        expect(refusal(|_, _, s| s.targets[0].mean = f64::NAN), 2, "target column 1");
        expect(refusal(|_, r, _| r.candidate.drop = 1.0), 2, "regularization.candidate.drop = 1");
        expect(refusal(|_, r, _| r.cell.drop = -1.0), 2, "regularization.cell.drop = -1");
        expect(refusal(|_, r, _| r.weight_drop.drop = 1.5), 2, "regularization.weight_drop.drop = 1.5");
        let inverted = CellDropout { drop: 0.1, scaling: Some(Scaling::Inverted) };
        expect(refusal(|_, r, _| r.cell = inverted), 2, "grow by 1/q");
        expect(refusal(|_, r, _| r.group_lasso.strength = 0.1), 2, "regularization.group_lasso.strength");
        fn norm(network: &mut PlainNetwork) -> &mut PlainNorm {
            network.layers[1].norm.as_mut().unwrap()
        }
        expect(refusal(|n, _, _| norm(n).epsilon = 0.0), 2, "layer 2 has ε = 0");
        expect(refusal(|n, _, _| norm(n).gain_c.truncate(2)), 2, "γc of layer 2");
        expect(refusal(|n, _, _| norm(n).gain_x[0] = f64::NAN), 1, "γx of layer 2");
        expect(refusal(|n, _, _| norm(n).bias_x.clear()), 2, "b_x of layer 2");
        expect(refusal(|n, _, _| norm(n).shift_h.push(0.0)), 2, "βh of layer 2");
        let narrow = Shape { features: 1, patch: 1, hidden: vec![5], targets: 1, horizon: 1 };
        let signs = |n: &mut PlainNetwork, _: &mut Regularization, _: &mut Scalers| {
            n.layers[0].norm.as_mut().unwrap().bias_x.fill(0.0);
        };
        expect(refusal_of(&narrow, signs), 2, "keeps the input's sign alone");
        let single = Shape { features: 1, patch: 1, hidden: vec![5, 1], targets: 1, horizon: 1 };
        let plain = normed(1, &single, NormForm::B, false);
        let error = MeanNetwork::new(&plain, &Regularization::default(), &scalers(1, &single, Normalization::Last)).unwrap_err();
        expect(error, 2, "layer 2 has one unit");
        let plain = normed(1, &single, NormForm::Joint, false);
        assert!(MeanNetwork::new(&plain, &Regularization::default(), &scalers(1, &single, Normalization::Last)).is_ok());
    }
}
