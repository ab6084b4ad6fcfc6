//! Panics, and reports it after the reset.
#![no_std]
#![no_main]

embedded_rnn_emulated::program!(panic);
