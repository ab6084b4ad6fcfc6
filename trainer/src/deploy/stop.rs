//! Why a board run ends early: something is not installed, or something is wrong.

use crate::error::Error;

/// Something that the machine lacks and that can be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is not there.
    pub what: String,
    /// The command that installs it.
    pub install: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing; install it with `{}`", self.what, self.install)
    }
}

/// Why there is no board run. A demonstration says a [`Stop::Missing`] in one line and goes on; a deployment ends with
/// either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Something is not installed.
    Missing(Missing),
    /// Something is wrong.
    Error(Error),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Stop::Missing(missing)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Missing(missing) => Error::input(missing.to_string()),
            Stop::Error(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_names_its_mend() {
        let missing = Missing { what: "qemu-system-arm".into(), install: "apt-get install qemu-system-arm".into() };
        let error = Error::from(Stop::from(missing));
        assert_eq!(error.to_string(), "qemu-system-arm is missing; install it with `apt-get install qemu-system-arm`");
        assert_eq!(error.exit_code(), 2);
    }
}
