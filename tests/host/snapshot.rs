//! Saved and restored: the same bits go on, and nothing but a whole snapshot of the same model and kind is taken.

use crc::{CRC_32_ISO_HDLC, Crc};
use embedded_rnn::arithmetic::Number;
use embedded_rnn::forecast::SnapshotError;
use embedded_rnn::network::Topology;
use embedded_rnn::{Forecaster, Model, Streaming};

use crate::behavior::{bits, samples};
use crate::fixtures::{Bytes, InStream, deep_int8, log_f32, stream_f32, stream_int8, streamed, streamed_int8, tiny_int8};

/// A fixture's network as a streaming model, its file changed.
macro_rules! stream_of {
    ($fixture:ident, $bytes:expr) => {
        <$fixture::Model<'_> as InStream>::Model::load($bytes).unwrap()
    };
}

/// A snapshot's checksum as it would be if the bytes were meant so. `kind`: 1 for a forecaster's, 2 for a session's.
fn repair(kind: u8, snapshot: &mut [u8]) {
    let (body, checksum) = snapshot.split_last_chunk_mut::<4>().unwrap();
    let mut covered = vec![kind];
    covered.extend_from_slice(body);
    *checksum = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&covered).to_le_bytes();
}

/// A forecaster saved after any number of samples goes on as if nothing had happened.
fn forecasters_go_on<N: Number, const F: usize, const L: usize, const P: usize, T: Topology<N>>(
    model: &Model<'_, N, T, F, L, P>,
) {
    let all = samples::<F>(1, 4 * L);
    for saved_after in 0..2 * L {
        let (before, after) = all.split_at(saved_after);
        let mut first = model.forecaster();
        before.iter().for_each(|sample| first.push(sample).unwrap());
        let mut buffer = vec![0xa5; Forecaster::<'_, '_, N, T, F, L, P>::SNAPSHOT_LENGTH];
        first.save(&mut buffer).unwrap();
        let mut second = model.forecaster();
        second.push(&all[0]).unwrap();
        second.restore(&buffer).unwrap();
        for sample in after {
            assert_eq!((first.missing(), first.forecast()), (second.missing(), second.forecast()));
            first.push(sample).unwrap();
            second.push(sample).unwrap();
        }
        assert!(first.forecast().is_ok() && first.forecast() == second.forecast());
    }
}

fn sessions_go_on<N: Number, const F: usize, const L: usize, const P: usize, T: Topology<N>>(
    model: &Model<'_, N, T, F, L, P, 0, Streaming>,
) {
    let all = samples::<F>(2, 40 * P + 1);
    let mut first = model.session();
    let mut buffer = vec![0xa5; first.snapshot_length()];
    for sample in &all {
        first.save(&mut buffer).unwrap();
        let mut second = model.session();
        second.push(&all[0]).unwrap();
        second.restore(&buffer).unwrap();
        assert_eq!((first.forecast(), first.missing()), (second.forecast(), second.missing()));
        first.push(sample).unwrap();
        second.push(sample).unwrap();
        assert_eq!(first.forecast(), second.forecast());
        // A step's input is no part of a snapshot: it is written anew before it is read.
        assert!(first.waiting() > 0 || first.state() == second.state());
        assert_eq!((first.waiting(), first.missing()), (second.waiting(), second.missing()));
    }
}

#[test]
fn a_restored_state_goes_on_with_the_same_bits() {
    forecasters_go_on(&tiny_int8::Model::load(tiny_int8::BYTES).unwrap());
    let (integer, float) =
        (stream_int8::Model::load(stream_int8::BYTES).unwrap(), stream_f32::Model::load(stream_f32::BYTES).unwrap());
    let log = log_f32::Model::load(log_f32::BYTES).unwrap();
    forecasters_go_on(&integer);
    forecasters_go_on(&float);
    forecasters_go_on(&log);
    sessions_go_on(&stream_of!(stream_int8, streamed(stream_int8::BYTES, 1).as_slice()));
    sessions_go_on(&stream_of!(stream_f32, streamed(stream_f32::BYTES, 2).as_slice()));
    sessions_go_on(&stream_of!(log_f32, streamed(log_f32::BYTES, 1).as_slice()));
    sessions_go_on(&stream_of!(deep_int8, streamed(deep_int8::BYTES, 5).as_slice()));
    sessions_go_on(&streamed_int8::Model::load(streamed_int8::BYTES).unwrap());
}

/// A forecaster and a session of one network, with something in them, and their snapshots.
macro_rules! saved {
    ($model:expr, $stream:expr) => {{
        let (mut forecaster, mut session) = ($model.forecaster(), $stream.session());
        for sample in samples(3, 9) {
            forecaster.push(&sample).unwrap();
            session.step(&[sample]).unwrap();
        }
        let mut history = vec![0; history_length(&forecaster)];
        let mut state = vec![0; session.snapshot_length()];
        forecaster.save(&mut history).unwrap();
        session.save(&mut state).unwrap();
        (forecaster, history, session, state)
    }};
}

fn history_length<N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize>(
    _: &Forecaster<'_, '_, N, T, F, L, P>,
) -> usize {
    Forecaster::<'_, '_, N, T, F, L, P>::SNAPSHOT_LENGTH
}

#[test]
fn every_flipped_bit_of_a_snapshot_is_refused() {
    let model = stream_f32::Model::load(stream_f32::BYTES).unwrap();
    let file = streamed(stream_f32::BYTES, 1);
    let stream = stream_of!(stream_f32, file.as_slice());
    let (mut forecaster, mut history, mut session, mut state) = saved!(model, stream);
    let before = (bits(forecaster.forecast().unwrap()), *session.state());
    for bit in 0..8 * history.len() {
        history[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(forecaster.restore(&history), Err(SnapshotError::Damaged), "bit {bit}");
        history[bit / 8] ^= 1 << (bit % 8);
    }
    for bit in 0..8 * state.len() {
        state[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(session.restore(&state), Err(SnapshotError::Damaged), "bit {bit}");
        state[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!((bits(forecaster.forecast().unwrap()), *session.state()), before);
    assert_eq!((forecaster.restore(&history), session.restore(&state)), (Ok(()), Ok(())));
}

#[test]
fn snapshots_of_another_length_are_refused() {
    let model = stream_int8::Model::load(stream_int8::BYTES).unwrap();
    let file = streamed(stream_int8::BYTES, 1);
    let stream = stream_of!(stream_int8, file.as_slice());
    let (mut forecaster, history, mut session, state) = saved!(model, stream);
    for (snapshot, is_history) in [(history, true), (state, false)] {
        let expected = snapshot.len();
        for found in (0..2 * expected).filter(|found| *found != expected) {
            let mut buffer = snapshot.clone();
            buffer.resize(found, 0);
            let untouched = buffer.clone();
            let (saved, restored) = if is_history {
                (forecaster.save(&mut buffer), forecaster.restore(&untouched))
            } else {
                (session.save(&mut buffer), session.restore(&untouched))
            };
            let wrong = Err(SnapshotError::Length { expected, found });
            assert_eq!((saved, restored, buffer), (wrong, wrong, untouched));
        }
    }
}

#[test]
fn snapshots_of_another_model_are_refused() {
    let model = stream_int8::Model::load(stream_int8::BYTES).unwrap();
    // The same shape, one number of the provenance changed.
    let file = Bytes::new(stream_int8::BYTES).with_manifest(|manifest| manifest.provenance.seed = 99);
    let other = stream_int8::Model::load(file.as_slice()).unwrap();
    let [stream_file, other_file] = [stream_int8::BYTES, file.as_slice()].map(|file| streamed(file, 1));
    let (stream, other_stream) =
        (stream_of!(stream_int8, stream_file.as_slice()), stream_of!(stream_int8, other_file.as_slice()));
    let (mut forecaster, _, mut session, _) = saved!(model, stream);
    let (_, history, _, state) = saved!(other, other_stream);
    let before = (bits(forecaster.forecast().unwrap()), *session.state());
    let refused = Err(SnapshotError::OtherModel { expected: model.digest(), found: other.digest() });
    assert_ne!(model.digest(), other.digest());
    assert_eq!(forecaster.restore(&history), refused);
    let refused = Err(SnapshotError::OtherModel { expected: stream.digest(), found: other_stream.digest() });
    assert_eq!(session.restore(&state), refused);
    assert_eq!((bits(forecaster.forecast().unwrap()), *session.state()), before);
}

#[test]
fn a_history_is_not_taken_for_a_state() {
    let model = deep_int8::Model::load(deep_int8::BYTES).unwrap();
    let file = streamed(deep_int8::BYTES, 1);
    let stream = stream_of!(deep_int8, file.as_slice());
    let (mut forecaster, history, mut session, state) = saved!(model, stream);
    assert_eq!(history.len(), state.len(), "only then does the length not tell them apart");
    assert_eq!(forecaster.restore(&state), Err(SnapshotError::Damaged));
    assert_eq!(session.restore(&history), Err(SnapshotError::Damaged));
}

#[test]
fn a_history_of_too_many_samples_is_refused() {
    let model = stream_int8::Model::load(stream_int8::BYTES).unwrap();
    let file = streamed(stream_int8::BYTES, 1);
    let stream = stream_of!(stream_int8, file.as_slice());
    let (mut forecaster, mut history, ..) = saved!(model, stream);
    for count in [7, u32::MAX] {
        history[4..8].copy_from_slice(&count.to_le_bytes());
        repair(1, &mut history);
        assert_eq!(forecaster.restore(&history), Err(SnapshotError::Damaged), "{count}");
    }
    history[4..8].copy_from_slice(&6u32.to_le_bytes());
    repair(1, &mut history);
    assert_eq!(forecaster.restore(&history), Ok(()));
}

/// Whatever a state's numbers are, a step takes them: here the ends of every type, in cells that keep all, much or nothing of them.
#[test]
fn hostile_states_run() {
    let float = stream_f32::Model::load(stream_f32::BYTES).unwrap();
    let float_file = streamed(stream_f32::BYTES, 1);
    let float_stream = stream_of!(stream_f32, float_file.as_slice());
    let file = Bytes::new(stream_int8::BYTES);
    let parameters = file.record(1) + 16;
    for pattern in [[0x00; 4], [0x7f; 4], [0x80; 4], [0xff; 4], [0xff, 0xff, 0xff, 0x7f], [0x00, 0x00, 0x00, 0x80]] {
        // Words do not begin at multiples of four in a snapshot.
        for shift in 0..4 {
            let fill = |content: &mut [u8]| {
                for (at, byte) in content.iter_mut().enumerate() {
                    *byte = pattern[(at + shift) % 4];
                }
            };
            for share in [0, 1 << 30, i32::MAX] {
                let file = file.clone().with(parameters, &i32::to_le_bytes(share)).with(parameters + 4, &i32::to_le_bytes(share));
                let file = file.repaired();
                let model = stream_int8::Model::load(file.as_slice()).unwrap();
                let stream_file = streamed(file.as_slice(), 1);
                let stream = stream_of!(stream_int8, stream_file.as_slice());
                let (_, _, mut session, mut state) = saved!(model, stream);
                let content = 4..state.len() - 4;
                fill(&mut state[content]);
                repair(2, &mut state);
                session.restore(&state).unwrap();
                samples(4, 20).into_iter().for_each(|sample| session.step(&[sample]).unwrap());
                assert!(session.forecast().unwrap().as_flattened().iter().all(|value| value.is_finite()));
            }
            let (mut forecaster, mut history, mut session, mut state) = saved!(float, float_stream);
            let content = 4..state.len() - 4;
            fill(&mut state[content]);
            repair(2, &mut state);
            session.restore(&state).unwrap();
            samples(4, 20).into_iter().for_each(|sample| session.step(&[sample]).unwrap());
            let content = 8..history.len() - 4;
            fill(&mut history[content]);
            repair(1, &mut history);
            forecaster.restore(&history).unwrap();
            forecaster.forecast().unwrap();
        }
    }
}
