//! `[budget]`: what a model may cost on a board.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// `[budget]`; what is left out is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowance {
    /// Bytes of flash of the whole image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<u64>,
    /// Bytes of RAM: variables, one sensor's history, the deepest stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram: Option<u64>,
    /// Executed instructions of a forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
}

/// What something costs, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Bytes of flash.
    pub flash: Option<u64>,
    /// Bytes of RAM.
    pub ram: Option<u64>,
    /// Executed instructions of a forecast.
    pub instructions: Option<u64>,
}

impl Allowance {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Allowance::default()
    }

    /// The keys that are limited, with their limits.
    pub(super) fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let keys = [("budget.flash", self.flash), ("budget.ram", self.ram), ("budget.instructions", self.instructions)];
        keys.into_iter().filter_map(|(key, limit)| Some((key, limit?)))
    }

    /// Refuses what costs more than is allowed, with every number that does; `what` begins the sentence.
    pub fn check(&self, costs: &Costs, what: &str) -> Result<()> {
        let exceeded: Vec<String> = [
            ("budget.flash", "bytes of flash", self.flash, costs.flash),
            ("budget.ram", "bytes of RAM", self.ram, costs.ram),
            ("budget.instructions", "instructions a forecast", self.instructions, costs.instructions),
        ]
        .into_iter()
        .filter_map(|(key, unit, limit, cost)| {
            let (limit, cost) = (limit?, cost?);
            (cost > limit).then(|| format!("{cost} {unit} and {key} allows {limit}"))
        })
        .collect();
        if exceeded.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!("{what} needs {}: train a smaller network or allow more", exceeded.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cost_above_its_limit_is_told() {
        let allowance = Allowance { flash: Some(100), ram: Some(50), instructions: Some(1000) };
        let costs = Costs { flash: Some(100), ram: Some(50), instructions: Some(1000) };
        assert_eq!(allowance.check(&costs, "it"), Ok(()));
        let error = allowance.check(&Costs { flash: Some(101), instructions: Some(1001), ..costs }, "the image").unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert_eq!(
            error.to_string(),
            "the image needs 101 bytes of flash and budget.flash allows 100, 1001 instructions a forecast and budget.instructions \
             allows 1000: train a smaller network or allow more"
        );
    }

    #[test]
    fn what_is_not_limited_or_not_known_passes() {
        let large = Costs { flash: Some(u64::MAX), ram: Some(u64::MAX), instructions: None };
        assert!(Allowance::default().is_unlimited());
        assert_eq!(Allowance::default().check(&large, "it"), Ok(()));
        assert_eq!(Allowance { instructions: Some(1), ..Allowance::default() }.check(&large, "it"), Ok(()));
        assert!(Allowance { ram: Some(1), ..Allowance::default() }.check(&large, "it").is_err());
    }
}
