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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use embedded_rnn::{Dense, Int8, Lstm, Network, Zoneout, image::checksum};
    use embedded_rnn_link::{CHUNK, Decoder, ENCODED, Reply, Request, VERSION};

    use super::*;
    use crate::{Flash, SensorError, Stretch};

    static TINY: &[u8] = embedded_rnn::include_model!("../../../tests/fixtures/tiny-int8.rnn");

    type Net = Network<Lstm<2, 5, Zoneout>, Dense<5, 1, 3>>;

    const SECTOR: usize = 1024;
    const SLOT: usize = 4 * SECTOR;

    /// A board whose line brings what was queued, and whose flash is memory in which writing only clears bits.
    #[derive(Default)]
    struct Desk {
        incoming: VecDeque<u8>,
        outgoing: Vec<u8>,
        idled: u32,
        erased: u32,
    }

    impl fmt::Write for Desk {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.outgoing.extend(text.as_bytes());
            Ok(())
        }
    }

    impl Flash for Desk {
        const WORD: usize = 4;
        const SLOT_SECTOR: usize = SECTOR;
        const JOURNAL_SECTOR: usize = SECTOR;

        unsafe fn erase(&mut self, address: *mut u8) -> Result<(), NorFlashErrorKind> {
            self.erased += 1;
            // SAFETY: the test's memory, of whole sectors.
            unsafe { address.write_bytes(0xFF, SECTOR) };
            Ok(())
        }

        unsafe fn write(&mut self, address: *mut u8, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
            for (index, byte) in bytes.iter().enumerate() {
                // SAFETY: as above.
                unsafe { *address.add(index) &= *byte };
            }
            Ok(())
        }
    }

    impl Board for Desk {
        type Flash = Self;

        fn name(&self) -> &'static str {
            "desk"
        }

        fn now(&mut self) -> u64 {
            0
        }

        fn idle(&mut self) {
            self.idled += 1;
        }

        fn temperature(&mut self) -> Result<f32, SensorError> {
            Ok(21.5)
        }

        fn sensor(&self) -> &'static str {
            "none"
        }

        fn watchdog(&self) -> Option<u32> {
            None
        }

        fn someone_came(&mut self) -> bool {
            self.idled == 1
        }

        fn receive(&mut self, buffer: &mut [u8]) -> usize {
            let count = buffer.len().min(self.incoming.len());
            assert!(count > 0, "the board waits for more than the test says");
            buffer.iter_mut().zip(self.incoming.drain(..count)).for_each(|(to, from)| *to = from);
            count
        }

        fn send(&mut self, bytes: &[u8]) {
            self.outgoing.extend(bytes);
        }

        fn flash(&mut self) -> &mut Self {
            self
        }
    }

    fn queue(board: &RefCell<Desk>, number: u16, request: &Request<'_>) {
        board.borrow_mut().incoming.extend(request.encode(number, &mut [0; ENCODED]).iter());
    }

    /// Whole replies that were sent since the last call: their kinds, and the digest if it is a Hello.
    fn said(board: &RefCell<Desk>) -> Vec<(u8, Option<u32>)> {
        let mut decoder = Decoder::new();
        let mut replies = Vec::new();
        for byte in std::mem::take(&mut board.borrow_mut().outgoing) {
            if let Some(Ok(frame)) = decoder.push(byte) {
                let digest = if let Ok(Reply::Hello(hello)) = Reply::read(&frame) { Some(hello.digest) } else { None };
                replies.push((frame.kind, digest));
            }
        }
        replies
    }

    /// The same model with another word on where its data came from.
    fn other() -> Vec<u8> {
        let data = Image::open(TINY).unwrap().manifest.provenance.data;
        let at = TINY.windows(data.len()).position(|window| window == data).unwrap();
        let mut file = TINY.to_vec();
        file[at] ^= 1;
        let sum = checksum(&file);
        file[16..20].copy_from_slice(&sum.to_le_bytes());
        file
    }

    #[test]
    fn a_desk_replaces_the_model_in_the_boards_flash() {
        let mut memory = vec![u128::MAX; (2 * SLOT + 2 * SECTOR) / 16];
        let start = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: the memory lives to the end of the test, and each stretch is a part of its own.
        let [slots, journal] = unsafe {
            start.copy_from_nonoverlapping(TINY.as_ptr(), TINY.len());
            let slots = [Stretch::new(start, SLOT), Stretch::new(start.add(SLOT), SLOT)];
            [slots, [Stretch::new(start.add(2 * SLOT), 2 * SECTOR); 2]]
        };
        let board = RefCell::new(Desk::default());
        let mut store = Store::new(slots.map(|slot| Region::new(&board, slot)), Region::new(&board, journal[0])).unwrap();
        let mut next = |before| round::<Desk, Int8, Net, 1, 8, 2, 0, 1, 3>(&board, &mut store, before);

        let new = other();
        queue(&board, 1, &Request::Hello { version: VERSION });
        queue(&board, 2, &Request::Measure);
        queue(&board, 3, &Request::Begin { length: new.len() as u32, digest: checksum(&new) });
        for (index, bytes) in new.chunks(CHUNK).enumerate() {
            queue(&board, 4 + index as u16, &Request::Chunk { offset: (index * CHUNK) as u32, bytes });
        }
        queue(&board, 1000, &Request::Finish);
        assert_eq!(next(Some("panicked at a.rs:1:2")), Ok(Ended::Model));
        let text = String::from_utf8_lossy(&board.borrow().outgoing).into_owned();
        assert!(text.contains("# before this boot: panicked at a.rs:1:2\r\n"), "{text:?}");
        let replies = said(&board);
        // Hello, the sample and that the history fills, and Done for all the rest.
        assert_eq!(replies[..3], [(0x81, Some(checksum(TINY))), (0x85, None), (0x83, None)]);
        assert_eq!(replies[3..], vec![(0x82, None); 2 + new.len().div_ceil(CHUNK)]);
        let sectors = new.len().div_ceil(SECTOR) as u32;
        assert_eq!(board.borrow().erased, sectors + 1, "the slot's sectors and one of the journal's");

        queue(&board, 1, &Request::Hello { version: VERSION });
        queue(&board, 2, &Request::End);
        assert_eq!(next(None), Ok(Ended::Desk));
        assert_eq!(said(&board), [(0x81, Some(checksum(&new))), (0x82, None)]);
    }

    #[test]
    fn slots_without_a_model_serve_nobody() {
        let mut memory = vec![u128::MAX; (2 * SLOT + 2 * SECTOR) / 16];
        let start = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: as above.
        let (slots, journal) = unsafe {
            ([Stretch::new(start, SLOT), Stretch::new(start.add(SLOT), SLOT)], Stretch::new(start.add(2 * SLOT), 2 * SECTOR))
        };
        let board = RefCell::new(Desk::default());
        let mut store = Store::new(slots.map(|slot| Region::new(&board, slot)), Region::new(&board, journal)).unwrap();
        assert_eq!(round::<Desk, Int8, Net, 1, 8, 2, 0, 1, 3>(&board, &mut store, None), Err(Stopped::NoModel));
    }
}
