//! The whole way: link the model, build, test, run, read the log.

use super::{
    boards::Board,
    inputs::Inputs,
    log::{Event, Forecast, Line},
    machine::{Limits, Machine, Places},
    sizes::{self, Sizes},
    stop::Stop,
};
use crate::error::Error;

/// What the board did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardRun {
    /// The board's name.
    pub board: &'static str,
    /// Its core.
    pub core: &'static str,
    /// Every forecast over the held-back series, in order.
    pub forecasts: Vec<Forecast>,
    /// Samples that the model refused.
    pub refused: usize,
    /// Executed instructions of a forecast, on the mean.
    pub instructions_per_forecast: u64,
    /// Executed instructions of one step of the network: a forecast's, divided by its steps, so that transforms and head are
    /// included.
    pub instructions_per_step: u64,
    /// Instructions to a tick of the timer that they were counted with, from a loop of known length.
    pub calibration: (u64, u64),
    /// Bytes of RAM of a forecaster: its history. One for each sensor.
    pub forecaster_bytes: u64,
    /// Bytes of stack of a forecast, the network's state included; all forecasters share it.
    pub stack_bytes: u64,
    /// Flash and RAM of the demo image.
    pub sizes: Sizes,
    /// Bytes of the held-back series and window among that image's constants.
    pub test_bytes: u64,
    /// The lines for people, of both programs.
    pub lines: Vec<Line>,
}

impl BoardRun {
    /// The forecasts' bits alone, for [`super::compare`].
    pub fn bits(&self) -> Vec<Vec<u32>> {
        self.forecasts.iter().map(|forecast| forecast.bits.clone()).collect()
    }
}

/// Builds the firmware for `board` around `inputs`, runs its self-test and its demo, and returns what the demo logged.
pub fn run(board: &'static Board, inputs: &Inputs<'_>, places: &Places<'_>, limits: &Limits) -> Result<BoardRun, Stop> {
    let machine = Machine::find(board, *places, *limits)?;
    board.expect_room(inputs.model.len() as u64)?;
    let [selftest, demo] = machine.build(inputs, ["selftest", "demo"])?;
    let mut lines = Vec::new();
    let tested = machine.execute(&selftest)?.events;
    lines.extend(tested.into_iter().filter_map(|event| if let Event::Line(line) = event { Some(line) } else { None }));
    let executed = machine.execute(&demo)?;
    let sizes = sizes::of(&executed.elf, &demo)?;
    Ok(gather(board, executed.events, lines, sizes, inputs.test_bytes())?)
}

/// The demo's log, complete or an error that names what it lacks.
fn gather(
    board: &'static Board,
    events: Vec<Event>,
    mut lines: Vec<Line>,
    sizes: Sizes,
    test_bytes: u64,
) -> Result<BoardRun, Error> {
    let mut forecasts = Vec::new();
    let (mut calibration, mut cost, mut memory, mut done) = (None, None, None, None);
    for event in events {
        match event {
            Event::Forecast(forecast) => forecasts.push(forecast),
            Event::Calibration { instructions, ticks } => calibration = Some((instructions, ticks)),
            Event::Instructions { forecast, step } => cost = Some((forecast, step)),
            Event::Memory { forecaster, stack } => memory = Some((forecaster, stack)),
            Event::Done { refused, forecasts, .. } => done = Some((refused, forecasts)),
            Event::Steps { .. } | Event::Layer { .. } | Event::Battery(_) => {
                return Err(Error::failed(format!("the log of {} has a line of another program", board.name)));
            }
            Event::Line(line) => lines.push(line),
        }
    }
    let lacks = |what: &str| Error::failed(format!("the log of {} lacks its {what} line", board.name));
    let calibration = calibration.ok_or_else(|| lacks("calibration"))?;
    let (instructions_per_forecast, instructions_per_step) = cost.ok_or_else(|| lacks("instructions"))?;
    let (forecaster_bytes, stack_bytes) = memory.ok_or_else(|| lacks("memory"))?;
    let (refused, made) = done.ok_or_else(|| lacks("done"))?;
    if made != forecasts.len() {
        let logged = forecasts.len();
        return Err(Error::failed(format!("{} made {made} forecasts and {logged} are in its log", board.name)));
    }
    Ok(BoardRun {
        board: board.name,
        core: board.core,
        forecasts,
        refused,
        instructions_per_forecast,
        instructions_per_step,
        calibration,
        forecaster_bytes,
        stack_bytes,
        sizes,
        test_bytes,
        lines,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::boards;

    fn events() -> Vec<Event> {
        vec![
            Event::Calibration { instructions: 2_000_000, ticks: 50_000 },
            Event::Forecast(Forecast { samples: 2, bits: vec![1, 2] }),
            Event::Line(Line { level: "warn".into(), text: "a gap".into(), place: None }),
            Event::Forecast(Forecast { samples: 3, bits: vec![3, 4] }),
            Event::Instructions { forecast: 220, step: 20 },
            Event::Memory { forecaster: 64, stack: 128 },
            Event::Done { samples: 3, refused: 1, forecasts: 2 },
        ]
    }

    fn gathered(events: Vec<Event>) -> Result<BoardRun, Error> {
        gather(boards::find("qemu-m4").unwrap(), events, Vec::new(), Sizes::default(), 0)
    }

    #[test]
    fn a_complete_log_is_gathered_in_order() {
        let run = gathered(events()).unwrap();
        assert_eq!(run.bits(), [[1, 2], [3, 4]]);
        assert_eq!((run.instructions_per_forecast, run.instructions_per_step, run.refused), (220, 20, 1));
        assert_eq!((run.forecaster_bytes, run.stack_bytes, run.calibration), (64, 128, (2_000_000, 50_000)));
        assert_eq!(run.lines.len(), 1);
    }

    #[test]
    fn each_missing_line_is_an_error() {
        for index in [0, 1, 3, 4, 5, 6] {
            let mut events = events();
            events.remove(index);
            let error = gathered(events).unwrap_err();
            assert_eq!(error.exit_code(), 1, "{index}");
        }
    }
}
