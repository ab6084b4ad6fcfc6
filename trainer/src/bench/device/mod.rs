//! What a step of an LSTM layer costs on a board: executed instructions, code, tables, memory.
//!
//! Networks are trained, not drawn at random: weights decide how an exporter packs them, and states which way a kernel's branches go.

pub mod markdown;
pub mod measure;
pub mod networks;
pub mod rivals;
pub mod table;

use serde::Serialize;

/// What a step costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The core: `m0`, `m3`, `m4`, `m7`, `m33`, `m55`, `riscv32`.
    pub core: &'static str,
    /// `lstm`, `lstm-ln-a`, `lstm-ln-b`, `lstm-ln-joint`.
    pub cell: &'static str,
    /// `f32`, `int8`.
    pub arithmetic: &'static str,
    /// What else the cell does: `plain` or `zoneout`.
    pub variant: &'static str,
    /// Inputs of a step.
    pub input: usize,
    /// Units.
    pub hidden: usize,
    /// Executed instructions of a step, the call included.
    pub instructions_per_step: u64,
    /// The same for each of the `4*H*(I+H)` multiply-accumulates.
    pub instructions_per_mac: f64,
    /// What the step adds to the linked image, tables excepted.
    pub code_bytes: u64,
    /// Tables that the step reads.
    pub table_bytes: u64,
    /// A layer's state, with the buffers that a step needs beside it.
    pub ram_bytes: u64,
    /// Peak stack of a step, those buffers included.
    pub stack_bytes: u64,
}

/// A row that cannot be measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The core.
    pub core: &'static str,
    /// As in [`Row`].
    pub cell: &'static str,
    /// As in [`Row`].
    pub arithmetic: &'static str,
    /// As in [`Row`].
    pub input: usize,
    /// As in [`Row`].
    pub hidden: usize,
    /// Why.
    pub reason: String,
}

/// What counts instructions on a board, and its scale: a loop of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Calibration {
    /// The board's core.
    pub core: &'static str,
    /// Instructions of the loop.
    pub instructions: u64,
    /// Ticks of the counter that it took.
    pub ticks: u64,
}

impl std::fmt::Display for Calibration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Calibration { core, instructions, ticks } = *self;
        let scale = instructions as f64 / ticks as f64;
        write!(f, "{core}: a loop of {instructions} instructions took {ticks} ticks of the counter, {scale:.2} to a tick")
    }
}
