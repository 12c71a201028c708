//! Addresses that are of one link only: whose they are, and how they are reached.

use super::{Interface, Map, Next, Recipient, Way};
use crate::NodeId;
use crate::address;
use std::net::IpAddr;
use wire::Family;

impl Map {
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
        let has = |it: &Interface| address::on_link(it.address(family)) == own;
        self.interfaces(node).iter().position(has).filter(|_| address::is_of_link(own))
    }
}
