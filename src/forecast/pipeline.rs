//! The way of a window through a network, shape by shape and for shapes known only at run time alike.

use super::{Normalization, SampleError, Transform};
use crate::arithmetic::{InputScaling, Number};

/// A network with its state, its shapes hidden behind slices.
pub trait Recurrent<N: Number> {
    /// Back to the state before the first step.
    fn reset(&mut self);
    /// Where the next step's input is written.
    fn input(&mut self) -> &mut [N::Activation];
    /// One time step.
    fn step(&mut self);
}

/// How samples become a network's steps, and its output a forecast. Borrowed from the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pipeline<'m> {
    /// The value transform.
    pub transform: Transform,
    /// What is subtracted from a window.
    pub normalization: Normalization,
    /// Offset, scale and limit of each column.
    pub scaling: &'m [[f32; 3]],
}

impl Pipeline<'_> {
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

    /// Writes a step's input: `samples` of `[features]` values of the transformed domain, oldest first. `last`: what is subtracted
    /// under [`Normalization::Last`]. Gives the number of clamped values.
    #[inline]
    pub fn encode<'s, N: Number>(
        &self,
        samples: &mut impl Iterator<Item = &'s [f32]>,
        last: &[f32],
        input: &mut [N::Activation],
    ) -> u32 {
        let mut clamped = 0;
        for slots in input.chunks_exact_mut(self.scaling.len().max(1)) {
            let Some(sample) = samples.next() else { break };
            for (((slot, z), scaling), last) in slots.iter_mut().zip(sample).zip(self.scaling).zip(last) {
                let InputScaling { offset, scale, limit } = (*scaling).into();
                let offset = match self.normalization {
                    Normalization::None => offset,
                    Normalization::Last => *last,
                };
                let (activation, over) = N::encode(z - offset, scale, limit);
                *slot = activation;
                clamped += u32::from(over);
            }
        }
        clamped
    }

    /// Runs a network over a window from its zero state. `window`: samples of `[features]` values of the transformed domain, oldest
    /// first; `last`: the window's last sample. Gives the number of clamped inputs; the forecast is then the head's.
    #[inline]
    pub fn run<'s, N: Number>(
        &self,
        network: &mut impl Recurrent<N>,
        steps: usize,
        mut window: impl Iterator<Item = &'s [f32]>,
        last: &[f32],
    ) -> u32 {
        network.reset();
        let mut clamped = 0;
        for _ in 0..steps {
            clamped += self.encode::<N>(&mut window, last, network.input());
            network.step();
        }
        clamped
    }

    /// A head's values to raw sensor units, in place. `row`: the values of one target; `last`: that column's last value.
    #[inline]
    pub fn decode(&self, row: &mut [f32], last: f32) {
        for value in row {
            let z = match self.normalization {
                Normalization::None => *value,
                Normalization::Last => *value + last,
            };
            *value = self.transform.inverse(z);
        }
    }
}
