//! candle as a contender.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{
    AdamW, Init, LSTM, LSTMConfig, Linear, Module, Optimizer, ParamsAdamW, RNN, VarBuilder, VarMap, linear, lstm, ops,
};

use crate::{Bench, Step};

/// Gain and shift of a layer norm. candle's own fused one has no backward pass.
struct Norm {
    gain: Tensor,
    shift: Tensor,
}

impl Norm {
    fn new(size: usize, vars: VarBuilder) -> Result<Self> {
        let gain = vars.get_with_hints(size, "gain", Init::Const(1.0))?;
        Ok(Norm { gain, shift: vars.get_with_hints(size, "shift", Init::Const(0.0))? })
    }

    fn forward(&self, z: &Tensor) -> Result<Tensor> {
        ops::layer_norm_slow(z, &self.gain, &self.shift, 1e-5)
    }
}

/// Layer norm over W x, U h and c, zoneout of c and h, recurrent dropout.
struct RegularizedLayer {
    hidden: usize,
    w: Linear,
    u: Tensor,
    norm_x: Norm,
    norm_h: Norm,
    norm_c: Norm,
}

/// Ones with the probability, else zeros.
fn bernoulli(ones: f64, shape: &[usize]) -> Result<Tensor> {
    Tensor::rand(0.0f32, 1.0, shape, &Device::Cpu)?.lt(ones)?.to_dtype(DType::F32)
}

impl RegularizedLayer {
    fn new(inputs: usize, hidden: usize, vars: VarBuilder) -> Result<Self> {
        let bound = (hidden as f64).powf(-0.5);
        let init = Init::Uniform { lo: -bound, up: bound };
        Ok(RegularizedLayer {
            hidden,
            w: linear(inputs, 4 * hidden, vars.pp("w"))?,
            u: vars.get_with_hints((4 * hidden, hidden), "u", init)?,
            norm_x: Norm::new(4 * hidden, vars.pp("norm_x"))?,
            norm_h: Norm::new(4 * hidden, vars.pp("norm_h"))?,
            norm_c: Norm::new(hidden, vars.pp("norm_c"))?,
        })
    }

    /// A sequence of `[B, I]` to one of `[B, H]`.
    fn forward(&self, xs: &[Tensor]) -> Result<Vec<Tensor>> {
        let rows = xs[0].dim(0)?;
        let mut h = Tensor::zeros((rows, self.hidden), DType::F32, &Device::Cpu)?;
        let mut c = h.clone();
        let keep = (bernoulli(0.9, &[rows, self.hidden])? / 0.9)?;
        let u = self.u.t()?;
        let mut outputs = Vec::with_capacity(xs.len());
        for x in xs {
            let from_x = self.norm_x.forward(&self.w.forward(x)?)?;
            let from_h = self.norm_h.forward(&(&h * &keep)?.matmul(&u)?)?;
            let gates = (from_x + from_h)?.chunk(4, 1)?;
            let [i, f, g, o] = &gates[..] else { unreachable!("four chunks were asked for") };
            let new_c = ((ops::sigmoid(f)? * &c)? + (ops::sigmoid(i)? * g.tanh()?)?)?;
            c = zoneout(new_c, c)?;
            let new_h = (ops::sigmoid(o)? * self.norm_c.forward(&c)?.tanh()?)?;
            h = zoneout(new_h, h)?;
            outputs.push(h.clone());
        }
        Ok(outputs)
    }
}

/// The old value where the mask says so.
fn zoneout(new: Tensor, old: Tensor) -> Result<Tensor> {
    let mask = bernoulli(0.1, new.dims())?;
    &new + ((old - &new)? * mask)?
}

enum Layer {
    Plain(Box<LSTM>),
    Regularized(RegularizedLayer),
}

impl Layer {
    /// Step by step: a gradient of a slice of a whole sequence would be as large as the sequence.
    fn forward(&self, xs: &[Tensor]) -> Result<Vec<Tensor>> {
        match self {
            Layer::Plain(layer) => {
                let mut state = layer.zero_state(xs[0].dim(0)?)?;
                let step = |x: &Tensor| {
                    state = layer.step(x, &state)?;
                    Ok(state.h().clone())
                };
                xs.iter().map(step).collect()
            }
            Layer::Regularized(layer) => layer.forward(xs),
        }
    }
}

pub fn step(bench: Bench) -> Result<Step> {
    let map = VarMap::new();
    let vars = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let mut layers = Vec::new();
    for (number, inputs) in bench.layer_inputs().enumerate() {
        let vars = vars.pp(number);
        layers.push(match bench.regularized {
            false => Layer::Plain(Box::new(lstm(inputs, bench.hidden, LSTMConfig::default(), vars)?)),
            true => Layer::Regularized(RegularizedLayer::new(inputs, bench.hidden, vars)?),
        });
    }
    let head = linear(bench.hidden, 1, vars.pp("head"))?;
    let mut optimizer = AdamW::new(map.all_vars(), ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..Default::default() })?;
    let x = |_| Tensor::randn(0.0f32, 1.0, (bench.rows, bench.inputs), &Device::Cpu);
    let xs = (0..bench.steps).map(x).collect::<Result<Vec<_>>>()?;
    let y = Tensor::randn(0.0f32, 1.0, (bench.rows, 1), &Device::Cpu)?;
    let mut step = move || -> Result<()> {
        let outputs = layers.iter().try_fold(xs.clone(), |xs, layer| layer.forward(&xs))?;
        let last = &outputs[bench.steps - 1];
        optimizer.backward_step(&candle_nn::loss::mse(&head.forward(last)?, &y)?)
    };
    step()?;
    Ok(Box::new(move || step().expect("the same step went through before")))
}
