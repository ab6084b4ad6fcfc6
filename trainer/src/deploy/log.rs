//! The board's log: defmt frames to typed events.
//!
//! The firmware logs lines of a word followed by `key=value` pairs for what a program reads, and plain sentences for
//! what a person reads. The frames hold only the arguments; the sentences are in the ELF file.

use std::{path::Path, str::FromStr};

use defmt_decoder::{DecodeError, Locations, Table};

use crate::error::{Error, Result};

/// One forecast, as bits: the comparison with the host is exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Samples that the model had taken in.
    pub samples: usize,
    /// The bits of every `f32`, target after target, the horizon running fastest.
    pub bits: Vec<u32>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A forecast.
    Forecast(Forecast),
    /// The timer's scale: a loop of so many instructions took so many ticks.
    Calibration {
        /// Instructions of the loop.
        instructions: u64,
        /// Ticks that it took.
        ticks: u64,
    },
    /// Executed instructions, on the mean over all forecasts.
    Instructions {
        /// For a whole forecast.
        forecast: u64,
        /// For one step of the network: a forecast's, divided by its steps.
        step: u64,
    },
    /// Bytes of RAM.
    Memory {
        /// A forecaster: its history.
        forecaster: u64,
        /// The deepest stack of a forecast, the network's state included.
        stack: u64,
    },
    /// The series is through.
    Done {
        /// Samples that the model took in.
        samples: usize,
        /// Samples that the model refused.
        refused: usize,
        /// Forecasts made.
        forecasts: usize,
    },
    /// Steps of the network's recurrent layers alone.
    Steps {
        /// Steps made.
        count: u64,
        /// Instructions of all of them.
        instructions: u64,
        /// The deepest stack of a step.
        stack: u64,
    },
    /// Bytes of the recurrent layers' memory.
    Layer {
        /// The state.
        state: u64,
        /// A hidden state, which a step collects beside the old one.
        hidden: u64,
    },
    /// Kernels were compared with the portable code.
    Battery(Battery),
    /// Anything else.
    Line(Line),
}

/// A comparison of kernels with the portable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Battery {
    /// What the random steps were drawn from.
    pub seed: u32,
    /// Steps compared.
    pub steps: u64,
    /// Steps of which a bit differed.
    pub mismatches: u64,
}

/// A line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `info`, `warn`, `error` and so on; empty for a print without level.
    pub level: String,
    /// What it says.
    pub text: String,
    /// File and line of the firmware's source that said it, where the ELF file tells.
    pub place: Option<String>,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.text)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " ({place})"))
    }
}

/// Decodes everything that the program in `elf` wrote. A frame that is damaged or cut off is an error.
pub fn decode(elf: &[u8], raw: &[u8]) -> Result<Vec<Event>> {
    let table = Table::parse(elf)
        .map_err(|reason| Error::failed(format!("the firmware's log strings cannot be read: {reason}")))?
        .ok_or_else(|| Error::failed("the firmware holds no log strings; link it with -Tdefmt.x"))?;
    // Places are a help to the reader, not a result: without debug information there are none.
    let locations = table.get_locations(elf).unwrap_or_default();
    let mut decoder = table.new_stream_decoder();
    decoder.received(raw);
    let mut events = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("", |level| level.as_str());
                events.push(parse(level, &frame.display_message().to_string(), place(&locations, frame.index()))?);
            }
            Err(DecodeError::UnexpectedEof) => break,
            Err(DecodeError::Malformed) => {
                return Err(Error::failed(format!("the board's log is damaged after {} lines", events.len())));
            }
        }
    }
    // Every frame ends with a zero byte; bytes after the last one are a frame that was cut off.
    match raw.last() {
        None | Some(0) => Ok(events),
        Some(_) => Err(Error::failed(format!("the board's log is cut off after {} lines", events.len()))),
    }
}

fn place(locations: &Locations, index: u64) -> Option<String> {
    let location = locations.get(&index)?;
    let file = location.file.file_name().unwrap_or(location.file.as_os_str());
    Some(format!("{}:{}", Path::new(file).display(), location.line))
}

/// One message to an event.
fn parse(level: &str, message: &str, place: Option<String>) -> Result<Event> {
    let word = message.split(' ').next().unwrap_or_default();
    Ok(match word {
        "forecast" => Event::Forecast(Forecast { samples: number(message, "samples")?, bits: numbers(message, "bits")? }),
        "calibration" => Event::Calibration { instructions: number(message, "instructions")?, ticks: number(message, "ticks")? },
        "instructions" => Event::Instructions { forecast: number(message, "forecast")?, step: number(message, "step")? },
        "memory" => Event::Memory { forecaster: number(message, "forecaster")?, stack: number(message, "stack")? },
        "done" => Event::Done {
            samples: number(message, "samples")?,
            refused: number(message, "refused")?,
            forecasts: number(message, "forecasts")?,
        },
        "steps" => Event::Steps {
            count: number(message, "count")?,
            instructions: number(message, "instructions")?,
            stack: number(message, "stack")?,
        },
        "layer" => Event::Layer { state: number(message, "state")?, hidden: number(message, "hidden")? },
        "battery" => Event::Battery(Battery {
            seed: number(message, "seed")?,
            steps: number(message, "steps")?,
            mismatches: number(message, "mismatches")?,
        }),
        _ => Event::Line(Line { level: level.to_string(), text: message.to_string(), place }),
    })
}

/// The text behind ` key=`, up to the next space or, for a list, between its brackets.
fn field<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    let start = message.find(&format!(" {key}="))? + key.len() + 2;
    let rest = message.get(start..)?;
    match rest.strip_prefix('[') {
        Some(list) => list.split_once(']').map(|(list, _)| list),
        None => rest.split(' ').next(),
    }
}

fn number<T: FromStr>(message: &str, key: &str) -> Result<T> {
    field(message, key).and_then(|text| text.parse().ok()).ok_or_else(|| unreadable(message, key))
}

fn numbers(message: &str, key: &str) -> Result<Vec<u32>> {
    let list = field(message, key).ok_or_else(|| unreadable(message, key))?;
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.split(", ").map(|text| text.parse().map_err(|_| unreadable(message, key))).collect()
}

fn unreadable(message: &str, key: &str) -> Error {
    Error::failed(format!(
        "the board's log line {message:?} has no readable {key}; firmware and program are of different versions"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> Event {
        parse("info", message, None).unwrap()
    }

    #[test]
    fn every_line_that_the_firmware_logs_is_understood() {
        assert_eq!(
            event("forecast samples=132 bits=[1084227584, 0, 4294967295]"),
            Event::Forecast(Forecast { samples: 132, bits: vec![1_084_227_584, 0, u32::MAX] })
        );
        assert_eq!(
            event("calibration instructions=2000000 ticks=50000"),
            Event::Calibration { instructions: 2_000_000, ticks: 50_000 }
        );
        assert_eq!(event("instructions forecast=11000 step=1000"), Event::Instructions { forecast: 11_000, step: 1_000 });
        assert_eq!(event("memory forecaster=640 stack=1024"), Event::Memory { forecaster: 640, stack: 1024 });
        assert_eq!(
            event("steps count=128 instructions=281600 stack=96"),
            Event::Steps { count: 128, instructions: 281_600, stack: 96 }
        );
        assert_eq!(event("layer state=408 hidden=128"), Event::Layer { state: 408, hidden: 128 });
        assert_eq!(
            event("battery seed=3 steps=2500 mismatches=0 first=0 refused=0"),
            Event::Battery(Battery { seed: 3, steps: 2500, mismatches: 0 })
        );
        assert_eq!(event("done samples=400 refused=1 forecasts=268"), Event::Done { samples: 400, refused: 1, forecasts: 268 });
    }

    #[test]
    fn other_lines_stay_sentences() {
        let Event::Line(line) = parse("error", "the model is refused", Some("demo.rs:7".into())).unwrap() else { panic!() };
        assert_eq!(line.to_string(), "the model is refused (demo.rs:7)");
        assert_eq!(line.level, "error");
    }

    #[test]
    fn a_known_word_without_its_numbers_is_an_error() {
        for message in [
            "forecast samples=132",
            "forecast samples=x bits=[1]",
            "forecast samples=1 bits=[1, 4294967296]",
            "forecast samples=1 bits=[1",
            "memory forecaster=-1 stack=0",
            "done samples=1",
        ] {
            let error = parse("info", message, None).unwrap_err();
            assert_eq!(error.exit_code(), 1, "{message}");
        }
    }

    #[test]
    fn a_file_without_log_strings_is_refused() {
        assert!(decode(b"no ELF file", &[]).unwrap_err().to_string().contains("log strings"));
    }
}
