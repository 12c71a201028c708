//! Sockets for machines: JSON, one object a line, or CSV, a row an object (`docs/sockets.md`).

use super::{Listed, Paper, fields};
use crate::args::Format;
use crate::command::sockets::advice::Finding;
use crate::command::sockets::totals::Totals;
use crate::print::fields::Sink;
use crate::print::{csv, json};
use net::tcp_settings::Counters;

/// Prints for machines.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    is_csv: bool,
    has_owners: bool,
}

impl Machine {
    /// A printer of that format, with or without processes; `None` if it is for people.
    pub fn new(format: Format, has_owners: bool) -> Option<Machine> {
        (format != Format::Human).then_some(Machine { is_csv: format == Format::Csv, has_owners })
    }

    /// What stands before everything.
    pub fn start(&self, out: &mut Vec<u8>) {
        if self.is_csv {
            csv::header(fields::COLUMNS, out);
        }
    }

    fn object(&self, out: &mut Vec<u8>, fill: impl FnOnce(Sink<'_>)) {
        match self.is_csv {
            true => csv::row(fields::COLUMNS, out, fill),
            false => json::object(out, fill),
        }
    }

    /// A socket.
    pub fn socket(&self, listed: &Listed<'_>, out: &mut Vec<u8>) {
        self.object(out, |sink| fields::socket(listed, self.has_owners, sink));
    }

    /// How many there are.
    pub fn totals(&self, totals: &Totals, counters: &Counters, out: &mut Vec<u8>) {
        self.object(out, |sink| fields::totals(totals, counters, sink));
    }

    /// Something that may be wrong.
    pub fn advice(&self, paper: &Paper<'_>, finding: &Finding, out: &mut Vec<u8>) {
        self.object(out, |sink| fields::advice(paper, finding, sink));
    }

    /// How much was looked at, and how much may be wrong.
    pub fn summary(&self, paper: &Paper<'_>, findings: usize, out: &mut Vec<u8>) {
        self.object(out, |sink| fields::summary(paper, findings, sink));
    }
}
