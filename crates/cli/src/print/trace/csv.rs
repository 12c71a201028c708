//! Traced roads as comma-separated values: a row a probe, and one for how each road ends.

use super::facts::Facts;
use super::fields::{self, COLUMNS};
use super::{Page, Printer, Road};
use crate::print::csv::{header, row};
use crate::print::{Unresolved, fields as common};
use probe::trace::{Hop, Probe, Verdict};

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    /// Without single probes and hops.
    pub is_quiet: bool,
}

impl Printer for Csv {
    fn start(&mut self, out: &mut Vec<u8>) {
        header(COLUMNS, out);
    }

    fn mixes_roads(&self) -> bool {
        true
    }

    fn probe(&mut self, road: &Road<'_>, probe: &Probe, page: &mut Page) {
        if !self.is_quiet {
            row(COLUMNS, &mut page.text, |sink| fields::probe(road, probe, sink));
        }
    }

    fn hop(&mut self, _road: &Road<'_>, _hop: &Hop, _facts: &Facts, _page: &mut Page) {}

    fn verdict(&mut self, road: &Road<'_>, verdict: &Verdict, page: &mut Page) {
        let Page { text, limits, .. } = page;
        row(COLUMNS, text, |sink| fields::verdict(road, verdict, limits, sink));
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        row(COLUMNS, out, |sink| common::unresolved(unresolved, sink));
    }
}
