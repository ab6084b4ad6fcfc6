//! From a CSV to a proven model file: trains small regularized LSTMs, folds away what only training needed, quantizes,
//! packs, and evaluates the file through the device crate.
//!
//! Data goes one way: `data -> network + regularize -> linear -> train -> fold -> quantize -> pack -> evaluate -> report / deploy -> compare / benchmark / bench -> cli`.
//! A stage imports the ones before it and never the ones after.

pub mod bench;
pub mod benchmark;
pub mod cli;
pub mod compare;
pub mod config;
pub mod data;
pub mod deploy;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod files;
pub mod fold;
pub mod linear;
pub mod monitor;
pub mod network;
pub mod optimize;
pub mod pack;
pub mod parallel;
pub mod preset;
pub mod quantize;
pub mod random;
pub mod regularize;
pub mod report;
pub mod static_fold;
pub mod train;
