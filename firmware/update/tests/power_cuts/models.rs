//! Whole models, and one that does not keep what it promises.

use embedded_rnn::{
    Dense, Int8, Lstm, Network, Zoneout, ZoneoutCell,
    image::{Image, checksum},
};
use embedded_rnn_update::Refused;

/// The model's type, as it stands beside the file.
pub type Model<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>, 1, 8, 2>;

static MODEL: &[u8] = embedded_rnn::include_model!("../../../../tests/fixtures/tiny-int8.rnn");

/// The shipped model's type, as it stands beside the file.
type Shipped<'m> = embedded_rnn::Model<'m, Int8, Network<Lstm<12, 48, ZoneoutCell>, Dense<48, 1, 12>>, 1, 132, 12>;

static SHIPPED: &[u8] = embedded_rnn::include_model!("../../../../examples/standalone/model/model.rnn");

/// What firmware does with a file before it runs it.
pub type Check = fn(&[u8]) -> Result<u32, Refused>;

/// The small network's firmware.
pub fn check(bytes: &[u8]) -> Result<u32, Refused> {
    let model = Model::load(bytes)?;
    model.self_test()?;
    Ok(model.digest())
}

/// The shipped network's firmware.
pub fn check_shipped(bytes: &[u8]) -> Result<u32, Refused> {
    let model = Shipped::load(bytes)?;
    model.self_test()?;
    Ok(model.digest())
}

/// A whole small model that differs from others in where it says that it comes from, and so in its digest.
pub fn whole(version: u8) -> Vec<u8> {
    from_elsewhere(MODEL, version)
}

/// The same of the shipped model.
pub fn shipped(version: u8) -> Vec<u8> {
    from_elsewhere(SHIPPED, version)
}

fn from_elsewhere(file: &[u8], version: u8) -> Vec<u8> {
    let data = Image::open(file).unwrap().manifest.provenance.data;
    let at = file.windows(data.len()).position(|window| window == data).unwrap();
    changed(file, at, version)
}

/// A whole file whose own test fails.
pub fn broken() -> Vec<u8> {
    let mut aligned = vec![0u128; MODEL.len() / 16];
    (0..MODEL.len())
        .rev()
        .map(|at| changed(MODEL, at, 0x5A))
        .find(|file| {
            bytemuck::cast_slice_mut(&mut aligned).copy_from_slice(file);
            matches!(check(bytemuck::cast_slice(&aligned)), Err(Refused::SelfTest(_)))
        })
        .expect("some byte is the test's")
}

pub fn digest(file: &[u8]) -> u32 {
    checksum(file)
}

/// The model with one byte changed and its checksum mended.
fn changed(file: &[u8], at: usize, by: u8) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at] ^= by;
    let sum = checksum(&file);
    file[16..20].copy_from_slice(&sum.to_le_bytes());
    file
}
