//! The emulated Cortex-M4 against the host, bit for bit: integer and `f32`, every form and value transform, with random weights.
//!
//! Without emulator or compiler target these tests say `SKIPPED` and why; with `REQUIRE_EMULATOR=1` they fail instead.

mod random_model;

use std::path::{Path, PathBuf};

use embedded_rnn::{
    Float, Int8, Libm, Model, Rational,
    arithmetic::Number,
    forecast::Transform,
    image::{Normalization, forecast_checksum},
    network::{CellForm, Form, Topology},
};
use embedded_rnn_trainer::{
    deploy::{BoardRun, Inputs, Limits, Places, Stop, boards, compare, firmware, run},
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
    let values = |mut forecast: T::Output| T::rows(&mut forecast).flat_map(|row| row.to_vec()).collect::<Vec<f32>>();

    // The file's own test needs the forecast that the file gives: packed once without, once with it.
    let draft = Aligned::new(&pack(shape, &mut random(), &window, 0));
    let model = Model::<N, T, FEATURES, LOOKBACK, PATCH>::load(draft.bytes()).unwrap();
    let mut forecaster = model.forecaster();
    for sample in window.as_chunks::<FEATURES>().0 {
        forecaster.push(sample).unwrap();
    }
    let expected = values(forecaster.forecast().unwrap());

    let bytes = pack(shape, &mut random(), &window, forecast_checksum(&expected));
    let file = Aligned::new(&bytes);
    let model = Model::<N, T, FEATURES, LOOKBACK, PATCH>::load(file.bytes()).unwrap();
    model.self_test().unwrap();
    let mut forecaster = model.forecaster();
    let (mut forecasts, mut refused) = (Vec::new(), 0);
    for sample in series.as_chunks::<FEATURES>().0 {
        match forecaster.push(sample) {
            Err(_) => refused += 1,
            Ok(()) => forecasts.extend(forecaster.forecast().ok().map(values)),
        }
    }
    let snippet = format!(
        "use embedded_rnn::*;\n\
         /// The model's type.\npub type Model<'m> = embedded_rnn::Model<'m, {type_of_model}>;\n\
         /// Columns of a sample.\npub const FEATURES: usize = {FEATURES};\n\
         /// Samples in a window.\npub const LOOKBACK: usize = {LOOKBACK};\n\
         /// Network steps of a forecast.\npub const STEPS: usize = {};\n\
         /// Columns forecast.\npub const TARGETS: usize = {};\n\
         /// Samples forecast.\npub const HORIZON: usize = {};\n",
        LOOKBACK / PATCH,
        T::TARGETS,
        T::HORIZON
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

/// Runs the case, or says why it cannot be run here.
fn on_board(case: &Case) -> Option<Result<BoardRun, Error>> {
    let target = target_folder();
    let inputs = Inputs {
        model: &case.model,
        snippet: &case.snippet,
        samples: &case.series,
        window: &case.window,
        forecast: &case.expected,
    };
    let places =
        Places { firmware: &firmware::source(), work: &target.join("tests").join(case.name), target: &target.join("boards") };
    match run(boards::find("qemu-m4").unwrap(), &inputs, &places, &Limits::default()) {
        Ok(run) => Some(Ok(run)),
        Err(Stop::Error(error)) => Some(Err(error)),
        Err(Stop::Missing(missing)) => {
            assert_ne!(std::env::var("REQUIRE_EMULATOR").as_deref(), Ok("1"), "{missing}");
            eprintln!("SKIPPED: {missing}");
            None
        }
    }
}

fn same_bits(case: &Case) {
    assert!(case.forecasts.len() > 100, "{}", case.forecasts.len());
    let distinct = case.forecasts.iter().filter(|forecast| **forecast != case.forecasts[0]).count();
    assert!(distinct > 90, "a model that always says the same shows nothing");
    let Some(run) = on_board(case) else { return };
    let run = run.unwrap();
    let comparison = compare(&case.forecasts, &run.bits());
    assert!(comparison.agrees(), "{}: {}", case.name, comparison.first_difference.unwrap());
    assert_eq!(run.refused, case.refused);
    let (instructions, ticks) = run.calibration;
    assert_eq!((instructions as f64 / ticks as f64).round(), 40.0, "SysTick of this board counts 40 instructions");
    assert!(run.instructions_per_step > 100 && run.stack_bytes > 100 && run.forecaster_bytes > 0, "{run:?}");
    assert!(run.sizes.rodata >= case.model.len() as u64 + run.test_bytes, "model and series lie in flash");
    println!(
        "{}: {} of {} forecasts bit-identical; {} instructions a step; stack {} B; {:?}",
        case.name, comparison.identical, comparison.compared, run.instructions_per_step, run.stack_bytes, run.sizes
    );
}

fn int8() -> Case {
    let shape = Shape {
        arithmetic: Int8::ARITHMETIC,
        layers: &[(20, CellForm::ZONEOUT), (11, CellForm::PLAIN)],
        features: 2,
        targets: 2,
        lookback: 24,
        patch: 3,
        horizon: 5,
        transform: Transform::Sqrt,
        normalization: Normalization::None,
    };
    case!("int8", shape, Int8, Network<Then<Lstm<6, 20, Zoneout>, Lstm<20, 11, Plain>>, Dense<11, 2, 5>>, 2, 24, 3)
}

#[test]
fn int8_with_zoneout_two_layers_and_square_root() {
    same_bits(&int8());
}

#[test]
fn f32_with_cell_zoneout_and_logarithm() {
    let shape = Shape {
        arithmetic: Float::<Rational>::ARITHMETIC,
        layers: &[(9, CellForm::ZONEOUT_CELL)],
        features: 1,
        targets: 1,
        lookback: 16,
        patch: 2,
        horizon: 4,
        transform: Transform::Log,
        normalization: Normalization::Last,
    };
    same_bits(&case!("f32", shape, Float<Rational>, Network<Lstm<2, 9, ZoneoutCell>, Dense<9, 1, 4>>, 1, 16, 2));
}

#[test]
fn f32_with_libm_and_zoneout() {
    let shape = Shape {
        arithmetic: Float::<Libm>::ARITHMETIC,
        layers: &[(7, CellForm::ZONEOUT)],
        features: 1,
        targets: 1,
        lookback: 12,
        patch: 1,
        horizon: 3,
        transform: Transform::None,
        normalization: Normalization::Last,
    };
    same_bits(&case!("libm", shape, Float<Libm>, Network<Lstm<1, 7, Zoneout>, Dense<7, 1, 3>>, 1, 12, 1));
}

/// Layer norm in every form, keep factors and zoneout, in a stack that mixes them.
#[test]
fn int8_with_layer_norm_in_every_form() {
    use embedded_rnn::{JointNorm, Kept, NormA, NormB, Zoneout, ZoneoutCell};
    let shape = Shape {
        arithmetic: Int8::ARITHMETIC,
        layers: &[(13, NormA::<Zoneout>::FORM), (10, NormB::<Kept<ZoneoutCell>>::FORM), (9, JointNorm::<Kept<Zoneout>>::FORM)],
        features: 1,
        targets: 1,
        lookback: 20,
        patch: 2,
        horizon: 4,
        transform: Transform::None,
        normalization: Normalization::Last,
    };
    same_bits(&case!(
        "int8-norms",
        shape,
        Int8,
        Network<
            Then<
                Then<Lstm<2, 13, NormA<Zoneout>>, Lstm<13, 10, NormB<Kept<ZoneoutCell>>>>,
                Lstm<10, 9, JointNorm<Kept<Zoneout>>>,
            >,
            Dense<9, 1, 4>,
        >,
        1,
        20,
        2
    ));
}

#[test]
fn f32_with_layer_norm_in_every_form() {
    use embedded_rnn::{JointNorm, Kept, NormA, NormB, Plain, Zoneout, ZoneoutCell};
    let shape = Shape {
        arithmetic: Float::<Rational>::ARITHMETIC,
        layers: &[(9, NormA::<Kept<Plain>>::FORM), (8, NormB::<Zoneout>::FORM), (7, JointNorm::<Kept<ZoneoutCell>>::FORM)],
        features: 1,
        targets: 1,
        lookback: 12,
        patch: 1,
        horizon: 3,
        transform: Transform::None,
        normalization: Normalization::Last,
    };
    same_bits(&case!(
        "f32-norms",
        shape,
        Float<Rational>,
        Network<
            Then<Then<Lstm<1, 9, NormA<Kept<Plain>>>, Lstm<9, 8, NormB<Zoneout>>>, Lstm<8, 7, JointNorm<Kept<ZoneoutCell>>>>,
            Dense<7, 1, 3>,
        >,
        1,
        12,
        1
    ));
}

/// What the board refuses comes back as the program's error, with the board's own words.
#[test]
fn failures_on_the_board_reach_the_host() {
    let whole = Case { name: "failures", ..int8() };
    let failure = |case: &Case| match on_board(case)? {
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
