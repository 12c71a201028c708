//! Address masks as JSON, one object a line (`docs/mask.md`).

use super::{Printer, Tally, fields};
use crate::print::json::object;
use crate::print::{Unresolved, Whom, fields as common};
use probe::gather::{Counts, Event};
use probe::mask::{Expectation, Found};

/// Prints JSON.
#[derive(Debug)]
pub struct Json {
    /// Summaries alone.
    pub is_quiet: bool,
}

impl Printer for Json {
    fn start(&mut self, _whoms: &[Whom<'_>], _expected: &[Expectation], _out: &mut Vec<u8>) {}

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        object(out, |sink| common::unresolved(unresolved, sink));
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
            object(out, |sink| fields::event(whom, event, expected, tally, sink));
        }
    }

    fn finish(&mut self, counts: &Counts, out: &mut Vec<u8>) {
        for (what, count) in fields::remarks(counts) {
            object(out, |sink| fields::remark(what, count, sink));
        }
    }
}
