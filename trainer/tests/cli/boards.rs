//! Boards that are not there: their names, and what has to be installed for them.

use std::ffi::OsStr;

use crate::desk::{CONFIG, Desk};

#[test]
fn an_unknown_board_gets_the_list() {
    let desk = Desk::with_model();
    let emulated = "qemu-m0, qemu-m3, qemu-m4, qemu-m7, qemu-m33, qemu-m55, qemu-riscv32";
    let all = format!("{emulated}, rp2040, rp2350, stm32f4, nrf52840");
    for (command, known) in [("deploy model.rnn", all.as_str()), ("bench device", emulated)] {
        let refusal = desk.refusal(&format!("{command} --board esp32"));
        assert_eq!(refusal, format!("--board esp32: no such board; the known ones are {known}"));
    }
    let refusal = desk.refusal("bench device --board rp2040");
    assert_eq!(refusal, format!("--board rp2040 is not emulated: choose one of {emulated}"));
}

#[test]
fn a_real_board_is_refused_what_it_cannot_do_before_anything_is_built() {
    let desk = Desk::with_model();
    let before = desk.content();
    let refusal = desk.refusal("deploy model.rnn --board rp2040");
    assert!(refusal.starts_with("the model has 2 columns and the firmware of rp2040 samples one, a temperature"), "{refusal}");
    for flag in ["--drive .", "--period 1000", "--serve"] {
        let refusal = desk.refusal(&format!("deploy model.rnn --board qemu-m4 {flag}"));
        assert!(
            refusal.starts_with("--drive, --period and --serve are for a real board (rp2040, rp2350, stm32f4, nrf52840)"),
            "{refusal}"
        );
    }
    let answer = desk.rnn("deploy model.rnn --board rp2040 --period 0");
    assert!(answer.code == Some(2) && answer.stderr.contains("--period <MS>"), "{answer:?}");
    assert!(before == desk.content());
}

#[test]
fn a_budget_that_the_model_alone_exceeds_ends_the_export() {
    let desk = Desk::with_model();
    desk.write("small.toml", format!("{CONFIG}\n[budget]\nflash = 100\nram = 1000000\n"));
    desk.rnn("train small.toml").done();
    let sentence = desk.rnn("export runs/small -o small.rnn").sentence(1);
    assert!(sentence.starts_with("the model alone needs "), "{sentence}");
    assert!(
        sentence.ends_with(" bytes of flash and budget.flash allows 100: train a smaller network or allow more"),
        "{sentence}"
    );
    assert!(!desk.path("small.rnn").exists() && !desk.path("small.rs").exists());
    desk.write("none.toml", format!("{CONFIG}\n[budget]\nram = 0\n"));
    assert_eq!(
        desk.refusal("train none.toml"),
        "none.toml, line 26: budget.ram = 0 allows nothing: use at least 1, or leave it out"
    );
    desk.write("typo.toml", format!("{CONFIG}\n[budget]\nrom = 1\n"));
    assert_eq!(desk.refusal("train typo.toml"), "typo.toml, line 26: unknown key `rom` in [budget]: did you mean `ram`?");
}

#[test]
fn a_deployment_without_emulator_says_what_to_install() {
    let desk = Desk::with_model();
    let before = desk.content();
    let empty = Some(OsStr::new(""));
    for (board, emulator, package) in
        [("qemu-m4", "qemu-system-arm", "qemu-system-arm"), ("qemu-riscv32", "qemu-system-riscv32", "qemu-system-misc")]
    {
        let expected = format!("{emulator} is missing; install it with `apt-get install --no-install-recommends {package}`");
        for command in ["deploy model.rnn", "bench device"] {
            assert_eq!(desk.rnn_with(&format!("{command} --board {board}"), empty).sentence(2), expected);
        }
    }
    assert!(before == desk.content());
}

#[test]
fn samples_are_counted_only_of_a_csv_and_only_if_there_are_any() {
    let desk = Desk::with_model();
    for arguments in ["--samples 5", "--samples 0 --data series.csv"] {
        let answer = desk.rnn(&format!("deploy model.rnn --board qemu-m4 {arguments}"));
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""), "{answer:?}");
        assert!(answer.stderr.contains("--data <CSV>") || answer.stderr.contains("--samples <N>"), "{answer:?}");
    }
}

#[test]
fn the_demonstration_goes_on_without_a_board() {
    let desk = Desk::new();
    let answer = desk.rnn_with("demo --json --out demo", Some(OsStr::new("")));
    let missing = "warning: no forecast on the emulated board: qemu-system-arm is missing; install it with `apt-get install";
    assert!(answer.stderr.lines().any(|line| line.starts_with(missing)), "{answer:?}");
    let shown = answer.object();
    assert!(shown["device"].is_null());
    for path in ["/test/mae", "/test/rmse", "/int8_vs_float_rms", "/flash_bytes", "/ram_bytes", "/macs"] {
        assert!(shown.pointer(path).and_then(serde_json::Value::as_f64).is_some_and(|value| value > 0.0), "{path} in {shown}");
    }
    for name in ["naive", "seasonal_naive", "drift", "nlinear", "ridge"] {
        let errors = &shown["baselines"][name];
        for measure in ["mae", "rmse"] {
            // The configuration is fixed; what the model promises is that it beats all of them.
            assert!(errors[measure].as_f64() > shown["test"][measure].as_f64(), "{name} {measure} in {shown}");
        }
    }
    for file in ["model.rnn", "model.rs", "model.certificate.json", "forecast.svg", "run/metrics.csv"] {
        assert!(desk.path("demo").join(file).is_file(), "{file} is missing");
    }
}
