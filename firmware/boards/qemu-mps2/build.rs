//! Brings the model and its test data into the image and tells the linker the board's memory.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a model folder holds: the model file, the Rust line that names its type, the held-back series
/// (`f32`, little-endian, `[samples][features]`), and one window of it followed by the forecast expected from it.
const INPUTS: [&str; 4] = ["model.rnn", "model.rs", "series.bin", "window.bin"];

/// The memory map of each target's board. Board AN505 (Cortex-M33) has another one than the rest of the family.
const MEMORY: [(&str, &str); 2] = [("thumbv7em-none-eabihf", "memory.x"), ("thumbv7m-none-eabi", "memory.x")];

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
    let out = PathBuf::from(variable("OUT_DIR")?);

    println!("cargo::rerun-if-env-changed=RNN_MODEL_DIR");
    let folder = env::var_os("RNN_MODEL_DIR").map(PathBuf::from).ok_or(
        "RNN_MODEL_DIR does not name a folder with the model to link; `rnn deploy MODEL --board qemu-m4` makes one and builds this firmware",
    )?;
    for name in INPUTS {
        let from = folder.join(name);
        println!("cargo::rerun-if-changed={}", from.display());
        copy(&from, &out.join(name))?;
    }

    let target = variable("TARGET")?;
    let Some((_, map)) = MEMORY.iter().find(|(name, _)| *name == target) else {
        let known: Vec<&str> = MEMORY.iter().map(|(name, _)| *name).collect();
        return Err(format!("no memory map for target {target}; build with --target {}", known.join(" or ")));
    };
    println!("cargo::rerun-if-changed={map}");
    copy(Path::new(map), &out.join("memory.x"))?;

    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|reason| format!("cargo gave no {name}: {reason}"))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let bytes = fs::read(from).map_err(|reason| format!("cannot read {}: {reason}", from.display()))?;
    fs::write(to, bytes).map_err(|reason| format!("cannot write {}: {reason}", to.display()))
}
