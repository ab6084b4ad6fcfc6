//! The runs of a plan on several threads: one training a thread, each finished run kept at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::plan::{Plan, Run};
use super::shard::Shard;
use super::store::Store;
use super::train::train;
use crate::error::Result;
use crate::parallel::each;

/// How far a comparison has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Optimizer steps done.
    pub steps: u64,
    /// Optimizer steps to do.
    pub all_steps: u64,
    /// Runs finished.
    pub runs: usize,
    /// Runs to do.
    pub all_runs: usize,
    /// Runs of this shard that were there already.
    pub found: usize,
}

/// Looks on from all threads.
pub trait Watch: Sync {
    /// After every optimizer step and every run.
    fn tick(&self, tally: Tally);
}

/// Nobody looks on.
impl Watch for () {
    fn tick(&self, _: Tally) {}
}

/// Does the shard's runs that are not there yet. An error ends it when the trainings under way are done; what is finished is kept.
pub fn work(plan: &Plan<'_>, store: &Store, shard: Shard, threads: usize, watch: &dyn Watch) -> Result<Tally> {
    let mut open: Vec<&Run> = Vec::new();
    let mut found = 0;
    for run in plan.runs.iter().filter(|run| shard.has(run.index)) {
        match store.load(run)? {
            Some(_) => found += 1,
            None => open.push(run),
        }
    }
    let all = Tally { all_steps: plan.steps() * open.len() as u64, all_runs: open.len(), found, ..Tally::default() };
    let (steps, runs) = (AtomicU64::new(0), AtomicUsize::new(0));
    let tally = || Tally { steps: steps.load(Ordering::Relaxed), runs: runs.load(Ordering::Relaxed), ..all };
    let tick = |count: u64| {
        steps.fetch_add(count, Ordering::Relaxed);
        watch.tick(tally());
    };
    each(&open, threads, |run| {
        let record = train(plan, run, store, &tick)?;
        store.save(run, &record)?;
        runs.fetch_add(1, Ordering::Relaxed);
        watch.tick(tally());
        Ok(())
    })?;
    Ok(tally())
}
