//! Memory is known before it is flashed.

use std::sync::Mutex;

use embedded_rnn::network::Layer;
use embedded_rnn::{Float, Int8, JointNorm, Kept, Lstm, NormA, Then, Zoneout, ZoneoutCell};

type State<N, L> = <L as Layer<N>>::State;

/// A state needs no code to begin with: it lies in a static, zeroed with the rest of `.bss`.
static STATE: Mutex<State<Int8, Lstm<8, 64>>> = Mutex::new(<Lstm<8, 64> as Layer<Int8>>::ZERO);

const PLAIN: usize = size_of::<State<Int8, Lstm<8, 64>>>();

/// The new hidden state, which is collected beside the old one during a step.
const SCRATCH: usize = 64 * size_of::<i16>();

const _: () = assert!(PLAIN <= 416);
const _: () = assert!(PLAIN + SCRATCH <= 544);

#[test]
fn a_state_is_its_numbers_and_no_more() {
    // 8 inputs, 64 hidden and 3 of padding in halfwords, to the next multiple of 8; 64 cells.
    assert_eq!(PLAIN, 152 + 256);
    assert_eq!(size_of::<State<Int8, Lstm<8, 64, ZoneoutCell>>>(), PLAIN);
    assert_eq!(size_of::<State<Int8, Lstm<8, 64, Zoneout>>>(), PLAIN + 256);
    // Layer norm's pre-activations wait beside the state, and only while a step runs.
    assert_eq!(size_of::<State<Int8, Lstm<8, 64, JointNorm>>>(), PLAIN);
    assert_eq!(size_of::<State<Int8, Lstm<8, 64, NormA<Kept<Zoneout>>>>>(), PLAIN + 256);
    assert_eq!(size_of::<State<Float, Lstm<8, 64>>>(), (75 * 4 + 4) + 256);
    assert_eq!(size_of::<State<Float, Lstm<8, 64, Zoneout>>>(), size_of::<State<Float, Lstm<8, 64>>>());
    let both = size_of::<State<Int8, Lstm<8, 64>>>() + size_of::<State<Int8, Lstm<64, 16>>>();
    assert_eq!(size_of::<State<Int8, Then<Lstm<8, 64>, Lstm<64, 16>>>>(), both);
}

#[test]
fn a_state_lives_in_a_static() {
    let mut state = STATE.lock().unwrap();
    assert!(state.hidden() == &[0; 64] && state.cell() == &[0; 64]);
    let input = <Lstm<8, 64> as Layer<Int8>>::input(&mut state);
    assert_eq!(input.len(), 8);
    assert_eq!(input.as_ptr().addr() % 8, 0, "kernels read whole words");
}
