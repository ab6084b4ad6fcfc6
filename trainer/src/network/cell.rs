//! One LSTM step of a block of units, and its gradient: everything between the matrix products, in parts that a layer norm can stand
//! between. [`forward`] and [`backward`] join the parts for the cell without one.

use super::kernel::Block;
use super::real::Real;
use crate::regularize::settings::Reading;

/// How much of the previous state zoneout keeps: 0 or 1 per unit in training, the rates themselves at test time
/// (Krueger et al., arXiv 1606.01305, eqs. 3 and 4).
#[derive(Clone, Copy, Debug)]
pub struct Zone<B> {
    /// Share of c(t-1) in c(t).
    pub cell: B,
    /// Share of h(t-1) in h(t).
    pub hidden: B,
    /// Which cell state the output's tanh reads.
    pub reading: Reading,
}

/// The masks on the way into c', `c' = cell*(f*c + candidate*(i*g))`; `None` is 1.
#[derive(Clone, Copy, Debug)]
pub struct CandidateMasks<B> {
    /// On what enters the cell (Semeniuta et al., arXiv 1603.05118, eq. 9).
    pub candidate: Option<B>,
    /// On the whole cell (Moon et al., ASRU 2015).
    pub cell: Option<B>,
}

/// What a step leaves behind.
#[derive(Clone, Copy, Debug)]
pub struct Step<B> {
    /// Activated gates.
    pub gates: [B; 4],
    /// c(t)
    pub c: B,
    /// tanh of the cell state that the output reads.
    pub tanh_c: B,
    /// h(t)
    pub h: B,
}

/// What a step hands back in time.
#[derive(Clone, Copy, Debug)]
pub struct StepGradient<B> {
    /// With respect to the pre-activations.
    pub gates: [B; 4],
    /// With respect to c(t-1).
    pub c: B,
    /// With respect to h(t-1), past the gates: what zoneout kept of it.
    pub h: B,
}

/// `sigmoid` of i, f and o, `tanh` of g.
#[inline(always)]
pub fn activate<R: Real, B: Block<R>>(a: [B; 4]) -> [B; 4] {
    R::gates(a)
}

/// c' of the gates and c(t-1).
#[inline(always)]
pub fn candidate<R: Real, B: Block<R>>([i, f, g, _]: [B; 4], c_before: B, masks: &CandidateMasks<B>) -> B {
    let mut entering = i * g;
    if let Some(mask) = masks.candidate {
        entering = entering * mask;
    }
    let candidate = f.mul_add(c_before, entering);
    match masks.cell {
        Some(mask) => candidate * mask,
        None => candidate,
    }
}

/// From the gradient of c' to those of the pre-activations of i, f and g and of c(t-1).
#[inline(always)]
pub fn candidate_backward<R: Real, B: Block<R>>(
    [i, f, g, _]: [B; 4],
    c_before: B,
    masks: &CandidateMasks<B>,
    d_candidate: B,
) -> ([B; 3], B) {
    let one = i.constant(R::ONE);
    let d_inner = masks.cell.map_or(d_candidate, |mask| d_candidate * mask);
    let d_entering = masks.candidate.map_or(d_inner, |mask| d_inner * mask);
    let d_i = d_entering * g * i.neg_mul_add(i, i);
    let d_f = d_inner * c_before * f.neg_mul_add(f, f);
    let d_g = d_entering * i * g.neg_mul_add(g, one);
    ([d_i, d_f, d_g], f * d_inner)
}

/// Zoneout's blend of a state and its successor; without zoneout the successor.
#[inline(always)]
pub fn blend<R: Real, B: Block<R>>(share: Option<B>, before: B, new: B) -> B {
    share.map_or(new, |share| share.mul_add(before, share.neg_mul_add(new, new)))
}

/// The gradients of both sides of [`blend`]: of the state before, and of the new one.
#[inline(always)]
pub fn blend_backward<R: Real, B: Block<R>>(share: Option<B>, d_blended: B) -> (B, B) {
    match share {
        Some(share) => (share * d_blended, share.neg_mul_add(d_blended, d_blended)),
        None => (d_blended.constant(R::ZERO), d_blended),
    }
}

/// The gradients of c(t-1) and of the new c, of which c(t) is a blend, from the gradient that reaches c(t) from later steps and that of
/// the cell state which the output reads.
#[inline(always)]
pub fn cell_backward<R: Real, B: Block<R>>(share: Option<B>, reading: Reading, d_c: B, d_read: B) -> (B, B) {
    match reading {
        Reading::Zoned => blend_backward::<R, B>(share, d_c + d_read),
        Reading::Candidate => {
            let (d_before, d_new) = blend_backward::<R, B>(share, d_c);
            (d_before, d_new + d_read)
        }
    }
}

/// `tanh` of what the output reads, and `o` times it.
#[inline(always)]
pub fn output<R: Real, B: Block<R>>(o: B, read: B) -> (B, B) {
    let tanh_c = R::tanh(read);
    (tanh_c, o * tanh_c)
}

/// From the gradient of `o * tanh` to those of o's pre-activation and of tanh's argument.
#[inline(always)]
pub fn output_backward<R: Real, B: Block<R>>(o: B, tanh_c: B, d_h: B) -> (B, B) {
    let one = o.constant(R::ONE);
    (d_h * tanh_c * o.neg_mul_add(o, o), d_h * o * tanh_c.neg_mul_add(tanh_c, one))
}

/// From pre-activations to the new state.
#[inline(always)]
pub fn forward<R: Real, B: Block<R>>(
    a: [B; 4],
    c_before: B,
    h_before: B,
    masks: &CandidateMasks<B>,
    zone: Option<&Zone<B>>,
) -> Step<B> {
    let gates = activate::<R, B>(a);
    let candidate = candidate::<R, B>(gates, c_before, masks);
    let c = blend::<R, B>(zone.map(|zone| zone.cell), c_before, candidate);
    let read = if zone.is_some_and(|zone| zone.reading == Reading::Zoned) { c } else { candidate };
    let (tanh_c, h) = output::<R, B>(gates[3], read);
    let h = blend::<R, B>(zone.map(|zone| zone.hidden), h_before, h);
    Step { gates, c, tanh_c, h }
}

/// From the gradients of h(t) and c(t) to those of the pre-activations and of the state before; `d_c` is the gradient that reaches
/// c(t) from later steps.
#[inline(always)]
pub fn backward<R: Real, B: Block<R>>(
    gates: [B; 4],
    (c_before, tanh_c): (B, B),
    (d_h, d_c): (B, B),
    masks: &CandidateMasks<B>,
    zone: Option<&Zone<B>>,
) -> StepGradient<B> {
    let (d_h_before, d_h) = blend_backward::<R, B>(zone.map(|zone| zone.hidden), d_h);
    let (d_o, d_read) = output_backward::<R, B>(gates[3], tanh_c, d_h);
    let reading = zone.map_or(Reading::Candidate, |zone| zone.reading);
    let (d_c_before, d_candidate) = cell_backward::<R, B>(zone.map(|zone| zone.cell), reading, d_c, d_read);
    let ([d_i, d_f, d_g], d_kept) = candidate_backward::<R, B>(gates, c_before, masks, d_candidate);
    StepGradient { gates: [d_i, d_f, d_g, d_o], c: d_c_before + d_kept, h: d_h_before }
}
