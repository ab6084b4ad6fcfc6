//! What is no update, and what runs then.

use embedded_rnn::{LoadError, forecast::SelfTestError};
use embedded_rnn_update::{OpenError, Refused, Slot, Store, UpdateError};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use crate::{
    Board,
    flash::{FlashError, Nor, Power},
    models::{broken, check, digest, whole},
    update,
};

type Small = Board<4, 2048, 128>;

#[test]
fn from_production_the_first_slot_runs_and_updates_go_there_and_back() {
    let mut board = Small::new(&whole(1));
    for version in 2..20 {
        board.run(None, 0, |store| {
            let opened = store.open(check).unwrap();
            let active = opened.active.unwrap();
            assert_eq!((active.slot, active.fallback), (usize::from(version % 2 == 1), false));
            assert_eq!((active.digest, opened.spare.slot()), (digest(&whole(version - 1)), 1 - active.slot));
        });
        board.update(&whole(version), None, 0).unwrap();
        assert_eq!(board.boot(), Some(whole(version)));
    }
}

#[test]
fn a_model_that_fails_its_own_test_never_becomes_active() {
    let mut board = Small::new(&whole(1));
    let refused = board.update(&broken(), None, 0).unwrap_err();
    assert!(matches!(refused, UpdateError::Refused(Refused::SelfTest(SelfTestError::Mismatch { .. }))), "{refused}");
    assert_eq!(board.boot(), Some(whole(1)));
}

#[test]
fn a_file_that_was_damaged_on_its_way_is_refused() {
    let mut board = Small::new(&whole(1));
    let new = whole(2);
    let (refused, other) = board.run(None, 0, |store| {
        let mut spare = store.open(check).unwrap().spare;
        let mut damaged = new.clone();
        damaged[200] ^= 4;
        spare.begin(new.len() as u32, digest(&new)).unwrap();
        spare.chunk(0, &damaged).unwrap();
        let refused = spare.finish(check).unwrap_err();
        // A whole file, but not the one that was announced.
        spare.begin(new.len() as u32, digest(&new)).unwrap();
        spare.chunk(0, &whole(3)).unwrap();
        (refused, spare.finish(check).unwrap_err())
    });
    assert!(matches!(refused, UpdateError::Refused(Refused::Load(LoadError::Checksum { .. }))), "{refused}");
    assert_eq!(other, UpdateError::Digest { found: digest(&whole(3)) });
    assert_eq!(board.boot(), Some(whole(1)));
}

#[test]
fn chunks_come_in_order_and_all_of_them() {
    let mut board = Small::new(&whole(1));
    let new = whole(2);
    board.run(None, 0, |store| {
        let mut spare = store.open(check).unwrap().spare;
        let capacity = spare.capacity();
        assert_eq!(spare.chunk(0, &[1]), Err(UpdateError::NotBegun));
        assert_eq!(spare.finish(check), Err(UpdateError::NotBegun));
        assert_eq!(spare.begin(capacity + 1, 0), Err(UpdateError::TooLong { capacity }));
        spare.begin(new.len() as u32, digest(&new)).unwrap();
        spare.chunk(0, &new[..70]).unwrap();
        assert_eq!(spare.chunk(0, &new[..70]), Err(UpdateError::Offset { expected: 70 }));
        assert_eq!(spare.chunk(71, &new[71..80]), Err(UpdateError::Offset { expected: 70 }));
        assert_eq!(spare.chunk(70, &[0; 4096]), Err(UpdateError::TooLong { capacity: new.len() as u32 }));
        assert_eq!(spare.finish(check), Err(UpdateError::Incomplete { received: 70 }));
        assert_eq!(spare.received(), Some(70));
        spare.chunk(70, &new[70..]).unwrap();
        spare.finish(check).unwrap();
        assert_eq!(spare.received(), None);
    });
    assert_eq!(board.boot(), Some(new));
}

#[test]
fn an_update_that_is_given_up_leaves_the_old_model_and_no_way_back_to_a_half_one() {
    let mut board = Small::new(&whole(1));
    board.update(&whole(2), None, 0).unwrap();
    board.run(None, 0, |store| {
        let mut spare = store.open(check).unwrap().spare;
        spare.begin(whole(3).len() as u32, digest(&whole(3))).unwrap();
        spare.chunk(0, &whole(3)[..64]).unwrap();
        assert_eq!(spare.activate(check), Err(UpdateError::Incomplete { received: 64 }));
        spare.abort();
        assert!(matches!(spare.activate(check), Err(UpdateError::Refused(_))));
    });
    assert_eq!(board.boot(), Some(whole(2)));
}

#[test]
fn the_model_before_can_be_made_active_again() {
    let mut board = Small::new(&whole(1));
    board.update(&whole(2), None, 0).unwrap();
    board.run(None, 0, |store| store.open(check).unwrap().spare.activate(check).unwrap());
    assert_eq!(board.boot(), Some(whole(1)));
    board.run(None, 0, |store| store.open(check).unwrap().spare.activate(check).unwrap());
    assert_eq!(board.boot(), Some(whole(2)));
}

#[test]
fn a_slot_that_rots_is_stood_in_for_by_the_other() {
    let mut board = Small::new(&whole(1));
    board.update(&whole(2), None, 0).unwrap();
    board.slots[1].memory_mut()[300] ^= 1;
    board.run(None, 0, |store| {
        let active = store.open(check).unwrap().active.unwrap();
        assert_eq!((active.slot, active.digest, active.fallback), (0, digest(&whole(1)), true));
        // The slot that rotted is the spare one now, and an update mends it.
        update(store, &whole(3), check).unwrap();
    });
    assert_eq!(board.boot(), Some(whole(3)));
    board.slots[0].memory_mut()[300] ^= 1;
    board.slots[1].memory_mut()[300] ^= 1;
    assert_eq!(board.boot(), None);
    // Without any model there is still a way to bring one.
    board.update(&whole(4), None, 0).unwrap();
    assert_eq!(board.boot(), Some(whole(4)));
}

/// Flash that the program runs from and cannot write.
struct Fixed(Nor<4, 2048>);

impl ErrorType for Fixed {
    type Error = FlashError;
}

impl ReadNorFlash for Fixed {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Fixed {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 2048;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), FlashError> {
        panic!("the program's own flash was erased")
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), FlashError> {
        panic!("the program's own flash was written")
    }
}

impl Slot for Fixed {
    const WRITABLE: bool = false;

    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

#[test]
fn flash_that_cannot_be_written_is_left_alone() {
    let power = std::rc::Rc::new(Power::default());
    let slot = || Nor::new(1, &power);
    let mut store = Store::new([Fixed(slot().programmed(&whole(1))), Fixed(slot())], Nor::<4, 128>::new(2, &power)).unwrap();
    let mut opened = store.open(check).unwrap();
    assert_eq!(opened.active.unwrap().digest, digest(&whole(1)));
    assert_eq!(opened.spare.capacity(), 0);
    assert_eq!(opened.spare.begin(16, 0), Err(UpdateError::NotWritable));
}

#[test]
fn slots_and_journals_of_no_use_are_refused() {
    let power = std::rc::Rc::new(Power::default());
    let journal = || Nor::<4, 128>::new(2, &power);
    let empty = Store::new([Nor::<4, 2048>::new(1, &power), Nor::new(0, &power)], journal());
    assert_eq!(empty.err(), Some(OpenError::Geometry { slot: 1 }));
    let coarse = Store::new([Nor::<512, 2048>::new(1, &power), Nor::new(1, &power)], journal());
    assert_eq!(coarse.err(), Some(OpenError::Geometry { slot: 0 }));
    let small = Store::new([Nor::<4, 2048>::new(1, &power), Nor::new(1, &power)], Nor::<4, 128>::new(1, &power));
    assert!(matches!(small.err(), Some(OpenError::Journal(_))));
}
