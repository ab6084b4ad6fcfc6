//! Arbitrary bytes as a model file, length and checksum repaired: refused by name, or a model that runs, but never a panic.
#![no_main]

use embedded_rnn::image::{HEADER_LENGTH, checksum};
use embedded_rnn::{Classes, Dense, Float, Int8, Lstm, Model, Network, Quantiles, Streaming, Then, Zoneout};
use libfuzzer_sys::fuzz_target;

type Tiny<'m> = Model<'m, Int8, Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>, 1, 8, 2>;
type Layers = Then<Lstm<3, 7, Zoneout>, Lstm<7, 5, Zoneout>>;
type Stream<'m, N> = Model<'m, N, Network<Layers, Dense<5, 2, 2>>, 3, 6, 1>;
type Carried<'m, N> = Model<'m, N, Network<Layers, Dense<5, 2, 2>>, 3, 6, 1, 0, Streaming>;
type Spread<'m> = Model<'m, Int8, Network<Lstm<3, 5, Zoneout>, Quantiles<Dense<5, 2, 2>, 3>>, 3, 6, 1>;

type Told<'m> = Model<'m, Int8, Network<Lstm<3, 5, Zoneout>, Classes<Dense<5, 3, 1>>>, 3, 6, 1>;

/// Aligned bytes whose length and checksum are what they should be.
fn repaired(data: &[u8]) -> Vec<u128> {
    let mut blocks = vec![0; data.len().div_ceil(16)];
    let bytes = &mut bytemuck::cast_slice_mut::<u128, u8>(&mut blocks)[..data.len()];
    bytes.copy_from_slice(data);
    if bytes.len() >= HEADER_LENGTH {
        bytes[12..16].copy_from_slice(&(data.len() as u32).to_le_bytes());
        let checksum = checksum(bytes);
        bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    }
    blocks
}

/// What a firmware does with a model, if it loads.
macro_rules! exercise {
    ($model:ty, $bytes:expr, $sample:expr) => {
        if let Ok(model) = <$model>::load($bytes) {
            let _ = model.self_test();
            let mut forecaster = model.forecaster();
            while forecaster.missing() > 0 && forecaster.push(&$sample).is_ok() {}
            let _ = (forecaster.forecast(), forecaster.quantiles());
        }
    };
    ($model:ty, $bytes:expr, stream of $sample:expr) => {
        if let Ok(model) = <$model>::load($bytes) {
            let _ = model.self_test();
            let mut session = model.session();
            let _ = (session.step(&[$sample]), session.push(&$sample));
            let _ = (session.forecast(), session.quantiles(), session.missing());
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let blocks = repaired(data);
    let bytes = &bytemuck::cast_slice::<u128, u8>(&blocks)[..data.len()];
    if let Ok(model) = Tiny::load(bytes) {
        let _ = model.self_test();
    }
    exercise!(Stream<Int8>, bytes, [20.0, -1e9, f32::MAX]);
    exercise!(Stream<Float>, bytes, [20.0, -1e9, f32::MAX]);
    exercise!(Spread, bytes, [20.0, -1e9, f32::MAX]);
    exercise!(Told, bytes, [20.0, -1e9, f32::MAX]);
    if let Ok(model) = Told::load(bytes) {
        let mut classifier = model.classifier();
        while classifier.missing() > 0 && classifier.push(&[20.0, -1e9, f32::MAX]).is_ok() {}
        let _ = classifier.classify().map(|scores| (scores.class(), scores.probabilities()));
    }
    exercise!(Carried<Int8>, bytes, stream of [20.0, -1e9, f32::MAX]);
    exercise!(Carried<Float>, bytes, stream of [20.0, -1e9, f32::MAX]);
});
