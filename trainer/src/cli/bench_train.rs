//! `rnn bench train`: what a training step costs, beside other trainers.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use super::numbers::count;
use super::output::Output;
use crate::bench::train::contender::Contender;
use crate::bench::train::frameworks::{self, Frameworks};
use crate::bench::train::gemm;
use crate::bench::train::shapes::{Bench, Cell, SHAPES};
use crate::bench::train::step::Step;
use crate::bench::train::table::{Figures, Row, median};
use crate::bench::train::torch::{TUNED, Torch};
use crate::error::{Error, Result};
use crate::network::kernel::Width;
use crate::network::kernel::width::VARIABLE;

/// How long a contender keeps its turn.
const TURN_US: f64 = 60_000.0;

/// Our own name among the contenders.
const OURS: &str = "embedded-rnn";

/// The same on narrower vectors.
const OURS_AVX2: &str = "embedded-rnn-avx2";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Measure beside these too, in turns with them.
    #[arg(long, value_name = "TRAINER,...", value_delimiter = ',')]
    against: Vec<Rival>,
    /// An interpreter that has PyTorch; a virtual environment is set up in the work folder if left out.
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Only these shapes, of A, B, C and D.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    shapes: Vec<String>,
    /// Only this cell.
    #[arg(long)]
    cell: Option<Cell>,
    /// Numbers of threads.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// Turns that each contender gets.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = count())]
    rounds: usize,
    /// Print the table for a document.
    #[arg(long)]
    markdown: bool,
    /// Where the virtual environment and the contender's program are kept.
    #[arg(long, value_name = "DIR", default_value = "target/rnn")]
    work: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Rival {
    /// nn.LSTM, or a cell written with its operations; with the allocator's own settings, and with better ones.
    Pytorch,
    /// This trainer without wider vectors than AVX2's.
    Avx2,
    /// A Rust framework, built at first use.
    Candle,
    /// A Rust framework, built at first use.
    Burn,
}

impl Rival {
    /// The Rust framework that it is.
    fn framework(self) -> Option<&'static str> {
        match self {
            Rival::Pytorch | Rival::Avx2 => None,
            Rival::Candle => Some("candle"),
            Rival::Burn => Some("burn"),
        }
    }
}

/// What competes with this trainer.
#[derive(Debug)]
struct Rivals {
    avx2: bool,
    torch: Option<Torch>,
    frameworks: Option<Frameworks>,
}

impl Rivals {
    fn new(args: &Args) -> Result<Self> {
        let avx2 = args.against.contains(&Rival::Avx2);
        if avx2 && !Width::available().iter().any(|width| width.name() == "avx2") {
            return Err(Error::input("--against avx2: this processor has no AVX2"));
        }
        let torch = args.against.contains(&Rival::Pytorch).then(|| Torch::new(args.python.as_deref(), &args.work)).transpose()?;
        let names: Vec<&str> = args.against.iter().filter_map(|rival| rival.framework()).collect();
        let frameworks = (!names.is_empty()).then(|| Frameworks::build(names, &args.work)).transpose()?;
        Ok(Rivals { avx2, torch, frameworks })
    }

    fn versions(&self) -> Result<Vec<String>> {
        let torch = self.torch.iter().map(|torch| Ok(format!("PyTorch {}", torch.version)));
        let named = |name: &&str| Ok(format!("{name} {}", frameworks::version(name)?));
        torch.chain(self.frameworks.iter().flat_map(|program| program.names.iter().map(named))).collect()
    }

    fn start(&self, bench: &Bench, cell: Cell, threads: usize) -> Result<Vec<Contender>> {
        let mut contenders = Vec::new();
        if self.avx2 {
            contenders.push(Contender::start(OURS_AVX2, ours(bench, cell, threads)?.env(VARIABLE, "avx2"))?);
        }
        if let Some(torch) = &self.torch {
            contenders.push(Contender::start("pytorch", &mut torch.command(bench, cell, threads))?);
            contenders.push(Contender::start("pytorch-tuned-malloc", torch.command(bench, cell, threads).envs(TUNED))?);
        }
        if let Some(program) = &self.frameworks {
            for name in &program.names {
                contenders.push(Contender::start(name, &mut program.command(name, bench, cell, threads))?);
            }
        }
        Ok(contenders)
    }
}

#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    shape: String,
    cell: Cell,
    threads: usize,
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let output = &output.for_result();
    let shapes: Vec<Bench> = match &args.shapes[..] {
        [] => SHAPES.to_vec(),
        names => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    if args.threads.contains(&0) {
        return Err(Error::input("--threads 0 trains nothing: use at least 1"));
    }
    let rivals = Rivals::new(args)?;
    let cells = args.cell.map_or(vec![Cell::Plain, Cell::Regularized], |cell| vec![cell]);
    let peak = gemm::peak(Width::asked()?);
    let mut rows = Vec::new();
    for bench in &shapes {
        for &cell in &cells {
            for &threads in &args.threads {
                output.say(format!("shape {}, {}, threads: {threads}", bench.name, cell.name()));
                rows.extend(measure(bench, cell, threads, &rivals, args.rounds, peak)?);
            }
        }
    }
    let mut versions = vec![format!("embedded-rnn {}", env!("CARGO_PKG_VERSION"))];
    versions.extend(rivals.versions()?);
    let simd = Width::asked()?.name();
    let figures = Figures { rows, gemm_peak_gflops: peak, simd, processor: processor(), versions };
    output.finish(&figures, || if args.markdown { figures.markdown() } else { figures.text() })
}

fn find(name: &str) -> Result<Bench> {
    Bench::find(name).ok_or_else(|| {
        let names = SHAPES.map(|shape| shape.name).join(", ");
        Error::input(format!("--shapes {name}: there is no such shape; they are {names}"))
    })
}

/// This program as a contender.
fn ours(bench: &Bench, cell: Cell, threads: usize) -> Result<Command> {
    let program =
        std::env::current_exe().map_err(|reason| Error::failed(format!("this program cannot find itself: {reason}")))?;
    let mut command = Command::new(program);
    command.args(["bench", "worker", bench.name, cell.name(), &threads.to_string()]);
    Ok(command)
}

/// All contenders at one network, in turns.
fn measure(bench: &Bench, cell: Cell, threads: usize, rivals: &Rivals, rounds: usize, peak: f64) -> Result<Vec<Row>> {
    let mut contenders = vec![Contender::start(OURS, &mut ours(bench, cell, threads)?)?];
    contenders.extend(rivals.start(bench, cell, threads)?);
    for round in 0..=rounds {
        for contender in &mut contenders {
            let steps = match round {
                0 => 3,
                _ => (TURN_US / median(&contender.times)).clamp(2.0, 200.0) as usize,
            };
            contender.run(steps)?;
        }
    }
    let minimum = |contender: &Contender| contender.times.iter().copied().fold(f64::INFINITY, f64::min) / 1e3;
    let own = minimum(&contenders[0]);
    let row = |contender: &Contender| Row {
        shape: bench.name,
        cell: cell.name(),
        threads,
        contender: contender.name,
        median_ms: median(&contender.times) / 1e3,
        min_ms: minimum(contender),
        ratio: minimum(contender) / own,
        gemm_percent: bench.operations() / (minimum(contender) * 1e6) / (peak * threads as f64) * 100.0,
        memory_bytes: contender.growth,
    };
    Ok(contenders.iter().map(row).collect())
}

/// The contender's side: the protocol of [`crate::bench::train::contender`].
pub fn worker(args: &WorkerArgs) -> Result<()> {
    let bench = find(&args.shape)?;
    let mut step = None;
    let answer = |line: &str| {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{line}")
            .and_then(|()| stdout.flush())
            .map_err(|reason| Error::input(format!("cannot answer: {reason}")))
    };
    answer("ready")?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|reason| Error::input(format!("cannot read a question: {reason}")))?;
        match line.strip_prefix("run ").map(str::parse::<usize>) {
            None => {
                let step = step.insert(Step::new(&bench, args.cell, args.threads));
                for _ in 0..5 {
                    step.run();
                }
                answer("ok")?;
            }
            Some(Ok(count)) => {
                let step = step.get_or_insert_with(|| Step::new(&bench, args.cell, args.threads));
                let time = |_| {
                    let start = Instant::now();
                    step.run();
                    format!("{:.1}", start.elapsed().as_secs_f64() * 1e6)
                };
                answer(&(0..count).map(time).collect::<Vec<_>>().join(" "))?;
            }
            Some(Err(reason)) => return Err(Error::input(format!("{line:?} has no count: {reason}"))),
        }
    }
    Ok(())
}

/// The processor's name, where the system tells.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()));
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
