//! The loop itself, one turn at a time.

use crate::{Gaps, Predict, Report, Source};

/// What one turn of the loop did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A sample was taken in and a forecast reported.
    Forecast,
    /// A sample was taken in; the history is still filling.
    Filling,
    /// The model refused the sample.
    Refused,
    /// The sensor could not be read.
    Failed,
    /// The source has ended.
    Ended,
}

/// How often each thing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Samples that the model took in.
    pub samples: u32,
    /// Samples that the model refused.
    pub refused: u32,
    /// Readings that failed.
    pub failed: u32,
    /// Samples that were missed, for their time had passed.
    pub missed: u32,
    /// Samples that the last good one stood in for, see [`Gaps::Hold`].
    pub held: u32,
    /// Times that the history was emptied after a longer gap.
    pub restarts: u32,
    /// Forecasts reported.
    pub forecasts: u32,
}

/// A source, a model and a report, joined.
#[derive(Debug)]
pub struct Station<S, P: Predict, R> {
    source: S,
    predictor: P,
    report: R,
    tally: Tally,
    gaps: Gaps,
    /// The last good sample, as long as the gap after it can be filled.
    last: Option<P::Sample>,
    /// Samples of the gap so far.
    gap: u32,
}

impl<S, P, R> Station<S, P, R>
where
    P: Predict,
    S: Source<Sample = P::Sample>,
    R: Report<S, P>,
{
    /// Joins the three; nothing is read yet. Gaps are closed.
    pub fn new(source: S, predictor: P, report: R) -> Self {
        Self::with_gaps(source, predictor, report, Gaps::Close)
    }

    /// Joins the three; nothing is read yet.
    pub fn with_gaps(source: S, predictor: P, report: R, gaps: Gaps) -> Self {
        Station { source, predictor, report, tally: Tally::default(), gaps, last: None, gap: 0 }
    }

    /// One turn: takes one sample and reports the forecast that it makes possible.
    pub fn turn(&mut self) -> Progress {
        let sample = self.source.sample();
        let missed = self.source.missed();
        if missed > 0 {
            self.tally.missed = self.tally.missed.saturating_add(missed);
            self.report.missed(self.tally.samples, missed);
            self.lacking(missed);
        }
        let sample = match sample {
            None => return Progress::Ended,
            Some(Err(error)) => {
                count(&mut self.tally.failed);
                self.report.failed(self.tally.samples, error);
                self.lacking(1);
                return Progress::Failed;
            }
            Some(Ok(sample)) => sample,
        };
        if let Err(refusal) = self.predictor.push(&sample) {
            count(&mut self.tally.refused);
            self.report.refused(self.tally.samples, refusal);
            self.lacking(1);
            return Progress::Refused;
        }
        count(&mut self.tally.samples);
        (self.last, self.gap) = (Some(sample), 0);
        let Some(forecast) = self.predictor.forecast() else { return Progress::Filling };
        count(&mut self.tally.forecasts);
        self.report.forecast(self.tally.samples, &forecast);
        Progress::Forecast
    }

    /// Tells the model of so many samples that there are not.
    fn lacking(&mut self, samples: u32) {
        let Gaps::Hold { at_most } = self.gaps else { return };
        // Before the first good sample, and after the history was emptied, there is no gap in anything.
        let Some(last) = &self.last else { return };
        self.gap = self.gap.saturating_add(samples);
        if self.gap > at_most {
            self.predictor.reset();
            count(&mut self.tally.restarts);
            (self.last, self.gap) = (None, 0);
            return;
        }
        for _ in 0..samples {
            // It was accepted before.
            if self.predictor.push(last).is_ok() {
                count(&mut self.tally.held);
            }
        }
    }

    /// Turns until the source ends, then says how often each thing happened.
    pub fn run(&mut self) -> Tally {
        while self.turn() != Progress::Ended {}
        self.tally
    }

    /// How often each thing has happened so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The predictor, for instance to read what a meter around it has counted.
    pub fn predictor(&self) -> &P {
        &self.predictor
    }
}

/// Counts up and stays at the top: a device may run for years.
fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::slice::Iter;
    use std::{vec, vec::Vec};

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct BusError(u8);

    struct Recording<'a>(Iter<'a, Result<[f32; 1], BusError>>);

    impl Source for Recording<'_> {
        type Sample = [f32; 1];
        type Error = BusError;

        fn sample(&mut self) -> Option<Result<[f32; 1], BusError>> {
            self.0.next().copied()
        }
    }

    /// Forecasts the sum of the latest two samples; refuses what is not finite.
    #[derive(Default)]
    struct SumOfTwo(Vec<f32>);

    impl Predict for SumOfTwo {
        type Sample = [f32; 1];
        type Forecast = f32;
        type Refusal = &'static str;

        fn push(&mut self, &[value]: &[f32; 1]) -> Result<(), &'static str> {
            if !value.is_finite() {
                return Err("not finite");
            }
            self.0.push(value);
            Ok(())
        }

        fn forecast(&mut self) -> Option<f32> {
            let [.., a, b] = self.0[..] else { return None };
            Some(a + b)
        }

        fn reset(&mut self) {
            self.0.clear();
        }
    }

    #[derive(Debug, PartialEq)]
    enum Entry {
        Forecast(u32, f32),
        Refused(u32, &'static str),
        Failed(u32, BusError),
    }

    struct Journal<'a>(&'a mut Vec<Entry>);

    impl<S: Source<Error = BusError>> Report<S, SumOfTwo> for Journal<'_> {
        fn forecast(&mut self, samples: u32, forecast: &f32) {
            self.0.push(Entry::Forecast(samples, *forecast));
        }

        fn refused(&mut self, samples: u32, refusal: &'static str) {
            self.0.push(Entry::Refused(samples, refusal));
        }

        fn failed(&mut self, samples: u32, error: BusError) {
            self.0.push(Entry::Failed(samples, error));
        }
    }

    fn run(readings: &[Result<[f32; 1], BusError>]) -> (Tally, Vec<Entry>) {
        let mut journal = Vec::new();
        let tally = Station::new(Recording(readings.iter()), SumOfTwo::default(), Journal(&mut journal)).run();
        (tally, journal)
    }

    #[test]
    fn forecasts_start_when_the_history_is_full_and_follow_every_sample() {
        let (tally, journal) = run(&[Ok([1.0]), Ok([2.0]), Ok([4.0])]);
        assert_eq!(journal, vec![Entry::Forecast(2, 3.0), Entry::Forecast(3, 6.0)]);
        assert_eq!(tally, Tally { samples: 3, forecasts: 2, ..Tally::default() });
    }

    #[test]
    fn refused_samples_and_failed_readings_are_counted_and_leave_no_trace() {
        let (tally, journal) = run(&[Ok([1.0]), Ok([f32::NAN]), Err(BusError(7)), Ok([2.0]), Ok([f32::INFINITY])]);
        assert_eq!(
            journal,
            vec![
                Entry::Refused(1, "not finite"),
                Entry::Failed(1, BusError(7)),
                Entry::Forecast(2, 3.0),
                Entry::Refused(2, "not finite"),
            ]
        );
        assert_eq!(tally, Tally { samples: 2, refused: 2, failed: 1, forecasts: 1, ..Tally::default() });
    }

    #[test]
    fn each_turn_says_what_it_did() {
        let readings = [Ok([1.0]), Err(BusError(1)), Ok([f32::NAN]), Ok([2.0])];
        let mut journal = Vec::new();
        let mut station = Station::new(Recording(readings.iter()), SumOfTwo::default(), Journal(&mut journal));
        let turns: Vec<Progress> = core::iter::repeat_with(|| station.turn()).take(5).collect();
        assert_eq!(turns, [Progress::Filling, Progress::Failed, Progress::Refused, Progress::Forecast, Progress::Ended]);
        assert_eq!(station.tally(), Tally { samples: 2, refused: 1, failed: 1, forecasts: 1, ..Tally::default() });
        assert_eq!(station.predictor().0, [1.0, 2.0]);
    }

    fn with_holding(readings: &[Result<[f32; 1], BusError>]) -> (Tally, Vec<f32>) {
        let mut journal = Vec::new();
        let gaps = Gaps::Hold { at_most: 2 };
        let mut station = Station::with_gaps(Recording(readings.iter()), SumOfTwo::default(), Journal(&mut journal), gaps);
        (station.run(), station.predictor().0.clone())
    }

    #[test]
    fn a_short_gap_is_filled_with_the_last_good_sample() {
        let failed = Err(BusError(1));
        let (tally, history) = with_holding(&[failed, Ok([1.0]), failed, Ok([f32::NAN]), Ok([2.0]), failed, Ok([3.0])]);
        assert_eq!(history, [1.0, 1.0, 1.0, 2.0, 2.0, 3.0], "a gap before the first sample is none");
        assert_eq!(tally, Tally { samples: 3, refused: 1, failed: 3, held: 3, forecasts: 2, ..Tally::default() });
    }

    #[test]
    fn a_long_gap_empties_the_history() {
        let failed = Err(BusError(1));
        let (tally, history) = with_holding(&[Ok([1.0]), Ok([2.0]), failed, failed, failed, failed, Ok([3.0]), failed]);
        assert_eq!(history, [3.0, 3.0]);
        assert_eq!(tally, Tally { samples: 3, failed: 5, held: 3, restarts: 1, forecasts: 1, ..Tally::default() });
    }

    #[test]
    fn counters_stay_at_the_top() {
        let mut counter = u32::MAX - 1;
        count(&mut counter);
        count(&mut counter);
        assert_eq!(counter, u32::MAX);
    }
}
