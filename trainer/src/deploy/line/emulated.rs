//! An emulated board whose serial port is a socket of this machine.

use std::{
    io::{self, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::port::READ;
use crate::{
    deploy::{boards::Board, emulator},
    error::{Error, Result},
};

/// How long the emulator may take to start.
const START: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A running emulator; it ends with this value.
#[derive(Debug)]
pub struct Emulated {
    child: Child,
    board: &'static Board,
    complaint: Option<thread::JoinHandle<String>>,
}

impl Emulated {
    /// Starts a program on an emulated board, with further arguments for the emulator; the socket is the board's first serial port.
    pub fn start(emulator: &Path, board: &'static Board, elf: &Path, arguments: &[String]) -> Result<(Self, TcpStream)> {
        let failed = |reason: io::Error| Error::file("connect the serial port of", emulator, reason);
        // Listening before the emulator starts: it connects, and nobody has to guess when.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let mut command = emulator::command(emulator, board, &format!("tcp:127.0.0.1:{port}"), elf)?;
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|reason| Error::file("run", emulator, reason))?;
        let complaint = child.stderr.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut text = Vec::new();
                // What was said before the pipe broke is what there is to tell.
                let _ = pipe.read_to_end(&mut text);
                String::from_utf8_lossy(&text).trim().replace('\n', "; ")
            })
        });
        let mut running = Emulated { child, board, complaint };
        let line = running.accept(&listener)?;
        line.set_nonblocking(false).and_then(|()| line.set_nodelay(true)).map_err(failed)?;
        line.set_read_timeout(Some(READ)).map_err(failed)?;
        Ok((running, line))
    }

    fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream> {
        let deadline = Instant::now() + START;
        loop {
            match listener.accept() {
                Ok((line, _)) => return Ok(line),
                Err(reason) if reason.kind() != io::ErrorKind::WouldBlock => {
                    return Err(Error::failed(format!("the emulator's serial port failed: {reason}")));
                }
                Err(_) if Instant::now() >= deadline || matches!(self.child.try_wait(), Ok(Some(_))) => {
                    return Err(self.fate("did not open its serial port"));
                }
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    /// Whether the emulator is there no more.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the program ends with success.
    pub fn finish(mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
                Ok(None) => return Err(self.fate("did not end")),
                _ => return Err(self.fate("ended badly")),
            }
        }
    }

    /// Ends the emulator and says what it complained of.
    pub fn fate(&mut self, what: &str) -> Error {
        self.kill();
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let reason = if complaint.is_empty() { "it gave no reason".into() } else { complaint };
        Error::failed(format!("the emulated {} {what}: {reason}", self.board.name))
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        self.kill();
    }
}
