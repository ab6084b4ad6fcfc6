//! The parameters of a network in the layout of training, and their way to and from the textbook layout.

use serde::{Deserialize, Serialize};

use super::lanes::{LANES, Lanes, Row};
use super::plain::{NormForm, PlainDense, PlainHeadNorm, PlainLstm, PlainNetwork, PlainNorm};
use super::real::Real;
use super::shape::{Norm, Shape, blocks};

/// All parameters, one after the other as [`Shape::tensors`] lists them. Gradients and moments have the same type and layout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Params<R> {
    shape: Shape,
    /// All values; those of padded units are zero.
    pub values: Vec<R>,
}

/// One layer's parameters.
#[derive(Clone, Copy, Debug)]
pub struct LayerParams<'p, R> {
    /// `[N][I]` panel rows.
    pub w: &'p [Row<R>],
    /// `[N][H]` panel rows.
    pub u: &'p [Row<R>],
    /// `[N]` panel rows.
    pub b: &'p [Row<R>],
    /// Those of layer norm.
    pub norm: Option<NormParams<'p, R>>,
}

/// Gains and shifts of a layer's norms; the names are those of [`PlainNorm`], and what a form lacks is empty.
#[derive(Clone, Copy, Debug)]
pub struct NormParams<'p, R> {
    /// `[N]` panel rows.
    pub gain_x: &'p [Row<R>],
    /// `[N]` panel rows.
    pub shift_x: &'p [Row<R>],
    /// `[N]` panel rows.
    pub bias_x: &'p [Row<R>],
    /// `[N]` panel rows.
    pub gain_h: &'p [Row<R>],
    /// `[N]` panel rows.
    pub shift_h: &'p [Row<R>],
    /// `[N]` lanes.
    pub gain_c: &'p [Lanes<R>],
    /// `[N]` lanes.
    pub shift_c: &'p [Lanes<R>],
}

/// One layer's gradients.
#[derive(Debug)]
pub struct LayerGradients<'p, R> {
    /// `[N][I]` panel rows.
    pub w: &'p mut [Row<R>],
    /// `[N][H]` panel rows.
    pub u: &'p mut [Row<R>],
    /// `[N]` panel rows.
    pub b: &'p mut [Row<R>],
    /// Those of layer norm.
    pub norm: Option<NormGradients<'p, R>>,
}

/// Gradients of a layer's norms, as [`NormParams`].
#[derive(Debug)]
pub struct NormGradients<'p, R> {
    /// `[N]` panel rows.
    pub gain_x: &'p mut [Row<R>],
    /// `[N]` panel rows.
    pub shift_x: &'p mut [Row<R>],
    /// `[N]` panel rows.
    pub bias_x: &'p mut [Row<R>],
    /// `[N]` panel rows.
    pub gain_h: &'p mut [Row<R>],
    /// `[N]` panel rows.
    pub shift_h: &'p mut [Row<R>],
    /// `[N]` lanes.
    pub gain_c: &'p mut [Lanes<R>],
    /// `[N]` lanes.
    pub shift_c: &'p mut [Lanes<R>],
}

/// The head's parameters; N counts blocks of outputs.
#[derive(Clone, Copy, Debug)]
pub struct HeadParams<'p, R> {
    /// `[N][H]` lanes.
    pub v: &'p [Lanes<R>],
    /// `[N]` lanes.
    pub d: &'p [Lanes<R>],
    /// Those of layer norm before it.
    pub norm: Option<HeadNormParams<'p, R>>,
}

/// Gain and shift of the layer norm before the head; N counts blocks of units.
#[derive(Clone, Copy, Debug)]
pub struct HeadNormParams<'p, R> {
    /// `[N]` lanes.
    pub gain: &'p [Lanes<R>],
    /// `[N]` lanes.
    pub shift: &'p [Lanes<R>],
}

/// The head's gradients.
#[derive(Debug)]
pub struct HeadGradients<'p, R> {
    /// `[N][H]` lanes.
    pub v: &'p mut [Lanes<R>],
    /// `[N]` lanes.
    pub d: &'p mut [Lanes<R>],
    /// Those of layer norm before it.
    pub norm: Option<HeadNormGradients<'p, R>>,
}

/// Gradients of the layer norm before the head, as [`HeadNormParams`].
#[derive(Debug)]
pub struct HeadNormGradients<'p, R> {
    /// `[N]` lanes.
    pub gain: &'p mut [Lanes<R>],
    /// `[N]` lanes.
    pub shift: &'p mut [Lanes<R>],
}

impl<R: Real> Params<R> {
    /// All zero.
    pub fn zeros(shape: &Shape) -> Self {
        let length = shape.tensors().last().map_or(0, |tensor| tensor.range.end);
        Params { shape: shape.clone(), values: vec![R::ZERO; length] }
    }

    /// The sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The parameters of a layer.
    pub fn layer(&self, layer: usize) -> LayerParams<'_, R> {
        let (inputs, hidden, norm) = (self.shape.layer_inputs(layer), self.shape.hidden[layer], self.shape.norm);
        let (n, mut cut) = (blocks(hidden), Cut(&self.values[self.shape.layer_start(layer)..]));
        let (w, u, b) = (cut.rows(n * inputs), cut.rows(n * hidden), cut.rows(n));
        let norm = norm.map(|norm| {
            let (gain_x, shift_x, m) = (cut.rows(n), cut.rows(n), if norm.form == NormForm::Joint { 0 } else { n });
            let (bias_x, gain_h, shift_h) = (cut.rows(m), cut.rows(m), cut.rows(m));
            NormParams { gain_x, shift_x, bias_x, gain_h, shift_h, gain_c: cut.lanes(m), shift_c: cut.lanes(m) }
        });
        LayerParams { w, u, b, norm }
    }

    /// The same, to be written.
    pub fn layer_mut(&mut self, layer: usize) -> LayerGradients<'_, R> {
        let (inputs, hidden, norm) = (self.shape.layer_inputs(layer), self.shape.hidden[layer], self.shape.norm);
        let start = self.shape.layer_start(layer);
        let (n, mut cut) = (blocks(hidden), CutMut(&mut self.values[start..]));
        let (w, u, b) = (cut.rows(n * inputs), cut.rows(n * hidden), cut.rows(n));
        let norm = norm.map(|norm| {
            let (gain_x, shift_x, m) = (cut.rows(n), cut.rows(n), if norm.form == NormForm::Joint { 0 } else { n });
            let (bias_x, gain_h, shift_h) = (cut.rows(m), cut.rows(m), cut.rows(m));
            NormGradients { gain_x, shift_x, bias_x, gain_h, shift_h, gain_c: cut.lanes(m), shift_c: cut.lanes(m) }
        });
        LayerGradients { w, u, b, norm }
    }

    /// The parameters of the head.
    pub fn head(&self) -> HeadParams<'_, R> {
        let (outputs, units) = (blocks(self.shape.outputs), blocks(self.shape.head_inputs()));
        let mut cut = Cut(&self.values[self.shape.layer_start(self.shape.hidden.len())..]);
        let (v, d) = (cut.lanes(outputs * self.shape.head_inputs()), cut.lanes(outputs));
        let norm = self.shape.head_norm.map(|_| HeadNormParams { gain: cut.lanes(units), shift: cut.lanes(units) });
        HeadParams { v, d, norm }
    }

    /// The same, to be written.
    pub fn head_mut(&mut self) -> HeadGradients<'_, R> {
        let (outputs, units) = (blocks(self.shape.outputs), blocks(self.shape.head_inputs()));
        let (start, width) = (self.shape.layer_start(self.shape.hidden.len()), self.shape.head_inputs());
        let mut cut = CutMut(&mut self.values[start..]);
        let (v, d) = (cut.lanes(outputs * width), cut.lanes(outputs));
        let norm = self.shape.head_norm.map(|_| HeadNormGradients { gain: cut.lanes(units), shift: cut.lanes(units) });
        HeadGradients { v, d, norm }
    }

    /// The textbook layout, without the padding.
    pub fn to_plain(&self) -> PlainNetwork {
        let layers = (0..self.shape.hidden.len()).map(|l| {
            let (inputs, hidden, p) = (self.shape.layer_inputs(l), self.shape.hidden[l], self.layer(l));
            PlainLstm {
                inputs,
                hidden,
                w: gate_major(p.w, hidden, inputs),
                u: gate_major(p.u, hidden, hidden),
                b: gate_major(p.b, hidden, 1),
                norm: self.shape.norm.zip(p.norm).map(|(norm, p)| plain_norm(norm, &p, hidden)),
            }
        });
        let (inputs, outputs, p) = (self.shape.head_inputs(), self.shape.outputs, self.head());
        let units = |lanes: &[Lanes<R>]| lanes.as_flattened()[..inputs].iter().map(|v| v.to_f64()).collect();
        let v = |o: usize, k: usize| p.v[o / LANES * inputs + k][o % LANES].to_f64();
        PlainNetwork {
            layers: layers.collect(),
            head: PlainDense {
                inputs,
                outputs,
                w: (0..outputs).flat_map(|o| (0..inputs).map(move |k| v(o, k))).collect(),
                b: p.d.as_flattened()[..outputs].iter().map(|d| d.to_f64()).collect(),
                norm: self.shape.head_norm.zip(p.norm).map(|(epsilon, p)| PlainHeadNorm {
                    epsilon,
                    gain: units(p.gain),
                    shift: units(p.shift),
                }),
            },
            skip: None,
        }
    }

    /// From the textbook layout; padded with zeros. The network's layers fit each other, and have layer norm of one kind or none.
    pub fn from_plain(plain: &PlainNetwork) -> Self {
        let norm_of = |layer: &PlainLstm| {
            layer.norm.as_ref().map(|&PlainNorm { form, per_gate, epsilon, .. }| Norm { form, per_gate, epsilon })
        };
        let shape = Shape {
            inputs: plain.layers[0].inputs,
            hidden: plain.layers.iter().map(|layer| layer.hidden).collect(),
            outputs: plain.head.outputs,
            norm: norm_of(&plain.layers[0]),
            head_norm: plain.head.norm.as_ref().map(|norm| norm.epsilon),
        };
        let mut params = Params::zeros(&shape);
        for (l, layer) in plain.layers.iter().enumerate() {
            assert_eq!(norm_of(layer), shape.norm, "layers with different norms");
            let p = params.layer_mut(l);
            fill_panels(p.w, &layer.w, layer.hidden, layer.inputs);
            fill_panels(p.u, &layer.u, layer.hidden, layer.hidden);
            fill_panels(p.b, &layer.b, layer.hidden, 1);
            if let (Some(p), Some(norm)) = (p.norm, &layer.norm) {
                for (panels, values) in [
                    (p.gain_x, &norm.gain_x),
                    (p.shift_x, &norm.shift_x),
                    (p.bias_x, &norm.bias_x),
                    (p.gain_h, &norm.gain_h),
                    (p.shift_h, &norm.shift_h),
                ] {
                    fill_panels(panels, values, layer.hidden, 1);
                }
                fill_lanes(p.gain_c, &norm.gain_c);
                fill_lanes(p.shift_c, &norm.shift_c);
            }
        }
        let (inputs, head) = (plain.head.inputs, params.head_mut());
        for o in 0..plain.head.outputs {
            for k in 0..inputs {
                head.v[o / LANES * inputs + k][o % LANES] = R::from_f64(plain.head.w[o * inputs + k]);
            }
            head.d[o / LANES][o % LANES] = R::from_f64(plain.head.b[o]);
        }
        if let (Some(p), Some(norm)) = (head.norm, &plain.head.norm) {
            fill_lanes(p.gain, &norm.gain);
            fill_lanes(p.shift, &norm.shift);
        }
        params
    }

    /// The same values in another number type.
    pub fn cast<S: Real>(&self) -> Params<S> {
        Params { shape: self.shape.clone(), values: self.values.iter().map(|&v| S::from_f64(v.to_f64())).collect() }
    }
}

/// Values from which tensors are taken, first to last.
struct Cut<'p, R>(&'p [R]);

impl<'p, R> Cut<'p, R> {
    fn lanes(&mut self, count: usize) -> &'p [Lanes<R>] {
        let (taken, left) = self.0.split_at(count * LANES);
        self.0 = left;
        taken.as_chunks().0
    }

    fn rows(&mut self, count: usize) -> &'p [Row<R>] {
        self.lanes(4 * count).as_chunks().0
    }
}

/// As [`Cut`], to be written.
struct CutMut<'p, R>(&'p mut [R]);

impl<'p, R> CutMut<'p, R> {
    fn lanes(&mut self, count: usize) -> &'p mut [Lanes<R>] {
        let (taken, left) = std::mem::take(&mut self.0).split_at_mut(count * LANES);
        self.0 = left;
        taken.as_chunks_mut().0
    }

    fn rows(&mut self, count: usize) -> &'p mut [Row<R>] {
        self.lanes(4 * count).as_chunks_mut().0
    }
}

/// A layer's norms in the textbook layout.
fn plain_norm<R: Real>(norm: Norm, p: &NormParams<'_, R>, hidden: usize) -> PlainNorm {
    let Norm { form, per_gate, epsilon } = norm;
    let rows = |panels: &[Row<R>]| if panels.is_empty() { vec![] } else { gate_major(panels, hidden, 1) };
    let lanes = |lanes: &[Lanes<R>]| lanes.as_flattened().iter().take(hidden).map(|v| v.to_f64()).collect();
    PlainNorm {
        form,
        per_gate,
        epsilon,
        gain_x: rows(p.gain_x),
        shift_x: rows(p.shift_x),
        bias_x: rows(p.bias_x),
        gain_h: rows(p.gain_h),
        shift_h: rows(p.shift_h),
        gain_c: lanes(p.gain_c),
        shift_c: lanes(p.shift_c),
    }
}

/// `[N][K]` panel rows to `[4H][K]`.
fn gate_major<R: Real>(panels: &[Row<R>], hidden: usize, inputs: usize) -> Vec<f64> {
    let value = |row: usize, k: usize| {
        let (gate, unit) = (row / hidden, row % hidden);
        panels[unit / LANES * inputs + k][gate][unit % LANES].to_f64()
    };
    (0..4 * hidden).flat_map(|row| (0..inputs).map(move |k| value(row, k))).collect()
}

/// `[4H][K]` to `[N][K]` panel rows.
fn fill_panels<R: Real>(panels: &mut [Row<R>], values: &[f64], hidden: usize, inputs: usize) {
    for (index, &value) in values.iter().enumerate() {
        let (row, k) = (index / inputs, index % inputs);
        let (gate, unit) = (row / hidden, row % hidden);
        panels[unit / LANES * inputs + k][gate][unit % LANES] = R::from_f64(value);
    }
}

/// `[H]` to `[N]` lanes.
fn fill_lanes<R: Real>(lanes: &mut [Lanes<R>], values: &[f64]) {
    for (lane, &value) in lanes.as_flattened_mut().iter_mut().zip(values) {
        *lane = R::from_f64(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_back() {
        let norm = |form| Some(Norm { form, per_gate: true, epsilon: 0.25 });
        let norms = [None, norm(NormForm::A), norm(NormForm::B), norm(NormForm::Joint)];
        for (norm, head_norm) in norms.into_iter().flat_map(|norm| [(norm, None), (norm, Some(0.5))]) {
            let shape = Shape { inputs: 3, hidden: vec![17, 5], outputs: 18, norm, head_norm };
            let mut plain = Params::<f64>::zeros(&shape).to_plain();
            let mut next = 0.0;
            let mut number = |values: &mut Vec<f64>| {
                for v in values {
                    next += 1.0;
                    *v = next;
                }
            };
            for layer in &mut plain.layers {
                number(&mut layer.w);
                number(&mut layer.u);
                number(&mut layer.b);
                if let Some(norm) = &mut layer.norm {
                    number(&mut norm.gain_x);
                    number(&mut norm.shift_x);
                    number(&mut norm.bias_x);
                    number(&mut norm.gain_h);
                    number(&mut norm.shift_h);
                    number(&mut norm.gain_c);
                    number(&mut norm.shift_c);
                }
            }
            number(&mut plain.head.w);
            number(&mut plain.head.b);
            if let Some(norm) = &mut plain.head.norm {
                number(&mut norm.gain);
                number(&mut norm.shift);
            }
            let params = Params::<f32>::from_plain(&plain);
            assert_eq!(params.to_plain(), plain);
            assert_eq!(params.shape(), &shape);
            // Everything else is padding and zero: each number is there exactly once.
            let mut values: Vec<f32> = params.values.iter().copied().filter(|&v| v != 0.0).collect();
            values.sort_by(f32::total_cmp);
            assert_eq!(values, (1..=next as usize).map(|v| v as f32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panel_row_holds_the_four_gates_of_a_block() {
        let mut plain =
            Params::<f64>::zeros(&Shape { inputs: 2, hidden: vec![20], outputs: 1, norm: None, head_norm: None }).to_plain();
        // The forget gate of unit 18 reads input 1.
        plain.layers[0].w[(20 + 18) * 2 + 1] = 7.0;
        let params = Params::<f32>::from_plain(&plain);
        assert_eq!(params.layer(0).w[2 + 1][1][2], 7.0);
        assert_eq!(params.values.iter().filter(|&&v| v != 0.0).count(), 1);
    }
}
