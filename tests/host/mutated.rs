//! Files of random changes with a checksum that fits them: refused by name, or models that run, but never a panic. Arithmetic overflow
//! panics in test builds, so that what wraps is meant to.

use core::ops::Range;

use embedded_rnn::image::{Arithmetic, HEADER_LENGTH, Image, RecordKind};
use embedded_rnn::network::{CellForm, NormForm};
use proptest::prelude::*;

use crate::fixtures::{ALL, Bytes};

/// A change of a few bytes somewhere: random ones, or those at which numbers end.
fn change() -> impl Strategy<Value = (prop::sample::Index, Vec<u8>)> {
    let extreme = prop::sample::select(vec![0x00, 0x01, 0x7f, 0x80, 0xff]);
    let run = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8),
        prop::collection::vec(extreme.clone(), 1..8),
        (extreme, 1..400usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    (any::<prop::sample::Index>(), run)
}

/// The bytes of an LSTM's tensors that are refused unless they fit the shape: the words of blocks, keep factors, the norms' parameters, and
/// what a norm takes its statistics of inputs with.
fn fixed(file: &[u8], record: usize, integer: bool) -> Vec<Range<usize>> {
    let u16_at = |at: usize| u16::from_le_bytes(file[record + at..][..2].try_into().unwrap());
    let form = CellForm::from_number(u16_at(2)).unwrap();
    let (inputs, units) = (usize::from(u16_at(4)), usize::from(u16_at(6)));
    let mut ranges: Vec<Range<usize>> = core::iter::once(8..12).collect();
    let kept = if form.kept { 16 } else { 0 };
    if form.kept {
        ranges.push(16..32);
    }
    if form.norm != NormForm::None {
        ranges.push(16 + kept..16 + kept + if integer { 48 } else { 32 });
        let mut at = 16 + kept;
        let [from_inputs, per_gate] =
            (if integer { [12, 4] } else { [24, 16] }).map(|word| file[record + 16 + at + word..][..4] != [0; 4]);
        if from_inputs {
            // Constants and triangles follow the gains and shifts.
            at += if integer { 48 } else { 32 } + 16 * units * (form.scratch_rows() + usize::from(form.separate()));
            let triangles = inputs * (inputs + 3) / 2 * if per_gate { 4 } else { 1 };
            ranges.push(at..at + if integer { 32 } else { 16 } + 4 * triangles.next_multiple_of(4));
        }
    }
    ranges
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_never_panic(
        fixture in 0..ALL.len(),
        changes in prop::collection::vec(change(), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let fixture = &ALL[fixture];
        let mut file = (fixture.bytes)().to_vec();
        for (at, bytes) in &changes {
            let at = HEADER_LENGTH + at.index(file.len() - HEADER_LENGTH);
            file.splice(at..(at + bytes.len()).min(file.len()), bytes.iter().copied());
        }
        if let Some(cut) = cut {
            file.truncate(HEADER_LENGTH + cut.index(file.len() - HEADER_LENGTH));
        }
        // Whatever comes of it is right, as long as it comes.
        let _ = (fixture.exercise)(Bytes::new(&file).repaired().as_slice());
    }

    /// Shapes as they are, all numbers of all records at random: most of these load, and all of those run.
    #[test]
    fn random_weights_never_panic(
        fixture in 0..ALL.len(),
        seed in any::<u64>(),
        extremes in any::<bool>(),
        keep in 0..1_000u64,
    ) {
        let fixture = &ALL[fixture];
        let mut file = Bytes::new((fixture.bytes)());
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        // The header of each record stays, as does what must fit an LSTM's shape, and the signs of its first parameters.
        let manifest = Image::open((fixture.bytes)()).unwrap().manifest;
        let depth = manifest.window.layers.into();
        let integer = matches!(manifest.arithmetic, Arithmetic::Int8 { .. });
        let records: Vec<usize> = (0..depth + 3).map(|record| file.record(record)).collect();
        for (record, at) in records.into_iter().enumerate() {
            let length = u32::from_le_bytes(file.as_slice()[at + 8..][..4].try_into().unwrap()) as usize;
            let lstm = (1..=depth).contains(&record);
            let normed_head = record == depth + 1 && file.as_slice()[at + 2] == 1;
            let intervals = file.as_slice()[at] == RecordKind::Intervals as u8;
            let fixed = match (lstm, normed_head) {
                // Levels and widenings are numbers of some sense, or are refused.
                _ if intervals => std::iter::once(0..length).collect(),
                (true, _) => fixed(file.as_slice(), at, integer),
                // The parameters of the norm before the head.
                (false, true) => std::iter::once(0..16).collect(),
                (false, false) => Vec::new(),
            };
            for (offset, byte) in file.as_mut_slice()[at + 16..][..length].iter_mut().enumerate() {
                let stays = fixed.iter().any(|range| range.contains(&offset));
                if !stays && next() % 1_000 >= keep {
                    *byte = if extremes { [0x00, 0x7f, 0x80, 0xff][next() as usize % 4] } else { next() as u8 };
                    if lstm && offset < 8 {
                        *byte &= if offset % 4 == 3 { 0x7f } else { 0xff };
                    }
                }
            }
        }
        prop_assert_eq!((fixture.exercise)(file.repaired().as_slice()), Ok(()));
    }
}
