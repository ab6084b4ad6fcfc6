//! Model files with random weights: every number system and form, without a training.

use embedded_rnn::{
    arithmetic::{Block, Place},
    forecast::Transform,
    image::{
        ALIGNMENT, Arithmetic, HEADER_LENGTH, Header, Interval, Layout, Manifest, Normalization, Provenance, RecordHeader,
        RecordKind, Series, Window, checksum,
    },
    network::{CellForm, HeadForm, NormForm},
};

/// One model's shapes.
pub struct Shape {
    pub arithmetic: Arithmetic,
    /// Units and form of each layer.
    pub layers: &'static [(u16, CellForm)],
    pub head: HeadForm,
    pub features: u16,
    pub targets: u16,
    pub lookback: u16,
    pub patch: u16,
    pub horizon: u16,
    pub transform: Transform,
    pub normalization: Normalization,
    /// The rank of a linear skip; 0 for none.
    pub skip: u16,
    /// Quantiles of each value; 1 for none.
    pub quantiles: u16,
    /// Classes of a classifier; 0 of a forecaster.
    pub classes: u16,
}

/// SplitMix64 (Steele, Lea & Flood 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Uniform in [-1, 1).
    pub fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Uniform in [-limit, limit].
    fn integer(&mut self, limit: i32) -> i32 {
        (self.next() % (2 * limit as u64 + 1)) as i32 - limit
    }
}

/// The file's bytes for `shape`, with `window` (`[lookback][features]`, raw) and the CRC-32 of its forecast as its own test.
pub fn pack(shape: &Shape, random: &mut Random, window: &[f32], checksum_of_forecast: u32) -> Vec<u8> {
    let integer = matches!(shape.arithmetic, Arithmetic::Int8 { .. });
    let classes: String = (0..shape.classes).map(|class| format!("{class}\n")).collect();
    let manifest = Manifest {
        arithmetic: shape.arithmetic,
        layout: if integer { Layout::PackedPair } else { Layout::Interleaved },
        window: Window {
            features: shape.features,
            targets: shape.targets,
            lookback: shape.lookback,
            patch: shape.patch,
            horizon: shape.horizon,
            layers: shape.layers.len() as u16,
            transform: shape.transform,
            normalization: shape.normalization,
            mode: embedded_rnn::image::Mode::Windowed,
        },
        classes: &classes,
        series: Series { columns: "", time: "", unit: "", interval: Interval::Unknown },
        provenance: Provenance {
            trainer: "random",
            seed: 0,
            data: [0; 32],
            training: 0,
            validation: 0,
            test: 0,
            certificate: [0; 32],
        },
    };
    let encoded = postcard::to_stdvec(&manifest).unwrap();

    let mut records = Vec::new();
    let (scale, limit) = if integer { (700.0f32, 8191.0f32) } else { (0.5, 8.0) };
    let scaling: Vec<u8> = (0..shape.features).flat_map(|_| floats([1.0, scale, limit])).collect();
    record(&mut records, RecordKind::Scaling, 0, shape.features, shape.targets, &scaling);
    let mut inputs = shape.features * shape.patch;
    for &(units, form) in shape.layers {
        let payload = if integer { lstm_int8(random, inputs, units, form) } else { lstm_f32(random, inputs, units, form) };
        record(&mut records, RecordKind::Lstm, form.number(), inputs, units, &payload);
        inputs = units;
    }
    let outputs = if shape.classes > 0 { shape.classes } else { shape.targets * shape.horizon * shape.quantiles };
    let mut head = head_norm(shape.head, integer, inputs);
    head.extend(if integer { dense_int8(random, inputs, outputs) } else { dense_f32(random, inputs, outputs) });
    record(&mut records, RecordKind::Dense, shape.head.number(), inputs, outputs, &head);
    if shape.quantiles > 1 {
        let levels = (1..=shape.quantiles).map(|k| f32::from(k) / f32::from(shape.quantiles + 1));
        let count = shape.targets * shape.horizon * (shape.quantiles / 2);
        let widening = (0..count).map(|_| 0.5 * random.signed()).collect::<Vec<f32>>();
        let intervals: Vec<u8> = floats(levels.chain(widening)).collect();
        record(&mut records, RecordKind::Intervals, 0, shape.quantiles, outputs, &intervals);
    }
    if shape.skip > 0 {
        let values = shape.lookback * shape.features;
        let skip =
            if integer { skip_int8(random, shape.skip, values, outputs) } else { skip_f32(random, shape.skip, values, outputs) };
        record(&mut records, RecordKind::Skip, shape.skip, values, outputs, &skip);
    }
    let test: Vec<u8> = floats(window.iter().copied()).chain(checksum_of_forecast.to_le_bytes()).collect();
    record(&mut records, RecordKind::SelfTest, 0, shape.lookback, outputs, &test);

    let start = (HEADER_LENGTH + encoded.len()).next_multiple_of(ALIGNMENT);
    let mut header = Header { length: (start + records.len()) as u32, checksum: 0, manifest: encoded.len() as u32 };
    let mut file = header.to_bytes().to_vec();
    file.extend(encoded);
    file.resize(start, 0);
    file.extend(records);
    header.checksum = checksum(&file);
    file[..HEADER_LENGTH].copy_from_slice(&header.to_bytes());
    file
}

fn record(records: &mut Vec<u8>, kind: RecordKind, form: u16, inputs: u16, outputs: u16, payload: &[u8]) {
    records.extend(RecordHeader { kind, form, inputs, outputs, length: payload.len() as u32 }.to_bytes());
    records.extend(payload);
    records.resize(records.len().next_multiple_of(ALIGNMENT), 0);
}

fn floats(values: impl IntoIterator<Item = f32>) -> impl Iterator<Item = u8> {
    values.into_iter().flat_map(f32::to_le_bytes)
}

fn words(values: impl IntoIterator<Item = i32>) -> impl Iterator<Item = u8> {
    values.into_iter().flat_map(i32::to_le_bytes)
}

/// Whether the norm over `W x` takes its statistics from the inputs: where it has two at most.
fn from_inputs(inputs: u16, form: CellForm) -> bool {
    form.separate() && inputs <= 2
}

/// `[1-z_c, z_h, reads_zoned, 0]`, keep factors, the norms' parameters and rows, then per unit `[1 + I + H][4]`.
fn lstm_f32(random: &mut Random, inputs: u16, units: u16, form: CellForm) -> Vec<u8> {
    let mut values = vec![0.8, 0.15, 1.0, 0.0];
    if form.kept {
        values.extend([0.9, 0.95, 0.0, 0.0]);
    }
    if form.norm != NormForm::None {
        let [epsilon_h, epsilon_c] = if form.separate() { [2e-5, 3e-5] } else { [0.0; 2] };
        // Some units are gone; the joint form takes its statistics gate by gate and is centered.
        let joint = if form.separate() { 0.0 } else { 1.0 };
        let from_inputs = from_inputs(inputs, form);
        let (epsilon_x, flag) = if from_inputs { (0.0, 1.0) } else { (1e-5, 0.0) };
        values.extend([epsilon_x, epsilon_h, epsilon_c, f32::from(units + 2), joint, joint, flag, 0.0]);
        for _ in 0..units {
            let around = |random: &mut Random, middle: f32, width: f32| [0; 4].map(|_| middle + width * random.signed());
            for _ in 0..form.scratch_rows() - usize::from(from_inputs) {
                values.extend(around(random, 0.7, 0.3));
            }
            values.extend(around(random, 0.0, 0.4));
            if form.separate() {
                values.extend([0.7 + 0.3 * random.signed(), 0.2 * random.signed(), 0.0, 0.0]);
            }
        }
        if from_inputs {
            values.extend([0.1, 0.0, 0.0, 0.0]);
            let triangle = usize::from(inputs * (inputs + 3) / 2);
            values.extend((0..triangle).map(|_| 0.7 * random.signed()));
            values.extend(vec![0.0; triangle.next_multiple_of(4) - triangle]);
        }
    }
    let count = usize::from(units) * 4 * usize::from(1 + inputs + units);
    values.extend((0..count).map(|_| 0.7 * random.signed()));
    floats(values).collect()
}

/// Biases `[O]`, weights `[O][H]`.
fn dense_f32(random: &mut Random, inputs: u16, outputs: u16) -> Vec<u8> {
    let count = usize::from(outputs) * usize::from(1 + inputs);
    floats((0..count).map(|_| random.signed()).collect::<Vec<f32>>()).collect()
}

/// `[1-z_c, 1-z_h in Q31, words of the rows, reads_zoned]`, keep factors, the norms' parameters and rows, U's rows where they are apart, then those
/// of the other columns.
fn lstm_int8(random: &mut Random, inputs: u16, units: u16, form: CellForm) -> Vec<u8> {
    let from_inputs = from_inputs(inputs, form);
    let (inputs, hidden) = (usize::from(inputs), usize::from(units));
    let columns = if form.separate() { inputs } else { inputs + hidden };
    let mut stream = vec![1_700_000_000, 1_900_000_000, 0, 1];
    if form.kept {
        stream.extend([1_900_000_000, 2_000_000_000, 0, 0]);
    }
    if form.norm != NormForm::None {
        let before = inputs % 4;
        let recurrent = if form.separate() { rows_int8(random, hidden, before..before + hidden) } else { Vec::new() };
        let epsilon = |value: i32| [value, 0];
        let [epsilon_h, epsilon_c] = if form.separate() { [20_000, 30_000] } else { [0; 2] };
        // Some units are gone; the joint form takes its statistics gate by gate.
        let (shift, epsilon_x) = if from_inputs { (16, 0) } else { (0, 10_000) };
        stream.extend([i32::from(units) + 2, i32::from(!form.separate()), recurrent.len() as i32, shift]);
        stream.extend([epsilon(epsilon_x), epsilon(epsilon_h), epsilon(epsilon_c), epsilon(0)].concat());
        for _ in 0..units {
            for _ in 0..form.scratch_rows() - usize::from(from_inputs) {
                stream.extend([0; 4].map(|_| 400_000 + random.integer(100_000)));
            }
            stream.extend([0; 4].map(|_| random.integer(1500)));
            if form.separate() {
                stream.extend([6_000_000 + random.integer(1_000_000), random.integer(20_000), 0, 0]);
            }
        }
        if from_inputs {
            stream.extend([epsilon(100_000_000), epsilon(0), epsilon(0), epsilon(0)].concat());
            let triangle = inputs * (inputs + 3) / 2;
            stream.extend((0..triangle).map(|_| random.integer(12_000)));
            stream.resize(stream.len().next_multiple_of(4), 0);
        }
        stream.extend(recurrent);
    }
    let rows = rows_int8(random, hidden, 0..columns);
    stream[2] = rows.len() as i32;
    stream.extend(rows);
    words(stream).collect()
}

/// The blocks of unit `unit`'s columns: two where there is room, so that they are put together too, but for every third unit.
fn blocks(columns: usize, unit: usize) -> Vec<Block> {
    match columns.next_multiple_of(4) {
        padded if padded > 8 && unit % 3 < 2 => {
            let first = 4 + 4 * (unit % 2);
            vec![Block { columns: first, place: Place::Inner }, Block { columns: padded - first, place: Place::Last }]
        }
        padded => vec![Block { columns: padded, place: Place::Whole }],
    }
}

/// Per unit `[R_if, B_if, R_go, B_go]`, of each block its word and two words per two columns, and the multipliers `[m_i/256, m_f, m_g/256,
/// m_o]`. Columns that are not among `columns` have zero weights.
fn rows_int8(random: &mut Random, units: usize, columns: std::ops::Range<usize>) -> Vec<i32> {
    let mut stream = Vec::new();
    for unit in 0..units {
        for _ in 0..2 {
            let (a, b) = (random.integer(3000), random.integer(3000));
            stream.extend([256 * a + b, b]);
        }
        let mut start = 0;
        for block in blocks(columns.end, unit) {
            stream.push(block.word() as i32);
            for pair in start / 2..(start + block.columns) / 2 {
                // Columns 2*pair and 2*pair + 1 of one pair of gates.
                let mut word = || {
                    [2 * pair, 2 * pair + 1].map(|column| {
                        let (a, b) = (random.integer(127), random.integer(127));
                        if columns.contains(&column) { (256 * a + b) as u16 } else { 0 }
                    })
                };
                for [low, high] in [word(), word()] {
                    stream.push((u32::from(low) | u32::from(high) << 16) as i32);
                }
            }
            start += block.columns;
        }
        let m = 60_000_000 + random.integer(20_000_000);
        stream.extend([m / 256, m, m / 128, m]);
    }
    stream
}

/// Nothing, or the norm before the head, of whose units some are gone: `[N, 0, N^2 ε]` or `[ε, N, 0, 0]`.
fn head_norm(form: HeadForm, integer: bool, inputs: u16) -> Vec<u8> {
    match (form, integer) {
        (HeadForm::Plain, _) => Vec::new(),
        (HeadForm::Norm, true) => words([i32::from(inputs) + 2, 0, 30_000, 0]).collect(),
        (HeadForm::Norm, false) => floats([1e-4, f32::from(inputs) + 2.0, 0.0, 0.0]).collect(),
    }
}

/// Biases `[O]`, scales `[O]`, weights `[O][H padded]`.
fn dense_int8(random: &mut Random, inputs: u16, outputs: u16) -> Vec<u8> {
    let columns = usize::from(inputs).next_multiple_of(4);
    let mut payload: Vec<u8> = words((0..outputs).map(|_| 250_000 + random.integer(5000)).collect::<Vec<i32>>()).collect();
    payload.extend(floats((0..outputs).map(|_| 1e-5 * (1.5 + random.signed())).collect::<Vec<f32>>()));
    for index in 0..usize::from(outputs) * columns {
        let weight = random.integer(127) as i8;
        payload.push(if index % columns < usize::from(inputs) { weight as u8 } else { 0 });
    }
    payload
}

/// Scales `[R]` and `[O]`, then B `[O][R]` and A `[T][R][I]`.
fn skip_int8(random: &mut Random, rank: u16, inputs: u16, outputs: u16) -> Vec<u8> {
    let scales = (0..rank).map(|_| 1e-6 * (1.5 + random.signed())).collect::<Vec<f32>>();
    let output_scales = (0..outputs).map(|_| 4e-5 * (1.5 + random.signed())).collect::<Vec<f32>>();
    let mut payload: Vec<u8> = floats(scales.into_iter().chain(output_scales)).collect();
    let rank = usize::from(rank);
    payload.extend((0..rank * usize::from(outputs)).flat_map(|_| (random.integer(32_767) as i16).to_le_bytes()));
    payload.extend((0..rank * usize::from(inputs)).map(|_| random.integer(127) as i8 as u8));
    payload
}

/// B `[O][R]` and A `[T][R][I]`.
fn skip_f32(random: &mut Random, rank: u16, inputs: u16, outputs: u16) -> Vec<u8> {
    let weights = usize::from(rank) * usize::from(inputs + outputs);
    floats((0..weights).map(|_| 0.3 * random.signed()).collect::<Vec<f32>>()).collect()
}
