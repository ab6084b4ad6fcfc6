//! Trainings that end early, and go on to the same bytes.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use embedded_rnn_trainer::config::Config;
use embedded_rnn_trainer::report::run_folder::{RunFolder, dataset, shape};

use crate::desk::{CONFIG, Desk};

/// Epochs that take a second or two, each of which writes a checkpoint.
const EPOCHS: usize = 300;

/// A desk with a longer training, and the checkpoint and model file that it ends in when nobody disturbs it.
fn undisturbed() -> (Desk, Vec<u8>, Vec<u8>) {
    let desk = Desk::new();
    desk.write("tiny.toml", CONFIG.replace("epochs = 3", &format!("epochs = {EPOCHS}")));
    desk.rnn("train tiny.toml --out whole").done();
    desk.rnn("export whole -o whole.rnn").done();
    let (checkpoint, model) = (desk.read("whole/checkpoint.bin"), desk.read("whole.rnn"));
    (desk, checkpoint, model)
}

fn start(desk: &Desk, arguments: &str) -> Child {
    desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Finished epochs of a run; its checkpoint must be readable whenever it is there.
fn epochs(desk: &Desk) -> usize {
    let run = RunFolder::at(&desk.path("run"));
    if !run.checkpoint().exists() {
        return 0;
    }
    let config = Config::read(&desk.path("tiny.toml")).unwrap();
    let dataset = dataset(&config).unwrap();
    let file = run.checkpoint_file(&config, &dataset).unwrap();
    file.load(&shape(&config, &dataset)).expect("a whole checkpoint").history.len()
}

/// Waits until the training has come `further` epochs, or has ended.
fn wait_for_progress(child: &mut Child, desk: &Desk, further: usize) {
    let goal = epochs(desk) + further;
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && epochs(desk) < goal {
        assert!(begun.elapsed() < Duration::from_secs(120), "no progress");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn assert_same_end(desk: &Desk, checkpoint: &[u8], model: &[u8]) {
    assert!(desk.read("run/checkpoint.bin") == checkpoint, "the checkpoint differs");
    desk.rnn("export run -o run.rnn").done();
    assert!(desk.read("run.rnn") == model, "the model file differs");
}

#[test]
fn killed_at_any_moment_a_training_goes_on_to_the_same_bytes() {
    let (desk, checkpoint, model) = undisturbed();
    let mut interrupted = 0;
    // Moments within an epoch, and within the writing of a file, whichever they hit.
    for (round, microseconds) in [0, 150, 400, 900, 1_700, 3_100].into_iter().enumerate() {
        let resume = if epochs(&desk) > 0 { "--resume" } else { "" };
        let mut child = start(&desk, &format!("train tiny.toml --out run {resume}"));
        wait_for_progress(&mut child, &desk, 7 + round);
        std::thread::sleep(Duration::from_micros(microseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let reached = epochs(&desk);
        assert!(reached > 0, "killed before its first epoch ended, after waiting for more");
        interrupted += usize::from(reached < EPOCHS);
        let metrics = String::from_utf8(desk.read("run/metrics.csv")).unwrap();
        let lines = metrics.lines().count() - 1;
        assert!(metrics.ends_with('\n') && (lines == reached || lines + 1 == reached), "{lines} lines, {reached} epochs");
    }
    assert!(interrupted > 0, "every training ended before it was killed");
    desk.rnn("train tiny.toml --out run --resume").done();
    assert_same_end(&desk, &checkpoint, &model);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_training_with_a_checkpoint_and_a_word() {
    let (desk, checkpoint, model) = undisturbed();
    for (signal, resume) in [("INT", ""), ("TERM", "--resume")] {
        let mut child = start(&desk, &format!("train tiny.toml --out run {resume}"));
        wait_for_progress(&mut child, &desk, 5);
        // The shell's own `kill`: not every machine has the program.
        let sent = std::process::Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
        assert!(sent.success(), "the training had ended");
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{stderr}");
        let reached = epochs(&desk);
        assert!(reached < EPOCHS);
        let sentence = format!("rnn: the training was stopped after epoch {reached} of {EPOCHS}: go on with --resume\n");
        assert!(stderr.ends_with(&sentence), "{stderr}");
        assert!(!desk.path("run/report.json").exists(), "there is no outcome yet");
    }
    desk.rnn("train tiny.toml --out run --resume").done();
    assert_same_end(&desk, &checkpoint, &model);
}
