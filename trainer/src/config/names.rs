//! Settings that TOML may write in two ways. Their readers are written out so that a wrong value is told what is expected.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// One name or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// `target = "OT"`
    One(String),
    /// `target = ["OT", "HULL"]`
    Many(Vec<String>),
    /// Nothing named; also what an empty list is read as.
    #[default]
    None,
}

impl Names {
    /// The names as they were written, in their order.
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            Names::One(name) => vec![name.clone()],
            Names::Many(names) => names.clone(),
            Names::None => Vec::new(),
        }
    }

    /// Whether nothing is named.
    pub fn is_none(&self) -> bool {
        match self {
            Names::One(_) => false,
            Names::Many(names) => names.is_empty(),
            Names::None => true,
        }
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Names::One(name) => serializer.serialize_str(name),
            Names::Many(names) => names.serialize(serializer),
            Names::None => serializer.serialize_seq(Some(0))?.end(),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column name or a list of column names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(if names.is_empty() { Names::None } else { Names::Many(names) })
            }
        }

        deserializer.deserialize_any(NamesVisitor)
    }
}

/// The chronological split, as fractions of all rows or as counts of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// `split = { train = 8640, validation = 2880, test = 2880 }`: counts of rows; rows after them stay unused. With
    /// `train_from = 7200` training windows begin at that row (from 0) and the scaler still sees all training rows: a small training set
    /// whose errors are stated on the scale of the large one.
    Rows {
        /// The first row, from 0, that training windows may use.
        train_from: usize,
        /// Training rows.
        train: usize,
        /// Rows of validation targets.
        validation: usize,
        /// Rows of test targets.
        test: usize,
    },
    /// `split = [0.7, 0.15, 0.15]`: fractions that add up to at most 1.
    Fractions([f64; 3]),
}

impl Default for Split {
    fn default() -> Self {
        Split::Fractions([0.7, 0.15, 0.15])
    }
}

impl Serialize for Split {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Split::Rows { train_from, train, validation, test } => {
                let mut map = serializer.serialize_map(None)?;
                if *train_from > 0 {
                    map.serialize_entry("train_from", train_from)?;
                }
                map.serialize_entry("train", train)?;
                map.serialize_entry("validation", validation)?;
                map.serialize_entry("test", test)?;
                map.end()
            }
            Split::Fractions(fractions) => {
                let mut seq = serializer.serialize_seq(Some(3))?;
                for fraction in fractions {
                    seq.serialize_element(fraction)?;
                }
                seq.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Split {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SplitVisitor;

        impl<'de> Visitor<'de> for SplitVisitor {
            type Value = Split;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[train, validation, test] as three fractions, or { train = N, validation = N, test = N } as rows")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Split, A::Error> {
                let mut fractions = [0.0; 3];
                for (i, fraction) in fractions.iter_mut().enumerate() {
                    *fraction = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(i, &self))?;
                }
                match seq.next_element::<f64>()? {
                    None => Ok(Split::Fractions(fractions)),
                    Some(_) => Err(de::Error::invalid_length(4, &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Split, A::Error> {
                const KEYS: [&str; 4] = ["train", "validation", "test", "train_from"];
                let mut rows = [None; 4];
                while let Some(key) = map.next_key::<String>()? {
                    match KEYS.iter().position(|known| *known == key) {
                        Some(i) => rows[i] = Some(map.next_value::<usize>()?),
                        None => return Err(de::Error::unknown_field(&key, &KEYS)),
                    }
                }
                let row = |i: usize| rows[i].ok_or_else(|| de::Error::missing_field(KEYS[i]));
                Ok(Split::Rows { train: row(0)?, validation: row(1)?, test: row(2)?, train_from: rows[3].unwrap_or(0) })
            }
        }

        deserializer.deserialize_any(SplitVisitor)
    }
}
