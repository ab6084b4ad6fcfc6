//! A reader written from the specification of the model file alone finds what was packed.

use embedded_rnn::arithmetic::Number;
use embedded_rnn::forecast::Transform;
use embedded_rnn::image::{Mode, Normalization};
use embedded_rnn::{Cell16, Dense, Float, Int8, Libm, Lstm, Network, PackedPair, RowMajor, Then};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::fold::FoldedLstm;
use embedded_rnn_trainer::fold::reference::Reference;
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::quantize::{
    QuantizedDense, QuantizedHeadNorm, QuantizedInputNorm, QuantizedLstm, QuantizedNetwork, QuantizedNorm, QuantizedRows,
    QuantizedSkip,
};
use embedded_rnn_trainer::regularize::settings::{Reading, Zoneout};

use crate::forms::all_forms;
use crate::sketch::{Extras, Sketch};
use crate::{definition, definition_f32, definition16};

/// Takes numbers from the front of a file.
struct Reader<'f> {
    file: &'f [u8],
    at: usize,
}

impl<'f> Reader<'f> {
    fn take(&mut self, count: usize) -> &'f [u8] {
        self.at += count;
        &self.file[self.at - count..self.at]
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take(2).try_into().unwrap())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn i32(&mut self) -> i32 {
        self.u32() as i32
    }

    fn f32s(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| f32::from_bits(self.u32())).collect()
    }

    fn varint(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }

    fn string(&mut self) -> &'f str {
        let length = self.varint() as usize;
        str::from_utf8(self.take(length)).unwrap()
    }

    /// Zeros up to the next multiple of 16.
    fn pad(&mut self) {
        let count = self.at.next_multiple_of(16) - self.at;
        assert!(self.take(count).iter().all(|byte| *byte == 0));
    }

    /// A record's kind, form, inputs and outputs, and where its tensors end.
    fn record(&mut self) -> ([u16; 4], usize) {
        let header = [self.u16(), self.u16(), self.u16(), self.u16()];
        let length = self.u32() as usize;
        assert_eq!(self.u32(), 0);
        (header, self.at + length)
    }
}

/// CRC-32/ISO-HDLC, bit by bit.
fn crc(bytes: impl IntoIterator<Item = u8>) -> u32 {
    let crc = bytes.into_iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    !crc
}

fn crc_of(forecast: &[f32]) -> u32 {
    crc(forecast.iter().flat_map(|value| value.to_le_bytes()))
}

/// Reads header and manifest, checked against the sketch; then the scaling.
fn read_front<'f>(file: &'f [u8], sketch: &Sketch, arithmetic: &[u8]) -> (Reader<'f>, Vec<[f32; 3]>) {
    let mut reader = Reader { file, at: 0 };
    assert_eq!(reader.take(8), b"\x8eRNN\r\n\x1a\n");
    assert_eq!((reader.u16(), reader.u16()), (4, 0));
    assert_eq!(reader.u32() as usize, file.len());
    let zeroed = file.iter().enumerate().map(|(at, byte)| if (16..20).contains(&at) { 0 } else { *byte });
    assert_eq!(reader.u32(), crc(zeroed));
    let end = 32 + reader.u32() as usize;
    assert_eq!(reader.take(8), [0; 8]);
    assert_eq!(reader.take(arithmetic.len()), arithmetic);
    let window = sketch.window;
    for size in [window.features, window.targets, window.lookback, window.patch, window.horizon, window.layers] {
        assert_eq!(reader.varint(), u64::from(size));
    }
    assert_eq!(
        reader.varint(),
        [Transform::None, Transform::Sqrt, Transform::Log].iter().position(|t| *t == window.transform).unwrap() as u64
    );
    let normalizations = [Normalization::None, Normalization::Last, Normalization::Mean, Normalization::Scaled];
    let number = normalizations.iter().position(|normalization| *normalization == window.normalization).unwrap_or(4);
    assert_eq!(reader.varint(), number as u64);
    if let Normalization::Seasonal { season } = window.normalization {
        assert_eq!(reader.varint(), u64::from(season));
    }
    match window.mode {
        Mode::Windowed => assert_eq!(reader.varint(), 0),
        Mode::Streaming { warmup } => assert_eq!((reader.varint(), reader.varint()), (1, warmup.into())),
    }
    assert_eq!(reader.string(), sketch.class_names());
    assert_eq!([reader.string(), reader.string(), reader.string()], ["a\nb\nc\n", "", "degrees"]);
    assert_eq!((reader.varint(), reader.varint()), (1, 60_000_000));
    assert_eq!((reader.string(), reader.varint(), reader.take(32)), ("fixture", sketch.seed, &[0; 32][..]));
    assert_eq!((reader.varint(), reader.varint(), reader.varint(), reader.take(32)), (0, 0, 0, &[0; 32][..]));
    assert_eq!(reader.at, end);
    reader.pad();
    let (header, end) = reader.record();
    assert_eq!(header, [1, 0, window.features, window.targets]);
    let scaling = reader.f32s(3 * usize::from(window.features)).as_chunks().0.to_vec();
    assert_eq!(reader.at, end);
    reader.pad();
    (reader, scaling)
}

/// The self-test's window and its forecast's checksum, and the file's end.
fn read_back(mut reader: Reader<'_>, sketch: &Sketch) -> (Vec<f32>, u32) {
    let window = sketch.window;
    let outputs = sketch.outputs() as u16;
    let (header, end) = reader.record();
    assert_eq!(header, [4, 0, window.lookback, outputs]);
    let values = usize::from(window.lookback * window.features);
    let samples = reader.f32s((end - reader.at) / 4 - 1);
    assert!(samples.len() < values && samples.len().is_multiple_of(window.features.into()));
    let test = (samples.iter().copied().cycle().take(values).collect(), reader.u32());
    assert_eq!(reader.at, end);
    reader.pad();
    assert_eq!(reader.at, reader.file.len());
    test
}

/// How a file's rows are ordered, and how their scales are written.
#[derive(Clone, Copy, Debug)]
struct Order {
    row_major: bool,
    /// `int8-cell16`: words of a shift and a number.
    words: bool,
}

fn read_lstm(reader: &mut Reader<'_>, like: &QuantizedLstm, order: Order) -> QuantizedLstm {
    let (header, end) = reader.record();
    let [_, number, inputs, hidden] = header.map(usize::from);
    let (zoneout, kept, norm) = (number % 4, number / 4 % 2 == 1, number / 8);
    assert_eq!((header[0], zoneout, kept, norm), (2, like.form.zoneout as usize, like.form.kept, like.form.norm as usize));
    let apart = norm == 1 || norm == 2;
    let (blend_cell, blend_hidden, words, reading) = (reader.i32(), reader.i32(), reader.i32() as usize, reader.i32());
    let keep = if kept { [reader.i32(), reader.i32()] } else { [i32::MAX; 2] };
    if kept {
        assert_eq!([reader.i32(), reader.i32()], [0; 2]);
    }
    let norm = (norm > 0).then(|| {
        let (divisor, per_gate, words, shift) = (reader.u32(), reader.u32(), reader.u32() as usize, reader.u32());
        let wide = |reader: &mut Reader<'_>| u64::from(reader.u32()) | u64::from(reader.u32()) << 32;
        let epsilon = [wide(reader), wide(reader), wide(reader)];
        assert_eq!(wide(reader), 0);
        assert!(shift == 0 || (apart && epsilon[0] == 0));
        let row = |reader: &mut Reader<'_>| [reader.i32(), reader.i32(), reader.i32(), reader.i32()];
        let rows_of_unit = if shift > 0 {
            3
        } else if apart {
            4
        } else {
            2
        };
        let affine = (0..rows_of_unit * hidden).map(|_| row(reader)).collect();
        let from_inputs = (shift > 0).then(|| {
            let constants = [wide(reader), wide(reader), wide(reader), wide(reader)];
            let count = inputs * (inputs + 3) / 2 * if per_gate == 1 { 4 } else { 1 };
            let mut triangles: Vec<i32> = (0..count.next_multiple_of(4)).map(|_| reader.i32()).collect();
            assert!(triangles.split_off(count).iter().all(|word| *word == 0));
            QuantizedInputNorm { shift, constants, triangles }
        });
        let recurrent = apart.then(|| {
            if order.row_major {
                assert_eq!(words, 0);
                let blocks = like.norm.as_ref().and_then(|norm| norm.recurrent.as_ref()).unwrap().blocks.clone();
                read_row_major(reader, hidden, inputs, hidden, blocks)
            } else {
                read_rows(reader, hidden, inputs % 4 + hidden, words, order)
            }
        });
        QuantizedNorm { divisor, per_gate: per_gate == 1, epsilon, affine, from_inputs, recurrent }
    });
    let columns = if apart { inputs } else { inputs + hidden };
    let rows = if order.row_major {
        assert_eq!(words, 0);
        // This order tells nothing of blocks.
        read_row_major(reader, hidden, 0, columns, like.rows.blocks.clone())
    } else {
        read_rows(reader, hidden, columns, words, order)
    };
    assert_eq!(reader.at, end);
    reader.pad();
    QuantizedLstm { inputs, hidden, form: like.form, blend_cell, blend_hidden, reads_zoned: reading != 0, keep, rows, norm }
}

/// Rows over `columns` columns that come after `before` others; those before them from the last multiple of 4 on are given too.
fn read_row_major(
    reader: &mut Reader<'_>,
    hidden: usize,
    before: usize,
    columns: usize,
    blocks: Vec<Vec<usize>>,
) -> QuantizedRows {
    let (skipped, given) = (before % 8, before % 4);
    let padded = (skipped + columns).next_multiple_of(8);
    let mut rows = vec![Vec::new(); 4 * hidden];
    let (mut bias, mut multiplier) = (vec![0; 4 * hidden], vec![0; 4 * hidden]);
    for unit in 0..hidden {
        let row = |gate: usize| gate * hidden + unit;
        (0..4).for_each(|gate| bias[row(gate)] = reader.i32());
        for _ in 0..padded / 8 {
            (0..4).for_each(|gate| rows[row(gate)].extend(reader.take(8).iter().map(|byte| *byte as i8)));
        }
        (0..4).for_each(|gate| multiplier[row(gate)] = reader.i32());
    }
    let within = skipped..skipped + columns;
    assert!(rows.iter().flat_map(|row| row.iter().enumerate()).all(|(column, w)| within.contains(&column) || *w == 0));
    let weights = rows.iter().flat_map(|row| row[skipped - given..within.end].to_vec()).collect();
    QuantizedRows { columns: given + columns, blocks, weights, bias, multiplier }
}

/// A block's columns and its place: 0 the only one, 1 with others behind it, 2 the last of several.
fn read_block(reader: &mut Reader<'_>) -> (usize, usize) {
    let word = reader.u32() as usize;
    let place = (8 - word % 8) % 8;
    assert!(place <= 2);
    ((word + place) / 2, place)
}

fn read_rows(reader: &mut Reader<'_>, hidden: usize, columns: usize, words: usize, order: Order) -> QuantizedRows {
    let padded = columns.next_multiple_of(4);
    let (begin, mut blocks) = (reader.at, Vec::new());
    let mut weights = vec![0; 4 * hidden * columns];
    let (mut bias, mut multiplier) = (vec![0; 4 * hidden], vec![0; 4 * hidden]);
    for unit in 0..hidden {
        let row = |gate: usize| gate * hidden + unit;
        for a in [0, 2] {
            let (both, b) = (reader.i32(), reader.i32());
            (bias[row(a)], bias[row(a + 1)]) = (both.wrapping_sub(b) >> 8, b);
        }
        let mut of_unit = Vec::new();
        let mut end = if words == 0 { padded } else { 0 };
        for column in (0..padded).step_by(2) {
            if column == end {
                let (taken, place) = read_block(reader);
                end += taken;
                of_unit.push(taken);
                let last = 2 * usize::from(end == padded);
                assert_eq!(place, if of_unit.len() == 1 && last == 2 { 0 } else { last.max(1) });
            }
            for a in [0, 2] {
                for column in [column, column + 1] {
                    let halfword = reader.u16() as i16;
                    let w_b = halfword as i8;
                    let w_a = ((i32::from(halfword) - i32::from(w_b)) / 256) as i8;
                    if column < columns {
                        (weights[row(a) * columns + column], weights[row(a + 1) * columns + column]) = (w_a, w_b);
                    } else {
                        assert_eq!(halfword, 0);
                    }
                }
            }
        }
        for a in [0, 2] {
            let factor = if order.words { 1 } else { 256 };
            (multiplier[row(a)], multiplier[row(a + 1)]) = (factor * reader.i32(), reader.i32());
        }
        blocks.push(if words == 0 { vec![padded] } else { of_unit });
    }
    assert!(words == 0 || reader.at - begin == 4 * words);
    QuantizedRows { columns, blocks, weights, bias, multiplier }
}

/// Behind the head, where it says quantiles.
fn read_intervals(reader: &mut Reader<'_>, sketch: &Sketch, outputs: u16) {
    let (levels, widening) = sketch.intervals();
    let (header, end) = reader.record();
    assert_eq!(header, [6, 0, sketch.quantiles as u16, outputs]);
    assert_eq!(reader.f32s(levels.len()), levels);
    assert_eq!(reader.f32s(widening.len()), widening);
    assert_eq!(reader.at, end);
    reader.pad();
}

/// Before the self-test.
fn read_skip(reader: &mut Reader<'_>, sketch: &Sketch) -> QuantizedSkip {
    let [features, lookback, patch] = [sketch.window.features, sketch.window.lookback, sketch.window.patch].map(usize::from);
    let (inputs, rank, outputs) = (lookback * features, sketch.skip, 8 * sketch.quantiles);
    let (header, end) = reader.record();
    assert_eq!(header.map(usize::from), [5, rank, inputs, outputs]);
    let (product_scale, output_scale) = (reader.f32s(rank), reader.f32s(outputs));
    let spread = (0..outputs * rank).map(|_| reader.u16() as i16).collect();
    let mut signed = |count: usize| reader.take(count).iter().map(|byte| *byte as i8).collect::<Vec<i8>>();
    let mut rows = vec![Vec::new(); rank];
    for _ in 0..lookback / patch {
        rows.iter_mut().for_each(|row| row.extend(signed(patch * features)));
    }
    assert_eq!(reader.at, end);
    reader.pad();
    QuantizedSkip { inputs, rank, outputs, products: rows.concat(), product_scale, spread, output_scale }
}

/// The integer network of a file, and its self-test.
fn read_integer(file: &[u8], sketch: &Sketch, like: &QuantizedNetwork, order: Order) -> (QuantizedNetwork, (Vec<f32>, u32)) {
    let arithmetic = [if order.words { 2 } else { 1 }, 1, if order.row_major { 2 } else { 1 }];
    let (mut reader, inputs) = read_front(file, sketch, &arithmetic);
    let layers = like.layers.iter().map(|layer| read_lstm(&mut reader, layer, order)).collect();
    let outputs = 8 * sketch.quantiles;
    let (header, end) = reader.record();
    assert_eq!(header, [3, u16::from(sketch.extras.head), 5, outputs as u16]);
    let norm = sketch.extras.head.then(|| {
        let (divisor, reserved) = (reader.u32(), reader.u32());
        assert_eq!(reserved, 0);
        QuantizedHeadNorm { divisor, epsilon: u64::from(reader.u32()) | u64::from(reader.u32()) << 32 }
    });
    let (bias, scale) = (reader.f32s(outputs), reader.f32s(outputs));
    let mut weights = Vec::new();
    for _ in 0..outputs {
        weights.extend(reader.take(5).iter().map(|byte| *byte as i8));
        assert_eq!(reader.take(3), [0; 3]);
    }
    assert_eq!(reader.at, end);
    reader.pad();
    if sketch.quantiles > 1 {
        read_intervals(&mut reader, sketch, outputs as u16);
    }
    let head = QuantizedDense { inputs: 5, outputs, weights, bias, scale, norm };
    let skip = (sketch.skip > 0).then(|| read_skip(&mut reader, sketch));
    (QuantizedNetwork { layers, head, skip, inputs, notes: like.notes.clone() }, read_back(reader, sketch))
}

type Net = Network<Then<Lstm<6, 9>, Lstm<9, 5>>, Dense<5, 2, 4>>;

/// Forms without layer norm, and with it.
fn sketches<N: Number>() -> (Vec<Sketch>, Vec<Sketch>) {
    let plain = Sketch::of::<N, Net>(21, &[9, 5], 3, 10, 2);
    let normed = |norm, kept| {
        let extras = Extras { norm: Some(norm), per_gate: kept, kept, removed: 0, head: false };
        plain.clone().with_extras(extras).with_zoneout(0.3, 0.0, Reading::Candidate)
    };
    let unnormed = vec![
        plain.clone(),
        plain.clone().with_zoneout(0.3, 0.6, Reading::Zoned).normalized(),
        plain.clone().with_extras(Extras { kept: true, ..Extras::default() }).with_zoneout(0.2, 0.0, Reading::Zoned),
        plain.clone().with_extras(Extras { head: true, ..Extras::default() }),
        plain.clone().with_skip(3),
        Sketch { quantiles: 3, ..plain.clone() },
        plain.clone().with_zoneout(0.3, 0.6, Reading::Zoned).normalized().streamed(300),
        Sketch { quantiles: 3, ..plain.clone().streamed(1) },
        Sketch { quantiles: 5, ..plain.clone().with_skip(2).normalized() },
        plain.clone().with_extras(Extras { head: true, ..Extras::default() }).with_skip(2).normalized(),
        plain.clone().classifier(8).normalized(),
    ];
    let headed = plain.clone().with_extras(Extras { head: true, norm: Some(NormForm::Joint), ..Extras::default() });
    (unnormed, vec![normed(NormForm::A, true), normed(NormForm::B, false), normed(NormForm::Joint, true), headed])
}

fn expect_integer_files<N: Number>(order: Order) {
    let (unnormed, normed) = sketches::<N>();
    for sketch in unnormed.into_iter().chain(normed) {
        let built = sketch.build();
        let quantized = built.quantized.unwrap();
        let (found, (window, stated)) = read_integer(&built.file, &sketch, &quantized, order);
        assert_eq!(found, quantized);
        assert_eq!(stated, crc_of(&definition::run(&quantized, &sketch, &window).forecast));
    }
}

#[test]
fn an_integer_file_holds_what_was_quantized() {
    expect_integer_files::<Int8>(Order { row_major: false, words: false });
}

#[test]
fn a_row_major_file_holds_what_was_quantized() {
    expect_integer_files::<Int8<RowMajor>>(Order { row_major: true, words: false });
}

/// The scales of a 16-bit cell are those that were quantized, to the last of at least eleven bits; its hidden states and forecasts
/// are the specification's own, to the bit, of windows that drive it to its ends, too.
fn expect_cell16<N: Number>(order: Order) {
    for sketch in sketches::<N>().0 {
        let built = sketch.build();
        let quantized = built.quantized.unwrap();
        let (found, (window, stated)) = read_integer(&built.file, &sketch, &quantized, order);
        let mut exact = quantized.clone();
        for (layer, found) in exact.layers.iter_mut().zip(&found.layers) {
            for (multiplier, word) in layer.rows.multiplier.iter_mut().zip(&found.rows.multiplier) {
                let (shift, number) = (word >> 24, word & 0xffff);
                let ratio = f64::from(number) * 2f64.powi(20 - shift) / f64::from(*multiplier);
                assert!((2048..=4096).contains(&number) && (ratio - 1.0).abs() < 0.5 / 2048.0, "{word:x}: {ratio}");
                *multiplier = *word;
            }
        }
        assert_eq!(found, exact);
        assert_eq!(stated, crc_of(&definition::run_with(&found, &sketch, &window, definition16::step).forecast));
        let bytes = ModelBytes::new(&built.file);
        let mut model = DeviceModel::bind(bytes.as_slice()).unwrap();
        let wild: Vec<f32> = window.iter().map(|v| (v - 20.0) * 300.0).collect();
        for window in [window, wild] {
            let defined = definition::run_with(&found, &sketch, &window, definition16::step);
            assert_eq!(model.spread(&window).unwrap(), defined.forecast);
            let hidden = model.hidden_states(&window).unwrap();
            let hidden = hidden.iter().flatten().flatten().map(|h| (h * 2048.0) as i64);
            assert!(hidden.eq(defined.hidden.into_iter().flatten().flatten()));
        }
    }
}

#[test]
fn a_file_with_a_16_bit_cell_holds_what_was_quantized() {
    expect_cell16::<Int8<PackedPair, Cell16>>(Order { row_major: false, words: true });
    expect_cell16::<Int8<RowMajor, Cell16>>(Order { row_major: true, words: true });
}

/// Reads an `f32` layer and finds what was folded.
fn expect_float_lstm(reader: &mut Reader<'_>, sketch: &Sketch, folded: &FoldedLstm) {
    let plain = &folded.weights;
    let (inputs, hidden) = (plain.inputs, plain.hidden);
    let Zoneout { cell, hidden: z_h, reading } = sketch.zoneout;
    let zoneout = if z_h > 0.0 { 2 } else { u16::from(cell > 0.0) };
    let forms = [None, Some(NormForm::A), Some(NormForm::B), Some(NormForm::Joint)];
    let norm = forms.iter().position(|form| *form == sketch.extras.norm).unwrap();
    let apart = norm == 1 || norm == 2;
    let (header, end) = reader.record();
    assert_eq!(header, [2, zoneout + 4 * u16::from(sketch.extras.kept) + 8 * norm as u16, inputs as u16, hidden as u16]);
    assert_eq!(reader.f32s(4), [(1.0 - cell) as f32, z_h as f32, f32::from(u8::from(reading == Reading::Zoned)), 0.0]);
    if sketch.extras.kept {
        assert_eq!(reader.f32s(4), [folded.keep_candidate as f32, folded.keep_cell as f32, 0.0, 0.0]);
    }
    if let Some(norm) = &folded.norm {
        let [h, c] = [norm.epsilon_h, norm.epsilon_c].map(|epsilon| if apart { epsilon as f32 } else { 0.0 });
        assert_eq!(reader.f32s(4), [norm.epsilon_x as f32, h, c, (hidden + sketch.extras.removed) as f32]);
        let from_inputs = norm.from_inputs.is_some();
        assert_eq!(reader.f32s(4), [norm.per_gate, norm.centered, from_inputs, false].map(|flag| f32::from(u8::from(flag))));
        let gates = |values: &[f64], unit: usize| [0, 1, 2, 3].map(|gate| values[gate * hidden + unit] as f32);
        for unit in 0..hidden {
            if !from_inputs {
                assert_eq!(reader.f32s(4), gates(&norm.gain_x, unit));
            }
            if apart {
                assert_eq!(reader.f32s(4), gates(&norm.gain_h, unit));
            }
            assert_eq!(reader.f32s(4), gates(&norm.shift, unit));
            if apart {
                assert_eq!(reader.f32s(4), [norm.gain_c[unit] as f32, norm.shift_c[unit] as f32, 0.0, 0.0]);
            }
        }
        if let Some(statistics) = &norm.from_inputs {
            for values in [&statistics.constants, &statistics.triangles] {
                let mut expected: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                expected.resize(values.len().next_multiple_of(4), 0.0);
                assert_eq!(reader.f32s(expected.len()), expected);
            }
        }
    }
    for unit in 0..hidden {
        let rows = [0, 1, 2, 3].map(|gate| hidden * gate + unit);
        assert_eq!(reader.f32s(4), rows.map(|row| plain.b[row] as f32));
        for column in 0..inputs {
            assert_eq!(reader.f32s(4), rows.map(|row| plain.w[inputs * row + column] as f32));
        }
        for column in 0..hidden {
            assert_eq!(reader.f32s(4), rows.map(|row| plain.u[hidden * row + column] as f32));
        }
    }
    assert_eq!(reader.at, end);
    reader.pad();
}

/// The forecast, too, is what the specification's own sums give, to the bit.
#[test]
fn a_float_file_holds_what_was_folded() {
    type Net = Network<Then<Lstm<2, 9>, Lstm<9, 7>>, Dense<7, 1, 3>>;
    for sketch in all_forms(&Sketch::of::<Float<Libm>, Net>(22, &[9, 7], 2, 60, 1)) {
        let built = sketch.build();
        let (mut reader, inputs) = read_front(&built.file, &sketch, &[0, 1, 0]);
        let folded = built.folded.inputs.iter().map(|scaler| [scaler.offset as f32, scaler.scale as f32, f32::MAX]);
        assert!(inputs.into_iter().eq(folded));
        for layer in &built.folded.layers {
            expect_float_lstm(&mut reader, &sketch, layer);
        }
        let units = 7 - sketch.extras.removed;
        let (header, end) = reader.record();
        assert_eq!(header, [3, u16::from(sketch.extras.head), units as u16, 3]);
        if let Some(norm) = built.folded.head_norm {
            assert_eq!(reader.f32s(4), [norm.epsilon as f32, 7.0, 0.0, 0.0]);
        }
        let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
        assert_eq!(reader.f32s(3), narrow(&built.folded.head.b));
        assert_eq!(reader.f32s(3 * units), narrow(&built.folded.head.w));
        assert_eq!(reader.at, end);
        reader.pad();
        let (window, stated) = read_back(reader, &sketch);
        let forecast = definition_f32::run(&built.folded, &window);
        assert_eq!(stated, crc_of(&forecast), "{:?} {:?}", sketch.extras, sketch.zoneout);
        let exact = built.folded.forecast_window(&window.iter().map(|value| f64::from(*value)).collect::<Vec<_>>());
        assert!(forecast.iter().zip(&exact).all(|(y, exact)| (f64::from(*y) - exact).abs() < 1e-3), "{forecast:?} {exact:?}");
    }
}
