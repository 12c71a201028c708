//! Clocks as comma-separated values: a row an object of JSON.

use super::fields::{self, COLUMNS};
use super::{Outcome, Printer, Told, Tries};
use crate::print::csv::{header, row};
use crate::print::{Unresolved, Whom, fields as common};
use probe::clock::Event;
use probe::clock::way::Way;

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    /// Offsets alone.
    pub is_quiet: bool,
}

impl Printer for Csv {
    fn start(&mut self, out: &mut Vec<u8>) {
        header(COLUMNS, out);
    }

    fn event(
        &mut self,
        whom: Whom<'_>,
        way: &'static dyn Way,
        tries: &Tries,
        event: &Event,
        out: &mut Vec<u8>,
    ) {
        if !self.is_quiet {
            row(COLUMNS, out, |sink| fields::event(whom, way, tries, event, sink));
        }
    }

    fn target(&mut self, told: &Told<'_>, out: &mut Vec<u8>) {
        for (way, outcome) in told.ways {
            if let (Outcome::Asked(tries), false) = (outcome, self.is_quiet) {
                for event in &tries.events {
                    row(COLUMNS, out, |sink| fields::event(told.whom, *way, tries, event, sink));
                }
            }
            row(COLUMNS, out, |sink| fields::offset(told, *way, outcome, sink));
        }
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        row(COLUMNS, out, |sink| common::unresolved(unresolved, sink));
    }
}
