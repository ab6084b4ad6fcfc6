//! What publications state for ETTh1's oil temperature, on the same rows and the same scale.

/// Errors of one published forecaster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// The forecaster.
    pub name: &'static str,
    /// Where its figures stand.
    pub source: &'static str,
    /// Horizon, mean square error, mean absolute error; digits as they were printed.
    pub figures: &'static [(usize, f64, f64)],
}

/// Univariate ETTh1, target OT.
pub const ETTH1: &[Published] = &[
    Published {
        name: "Informer",
        source: "Zhou et al., arXiv 2012.07436",
        figures: &[(24, 0.098, 0.247), (48, 0.158, 0.319), (168, 0.183, 0.346)],
    },
    Published {
        name: "LSTMa",
        source: "Zhou et al., arXiv 2012.07436",
        figures: &[(24, 0.114, 0.272), (48, 0.193, 0.358), (168, 0.236, 0.392)],
    },
    Published { name: "FEDformer", source: "Zhou et al., arXiv 2201.12740", figures: &[(96, 0.079, 0.215)] },
    Published { name: "DLinear", source: "Zeng et al., arXiv 2205.13504", figures: &[(96, 0.056, 0.180)] },
    Published { name: "NLinear", source: "Zeng et al., arXiv 2205.13504", figures: &[(96, 0.053, 0.177)] },
];
