//! Removal of hidden units (intrinsic sparse structures: Wen et al., arXiv 1709.05027, section 3.2).
//!
//! Unit k of layer l is rows k, H+k, 2H+k, 3H+k of `W_l`, `U_l`, `b_l`, column k of `U_l`, and column k of `W_(l+1)` or V. Without layer
//! norm it can go when nothing reads it, that is when its columns are zero, whatever its rows hold. Under the joint norm its rows and
//! biases must be zero too, because they take part in the statistics of the others; then they add 0 to both sums, and the statistics keep
//! the original divisor. Under a norm over c (forms A and B) no unit can go: its cell takes part in the statistics of c.
//!
//! Under layer norm before the head a unit of the last layer takes part in the head's statistics by its h, even where nothing reads it. It can
//! go when its h is zero: when the candidate's row and bias are, so that `g = tanh(0)` never writes to its cell, and under the joint norm the
//! candidate's γ and β too. The statistics keep the original divisor here as well.
//!
//! Training leaves groups whose weights are small rather than zero. Setting them to zero ([`zero_groups`]) changes the network and is
//! measured; what follows ([`remove`]) is exact.

use super::folded::{FoldedLstm, FoldedNetwork};
use super::rewrite::Rewrite;
use crate::network::plain::{NormForm, PlainDense, PlainLstm, PlainNetwork};

/// The candidate g among the gates `i f g o`.
const CANDIDATE: usize = 2;

/// What zeroing did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zeroed {
    /// Weights that were not zero before.
    pub weights: usize,
    /// The largest of them.
    pub largest: f64,
}

/// What decides which weights keep a unit of a layer from being removed.
#[derive(Clone, Copy)]
struct Around<'a> {
    form: Option<NormForm>,
    /// γ and β of the joint norm.
    affine: [&'a [f64]; 2],
    /// Layer norm stands between the layer and the head.
    before_head: bool,
}

/// For each unit of a layer the largest weight that keeps it from being removed. `above` `[..][H]` reads the layer.
fn obstacles(lstm: &PlainLstm, around: Around<'_>, above: &[f64]) -> Vec<f64> {
    let units = lstm.hidden;
    let mut largest = vec![0f64; units];
    let mut see = |unit: usize, weight: f64| largest[unit] = largest[unit].max(weight.abs());
    for row in lstm.u.chunks_exact(units).chain(above.chunks_exact(units)) {
        row.iter().enumerate().for_each(|(unit, weight)| see(unit, *weight));
    }
    if around.before_head {
        for unit in 0..units {
            let row = CANDIDATE * units + unit;
            let own = lstm.w[row * lstm.inputs..][..lstm.inputs]
                .iter()
                .chain(&lstm.u[row * units..][..units])
                .chain(&lstm.b[row..=row]);
            own.for_each(|weight| see(unit, *weight));
            // Empty without a norm.
            around.affine.iter().filter_map(|values| values.get(row)).for_each(|weight| see(unit, *weight));
        }
    }
    match around.form {
        None => {}
        Some(NormForm::Joint) => {
            let rows = lstm.w.chunks_exact(lstm.inputs).zip(lstm.u.chunks_exact(units)).zip(&lstm.b).enumerate();
            for (row, ((w, u), b)) in rows {
                w.iter().chain(u).chain([b]).for_each(|weight| see(row % units, *weight));
            }
        }
        Some(NormForm::A | NormForm::B) => largest.fill(f64::INFINITY),
    }
    largest
}

/// Units whose obstacles are at least `threshold`, or not zero where the threshold is; a layer keeps at least one.
fn kept(obstacles: &[f64], threshold: f64) -> Vec<usize> {
    let stays = |obstacle: f64| obstacle >= threshold && obstacle > 0.0;
    let kept: Vec<usize> = (0..obstacles.len()).filter(|unit| stays(obstacles[*unit])).collect();
    if kept.is_empty() {
        // The first of the largest.
        let order = |a: &usize, b: &usize| obstacles[*a].total_cmp(&obstacles[*b]).then(b.cmp(a));
        return (0..obstacles.len()).max_by(order).into_iter().collect();
    }
    kept
}

/// The units to keep, ascending, of every layer: those with a weight of at least `threshold` in their group. What a layer and its reader
/// share counts for both, so the groups of all layers are judged before any is zeroed.
pub fn kept_units(network: &PlainNetwork, threshold: f64) -> Vec<Vec<usize>> {
    let PlainNetwork { layers, head, .. } = network;
    let above = layers[1..].iter().map(|layer| &layer.w).chain([&head.w]);
    let layers = layers.iter().zip(above).enumerate().map(|(index, (layer, above))| {
        let norm = layer.norm.as_ref();
        let around = Around {
            form: norm.map(|norm| norm.form),
            affine: norm.map_or([&[][..]; 2], |norm| [&norm.gain_x, &norm.shift_x]),
            before_head: head.norm.is_some() && index + 1 == layers.len(),
        };
        kept(&obstacles(layer, around, above), threshold)
    });
    layers.collect()
}

/// Sets to zero what keeps the other units from being removed: their columns, under layer norm their rows and biases, and of the last layer
/// before a normalized head their candidate's rows, biases, γ and β.
pub fn zero_groups(layers: &mut [PlainLstm], head: &mut PlainDense, kept: &[Vec<usize>]) -> Zeroed {
    let mut zeroed = Zeroed::default();
    let mut zero = |weight: &mut f64| {
        if *weight != 0.0 {
            zeroed.weights += 1;
            zeroed.largest = zeroed.largest.max(weight.abs());
            *weight = 0.0;
        }
    };
    for (index, kept) in kept.iter().enumerate() {
        let (below, above) = layers.split_at_mut(index + 1);
        let layer = &mut below[index];
        let units = layer.hidden;
        let before_head = above.is_empty() && head.norm.is_some();
        let above = above.first_mut().map_or(&mut head.w, |layer| &mut layer.w);
        for unit in (0..units).filter(|unit| !kept.contains(unit)) {
            layer.u.iter_mut().chain(above.iter_mut()).skip(unit).step_by(units).for_each(&mut zero);
            let gates = match (&layer.norm, before_head) {
                (Some(_), _) => 0..4,
                (None, true) => CANDIDATE..CANDIDATE + 1,
                (None, false) => 0..0,
            };
            if let (Some(norm), true) = (&mut layer.norm, before_head) {
                let row = CANDIDATE * units + unit;
                [&mut norm.gain_x, &mut norm.shift_x].into_iter().for_each(|values| zero(&mut values[row]));
            }
            for row in gates.map(|gate| gate * units + unit) {
                layer.w[row * layer.inputs..][..layer.inputs].iter_mut().for_each(&mut zero);
                layer.u[row * units..][..units].iter_mut().for_each(&mut zero);
                zero(&mut layer.b[row]);
            }
        }
    }
    zeroed
}

/// Keeps the given rows of a matrix, or the given elements where `columns` is 1.
fn keep_rows(matrix: &mut Vec<f64>, columns: usize, rows: impl Iterator<Item = usize>) {
    *matrix = rows.flat_map(|row| &matrix[row * columns..][..columns]).copied().collect();
}

/// Keeps the given columns of a matrix that has `columns` of them.
fn keep_columns(matrix: &mut Vec<f64>, columns: usize, kept: &[usize]) {
    *matrix = matrix.chunks_exact(columns).flat_map(|row| kept.iter().map(|column| row[*column])).collect();
}

/// Takes every unit but the kept ones out of a layer's own tensors, and out of `reader`, the matrix that reads the layer.
fn shrink(lstm: &mut PlainLstm, reader: &mut Vec<f64>, kept: &[usize]) {
    let units = lstm.hidden;
    let rows = || (0..4).flat_map(|gate| kept.iter().map(move |unit| gate * units + unit));
    keep_rows(&mut lstm.w, lstm.inputs, rows());
    keep_rows(&mut lstm.u, units, rows());
    keep_rows(&mut lstm.b, 1, rows());
    keep_columns(&mut lstm.u, units, kept);
    keep_columns(reader, units, kept);
    lstm.hidden = kept.len();
}

/// Removes from a network without layer norm all units but the kept ones; exact if the columns of the others are zero.
///
/// The layers' count of inputs and the head's follow.
pub fn shrink_plain(network: &mut PlainNetwork, kept: &[Vec<usize>]) {
    assert!(network.head.norm.is_none(), "statistics need the original divisor");
    for (index, kept) in kept.iter().enumerate() {
        let (below, above) = network.layers.split_at_mut(index + 1);
        assert!(below[index].norm.is_none(), "statistics need the original divisor");
        let (reader, inputs) = match above.first_mut() {
            Some(layer) => (&mut layer.w, &mut layer.inputs),
            None => (&mut network.head.w, &mut network.head.inputs),
        };
        shrink(&mut below[index], reader, kept);
        *inputs = kept.len();
    }
}

/// Removes every unit whose group is zero. The statistics of layer norm keep their divisor.
pub fn remove(network: &mut FoldedNetwork) -> Option<Rewrite> {
    let mut applied = Vec::new();
    for index in 0..network.layers.len() {
        let (below, above) = network.layers.split_at_mut(index + 1);
        let FoldedLstm { weights, norm, .. } = &mut below[index];
        let before_head = above.is_empty() && network.head_norm.is_some();
        let (reader, inputs) = match above.first_mut() {
            Some(layer) => (&mut layer.weights.w, &mut layer.weights.inputs),
            None => (&mut network.head.w, &mut network.head.inputs),
        };
        let units = weights.hidden;
        let around = Around {
            form: norm.as_ref().map(|norm| norm.form),
            affine: norm.as_ref().map_or([&[][..]; 2], |norm| [&norm.gain_x, &norm.shift]),
            before_head,
        };
        let kept = kept(&obstacles(weights, around, reader), 0.0);
        if kept.len() == units {
            continue;
        }
        shrink(weights, reader, &kept);
        *inputs = kept.len();
        if let Some(norm) = norm {
            // Only the joint form gets here: it has no vectors over c.
            for rows in [&mut norm.gain_x, &mut norm.shift] {
                keep_rows(rows, 1, (0..4).flat_map(|gate| kept.iter().map(move |unit| gate * units + unit)));
            }
        }
        applied.push(format!("layer {} keeps {} of {units} units", index + 1, kept.len()));
    }
    (!applied.is_empty()).then(|| Rewrite {
        name: "removed units",
        formula: "rows k of W, U, b and columns k of U, W(l+1) or V leave; norms keep dividing by the original count",
        source: "Wen et al., arXiv 1709.05027",
        applied: applied.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Normalization;
    use crate::fold::mean::{MeanNetwork, Scaler};
    use crate::fold::random::{Shape, agree_kept, kept_difference, mean, signal, trained};
    use crate::fold::reference::Reference;
    use crate::regularize::settings::{LayerNorm, Regularization, Zoneout};

    fn shape() -> Shape {
        Shape { features: 2, patch: 1, hidden: vec![6, 5, 4], targets: 2, horizon: 2 }
    }

    fn kept_sets() -> Vec<Vec<usize>> {
        vec![vec![0, 3, 4], vec![1, 2, 3, 4], vec![3]]
    }

    fn settings(form: Option<NormForm>) -> Regularization {
        Regularization {
            layer_norm: LayerNorm { form, ..LayerNorm::default() },
            zoneout: Zoneout { cell: 0.2, hidden: 0.1, ..Zoneout::default() },
            ..Regularization::default()
        }
    }

    /// A mean network whose groups outside [`kept_sets`] are zero, targets unscaled.
    fn grouped(form: Option<NormForm>) -> MeanNetwork {
        let mut network = mean(41, &shape(), &settings(form), Normalization::Last);
        network.scalers.targets.fill(Scaler { mean: 0.0, deviation: 1.0 });
        let zeroed = zero_groups(&mut network.layers, &mut network.head, &kept_sets());
        assert!(zeroed.weights > 0 && zeroed.largest > 0.1);
        network
    }

    #[test]
    fn units_that_nothing_reads_leave_whatever_they_read() {
        for form in [None, Some(NormForm::Joint)] {
            let before = grouped(form);
            let mut after = FoldedNetwork::from_mean(before.clone());
            let done = remove(&mut after).unwrap();
            assert_eq!(done.applied, "layer 1 keeps 3 of 6 units, layer 2 keeps 4 of 5 units, layer 3 keeps 1 of 4 units");
            assert_eq!(after.widths(), [3, 4, 1]);
            agree_kept(&before, &after, &kept_sets(), &signal(41, &before.scalers, 300));
            assert_eq!(remove(&mut after), None, "a second time there is nothing left to do");
        }
    }

    #[test]
    fn shrinking_a_plain_network_is_the_same_removal() {
        let before = grouped(None);
        let mut folded = FoldedNetwork::from_mean(before.clone());
        remove(&mut folded).unwrap();
        let mut plain = PlainNetwork { layers: before.layers.clone(), head: before.head.clone(), skip: None };
        assert_eq!(kept_units(&plain, 0.0), kept_sets());
        shrink_plain(&mut plain, &kept_sets());
        assert_eq!(plain.head, folded.head);
        assert!(plain.layers.iter().zip(&folded.layers).all(|(plain, folded)| *plain == folded.weights));
        let mut network = before;
        (network.layers, network.head) = (plain.layers, plain.head);
        let samples = signal(41, &network.scalers, 50);
        let all: Vec<Vec<usize>> = network.widths().into_iter().map(|units| (0..units).collect()).collect();
        agree_kept(&network, &folded, &all, &samples);
    }

    /// A unit that nothing reads still takes part in a norm's statistics, so without zero rows it is no unit to remove.
    #[test]
    fn under_layer_norm_unread_units_matter_and_stay() {
        let plain = grouped(None);
        let unread = |form| {
            let mut network = mean(41, &shape(), &settings(Some(form)), Normalization::Last);
            network.scalers.targets.fill(Scaler { mean: 0.0, deviation: 1.0 });
            for (layer, columns) in network.layers.iter_mut().zip(&plain.layers) {
                layer.w.clone_from(&columns.w);
                layer.u.clone_from(&columns.u);
            }
            network.head.clone_from(&plain.head);
            network
        };
        for form in [NormForm::A, NormForm::B, NormForm::Joint] {
            assert_eq!(remove(&mut FoldedNetwork::from_mean(unread(form))), None, "{form:?}");
        }
        // Removed all the same, with the divisor kept.
        let before = unread(NormForm::Joint);
        let mut after = FoldedNetwork::from_mean(before.clone());
        let zeroed = &mut after.layers;
        for (layer, kept) in zeroed.iter_mut().zip(&kept_sets()) {
            let FoldedLstm { weights, .. } = layer;
            for unit in (0..weights.hidden).filter(|unit| !kept.contains(unit)) {
                for row in [0, 1, 2, 3].map(|gate| gate * weights.hidden + unit) {
                    weights.w[row * weights.inputs..][..weights.inputs].fill(0.0);
                    weights.u[row * weights.hidden..][..weights.hidden].fill(0.0);
                    weights.b[row] = 0.0;
                }
            }
        }
        remove(&mut after).unwrap();
        let difference = kept_difference(&before, &after, &kept_sets(), &signal(41, &before.scalers, 60));
        assert!(difference > 0.01, "{difference:e}");
    }

    #[test]
    fn a_group_goes_when_all_of_it_is_below_the_threshold() {
        for (form, every) in [(None, false), (Some(NormForm::Joint), true)] {
            let network = grouped(form);
            let mut plain = PlainNetwork { layers: network.layers, head: network.head, skip: None };
            // Units 1 and 2 of layer 1 are unread; one weight of each group comes back.
            plain.layers[0].u[6 + 1] = -0.01;
            plain.layers[1].w[2] = 0.02;
            let kept = |threshold| kept_units(&plain, threshold)[0].clone();
            assert_eq!(kept(0.0), [0, 1, 2, 3, 4]);
            assert_eq!(kept(0.01), [0, 1, 2, 3, 4], "smaller than the threshold counts as zero, not equal to it");
            assert_eq!(kept(0.015), [0, 2, 3, 4]);
            assert_eq!(kept(0.03), [0, 3, 4]);
            // A row of unit 1: part of the group under layer norm only.
            plain.layers[0].b[6 + 1] += 0.5;
            assert_eq!(kept_units(&plain, 0.03)[0].contains(&1), every);
        }
        let network = trained(41, &shape(), &settings(Some(NormForm::A)));
        assert_eq!(kept_units(&network, 1e9), [vec![0, 1, 2, 3, 4, 5], vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3]]);
    }

    #[test]
    fn a_layer_keeps_its_largest_unit() {
        let mut plain = trained(41, &shape(), &settings(None));
        plain.layers[1].u[2] = 77.0;
        assert_eq!(kept_units(&plain, 100.0)[1], [2]);
        plain.layers[1].u.fill(0.0);
        plain.layers[2].w.fill(0.0);
        assert_eq!(kept_units(&plain, 0.0)[1], [0]);
    }

    #[test]
    fn zeroing_counts_what_it_changes() {
        let mut plain = trained(41, &shape(), &settings(None));
        let kept: Vec<Vec<usize>> = vec![(1..6).collect(), (0..5).collect(), (0..4).collect()];
        let column = |network: &PlainNetwork| {
            let above = network.layers[1].w.iter();
            network.layers[0].u.iter().chain(above).step_by(6).fold(0f64, |largest, weight| largest.max(weight.abs()))
        };
        let largest = column(&plain);
        let before = plain.clone();
        let zeroed = zero_groups(&mut plain.layers, &mut plain.head, &kept);
        assert_eq!(zeroed, Zeroed { weights: 24 + 20, largest });
        assert_eq!(column(&plain), 0.0);
        assert_eq!((&plain.layers[0].w, &plain.layers[0].b), (&before.layers[0].w, &before.layers[0].b));
        assert_eq!(zero_groups(&mut plain.layers, &mut plain.head, &kept), Zeroed::default());
    }
}
