//! How transfers are shown: for people, as JSON and as CSV. What the latter two call things stands
//! in `fields`.

pub mod fields;
pub mod human;

use super::csv::{header, row};
use super::fields as common;
use super::json::object;
use super::{Unresolved, Whom};
use crate::lang::Language;
use probe::tftp::{End, Event, Mode, Tftp};
use std::net::IpAddr;
use std::time::Duration;

/// What a transfer is.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// The server.
    pub whom: Whom<'a>,
    /// `get` or `put`.
    pub verb: &'static str,
    /// The port at which the server is asked.
    pub port: u16,
    /// The port that is sent from.
    pub local_port: u16,
    /// The address that is sent from, where known.
    pub source: Option<IpAddr>,
    /// The file's name at the server, as it goes out.
    pub file: &'a [u8],
    /// How its bytes stand in packets.
    pub mode: Mode,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// How.
    pub end: &'a End,
    /// The engine, for its counts.
    pub engine: &'a Tftp,
    /// From the first packet to the end.
    pub took: Duration,
    /// The CRC-32 of the bytes on this side.
    pub crc32: u32,
    /// The file on this side, safe for a terminal; `None` for a stream.
    pub path: Option<&'a str>,
}

/// What the server of a lab holds after a put.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The file's size there.
    pub bytes: u64,
    /// The CRC-32 of its bytes there.
    pub crc32: u32,
}

/// What a printer must be able to show. Appends to `out`.
pub trait Printer {
    /// Before anything else.
    fn start(&mut self, _out: &mut Vec<u8>) {}

    /// The server has an address, and is asked.
    fn begin(&mut self, _transfer: &Transfer<'_>, _out: &mut Vec<u8>) {}

    /// Something came about; neither bytes nor an end.
    fn event(&mut self, transfer: &Transfer<'_>, event: &Event, out: &mut Vec<u8>);

    /// It is over.
    fn summary(&mut self, transfer: &Transfer<'_>, summary: &Summary<'_>, out: &mut Vec<u8>);

    /// What a lab's server holds.
    fn held(&mut self, transfer: &Transfer<'_>, held: &Held, out: &mut Vec<u8>);

    /// The server's name has no address.
    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>);
}

/// Lines for people.
pub fn human(language: Language, is_coloured: bool, is_quiet: bool) -> Box<dyn Printer> {
    Box::new(human::Human { language, is_coloured, is_quiet })
}

/// JSON, one object a line.
pub fn json(is_quiet: bool) -> Box<dyn Printer> {
    Box::new(Machine { is_quiet, is_csv: false })
}

/// CSV, one table.
pub fn csv(is_quiet: bool) -> Box<dyn Printer> {
    Box::new(Machine { is_quiet, is_csv: true })
}

/// JSON or CSV.
struct Machine {
    is_quiet: bool,
    is_csv: bool,
}

impl Machine {
    fn put(&self, out: &mut Vec<u8>, fill: impl FnOnce(common::Sink<'_>)) {
        if self.is_csv { row(fields::COLUMNS, out, fill) } else { object(out, fill) }
    }
}

impl Printer for Machine {
    fn start(&mut self, out: &mut Vec<u8>) {
        if self.is_csv {
            header(fields::COLUMNS, out);
        }
    }

    fn event(&mut self, transfer: &Transfer<'_>, event: &Event, out: &mut Vec<u8>) {
        if self.is_quiet {
            return;
        }
        match event {
            Event::Agreed { port, agreed } => {
                self.put(out, |sink| fields::transfer(transfer, *port, agreed, sink));
            }
            Event::Stranger { from, port } => {
                self.put(out, |sink| fields::stranger(transfer, *from, *port, sink));
            }
            Event::Remark(error) => {
                self.put(out, |sink| fields::icmp_error(transfer, error, false, sink));
            }
            Event::Bytes(_) | Event::Whole | Event::Wants(_) | Event::End(_) => {}
        }
    }

    fn summary(&mut self, transfer: &Transfer<'_>, summary: &Summary<'_>, out: &mut Vec<u8>) {
        if let (End::Unreachable(error), false) = (summary.end, self.is_quiet) {
            self.put(out, |sink| fields::icmp_error(transfer, error, true, sink));
        }
        self.put(out, |sink| fields::summary(transfer, summary, sink));
    }

    fn held(&mut self, transfer: &Transfer<'_>, held: &Held, out: &mut Vec<u8>) {
        self.put(out, |sink| fields::held(transfer, held, sink));
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        self.put(out, |sink| common::unresolved(unresolved, sink));
    }
}
