//! Burn as a contender, on its portable CPU backend.

use burn::module::Module;
use burn::nn::loss::{MseLoss, Reduction};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, Lstm, LstmConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Distribution, Tensor};

use crate::{Bench, Step};

/// Layer norm over W x, U h and c, zoneout of c and h, recurrent dropout.
#[derive(Module, Debug)]
struct RegularizedLayer {
    w: Linear,
    u: Linear,
    norm_x: LayerNorm,
    norm_h: LayerNorm,
    norm_c: LayerNorm,
    hidden: usize,
}

impl RegularizedLayer {
    fn new(inputs: usize, hidden: usize, device: &Device) -> Self {
        RegularizedLayer {
            w: LinearConfig::new(inputs, 4 * hidden).init(device),
            u: LinearConfig::new(hidden, 4 * hidden).with_bias(false).init(device),
            norm_x: LayerNormConfig::new(4 * hidden).init(device),
            norm_h: LayerNormConfig::new(4 * hidden).init(device),
            norm_c: LayerNormConfig::new(hidden).init(device),
            hidden,
        }
    }

    /// A sequence of `[B, I]` to one of `[B, H]`. Step by step: a gradient of a slice of a whole sequence would be as large as the
    /// sequence.
    fn forward(&self, xs: Vec<Tensor<2>>) -> Vec<Tensor<2>> {
        let (rows, device) = (xs[0].dims()[0], xs[0].device());
        let ones = |share| Tensor::<2>::random([rows, self.hidden], Distribution::Bernoulli(share), &device);
        let mut h = Tensor::<2>::zeros([rows, self.hidden], &device);
        let mut c = h.clone();
        let keep = ones(0.9) / 0.9;
        let mut outputs = Vec::with_capacity(xs.len());
        for x in xs {
            let from_x = self.norm_x.forward(self.w.forward(x));
            let from_h = self.norm_h.forward(self.u.forward(h.clone() * keep.clone()));
            let mut gates = (from_x + from_h).chunk(4, 1).into_iter();
            let mut gate = || gates.next().expect("four chunks were asked for");
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let new_c = sigmoid(f) * c.clone() + sigmoid(i) * g.tanh();
            c = zoneout(new_c, c, ones(0.1));
            let new_h = sigmoid(o) * self.norm_c.forward(c.clone()).tanh();
            h = zoneout(new_h, h, ones(0.1));
            outputs.push(h.clone());
        }
        outputs
    }
}

/// The old value where the mask says so.
fn zoneout(new: Tensor<2>, old: Tensor<2>, mask: Tensor<2>) -> Tensor<2> {
    new.clone() + (old - new) * mask
}

#[derive(Module, Debug)]
struct Network {
    plain: Vec<Lstm>,
    regularized: Vec<RegularizedLayer>,
    head: Linear,
}

impl Network {
    fn forward(&self, mut x: Tensor<3>) -> Tensor<2> {
        let steps = x.dims()[1];
        let step = |x: &Tensor<3>, t: usize| x.clone().narrow(1, t, 1).squeeze_dim::<2>(1);
        if self.regularized.is_empty() {
            for layer in &self.plain {
                x = layer.forward(x, None).0;
            }
            return self.head.forward(step(&x, steps - 1));
        }
        let xs = (0..steps).map(|t| step(&x, t)).collect();
        let mut outputs = self.regularized.iter().fold(xs, |xs, layer| layer.forward(xs));
        self.head.forward(outputs.swap_remove(steps - 1))
    }
}

pub fn step(bench: Bench) -> Step {
    let device = Device::flex().autodiff();
    let inputs = || bench.layer_inputs();
    let mut network = Some(match bench.regularized {
        false => Network {
            plain: inputs().map(|inputs| LstmConfig::new(inputs, bench.hidden, true).init(&device)).collect(),
            regularized: Vec::new(),
            head: LinearConfig::new(bench.hidden, 1).init(&device),
        },
        true => Network {
            plain: Vec::new(),
            regularized: inputs().map(|inputs| RegularizedLayer::new(inputs, bench.hidden, &device)).collect(),
            head: LinearConfig::new(bench.hidden, 1).init(&device),
        },
    });
    let mut optimizer = AdamConfig::new().init();
    let random = Distribution::Normal(0.0, 1.0);
    let x = Tensor::<3>::random([bench.rows, bench.steps, bench.inputs], random, &device);
    let y = Tensor::<2>::random([bench.rows, 1], random, &device);
    Box::new(move || {
        if let Some(trained) = network.take() {
            let loss = MseLoss::new().forward(trained.forward(x.clone()), y.clone(), Reduction::Mean);
            let gradients = GradientsParams::from_grads(loss.backward(), &trained);
            network = Some(optimizer.step(1e-3, trained, gradients));
        }
    })
}
