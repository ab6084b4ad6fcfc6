//! Where batches come from: a source of windows, shuffled anew in each epoch.

use std::ops::Range;

use crate::data::{Augmented, Streams};
use crate::random::Key;

/// Windows with their targets, ready for the network.
pub trait Windows {
    /// How many there are.
    fn count(&self) -> usize;

    /// Writes the asked-for windows, by index, one after the other: inputs `[B][T][I]`, targets `[B][O]`. What is random about a
    /// window depends on the epoch and its index alone, so that a resumed training sees the same.
    fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]);

    /// How many streams the windows are segments of, where the network's state is carried: window `k * streams + r` is then the k-th segment of
    /// stream r, has targets for each of its steps, `[T][O]`, and is met in a batch with the k-th segments of all others.
    fn streams(&self) -> Option<usize> {
        None
    }

    /// Whether a segment begins at the zero state.
    fn is_fresh(&self, _epoch: usize, _window: usize) -> bool {
        true
    }

    /// Steps of a segment whose forecasts count: those of the others only bring the state to where it belongs.
    fn counted(&self, _window: usize) -> Range<usize> {
        0..usize::MAX
    }
}

impl Windows for Streams<'_> {
    fn count(&self) -> usize {
        self.len()
    }

    fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        Streams::fill(self, epoch, windows, inputs, targets);
    }

    fn streams(&self) -> Option<usize> {
        Some(self.rows())
    }

    fn is_fresh(&self, epoch: usize, window: usize) -> bool {
        Streams::is_fresh(self, epoch, window)
    }

    fn counted(&self, window: usize) -> Range<usize> {
        Streams::counted(self, window)
    }
}

impl Windows for Augmented<'_> {
    fn count(&self) -> usize {
        self.windows.len()
    }

    fn fill(&self, epoch: usize, windows: &[usize], inputs: &mut [f32], targets: &mut [f32]) {
        Augmented::fill(self, epoch, windows, inputs, targets);
    }
}

/// The order of the windows in an epoch (Fisher & Yates, from numbers that depend on seed, epoch and place alone).
pub fn shuffled(count: usize, seed: u64, epoch: usize) -> Vec<usize> {
    // "shuf" in ASCII: apart from the masks' and the initialization's keys.
    let key = Key::new(seed).with(0x7368_7566).with(epoch as u64);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, key.with(last as u64).below(last + 1));
    }
    order
}

/// Batches in an epoch.
pub fn batch_count(windows: usize, batch: usize) -> usize {
    windows.div_ceil(batch)
}

/// The batches of an epoch: no larger than asked for and within one of each other in size, so that no step hangs on a small rest.
pub fn batches(order: &[usize], batch: usize) -> impl Iterator<Item = &[usize]> {
    let count = batch_count(order.len(), batch);
    let start = move |k: usize| k * order.len() / count;
    (0..count).map(move |k| &order[start(k)..start(k + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_comes_once_an_epoch() {
        for count in [0, 1, 2, 100] {
            let mut order = shuffled(count, 1, 2);
            order.sort_unstable();
            assert_eq!(order, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn seeds_and_epochs_decide_the_order() {
        assert_eq!(shuffled(50, 1, 2), shuffled(50, 1, 2));
        assert_ne!(shuffled(50, 1, 2), shuffled(50, 1, 3));
        assert_ne!(shuffled(50, 1, 2), shuffled(50, 2, 2));
    }

    #[test]
    fn every_window_reaches_every_place() {
        let mut places = [0; 5];
        for epoch in 0..5000 {
            places[shuffled(5, 7, epoch).iter().position(|&w| w == 3).expect("window 3")] += 1;
        }
        assert!(places.iter().all(|&count| (850..1150).contains(&count)), "{places:?}");
    }

    #[test]
    fn batches_are_balanced() {
        let order: Vec<usize> = (0..130).collect();
        let sizes: Vec<usize> = batches(&order, 64).map(<[usize]>::len).collect();
        assert_eq!(sizes, [43, 43, 44]);
        assert_eq!(batches(&order, 64).flatten().copied().collect::<Vec<_>>(), order);
        assert_eq!(batches(&order[..10], 64).collect::<Vec<_>>(), [&order[..10]]);
        assert_eq!(batches(&[], 64).count(), 0);
    }
}
