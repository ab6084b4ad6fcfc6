//! A variant at other rates than its own: every number of its settings times a factor.

use toml::Value;

/// What a variant's rates are multiplied by: half a decade from one to the next.
pub const FACTORS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];

/// The settings with every number multiplied, as they would be written.
pub fn scaled(settings: &str, factor: f64) -> Result<String, toml::de::Error> {
    let mut table: toml::Table = toml::from_str(settings)?;
    table.iter_mut().for_each(|(_, value)| scale(value, factor));
    Ok(table.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n"))
}

fn scale(value: &mut Value, factor: f64) {
    match value {
        Value::Float(number) => *number = rounded(*number * factor),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| scale(value, factor)),
        _ => {}
    }
}

/// Four significant digits, as a person would write them.
fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_multiplied_and_nothing_else() {
        let settings = "dropout = { input = 0.1, mask = \"sequence\" }\nl2 = 1e-3";
        assert_eq!(scaled(settings, 3.0).unwrap(), "dropout = { input = 0.3, mask = \"sequence\" }\nl2 = 0.003");
        assert_eq!(scaled("layer_norm = { head = true }", 10.0).unwrap(), "layer_norm = { head = true }");
        assert!(scaled("l2 = ", 1.0).is_err());
    }
}
