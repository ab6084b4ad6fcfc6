//! Zeroing and copying of a step's arrays, several words at a time.

use core::arch::asm;
use core::mem::MaybeUninit;

/// Zeroes a place's bytes.
#[inline(always)]
pub(crate) fn zero<T>(place: &mut MaybeUninit<T>) {
    let bytes = size_of::<T>();
    let mut begin = place.as_mut_ptr().cast::<u8>();
    let blocks = if begin.addr().is_multiple_of(4) { bytes / 32 } else { 0 };
    if blocks > 0 {
        // SAFETY: writes `blocks` times 32 bytes from the place's beginning, which is a multiple of 4; it has no fewer.
        unsafe {
            asm!(
                "2:",
                "stm {begin}!, {{r2, r3, r4, r5}}",
                "stm {begin}!, {{r2, r3, r4, r5}}",
                "subs {blocks}, #1",
                "bne 2b",
                begin = inout(reg) begin,
                blocks = inout(reg) blocks => _,
                inout("r2") 0 => _,
                inout("r3") 0 => _,
                inout("r4") 0 => _,
                inout("r5") 0 => _,
                options(nostack),
            );
        }
    }
    // SAFETY: these are the place's last bytes.
    unsafe { begin.write_bytes(0, bytes - 32 * blocks) };
}

/// Copies bytes; of the longer slice what is beyond the shorter one is left out.
#[inline(always)]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    let bytes = from.len().min(to.len());
    let blocks = if from.as_ptr().addr().is_multiple_of(4) { bytes / 32 } else { 0 };
    if blocks > 0 {
        let aligned = to.as_ptr().addr().is_multiple_of(4);
        // SAFETY: reads and writes `blocks` times 32 bytes from the slices' beginnings; both have no fewer. What `ldm` and `stm` are
        // given is a multiple of 4; `str` takes any address on these cores.
        unsafe {
            if aligned {
                asm!(
                    "2:",
                    "ldm {from}!, {{r2, r3, r4, r5}}",
                    "stm {to}!, {{r2, r3, r4, r5}}",
                    "ldm {from}!, {{r2, r3, r4, r5}}",
                    "stm {to}!, {{r2, r3, r4, r5}}",
                    "subs {blocks}, #1",
                    "bne 2b",
                    from = inout(reg) from.as_ptr() => _,
                    to = inout(reg) to.as_mut_ptr() => _,
                    blocks = inout(reg) blocks => _,
                    out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                    options(nostack),
                );
            } else {
                asm!(
                    "2:",
                    "ldm {from}!, {{r2, r3, r4, r5, r8, r9, r10, r12}}",
                    "str r2, [{to}], #4",
                    "str r3, [{to}], #4",
                    "str r4, [{to}], #4",
                    "str r5, [{to}], #4",
                    "str r8, [{to}], #4",
                    "str r9, [{to}], #4",
                    "str r10, [{to}], #4",
                    "str r12, [{to}], #4",
                    "subs {blocks}, #1",
                    "bne 2b",
                    from = inout(reg) from.as_ptr() => _,
                    to = inout(reg) to.as_mut_ptr() => _,
                    blocks = inout(reg) blocks => _,
                    out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                    out("r8") _, out("r9") _, out("r10") _, out("r12") _,
                    options(nostack),
                );
            }
        }
    }
    for (to, from) in to.iter_mut().zip(from).skip(32 * blocks) {
        *to = *from;
    }
}
