//! Two wires with pull-ups, and a target on them that sees nothing but their levels.

use std::{cell::RefCell, convert::Infallible, rc::Rc};

use embedded_hal::digital::{ErrorType, InputPin, OutputPin};

/// What is wrong with the target.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    /// Acknowledges its address only.
    RefusesData,
    /// Holds the clock down for so many looks at it, after each byte.
    Stretches(u32),
    /// Holds the data line down for so many clocks.
    HoldsData(u32),
}

#[derive(Clone, Copy, PartialEq)]
pub enum Line {
    Clock,
    Data,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    /// Receives: bits so far, how many, and whether this is the address.
    Receives {
        byte: u8,
        bits: u8,
        address: bool,
    },
    /// Acknowledges what it received, or does not; then goes on to send or to receive.
    Acknowledges {
        yes: bool,
        sends: bool,
    },
    Sends {
        byte: u8,
        bits: u8,
    },
    /// Reads the controller's acknowledgment.
    Asks,
    /// Addressed by somebody else's address.
    Deaf,
}

pub struct Wires {
    address: u8,
    pub registers: [[u8; 2]; 4],
    fault: Fault,
    /// The controller's side of clock and data: true where it lets go.
    controller: [bool; 2],
    /// The target lets the data line go.
    data: bool,
    stretch: u32,
    phase: Phase,
    pointer: Option<u8>,
    offset: usize,
    pub starts: u32,
}

impl Wires {
    pub fn new(address: u8, registers: [[u8; 2]; 4], fault: Fault) -> Self {
        let data = !matches!(fault, Fault::HoldsData(_));
        let controller = [true; 2];
        Wires { address, registers, fault, controller, data, stretch: 0, phase: Phase::Idle, pointer: None, offset: 0, starts: 0 }
    }

    /// Both lines are up and the target waits for a start.
    pub fn idle(&self) -> bool {
        self.controller == [true; 2] && self.data && self.phase == Phase::Idle
    }

    fn levels(&self) -> [bool; 2] {
        [self.controller[0] && self.stretch == 0, self.controller[1] && self.data]
    }

    fn drive(&mut self, line: Line, high: bool) {
        let before = self.levels();
        self.controller[line as usize] = high;
        self.seen(before);
    }

    fn look(&mut self, line: Line) -> bool {
        let before = self.levels();
        if line == Line::Clock && self.controller[0] && self.stretch > 0 && self.stretch < u32::MAX {
            self.stretch -= 1;
            self.seen(before);
        }
        self.levels()[line as usize]
    }

    /// What the target makes of a change.
    fn seen(&mut self, before: [bool; 2]) {
        let now = self.levels();
        match (before, now) {
            ([true, true], [true, false]) => self.start(),
            ([true, false], [true, true]) => self.phase = Phase::Idle,
            ([false, _], [true, data]) => self.rises(data),
            ([true, _], [false, _]) => self.falls(),
            _ => {}
        }
    }

    fn start(&mut self) {
        self.starts += 1;
        self.phase = Phase::Receives { byte: 0, bits: 0, address: true };
    }

    fn rises(&mut self, data: bool) {
        match &mut self.phase {
            Phase::Receives { byte, bits, .. } => {
                *byte = *byte << 1 | u8::from(data);
                *bits += 1;
            }
            Phase::Asks => {
                self.phase = if data { Phase::Deaf } else { self.next() };
            }
            Phase::Idle | Phase::Acknowledges { .. } | Phase::Sends { .. } | Phase::Deaf => {}
        }
    }

    fn falls(&mut self) {
        if let Fault::HoldsData(clocks) = &mut self.fault {
            *clocks = if *clocks == u32::MAX { u32::MAX } else { clocks.saturating_sub(1) };
            if *clocks > 0 {
                return;
            }
            self.fault = Fault::None;
            self.data = true;
        }
        match self.phase {
            Phase::Receives { byte, bits: 8, address } => {
                let mine = !address || byte >> 1 == self.address;
                let yes = mine && (address || self.fault != Fault::RefusesData);
                let sends = address && byte & 1 == 1;
                if address {
                    self.pointer = self.pointer.filter(|_| sends);
                    self.offset = 0;
                } else if yes {
                    self.take(byte);
                }
                self.data = !yes;
                self.phase = if mine { Phase::Acknowledges { yes, sends } } else { Phase::Deaf };
                if let Fault::Stretches(looks) = self.fault {
                    self.stretch = looks;
                }
            }
            Phase::Acknowledges { yes, sends } => {
                self.data = true;
                self.phase = match (yes, sends) {
                    (false, _) => Phase::Deaf,
                    (true, true) => self.next(),
                    (true, false) => Phase::Receives { byte: 0, bits: 0, address: false },
                };
                self.send();
            }
            Phase::Sends { bits: 0, .. } => {
                self.data = true;
                self.phase = Phase::Asks;
            }
            Phase::Sends { .. } => self.send(),
            Phase::Deaf => self.data = true,
            Phase::Idle | Phase::Receives { .. } | Phase::Asks => {}
        }
    }

    fn take(&mut self, byte: u8) {
        match self.pointer {
            None => self.pointer = Some(byte & 3),
            Some(pointer) => {
                self.registers[usize::from(pointer)][self.offset % 2] = byte;
                self.offset += 1;
            }
        }
    }

    /// The next byte of the register that the pointer names; a read goes on where it was.
    fn next(&mut self) -> Phase {
        let register = self.registers[usize::from(self.pointer.unwrap_or(0))];
        let byte = register[self.offset % 2];
        self.offset += 1;
        Phase::Sends { byte, bits: 8 }
    }

    fn send(&mut self) {
        if let Phase::Sends { byte, bits } = &mut self.phase {
            self.data = *byte & 0x80 != 0;
            *byte <<= 1;
            *bits -= 1;
        }
    }
}

/// One of the controller's pins.
pub struct Pin {
    wires: Rc<RefCell<Wires>>,
    line: Line,
}

impl Pin {
    pub fn new(wires: &Rc<RefCell<Wires>>, line: Line) -> Self {
        Pin { wires: Rc::clone(wires), line }
    }
}

impl ErrorType for Pin {
    type Error = Infallible;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.wires.borrow_mut().drive(self.line, false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.wires.borrow_mut().drive(self.line, true);
        Ok(())
    }
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.wires.borrow_mut().look(self.line))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}
