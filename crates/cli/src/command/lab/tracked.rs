//! What is written of the connections that a lab's routers track.

use super::wrong;
use crate::args::Common;
use crate::failure::Failure;
use crate::print::conntrack::{Ledger, in_order};
use lab::{NodeId, World};
use probe::Time;
use std::io::{self, Write};

/// The options, for every action that runs something through a lab.
#[derive(Clone, Debug, clap::Args)]
pub struct Tracking {
    /// Show the connections that a router tracks at the end, and on SIGQUIT; `all`: every router's
    #[arg(long, value_name = "NODE", help_heading = "Connections")]
    pub conntrack: Option<String>,
    /// Show connections as they come, change and go
    #[arg(short = 'E', long, help_heading = "Connections")]
    pub events: bool,
    /// Show what becomes of each packet at a router that tracks, hook by hook
    #[arg(long, help_heading = "Connections")]
    pub why: bool,
    /// Show what was counted at the end
    #[arg(short = 'S', long, help_heading = "Connections")]
    pub stats: bool,
}

/// Connections that are looked at in one go: packets wait meanwhile.
const SWEPT_AT_ONCE: usize = 4_096;

/// Where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Standard output.
    Output,
    /// Standard error: the output is somebody else's.
    Error,
}

/// Routers that are watched.
#[derive(Debug)]
pub struct Tracked {
    ledger: Ledger,
    nodes: Vec<NodeId>,
    has_table: bool,
    has_statistics: bool,
    to: To,
    text: Vec<u8>,
}

impl Tracking {
    /// Begins to watch the routers that are asked for: nobody if nothing is.
    ///
    /// # Errors
    /// If the node tracks nothing, or is none.
    pub fn begin(&self, world: &mut World, to: To, common: &Common) -> Result<Tracked, Failure> {
        let asked = self.conntrack.is_some() || self.events || self.why || self.stats;
        let count = u32::try_from(world.nodes()).unwrap_or(u32::MAX);
        let all = || (0..count).map(NodeId);
        let named = self.conntrack.as_deref().filter(|name| *name != "all");
        let nodes: Vec<NodeId> = match named.map(|name| (name, world.node(name))) {
            _ if !asked => Vec::new(),
            None => all().filter(|node| world.tracker(*node).is_some()).collect(),
            Some((_, Some(node))) => vec![node],
            Some((name, None)) => {
                let message = format!("the scenario has no node `{name}`");
                return Err(wrong(&message, "name one of its routers, or `all`"));
            }
        };
        if asked && nodes.iter().all(|node| world.tracker(*node).is_none()) {
            let hint = "routers with `nat` or `dnat` do: see docs/lab.md";
            return Err(wrong("nobody there tracks connections", hint));
        }
        if asked && common.csv {
            return Err(wrong("connections are no table of one shape", "--json has every field"));
        }
        let ledger = Ledger {
            format: common.format(),
            has_events: self.events,
            has_roads: self.why,
            epoch_ns: world.epoch_ns(),
        };
        for node in &nodes {
            if let Some(tracker) = world.tracker_mut(*node) {
                ledger.begin(tracker);
            }
        }
        let (has_table, has_statistics) = (self.conntrack.is_some(), self.stats);
        Ok(Tracked { ledger, nodes, has_table, has_statistics, to, text: Vec::new() })
    }
}

impl Tracked {
    /// Writes what happened since, connections included that have expired by now.
    pub fn news(&mut self, world: &mut World, now: Time) {
        let mut lines = Vec::new();
        for node in self.nodes.iter().copied() {
            let name = self.name(world, node);
            if let Some(tracker) = world.tracker_mut(node) {
                tracker.sweep(now, SWEPT_AT_ONCE);
                lines.extend(self.ledger.news(name.as_deref(), tracker));
            }
        }
        in_order(lines, &mut self.text);
        self.write();
    }

    /// Writes how things stand, whether that was asked for at the end or not.
    pub fn show(&mut self, world: &mut World, now: Time) {
        self.news(world, now);
        self.state(world, now, true, true);
    }

    /// Writes what is due at the end.
    pub fn end(&mut self, world: &mut World, now: Time) {
        self.news(world, now);
        self.state(world, now, self.has_table, self.has_statistics);
    }

    fn state(&mut self, world: &World, now: Time, has_table: bool, has_statistics: bool) {
        for at in 0..self.nodes.len() {
            let node = self.nodes[at];
            let name = self.name(world, node);
            let Some(tracker) = world.tracker(node) else { continue };
            if has_table {
                self.ledger.table(name.as_deref(), tracker, now, &mut self.text);
            }
            if has_statistics {
                self.ledger.statistics(name.as_deref(), tracker, now, &[], &mut self.text);
            }
        }
        self.write();
    }

    /// What a node is called where there are several.
    fn name(&self, world: &World, node: NodeId) -> Option<String> {
        (self.nodes.len() > 1).then(|| world.name(node).to_owned())
    }

    /// The network goes on when nobody reads what is written.
    fn write(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let _ = match self.to {
            To::Output => io::stdout().write_all(&self.text).and_then(|()| io::stdout().flush()),
            To::Error => io::stderr().write_all(&self.text),
        };
        self.text.clear();
    }
}
