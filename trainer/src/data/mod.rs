//! From a CSV to the windows that a network is trained and judged on.
//!
//! [`Series`] (the file, checked) -> [`Partition`] (which rows are whose) -> [`Scaler`] -> [`Dataset`] -> [`Windows`].

mod augment;
mod csv;
mod dataset;
mod interval;
mod labels;
mod level;
mod scaler;
mod series;
mod split;
mod streams;
mod survey;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;
mod timestamp;
mod windows;

pub use augment::{Augmented, amplitude_factor};
pub use dataset::Dataset;
pub use interval::Interval;
pub use labels::{LabelColumn, Labels};
pub use level::{LEAST_DEVIATION, Level, base};
pub use scaler::{Moments, Scaler};
pub use series::{Column, Selection, Series};
pub use split::{Part, Partition};
pub use streams::Streams;
pub use survey::{Content, Seen, Survey};
pub use timeline::Timeline;
pub use timestamp::{Stamp, Style, Zone};
pub use windows::Windows;
