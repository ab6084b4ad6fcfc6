//! Numbers as text, without the tables that `f32`'s own `Display` links.

use core::fmt;

/// A value with three digits after the point. Beyond 32 bits before the point only the excess is told.
#[derive(Clone, Copy, Debug)]
pub struct Decimal(pub f32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude.is_nan() {
            return f.write_str("nan");
        }
        if self.0.is_sign_negative() {
            f.write_str("-")?;
        }
        // From 2^32 on, what a u32 does not hold.
        if magnitude >= 4_294_967_296.0 {
            return f.write_str(">4294967295");
        }
        let mut whole = magnitude as u32;
        // Exact: f32 holds both, and their difference has no more digits than they.
        let mut thousandths = ((magnitude - whole as f32) * 1000.0 + 0.5) as u32;
        if thousandths >= 1000 {
            // Carries only where there is a fraction, which is far below u32's top.
            whole += 1;
            thousandths -= 1000;
        }
        write!(f, "{whole}.{thousandths:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_thousandths() {
        for (value, text) in [
            (0.0, "0.000"),
            (-0.0, "-0.000"),
            (21.5, "21.500"),
            (-10.5, "-10.500"),
            (0.0625, "0.063"),
            (99.999_6, "100.000"),
            (1e-9, "0.000"),
            (16_777_216.0, "16777216.000"),
            (4_294_967_040.0, "4294967040.000"),
            (4_294_967_296.0, ">4294967295"),
            (-1e30, "->4294967295"),
            (f32::INFINITY, ">4294967295"),
            (f32::NAN, "nan"),
        ] {
            assert_eq!(Decimal(value).to_string(), text);
        }
    }

    #[test]
    fn what_the_standard_library_writes_is_at_most_half_a_thousandth_away() {
        let mut bits: u32 = 1;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (bits as i32) as f32 / 65_536.0;
            let shown: f64 = Decimal(value).to_string().parse().unwrap();
            assert!((shown - f64::from(value)).abs() <= 0.000_501, "{value} is shown as {shown}");
        }
    }
}
