//! What holds for all messages and for all noise.

use embedded_rnn::image::Interval;
use embedded_rnn_link::{
    CHUNK, Damage, Decoder, ENCODED, Fault, Frame, Hello, MAX_BODY, Malformed, PART, Reply, Request, Values, encode,
};
use proptest::{collection::vec, prelude::*};

/// A frame that keeps its body.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    kind: u8,
    number: u16,
    body: Vec<u8>,
}

impl Owned {
    fn of(frame: &Frame<'_>) -> Self {
        Owned { kind: frame.kind, number: frame.number, body: frame.body.to_vec() }
    }

    fn line(&self) -> Vec<u8> {
        encode(&Frame { kind: self.kind, number: self.number, body: &self.body }, &mut [0; ENCODED]).to_vec()
    }
}

/// All that a decoder makes of bytes.
fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Result<Owned, Damage>> {
    bytes.iter().filter_map(|byte| decoder.push(*byte).map(|found| found.map(|frame| Owned::of(&frame)))).collect()
}

fn frame() -> impl Strategy<Value = Owned> {
    // Bodies of zeros and of none, beside any.
    let byte = prop_oneof![Just(0), Just(0xFF), any::<u8>()];
    let body = prop_oneof![vec(byte, 0..=MAX_BODY), vec(1..=u8::MAX, MAX_BODY), vec(Just(0), 0..=MAX_BODY)];
    (any::<u8>(), any::<u16>(), body).prop_map(|(kind, number, body)| Owned { kind, number, body })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn frames_in_a_row_come_back(frames in vec(frame(), 1..5)) {
        let line: Vec<u8> = frames.iter().flat_map(Owned::line).collect();
        let found = decode(&mut Decoder::new(), &line);
        prop_assert_eq!(found, frames.iter().cloned().map(Ok).collect::<Vec<_>>());
        for frame in frames {
            let line = frame.line();
            prop_assert!(line.len() <= ENCODED && line.len() == frame.body.len() + 10);
            prop_assert!(line[0] == 0 && line[line.len() - 1] == 0 && !line[1..line.len() - 1].contains(&0));
        }
    }

    #[test]
    fn after_any_noise_the_next_frame_is_found(noise in vec(any::<u8>(), 0..1500), frame in frame()) {
        let mut decoder = Decoder::new();
        for found in decode(&mut decoder, &noise).into_iter().flatten() {
            // One in four billion noises is a frame; whatever it says, reading it does not panic.
            let frame = Frame { kind: found.kind, number: found.number, body: &found.body };
            let _ = (Request::read(&frame), Reply::read(&frame));
        }
        let found = decode(&mut decoder, &frame.line());
        prop_assert_eq!(found.last(), Some(&Ok(frame)));
    }

    #[test]
    fn a_changed_frame_is_refused_and_the_next_is_found(
        first in frame(), next in frame(), at in any::<prop::sample::Index>(), kind in 0..3u8, bits in 1..=u8::MAX,
    ) {
        let whole = first.line();
        let mut line = whole.clone();
        let at = at.index(line.len());
        match kind {
            0 => line[at] ^= bits,
            1 => { line.remove(at); }
            _ => line.insert(at, bits),
        }
        let found = decode(&mut Decoder::new(), &[line, next.line()].concat());
        prop_assert_eq!(found.last(), Some(&Ok(next.clone())));
        // A lost or a changed zero byte at an end leaves the frame whole, or glues it to the next one's own zero byte.
        for frame in found[..found.len() - 1].iter().flatten() {
            prop_assert_eq!(frame, &first);
            prop_assert!(at == 0 || at >= whole.len() - 1, "a change at {} of {} went unnoticed", at, whole.len());
        }
    }

    #[test]
    fn a_cut_frame_is_refused_and_the_next_is_found(first in frame(), next in frame(), keep in any::<prop::sample::Index>()) {
        let line = first.line();
        // At least the last byte of the frame itself is lost.
        let kept = &line[..keep.index(line.len() - 1)];
        let found = decode(&mut Decoder::new(), &[kept, &next.line()].concat());
        prop_assert_eq!(found.last(), Some(&Ok(next)));
        prop_assert!(found[..found.len() - 1].iter().all(Result::is_err));
    }

    #[test]
    fn any_body_of_any_kind_is_read_without_a_panic(kind in prop_oneof![0..0x20u8, 0x80..0x90u8, Just(0xC0)], body in vec(any::<u8>(), 0..=MAX_BODY)) {
        let frame = Frame { kind, number: 7, body: &body };
        if let Ok(request) = Request::read(&frame) {
            let mut line = [0; ENCODED];
            let line = request.encode(7, &mut line);
            prop_assert_eq!(decode(&mut Decoder::new(), line), vec![Ok(Owned::of(&frame))]);
        }
        if let Ok(reply) = Reply::read(&frame) {
            let mut line = [0; ENCODED];
            let line = reply.encode(7, &mut line);
            prop_assert_eq!(decode(&mut Decoder::new(), line), vec![Ok(Owned::of(&frame))]);
        }
    }

    #[test]
    fn requests_come_back(words in any::<[u32; 2]>(), first in any::<u16>(), values in vec(any::<u32>(), 1..=PART), chunk in vec(any::<u8>(), 1..=CHUNK)) {
        let bytes: Vec<u8> = values.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let values_read = Values::of(&bytes).unwrap();
        prop_assert!(values_read.iter().map(f32::to_bits).eq(values));
        for request in [
            Request::Hello { version: words[0] as u8 },
            Request::Sample { first, values: values_read },
            Request::Measure,
            Request::Reset,
            Request::Save,
            Request::End,
            Request::Begin { length: words[0], digest: words[1] },
            Request::Chunk { offset: words[0], bytes: &chunk },
            Request::Finish,
            Request::Abort,
            Request::Activate,
        ] {
            let mut line = [0; ENCODED];
            let line = request.encode(first, &mut line);
            let mut decoder = Decoder::new();
            let (last, before) = line.split_last().unwrap();
            prop_assert!(before.iter().all(|byte| decoder.push(*byte).is_none()));
            let frame = decoder.push(*last).unwrap().unwrap();
            prop_assert_eq!(frame.number, first);
            prop_assert_eq!(Request::read(&frame), Ok(request));
            prop_assert_eq!(Reply::read(&frame), Err(Malformed { kind: frame.kind, known: false }));
        }
    }

    #[test]
    fn replies_come_back(
        words in any::<[u32; 3]>(), sizes in any::<[u16; 4]>(), flags in any::<[bool; 2]>(), micros in any::<u64>(),
        values in vec(any::<u8>(), 1..=PART), code in 0..30u8,
    ) {
        let bytes: Vec<u8> = values.iter().flat_map(|bits| [*bits; 4]).collect();
        let values = Values::of(&bytes).unwrap();
        let [features, targets, lookback, horizon] = sizes;
        let intervals = [Interval::Unknown, Interval::Microseconds(micros), Interval::Months(words[2])];
        let hello = |interval| Reply::Hello(Hello {
            version: code, digest: words[0], interval, features, targets, lookback, horizon,
            measures: flags[0], saves: flags[1], capacity: words[1],
        });
        let fault = Fault::from_code(code, words[0]).or(Fault::from_code(code, 0)).map(Reply::Fault);
        let plain = [Reply::Done, Reply::Filling, Reply::Forecast { first: features, values }, Reply::Sample { first: targets, values }];
        for reply in intervals.map(hello).into_iter().chain(plain).chain(fault) {
            let mut line = [0; ENCODED];
            let line = reply.encode(lookback, &mut line);
            let mut decoder = Decoder::new();
            let frame = line.iter().fold(None, |_, byte| decoder.push(*byte).map(|frame| frame.map(|frame| Owned::of(&frame))));
            let frame = frame.unwrap().unwrap();
            let frame = Frame { kind: frame.kind, number: frame.number, body: &frame.body };
            prop_assert_eq!(Reply::read(&frame), Ok(reply));
            prop_assert!(Request::read(&frame).is_err());
        }
    }
}

#[test]
fn the_example_of_the_specification() {
    let mut line = [0; ENCODED];
    let line = Request::Hello { version: 1 }.encode(1, &mut line);
    let text: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
    let specification = include_str!("../../PROTOCOL.md");
    assert!(specification.contains(&text.join(" ")), "{}", text.join(" "));
}

#[test]
fn every_fault_has_a_code_and_a_sentence_and_stands_in_the_specification() {
    let specification = include_str!("../../PROTOCOL.md");
    let faults: Vec<Fault> = (0..=u8::MAX).filter_map(|code| Fault::from_code(code, 0)).collect();
    assert_eq!(faults.len(), 17);
    for fault in faults {
        let (code, 0) = fault.to_code() else { panic!("{fault:?}") };
        assert_eq!(Fault::from_code(code, 0), Some(fault));
        let name = format!("{fault:?}");
        let name = name.split(' ').next().unwrap();
        assert!(specification.contains(&format!("| {code} | {name} |")), "{name}");
        assert!(fault.to_string().len() > 15, "{fault}");
    }
}

#[test]
fn a_body_that_is_too_long_is_not_sent_in_part() {
    let body = [1; MAX_BODY + 1];
    assert_eq!(encode(&Frame { kind: 1, number: 1, body: &body }, &mut [0; ENCODED]), []);
}

#[test]
fn damage_is_told_by_kind() {
    let of = |bytes: &[u8]| decode(&mut Decoder::new(), bytes);
    assert_eq!(of(&[0, 0, 0]), []);
    assert_eq!(of(&[1, 0]), [Err(Damage::TooShort)]);
    assert_eq!(of(&[9, 1, 0]), [Err(Damage::Stuffing)]);
    assert_eq!(of(&[9, 1, 2, 3, 4, 5, 6, 7, 8, 0]), [Err(Damage::Checksum)]);
    assert_eq!(of(&[[7; 400].as_slice(), &[0]].concat()), [Err(Damage::TooLong)]);
}
