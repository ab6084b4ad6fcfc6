//! The activation functions in `f32`, as fractions of polynomials, so that several of them can share one division.
//!
//! `tanh x = x P(x^2) / Q(x^2)` with P and Q of degree 4, the minimax approximation of the relative error over `[-8, 8]`; beyond, tanh
//! is 1 in `f32`. The approximation's own error is 6.5e-9, so that what remains is rounding. `sigmoid x = 1/2 + tanh(x/2)/2` is a fraction of
//! the same kind, with coefficients that differ by powers of two.

use super::kernel::Block;

/// Where tanh rounds to 1.
const LIMIT: f32 = 8.0;

/// Coefficients of a polynomial in `x^2`, highest first.
type Polynomial = [f32; 5];

/// P of tanh.
const NUMERATOR: Polynomial = [1.523_037_8e-8, 2.189_463_3e-5, 3.571_596_3e-3, 0.134_444_97, 1.0];

/// Q of tanh.
const DENOMINATOR: Polynomial = [8.522_43e-7, 3.411_289e-4, 0.026_164_437, 0.467_778_24, 1.0];

/// The polynomial of `x/2`, times a factor.
const fn halved(polynomial: Polynomial, factor: f32) -> Polynomial {
    let [a, b, c, d, e] = polynomial;
    [a * factor / 256.0, b * factor / 64.0, c * factor / 16.0, d * factor / 4.0, e * factor]
}

/// P and Q of `tanh(x/2)/2`.
const HALVED: (Polynomial, Polynomial) = (halved(NUMERATOR, 0.25), halved(DENOMINATOR, 1.0));

/// A quotient that is not yet divided.
#[derive(Clone, Copy, Debug)]
struct Fraction<B> {
    over: B,
    under: B,
}

#[inline(always)]
fn evaluate<B: Block<f32>>(polynomial: Polynomial, square: B) -> B {
    let mut sum = square.constant(polynomial[0]);
    for &coefficient in &polynomial[1..] {
        sum = sum.mul_add(square, square.constant(coefficient));
    }
    sum
}

#[inline(always)]
fn fraction<B: Block<f32>>(x: B, limit: f32, (p, q): (Polynomial, Polynomial)) -> Fraction<B> {
    let x = x.clamp(limit);
    let square = x * x;
    Fraction { over: x * evaluate(p, square), under: evaluate(q, square) }
}

/// Hyperbolic tangent. Absolute and relative error at most 3e-7, never beyond 1; odd; NaN stays NaN.
#[inline(always)]
pub fn tanh<B: Block<f32>>(x: B) -> B {
    let Fraction { over, under } = fraction(x, LIMIT, (NUMERATOR, DENOMINATOR));
    over / under
}

/// `sigmoid` of i, f and o, `tanh` of g, with one division for all. Absolute error at most 4e-7 of tanh, 2.5e-7 of sigmoid. A NaN makes
/// all four NaN.
#[inline(always)]
pub fn gates<B: Block<f32>>([i, f, g, o]: [B; 4]) -> [B; 4] {
    let half = i.constant(0.5);
    let (i, f) = (fraction(i, 2.0 * LIMIT, HALVED), fraction(f, 2.0 * LIMIT, HALVED));
    let (g, o) = (fraction(g, LIMIT, (NUMERATOR, DENOMINATOR)), fraction(o, 2.0 * LIMIT, HALVED));
    // Every denominator lies in [1, 250], and so their product is far from both ends of the numbers.
    let (left, right) = (i.under * f.under, g.under * o.under);
    let reciprocal = half.constant(1.0) / (left * right);
    let (of_left, of_right) = (right * reciprocal, left * reciprocal);
    [
        (i.over * f.under).mul_add(of_left, half),
        (f.over * i.under).mul_add(of_left, half),
        (g.over * o.under) * of_right,
        (o.over * g.under).mul_add(of_right, half),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::kernel::array::ArrayBlock;

    fn tanh_of(x: f32) -> f32 {
        tanh(ArrayBlock([x; 16])).0[0]
    }

    /// All four gates of the same pre-activation, and of others beside it.
    fn gates_of(x: f32, others: f32) -> [f32; 4] {
        std::array::from_fn(|gate| {
            let mut a = [ArrayBlock([others; 16]); 4];
            a[gate] = ArrayBlock([x; 16]);
            gates(a)[gate].0[0]
        })
    }

    fn sigmoid(x: f32) -> f64 {
        1.0 / (1.0 + libm::exp(-f64::from(x)))
    }

    /// A dense grid of [-20, 20].
    fn grid() -> impl Iterator<Item = f32> {
        (-200_000..=200_000).map(|k| k as f32 * 1e-4)
    }

    #[test]
    fn tanh_error() {
        let worst = grid().map(|x| (f64::from(tanh_of(x)) - libm::tanh(f64::from(x))).abs()).fold(0.0, f64::max);
        assert!(worst < 3e-7, "{worst:e}");
    }

    #[test]
    fn gate_errors() {
        for others in [-30.0, -3.0, 0.0, 0.7, 30.0] {
            let mut worst = [0.0f64; 4];
            for x in grid() {
                let exact = [sigmoid(x), sigmoid(x), libm::tanh(f64::from(x)), sigmoid(x)];
                for (worst, (y, exact)) in worst.iter_mut().zip(gates_of(x, others).into_iter().zip(exact)) {
                    *worst = worst.max((f64::from(y) - exact).abs());
                }
            }
            let [i, f, g, o] = worst;
            assert!(i.max(f).max(o) < 2.5e-7 && g < 4e-7, "{worst:?} beside {others}");
        }
    }

    #[test]
    fn tanh_is_odd_bounded_and_relatively_exact_near_zero() {
        for k in 0..20_000 {
            let x = k as f32 * 1e-3;
            assert_eq!(tanh_of(-x), -tanh_of(x));
            assert!(tanh_of(x) <= 1.0);
        }
        for exponent in -30..0 {
            let x = libm::ldexpf(1.0, exponent);
            let exact = libm::tanh(f64::from(x));
            assert!((f64::from(tanh_of(x)) / exact - 1.0).abs() < 3e-7, "tanh(2^{exponent})");
            assert!((f64::from(gates_of(x, 5.0)[2]) / exact - 1.0).abs() < 4e-7, "tanh(2^{exponent}) among gates");
        }
    }

    #[test]
    fn not_a_number_and_infinities() {
        assert!(tanh_of(f32::NAN).is_nan() && gates_of(f32::NAN, 0.0).iter().all(|y| y.is_nan()));
        assert!((tanh_of(f32::INFINITY) - 1.0).abs() < 3e-7 && (tanh_of(f32::NEG_INFINITY) + 1.0).abs() < 3e-7);
        let [i, f, g, o] = gates_of(f32::NEG_INFINITY, f32::INFINITY);
        assert!(i.max(f).max(o).abs() < 2.5e-7 && (g + 1.0).abs() < 4e-7, "{i} {f} {g} {o}");
    }
}
