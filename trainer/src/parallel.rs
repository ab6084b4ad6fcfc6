//! Independent pieces of work on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Result;

/// The cores of this machine, where the number of threads is not given.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does every piece of work once, several at a time, and gives the results in the order of the pieces. The first error ends it when the
/// pieces under way are done.
pub fn each<T: Sync, R: Send>(pieces: &[T], threads: usize, work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(pieces.len()));
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(index) else { break };
            let result = work(piece);
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            // A poisoned lock is another thread's panic, which the scope passes on.
            if let Ok(mut done) = done.lock() {
                done.push((index, result));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, pieces.len().max(1)) {
            scope.spawn(worker);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn results_keep_their_order_for_any_number_of_threads() {
        let pieces: Vec<usize> = (0..50).collect();
        for threads in [0, 1, 3, 99] {
            let squares = each(&pieces, threads, |piece| Ok(piece * piece)).unwrap();
            assert_eq!(squares, pieces.iter().map(|piece| piece * piece).collect::<Vec<_>>());
        }
        assert_eq!(each(&[] as &[usize], 2, |piece| Ok(*piece)).unwrap(), [0usize; 0]);
    }

    #[test]
    fn the_first_error_ends_it() {
        let begun = AtomicUsize::new(0);
        let result = each(&[1, 2, 3, 4, 5], 1, |piece| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *piece == 2 { Err(Error::failed("two")) } else { Ok(()) }
        });
        assert_eq!(result.unwrap_err(), Error::failed("two"));
        assert_eq!(begun.into_inner(), 2);
    }
}
