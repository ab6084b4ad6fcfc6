//! Measures a step of the linked model's recurrent layers alone, without transforms and head, and logs what it took.
//!
//! The inputs are those of the model file's own window, encoded as a forecaster encodes them. A loop that writes an input and steps is measured,
//! and the same loop without the step: their difference is the steps, calls included. The program [`super::bare`] is this one with an empty
//! function in the step's place: what this one's image has more is the network's code and tables.

use core::{hint::black_box, marker::PhantomData, mem::size_of};

use embedded_rnn::{
    Image, LoadError, Model, Network,
    arithmetic::{Element, Number},
    forecast::{Level, Pipeline, SelfTest},
    image::RecordKind,
    network::{Layer, Topology},
};

use crate::{
    IMAGE,
    cost::{Cost, Meter},
    end,
    model::{self, FEATURES, LOOKBACK, PATCH, STEPS},
};

/// Values of a step's input.
const INPUTS: usize = FEATURES * PATCH;
/// Times that the window is run through: a step's cost to a fraction of an instruction.
const ROUNDS: usize = 16;

/// Runs it to its end.
pub fn run() -> ! {
    measure::<true>()
}

/// The whole program; with empty steps if not `STEP`.
pub(super) fn measure<const STEP: bool>() -> ! {
    match layers::<STEP, _, _, _, _, _, _, _, _>(PhantomData::<model::Model<'static>>) {
        Ok(()) => end::succeed(),
        Err(error) => {
            defmt::error!("the linked model file is refused: {}", error);
            end::fail();
        }
    }
}

/// Measures the recurrent layers of a model's type.
fn layers<const STEP: bool, N, L, D, S, const F: usize, const B: usize, const P: usize, const SEASON: usize>(
    _: PhantomData<Model<'static, N, Network<L, D, S>, F, B, P, SEASON>>,
) -> Result<(), LoadError>
where
    N: Number,
    L: Layer<N, Input = [N::Activation; INPUTS]>,
    Network<L, D, S>: Topology<N>,
{
    let mut meter = Meter::new();
    let image = Image::open(IMAGE)?;
    let mut records = image.records();
    let pipeline = Pipeline::bind(&records.next(RecordKind::Scaling)?, &image.manifest.window)?;
    let weights = L::bind(&mut records)?;
    records.next(RecordKind::Dense)?;
    let test = SelfTest::read(&records.next(RecordKind::SelfTest)?, LOOKBACK, FEATURES)?;
    let inputs = encode::<N>(&pipeline, test);

    let mut state = L::ZERO;
    let weights = black_box(&weights);
    let ((), with) = meter.measure(|| turn::<N, L>(&inputs, &mut state, |state| step::<STEP, N, L>(weights, state)));
    let ((), without) = meter.measure(|| turn::<N, L>(&inputs, &mut state, |_| ()));
    report(&meter, with, without, [size_of::<L::State>(), size_of::<L::Output>()]);
    Ok(())
}

/// The window as the steps' inputs.
fn encode<N: Number>(pipeline: &Pipeline<'_>, test: SelfTest<'_>) -> [[N::Activation; INPUTS]; STEPS] {
    let mut transformed = [0.0; FEATURES * LOOKBACK];
    for (raw, z) in test.window().zip(transformed.chunks_exact_mut(FEATURES)) {
        if pipeline.transform(raw, z).is_err() {
            defmt::error!("the model file's own window is refused");
            end::fail();
        }
    }
    let window = transformed.chunks_exact(FEATURES);
    let mut levels = [Level::default(); FEATURES];
    pipeline.measure(window.clone(), &transformed[FEATURES * (LOOKBACK - 1)..], &mut levels);
    let (mut earlier, mut samples) = (window.clone(), window.skip(pipeline.normalization.season()));
    let mut inputs = [[N::Activation::ZERO; INPUTS]; STEPS];
    for input in &mut inputs {
        pipeline.encode::<N>(&mut samples, &mut earlier, &levels, input);
    }
    inputs
}

/// Writes every input, several times over, and does `work` after each.
#[inline(always)]
fn turn<N: Number, L: Layer<N>>(inputs: &[L::Input], state: &mut L::State, mut work: impl FnMut(&mut L::State)) {
    for _ in 0..ROUNDS {
        for input in inputs {
            *L::input(state) = *input;
            work(black_box(&mut *state));
        }
    }
}

/// One step, called as a function of its own. The loop around it is the same without it, so that no more than the step is counted.
#[inline(never)]
fn step<const STEP: bool, N: Number, L: Layer<N>>(weights: &L::Weights<'_>, state: &mut L::State) {
    if STEP {
        L::step(weights, state);
    } else {
        black_box((weights, state));
    }
}

fn report(meter: &Meter, with: Cost, without: Cost, [state, hidden]: [usize; 2]) {
    let instructions = meter.calibration().instructions(u64::from(with.ticks.saturating_sub(without.ticks)));
    let stack = with.stack.saturating_sub(without.stack);
    defmt::info!("steps count={=usize} instructions={=u64} stack={=usize}", ROUNDS * STEPS, instructions, stack);
    defmt::info!("layer state={=usize} hidden={=usize}", state, hidden);
}
