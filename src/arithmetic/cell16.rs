//! A cell in 16 bits, for cores whose multiplication gives the low 32 bits only (ARMv6-M). Another arithmetic than
//! [`Exact`](super::Exact), with bits of its own, which are the same everywhere too.
//!
//! | value | format | range |
//! |---|---|---|
//! | pre-activation | Q12, twice the value for `g` | clamped to ±16 |
//! | gate `i f o` | Q15 | [0, 1) |
//! | `tanh` | Q15 | [-1, 1) |
//! | cell `c` | `i16`, Q4.11, saturating | ±16 |
//! | `h` that zoneout blends | Q15 | (-1, 1) |
//!
//! `p = ((acc >> s)*m + 2^11) >> 12` with a shift and a multiplier a row. Every product fits 32 bits. There is no layer norm, whose
//! sums of squares do not.

use super::int8::{CellArithmetic, LstmInt8, Zone};
use super::int8_layout::IntegerLayout;
use super::table::{HALF, OFFSET, SIGMOID};
use crate::image::Arithmetic;
#[cfg(kernel = "armv6m")]
use crate::image::Layout;
#[cfg(kernel = "armv6m")]
use crate::network::CellForm;
use crate::network::{Few, Form};

/// The revision of the 16-bit cell that this crate computes.
const REVISION: u8 = 1;

/// The arithmetic of [`Int8`](super::Int8) whose cell has 16 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell16 {}

/// A row's scale: `p = ((acc >> shift)*multiplier + 2^11) >> 12`, packed into a word of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplier16 {
    /// 0 to 31.
    pub shift: u32,
    /// 0 to 65535.
    pub multiplier: i32,
}

impl Multiplier16 {
    /// The word `shift << 24 | multiplier`.
    pub const fn word(self) -> i32 {
        ((self.shift & 31) << 24) as i32 | (self.multiplier & 0xffff)
    }

    /// What a word says.
    #[inline(always)]
    pub const fn from_word(word: i32) -> Self {
        Multiplier16 { shift: (word as u32 >> 24) & 31, multiplier: word & 0xffff }
    }

    /// A row's accumulator to a pre-activation in Q12.
    #[inline(always)]
    pub const fn scale(self, accumulator: i32) -> i32 {
        (accumulator >> self.shift).wrapping_mul(self.multiplier).wrapping_add(1 << 11) >> 12
    }
}

/// A segment's node in Q15, its rise, and the place within it in 256ths.
#[inline(always)]
fn segment(p: i32) -> (i32, i32, i32) {
    // After the clamp the index lies in [0, 511]; the mask says so to the compiler.
    let p = p.clamp(-(1 << 16), (1 << 16) - 1);
    let word = SIGMOID[((p >> 8) + HALF as i32) as usize & (2 * HALF - 1)];
    (((word as i32) >> 16) + OFFSET, i32::from(word as i16), p & 255)
}

/// The sigmoid of a pre-activation in Q12, as a gate in Q15.
#[inline(always)]
pub(crate) fn sigmoid(p: i32) -> i32 {
    let (node, rise, place) = segment(p);
    node + ((rise * place + (1 << 7)) >> 8)
}

/// tanh in Q15 of an argument given as *twice* its value in Q12.
#[inline(always)]
pub(crate) fn tanh(twice: i32) -> i32 {
    let (node, rise, place) = segment(twice);
    2 * (node - (1 << 14)) + ((rise * place + (1 << 6)) >> 7)
}

/// To the nearest value of an `i16`.
#[inline(always)]
fn saturate(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// A factor in Q31 to Q14, which leaves room for a difference of two cells.
#[inline(always)]
fn share(factor: i32) -> i32 {
    ((factor >> 16) + 1) >> 1
}

/// `old + share*(new - old)` of values of 16 bits.
#[inline(always)]
fn blend(old: i32, new: i32, share: i32) -> i32 {
    // Of values of 16 bits nothing wraps; a state that was restored from bytes may hold others.
    old.wrapping_add(new.wrapping_sub(old).wrapping_mul(share).wrapping_add(1 << 13) >> 14)
}

/// Gates, cell and output of one unit from its pre-activations `i f g o` (Q12, g twice). Gives the new hidden state in Q11.
#[inline(always)]
pub(crate) fn cell<F: Form>([i, f, g, o]: [i32; 4], c: &mut i16, wide: Option<&mut i32>, weights: &LstmInt8<'_, F>) -> i16 {
    let (mut i, f, g, o) = (sigmoid(i), sigmoid(f), tanh(g), sigmoid(o));
    let factors = weights.keep.get();
    if let Some(factors) = factors {
        i = (i * share(factors.candidate) + (1 << 13)) >> 14;
    }
    // f*c + i*g in Q26, rounded once to Q11.
    let old = i32::from(*c);
    let mut candidate = saturate((old * f + ((i * g) >> 4) + (1 << 14)) >> 15);
    if let Some(factors) = factors {
        candidate = (candidate * share(factors.cell) + (1 << 13)) >> 14;
    }
    let Zone { cell, hidden, reads_zoned } = weights.zone;
    let stored = if F::CELL { blend(old, candidate, share(cell)) } else { candidate };
    *c = stored as i16;
    let read = if F::CELL && reads_zoned { stored } else { candidate };
    // Q11 to twice the value in Q12.
    let output = o * tanh(read << 2);
    match wide {
        // Blended in Q15, because a blend in the activation's 12 bits would have a dead zone.
        Some(wide) if F::HIDDEN => {
            *wide = blend(*wide, (output + (1 << 14)) >> 15, share(hidden));
            (wide.wrapping_add(1 << 3) >> 4) as i16
        }
        _ => ((output + (1 << 18)) >> 19) as i16,
    }
}

impl CellArithmetic for Cell16 {
    const ARITHMETIC: Arithmetic = Arithmetic::Int8Cell16 { revision: REVISION };
    const NORMS: bool = false;
    type Cell = i16;

    #[inline]
    fn lstm<L: IntegerLayout, F: Form>(
        weights: &LstmInt8<'_, F>,
        xh: &[i16],
        c: &mut [i16],
        wide: &mut [i32],
        _: &mut [[i32; 4]],
        h: &mut [i16],
    ) {
        #[cfg(kernel = "armv6m")]
        if L::LAYOUT == Layout::PackedPair
            && F::FORM == CellForm::PLAIN
            && crate::kernel::armv6m_step::cell16(&weights.rows, xh, c, h)
        {
            return;
        }
        cells16(L::accumulators(&weights.rows, xh), weights, c, wide, h);
    }
}

/// From accumulators and their scales to the new state.
#[inline(always)]
pub(crate) fn cells16<F: Form>(
    accumulators: impl Iterator<Item = ([i32; 4], [i32; 4])>,
    weights: &LstmInt8<'_, F>,
    c: &mut [i16],
    wide: &mut [i32],
    h: &mut [i16],
) {
    let mut wide = wide.iter_mut();
    for (((sums, scales), c), h) in accumulators.zip(c).zip(h) {
        let [i, f, g, o] = sums;
        let [s_i, s_f, s_g, s_o] = scales.map(Multiplier16::from_word);
        let p = [s_i.scale(i), s_f.scale(f), s_g.scale(g), s_o.scale(o)];
        *h = cell::<F>(p, c, if F::HIDDEN { wide.next() } else { None }, weights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pre-activation that there is, and some beyond the clamp; Q15's own half unit is 1.5e-5.
    #[test]
    fn largest_errors_are_as_stated() {
        let (mut worst_sigmoid, mut worst_tanh) = (0.0f64, 0.0f64);
        for p in -(1 << 17)..(1 << 17) {
            let exact = 1.0 / (1.0 + libm::exp(-f64::from(p) / 4096.0));
            worst_sigmoid = worst_sigmoid.max((f64::from(sigmoid(p)) / 32768.0 - exact).abs());
            let exact = libm::tanh(f64::from(p) / 8192.0);
            worst_tanh = worst_tanh.max((f64::from(tanh(p)) / 32768.0 - exact).abs());
        }
        assert!((5.0e-5..=6.8e-5).contains(&worst_sigmoid), "{worst_sigmoid}");
        assert!((9.0e-5..=1.2e-4).contains(&worst_tanh), "{worst_tanh}");
    }

    /// They are the exact arithmetic's functions, rounded.
    #[test]
    fn functions_are_the_exact_ones_rounded() {
        for p in -(1 << 17)..(1 << 17) {
            assert_eq!(sigmoid(p), (super::super::sigmoid(p) + (1 << 7)) >> 8);
            assert_eq!(tanh(p), (super::super::tanh(p) + (1 << 6)) >> 7);
            assert!((0..=32767).contains(&sigmoid(p)) && (-32768..=32767).contains(&tanh(p)));
        }
    }

    #[test]
    fn blends_meet_their_ends() {
        assert_eq!(blend(-32768, 32767, share(i32::MAX)), 32767);
        assert_eq!(blend(32767, -32768, share(i32::MAX)), -32768);
        assert_eq!(blend(1000, 3000, share(1 << 30)), 2000);
        assert_eq!(blend(1000, 3000, share(0)), 1000);
    }

    #[test]
    fn a_scale_survives_its_word() {
        for (shift, multiplier) in [(0, 0), (31, 65535), (7, 2048)] {
            let scale = Multiplier16 { shift, multiplier };
            assert_eq!(Multiplier16::from_word(scale.word()), scale);
        }
        assert_eq!(Multiplier16 { shift: 3, multiplier: 4096 }.scale(-80), -10);
    }
}
