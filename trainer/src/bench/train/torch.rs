//! PyTorch as a contender: the interpreter it runs in, and its two allocator settings.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::train::shapes::{Bench, Cell};
use crate::error::{Error, Result};
use crate::files::write_atomically;

/// The contender's program; not called torch.py, which would stand in the place of the module.
const PROGRAM: &str = include_str!("pytorch_step.py");

/// Keeps freed memory in the process: up to 1.65 times faster than the allocator's own settings.
pub const TUNED: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "2000000000"), ("MALLOC_TRIM_THRESHOLD_", "4000000000"), ("MALLOC_TOP_PAD_", "200000000")];

/// An interpreter with PyTorch, and the contender's program.
#[derive(Clone, Debug)]
pub struct Torch {
    python: PathBuf,
    program: PathBuf,
    /// Its version.
    pub version: String,
}

impl Torch {
    /// With a given interpreter, or with a virtual environment in the folder, which is set up where it is not there yet.
    pub fn new(python: Option<&Path>, folder: &Path) -> Result<Self> {
        let python = match python {
            Some(python) => python.to_owned(),
            None => environment(&folder.join("venv"))?,
        };
        let version = run(Command::new(&python).args(["-c", "import torch; print(torch.__version__)"]), "import torch in")?;
        let program = folder.join("bench").join("pytorch_step.py");
        if let Some(parent) = program.parent() {
            std::fs::create_dir_all(parent).map_err(|reason| Error::file("create", parent, reason))?;
        }
        write_atomically(&program, PROGRAM.as_bytes())?;
        Ok(Torch { python, program, version })
    }

    /// The contender for a network.
    pub fn command(&self, bench: &Bench, cell: Cell, threads: usize) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.program).args(bench.arguments()).arg(cell.name()).arg(threads.to_string());
        command.env("OMP_NUM_THREADS", threads.to_string());
        command
    }
}

/// The interpreter of a virtual environment with PyTorch.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin").join("python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder), "set up a virtual environment with")?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "torch", "numpy"]), "install torch with")?;
    }
    Ok(python)
}

/// A program's output, or a sentence.
fn run(command: &mut Command, what: &str) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mend = "give an interpreter that has PyTorch with --python";
    let output = command.output().map_err(|reason| Error::input(format!("cannot {what} {program}: {reason}; {mend}")))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().last().unwrap_or_default();
        return Err(Error::input(format!("cannot {what} {program}: {last}; {mend}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
