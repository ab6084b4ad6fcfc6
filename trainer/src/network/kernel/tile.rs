//! The three matrix products of training, each a tile of M rows by G blocks whose sums stay in registers, and the macros that cover
//! a matrix with tiles.
//!
//! Every sum runs over its terms in ascending order with fused multiply-adds, whatever the tile: its size never shows in the bits.
//!
//! Lengths are checked once before a loop, and not in it: a check that may fail between two multiply-adds would make the compiler
//! keep the sums in memory.

use super::simd::{Block, Simd};
use crate::network::lanes::{Lanes, Row};
use crate::network::real::Real;

/// The sums of a tile: M rows by G blocks.
pub type Tile<B, const M: usize, const G: usize> = [[B; G]; M];

/// `acc[m][g] += sum over k of a[m][k] * w[k][first + g]`
#[inline(always)]
fn forward<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    acc: &mut Tile<S::Block, M, G>,
    a: [&[R]; M],
    w: &[Row<R>],
    first: usize,
) {
    assert!(first + G <= 4 && a.iter().all(|row| row.len() >= w.len()));
    let mut sums = *acc;
    for (k, panel) in w.iter().enumerate() {
        let mut weights = [simd.splat(R::ZERO); G];
        for g in 0..G {
            // SAFETY: `first + G` is at most 4.
            weights[g] = simd.load(unsafe { panel.get_unchecked(first + g) });
        }
        for m in 0..M {
            // SAFETY: every row is as long as the panel or longer.
            let value = simd.splat(unsafe { *a[m].get_unchecked(k) });
            for g in 0..G {
                sums[m][g] = value.mul_add(weights[g], sums[m][g]);
            }
        }
    }
    *acc = sums;
}

/// As [`gates`], G gates from `first` on.
#[inline(always)]
pub fn some_gates<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    acc: &mut Tile<S::Block, M, 4>,
    a: [&[R]; M],
    w: &[Row<R>],
    first: usize,
) {
    let mut part = [[simd.splat(R::ZERO); G]; M];
    for m in 0..M {
        part[m].copy_from_slice(&acc[m][first..first + G]);
    }
    forward::<R, S, M, G>(simd, &mut part, a, w, first);
    for m in 0..M {
        acc[m][first..first + G].copy_from_slice(&part[m]);
    }
}

/// `acc[m][gate] += sum over k of a[m][k] * w[k][gate]` for the four gates, as many at once as registers hold.
#[inline(always)]
pub fn gates<R: Real, S: Simd<R>, const M: usize>(simd: S, acc: &mut Tile<S::Block, M, 4>, a: [&[R]; M], w: &[Row<R>]) {
    if S::COLUMNS == 4 {
        forward::<R, S, M, 4>(simd, acc, a, w, 0);
    } else if S::COLUMNS == 2 {
        some_gates::<R, S, M, 2>(simd, acc, a, w, 0);
        some_gates::<R, S, M, 2>(simd, acc, a, w, 2);
    } else {
        for gate in 0..4 {
            some_gates::<R, S, M, 1>(simd, acc, a, w, gate);
        }
    }
}

/// `acc[m][g] += sum over k of d[m][k] * w[g][k]`, with the transposed panels of G blocks.
#[inline(always)]
pub fn backward<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    acc: &mut Tile<S::Block, M, G>,
    d: [&[R]; M],
    w: [&[Lanes<R>]; G],
) {
    let length = w[0].len();
    assert!(d.iter().all(|row| row.len() >= length) && w.iter().all(|panel| panel.len() >= length));
    let mut sums = *acc;
    for k in 0..length {
        let mut weights = [simd.splat(R::ZERO); G];
        for g in 0..G {
            // SAFETY: every panel has this length or more.
            weights[g] = simd.load(unsafe { w[g].get_unchecked(k) });
        }
        for m in 0..M {
            // SAFETY: every row has this length or more.
            let value = simd.splat(unsafe { *d[m].get_unchecked(k) });
            for g in 0..G {
                sums[m][g] = value.mul_add(weights[g], sums[m][g]);
            }
        }
    }
    *acc = sums;
}

/// `acc[m][g] += sum over rows of a[row][first + m] * d[row][gate + g]`; `a` is `[rows][stride]`, the last row without its rest.
#[inline(always)]
pub fn outer<R: Real, S: Simd<R>, const M: usize, const G: usize>(
    simd: S,
    acc: &mut Tile<S::Block, M, G>,
    (a, stride, first): (&[R], usize, usize),
    (d, gate): (&[Row<R>], usize),
) {
    assert!(gate + G <= 4 && (d.is_empty() || a.len() >= (d.len() - 1) * stride + first + M));
    let mut sums = *acc;
    for (row, deltas) in d.iter().enumerate() {
        let mut blocks = [simd.splat(R::ZERO); G];
        for g in 0..G {
            // SAFETY: `gate + G` is at most 4.
            blocks[g] = simd.load(unsafe { deltas.get_unchecked(gate + g) });
        }
        for m in 0..M {
            // SAFETY: each of `d` has a row that begins `stride` after the one before, and `a` reaches to the last one's `first + M`.
            let value = simd.splat(unsafe { *a.get_unchecked(row * stride + first + m) });
            for g in 0..G {
                sums[m][g] = value.mul_add(blocks[g], sums[m][g]);
            }
        }
    }
    *acc = sums;
}

/// Covers `0..count` with tiles: calls a function with the number of rows as its last const parameter, the largest the registers
/// hold, then smaller ones for what is left.
macro_rules! tiles {
    ($s:ident, $r:ident, $count:expr, $row:ident, $m:ident => $call:expr) => {{
        let count: usize = $count;
        let mut $row = 0;
        macro_rules! of {
            ($rows:literal) => {{
                const $m: usize = $rows;
                $call;
                $row += $rows;
            }};
        }
        if <$s as $crate::network::kernel::Simd<$r>>::ROWS >= 6 {
            // Two tiles of four rather than one of six and two of one.
            while count - $row >= 6 && count - $row != 8 {
                of!(6);
            }
            while count - $row >= 4 {
                of!(4);
            }
        } else if <$s as $crate::network::kernel::Simd<$r>>::ROWS >= 3 {
            while count - $row >= 3 && count - $row != 4 {
                of!(3);
            }
            while count - $row >= 2 {
                of!(2);
            }
        }
        while count > $row {
            of!(1);
        }
    }};
}
pub(crate) use tiles;

/// Covers `0..count` blocks with as many at once as registers hold, then fewer.
macro_rules! columns {
    ($s:ident, $r:ident, $count:expr, $block:ident, $g:ident => $call:expr) => {{
        let count: usize = $count;
        let mut $block = 0;
        macro_rules! of {
            ($blocks:literal) => {{
                const $g: usize = $blocks;
                $call;
                $block += $blocks;
            }};
        }
        if <$s as $crate::network::kernel::Simd<$r>>::COLUMNS >= 4 {
            while count - $block >= 4 {
                of!(4);
            }
        }
        if <$s as $crate::network::kernel::Simd<$r>>::COLUMNS >= 2 {
            while count - $block >= 2 {
                of!(2);
            }
        }
        while count > $block {
            of!(1);
        }
    }};
}
pub(crate) use columns;
