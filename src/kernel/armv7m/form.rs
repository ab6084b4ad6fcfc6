//! What a form adds to a cell's constants.

use core::mem::MaybeUninit;

use crate::arithmetic::LstmInt8;
use crate::network::{Few, Form};

/// Read by [`super::cell`], if the form has any of it.
#[repr(C)]
pub(super) struct Further {
    /// 0: keep factors of the candidate and of the cell.
    keep: [i32; 2],
    /// 8: `1 - z_c`.
    cell: i32,
    /// 12: the output reads the blended c.
    reads_zoned: u32,
    /// 16: `1 - z_h`.
    hidden: i32,
    /// 20: the end of the wide hidden state.
    wide_end: *mut i32,
}

impl Further {
    /// Left as it is where the form has nothing of it; none where the wide hidden state is not `units` long though the form has one.
    #[inline(always)]
    pub fn new<F: Form>(weights: &LstmInt8<'_, F>, wide: &mut [i32], units: usize) -> Option<MaybeUninit<Self>> {
        if F::HIDDEN && wide.len() != units {
            return None;
        }
        if !F::CELL && !F::FORM.kept {
            return Some(MaybeUninit::uninit());
        }
        let zone = weights.zone;
        Some(MaybeUninit::new(Further {
            keep: weights.keep.get().map_or([0; 2], |keep| [keep.candidate, keep.cell]),
            cell: zone.cell,
            reads_zoned: zone.reads_zoned.into(),
            hidden: zone.hidden,
            wide_end: wide.as_mut_ptr_range().end,
        }))
    }
}
