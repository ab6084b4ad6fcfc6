//! A contender's process. It says `ready` when it has loaded what it needs, builds its network at `setup` and says `ok`, and answers
//! `run N` with the microseconds of N steps.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::error::{Error, Result};

/// A running contender.
#[derive(Debug)]
pub struct Contender {
    /// As the table names it.
    pub name: &'static str,
    /// Growth of resident bytes from the idle process to the one that trains, where the system tells.
    pub growth: Option<u64>,
    /// Microseconds of each step.
    pub times: Vec<f64>,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Contender {
    /// Starts a contender and has it build its network.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let failed = |reason: std::io::Error| Error::failed(format!("the contender {name} could not be started: {reason}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::failed(format!("the contender {name} has no pipes")));
        };
        let stdout = BufReader::new(stdout);
        let mut contender = Contender { name, growth: None, times: Vec::new(), child, stdin, stdout };
        contender.expect("ready")?;
        let idle = contender.resident();
        contender.ask("setup")?;
        contender.expect("ok")?;
        contender.growth = contender.resident().zip(idle).map(|(now, idle)| now.saturating_sub(idle));
        Ok(contender)
    }

    /// Has it take some steps.
    pub fn run(&mut self, steps: usize) -> Result<()> {
        self.ask(&format!("run {steps}"))?;
        let line = self.line()?;
        let times: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if times.len() != steps {
            return Err(Error::failed(format!("the contender {} answered {line:?} to {steps} steps", self.name)));
        }
        self.times.extend(times);
        Ok(())
    }

    fn ask(&mut self, line: &str) -> Result<()> {
        writeln!(self.stdin, "{line}").map_err(|reason| Error::failed(format!("the contender {} ended: {reason}", self.name)))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(count) if count > 0 => Ok(line.trim().to_owned()),
            _ => Err(Error::failed(format!("the contender {} ended without an answer: see its words above", self.name))),
        }
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let line = self.line()?;
        if line == word {
            return Ok(());
        }
        Err(Error::failed(format!("the contender {} said {line:?} instead of {word:?}", self.name)))
    }

    /// Resident bytes.
    fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // It ends when its input does; kill it where it hangs. Both only fail where it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
