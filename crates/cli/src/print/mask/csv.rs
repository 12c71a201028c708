//! Address masks as comma-separated values: a row an object of JSON.

use super::{Printer, Tally, fields};
use crate::print::csv::{header, row};
use crate::print::{Unresolved, Whom, fields as common};
use probe::gather::{Counts, Event};
use probe::mask::{Expectation, Found};

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    /// Summaries alone.
    pub is_quiet: bool,
}

impl Printer for Csv {
    fn start(&mut self, _whoms: &[Whom<'_>], _expected: &[Expectation], out: &mut Vec<u8>) {
        header(fields::COLUMNS, out);
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        row(fields::COLUMNS, out, |sink| common::unresolved(unresolved, sink));
    }

    fn event(
        &mut self,
        whom: Whom<'_>,
        event: &Event<Found>,
        expected: &Expectation,
        tally: &Tally,
        out: &mut Vec<u8>,
    ) {
        if !self.is_quiet || matches!(event, Event::Ended { .. }) {
            row(fields::COLUMNS, out, |sink| fields::event(whom, event, expected, tally, sink));
        }
    }

    fn finish(&mut self, counts: &Counts, out: &mut Vec<u8>) {
        for (what, count) in fields::remarks(counts) {
            row(fields::COLUMNS, out, |sink| fields::remark(what, count, sink));
        }
    }
}
