//! Where in a TOML text a key stands, so that every complaint can name its line.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The line, from 1, of the byte at `offset`.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// The line on which the dotted key, or else the nearest table around it, is written; `None` where not even its table is.
pub(super) fn line_of_key(text: &str, dotted: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut offset = None;
    for part in dotted.split('.') {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == part) else { break };
        offset = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    offset.map(|offset| line_of(text, offset))
}

/// Whether the dotted key is written in a text.
pub(super) fn is_written(text: &str, dotted: &str) -> bool {
    let Ok(document) = DeTable::parse(text) else { return false };
    let (path, last) = dotted.rsplit_once('.').map_or(("", dotted), |(path, last)| (path, last));
    let mut table = document.get_ref();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        match table.get(part).map(|value| value.get_ref()) {
            Some(DeValue::Table(inner)) => table = inner,
            _ => return false,
        }
    }
    table.contains_key(last)
}

/// The dotted key that is written at `offset` or whose value is; for a table, the key that leads to it.
pub(super) fn key_at(text: &str, offset: usize) -> Option<String> {
    fn find(table: &DeTable<'_>, offset: usize, path: &mut Vec<String>) {
        let covers = |span: Range<usize>| span.contains(&offset);
        for (key, value) in table.iter() {
            let before = path.len();
            path.push(key.get_ref().to_string());
            if covers(key.span()) {
                return;
            }
            if let DeValue::Table(inner) = value.get_ref() {
                let inside = path.len();
                find(inner, offset, path);
                if path.len() > inside {
                    return;
                }
            }
            if covers(value.span()) {
                return;
            }
            path.truncate(before);
        }
    }

    let document = DeTable::parse(text).ok()?;
    let mut path = Vec::new();
    find(document.get_ref(), offset, &mut path);
    (!path.is_empty()).then(|| path.join("."))
}

/// The known word that a mistyped one most likely stands for: at most a third of its letters differ (Levenshtein's distance).
pub(crate) fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &str| -> usize {
        let other: Vec<char> = other.chars().collect();
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in word.chars().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, b) in other.iter().enumerate() {
                let substituted = diagonal + usize::from(a != *b);
                diagonal = row[j + 1];
                row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[other.len()]
    };
    let allowed = word.chars().count().div_ceil(3);
    known.iter().map(|other| (distance(other), *other)).min().filter(|(d, _)| *d <= allowed).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::{closest, is_written, key_at, line_of_key};

    const TEXT: &str =
        "[window]\nlookback = 3\n\n[regularization]\ndropout = { output = 0.3 }\n[regularization.zoneout]\ncell = 0.5\n";

    #[test]
    fn keys_are_found_by_name_and_by_place() {
        assert_eq!(line_of_key(TEXT, "window.lookback"), Some(2));
        assert_eq!(line_of_key(TEXT, "window.patch"), Some(1));
        assert_eq!(line_of_key(TEXT, "regularization.dropout.output"), Some(5));
        assert_eq!(line_of_key(TEXT, "regularization.zoneout.cell"), Some(7));
        assert_eq!(line_of_key(TEXT, "network.hidden"), None);
        assert!(is_written(TEXT, "window.lookback") && is_written(TEXT, "regularization.dropout.output"));
        assert!(!is_written(TEXT, "window.horizon") && !is_written(TEXT, "network.hidden") && is_written(TEXT, "window"));
        let at = |needle: &str| key_at(TEXT, TEXT.find(needle).unwrap());
        assert_eq!(at("lookback").as_deref(), Some("window.lookback"));
        assert_eq!(at("3\n\n").as_deref(), Some("window.lookback"));
        assert_eq!(at("0.3").as_deref(), Some("regularization.dropout.output"));
        assert_eq!(at("cell").as_deref(), Some("regularization.zoneout.cell"));
        assert_eq!(key_at(TEXT, TEXT.len()), None);
    }

    #[test]
    fn a_typing_error_finds_its_word_and_a_foreign_word_none() {
        let known = ["lookback", "patch", "horizon"];
        assert_eq!(closest("lookbak", &known), Some("lookback"));
        assert_eq!(closest("horison", &known), Some("horizon"));
        assert_eq!(closest("batch_size", &known), None);
    }
}
