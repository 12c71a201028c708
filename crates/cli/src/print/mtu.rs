//! How the width of roads is shown, one file a format. All read what the engine found.

pub mod csv;
pub mod fields;
pub mod human;
pub mod json;

use super::{Unresolved, Whom};
use probe::mtu::{Conclusion, End, Finding, Limit, Remark, Way};
use std::net::IpAddr;
use std::time::Duration;

/// What a printer of widths must be able to show. Appends to `out`.
pub trait Printer {
    /// The run is over, and what it found follows.
    fn start(&mut self, _out: &mut Vec<u8>) {}

    /// Between two targets.
    fn separate(&mut self, _out: &mut Vec<u8>) {}

    /// What was found out about a road.
    fn road(&mut self, road: &Measured<'_>, out: &mut Vec<u8>);

    /// A name has no address.
    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>);
}

/// Who is who.
pub trait Book {
    /// The name of an address, if known; safe for a terminal.
    fn name(&self, address: IpAddr) -> Option<&str>;
}

/// What was found out about a road.
pub struct Measured<'a> {
    /// Where it leads.
    pub whom: Whom<'a>,
    /// Our address.
    pub source: IpAddr,
    /// What echo found.
    pub both: Option<&'a Finding>,
    /// What UDP found.
    pub forward: Option<&'a Finding>,
    /// What both say together.
    pub conclusion: &'a Conclusion,
    /// Who is who.
    pub book: &'a dyn Book,
}

impl<'a> Measured<'a> {
    fn findings(&self) -> impl Iterator<Item = &'a Finding> {
        self.both.into_iter().chain(self.forward)
    }

    /// What is not to be taken at its word, once for each who and why.
    fn remarks(&self) -> Vec<&'a Remark> {
        let mut remarks: Vec<&Remark> = Vec::new();
        for remark in self.findings().flat_map(|finding| &finding.remarks) {
            let same = |old: &&Remark| old.from == remark.from && old.why == remark.why;
            if !remarks.iter().any(same) {
                remarks.push(remark);
            }
        }
        remarks
    }

    /// How the road ends: as the method saw it that got farthest.
    fn end(&self) -> Option<End> {
        let rank = |end: &End| match end {
            End::Reached { .. } => 5,
            End::Refused { .. } => 4,
            End::Silent { heard } if *heard > 0 => 3,
            End::Silent { .. } => 2,
            End::Unsendable(_) => 1,
            End::Unknown => 0,
        };
        let ends = self.findings().map(|finding| finding.verdict.end);
        ends.reduce(|best, end| if rank(&end) > rank(&best) { end } else { best })
    }

    /// The largest datagram that got as far as anybody answered.
    fn passed_bytes(&self) -> Option<u32> {
        self.findings().filter_map(|finding| finding.verdict.mtu_bytes).max()
    }

    /// The target's distance, where it came up.
    fn distance(&self) -> Option<u8> {
        self.findings().find_map(|finding| finding.verdict.hop)
    }

    /// Probes sent and answered, and how long that took.
    fn effort(&self) -> (u64, u64, Duration) {
        let verdicts = self.findings().map(|finding| finding.verdict);
        verdicts.fold((0, 0, Duration::ZERO), |(sent, answered, took), it| {
            (sent + it.sent, answered + it.answered, took + it.took)
        })
    }

    /// In which direction a limit is known to be.
    fn way(&self, limit: &Limit) -> Direction {
        let Conclusion { forward_bytes, forward_is_exact, .. } = *self.conclusion;
        match limit.way {
            Way::There => Direction::There,
            Way::ThereOrBack if forward_is_exact && forward_bytes > Some(limit.mtu_bytes) => {
                Direction::Back
            }
            Way::ThereOrBack => Direction::Either,
        }
    }
}

/// In which direction a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    There,
    Back,
    Either,
}
