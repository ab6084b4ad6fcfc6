//! The same seed gives the same bytes, on whatever the training runs.

use embedded_rnn_trainer::network::kernel::Width;

use crate::desk::{CONFIG, Desk};

/// A training of several parts a batch, with layer norm, zoneout and dropout.
fn desk() -> Desk {
    let desk = Desk::new();
    let config = CONFIG.replace("hidden = [6]", "hidden = [18, 6]").replace("batch = 32", "batch = 50");
    let config = config.replace("zoneout = { cell = 0.25 }", "zoneout = { cell = 0.25 }\nlayer_norm = { form = \"a\" }");
    desk.write("tiny.toml", config);
    desk.rnn("train tiny.toml --out one --threads 1").done();
    desk
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let desk = desk();
    for threads in [2, 3, 8] {
        desk.rnn(&format!("train tiny.toml --out more --overwrite --threads {threads}")).done();
        assert!(desk.read("more/checkpoint.bin") == desk.read("one/checkpoint.bin"), "{threads} threads");
    }
}

#[test]
fn any_instruction_set_writes_the_same_bytes() {
    let desk = desk();
    for width in Width::available() {
        let output = desk.command("train tiny.toml --out forced --overwrite").env("RNN_SIMD", width.name()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(desk.read("forced/checkpoint.bin") == desk.read("one/checkpoint.bin"), "{}", width.name());
    }
    let output = desk.command("train tiny.toml --out none").env("RNN_SIMD", "mmx").output().unwrap();
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(sentence.starts_with("rnn: the environment variable RNN_SIMD is \"mmx\": this processor has scalar"), "{sentence}");
}
