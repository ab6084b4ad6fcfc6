//! Damaged files: every one is refused by name, none is used, none panics.

use embedded_rnn::arithmetic::Number;
use embedded_rnn::image::{Cursor, FORMAT_VERSION, HEADER_LENGTH, Image, LoadError, RecordHeader, RecordKind};
use embedded_rnn::{Int8, Plain, RowMajor};

use crate::fixtures::{ALL, Bytes, tiny_int8};

fn loads(bytes: &Bytes) -> Result<(), LoadError> {
    tiny_int8::Model::load(bytes.as_slice()).map(|_| ())
}

fn tiny() -> Bytes {
    Bytes::new(tiny_int8::BYTES)
}

#[test]
fn fixtures_are_sound() {
    for fixture in ALL {
        assert_eq!((fixture.exercise)((fixture.bytes)()), Ok(()), "{}", fixture.name);
    }
}

#[test]
fn every_truncation_is_refused() {
    for fixture in ALL {
        let whole = (fixture.bytes)();
        for found in 0..whole.len() {
            let expected = if found < HEADER_LENGTH {
                LoadError::TooShort { found }
            } else {
                LoadError::Length { stated: whole.len() as u32, found }
            };
            assert_eq!((fixture.exercise)(&whole[..found]), Err(expected), "{}", fixture.name);
        }
    }
}

/// The file's own length and checksum say that nothing is missing.
#[test]
fn every_truncation_that_is_meant_so_is_refused() {
    for fixture in ALL {
        let whole = (fixture.bytes)();
        for length in HEADER_LENGTH..whole.len() {
            let error = (fixture.exercise)(Bytes::new(&whole[..length]).repaired().as_slice()).unwrap_err();
            let expected = matches!(
                error,
                LoadError::Sections | LoadError::Manifest | LoadError::Record { found: 0, .. } | LoadError::Malformed { .. }
            );
            assert!(expected, "{} cut at {length}: {error:?}", fixture.name);
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for fixture in ALL {
        let mut bytes = Bytes::new((fixture.bytes)());
        for bit in 0..8 * bytes.as_slice().len() {
            let flip = |bytes: &mut Bytes| bytes.as_mut_slice()[bit / 8] ^= 1 << (bit % 8);
            flip(&mut bytes);
            let error = (fixture.exercise)(bytes.as_slice()).unwrap_err();
            let expected = match bit / 8 {
                0..8 => matches!(error, LoadError::NotAModel),
                8..10 => matches!(error, LoadError::Version { expected: FORMAT_VERSION, .. }),
                12..16 => matches!(error, LoadError::Length { .. }),
                _ => matches!(error, LoadError::Checksum { stated, found } if stated != found),
            };
            assert!(expected, "{}, bit {bit}: {error:?}", fixture.name);
            flip(&mut bytes);
        }
        assert_eq!(bytes.as_slice(), (fixture.bytes)());
    }
}

/// The file's own checksum says that the byte is right: then it is refused, or it is a model and runs.
#[test]
fn every_changed_byte_that_is_meant_so_is_refused_or_runs() {
    for fixture in ALL {
        let whole = Bytes::new((fixture.bytes)());
        let mut run = 0;
        for at in HEADER_LENGTH - 12..whole.as_slice().len() {
            for change in [0xff, 0x80] {
                let changed = whole.as_slice()[at] ^ change;
                run += usize::from((fixture.exercise)(whole.clone().with(at, &[changed]).repaired().as_slice()).is_ok());
            }
        }
        // Weights may have any value; shapes may not.
        assert!(run > whole.as_slice().len() / 2 && run < 2 * (whole.as_slice().len() - 100), "{}: {run}", fixture.name);
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for fixture in ALL {
        let whole = (fixture.bytes)();
        for count in 1..=40 {
            for fill in [0, 0xa5] {
                let mut longer = whole.to_vec();
                longer.resize(whole.len() + count, fill);
                let expected = LoadError::Length { stated: whole.len() as u32, found: longer.len() };
                assert_eq!((fixture.exercise)(Bytes::new(&longer).as_slice()), Err(expected), "{}", fixture.name);
                let expected = LoadError::TrailingBytes { found: count };
                assert_eq!((fixture.exercise)(Bytes::new(&longer).repaired().as_slice()), Err(expected), "{}", fixture.name);
            }
        }
    }
}

#[test]
fn misaligned_files_are_refused() {
    for fixture in ALL {
        let whole = (fixture.bytes)();
        for remainder in 1..16u8 {
            let mut shifted = vec![0; remainder.into()];
            shifted.extend(whole);
            let shifted = Bytes::new(&shifted);
            let result = (fixture.exercise)(&shifted.as_slice()[remainder.into()..]);
            assert_eq!(result, Err(LoadError::Misaligned { remainder }), "{}", fixture.name);
        }
    }
}

#[test]
fn other_versions_are_refused() {
    for found in [0, 1, 2, FORMAT_VERSION + 1, u16::MAX] {
        let file = tiny().with(8, &found.to_le_bytes()).repaired();
        assert_eq!(loads(&file), Err(LoadError::Version { expected: FORMAT_VERSION, found }));
    }
}

#[test]
fn reserved_bytes_and_padding_must_be_zero() {
    let whole = tiny();
    let records = whole.record(0);
    let manifest = u32::from_le_bytes(whole.as_slice()[20..24].try_into().unwrap()) as usize;
    assert!(HEADER_LENGTH + manifest < records, "this fixture's manifest is padded");
    for at in [10, 11].into_iter().chain(24..32).chain(HEADER_LENGTH + manifest..records) {
        assert_eq!(loads(&whole.clone().with(at, &[1]).repaired()), Err(LoadError::Sections), "byte {at}");
    }
    // A scaling record of 12 bytes and 4 of padding; the last four bytes of its header are reserved, and it has no form.
    for at in [2, 3, 12, 13, 14, 15, 28, 29, 30, 31] {
        let expected = LoadError::Malformed { record: RecordKind::Scaling };
        assert_eq!(loads(&whole.clone().with(records + at, &[1]).repaired()), Err(expected), "byte {at} of the record");
    }
}

#[test]
fn sections_beyond_the_file_are_refused() {
    let length = tiny().as_slice().len() as u32;
    for manifest in [length - 31, length, 1 << 31, u32::MAX - 15, u32::MAX] {
        assert_eq!(loads(&tiny().with(20, &manifest.to_le_bytes()).repaired()), Err(LoadError::Sections), "{manifest}");
    }
    // As long as the file, where the records are taken for more of the manifest, and of no length.
    assert_eq!(loads(&tiny().with(20, &(length - 32).to_le_bytes()).repaired()), Err(LoadError::Manifest));
    assert_eq!(loads(&tiny().with(20, &[0; 4]).repaired()), Err(LoadError::Manifest));
}

/// Arithmetic and layout are the first three bytes of a manifest.
#[test]
fn unknown_names_in_the_manifest_are_refused() {
    for at in [0, 2] {
        let file = tiny().with(HEADER_LENGTH + at, &[9]).repaired();
        assert_eq!(Image::open(file.as_slice()).map(|_| ()), Err(LoadError::Manifest), "byte {at}");
    }
}

#[test]
fn records_of_another_kind_are_refused() {
    use RecordKind::{Dense, Lstm, Scaling, SelfTest};
    for (index, expected) in [Scaling, Lstm, Dense, SelfTest].into_iter().enumerate() {
        let file = tiny();
        let at = file.record(index);
        for found in [0, 5, 77, u16::MAX] {
            let error = LoadError::Record { expected, found };
            assert_eq!(loads(&file.clone().with(at, &found.to_le_bytes()).repaired()), Err(error));
        }
    }
}

#[test]
fn records_of_another_length_are_refused() {
    use RecordKind::{Dense, Lstm, Scaling, SelfTest};
    for (index, record) in [Scaling, Lstm, Dense, SelfTest].into_iter().enumerate() {
        let file = tiny();
        let at = file.record(index) + 8;
        let stated = u32::from_le_bytes(file.as_slice()[at..][..4].try_into().unwrap());
        for length in [0, stated - 4, stated - 1, 1 << 20, u32::MAX - 7, u32::MAX] {
            let result = loads(&file.clone().with(at, &length.to_le_bytes()).repaired());
            assert_eq!(result, Err(LoadError::Malformed { record }), "{length} instead of {stated}");
        }
    }
}

/// The LSTM record's parameters: shares of the new cell and hidden state, the words of columns in blocks.
#[test]
fn parameters_out_of_range_are_refused() {
    let file = tiny();
    let parameters = file.record(1) + 16;
    let malformed = Err(LoadError::Malformed { record: RecordKind::Lstm });
    for share in [0, 4] {
        assert_eq!(loads(&file.clone().with(parameters + share, &(-1i32).to_le_bytes()).repaired()), malformed);
        assert_eq!(loads(&file.clone().with(parameters + share, &0i32.to_le_bytes()).repaired()), Ok(()));
    }
    // Two inputs and five units make eight columns, which are in no blocks.
    for (words, expected) in [(0, Ok(())), (-1, malformed), (1, malformed), (5 * 16, malformed), (i32::MAX, malformed)] {
        let changed = file.clone().with(parameters + 8, &i32::to_le_bytes(words)).repaired();
        assert_eq!(loads(&changed), expected, "{words}");
    }
}

/// A record of one unit over seven inputs and its own state, whose eight columns are in blocks as is said.
fn in_blocks(stated: usize, heads: &[(u32, usize)]) -> Bytes {
    // The record's header, the parameters, the biases.
    let mut words: Vec<u32> = vec![0; 12];
    words[6] = stated as u32;
    for (head, columns) in heads {
        words.push(*head);
        words.extend(vec![0; *columns]);
    }
    words.extend([0; 4]);
    let length = 4 * (words.len() - 4) as u32;
    let header = RecordHeader { kind: RecordKind::Lstm, form: 0, inputs: 7, outputs: 1, length };
    words.resize(words.len().next_multiple_of(4), 0);
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes[..16].copy_from_slice(&header.to_bytes());
    Bytes::new(&bytes)
}

/// Blocks that are none, leave columns out, have too many or do not end where they say: the kernels rely on it.
#[test]
fn blocks_that_do_not_add_up_are_refused() {
    let bound = |stated: usize, heads: &[(u32, usize)]| {
        let bytes = in_blocks(stated, heads);
        let record = Cursor::new(bytes.as_slice()).next(RecordKind::Lstm).unwrap();
        <Int8>::bind_lstm::<Plain>(&record).is_ok()
    };
    assert!(bound(17, &[(16, 8)]) && bound(18, &[(7, 4), (6, 4)]));
    for (stated, heads) in [
        (18, &[(16, 8)][..]),
        (16, &[(16, 8)]),
        (17, &[(15, 8)]),
        (17, &[(14, 8)]),
        (17, &[(13, 8)]),
        (17, &[(24, 8)]),
        (17, &[(u32::MAX, 8)]),
        (13, &[(8, 4)]),
        (18, &[(7, 4), (7, 4)]),
        (18, &[(6, 4), (6, 4)]),
        (18, &[(7, 4), (8, 4)]),
        (19, &[(7, 4), (0, 0), (6, 4)]),
        (22, &[(7, 4), (14, 8)]),
    ] {
        assert!(!bound(stated, heads), "{stated} {heads:?}");
    }
    // The row-major order has none.
    let bytes = in_blocks(17, &[(16, 8)]);
    let record = Cursor::new(bytes.as_slice()).next(RecordKind::Lstm).unwrap();
    assert!(Int8::<RowMajor>::bind_lstm::<Plain>(&record).is_err());
}
