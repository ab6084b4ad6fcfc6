//! A board that cannot work says why.

use core::fmt::Display;

use crate::Board;

/// Microseconds between two complaints.
const COMPLAINT: u64 = 5_000_000;

/// Says over and over what is wrong: whoever plugs the board in learns it.
pub fn complain<B: Board>(board: &mut B, error: &dyn Display) -> ! {
    let mut next = 0;
    loop {
        board.idle();
        let now = board.now();
        if now >= next || board.someone_came() {
            next = now + COMPLAINT;
            // A line cannot be told that it does not work.
            let _ = writeln!(board, "# this board cannot work: {error}\r");
        }
    }
}
