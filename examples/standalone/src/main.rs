//! Reads samples from standard input, one a line, columns separated by commas, and prints what follows them:
//!
//! ```sh
//! tail -n 132 ../../data/sunspots.csv | cut -d, -f2 | cargo run
//! ```

use std::{error::Error, io, process::ExitCode};

use standalone::{forecast, load, model::FEATURES};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut samples = Vec::new();
    for (number, line) in io::stdin().lines().enumerate() {
        samples.push(parse(&line?).ok_or_else(|| format!("line {}: expected {FEATURES} numbers between commas", number + 1))?);
    }
    for target in forecast(&load()?, samples)? {
        println!("{}", target.map(|value| value.to_string()).join(","));
    }
    Ok(())
}

/// One sample from one line.
fn parse(line: &str) -> Option<[f32; FEATURES]> {
    let values: Vec<f32> = line.split(',').map(|text| text.trim().parse().ok()).collect::<Option<_>>()?;
    values.try_into().ok()
}
