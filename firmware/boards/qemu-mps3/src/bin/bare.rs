//! The bench without the network.
#![no_std]
#![no_main]

embedded_rnn_emulated::program!(bare);
