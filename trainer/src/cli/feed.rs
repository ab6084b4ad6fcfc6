//! `rnn deploy --feed`: a recording through a board over its serial port, compared with the host as it goes.

use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use embedded_rnn::Image;
use embedded_rnn_link::Request;
use serde::Serialize;

use super::deploy::{Stream, expect_installed};
use super::output::Output;
use super::progress::Progress;
use crate::deploy::{self, Inputs, Limits, Machine, Places, boards::Board, line};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};

/// How long a board may take for one answer: a forecast, at the slowest.
const PATIENCE: Duration = Duration::from_secs(10);

/// A serial port of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Serial<'a> {
    pub port: &'a str,
    pub baud: u32,
}

/// What was fed, and that it agreed.
#[derive(Clone, Debug, Serialize)]
struct Report<'a> {
    board: &'static str,
    /// The serial port; none for an emulated board.
    port: Option<&'a str>,
    /// The CRC-32 of the model on the board.
    digest: String,
    samples: usize,
    compared: usize,
    identical: usize,
}

/// Feeds `samples` to the board on a serial port, or to an emulated one.
pub fn run(
    board: &'static Board,
    serial: Option<Serial<'_>>,
    bytes: &ModelBytes,
    device: &mut DeviceModel<'_>,
    samples: Vec<f32>,
    work: &Path,
    output: &Output,
) -> Result<()> {
    let digest = Image::open(bytes.as_slice()).map_err(|reason| Error::input(reason.to_string()))?.digest;
    let features = usize::from(device.manifest.window.features);
    let fed = match serial {
        Some(Serial { port, baud }) => {
            let socket = line::open(port, baud)?;
            output.say(format!("feeding {} samples to {} on {port}", samples.len() / features, board.name));
            feed(socket, device, digest, &samples)?
        }
        None => {
            // Whatever the model refuses of the samples is said before a build of a minute.
            Stream::new(device, samples.clone())?;
            expect_installed(board)?;
            output.say(format!("building the firmware for {} (a first build takes a minute) and feeding it", board.name));
            emulated(board, bytes, device, digest, &samples, work)?
        }
    };
    let report = Report {
        board: board.name,
        port: serial.map(|serial| serial.port),
        digest: format!("{digest:08x}"),
        samples: fed.samples,
        compared: fed.forecasts,
        identical: fed.forecasts,
    };
    output.finish(&report, || {
        format!(
            "{}: {} samples fed, {} of {} forecasts bit-identical with the host's",
            board.name, fed.samples, fed.forecasts, fed.forecasts
        )
    })?;
    if fed.forecasts == 0 {
        return Err(Error::failed(format!("{} gave no forecast to compare", board.name)));
    }
    Ok(())
}

/// What was sent, and that it runs.
#[derive(Clone, Debug, Serialize)]
struct Updated<'a> {
    board: &'static str,
    port: &'a str,
    /// The CRC-32 of the model that the board runs now.
    digest: String,
    bytes: usize,
}

/// Sends the model to the board on a serial port.
pub fn update(board: &'static Board, serial: Serial<'_>, bytes: &ModelBytes, output: &Output) -> Result<()> {
    let file = bytes.as_slice();
    let digest = Image::open(file).map_err(|reason| Error::input(reason.to_string()))?.digest;
    let mut desk = line::Desk::new(line::open(serial.port, serial.baud)?, PATIENCE);
    let progress = Progress::new();
    let updated = line::update(&mut desk, file, digest, |sent| {
        progress.set(sent as u64, file.len() as u64, format!("{sent} bytes"));
    });
    progress.clear();
    updated?;
    let report = Updated { board: board.name, port: serial.port, digest: format!("{digest:08x}"), bytes: file.len() };
    output.finish(&report, || format!("{} on {} runs the model {digest:08x} now", board.name, serial.port))
}

/// Builds the firmware around the model and feeds it under the emulator.
fn emulated(
    board: &'static Board,
    bytes: &ModelBytes,
    device: &mut DeviceModel<'_>,
    digest: u32,
    samples: &[f32],
    work: &Path,
) -> Result<line::Fed> {
    let window = device.test_window();
    let forecast = device.forecast(&window).map_err(Error::failed)?;
    let lines = device.snippet("model.rnn");
    let inputs = Inputs { model: bytes.as_slice(), snippet: &lines, samples: &window, window: &window, forecast: &forecast };
    let places = Places { firmware: &deploy::firmware::source(), work: &work.join(board.name), target: &work.join("boards") };
    let limits = Limits::default();
    let machine = Machine::find(board, places, limits)?;
    board.expect_room(bytes.as_slice().len() as u64)?;
    let [serve] = machine.build(&inputs, ["serve"])?;
    let (mut running, socket) = machine.start(&serve, &[])?;
    let fed = feed(socket, device, digest, samples).map_err(|error| match error {
        // A board that went down says why.
        error if running.has_ended() => running.fate(&format!("ended while it was fed ({error})")),
        error => error,
    })?;
    running.finish(limits.run)?;
    Ok(fed)
}

/// Says Hello, feeds, and says that it was all.
fn feed(socket: impl Read + Write, device: &mut DeviceModel<'_>, digest: u32, samples: &[f32]) -> Result<line::Fed> {
    let mut desk = line::Desk::new(socket, PATIENCE);
    line::expect_same(&desk.hello()?, device, digest)?;
    let total = samples.len() / usize::from(device.manifest.window.features);
    let progress = Progress::new();
    let fed = line::feed(&mut desk, device, samples, |fed| {
        progress.set(fed.samples as u64, total as u64, format!("{} forecasts bit-identical", fed.forecasts));
    });
    progress.clear();
    let fed = fed?;
    desk.ask(&Request::End)?;
    Ok(fed)
}
