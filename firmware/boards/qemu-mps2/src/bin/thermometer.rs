//! Measures and forecasts when a desk asks: a thermometer on the board's two-wire bus.
#![no_std]
#![no_main]

/// The first serial port. The Cortex-M33's board, which alone is built with its DSP extension, has it elsewhere.
const PORT: usize = if cfg!(feature = "dsp") { 0x5020_0000 } else { 0x4000_4000 };

/// The two-wire block that the emulator hangs targets on.
const BUS: usize = 0x4002_A000;

// SAFETY: the board's first serial port and its two-wire block, and nothing else uses them.
embedded_rnn_emulated::program!(thermometer, unsafe { embedded_rnn_emulated::uart::Cmsdk::at(PORT) }, unsafe {
    embedded_rnn_emulated::serial_bus::lines(BUS)
});
