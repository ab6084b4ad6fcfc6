//! Files whose checksum holds and whose parameters lie: refused where they have no meaning, harmless where they have an unlikely one.
//! Overflow is checked in tests, so that a run that ends has wrapped nowhere but where it may.

use embedded_rnn::image::{HEADER_LENGTH, RECORD_HEADER_LENGTH, RecordKind, checksum};
use embedded_rnn::{Dense, Float, Int8, LoadError, Lstm, Network};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::sketch::{Extras, Random, Sketch};

/// Inputs of which the norm over `W x` takes no statistics, for they are too many for 6 units.
const MANY: u16 = 11;

/// Inputs that it takes its statistics of, in forms A and B.
const FEW: u16 = 3;

/// A file of one layer of 6 units, with keep factors and zoneout.
fn built(norm: NormForm, integer: bool, inputs: u16) -> Vec<u8> {
    type Net = Network<Lstm<3, 6>, Dense<6, 1, 2>>;
    let sketch =
        if integer { Sketch::of::<Int8, Net>(3, &[6], inputs, 12, 1) } else { Sketch::of::<Float, Net>(3, &[6], inputs, 12, 1) };
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

/// Words of an integer record: 0..4 the zone, 4..8 keep factors, 8..12 divisor, per gate, words of U, 0; 12..20 three ε and 0 as 64 bits.
#[test]
fn lying_integer_parameters_are_refused() {
    for norm in [NormForm::A, NormForm::B, NormForm::Joint] {
        let built = built(norm, true, MANY);
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
    // Words of U where its columns are in no blocks.
    let built = built(NormForm::A, true, MANY);
    accepted(&built, &[(10, 0)]);
    for words in [1, 6 * (12 + 8), 6 * (12 + 9), u32::MAX] {
        refused(&built, &[(10, words)]);
    }
}

/// Words of an `f32` record: 0..4 the zone, 4..8 keep factors, 8..16 three ε, divisor, per gate, centered, 0, 0.
#[test]
fn lying_f32_parameters_are_refused() {
    let bits = |value: f32| value.to_bits();
    for norm in [NormForm::A, NormForm::Joint] {
        let built = built(norm, false, MANY);
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
    refused(&built(NormForm::Joint, false, MANY), &[(9, bits(1e-5))]);
}

/// Where the norm over `W x` takes its statistics of 3 inputs. Words: 20..92 three rows of gains and shifts a unit, 92..100 four constants as
/// 64 bits, 100..109 the triangle, and zeros to 112.
#[test]
fn lying_integer_statistics_of_inputs_are_refused() {
    for norm in [NormForm::A, NormForm::B] {
        let built = built(norm, true, FEW);
        accepted(&built, &[]);
        for shift in [1, 32] {
            accepted(&built, &[(11, shift)]);
        }
        // No such shift; none, with the sizes of one; gate by gate, with the sizes of one block; an ε beside the constant.
        for words in [[(11, 33)], [(11, u32::MAX)], [(11, 0)], [(9, 1)], [(12, 1)], [(13, 1)]] {
            refused(&built, &words);
        }
        refused(&built, &[(92, 1), (93, 1 << 28)]);
        accepted(&built, &[(92, 0), (93, 1 << 28)]);
        for word in (94..100).chain(109..112) {
            refused(&built, &[(word, 1)]);
        }
    }
    // A shift without the tensors that it announces, and one in a form whose norm reads h too.
    refused(&built(NormForm::A, true, MANY), &[(11, 5), (12, 0), (13, 0)]);
    refused(&built(NormForm::Joint, true, FEW), &[(11, 5), (12, 0), (13, 0)]);
}

/// Words: 16..88 three rows of gains and shifts a unit, 88..92 four constants, 92..101 the triangle, and zeros to 104.
#[test]
fn lying_f32_statistics_of_inputs_are_refused() {
    let bits = |value: f32| value.to_bits();
    let built_a = built(NormForm::A, false, FEW);
    accepted(&built_a, &[]);
    accepted(&built_a, &[(88, bits(7.0))]);
    for (word, value) in
        [(14, 0.0), (14, 0.5), (14, 2.0), (12, 1.0), (8, 1e-5), (89, 1e-5), (91, f32::NAN), (101, 1.0), (103, 1.0)]
    {
        refused(&built_a, &[(word, bits(value))]);
    }
    for value in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(&built_a, &[(88, bits(value))]);
    }
    refused(&built(NormForm::A, false, MANY), &[(14, bits(1.0)), (8, 0)]);
    refused(&built(NormForm::Joint, false, FEW), &[(14, bits(1.0)), (8, 0)]);
}

/// Weights, biases, multipliers, gains, shifts and ε of any bits: a forecast comes, twice the same.
#[test]
fn any_tensors_run() {
    let mut random = Random(5);
    let mut word = || (random.next() * 2_147_483_648.0) as i32 as u32;
    for (norm, inputs) in
        [(NormForm::A, MANY), (NormForm::A, FEW), (NormForm::B, MANY), (NormForm::B, FEW), (NormForm::Joint, FEW)]
    {
        for integer in [true, false] {
            let built = built(norm, integer, inputs);
            let words = tensors(&built).len() / 4;
            let windows: Vec<Vec<f32>> = (0..4).map(|seed| Random(seed).samples(12, inputs.into())).collect();
            let first = if integer { 20 } else { 16 };
            let from_inputs = norm != NormForm::Joint && inputs == FEW;
            // Constants, and zeros behind a triangle, are left as they are.
            let constants = match integer {
                _ if !from_inputs => [0..0, 0..0],
                true => [92..100, 109..112],
                false => [88..92, 101..104],
            };
            let free = |index: &usize| !constants.iter().any(|range| range.contains(index));
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
                    let largest = (0, [0, 1 << 28][round % 2]);
                    if from_inputs {
                        forgery.extend([(8, units), (11, 1 + word() % 32), (92, largest.0), (93, largest.1)]);
                    } else {
                        forgery.extend([(8, units), (9, word() & 1), (12, largest.0), (13, largest.1)]);
                    }
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
