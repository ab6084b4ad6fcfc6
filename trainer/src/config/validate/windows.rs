//! Windows and streams: their sizes, and what each can be normalized by.

use super::{Check, MAX_HORIZON, MAX_LOOKBACK, MAX_OUTPUTS, MAX_STEP_INPUTS, count, refuse};
use crate::config::{Config, Fold, Normalization};

/// A window's sizes, what it is measured by, and the mode it is of.
pub(super) fn check(config: &Config) -> Check {
    let window = &config.window;
    count("window.lookback", window.lookback, MAX_LOOKBACK)?;
    match (&config.data.label, window.horizon) {
        (None, horizon) => count("window.horizon", horizon, MAX_HORIZON)?,
        (Some(_), 0) => {}
        (Some(_), horizon) => {
            return refuse(
                "window.horizon",
                format!("window.horizon = {horizon} is of forecasts, and data.label asks for a window's class: leave it out"),
            );
        }
    }
    count("window.patch", window.patch, MAX_LOOKBACK)?;
    seasonal(config)?;
    if window.normalization.season() == 0 && !window.lookback.is_multiple_of(window.patch) {
        let (patch, lookback) = (window.patch, window.lookback);
        return refuse(
            "window.patch",
            format!("window.patch = {patch} does not divide window.lookback = {lookback}: choose a divisor of it"),
        );
    }
    let targets = config.data.target.to_vec().len();
    let columns = targets + config.data.features.to_vec().len();
    if window.patch * columns > MAX_STEP_INPUTS {
        return refuse(
            "window.patch",
            format!(
                "window.patch = {} with {columns} columns makes {} inputs a step: at most {MAX_STEP_INPUTS} are possible, use a smaller patch",
                window.patch,
                window.patch * columns
            ),
        );
    }
    let each = config.training.outputs_per_value();
    let outputs = window.horizon.saturating_mul(targets).saturating_mul(each);
    if outputs > MAX_OUTPUTS {
        let quantiles = if each > 1 { format!(" and {each} quantiles") } else { String::new() };
        return refuse(
            "window.horizon",
            format!(
                "window.horizon = {} with {targets} targets{quantiles} makes {outputs} outputs: at most {MAX_OUTPUTS} are possible, use a shorter horizon",
                window.horizon
            ),
        );
    }
    Ok(())
}

/// Seasonal normalization has a season, and whole steps beside it.
fn seasonal(config: &Config) -> Check {
    const KEY: &str = "window.normalization";
    let (window, Normalization::Seasonal { season }) = (&config.window, config.window.normalization) else { return Ok(()) };
    let season = usize::from(season);
    if season == 0 || config.data.season != Some(season) {
        return refuse(
            KEY,
            format!(
                "{KEY} = \"seasonal\" subtracts the sample of a season before: set data.season to its samples, 1 to {}",
                u16::MAX
            ),
        );
    }
    if season >= window.lookback {
        return refuse(
            "window.lookback",
            format!(
                "window.lookback = {} leaves nothing beside the season of {season} samples, which only serves to be subtracted: use {} or more",
                window.lookback,
                season + window.patch
            ),
        );
    }
    if !(window.lookback - season).is_multiple_of(window.patch) {
        let left = window.lookback - season;
        return refuse(
            "window.patch",
            format!(
                "window.patch = {} does not divide the {left} samples that window.lookback = {} leaves beside the season of {season}: choose a divisor of {left}, or another lookback",
                window.patch, window.lookback
            ),
        );
    }
    Ok(())
}

/// What a stream, which has no windows, cannot have.
pub(super) fn streaming(config: &Config) -> Check {
    let window = &config.window;
    if window.mode.is_windowed() {
        return Ok(());
    }
    if config.data.label.is_some() {
        return refuse(
            "window.mode",
            "window.mode = \"streaming\" is of forecasts, and data.label asks for the classes of windows: leave it out"
                .to_owned(),
        );
    }
    if !window.normalization.streams() {
        return refuse(
            "window.normalization",
            "window.normalization asks for statistics of a window, which a stream does not have: use \"last\" or \"none\", or set \
             window.mode = \"windowed\""
                .to_owned(),
        );
    }
    if !config.network.skip.is_none() {
        return refuse(
            "network.skip",
            "network.skip is a function of a window, which a stream does not have: leave it out, or set window.mode = \"windowed\""
                .to_owned(),
        );
    }
    if config.export.fold == Fold::Static {
        return refuse(
            "export.fold",
            "export.fold = \"static\" trains on in windows, and window.mode is \"streaming\": leave it out, or set window.mode = \"windowed\""
                .to_owned(),
        );
    }
    Ok(())
}
