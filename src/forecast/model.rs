//! A model file bound to its network's type.

use core::marker::PhantomData;

use super::{Classifier, ForecastMode, Forecaster, Pipeline, SelfTest, SelfTestError, Session, Streaming, Windowed};
use crate::arithmetic::Number;
use crate::image::{Dimension, Image, LoadError, RecordKind, Window, forecast_checksum};
use crate::network::Topology;

/// A model file bound to its network's type: everything is checked, weights stay where they are.
///
/// `N` is the number system, `T` the network, and samples of `FEATURES` columns enter in windows of `LOOKBACK`, `PATCH` at a time. Where a
/// season is subtracted from the next one ([`Normalization::Seasonal`]), the first `SEASON` samples of a window serve for that alone. The
/// exporter writes the line that names all of these. The model is shared: as many forecasters as there are sensors borrow it.
///
/// `M` is the way in which the file meets samples: [`Windowed`] where nothing is said, and then there is [`Model::forecaster`]; or
/// [`Streaming`], and then there is [`Model::session`]. A file of the other mode is refused.
///
/// ```compile_fail,E0599
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type Windows<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 8, 4>;
/// Windows::load(&[]).map(|model| model.session().clamped());
/// ```
///
/// Sizes that contradict each other do not compile. This type is sound:
///
/// ```
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type Sound<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 8, 4>;
/// assert!(Sound::load(&[]).is_err());
/// ```
///
/// A window of ten samples does not consist of patches of four:
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type Uneven<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 10, 4>;
/// assert!(Uneven::load(&[]).is_err());
/// ```
///
/// A patch of two samples is not four inputs, and two targets are not columns of samples of one:
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type Narrow<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 8, 2>;
/// assert!(Narrow::load(&[]).is_err());
/// ```
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type TwoTargets<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 2, 3>>, 1, 8, 4>;
/// assert!(TwoTargets::load(&[]).is_err());
/// ```
///
/// Beside a season there must be a whole number of patches; this type is sound, and the next is not:
///
/// ```
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type Seasonal<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 15, 4, 7>;
/// assert_eq!(Seasonal::STEPS, 2);
/// assert!(Seasonal::load(&[]).is_err());
/// ```
///
/// ```compile_fail,E0080
/// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
/// type Uneven<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 16, 4, 7>;
/// assert!(Uneven::load(&[]).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Model<
    'm,
    N: Number,
    T: Topology<N>,
    const FEATURES: usize,
    const LOOKBACK: usize,
    const PATCH: usize,
    const SEASON: usize = 0,
    M: ForecastMode = Windowed,
> {
    pub(super) weights: T::Weights<'m>,
    pub(super) pipeline: Pipeline<'m>,
    pub(super) digest: u32,
    /// Names of the classes, each ended by a line feed; empty of a forecaster.
    classes: &'m str,
    /// Steps from the zero state before a stream's first forecast.
    pub(super) warmup: u32,
    test: SelfTest<'m>,
    shape: PhantomData<(N, T, M)>,
}

impl<
    'm,
    N: Number,
    T: Topology<N>,
    const FEATURES: usize,
    const LOOKBACK: usize,
    const PATCH: usize,
    const SEASON: usize,
    M: ForecastMode,
> Model<'m, N, T, FEATURES, LOOKBACK, PATCH, SEASON, M>
{
    /// Network steps in a window: those of a windowed forecast.
    pub const STEPS: usize = (LOOKBACK - SEASON) / PATCH;

    /// Checks a whole model file and binds it; `bytes` must begin at a multiple of 16 (see [`crate::include_model!`]).
    pub fn load(bytes: &'m [u8]) -> Result<Self, LoadError> {
        Self::bind(&Image::open(bytes)?)
    }

    /// Binds a file that was opened before, to look at its manifest.
    pub fn bind(image: &Image<'m>) -> Result<Self, LoadError> {
        const {
            assert!(FEATURES > 0 && FEATURES <= u16::MAX as usize, "a sample has 1 to 65535 columns");
            assert!(SEASON < LOOKBACK, "a window is longer than its season");
            assert!(PATCH > 0 && (LOOKBACK - SEASON).is_multiple_of(PATCH), "patches must fill the window");
            assert!(T::INPUTS == FEATURES * PATCH, "the first layer reads a patch of samples");
            assert!(T::TARGETS <= FEATURES, "every target is a column of the samples");
            assert!(T::WINDOW == 0 || T::WINDOW == (LOOKBACK - SEASON) * FEATURES, "a skip reads the whole window");
            assert!(T::WINDOW == 0 || !M::STREAMING, "a skip reads a window, which a stream does not have");
            assert!(SEASON == 0 || !M::STREAMING, "a season is subtracted in a window, which a stream does not have");
            assert!(T::CLASSES == 0 || !M::STREAMING, "a classifier tells the class of a window, which a stream does not have");
        }
        let manifest = &image.manifest;
        if manifest.arithmetic != N::ARITHMETIC {
            return Err(LoadError::Arithmetic { expected: N::ARITHMETIC, found: manifest.arithmetic });
        }
        if manifest.layout != N::LAYOUT {
            return Err(LoadError::LayoutMismatch { expected: N::LAYOUT, found: manifest.layout });
        }
        let (expected, found) = (T::CLASSES as u32, manifest.class_count()?.into());
        if expected != found {
            return Err(LoadError::Classes { expected, found });
        }
        Self::check_window(&manifest.window)?;
        let mode = manifest.window.mode;
        if !M::is_of(mode) {
            return Err(LoadError::Mode { found: mode });
        }
        // A windowed model has no use for it.
        let warmup = mode.warmup().unwrap_or(1);
        if warmup == 0 || (M::STREAMING && !manifest.window.normalization.streams()) {
            return Err(LoadError::Manifest);
        }
        let mut records = image.records();
        let pipeline = Pipeline::bind(&records.next(RecordKind::Scaling)?, &manifest.window)?;
        let weights = T::bind(&mut records)?;
        let test = records.next(RecordKind::SelfTest)?;
        test.expect_shape(0, LOOKBACK, T::OUTPUTS)?;
        let test = SelfTest::read(&test, LOOKBACK, FEATURES)?;
        records.end()?;
        Ok(Model { weights, pipeline, digest: image.digest, classes: manifest.classes, warmup, test, shape: PhantomData })
    }

    fn check_window(window: &Window) -> Result<(), LoadError> {
        let sizes = [
            (Dimension::Features, FEATURES, window.features),
            (Dimension::Targets, T::TARGETS, window.targets),
            (Dimension::Lookback, LOOKBACK, window.lookback),
            (Dimension::Patch, PATCH, window.patch),
            (Dimension::Horizon, T::HORIZON, window.horizon),
            (Dimension::Layers, T::DEPTH.into(), window.layers),
            (Dimension::Season, SEASON, window.normalization.season() as u16),
        ];
        for (dimension, expected, found) in sizes {
            if expected != usize::from(found) {
                return Err(LoadError::Shape { dimension, layer: 0, expected: expected as u32, found: found.into() });
            }
        }
        Ok(())
    }

    /// The CRC-32 of the file, which snapshots carry.
    pub fn digest(&self) -> u32 {
        self.digest
    }

    /// The name of a class, counted from 0 as [`Scores::class`](super::Scores::class) does; `None` where there is no such class.
    pub fn class_name(&self, class: usize) -> Option<&'m str> {
        // By bytes: the standard library's search within a string can panic as far as the linker knows.
        let mut names = self.classes;
        let end = |names: &str| names.bytes().position(|byte| byte == b'\n');
        for _ in 0..class {
            names = names.get(end(names)? + 1..)?;
        }
        names.get(..end(names)?)
    }

    /// Whether a forecast has the checksum that the file promises of its own window.
    fn check(&self, mut said: T::Quantiles) -> Result<(), SelfTestError> {
        let (expected, found) =
            (self.test.checksum(), forecast_checksum(T::quantile_rows(&mut said).flatten().map(|value| &*value)));
        if found == expected { Ok(()) } else { Err(SelfTestError::Mismatch { expected, found }) }
    }

    /// The samples of the file's own window, oldest first.
    fn test_samples(&self) -> impl Iterator<Item = &'m [f32; FEATURES]> {
        self.test.window().filter_map(|sample| sample.first_chunk::<FEATURES>())
    }
}

impl<'m, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize>
    Model<'m, N, T, FEATURES, LOOKBACK, PATCH, SEASON>
{
    /// A classifier with an empty history, for one sensor. Only networks of [`Classes`](crate::Classes) have one:
    ///
    /// ```compile_fail,E0271
    /// use embedded_rnn::{Dense, Int8, Lstm, Model, Network};
    /// type Forecasts<'m> = Model<'m, Int8, Network<Lstm<4, 5>, Dense<5, 1, 3>>, 1, 8, 4>;
    /// fn classify(model: &Forecasts<'_>) {
    ///     let _ = model.classifier();
    /// }
    /// ```
    pub fn classifier<const CLASSES: usize>(&self) -> Classifier<'_, 'm, N, T, FEATURES, LOOKBACK, PATCH, SEASON>
    where
        T: Topology<N, Output = [f32; CLASSES]>,
    {
        Classifier::new(self)
    }

    /// A forecaster with an empty history, for one sensor. Of a classifier it says logits in place of forecasts.
    pub fn forecaster(&self) -> Forecaster<'_, 'm, N, T, FEATURES, LOOKBACK, PATCH, SEASON> {
        Forecaster::new(self)
    }

    /// Runs the window that the file carries and compares the forecast's checksum with the file's: the bits are the trainer's.
    pub fn self_test(&self) -> Result<(), SelfTestError> {
        let mut forecaster = self.forecaster();
        for sample in self.test_samples() {
            forecaster.push(sample).map_err(SelfTestError::Sample)?;
        }
        self.check(forecaster.quantiles().map_err(SelfTestError::NotReady)?)
    }
}

impl<'m, N: Number, T: Topology<N>, const FEATURES: usize, const LOOKBACK: usize, const PATCH: usize>
    Model<'m, N, T, FEATURES, LOOKBACK, PATCH, 0, Streaming>
{
    /// A session in the network's zero state, for one sensor.
    pub fn session(&self) -> Session<'_, 'm, N, T, FEATURES, LOOKBACK, PATCH> {
        Session::new(self)
    }

    /// Steps from the zero state before the first forecast, as they were measured on validation rows.
    pub fn warmup(&self) -> u32 {
        self.warmup
    }

    /// Streams the samples that the file carries and compares the checksum of what the network says then with the file's, warmed up or
    /// not: the bits are the trainer's.
    pub fn self_test(&self) -> Result<(), SelfTestError> {
        let mut session = self.session();
        for sample in self.test_samples() {
            session.push(sample).map_err(SelfTestError::Sample)?;
        }
        self.check(session.said())
    }
}
