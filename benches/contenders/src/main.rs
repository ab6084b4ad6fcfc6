//! Training steps in other Rust frameworks: `contenders FRAMEWORK I H L T B CELL THREADS`, then the protocol of
//! `trainer/src/bench/train/contender.rs`: `ready`; `setup`, `ok`; `run N`, the microseconds of N steps.
//!
//! The same step as in `pytorch_step.py`: sequence to one, mean squared error, Adam; each framework's own LSTM for `lstm`, and for
//! `lstm-regularized` the cell with layer norm over W x, U h and c (Ba et al. 2016), zoneout of 0.1 on c and h, and recurrent
//! dropout of 0.1, written with its operations.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

#[cfg(feature = "burn")]
mod burn_step;
#[cfg(feature = "candle")]
mod candle_step;

/// What is trained.
#[derive(Clone, Copy, Debug)]
struct Bench {
    inputs: usize,
    hidden: usize,
    layers: usize,
    steps: usize,
    rows: usize,
    regularized: bool,
}

impl Bench {
    /// The inputs of each layer.
    fn layer_inputs(self) -> impl Iterator<Item = usize> {
        (0..self.layers).map(move |layer| if layer == 0 { self.inputs } else { self.hidden })
    }
}

/// One whole optimizer step, to be called again and again.
type Step = Box<dyn FnMut()>;

fn set_up(framework: &str, bench: Bench) -> Result<Step, String> {
    match framework {
        #[cfg(feature = "burn")]
        "burn" => Ok(burn_step::step(bench)),
        #[cfg(feature = "candle")]
        "candle" => candle_step::step(bench).map_err(|reason| format!("candle: {reason}")),
        other => Err(format!("{other}: not a framework that this program was built with; build it with --features {other}")),
    }
}

fn main() -> ExitCode {
    match compete() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

fn compete() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [framework, sizes @ .., cell, threads] = &arguments[..] else {
        return Err("expected: contenders FRAMEWORK I H L T B CELL THREADS".into());
    };
    let sizes: Vec<usize> = sizes.iter().map(|size| number(size)).collect::<Result<_, _>>()?;
    let [inputs, hidden, layers, steps, rows] = sizes[..] else {
        return Err(format!("expected the five sizes I H L T B, found {}", sizes.len()));
    };
    let regularized = match cell.as_str() {
        "lstm" => false,
        "lstm-regularized" => true,
        other => return Err(format!("{other}: the cell is lstm or lstm-regularized")),
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(number(threads)?)
        .build_global()
        .map_err(|reason| format!("{threads} threads: {reason}"))?;
    let bench = Bench { inputs, hidden, layers, steps, rows, regularized };

    answer("ready")?;
    let mut step = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|reason| format!("cannot read a question: {reason}"))?;
        if line == "setup" {
            let mut built = set_up(framework, bench)?;
            (0..5).for_each(|_| built());
            step = Some(built);
            answer("ok")?;
        } else {
            let count = number(line.strip_prefix("run ").unwrap_or(&line))?;
            let step = step.as_mut().ok_or("asked to run before setup")?;
            let time = |_| {
                let start = Instant::now();
                step();
                format!("{:.1}", start.elapsed().as_secs_f64() * 1e6)
            };
            answer(&(0..count).map(time).collect::<Vec<_>>().join(" "))?;
        }
    }
    Ok(())
}

fn number(word: &str) -> Result<usize, String> {
    word.parse().map_err(|reason| format!("{word}: {reason}"))
}

fn answer(line: &str) -> Result<(), String> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|reason| format!("cannot answer: {reason}"))
}
