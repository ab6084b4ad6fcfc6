//! The last samples of one sensor: a ring of fixed size.

/// The last `LOOKBACK` samples, values of the transformed domain.
///
/// Positions are halfwords, as window sizes are in a file, and every access is checked without a panic to fall into.
#[derive(Clone, Debug)]
pub(super) struct History<const FEATURES: usize, const LOOKBACK: usize> {
    samples: [[f32; FEATURES]; LOOKBACK],
    /// Where the next sample goes: where the oldest one stands as soon as the ring is full.
    next: u16,
    /// Samples held.
    length: u16,
}

impl<const FEATURES: usize, const LOOKBACK: usize> History<FEATURES, LOOKBACK> {
    /// No samples.
    pub const fn new() -> Self {
        const { assert!(LOOKBACK > 0 && LOOKBACK <= u16::MAX as usize, "a window has 1 to 65535 samples") }
        History { samples: [[0.0; FEATURES]; LOOKBACK], next: 0, length: 0 }
    }

    /// Samples held.
    pub fn len(&self) -> usize {
        self.length.into()
    }

    /// Takes the next sample; the oldest one goes if the ring is full.
    pub fn push(&mut self, sample: [f32; FEATURES]) {
        let at = usize::from(self.next);
        if let Some(slot) = self.samples.get_mut(at) {
            *slot = sample;
        }
        self.next = if at + 1 < LOOKBACK { self.next + 1 } else { 0 };
        if self.len() < LOOKBACK {
            self.length += 1;
        }
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&[f32; FEATURES]> {
        // Also right before the first sample: the ring's last place holds zeros then, but `length` is 0.
        let at = usize::from(self.next).checked_sub(1).unwrap_or(LOOKBACK - 1);
        self.samples.get(at).filter(|_| self.length > 0)
    }

    /// All samples held, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &[f32; FEATURES]> + Clone {
        let (newer, older) = self.samples.split_at_checked(self.next.into()).unwrap_or_default();
        let older = if self.len() < LOOKBACK { &[] } else { older };
        older.iter().chain(newer)
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        (self.next, self.length) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn holds_the_last_samples_in_order() {
        let mut history = History::<1, 3>::new();
        for pushed in 0u8..10 {
            let expected = (pushed.saturating_sub(3)..pushed).map(f32::from);
            assert!(history.iter().map(|[value]| *value).eq(expected), "after {pushed}");
            assert_eq!(history.len(), usize::from(pushed.min(3)));
            assert_eq!(history.last().copied(), pushed.checked_sub(1).map(|last| [last.into()]));
            history.push([pushed.into()]);
        }
        history.clear();
        assert_eq!((history.len(), history.last(), history.iter().count()), (0, None, 0));
        history.push([7.0]);
        assert!(history.iter().eq([&[7.0]]));
    }

    #[test]
    fn a_ring_of_one_holds_the_newest() {
        let mut history = History::<2, 1>::new();
        history.push([1.0, 2.0]);
        history.push([3.0, 4.0]);
        assert_eq!(history.last(), Some(&[3.0, 4.0]));
        assert!(history.iter().eq([&[3.0, 4.0]]));
    }
}
