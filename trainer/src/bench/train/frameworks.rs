//! Rust frameworks as contenders: a program of its own, outside the workspace, built when it is asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::train::shapes::{Bench, Cell};
use crate::error::{Error, Result};

/// Where its package lies.
fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).join("benches").join("contenders")
}

/// The built program.
#[derive(Clone, Debug)]
pub struct Frameworks {
    /// Those that were built in.
    pub names: Vec<&'static str>,
    program: PathBuf,
}

impl Frameworks {
    /// Builds the program with the frameworks that are named, in the work folder. It may use all that this processor has, as the
    /// frameworks recommend: their element-wise operations do not choose their instructions at run time.
    pub fn build(names: Vec<&'static str>, folder: &Path) -> Result<Self> {
        let (manifest, target) = (package().join("Cargo.toml"), folder.join("contenders"));
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--locked", "--quiet", "--features", &names.join(",")]);
        cargo.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(&target);
        cargo.env("RUSTFLAGS", "-C target-cpu=native");
        let mend = "the contenders need the project's source folder, cargo, and the network at their first build";
        let built = cargo.status().map_err(|reason| Error::input(format!("cannot run cargo: {reason}; {mend}")))?;
        if !built.success() {
            return Err(Error::input(format!("cannot build {}: see cargo's words above; {mend}", manifest.display())));
        }
        let program = target.join("release").join(format!("contenders{}", std::env::consts::EXE_SUFFIX));
        Ok(Frameworks { names, program })
    }

    /// The contender for a network. Its thread pools are told how many threads they may have.
    pub fn command(&self, framework: &str, bench: &Bench, cell: Cell, threads: usize) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(framework).args(bench.arguments()).arg(cell.name()).arg(threads.to_string());
        for pool in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
            command.env(pool, threads.to_string());
        }
        command
    }
}

/// A framework's version, as the package pins it.
pub fn version(framework: &str) -> Result<String> {
    let lock = package().join("Cargo.lock");
    let text = std::fs::read_to_string(&lock).map_err(|reason| Error::file("read", &lock, reason))?;
    let crate_ = match framework {
        "candle" => "candle-core",
        other => other,
    };
    locked(&text, crate_).ok_or_else(|| Error::input(format!("{}: it does not pin {crate_}", lock.display())))
}

/// The version of a package in the text of a lock file.
fn locked(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| *line != format!("name = {name:?}")).skip(1);
    Some(lines.next()?.strip_prefix("version = ")?.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let text = "[[package]]\nname = \"ab\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.1.0\"\n";
        assert_eq!(locked(text, "a").as_deref(), Some("2.1.0"));
        assert_eq!(locked(text, "b"), None);
        for framework in ["burn", "candle"] {
            assert!(version(framework).unwrap().starts_with("0."));
        }
    }
}
