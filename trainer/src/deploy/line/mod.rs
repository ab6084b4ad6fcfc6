//! A board on a line: a real one on a serial port, an emulated one on its serial port's socket.

mod desk;
mod emulated;
mod feed;
mod port;
mod update;

pub use desk::{Answer, AskError, Desk, Outcome};
pub use emulated::Emulated;
pub use feed::{Fed, expect_same, feed};
pub use port::{Line, open};
pub use update::update;
