//! Routers as JSON, one object a line (`docs/routers.md`).

use super::{Heard, Printer, Tally, fields};
use crate::print::json::object;
use net::Interface;
use probe::gather::{Counts, Event};

/// Prints JSON.
#[derive(Debug)]
pub struct Json {
    /// Summaries alone.
    pub is_quiet: bool,
}

impl Printer for Json {
    fn heard(&mut self, heard: &Heard<'_>, out: &mut Vec<u8>) {
        let has_object = matches!(heard.event, Event::Answer(_) | Event::Unsent(_));
        if has_object && !self.is_quiet {
            object(out, |sink| fields::heard(heard, sink));
        }
    }

    fn summary(
        &mut self,
        interface: &Interface,
        tally: &Tally,
        counts: &Counts,
        out: &mut Vec<u8>,
    ) {
        object(out, |sink| fields::summary(interface, tally, counts, sink));
    }
}
