//! One LSTM step of a block of units, and its gradient: everything between the matrix products, in parts that a layer norm can stand
//! between. [`forward`] and [`backward`] join the parts for the cell without one.

use super::lanes::{LANES, Lanes, Row, zeros};
use super::real::Real;
use crate::regularize::settings::Reading;

/// How much of the previous state zoneout keeps: 0 or 1 per unit in training, the rates themselves at test time
/// (Krueger et al., arXiv 1606.01305, eqs. 3 and 4).
#[derive(Clone, Copy, Debug)]
pub struct Zone<R> {
    /// Share of c(t-1) in c(t).
    pub cell: Lanes<R>,
    /// Share of h(t-1) in h(t).
    pub hidden: Lanes<R>,
    /// Which cell state the output's tanh reads.
    pub reading: Reading,
}

/// The masks on the way into c', `c' = cell*(f*c + candidate*(i*g))`; `None` is 1.
#[derive(Clone, Copy, Debug)]
pub struct CandidateMasks<R> {
    /// On what enters the cell (Semeniuta et al., arXiv 1603.05118, eq. 9).
    pub candidate: Option<Lanes<R>>,
    /// On the whole cell (Moon et al., ASRU 2015).
    pub cell: Option<Lanes<R>>,
}

/// What a step leaves behind.
#[derive(Clone, Copy, Debug)]
pub struct Step<R> {
    /// Activated gates.
    pub gates: Row<R>,
    /// c(t)
    pub c: Lanes<R>,
    /// tanh of the cell state that the output reads.
    pub tanh_c: Lanes<R>,
    /// h(t)
    pub h: Lanes<R>,
}

/// What a step hands back in time.
#[derive(Clone, Copy, Debug)]
pub struct StepGradient<R> {
    /// With respect to the pre-activations.
    pub gates: Row<R>,
    /// With respect to c(t-1).
    pub c: Lanes<R>,
    /// With respect to h(t-1), past the gates: what zoneout kept of it.
    pub h: Lanes<R>,
}

/// `sigmoid` of i, f and o, `tanh` of g.
#[inline(always)]
pub fn activate<R: Real>(a: &Row<R>) -> Row<R> {
    let mut gates = [zeros(); 4];
    for u in 0..LANES {
        gates[0][u] = a[0][u].sigmoid();
    }
    for u in 0..LANES {
        gates[1][u] = a[1][u].sigmoid();
    }
    for u in 0..LANES {
        gates[2][u] = a[2][u].tanh();
    }
    for u in 0..LANES {
        gates[3][u] = a[3][u].sigmoid();
    }
    gates
}

/// c' of the gates and c(t-1).
#[inline(always)]
pub fn candidate<R: Real>(gates: &Row<R>, c_before: &Lanes<R>, masks: &CandidateMasks<R>) -> Lanes<R> {
    let [i, f, g, _] = gates;
    let mut entering = zeros::<R>();
    for u in 0..LANES {
        entering[u] = i[u] * g[u];
    }
    if let Some(mask) = &masks.candidate {
        for u in 0..LANES {
            entering[u] = entering[u] * mask[u];
        }
    }
    let mut candidate = zeros::<R>();
    for u in 0..LANES {
        candidate[u] = f[u] * c_before[u] + entering[u];
    }
    if let Some(mask) = &masks.cell {
        for u in 0..LANES {
            candidate[u] = candidate[u] * mask[u];
        }
    }
    candidate
}

/// From the gradient of c' to those of the pre-activations of i, f and g and of c(t-1).
#[inline(always)]
pub fn candidate_backward<R: Real>(
    gates: &Row<R>,
    c_before: &Lanes<R>,
    masks: &CandidateMasks<R>,
    d_candidate: &Lanes<R>,
) -> ([Lanes<R>; 3], Lanes<R>) {
    let [i, f, g, _] = gates;
    let mut d_inner = *d_candidate;
    if let Some(mask) = &masks.cell {
        for u in 0..LANES {
            d_inner[u] = d_inner[u] * mask[u];
        }
    }
    let mut d_entering = d_inner;
    if let Some(mask) = &masks.candidate {
        for u in 0..LANES {
            d_entering[u] = d_entering[u] * mask[u];
        }
    }
    let mut d_gates = [zeros(); 3];
    let mut d_c_before = zeros::<R>();
    for u in 0..LANES {
        d_gates[0][u] = d_entering[u] * g[u] * (i[u] * (R::ONE - i[u]));
        d_gates[1][u] = d_inner[u] * c_before[u] * (f[u] * (R::ONE - f[u]));
        d_gates[2][u] = d_entering[u] * i[u] * (R::ONE - g[u] * g[u]);
        d_c_before[u] = f[u] * d_inner[u];
    }
    (d_gates, d_c_before)
}

/// Zoneout's blend of a state and its successor; without zoneout the successor.
#[inline(always)]
pub fn blend<R: Real>(share: Option<&Lanes<R>>, before: &Lanes<R>, new: &Lanes<R>) -> Lanes<R> {
    let mut blended = *new;
    if let Some(share) = share {
        for u in 0..LANES {
            blended[u] = share[u] * before[u] + (R::ONE - share[u]) * new[u];
        }
    }
    blended
}

/// The gradients of both sides of [`blend`]: of the state before, and of the new one.
#[inline(always)]
pub fn blend_backward<R: Real>(share: Option<&Lanes<R>>, d_blended: &Lanes<R>) -> (Lanes<R>, Lanes<R>) {
    let (mut d_before, mut d_new) = (zeros(), *d_blended);
    if let Some(share) = share {
        for u in 0..LANES {
            d_before[u] = share[u] * d_blended[u];
            d_new[u] = (R::ONE - share[u]) * d_blended[u];
        }
    }
    (d_before, d_new)
}

/// The gradients of c(t-1) and of the new c, of which c(t) is a blend, from the gradient that reaches c(t) from later steps and that of
/// the cell state which the output reads.
#[inline(always)]
pub fn cell_backward<R: Real>(
    share: Option<&Lanes<R>>,
    reading: Reading,
    d_c: &Lanes<R>,
    d_read: &Lanes<R>,
) -> (Lanes<R>, Lanes<R>) {
    let mut total = *d_c;
    if reading == Reading::Zoned {
        for u in 0..LANES {
            total[u] += d_read[u];
        }
    }
    let (d_before, mut d_new) = blend_backward(share, &total);
    if reading == Reading::Candidate {
        for u in 0..LANES {
            d_new[u] += d_read[u];
        }
    }
    (d_before, d_new)
}

/// `tanh` of what the output reads, and `o` times it.
#[inline(always)]
pub fn output<R: Real>(o: &Lanes<R>, read: &Lanes<R>) -> (Lanes<R>, Lanes<R>) {
    let (mut tanh_c, mut h) = (zeros::<R>(), zeros::<R>());
    for u in 0..LANES {
        tanh_c[u] = read[u].tanh();
    }
    for u in 0..LANES {
        h[u] = o[u] * tanh_c[u];
    }
    (tanh_c, h)
}

/// From the gradient of `o * tanh` to those of o's pre-activation and of tanh's argument.
#[inline(always)]
pub fn output_backward<R: Real>(o: &Lanes<R>, tanh_c: &Lanes<R>, d_h: &Lanes<R>) -> (Lanes<R>, Lanes<R>) {
    let (mut d_o, mut d_read) = (zeros::<R>(), zeros::<R>());
    for u in 0..LANES {
        d_o[u] = d_h[u] * tanh_c[u] * (o[u] * (R::ONE - o[u]));
        d_read[u] = d_h[u] * o[u] * (R::ONE - tanh_c[u] * tanh_c[u]);
    }
    (d_o, d_read)
}

/// From pre-activations to the new state.
#[inline(always)]
pub fn forward<R: Real>(
    a: &Row<R>,
    c_before: &Lanes<R>,
    h_before: &Lanes<R>,
    masks: &CandidateMasks<R>,
    zone: Option<&Zone<R>>,
) -> Step<R> {
    let gates = activate(a);
    let candidate = candidate(&gates, c_before, masks);
    let c = blend(zone.map(|zone| &zone.cell), c_before, &candidate);
    let read = if zone.is_some_and(|zone| zone.reading == Reading::Zoned) { &c } else { &candidate };
    let (tanh_c, h) = output(&gates[3], read);
    let h = blend(zone.map(|zone| &zone.hidden), h_before, &h);
    Step { gates, c, tanh_c, h }
}

/// From the gradients of h(t) and c(t) to those of the pre-activations and of the state before; `d_c` is the gradient that reaches
/// c(t) from later steps.
#[inline(always)]
pub fn backward<R: Real>(
    gates: &Row<R>,
    c_before: &Lanes<R>,
    tanh_c: &Lanes<R>,
    d_h: &Lanes<R>,
    d_c: &Lanes<R>,
    masks: &CandidateMasks<R>,
    zone: Option<&Zone<R>>,
) -> StepGradient<R> {
    let (d_h_before, d_h) = blend_backward(zone.map(|zone| &zone.hidden), d_h);
    let (d_o, d_read) = output_backward(&gates[3], tanh_c, &d_h);
    let reading = zone.map_or(Reading::Candidate, |zone| zone.reading);
    let (mut d_c_before, d_candidate) = cell_backward(zone.map(|zone| &zone.cell), reading, d_c, &d_read);
    let ([d_i, d_f, d_g], d_kept) = candidate_backward(gates, c_before, masks, &d_candidate);
    for u in 0..LANES {
        d_c_before[u] += d_kept[u];
    }
    StepGradient { gates: [d_i, d_f, d_g, d_o], c: d_c_before, h: d_h_before }
}
