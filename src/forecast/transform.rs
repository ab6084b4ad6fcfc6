//! The value transform: what happens to a raw sample before anything else, and to a forecast last of all.

use serde::{Deserialize, Serialize};

/// A monotone map from raw sensor units to the domain that the network works in, and back.
///
/// Trainer and device call this very code, so both see the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// `z = v`
    #[default]
    None,
    /// `z = sqrt(v)`, for counts and intensities; `v >= 0`. Negative forecasts in the transformed domain
    /// stand for zero.
    Sqrt,
    /// `z = ln(v)`, for quantities that vary by factors; `v > 0`.
    Log,
}

impl Transform {
    /// Raw units to the transformed domain; `None` where the value is not finite or lies outside the transform's domain.
    #[inline]
    pub fn forward(self, value: f32) -> Option<f32> {
        let z = match self {
            Transform::None => value,
            Transform::Sqrt if value >= 0.0 => libm::sqrtf(value),
            Transform::Log if value > 0.0 => libm::logf(value),
            Transform::Sqrt | Transform::Log => return None,
        };
        z.is_finite().then_some(z)
    }

    /// The transformed domain back to raw units.
    #[inline]
    pub fn inverse(self, z: f32) -> f32 {
        match self {
            Transform::None => z,
            Transform::Sqrt => {
                let z = if z > 0.0 { z } else { 0.0 };
                z * z
            }
            Transform::Log => libm::expf(z),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Transform;

    #[test]
    fn inverse_undoes_forward() {
        for transform in [Transform::None, Transform::Sqrt, Transform::Log] {
            for value in [1e-3f32, 0.5, 1.0, 58.0, 253.8, 101_325.0] {
                let back = transform.inverse(transform.forward(value).unwrap());
                assert!((back - value).abs() <= 2e-6 * value.max(1.0) * 2.0, "{transform:?} {value} {back}");
            }
        }
    }

    #[test]
    fn values_outside_the_domain_are_refused() {
        assert_eq!(Transform::Sqrt.forward(-1e-9), None);
        assert_eq!(Transform::Log.forward(0.0), None);
        assert_eq!(Transform::None.forward(f32::NAN), None);
        assert_eq!(Transform::None.forward(f32::INFINITY), None);
        assert_eq!(Transform::Sqrt.forward(0.0), Some(0.0));
    }

    #[test]
    fn a_negative_root_is_zero() {
        assert_eq!(Transform::Sqrt.inverse(-0.3), 0.0);
    }
}
