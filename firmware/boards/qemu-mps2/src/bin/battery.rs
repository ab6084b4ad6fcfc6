//! Compares the core's kernels with the portable code.
#![no_std]
#![no_main]

embedded_rnn_emulated::program!(battery);
