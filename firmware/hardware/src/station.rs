//! The station on a board: samples on time, forecasts as lines.

use core::cell::RefCell;

use embedded_hal::delay::DelayNs;
use embedded_rnn::{
    Image, SampleError,
    arithmetic::Number,
    image::{Interval, Manifest},
    network::Topology,
};
use embedded_rnn_app::{Clock, Flat, Period, PeriodError, Predict, Report, Sampled, Sensor, Source, Station};

use crate::{Bind, Board, Chosen, Decimal, SensorError, complain::complain};

/// What a build links beside the board's own code.
pub struct Linked<N: Number, T: Topology<N>, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize = 0> {
    /// The model file.
    pub image: &'static [u8],
    /// Binds it to its type. Samples have one column: the temperature.
    pub bind: Bind<N, T, 1, LOOKBACK, PATCH, SEASON>,
    /// Microseconds from sample to sample, instead of the model's.
    pub period: Option<u64>,
}

/// Runs the linked model on what the board's thermometer says, until power is cut. `before`: what the panic before this boot said.
///
/// A board that holds a damaged model, or one that fails its own test, says so every five seconds and forecasts nothing.
pub fn run<B: Board, N: Number, T: Topology<N>, const LOOKBACK: usize, const PATCH: usize, const SEASON: usize>(
    mut board: B,
    linked: &Linked<N, T, LOOKBACK, PATCH, SEASON>,
    before: Option<&str>,
) -> !
where
    T::Quantiles: Flat,
{
    let (image, model) = match Image::open(linked.image).and_then(|image| Ok((image, (linked.bind)(&image)?))) {
        Ok(bound) => bound,
        Err(error) => complain(&mut board, &error),
    };
    if let Err(error) = model.self_test() {
        complain(&mut board, &error);
    }
    let board = RefCell::new(board);
    match station(&board, &image.manifest, linked.period, before, model.forecaster()) {
        Ok(mut station) => loop {
            // A thermometer's readings never end, and all that a turn can be is in its report.
            station.turn();
        },
        Err(error) => complain(&mut *board.borrow_mut(), &error),
    }
}

type OnBoard<'a, B, P> = Station<Sampled<Thermometer<'a, B>, Now<'a, B>, Waiting<'a, B>>, P, Lines<'a, B>>;

/// Greets, and joins the board's thermometer, the model and the board's line.
fn station<'a, B: Board, P>(
    board: &'a RefCell<B>,
    manifest: &'a Manifest<'a>,
    asked: Option<u64>,
    before: Option<&'a str>,
    forecaster: P,
) -> Result<OnBoard<'a, B, P>, PeriodError>
where
    P: Predict<Sample = [f32; 1], Refusal = SampleError>,
    P::Forecast: Flat,
{
    let chosen = Chosen::new(asked, manifest.series.interval);
    let greeting = Greeting { manifest, chosen, before };
    greeting.write(&mut *board.borrow_mut());
    // The greeting says where the period comes from, and that it is another than the model's if it is.
    let period = Period::new(chosen.microseconds(), Interval::Unknown, Now(board), Waiting { board, greeting })?;
    let source = Sampled::new(Thermometer { board, readings: 0 }, period, 0);
    Ok(Station::new(source, forecaster, Lines { board, late: 0 }))
}

/// The board's clock.
struct Now<'a, B>(&'a RefCell<B>);

impl<B: Board> Clock for Now<'_, B> {
    fn microseconds(&mut self) -> u64 {
        self.0.borrow_mut().now()
    }
}

/// Waits while the board idles, and greets whoever comes.
struct Waiting<'a, B> {
    board: &'a RefCell<B>,
    greeting: Greeting<'a>,
}

impl<B: Board> DelayNs for Waiting<'_, B> {
    fn delay_ns(&mut self, nanoseconds: u32) {
        self.delay_us(nanoseconds.div_ceil(1000));
    }

    fn delay_us(&mut self, microseconds: u32) {
        let mut board = self.board.borrow_mut();
        let end = board.now().saturating_add(microseconds.into());
        while board.now() < end {
            board.idle();
            // What comes means nothing here, and is taken so that the computer that sent it is not held up.
            board.receive(&mut [0; 64]);
            if board.someone_came() {
                self.greeting.write(&mut *board);
            }
        }
    }
}

/// What is said at the beginning and to everybody who begins to listen.
struct Greeting<'a> {
    manifest: &'a Manifest<'a>,
    chosen: Chosen,
    before: Option<&'a str>,
}

impl Greeting<'_> {
    fn write<B: Board>(&self, board: &mut B) {
        // A console cannot be told that it does not work.
        let _ = self.try_write(board);
    }

    fn try_write<B: Board>(&self, board: &mut B) -> core::fmt::Result {
        let Greeting { manifest, chosen, before } = self;
        let window = &manifest.window;
        let name = board.name();
        writeln!(board, "# embedded-rnn on {name}\r")?;
        write!(board, "# model: {} values ahead from {} samples of", window.horizon, window.lookback)?;
        manifest.series.columns().try_for_each(|column| write!(board, " {column}"))?;
        writeln!(board, ", {}\r", manifest.arithmetic)?;
        match *chosen {
            Chosen::Models(period) => writeln!(board, "# period: {} ms, the model's\r", period / 1000)?,
            Chosen::Asked { period, model: Some(model) } => {
                writeln!(board, "# period: {} ms; the model was trained on samples every {} ms\r", period / 1000, model / 1000)?;
            }
            Chosen::Asked { period, model: None } => writeln!(board, "# period: {} ms; the model has none\r", period / 1000)?,
            Chosen::Default => writeln!(board, "# period: 1000 ms, since the model has none in milliseconds\r")?,
        }
        let sensor = board.sensor();
        writeln!(board, "# thermometer: {sensor}\r")?;
        match board.watchdog() {
            Some(milliseconds) => writeln!(board, "# watchdog: resets a board that hangs for {milliseconds} ms\r")?,
            None => writeln!(board, "# watchdog: none\r")?,
        }
        if let Some(before) = before {
            before.lines().try_for_each(|line| writeln!(board, "# before this boot: {line}\r"))?;
        }
        Ok(())
    }
}

/// The thermometer, whose readings are told.
struct Thermometer<'a, B> {
    board: &'a RefCell<B>,
    readings: u32,
}

impl<B: Board> Sensor for Thermometer<'_, B> {
    type Sample = [f32; 1];
    type Error = SensorError;

    fn read(&mut self) -> Result<[f32; 1], SensorError> {
        let mut board = self.board.borrow_mut();
        // A loop that is always late never waits, and is alive all the same.
        board.idle();
        self.readings = self.readings.saturating_add(1);
        let temperature = board.temperature()?;
        let _ = writeln!(board, "sample {} {}\r", self.readings, Decimal(temperature));
        Ok([temperature])
    }
}

/// Forecasts as lines.
struct Lines<'a, B> {
    board: &'a RefCell<B>,
    late: u32,
}

impl<B, S, P> Report<S, P> for Lines<'_, B>
where
    B: Board,
    S: Source<Error = SensorError>,
    P: Predict<Refusal = SampleError>,
    P::Forecast: Flat,
{
    fn forecast(&mut self, samples: u32, forecast: &P::Forecast) {
        let mut board = self.board.borrow_mut();
        let _ = write!(board, "forecast {samples}");
        for value in forecast.flat() {
            let _ = write!(board, " {}", Decimal(*value));
        }
        let _ = writeln!(board, "\r");
    }

    fn refused(&mut self, samples: u32, refusal: SampleError) {
        let _ = writeln!(self.board.borrow_mut(), "refused {samples} {refusal}\r");
    }

    fn failed(&mut self, samples: u32, error: SensorError) {
        let _ = writeln!(self.board.borrow_mut(), "failed {samples} {error}\r");
    }

    fn missed(&mut self, _: u32, missed: u32) {
        self.late = self.late.saturating_add(missed);
        let _ = writeln!(self.board.borrow_mut(), "late {}\r", self.late);
    }
}

#[cfg(test)]
mod tests {
    use core::fmt;
    use std::collections::VecDeque;

    use embedded_rnn::{Dense, Int8, Lstm, Model, Network, Zoneout};
    use embedded_rnn_app::Progress;
    use embedded_storage::nor_flash::NorFlashErrorKind;

    use super::*;
    use crate::Flash;

    type Tiny = Model<'static, Int8, Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>, 1, 8, 2>;

    static TINY: &[u8] = embedded_rnn::include_model!("../../../tests/fixtures/tiny-int8.rnn");

    /// A clock that moves on while the board idles, scripted readings, and what was written.
    #[derive(Default)]
    struct Desk {
        now: u64,
        readings: VecDeque<Result<f32, SensorError>>,
        /// Microseconds that a reading takes.
        slow: u64,
        guests: VecDeque<bool>,
        text: String,
    }

    impl fmt::Write for Desk {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.text.push_str(text);
            Ok(())
        }
    }

    impl Board for Desk {
        type Flash = NoFlash;

        fn name(&self) -> &'static str {
            "desk"
        }

        fn now(&mut self) -> u64 {
            self.now
        }

        fn idle(&mut self) {
            self.now += 500;
        }

        fn temperature(&mut self) -> Result<f32, SensorError> {
            self.now += self.slow;
            self.readings.pop_front().unwrap_or(Err(SensorError::Chip))
        }

        fn sensor(&self) -> &'static str {
            "a script"
        }

        fn watchdog(&self) -> Option<u32> {
            None
        }

        fn someone_came(&mut self) -> bool {
            self.guests.pop_front().unwrap_or(false)
        }

        fn receive(&mut self, _: &mut [u8]) -> usize {
            0
        }

        fn send(&mut self, _: &[u8]) {
            unreachable!("a station writes text");
        }

        fn flash(&mut self) -> &mut NoFlash {
            unreachable!("a station leaves flash alone");
        }
    }

    /// A station leaves flash alone.
    struct NoFlash;

    impl Flash for NoFlash {
        const WORD: usize = 1;
        const SLOT_SECTOR: usize = 1;
        const JOURNAL_SECTOR: usize = 1;

        unsafe fn erase(&mut self, _: *mut u8) -> Result<(), NorFlashErrorKind> {
            unreachable!("a station leaves flash alone");
        }

        unsafe fn write(&mut self, _: *mut u8, _: &[u8]) -> Result<(), NorFlashErrorKind> {
            unreachable!("a station leaves flash alone");
        }
    }

    /// Turns a station so often; what it did and what it wrote after its greeting.
    fn turns(desk: Desk, count: usize) -> (Vec<Progress>, Desk) {
        let image = Image::open(TINY).unwrap();
        let model = Tiny::bind(&image).unwrap();
        let board = RefCell::new(desk);
        let mut station = station(&board, &image.manifest, Some(2_000), None, model.forecaster()).unwrap();
        board.borrow_mut().text.clear();
        let progress = core::iter::repeat_with(|| station.turn()).take(count).collect();
        (progress, board.into_inner())
    }

    const WARM: [f32; 8] = [20.5, 20.9, 21.4, 21.8, 22.0, 22.1, 22.0, 21.7];

    #[test]
    fn a_full_history_gives_the_models_own_forecast() {
        let (progress, desk) = turns(Desk { readings: WARM.map(Ok).into(), ..Desk::default() }, 8);
        assert_eq!(progress, [vec![Progress::Filling; 7], vec![Progress::Forecast]].concat());
        let model = Tiny::load(TINY).unwrap();
        let mut forecaster = model.forecaster();
        WARM.iter().for_each(|value| forecaster.push(&[*value]).unwrap());
        let [a, b, c] = forecaster.forecast().unwrap()[0].map(Decimal);
        let lines: Vec<&str> = desk.text.lines().collect();
        assert_eq!((lines[0], lines[7]), ("sample 1 20.500", "sample 8 21.700"));
        assert_eq!(lines[8..], [format!("forecast 8 {a} {b} {c}")]);
        // The first sample at once, each of the others two milliseconds after the one before.
        assert_eq!(desk.now, 500 + 7 * 2_000);
    }

    #[test]
    fn what_goes_wrong_is_told_and_the_station_goes_on() {
        let silent =
            SensorError::Bus(embedded_hal::i2c::ErrorKind::NoAcknowledge(embedded_hal::i2c::NoAcknowledgeSource::Address));
        let readings = [Ok(20.0), Err(silent), Ok(f32::INFINITY), Ok(21.0)];
        let (progress, desk) = turns(Desk { readings: readings.into(), ..Desk::default() }, 4);
        assert_eq!(progress, [Progress::Filling, Progress::Failed, Progress::Refused, Progress::Filling]);
        let expected = "sample 1 20.000\r\nfailed 1 no answer\r\nsample 3 >4294967295\r\n\
                        refused 1 column 0 of the sample is not a finite number\r\nsample 4 21.000\r\n";
        assert_eq!(desk.text, expected);
    }

    #[test]
    fn sampling_times_that_a_slow_thermometer_misses_are_told() {
        let (_, desk) = turns(Desk { readings: [Ok(20.0); 3].into(), slow: 4_500, ..Desk::default() }, 3);
        // Due at 0.5, 2.5, 4.5, ... ms; taken at 0.5, 5.5 (the one of 4.5) and 10.5: 2.5, 6.5 and 8.5 are missed.
        assert_eq!(desk.text, "sample 1 20.000\r\nsample 2 20.000\r\nlate 1\r\nsample 3 20.000\r\nlate 3\r\n");
    }

    #[test]
    fn who_comes_late_is_greeted_too() {
        let guests = [false, true].into();
        let (_, desk) = turns(Desk { readings: [Ok(20.0); 2].into(), guests, ..Desk::default() }, 2);
        let lines: Vec<&str> = desk.text.lines().collect();
        assert_eq!(
            (lines[0], lines[1], lines[lines.len() - 1]),
            ("sample 1 20.000", "# embedded-rnn on desk", "sample 2 20.000")
        );
    }

    #[test]
    fn the_greeting_says_model_period_thermometer_and_what_was_before() {
        let image = Image::open(TINY).unwrap();
        let model = Tiny::bind(&image).unwrap();
        let board = RefCell::new(Desk::default());
        station(&board, &image.manifest, Some(2_000), Some("panicked at a.rs:1:2:\noops"), model.forecaster()).unwrap();
        let text = board.into_inner().text;
        for line in [
            "# embedded-rnn on desk\r\n",
            "# model: 3 values ahead from 8 samples of",
            "# period: 2 ms;",
            "# thermometer: a script\r\n",
            "# watchdog: none\r\n",
            "# before this boot: panicked at a.rs:1:2:\r\n# before this boot: oops\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
