//! The width of roads as JSON, one object a line (`docs/mtu.md`).

use super::{Measured, Printer, fields};
use crate::print::json::object;
use crate::print::{Unresolved, fields as common};

/// Prints JSON.
#[derive(Debug)]
pub struct Json {
    /// Verdicts alone.
    pub is_quiet: bool,
}

impl Printer for Json {
    fn road(&mut self, road: &Measured<'_>, out: &mut Vec<u8>) {
        if !self.is_quiet {
            for limit in &road.conclusion.limits {
                object(out, |sink| fields::limit(road, limit, sink));
            }
            for remark in road.remarks() {
                object(out, |sink| fields::remark(road, remark, sink));
            }
        }
        object(out, |sink| fields::verdict(road, sink));
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        object(out, |sink| common::unresolved(unresolved, sink));
    }
}
