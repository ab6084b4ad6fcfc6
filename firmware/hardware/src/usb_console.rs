//! A line by USB: the board is a serial port of the computer it is plugged into.

use usb_device::{
    bus::{UsbBus, UsbBusAllocator},
    device::{StringDescriptors, UsbDevice, UsbDeviceBuilder, UsbVidPid},
};
use usbd_serial::{SerialPort, USB_CLASS_CDC};

use crate::Console;

/// Shared by serial ports that tell themselves apart by their strings (Objective Development's list of shared identities).
const IDENTITY: UsbVidPid = UsbVidPid(0x16C0, 0x27DD);

/// Attempts to hand a listener more before it is dropped: an open port that nobody reads must not stop the board.
const PATIENCE: u32 = 20_000;

/// A serial port by USB.
pub struct UsbConsole<'a, B: UsbBus> {
    device: UsbDevice<'a, B>,
    port: SerialPort<'a, B>,
    listening: bool,
    came: bool,
}

impl<'a, B: UsbBus> UsbConsole<'a, B> {
    /// A port of a device of that name.
    pub fn new(bus: &'a UsbBusAllocator<B>, product: &'a str) -> Self {
        let port = SerialPort::new(bus);
        let strings = [StringDescriptors::default().manufacturer("embedded-rnn").product(product)];
        let builder = UsbDeviceBuilder::new(bus, IDENTITY);
        // Only more languages than a device may have are refused.
        let builder = builder.strings(&strings).unwrap_or_else(|_| UsbDeviceBuilder::new(bus, IDENTITY));
        UsbConsole { device: builder.device_class(USB_CLASS_CDC).build(), port, listening: false, came: false }
    }
}

impl<B: UsbBus> Console for UsbConsole<'_, B> {
    fn poll(&mut self) {
        self.device.poll(&mut [&mut self.port]);
        let listening = self.port.dtr();
        self.came |= listening && !self.listening;
        self.listening = listening;
    }

    fn someone_came(&mut self) -> bool {
        core::mem::take(&mut self.came)
    }

    /// What nobody reads here holds the computer up, and nothing else.
    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        // That nothing has come is the one error there is.
        self.port.read(buffer).unwrap_or(0)
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let mut patience = PATIENCE;
        while !rest.is_empty() && self.listening && patience > 0 {
            match self.port.write(rest) {
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or(&[]);
                    patience = PATIENCE;
                }
                Err(_) => patience -= 1,
            }
            self.poll();
        }
    }
}
