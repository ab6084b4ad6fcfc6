//! The emulated boards against the host, bit for bit: integer and `f32` on every core; every form and value transform on the
//! Cortex-M4. With random weights.
//!
//! Without emulator or compiler target these tests say `SKIPPED` and why; with `REQUIRE_EMULATOR=1` they fail instead.

mod random_model;

use std::path::{Path, PathBuf};

use embedded_rnn::{
    Float, Int8, Libm, Model, Rational,
    arithmetic::Number,
    forecast::Transform,
    image::{Normalization, forecast_checksum},
    network::{CellForm, Form, HeadForm, Topology},
};
use embedded_rnn_trainer::{
    deploy::{Board, BoardRun, Inputs, Limits, Machine, Places, Stop, boards, compare, firmware, log::Event, run},
    error::Error,
};
use random_model::{Random, Shape, pack};

/// A file's bytes at an address that the device crate accepts.
struct Aligned(Vec<u128>, usize);

impl Aligned {
    fn new(bytes: &[u8]) -> Self {
        let mut memory = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut memory)[..bytes.len()].copy_from_slice(bytes);
        Aligned(memory, bytes.len())
    }

    fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.0)[..self.1]
    }
}

/// A model, its test data, and what the host forecasts.
struct Case {
    name: &'static str,
    model: Vec<u8>,
    snippet: String,
    series: Vec<f32>,
    window: Vec<f32>,
    expected: Vec<f32>,
    forecasts: Vec<Vec<f32>>,
    refused: usize,
}

impl Case {
    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            model: &self.model,
            snippet: &self.snippet,
            samples: &self.series,
            window: &self.window,
            forecast: &self.expected,
        }
    }
}

/// A noisy sum of waves about 9, with a gap, an infinity and a value outside the domain of square root and logarithm.
fn series(samples: usize, features: usize, random: &mut Random) -> Vec<f32> {
    let mut series: Vec<f32> = (0..samples * features)
        .map(|index| {
            let time = (index / features) as f32;
            9.0 + 5.0 * libm::sinf(0.21 * time + (index % features) as f32) + 1.5 * libm::sinf(1.3 * time) + 0.8 * random.signed()
        })
        .collect();
    for (sample, value) in [(50, f32::NAN), (90, f32::INFINITY), (120, -3.0)] {
        series[sample * features] = value;
    }
    series
}

/// Packs a model of type `T` and streams the series through it.
fn case<N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize>(
    name: &'static str,
    shape: &Shape,
    type_of_model: &str,
) -> Case {
    let random = || Random(0x5EED);
    let series = series(LOOKBACK + 160, FEATURES, &mut Random(1));
    let window = series[..LOOKBACK * FEATURES].to_vec();
    let values = |mut said: T::Quantiles| T::quantile_rows(&mut said).flat_map(|row| row.to_vec()).collect::<Vec<f32>>();

    // The file's own test needs the forecast that the file gives: packed once without, once with it.
    let draft = Aligned::new(&pack(shape, &mut random(), &window, 0));
    let model = Model::<N, T, FEATURES, LOOKBACK, PATCH>::load(draft.bytes()).unwrap();
    let mut forecaster = model.forecaster();
    for sample in window.as_chunks::<FEATURES>().0 {
        forecaster.push(sample).unwrap();
    }
    let expected = values(forecaster.quantiles().unwrap());

    let bytes = pack(shape, &mut random(), &window, forecast_checksum(&expected));
    let file = Aligned::new(&bytes);
    let model = Model::<N, T, FEATURES, LOOKBACK, PATCH>::load(file.bytes()).unwrap();
    model.self_test().unwrap();
    let mut forecaster = model.forecaster();
    let (mut forecasts, mut refused) = (Vec::new(), 0);
    for sample in series.as_chunks::<FEATURES>().0 {
        match forecaster.push(sample) {
            Err(_) => refused += 1,
            Ok(()) => forecasts.extend(forecaster.quantiles().ok().map(values)),
        }
    }
    let said = match T::CLASSES {
        0 => format!(
            "/// Columns forecast.\npub const TARGETS: usize = {};\n\
             /// Samples forecast.\npub const HORIZON: usize = {};\n",
            T::TARGETS,
            T::HORIZON
        ),
        classes => format!("/// Classes.\npub const CLASSES: usize = {classes};\n"),
    };
    let snippet = format!(
        "use embedded_rnn::*;\n\
         /// The model's type.\npub type Model<'m> = embedded_rnn::Model<'m, {type_of_model}>;\n\
         /// Columns of a sample.\npub const FEATURES: usize = {FEATURES};\n\
         /// Samples in a window.\npub const LOOKBACK: usize = {LOOKBACK};\n\
         /// Samples that enter as one step.\npub const PATCH: usize = {PATCH};\n\
         /// Network steps of a forecast.\npub const STEPS: usize = {};\n\
         {said}",
        LOOKBACK / PATCH,
    );
    Case { name, model: bytes, snippet, series, window, expected, forecasts, refused }
}

/// One type, for the host's compiler and, as text, for the board's.
macro_rules! case {
    ($name:literal, $shape:expr, $number:ty, $network:ty, $features:literal, $lookback:literal, $patch:literal) => {{
        use embedded_rnn::*;
        let text = concat!(
            stringify!($number),
            ", ",
            stringify!($network),
            ", ",
            stringify!($features),
            ", ",
            stringify!($lookback),
            ", ",
            stringify!($patch)
        );
        case::<$number, $network, $features, $lookback, $patch>($name, &$shape, text)
    }};
}

fn target_folder() -> PathBuf {
    // Cargo's target folder, so that `core` is built once for tests and program.
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("rnn")
}

fn m4() -> &'static Board {
    boards::find("qemu-m4").unwrap()
}

/// A board that is there, or a word on why it is not.
fn or_skipped<T>(result: Result<T, Stop>) -> Option<Result<T, Error>> {
    match result {
        Ok(value) => Some(Ok(value)),
        Err(Stop::Error(error)) => Some(Err(error)),
        Err(Stop::Missing(missing)) => {
            assert_ne!(std::env::var("REQUIRE_EMULATOR").as_deref(), Ok("1"), "{missing}");
            eprintln!("SKIPPED: {missing}");
            None
        }
    }
}

/// Runs the case, or says why it cannot be run here.
fn on_board(case: &Case, board: &'static Board) -> Option<Result<BoardRun, Error>> {
    let target = target_folder();
    let work = target.join("tests").join(case.name);
    // A case's folder holds the Cortex-M4's programs, where they are looked for.
    let work = if board == m4() { work } else { work.join(board.core) };
    let inputs = case.inputs();
    let places = Places { firmware: &firmware::source(), work: &work, target: &target.join("boards") };
    or_skipped(run(board, &inputs, &places, &Limits::default()))
}

fn same_bits(case: &Case, board: &'static Board) {
    assert!(case.forecasts.len() > 100, "{}", case.forecasts.len());
    let distinct = case.forecasts.iter().filter(|forecast| **forecast != case.forecasts[0]).count();
    assert!(distinct > 90, "a model that always says the same shows nothing");
    let Some(run) = on_board(case, board) else { return };
    let run = run.unwrap();
    let comparison = compare(&case.forecasts, &run.bits());
    assert!(comparison.agrees(), "{} on {}: {:?}", case.name, board.name, comparison.first_difference);
    assert_eq!(run.refused, case.refused);
    let (instructions, ticks) = run.calibration;
    let (expected_instructions, expected_ticks) = board.emulator.as_ref().unwrap().instructions_in_ticks;
    let ratio = (instructions * expected_ticks) as f64 / (ticks * expected_instructions) as f64;
    assert!((ratio - 1.0).abs() < 1e-3, "{}: {instructions} instructions in {ticks} ticks", board.name);
    assert!(run.instructions_per_step > 100 && run.stack_bytes > 100 && run.forecaster_bytes > 0, "{run:?}");
    assert!(run.sizes.rodata >= case.model.len() as u64 + run.test_bytes, "model and series lie in flash");
    println!(
        "{} on {}: {} of {} forecasts bit-identical; {} instructions a step; stack {} B; {:?}",
        case.name, board.name, comparison.identical, comparison.compared, run.instructions_per_step, run.stack_bytes, run.sizes
    );
}

fn int8() -> Case {
    let shape = Shape {
        arithmetic: <Int8>::ARITHMETIC,
        layers: &[(20, CellForm::ZONEOUT), (11, CellForm::PLAIN)],
        head: HeadForm::Plain,
        features: 2,
        targets: 2,
        lookback: 24,
        patch: 3,
        horizon: 5,
        transform: Transform::Sqrt,
        normalization: Normalization::None,
        skip: 0,
        quantiles: 1,
        classes: 0,
    };
    case!("int8", shape, Int8, Network<Then<Lstm<6, 20, Zoneout>, Lstm<20, 11, Plain>>, Dense<11, 2, 5>>, 2, 24, 3)
}

#[test]
fn int8_with_zoneout_two_layers_and_square_root() {
    same_bits(&int8(), m4());
}

fn float() -> Case {
    let shape = Shape {
        arithmetic: Float::<Rational>::ARITHMETIC,
        layers: &[(9, CellForm::ZONEOUT_CELL)],
        head: HeadForm::Plain,
        features: 1,
        targets: 1,
        lookback: 16,
        patch: 2,
        horizon: 4,
        transform: Transform::Log,
        normalization: Normalization::Last,
        skip: 0,
        quantiles: 1,
        classes: 0,
    };
    case!("f32", shape, Float<Rational>, Network<Lstm<2, 9, ZoneoutCell>, Dense<9, 1, 4>>, 1, 16, 2)
}

#[test]
fn f32_with_cell_zoneout_and_logarithm() {
    same_bits(&float(), m4());
}

/// What the cores compute differs in nothing; how they do differs in all.
#[test]
fn every_core_gives_the_hosts_bits() {
    for board in boards::emulated().filter(|board| *board != m4()) {
        for case in [int8(), float()] {
            same_bits(&case, board);
        }
    }
}

#[test]
fn f32_with_libm_and_zoneout() {
    let shape = Shape {
        arithmetic: Float::<Libm>::ARITHMETIC,
        layers: &[(7, CellForm::ZONEOUT)],
        head: HeadForm::Plain,
        features: 1,
        targets: 1,
        lookback: 12,
        patch: 1,
        horizon: 3,
        transform: Transform::None,
        normalization: Normalization::Last,
        skip: 0,
        quantiles: 1,
        classes: 0,
    };
    same_bits(&case!("libm", shape, Float<Libm>, Network<Lstm<1, 7, Zoneout>, Dense<7, 1, 3>>, 1, 12, 1), m4());
}

/// Layer norm in every form and before the head, keep factors and zoneout, in a stack that mixes them.
#[test]
fn int8_with_layer_norm_in_every_form() {
    use embedded_rnn::{JointNorm, Kept, NormA, NormB, Zoneout, ZoneoutCell};
    let shape = Shape {
        arithmetic: <Int8>::ARITHMETIC,
        layers: &[(13, NormA::<Zoneout>::FORM), (10, NormB::<Kept<ZoneoutCell>>::FORM), (9, JointNorm::<Kept<Zoneout>>::FORM)],
        head: HeadForm::Norm,
        features: 1,
        targets: 1,
        lookback: 20,
        patch: 2,
        horizon: 4,
        transform: Transform::None,
        normalization: Normalization::Last,
        skip: 0,
        quantiles: 1,
        classes: 0,
    };
    same_bits(
        &case!(
            "int8-norms",
            shape,
            Int8,
            Network<
                Then<
                    Then<Lstm<2, 13, NormA<Zoneout>>, Lstm<13, 10, NormB<Kept<ZoneoutCell>>>>,
                    Lstm<10, 9, JointNorm<Kept<Zoneout>>>,
                >,
                Dense<9, 1, 4, NormHead>,
            >,
            1,
            20,
            2
        ),
        m4(),
    );
}

#[test]
fn f32_with_layer_norm_in_every_form() {
    use embedded_rnn::{JointNorm, Kept, NormA, NormB, Plain, Zoneout, ZoneoutCell};
    let shape = Shape {
        arithmetic: Float::<Rational>::ARITHMETIC,
        layers: &[(9, NormA::<Kept<Plain>>::FORM), (8, NormB::<Zoneout>::FORM), (7, JointNorm::<Kept<ZoneoutCell>>::FORM)],
        head: HeadForm::Norm,
        features: 1,
        targets: 1,
        lookback: 12,
        patch: 1,
        horizon: 3,
        transform: Transform::None,
        normalization: Normalization::Last,
        skip: 0,
        quantiles: 1,
        classes: 0,
    };
    same_bits(
        &case!(
            "f32-norms",
            shape,
            Float<Rational>,
            Network<
                Then<Then<Lstm<1, 9, NormA<Kept<Plain>>>, Lstm<9, 8, NormB<Zoneout>>>, Lstm<8, 7, JointNorm<Kept<ZoneoutCell>>>>,
                Dense<7, 1, 3, NormHead>,
            >,
            1,
            12,
            1
        ),
        m4(),
    );
}

/// The kernels that a core links, beside the portable code on the core itself: layers of every cell, drawn at random, with extremes.
#[test]
fn every_core_passes_the_battery() {
    let target = target_folder();
    let case = int8();
    let inputs = case.inputs();
    for board in boards::emulated() {
        let work = target.join("tests").join("battery").join(board.core);
        let places = Places { firmware: &firmware::source(), work: &work, target: &target.join("boards") };
        let on_board = || {
            let machine = Machine::find(board, places, Limits::default())?;
            let [battery] = machine.build(&inputs, ["battery"])?;
            machine.execute(&battery)
        };
        let Some(executed) = or_skipped(on_board()) else { continue };
        let mut steps = 0;
        for event in executed.unwrap().events {
            let Event::Battery(part) = event else { panic!("{}: {event:?}", board.name) };
            assert_eq!(part.mismatches, 0, "{}: {part:?}", board.name);
            steps += part.steps;
        }
        // Beside what every core compares, the M0's 16-bit cell and the M55's row-major order.
        let suites = if ["m0", "m55"].contains(&board.core) { 2 } else { 1 };
        assert!(steps >= suites * 10_000, "{}: {steps} steps", board.name);
        println!("battery on {}: {steps} steps bit-identical", board.name);
    }
}

/// A panic resets the board, and the next boot says where it was.
#[test]
fn a_panic_is_reported_at_the_next_boot() {
    let target = target_folder();
    let case = int8();
    for board in boards::emulated() {
        let work = target.join("tests").join("panic").join(board.core);
        let places = Places { firmware: &firmware::source(), work: &work, target: &target.join("boards") };
        let on_board = || {
            let machine = Machine::find(board, places, Limits::default())?;
            let [program] = machine.build(&case.inputs(), ["panic"])?;
            machine.execute(&program)
        };
        let Some(executed) = or_skipped(on_board()) else { continue };
        let lines = executed.unwrap().events.into_iter().map(|event| match event {
            Event::Line(line) => line.text,
            event => panic!("{}: {event:?}", board.name),
        });
        let source = include_str!("../../../firmware/emulated/src/programs/panic.rs");
        let line = 1 + source.lines().position(|line| line.contains("samples[black_box(3)]")).unwrap();
        let said = "index out of bounds: the len is 3 but the index is 3";
        let lines: Vec<String> = lines.collect();
        assert_eq!(lines.len(), 2, "{}: {lines:?}", board.name);
        assert_eq!(lines[0], "nothing before this boot");
        assert!(
            lines[1].contains(&format!("programs/panic.rs:{line}:")) && lines[1].ends_with(said),
            "{}: {lines:?}",
            board.name
        );
        println!("{}: {}", board.name, lines[1].replace('\n', " "));
    }
}

/// A linear skip in both arithmetics: several columns and samples a step, and several targets.
#[test]
fn int8_with_a_linear_skip() {
    let shape = Shape {
        arithmetic: <Int8>::ARITHMETIC,
        layers: &[(10, CellForm::ZONEOUT_CELL)],
        head: HeadForm::Plain,
        features: 2,
        targets: 2,
        lookback: 24,
        patch: 3,
        horizon: 5,
        transform: Transform::Sqrt,
        normalization: Normalization::Last,
        skip: 3,
        quantiles: 1,
        classes: 0,
    };
    same_bits(&case!("int8-skip", shape, Int8, Network<Lstm<6, 10, ZoneoutCell>, Dense<10, 2, 5>, Skip<48, 3>>, 2, 24, 3), m4());
}

#[test]
fn f32_with_a_linear_skip_beside_a_head_behind_layer_norm() {
    let shape = Shape {
        arithmetic: Float::<Rational>::ARITHMETIC,
        layers: &[(6, CellForm::PLAIN)],
        head: HeadForm::Norm,
        features: 1,
        targets: 1,
        lookback: 16,
        patch: 2,
        horizon: 4,
        transform: Transform::None,
        normalization: Normalization::None,
        skip: 2,
        quantiles: 1,
        classes: 0,
    };
    same_bits(
        &case!("f32-skip", shape, Float<Rational>, Network<Lstm<2, 6>, Dense<6, 1, 4, NormHead>, Skip<16, 2>>, 1, 16, 2),
        m4(),
    );
}

/// All quantiles of each value, alone behind a logarithm and beside a linear skip behind a root, on a core with and one without an FPU.
#[test]
fn quantiles_and_their_widened_intervals() {
    let float = Shape {
        arithmetic: Float::<Rational>::ARITHMETIC,
        layers: &[(6, CellForm::PLAIN)],
        head: HeadForm::Plain,
        features: 1,
        targets: 1,
        lookback: 16,
        patch: 2,
        horizon: 4,
        transform: Transform::Log,
        normalization: Normalization::Last,
        skip: 0,
        quantiles: 5,
        classes: 0,
    };
    let int8 = Shape {
        arithmetic: <Int8>::ARITHMETIC,
        layers: &[(10, CellForm::ZONEOUT_CELL)],
        features: 2,
        targets: 2,
        lookback: 24,
        patch: 3,
        horizon: 5,
        transform: Transform::Sqrt,
        skip: 3,
        quantiles: 3,
        ..float
    };
    let float = case!("f32-quantiles", float, Float<Rational>, Network<Lstm<2, 6>, Quantiles<Dense<6, 1, 4>, 5>>, 1, 16, 2);
    let int8 = case!(
        "int8-quantiles",
        int8,
        Int8,
        Network<Lstm<6, 10, ZoneoutCell>, Quantiles<Dense<10, 2, 5>, 3>, Skip<48, 3>>,
        2,
        24,
        3
    );
    for case in [float, int8] {
        same_bits(&case, m4());
        same_bits(&case, boards::find("qemu-m0").unwrap());
    }
}

/// A classifier's logits, in both arithmetics, on a core with and one without an FPU.
#[test]
fn logits_of_classes() {
    let int8 = Shape {
        arithmetic: <Int8>::ARITHMETIC,
        layers: &[(10, CellForm::ZONEOUT_CELL)],
        head: HeadForm::Plain,
        features: 2,
        targets: 0,
        lookback: 24,
        patch: 3,
        horizon: 0,
        transform: Transform::Sqrt,
        normalization: Normalization::Last,
        skip: 0,
        quantiles: 1,
        classes: 7,
    };
    let float = Shape { arithmetic: Float::<Rational>::ARITHMETIC, head: HeadForm::Norm, ..int8 };
    let int8 = case!("int8-classes", int8, Int8, Network<Lstm<6, 10, ZoneoutCell>, Classes<Dense<10, 7, 1>>>, 2, 24, 3);
    let float = case!(
        "f32-classes",
        float,
        Float<Rational>,
        Network<Lstm<6, 10, ZoneoutCell>, Classes<Dense<10, 7, 1, NormHead>>>,
        2,
        24,
        3
    );
    for case in [int8, float] {
        same_bits(&case, m4());
        same_bits(&case, boards::find("qemu-m0").unwrap());
    }
}

/// What the board refuses comes back as the program's error, with the board's own words.
#[test]
fn failures_on_the_board_reach_the_host() {
    let whole = Case { name: "failures", ..int8() };
    let failure = |case: &Case| match on_board(case, m4())? {
        Ok(_) => panic!("the board accepted it"),
        Err(error) => {
            assert_eq!(error.exit_code(), 1, "{error}");
            Some(error.to_string())
        }
    };

    let mut wrong_window = Case { expected: whole.expected.clone(), ..int8() };
    wrong_window.name = whole.name;
    wrong_window.expected[3] = f32::from_bits(wrong_window.expected[3].to_bits() ^ 1);
    if let Some(message) = failure(&wrong_window) {
        assert!(message.contains("selftest failed on qemu-m4: window value 3: expected"), "{message}");
    }

    let mut damaged = Case { name: whole.name, ..int8() };
    let middle = damaged.model.len() / 2;
    damaged.model[middle] ^= 0x10;
    if let Some(message) = failure(&damaged) {
        assert!(message.contains("the linked model file is refused: Checksum"), "{message}");
    }
}
