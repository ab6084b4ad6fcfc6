//! Runs the linked model file's own test vector.
#![no_std]
#![no_main]

embedded_rnn_emulated::program!(selftest);
