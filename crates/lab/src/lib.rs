//! An internet in one process: hosts, routers and links in virtual time, the same under a seed.
//!
//! [`World::load`] reads a scenario, [`World::drive`] runs an engine at one of its nodes. It stands
//! beside `net`: the same engines, the same observers, no privilege.

use std::fmt;

mod address;
mod agenda;
mod agent;
mod assembly;
mod attach;
mod balance;
mod bounded;
mod capture;
mod check;
mod complaint;
pub mod conntrack;
mod drive;
mod ethernet;
mod extension;
pub mod gateway;
mod host;
mod large;
mod limit;
mod link;
mod mangle;
mod map;
mod nat;
mod neighbour;
mod node;
mod noise;
mod options;
mod packet;
mod path_mtu;
mod random;
mod redirect;
mod router;
mod rules;
mod scenario;
mod segments;
mod service;
mod sketch;
mod socket;
mod tftp;
mod transport;
mod world;

pub use attach::Place;
pub use capture::{CapturePlan, Sink};
pub use check::{Checked, check};
pub use link::LinkCounts;
pub use map::{Device, Number};
pub use neighbour::{Neighbour, Reachability};
pub use scenario::{Expectation, Said};
pub use sketch::{Sketch, SketchLink, SketchNode, Trait};
pub use socket::disposition::Errno;
pub use socket::{Deaf, Socket, SocketEvent};
pub use world::World;

/// The wall clock at the start of a world that says nothing else: 2026-01-01 00:00:00 UTC.
const EPOCH_NS: i128 = 1_767_225_600_000_000_000;

/// Names one node of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// What is wrong with a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioFault {
    /// What the text is called: its path.
    pub origin: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl fmt::Display for ScenarioFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.origin, self.line, self.column, self.message)
    }
}

impl std::error::Error for ScenarioFault {}

/// The families by the names that scenarios use.
pub const FAMILIES: [(&str, wire::Family); 2] = rules::NAMES;

/// The text of a scenario, from a file's bytes.
///
/// # Errors
/// Where it is not UTF-8.
pub fn text<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str, ScenarioFault> {
    scenario::text::utf8(bytes, origin)
}

/// What a scenario expects of commands that run over it.
///
/// # Errors
/// If the text is not a scenario.
pub fn expectations(text: &str, origin: &str) -> Result<Vec<Expectation>, ScenarioFault> {
    let source = scenario::text::Source::new(text, origin);
    scenario::Scenario::read(source).map(|scenario| scenario.expectations)
}
