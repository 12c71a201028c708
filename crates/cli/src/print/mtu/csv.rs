//! The width of roads as comma-separated values: a row an object of JSON.

use super::fields::{self, COLUMNS};
use super::{Measured, Printer};
use crate::print::csv::{header, row};
use crate::print::{Unresolved, fields as common};

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    /// Verdicts alone.
    pub is_quiet: bool,
}

impl Printer for Csv {
    fn start(&mut self, out: &mut Vec<u8>) {
        header(COLUMNS, out);
    }

    fn road(&mut self, road: &Measured<'_>, out: &mut Vec<u8>) {
        if !self.is_quiet {
            for limit in &road.conclusion.limits {
                row(COLUMNS, out, |sink| fields::limit(road, limit, sink));
            }
            for remark in road.remarks() {
                row(COLUMNS, out, |sink| fields::remark(road, remark, sink));
            }
        }
        row(COLUMNS, out, |sink| fields::verdict(road, sink));
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        row(COLUMNS, out, |sink| common::unresolved(unresolved, sink));
    }
}
