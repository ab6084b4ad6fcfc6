//! ARMv7-M without the DSP extension (Cortex-M3).

#[macro_use]
mod instructions;
#[macro_use]
mod products;
