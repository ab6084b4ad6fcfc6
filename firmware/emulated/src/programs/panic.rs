//! Panics on purpose, is reset, and reports at the next boot where that was.

use core::hint::black_box;

use crate::end;

/// Runs it to its end, which is at the second boot.
pub fn run() -> ! {
    if let Some(before) = embedded_rnn_panic_record::take() {
        defmt::info!("before this boot: {=str}", before.as_str());
        end::succeed();
    }
    defmt::info!("nothing before this boot");
    end::reset_on_panic();
    let samples: [u32; 3] = black_box([21, 22, 23]);
    // Beyond the end, which the compiler must not see.
    let sample = samples[black_box(3)];
    defmt::error!("there is no fourth sample, and yet it is {=u32}", sample);
    end::fail();
}
