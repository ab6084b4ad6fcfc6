//! A classifier's classes against the labels, beside what needs no network.

use embedded_rnn::forecast::{largest, softmax};
use serde::Serialize;

use super::device::DeviceModel;
use crate::data::{Dataset, Part};
use crate::error::{Error, Result};
use crate::report::table::{Align, Table};

/// How a class was told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfClass {
    /// Its name.
    pub class: String,
    /// Windows that are of it.
    pub windows: usize,
    /// The share of them that were told so; absent where there are none.
    pub recall: Option<f64>,
    /// The share of windows told to be of it that are; absent where none were.
    pub precision: Option<f64>,
    /// The harmonic mean of both, `2 TP / (2 TP + FP + FN)`; absent where the class neither came nor was told.
    pub f1: Option<f64>,
}

/// How well classes were told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// The share of windows of which the class was right.
    pub accuracy: f64,
    /// The mean of F1 over the classes that came or were told.
    pub macro_f1: f64,
    /// The mean of `-ln p` of the class that came, where probabilities were said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
}

/// A classifier on some windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Windows told.
    pub windows: usize,
    /// The model.
    #[serde(flatten)]
    pub model: Told,
    /// `[came][told]`: windows of a class by what they were told to be.
    pub confusion: Vec<Vec<usize>>,
    /// One a class.
    pub classes: Vec<OfClass>,
    /// Always the class that most windows are of: the training windows, where the rows are those of the training's file, else these
    /// windows, which it could not know. Its probabilities are the classes' shares.
    pub majority: Told,
    /// The class of the row before the newest, which is known to nobody who has to ask a model for it.
    pub class_before: Told,
    /// Inputs that lay beyond the largest that the file admits, and were clamped.
    pub clamped_inputs: u64,
}

/// Least probability that counts: a certain mistake costs as much as the smallest `f32` says, not infinity.
const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// Counts of `[came][told]`, one a window.
struct Confusion(Vec<Vec<usize>>);

impl Confusion {
    fn new(classes: usize) -> Self {
        Confusion(vec![vec![0; classes]; classes])
    }

    fn ratio(part: usize, whole: usize) -> Option<f64> {
        (whole > 0).then(|| part as f64 / whole as f64)
    }

    /// Right ones, those that came, those told.
    fn of(&self, class: usize) -> [usize; 3] {
        [self.0[class][class], self.0[class].iter().sum(), self.0.iter().map(|row| row[class]).sum()]
    }

    fn f1(&self, class: usize) -> Option<f64> {
        let [right, came, told] = self.of(class);
        Self::ratio(2 * right, came + told)
    }

    fn told(&self, log_loss: Option<f64>) -> Told {
        let all: usize = self.0.iter().flatten().sum();
        let right = (0..self.0.len()).map(|class| self.0[class][class]).sum();
        let f1: Vec<f64> = (0..self.0.len()).filter_map(|class| self.f1(class)).collect();
        Told {
            accuracy: Self::ratio(right, all).unwrap_or_default(),
            macro_f1: f1.iter().sum::<f64>() / f1.len().max(1) as f64,
            log_loss,
        }
    }
}

/// The classes of a model on the windows of a part, each of which has a label.
pub fn score(model: &mut DeviceModel<'_>, dataset: &Dataset, part: Part) -> Result<ClassMetrics> {
    let windows = dataset.windows(part);
    let names = dataset.classes();
    let no_label = || Error::input(format!("{}: its rows have no classes to compare with", dataset.series().path.display()));
    let labels = dataset.series().labels.as_ref().ok_or_else(no_label)?;
    let known = dataset.class_counts(Part::Training);
    let counts = if known.iter().sum::<usize>() > 0 { known } else { dataset.class_counts(part) };
    let common = (0..counts.len()).rev().max_by_key(|class| counts[*class]).unwrap_or_default();
    let share = |class: usize| counts[class] as f64 / counts.iter().sum::<usize>().max(1) as f64;

    let [mut told, mut majority, mut before] = [(); 3].map(|()| Confusion::new(names.len()));
    let (mut loss, mut of_majority) = (0.0, 0.0);
    let mut window = vec![0.0; windows.raw_len()];
    let clamped = model.clamped;
    for index in 0..windows.len() {
        let newest = windows.origin(index) - 1;
        let came = usize::from(labels.of_row[newest]);
        windows.raw_input(index, &mut window);
        let mut scores = model.logits(&window).map_err(|reason| {
            let (series, line) = (dataset.series(), dataset.series().line(newest));
            Error::input(format!("{}, the window that ends in line {line}: {reason}", series.path.display()))
        })?;
        told.0[came][largest(&scores)] += 1;
        softmax(&mut scores);
        loss -= f64::from(scores[came]).max(LEAST).ln();
        majority.0[came][common] += 1;
        of_majority -= share(came).max(LEAST).ln();
        if let Some(row) = newest.checked_sub(1) {
            before.0[came][usize::from(labels.of_row[row])] += 1;
        }
    }
    let mean = |sum: f64| Some(sum / windows.len().max(1) as f64);
    let of_class = |(class, name): (usize, &String)| {
        let [right, came, said] = told.of(class);
        let [recall, precision] = [came, said].map(|whole| Confusion::ratio(right, whole));
        OfClass { class: name.clone(), windows: came, recall, precision, f1: told.f1(class) }
    };
    Ok(ClassMetrics {
        windows: windows.len(),
        model: told.told(mean(loss)),
        classes: names.iter().enumerate().map(of_class).collect(),
        majority: majority.told(mean(of_majority)),
        class_before: before.told(None),
        clamped_inputs: model.clamped - clamped,
        confusion: told.0,
    })
}

impl ClassMetrics {
    /// The figures for people: the model's beside the baselines', then each class, then who was taken for whom.
    pub fn table(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let mut all =
            Table::new([("", Align::Left), ("accuracy", Align::Right), ("macro F1", Align::Right), ("log loss", Align::Right)]);
        let rows =
            [("this model", &self.model), ("most common class", &self.majority), ("class of the row before", &self.class_before)];
        for (name, Told { accuracy, macro_f1, log_loss }) in rows {
            let log_loss = log_loss.map_or_else(String::new, |loss| format!("{loss:.4}"));
            all.row([name.to_owned(), percent(*accuracy), format!("{macro_f1:.3}"), log_loss]);
        }
        let mut each = Table::new([
            ("class", Align::Left),
            ("windows", Align::Right),
            ("recall", Align::Right),
            ("precision", Align::Right),
            ("F1", Align::Right),
            ("taken for", Align::Left),
        ]);
        for (class, OfClass { class: name, windows, recall, precision, f1 }) in self.classes.iter().enumerate() {
            let share = |share: &Option<f64>| share.map_or_else(|| "-".to_owned(), percent);
            let taken = self.confusion[class].iter().zip(&self.classes).enumerate();
            let taken = taken.filter(|(told, (count, _))| *told != class && **count > 0);
            let taken: Vec<String> = taken.map(|(_, (count, told))| format!("{} {count}", told.class)).collect();
            let f1 = f1.map_or_else(|| "-".to_owned(), |f1| format!("{f1:.3}"));
            each.row([name.clone(), windows.to_string(), share(recall), share(precision), f1, taken.join(", ")]);
        }
        format!("{all}\n{each}")
    }

    /// What speaks against the model, in plain words. The class of the row before does not: nobody has it on a board.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.majority.accuracy >= self.model.accuracy {
            warnings.push(
                "always telling the most common class is right as often as the model: this model is not worth its flash".into(),
            );
        }
        for class in self.classes.iter().filter(|class| class.windows > 0 && class.recall == Some(0.0)) {
            warnings.push(format!(
                "the class \"{}\" is never told: try training.class_weights = \"balanced\", or more rows of it",
                class.class
            ));
        }
        if self.clamped_inputs > 0 {
            let (were, values) = if self.clamped_inputs == 1 { ("was", "value lay") } else { ("were", "values lay") };
            warnings.push(format!(
                "{} input {values} beyond what the model was trained for and {were} clamped: classes told after them are doubtful",
                self.clamped_inputs
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_the_definitions() {
        // Of three that came as a, two were told; of one b, none; c neither came nor was told.
        let confusion = Confusion(vec![vec![2, 1, 0], vec![1, 0, 0], vec![0; 3]]);
        let Told { accuracy, macro_f1, .. } = confusion.told(None);
        assert_eq!(accuracy, 0.5);
        assert_eq!([confusion.f1(0), confusion.f1(1), confusion.f1(2)], [Some(4.0 / 6.0), Some(0.0), None]);
        assert!((macro_f1 - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(Confusion::new(2).told(None), Told { accuracy: 0.0, macro_f1: 0.0, log_loss: None });
    }

    #[test]
    fn people_see_who_was_taken_for_whom() {
        let of =
            |class: &str, windows, recall| OfClass { class: class.into(), windows, recall, precision: Some(0.5), f1: Some(0.25) };
        let told = |accuracy| Told { accuracy, macro_f1: 0.5, log_loss: None };
        let metrics = ClassMetrics {
            windows: 4,
            model: Told { log_loss: Some(0.25), ..told(0.5) },
            confusion: vec![vec![2, 1], vec![1, 0]],
            classes: vec![of("run", 3, Some(2.0 / 3.0)), of("walk", 1, Some(0.0))],
            majority: told(0.75),
            class_before: told(0.25),
            clamped_inputs: 1,
        };
        assert_eq!(
            metrics.table(),
            "                         accuracy  macro F1  log loss\n\
             this model                 50.0 %     0.500    0.2500\n\
             most common class          75.0 %     0.500\n\
             class of the row before    25.0 %     0.500\n\
             \n\
             class  windows  recall  precision     F1  taken for\n\
             run          3  66.7 %     50.0 %  0.250  walk 1\n\
             walk         1   0.0 %     50.0 %  0.250  run 1\n"
        );
        let warnings = metrics.warnings();
        assert!(warnings[0].starts_with("always telling the most common class is right as often"), "{warnings:?}");
        assert!(warnings[1].starts_with("the class \"walk\" is never told"), "{warnings:?}");
        assert!(warnings[2].starts_with("1 input value lay beyond"), "{warnings:?}");
    }
}
