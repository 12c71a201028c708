//! How address masks are shown, one file a format.

pub mod csv;
pub mod fields;
pub mod human;
pub mod json;

use super::{Unresolved, Whom};
use probe::gather::{Answer, Counts, Event};
use probe::mask::{Expectation, Found, Remark};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What a printer of masks must be able to show. Appends to `out`.
pub trait Printer {
    /// The run begins.
    fn start(&mut self, whoms: &[Whom<'_>], expected: &[Expectation], out: &mut Vec<u8>);

    /// A name has no address.
    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>);

    /// Something was found out about a target.
    fn event(
        &mut self,
        whom: Whom<'_>,
        event: &Event<Found>,
        expected: &Expectation,
        tally: &Tally,
        out: &mut Vec<u8>,
    );

    /// The run is over.
    fn finish(&mut self, counts: &Counts, out: &mut Vec<u8>);
}

/// What was said about one target so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Answers that count: each host's once a question, from where it was asked.
    pub answers: u64,
    /// How many of them say which mask.
    pub masks: BTreeMap<Ipv4Addr, u64>,
}

impl Tally {
    /// Adds an answer, if it counts.
    pub fn add(&mut self, answer: &Answer<Found>) {
        if answer.number == 1 && !answer.is_elsewhere {
            self.answers += 1;
            *self.masks.entry(answer.finding.mask).or_insert(0) += 1;
        }
    }
}

/// What JSON and CSV call a remark.
pub fn word(remark: Remark) -> &'static str {
    match remark {
        Remark::OwnHost => "own_host",
        Remark::Duplicate => "duplicate",
        Remark::Elsewhere => "wrong_source",
        Remark::Broadcast => "broadcast",
        Remark::Differs(_) => "differs",
        Remark::Classful => "classful",
        Remark::NotContiguous => "not_contiguous",
        Remark::Zeros => "zeros",
        Remark::Ones => "ones",
    }
}
