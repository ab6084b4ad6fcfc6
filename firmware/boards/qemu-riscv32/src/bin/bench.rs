//! Counts the instructions of the linked model's step.
#![no_std]
#![no_main]

embedded_rnn_emulated::program!(bench);
