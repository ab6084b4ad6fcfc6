//! Gradients of products on their way back in time, until they are gathered into weight gradients: a few steps' worth, which stay in the
//! second-level cache, while what the forward pass left is read and never written again.

use super::buffer::Buffer;
use super::gather::GATHER_ROWS;
use super::lanes::Row;
use super::real::Real;

/// The gradients of the last few steps, each `[N][B]`, filled from the back to the front, and one step after them.
#[derive(Clone, Debug)]
pub struct Deltas<R> {
    values: Buffer<Row<R>>,
    /// `B * N`
    size: usize,
    /// Steps that are gathered at once.
    steps: usize,
    /// Steps since they were.
    filled: usize,
}

/// Steps of so many rows that are gathered at once.
fn gathered_steps(steps: usize, rows: usize) -> usize {
    GATHER_ROWS.div_ceil(rows.max(1)).min(steps)
}

impl<R: Real> Deltas<R> {
    /// For up to `steps` and `rows` of a layer of some blocks.
    pub fn new((steps, rows): (usize, usize), blocks: usize) -> Self {
        // Fewer rows need no more: GATHER_ROWS, rounded up to whole steps.
        let most = ((steps + 1) * rows).min(GATHER_ROWS + 2 * rows);
        Deltas { values: Buffer::new(most * blocks), size: 0, steps: 0, filled: 0 }
    }

    /// Before the last step of a batch.
    pub fn begin(&mut self, (steps, rows): (usize, usize), blocks: usize) {
        (self.size, self.steps, self.filled) = (rows * blocks, gathered_steps(steps, rows), 0);
    }

    /// Moves on to the step before; returns its gradients, to be written, and those of the step after it, which mean nothing at the last.
    pub fn step_back(&mut self) -> (&mut [Row<R>], &[Row<R>]) {
        self.filled += 1;
        let (current, later) = self.values[(self.steps - self.filled) * self.size..][..2 * self.size].split_at_mut(self.size);
        (current, later)
    }

    /// The step at hand.
    pub fn current(&self) -> &[Row<R>] {
        &self.values[(self.steps - self.filled) * self.size..][..self.size]
    }

    /// All steps since the last that were gathered, first to last.
    pub fn pending(&self) -> &[Row<R>] {
        &self.values[(self.steps - self.filled) * self.size..][..self.filled * self.size]
    }

    /// Is it time to gather them?
    pub fn full(&self) -> bool {
        self.filled == self.steps
    }

    /// They are gathered: the step at hand becomes the one after the next.
    pub fn empty(&mut self) {
        let from = (self.steps - self.filled) * self.size;
        self.values.copy_within(from..from + self.size, self.steps * self.size);
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_in_order_and_each_sees_the_one_after_it() {
        for (steps, rows) in [(1, 1), (5, 3), (40, 16), (7, 100), (3, 256), (4, 300)] {
            let blocks = 2;
            // Buffers for more rows than there are.
            let mut deltas = Deltas::<f32>::new((steps, rows + 1), blocks);
            deltas.begin((steps, rows), blocks);
            let mut met = Vec::new();
            for time in (0..steps).rev() {
                let (current, later) = deltas.step_back();
                assert_eq!((current.len(), later.len()), (rows * blocks, rows * blocks));
                assert!(time + 1 == steps || later.iter().all(|row| row[3][15] == (time + 1) as f32), "{steps} {rows}");
                current.fill([[time as f32; 16]; 4]);
                assert!(deltas.current().iter().all(|row| row[0][0] == time as f32));
                if deltas.full() || time == 0 {
                    let pending = deltas.pending().chunks_exact(rows * blocks).map(|step| step[0][0][0] as usize);
                    met.splice(0..0, pending);
                    deltas.empty();
                }
            }
            assert_eq!(met, (0..steps).collect::<Vec<_>>(), "{steps} {rows}");
        }
    }
}
