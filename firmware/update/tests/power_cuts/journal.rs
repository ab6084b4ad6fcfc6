//! Small records: what is read after any cut, on worn flash, and a forecaster's history across a reset.

use std::rc::Rc;

use embedded_rnn_update::{Journal, JournalError};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use crate::{
    flash::{FlashError, Nor, Power},
    models::{Model, whole},
};

type Flash = Nor<4, 256>;

fn newest(flash: &Flash, length: usize) -> Option<Vec<u8>> {
    let mut content = vec![0; length];
    Journal::open(flash.clone(), length).unwrap().read(&mut content).unwrap().then_some(content)
}

fn content(number: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| number.wrapping_mul(31) ^ at as u8).collect()
}

/// Writes records `numbers` from one boot on; how many were done, and whether the power failed.
fn write(
    flash: &mut Flash,
    power: &Power,
    length: usize,
    numbers: std::ops::Range<u8>,
    fails_at: Option<u64>,
    seed: u64,
) -> (u8, bool) {
    power.on(fails_at, seed);
    let mut journal = Journal::open(flash.clone(), length).unwrap();
    let done = numbers.take_while(|number| journal.write(&content(*number, length)).is_ok()).count();
    let cut = power.is_off();
    power.on(None, 0);
    *flash = journal.release();
    (done as u8, cut)
}

#[test]
fn the_newest_whole_record_is_read_after_any_cut() {
    let power = Rc::new(Power::default());
    let mut cuts = 0;
    // Records of 20 and 72 bytes, twelve and three to a half; boots that write one, several, and more than both halves hold.
    for (length, earlier, writes) in
        [9, 61].into_iter().flat_map(|l| [0, 1, 4].map(move |e| (l, e))).flat_map(|(l, e)| [1, 5, 30].map(|w| (l, e, w)))
    {
        power.on(None, 0);
        let mut flash = Flash::new(2, &power);
        assert_eq!(newest(&flash, length), None);
        for number in 0..earlier {
            write(&mut flash, &power, length, number..number + 1, None, 0);
        }
        for cut in 0.. {
            let mut torn = flash.clone();
            let (done, was_cut) = write(&mut torn, &power, length, earlier..earlier + writes, Some(cut), cut);
            // The last record that was written, or the one in whose middle the power failed.
            let last = (earlier + done).checked_sub(1).map(|number| content(number, length));
            let found = newest(&torn, length);
            if !was_cut {
                assert_eq!((done, found), (writes, last));
                break;
            }
            cuts += 1;
            assert!(found == last || found == Some(content(earlier + done, length)), "cut {cut} after {done} records: {found:?}");
            // The power fails again, where a place may be torn and read as erased; then it stays.
            for again in 0..8 {
                let before = newest(&torn, length);
                write(&mut torn, &power, length, 100..101, Some(again), cut + 31 * again);
                let found = newest(&torn, length);
                assert!(found == before || found == Some(content(100, length)), "cut {cut}, again {again}: {found:?}");
                cuts += 1;
            }
            assert_eq!(write(&mut torn, &power, length, 101..103, None, 0), (2, false));
            assert_eq!(newest(&torn, length), Some(content(102, length)));
        }
    }
    println!("journal: {cuts} cuts tried, 0 records lost");
    assert!(cuts > 5000, "{cuts}");
}

/// Flash of which one word keeps its bits.
struct Worn(Flash, u32);

impl ErrorType for Worn {
    type Error = FlashError;
}

impl ReadNorFlash for Worn {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(offset, bytes)?;
        for (at, byte) in (offset..).zip(bytes) {
            if at % 256 < self.1 {
                *byte |= 0x10;
            }
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Worn {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 256;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.0.write(offset, bytes)
    }
}

#[test]
fn worn_places_are_passed_over_and_worn_flash_is_said() {
    let power = Rc::new(Power::default());
    power.on(None, 0);
    let zeros = [0; 12];
    let mut journal = Journal::open(Worn(Flash::new(2, &power), 60), 12).unwrap();
    journal.write(&zeros).unwrap();
    let mut read = [1; 12];
    assert_eq!(journal.read(&mut read), Ok(true));
    assert_eq!(read, zeros);
    let mut journal = Journal::open(Worn(Flash::new(2, &power), 256), 12).unwrap();
    assert_eq!(journal.write(&zeros), Err(JournalError::Worn));
    assert_eq!(journal.read(&mut read), Ok(false));
}

#[test]
fn flash_and_content_of_the_wrong_size_are_refused() {
    let power = Rc::new(Power::default());
    power.on(None, 0);
    for sectors in [0, 1, 3] {
        assert!(matches!(Journal::open(Flash::new(sectors, &power), 12), Err(JournalError::Geometry)), "{sectors}");
    }
    assert!(matches!(Journal::open(Flash::new(2, &power), 249), Err(JournalError::Geometry)), "a record longer than a half");
    assert!(matches!(Journal::open(Nor::<512, 1024>::new(8, &power), 12), Err(JournalError::Geometry)), "words too long");
    let mut journal = Journal::open(Flash::new(2, &power), 12).unwrap();
    assert_eq!(journal.write(&[0; 11]), Err(JournalError::Length { expected: 12 }));
    assert_eq!(journal.read(&mut [0; 13]), Err(JournalError::Length { expected: 12 }));
}

#[test]
fn a_forecasters_history_outlives_a_reset() {
    let power = Rc::new(Power::default());
    power.on(None, 0);
    let file = Flash::new(8, &power).programmed(&whole(1));
    let length = whole(1).len();
    let mut flash = Flash::new(2, &power);
    let curve: Vec<f32> = (0u8..20).map(|hour| 20.0 + f32::from(hour % 7)).collect();

    let forecasts = |restored: bool, flash: &mut Flash| -> Vec<_> {
        let model = Model::load(&file.memory()[..length]).unwrap();
        let mut forecaster = model.forecaster();
        let mut forecasts = Vec::new();
        for degrees in &curve {
            forecaster.push(&[*degrees]).unwrap();
            forecasts.push(forecaster.forecast().ok());
            if restored {
                // Saved, reset, restored.
                let mut snapshot = vec![0; 8 + 4 + 8 * 4];
                forecaster.save(&mut snapshot).unwrap();
                Journal::open(&mut *flash, snapshot.len()).unwrap().write(&snapshot).unwrap();
                snapshot.fill(0);
                forecaster = model.forecaster();
                assert!(Journal::open(&mut *flash, snapshot.len()).unwrap().read(&mut snapshot).unwrap());
                forecaster.restore(&snapshot).unwrap();
            }
        }
        forecasts
    };
    assert_eq!(forecasts(true, &mut flash), forecasts(false, &mut flash));
}
