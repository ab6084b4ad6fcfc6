//! Brings the model and its test data into the image.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a model folder holds: the model file, the Rust line that names its type, the held-back series
/// (`f32`, little-endian, `[samples][features]`), and one window of it followed by the forecast expected from it.
const INPUTS: [&str; 4] = ["model.rnn", "model.rs", "series.bin", "window.bin"];

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
    let out = env::var("OUT_DIR").map(PathBuf::from).map_err(|reason| format!("cargo gave no OUT_DIR: {reason}"))?;
    println!("cargo::rerun-if-env-changed=RNN_MODEL_DIR");
    let folder = env::var_os("RNN_MODEL_DIR").map(PathBuf::from).ok_or(
        "RNN_MODEL_DIR does not name a folder with the model to link; `rnn deploy MODEL --board NAME` makes one and builds this firmware",
    )?;
    for name in INPUTS {
        let from = folder.join(name);
        println!("cargo::rerun-if-changed={}", from.display());
        copy(&from, &out.join(name))?;
    }
    // What a classifier says is neither of targets nor over a horizon.
    println!("cargo::rustc-check-cfg=cfg(classifier)");
    let lines = fs::read_to_string(out.join("model.rs")).map_err(|reason| format!("cannot read the model's type: {reason}"))?;
    if lines.contains("pub const CLASSES: usize") {
        println!("cargo::rustc-cfg=classifier");
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let bytes = fs::read(from).map_err(|reason| format!("cannot read {}: {reason}", from.display()))?;
    fs::write(to, bytes).map_err(|reason| format!("cannot write {}: {reason}", to.display()))
}
