//! The inner loops: portable here; every other instruction set must give these bits.

#[cfg(kernel = "armv6m")]
pub(crate) mod armv6m;
#[cfg(kernel = "armv6m")]
pub(crate) mod armv6m_step;
#[cfg(kernel = "armv7m")]
pub(crate) mod armv7m;
pub(crate) mod float;
pub(crate) mod float_norm;
pub(crate) mod head_norm;
pub(crate) mod int8_norm;
pub(crate) mod joint;
#[cfg(kernel_vectors)]
mod mve;
pub(crate) mod packed_pair;
pub(crate) mod place;
#[doc(hidden)]
pub mod portable;
pub(crate) mod row_major;
pub(crate) mod skip;
#[cfg(kernel_float = "vfp")]
pub(crate) mod vfp;

pub use joint::{Joint, Padding};
