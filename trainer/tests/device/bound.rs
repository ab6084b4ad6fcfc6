//! Accumulators at the bound that the exporter proves, and columns taken in blocks.
//!
//! In the packed pair `R = 256*A + B`, A (the gates i and g) is recovered exactly only while `|A| < 2^23` within a block; B (f and o)
//! has the whole `i32`.

use embedded_rnn::forecast::Model;
use embedded_rnn::network::CellForm;
use embedded_rnn::{Dense, Int8, Lstm, Network};
use embedded_rnn_trainer::config::Rounding;
use embedded_rnn_trainer::evaluate::device::ModelBytes;
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::pack::Payload;
use embedded_rnn_trainer::quantize::{QuantizedDense, QuantizedLstm, QuantizedNetwork, QuantizedRows};

use crate::definition;
use crate::integer::equals_definition;
use crate::sketch::{Extras, Random, Sketch};

const UNITS: usize = 32;

/// The largest input activation: with 32 hidden states at ±2048 and all weights at ±127 the products reach 4 below 2^23.
const INPUT: f32 = 516.0;

type Net = Network<Lstm<1, UNITS>, Dense<UNITS, 1, 1>>;

/// A layer that drives every hidden state to its end and its accumulators to theirs: unit k's sign is `signs[k]`, and each row has the
/// weight ±127 that meets an activation of sign s with the product of row's sign and s. `bias`: of the rows in A slots, and of the others.
fn extreme(signs: &[i8; UNITS], bias_a: i32, bias_b: i32) -> QuantizedNetwork {
    let columns = 1 + UNITS;
    let (mut weights, mut bias) = (Vec::new(), Vec::new());
    for gate in 0..4 {
        for sign in signs {
            // i, f and o are driven open; g to the unit's own sign.
            let row = if gate == 2 { *sign } else { 1 };
            weights.push(127 * row);
            weights.extend(signs.iter().map(|column| 127 * row * column));
            bias.push(i32::from(row) * if gate % 2 == 0 { bias_a } else { bias_b });
        }
    }
    let layer = QuantizedLstm {
        inputs: 1,
        hidden: UNITS,
        form: CellForm::PLAIN,
        blend_cell: i32::MAX,
        blend_hidden: i32::MAX,
        reads_zoned: false,
        keep: [i32::MAX; 2],
        rows: QuantizedRows {
            columns,
            blocks: vec![vec![columns.next_multiple_of(4)]; UNITS],
            weights,
            bias,
            multiplier: vec![0x7fff_ff00; 4 * UNITS],
        },
        norm: None,
    };
    let head =
        QuantizedDense { inputs: UNITS, outputs: 1, weights: vec![1; UNITS], bias: vec![0.0], scale: vec![1.0], norm: None };
    QuantizedNetwork { layers: vec![layer], head, skip: None, inputs: vec![[0.0, 1.0, INPUT]], notes: Vec::new() }
}

/// `columns` in blocks of `block`, the last one shorter.
fn blocks(columns: usize, block: usize) -> Vec<usize> {
    (0..columns).step_by(block).map(|start| block.min(columns - start)).collect()
}

const STEPS: usize = 40;

/// Runs a network over inputs at their limit; whether states and cells are as defined at every step, and the largest accumulators of
/// i, f, g, o.
fn run(network: &QuantizedNetwork) -> (bool, [i64; 4]) {
    let sketch = Sketch::of::<Int8, Net>(1, &[UNITS], 1, STEPS as u16, 1).streamed(1);
    let window = [2.0 * INPUT; STEPS];
    let file = ModelBytes::new(&sketch.pack(Payload::Integer(network), &window));
    let model = Model::<Int8, Net, 1, STEPS, 1, 0, embedded_rnn::Streaming>::load(file.as_slice()).unwrap();
    let mut session = model.session();
    let outcome = definition::run(network, &sketch, &window);
    assert!(outcome.hidden[STEPS - 1][0].iter().all(|h| h.abs() == 2048), "every hidden state reaches its end");
    let mut equal = true;
    for (h, c) in outcome.hidden.iter().zip(&outcome.cells) {
        session.step(&[[2.0 * INPUT]]).unwrap();
        let state = session.state();
        equal &= state.hidden().map(i64::from)[..] == h[0][..] && state.cell().map(i64::from)[..] == c[0][..];
    }
    assert_eq!(session.clamped(), STEPS as u32);
    (equal, outcome.largest[0])
}

fn signs() -> [i8; UNITS] {
    std::array::from_fn(|unit| if unit % 3 == 0 { -1 } else { 1 })
}

#[test]
fn accumulators_at_the_bound_are_exact() {
    let (a, b) = (3, i32::MAX - 8_388_604);
    for signs in [[1; UNITS], signs()] {
        let (equal, largest) = run(&extreme(&signs, a, b));
        let pair = (1 << 23) - 1;
        assert_eq!(largest, [pair, i32::MAX.into(), pair, i32::MAX.into()]);
        assert!(equal);
    }
}

/// One unit more, and the bits are others: the bound is met, not merely respected.
#[test]
fn an_accumulator_beyond_the_bound_is_not_exact() {
    let (equal, largest) = run(&extreme(&[1; UNITS], 4, 0));
    assert_eq!(largest[0], 1 << 23);
    assert!(!equal);
}

/// Beyond the bound over the whole row, exact where no block exceeds it.
#[test]
fn blocks_make_longer_rows_exact() {
    let mut network = extreme(&signs(), 1_000_000, 1_000_000_000);
    for (block, exact) in [(36, false), (32, false), (28, true), (24, true), (16, true), (8, true), (4, true)] {
        network.layers[0].rows.blocks = vec![blocks(36, block); UNITS];
        let (equal, largest) = run(&network);
        assert_eq!(largest[0], 9_388_604);
        assert_eq!(equal, exact, "block {block}");
    }
}

/// What the exporter chooses by itself where one accumulation would not do: many units, and inputs far larger than h.
#[test]
fn the_exporter_splits_long_rows_and_the_device_follows() {
    type Wide = Network<Lstm<40, 96>, Dense<96, 1, 1>>;
    let sketch = Sketch::of::<Int8, Wide>(3, &[96], 40, 60, 1);
    let window: Vec<f32> = Random(5).samples(60, 40).iter().map(|v| if *v > 20.0 { 1e6 } else { -1e6 }).collect();
    for rounding in [Rounding::Nearest, Rounding::Compensated] {
        let built = sketch.build_rounded(rounding);
        let blocks = &built.quantized.as_ref().unwrap().layers[0].rows.blocks;
        assert!(
            blocks.iter().any(|blocks| blocks.len() > 1) && blocks.iter().all(|blocks| blocks.iter().sum::<usize>() == 136),
            "one accumulation does for this network: make it larger"
        );
        let (equal, outcome) = equals_definition(&built.file, &built, &sketch, &window);
        println!("{rounding:?}: blocks {blocks:?} of 136 columns, largest accumulators {:?}", outcome.largest);
        assert!(equal);
    }
}

/// The largest that a row can sum up to over each block, every activation at its end with its weight's sign; its bias in the first.
fn largest_sums(rows: &QuantizedRows, row: usize, largest: &[i64]) -> Vec<i64> {
    let weights = &rows.weights[row * rows.columns..][..rows.columns];
    let products: Vec<i64> = weights.iter().zip(largest).map(|(w, x)| i64::from(*w).abs() * x).collect();
    let mut start = 0;
    let unit = row % rows.blocks.len();
    let sums = rows.blocks[unit].iter().enumerate().map(|(number, block)| {
        let columns = start..(start + block).min(products.len());
        start += block;
        let bias = if number == 0 { i64::from(rows.bias[row]).abs() } else { 0 };
        products[columns].iter().sum::<i64>() + bias
    });
    sums.collect()
}

/// Whatever rounding did to weights and biases: the exporter's own rows stay within the bound for every input that there is.
#[test]
fn compensated_rows_are_within_the_bound() {
    type Net = Network<Lstm<24, 64>, Dense<64, 1, 1>>;
    let forms = [None, Some(NormForm::A), Some(NormForm::Joint)];
    for (seed, norm) in (0..6).zip(forms.into_iter().cycle()) {
        let extras = Extras { norm, ..Extras::default() };
        let sketch = Sketch::of::<Int8, Net>(seed, &[64], 24, 100, 1).with_extras(extras);
        let network = sketch.build_rounded(Rounding::Compensated).quantized.unwrap();
        let layer = &network.layers[0];
        // Each column of x has a limit of its own.
        let mut largest: Vec<i64> = network.inputs.iter().map(|[.., limit]| *limit as i64).collect();
        assert_eq!(largest.len(), 24);
        let recurrent = layer.norm.as_ref().and_then(|norm| norm.recurrent.as_ref());
        let parts = match recurrent {
            Some(recurrent) => vec![(&layer.rows, largest), (recurrent, vec![2048; 64])],
            None => {
                largest.resize(24 + 64, 2048);
                vec![(&layer.rows, largest)]
            }
        };
        for (rows, largest) in parts {
            assert!(rows.weights.iter().all(|w| *w >= -127));
            let pairs = (0..4 * 64).filter(|row| row / 64 % 2 == 0).flat_map(|row| largest_sums(rows, row, &largest));
            let worst = pairs.max().unwrap();
            let most = rows.blocks.iter().map(Vec::len).max();
            println!("{norm:?}: up to {most:?} blocks, largest sum of a block {worst}");
            assert!(worst < 1 << 23);
            let all = (0..4 * 64).map(|row| largest_sums(rows, row, &largest).iter().sum::<i64>()).max().unwrap();
            assert!(all <= i32::MAX.into());
        }
    }
}

/// Each unit with blocks of its own: the units that exceed the bound are exact in blocks, and those that do not need none.
#[test]
fn units_have_blocks_of_their_own() {
    let mut network = extreme(&signs(), 3, 0);
    let rows = &mut network.layers[0].rows;
    // The first half of the units is one beyond the bound, i and g.
    (0..UNITS / 2).for_each(|unit| {
        [unit, 2 * UNITS + unit].into_iter().for_each(|row| rows.bias[row] += rows.bias[row].signum());
        rows.blocks[unit] = [vec![32, 4], vec![4, 32], vec![12, 12, 12], vec![4; 9]][unit % 4].clone();
    });
    let (equal, largest) = run(&network);
    assert_eq!((equal, largest[0], largest[2]), (true, 1 << 23, 1 << 23));
    for unit in [0, 5, UNITS / 2 - 1] {
        let mut network = network.clone();
        network.layers[0].rows.blocks[unit] = vec![36];
        assert!(!run(&network).0, "unit {unit}");
    }
}

/// The block is a matter of cost alone.
#[test]
fn every_block_gives_the_same_bits() {
    type Small = Network<Lstm<5, 22>, Dense<22, 1, 1>>;
    let sketch = Sketch::of::<Int8, Small>(6, &[22], 5, 50, 1);
    let mut built = sketch.build();
    let window = Random(7).samples(50, 5);
    for block in (4..=28).step_by(4) {
        let mut network = built.quantized.take().unwrap();
        network.layers[0].rows.blocks = vec![blocks(28, block); 22];
        let file = sketch.pack(Payload::Integer(&network), &window);
        built.quantized = Some(network);
        assert!(equals_definition(&file, &built, &sketch, &window).0, "block {block}");
    }
}
