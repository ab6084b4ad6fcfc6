//! The equally weighted mean of the weights from some epoch on, which validation, the best epoch and the export read in the parameters'
//! place: at the end of each epoch stochastic weight averaging, `w_SWA <- (w_SWA * n + w)/(n + 1)` (SWA, Izmailov et al., arXiv 1803.05407,
//! algorithm 1), after each step averaged SGD (Polyak & Juditsky 1992; Merity et al., arXiv 1708.02182, algorithm 1, with a fixed
//! trigger in the place of the non-monotonic one).
//!
//! Both want steps that do not die away, or the mean is over one point: from the first averaged epoch on the learning rate stays what the
//! schedule had brought it to (Izmailov et al., section 3.1). How many weights the mean holds follows from epoch and step, so that a
//! resumed training needs nothing but the mean itself.

use crate::network::Params;
use crate::regularize::settings::{Every, StochasticAverage};

/// When weights are taken into the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    every: Every,
    /// Epochs before the first averaged one.
    epochs_before: usize,
    /// Optimizer steps in them.
    steps_before: u64,
}

impl Schedule {
    /// For a training of some epochs, each of so many steps; nothing where no mean is asked for.
    pub fn new(settings: &StochasticAverage, epochs: usize, steps: usize) -> Option<Self> {
        // A share like 0.29 of 100 epochs is 28.999..; the last epoch is always averaged.
        let share = (settings.from * epochs as f64 + 1e-9) as usize;
        let epochs_before = share.min(epochs.saturating_sub(1));
        let steps_before = (epochs_before * steps) as u64;
        (settings.from > 0.0).then_some(Schedule { every: settings.every, epochs_before, steps_before })
    }

    /// After so many optimizer steps: the place in the mean, from 1, that these weights take, if they take one.
    pub fn after_step(&self, steps: u64) -> Option<u64> {
        (self.every == Every::Step && steps > self.steps_before).then(|| steps - self.steps_before)
    }

    /// The same at the end of an epoch, from 1.
    pub fn after_epoch(&self, epoch: usize) -> Option<u64> {
        (self.every == Every::Epoch && epoch > self.epochs_before).then(|| (epoch - self.epochs_before) as u64)
    }

    /// The step whose learning rate a step has, both counted from 0: its own, or the one at which the rate was held. Warm-up is never cut.
    pub fn rate_of(&self, step: u64, warmup: u64) -> u64 {
        step.min(self.steps_before.max(warmup))
    }
}

/// Takes weights into the mean as those at a place, from 1.
pub fn take(average: &mut Option<Params<f32>>, params: &Params<f32>, place: u64) {
    match average {
        Some(average) if place > 1 => {
            let share = 1.0 / place as f64;
            for (average, &value) in average.values.iter_mut().zip(&params.values) {
                *average = (f64::from(*average) + share * (f64::from(value) - f64::from(*average))) as f32;
            }
        }
        _ => *average = Some(params.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;

    fn filled(value: f32) -> Params<f32> {
        let mut params = Params::zeros(&Shape { inputs: 1, hidden: vec![2], outputs: 1, norm: None, head_norm: None });
        params.values.fill(value);
        params
    }

    fn schedule(from: f64, every: Every, epochs: usize, steps: usize) -> Schedule {
        Schedule::new(&StochasticAverage { from, every }, epochs, steps).expect("a schedule")
    }

    #[test]
    fn it_is_the_mean_of_what_was_taken() {
        let (mut average, mut sum) = (None, 0.0);
        for place in 1..=500u64 {
            let value = (place as f32 * 0.1).sin();
            sum += f64::from(value);
            take(&mut average, &filled(value), place);
        }
        let average = average.expect("a mean");
        assert!(average.values.iter().all(|&v| (f64::from(v) - sum / 500.0).abs() < 1e-6), "{}", average.values[0]);
    }

    #[test]
    fn the_first_takes_the_place_of_whatever_was_there() {
        let mut average = Some(filled(9.0));
        take(&mut average, &filled(2.0), 1);
        assert_eq!(average, Some(filled(2.0)));
    }

    #[test]
    fn epochs_and_steps_are_counted_from_the_first_averaged_one() {
        let epochs = schedule(0.75, Every::Epoch, 8, 5);
        let taken: Vec<_> = (1..=8).map(|epoch| epochs.after_epoch(epoch)).collect();
        assert_eq!(taken, [None, None, None, None, None, None, Some(1), Some(2)]);
        assert!((0..=40).all(|steps| epochs.after_step(steps).is_none()));
        let steps = schedule(0.75, Every::Step, 8, 5);
        assert_eq!((steps.after_step(30), steps.after_step(31), steps.after_step(40)), (None, Some(1), Some(10)));
        assert!((1..=8).all(|epoch| steps.after_epoch(epoch).is_none()));
    }

    #[test]
    fn shares_that_binary_cannot_hold_and_extreme_ones() {
        assert_eq!(schedule(0.29, Every::Epoch, 100, 1).after_epoch(30), Some(1));
        assert_eq!(schedule(0.29, Every::Epoch, 100, 1).after_epoch(29), None);
        assert_eq!(schedule(0.01, Every::Epoch, 10, 1).after_epoch(1), Some(1));
        for epochs in [1, 2, 7] {
            assert!(schedule(0.999_999_999_999, Every::Epoch, epochs, 1).after_epoch(epochs).is_some(), "{epochs}");
        }
        assert_eq!(Schedule::new(&StochasticAverage::default(), 8, 5), None);
    }

    #[test]
    fn the_learning_rate_is_held_after_warm_up() {
        let schedule = schedule(0.5, Every::Epoch, 4, 10);
        assert_eq!([0, 19, 20, 21, 39].map(|step| schedule.rate_of(step, 3)), [0, 19, 20, 20, 20]);
        assert_eq!([0, 24, 25, 39].map(|step| schedule.rate_of(step, 25)), [0, 24, 25, 25]);
    }
}
