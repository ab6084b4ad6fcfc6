//! The certificate: what was done to a network on its way to the device, and what was measured on real windows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Target;
use super::rewrite::Rewrite;
use crate::config::Rounding;
use crate::error::{Error, Result};

/// The largest relative difference that rounding in `f64` explains. Rewrites stay below 1e-12 on ordinary networks; one that
/// amplifies small differences over a long window gets some room, and a wrong factor is off by many orders more.
pub const TOLERANCE: f64 = 1e-9;

/// The largest relative difference that setting small weights to zero may make: 1 % of the forecast or of the target's deviation.
pub const ZEROED_TOLERANCE: f64 = 1e-2;

/// The largest difference between two sets of forecasts, in the transformed domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In the transformed domain's own units.
    pub absolute: f64,
    /// Against the larger of the forecast and the target's deviation.
    pub relative: f64,
}

/// A rewrite with the difference that it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredRewrite {
    /// The rewrite in a few words.
    pub name: String,
    /// What happened to the weights.
    pub formula: String,
    /// Where the formula comes from.
    pub source: String,
    /// The factors or the features that it was applied to.
    pub applied: String,
    /// Before against after this rewrite alone.
    pub difference: Difference,
}

impl MeasuredRewrite {
    /// A rewrite as its measurement came out.
    pub fn new(rewrite: Rewrite, difference: Difference) -> Self {
        let Rewrite { name, formula, source, applied } = rewrite;
        MeasuredRewrite { name: name.into(), formula: formula.into(), source: source.into(), applied, difference }
    }
}

/// Groups of small weights that were set to zero so that their units can be removed. This changes the network; rewrites do not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZeroedGroups {
    /// Groups whose weights are all smaller than this.
    pub threshold: f64,
    /// Units that are removed.
    pub units: usize,
    /// Weights that were not zero before.
    pub weights: usize,
    /// The largest of them.
    pub largest: f64,
    /// The trained network against the one with these weights at zero.
    pub difference: Difference,
}

/// What later stages measured; each field is absent until its stage has run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurements {
    /// Root mean square of device forecasts minus folded `f64` forecasts, relative to the target's deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast_agreement_rms: Option<f64>,
    /// Of a classifier, the share of windows to which device and folded `f64` give the same class; what is said above of forecasts is
    /// then of logits, relative to their own deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_agreement: Option<f64>,
    /// For each layer, root mean square error of h on the device against folded `f64`, relative to h's deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_rmse: Option<Vec<f64>>,
    /// How weights were rounded; absent for `f32`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// What weights rounded to nearest would have given instead, where they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearestMeasurements>,
    /// Input values that were clamped to the file's stated largest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturated_inputs: Option<u64>,
    /// What was chosen so that no accumulator can overflow, one line a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulator: Option<Vec<String>>,
}

/// The two measurements that tell of rounding, of the same network with weights rounded to nearest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NearestMeasurements {
    /// As [`Measurements::forecast_agreement_rms`].
    pub forecast_agreement_rms: f64,
    /// As [`Measurements::hidden_rmse`].
    pub hidden_rmse: Vec<f64>,
}

/// The whole certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The number system that was folded for.
    pub target: Target,
    /// Windows on which the differences were measured.
    pub windows: usize,
    /// Absent where no units were to be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zeroed: Option<ZeroedGroups>,
    /// In the order of application.
    pub rewrites: Vec<MeasuredRewrite>,
    /// The folded network against the trained one, its small groups at zero if there were any.
    pub whole: Difference,
    /// Filled by later stages.
    pub measurements: Measurements,
}

impl Certificate {
    /// The canonical JSON: fields in the order above, absent measurements left out, no white space.
    pub fn canonical_json(&self) -> String {
        // Fails only on maps with keys that are not strings, and there is no map in here.
        serde_json::to_string(self).expect("a certificate has no maps")
    }

    /// SHA-256 of the canonical JSON.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.canonical_json()).into()
    }

    /// Refuses a certificate whose differences are more than rounding.
    pub fn check(&self) -> Result<()> {
        let parts = self.rewrites.iter().map(|rewrite| (rewrite.name.as_str(), rewrite.difference));
        for (name, difference) in parts.chain([("the folded network as a whole", self.whole)]) {
            if difference.relative.is_nan() || difference.relative > TOLERANCE {
                return Err(Error::failed(format!(
                    "{name} changes the forecasts by {:.1e} relative where rounding explains at most {TOLERANCE:.0e}: the weights are too large to be folded faithfully, train with decay or a smaller learning rate",
                    difference.relative
                )));
            }
        }
        if let Some(ZeroedGroups { threshold, units, weights, difference: Difference { relative, .. }, .. }) = self.zeroed
            && (relative.is_nan() || relative > ZEROED_TOLERANCE)
        {
            return Err(Error::failed(format!(
                "removing {units} units sets {weights} weights below regularization.group_lasso.threshold = {threshold} to zero, which changes the forecasts by {relative:.1e} relative and may change them by {ZEROED_TOLERANCE:.0e}: lower the threshold, or train longer or with more strength so that the groups reach zero"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        let rewrite = Rewrite { name: "input scale", formula: "W1 <- W1/s", source: "linearity", applied: "all".into() };
        Certificate {
            target: Target::Integer,
            windows: 3,
            zeroed: None,
            rewrites: vec![MeasuredRewrite::new(rewrite, Difference { absolute: 3.5e-16, relative: 1e-16 })],
            whole: Difference { absolute: 4e-16, relative: 1.25e-16 },
            measurements: Measurements::default(),
        }
    }

    #[test]
    fn the_digest_is_of_the_canonical_json() {
        let mut certificate = certificate();
        assert_eq!(
            certificate.canonical_json(),
            r#"{"target":"integer","windows":3,"rewrites":[{"name":"input scale","formula":"W1 <- W1/s","source":"linearity","applied":"all","difference":{"absolute":3.5e-16,"relative":1e-16}}],"whole":{"absolute":4e-16,"relative":1.25e-16},"measurements":{}}"#
        );
        let bytes: [u8; 32] = Sha256::digest(certificate.canonical_json().as_bytes()).into();
        assert_eq!(certificate.digest(), bytes);
        certificate.measurements.saturated_inputs = Some(0);
        assert_ne!(certificate.digest(), bytes, "a measurement of zero is not an absent one");
    }

    #[test]
    fn json_comes_back_as_it_was() {
        let mut certificate = certificate();
        certificate.measurements = Measurements {
            forecast_agreement_rms: Some(0.1 + 0.2),
            class_agreement: Some(0.9),
            hidden_rmse: Some(vec![1.0 / 3.0]),
            rounding: Some(Rounding::Compensated),
            nearest: Some(NearestMeasurements { forecast_agreement_rms: 0.7, hidden_rmse: vec![2.0 / 3.0] }),
            saturated_inputs: None,
            accumulator: Some(vec!["layer 1: rows swapped".into()]),
        };
        let back: Certificate = serde_json::from_str(&certificate.canonical_json()).unwrap();
        assert_eq!(back, certificate);
        assert_eq!(back.digest(), certificate.digest());
    }

    #[test]
    fn zeroed_groups_are_part_of_the_digest_and_may_change_little() {
        let mut certificate = certificate();
        let digest = certificate.digest();
        let zeroed = |relative| {
            let difference = Difference { absolute: 1.0, relative };
            Some(ZeroedGroups { threshold: 1e-3, units: 4, weights: 80, largest: 9e-4, difference })
        };
        certificate.zeroed = zeroed(9e-3);
        assert_ne!(certificate.digest(), digest);
        assert_eq!(serde_json::from_str::<Certificate>(&certificate.canonical_json()).unwrap(), certificate);
        assert_eq!(certificate.check(), Ok(()));
        for relative in [1.1e-2, f64::NAN] {
            certificate.zeroed = zeroed(relative);
            let error = certificate.check().unwrap_err();
            assert!(error.to_string().contains("group_lasso.threshold = 0.001"), "{error}");
            assert_eq!(error.exit_code(), 1);
        }
    }

    #[test]
    fn more_than_rounding_fails_by_name() {
        let good = certificate();
        assert_eq!(good.check(), Ok(()));
        for wrong in [1e-6, f64::NAN] {
            let mut bad = good.clone();
            bad.rewrites[0].difference.relative = wrong;
            let error = bad.check().unwrap_err();
            assert!(error.to_string().starts_with("input scale changes"), "{error}");
            assert_eq!(error.exit_code(), 1);
            let mut bad = good.clone();
            bad.whole.relative = wrong;
            assert!(bad.check().unwrap_err().to_string().starts_with("the folded network as a whole"));
        }
    }
}
