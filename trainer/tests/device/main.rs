//! The device crate, proven from the trainer's side: files that the packer writes, run by the device crate, against references that
//! share none of its code.
//!
//! | module | says |
//! |---|---|
//! | `fixtures` | the device crate's own fixtures are what the packer writes |
//! | `float` | `f32` files against the folded network in `f64` |
//! | `integer` | `int8` files against the folded network in `f64`, and bit for bit against the arithmetic's definition in wide integers |
//! | `forms` | every form of the cell against the folded network in `f64`, and as a type |
//! | `hostile_norms` | parameters of layer norm that lie are refused or harmless |
//! | `bound` | accumulators at the proven bound, and columns taken in blocks |
//! | `specification` | a reader written from the format's specification finds what was packed, and its own sums give the forecasts |
//! | `typed` | networks as types and networks whose shapes are known at run time give the same bits |

mod bound;
mod definition;
mod definition_f32;
mod fixtures;
mod float;
mod forms;
mod hostile_norms;
mod integer;
mod sketch;
mod specification;
mod typed;
