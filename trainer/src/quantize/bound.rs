//! The accumulators' bound, and what is done about rows that exceed it.
//!
//! In the packed pair `R = 256*A + B` the row A (i and g) is recovered exactly only while `|A| < 2^23` within one block of columns, and
//! every running sum must stay inside an `i32`. Both are checked against the largest activations that the device admits, so that a
//! model that could overflow is never written. The ladder, after the input's scale was chosen with the bound in view: a coarser scale for
//! the offending rows where that costs the layer little and leaves no unit in blocks; otherwise one for rows whose unit it saves a block;
//! the columns of the units that remain in blocks with A extracted between them (some thirty instructions a unit and the first
//! split); a far coarser scale for a row that exceeds the bound within four columns; refuse.
//!
//! A pair's rows could change places instead, so that the larger one is not bounded. Putting them back costs such a unit about what a
//! second block costs, and rows of trained networks differ too little for it to be needed less often.

use super::row::Row;

/// `|A|` must stay below this within a block.
pub(super) const PAIR_BOUND: i64 = 1 << 23;

/// All blocks are multiples of this.
const SHORTEST: usize = 4;

/// The largest scale factor that a row may be made coarser by where nothing else serves.
const COARSEST: f64 = 8.0;

/// How much coarser a row may become so that no unit of its layer has blocks, and how much to save its unit one of several.
const COARSER_FOR_ALL: f64 = 1.6;
const COARSER_FOR_ONE: f64 = 1.3;

/// What a layer's expected squared error may grow by through that.
const ERROR: f64 = 1.15;

/// Scales are tried in steps of so much.
const STEP: f64 = 1.03;

/// Products of `weights` with the largest activations from `start` on, a block's shortest length.
fn products(weights: &[i8], largest: &[i64], start: usize) -> i64 {
    let end = (start + SHORTEST).min(weights.len());
    weights[start..end].iter().zip(&largest[start..end]).map(|(w, x)| i64::from(w.unsigned_abs()) * x).sum()
}

/// The largest absolute value of the whole row, bias included, in accumulator units.
pub(super) fn largest(row: &Row, largest: &[i64]) -> i64 {
    let products = row.weights.iter().zip(largest).map(|(w, x)| i64::from(w.unsigned_abs()) * x);
    i64::from(row.bias.unsigned_abs()) + products.sum::<i64>()
}

/// Whether the whole row fits an `i32`, bias included.
pub(super) fn fits_accumulator(row: &Row, largest_activations: &[i64]) -> bool {
    largest(row, largest_activations) <= i64::from(i32::MAX)
}

/// The fewest blocks over which a unit's rows of weights and biases may stand in A slots, each as long as it may be; the biases belong
/// to the first. `largest`: the largest absolute activation of each column. None where four columns exceed the bound already.
pub(crate) fn blocks(rows: &[(&[i8], i32)], largest: &[i64]) -> Option<Vec<usize>> {
    let within = |sums: &[i64]| sums.iter().all(|sum| *sum < PAIR_BOUND);
    let mut sums: Vec<i64> = rows.iter().map(|(_, bias)| i64::from(bias.unsigned_abs())).collect();
    let (mut blocks, mut length) = (Vec::new(), 0);
    for start in (0..largest.len()).step_by(SHORTEST) {
        let group: Vec<i64> = rows.iter().map(|(weights, _)| products(weights, largest, start)).collect();
        let joined: Vec<i64> = sums.iter().zip(&group).map(|(sum, group)| sum + group).collect();
        if within(&joined) {
            sums = joined;
        } else if length > 0 && within(&group) {
            blocks.push(length);
            (sums, length) = (group, 0);
        } else {
            return None;
        }
        length += SHORTEST;
    }
    blocks.push(length);
    Some(blocks)
}

fn blocks_of(rows: &[&Row], largest: &[i64]) -> Option<Vec<usize>> {
    let rows: Vec<(&[i8], i32)> = rows.iter().map(|row| (&row.weights[..], row.bias)).collect();
    blocks(&rows, largest)
}

/// How rows are rounded again.
pub(super) trait Rounding {
    /// Row r with a scale `coarser` times coarser than it has to be.
    fn coarser(&self, r: usize, coarser: f64) -> Row;
    /// Row r with this scale.
    fn at_scale(&self, r: usize, scale: f64) -> Row;
    /// The expected squared error of row r's sum, in units that its layer's rows have in common.
    fn error(&self, r: usize, row: &Row) -> f64;
}

/// What the ladder chose for a layer.
#[derive(Debug, PartialEq)]
pub(super) struct Choice {
    /// Columns of each block of each unit, multiples of 4 that add up to all columns and their padding.
    pub blocks: Vec<Vec<usize>>,
    /// Rows that were rounded again with a coarser scale.
    pub coarser_rows: usize,
    /// The largest of their factors; 1 where there are none.
    pub coarsest: f64,
    /// By how much the layer's expected error has grown through them.
    pub error: f64,
}

impl Choice {
    /// What was chosen, in a few words.
    pub(super) fn note(&self, columns: usize) -> String {
        let units = self.blocks.len();
        let split = self.blocks.iter().filter(|blocks| blocks.len() > 1).count();
        let most = self.blocks.iter().map(Vec::len).max().unwrap_or(1);
        let accumulations = match split {
            0 => "one accumulation".to_owned(),
            _ => format!("up to {most} accumulations in {split} of {units} units"),
        };
        let coarser = match self.coarser_rows {
            0 => String::new(),
            rows => format!(", {rows} rows coarser by up to {:.2} (expected error x {:.2})", self.coarsest, self.error),
        };
        format!("{accumulations} over {columns} columns{coarser}")
    }
}

/// Rows of a layer on their way to the bound.
struct Layer<'a, R> {
    rows: &'a mut [Row],
    largest: &'a [i64],
    hidden: usize,
    rounding: R,
    /// Expected errors of the rows as they came, and the scales that they had.
    errors: Vec<f64>,
    scales: Vec<f64>,
}

impl<R: Rounding> Layer<'_, R> {
    /// A unit's rows in A slots: i and g.
    fn pair(&self, unit: usize) -> [usize; 2] {
        [unit, 2 * self.hidden + unit]
    }

    fn blocks(&self, unit: usize) -> Option<Vec<usize>> {
        blocks_of(&self.pair(unit).map(|r| &self.rows[r]), self.largest)
    }

    /// Makes rows coarser that do not fit, whatever it costs.
    fn fit(&mut self) -> Result<(), String> {
        let mut coarser = vec![1.0; self.rows.len()];
        loop {
            let alone = |r: usize| blocks_of(&[&self.rows[r]], self.largest).is_some();
            let in_pair = |r: usize| matches!(r / self.hidden, 0 | 2);
            let fits = |r: usize| fits_accumulator(&self.rows[r], self.largest) && (!in_pair(r) || alone(r));
            let Some(offender) = (0..self.rows.len()).find(|r| !fits(*r)) else { return Ok(()) };
            coarser[offender] *= 2.0;
            if coarser[offender] > COARSEST {
                return Err(format!("row {offender} exceeds the accumulator's bound even at an eighth of its resolution"));
            }
            self.rows[offender] = self.rounding.coarser(offender, coarser[offender]);
        }
    }

    /// Row r at the first scale, from one of `coarser` times its own on, at which its sum over all columns is within the bound of one block.
    fn whole(&self, r: usize) -> Option<Row> {
        let row = &self.rows[r];
        let mut coarser = largest(row, self.largest) as f64 / PAIR_BOUND as f64;
        if coarser < 1.0 {
            return Some(row.clone());
        }
        while coarser <= COARSER_FOR_ALL {
            let row = self.rounding.at_scale(r, row.scale * coarser);
            if largest(&row, self.largest) < PAIR_BOUND {
                return Some(row);
            }
            coarser *= STEP;
        }
        None
    }

    /// By how much row r's expected squared error would grow.
    fn more(&self, r: usize, row: &Row) -> f64 {
        self.rounding.error(r, row) - self.errors[r]
    }

    /// By how much the layer's may.
    fn budget(&self) -> f64 {
        (ERROR - 1.0) * self.errors.iter().sum::<f64>()
    }

    /// Makes all units whole, if that costs the layer little.
    fn make_whole(&mut self) -> bool {
        let slots: Vec<usize> = (0..self.hidden).flat_map(|unit| self.pair(unit)).collect();
        let most = (PAIR_BOUND as f64 * COARSER_FOR_ALL) as i64;
        if slots.iter().any(|r| largest(&self.rows[*r], self.largest) > most) {
            return false;
        }
        let Some(rows) = slots.iter().map(|r| self.whole(*r)).collect::<Option<Vec<Row>>>() else { return false };
        if slots.iter().zip(&rows).map(|(r, row)| self.more(*r, row)).sum::<f64>() > self.budget() {
            return false;
        }
        slots.into_iter().zip(rows).for_each(|(r, row)| self.rows[r] = row);
        true
    }

    /// A unit's rows with a block less than `count`, if somewhat coarser scales suffice.
    fn with_fewer_blocks(&self, unit: usize, count: usize) -> Option<[Row; 2]> {
        let pair = self.pair(unit);
        let alone = pair.map(|r| blocks_of(&[&self.rows[r]], self.largest).is_none_or(|blocks| blocks.len() >= count));
        let mut coarser = STEP;
        while coarser <= COARSER_FOR_ONE {
            // Each of them may fit alone though they do not together.
            let rows = [0, 1].map(|k| match alone {
                [false, false] => self.rounding.at_scale(pair[k], self.rows[pair[k]].scale * coarser),
                _ if alone[k] => self.rounding.at_scale(pair[k], self.rows[pair[k]].scale * coarser),
                _ => self.rows[pair[k]].clone(),
            });
            if blocks_of(&rows.each_ref(), self.largest).is_some_and(|blocks| blocks.len() < count) {
                return Some(rows);
            }
            coarser *= STEP;
        }
        None
    }

    /// Saves units a block each, the cheapest first, for as long as that costs the layer little.
    fn save_blocks(&mut self) {
        let mut savings = Vec::new();
        for unit in 0..self.hidden {
            let count = self.blocks(unit).map_or(1, |blocks| blocks.len());
            if let Some(rows) = (count > 1).then(|| self.with_fewer_blocks(unit, count)).flatten() {
                let more: f64 = self.pair(unit).iter().zip(&rows).map(|(r, row)| self.more(*r, row)).sum();
                savings.push((more, unit, rows));
            }
        }
        savings.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut budget = self.budget();
        for (more, unit, rows) in savings {
            budget -= more;
            if budget < 0.0 {
                break;
            }
            self.pair(unit).into_iter().zip(rows).for_each(|(r, row)| self.rows[r] = row);
        }
    }
}

/// Walks the ladder. `rows`: all rows of a layer of `hidden` units, gate-major; `largest`: the largest absolute activation of each column.
pub(super) fn settle(rows: &mut [Row], largest: &[i64], hidden: usize, rounding: impl Rounding) -> Result<Choice, String> {
    let errors = rows.iter().enumerate().map(|(r, row)| rounding.error(r, row)).collect();
    let scales = rows.iter().map(|row| row.scale).collect();
    let mut layer = Layer { rows, largest, hidden, rounding, errors, scales };
    layer.fit()?;
    if !layer.make_whole() {
        layer.save_blocks();
    }
    let blocks = (0..hidden).map(|unit| layer.blocks(unit)).collect::<Option<Vec<_>>>();
    let blocks = blocks.ok_or("a row exceeds the accumulator's bound within four columns")?;
    let factors: Vec<f64> = layer.rows.iter().zip(&layer.scales).map(|(row, scale)| row.scale / scale).collect();
    let error: f64 = layer.rows.iter().enumerate().map(|(r, row)| layer.rounding.error(r, row)).sum();
    let before: f64 = layer.errors.iter().sum();
    Ok(Choice {
        blocks,
        coarser_rows: factors.iter().filter(|factor| **factor > 1.0).count(),
        coarsest: factors.into_iter().fold(1.0, f64::max),
        error: if before > 0.0 { (error / before).sqrt() } else { 1.0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of real weights, rounded to the nearest.
    struct Nearest(Vec<Vec<f64>>);

    impl Rounding for Nearest {
        fn coarser(&self, r: usize, coarser: f64) -> Row {
            Row::round(&self.0[r], 0.0, coarser)
        }

        fn at_scale(&self, r: usize, scale: f64) -> Row {
            Row::at_scale(&self.0[r], 0.0, scale)
        }

        fn error(&self, _: usize, row: &Row) -> f64 {
            row.scale * row.scale
        }
    }

    fn settled(weights: Vec<Vec<f64>>, largest: &[i64]) -> (Choice, Vec<Row>) {
        let hidden = weights.len() / 4;
        let mut rows: Vec<Row> = weights.iter().map(|weights| Row::round(weights, 0.0, 1.0)).collect();
        let choice = settle(&mut rows, largest, hidden, Nearest(weights)).unwrap();
        (choice, rows)
    }

    fn of_ones(columns: usize) -> Vec<Vec<f64>> {
        vec![vec![1.0; columns]; 4]
    }

    fn only(blocks: &[usize]) -> Vec<Vec<usize>> {
        vec![blocks.to_vec()]
    }

    #[test]
    fn small_layers_are_not_split() {
        let (choice, _) = settled(of_ones(30), &[2048; 30]);
        assert_eq!(choice, Choice { blocks: only(&[32]), coarser_rows: 0, coarsest: 1.0, error: 1.0 });
    }

    /// 127 * 2048 * 33 is the first multiple beyond 2^23.
    #[test]
    fn the_bound_is_met_to_the_column() {
        let weights = |columns: usize| vec![127i8; columns];
        assert_eq!(blocks(&[(&weights(32), 0)], &[2048; 32]).unwrap(), [32]);
        assert_eq!(blocks(&[(&weights(33), 0)], &[2048; 33]).unwrap(), [32, 4]);
        let room = (1 << 23) - 127 * 2048 * 32;
        assert_eq!(blocks(&[(&weights(32), room - 1)], &[2048; 32]).unwrap(), [32]);
        assert_eq!(blocks(&[(&weights(32), -room)], &[2048; 32]).unwrap(), [28, 4]);
    }

    /// Of two rows the worse one decides, block by block.
    #[test]
    fn both_rows_of_a_unit_stay_within_the_bound() {
        let first: Vec<i8> = [127; 24].into_iter().chain([10; 40]).collect();
        let second: Vec<i8> = [10; 24].into_iter().chain([127; 40]).collect();
        assert_eq!(blocks(&[(&first, 0)], &[2048; 64]).unwrap(), [64]);
        assert_eq!(blocks(&[(&second, 0)], &[2048; 64]).unwrap(), [52, 12]);
        assert_eq!(blocks(&[(&first, -7_000_000), (&second, 0)], &[2048; 64]).unwrap(), [4, 48, 12]);
    }

    #[test]
    fn blocks_are_short_where_activations_are_large() {
        let largest: Vec<i64> = [9000; 12].into_iter().chain([2048; 48]).collect();
        // 127*9000*7 is the last multiple within the bound; after four columns of x there is room for 14 of h.
        assert_eq!(blocks(&[(&[127; 60], 0)], &largest).unwrap(), [4, 4, 16, 32, 4]);
    }

    #[test]
    fn inputs_near_the_limit_make_rows_coarser() {
        let (choice, rows) = settled(of_ones(16), &[32767; 16]);
        assert_eq!((choice.blocks, choice.coarser_rows, choice.coarsest), (only(&[4; 4]), 2, 2.0));
        assert!(rows[0].weights[0] == 64 && rows[1].weights[0] == 127);
    }

    /// A layer one of whose rows exceeds the bound by a third becomes whole, for that changes its error little.
    #[test]
    fn a_few_rows_become_coarser_so_that_no_unit_is_split() {
        let mut weights = vec![vec![1.0; 43]; 40];
        weights.iter_mut().enumerate().filter(|(r, _)| *r != 3).for_each(|(_, row)| row[1..].iter_mut().for_each(|w| *w = 0.5));
        let (choice, rows) = settled(weights, &[2048; 43]);
        assert_eq!(choice.blocks, vec![vec![44]; 10]);
        assert_eq!(choice.coarser_rows, 1);
        assert!((1.3..1.45).contains(&choice.coarsest) && (1.005..1.02).contains(&choice.error), "{choice:?}");
        assert!(largest(&rows[3], &[2048; 43]) < PAIR_BOUND);
    }

    /// Where all rows exceed it, they are split, but for those that little saves a block.
    #[test]
    fn only_offending_units_are_split() {
        let mut weights = vec![vec![1.0; 44]; 8];
        // The first unit's i and g: 35 columns of ones.
        [0, 4].iter().for_each(|r| weights[*r][35..].iter_mut().for_each(|w| *w = 0.0));
        let (choice, rows) = settled(weights, &[2048; 44]);
        assert_eq!(choice.blocks, [vec![44], vec![32, 12]]);
        assert_eq!(choice.coarser_rows, 2);
        assert!((1.08..1.12).contains(&choice.coarsest) && choice.error < ERROR.sqrt(), "{choice:?}");
        assert!(largest(&rows[0], &[2048; 44]) < PAIR_BOUND && rows[1].weights[0] == 127);
    }

    #[test]
    fn a_bias_beyond_the_bound_is_refused() {
        struct Stubborn;
        impl Rounding for Stubborn {
            fn coarser(&self, _: usize, _: f64) -> Row {
                Row { weights: vec![127; 4], bias: i32::MAX, scale: 1.0 }
            }
            fn at_scale(&self, r: usize, _: f64) -> Row {
                self.coarser(r, 1.0)
            }
            fn error(&self, _: usize, _: &Row) -> f64 {
                1.0
            }
        }
        let mut all: Vec<Row> = (0..4).map(|r| Stubborn.coarser(r, 1.0)).collect();
        assert!(settle(&mut all, &[2048; 4], 1, Stubborn).unwrap_err().contains("row 0"));
    }
}
