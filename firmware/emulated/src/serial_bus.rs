//! The two-wire block of Arm's boards: two registers that drive and read two pins, and nothing more.

use core::convert::Infallible;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin};

/// Read: the lines' levels. Written: lets lines go.
const SET: usize = 0;
/// Written: drives lines low.
const CLEAR: usize = 4;

/// One of the two lines, open-drain.
#[derive(Debug)]
pub struct Line {
    block: usize,
    bit: u32,
}

/// Clock and data of the block at that address.
///
/// # Safety
///
/// There is such a block, and nobody else uses it.
pub unsafe fn lines(block: usize) -> (Line, Line) {
    (Line { block, bit: 1 }, Line { block, bit: 2 })
}

impl Line {
    fn write(&mut self, register: usize) {
        // SAFETY: `lines` asks for the block's address; its registers touch no memory, and each line has a bit of its own.
        unsafe { ((self.block + register) as *mut u32).write_volatile(self.bit) }
    }
}

impl ErrorType for Line {
    type Error = Infallible;
}

impl OutputPin for Line {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.write(CLEAR);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.write(SET);
        Ok(())
    }
}

impl InputPin for Line {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        // SAFETY: as for writing; reading changes nothing.
        Ok(unsafe { ((self.block + SET) as *const u32).read_volatile() } & self.bit != 0)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}
