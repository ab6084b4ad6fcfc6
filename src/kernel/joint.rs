//! The joint input buffer of an LSTM layer: `x`, then `h`, then padding, one run of memory for one run of weights.

// The one place of the crate that needs it; see `padded`.
#![allow(unsafe_code)]

use crate::arithmetic::Element;

mod sealed {
    pub trait Sealed {}
}

/// The padding of a [`Joint`] buffer: an array of elements.
pub trait Padding<A>: sealed::Sealed + Copy + core::fmt::Debug + PartialEq {
    /// All zero.
    const ZERO: Self;
    /// Elements.
    const LENGTH: usize;
}

impl<A, const N: usize> sealed::Sealed for [A; N] {}

impl<A: Element, const N: usize> Padding<A> for [A; N] {
    const ZERO: Self = [A::ZERO; N];
    const LENGTH: usize = N;
}

/// `[x: I | h: H | padding]`, aligned for the widest loads that a kernel makes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(8))]
pub struct Joint<A, P, const I: usize, const H: usize> {
    /// The layer's input.
    pub x: [A; I],
    /// The layer's previous hidden state.
    pub h: [A; H],
    /// Always zero, and met by zero weights.
    pad: P,
}

impl<A: Element, P: Padding<A>, const I: usize, const H: usize> Joint<A, P, I, H> {
    /// All zero.
    pub const ZERO: Self = Joint { x: [A::ZERO; I], h: [A::ZERO; H], pad: P::ZERO };

    /// `x`, `h` and as much padding as makes the length a multiple of `multiple`, a power of two of at most one more than there is
    /// padding.
    #[inline(always)]
    pub fn padded(&self, multiple: usize) -> &[A] {
        let wanted = (I + H).next_multiple_of(multiple.max(1)).min(I + H + P::LENGTH);
        // SAFETY: the struct is `repr(C)` and its fields are arrays of one element type (`Padding` is sealed, and only arrays of A
        // are a `Padding<A>`), so that they lie without gaps from the struct's start, I + H + P::LENGTH elements in all; `wanted` is
        // at most that. The elements are plain data, initialized, and borrowed for as long as `self` is.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(self).cast::<A>(), wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::Joint;

    #[test]
    fn padded_is_x_then_h_then_zeros() {
        let joint = Joint::<i16, [i16; 7], 3, 2> { x: [1, 2, 3], h: [4, 5], ..Joint::ZERO };
        assert_eq!(joint.padded(1), [1, 2, 3, 4, 5]);
        assert_eq!(joint.padded(2), [1, 2, 3, 4, 5, 0]);
        assert_eq!(joint.padded(4), [1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(joint.padded(8), [1, 2, 3, 4, 5, 0, 0, 0]);
        let joint = Joint::<f32, [f32; 3], 1, 3> { x: [1.0], h: [2.0, 3.0, 4.0], ..Joint::ZERO };
        assert_eq!(joint.padded(4), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(core::mem::align_of_val(&joint), 8);
    }
}
