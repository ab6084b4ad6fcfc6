//! What the machine's multiply-adds can give: a matrix product on operands that stay in the cache, with the tile of training.

use std::time::{Duration, Instant};

use crate::network::kernel::{Dispatch, Width};
use crate::network::lanes::{LANES, Lanes, Row};
use crate::network::masks::GateStep;
use crate::network::products::Back;
use crate::network::step::BackwardInputs;

/// Rows, a multiple of every tile's.
const ROWS: usize = 24;

/// Blocks of units on each side.
const BLOCKS: usize = 4;

/// The best of many runs, in operations a nanosecond: GFLOP/s.
pub fn peak(width: Width) -> f64 {
    let deltas: Vec<Row<f32>> = vec![[[0.5; LANES]; 4]; BLOCKS * ROWS];
    let panels: Vec<Lanes<f32>> = vec![[0.25; LANES]; BLOCKS * BLOCKS * 4 * LANES];
    let mut d_x: Vec<Lanes<f32>> = vec![[0.0; LANES]; ROWS * BLOCKS];
    let operations = (2 * ROWS * BLOCKS * 4 * LANES * BLOCKS * LANES) as f64;
    let (repetitions, begun) = (20, Instant::now());
    let mut best = 0.0f64;
    while begun.elapsed() < Duration::from_millis(300) {
        let start = Instant::now();
        for _ in 0..repetitions {
            let back = Back { deltas: &deltas, rows: ROWS, panels: &panels, blocks: BLOCKS, mask: GateStep::None };
            f32::backward_inputs(width, BackwardInputs { back, d_x: std::hint::black_box(&mut d_x) });
        }
        best = best.max(f64::from(repetitions) * operations / start.elapsed().as_nanos().max(1) as f64);
    }
    best
}
