//! Group lasso over hidden units, which shrinks the network unit by unit (intrinsic sparse structures, Wen et al., arXiv 1709.05027,
//! section 3.2).
//!
//! The group of unit k of a layer is all that goes into it and all that comes out of it: the rows k of every gate of W and U, the
//! column k of U, and the column k of the next layer's W or of V. Once it is zero, nothing reads the unit, and it can leave the
//! network. Under layer norm that is not enough: the unit's pre-activations take part in the statistics, so that the bias inside the
//! norm belongs to its group too. Gains and shifts do not: they only scale what nothing reads.
//!
//! A norm before the head reads every h of the last layer, even where V does not. There the candidate's bias belongs to the group too, and
//! under the joint norm the candidate's gain and shift: with them at zero the cell is never written to, and h is zero.
//!
//! A recurrent weight from unit j to unit k belongs to the groups of both, as does a weight from one layer's unit to the next one's.

use super::settings::GroupLasso;
use crate::network::lanes::LANES;
use crate::network::shape::blocks;
use crate::network::{Params, Real, Shape};

/// The groups of a network: where the values of each lie among the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// One for each unit, layer after layer.
    pub units: Vec<Vec<usize>>,
}

impl Groups {
    /// Those of every hidden unit.
    pub fn new(shape: &Shape) -> Self {
        let units = (0..shape.hidden.len()).flat_map(|layer| (0..shape.hidden[layer]).map(move |unit| group(shape, layer, unit)));
        Groups { units: units.collect() }
    }

    /// `strength * sum over units of |group|_2`
    pub fn value<R: Real>(&self, settings: &GroupLasso, params: &Params<R>) -> f64 {
        settings.strength * self.units.iter().map(|group| norm(group, &params.values)).sum::<f64>()
    }
}

/// The 2-norm of a group's values.
pub fn norm<R: Real>(group: &[usize], values: &[R]) -> f64 {
    libm::sqrt(group.iter().map(|&index| values[index].to_f64() * values[index].to_f64()).sum())
}

/// The values of one unit.
fn group(shape: &Shape, layer: usize, unit: usize) -> Vec<usize> {
    let (inputs, hidden) = (shape.layer_inputs(layer), shape.hidden[layer]);
    let panel = 4 * LANES;
    let w = shape.layer_start(layer);
    let u = w + blocks(hidden) * panel * inputs;
    let b = u + blocks(hidden) * panel * hidden;
    let (block, lane) = (unit / LANES, unit % LANES);
    // The gates' rows of the unit in a matrix `[N][K][4][16]`.
    let rows = |start: usize, width: usize| {
        let first = start + block * width * panel + lane;
        (0..4 * width).map(move |row| first + row * LANES)
    };
    // The unit's column of a matrix `[N][K][size]`, without its padding.
    let column = |start: usize, width: usize, size: usize, outputs: usize| {
        let lanes = (0..blocks(outputs)).flat_map(move |block| (0..size).map(move |lane| (block, lane)));
        let real = lanes.filter(move |(block, lane)| block * LANES + lane % LANES < outputs);
        real.map(move |(block, lane)| start + (block * width + unit) * size + lane)
    };
    let mut group: Vec<usize> = rows(w, inputs).chain(rows(u, hidden)).collect();
    // The unit's weights to itself are among its rows already.
    group.extend(column(u, hidden, panel, hidden).filter(|index| {
        let (to, gate_lane) = ((index - u) / (hidden * panel), (index - u) % panel);
        (to, gate_lane % LANES) != (block, lane)
    }));
    let candidate = |start: usize| rows(start, 1).nth(2);
    let before_head = shape.head_norm.is_some() && layer + 1 == shape.hidden.len();
    match (shape.norm, before_head) {
        (None, false) => {}
        (None, true) => group.extend(candidate(b)),
        (Some(_), _) => group.extend(rows(b, 1)),
    }
    if before_head && shape.norm.is_some() {
        // γ and β of the joint norm follow b.
        let length = blocks(hidden) * panel;
        group.extend([b + length, b + 2 * length].into_iter().filter_map(candidate));
    }
    let next = shape.layer_start(layer + 1);
    if layer + 1 < shape.hidden.len() {
        group.extend(column(next, hidden, panel, shape.hidden[layer + 1]));
    } else {
        group.extend(column(next, hidden, LANES, shape.outputs));
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::init::initialize;
    use crate::network::plain::{NormForm, PlainNetwork};
    use crate::network::shape::Norm;
    use crate::network::{Mode, Workspace};
    use crate::regularize::settings::Regularization;

    fn shape(norm: Option<NormForm>) -> Shape {
        let norm = norm.map(|form| Norm { form, per_gate: false, epsilon: 1e-5 });
        Shape { inputs: 3, hidden: vec![18, 5], outputs: 17, norm, head_norm: None }
    }

    /// The definition, on the textbook layout: clears a unit's values.
    fn clear(plain: &mut PlainNetwork, layer: usize, unit: usize) {
        let hidden = plain.layers[layer].hidden;
        let lstm = &mut plain.layers[layer];
        for gate in 0..4 {
            let row = gate * hidden + unit;
            lstm.w[row * lstm.inputs..][..lstm.inputs].fill(0.0);
            lstm.u[row * hidden..][..hidden].fill(0.0);
            if lstm.norm.is_some() {
                lstm.b[row] = 0.0;
            }
        }
        lstm.u.iter_mut().skip(unit).step_by(hidden).for_each(|v| *v = 0.0);
        let out = if layer + 1 < plain.layers.len() { &mut plain.layers[layer + 1].w } else { &mut plain.head.w };
        out.iter_mut().skip(unit).step_by(hidden).for_each(|v| *v = 0.0);
    }

    #[test]
    fn a_group_is_what_goes_in_and_what_comes_out_each_once() {
        for norm in [None, Some(NormForm::Joint)] {
            let shape = shape(norm);
            let groups = Groups::new(&shape);
            assert_eq!(groups.units.len(), 23);
            for (layer, unit) in [(0, 0), (0, 15), (0, 17), (1, 3)] {
                let mut params = Params::<f64>::zeros(&shape).to_plain();
                for layer in &mut params.layers {
                    layer.w.fill(1.0);
                    layer.u.fill(1.0);
                    layer.b.fill(1.0);
                }
                params.head.w.fill(1.0);
                let mut expected = params.clone();
                clear(&mut expected, layer, unit);
                let mut cleared = Params::<f64>::from_plain(&params);
                let group = &groups.units[layer * 18 + unit];
                assert!(group.iter().all(|&index| cleared.values[index] == 1.0), "padding, or what belongs to no group");
                group.iter().for_each(|&index| cleared.values[index] = 0.0);
                assert_eq!(cleared.to_plain(), expected);
                // Both ways into the same count: rows and columns meet in four weights.
                let (inputs, hidden, above) = if layer == 0 { (3, 18, 4 * 5) } else { (18, 5, 17) };
                assert_eq!(group.len(), 4 * (inputs + hidden) + 4 * (hidden - 1) + above + if norm.is_some() { 4 } else { 0 });
                let mut sorted = group.clone();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), group.len());
            }
        }
    }

    /// With these at zero a unit's h is zero, whatever comes in: a norm before the head sees nothing of it.
    #[test]
    fn before_a_normalized_head_the_candidate_is_cleared_too() {
        for (norm, more) in [(None, 1), (Some(NormForm::Joint), 2)] {
            let (plain, shape) = (shape(norm), Shape { head_norm: Some(1e-5), ..shape(norm) });
            let (without, with) = (Groups::new(&plain), Groups::new(&shape));
            assert_eq!(without.units[..18], with.units[..18], "of the last layer only");
            let params: Params<f64> = initialize(&shape, 1);
            let mut cleared = params.clone();
            let unit = 18 + 3;
            assert_eq!(with.units[unit].len(), without.units[unit].len() + more);
            with.units[unit].iter().for_each(|&index| cleared.values[index] = 0.0);
            let x: Vec<f64> = (0..2 * 4 * 3).map(|k| (k as f64).sin()).collect();
            let mut workspace = Workspace::new(&shape, &Regularization::default(), 4, 2);
            let before = workspace.forward(&cleared, &x, Mode::Evaluation).to_vec();
            // The other gates' biases, gains and shifts are free.
            let mut other = cleared.to_plain();
            let layer = &mut other.layers[1];
            for row in [0, 1, 3].map(|gate| gate * 5 + 3) {
                match &mut layer.norm {
                    None => layer.b[row] += 2.5,
                    Some(norm) => norm.gain_x[row] += 2.5,
                }
            }
            assert_eq!(workspace.forward(&Params::from_plain(&other), &x, Mode::Evaluation), before);
            // The candidate's is not.
            let mut other = cleared.to_plain();
            match &mut other.layers[1].norm {
                None => other.layers[1].b[2 * 5 + 3] = 2.5,
                Some(norm) => norm.shift_x[2 * 5 + 3] = 2.5,
            }
            assert_ne!(workspace.forward(&Params::from_plain(&other), &x, Mode::Evaluation), before);
        }
    }

    #[test]
    fn the_penalty_is_the_sum_of_norms() {
        let shape = Shape { inputs: 1, hidden: vec![2], outputs: 1, norm: None, head_norm: None };
        let mut plain = Params::<f64>::zeros(&shape).to_plain();
        // Unit 0: W row 3, V 4. Both: the weight 12 from unit 0 to unit 1.
        plain.layers[0].w[0] = 3.0;
        plain.head.w[0] = 4.0;
        plain.layers[0].u[2] = 12.0;
        let params = Params::<f64>::from_plain(&plain);
        let value = Groups::new(&shape).value(&GroupLasso { strength: 0.5, threshold: 0.0 }, &params);
        assert!((value - 0.5 * (13.0 + 12.0)).abs() < 1e-12);
    }

    #[test]
    fn nothing_depends_on_a_cleared_unit() {
        for norm in [None, Some(NormForm::Joint)] {
            let shape = shape(norm);
            let params: Params<f64> = initialize(&shape, 1);
            let (mut cleared, groups) = (params.clone(), Groups::new(&shape));
            groups.units[7].iter().for_each(|&index| cleared.values[index] = 0.0);
            // What is left of the unit outside its group: its b, or its gains and shifts.
            let mut other = cleared.to_plain();
            let unit = |values: &mut Vec<f64>| (0..4).for_each(|gate| values[gate * 18 + 7] += 2.5);
            match &mut other.layers[0].norm {
                None => unit(&mut other.layers[0].b),
                Some(norm) => {
                    unit(&mut norm.gain_x);
                    unit(&mut norm.shift_x);
                }
            }
            let other = Params::from_plain(&other);
            let x: Vec<f64> = (0..2 * 4 * 3).map(|k| (k as f64).sin()).collect();
            let mut workspace = Workspace::new(&shape, &Regularization::default(), 4, 2);
            let before = workspace.forward(&cleared, &x, Mode::Evaluation).to_vec();
            assert_eq!(workspace.forward(&other, &x, Mode::Evaluation), before);
            assert_ne!(workspace.forward(&params, &x, Mode::Evaluation), before);
        }
    }
}
