//! Routers as comma-separated values: a row an object of JSON.

use super::{Heard, Printer, Tally, fields};
use crate::print::csv::{header, row};
use net::Interface;
use probe::gather::{Counts, Event};

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    /// Summaries alone.
    pub is_quiet: bool,
}

impl Printer for Csv {
    fn start(&mut self, out: &mut Vec<u8>) {
        header(fields::COLUMNS, out);
    }

    fn heard(&mut self, heard: &Heard<'_>, out: &mut Vec<u8>) {
        let has_object = matches!(heard.event, Event::Answer(_) | Event::Unsent(_));
        if has_object && !self.is_quiet {
            row(fields::COLUMNS, out, |sink| fields::heard(heard, sink));
        }
    }

    fn summary(
        &mut self,
        interface: &Interface,
        tally: &Tally,
        counts: &Counts,
        out: &mut Vec<u8>,
    ) {
        row(fields::COLUMNS, out, |sink| fields::summary(interface, tally, counts, sink));
    }
}
