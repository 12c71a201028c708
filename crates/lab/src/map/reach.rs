//! By which of its addresses a node is reached from another.

use super::{Map, Next, Recipient};
use crate::NodeId;
use std::net::IpAddr;
use wire::Family;

/// Hops that are followed at most: routes may make loops.
const HOPS_MAX: u32 = 64;

/// How a packet comes to an address.
struct Arrival {
    /// The interface by which it leaves.
    first: usize,
    /// The link by which it arrives.
    link: usize,
    hops: u32,
}

impl Map {
    /// The address of a node at which packets from another arrive, if one had to be written down:
    /// one that is reached without leaving by the interface `outer`, at the interface that has it,
    /// in few hops; of several the first.
    pub(crate) fn address_from(
        &self,
        node: NodeId,
        outer: usize,
        to: NodeId,
        family: Family,
    ) -> Option<IpAddr> {
        let all = self.interfaces(to).iter().map(|it| (it.link, it.address(family)));
        let worth = |(link, address): &(usize, IpAddr)| match self.arrival(node, *address) {
            Some(way) => (way.first == outer, way.link != *link, way.hops),
            None => (true, true, u32::MAX),
        };
        all.min_by_key(worth).map(|(_, address)| address)
    }

    fn arrival(&self, node: NodeId, to: IpAddr) -> Option<Arrival> {
        let (mut at, mut first) = (node, None);
        for hops in 1..=HOPS_MAX {
            let Next::Out { interface, to: recipient } = self.route(at, to) else { return None };
            let first = *first.get_or_insert(interface);
            let link = self.interface(at, interface).link;
            at = match recipient {
                Recipient::Node(next) => next,
                // Whoever is absent has its addresses all the same.
                Recipient::Address(address) if address == to => self.holder(to)?,
                _ => return None,
            };
            if self.holder(to) == Some(at) {
                return Some(Arrival { first, link, hops });
            }
        }
        None
    }
}
