//! The device crate alone, on the host: hostile files, wrong types, and what a firmware may rely on.

mod behavior;
mod classes;
mod fixtures;
mod hostile;
mod monitor;
mod mutated;
mod quantiles;
mod sizes;
mod snapshot;
mod wrong_type;
