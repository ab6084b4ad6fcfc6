//! A board's serial line by the traits of `embedded-io`.

use core::{cell::RefCell, convert::Infallible};

use embedded_io::{ErrorType, Read, Write};

use crate::Board;

/// The line of a board. While it waits for a byte, the board idles, and whoever comes is told what was before this boot.
#[derive(Debug)]
pub struct Line<'a, B> {
    /// The board.
    pub board: &'a RefCell<B>,
    /// What the panic before this boot said.
    pub before: Option<&'a str>,
}

/// What was before this boot, between two zero bytes: no frame of the protocol, and text for people.
pub fn tell<B: Board>(board: &mut B, before: &str) {
    board.send(&[0]);
    for line in before.lines() {
        // A line cannot be told that it does not work.
        let _ = writeln!(board, "# before this boot: {line}\r");
    }
    board.send(&[0]);
}

impl<B> ErrorType for Line<'_, B> {
    type Error = Infallible;
}

impl<B: Board> Read for Line<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        loop {
            let mut board = self.board.borrow_mut();
            board.idle();
            if let (true, Some(before)) = (board.someone_came(), self.before) {
                tell(&mut *board, before);
            }
            match board.receive(buffer) {
                0 if !buffer.is_empty() => {}
                count => return Ok(count),
            }
        }
    }
}

impl<B: Board> Write for Line<'_, B> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.board.borrow_mut().send(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
