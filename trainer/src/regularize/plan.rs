//! From the settings to the factors at every place of a network, for a training step or for evaluation.

use super::factors::{Factors, GateFactors, Noise};
use super::settings::{Gates, Mask, Reading, Regularization, Scaling};
use crate::network::Real;
use crate::random::Key;

/// Which masks a training step draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskKey {
    /// The training's seed.
    pub seed: u64,
    /// The optimizer step. The same step gives the same masks again.
    pub step: u64,
    /// The batch row of the first window: a part of a batch draws the masks that the whole would.
    pub first_row: usize,
}

/// What the forward pass computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One draw of the masks.
    Training(MaskKey),
    /// The mean network of test time: keep probabilities and zoneout's expectation.
    Evaluation,
}

/// Zoneout of one layer.
#[derive(Clone, Copy, Debug)]
pub struct ZoneFactors<R> {
    /// Shares of c(t-1) in c(t).
    pub cell: Factors<R>,
    /// Shares of h(t-1) in h(t).
    pub hidden: Factors<R>,
    /// Which cell state the output's tanh reads.
    pub reading: Reading,
}

/// The regularizers at work in one layer. `None` is the identity.
#[derive(Clone, Copy, Debug)]
pub struct LayerPlan<R> {
    /// Added to the layer's input, before the mask.
    pub noise: Option<Noise>,
    /// On the layer's input.
    pub input: Option<GateFactors<R>>,
    /// On h(t-1) before U, one mask per sequence.
    pub recurrent: Option<GateFactors<R>>,
    /// On `i*g` (Semeniuta et al.).
    pub candidate: Option<Factors<R>>,
    /// On c' (Moon et al.).
    pub cell: Option<Factors<R>>,
    /// On c and h.
    pub zone: Option<ZoneFactors<R>>,
    /// On the weights U.
    pub weights: Option<Factors<R>>,
    /// Added to W.
    pub noise_w: Option<Noise>,
    /// Added to U.
    pub noise_u: Option<Noise>,
}

/// The regularizers at work in a network.
#[derive(Clone, Debug)]
pub struct Plan<R> {
    /// First layer to last.
    pub layers: Vec<LayerPlan<R>>,
    /// On the last h before the head.
    pub output: Option<Factors<R>>,
    /// The batch row of the first window.
    pub first_row: usize,
}

/// The kinds of masks; no two share their numbers.
#[derive(Clone, Copy)]
enum Kind {
    Input,
    Recurrent,
    ZoneCell,
    ZoneHidden,
    Output,
    Candidate,
    Cell,
    WeightDrop,
    InputNoise,
    NoiseW,
    NoiseU,
}

impl<R: Real> LayerPlan<R> {
    /// Are W and U other than the parameters?
    pub fn changes_weights(&self) -> bool {
        self.weights.is_some() || self.noise_w.is_some() || self.noise_u.is_some()
    }
}

impl<R: Real> Plan<R> {
    /// The factors for a network of some layers. Rates are in [0, 1).
    pub fn new(settings: &Regularization, layers: usize, mode: Mode) -> Self {
        let draws = Draws { mode };
        let Regularization { dropout: on, recurrent, zoneout, candidate, cell, weight_drop, noise, .. } = settings;
        let layer = |l: usize| LayerPlan {
            noise: if l == 0 { draws.noise(noise.input, l, Kind::InputNoise) } else { None },
            input: draws.gates(
                if l == 0 { on.input } else { on.between },
                on.scaling,
                on.mask,
                on.gates,
                draws.key(l, Kind::Input),
            ),
            recurrent: draws.gates(
                recurrent.drop,
                recurrent.scaling,
                Mask::Sequence,
                recurrent.gates,
                draws.key(l, Kind::Recurrent),
            ),
            candidate: draws.dropout(candidate.drop, candidate.scaling, candidate.mask, draws.key(l, Kind::Candidate)),
            cell: draws.dropout(cell.drop, Scaling::Classical, Mask::Sequence, draws.key(l, Kind::Cell)),
            zone: (zoneout.cell > 0.0 || zoneout.hidden > 0.0).then(|| ZoneFactors {
                cell: draws.zone(zoneout.cell, l, Kind::ZoneCell),
                hidden: draws.zone(zoneout.hidden, l, Kind::ZoneHidden),
                reading: zoneout.reading,
            }),
            weights: draws.dropout(weight_drop.drop, weight_drop.scaling, Mask::Step, draws.key(l, Kind::WeightDrop)),
            noise_w: draws.noise(noise.weights, l, Kind::NoiseW),
            noise_u: draws.noise(noise.weights, l, Kind::NoiseU),
        };
        Plan {
            layers: (0..layers).map(layer).collect(),
            output: draws.dropout(on.output, on.scaling, Mask::Sequence, draws.key(layers, Kind::Output)),
            first_row: match mode {
                Mode::Training(key) => key.first_row,
                Mode::Evaluation => 0,
            },
        }
    }
}

/// Draws masks in training, and takes their mean in evaluation.
struct Draws {
    mode: Mode,
}

impl Draws {
    /// The key of a kind of masks in a layer; none in evaluation.
    fn key(&self, layer: usize, kind: Kind) -> Option<Key> {
        match self.mode {
            Mode::Training(key) => Some(Key::new(key.seed).with(key.step).with(layer as u64).with(kind as u64)),
            Mode::Evaluation => None,
        }
    }

    fn dropout<R: Real>(&self, drop: f64, scaling: Scaling, mask: Mask, key: Option<Key>) -> Option<Factors<R>> {
        if drop == 0.0 {
            return None;
        }
        let keep = 1.0 - drop;
        match (key, scaling) {
            (Some(key), Scaling::Inverted) => Some(Factors::drawn(key, mask, drop, R::ZERO, R::from_f64(1.0 / keep))),
            (Some(key), Scaling::Classical) => Some(Factors::drawn(key, mask, drop, R::ZERO, R::ONE)),
            (None, Scaling::Inverted) => None,
            (None, Scaling::Classical) => Some(Factors::Constant(R::from_f64(keep))),
        }
    }

    /// In evaluation one copy serves all gates: their mean is the same.
    fn gates<R: Real>(&self, drop: f64, scaling: Scaling, mask: Mask, gates: Gates, key: Option<Key>) -> Option<GateFactors<R>> {
        let tied = self.dropout(drop, scaling, mask, key)?;
        Some(match (gates, tied) {
            (Gates::Separate, Factors::Drawn { .. }) => GateFactors::Separate([0, 1, 2, 3].map(|gate| tied.apart(gate))),
            _ => GateFactors::Tied(tied),
        })
    }

    fn zone<R: Real>(&self, rate: f64, layer: usize, kind: Kind) -> Factors<R> {
        match self.key(layer, kind) {
            Some(key) if rate > 0.0 => Factors::drawn(key, Mask::Step, rate, R::ONE, R::ZERO),
            _ => Factors::Constant(R::from_f64(rate)),
        }
    }

    fn noise(&self, deviation: f64, layer: usize, kind: Kind) -> Option<Noise> {
        self.key(layer, kind).filter(|_| deviation > 0.0).map(|key| Noise { key, deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regularize::settings::{
        CandidateDropout, CellDropout, Dropout, Noise as NoiseSettings, RecurrentDropout, WeightDrop, Zoneout,
    };

    const TRAINING: Mode = Mode::Training(MaskKey { seed: 1, step: 2, first_row: 0 });

    fn all(scaling: Scaling, gates: Gates, mask: Mask) -> Regularization {
        Regularization {
            dropout: Dropout { input: 0.2, between: 0.3, output: 0.4, scaling, gates, mask },
            recurrent: RecurrentDropout { drop: 0.25, scaling, gates },
            candidate: CandidateDropout { drop: 0.35, scaling, mask },
            cell: CellDropout { drop: 0.15, scaling: None },
            weight_drop: WeightDrop { drop: 0.45, scaling },
            noise: NoiseSettings { input: 0.1, weights: 0.2 },
            zoneout: Zoneout { cell: 0.5, hidden: 0.1, reading: Reading::Zoned },
            ..Regularization::default()
        }
    }

    /// The masks of a plan by name, with their drop probabilities and whether they are classical whatever is asked.
    fn masks(plan: &Plan<f64>) -> Vec<(String, Factors<f64>, f64, bool)> {
        let mut list = vec![("output".to_owned(), plan.output.expect("output"), 0.4, false)];
        for (l, layer) in plan.layers.iter().enumerate() {
            for (name, gates, drop) in
                [("input", layer.input, if l == 0 { 0.2 } else { 0.3 }), ("recurrent", layer.recurrent, 0.25)]
            {
                let gates = gates.expect(name);
                for copy in 0..gates.copies() {
                    list.push((format!("{name} {l} {copy}"), *gates.copy(copy), drop, false));
                }
            }
            list.push((format!("candidate {l}"), layer.candidate.expect("candidate"), 0.35, false));
            list.push((format!("cell {l}"), layer.cell.expect("cell"), 0.15, true));
            list.push((format!("weights {l}"), layer.weights.expect("weights"), 0.45, false));
        }
        list
    }

    /// Share of zeros and the other value, over rows and 16 blocks of units, at one time or over times.
    fn drops(factors: &Factors<f64>) -> (f64, f64) {
        let row = |row: usize| (0..16).flat_map(move |block| factors.lanes(row, row, block));
        let values: Vec<f64> = (0..256).flat_map(row).collect();
        let kept = values.iter().copied().fold(0.0, f64::max);
        assert!(values.iter().all(|&v| v == 0.0 || v == kept));
        (values.iter().filter(|&&v| v == 0.0).count() as f64 / values.len() as f64, kept)
    }

    #[test]
    fn nothing_asked_is_nothing_done() {
        for mode in [TRAINING, Mode::Evaluation] {
            let plan = Plan::<f64>::new(&Regularization::default(), 2, mode);
            assert!(plan.output.is_none());
            for l in &plan.layers {
                assert!(l.input.is_none() && l.recurrent.is_none() && l.zone.is_none() && l.noise.is_none());
                assert!(l.candidate.is_none() && l.cell.is_none() && !l.changes_weights());
            }
        }
    }

    #[test]
    fn rates_and_scales_of_training() {
        for scaling in [Scaling::Inverted, Scaling::Classical] {
            for (gates, count) in [(Gates::Tied, 11), (Gates::Separate, 23)] {
                let plan = Plan::new(&all(scaling, gates, Mask::Sequence), 2, TRAINING);
                let masks = masks(&plan);
                assert_eq!(masks.len(), count);
                for (name, factors, drop, classical) in masks {
                    let (share, kept) = drops(&factors);
                    // Four deviations of a binomial share.
                    assert!((share - drop).abs() < 4.0 * (drop * (1.0 - drop) / 65536.0).sqrt(), "{name}: {share} for {drop}");
                    let scale = if classical || scaling == Scaling::Classical { 1.0 } else { 1.0 / (1.0 - drop) };
                    assert_eq!(kept, scale, "{name}");
                }
            }
        }
    }

    #[test]
    fn sequences_keep_their_masks_and_steps_do_not() {
        let constant = |factors: &Factors<f64>| {
            let mask = |time| (0..16).map(|block| factors.lanes(5, time, block)).collect::<Vec<_>>();
            (1..20).all(|time| mask(time) == mask(0))
        };
        for mask in [Mask::Step, Mask::Sequence] {
            for (name, factors, ..) in masks(&Plan::new(&all(Scaling::Classical, Gates::Separate, mask), 2, TRAINING)) {
                let kind = name.split(' ').next();
                let expected = match kind {
                    Some("input" | "candidate") => mask == Mask::Sequence,
                    // A weight's "time" is its gate.
                    Some("weights") => false,
                    _ => true,
                };
                assert_eq!(constant(&factors), expected, "{name} with {mask:?}");
            }
        }
    }

    #[test]
    fn evaluation_keeps_classical_factors_and_zoneout_rates() {
        for gates in [Gates::Tied, Gates::Separate] {
            let plan = Plan::<f64>::new(&all(Scaling::Inverted, gates, Mask::Sequence), 2, Mode::Evaluation);
            for layer in &plan.layers {
                assert!(layer.input.is_none() && layer.recurrent.is_none() && layer.candidate.is_none());
                assert!(layer.noise.is_none() && !layer.changes_weights());
                // RNNDrop is classical in any case.
                assert_eq!(layer.cell.expect("cell").lanes(1, 2, 3)[4], 0.85);
            }
            assert!(plan.output.is_none());
            let plan = Plan::<f64>::new(&all(Scaling::Classical, gates, Mask::Sequence), 2, Mode::Evaluation);
            let masks = masks(&plan);
            assert_eq!(masks.len(), 11, "one copy serves all gates");
            for (name, factors, drop, _) in masks {
                assert_eq!(factors.lanes(1, 2, 3)[4], 1.0 - drop, "{name}");
            }
            let zone = plan.layers[1].zone.expect("zoneout");
            assert_eq!((zone.cell.lanes(0, 0, 0)[3], zone.hidden.lanes(0, 0, 0)[3]), (0.5, 0.1));
        }
    }

    #[test]
    fn steps_layers_kinds_and_gates_draw_different_masks_and_a_key_draws_them_again() {
        let bits = |step: u64, seed: u64| {
            let settings = all(Scaling::Classical, Gates::Separate, Mask::Sequence);
            let plan = Plan::<f64>::new(&settings, 2, Mode::Training(MaskKey { seed, step, first_row: 0 }));
            // 128 units each: that two masks agree by chance is out of the question. Which of them are 0 is compared.
            let mask = |factors: &Factors<f64>| (0..8).flat_map(|block| factors.lanes(0, 0, block)).collect::<Vec<_>>();
            let mut list: Vec<_> = masks(&plan).iter().map(|(_, factors, ..)| mask(factors)).collect();
            for layer in &plan.layers {
                let zone = layer.zone.expect("zoneout");
                list.extend([mask(&zone.cell), mask(&zone.hidden)]);
            }
            list
        };
        assert_eq!(bits(1, 1), bits(1, 1));
        let all: Vec<_> = [bits(1, 1), bits(2, 1), bits(1, 2)].concat();
        for (k, mask) in all.iter().enumerate() {
            assert!(!all[..k].contains(mask), "mask {k} repeats an earlier one");
        }
    }

    #[test]
    fn noise_reaches_the_input_of_the_first_layer_alone_and_every_place_draws_its_own() {
        let plan = Plan::<f64>::new(&all(Scaling::Inverted, Gates::Tied, Mask::Step), 2, TRAINING);
        assert!(plan.layers[0].noise.is_some() && plan.layers[1].noise.is_none());
        let noises: Vec<Noise> = plan.layers.iter().flat_map(|l| [l.noise, l.noise_w, l.noise_u]).flatten().collect();
        assert_eq!(noises.iter().map(|noise| noise.deviation).collect::<Vec<_>>(), [0.1, 0.2, 0.2, 0.2, 0.2]);
        for (k, noise) in noises.iter().enumerate() {
            assert!(noises[..k].iter().all(|earlier| earlier.key != noise.key));
        }
    }
}
