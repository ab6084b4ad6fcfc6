//! What a training step costs, beside other trainers, in one interleaved run.
//!
//! Every contender is a process of its own that speaks one protocol ([`contender`]): so resident memory can be compared, and a
//! contender's threads and allocator are its own affair. All take turns, a few steps at a time, so that whatever else the machine
//! does hits them alike; minima tell more than medians on a machine that is not idle.

pub mod contender;
pub mod frameworks;
pub mod gemm;
pub mod shapes;
pub mod step;
pub mod table;
pub mod torch;
