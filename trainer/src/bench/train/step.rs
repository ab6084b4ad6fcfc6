//! Our own optimizer step, as the bench times it: forward, loss, backward, Adam.

use crate::bench::train::shapes::{Bench, Cell};
use crate::config::Training;
use crate::network::{MaskKey, Mode, Params, Workspace, init::initialize};
use crate::optimize::{AdamW, Decay};
use crate::random::Key;
use crate::train::loss::Objective;

/// A training at work.
#[derive(Debug)]
pub struct Step {
    params: Params<f32>,
    gradients: Params<f32>,
    optimizer: AdamW<f32>,
    workspace: Workspace<f32>,
    objective: Objective,
    /// `[B][T][I]`
    windows: Vec<f32>,
    /// `[B]`
    targets: Vec<f32>,
    /// `[B]`
    d_predictions: Vec<f32>,
}

impl Step {
    /// With random windows.
    pub fn new(bench: &Bench, cell: Cell, threads: usize) -> Self {
        let (shape, key) = (bench.shape(cell), Key::new(1));
        let random = |part: u64, count: usize| (0..count).map(|k| key.with(part).with(k as u64).normal() as f32).collect();
        let params = initialize(&shape, 1);
        let workspace = Workspace::new(&shape, &cell.regularization(), bench.steps, bench.rows).with_threads(threads);
        Step {
            gradients: Params::zeros(&shape),
            optimizer: AdamW::new(&params),
            workspace,
            objective: Objective::new(&Training::default(), 1),
            windows: random(1, bench.rows * bench.steps * bench.inputs),
            targets: random(2, bench.rows),
            d_predictions: vec![0.0; bench.rows],
            params,
        }
    }

    /// One step; returns the loss.
    pub fn run(&mut self) -> f64 {
        let mode = Mode::Training(MaskKey { seed: 1, step: self.optimizer.steps, first_row: 0 });
        let predictions = self.workspace.forward(&self.params, &self.windows, mode);
        let loss = self.objective.gradient(predictions, &self.targets, &mut self.d_predictions);
        self.workspace.backward(&self.params, &self.windows, &self.d_predictions, &mut self.gradients);
        self.optimizer.step(&mut self.params, &self.gradients, 1e-3, Decay::default());
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_learn_the_same_on_any_number_of_threads() {
        let bench = Bench { name: "tiny", inputs: 2, hidden: 20, layers: 2, steps: 5, rows: 50 };
        for cell in [Cell::Plain, Cell::Regularized] {
            let losses = |threads: usize| {
                let mut step = Step::new(&bench, cell, threads);
                (0..30).map(|_| step.run()).collect::<Vec<f64>>()
            };
            let one = losses(1);
            assert!(one[29] < one[0], "{one:?}");
            for threads in [2, 3, 4, 9] {
                assert_eq!(losses(threads), one, "{threads} threads");
            }
        }
    }
}
