//! The two ways in which a command ends badly, and their exit codes.

use std::path::Path;

/// Why a command stopped. Each carries one sentence that names the place (file, line, column, key or flag) and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// What the user gave is wrong: a file, a cell, a key, a flag. Exit code 2.
    Input(String),
    /// The input was right and the result is not: a mismatch, a diverged training, a budget exceeded. Exit code 1.
    Failed(String),
}

/// The result of every fallible step of the trainer.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An [`Error::Input`] from anything that can be shown.
    pub fn input(message: impl Into<String>) -> Self {
        Error::Input(message.into())
    }

    /// An [`Error::Failed`] from anything that can be shown.
    pub fn failed(message: impl Into<String>) -> Self {
        Error::Failed(message.into())
    }

    /// A file that could not be read or written, with the operating system's reason.
    pub fn file(action: &str, path: &Path, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        // The words that Rust puts around them, "(os error 2)", help nobody.
        let words = reason.rsplit_once(" (os error ").map_or(reason.as_str(), |(words, _)| words);
        let mut letters = words.chars();
        let first = letters.next().map(|letter| letter.to_lowercase().to_string()).unwrap_or_default();
        Error::Input(format!("cannot {action} {}: {first}{}", path.display(), letters.as_str()))
    }

    /// The program's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Input(_) => 2,
            Error::Failed(_) => 1,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Error::Input(message) | Error::Failed(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_reason_is_put_in_plain_words() {
        let reason = std::io::Error::from_raw_os_error(2);
        let path = Path::new("none.toml");
        assert_eq!(Error::file("read", path, reason).to_string(), "cannot read none.toml: no such file or directory");
        assert_eq!(Error::file("write", path, "disk full").to_string(), "cannot write none.toml: disk full");
        assert_eq!(Error::file("write", path, "").to_string(), "cannot write none.toml: ");
    }
}
