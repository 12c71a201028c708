//! Nodes whose place somebody outside takes: what reaches such a node is handed out, and what comes
//! from outside leaves it as if the node had sent it. The node keeps its addresses, links and
//! routes; all else is the outsider's.

use crate::NodeId;
use crate::balance::Flow;
use crate::complaint::Subject;
use crate::map::Next;
use crate::node::{Frame, Node, Turn};
use crate::router;
use crate::scenario::Balance;
use crate::segments::Packet;
use crate::world::World;
use probe::Time;
use std::net::IpAddr;
use wire::Family;
use wire::ip::Datagram;
use wire::offload::Shape;

/// What an outsider needs to know to take a node's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node's addresses, those of its first link first, and the length of their networks'
    /// prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest packet that all of its links take, in bytes.
    pub mtu_bytes: u32,
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
        let mtus = interfaces.map(|interface| interface.mtu_bytes);
        Place { addresses: addresses.collect(), mtu_bytes: mtus.min().unwrap_or(1_500) }
    }

    /// The networks of all links, and the length of their prefixes in bits.
    pub fn networks(&self) -> impl Iterator<Item = (IpAddr, u8)> {
        self.map.networks().map(|network| (network.first(), network.length()))
    }

    /// The networks of a node's links, and the length of their prefixes in bits.
    pub fn networks_of(&self, node: NodeId) -> Vec<(IpAddr, u8)> {
        let networks = self.map.links_of(node).flat_map(|link| self.map.networks_of(link));
        networks.map(|network| (network.first(), network.length())).collect()
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
