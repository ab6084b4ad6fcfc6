//! Loads networks of every arithmetic, order of weights and form from bytes that the compiler knows nothing of, and steps them. The
//! panic handler calls a function that does not exist, so that the program links only if nothing in it can panic.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_rnn::forecast::Session;
use embedded_rnn::network::Topology;
use embedded_rnn::{
    Cell16, Classes, Dense, Float, Int8, JointNorm, Kept, Lstm, Model, Network, NormA, NormB, NotReady, PackedPair, Quantiles, RowMajor,
    Streaming, Then, Zoneout, arithmetic::Number,
};

unsafe extern "C" {
    /// In no library.
    safe fn inference_can_panic() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    inference_can_panic()
}

/// Binds a model and takes a step, if the bytes are a model of that type.
fn bind_and_step<N: Number, T: Topology<N>>(bytes: &'static [u8]) {
    let Ok(model) = Model::<N, T, 3, 8, 1, 0, Streaming>::load(bytes) else { return };
    let mut session = model.session();
    let _ = black_box(step::<N, T>(&mut session, black_box(&[[1.0, 2.0, 3.0]])));
}

fn step<N: Number, T: Topology<N>>(
    session: &mut Session<'_, '_, N, T, 3, 8, 1>,
    samples: &[[f32; 3]; 1],
) -> (Result<T::Quantiles, NotReady>, Result<T::Output, NotReady>) {
    // A refused sample leaves the state as it was.
    let _ = (session.step(samples), session.push(&samples[0]));
    (session.quantiles(), session.forecast())
}

/// Binds a classifier and tells a class, if the bytes are one of that type.
fn bind_and_classify<N: Number>(bytes: &'static [u8]) {
    let Ok(model) = Model::<N, Told, 3, 8, 1>::load(bytes) else { return };
    let mut classifier = model.classifier();
    let _ = classifier.push(black_box(&[1.0, 2.0, 3.0]));
    let Ok(scores) = classifier.classify() else { return };
    black_box((scores.probabilities(), model.class_name(scores.class())));
    black_box(model.self_test().is_ok());
}

type Plain = Network<Then<Lstm<3, 7>, Lstm<7, 16>>, Dense<16, 1, 4>>;
type Zoned = Network<Lstm<3, 9, Kept<Zoneout>>, Dense<9, 1, 4>>;
type FormA = Network<Lstm<3, 9, NormA<Zoneout>>, Dense<9, 1, 4>>;
type FormB = Network<Lstm<3, 9, NormB<Kept>>, Dense<9, 1, 4>>;
type Joint = Network<Lstm<3, 9, JointNorm<Zoneout>>, Dense<9, 1, 4>>;
type Spread = Network<Lstm<3, 9>, Quantiles<Dense<9, 1, 4>, 5>>;

type Told = Network<Lstm<3, 9>, Classes<Dense<9, 5, 1>>>;

/// Where the linker begins.
#[unsafe(no_mangle)]
pub extern "C" fn probe() {
    let bytes = black_box::<&'static [u8]>(&[]);
    #[cfg(feature = "panic")]
    black_box(bytes[black_box(1)]);
    bind_and_step::<Int8, Plain>(bytes);
    bind_and_step::<Int8, Zoned>(bytes);
    bind_and_step::<Int8, FormA>(bytes);
    bind_and_step::<Int8, FormB>(bytes);
    bind_and_step::<Int8, Joint>(bytes);
    bind_and_step::<Int8<RowMajor>, Plain>(bytes);
    bind_and_step::<Int8<RowMajor>, FormA>(bytes);
    bind_and_step::<Int8<PackedPair, Cell16>, Plain>(bytes);
    bind_and_step::<Int8<RowMajor, Cell16>, Zoned>(bytes);
    bind_and_step::<Float, Plain>(bytes);
    bind_and_step::<Float, FormB>(bytes);
    bind_and_step::<Int8, Spread>(bytes);
    bind_and_step::<Float, Spread>(bytes);
    bind_and_classify::<Int8>(bytes);
    bind_and_classify::<Float>(bytes);
}
