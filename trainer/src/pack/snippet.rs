//! The Rust lines that name a network's type, for the firmware.

use std::fmt::Write;

use embedded_rnn::image::{Arithmetic, Functions, Layout, Manifest, Mode};
use embedded_rnn::network::{CellForm, HeadForm};

/// The module that the exporter writes beside a model file. `layers`: inputs, units and form of each LSTM layer; `head`: the head's form;
/// `levels`: of its quantiles, none where it has none; `skip`: the rank of a linear skip, 0 where there is none.
pub fn snippet(
    manifest: &Manifest<'_>,
    layers: &[(usize, usize, CellForm)],
    head: HeadForm,
    levels: &[f32],
    skip: usize,
    file_name: &str,
) -> String {
    let window = &manifest.window;
    let number = match manifest.arithmetic {
        Arithmetic::F32 { functions: Functions::Libm } => "Float<Libm>",
        Arithmetic::F32 { functions: Functions::Micromath } => "Float<Micromath>",
        Arithmetic::F32 { .. } => "Float<Rational>",
        Arithmetic::Int8Cell16 { .. } if manifest.layout == Layout::RowMajor => "Int8<RowMajor, Cell16>",
        Arithmetic::Int8Cell16 { .. } => "Int8<PackedPair, Cell16>",
        _ if manifest.layout == Layout::RowMajor => "Int8<RowMajor>",
        _ => "Int8",
    };
    let lstm = |(inputs, hidden, form): &(usize, usize, CellForm)| match *form {
        CellForm::PLAIN => format!("Lstm<{inputs}, {hidden}>"),
        form => format!("Lstm<{inputs}, {hidden}, {}>", form.type_name()),
    };
    // Then<Then<A, B>, C>
    let body = layers.iter().map(lstm).reduce(|below, layer| format!("Then<{below}, {layer}>")).unwrap_or_default();
    let last = layers.last().map_or(0, |(_, hidden, _)| *hidden);
    let head = match head {
        HeadForm::Plain => String::new(),
        form => format!(", {}", form.type_name()),
    };
    let season = window.normalization.season();
    let values = (usize::from(window.lookback) - season) * usize::from(window.features);
    let skip = if skip > 0 { format!(", Skip<{values}, {skip}>") } else { String::new() };
    let classes: Vec<&str> = manifest.classes().collect();
    let dense = match classes.len() {
        0 => format!("Dense<{last}, {}, {}{head}>", window.targets, window.horizon),
        classes => format!("Dense<{last}, {classes}, 1{head}>"),
    };
    let dense = match (levels.len(), classes.is_empty()) {
        (_, false) => format!("Classes<{dense}>"),
        (0, true) => dense,
        (quantiles, true) => format!("Quantiles<{dense}, {quantiles}>"),
    };
    let network = format!("Network<{body}, {dense}{skip}>");
    let (mode, span, network_steps) = match window.mode {
        Mode::Windowed => ("", "Samples in a window", "Network steps of a forecast"),
        Mode::Streaming { .. } => (", 0, Streaming", "Samples of a segment in training", "Network steps of such a segment"),
    };
    // Every name in the types is one that the crate's root has.
    let types = format!("{network}, {number}{mode}");
    let names = types.split(|c: char| !c.is_ascii_alphanumeric());
    let mut uses: Vec<&str> = names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
    uses.sort_unstable();
    uses.dedup();
    let quantiles = match levels.len() {
        0 => String::new(),
        count => format!(
            "/// Levels of the quantiles of each value, which `quantiles()` gives in this order; `forecast()` gives the median.\n\
             pub const QUANTILES: [f32; {count}] = {levels:?};\n"
        ),
    };
    let (season, steps, parameter) = match season {
        0 => (String::new(), "LOOKBACK / PATCH", ""),
        season => (
            format!(
                "/// Samples of a window that only serve to be subtracted: its first season.\npub const SEASON: usize = {season};\n"
            ),
            "(LOOKBACK - SEASON) / PATCH",
            ", SEASON",
        ),
    };
    let said = if classes.is_empty() {
        format!(
            "/// Columns that are forecast: the first ones of a sample.\n\
             pub const TARGETS: usize = {};\n\
             /// Samples forecast.\n\
             pub const HORIZON: usize = {};\n\
             {quantiles}",
            window.targets, window.horizon
        )
    } else {
        format!(
            "/// Classes, in the order in which `classify()` counts them: {}.\n\
             pub const CLASSES: usize = {};\n",
            classes.join(", "),
            classes.len()
        )
    };
    let mut text = String::new();
    let columns: Vec<&str> = manifest.series.columns().take(window.features.into()).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "// Written by `rnn export` beside {file_name}; names the type of the network in it.\n\
         // Columns of a sample: {}.\n\
         \n\
         use embedded_rnn::{{{}}};\n\
         \n\
         /// Columns of a sample.\n\
         pub const FEATURES: usize = {};\n\
         /// {span}.\n\
         pub const LOOKBACK: usize = {};\n\
         /// Samples that enter the network as one step.\n\
         pub const PATCH: usize = {};\n\
         {season}\
         /// {network_steps}.\n\
         pub const STEPS: usize = {steps};\n\
         {said}\
         \n\
         /// The model in {file_name}.\n\
         pub type Model<'m> = embedded_rnn::Model<'m, {number}, {network}, FEATURES, LOOKBACK, PATCH{parameter}{mode}>;\n",
        columns.join(", "),
        uses.join(", "),
        window.features,
        window.lookback,
        window.patch,
    );
    text
}
