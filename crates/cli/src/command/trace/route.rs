//! Which roads are asked: one to each address, however often it was named.

use crate::command::asked::{Asked, Label, Row};
use crate::print::Whom;
use crate::print::trace::{Book, Road};
use crate::resolve::zoned;
use probe::targets::Target;
use probe::trace::{Destination, Plan};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The roads of a run.
pub struct Routes {
    asked: Asked,
    destinations: Vec<Destination>,
    /// The target of each road: an index into those that are asked.
    targets: Vec<u32>,
    holds_flows: bool,
    doubles: u64,
}

impl Routes {
    /// Takes the targets; link-local ones without a zone get this one. `source` says where packets
    /// to one leave from.
    pub fn new(
        asked: Asked,
        zone: u32,
        source: impl Fn(Target) -> Option<IpAddr>,
        holds_flows: bool,
    ) -> Routes {
        let mut seen: BTreeMap<(IpAddr, u32), u32> = BTreeMap::new();
        let (mut destinations, mut targets) = (Vec::new(), Vec::new());
        for (target, index) in asked.targets().iter().zip(0..) {
            let target = zoned(target, zone);
            if seen.insert((target.address, target.zone), index).is_none() {
                destinations.push(destination(target, source(target)));
                targets.push(index);
            }
        }
        let doubles = u64::from(asked.targets().len()) - targets.len() as u64;
        Routes { asked, destinations, targets, holds_flows, doubles }
    }

    /// Where roads lead, by index.
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }

    /// Targets that came again.
    pub fn repeated(&self) -> u64 {
        self.asked.repeated() + self.doubles
    }

    /// What is to be shown, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.asked.rows().filter(|row| match row {
            Row::Target(target) => self.targets.binary_search(target).is_ok(),
            Row::Unresolved(_) => true,
        })
    }

    /// The road to a target that is shown.
    pub fn road_of(&self, target: u32) -> u32 {
        self.targets.binary_search(&target).expect("rows show what has a road") as u32
    }

    /// Whether a road stands before that row.
    pub fn is_behind(&self, road: u32, row: Option<&Row<'_>>) -> bool {
        match row {
            Some(Row::Target(target)) => self.targets[road as usize] < *target,
            Some(Row::Unresolved(_)) => false,
            None => true,
        }
    }

    /// Whom a road leads to.
    pub fn whom(&self, road: u32) -> Whom<'_> {
        let name = match self.asked.label(self.targets[road as usize]) {
            Label::Name(name) => Some(name),
            Label::Address(_) => None,
        };
        Whom { name, target: Some(self.destinations[road as usize].target) }
    }

    /// What a road is about.
    pub fn road<'a>(
        &'a self,
        road: u32,
        plan: &'a Plan,
        epoch_ns: i128,
        book: &'a dyn Book,
    ) -> Road<'a> {
        let Destination { source, .. } = self.destinations[road as usize];
        let source = Some(source).filter(|source| !source.is_unspecified());
        let whom = self.whom(road);
        Road { whom, source, plan, holds_flows: self.holds_flows, epoch_ns, book }
    }
}

/// A target, and where packets to it leave from: without a route from nowhere, and the system will
/// say so.
fn destination(target: Target, source: Option<IpAddr>) -> Destination {
    let nowhere = match target.address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Destination { target, source: source.unwrap_or(nowhere) }
}
