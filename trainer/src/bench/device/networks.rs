//! The networks that are measured, each with the configuration that trains it in a few seconds on the shipped series.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::error::Result;

/// Inputs and units that costs are stated for.
pub const SHAPES: [(usize, usize); 4] = [(1, 16), (8, 32), (8, 64), (16, 128)];

/// Steps of a window: enough for states to settle.
const STEPS: usize = 16;

/// A cell, by what programs call it, and the settings that train it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// `lstm`, `lstm-ln-a`, `lstm-ln-b`, `lstm-ln-joint`.
    pub name: &'static str,
    /// What else it does.
    pub variant: &'static str,
    /// Under `[regularization]`.
    settings: &'static str,
}

macro_rules! zoneout {
    () => {
        "zoneout = { cell = 0.5, hidden = 0.05 }\n"
    };
}

macro_rules! normed {
    ($form:literal) => {
        concat!(zoneout!(), "layer_norm = { form = \"", $form, "\" }\n")
    };
}

/// The cells that costs are stated for.
pub const CELLS: [Cell; 5] = [
    Cell { name: "lstm", variant: "plain", settings: "" },
    Cell { name: "lstm", variant: "zoneout", settings: zoneout!() },
    Cell { name: "lstm-ln-joint", variant: "zoneout", settings: normed!("joint") },
    Cell { name: "lstm-ln-a", variant: "zoneout", settings: normed!("a") },
    Cell { name: "lstm-ln-b", variant: "zoneout", settings: normed!("b") },
];

/// One network: a cell of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The cell.
    pub cell: Cell,
    /// Inputs of a step.
    pub input: usize,
    /// Units.
    pub hidden: usize,
}

impl Network {
    /// Multiply-accumulates of a step.
    pub fn macs(&self) -> usize {
        4 * self.hidden * (self.input + self.hidden)
    }

    /// The configuration that trains it, beside `sunspots.csv`: a step reads a patch of as many months as it has inputs.
    pub fn config(&self) -> String {
        let Network { cell, input, hidden } = self;
        format!(
            "[data]\npath = \"sunspots.csv\"\ntime = \"month\"\ntarget = \"sunspots\"\nunit = \"sunspots\"\nseason = 132\n\
             split = [0.70, 0.15, 0.15]\n\n\
             [window]\nlookback = {}\npatch = {input}\nhorizon = 12\ntransform = \"sqrt\"\nnormalization = \"last\"\n\n\
             [network]\nhidden = [{hidden}]\n\n\
             [regularization]\n{}\n\
             [training]\nepochs = 3\nbatch = 64\nlearning_rate = 4e-3\n",
            STEPS * input,
            cell.settings
        )
    }

    /// The folder of its training: another configuration or another version of the program has another one. Defaults count, so that a
    /// program which knows more keys does not meet a training that it has to refuse.
    pub fn folder(&self) -> Result<String> {
        let Network { cell, input, hidden } = self;
        let resolved = Config::parse(&self.config(), Path::new("the bench's configuration"))?.to_toml()?;
        let digest = Sha256::digest(format!("{} {resolved}", env!("CARGO_PKG_VERSION")));
        let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{}-{}-{input}x{hidden}-{digest}", cell.name, cell.variant))
    }
}

/// The networks of the cells that `wanted` names; all of them if it names none.
pub fn networks(wanted: Option<&str>) -> Vec<Network> {
    let cells = CELLS.into_iter().filter(|cell| wanted.is_none_or(|wanted| wanted == cell.name));
    cells.flat_map(|cell| SHAPES.map(|(input, hidden)| Network { cell, input, hidden })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_has_a_sound_configuration_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let mut folders = Vec::new();
        for network in networks(None) {
            std::fs::write(&path, network.config()).unwrap();
            let config = Config::read(&path).unwrap();
            assert_eq!((config.window.patch, config.network.hidden), (network.input, vec![network.hidden]));
            let has_norm = config.regularization.layer_norm.form.is_some();
            assert_eq!(has_norm, network.cell.name != "lstm", "{network:?}");
            assert_eq!(config.regularization.zoneout.hidden > 0.0, network.cell.variant == "zoneout");
            folders.push(network.folder().unwrap());
        }
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), CELLS.len() * SHAPES.len());
    }

    #[test]
    fn cells_are_chosen_by_name() {
        assert_eq!(networks(Some("lstm")).len(), 8);
        assert_eq!(networks(Some("lstm-ln-a")).len(), 4);
        assert_eq!(networks(Some("lstm"))[7].macs(), 4 * 128 * 144);
    }
}
