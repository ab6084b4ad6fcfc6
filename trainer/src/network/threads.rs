//! The threads of a training: a pool that lives as long as its buffers, where a step is long enough to be worth it.

use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;

use super::part::part_rows;
use super::shape::Shape;

/// Multiply-adds of a batch below which a step is done before other threads are awake: about two milliseconds on one thread.
const WORTHWHILE: usize = 60_000_000;

/// How many threads a batch is worth on this machine: one, or as many as there are cores and parts. The results are the same.
pub fn automatic(shape: &Shape, steps: usize, rows: usize) -> usize {
    let weights: usize = (0..shape.hidden.len()).map(|l| 4 * shape.hidden[l] * (shape.layer_inputs(l) + shape.hidden[l])).sum();
    if 3 * weights * steps * rows < WORTHWHILE {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(rows.div_ceil(part_rows(rows))).max(1)
}

/// One thread, or a pool of several.
#[derive(Clone, Debug, Default)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// A pool of so many; the caller's thread where one is enough, or where the system gives no more.
    pub fn new(count: usize) -> Self {
        let pool = (count > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(count).build().ok()).flatten();
        Threads(pool.map(Arc::new))
    }

    /// Calls a function on every item, in any order, and returns when all are done.
    pub fn each<T: Send>(&self, items: impl Iterator<Item = T>, call: impl Fn(T) + Send + Sync) {
        match &self.0 {
            None => items.for_each(call),
            Some(pool) => {
                let items: Vec<T> = items.collect();
                pool.install(|| items.into_par_iter().with_max_len(1).for_each(call));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn short_steps_stay_on_one_thread() {
        let shape = |inputs, hidden| Shape { inputs, hidden, outputs: 1, norm: None, head_norm: None };
        assert_eq!(automatic(&shape(1, vec![32]), 50, 64), 1);
        assert_eq!(automatic(&shape(8, vec![16]), 100, 32), 1);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(automatic(&shape(16, vec![128, 128]), 50, 64), cores.min(4));
        assert_eq!(automatic(&shape(16, vec![512]), 500, 8), 1, "too few rows to share");
    }

    #[test]
    fn every_item_is_met_once() {
        for count in [0, 1, 2, 5] {
            let sum = AtomicUsize::new(0);
            Threads::new(count).each(1..=100, |item| {
                sum.fetch_add(item, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 5050);
        }
    }
}
