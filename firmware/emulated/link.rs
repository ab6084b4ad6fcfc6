//! The build script of every emulated board: tells the linker the board's memory.
//!
//! Link arguments come from here: in RUSTFLAGS they would make cargo build `core` anew where it is built from source.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    match prepare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            println!("cargo::error={sentence}");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> Result<(), String> {
    let (out, target) = (PathBuf::from(variable("OUT_DIR")?), variable("TARGET")?);
    // A folder that serves boards with different memory has a map for the target that differs. Neither may lie in the board's folder under the
    // name that the linker script includes: the linker looks there first.
    let own = format!("memory/{target}.x");
    let map = if Path::new(&own).is_file() { &own } else { "memory/board.x" };
    println!("cargo::rerun-if-changed=memory");
    println!("cargo::rerun-if-changed=../../emulated/link.rs");
    let to = out.join("memory.x");
    let text = fs::read_to_string(map).map_err(|reason| format!("cannot read {map}: {reason}"))?;
    fs::write(&to, text).map_err(|reason| format!("cannot write {}: {reason}", to.display()))?;

    println!("cargo::rustc-link-search={}", out.display());
    if target.starts_with("riscv") {
        // riscv-rt's script leaves the memory map to the board.
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|reason| format!("cargo gave no {name}: {reason}"))
}
