//! Streams the held-back series through the linked model.
#![no_std]
#![no_main]

embedded_rnn_emulated::program!(demo);
