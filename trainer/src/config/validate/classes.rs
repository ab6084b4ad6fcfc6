//! Labels: their column, and what belongs to them.

use super::{Check, refuse};
use crate::config::{Config, Data, Loss};

/// A column of labels is no column of values, and either values are forecast or classes told.
pub(super) fn label(data: &Data, label: &str, targets: &[String], features: &[String]) -> Check {
    const KEY: &str = "data.label";
    if label.trim().is_empty() || label.contains(['\n', '\r']) {
        return refuse(KEY, format!("{KEY} = {label:?} is no column's name: use the header of the column of classes"));
    }
    if !targets.is_empty() {
        let mend = "a model forecasts values or tells classes: take one of them out";
        return refuse("data.target", format!("data.target and {KEY} are both given, and {mend}"));
    }
    if features.is_empty() {
        return refuse(
            "data.features",
            format!("data.features names no column, and a window's class is told by them: name at least one beside {KEY}"),
        );
    }
    for (key, named) in
        [("data.features", features.iter().any(|name| name == label)), ("data.time", data.time.as_deref() == Some(label))]
    {
        if named {
            return refuse(KEY, format!("{KEY} = \"{label}\" is what {key} names too: give it one role"));
        }
    }
    Ok(())
}

/// Labels and the cross-entropy belong together.
pub(super) fn loss(config: &Config) -> Check {
    let (loss, label) = (config.training.loss, config.data.label.is_some());
    if label && loss != Loss::CrossEntropy {
        return refuse(
            "training.loss",
            "training.loss is of values, and data.label asks for classes: set it to \"cross-entropy\"".into(),
        );
    }
    if !label && loss == Loss::CrossEntropy {
        return refuse(
            "training.loss",
            "training.loss = \"cross-entropy\" is of classes: name their column with data.label, or choose another loss".into(),
        );
    }
    if !label && !config.training.class_weights.is_none() {
        return refuse(
            "training.class_weights",
            "training.class_weights is of classes, and there are none: name their column with data.label, or leave it out".into(),
        );
    }
    Ok(())
}
