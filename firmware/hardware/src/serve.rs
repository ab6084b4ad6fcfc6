//! The board as a desk's: fed, asked to measure, given new models.

use core::{cell::RefCell, fmt};

use embedded_rnn::{Image, LoadError, Model, arithmetic::Number, network::Topology};
use embedded_rnn_app::{Abilities, Ended, Flat, Identity, LineError, Predict, Served, Updating};
use embedded_rnn_link::Fault;
use embedded_rnn_update::{OpenError, Refused, Store};
use embedded_storage::nor_flash::NorFlashErrorKind;

use crate::{
    Board, Parts,
    complain::complain,
    flash::{OfJournal, OfSlot, Region},
    line::{self, Line},
};

/// What binds a model file to its type; it names the type.
pub type Bind<N, T, const F: usize, const L: usize, const P: usize, const S: usize> =
    fn(&Image<'static>) -> Result<Model<'static, N, T, F, L, P, S>, LoadError>;

/// Serves whoever is at the other end of the line, until power is cut. The model is the one that the slots and their journal say.
/// `before`: what the panic before this boot said; it is told as text between two frames, at once and to whoever comes.
///
/// A board whose slots hold no whole model says so every five seconds and serves nobody.
pub fn serve<
    B: Board,
    N: Number,
    T: Topology<N>,
    const F: usize,
    const L: usize,
    const P: usize,
    const S: usize,
    const O: usize,
    const H: usize,
>(
    _: Bind<N, T, F, L, P, S>,
    board: B,
    parts: Parts,
    before: Option<&str>,
) -> !
where
    T::Quantiles: Flat,
{
    let board = RefCell::new(board);
    let slots = parts.slots.map(|slot| Region::new(&board, slot));
    let stopped = match Store::new(slots, Region::new(&board, parts.journal)) {
        Ok(mut store) => {
            if let Some(before) = before {
                line::tell(&mut *board.borrow_mut(), before);
            }
            loop {
                // A desk that comes next finds an empty history, and after an update the new model.
                match round::<B, N, T, F, L, P, S, O, H>(&board, &mut store, before) {
                    Ok(_) => {}
                    Err(stopped) => break stopped,
                }
            }
        }
        Err(error) => Stopped::Store(error),
    };
    complain(&mut *board.borrow_mut(), &stopped)
}

/// Why nobody can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Store(OpenError<NorFlashErrorKind>),
    NoModel,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Store(error) => error.fmt(f),
            Stopped::NoModel => f.write_str("neither slot holds a whole model for this firmware"),
        }
    }
}

type Shelf<'a, B> = Store<Region<'a, B, OfSlot>, Region<'a, B, OfJournal>>;

/// Finds the model to run and answers requests until something ends.
fn round<
    B: Board,
    N: Number,
    T: Topology<N>,
    const F: usize,
    const L: usize,
    const P: usize,
    const S: usize,
    const O: usize,
    const H: usize,
>(
    board: &RefCell<B>,
    store: &mut Shelf<'_, B>,
    before: Option<&str>,
) -> Result<Ended, Stopped>
where
    T::Quantiles: Flat,
{
    let opened = store.open(check::<N, T, F, L, P, S>).map_err(Stopped::Store)?;
    let active = opened.active.ok_or(Stopped::NoModel)?;
    // It was checked a moment ago.
    let image = Image::open(active.bytes).map_err(|_| Stopped::NoModel)?;
    let model = Model::<N, T, F, L, P, S>::bind(&image).map_err(|_| Stopped::NoModel)?;
    let identity =
        Identity { digest: image.digest, interval: image.manifest.series.interval, lookback: image.manifest.window.lookback };
    let abilities = Able { board, updating: Updating::new(opened.spare, check::<N, T, F, L, P, S>) };
    let mut served = Served::<_, _, F, O, H>::new(identity, model.forecaster(), abilities);
    served.run(&mut Line { board, before }, &mut Line { board, before: None }).map_err(|error| match error {
        LineError::Read(never) => match never {},
        LineError::Write(never) => match never {},
    })
}

/// Binds a file and runs its own test.
fn check<N: Number, T: Topology<N>, const F: usize, const L: usize, const P: usize, const S: usize>(
    file: &[u8],
) -> Result<u32, Refused> {
    let model = Model::<N, T, F, L, P, S>::load(file)?;
    model.self_test()?;
    Ok(model.digest())
}

/// The board's thermometer and the spare slot.
struct Able<'a, B, U> {
    board: &'a RefCell<B>,
    updating: U,
}

impl<B: Board, U: Abilities<P>, P: Predict<Sample = [f32; F]>, const F: usize> Abilities<P> for Able<'_, B, U> {
    // One thermometer makes samples of one column.
    const MEASURES: bool = F == 1;

    fn measure(&mut self) -> Result<[f32; F], Fault> {
        if F != 1 {
            return Err(Fault::Unsupported);
        }
        let degrees = self.board.borrow_mut().temperature().map_err(|_| Fault::Sensor)?;
        Ok([degrees; F])
    }

    fn capacity(&self) -> u32 {
        self.updating.capacity()
    }

    fn begin(&mut self, length: u32, digest: u32) -> Result<(), Fault> {
        self.updating.begin(length, digest)
    }

    fn chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        self.updating.chunk(offset, bytes)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.updating.finish()
    }

    fn abort(&mut self) -> Result<(), Fault> {
        self.updating.abort()
    }

    fn activate(&mut self) -> Result<(), Fault> {
        self.updating.activate()
    }
}
