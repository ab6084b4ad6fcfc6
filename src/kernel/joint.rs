//! The joint input buffer of an LSTM layer: `x`, then `h`, then padding, one run of memory for one run of weights.

// The one place of the crate that needs it; see `padded`.
#![allow(unsafe_code)]

use crate::arithmetic::Element;

/// `[x: I | h: H | padding]`, aligned for the widest loads that a kernel makes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(8))]
pub struct Joint<A, const I: usize, const H: usize> {
    /// The layer's input.
    pub x: [A; I],
    /// The layer's previous hidden state.
    pub h: [A; H],
    /// Always zero, and met by zero weights.
    pad: [A; 3],
}

impl<A: Element, const I: usize, const H: usize> Joint<A, I, H> {
    /// All zero.
    pub const ZERO: Self = Joint { x: [A::ZERO; I], h: [A::ZERO; H], pad: [A::ZERO; 3] };

    /// `x`, `h` and as much padding as makes the length a multiple of `multiple`, which is 1, 2 or 4.
    #[inline(always)]
    pub fn padded(&self, multiple: usize) -> &[A] {
        let wanted = match multiple {
            4 => (I + H + 3) & !3,
            2 => (I + H + 1) & !1,
            _ => I + H,
        };
        // SAFETY: the struct is `repr(C)` and its fields are arrays of one element type, so that they lie without gaps from the
        // struct's start, I + H + 3 elements in all; `wanted` is at most that. The elements are plain data, initialized, and
        // borrowed for as long as `self` is.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast::<A>(), wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::Joint;

    #[test]
    fn padded_is_x_then_h_then_zeros() {
        let joint = Joint::<i16, 3, 2> { x: [1, 2, 3], h: [4, 5], ..Joint::ZERO };
        assert_eq!(joint.padded(1), [1, 2, 3, 4, 5]);
        assert_eq!(joint.padded(2), [1, 2, 3, 4, 5, 0]);
        assert_eq!(joint.padded(4), [1, 2, 3, 4, 5, 0, 0, 0]);
        let joint = Joint::<f32, 1, 3> { x: [1.0], h: [2.0, 3.0, 4.0], ..Joint::ZERO };
        assert_eq!(joint.padded(4), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(core::mem::align_of_val(&joint), 8);
    }
}
