//! The cores that a model may be for.

use embedded_rnn::image::Layout;
use serde::Serialize;

/// A core, by which the order of an integer model's weights is chosen. The bits are the same in every order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Core {
    /// Any core: the order that portable code reads.
    Portable,
    /// ARMv6-M, M0+ too.
    CortexM0,
    /// ARMv7-M.
    CortexM3,
    /// ARMv7E-M.
    #[default]
    CortexM4,
    /// ARMv7E-M.
    CortexM7,
    /// ARMv8-M with the DSP extension.
    CortexM33,
    /// ARMv8.1-M with vectors.
    CortexM55,
    /// RISC-V with 32 bits.
    Riscv32,
}

impl Core {
    /// The order of integer weights that the core's kernels read.
    pub fn layout(self) -> Layout {
        match self {
            Core::CortexM55 => Layout::RowMajor,
            _ => Layout::PackedPair,
        }
    }
}
