//! The folder that the firmware's build reads: model file, the line that names its type, and the test data.

use std::{fs, path::Path};

use crate::error::Result;
use crate::files::{create_folder, write_atomically};

/// What is linked into an image.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The model file.
    pub model: &'a [u8],
    /// The exported Rust source that names the model's type and sizes.
    pub snippet: &'a str,
    /// The held-back series: `[samples][features]`, raw units.
    pub samples: &'a [f32],
    /// One window of it: `[lookback][features]`, raw units.
    pub window: &'a [f32],
    /// The host's forecast from that window: `[targets][horizon]`, raw units.
    pub forecast: &'a [f32],
}

impl Inputs<'_> {
    /// Bytes of test data among the image's constants; a product's firmware does without.
    pub fn test_bytes(&self) -> u64 {
        4 * (self.samples.len() + self.window.len() + self.forecast.len()) as u64
    }

    /// Writes all of it into `folder`. Files that hold the same already are left alone, so that nothing is built anew.
    pub fn write(&self, folder: &Path) -> Result<()> {
        create_folder(folder)?;
        let window: Vec<u8> = bytes(self.window).chain(bytes(self.forecast)).collect();
        let series: Vec<u8> = bytes(self.samples).collect();
        for (name, content) in
            [("model.rnn", self.model), ("model.rs", self.snippet.as_bytes()), ("series.bin", &series), ("window.bin", &window)]
        {
            let path = folder.join(name);
            if fs::read(&path).is_ok_and(|found| found == content) {
                continue;
            }
            write_atomically(&path, content)?;
        }
        Ok(())
    }
}

fn bytes(values: &[f32]) -> impl Iterator<Item = u8> {
    values.iter().flat_map(|value| value.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: Inputs<'_> = Inputs {
        model: b"model",
        snippet: "pub type Model = ();",
        samples: &[1.0, -2.5, 3.0],
        window: &[1.0, -2.5],
        forecast: &[0.5],
    };

    #[test]
    fn values_are_little_endian_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made/on/the/way");
        INPUTS.write(&folder).unwrap();
        assert_eq!(fs::read(folder.join("model.rnn")).unwrap(), b"model");
        assert_eq!(fs::read_to_string(folder.join("model.rs")).unwrap(), "pub type Model = ();");
        assert_eq!(fs::read(folder.join("series.bin")).unwrap(), [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0x40, 0x40]);
        assert_eq!(fs::read(folder.join("window.bin")).unwrap(), [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0, 0x3f]);
        assert_eq!(INPUTS.test_bytes(), 24);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "no temporary file is left");
    }

    #[test]
    fn equal_files_are_left_alone_and_others_replaced() {
        let folder = tempfile::tempdir().unwrap();
        INPUTS.write(folder.path()).unwrap();
        let modified = |name: &str| fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
        let (model, series) = (modified("model.rnn"), modified("series.bin"));
        std::thread::sleep(std::time::Duration::from_millis(20));
        Inputs { samples: &[9.0], ..INPUTS }.write(folder.path()).unwrap();
        assert_eq!(modified("model.rnn"), model);
        assert_ne!(modified("series.bin"), series);
        assert_eq!(fs::read(folder.path().join("series.bin")).unwrap(), 9f32.to_le_bytes());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = INPUTS.write(&file.join("below")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("below"), "{error}");
    }
}
