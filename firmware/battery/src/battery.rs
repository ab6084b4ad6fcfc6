//! The battery: which layers, how many steps, and what came out.

use embedded_rnn::{Cell16, Int8, JointNorm, Kept, NormA, NormB, PackedPair, Plain, RowMajor, Zoneout, ZoneoutCell};

use crate::random::Random;
use crate::{float, int8};

/// The most inputs and the most units of a layer.
pub(crate) const LARGEST: usize = 40;

/// Words of memory, 8 bytes each, that hold the largest record: 40 inputs and 40 units in `f32`.
pub const MEMORY: usize = 7000;

/// A layer's inputs and units, each from 1 to [`LARGEST`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub inputs: usize,
    pub hidden: usize,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Packed pairs and `f32`: every cell, and heads.
    Standard,
    /// Integers in row-major order, for cores with vectors.
    RowMajor,
    /// The 16-bit cell, for cores without a long multiplication.
    Cell16,
}

/// What a battery found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Steps of layers and passes of heads that were compared.
    pub steps: u32,
    /// Those that differ in at least one bit of hidden, cell or wide state, or of a forecast.
    pub mismatches: u32,
    /// The number, counted from 1, of the layer or head in which the first difference was, or 0. The same seed gives it again.
    pub first: u32,
    /// Layers that did not fit the memory, or were refused when they were bound.
    pub refused: u32,
}

/// A running report.
#[derive(Default)]
pub(crate) struct Tally {
    report: Report,
    case: u32,
    pub refused: u32,
}

impl Tally {
    /// Counts a comparison.
    pub fn step(&mut self, equal: bool) {
        self.report.steps += 1;
        if !equal {
            self.report.mismatches += 1;
            if self.report.first == 0 {
                self.report.first = self.case;
            }
        }
    }
}

/// Drives a layer or a head that is written into the memory.
type Case = fn(&mut [u64], &mut Random, Shape, &mut Tally);

impl Suite {
    /// A layer or a head, and whether it is one of `f32`, whose weights take four times the memory.
    fn draw(self, random: &mut Random) -> (Case, bool) {
        match self {
            Suite::Standard => standard(random.below(20)),
            Suite::RowMajor => (row_major(random.below(10)), false),
            Suite::Cell16 => (cell16(random.below(8)), false),
        }
    }
}

fn standard(kind: u32) -> (Case, bool) {
    let case: Case = match kind {
        0 | 1 => int8::lstm::<Int8, Plain>,
        2 => int8::lstm::<Int8, ZoneoutCell>,
        3 => int8::lstm::<Int8, Zoneout>,
        4 => int8::lstm::<Int8, Kept<Plain>>,
        5 => int8::lstm::<Int8, Kept<Zoneout>>,
        6 => int8::lstm::<Int8, JointNorm<Plain>>,
        7 => int8::lstm::<Int8, JointNorm<Zoneout>>,
        8 => int8::lstm::<Int8, JointNorm<Kept<ZoneoutCell>>>,
        9 => int8::lstm::<Int8, NormA<Plain>>,
        10 => int8::lstm::<Int8, NormA<Kept<Zoneout>>>,
        11 => int8::lstm::<Int8, NormB<ZoneoutCell>>,
        12 => int8::lstm::<Int8, NormB<Kept<Plain>>>,
        13 => int8::dense,
        14 => float::lstm::<Plain>,
        15 => float::lstm::<Zoneout>,
        16 => float::lstm::<JointNorm<Kept<ZoneoutCell>>>,
        17 => float::lstm::<NormA<Zoneout>>,
        18 => float::lstm::<NormB<Plain>>,
        _ => float::dense,
    };
    (case, kind >= 14)
}

fn row_major(kind: u32) -> Case {
    type Number = Int8<RowMajor>;
    match kind {
        0..3 => int8::lstm::<Number, Plain>,
        3 => int8::lstm::<Number, ZoneoutCell>,
        4 => int8::lstm::<Number, Zoneout>,
        5 => int8::lstm::<Number, Kept<Plain>>,
        6 => int8::lstm::<Number, JointNorm<Plain>>,
        7 => int8::lstm::<Number, JointNorm<Kept<Zoneout>>>,
        8 => int8::lstm::<Number, NormA<Plain>>,
        _ => int8::lstm::<Number, NormB<ZoneoutCell>>,
    }
}

fn cell16(kind: u32) -> Case {
    type Number = Int8<PackedPair, Cell16>;
    match kind {
        0..4 => int8::lstm::<Number, Plain>,
        4 => int8::lstm::<Number, ZoneoutCell>,
        5 => int8::lstm::<Number, Zoneout>,
        6 => int8::lstm::<Number, Kept<Plain>>,
        _ => int8::lstm::<Number, Kept<Zoneout>>,
    }
}

/// Runs at least `steps` random steps from `seed`: kernels of this target beside the portable code. `memory` holds one record at a
/// time; shapes are drawn so that they fit, so that a small core runs it with a few kilobytes and sees smaller layers.
pub fn run(suite: Suite, memory: &mut [u64], seed: u32, steps: u32) -> Report {
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    // Twice as many words of 4 bytes; a unit of a norm in forms A and B has 16 words beside its weights, each block of columns one, and
    // rows are padded.
    let words = 2 * memory.len();
    while tally.report.steps < steps {
        tally.case += 1;
        let (case, is_float) = suite.draw(&mut random);
        let per_column = if is_float { 4 } else { 1 };
        let shape = loop {
            let [inputs, hidden] = [0; 2].map(|_| 1 + random.below(LARGEST as u32) as usize);
            if 128 + hidden * (per_column * (inputs + hidden + 8) + 64) <= words || (inputs == 1 && hidden == 1) {
                break Shape { inputs, hidden };
            }
        };
        case(memory, &mut random, shape, &mut tally);
        if tally.refused >= 100 {
            // A memory that holds no layer gives no steps either.
            break;
        }
    }
    Report { refused: tally.refused, ..tally.report }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn every_layer_fits_and_agrees() {
        let mut memory = std::vec![0; MEMORY];
        for suite in [Suite::Standard, Suite::RowMajor, Suite::Cell16] {
            let report = run(suite, &mut memory, 1, 10_000);
            assert!(report.steps >= 10_000, "{report:?}");
            assert_eq!((report.mismatches, report.first, report.refused), (0, 0, 0), "{suite:?}");
        }
    }

    #[test]
    fn a_small_memory_holds_small_layers() {
        for suite in [Suite::Standard, Suite::RowMajor, Suite::Cell16] {
            let report = run(suite, &mut [0; 600], 2, 2_000);
            assert!(report.steps >= 2_000 && report.refused == 0, "{suite:?}: {report:?}");
        }
    }

    #[test]
    fn no_memory_is_no_endless_loop() {
        assert_eq!(run(Suite::Standard, &mut [], 3, 10), Report { refused: 100, ..Report::default() });
    }
}
