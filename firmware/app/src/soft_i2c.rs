//! An I2C bus of two pins, for boards without the peripheral and for buses that hang.
//!
//! One controller, seven-bit addresses, clock stretching with a limit. A target that lost count in the middle of a byte, when the
//! controller was reset for instance, holds the data line down: up to nine clocks make it let go, which is tried before every
//! transfer (UM10204, section 3.1.16).

use core::fmt;

use embedded_hal::{
    delay::DelayNs,
    digital::{self, InputPin, OutputPin},
    i2c::{Error, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation},
};

/// Half periods that a target may hold the clock down for.
const PATIENCE: u32 = 1000;

/// A bus of two open-drain pins with pull-ups: driven low or released, and readable.
#[derive(Debug)]
pub struct SoftI2c<C, D, W> {
    clock: C,
    data: D,
    wait: W,
    half_period: u32,
}

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftI2cError<E> {
    /// A pin could not be driven or read.
    Pin(E),
    /// Nobody let the clock line go.
    ClockStuck,
    /// Nobody let the data line go, though nine clocks were given.
    DataStuck,
    /// A byte was not acknowledged.
    NoAcknowledge(NoAcknowledgeSource),
}

impl<E: fmt::Debug> Error for SoftI2cError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            SoftI2cError::Pin(_) => ErrorKind::Other,
            SoftI2cError::ClockStuck | SoftI2cError::DataStuck => ErrorKind::Bus,
            SoftI2cError::NoAcknowledge(source) => ErrorKind::NoAcknowledge(*source),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for SoftI2cError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SoftI2cError::Pin(error) => write!(f, "a pin of the bus cannot be used: {error:?}"),
            SoftI2cError::ClockStuck => f.write_str("the clock line is held down: look for a short, or a target without power"),
            SoftI2cError::DataStuck => f.write_str("the data line is held down: look for a short, or cycle the target's power"),
            SoftI2cError::NoAcknowledge(NoAcknowledgeSource::Address) => f.write_str("no target answers at the address"),
            SoftI2cError::NoAcknowledge(_) => f.write_str("the target refused a byte"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SoftI2cError<E> {}

impl<C, D, W, E> SoftI2c<C, D, W>
where
    C: InputPin<Error = E> + OutputPin,
    D: InputPin<Error = E> + OutputPin,
    W: DelayNs,
    E: digital::Error,
{
    /// A bus of the two pins, both of which are released; `half_period` is in nanoseconds: 5000 give 100 kHz.
    pub fn new(mut clock: C, mut data: D, wait: W, half_period: u32) -> Result<Self, SoftI2cError<E>> {
        data.set_high().map_err(SoftI2cError::Pin)?;
        clock.set_high().map_err(SoftI2cError::Pin)?;
        Ok(SoftI2c { clock, data, wait, half_period })
    }

    fn pause(&mut self) {
        self.wait.delay_ns(self.half_period);
    }

    /// Lets the clock go up and waits until it is: a target may stretch it.
    fn clock_up(&mut self) -> Result<(), SoftI2cError<E>> {
        self.clock.set_high().map_err(SoftI2cError::Pin)?;
        for _ in 0..PATIENCE {
            self.pause();
            if self.clock.is_high().map_err(SoftI2cError::Pin)? {
                return Ok(());
            }
        }
        Err(SoftI2cError::ClockStuck)
    }

    fn clock_down(&mut self) -> Result<(), SoftI2cError<E>> {
        self.clock.set_low().map_err(SoftI2cError::Pin)?;
        self.pause();
        Ok(())
    }

    fn set_data(&mut self, high: bool) -> Result<(), SoftI2cError<E>> {
        self.data.set_state(high.into()).map_err(SoftI2cError::Pin)
    }

    /// A start, or a repeated one.
    fn start(&mut self) -> Result<(), SoftI2cError<E>> {
        self.set_data(true)?;
        self.clock_up()?;
        self.free_data()?;
        self.set_data(false)?;
        self.pause();
        self.clock_down()
    }

    /// Clocks until nobody holds the data line down; the clock is up before and after.
    fn free_data(&mut self) -> Result<(), SoftI2cError<E>> {
        for _ in 0..9 {
            if self.data.is_high().map_err(SoftI2cError::Pin)? {
                return Ok(());
            }
            self.clock_down()?;
            self.clock_up()?;
        }
        if self.data.is_high().map_err(SoftI2cError::Pin)? { Ok(()) } else { Err(SoftI2cError::DataStuck) }
    }

    fn stop(&mut self) -> Result<(), SoftI2cError<E>> {
        self.set_data(false)?;
        self.clock_up()?;
        self.set_data(true)?;
        self.pause();
        Ok(())
    }

    fn write_bit(&mut self, bit: bool) -> Result<(), SoftI2cError<E>> {
        self.set_data(bit)?;
        self.clock_up()?;
        self.clock_down()
    }

    fn read_bit(&mut self) -> Result<bool, SoftI2cError<E>> {
        self.set_data(true)?;
        self.clock_up()?;
        let bit = self.data.is_high().map_err(SoftI2cError::Pin)?;
        self.clock_down()?;
        Ok(bit)
    }

    fn write_byte(&mut self, byte: u8, source: NoAcknowledgeSource) -> Result<(), SoftI2cError<E>> {
        for bit in (0..8).rev() {
            self.write_bit(byte >> bit & 1 == 1)?;
        }
        if self.read_bit()? { Err(SoftI2cError::NoAcknowledge(source)) } else { Ok(()) }
    }

    fn read_byte(&mut self, last: bool) -> Result<u8, SoftI2cError<E>> {
        let mut byte = 0;
        for _ in 0..8 {
            byte = byte << 1 | u8::from(self.read_bit()?);
        }
        self.write_bit(last)?;
        Ok(byte)
    }

    fn run(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), SoftI2cError<E>> {
        let mut before: Option<bool> = None;
        let mut rest = operations.iter_mut().peekable();
        while let Some(operation) = rest.next() {
            let reads = matches!(operation, Operation::Read(_));
            // Operations of one direction are one transfer.
            if before != Some(reads) {
                self.start()?;
                self.write_byte(address << 1 | u8::from(reads), NoAcknowledgeSource::Address)?;
                before = Some(reads);
            }
            match operation {
                Operation::Write(bytes) => {
                    for byte in bytes.iter() {
                        self.write_byte(*byte, NoAcknowledgeSource::Data)?;
                    }
                }
                Operation::Read(buffer) => {
                    let more = matches!(rest.peek(), Some(Operation::Read(next)) if !next.is_empty());
                    let count = buffer.len();
                    for (index, byte) in buffer.iter_mut().enumerate() {
                        *byte = self.read_byte(index + 1 == count && !more)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<C, D, W, E> ErrorType for SoftI2c<C, D, W>
where
    C: InputPin<Error = E>,
    E: digital::Error,
{
    type Error = SoftI2cError<E>;
}

impl<C, D, W, E> I2c for SoftI2c<C, D, W>
where
    C: InputPin<Error = E> + OutputPin,
    D: InputPin<Error = E> + OutputPin,
    W: DelayNs,
    E: digital::Error,
{
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), SoftI2cError<E>> {
        let outcome = self.run(address, operations);
        if operations.is_empty() {
            return outcome;
        }
        // The bus is given up in any case; what went wrong first is the error.
        let stopped = self.stop();
        outcome.and(stopped)
    }
}
