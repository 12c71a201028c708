//! An internet in one process: hosts, routers and links in virtual time, deterministic under a seed.
//!
//! [`World::load`] reads a scenario, [`World::drive`] runs an engine at one of its nodes. It stands
//! beside `net`: the same engines, the same observers, no privilege.

use probe::{Engine, Envelope, Observer, Signal};
use std::fmt;
use std::net::IpAddr;
use wire::Family;

/// A network built from a scenario, at some point of its virtual time.
pub struct World {}

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

impl World {
    /// Builds the network that a scenario (TOML) describes. `seed` overrides the scenario's own.
    ///
    /// # Errors
    /// If the text is not TOML, or describes a network that cannot be.
    pub fn load(_text: &str, _origin: &str, _seed: Option<u64>) -> Result<World, ScenarioFault> {
        todo!()
    }

    /// The node of that name.
    pub fn node(&self, _name: &str) -> Option<NodeId> {
        todo!()
    }

    /// The node to run at if the user names none: the scenario's `from`, else its first host.
    pub fn default_node(&self) -> NodeId {
        todo!()
    }

    /// The addresses of a node, those of its first link first.
    pub fn addresses(&self, _node: NodeId, _family: Family) -> Vec<IpAddr> {
        todo!()
    }

    /// The name of the node that holds an address: the lab's reverse DNS.
    pub fn name_of(&self, _address: IpAddr) -> Option<&str> {
        todo!()
    }

    /// The address that a node sends from towards another; `None` without a route.
    pub fn source_towards(&self, _from: NodeId, _to: IpAddr) -> Option<IpAddr> {
        todo!()
    }

    /// The wall clock at [`probe::Time::ZERO`], nanoseconds since 1970-01-01 UTC: a fixed date, so
    /// that runs are reproducible.
    pub fn epoch_ns(&self) -> i128 {
        1_767_225_600_000_000_000
    }

    /// Runs an engine at a node to its end, in virtual time. An endless run is interrupted after the
    /// scenario's `duration` (10 s unless it says otherwise). `signals` is asked now and then
    /// whether the user has signalled.
    pub fn drive<E: Engine, O: Observer<E>>(
        &mut self,
        _at: NodeId,
        _envelope: &Envelope,
        _engine: &mut E,
        _observer: &mut O,
        _signals: &mut dyn FnMut() -> Option<Signal>,
    ) {
        todo!()
    }
}
