//! Emulated boards on their serial ports: fed, measuring, and given new models; every forecast with the host's bits.
//!
//! Without emulator or compiler target these tests say `SKIPPED` and why; with `REQUIRE_EMULATOR=1` they fail instead.

mod monitor;
#[path = "../emulated_board/random_model.rs"]
mod random_model;

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use embedded_rnn::{
    Int8,
    arithmetic::Number,
    forecast::Transform,
    image::{Image, Normalization, forecast_checksum},
    network::{CellForm, HeadForm},
};
use embedded_rnn_link::{Fault, Request};
use embedded_rnn_trainer::{
    deploy::{
        Board, Inputs, Limits, Machine, Places, Stop, boards, firmware,
        line::{AskError, Desk, Emulated, Outcome, expect_same, feed, update},
    },
    evaluate::device::{DeviceModel, ModelBytes},
};
use monitor::Monitor;
use random_model::{Random, Shape, pack};

const LOOKBACK: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);

const SHAPE: Shape = Shape {
    arithmetic: <Int8>::ARITHMETIC,
    layers: &[(8, CellForm::ZONEOUT)],
    head: HeadForm::Plain,
    features: 1,
    targets: 1,
    lookback: LOOKBACK as u16,
    patch: 2,
    // More than one frame holds.
    horizon: 70,
    transform: Transform::None,
    normalization: Normalization::Last,
    skip: 0,
    quantiles: 1,
    classes: 0,
};

const SNIPPET: &str = "use embedded_rnn::*;\n\
    /// The model's type.\npub type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<2, 8, Zoneout>, Dense<8, 1, 70>>, 1, 16, 2>;\n\
    /// Columns of a sample.\npub const FEATURES: usize = 1;\n\
    /// Samples in a window.\npub const LOOKBACK: usize = 16;\n\
    /// Samples that enter as one step.\npub const PATCH: usize = 2;\n\
    /// Network steps of a forecast.\npub const STEPS: usize = 8;\n\
    /// Columns forecast.\npub const TARGETS: usize = 1;\n\
    /// Samples forecast.\npub const HORIZON: usize = 70;\n";

/// A model file with random weights that passes its own test.
fn model(seed: u64) -> ModelBytes {
    let window = curve(LOOKBACK);
    let draft = ModelBytes::new(&pack(&SHAPE, &mut Random(seed), &window, 0));
    let forecast = open(&draft).forecast(&window).unwrap();
    ModelBytes::new(&pack(&SHAPE, &mut Random(seed), &window, forecast_checksum(&forecast)))
}

fn open(bytes: &ModelBytes) -> DeviceModel<'_> {
    DeviceModel::open(bytes, Path::new("model.rnn")).unwrap()
}

fn digest(bytes: &ModelBytes) -> u32 {
    Image::open(bytes.as_slice()).unwrap().digest
}

/// Temperatures of a hot day and a cold night, in halves of a degree.
fn curve(samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|hour| (2.0 * (18.0 + 24.0 * libm::sinf(0.26 * hour as f32) + 3.0 * libm::sinf(1.1 * hour as f32))).floor() / 2.0)
        .collect()
}

fn m4() -> &'static Board {
    boards::find("qemu-m4").unwrap()
}

/// Cargo's target folder, so that `core` is built once for tests and program.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("rnn")
}

/// Says why a test is not run, or fails where it has to be.
fn skip(missing: &str) {
    assert_ne!(std::env::var("REQUIRE_EMULATOR").as_deref(), Ok("1"), "{missing}");
    eprintln!("SKIPPED: {missing}");
}

/// A program around a model, running, with a desk on its line; or a word on why it cannot be here.
fn start(board: &'static Board, program: &str, bytes: &ModelBytes, arguments: &[String]) -> Option<(Emulated, Desk<TcpStream>)> {
    let target = target();
    let window = curve(LOOKBACK);
    let forecast = open(bytes).forecast(&window).unwrap();
    let inputs = Inputs { model: bytes.as_slice(), snippet: SNIPPET, samples: &[], window: &window, forecast: &forecast };
    let work = target.join("tests").join("line").join(board.core).join(program);
    let places = Places { firmware: &firmware::source(), work: &work, target: &target.join("boards") };
    let started = || -> Result<_, Stop> {
        let machine = Machine::find(board, places, Limits::default())?;
        let [elf] = machine.build(&inputs, [program])?;
        Ok(machine.start(&elf, arguments)?)
    };
    match started() {
        Ok((running, line)) => Some((running, Desk::new(line, PATIENCE))),
        Err(Stop::Error(error)) => panic!("{}: {error}", board.name),
        Err(Stop::Missing(missing)) => {
            skip(&missing.to_string());
            None
        }
    }
}

fn end(mut desk: Desk<TcpStream>, running: Emulated) {
    assert_eq!(desk.ask(&Request::End).unwrap().outcome, Outcome::Done);
    running.finish(PATIENCE).unwrap();
}

#[test]
fn every_board_is_fed_and_gives_the_hosts_bits() {
    let bytes = model(0x5EED);
    let samples = curve(120);
    for board in boards::emulated() {
        let Some((running, mut desk)) = start(board, "serve", &bytes, &[]) else { continue };
        let hello = desk.hello().unwrap();
        expect_same(&hello, &open(&bytes), digest(&bytes)).unwrap();
        assert_eq!((hello.measures, hello.saves, hello.capacity), (false, false, 0));
        let fed = feed(&mut desk, &mut open(&bytes), &samples, |_| {}).unwrap();
        assert_eq!((fed.samples, fed.forecasts), (120, 120 - LOOKBACK + 1));
        println!("{}: {} samples fed, {} forecasts bit-identical", board.name, fed.samples, fed.forecasts);
        end(desk, running);
    }
}

/// The shipped model and series, as a user would feed them.
#[test]
fn the_program_feeds_an_emulated_board() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rnn"))
        .arg("deploy")
        .arg(root.join("examples/standalone/model/model.rnn"))
        .arg("--feed")
        .arg(root.join("data/sunspots.csv"))
        .args(["--board", "qemu-m4", "--samples", "200", "--json", "--work"])
        .arg(target())
        .output()
        .unwrap();
    let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.code() == Some(2) && complaint.contains(" is missing; install it with ") {
        return skip(&complaint);
    }
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    let fed: serde_json::Value = serde_json::from_str(&said).unwrap();
    // The model looks back 132 months.
    let found = ["samples", "compared", "identical"].map(|key| fed[key].as_u64());
    assert_eq!(found, [Some(200), Some(69), Some(69)]);
}

#[test]
fn another_model_is_told_and_a_difference_names_the_sample() {
    let (bytes, other) = (model(0x5EED), model(0xBAD));
    let Some((running, mut desk)) = start(m4(), "serve", &bytes, &[]) else { return };
    let error = expect_same(&desk.hello().unwrap(), &open(&other), digest(&other)).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().starts_with(&format!("the board runs the model {:08x}", digest(&bytes))), "{error}");
    let error = feed(&mut desk, &mut open(&other), &curve(40), |_| {}).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().starts_with("sample 16: value 0 of the forecast after it: host "), "{error}");
    assert!(matches!(desk.ask(&Request::Measure), Err(AskError::Fault(Fault::Unsupported))));
    end(desk, running);
}

/// The thermometer hangs on the emulated board's two-wire bus; the test sets its temperature, the firmware reads it by the published
/// driver and forecasts from what it read.
#[test]
fn a_thermometers_walk_is_forecast_with_the_hosts_bits() {
    let bytes = model(0x5EED);
    let (listener, mut arguments) = Monitor::arguments();
    arguments.extend(["-device".into(), "tmp105,id=t0,address=0x48".into()]);
    let Some((running, mut desk)) = start(m4(), "thermometer", &bytes, &arguments) else { return };
    let mut monitor = Monitor::accept(&listener);
    assert!(desk.hello().unwrap().measures);
    let walk = curve(100);
    let (lowest, highest) =
        walk.iter().fold((f32::MAX, f32::MIN), |(low, high), degrees| (low.min(*degrees), high.max(*degrees)));
    assert!(lowest < -5.0 && highest > 40.0, "{lowest} to {highest}");
    let mut device = open(&bytes);
    let mut forecasts = 0;
    for (index, degrees) in walk.iter().enumerate() {
        // A quarter above the step that the sensor can tell, which it rounds off.
        monitor.set_temperature("t0", degrees + 0.25);
        let answer = desk.ask(&Request::Measure).unwrap();
        assert_eq!(answer.sample, [*degrees], "sample {index}");
        match (walk[..=index].last_chunk::<LOOKBACK>(), answer.outcome) {
            (None, Outcome::Filling) => {}
            (Some(window), Outcome::Forecast(board)) => {
                let host = device.forecast(window).unwrap();
                assert!(host.iter().map(|value| value.to_bits()).eq(board.iter().map(|value| value.to_bits())), "sample {index}");
                forecasts += 1;
            }
            (_, other) => panic!("sample {index}: {other:?}"),
        }
    }
    println!("thermometer: {} temperatures from {lowest} to {highest}, {forecasts} forecasts bit-identical", walk.len());
    // Hotter than the sensor can measure: no sample, and the history is as it was.
    monitor.set_temperature("t0", 127.0);
    assert!(matches!(desk.ask(&Request::Measure), Err(AskError::Fault(Fault::Sensor))));
    monitor.set_temperature("t0", 20.0);
    let Outcome::Forecast(board) = desk.ask(&Request::Measure).unwrap().outcome else { panic!("the history was lost") };
    let window: Vec<f32> = walk[walk.len() - LOOKBACK + 1..].iter().copied().chain([20.0]).collect();
    assert_eq!(board, device.forecast(&window).unwrap());
    end(desk, running);
}

#[test]
fn a_bus_without_a_thermometer_is_a_fault_and_no_sample() {
    let Some((running, mut desk)) = start(m4(), "thermometer", &model(0x5EED), &[]) else { return };
    desk.hello().unwrap();
    for _ in 0..3 {
        assert!(matches!(desk.ask(&Request::Measure), Err(AskError::Fault(Fault::Sensor))));
    }
    let fed = feed(&mut desk, &mut open(&model(0x5EED)), &curve(20), |_| {}).unwrap();
    assert_eq!(fed.forecasts, 20 - LOOKBACK + 1);
    end(desk, running);
}

#[test]
fn a_new_model_comes_over_the_line_and_is_refused_if_it_is_not_whole() {
    let (old, new) = (model(0x5EED), model(0xBEEF));
    let Some((running, mut desk)) = start(m4(), "update", &old, &[]) else { return };
    let samples = curve(40);
    let fed_as = |desk: &mut Desk<TcpStream>, model: &ModelBytes| {
        expect_same(&desk.hello().unwrap(), &open(model), digest(model)).unwrap();
        assert_eq!(feed(desk, &mut open(model), &samples, |_| {}).unwrap().forecasts, 40 - LOOKBACK + 1);
    };
    fed_as(&mut desk, &old);
    let mut damaged = new.as_slice().to_vec();
    damaged[1000] ^= 0x20;
    let error = update(&mut desk, &damaged, digest(&new), |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the file is no model for this board's firmware");
    fed_as(&mut desk, &old);
    let mut sent = 0;
    update(&mut desk, new.as_slice(), digest(&new), |bytes| sent = bytes).unwrap();
    assert_eq!(sent, new.as_slice().len());
    fed_as(&mut desk, &new);
    // Back to the model before, which lies in the other slot.
    assert_eq!(desk.ask(&Request::Activate).unwrap().outcome, Outcome::Done);
    fed_as(&mut desk, &old);
    let error = update(&mut desk, &vec![0; 1 << 20], 1, |_| {}).unwrap_err();
    assert!(error.to_string().contains("the model has 1048576 bytes and the board's slot 65536"), "{error}");
    end(desk, running);
}
