//! The norm stabilizer on the last layer's h (Krueger & Memisevic, arXiv 1511.08400, eq. 1): `β * mean over rows and t of
//! (|h_t| - |h_(t-1)|)^2`, with the 2-norm over units. It keeps the size of the state steady and leaves its direction free, where TAR
//! holds both.
//!
//! The paper's sum begins with h_0. Here h_0 is zero in every window, so that its term would pull h_1 to zero: as in TAR the mean is over the
//! T - 1 changes from the second step on. Dropout's mask on the output is not applied: what is steadied is the state that recurs.
//!
//! The gradient of `|h|` is `h/|h|`. Where h is zero the norm has none, and 0 is taken, the shortest of its subgradients: a state of zeros is
//! left alone, and no step divides by zero.

use super::activation::Activations;
use crate::network::Real;
use crate::network::lanes::Lanes;

/// The penalty with β = 1: a part's share of the mean over the whole batch.
pub fn value<R: Real>(activations: &Activations<'_, R>) -> f64 {
    let States { blocks, rows, steps, scale } = States::of(activations);
    let mut sum = 0.0;
    for row in 0..rows {
        let mut earlier = norm(&activations.h[row * blocks..][..blocks]);
        for time in 1..steps {
            let later = norm(&activations.h[(time * rows + row) * blocks..][..blocks]);
            sum += (later - earlier) * (later - earlier);
            earlier = later;
        }
    }
    scale * sum
}

/// Adds `β` times the penalty's gradient with respect to h, `[T][B][N]`.
pub fn add_gradient<R: Real>(activations: &Activations<'_, R>, beta: f64, d_h: &mut [Lanes<R>]) {
    let States { blocks, rows, steps, scale } = States::of(activations);
    for row in 0..rows {
        let mut earlier = norm(&activations.h[row * blocks..][..blocks]);
        for time in 1..steps {
            let (before, now) = (((time - 1) * rows + row) * blocks, (time * rows + row) * blocks);
            let later = norm(&activations.h[now..][..blocks]);
            let slope = 2.0 * beta * scale * (later - earlier);
            for (start, slope, norm) in [(now, slope, later), (before, -slope, earlier)] {
                if norm > 0.0 {
                    let factor = R::from_f64(slope / norm);
                    let states = activations.h[start..][..blocks].as_flattened();
                    for (d_h, &h) in d_h[start..][..blocks].as_flattened_mut().iter_mut().zip(states) {
                        *d_h += factor * h;
                    }
                }
            }
            earlier = later;
        }
    }
}

/// Where the states of a part lie.
struct States {
    /// N
    blocks: usize,
    /// B
    rows: usize,
    /// T
    steps: usize,
    /// One over what the mean is taken over, the whole batch; one step has no changes.
    scale: f64,
}

impl States {
    fn of<R>(activations: &Activations<'_, R>) -> Self {
        let extent = activations.extent;
        let changes = (extent.steps - 1) * extent.batch;
        States {
            blocks: activations.h.len() / (extent.steps * extent.rows).max(1),
            rows: extent.rows,
            steps: extent.steps,
            scale: 1.0 / changes.max(1) as f64,
        }
    }
}

/// The 2-norm of a state; padded units are zero.
fn norm<R: Real>(h: &[Lanes<R>]) -> f64 {
    libm::sqrt(h.as_flattened().iter().map(|v| v.to_f64() * v.to_f64()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::lanes::LANES;
    use crate::network::layer::Extent;
    use crate::network::shape::blocks;
    use crate::random::Key;

    const HIDDEN: usize = 18;
    const STEPS: usize = 4;

    /// `[T][B][H]` as the network stores it.
    fn lanes(states: &[Vec<f64>]) -> Vec<Lanes<f64>> {
        let each = |state: &Vec<f64>| {
            let mut lanes = vec![[0.0; LANES]; blocks(HIDDEN)];
            lanes.as_flattened_mut()[..HIDDEN].copy_from_slice(state);
            lanes
        };
        states.iter().flat_map(each).collect()
    }

    fn states(rows: usize) -> Vec<Vec<f64>> {
        let state = |k: usize| (0..HIDDEN).map(|unit| Key::new(5).with((k * HIDDEN + unit) as u64).normal()).collect();
        (0..STEPS * rows).map(state).collect()
    }

    /// The equation as it is written, over `batch` rows.
    fn definition(states: &[Vec<f64>], rows: usize, batch: usize) -> f64 {
        let norm = |time: usize, row: usize| states[time * rows + row].iter().map(|h| h.powi(2)).sum::<f64>().sqrt();
        let changes = (1..STEPS).flat_map(|t| (0..rows).map(move |row| (t, row)));
        changes.map(|(t, row)| (norm(t, row) - norm(t - 1, row)).powi(2)).sum::<f64>() / ((STEPS - 1) * batch) as f64
    }

    fn extent(rows: usize, batch: usize) -> Extent {
        Extent { steps: STEPS, rows, first_row: 0, batch }
    }

    #[test]
    fn it_is_the_papers_mean() {
        for (rows, batch) in [(1, 1), (3, 3), (2, 5)] {
            let states = states(rows);
            let h = lanes(&states);
            let activations = Activations { h: &h, hidden: HIDDEN, extent: extent(rows, batch), mask: None };
            let expected = definition(&states, rows, batch);
            assert!((value(&activations) / expected - 1.0).abs() < 1e-14, "{rows} rows");
        }
    }

    #[test]
    fn a_state_that_only_turns_costs_nothing() {
        let turned = |time: usize| {
            let mut state = vec![0.0; HIDDEN];
            state[5 * time] = 2.0;
            state
        };
        let h = lanes(&(0..STEPS).map(turned).collect::<Vec<_>>());
        let activations = Activations { h: &h, hidden: HIDDEN, extent: extent(1, 1), mask: None };
        assert_eq!(value(&activations), 0.0);
        let mut d_h = vec![[0.0; LANES]; h.len()];
        add_gradient(&activations, 7.0, &mut d_h);
        assert!(d_h.iter().all(|lanes| *lanes == [0.0; LANES]));
    }

    #[test]
    fn gradients_match_differences() {
        let (rows, beta) = (2, 0.7);
        let center = states(rows);
        let h = lanes(&center);
        let mut d_h = vec![[0.25; LANES]; h.len()];
        add_gradient(&Activations { h: &h, hidden: HIDDEN, extent: extent(rows, rows), mask: None }, beta, &mut d_h);
        for (place, unit) in (0..STEPS * rows).flat_map(|place| [0, 15, 17].map(|unit| (place, unit))) {
            let at = |offset: f64| {
                let mut moved = center.clone();
                moved[place][unit] += offset;
                beta * definition(&moved, rows, rows)
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            let exact = d_h[place * blocks(HIDDEN) + unit / LANES][unit % LANES] - 0.25;
            assert!((exact - numeric).abs() < 1e-8, "{place} {unit}: {exact} {numeric}");
        }
    }

    /// h_1 is zero: its own gradient is taken as zero, and that of the states beside it is what it is.
    #[test]
    fn a_state_of_zeros_is_left_alone() {
        let mut center = states(1);
        center[1].fill(0.0);
        let h = lanes(&center);
        let mut d_h = vec![[0.0; LANES]; h.len()];
        add_gradient(&Activations { h: &h, hidden: HIDDEN, extent: extent(1, 1), mask: None }, 1.0, &mut d_h);
        let at = |time: usize| &d_h.as_flattened()[time * blocks(HIDDEN) * LANES..][..HIDDEN];
        assert!(at(1).iter().all(|d| *d == 0.0));
        // (|h_0| - 0)^2 / 3 alone.
        assert!(at(0).iter().zip(&center[0]).all(|(d, h)| (d - 2.0 / 3.0 * h).abs() < 1e-14));
        assert!(at(2).iter().all(|d| d.is_finite()) && at(2).iter().any(|d| *d != 0.0));
    }

    #[test]
    fn one_step_has_no_changes() {
        let h = [[1.0f64; LANES]];
        let extent = Extent { steps: 1, rows: 1, first_row: 0, batch: 1 };
        let activations = Activations { h: &h, hidden: 16, extent, mask: None };
        assert_eq!(value(&activations), 0.0);
        let mut d_h = [[0.0; LANES]];
        add_gradient(&activations, 5.0, &mut d_h);
        assert_eq!(d_h, [[0.0; LANES]]);
    }
}
