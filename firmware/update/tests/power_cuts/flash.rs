//! NOR flash whose power can be cut in the middle of anything.
//!
//! Bits go from 1 to 0 by writing and back by erasing a sector. A word is written once between two erases, or the test fails. The cut tears
//! what was under way: a word with some of its bits written, a sector with some of its bits erased; sometimes none, sometimes all.

use std::{cell::Cell, rc::Rc};

use embedded_rnn_update::Slot;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// The supply of all flash of a board.
#[derive(Debug, Default)]
pub struct Power {
    /// Words written and sectors erased since the power came on.
    steps: Cell<u64>,
    /// The step in whose middle the power fails.
    fails_at: Cell<Option<u64>>,
    off: Cell<bool>,
    random: Cell<u64>,
}

impl Power {
    /// On, until so many steps are made.
    pub fn on(&self, fails_at: Option<u64>, seed: u64) {
        self.steps.set(0);
        self.fails_at.set(fails_at);
        self.off.set(false);
        self.random.set(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    }

    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    pub fn is_off(&self) -> bool {
        self.off.get()
    }

    /// xorshift64*
    fn draw(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Bits that a torn step gets done: none, all, or any.
    fn torn(&self) -> impl FnMut() -> u8 {
        let kind = self.draw() >> 32 & 3;
        move || match kind {
            0 => 0x00,
            1 => 0xFF,
            _ => (self.draw() >> 32) as u8,
        }
    }

    /// Whether the next step is done in whole; the power is off if it is not.
    fn step(&self) -> bool {
        let now = self.steps.get();
        self.steps.set(now + 1);
        let fails = self.fails_at.get() == Some(now);
        self.off.set(fails);
        !fails
    }
}

/// What flash says when there is no power, or when it is used wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    PowerLost,
    Misuse(NorFlashErrorKind),
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            FlashError::PowerLost => NorFlashErrorKind::Other,
            FlashError::Misuse(kind) => *kind,
        }
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        FlashError::Misuse(kind)
    }
}

/// Flash of words of `WRITE` bytes and sectors of `ERASE`.
#[derive(Clone, Debug)]
pub struct Nor<const WRITE: usize, const ERASE: usize> {
    memory: Vec<u128>,
    written: Vec<bool>,
    power: Rc<Power>,
}

impl<const WRITE: usize, const ERASE: usize> Nor<WRITE, ERASE> {
    /// Erased flash.
    pub fn new(sectors: usize, power: &Rc<Power>) -> Self {
        let length = sectors * ERASE;
        Nor { memory: vec![u128::MAX; length.div_ceil(16)], written: vec![false; length / WRITE], power: Rc::clone(power) }
    }

    /// As a programmer leaves it that holds the board by its debug port.
    pub fn programmed(mut self, content: &[u8]) -> Self {
        self.memory_mut()[..content.len()].copy_from_slice(content);
        self.written[..content.len().div_ceil(WRITE)].fill(true);
        self
    }

    pub fn memory(&self) -> &[u8] {
        bytemuck::cast_slice(&self.memory)
    }

    pub fn memory_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.memory)
    }

    /// The same content on another supply.
    pub fn on_supply(&self, power: &Rc<Power>) -> Self {
        Nor { power: Rc::clone(power), ..self.clone() }
    }

    fn powered(&self) -> Result<(), FlashError> {
        if self.power.is_off() { Err(FlashError::PowerLost) } else { Ok(()) }
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Nor<WRITE, ERASE> {
    type Error = FlashError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Nor<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.powered()?;
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.memory()[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.written.len() * WRITE
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Nor<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.powered()?;
        check_erase(self, from, to)?;
        for sector in (from as usize..to as usize).step_by(ERASE) {
            let whole = self.power.step();
            let power = Rc::clone(&self.power);
            let mut torn = power.torn();
            for byte in &mut self.memory_mut()[sector..sector + ERASE] {
                *byte |= if whole { 0xFF } else { torn() };
            }
            if !whole {
                return Err(FlashError::PowerLost);
            }
            self.written[sector / WRITE..(sector + ERASE) / WRITE].fill(false);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.powered()?;
        check_write(self, offset, bytes.len())?;
        for (index, word) in bytes.chunks_exact(WRITE).enumerate() {
            let at = offset as usize + index * WRITE;
            assert!(!self.written[at / WRITE], "the word at {at} was written twice");
            self.written[at / WRITE] = true;
            let whole = self.power.step();
            let power = Rc::clone(&self.power);
            let mut torn = power.torn();
            for (byte, new) in self.memory_mut()[at..at + WRITE].iter_mut().zip(word) {
                *byte &= if whole { *new } else { *new | !torn() };
            }
            if !whole {
                return Err(FlashError::PowerLost);
            }
        }
        Ok(())
    }
}

impl<const WRITE: usize, const ERASE: usize> Slot for Nor<WRITE, ERASE> {
    fn bytes(&self) -> &[u8] {
        &self.memory()[..self.capacity()]
    }
}
