//! A value for each baseline, always in the same order and always under the same keys.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The baselines' names, simplest first: the order of every table and every JSON object.
pub const NAMES: [&str; 5] = ["naive", "seasonal_naive", "drift", "nlinear", "ridge"];

/// A value for each baseline of [`NAMES`]; `None` (in JSON `null`) for one that the rows do not allow.
#[derive(Clone, Debug, PartialEq)]
pub struct ByBaseline<T>([Option<T>; NAMES.len()]);

impl<T> ByBaseline<T> {
    /// No baseline has a value yet.
    pub fn new() -> Self {
        ByBaseline([const { None }; NAMES.len()])
    }

    /// Sets the value of the baseline `name`.
    ///
    /// # Panics
    /// If the name is not in [`NAMES`].
    pub fn set(&mut self, name: &str, value: T) {
        let place = NAMES.iter().position(|known| *known == name).expect("a baseline of NAMES");
        self.0[place] = Some(value);
    }

    /// The baselines that have a value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &T)> {
        NAMES.into_iter().zip(&self.0).filter_map(|(name, value)| value.as_ref().map(|value| (name, value)))
    }

    /// The baselines that have none.
    pub fn absent(&self) -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().zip(&self.0).filter(|(_, value)| value.is_none()).map(|(name, _)| name)
    }

    /// Another value of each.
    pub fn map<U>(&self, value: impl Fn(&T) -> U) -> ByBaseline<U> {
        ByBaseline(self.0.each_ref().map(|present| present.as_ref().map(&value)))
    }
}

impl<T> Default for ByBaseline<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize> Serialize for ByBaseline<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(NAMES.len()))?;
        NAMES.iter().zip(&self.0).try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// A baseline's name for people.
pub fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_there_in_order_with_or_without_a_value() {
        let mut values = ByBaseline::new();
        values.set("drift", 2.0);
        values.set("naive", 1.0);
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"{"naive":1.0,"seasonal_naive":null,"drift":2.0,"nlinear":null,"ridge":null}"#);
        assert_eq!(values.iter().collect::<Vec<_>>(), [("naive", &1.0), ("drift", &2.0)]);
        assert_eq!(values.absent().map(spoken).collect::<Vec<_>>(), ["seasonal naive", "nlinear", "ridge"]);
        assert_eq!(values.map(|value| value * 2.0).iter().map(|(_, value)| *value).collect::<Vec<_>>(), [2.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "a baseline of NAMES")]
    fn an_unknown_baseline_is_a_defect() {
        ByBaseline::new().set("oracle", 0.0);
    }
}
