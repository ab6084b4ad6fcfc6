//! A word to the cache about what the next step will touch.
//!
//! What a step leaves behind is larger than the second-level cache, and a part's share of a step is smaller than a page, where the
//! processor's own prefetching ends: without a word, the norms of the backward pass wait for memory.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Has the values fetched, where there is an instruction for it.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of_val(values)).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: SSE is part of the target, and a prefetch reads nothing; the address lies within the slice.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().cast::<i8>().add(offset)) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, LINE);
}
