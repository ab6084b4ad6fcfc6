//! `rnn compare`: the regularizers side by side on the user's series.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::deploy::{Stream, check, deploy, there_and_back};
use super::output::Output;
use super::progress::Progress;
use crate::compare::{
    self, BoardCost, Comparison, Measure, Plan, Shard, Store, Tally, Validation, Watch, markdown, measure_boards, work,
};
use crate::config::Network;
use crate::deploy::{Stop, boards};
use crate::error::{Error, Result};
use crate::evaluate::device::{DeviceModel, ModelBytes};
use crate::files::write_atomically;
use crate::parallel;
use crate::preset;
use crate::report::run_folder::dataset;

/// Seeds, at most: more would say no more.
const MAX_SEEDS: u64 = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file; its `[regularization]` is varied, everything else stays.
    config: PathBuf,
    /// The CSV, instead of the configuration's.
    #[arg(long, value_name = "CSV")]
    data: Option<PathBuf>,
    /// Trainings of each variant, with seeds from 0.
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: u64,
    /// Only these variants, beside none.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    only: Vec<String>,
    /// The comparison's folder; `comparisons/NAME` for `NAME.toml` if left out. Runs that it holds already are not repeated.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Trainings at a time; one for each core if left out.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Do only part i of n, into a folder that all parts share; join them with --merge.
    #[arg(long, value_name = "i/n", default_value_t = Shard::WHOLE, conflicts_with = "merge")]
    shard: Shard,
    /// Train nothing: join the runs that are there, and say which are missing.
    #[arg(long)]
    merge: bool,
    /// The emulated board on which instructions are counted.
    #[arg(long, default_value = "qemu-m4")]
    board: String,
    /// Count no instructions.
    #[arg(long, conflicts_with = "board")]
    no_board: bool,
    /// Passes over the training windows, instead of the configuration's.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Measure validation errors alone, to choose rates and epochs by: no test error is computed, printed or kept. Runs lie in the folder
    /// `validation` of the comparison's.
    #[arg(long, conflicts_with_all = ["board", "shard", "merge", "markdown"])]
    validation_only: bool,
    /// With --validation-only: these variants at their rates times 0.1, 0.3, 1, 3 and 10.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "validation_only", conflicts_with = "only")]
    rates: Vec<String>,
    /// Print the table in Markdown.
    #[arg(long, value_name = "MEASURE")]
    markdown: Option<Measure>,
    /// Where the firmware is built.
    #[arg(long, value_name = "DIR", default_value = "target/rnn")]
    work: PathBuf,
}

/// One bar over all trainings.
struct Bar(Progress);

impl Watch for Bar {
    fn tick(&self, tally: Tally) {
        self.0.set(tally.steps, tally.all_steps, format!("{} of {} trainings", tally.runs, tally.all_runs));
    }
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    if !(1..=MAX_SEEDS).contains(&args.seeds) {
        return Err(Error::input(format!("--seeds {}: ask for 1 to {MAX_SEEDS} seeds", args.seeds)));
    }
    if args.threads == Some(0) {
        return Err(Error::input("--threads 0 trains nothing: use at least 1"));
    }
    let board = if args.no_board { None } else { Some(boards::find_emulated(&args.board)?) };
    let mut config = preset::read(&args.config)?.config;
    if let Some(data) = &args.data {
        config.data.path = data.clone();
    }
    if let Some(epochs) = args.epochs {
        config.training.epochs = epochs;
        config.validate()?;
    }
    if config.window.mode.is_streaming() {
        return Err(Error::input(format!(
            "{}: window.mode = \"streaming\": regularizers are compared on networks that forecast from windows; set it to \"windowed\"",
            args.config.display()
        )));
    }
    if !config.network.skip.is_none() {
        output.warn("regularizers are compared on networks without the linear skip of network.skip");
        config.network = Network { hidden: config.network.hidden, ..Network::default() };
    }
    let dataset = dataset(&config)?;
    let name = args.config.file_stem().unwrap_or_default();
    let folder = args.out.clone().unwrap_or_else(|| Path::new("comparisons").join(name));
    let name = name.to_string_lossy();
    if args.validation_only {
        let plan = if args.rates.is_empty() {
            Plan { validation_only: true, ..Plan::new(&name, &config, &dataset, args.seeds, &args.only)? }
        } else {
            Plan::rates(&name, &config, &dataset, args.seeds, &args.rates)?
        };
        let store = Store::create(&folder.join("validation"))?;
        train(args, &plan, &store, output)?;
        let validation = Validation::new(&plan, &store)?;
        return output.finish(&validation, || format!("\n{}", validation.table()));
    }
    let plan = Plan::new(&name, &config, &dataset, args.seeds, &args.only)?;
    let store = if args.merge { Store::open(&folder)? } else { Store::create(&folder)? };
    if !args.merge {
        train(args, &plan, &store, output)?;
    }
    // A board that fails must not take the trainings' figures with it.
    let mut failure = None;
    if let (Some(board), false) = (board, args.merge) {
        let mut measure = |model: &Path| on_board(board, model, &args.work);
        match measure_boards(&plan, &store, board.name, &mut measure) {
            Ok(None) => {}
            Ok(Some(missing)) => say(args, output, format!("no instructions are counted: {missing}")),
            Err(error) => failure = Some(error),
        }
    }
    if args.shard.is_whole() {
        let comparison = Comparison::new(&plan, &store, board.map(|board| board.name))?;
        if comparison.missing.len() == plan.runs.len() {
            return Err(Error::input(format!(
                "{} holds none of the {} runs that are asked for",
                folder.display(),
                plan.runs.len()
            )));
        }
        write(&comparison, &store)?;
        let page = store.path("compare.html");
        output.finish(&comparison, || match args.markdown {
            Some(measure) => markdown(&comparison, measure),
            None => format!("\n{}page: {}", compare::table(&comparison), page.display()),
        })?;
    } else {
        let runs = plan.runs.iter().filter(|run| args.shard.has(run.index)).count();
        let done = serde_json::json!({ "shard": args.shard.to_string(), "runs": runs, "of": plan.runs.len() });
        output.finish(&done, || format!("shard {} is done; when all are, join them with --merge", args.shard))?;
    }
    failure.map_or(Ok(()), Err)
}

/// Tells people; beside a table in Markdown on standard error, so that nothing but the table is on standard output.
fn say(args: &Args, output: &Output, text: String) {
    match args.markdown {
        Some(_) => {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
        None => output.say(text),
    }
}

fn train(args: &Args, plan: &Plan<'_>, store: &Store, output: &Output) -> Result<()> {
    let of_shard = plan.runs.iter().filter(|run| args.shard.has(run.index)).count();
    let which = if args.shard.is_whole() { String::new() } else { format!("; {of_shard} of them in shard {}", args.shard) };
    say(
        args,
        output,
        format!("{} variants with {} seeds: {} trainings{which}", plan.variants.len(), plan.seeds, plan.runs.len()),
    );
    let bar = Bar(Progress::new());
    let tally = work(plan, store, args.shard, args.threads.unwrap_or_else(parallel::cores), &bar);
    bar.0.clear();
    let tally = tally?;
    if tally.found > 0 {
        say(args, output, format!("{} of them were there already", tally.found));
    }
    Ok(())
}

/// Runs a model on the board, which must give the host's bits.
fn on_board(board: &'static boards::Board, model: &Path, work: &Path) -> std::result::Result<BoardCost, Stop> {
    let bytes = ModelBytes::read(model)?;
    let mut device = DeviceModel::open(&bytes, model)?;
    let samples = there_and_back(&device.test_window(), usize::from(device.manifest.window.features));
    let stream = Stream::new(&mut device, samples)?;
    let deployed = deploy(board, &bytes, &device, &stream, work)?;
    check(&deployed)?;
    Ok(BoardCost {
        board: deployed.board.to_owned(),
        instructions_per_step: deployed.instructions_per_step,
        instructions_per_forecast: deployed.instructions_per_forecast,
        stack_bytes: deployed.stack_bytes,
        compared: deployed.compared,
    })
}

/// The three files of a comparison.
fn write(comparison: &Comparison, store: &Store) -> Result<()> {
    let json = serde_json::to_vec_pretty(comparison)
        .map_err(|reason| Error::failed(format!("the comparison cannot be written as JSON: {reason}")))?;
    write_atomically(&store.path("compare.json"), &json)?;
    write_atomically(&store.path("compare.csv"), &compare::csv(comparison)?)?;
    write_atomically(&store.path("compare.html"), compare::page::html(comparison).as_bytes())
}
