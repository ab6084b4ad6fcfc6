//! The device crate, proven from the trainer's side: files that the packer writes, run by the device crate, against references that
//! share none of its code.
//!
//! | module | says |
//! |---|---|
//! | `classes` | heads that tell classes: as types, as defined, repacked; files and types that do not fit each other |
//! | `fixtures` | the device crate's own fixtures are what the packer writes |
//! | `float` | `f32` files against the folded network in `f64` |
//! | `integer` | `int8` files against the folded network in `f64`, and bit for bit against the arithmetic's definition in wide integers |
//! | `layouts` | files in every order of weights give the same bits, and one becomes the other without loss |
//! | `forms` | every form of the cell against the folded network in `f64`, and as a type |
//! | `hostile_norms` | parameters of layer norm that lie are refused or harmless |
//! | `drift` | a million steps without a reset |
//! | `bound` | accumulators at the proven bound, and columns taken in blocks |
//! | `skip` | a linear skip as defined, as a type and in `f64`; what lies about it is refused or harmless |
//! | `specification` | a reader written from the format's specification finds what was packed, and its own sums give the forecasts |
//! | `head_norm` | layer norm before the head: forecasts near the folded network, heads as types, records that lie |
//! | `quantiles` | heads that say quantiles: as types, as defined, repacked; intervals that lie |
//! | `normalization` | per-window normalization as defined, as a type and near the folded network; windows that are constant, huge, tiny |
//! | `typed` | networks as types and networks whose shapes are known at run time give the same bits |

mod bound;
mod classes;
mod definition;
mod definition16;
mod definition_f32;
mod definition_window;
mod drift;
mod fixtures;
mod float;
mod forms;
mod head_norm;
mod hostile_norms;
mod integer;
mod layouts;
mod normalization;
mod quantiles;
mod sketch;
mod skip;
mod specification;
mod typed;
