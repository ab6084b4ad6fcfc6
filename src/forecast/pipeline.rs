//! The way of a window through a network, shape by shape and for shapes known only at run time alike.

use super::level::{Level, deviation, mean};
use super::{Normalization, SampleError, Transform};
use crate::arithmetic::{InputScaling, Number};
use crate::image::{LoadError, Record, Window};

/// A network with its state, its shapes hidden behind slices.
pub trait Recurrent<N: Number> {
    /// Back to the state before the first step.
    fn reset(&mut self);
    /// Where the next step's input is written.
    fn input(&mut self) -> &mut [N::Activation];
    /// One time step.
    fn step(&mut self);
}

/// The smallest of the least deviations that a file may state, `2^-100`: its reciprocal is far from overflowing.
const LEAST: f32 = f32::from_bits((127 - 100) << 23);

/// How samples become a network's steps, and its output a forecast. Borrowed from the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pipeline<'m> {
    /// The value transform.
    pub transform: Transform,
    /// What is subtracted from a window.
    pub normalization: Normalization,
    /// Offset (where windows are scaled: least deviation), scale and limit of each column.
    pub scaling: &'m [[f32; 3]],
}

impl<'m> Pipeline<'m> {
    /// Takes the scaling record and checks it, and that the window holds a whole number of steps beside its season.
    pub fn bind(record: &Record<'m>, window: &Window) -> Result<Self, LoadError> {
        let (lookback, season) = (usize::from(window.lookback), window.normalization.season());
        let patch = usize::from(window.patch);
        let whole = patch > 0 && season < lookback && (lookback - season).is_multiple_of(patch);
        let empty_season = season == 0 && matches!(window.normalization, Normalization::Seasonal { .. });
        if !whole || empty_season {
            return Err(LoadError::Manifest);
        }
        record.expect_shape(0, window.features.into(), window.targets.into())?;
        let mut fields = record.fields();
        let scaling = fields.slice::<[f32; 3]>(window.features.into())?;
        fields.end()?;
        let sound = |least: f32| least.is_finite() && least >= LEAST;
        if window.normalization == Normalization::Scaled && !scaling.iter().all(|[least, ..]| sound(*least)) {
            return Err(record.malformed());
        }
        Ok(Pipeline { transform: window.transform, normalization: window.normalization, scaling })
    }

    /// Raw sensor units to the transformed domain. `raw`, `z`: `[features]`.
    #[inline]
    pub fn transform(&self, raw: &[f32], z: &mut [f32]) -> Result<(), SampleError> {
        for (feature, (raw, z)) in raw.iter().zip(z).enumerate() {
            let feature = feature as u16;
            if !raw.is_finite() {
                return Err(SampleError::NotFinite { feature });
            }
            *z = self.transform.forward(*raw).ok_or(SampleError::OutOfDomain { feature })?;
        }
        Ok(())
    }

    /// Measures every column of a window. `window`: its samples of `[features]` values of the transformed domain, oldest first; `last`: the
    /// newest of them; `levels`: `[features]`. Without per-window normalization neither is looked at.
    ///
    /// A mean costs two additions a value, a deviation three multiplications and additions more; each also a division.
    #[inline]
    pub fn measure<'s>(&self, window: impl Iterator<Item = &'s [f32]> + Clone, last: &[f32], levels: &mut [Level]) {
        for (column, (level, scaling)) in levels.iter_mut().zip(self.scaling).enumerate() {
            let InputScaling { offset, scale, .. } = (*scaling).into();
            let last = last.get(column).copied().unwrap_or_default();
            *level = Level { offset, scale, deviation: 1.0 };
            match self.normalization {
                Normalization::None => {}
                Normalization::Last => level.offset = last,
                Normalization::Seasonal { .. } => level.offset = 0.0,
                Normalization::Mean | Normalization::Scaled => {
                    let values = window.clone().filter_map(|sample| sample.get(column).copied());
                    level.offset = mean(values.clone(), last);
                    if self.normalization == Normalization::Scaled {
                        level.deviation = deviation(values, level.offset, offset);
                        level.scale = scale / level.deviation;
                    }
                }
            }
        }
    }

    /// Writes a step's input: `samples` of `[features]` values of the transformed domain, oldest first, measured by `levels`; `earlier`: those
    /// of a season before, under [`Normalization::Seasonal`]. Gives the number of clamped values.
    #[inline]
    pub fn encode<'s, N: Number>(
        &self,
        samples: &mut impl Iterator<Item = &'s [f32]>,
        earlier: &mut impl Iterator<Item = &'s [f32]>,
        levels: &[Level],
        input: &mut [N::Activation],
    ) -> u32 {
        let seasonal = self.normalization.season() > 0;
        let mut clamped = 0;
        for slots in input.chunks_exact_mut(self.scaling.len().max(1)) {
            let Some(sample) = samples.next() else { break };
            let earlier = if seasonal { earlier.next() } else { None }.unwrap_or_default();
            for (column, (((slot, z), [_, _, limit]), level)) in
                slots.iter_mut().zip(sample).zip(self.scaling).zip(levels).enumerate()
            {
                let offset = earlier.get(column).unwrap_or(&level.offset);
                let (activation, over) = N::encode(z - offset, level.scale, *limit);
                *slot = activation;
                clamped += u32::from(over);
            }
        }
        clamped
    }

    /// Runs a network over a window from its zero state. `samples`, of `[features]` values of the transformed domain, oldest first: those that
    /// the network reads; `earlier`: the window from its beginning, where that is a season before; `levels`: what [`Self::measure`] made of
    /// the window. Gives the number of clamped inputs; the forecast is then the head's.
    #[inline]
    pub fn run<'s, N: Number>(
        &self,
        network: &mut impl Recurrent<N>,
        steps: usize,
        mut samples: impl Iterator<Item = &'s [f32]>,
        mut earlier: impl Iterator<Item = &'s [f32]>,
        levels: &[Level],
    ) -> u32 {
        network.reset();
        let mut clamped = 0;
        for _ in 0..steps {
            clamped += self.encode::<N>(&mut samples, &mut earlier, levels, network.input());
            network.step();
        }
        clamped
    }

    /// A head's values to raw sensor units, in place. `row`: the values of one target, `quantiles` each; `level`: that column's; `season`: its
    /// values over the window's last season, oldest first, which are what is added under [`Normalization::Seasonal`], again and again.
    #[inline]
    pub fn decode(&self, row: &mut [f32], quantiles: usize, level: &Level, season: impl Iterator<Item = f32> + Clone) {
        let mut season = season.cycle();
        for values in row.chunks_mut(quantiles.max(1)) {
            let before = if self.normalization.season() > 0 { season.next() } else { None }.unwrap_or_default();
            for value in values {
                let z = match self.normalization {
                    Normalization::None => *value,
                    Normalization::Last | Normalization::Mean => *value + level.offset,
                    Normalization::Scaled => *value * level.deviation + level.offset,
                    Normalization::Seasonal { .. } => *value + before,
                };
                *value = self.transform.inverse(z);
            }
        }
    }
}
