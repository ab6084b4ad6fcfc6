//! What is to be done: variants, seeds, and the name under which each run's result is kept.

use std::path::PathBuf;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::rates::{FACTORS, scaled};
use super::variants::{CONFIGURATION, NONE, VARIANTS};
use crate::config::place::closest;
use crate::config::{Config, Data, Export, Fold, Loss};
use crate::data::{Dataset, Part};
use crate::error::{Error, Result};
use crate::regularize::settings::Regularization;
use crate::train::batches::batch_count;

/// A variant that is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Its `[regularization]`, as a user would write it.
    pub settings: String,
    /// What it does.
    pub reason: &'static str,
    /// The same settings, parsed.
    pub regularization: Regularization,
    /// What becomes of layer norm.
    pub fold: Fold,
}

/// A variant that this configuration has no use for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// One training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its place in the plan.
    pub index: usize,
    /// Its variant's place.
    pub variant: usize,
    /// Its seed.
    pub seed: u64,
    /// Of configuration, data, variant, seed and program: whatever the result depends on.
    pub digest: String,
    /// The result's file name without its extension.
    pub stem: String,
}

/// All runs of a comparison, seed by seed, so that what is there after an interruption can be compared.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The configuration's name, for people.
    pub name: String,
    /// The configuration whose `[regularization]` is varied.
    pub config: &'a Config,
    /// Its series.
    pub dataset: &'a Dataset,
    /// The variants, none first.
    pub variants: Vec<Chosen>,
    /// Those that do not apply.
    pub left_out: Vec<LeftOut>,
    /// How many seeds, from 0.
    pub seeds: u64,
    /// No test error is computed.
    pub validation_only: bool,
    /// The runs.
    pub runs: Vec<Run>,
}

impl<'a> Plan<'a> {
    /// Plans `seeds` runs of each variant in `only`, of every one that applies if it is empty. None is always among them.
    pub fn new(name: &str, config: &'a Config, dataset: &'a Dataset, seeds: u64, only: &[String]) -> Result<Self> {
        let (variants, left_out) = choose(config, only)?;
        Plan::of(name, config, dataset, seeds, variants, left_out)
    }

    /// Plans `seeds` runs of none and of each variant in `names` at its rates times each of [`FACTORS`]; for validation only.
    pub fn rates(name: &str, config: &'a Config, dataset: &'a Dataset, seeds: u64, names: &[String]) -> Result<Self> {
        let (own, _) = choose(config, names)?;
        let (mut variants, mut left_out): (Vec<Chosen>, Vec<LeftOut>) = (Vec::new(), Vec::new());
        for variant in own {
            if variant.name == NONE {
                variants.push(variant);
                continue;
            }
            for factor in FACTORS {
                let name = format!("{}-x{factor}", variant.name);
                let parsed = scaled(&variant.settings, factor).and_then(|settings| Ok((toml::from_str(&settings)?, settings)));
                let (regularization, settings) = parsed.map_err(|reason| {
                    Error::failed(format!("the settings of variant {} cannot be scaled: {reason}", variant.name))
                })?;
                let candidate = Chosen { name, settings, regularization, ..variant.clone() };
                match objection(config, &candidate, &variants) {
                    None => variants.push(candidate),
                    Some(reason) => left_out.push(LeftOut { name: candidate.name, reason }),
                }
            }
        }
        Ok(Plan { validation_only: true, ..Plan::of(name, config, dataset, seeds, variants, left_out)? })
    }

    fn of(
        name: &str,
        config: &'a Config,
        dataset: &'a Dataset,
        seeds: u64,
        variants: Vec<Chosen>,
        left_out: Vec<LeftOut>,
    ) -> Result<Self> {
        if config.training.loss == Loss::CrossEntropy {
            return Err(Error::input(
                "training.loss = \"cross-entropy\" asks for classes, and regularizers are compared by their forecasts' squared errors: \
                 train each of them with `rnn train` and compare their accuracy with `rnn evaluate`",
            ));
        }
        if config.training.loss == Loss::Pinball {
            return Err(Error::input(
                "training.loss = \"pinball\" asks for quantiles, and regularizers are compared by their forecasts' squared errors: \
                 set it to \"mse\", \"mae\" or \"huber\", and leave training.quantiles out",
            ));
        }
        let mut plan =
            Plan { name: name.to_owned(), config, dataset, variants, left_out, seeds, validation_only: false, runs: Vec::new() };
        for seed in 0..seeds {
            for variant in 0..plan.variants.len() {
                let digest = digest(&plan.config_of(variant, seed), dataset)?;
                let stem = format!("{}-{seed}-{}", plan.variants[variant].name, &digest[..12]);
                plan.runs.push(Run { index: plan.runs.len(), variant, seed, digest, stem });
            }
        }
        Ok(plan)
    }

    /// The configuration of a run.
    pub fn config_of(&self, variant: usize, seed: u64) -> Config {
        let mut config = varied(self.config, &self.variants[variant]);
        config.training.seed = seed;
        config
    }

    /// Optimizer steps of a run that is not ended early.
    pub fn steps(&self) -> u64 {
        let windows = self.dataset.windows(Part::Training).len();
        (self.config.training.epochs * batch_count(windows, self.config.training.batch)) as u64
    }
}

/// The variants that were asked for and apply, and those that do not.
fn choose(config: &Config, only: &[String]) -> Result<(Vec<Chosen>, Vec<LeftOut>)> {
    let known: Vec<&str> = VARIANTS.iter().map(|variant| variant.name).chain([CONFIGURATION]).collect();
    for name in only {
        if !known.contains(&name.as_str()) {
            return Err(Error::input(match closest(name, &known) {
                Some(near) => format!("--only {name}: no such variant; did you mean {near}?"),
                None => format!("--only {name}: no such variant; there are {}", known.join(", ")),
            }));
        }
    }
    let named = |name: &str| only.iter().any(|asked| asked == name);
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut left_out = Vec::new();
    let shipped = VARIANTS.iter().map(|variant| {
        let regularization = toml::from_str(variant.settings)
            .map_err(|reason| Error::failed(format!("the settings of variant {} are broken: {reason}", variant.name)))?;
        Ok(Chosen {
            name: variant.name.to_owned(),
            settings: variant.settings.to_owned(),
            reason: variant.reason,
            regularization,
            fold: variant.fold,
        })
    });
    let own: Result<Chosen> = Ok(Chosen {
        name: CONFIGURATION.to_owned(),
        settings: written(&config.regularization)?,
        reason: "what the configuration says",
        regularization: config.regularization,
        fold: Fold::Exact,
    });
    for variant in shipped.chain([own]) {
        let variant = variant?;
        if variant.name != NONE && !only.is_empty() && !named(&variant.name) {
            continue;
        }
        match objection(config, &variant, &chosen) {
            None => chosen.push(variant),
            Some(reason) if named(&variant.name) => return Err(Error::input(format!("--only {}: {reason}", variant.name))),
            Some(reason) => left_out.push(LeftOut { name: variant.name, reason }),
        }
    }
    Ok((chosen, left_out))
}

/// Why a variant does not apply to a configuration.
fn objection(config: &Config, variant: &Chosen, before: &[Chosen]) -> Option<String> {
    let settings = &variant.regularization;
    if let Some(same) = before.iter().find(|other| other.regularization == *settings && other.fold == variant.fold) {
        return Some(format!("its settings are those of {}", same.name));
    }
    if settings.dropout.between > 0.0 && config.network.hidden.len() == 1 {
        return Some("the network has one layer, with nothing between".into());
    }
    varied(config, variant).validate().err().map(|error| error.to_string())
}

/// The configuration with other settings. All are exported as they are, but for the variant that is about static folding: it would train
/// some of them longer than others.
fn varied(config: &Config, variant: &Chosen) -> Config {
    let export = Export { fold: variant.fold, ..Export::default() };
    Config { regularization: variant.regularization, export, ..config.clone() }
}

/// What of the settings differs from the defaults, as TOML, a line for each key of the table.
fn written(settings: &Regularization) -> Result<String> {
    let table = |settings: &Regularization| {
        toml::Table::try_from(settings)
            .map_err(|reason| Error::input(format!("the settings cannot be written as TOML: {reason}")))
    };
    let changed = changes(table(settings)?, &table(&Regularization::default())?);
    Ok(changed.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n"))
}

fn changes(table: toml::Table, defaults: &toml::Table) -> toml::Table {
    let changed = table.into_iter().filter(|(key, value)| defaults.get(key) != Some(value));
    let inner = changed.map(|(key, value)| match (value, defaults.get(&key)) {
        (toml::Value::Table(value), Some(toml::Value::Table(defaults))) => (key, toml::Value::Table(changes(value, defaults))),
        (value, _) => (key, value),
    });
    inner.collect()
}

/// Wherever the series lies and whatever it is called, equal bytes give equal results.
fn digest(config: &Config, dataset: &Dataset) -> Result<String> {
    let elsewhere = Config { data: Data { path: PathBuf::new(), ..config.data.clone() }, ..config.clone() };
    let mut sha = Sha256::new();
    sha.update(env!("CARGO_PKG_VERSION"));
    sha.update(elsewhere.to_toml()?);
    sha.update(dataset.series().sha256);
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::testing::synthetic;

    const TEXT: &str = "data = { path = \"s.csv\", target = \"c0\" }\nwindow = { lookback = 6, horizon = 2 }\nnetwork = { hidden = [4] }\n\
                        regularization = { zoneout = { cell = 0.25 }, l2 = 0.5 }\n";

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("c.toml")).unwrap()
    }

    fn dataset(config: &Config, phase: f32) -> Dataset {
        let series = synthetic(80, 1, 1, |row, _| (row as f32 * 0.3 + phase).sin());
        Dataset::new(series, &config.window, &config.data.split).unwrap()
    }

    fn names<'p>(plan: &'p Plan<'_>) -> Vec<&'p str> {
        plan.variants.iter().map(|variant| variant.name.as_str()).collect()
    }

    #[test]
    fn all_variants_that_apply_are_planned_and_the_others_say_why() {
        let config = config(TEXT);
        let dataset = dataset(&config, 0.0);
        let plan = Plan::new("c", &config, &dataset, 2, &[]).unwrap();
        assert_eq!(plan.variants.len() + plan.left_out.len(), VARIANTS.len() + 1);
        assert_eq!((names(&plan)[0], *names(&plan).last().unwrap()), (NONE, CONFIGURATION));
        let between = plan.left_out.iter().find(|left| left.name == "between-dropout").unwrap();
        assert_eq!(between.reason, "the network has one layer, with nothing between");
        assert_eq!(plan.runs.len(), 2 * plan.variants.len());
        assert!(plan.runs.iter().enumerate().all(|(index, run)| run.index == index));
        assert_eq!((plan.runs[0].seed, plan.runs[plan.variants.len()].seed), (0, 1));
        let own = plan.variants.last().unwrap();
        assert_eq!(own.settings, "l2 = 0.5\nzoneout = { cell = 0.25 }");
        assert_eq!(toml::from_str::<Regularization>(&own.settings).unwrap(), config.regularization);
    }

    #[test]
    fn only_takes_names_and_always_brings_none() {
        let config = config(TEXT);
        let dataset = dataset(&config, 0.0);
        let only = |names: &[&str]| {
            Plan::new("c", &config, &dataset, 1, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(&only(&["decay", "cell-zoneout"]).unwrap()), [NONE, "cell-zoneout", "decay"]);
        let refusal = |names: &[&str]| {
            let error = only(names).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        assert_eq!(refusal(&["cell-zonout"]), "--only cell-zonout: no such variant; did you mean cell-zoneout?");
        let listed = refusal(&["xyz"]);
        assert!(
            listed.starts_with("--only xyz: no such variant; there are none, ") && listed.ends_with(CONFIGURATION),
            "{listed}"
        );
        assert_eq!(refusal(&["between-dropout"]), "--only between-dropout: the network has one layer, with nothing between");
    }

    #[test]
    fn rates_are_multiplied_and_those_that_cannot_be_say_why() {
        let config = config(TEXT);
        let dataset = dataset(&config, 0.0);
        let plan = Plan::rates("c", &config, &dataset, 2, &["cell-zoneout".to_owned()]).unwrap();
        assert!(plan.validation_only && !Plan::new("c", &config, &dataset, 2, &[]).unwrap().validation_only);
        assert_eq!(names(&plan), [NONE, "cell-zoneout-x0.1", "cell-zoneout-x0.3", "cell-zoneout-x1"]);
        let rates = plan.variants.iter().map(|variant| variant.regularization.zoneout.cell);
        assert_eq!(rates.collect::<Vec<_>>(), [0.0, 0.05, 0.15, 0.5]);
        assert_eq!(plan.left_out.len(), 2);
        assert!(plan.left_out[0].reason.contains("regularization.zoneout.cell = 1.5"), "{:?}", plan.left_out);
        assert!(Plan::rates("c", &config, &dataset, 2, &["zoneout".to_owned()]).is_err());
    }

    #[test]
    fn a_configuration_without_regularization_is_none() {
        let config = config(&TEXT.replace("regularization = { zoneout = { cell = 0.25 }, l2 = 0.5 }\n", ""));
        let dataset = dataset(&config, 0.0);
        let plan = Plan::new("c", &config, &dataset, 1, &[]).unwrap();
        let own = plan.left_out.last().unwrap();
        assert_eq!((own.name.as_str(), own.reason.as_str()), (CONFIGURATION, "its settings are those of none"));
    }

    #[test]
    fn a_run_is_named_by_whatever_its_result_depends_on() {
        let first = config(TEXT);
        let data = dataset(&first, 0.0);
        let digests = |config: &Config, dataset: &Dataset| -> Vec<String> {
            let only = ["decay".to_owned()];
            Plan::new("c", config, dataset, 2, &only).unwrap().runs.into_iter().map(|run| run.digest).collect()
        };
        let all = digests(&first, &data);
        assert_eq!(digests(&first, &data), all);
        let mut moved = first.clone();
        moved.data.path = "elsewhere/t.csv".into();
        assert_eq!(digests(&moved, &data), all);
        let mut longer = first.clone();
        longer.training.epochs += 1;
        let mut seen = all;
        seen.extend(digests(&longer, &data));
        seen.extend(digests(&first, &dataset(&first, 0.1)));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), count), (12, 12));
    }
}
