//! `window.normalization` as TOML has it: a name. The season of "seasonal" is `data.season`, which is put in when the whole is read.

use std::fmt;

use embedded_rnn::forecast::Normalization;
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;

/// The names, as they are written.
const NAMES: [&str; 5] = ["none", "last", "mean", "scaled", "seasonal"];

/// A normalization's name.
pub fn name(normalization: Normalization) -> &'static str {
    match normalization {
        Normalization::None => NAMES[0],
        Normalization::Last => NAMES[1],
        Normalization::Mean => NAMES[2],
        Normalization::Scaled => NAMES[3],
        Normalization::Seasonal { .. } => NAMES[4],
    }
}

pub(super) fn serialize<S: Serializer>(normalization: &Normalization, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name(*normalization))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Normalization, D::Error> {
    struct NameVisitor;

    impl Visitor<'_> for NameVisitor {
        type Value = Normalization;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, found: &str) -> Result<Normalization, E> {
            let all = [
                Normalization::None,
                Normalization::Last,
                Normalization::Mean,
                Normalization::Scaled,
                Normalization::Seasonal { season: 0 },
            ];
            all.into_iter().find(|one| name(*one) == found).ok_or_else(|| E::unknown_variant(found, &NAMES))
        }
    }

    deserializer.deserialize_str(NameVisitor)
}
