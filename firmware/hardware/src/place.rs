//! Where the linker script has set flash aside for models.

use core::ptr::addr_of_mut;

use crate::{Parts, Stretch};

unsafe extern "C" {
    static mut __slot0: u8;
    static mut __slot1: u8;
    static mut __slot_length: u8;
    static mut __journal: u8;
    static mut __journal_length: u8;
}

/// The board's two slots and its journal.
pub fn parts() -> Parts {
    // SAFETY: `memory/board.x` sets these stretches aside, whole sectors each, and links nothing into them but what is there from
    // production. A length is its symbol's address.
    unsafe {
        let [slot, journal] = [addr_of_mut!(__slot_length).addr(), addr_of_mut!(__journal_length).addr()];
        Parts {
            slots: [Stretch::new(addr_of_mut!(__slot0), slot), Stretch::new(addr_of_mut!(__slot1), slot)],
            journal: Stretch::new(addr_of_mut!(__journal), journal),
        }
    }
}
