//! Loading a model and stepping it cannot panic: a program that does nothing else, and whose panic handler calls a function that
//! does not exist, links in release; with one deliberate panic it does not.
//!
//! Without a compiler for the targets this test says `SKIPPED` and why; with `REQUIRE_EMULATOR=1` it fails instead.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use embedded_rnn_trainer::deploy::toolchain::{self, Library, Toolchain};
use embedded_rnn_trainer::deploy::{Stop, boards, firmware};

/// Arithmetic with and without DSP instructions and long products.
const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv6m-none-eabi"];

/// The function that is in no library.
const MISSING: &str = "inference_can_panic";

/// Builds the probe in release.
fn build(toolchain: &Toolchain, target: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(&toolchain.cargo);
    for (key, _) in std::env::vars_os() {
        // What the build of this test left; where crates come from stays.
        let key = key.to_string_lossy().into_owned();
        let ours = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
        let outer = ["CARGO", "RUST", "LD_LIBRARY_PATH"];
        if outer.iter().any(|prefix| key.starts_with(prefix)) && !ours.iter().any(|prefix| key.starts_with(prefix)) {
            command.env_remove(key);
        }
    }
    command.env("RUSTC", &toolchain.rustc);
    if let Some(linker) = &toolchain.linker {
        command.env(format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_")), linker);
    }
    command.current_dir(firmware::source().join("no-panic"));
    command.args(["build", "--release", "--locked", "--target", target]).args(arguments);
    command.arg("--target-dir").arg(target_folder());
    if toolchain.library == Library::Source {
        command.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core");
    }
    command.output().expect("cargo runs")
}

/// The one in which boards are built: `core` is there, or will be used again.
fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("rnn").join("boards")
}

/// Says that nothing was tested, or fails where that must not be.
fn skip(reason: &str) {
    assert!(std::env::var_os("REQUIRE_EMULATOR").is_none_or(|value| value != "1"), "{reason}");
    println!("SKIPPED: {reason}");
}

#[test]
fn inference_cannot_panic() {
    let toolchain = match toolchain::find(boards::find("qemu-m4").unwrap()) {
        Ok(toolchain) => toolchain,
        Err(Stop::Missing(missing)) => return skip(&missing.to_string()),
        Err(Stop::Error(error)) => panic!("{error}"),
    };
    for target in TARGETS {
        let linked = build(&toolchain, target, &[]);
        let said = String::from_utf8_lossy(&linked.stderr);
        if said.contains("can't find crate for `core`") {
            skip(&format!("the compiler's target {target} is missing; install it with `rustup target add {target}`"));
            continue;
        }
        assert!(linked.status.success(), "{target}: something in inference can panic:\n{said}");
        let program = target_folder().join(target).join("release/no-panic");
        // Every arithmetic and form is in it, and not optimized away.
        assert!(std::fs::metadata(&program).unwrap().len() > 40_000, "{}", program.display());
        let refused = build(&toolchain, target, &["--features", "panic"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(MISSING), "{target}: a program that panics must not link:\n{said}");
    }
}
