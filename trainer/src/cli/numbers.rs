//! Numbers on the command line that may not be zero, and numbers for people.

use clap::builder::{RangedU64ValueParser, TypedValueParser};

/// A count of at least one.
pub fn count() -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(1..)
}

/// A seed; TOML's integers are signed.
pub fn seed() -> impl TypedValueParser<Value = u64> {
    RangedU64ValueParser::<u64>::new().range(..=i64::MAX as u64)
}

/// A whole number with its digits in groups of three: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 window`, `2 windows`, `12,345 windows`.
pub fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_threes() {
        for (number, text) in [(0u64, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "window"), "1 window");
        assert_eq!(counted(1841, "window"), "1,841 windows");
    }
}
