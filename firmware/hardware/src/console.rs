//! Lines of text by USB: the board is a serial port of the computer it is plugged into.

use core::fmt;

use usb_device::{
    bus::{UsbBus, UsbBusAllocator},
    device::{StringDescriptors, UsbDevice, UsbDeviceBuilder, UsbVidPid},
};
use usbd_serial::{SerialPort, USB_CLASS_CDC};

/// Shared by serial ports that tell themselves apart by their strings (Objective Development's list of shared identities).
const IDENTITY: UsbVidPid = UsbVidPid(0x16C0, 0x27DD);

/// Attempts to hand a listener more text before it is dropped: an open port that nobody reads must not stop the board.
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

    /// Serves the bus. Call it at least every few milliseconds.
    pub fn poll(&mut self) {
        if self.device.poll(&mut [&mut self.port]) {
            // What the computer sends is read, so that it is not held up, and means nothing.
            let _ = self.port.read(&mut [0; 64]);
        }
        let listening = self.port.dtr();
        self.came |= listening && !self.listening;
        self.listening = listening;
    }

    /// Whether a program has opened the port since the last call.
    pub fn someone_came(&mut self) -> bool {
        core::mem::take(&mut self.came)
    }
}

impl<B: UsbBus> fmt::Write for UsbConsole<'_, B> {
    /// Text that nobody listens to is dropped.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
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
        Ok(())
    }
}
