//! A counter that wraps, made one that does not.

/// Extends a 32-bit counter to 64 bits, as long as it is read at least once a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct WideCounter {
    last: u32,
    turns: u32,
}

impl WideCounter {
    /// Starts with no turn made.
    pub const fn new() -> Self {
        WideCounter { last: 0, turns: 0 }
    }

    /// The whole count, from what the counter shows.
    pub fn extend(&mut self, count: u32) -> u64 {
        if count < self.last {
            self.turns = self.turns.wrapping_add(1);
        }
        self.last = count;
        u64::from(self.turns) << 32 | u64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted() {
        let mut counter = WideCounter::new();
        for (shown, whole) in
            [(0, 0), (5, 5), (5, 5), (u32::MAX, 0xFFFF_FFFF), (0, 1 << 32), (7, (1 << 32) + 7), (3, (2 << 32) + 3)]
        {
            assert_eq!(counter.extend(shown), whole);
        }
    }
}
