//! A serial port of this machine.

use std::{
    io::{Read, Write},
    time::Duration,
};

use crate::error::{Error, Result};

/// How long a read waits before it says that nothing came.
pub(super) const READ: Duration = Duration::from_millis(50);

/// A line that can be read and written.
pub trait Line: Read + Write + Send {}

impl<T: Read + Write + Send> Line for T {}

/// Opens a serial port by its name, eight bits, no parity, one stop bit.
pub fn open(port: &str, baud: u32) -> Result<Box<dyn Line>> {
    let opened = serialport::new(port, baud).timeout(READ).open();
    match opened {
        Ok(opened) => Ok(Box::new(opened)),
        Err(reason) => {
            let known: Vec<String> =
                serialport::available_ports().unwrap_or_default().into_iter().map(|port| port.port_name).collect();
            let known = if known.is_empty() { "there are none here".into() } else { format!("there are {}", known.join(", ")) };
            Err(Error::input(format!("--port {port}: {reason}; {known}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_not_there_is_named() {
        let error = open("no-such-port", 115_200).map(drop).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().starts_with("--port no-such-port: "), "{error}");
    }
}
