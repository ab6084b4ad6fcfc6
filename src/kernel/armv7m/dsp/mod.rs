//! ARMv7E-M, and ARMv8-M with the DSP extension.

pub(super) mod dense;
#[macro_use]
mod instructions;
#[macro_use]
mod products;
