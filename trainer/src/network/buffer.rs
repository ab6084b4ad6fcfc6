//! Values that begin at a cache line, so that a vector of 64 bytes is one line and never parts of two: the elementwise parts of a step
//! are bound by loads and stores as much as by arithmetic.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: bytes without padding, for which every value is valid.
unsafe impl Zeroable for Line {}
// SAFETY: as above.
unsafe impl Pod for Line {}

/// A fixed number of values whose size is a multiple of a line's; zero at first.
#[derive(Clone, Debug)]
pub struct Buffer<T> {
    lines: Vec<Line>,
    values: PhantomData<T>,
}

impl<T: Pod> Buffer<T> {
    /// So many zeros.
    pub fn new(count: usize) -> Self {
        const { assert!(size_of::<T>().is_multiple_of(size_of::<Line>()), "values of whole lines") };
        Buffer { lines: vec![Line::zeroed(); count * (size_of::<T>() / size_of::<Line>())], values: PhantomData }
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.lines)
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_zero_at_first_and_begin_at_a_line() {
        for count in [0, 1, 5, 1000] {
            let mut buffer = Buffer::<[[f32; 16]; 4]>::new(count);
            assert_eq!((buffer.len(), buffer.as_ptr().addr() % 64), (count, 0));
            assert!(buffer.as_flattened().as_flattened().iter().all(|&value| value == 0.0));
            buffer.fill([[2.0; 16]; 4]);
            assert!(buffer.clone().iter().all(|row| row == &[[2.0; 16]; 4]));
        }
    }
}
