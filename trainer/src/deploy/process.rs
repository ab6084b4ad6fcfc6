//! Runs a program to its end, or to the end of its time: never longer, and no output is lost.

use std::{
    io::{self, Read},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often a running program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// A program that has ended or was ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status; `None` if its time was up and it was killed.
    pub status: Option<ExitStatus>,
    /// All that it wrote on standard output.
    pub stdout: Vec<u8>,
    /// All that it wrote on standard error.
    pub stderr: Vec<u8>,
}

/// Runs `command` with nothing on standard input, and kills it after `limit`.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Finished> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // Both pipes are drained all the time: a program that waits for a full pipe would never end.
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(POLL);
    };
    Ok(Finished { status, stdout: collect(stdout)?, stderr: collect(stderr)? })
}

type Drain = thread::JoinHandle<io::Result<Vec<u8>>>;

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drain {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    })
}

fn collect(drain: Drain) -> io::Result<Vec<u8>> {
    drain.join().unwrap_or_else(|_| Err(io::Error::other("the reader of its output panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn output_and_status_come_back() {
        let finished = run(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(20)).unwrap();
        assert_eq!(finished.stdout, b"out\n");
        assert_eq!(finished.stderr, b"err\n");
        assert_eq!(finished.status.unwrap().code(), Some(3));
    }

    #[test]
    fn more_output_than_a_pipe_holds_does_not_block() {
        let finished =
            run(&mut shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"), Duration::from_secs(20)).unwrap();
        assert_eq!((finished.stdout.len(), finished.stderr.len()), (300_000, 300_000));
    }

    #[test]
    fn a_program_that_hangs_is_killed_and_its_output_kept() {
        let started = Instant::now();
        let finished = run(&mut shell("echo begun; exec sleep 600"), Duration::from_millis(500)).unwrap();
        assert!(finished.status.is_none());
        assert_eq!(finished.stdout, b"begun\n");
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
