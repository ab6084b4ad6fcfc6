//! Which regularizers make sense, alone and together.

use super::{Check, MIN_NORMALIZED, not_negative, positive, rate, refuse};
use crate::config::{Config, Normalization};
use crate::network::plain::NormForm;
use crate::regularize::settings::{Gates, Mask, Regularization, Scaling};

pub(super) fn check(config: &Config) -> Check {
    let settings = &config.regularization;
    let drops = "drops everything";
    rate("regularization.dropout.input", settings.dropout.input, drops)?;
    rate("regularization.dropout.between", settings.dropout.between, drops)?;
    rate("regularization.dropout.output", settings.dropout.output, drops)?;
    rate("regularization.recurrent.drop", settings.recurrent.drop, drops)?;
    rate("regularization.candidate.drop", settings.candidate.drop, drops)?;
    rate("regularization.cell.drop", settings.cell.drop, drops)?;
    rate("regularization.weight_drop.drop", settings.weight_drop.drop, drops)?;
    let freezes = "never updates the state";
    rate("regularization.zoneout.cell", settings.zoneout.cell, freezes)?;
    rate("regularization.zoneout.hidden", settings.zoneout.hidden, freezes)?;
    if settings.dropout.gates == Gates::Separate && settings.dropout.mask == Mask::Step {
        return refuse(
            "regularization.dropout.gates",
            "regularization.dropout.gates = \"separate\" needs masks that last a sequence: set regularization.dropout.mask = \"sequence\""
                .into(),
        );
    }
    if settings.cell.scaling == Some(Scaling::Inverted) {
        return refuse(
            "regularization.cell.scaling",
            "regularization.cell.scaling = \"inverted\" would multiply every kept cell by 1/(1-drop) again at every step: \
             leave the key out, dropout on the cell is classical"
                .into(),
        );
    }
    not_negative("regularization.noise.input", settings.noise.input)?;
    not_negative("regularization.noise.weights", settings.noise.weights)?;
    not_negative("regularization.activation.ar", settings.activation.ar)?;
    not_negative("regularization.activation.tar", settings.activation.tar)?;
    not_negative("regularization.activation.norm", settings.activation.norm)?;
    not_negative("regularization.group_lasso.strength", settings.group_lasso.strength)?;
    not_negative("regularization.group_lasso.threshold", settings.group_lasso.threshold)?;
    layer_norm(config)?;
    if !(0.0..1.0).contains(&settings.average) {
        return refuse(
            "regularization.average",
            format!("regularization.average = {} is out of range: use 0 (off) or more, and less than 1", settings.average),
        );
    }
    averaging(settings)?;
    max_norm(settings)?;
    not_negative("regularization.l1", settings.l1)?;
    not_negative("regularization.l2", settings.l2)?;
    not_negative("regularization.decay", settings.decay)?;
    not_negative("regularization.amplitude", settings.amplitude)?;
    // A z-score's zero is no level of the window, and scaled windows have one amplitude.
    if settings.amplitude > 0.0 && matches!(config.window.normalization, Normalization::None | Normalization::Scaled) {
        return refuse(
            "regularization.amplitude",
            format!(
                "regularization.amplitude = {} scales what is left after the window's last value is subtracted: \
                 set window.normalization = \"last\", or the amplitude to 0",
                settings.amplitude
            ),
        );
    }
    Ok(())
}

fn averaging(settings: &Regularization) -> Check {
    let from = settings.swa.from;
    if !(0.0..1.0).contains(&from) {
        return refuse(
            "regularization.swa.from",
            format!(
                "regularization.swa.from = {from} is no share of the epochs: use 0 (off) or more, and less than 1; 0.75 averages the last quarter"
            ),
        );
    }
    if from > 0.0 && settings.average > 0.0 {
        return refuse(
            "regularization.swa.from",
            format!(
                "regularization.swa.from = {from} and regularization.average = {} are two averages of the same weights, and one alone can be \
                 validated and exported: leave one of them out",
                settings.average
            ),
        );
    }
    Ok(())
}

fn max_norm(settings: &Regularization) -> Check {
    let radius = settings.max_norm;
    not_negative("regularization.max_norm", radius)?;
    if radius > 0.0 && settings.layer_norm.form.is_some() {
        return refuse(
            "regularization.max_norm",
            format!(
                "regularization.max_norm = {radius} bounds the size of weights, and regularization.layer_norm.form divides that size out \
                 again, so that nothing would be bounded: leave one of them out"
            ),
        );
    }
    Ok(())
}

fn layer_norm(config: &Config) -> Check {
    let settings = &config.regularization;
    positive("regularization.layer_norm.epsilon", settings.layer_norm.epsilon)?;
    if settings.layer_norm.head
        && let Some(units) = config.network.hidden.last().filter(|units| **units < MIN_NORMALIZED)
    {
        return refuse(
            "regularization.layer_norm.head",
            format!(
                "regularization.layer_norm.head would normalize the {units} units of the last layer, which leaves no more than their signs: \
                 use at least {MIN_NORMALIZED} units there in network.hidden"
            ),
        );
    }
    let Some(form) = settings.layer_norm.form else { return Ok(()) };
    let alone = form != NormForm::Joint || settings.layer_norm.per_gate;
    if alone && let Some(units) = config.network.hidden.iter().find(|units| **units < MIN_NORMALIZED) {
        return refuse(
            "regularization.layer_norm.form",
            format!(
                "regularization.layer_norm would normalize over {units} units, which leaves no more than their signs: \
                 use at least {MIN_NORMALIZED} units in every layer of network.hidden"
            ),
        );
    }
    if form != NormForm::Joint && settings.group_lasso.strength > 0.0 {
        return refuse(
            "regularization.group_lasso.strength",
            "regularization.group_lasso removes units, and layer norm in forms \"a\" and \"b\" keeps each cell in the statistics of \
             the others: set regularization.layer_norm.form = \"joint\", or the strength to 0"
                .into(),
        );
    }
    Ok(())
}
