//! Answers a desk: forecasts what it feeds, measures when it asks, takes new models from it.
#![no_std]
#![no_main]

use embedded_rnn_panic_record::Text;

embedded_rnn_hardware::model!();
embedded_rnn_hardware::first_slot!();
embedded_rnn_panic_record::reset_on_panic!(rp2040::hal::reset);

#[rp2040::hal::entry]
fn main() -> ! {
    let before = embedded_rnn_panic_record::take();
    embedded_rnn_hardware::serve!(model, rp2040::start(), before.as_ref().map(Text::as_str))
}
