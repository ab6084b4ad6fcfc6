//! Every rewrite at once, over random configurations, and every kind alone: folded equals unfolded.

use proptest::prelude::*;

use super::random::{Shape, Uniform, agree_kept, is_well_conditioned, scalers, signal, trained};
use super::scaler::SHIFT_GUARD;
use super::{FoldedLstm, MeanNetwork, Target, certify, fold, input_norm, units, zero_groups};
use crate::config::Normalization;
use crate::network::plain::{NormForm, PlainNetwork};
use crate::regularize::settings::{
    ActivationPenalty, CandidateDropout, CellDropout, Dropout, Every, Gates, GroupLasso, LayerNorm, Mask, Noise, Reading,
    RecurrentDropout, Regularization, Scaling, StochasticAverage, WeightDrop, Zoneout,
};

/// A rate that is off in a third of the cases.
fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 2 => 0.01..0.9f64]
}

fn scaling() -> impl Strategy<Value = Scaling> {
    prop_oneof![Just(Scaling::Classical), Just(Scaling::Inverted)]
}

fn mask() -> impl Strategy<Value = Mask> {
    prop_oneof![Just(Mask::Step), Just(Mask::Sequence)]
}

fn gates() -> impl Strategy<Value = Gates> {
    prop_oneof![Just(Gates::Tied), Just(Gates::Separate)]
}

fn form() -> impl Strategy<Value = Option<NormForm>> {
    prop_oneof![Just(None), Just(Some(NormForm::A)), Just(Some(NormForm::B)), Just(Some(NormForm::Joint))]
}

fn regularization() -> impl Strategy<Value = Regularization> {
    let dropout = (rate(), rate(), rate(), scaling(), mask(), gates())
        .prop_map(|(input, between, output, scaling, mask, gates)| Dropout { input, between, output, scaling, mask, gates });
    let recurrent = (rate(), scaling(), gates()).prop_map(|(drop, scaling, gates)| RecurrentDropout { drop, scaling, gates });
    let zoneout = (rate(), rate(), prop_oneof![Just(Reading::Candidate), Just(Reading::Zoned)])
        .prop_map(|(cell, hidden, reading)| Zoneout { cell, hidden, reading });
    let candidate = (rate(), scaling(), mask()).prop_map(|(drop, scaling, mask)| CandidateDropout { drop, scaling, mask });
    let cell = rate().prop_map(|drop| CellDropout { drop, scaling: None });
    let weight_drop = (rate(), scaling()).prop_map(|(drop, scaling)| WeightDrop { drop, scaling });
    let layer_norm = (form(), any::<bool>(), any::<bool>()).prop_map(|(form, per_gate, head)| LayerNorm {
        form,
        per_gate,
        head,
        ..LayerNorm::default()
    });
    (dropout, recurrent, zoneout, candidate, cell, weight_drop, layer_norm, any::<bool>()).prop_map(
        |(dropout, recurrent, zoneout, candidate, cell, weight_drop, layer_norm, lasso)| Regularization {
            dropout,
            recurrent,
            zoneout,
            candidate,
            cell,
            weight_drop,
            layer_norm,
            group_lasso: GroupLasso {
                strength: if lasso && removable(&layer_norm) { 0.01 } else { 0.0 },
                ..GroupLasso::default()
            },
            ..Regularization::default()
        },
    )
}

/// Whether units can be removed: nothing normalizes c.
fn removable(norm: &LayerNorm) -> bool {
    !matches!(norm.form, Some(NormForm::A | NormForm::B))
}

fn shape() -> impl Strategy<Value = Shape> {
    // Two units at least: a norm over one value keeps nothing of it.
    (1usize..4, 1usize..4, prop::collection::vec(2usize..7, 1..4), 1usize..5).prop_flat_map(
        |(features, patch, hidden, horizon)| {
            (1..=features).prop_map(move |targets| Shape { features, patch, hidden: hidden.clone(), targets, horizon })
        },
    )
}

/// A network as a group lasso leaves it: about half of the units' groups small, far below the threshold. The other units.
fn shrunk(network: &mut PlainNetwork, seed: u64) -> Vec<Vec<usize>> {
    let mut uniform = Uniform(seed ^ 0xF00D);
    let kept: Vec<Vec<usize>> = network
        .layers
        .iter()
        .map(|layer| (0..layer.hidden).filter(|unit| *unit == layer.hidden - 1 || uniform.next() > 0.0).collect())
        .collect();
    let full = network.clone();
    units::zero_groups(&mut network.layers, &mut network.head, &kept);
    let soften = |weights: &mut Vec<f64>, full: &[f64]| {
        weights.iter_mut().zip(full).filter(|(weight, _)| **weight == 0.0).for_each(|(weight, full)| *weight = 1e-6 * full);
    };
    for (layer, full) in network.layers.iter_mut().zip(&full.layers) {
        soften(&mut layer.w, &full.w);
        soften(&mut layer.u, &full.u);
        soften(&mut layer.b, &full.b);
    }
    for (layer, full) in network.layers.iter_mut().zip(&full.layers) {
        if let (Some(norm), Some(full)) = (&mut layer.norm, &full.norm) {
            soften(&mut norm.gain_x, &full.gain_x);
            soften(&mut norm.shift_x, &full.shift_x);
        }
    }
    soften(&mut network.head.w, &full.head.w);
    kept
}

/// A trained network, and the units that are to be kept of it.
fn case(seed: u64, shape: &Shape, regularization: &Regularization) -> (PlainNetwork, Vec<Vec<usize>>) {
    let mut network = trained(seed, shape, regularization);
    let kept = if regularization.group_lasso.strength > 0.0 {
        shrunk(&mut network, seed)
    } else {
        shape.hidden.iter().map(|units| (0..*units).collect()).collect()
    };
    (network, kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, max_global_rejects: 40, ..ProptestConfig::default() })]

    #[test]
    fn folded_equals_unfolded(
        seed in any::<u64>(),
        shape in shape(),
        regularization in regularization(),
        target in prop_oneof![Just(Target::Float), Just(Target::Integer)],
        normalization in prop_oneof![Just(Normalization::None), Just(Normalization::Last)],
    ) {
        let scalers = scalers(seed, &shape, normalization);
        let (network, kept) = case(seed, &shape, &regularization);
        let mut unfolded = MeanNetwork::new(&network, &regularization, &scalers).unwrap();
        let zeroed = zero_groups(&mut unfolded, &network, &regularization);
        let gone: usize = shape.hidden.iter().sum::<usize>() - kept.iter().map(Vec::len).sum::<usize>();
        prop_assert_eq!(zeroed.map_or(0, |(_, units)| units), gone);
        let (folded, rewrites) = fold(&network, &regularization, &scalers, target).unwrap();
        prop_assert_eq!((folded.features(), folded.patch(), folded.horizon()), (shape.features, shape.patch, shape.horizon));
        let applied = |name: &str| rewrites.iter().any(|rewrite| rewrite.name == name);
        prop_assert!(applied("target scale"));
        prop_assert_eq!(applied("removed units"), gone > 0);
        for (input, scaler) in folded.inputs.iter().zip(&scalers.inputs) {
            let subtracted = normalization == Normalization::None
                && (target == Target::Integer || scaler.mean.abs() > SHIFT_GUARD * scaler.deviation);
            prop_assert_eq!(input.offset, if subtracted { scaler.mean } else { 0.0 });
            prop_assert_eq!(input.scale, if target == Target::Integer { 1.0 / scaler.deviation } else { 1.0 });
        }
        let apart = !removable(&regularization.layer_norm);
        let pays = |layer: &FoldedLstm| {
            apart && input_norm::pays(layer.weights.inputs, layer.weights.hidden, regularization.layer_norm.per_gate)
        };
        prop_assert_eq!(applied("x norm's gain"), folded.layers.iter().any(pays));
        for (layer, units) in folded.layers.iter().zip(&shape.hidden) {
            prop_assert_eq!(layer.norm.as_ref().is_some_and(|norm| norm.from_inputs.is_some()), pays(layer));
            prop_assert_eq!(layer.norm.as_ref().map(|norm| norm.form), regularization.layer_norm.form);
            prop_assert!(layer.norm.as_ref().is_none_or(|norm| norm.centered && norm.divisor == *units));
        }
        prop_assert_eq!(folded.head_norm.is_some(), regularization.layer_norm.head);
        for name in ["head norm's shift", "head norm's gain", "head norm's mean"] {
            prop_assert_eq!(applied(name), regularization.layer_norm.head);
        }
        prop_assert!(folded.head_norm.is_none_or(|norm| norm.centered && Some(&norm.divisor) == shape.hidden.last()));
        let samples = signal(seed, &scalers, 300 * shape.patch);
        prop_assume!(is_well_conditioned(&unfolded, &samples));
        agree_kept(&unfolded, &folded, &kept, &samples);
    }
}

/// Every kind alone, and how many rewrites it brings beside the target's scale; for both number systems, with and without every norm.
#[test]
fn every_kind_alone() {
    let dropout = |input, between, output| Dropout { input, between, output, scaling: Scaling::Classical, ..Dropout::default() };
    let none = Regularization::default;
    let kinds: [(&str, Regularization, usize); 21] = [
        ("none", none(), 0),
        ("input dropout", Regularization { dropout: dropout(0.2, 0.0, 0.0), ..none() }, 1),
        ("dropout between layers", Regularization { dropout: dropout(0.0, 0.3, 0.0), ..none() }, 1),
        ("output dropout", Regularization { dropout: dropout(0.0, 0.0, 0.4), ..none() }, 1),
        (
            "variational dropout",
            Regularization {
                dropout: Dropout { mask: Mask::Sequence, gates: Gates::Separate, ..dropout(0.2, 0.3, 0.0) },
                ..none()
            },
            2,
        ),
        (
            "inverted dropout",
            Regularization { dropout: Dropout { scaling: Scaling::Inverted, ..dropout(0.2, 0.3, 0.4) }, ..none() },
            0,
        ),
        (
            "recurrent dropout",
            Regularization {
                recurrent: RecurrentDropout { drop: 0.3, scaling: Scaling::Classical, gates: Gates::Separate },
                ..none()
            },
            1,
        ),
        ("weight-drop", Regularization { weight_drop: WeightDrop { drop: 0.4, scaling: Scaling::Classical }, ..none() }, 1),
        (
            "inverted weight-drop",
            Regularization { weight_drop: WeightDrop { drop: 0.4, scaling: Scaling::Inverted }, ..none() },
            0,
        ),
        (
            "candidate dropout",
            Regularization { candidate: CandidateDropout { drop: 0.3, scaling: Scaling::Classical, mask: Mask::Step }, ..none() },
            0,
        ),
        (
            "candidate dropout by sequence",
            Regularization {
                candidate: CandidateDropout { drop: 0.3, scaling: Scaling::Classical, mask: Mask::Sequence },
                ..none()
            },
            0,
        ),
        ("cell dropout", Regularization { cell: CellDropout { drop: 0.25, scaling: None }, ..none() }, 0),
        (
            "cell zoneout",
            Regularization { zoneout: Zoneout { cell: 0.3, hidden: 0.0, reading: Reading::Candidate }, ..none() },
            0,
        ),
        (
            "zoned cell zoneout",
            Regularization { zoneout: Zoneout { cell: 0.3, hidden: 0.0, reading: Reading::Zoned }, ..none() },
            0,
        ),
        (
            "hidden zoneout",
            Regularization { zoneout: Zoneout { cell: 0.0, hidden: 0.2, reading: Reading::Candidate }, ..none() },
            0,
        ),
        ("noise", Regularization { noise: Noise { input: 0.1, weights: 0.05 }, ..none() }, 0),
        ("activation penalties", Regularization { activation: ActivationPenalty { ar: 1.0, tar: 1.0, norm: 1.0 }, ..none() }, 0),
        ("max-norm", Regularization { max_norm: 1.0, ..none() }, 0),
        ("equal averaging", Regularization { swa: StochasticAverage { from: 0.5, every: Every::Epoch }, ..none() }, 0),
        ("averaging and decay", Regularization { average: 0.99, decay: 0.1, l1: 0.1, l2: 0.1, decay_biases: true, ..none() }, 0),
        ("group lasso", Regularization { group_lasso: GroupLasso { strength: 0.01, threshold: 1e-3 }, ..none() }, 1),
    ];
    let shape = Shape { features: 2, patch: 2, hidden: vec![6, 5, 4], targets: 2, horizon: 2 };
    let norms = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];
    let variants = |form: &Option<NormForm>| [(*form, false, false), (*form, true, false), (*form, true, true)];
    for (form, per_gate, head) in norms.iter().flat_map(variants) {
        let layer_norm = LayerNorm { form, per_gate, head, ..LayerNorm::default() };
        for (name, regularization, count) in &kinds {
            let regularization = Regularization { layer_norm, ..*regularization };
            if regularization.group_lasso.strength > 0.0 && !removable(&layer_norm) {
                continue;
            }
            for target in [Target::Float, Target::Integer] {
                let scalers = scalers(61, &shape, Normalization::Last);
                let (network, kept) = case(61, &shape, &regularization);
                let mut unfolded = MeanNetwork::new(&network, &regularization, &scalers).unwrap();
                zero_groups(&mut unfolded, &network, &regularization);
                let (folded, rewrites) = fold(&network, &regularization, &scalers, target).unwrap();
                agree_kept(&unfolded, &folded, &kept, &signal(61, &scalers, 400));
                let of_form = match form {
                    // Merged shifts, centering, and (whose triangles are too many gate by gate) the gain of x; a factor of its own on
                    // the cell.
                    Some(NormForm::A) => 3 - usize::from(per_gate) + usize::from(name.starts_with("candidate")),
                    Some(NormForm::B) => 3 - usize::from(per_gate) + usize::from(*name == "cell dropout"),
                    // Centering of the layers that lost units, and of those that did not.
                    Some(NormForm::Joint) => 1 + usize::from(*name == "group lasso" && kept[2].len() == 4),
                    None => 0,
                };
                let of_target = if target == Target::Float { 1 + usize::from(*name == "hidden zoneout") } else { 0 };
                let names: Vec<&str> = rewrites.iter().map(|rewrite| rewrite.name).collect();
                // Shift, gain and mean of the norm before the head.
                let of_head = if head { 3 } else { 0 };
                assert_eq!(names.len(), 1 + count + of_form + of_head + of_target, "{name} under {form:?}: {names:?}");
            }
        }
    }
}

/// Layer norm, zoneout, classical dropout and removed units at once: the certificate, printed.
#[test]
fn everything_at_once_is_certified() {
    let regularization = Regularization {
        dropout: Dropout { input: 0.1, between: 0.2, output: 0.3, scaling: Scaling::Classical, ..Dropout::default() },
        recurrent: RecurrentDropout { drop: 0.25, scaling: Scaling::Classical, ..RecurrentDropout::default() },
        weight_drop: WeightDrop { drop: 0.2, scaling: Scaling::Classical },
        candidate: CandidateDropout { drop: 0.3, scaling: Scaling::Classical, ..CandidateDropout::default() },
        cell: CellDropout { drop: 0.1, scaling: None },
        zoneout: Zoneout { cell: 0.4, hidden: 0.1, ..Zoneout::default() },
        layer_norm: LayerNorm { form: Some(NormForm::Joint), per_gate: true, head: true, ..LayerNorm::default() },
        group_lasso: GroupLasso { strength: 0.01, ..GroupLasso::default() },
        ..Regularization::default()
    };
    let shape = Shape { features: 2, patch: 2, hidden: vec![16, 12], targets: 2, horizon: 6 };
    for target in [Target::Float, Target::Integer] {
        let mut scalers = scalers(71, &shape, Normalization::None);
        // Means of a deviation: there is a shift to fold, and none so large that differences would not show beside it.
        for scaler in scalers.inputs.iter_mut().chain(&mut scalers.targets) {
            scaler.mean = scaler.deviation;
        }
        let (network, kept) = case(71, &shape, &regularization);
        let windows: Vec<Vec<f64>> = signal(71, &scalers, 32 * 24).chunks_exact(48).map(<[f64]>::to_vec).collect();
        let (folded, certificate) = certify(&network, &regularization, &scalers, target, &windows).unwrap();
        println!("{certificate}");
        assert!(folded.layers.iter().zip(&kept).all(|(layer, kept)| layer.weights.hidden == kept.len()));
        let names: Vec<&str> = certificate.rewrites.iter().map(|rewrite| rewrite.name.as_str()).collect();
        let float = target == Target::Float;
        let expected = [
            ("input dropout's keep factor", true),
            ("between-layer dropout's keep factor", true),
            ("recurrent dropout's keep factor", true),
            ("weight-drop's keep factor", true),
            ("output dropout's keep factor", true),
            ("input shift", float),
            ("input scale", float),
            ("target scale", true),
            ("target shift", true),
            ("head norm's shift", true),
            ("head norm's gain", true),
            ("removed units", true),
            ("norms' means, with units removed", true),
            ("head norm's mean", true),
            ("hidden zoneout's factor", float),
        ];
        assert!(names.into_iter().eq(expected.into_iter().filter_map(|(name, applies)| applies.then_some(name))));
        assert!(certificate.rewrites.iter().all(|rewrite| rewrite.difference.relative <= super::random::BAR));
        assert!(certificate.whole.relative > 0.0 && certificate.whole.relative <= super::random::BAR);
        let zeroed = certificate.zeroed.unwrap();
        assert_eq!(zeroed.units, 28 - kept.iter().map(Vec::len).sum::<usize>());
        assert!(zeroed.weights > 100 && zeroed.largest < 1e-5);
        assert!(zeroed.difference.relative > 1e-9 && zeroed.difference.relative < 1e-4, "{zeroed:?}");
    }
}

/// Without regularizers and with unit scalers nothing is left to rewrite.
#[test]
fn a_plain_network_passes_through() {
    let shape = Shape { features: 1, patch: 1, hidden: vec![4], targets: 1, horizon: 1 };
    let network = trained(1, &shape, &Regularization::default());
    let mut scalers = scalers(1, &shape, Normalization::Last);
    for scaler in scalers.inputs.iter_mut().chain(&mut scalers.targets) {
        scaler.deviation = 1.0;
    }
    for target in [Target::Float, Target::Integer] {
        let (folded, rewrites) = fold(&network, &Regularization::default(), &scalers, target).unwrap();
        assert_eq!(rewrites, []);
        assert_eq!((&folded.layers[0].weights, &folded.head), (&network.layers[0], &network.head));
        assert_eq!(folded.layers[0].zoneout, None);
    }
}
