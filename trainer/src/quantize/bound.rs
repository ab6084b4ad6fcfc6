//! The accumulators' bound, and what is done about rows that exceed it.
//!
//! In the packed pair `R = 256*A + B` the row A (i and g) is recovered exactly only while `|A| < 2^23` within one block of columns, and
//! every running sum must stay inside an `i32`. Both are checked against the largest activations that the device admits, so that a
//! model that could overflow is never written. The ladder: split the columns into blocks with A extracted between them (a dozen
//! instructions a unit and split); a coarser scale for the offending row; refuse.

use super::row::Row;

/// `|A|` must stay below this within a block.
const PAIR_BOUND: i64 = 1 << 23;

/// The shortest block; all blocks are multiples of it.
const SHORTEST: usize = 4;

/// The largest scale factor that a row may be made coarser by.
const COARSEST: f64 = 8.0;

/// The largest absolute running sum of `row` over `columns`; the bias belongs to the first block.
fn largest_sum(row: &Row, largest: &[i64], columns: std::ops::Range<usize>) -> i64 {
    let bias = if columns.start == 0 { i64::from(row.bias).abs() } else { 0 };
    let columns = columns.start..columns.end.min(row.weights.len());
    let products = row.weights[columns.clone()].iter().zip(&largest[columns]).map(|(w, x)| i64::from(*w).abs() * x);
    bias + products.sum::<i64>()
}

/// The largest absolute value of the whole row, bias included, in accumulator units.
pub(super) fn largest(row: &Row, largest: &[i64]) -> i64 {
    largest_sum(row, largest, 0..largest.len())
}

/// Whether the whole row fits an `i32`, bias included.
pub(super) fn fits_accumulator(row: &Row, largest_activations: &[i64]) -> bool {
    largest(row, largest_activations) <= i64::from(i32::MAX)
}

/// Whether a row may stand in the A slot over one block of columns.
fn fits_pair(row: &Row, largest: &[i64], columns: std::ops::Range<usize>) -> bool {
    largest_sum(row, largest, columns) < PAIR_BOUND
}

/// What the ladder chose for a layer.
#[derive(Debug, PartialEq)]
pub(super) struct Choice {
    /// Columns of each block, multiples of 4 that add up to all columns and their padding.
    pub blocks: Vec<usize>,
    /// Rows that were rounded again with a coarser scale.
    pub coarser_rows: usize,
}

/// The fewest blocks in which every one of `rows` may stand in an A slot: each as long as it may be. The error is
/// the index of a row that exceeds the bound within four columns already.
fn split<'r>(rows: impl Iterator<Item = (usize, &'r Row)> + Clone, largest: &[i64]) -> Result<Vec<usize>, usize> {
    let padded = largest.len().next_multiple_of(SHORTEST);
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < padded {
        let offender = |end: usize| rows.clone().find(|(_, row)| !fits_pair(row, largest, start..end)).map(|(r, _)| r);
        if let Some(r) = offender(start + SHORTEST) {
            return Err(r);
        }
        let end = (start + 2 * SHORTEST..=padded).step_by(SHORTEST).take_while(|end| offender(*end).is_none()).last();
        let end = end.unwrap_or(start + SHORTEST);
        blocks.push(end - start);
        start = end;
    }
    Ok(blocks)
}

/// Walks the ladder. `rows`: all rows of a layer, gate-major; `in_pair(r)`: whether row r stands in an A slot; `largest`: the largest
/// absolute activation of each column; `round(r, coarser)` rounds row r again.
pub(super) fn settle(
    rows: &mut [Row],
    largest: &[i64],
    in_pair: impl Fn(usize) -> bool,
    round: impl Fn(usize, f64) -> Row,
) -> Result<Choice, String> {
    let mut coarser = vec![1.0; rows.len()];
    loop {
        let pairs = rows.iter().enumerate().filter(|(r, _)| in_pair(*r));
        let offender = match rows.iter().position(|row| !fits_accumulator(row, largest)) {
            Some(r) => r,
            None => match split(pairs, largest) {
                Ok(blocks) => return Ok(Choice { blocks, coarser_rows: coarser.iter().filter(|factor| **factor > 1.0).count() }),
                Err(r) => r,
            },
        };
        coarser[offender] *= 2.0;
        if coarser[offender] > COARSEST {
            return Err(format!("row {offender} exceeds the accumulator's bound even at an eighth of its resolution"));
        }
        rows[offender] = round(offender, coarser[offender]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(weight: f64, columns: usize) -> Vec<Row> {
        (0..4).map(|_| Row::round(&vec![weight; columns], 0.0, 1.0)).collect()
    }

    fn settle_plain(rows: &mut [Row], largest: &[i64]) -> Result<Choice, String> {
        let weights = rows[0].weights.len();
        settle(rows, largest, |r| r % 2 == 0, |_, coarser| Row::round(&vec![1.0; weights], 0.0, coarser))
    }

    #[test]
    fn small_layers_are_not_split() {
        let choice = settle_plain(&mut rows(1.0, 30), &[2048; 30]).unwrap();
        assert_eq!(choice, Choice { blocks: vec![32], coarser_rows: 0 });
    }

    /// 127 * 2048 * 33 is the first multiple beyond 2^23.
    #[test]
    fn the_bound_is_met_to_the_column() {
        assert!(fits_pair(&rows(1.0, 32)[0], &[2048; 32], 0..32));
        assert!(!fits_pair(&rows(1.0, 33)[0], &[2048; 33], 0..36));
        assert_eq!(settle_plain(&mut rows(1.0, 33), &[2048; 33]).unwrap().blocks, [32, 4]);
    }

    #[test]
    fn blocks_are_short_where_activations_are_large() {
        let largest: Vec<i64> = [9000; 12].into_iter().chain([2048; 48]).collect();
        // 127*9000*7 is the last multiple within the bound; after four columns of x there is room for 14 of h.
        assert_eq!(settle_plain(&mut rows(1.0, 60), &largest).unwrap().blocks, [4, 4, 16, 32, 4]);
    }

    #[test]
    fn inputs_near_the_limit_make_rows_coarser() {
        let mut all = rows(1.0, 16);
        let choice = settle_plain(&mut all, &[32767; 16]).unwrap();
        assert_eq!(choice, Choice { blocks: vec![4; 4], coarser_rows: 2 });
        assert!(fits_pair(&all[0], &[32767; 16], 0..4) && all[1].weights[0] == 127);
    }

    #[test]
    fn a_bias_beyond_the_bound_is_refused() {
        let mut all: Vec<Row> = (0..4).map(|_| Row { weights: vec![127; 4], bias: i32::MAX, scale: 1.0 }).collect();
        let error = settle(&mut all, &[2048; 4], |_| true, |_, _| Row { weights: vec![127; 4], bias: i32::MAX, scale: 1.0 });
        assert!(error.unwrap_err().contains("row 0"));
    }
}
