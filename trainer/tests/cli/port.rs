//! A board on a serial port, which is a pseudo terminal with a board's answers behind it.

use std::{
    io::{Read, Write},
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use embedded_rnn::image::checksum;
use embedded_rnn_link::{Decoder, ENCODED, Fault, Hello, Reply, Request, VERSION, Values};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use serialport::{SerialPort, TTYPort};

use crate::desk::{Desk, HORIZON, LOOKBACK, ROWS};

/// What is wrong with the board.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// After so many samples one bit of a forecast is another.
    differs_at: Option<usize>,
    /// What it says that it runs before an update.
    digest: Option<u32>,
}

/// A board behind a pseudo terminal; it ends with the desk's last request, or when the desk was silent for long.
fn board(model: PathBuf, faults: Faults) -> (String, JoinHandle<usize>) {
    let (mut port, slave) = TTYPort::pair().unwrap();
    port.set_timeout(Duration::from_millis(20)).unwrap();
    let (ready, name) = mpsc::channel();
    ready.send(slave.name().unwrap()).unwrap();
    let served = thread::spawn(move || {
        // Held open, so that the terminal does not hang up before the desk comes.
        let _slave = slave;
        let bytes = ModelBytes::read(&model).unwrap();
        let mut device = DeviceModel::open(&bytes, &model).unwrap();
        let mut digest = faults.digest.unwrap_or(checksum(bytes.as_slice()));
        let mut announced = (0, 0);
        let mut received: Vec<u8> = Vec::new();
        let mut history: Vec<f32> = Vec::new();
        let mut decoder = Decoder::new();
        let mut samples = 0;
        let mut heard = Instant::now();
        while heard.elapsed() < Duration::from_secs(60) {
            let mut buffer = [0; 64];
            let Ok(count) = port.read(&mut buffer) else { continue };
            heard = Instant::now();
            for byte in &buffer[..count] {
                let Some(Ok(frame)) = decoder.push(*byte) else { continue };
                let number = frame.number;
                let mut say = |reply: Reply<'_>| port.write_all(reply.encode(number, &mut [0; ENCODED])).unwrap();
                match Request::read(&frame).unwrap() {
                    Request::Hello { .. } => say(Reply::Hello(Hello {
                        version: VERSION,
                        digest,
                        interval: device.manifest.series.interval,
                        features: 2,
                        targets: 1,
                        lookback: LOOKBACK as u16,
                        horizon: HORIZON as u16,
                        measures: false,
                        saves: false,
                        capacity: 1 << 16,
                    })),
                    Request::Reset => {
                        history.clear();
                        say(Reply::Done);
                    }
                    Request::Sample { values, .. } => {
                        samples += 1;
                        history.extend(values.iter());
                        let Some(window) = history.len().checked_sub(2 * LOOKBACK).map(|from| &history[from..]) else {
                            say(Reply::Filling);
                            continue;
                        };
                        let mut forecast = device.forecast(window).unwrap();
                        if faults.differs_at == Some(samples) {
                            forecast[1] = f32::from_bits(forecast[1].to_bits() ^ 1);
                        }
                        let bytes: Vec<u8> = forecast.iter().flat_map(|value| value.to_le_bytes()).collect();
                        say(Reply::Forecast { first: 0, values: Values::of(&bytes).unwrap() });
                    }
                    Request::Begin { length, digest } => {
                        announced = (length as usize, digest);
                        say(Reply::Done);
                    }
                    Request::Chunk { offset, bytes } => {
                        assert_eq!(offset as usize, received.len());
                        received.extend(bytes);
                        say(Reply::Done);
                    }
                    Request::Finish => {
                        assert_eq!((received.len(), checksum(&received)), announced);
                        digest = announced.1;
                        say(Reply::Done);
                    }
                    Request::End => {
                        say(Reply::Done);
                        // The answer is read before the terminal hangs up.
                        thread::sleep(Duration::from_millis(300));
                        return samples;
                    }
                    _ => say(Reply::Fault(Fault::Unsupported)),
                }
            }
        }
        samples
    });
    (name.recv().unwrap(), served)
}

#[test]
fn a_board_on_a_port_is_fed_the_recording() {
    let desk = Desk::with_model();
    let (port, board) = board(desk.path("model.rnn"), Faults::default());
    let fed = desk.rnn(&format!("deploy model.rnn --board qemu-m4 --port {port} --feed series.csv --json")).object();
    assert_eq!(fed["samples"], ROWS);
    assert_eq!((&fed["compared"], &fed["identical"]), (&(ROWS - LOOKBACK + 1).into(), &(ROWS - LOOKBACK + 1).into()));
    assert_eq!(fed["port"], port);
    assert_eq!(board.join().unwrap(), ROWS);
}

#[test]
fn the_first_forecast_that_differs_is_named_by_its_sample() {
    let desk = Desk::with_model();
    let (port, _) = board(desk.path("model.rnn"), Faults { differs_at: Some(50), ..Faults::default() });
    let answer = desk.rnn(&format!("deploy model.rnn --board qemu-m4 --port {port} --feed series.csv --samples 100"));
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.starts_with("rnn: sample 50: value 1 of the forecast after it: host "), "{answer:?}");
}

#[test]
fn another_models_board_is_refused_and_updated() {
    let desk = Desk::with_model();
    let (port, _) = board(desk.path("model.rnn"), Faults { digest: Some(0xABCD), ..Faults::default() });
    let feed = format!("deploy model.rnn --board qemu-m4 --port {port} --feed series.csv");
    let answer = desk.rnn(&feed);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains("the board runs the model 0000abcd and the file at hand is "), "{answer:?}");
    let updated = desk.rnn(&format!("deploy model.rnn --board qemu-m4 --port {port} --update --json")).object();
    assert_eq!(updated["bytes"], std::fs::metadata(desk.path("model.rnn")).unwrap().len());
    assert!(desk.rnn(&feed).done().contains("227 of 227 forecasts bit-identical"));
}

#[test]
fn a_port_needs_something_to_say_on_it() {
    let desk = Desk::with_model();
    for arguments in ["--port p", "--update", "--baud 9600 --feed series.csv", "--data series.csv --feed series.csv"] {
        let answer = desk.rnn(&format!("deploy model.rnn --board qemu-m4 {arguments}"));
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""), "{arguments}: {answer:?}");
    }
    let refusal = desk.refusal("deploy model.rnn --board qemu-m4 --feed series.csv --port no-such-port");
    assert!(refusal.starts_with("--port no-such-port: "), "{refusal}");
}
