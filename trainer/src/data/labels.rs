//! The column of classes.

use crate::config::MAX_CLASSES;

/// The column that names each row's class, and the classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelColumn {
    /// Its header.
    pub name: String,
    /// The classes in a model's order; where there are none, those that the column holds, sorted.
    pub classes: Vec<String>,
}

/// The class of each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The column's header.
    pub name: String,
    /// The classes' names.
    pub classes: Vec<String>,
    /// `[rows]`, each an index into [`Self::classes`].
    pub of_row: Vec<u16>,
}

impl Labels {
    /// From the cells of the column. A refusal is a row and a sentence.
    pub(super) fn new(column: &LabelColumn, cells: Vec<String>) -> Result<Labels, (usize, String)> {
        for (row, cell) in cells.iter().enumerate() {
            if cell.is_empty() {
                return Err((row, "the cell is empty: write the row's class".into()));
            }
            if cell.contains(['\n', '\r']) {
                return Err((row, "the class has a line break, which a model file cannot hold: write it on one line".into()));
            }
        }
        let classes = if column.classes.is_empty() { found(&cells)? } else { column.classes.clone() };
        let class = |(row, cell): (usize, &String)| {
            let class = classes.iter().position(|class| class == cell);
            class.map(|class| class as u16).ok_or_else(|| {
                let known = classes.iter().map(|class| format!("\"{class}\"")).collect::<Vec<_>>().join(", ");
                (
                    row,
                    format!("\"{cell}\" is none of the model's classes, {known}: mend the cell, or train a model that knows it"),
                )
            })
        };
        let of_row = cells.iter().enumerate().map(class).collect::<Result<Vec<_>, _>>()?;
        Ok(Labels { name: column.name.clone(), classes, of_row })
    }
}

/// The different classes: in the order of their numbers where all are numbers, else in that of their letters.
fn found(cells: &[String]) -> Result<Vec<String>, (usize, String)> {
    let mut classes: Vec<&String> = Vec::new();
    for (row, cell) in cells.iter().enumerate() {
        if classes.last().is_some_and(|last| *last == cell) || classes.contains(&cell) {
            continue;
        }
        if classes.len() == MAX_CLASSES {
            return Err((
                row,
                format!(
                    "the column's {}th class is \"{cell}\": at most {MAX_CLASSES} are possible, choose another column",
                    MAX_CLASSES + 1
                ),
            ));
        }
        classes.push(cell);
    }
    let numbers: Option<Vec<i64>> = classes.iter().map(|class| class.parse().ok()).collect();
    match numbers {
        Some(numbers) => {
            let mut order: Vec<usize> = (0..classes.len()).collect();
            order.sort_by_key(|index| (numbers[*index], classes[*index]));
            Ok(order.into_iter().map(|index| classes[index].clone()).collect())
        }
        None => {
            classes.sort();
            Ok(classes.into_iter().cloned().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(classes: &[&str], cells: &[&str]) -> Result<Labels, (usize, String)> {
        let column = LabelColumn { name: "activity".into(), classes: classes.iter().map(|class| class.to_string()).collect() };
        Labels::new(&column, cells.iter().map(|cell| cell.to_string()).collect())
    }

    #[test]
    fn classes_are_sorted_as_letters_or_as_numbers() {
        let walking = labels(&[], &["walk", "run", "walk", "10", "9"]).unwrap();
        assert_eq!(
            (walking.classes.as_slice(), walking.of_row),
            (&["10", "9", "run", "walk"].map(str::to_owned)[..], vec![3, 2, 3, 0, 1])
        );
        let numbers = labels(&[], &["10", "9", "-1", "9"]).unwrap();
        assert_eq!((numbers.classes.as_slice(), numbers.of_row), (&["-1", "9", "10"].map(str::to_owned)[..], vec![2, 1, 0, 1]));
        assert_eq!(labels(&["run", "walk", "idle"], &["walk"]).unwrap().of_row, [1]);
    }

    #[test]
    fn cells_that_are_no_class_are_told_by_row() {
        assert_eq!(labels(&[], &["a", ""]).unwrap_err(), (1, "the cell is empty: write the row's class".into()));
        assert_eq!(labels(&[], &["a\nb"]).unwrap_err().0, 0);
        let (row, sentence) = labels(&["run", "walk"], &["run", "swim"]).unwrap_err();
        assert!(row == 1 && sentence.starts_with("\"swim\" is none of the model's classes, \"run\", \"walk\":"), "{sentence}");
        let many: Vec<String> = (0..400).map(|value| format!("0.{value}")).collect();
        let (row, sentence) = labels(&[], &many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err();
        assert!(row == 256 && sentence.starts_with("the column's 257th class is \"0.256\""), "{sentence}");
    }
}
