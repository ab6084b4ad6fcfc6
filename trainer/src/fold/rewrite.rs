//! The record that a rewrite leaves.

/// One rewrite that was applied: a name, the formula, where the formula comes from, and what it was applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// The rewrite in a few words.
    pub name: &'static str,
    /// What happened to the weights.
    pub formula: &'static str,
    /// The paper, or the identity, that the formula rests on.
    pub source: &'static str,
    /// The factors or the features that it was applied to, for people.
    pub applied: String,
}

/// Multiplies every value.
pub(super) fn scale(values: &mut [f64], factor: f64) {
    for value in values {
        *value *= factor;
    }
}
