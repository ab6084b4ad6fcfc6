//! Power is cut in the middle of every single write and erase of an update, and again while the update is repeated: the board always boots
//! with a whole model, the old one or the new.

mod flash;
mod journal;
mod models;
mod refusals;

use std::rc::Rc;

use embedded_rnn_update::{Store, UpdateError};
use flash::{FlashError, Nor, Power};
use models::{Check, check, check_shipped, digest, shipped, whole};

/// A board's flash: slots of words of `W` bytes and sectors of `E`; the journal of the same words and sectors of `K`.
#[derive(Clone)]
pub struct Board<const W: usize, const E: usize, const K: usize> {
    slots: [Nor<W, E>; 2],
    journal: Nor<W, K>,
    power: Rc<Power>,
    check: Check,
}

type Opened<const W: usize, const E: usize, const K: usize> = Store<Nor<W, E>, Nor<W, K>>;

impl<const W: usize, const E: usize, const K: usize> Board<W, E, K> {
    /// As it comes from production: a model in the first slot, and no record.
    pub fn new(model: &[u8]) -> Self {
        Self::with(model, check)
    }

    /// The same, with firmware that checks models in that way.
    fn with(model: &[u8], check: Check) -> Self {
        let power = Rc::new(Power::default());
        power.on(None, 0);
        let slot = Nor::new(model.len().div_ceil(E), &power);
        Board { slots: [slot.clone().programmed(model), slot], journal: Nor::new(2, &power), power, check }
    }

    /// Switches the power on, does something, and keeps what the flash holds afterwards.
    pub fn run<T>(&mut self, fails_at: Option<u64>, seed: u64, work: impl FnOnce(&mut Opened<W, E, K>) -> T) -> T {
        self.power.on(fails_at, seed);
        let mut store = Store::new(self.slots.clone(), self.journal.clone()).unwrap();
        let done = work(&mut store);
        (self.slots, self.journal) = store.release();
        done
    }

    /// Boots; the file that runs, if there is one.
    pub fn boot(&mut self) -> Option<Vec<u8>> {
        let check = self.check;
        self.run(None, 0, |store| store.open(check).unwrap().active.map(|active| active.bytes.to_vec()))
    }

    /// An update from one boot on; the steps it took.
    pub fn update(&mut self, new: &[u8], fails_at: Option<u64>, seed: u64) -> Result<(), UpdateError<FlashError>> {
        let check = self.check;
        self.run(fails_at, seed, |store| update(store, new, check))
    }
}

/// A whole update in chunks as a serial line brings them.
pub fn update<const W: usize, const E: usize, const K: usize>(
    store: &mut Opened<W, E, K>,
    new: &[u8],
    check: Check,
) -> Result<(), UpdateError<FlashError>> {
    let mut spare = store.open(check).unwrap().spare;
    spare.begin(new.len() as u32, digest(new))?;
    for (index, chunk) in new.chunks(100).enumerate() {
        spare.chunk(index as u32 * 100, chunk)?;
    }
    spare.finish(check)
}

#[derive(Default)]
struct Counts {
    steps: u64,
    cuts: u64,
    old: u64,
    new: u64,
    lost: u64,
}

/// A network's models, and how its firmware checks them.
type Models = (fn(u8) -> Vec<u8>, Check);

/// Cuts every step of an update after so many `before`, and has it repeated; at every `second`-th step the repetition is cut, too.
fn cut_everything<const W: usize, const E: usize, const K: usize>(
    (model, check): Models,
    before: u8,
    seeds: u64,
    second: u64,
    counts: &mut Counts,
) {
    let mut board = Board::<W, E, K>::with(&model(1), check);
    for version in 2..2 + before {
        board.update(&model(version), None, 0).unwrap();
    }
    let [old, new] = [model(1 + before), model(2 + before)];
    assert_eq!(board.boot().as_ref(), Some(&old));
    let mut uncut = board.clone_apart();
    uncut.update(&new, None, 0).unwrap();
    let steps = uncut.power.steps();
    counts.steps = counts.steps.max(steps);
    assert_eq!(uncut.boot().as_ref(), Some(&new));

    let judge = |board: &mut Board<W, E, K>, finished: bool, counts: &mut Counts| {
        counts.cuts += 1;
        match board.boot() {
            Some(file) if file == new => counts.new += 1,
            Some(file) if file == old && !finished => counts.old += 1,
            _ => counts.lost += 1,
        }
    };
    // The last steps are the record's, where old turns into new.
    let tears = |cut| if cut + 8 > steps { seeds.max(8) } else { seeds };
    for (cut, seed) in (0..steps).flat_map(|cut| (1..=tears(cut)).map(move |seed| (cut, seed))) {
        let mut cut_once = board.clone_apart();
        let outcome = cut_once.update(&new, Some(cut), cut * tears(cut) + seed);
        assert!(cut_once.power.is_off(), "step {cut} of {steps} was not reached");
        assert!(outcome.is_err(), "an update without power succeeded at step {cut}");
        judge(&mut cut_once, false, counts);
        if cut % second == 0 {
            for again in (cut % 3..steps).step_by(second as usize) {
                let mut cut_twice = cut_once.clone_apart();
                let outcome = cut_twice.update(&new, Some(again), seed + 1000);
                judge(&mut cut_twice, outcome.is_ok(), counts);
            }
        }
        cut_once.update(&new, None, 0).unwrap();
        assert_eq!(cut_once.boot().as_ref(), Some(&new), "the update after a cut at step {cut}");
    }
}

impl<const W: usize, const E: usize, const K: usize> Board<W, E, K> {
    /// The same flash on a supply of its own.
    fn clone_apart(&self) -> Self {
        let power = Rc::new(Power::default());
        let copy = |flash: &Nor<W, E>| flash.on_supply(&power);
        Board {
            slots: [copy(&self.slots[0]), copy(&self.slots[1])],
            journal: self.journal.on_supply(&power),
            power,
            check: self.check,
        }
    }
}

/// Prints what came out, after so many updates that the journal's halves fill up and are erased in turns.
fn row<const W: usize, const E: usize, const K: usize>(name: &str, models: Models, updates: u8, seeds: u64, second: u64) {
    let mut counts = Counts::default();
    for before in 0..updates {
        cut_everything::<W, E, K>(models, before, seeds, second, &mut counts);
    }
    let Counts { steps, cuts, old, new, lost } = counts;
    let bytes = models.0(1).len();
    println!("| {name} | {W} | {E} | {bytes} | {steps} | {cuts} | {old} | {new} | {lost} |");
    assert_eq!(lost, 0, "{name}: {lost} of {cuts} cuts left the board without a whole model");
    assert!(old > 0 && new > 0, "{name}: both outcomes must have been seen");
}

#[test]
fn the_board_always_boots_with_a_whole_model() {
    let small: Models = (whole, check);
    println!("| flash like | word | sector | model | steps | cuts tried | old model booted | new model booted | models lost |");
    println!("|---|---|---|---|---|---|---|---|---|");
    row::<1, 4096, 128>("serial NOR, byte by byte", small, 8, 8, 47);
    row::<4, 4096, 128>("nRF52840", small, 8, 8, 11);
    row::<4, 16384, 128>("STM32F4", small, 8, 8, 11);
    row::<8, 2048, 128>("STM32L4", small, 8, 8, 7);
    row::<32, 8192, 256>("STM32H7", small, 8, 16, 2);
    row::<256, 4096, 1024>("RP2040", small, 8, 40, 1);
    row::<4, 4096, 128>("nRF52840, the shipped model", (shipped, check_shipped), 1, 1, 397);
}
