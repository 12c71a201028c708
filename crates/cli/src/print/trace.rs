//! How traced roads are shown, one file a format. All read the engine's own reports, and what
//! `facts` finds out from hop to hop.

pub mod atlas;
pub mod csv;
pub mod facts;
pub mod fields;
pub mod graph;
pub mod human;
pub mod json;
pub mod text;
pub mod words;

pub use words::queries;

use super::fields::Value;
use super::{Unresolved, Whom};
use facts::Facts;
use probe::Time;
use probe::trace::limit::ReplyLimit;
use probe::trace::{Graph, Hop, Plan, Probe, Verdict};
use std::fmt;
use std::net::IpAddr;

/// What a printer of traces must be able to show. What it writes for one road stays in that order.
pub trait Printer {
    /// The run begins.
    fn start(&mut self, _out: &mut Vec<u8>) {}

    /// Whether roads may be shown as they come, in pieces; else each is shown whole.
    fn mixes_roads(&self) -> bool;

    /// Between two roads that are shown whole.
    fn separate(&mut self, _out: &mut Vec<u8>) {}

    /// A road begins.
    fn begin(&mut self, _road: &Road<'_>, _page: &mut Page) {}

    /// Something became of a probe.
    fn probe(&mut self, _road: &Road<'_>, _probe: &Probe, _page: &mut Page) {}

    /// A hop is known.
    fn hop(&mut self, road: &Road<'_>, hop: &Hop, facts: &Facts, page: &mut Page);

    /// All ways to the target are known.
    fn graph(&mut self, _road: &Road<'_>, _graph: &Graph, _page: &mut Page) {}

    /// A road ends.
    fn verdict(&mut self, road: &Road<'_>, verdict: &Verdict, page: &mut Page);

    /// A name has no address.
    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>);

    /// The run is over.
    fn finish(&mut self, _totals: &Totals, _out: &mut Vec<u8>) {}
}

/// What is written about one road, and what is still to be.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The text.
    pub text: Vec<u8>,
    /// The first of the silent hops that nobody knows yet to be the end.
    pub silent_from: Option<u8>,
    /// The last hop that answered, and who did.
    pub last: Option<(u8, IpAddr)>,
    /// The last hop that is written.
    pub hops: u8,
    /// Hops that are written once the road is known.
    pub hops_held: Vec<Value>,
    /// Hops that limit their replies, and how; known when the road ends.
    pub limits: Vec<(u8, ReplyLimit)>,
    /// When the first probe went.
    pub began_at: Option<Time>,
}

/// Which road something is about, and how it is asked.
#[derive(Clone, Copy)]
pub struct Road<'a> {
    /// Where it leads.
    pub whom: Whom<'a>,
    /// Our address.
    pub source: Option<IpAddr>,
    /// How it is asked.
    pub plan: &'a Plan,
    /// Whether all its probes can belong to one flow.
    pub holds_flows: bool,
    /// The wall clock at the run's start, nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
    /// Who is who.
    pub book: &'a dyn Book,
}

/// Who is who.
pub trait Book {
    /// The name of an address, if known; safe for a terminal.
    fn name(&self, address: IpAddr) -> Option<&str>;

    /// The autonomous system of an address, if asked for and known.
    fn system(&self, address: IpAddr) -> Option<System>;
}

/// An autonomous system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Its number.
    pub number: u32,
    /// Others that announce the same prefix.
    pub others: Vec<u32>,
    /// What the first is called; safe for a terminal.
    pub name: Option<String>,
}

impl fmt::Display for System {
    /// All numbers and the name: `AS64500 Example Net`, `AS64500/AS64501`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.number)?;
        self.others.iter().try_for_each(|number| write!(f, "/AS{number}"))?;
        self.name.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// All targets together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many targets, unresolved names included.
    pub targets: u64,
    /// Those that were reached.
    pub reached: u64,
    /// Names without an address.
    pub unresolved: u64,
    /// Targets that came again.
    pub repeated: u64,
    /// Probes sent.
    pub sent: u64,
    /// Probes that were answered.
    pub answered: u64,
}
