//! The head's sums: two rows of `int8` weights at a time.

use core::arch::asm;

use crate::arithmetic::DenseInt8;
use crate::network::{Few, Head};

/// See [`crate::arithmetic::Number::dense`].
#[inline]
pub(crate) fn dense_int8<F: Head>(weights: &DenseInt8<'_, F>, h: &[i16], y: &mut [f32]) {
    let root = weights.norm.get().map(|norm| norm.root(h));
    let columns = h.len().next_multiple_of(4).max(4);
    let mut scales = weights.scale.iter().zip(weights.bias);
    for (rows, y) in weights.weights.chunks(2 * columns).zip(y.chunks_mut(2)) {
        let Some((first, second)) = rows.split_at_checked(columns) else { return };
        // Where their number is odd, the last row takes its own place beside itself.
        let sums = products(first, if second.len() == columns { second } else { first }, h);
        for ((y, sum), (scale, bias)) in y.iter_mut().zip(sums).zip(&mut scales) {
            *y = root.map_or(sum as f32, |root| sum as f32 * root) * scale + bias;
        }
    }
}

/// Sums of the products of two rows with h; modulo 2^32, as the portable loop's.
#[inline(always)]
fn products(first: &[i8], second: &[i8], h: &[i16]) -> [i32; 2] {
    let groups = first.len().min(second.len()).min(h.len()) & !3;
    let [mut sum, mut other] = [0i32; 2];
    if groups > 0 {
        let begin = h.as_ptr();
        // SAFETY: reads four bytes of each row and four halfwords of h at a time, `groups` of each, which is a multiple of four, at least
        // four, and no more than any slice has. It ends when the pointer to h reaches their end, computed here, and writes no
        // memory. `ldr` takes any address on these cores. `smlad` sets the Q flag on overflow, which Rust code does not read.
        unsafe {
            asm!(
                "2:",
                "ldr {a}, [{h}], #4",
                "ldr {b}, [{h}], #4",
                "ldr {w}, [{first}], #4",
                // h of columns 0 and 2, then of 1 and 3, as `sxtb16` takes the weights.
                "pkhbt {t}, {a}, {b}, lsl #16",
                "pkhtb {a}, {b}, {a}, asr #16",
                "sxtb16 {b}, {w}",
                "sxtb16 {w}, {w}, ror #8",
                "smlad {sum}, {b}, {t}, {sum}",
                "smlad {sum}, {w}, {a}, {sum}",
                "ldr {w}, [{second}], #4",
                "cmp {h}, {end}",
                "sxtb16 {b}, {w}",
                "sxtb16 {w}, {w}, ror #8",
                "smlad {other}, {b}, {t}, {other}",
                "smlad {other}, {w}, {a}, {other}",
                "bne 2b",
                h = inout(reg) begin => _,
                end = in(reg) begin.add(groups),
                first = inout(reg) first.as_ptr() => _,
                second = inout(reg) second.as_ptr() => _,
                sum = inout(reg) sum,
                other = inout(reg) other,
                a = out(reg) _,
                b = out(reg) _,
                w = out(reg) _,
                t = out(reg) _,
                options(nostack, readonly),
            );
        }
    }
    for ((w, v), h) in first.iter().zip(second).zip(h).skip(groups) {
        sum = sum.wrapping_add(i32::from(*w) * i32::from(*h));
        other = other.wrapping_add(i32::from(*v) * i32::from(*h));
    }
    [sum, other]
}
