//! Forecasts of the temperature where the board is, as lines of text.
#![no_std]
#![no_main]

use embedded_rnn_hardware::{Linked, station};
use embedded_rnn_panic_record::Text;

embedded_rnn_hardware::model!();
embedded_rnn_panic_record::reset_on_panic!(cortex_m::peripheral::SCB::sys_reset);

static MODEL: &[u8] = embedded_rnn::include_model!(concat!(env!("OUT_DIR"), "/model.rnn"));

#[cortex_m_rt::entry]
fn main() -> ! {
    let before = embedded_rnn_panic_record::take();
    let linked = Linked { image: MODEL, bind: model::Model::bind, period: model::PERIOD };
    station(nrf52840::start(), &linked, before.as_ref().map(Text::as_str))
}
