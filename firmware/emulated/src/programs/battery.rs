//! Holds the core's kernels against the portable code, in random steps with extremes among them, and logs what came out.

use embedded_rnn_battery::{MEMORY, Report, Suite};

use crate::end;

/// Steps of each part.
const STEPS: u32 = 2_500;
/// The parts' seeds.
const SEEDS: [u32; 4] = [1, 2, 3, 4];
/// What is compared on every core, and on those whose kernels differ there.
const SUITES: &[Suite] = if cfg!(feature = "small") {
    &[Suite::Standard, Suite::Cell16]
} else if cfg!(feature = "mve") {
    &[Suite::Standard, Suite::RowMajor]
} else {
    &[Suite::Standard]
};
/// Words of memory for a layer's record.
const WORDS: usize = if cfg!(feature = "small") { 1_000 } else { MEMORY };

/// Runs it to its end.
pub fn run() -> ! {
    let mut memory = [0; WORDS];
    for (suite, seed) in SUITES.iter().flat_map(|suite| SEEDS.map(|seed| (*suite, seed))) {
        let Report { steps, mismatches, first, refused } = embedded_rnn_battery::run(suite, &mut memory, seed, STEPS);
        defmt::info!(
            "battery seed={=u32} steps={=u32} mismatches={=u32} first={=u32} refused={=u32}",
            seed,
            steps,
            mismatches,
            first,
            refused
        );
        if mismatches > 0 || refused > 0 || steps < STEPS {
            defmt::error!(
                "of {=u32} steps of suite {=u8} from seed {=u32}, {=u32} differ from the portable code, the first in layer {=u32}, and {=u32} layers were refused",
                steps,
                suite as u8,
                seed,
                mismatches,
                first,
                refused
            );
            end::fail();
        }
    }
    end::succeed()
}
