//! What others' LSTM steps cost, measured in the same emulator with the same counter.

use super::networks::SHAPES;

/// A plain LSTM that somebody may use instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// What it is.
    pub name: &'static str,
    /// The core that it was measured on.
    pub core: &'static str,
    /// The arithmetic that it stands beside.
    pub arithmetic: &'static str,
    /// Instructions of a step for each of [`SHAPES`].
    pub instructions: [u64; SHAPES.len()],
}

/// CMSIS-NN's `arm_lstm_unidirectional_s8` and `_s16`, and a plain C step with newlib's `expf` and `tanhf`, compiled at `-Ofast` with the best flags for the
/// core and counted under the same emulator with the same calibration.
pub const RIVALS: [Rival; 6] = [
    Rival { name: "CMSIS-NN s8", core: "m0", arithmetic: "int8", instructions: [30_476, 75_175, 193_595, 593_651] },
    Rival { name: "CMSIS-NN s8", core: "m3", arithmetic: "int8", instructions: [13_296, 34_055, 90_171, 290_355] },
    Rival { name: "CMSIS-NN s8", core: "m4", arithmetic: "int8", instructions: [11_198, 26_653, 67_205, 202_073] },
    Rival { name: "CMSIS-NN s16", core: "m4", arithmetic: "int8", instructions: [13_861, 33_821, 85_423, 256_755] },
    Rival { name: "C, f32, newlib", core: "m4", arithmetic: "f32", instructions: [11_510, 38_298, 117_606, 421_505] },
    Rival { name: "CMSIS-NN s8", core: "m55", arithmetic: "int8", instructions: [6_381, 12_053, 26_278, 66_247] },
];

/// One sentence on where the rivals' figures come from.
pub const SOURCE: &str = "CMSIS-NN and C: plain LSTM, compiled at -Ofast with the best flags for the core, counted under the same emulator; \
                          CMSIS-NN s8 on the M4 has 3424 bytes of code, a table of 512 and 2560 bytes of RAM at (8, 64)";

/// The rivals that stand beside a core's rows.
pub fn of_core(core: &str) -> impl Iterator<Item = &'static Rival> {
    RIVALS.iter().filter(move |rival| rival.core == core)
}

/// Instructions of the closest rival: the first that was measured on this core and stands beside this arithmetic.
pub fn instructions(core: &str, arithmetic: &str, shape: (usize, usize)) -> Option<u64> {
    let rival = of_core(core).find(|rival| arithmetic.starts_with(rival.arithmetic))?;
    SHAPES.iter().position(|known| *known == shape).map(|index| rival.instructions[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_finds_the_rival_of_its_core_and_arithmetic() {
        assert_eq!(instructions("m4", "int8", (8, 64)), Some(67_205));
        assert_eq!(instructions("m4", "f32", (16, 128)), Some(421_505));
        assert_eq!(instructions("m0", "int8-cell16", (1, 16)), Some(30_476));
        assert_eq!(instructions("m0", "f32", (1, 16)), None);
        assert_eq!(instructions("riscv32", "int8", (8, 64)), None);
        assert_eq!(instructions("m4", "int8", (2, 2)), None);
    }
}
