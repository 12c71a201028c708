//! Clocks as JSON, one object a line (`docs/clock.md`).

use super::{Outcome, Printer, Told, Tries, fields};
use crate::print::json::object;
use crate::print::{Unresolved, Whom, fields as common};
use probe::clock::Event;
use probe::clock::way::Way;

/// Prints JSON.
#[derive(Debug)]
pub struct Json {
    /// Offsets alone.
    pub is_quiet: bool,
}

impl Printer for Json {
    fn event(
        &mut self,
        whom: Whom<'_>,
        way: &'static dyn Way,
        tries: &Tries,
        event: &Event,
        out: &mut Vec<u8>,
    ) {
        if !self.is_quiet {
            object(out, |sink| fields::event(whom, way, tries, event, sink));
        }
    }

    fn target(&mut self, told: &Told<'_>, out: &mut Vec<u8>) {
        for (way, outcome) in told.ways {
            if let (Outcome::Asked(tries), false) = (outcome, self.is_quiet) {
                for event in &tries.events {
                    object(out, |sink| fields::event(told.whom, *way, tries, event, sink));
                }
            }
            object(out, |sink| fields::offset(told, *way, outcome, sink));
        }
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        object(out, |sink| common::unresolved(unresolved, sink));
    }
}
