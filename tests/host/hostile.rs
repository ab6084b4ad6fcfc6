//! Damaged files: every one is refused by name, none is used, none panics.

use embedded_rnn::image::{FORMAT_VERSION, HEADER_LENGTH, Image, LoadError, RecordKind};

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
    for found in [0, FORMAT_VERSION + 1, u16::MAX] {
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

/// The LSTM record's parameters: shares of the new cell and hidden state, number and lengths of blocks of columns.
#[test]
fn parameters_out_of_range_are_refused() {
    let file = tiny();
    let parameters = file.record(1) + 16;
    let malformed = Err(LoadError::Malformed { record: RecordKind::Lstm });
    for share in [0, 4] {
        assert_eq!(loads(&file.clone().with(parameters + share, &(-1i32).to_le_bytes()).repaired()), malformed);
        assert_eq!(loads(&file.clone().with(parameters + share, &0i32.to_le_bytes()).repaired()), Ok(()));
    }
    // Two inputs and five units make eight columns.
    for (count, expected) in [(-1, malformed), (0, malformed), (1, Ok(())), (2, malformed), (5, malformed), (i32::MAX, malformed)]
    {
        let count = i32::to_le_bytes(count);
        assert_eq!(loads(&file.clone().with(parameters + 8, &count).repaired()), expected, "{count:?}");
    }
    let blocks = |lengths: [u32; 4], count: i32| {
        let lengths: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        loads(&file.clone().with(parameters + 8, &count.to_le_bytes()).with(parameters + 16, &lengths).repaired())
    };
    assert_eq!(blocks([4, 4, 0, 0], 2), Ok(()));
    for (lengths, count) in [
        ([4, 0, 0, 0], 1),
        ([12, 0, 0, 0], 1),
        ([8, 4, 0, 0], 2),
        ([6, 2, 0, 0], 2),
        ([8, 1, 0, 0], 1),
        ([8, 0, 0, 0], 2),
        ([u32::MAX - 3, 12, 0, 0], 2),
    ] {
        assert_eq!(blocks(lengths, count), malformed, "{lengths:?} {count}");
    }
}
