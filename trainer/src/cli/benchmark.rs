//! `rnn benchmark`: the accuracy protocol.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::numbers::count;
use super::output::Output;
use super::progress::Progress;
use crate::benchmark::{self, Benchmark, Named, Prepared, Protocol, Watch, markdown, note_reading, published, table};
use crate::config::{Normalization, normalization_name};
use crate::data::Part;
use crate::error::Result;
use crate::files::create_folder;
use crate::parallel;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A protocol that publications share; without it --target, --train, --val and --test say what is forecast and which rows are whose.
    #[arg(value_enum)]
    name: Option<Named>,
    /// The CSV.
    #[arg(long, value_name = "CSV")]
    data: PathBuf,
    /// The column to forecast.
    #[arg(long, value_name = "COL", conflicts_with = "name", required_unless_present = "name")]
    target: Option<String>,
    /// The column of time stamps, if there is one.
    #[arg(long, value_name = "COL", conflicts_with = "name")]
    time: Option<String>,
    /// Training rows, the first ones.
    #[arg(long, value_name = "N", conflicts_with = "name", required_unless_present = "name", value_parser = count())]
    train: Option<usize>,
    /// Rows of validation targets after them.
    #[arg(long, value_name = "N", conflicts_with = "name", required_unless_present = "name", value_parser = count())]
    val: Option<usize>,
    /// Rows of test targets after those.
    #[arg(long, value_name = "N", conflicts_with = "name", required_unless_present = "name", value_parser = count())]
    test: Option<usize>,
    /// Samples that the network sees.
    #[arg(long, value_name = "N", default_value = "336", value_parser = count())]
    lookback: usize,
    /// Samples that enter as one step.
    #[arg(long, value_name = "N", default_value = "24", value_parser = count())]
    patch: usize,
    /// How each window is normalized; "last" is the recipe's own.
    #[arg(long, value_enum, default_value = "last")]
    normalization: Choice,
    /// Samples of the season that is subtracted from the next, on top of the lookback.
    #[arg(long, value_name = "N", default_value = "24", value_parser = clap::value_parser!(u16).range(1..))]
    season: u16,
    /// Samples forecast.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "24,48,96,168", value_parser = count())]
    horizons: Vec<usize>,
    /// Units of the network.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "32,16", value_parser = count())]
    hidden: Vec<usize>,
    /// Trainings of each network, with seeds from 0.
    #[arg(long, value_name = "N", default_value = "3", value_parser = count())]
    seeds: usize,
    /// Read the test windows, and note that in the folder's final.log; without it errors are the validation windows'.
    #[arg(long = "final")]
    last: bool,
    /// Trainings at a time; one for each core if left out.
    #[arg(long, value_name = "N", value_parser = count())]
    threads: Option<usize>,
    /// Where model files and the log of test readings are kept; `target/rnn/benchmark/NAME` if left out.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the table in Markdown.
    #[arg(long)]
    markdown: bool,
}

/// `--normalization`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Choice {
    None,
    Last,
    Mean,
    Scaled,
    Seasonal,
}

/// One bar over all trainings' steps.
struct Bar {
    progress: Progress,
    done: AtomicU64,
    all: u64,
}

impl Watch for Bar {
    fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.progress.set(done, self.all, "training".to_owned());
    }
}

impl Args {
    /// The protocol; the command line's own has all its parts, or clap has refused it.
    fn protocol(&self) -> (String, Protocol) {
        let normalization = match self.normalization {
            Choice::None => Normalization::None,
            Choice::Last => Normalization::Last,
            Choice::Mean => Normalization::Mean,
            Choice::Scaled => Normalization::Scaled,
            Choice::Seasonal => Normalization::Seasonal { season: self.season },
        };
        let own = || Protocol {
            path: self.data.clone(),
            time: self.time.clone(),
            target: self.target.clone().unwrap_or_default(),
            rows: [self.train, self.val, self.test].map(Option::unwrap_or_default),
            lookback: self.lookback,
            patch: self.patch,
            normalization,
        };
        match self.name {
            Some(named) => {
                let protocol =
                    Protocol { lookback: self.lookback, patch: self.patch, normalization, ..named.protocol(&self.data) };
                (named.name().to_owned(), protocol)
            }
            None => (self.data.file_stem().unwrap_or_default().to_string_lossy().into_owned(), own()),
        }
    }
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let (name, protocol) = args.protocol();
    let prepared = Prepared::new(&protocol, &args.horizons, &args.hidden)?;
    let folder = args.out.clone().unwrap_or_else(|| Path::new("target/rnn/benchmark").join(&name));
    create_folder(&folder)?;
    let data_sha256 = prepared.data_sha256();
    let part = if args.last { Part::Test } else { Part::Validation };
    let seeds = args.seeds as u64;
    if args.last {
        let (horizons, hidden) = (&args.horizons, &args.hidden);
        let under = normalization_name(protocol.normalization);
        let what = format!(
            "test windows of {name} (sha256 {data_sha256}): horizons {horizons:?}, hidden {hidden:?}, {seeds} seeds, normalization {under}"
        );
        note_reading(&folder.join("final.log"), &what)?;
    }
    let bar = Bar { progress: Progress::new(), done: AtomicU64::new(0), all: prepared.steps(seeds) };
    let threads = args.threads.unwrap_or_else(parallel::cores);
    let rows = benchmark::run(&prepared, seeds, part, &folder, threads, &bar);
    bar.progress.clear();
    let published = if args.last && args.name == Some(Named::Etth1) { published::ETTH1 } else { &[] };
    let benchmark = Benchmark { name, data_sha256, part: part.to_string(), seeds, rows: rows?, published };
    benchmark.warnings().iter().for_each(|warning| output.warn(warning));
    output.finish(&benchmark, || {
        if args.markdown {
            return markdown(&benchmark);
        }
        let which = if args.last { "test windows" } else { "validation windows (test windows are read with --final)" };
        format!("{}, {which}; normalized scale; mean of {seeds} seeds\n{}", benchmark.name, table(&benchmark))
    })
}
