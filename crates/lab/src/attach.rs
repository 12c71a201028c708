//! Nodes whose place somebody outside takes: what reaches such a node is handed out, and what comes
//! from outside leaves it as if the node had sent it. The node keeps its addresses, links and
//! routes; all else is the outsider's.

use crate::NodeId;
use crate::address::{self, Prefix};
use crate::balance::Flow;
use crate::complaint::Subject;
use crate::map::Next;
use crate::node::{Frame, Node, Turn};
use crate::router;
use crate::scenario::Balance;
use crate::segments::Packet;
use crate::service::Service;
use crate::world::World;
use probe::Time;
use std::net::{IpAddr, Ipv6Addr};
use wire::Family;
use wire::ip::Datagram;
use wire::offload::Shape;

/// What an outsider needs to know to take a node's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node's addresses, those of its first link first, and the length of their networks'
    /// prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest packet that all of its links take, in bytes. IPv6 takes 1,280 in any case.
    pub mtu_bytes: u32,
    /// Networks that it has a way to, and the address that it sends from towards them: the most
    /// specific one counts. The last are everything, of each family that it has.
    pub sources: Vec<(Prefix, IpAddr)>,
}

impl Place {
    /// The address that the node sends from towards a network.
    pub fn source_towards(&self, network: Prefix) -> Option<IpAddr> {
        let holds = |to: &Prefix| to.length() <= network.length() && to.contains(network.first());
        self.sources.iter().find(|(to, _)| holds(to)).map(|(_, source)| *source)
    }
}

/// The network of all addresses that are of one link only (RFC 4291 §2.5.6).
fn link_local() -> Prefix {
    Prefix::of(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 64)
}

impl World {
    /// Puts an outsider in a node's place, and says what it needs to know.
    pub fn attach(&mut self, node: NodeId) -> Place {
        self.nodes[node.0 as usize].is_attached = true;
        let interfaces = self.map.interfaces(node).iter();
        let addresses = interfaces.clone().flat_map(|interface| {
            let of = |family| (interface.address(family), self.map.prefix_bits(interface, family));
            Family::ALL.map(of)
        });
        let mut addresses: Vec<(IpAddr, u8)> = addresses.collect();
        // In IPv6 they have others besides, under which neighbours know them.
        for interface in interfaces.clone() {
            let others = Family::ALL.map(|family| address::on_link(interface.address(family)));
            for other in others.into_iter().filter(|it| link_local().contains(*it)) {
                let numbered = (other, link_local().length());
                // Links may give the same one.
                if !addresses.contains(&numbered) {
                    addresses.push(numbered);
                }
            }
        }
        let mtus = interfaces.map(|interface| interface.mtu_bytes);
        let mtu_bytes = mtus.min().unwrap_or(1_500);
        Place { addresses, mtu_bytes, sources: self.sources(node) }
    }

    /// The addresses that a node sends from, as [`Place::sources`] has them.
    fn sources(&self, node: NodeId) -> Vec<(Prefix, IpAddr)> {
        let interfaces = self.map.interfaces(node);
        // With one link there is no choice.
        let table = if interfaces.len() > 1 { self.map.table(node) } else { Vec::new() };
        let source =
            |(to, interface): &(Prefix, usize)| (*to, interfaces[*interface].address(to.family()));
        let mut sources: Vec<(Prefix, IpAddr)> = table.iter().map(source).collect();
        let firsts = interfaces.iter().take(1).flat_map(|first| {
            Family::ALL.map(|family| first.address(family)).map(|own| (Prefix::of(own, 0), own))
        });
        for (all, own) in firsts {
            if !sources.iter().any(|(to, _)| *to == all) {
                sources.push((all, own));
            }
        }
        sources.sort_by_key(|(to, _)| std::cmp::Reverse(to.length()));
        sources
    }

    /// The nodes that answer questions for names.
    pub fn name_servers(&self) -> impl Iterator<Item = NodeId> {
        let answers = |node: &&Node| node.plan.services.contains(&Service::Dns);
        self.nodes.iter().filter(answers).filter(|node| !node.plan.is_absent).map(|node| node.id)
    }

    /// The networks of all links.
    pub fn networks(&self) -> impl Iterator<Item = Prefix> {
        self.map.networks()
    }

    /// The networks of a node's links.
    pub fn networks_of(&self, node: NodeId) -> Vec<Prefix> {
        self.map.links_of(node).flat_map(|link| self.map.networks_of(link)).collect()
    }

    /// Lets a node send a packet that came from outside at that time, which is not before any that
    /// the world has seen.
    ///
    /// As devices hand packets over, one may stand for many and leave its checksum to others. It
    /// stays whole on links that only delay, unless they are captured, and at routers that would
    /// pass all of it on; elsewhere it becomes what it stands for.
    pub fn inject(&mut self, now: Time, node: NodeId, packet: Vec<u8>, shape: Shape) {
        self.advance(now);
        if let Some(packet) = Packet::of(packet, shape) {
            self.turn(node, |node, turn| node.pass_out(turn, packet));
        }
    }

    /// Lets a packet arrive at a node by one of its interfaces, 0-based, as it is: no link has seen
    /// it, so it may be anything. `is_to_many`: as one that a link brings to all its ends.
    pub fn arrive(
        &mut self,
        now: Time,
        node: NodeId,
        interface: usize,
        packet: &[u8],
        is_to_many: bool,
    ) {
        self.advance(now);
        let frame = Frame {
            bytes: packet.to_vec(),
            is_broadcast: is_to_many,
            ethernet: None,
            came_by: Some(interface),
            road: None,
        };
        self.turn(node, |node, turn| node.receive(turn, frame));
    }

    /// Lets everything happen that is due by then.
    pub fn advance(&mut self, now: Time) {
        while self.next_event() <= now {
            self.step();
        }
        self.now = self.now.max(now);
    }

    /// The next packet for whoever is in a node's place, and what it stands for: of what was
    /// injected without a shape, nothing but itself.
    pub fn take_outgoing(&mut self) -> Option<(NodeId, Vec<u8>, Shape)> {
        let (node, packet) = self.outgoing.pop_front()?;
        let shape = packet.shape();
        Some((node, packet.bytes, shape))
    }
}

impl Node {
    /// Sends a packet that came from outside, as it is.
    fn pass_out(&mut self, turn: &mut Turn<'_>, packet: Packet) {
        if packet.shape() != Shape::PLAIN && self.plan.balance == Some(Balance::Packet) {
            // Each its own way.
            return packet.each(|bytes| self.pass_out(turn, bytes.into()));
        }
        let Ok(datagram) = Datagram::parse(&packet.bytes) else { return };
        match self.balancer.next(turn.map, self.id, Flow::of(&datagram)) {
            Next::Out { interface, to } => self.put_large(turn, interface, to, packet),
            Next::Local => {}
            refused => {
                if let Some(meaning) = router::refusal(refused) {
                    packet.each(|bytes| self.complain(turn, Subject::of(&bytes), meaning, 0));
                }
            }
        }
    }
}
