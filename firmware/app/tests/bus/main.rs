//! The bus of two pins against a target that lives by the bus's own rules, and a thermometer on it.

mod target;

use std::{cell::RefCell, rc::Rc};

use embedded_hal::i2c::{Error, ErrorKind, I2c, NoAcknowledgeSource, Operation};
use embedded_hal_mock::eh1::delay::NoopDelay;
use embedded_rnn_app::{Sensor, SoftI2c, SoftI2cError, Thermometer};
use target::{Fault, Line, Pin, Wires};

type Bus = SoftI2c<Pin, Pin, NoopDelay>;

/// A bus with a target at 0x48 of four registers of two bytes.
fn bus(fault: Fault) -> (Bus, Rc<RefCell<Wires>>) {
    let registers = [[0x15, 0x80], [0x00, 0x00], [0x4B, 0x00], [0x50, 0x00]];
    let wires = Rc::new(RefCell::new(Wires::new(0x48, registers, fault)));
    let bus = SoftI2c::new(Pin::new(&wires, Line::Clock), Pin::new(&wires, Line::Data), NoopDelay::new(), 5000).unwrap();
    (bus, wires)
}

#[test]
fn registers_are_written_and_read_back() {
    let (mut bus, wires) = bus(Fault::None);
    bus.write(0x48, &[2, 0xA5, 0x3C]).unwrap();
    let mut bytes = [0; 2];
    bus.write_read(0x48, &[2], &mut bytes).unwrap();
    assert_eq!(bytes, [0xA5, 0x3C]);
    // Neighbors of one direction are one transfer, and only its last byte is not acknowledged.
    let (mut high, mut low) = ([0], [0]);
    let mut operations =
        [Operation::Write(&[3]), Operation::Write(&[0x12, 0x34]), Operation::Read(&mut high), Operation::Read(&mut low)];
    bus.transaction(0x48, &mut operations).unwrap();
    // The pointer stands behind what was written, and runs around.
    assert_eq!([high, low], [[0x12], [0x34]]);
    assert_eq!(wires.borrow().starts, 5, "the first transfer has one, the others two");
    assert!(wires.borrow().idle());
}

#[test]
fn a_thermometer_is_read_by_the_published_driver() {
    let (bus, wires) = bus(Fault::None);
    let mut thermometer = Thermometer::new(bus, 0x48);
    for (register, degrees) in [([0x15, 0x80], 21.5), ([0xF5, 0x80], -10.5), ([0x63, 0x80], 99.5)] {
        wires.borrow_mut().registers[0] = register;
        assert_eq!(thermometer.read().unwrap(), [degrees]);
    }
}

#[test]
fn nobody_at_the_address_is_said_and_the_bus_is_given_up() {
    let (mut bus, wires) = bus(Fault::None);
    let error = bus.write_read(0x49, &[0], &mut [0; 2]).unwrap_err();
    assert_eq!(error, SoftI2cError::NoAcknowledge(NoAcknowledgeSource::Address));
    assert_eq!(error.kind(), ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
    assert_eq!(error.to_string(), "no target answers at the address");
    assert!(wires.borrow().idle());
    let mut bytes = [0; 2];
    bus.write_read(0x48, &[0], &mut bytes).unwrap();
    assert_eq!(bytes, [0x15, 0x80]);
}

#[test]
fn a_refused_byte_is_told_from_a_refused_address() {
    let (mut bus, wires) = bus(Fault::RefusesData);
    assert_eq!(bus.write(0x48, &[2, 1]).unwrap_err(), SoftI2cError::NoAcknowledge(NoAcknowledgeSource::Data));
    assert!(wires.borrow().idle());
}

#[test]
fn a_stretched_clock_is_waited_for_and_a_stuck_one_is_not() {
    let (mut bus, _) = self::bus(Fault::Stretches(20));
    let mut bytes = [0; 2];
    bus.write_read(0x48, &[0], &mut bytes).unwrap();
    assert_eq!(bytes, [0x15, 0x80]);
    let (mut bus, _) = self::bus(Fault::Stretches(u32::MAX));
    let error = bus.write_read(0x48, &[0], &mut bytes).unwrap_err();
    assert_eq!((error, error.kind()), (SoftI2cError::ClockStuck, ErrorKind::Bus));
}

#[test]
fn a_target_that_hangs_in_a_byte_is_clocked_free() {
    // A controller that was reset in the middle of reading zeros: the target holds the line for as many clocks as are left.
    for clocks in 1..=9 {
        let (mut bus, wires) = bus(Fault::HoldsData(clocks));
        let mut bytes = [0; 2];
        bus.write_read(0x48, &[0], &mut bytes).unwrap();
        assert_eq!(bytes, [0x15, 0x80], "held for {clocks} clocks");
        assert!(wires.borrow().idle());
    }
}

#[test]
fn a_bus_that_is_stuck_is_an_error_and_no_endless_loop() {
    let (mut bus, _) = self::bus(Fault::HoldsData(u32::MAX));
    let error = bus.write_read(0x48, &[0], &mut [0; 2]).unwrap_err();
    assert_eq!((error, error.kind()), (SoftI2cError::DataStuck, ErrorKind::Bus));
}
