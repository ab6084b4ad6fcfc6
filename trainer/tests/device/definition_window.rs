//! Per-window normalization as the format's specification has it, in `f32` and written by its formulas.

use embedded_rnn::image::Normalization;

use crate::sketch::Sketch;

/// A column of a window, by the specification's names.
struct Column {
    z: Vec<f32>,
    m: f32,
    s: f32,
}

/// A window of transformed samples `[lookback][F]`, measured.
pub struct Measured {
    columns: Vec<Column>,
    normalization: Normalization,
}

impl Measured {
    pub fn of(sketch: &Sketch, window: &[f32]) -> Measured {
        let features = usize::from(sketch.window.features);
        let least = sketch.least_deviations();
        let column = |j: usize| {
            let z: Vec<f32> = window.iter().skip(j).step_by(features).copied().collect();
            let (l, newest) = (z.len() as f32, z[z.len() - 1]);
            let m = newest + z.iter().fold(0.0f32, |sum, z| sum + (z - newest)) / l;
            let s = least.get(j).map_or(1.0, |least| {
                let squares = z.iter().fold(0.0f32, |sum, z| {
                    let d = (z - m) * (1.0 / least);
                    sum + d * d
                });
                least * (squares / l).sqrt().max(1.0)
            });
            Column { z, m, s }
        };
        Measured { columns: (0..features).map(column).collect(), normalization: sketch.window.normalization }
    }

    /// What enters before it is clamped, `[lookback - season][F]`. `scaling`: offset and scale of each column, as a file without per-window
    /// normalization has them.
    pub fn entering(&self, scaling: &[[f32; 2]]) -> Vec<f32> {
        let season = if let Normalization::Seasonal { season } = self.normalization { usize::from(season) } else { 0 };
        let mut entering = Vec::new();
        for t in season..self.columns[0].z.len() {
            for (Column { z, m, s }, [offset, scale]) in self.columns.iter().zip(scaling) {
                entering.push(match self.normalization {
                    Normalization::None => (z[t] - offset) * scale,
                    Normalization::Last => (z[t] - z[z.len() - 1]) * scale,
                    Normalization::Mean => (z[t] - m) * scale,
                    Normalization::Scaled => (z[t] - m) * (scale / s),
                    Normalization::Seasonal { .. } => (z[t] - z[t - season]) * scale,
                });
            }
        }
        entering
    }

    /// A head's output back in the transformed domain: of target `t`, of the value `k` samples after the first.
    pub fn back(&self, y: f32, t: usize, k: usize) -> f32 {
        let Column { z, m, s } = &self.columns[t];
        match self.normalization {
            Normalization::None => y,
            Normalization::Last => y + z[z.len() - 1],
            Normalization::Mean => y + m,
            Normalization::Scaled => y * s + m,
            Normalization::Seasonal { season } => y + z[z.len() - usize::from(season) + k % usize::from(season)],
        }
    }
}
