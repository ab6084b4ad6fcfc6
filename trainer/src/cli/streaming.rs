//! Commands that forecast from windows alone.

use std::path::Path;

use crate::error::{Error, Result};
use crate::evaluate::device::DeviceModel;

/// Refuses a model that was trained as a stream, for a command that does `what` from windows.
pub fn expect_windowed(device: &DeviceModel<'_>, model: &Path, what: &str) -> Result<()> {
    if !device.is_streaming() {
        return Ok(());
    }
    Err(Error::input(format!(
        "{}: the model forecasts from a stream, and {what} from windows alone: train with window.mode = \"windowed\" for it",
        model.display()
    )))
}
