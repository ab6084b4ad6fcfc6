//! Files whose checksum holds and whose parameters lie: refused where they have no meaning, harmless where they have an unlikely one.
//! Overflow is checked in tests, so that a run that ends has wrapped nowhere but where it may.

use embedded_rnn::image::{HEADER_LENGTH, RECORD_HEADER_LENGTH, RecordKind, checksum};
use embedded_rnn::{Dense, Float, Int8, LoadError, Lstm, Network};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::sketch::{Extras, Random, Sketch};

/// A file of one layer of 6 units that read 3 inputs, with keep factors and zoneout.
fn built(norm: NormForm, integer: bool) -> Vec<u8> {
    type Net = Network<Lstm<3, 6>, Dense<6, 1, 2>>;
    let sketch = if integer { Sketch::of::<Int8, Net>(3, &[6], 3, 12, 1) } else { Sketch::of::<Float, Net>(3, &[6], 3, 12, 1) };
    let extras = Extras { norm: Some(norm), kept: true, ..Extras::default() };
    sketch.with_extras(extras).with_zoneout(0.3, 0.2, Reading::Candidate).build().file
}

/// Where the tensors of the LSTM record lie in a file.
fn tensors(file: &[u8]) -> std::ops::Range<usize> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let mut at = (HEADER_LENGTH + word(20)).next_multiple_of(16);
    loop {
        let start = at + RECORD_HEADER_LENGTH;
        let end = start + word(at + 8);
        if file[at] == RecordKind::Lstm as u8 {
            return start..end;
        }
        at = end.next_multiple_of(16);
    }
}

/// The file with words of the LSTM record's tensors replaced, its checksum renewed.
fn forged(built: &[u8], words: &[(usize, u32)]) -> ModelBytes {
    let mut file = built.to_vec();
    let start = tensors(&file).start;
    for (index, word) in words {
        file[start + 4 * index..][..4].copy_from_slice(&word.to_le_bytes());
    }
    let sum = checksum(&file);
    file[16..20].copy_from_slice(&sum.to_le_bytes());
    ModelBytes::new(&file)
}

fn refused(built: &[u8], words: &[(usize, u32)]) {
    let file = forged(built, words);
    assert_eq!(DeviceModel::bind(file.as_slice()).err(), Some(LoadError::Malformed { record: RecordKind::Lstm }), "{words:x?}");
}

fn accepted(built: &[u8], words: &[(usize, u32)]) {
    assert!(DeviceModel::bind(forged(built, words).as_slice()).is_ok(), "{words:x?}");
}

/// Words of an integer record: 0..4 the zone, 4..8 keep factors, 8..12 divisor, per gate, blocks of U, 0; 12..20 three ε and 0 as 64 bits.
#[test]
fn lying_integer_parameters_are_refused() {
    for norm in [NormForm::A, NormForm::B, NormForm::Joint] {
        let built = built(norm, true);
        accepted(&built, &[]);
        // A keep factor below zero, words that must be zero.
        for words in [[(4, 0x8000_0000)], [(5, u32::MAX)], [(6, 1)], [(7, 1)], [(11, 1)], [(18, 1)], [(19, 1)]] {
            refused(&built, &words);
        }
        // Fewer rows than there are, more than there can be, and flags that are none.
        for words in [[(8, 5)], [(8, 0)], [(8, 0x1_0000)], [(8, u32::MAX)], [(9, 2)], [(10, 9)], [(10, u32::MAX)]] {
            refused(&built, &words);
        }
        accepted(&built, &[(8, 0xffff)]);
        accepted(&built, &[(9, 1)]);
        // Each ε at most 2^60.
        refused(&built, &[(12, 1), (13, 1 << 28)]);
        accepted(&built, &[(12, 0), (13, 1 << 28)]);
        let apart = norm != NormForm::Joint;
        for words in [[(14, 1), (15, 0)], [(16, 1), (17, 0)]] {
            if apart { accepted(&built, &words) } else { refused(&built, &words) }
        }
    }
    // Blocks of U that do not add up to its columns: they follow the 6 units' four rows of gains.
    let built = built(NormForm::A, true);
    let blocks = 20 + 6 * 16;
    accepted(&built, &[(blocks, 12)]);
    for word in [0, 4, 8, 16, u32::MAX] {
        refused(&built, &[(blocks, word)]);
    }
}

/// Words of an `f32` record: 0..4 the zone, 4..8 keep factors, 8..16 three ε, divisor, per gate, centered, 0, 0.
#[test]
fn lying_f32_parameters_are_refused() {
    let bits = |value: f32| value.to_bits();
    for norm in [NormForm::A, NormForm::Joint] {
        let built = built(norm, false);
        accepted(&built, &[]);
        for value in [0.0, -1e-5, f32::NAN, f32::INFINITY] {
            refused(&built, &[(8, bits(value))]);
            if norm == NormForm::A {
                refused(&built, &[(9, bits(value))]);
                refused(&built, &[(10, bits(value))]);
            }
        }
        for value in [0.0, 5.0, 6.5, -6.0, 65_536.0, f32::NAN, f32::INFINITY] {
            refused(&built, &[(11, bits(value))]);
        }
        for (word, value) in [(6, 1.0), (7, f32::NAN), (12, 0.5), (12, f32::NAN), (13, 2.0), (14, 1.0), (15, -1.0)] {
            refused(&built, &[(word, bits(value))]);
        }
        accepted(&built, &[(11, bits(9.0)), (12, bits(1.0)), (13, bits(0.0))]);
    }
    refused(&built(NormForm::Joint, false), &[(9, bits(1e-5))]);
}

/// Weights, biases, multipliers, gains, shifts and ε of any bits: a forecast comes, twice the same.
#[test]
fn any_tensors_run() {
    let mut random = Random(5);
    let mut word = || (random.next() * 2_147_483_648.0) as i32 as u32;
    for norm in [NormForm::A, NormForm::B, NormForm::Joint] {
        for integer in [true, false] {
            let built = built(norm, integer);
            let words = tensors(&built).len() / 4;
            let windows: Vec<Vec<f32>> = (0..4).map(|seed| Random(seed).samples(12, 3)).collect();
            let first = if integer { 20 } else { 16 };
            // Blocks must add up: they are left as they are. U's follow the gains, those of all columns U's stream.
            let blocks_of_u = 20 + 6 * 16;
            let blocks = match norm {
                NormForm::Joint => 20 + 6 * 8..24 + 6 * 8,
                _ => words - 4 - 6 * (4 + 8)..words - 6 * (4 + 8),
            };
            let free = |index: &usize| {
                let block = blocks.contains(index) || (norm != NormForm::Joint && (blocks_of_u..blocks_of_u + 4).contains(index));
                !(integer && block)
            };
            for round in 0..60 {
                let mut forgery: Vec<(usize, u32)> = (first..words)
                    .filter(free)
                    .map(|index| {
                        let value = match round % 6 {
                            0 => word(),
                            1 => {
                                [0, 1, u32::MAX, i32::MAX as u32, i32::MIN as u32, 0x7f7f_7f7f, 0x8080_8080][word() as usize % 7]
                            }
                            2 => i32::MAX as u32,
                            3 => i32::MIN as u32,
                            4 => word() >> (word() % 32),
                            _ => 0,
                        };
                        (index, value)
                    })
                    .collect();
                if integer {
                    // ε from nothing to the largest, over few rows and many, zone and keep factors likewise.
                    let units = [6, 7, 64, 65_535][round % 4];
                    forgery.extend([(8, units), (9, word() & 1), (12, 0), (13, [0, 1 << 28][round % 2])]);
                    forgery.extend([0, 1, 4, 5].map(|index| (index, word() >> 1)));
                }
                let file = forged(&built, &forgery);
                let mut model = DeviceModel::bind(file.as_slice()).unwrap();
                for window in &windows {
                    let forecast = model.forecast(window).unwrap();
                    let again = model.forecast(window).unwrap();
                    assert!(forecast.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()));
                }
            }
        }
    }
}
