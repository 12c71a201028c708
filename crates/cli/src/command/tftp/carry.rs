//! The engine between a file and the network: gives it what goes, keeps what comes.

use super::place::Place;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use probe::tftp::{Event, Report, Tftp};
use probe::{Arrival, Engine, Output, SendFault, Stamp, Ticket, Time};
use std::fs::File;
use std::io::{self, Read, Write};
use wire::tftp::code;

/// The file on this side.
#[derive(Debug)]
pub enum Here {
    /// A file that comes.
    Place(Place),
    /// What comes goes to standard output.
    Stdout,
    /// A file that goes, and its name, safe for a terminal.
    File(File, String),
    /// Standard input goes.
    Stdin,
}

/// An engine that asks for nothing but the network.
#[derive(Debug)]
pub struct Carry {
    /// The engine.
    pub engine: Tftp,
    here: Here,
    crc: Crc,
    /// What went wrong here.
    failure: Option<Failure>,
    buffer: Vec<u8>,
}

impl Carry {
    /// A transfer to or from that file.
    pub fn new(engine: Tftp, here: Here) -> Carry {
        Carry { engine, here, crc: Crc::default(), failure: None, buffer: Vec::new() }
    }

    /// The CRC-32 of what has come or gone, as of `gzip` and Ethernet.
    pub fn crc32(&self) -> u32 {
        self.crc.value()
    }

    /// The file on this side.
    pub fn here(&self) -> &Here {
        &self.here
    }

    /// What went wrong on this side, if anything did.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn keep(&mut self, now: Time, bytes: &[u8]) {
        self.crc.push(bytes);
        let kept = match &mut self.here {
            Here::Place(place) => place.write(bytes),
            _ => io::stdout().write_all(bytes).map_err(|error| stdout_failure(&error)),
        };
        self.check(now, kept);
    }

    fn finish(&mut self, now: Time) {
        let done = match &mut self.here {
            Here::Place(place) => place.commit(),
            _ => io::stdout().flush().map_err(|error| stdout_failure(&error)),
        };
        self.check(now, done);
    }

    fn feed(&mut self, now: Time, wanted: usize) {
        self.buffer.resize(wanted, 0);
        let got = match &mut self.here {
            Here::File(file, name) => {
                file.read(&mut self.buffer).map_err(|error| read_failure(name, &error))
            }
            _ => match io::stdin().lock().read(&mut self.buffer) {
                // The user signals.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    return self.engine.stop(now);
                }
                got => got.map_err(|error| read_failure("standard input", &error)),
            },
        };
        match got {
            Ok(bytes) => {
                self.crc.push(&self.buffer[..bytes]);
                self.engine.feed(&self.buffer[..bytes], bytes == 0);
            }
            Err(failure) => self.check(now, Err(failure)),
        }
    }

    fn check(&mut self, now: Time, done: Result<(), Failure>) {
        if let Err(failure) = done {
            self.engine.give_up(now, code::DISK_FULL, "the client cannot go on");
            self.failure = self.failure.take().or(Some(failure));
        }
    }
}

impl Engine for Carry {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        loop {
            match self.engine.poll(now, datagram) {
                Output::Report(Report { event: Event::Bytes(bytes), .. }) => self.keep(now, &bytes),
                Output::Report(Report { event: Event::Whole, .. }) => self.finish(now),
                Output::Report(Report { event: Event::Wants(bytes), .. }) => self.feed(now, bytes),
                other => return other,
            }
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        self.engine.receive(now, arrival);
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        self.engine.sent(ticket, stamp);
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        self.engine.send_failed(now, ticket, fault);
    }

    fn receive_dropped(&mut self, count: u32) {
        self.engine.receive_dropped(count);
    }

    fn stop(&mut self, now: Time) {
        self.engine.stop(now);
    }
}

fn stdout_failure(error: &io::Error) -> Failure {
    let message = format!("cannot write to standard output: {error}");
    Failure { message, hint: None, exit: Exit::Failed }
}

/// A failure to read a file of that name.
pub fn read_failure(name: &str, error: &io::Error) -> Failure {
    let message = format!("cannot read {}: {error}", escape(name));
    Failure { message, hint: None, exit: Exit::Failed }
}

/// CRC-32 of IEEE 802.3, bit by bit from the lowest (RFC 1952 §8).
#[derive(Clone, Copy, Debug)]
pub struct Crc(u32);

/// The remainder of each byte.
const REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
};

impl Default for Crc {
    fn default() -> Crc {
        Crc(u32::MAX)
    }
}

impl Crc {
    /// The sum of these bytes.
    pub fn of(bytes: &[u8]) -> u32 {
        let mut crc = Crc::default();
        crc.push(bytes);
        crc.value()
    }

    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 >> 8 ^ REMAINDERS[usize::from(self.0 as u8 ^ byte)];
        }
    }

    fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_others() {
        assert_eq!(Crc::of(b""), 0);
        assert_eq!(Crc::of(b"123456789"), 0xcbf4_3926);
    }
}
