//! Every form of the cell, with every parameter of it that is no type, against the folded network in `f64`; and forms as types.

use embedded_rnn::arithmetic::Number;
use embedded_rnn::forecast::Model;
use embedded_rnn::network::{CellForm, Form, Layer, Topology};
use embedded_rnn::{
    Dense, Float, Int8, JointNorm, Kept, LoadError, Lstm, Network, NormA, NormB, Plain, Rational, Then, Zoneout, ZoneoutCell,
};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::fold::FoldedNetwork;
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::pack::budget;
use embedded_rnn_trainer::regularize::settings::Reading;

use crate::sketch::{Built, Extras, Random, Sketch};
use crate::typed::streams_agree;

/// Adds every form to a sketch.
pub fn all_forms(plain: &Sketch) -> Vec<Sketch> {
    let mut sketches = Vec::new();
    for (norm, per_gate) in [
        (None, false),
        (Some(NormForm::A), false),
        (Some(NormForm::A), true),
        (Some(NormForm::B), false),
        (Some(NormForm::B), true),
        (Some(NormForm::Joint), false),
        (Some(NormForm::Joint), true),
    ] {
        for kept in [false, true] {
            for (cell, hidden, reading) in [
                (0.0, 0.0, Reading::Candidate),
                (0.3, 0.0, Reading::Candidate),
                (0.3, 0.0, Reading::Zoned),
                (0.2, 0.4, Reading::Candidate),
            ] {
                let extras = Extras { norm, per_gate, kept, removed: 0, head: false };
                sketches.push(plain.clone().with_extras(extras).with_zoneout(cell, hidden, reading));
            }
        }
    }
    for (norm, hidden) in
        [(None, 0.0), (None, 0.3), (Some(NormForm::A), 0.0), (Some(NormForm::B), 0.3), (Some(NormForm::Joint), 0.3)]
    {
        let extras = Extras { norm, head: true, ..Extras::default() };
        sketches.push(plain.clone().with_extras(extras).with_zoneout(0.2, hidden, Reading::Candidate));
    }
    for norm in [None, Some(NormForm::Joint)] {
        sketches.push(plain.clone().with_extras(Extras { norm, head: true, removed: 3, ..Extras::default() }));
    }
    for (norm, per_gate) in [(None, false), (Some(NormForm::Joint), false), (Some(NormForm::Joint), true)] {
        sketches.push(plain.clone().with_extras(Extras { norm, per_gate, kept: true, removed: 3, head: false }));
    }
    sketches
}

fn exact(window: &[f32]) -> Vec<f64> {
    window.iter().map(|value| f64::from(*value)).collect()
}

/// How much larger than they are small errors become in h, if one enters every unit at every step: the worst case of all. Networks that
/// pass near a saddle between two resting states amplify errors of any arithmetic a hundred times and more there; what is measured on
/// them is the network.
fn amplification(folded: &FoldedNetwork, window: &[f32]) -> f64 {
    const ERROR: f64 = 1e-6;
    let mut random = Random(99);
    let start = || folded.start(&vec![0.0; folded.features()]);
    let (mut clean, mut disturbed) = (start(), start());
    let mut largest = 0.0f64;
    for x in exact(window).chunks_exact(folded.step_inputs()) {
        folded.step(&mut clean, x);
        folded.step(&mut disturbed, x);
        for (clean, disturbed) in clean.layers.iter().zip(&mut disturbed.layers) {
            for (clean, disturbed) in clean.h.iter().zip(&mut disturbed.h) {
                largest = largest.max((*disturbed - clean).abs());
                *disturbed += ERROR * random.next();
            }
        }
    }
    largest / ERROR
}

/// The first network from the sketch's seed on that amplifies errors less than three times, and a window to run it on.
pub fn contracting(sketch: &Sketch) -> (Built, Vec<f32>) {
    let mut sketch = sketch.clone();
    loop {
        let built = sketch.build();
        let window = Random(!sketch.seed).samples(sketch.window.lookback.into(), sketch.window.features.into());
        if amplification(&built.folded, &window) < 3.0 {
            return (built, window);
        }
        sketch.seed += 1000;
    }
}

/// Root mean square and largest difference of device and folded h in deviations of h: the worst layer's.
fn differences(built: &Built, window: &[f32]) -> (f64, f64) {
    let bytes = ModelBytes::new(&built.file);
    let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
    // Of each layer: squared errors, h, h squared, count, largest error.
    let mut sums = vec![[0.0f64; 5]; built.folded.layers.len()];
    let mut state = built.folded.start(&vec![0.0; built.folded.features()]);
    let states = model.hidden_states(window).unwrap();
    for (x, device) in exact(window).chunks_exact(built.folded.step_inputs()).zip(states) {
        built.folded.step(&mut state, x);
        for (layer, (device, sums)) in device.iter().zip(&mut sums).enumerate() {
            // `f32` carries h/(1-z_h).
            let zoneout = built.folded.layers[layer].zoneout.as_ref();
            let carried = if built.quantized.is_some() { 1.0 } else { 1.0 - zoneout.map_or(0.0, |zoneout| zoneout.hidden) };
            for (device, h) in device.iter().zip(built.folded.hidden(&state, layer)) {
                let error = device * carried - h;
                assert!(error.is_finite());
                *sums = [sums[0] + error * error, sums[1] + h, sums[2] + h * h, sums[3] + 1.0, sums[4].max(error.abs())];
            }
        }
    }
    let relative = |[errors, sum, squares, count, largest]: [f64; 5]| {
        let deviation = (squares / count - (sum / count).powi(2)).sqrt();
        ((errors / count).sqrt() / deviation, largest / deviation)
    };
    sums.into_iter().map(relative).fold((0.0, 0.0), |worst, new| (f64::max(worst.0, new.0), f64::max(worst.1, new.1)))
}

/// Over 10,000 steps from one zero state.
#[test]
fn f32_equals_the_folded_network_in_every_form() {
    type Net = Network<Then<Lstm<3, 11>, Lstm<11, 7>>, Dense<7, 1, 1>>;
    for sketch in all_forms(&Sketch::of::<Float, Net>(71, &[11, 7], 3, 10_000, 1)) {
        let (built, window) = contracting(&sketch);
        let (_, largest) = differences(&built, &window);
        println!("{largest:.1e} {:?} {:?}", sketch.extras, sketch.zoneout);
        assert!(largest <= 1e-5, "{largest:e} {:?} {:?}", sketch.extras, sketch.zoneout);
    }
}

#[test]
fn int8_is_within_one_percent_of_the_folded_network_in_every_form() {
    type Net = Network<Then<Lstm<5, 32>, Lstm<32, 18>>, Dense<18, 1, 2>>;
    for sketch in all_forms(&Sketch::of::<Int8, Net>(72, &[32, 18], 5, 1_000, 1)) {
        let (built, window) = contracting(&sketch);
        let (rms, _) = differences(&built, &window);
        println!("{:.2} % {:?} {:?}", 100.0 * rms, sketch.extras, sketch.zoneout);
        assert!(rms <= 0.01, "{rms} {:?} {:?}", sketch.extras, sketch.zoneout);
    }
}

type Stack<F> = Network<Then<Lstm<3, 11, F>, Lstm<11, 6, F>>, Dense<6, 1, 2>>;

/// The sketch of a stack of form `F`.
fn stack<N: Number, F: Form>(per_gate: bool) -> Sketch
where
    Lstm<3, 11, F>: Layer<N, Input = [N::Activation; 3], Output = [N::Activation; 11]>,
    Lstm<11, 6, F>: Layer<N, Input = [N::Activation; 11], Output = [N::Activation; 6]>,
{
    let norm = match F::FORM.norm {
        embedded_rnn::network::NormForm::None => None,
        embedded_rnn::network::NormForm::A => Some(NormForm::A),
        embedded_rnn::network::NormForm::B => Some(NormForm::B),
        embedded_rnn::network::NormForm::Joint => Some(NormForm::Joint),
    };
    let zoneout = (if F::CELL { 0.3 } else { 0.0 }, if F::HIDDEN { 0.25 } else { 0.0 });
    Sketch::of::<N, Stack<F>>(73, &[11, 6], 3, 20, 1)
        .with_extras(Extras { norm, per_gate, kept: F::FORM.kept, removed: 0, head: false })
        .with_zoneout(zoneout.0, zoneout.1, Reading::Zoned)
}

/// As a type and by its number the same bits; the sizes that the budget states, the lines that name the type, no other form accepted.
fn form_is_a_type<N: Number, F: Form>(name: &str)
where
    Lstm<3, 11, F>: Layer<N, Input = [N::Activation; 3], Output = [N::Activation; 11]>,
    Lstm<11, 6, F>: Layer<N, Input = [N::Activation; 11], Output = [N::Activation; 6]>,
{
    for per_gate in [false, true] {
        streams_agree::<N, Stack<F>, 3, 20, 1>(&stack::<N, F>(per_gate));
    }
    let built = stack::<N, F>(false).build();
    let bytes = ModelBytes::new(&built.file);
    let model = DeviceModel::bind(bytes.as_slice()).unwrap();
    let layers = model.layers();
    assert_eq!(layers, [(3, 11, F::FORM), (11, 6, F::FORM)]);
    let lines = model.snippet("model.rnn");
    let lstm = format!("Then<Lstm<3, 11, {name}>, Lstm<11, 6, {name}>>");
    assert!(lines.contains(&if F::FORM == CellForm::PLAIN { lstm.replace(", Plain", "") } else { lstm }), "{lines}");
    let used = lines.lines().find(|line| line.starts_with("use")).unwrap();
    for part in name.split(['<', '>']).filter(|part| !part.is_empty() && F::FORM != CellForm::PLAIN) {
        assert!(used.contains(part), "{used}");
    }
    let scratch = 11 * (size_of::<N::Activation>() + 4 * size_of::<N::Sum>() * F::FORM.scratch_rows());
    let state = size_of::<<Stack<F> as Topology<N>>::State>();
    assert_eq!(budget(&model.manifest, &layers, model.head(), &[], 0, 0).state_bytes, state + scratch + 2 * size_of::<f32>());
    let (other, expected) = if F::FORM == CellForm::PLAIN {
        (Model::<N, Stack<JointNorm>, 3, 20, 1>::load(bytes.as_slice()).err(), JointNorm::<Plain>::FORM)
    } else {
        (Model::<N, Stack<Plain>, 3, 20, 1>::load(bytes.as_slice()).err(), CellForm::PLAIN)
    };
    assert_eq!(other, Some(LoadError::Form { layer: 0, expected, found: F::FORM.number() }));
}

macro_rules! forms_are_types {
    ($number:ty: $($form:ty),*) => {
        $(form_is_a_type::<$number, $form>(stringify!($form));)*
    };
}

#[test]
fn forms_are_types_in_integers() {
    forms_are_types!(Int8: Plain, Zoneout, Kept<Plain>, Kept<Zoneout>, NormA<Plain>, NormA<Kept<Zoneout>>, NormB<ZoneoutCell>);
    forms_are_types!(Int8: NormB<Kept<Plain>>, JointNorm<Plain>, JointNorm<Zoneout>, JointNorm<Kept<ZoneoutCell>>);
}

#[test]
fn forms_are_types_in_floats() {
    forms_are_types!(Float<Rational>: Plain, Kept<Zoneout>, NormA<Kept<ZoneoutCell>>, NormA<Zoneout>, NormB<Kept<Zoneout>>);
    forms_are_types!(Float<Rational>: JointNorm<Plain>, JointNorm<Kept<Zoneout>>);
}
