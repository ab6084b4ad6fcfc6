//! The emulator's monitor, by which a test is the weather.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A connection to the emulator's monitor protocol.
pub struct Monitor {
    from: BufReader<TcpStream>,
    to: TcpStream,
}

impl Monitor {
    /// Listens, and says how the emulator is told to connect.
    pub fn arguments() -> (TcpListener, Vec<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, vec!["-qmp".into(), format!("tcp:127.0.0.1:{port}")])
    }

    /// The emulator's connection, greeted.
    pub fn accept(listener: &TcpListener) -> Self {
        let deadline = Instant::now() + Duration::from_secs(30);
        let to = loop {
            match listener.accept() {
                Ok((line, _)) => break line,
                Err(reason) => assert!(Instant::now() < deadline, "the emulator's monitor did not connect: {reason}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        to.set_nonblocking(false).unwrap();
        to.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut monitor = Monitor { from: BufReader::new(to.try_clone().unwrap()), to };
        assert!(monitor.line().get("QMP").is_some(), "the monitor greets");
        monitor.execute(json!({ "execute": "qmp_capabilities" }));
        monitor
    }

    /// Sets a thermometer's temperature.
    pub fn set_temperature(&mut self, id: &str, degrees: f32) {
        let path = format!("/machine/peripheral/{id}");
        let thousandths = (degrees * 1000.0).round() as i64;
        let arguments = json!({ "path": path, "property": "temperature", "value": thousandths });
        self.execute(json!({ "execute": "qom-set", "arguments": arguments }));
    }

    fn execute(&mut self, command: Value) {
        writeln!(self.to, "{command}").unwrap();
        loop {
            let answer = self.line();
            // Events come in between.
            if answer.get("event").is_none() {
                assert!(answer.get("return").is_some(), "{command}: {answer}");
                return;
            }
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|reason| panic!("{reason} in {line:?}"))
    }
}
