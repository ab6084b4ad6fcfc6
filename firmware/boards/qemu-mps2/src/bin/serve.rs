//! Forecasts what a desk feeds over the serial port.
#![no_std]
#![no_main]

/// The first serial port. The Cortex-M33's board, which alone is built with its DSP extension, has it elsewhere.
const PORT: usize = if cfg!(feature = "dsp") { 0x5020_0000 } else { 0x4000_4000 };

// SAFETY: the board's first serial port, and nothing else uses it.
embedded_rnn_emulated::program!(serve, unsafe { embedded_rnn_emulated::uart::Cmsdk::at(PORT) });
