//! Memory of one step: zeroed in place, and copied back, without the compiler's calls that go word by word or byte by byte.

// What is in the memory after it was written.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use bytemuck::{Pod, Zeroable};

/// A place for a value on the stack, aligned for the widest loads that a kernel makes.
#[repr(C, align(8))]
pub(crate) struct Place<T>(MaybeUninit<T>);

impl<T: Zeroable> Place<T> {
    /// Nothing is in it.
    #[inline(always)]
    pub const fn new() -> Self {
        Place(MaybeUninit::uninit())
    }

    /// All zero.
    #[inline(always)]
    pub fn zero(&mut self) -> &mut T {
        #[cfg(kernel = "armv7m")]
        super::armv7m::memory::zero(&mut self.0);
        #[cfg(not(kernel = "armv7m"))]
        self.0.write(T::zeroed());
        // SAFETY: every byte has been set to zero, which is a value of `T`, for it is `Zeroable`.
        unsafe { self.0.assume_init_mut() }
    }
}

/// Copies `from` to `to`.
#[inline(always)]
pub(crate) fn copy<T: Pod>(from: &T, to: &mut T) {
    #[cfg(kernel = "armv7m")]
    super::armv7m::memory::copy(bytemuck::bytes_of(from), bytemuck::bytes_of_mut(to));
    #[cfg(not(kernel = "armv7m"))]
    to.clone_from(from);
}
