//! The record's place on a board.

use core::{fmt::Display, ptr::addr_of_mut};

use crate::{Record, Text};

unsafe extern "C" {
    /// Set aside by the board's linker script.
    static mut __panic_record: Record;
}

/// Writes down what a panic said. The caller is the panic handler, which resets the board next.
pub fn record(what: impl Display) {
    let record = Record::of(what);
    // SAFETY: the linker script keeps these bytes free for this purpose, and nothing holds a reference to them: here and in
    // `take` they are copied as a whole. Any bytes are a `Record`. Volatile, since the program ends before anybody reads them.
    unsafe { addr_of_mut!(__panic_record).write_volatile(record) }
}

/// What the panic before this boot said, if there was one. It is said once: the record is erased.
pub fn take() -> Option<Text> {
    // SAFETY: as in `record`.
    unsafe {
        let record = addr_of_mut!(__panic_record).read_volatile();
        addr_of_mut!(__panic_record).write_volatile(Record::NONE);
        record.text()
    }
}
