//! How clocks are shown, one file a format. All read what the engine found.

pub mod csv;
pub mod fields;
pub mod human;
pub mod json;

use super::{Unresolved, Whom};
use crate::failure::Failure;
use probe::clock::way::Way;
use probe::clock::{Estimate, Event, Verdict};
use std::net::IpAddr;

/// What a printer of clocks must be able to show. Appends to `out`.
pub trait Printer {
    /// The run begins, or what it found follows.
    fn start(&mut self, _out: &mut Vec<u8>) {}

    /// Between two targets.
    fn separate(&mut self, _out: &mut Vec<u8>) {}

    /// Something became of a question, in a run that watches.
    fn event(
        &mut self,
        whom: Whom<'_>,
        way: &'static dyn Way,
        tries: &Tries,
        event: &Event,
        out: &mut Vec<u8>,
    );

    /// What was found out about one target.
    fn target(&mut self, told: &Told<'_>, out: &mut Vec<u8>);

    /// A name has no address.
    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>);

    /// The run is over.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// What was found out about one target.
pub struct Told<'a> {
    /// Whom it is about.
    pub whom: Whom<'a>,
    /// Our address.
    pub source: IpAddr,
    /// What came of each way, in order.
    pub ways: &'a [(&'static dyn Way, Outcome)],
}

/// What came of one way.
pub enum Outcome {
    /// It was asked.
    Asked(Box<Tries>),
    /// It does not exist in the target's family.
    Unspoken,
    /// Its sockets cannot be had.
    Failed(Failure),
}

/// Questions by one way, and what became of them.
#[derive(Default)]
pub struct Tries {
    /// What carried them: `icmp`, `udp`, `tcp`.
    pub transport: &'static str,
    /// The wall clock at the start of their run.
    pub epoch_ns: i128,
    /// Everything but the verdict, in order.
    pub events: Vec<Event>,
    /// What all answers say together; `None` if there was no time for it.
    pub verdict: Option<Verdict>,
    /// Why there is nothing by TCP, where that was tried.
    pub error: Option<String>,
    /// The user has seen enough.
    pub is_interrupted: bool,
}

impl Outcome {
    /// The offset, if there is one.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Outcome::Asked(tries) => tries.verdict.as_ref()?.estimate.as_ref(),
            Outcome::Unspoken | Outcome::Failed(_) => None,
        }
    }
}

impl Tries {
    /// Takes what came by TCP instead, if there is anything, or UDP was not asked; else what became
    /// of it stands beside what became of UDP.
    pub fn replace_by(&mut self, other: Tries) {
        let is_better = other.verdict.as_ref().is_some_and(|it| it.answered > 0);
        if is_better || self.verdict.is_none() {
            *self = other;
        } else {
            self.error = other.error;
        }
    }
}
