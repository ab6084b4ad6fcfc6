//! [`super::bench`] without the network: the same image but for the step and what only the step needs.

/// Runs it to its end.
pub fn run() -> ! {
    super::bench::measure::<false>()
}
