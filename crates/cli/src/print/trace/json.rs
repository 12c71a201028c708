//! Traced roads as JSON, one object a line (`docs/json.md`).

use super::facts::Facts;
use super::{Page, Printer, Road, Totals, fields, graph};
use crate::print::json::object;
use crate::print::{Unresolved, fields as common};
use probe::trace::{Graph, Hop, Probe, Verdict};

/// Prints JSON.
#[derive(Debug)]
pub struct Json {
    /// Without single probes and hops.
    pub is_quiet: bool,
}

impl Printer for Json {
    fn mixes_roads(&self) -> bool {
        true
    }

    fn probe(&mut self, road: &Road<'_>, probe: &Probe, page: &mut Page) {
        if !self.is_quiet {
            object(&mut page.text, |sink| fields::probe(road, probe, sink));
        }
    }

    fn hop(&mut self, road: &Road<'_>, hop: &Hop, facts: &Facts, page: &mut Page) {
        if !self.is_quiet {
            object(&mut page.text, |sink| fields::hop(road, hop, facts, sink));
        }
    }

    fn graph(&mut self, road: &Road<'_>, graph: &Graph, page: &mut Page) {
        for number in 1..=graph.paths.len() {
            object(&mut page.text, |sink| graph::path(road, graph, number, sink));
        }
    }

    fn verdict(&mut self, road: &Road<'_>, verdict: &Verdict, page: &mut Page) {
        let Page { text, limits, .. } = page;
        object(text, |sink| fields::verdict(road, verdict, limits, sink));
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        object(out, |sink| common::unresolved(unresolved, sink));
    }

    fn finish(&mut self, totals: &Totals, out: &mut Vec<u8>) {
        object(out, |sink| fields::summary(totals, sink));
    }
}
