//! The little that plots need: scales with round ticks, escaped text, numbers for people.

/// From values to places on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Lowest and highest value, apart.
    pub domain: (f64, f64),
    /// Their places.
    pub range: (f64, f64),
}

impl Scale {
    /// A value's place; values beyond the domain stand at its edge.
    pub fn at(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let (from, to) = self.range;
        from + (value.clamp(low, high) - low) / (high - low) * (to - from)
    }

    /// Whether a value lies above the domain.
    pub fn is_beyond(&self, value: f64) -> bool {
        value > self.domain.1
    }

    /// About `count` round values within the domain, with as many digits as they need.
    pub fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let (low, high) = self.domain;
        let rough = (high - low) / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        (first..=last).map(|k| (k as f64 * step, format!("{:.digits$}", k as f64 * step))).collect()
    }
}

/// The domain of some values with a margin; a sensible one where there are none or all are equal.
pub(super) fn domain(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    let margin = if high > low { 0.04 * (high - low) } else { 0.1 * high.abs().max(1e-6) };
    (low - margin, high + margin)
}

/// Text in HTML and in attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A whole number with its thousands apart.
pub(super) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join("\u{202f}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_find_their_places() {
        let scale = Scale { domain: (1.0, 3.0), range: (10.0, 110.0) };
        assert_eq!([1.0, 2.0, 3.0, 9.0, 0.0].map(|value| scale.at(value)), [10.0, 60.0, 110.0, 110.0, 10.0]);
        assert!(scale.is_beyond(3.1) && !scale.is_beyond(3.0));
        let down = Scale { range: (100.0, 0.0), ..scale };
        assert_eq!(down.at(3.0), 0.0);
    }

    #[test]
    fn ticks_are_round() {
        let ticks = |domain, count| {
            let scale = Scale { domain, range: (0.0, 1.0) };
            scale.ticks(count).into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(ticks((0.0, 1.0), 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(ticks((0.47, 0.63), 4), ["0.50", "0.55", "0.60"]);
        assert_eq!(ticks((0.0, 26_000.0), 3), ["0", "10000", "20000"]);
        assert_eq!(ticks((-1.0, 1.0), 2), ["-1", "0", "1"]);
    }

    #[test]
    fn domains_are_never_empty() {
        assert_eq!(domain([].into_iter()), (0.0, 1.0));
        let (low, high) = domain([2.0, 2.0].into_iter());
        assert!(low < 2.0 && high > 2.0);
        assert_eq!(domain([0.0, 100.0].into_iter()), (-4.0, 104.0));
    }

    #[test]
    fn text_and_numbers() {
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
