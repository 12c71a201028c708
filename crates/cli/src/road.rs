//! Where a run goes: over the real network or through a lab. Everything behind is the same.

use crate::failure::Failure;
use lab::{NodeId, World};
use net::{Network, Want};
use probe::targets::Target;
use probe::{Engine, Envelope, Observer, Time};
use std::net::IpAddr;
use std::path::PathBuf;

/// A lab chosen on the command line: `--lab FILE --from NODE --seed N`.
#[derive(Clone, Debug)]
pub struct LabChoice {
    /// The scenario.
    pub file: PathBuf,
    /// The node to run at.
    pub from: Option<String>,
    /// Overrides the scenario's seed.
    pub seed: Option<u64>,
}

/// Where a run goes.
pub enum Road {
    /// The real network.
    Network(Box<Network>),
    /// A lab: the world, the node, what datagrams are wrapped in, and the identifiers.
    Lab(Box<World>, NodeId, Envelope, Vec<u16>),
}

impl Road {
    /// Opens the network, or loads the lab and finds the node.
    ///
    /// # Errors
    /// If sockets cannot be opened, or the scenario or the node is wrong.
    pub fn open(_want: &Want, _lab: Option<&LabChoice>) -> Result<Road, Failure> {
        todo!()
    }

    /// The identifiers that a plan may use, one a lane.
    pub fn identifiers(&self) -> Vec<u16> {
        todo!()
    }

    /// A fresh secret for the run's tokens: random on the network, from the seed in a lab.
    pub fn key(&self) -> probe::token::Key {
        todo!()
    }

    /// Now.
    pub fn now(&self) -> Time {
        todo!()
    }

    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub fn epoch_ns(&self) -> i128 {
        todo!()
    }

    /// The source address towards a target.
    pub fn source_towards(&self, _to: Target) -> Option<IpAddr> {
        todo!()
    }

    /// Runs an engine to its end.
    ///
    /// # Errors
    /// If the operating system fails.
    pub fn drive<E: Engine, O: Observer<E>>(
        &mut self,
        _engine: &mut E,
        _observer: &mut O,
    ) -> Result<(), Failure> {
        todo!()
    }
}
