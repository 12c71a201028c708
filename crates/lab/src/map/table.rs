//! A node's routing table as a kernel would hold it: networks, and by which interface they are
//! reached, so that the most specific one that holds a destination says what [`Map::route`] would.

use super::{Map, Next, Recipient, Way};
use crate::NodeId;
use crate::address::{self, Prefix};
use std::collections::BTreeSet;
use std::net::IpAddr;
use wire::Family;

impl Map {
    /// The networks that a node has a way to, and the interface that is the first choice for each;
    /// none twice. What a route refuses is not among them.
    pub(crate) fn table(&self, node: NodeId) -> Vec<(Prefix, usize)> {
        let place = &self.places[node.0 as usize];
        let stated = place.routes.iter().filter_map(|route| {
            let way = route.by.as_ref().ok()?.iter().find(|way| self.is_up(place, way))?;
            Some((route.to, way.interface))
        });
        let computed = self.by_network.values().filter_map(|(network, link)| {
            match self.route_to_link(node, *link, network.first(), &mut |_| 0) {
                Next::Out { interface, .. } => Some((*network, interface)),
                _ => None,
            }
        });
        // Of equally specific ones, a stated one counts, and of those the first.
        let mut seen = BTreeSet::new();
        stated.chain(computed).filter(|(to, _)| seen.insert(*to)).collect()
    }
    /// Whether a node itself has an address that is of one link only.
    pub(crate) fn is_own_on_link(&self, node: NodeId, address: IpAddr) -> bool {
        self.interface_on_link(node, address).is_some()
    }

    /// What a node does with an address that is of one link only: its neighbour on one of its
    /// links, the first that has it. If none has, it is asked for on the first link.
    pub(super) fn route_on_link(&self, node: NodeId, destination: IpAddr) -> Next {
        if self.is_own_on_link(node, destination) {
            return Next::Local;
        }
        let interfaces = self.interfaces(node).iter().enumerate();
        let mut up = interfaces.filter(|(_, it)| !self.is_down(it.link));
        let first = up.clone().next();
        let near = up.find(|(_, it)| self.holder_on(it.link, destination).is_some());
        let interface = near.or(first).map(|(interface, _)| interface);
        interface.map_or(Next::NoRoute, |it| self.route_by_link(node, it, destination))
    }

    /// Likewise on the link of that interface, as links may give the same address to several.
    pub(crate) fn route_by_link(&self, node: NodeId, interface: usize, to: IpAddr) -> Next {
        let link = self.interface(node, interface).link;
        match self.holder_on(link, to) {
            Some(neighbour) if neighbour != node => {
                self.step(&self.places[node.0 as usize], Way { interface, neighbour }, to)
            }
            _ => Next::Out { interface, to: Recipient::Address(to) },
        }
    }

    /// The interface of a node that has an address which is of one link only.
    pub(crate) fn interface_on_link(&self, node: NodeId, own: IpAddr) -> Option<usize> {
        let family = Family::of(own);
        let has = |it: &super::Interface| address::on_link(it.address(family)) == own;
        self.interfaces(node).iter().position(has).filter(|_| address::is_of_link(own))
    }
}
