//! The built program `rnn` as its users meet it: people and programs, right input and wrong.

mod benchmark;
mod boards;
mod desk;
mod interrupted;
mod refused_models;
mod refused_trainings;
mod whole_way;
