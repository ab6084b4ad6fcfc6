//! The built program `rnn` as its users meet it: people and programs, right input and wrong.

mod bench;
mod benchmark;
mod boards;
mod classes;
mod desk;
mod init;
mod interrupted;
mod intervals;
mod monitor;
#[cfg(unix)]
mod port;
mod refused_models;
mod refused_trainings;
mod same_bytes;
mod streaming;
mod whole_way;
