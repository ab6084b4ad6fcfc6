//! The serial ports of the emulated boards, polled.

mod cmsdk;
mod nrf51;
mod ns16550;

pub use cmsdk::Cmsdk;
pub use nrf51::Nrf51;
pub use ns16550::Ns16550;

use core::convert::Infallible;

/// One register after the other, by its distance from the first.
#[derive(Clone, Copy, Debug)]
struct Registers(usize);

impl Registers {
    fn read(self, offset: usize) -> u32 {
        // SAFETY: the ports' constructors ask for the address of such a peripheral; its registers may be read at any time.
        unsafe { ((self.0 + offset) as *const u32).read_volatile() }
    }

    fn write(self, offset: usize, value: u32) {
        // SAFETY: as for reading; the registers touch no memory.
        unsafe { ((self.0 + offset) as *mut u32).write_volatile(value) }
    }
}

/// A port that takes and gives single bytes.
trait Port {
    /// A byte that has come.
    fn take(&mut self) -> Option<u8>;

    /// Sends a byte as soon as the port can.
    fn give(&mut self, byte: u8);

    /// Waits for a byte, and takes what came with it.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let mut count = 0;
        while count < buffer.len() {
            match self.take() {
                Some(byte) => {
                    buffer[count] = byte;
                    count += 1;
                }
                None if count > 0 => break,
                None => {}
            }
        }
        Ok(count)
    }
}

/// The traits of `embedded-io` for a port.
macro_rules! port {
    ($name:ident) => {
        impl embedded_io::ErrorType for $name {
            type Error = core::convert::Infallible;
        }

        impl embedded_io::Read for $name {
            fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
                $crate::uart::Port::read(self, buffer)
            }
        }

        impl embedded_io::Write for $name {
            fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
                bytes.iter().for_each(|byte| $crate::uart::Port::give(self, *byte));
                Ok(bytes.len())
            }

            fn flush(&mut self) -> Result<(), Self::Error> {
                Ok(())
            }
        }
    };
}

use port;
