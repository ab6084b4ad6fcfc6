//! The build script of every real board: brings the model into the image and tells the linker the board's memory.
//!
//! Link arguments come from here: in RUSTFLAGS they would make cargo build `core` anew where it is built from source.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The shipped model, for a build that names none.
const SHIPPED: &str = "../../../examples/standalone/model";

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
    println!("cargo::rerun-if-changed=../../hardware/board.rs");

    // The model file and the Rust lines that name its type, as `rnn export` writes them.
    println!("cargo::rerun-if-env-changed=RNN_MODEL_DIR");
    let model = env::var_os("RNN_MODEL_DIR").map_or_else(|| PathBuf::from(SHIPPED), PathBuf::from);
    for name in ["model.rnn", "model.rs"] {
        copy(&model.join(name), &out.join(name))?;
    }

    println!("cargo::rerun-if-env-changed=RNN_PERIOD_MS");
    let period = format!(
        "/// Microseconds from sample to sample, instead of the model's.\npub const PERIOD: Option<u64> = {};\n",
        period()?
    );
    write(&out.join("period.rs"), period.as_bytes())?;

    // The map must not lie in the board's folder under the name that the linker script includes: the linker looks there first.
    copy(Path::new("memory/board.x"), &out.join("memory.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    Ok(())
}

/// What `RNN_PERIOD_MS` says, as Rust.
fn period() -> Result<String, String> {
    let Ok(text) = env::var("RNN_PERIOD_MS") else { return Ok("None".into()) };
    match text.trim().parse::<u32>() {
        Ok(milliseconds) if milliseconds > 0 => Ok(format!("Some({})", u64::from(milliseconds) * 1000)),
        _ => Err(format!("RNN_PERIOD_MS={text}: the sampling period is a whole number of milliseconds, more than 0")),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed={}", from.display());
    let bytes = fs::read(from).map_err(|reason| format!("cannot read {}: {reason}", from.display()))?;
    write(to, &bytes)
}

fn write(to: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(to, bytes).map_err(|reason| format!("cannot write {}: {reason}", to.display()))
}
