//! Forecasts what a desk feeds over the serial port.
#![no_std]
#![no_main]

// SAFETY: the board's first serial port, and nothing else uses it.
embedded_rnn_emulated::program!(serve, unsafe { embedded_rnn_emulated::uart::Cmsdk::at(0x5930_3000) });
