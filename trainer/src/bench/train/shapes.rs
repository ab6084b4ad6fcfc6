//! The networks that are measured, and how many floating-point operations their matrix products take.

use serde::Serialize;

use crate::network::Shape;
use crate::network::plain::NormForm;
use crate::network::shape::Norm;
use crate::regularize::settings::{RecurrentDropout, Regularization, Zoneout};

/// Sequence to one, mean squared error, Adam.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bench {
    /// What the table calls it.
    pub name: &'static str,
    /// I
    pub inputs: usize,
    /// H
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// T
    pub steps: usize,
    /// B
    pub rows: usize,
}

/// From the smallest useful network to one that fills a large microcontroller.
pub const SHAPES: [Bench; 4] = [
    Bench { name: "A", inputs: 1, hidden: 32, layers: 1, steps: 50, rows: 64 },
    Bench { name: "B", inputs: 7, hidden: 64, layers: 2, steps: 96, rows: 32 },
    Bench { name: "C", inputs: 16, hidden: 128, layers: 2, steps: 50, rows: 64 },
    Bench { name: "D", inputs: 8, hidden: 16, layers: 1, steps: 100, rows: 32 },
];

/// Which cell is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
pub enum Cell {
    /// Without regularization.
    #[serde(rename = "lstm")]
    #[value(name = "lstm")]
    Plain,
    /// Layer norm over W x, U h and c (form A), zoneout of 0.1 on c and h, recurrent dropout of 0.1.
    #[serde(rename = "lstm-regularized")]
    #[value(name = "lstm-regularized")]
    Regularized,
}

impl Cell {
    /// As the figures name it.
    pub fn name(self) -> &'static str {
        match self {
            Cell::Plain => "lstm",
            Cell::Regularized => "lstm-regularized",
        }
    }

    /// What the cell is regularized by.
    pub fn regularization(self) -> Regularization {
        match self {
            Cell::Plain => Regularization::default(),
            Cell::Regularized => Regularization {
                recurrent: RecurrentDropout { drop: 0.1, ..RecurrentDropout::default() },
                zoneout: Zoneout { cell: 0.1, hidden: 0.1, ..Zoneout::default() },
                ..Regularization::default()
            },
        }
    }
}

impl Bench {
    /// By its name.
    pub fn find(name: &str) -> Option<Bench> {
        SHAPES.into_iter().find(|shape| shape.name == name)
    }

    /// The network's sizes.
    pub fn shape(&self, cell: Cell) -> Shape {
        let norm = Norm { form: NormForm::A, per_gate: false, epsilon: 1e-5 };
        Shape {
            inputs: self.inputs,
            hidden: vec![self.hidden; self.layers],
            outputs: 1,
            norm: (cell == Cell::Regularized).then_some(norm),
            head_norm: None,
        }
    }

    /// Operations in the matrix products of one step: forward, weight gradients, and gradients of what was multiplied.
    pub fn operations(&self) -> f64 {
        let layer = |l: usize| {
            let inputs = if l == 0 { self.inputs } else { self.hidden };
            let back = self.hidden + if l == 0 { 0 } else { inputs };
            4 * self.hidden * (2 * (inputs + self.hidden) + back)
        };
        2.0 * ((0..self.layers).map(layer).sum::<usize>() * self.steps * self.rows) as f64
    }

    /// `I H L T B`, as the contenders read it.
    pub fn arguments(&self) -> [String; 5] {
        [self.inputs, self.hidden, self.layers, self.steps, self.rows].map(|size| size.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_by_hand() {
        // H 16: forward 4*16*(8+16), weights the same, back 4*16*16; for 100 steps of 32 rows, two operations each.
        let expected = 2.0 * (64.0 * 24.0 * 2.0 + 64.0 * 16.0) * 3200.0;
        assert_eq!(Bench::find("D").map(|shape| shape.operations()), Some(expected));
        assert_eq!(Bench::find("E"), None);
    }
}
