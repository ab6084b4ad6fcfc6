//! Where a command's words go: people read stdout and stderr; under `--json` stdout carries one object and nothing else.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::{Error, Result};

/// How a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    /// Whether stdout is for the result alone.
    result_alone: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Output { json, result_alone: json }
    }

    /// The same with stdout for the result alone, under `--json` or not: of a command whose table people copy.
    pub fn for_result(&self) -> Self {
        Output { result_alone: true, ..*self }
    }

    /// A line for people: on stdout, or on stderr where stdout is for the result alone.
    pub fn say(&self, line: impl AsRef<str>) {
        // A reader that went away (`| head`) is no reason to stop the work.
        let line = line.as_ref();
        let _ = if self.result_alone { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
    }

    /// Something to beware of: always on stderr.
    pub fn warn(&self, warning: impl AsRef<str>) {
        let _ = writeln!(io::stderr(), "warning: {}", warning.as_ref());
    }

    /// The command's result: one JSON object, or the text that `people` makes.
    pub fn finish<T: Serialize>(&self, result: &T, people: impl FnOnce() -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(result)
                .map_err(|reason| Error::failed(format!("the result cannot be written as JSON: {reason}")))?
        } else {
            people()
        };
        match writeln!(io::stdout(), "{}", text.trim_end()) {
            Err(reason) if reason.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::input(format!("cannot write to stdout: {reason}")))
            }
            _ => Ok(()),
        }
    }
}
