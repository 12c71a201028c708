//! What nodes do with packets that stand for many: routers pass them on as they are, if that is all
//! that would become of each. Whatever else is to be done is done to each of those: errors, chance,
//! options, what a node keeps for itself.

use crate::address;
use crate::balance::Flow;
use crate::ethernet::FrameHeader;
use crate::map::{Next, Recipient};
use crate::neighbour::Key;
use crate::node::{Action, Frame, Node, Turn};
use crate::scenario::{Balance, Role};
use crate::segments::{self, Packet};
use wire::ip::Datagram;
use wire::offload::Shape;

/// As much of a packet as translation may change.
const HEAD_BYTES: usize = 128;

/// A packet that is not as on a wire yet, as it comes in.
#[derive(Debug)]
pub(crate) struct Large {
    pub(crate) packet: Packet,
    /// The Ethernet header in front of it, on links that have such.
    pub(crate) ethernet: Option<FrameHeader>,
    /// The interface that it came in by.
    pub(crate) came_by: usize,
}

impl Node {
    /// Takes a packet that is not as on a wire yet from a link.
    // Apart, so that single packets pay nothing for it.
    #[inline(never)]
    pub(crate) fn receive_large(&mut self, turn: &mut Turn<'_>, large: Large) {
        let Large { packet, ethernet, came_by } = large;
        if self.is_attached {
            return turn.actions.push(Action::HandOut(packet));
        }
        let (shape, is_tracked) = (packet.shape(), self.gate.is_some());
        let kept_bytes = packet.bytes.len().min(HEAD_BYTES);
        let mut head = [0; HEAD_BYTES];
        head[..kept_bytes].copy_from_slice(&packet.bytes[..kept_bytes]);
        let original = if is_tracked { packet.first() } else { Vec::new() };
        let arrived = |bytes| {
            let came_by = Some(came_by);
            Frame { bytes, is_broadcast: false, ethernet, came_by, road: None }
        };
        let mut frame = arrived(packet.bytes);
        let is_sound = wire::ip::verify_header(&frame.bytes)
            && (!is_tracked || self.track_large(turn, &mut frame, shape.sums));
        if let Some((interface, to)) = self.clear_way(turn, &frame, shape).filter(|_| is_sound) {
            self.alter(&mut frame.bytes);
            if self.leave_tracked(turn, interface, &mut frame, &original) {
                let packet = Packet::from_parts(frame.bytes, shape);
                self.put_large(turn, interface, to, packet);
            }
            return;
        }
        // A tracker that has seen all of it takes what follows for sent again.
        frame.bytes[..kept_bytes].copy_from_slice(&head[..kept_bytes]);
        Packet::from_parts(frame.bytes, shape).each(|bytes| self.receive(turn, arrived(bytes)));
    }

    /// Hands a packet to a link, once it is known who takes it there.
    pub(crate) fn put_large(
        &mut self,
        turn: &mut Turn<'_>,
        interface: usize,
        to: Recipient,
        packet: Packet,
    ) {
        if packet.shape() == Shape::PLAIN || !matches!(to, Recipient::Node(_)) {
            return packet.each(|bytes| self.put(turn, interface, to, bytes));
        }
        let link = turn.map.interface(self.id, interface).link;
        if turn.map.is_ethernet(link)
            && let Ok(datagram) = Datagram::parse(&packet.bytes)
            && let Some(address) = turn.map.next_hop(link, to, datagram.destination)
        {
            return self.put_large_by(turn, Key { interface, address }, packet);
        }
        turn.actions.push(Action::SendLarge { interface, to, packet: Box::new(packet) });
    }

    /// Where a packet leaves, if nothing is to be done to any of those for which it stands but to
    /// pass them on.
    fn clear_way(
        &mut self,
        turn: &Turn<'_>,
        frame: &Frame,
        shape: Shape,
    ) -> Option<(usize, Recipient)> {
        let datagram = Datagram::parse(&frame.bytes).ok()?;
        let (family, to, plan) = (datagram.family(), datagram.destination, &self.plan);
        let is_plain = datagram.options.is_empty()
            && datagram.extensions.is_empty()
            && datagram.hop_limit > 1
            && address::is_one_host(datagram.source)
            && !to.is_multicast();
        let is_passed = plan.role == Role::Router
            && !turn.map.is_for(self.id, to)
            && !plan.refusal.as_ref().is_some_and(|it| it.concerns(datagram.protocol, family))
            && !plan.forwarding.rewrites_identification
            && plan.balance != Some(Balance::Packet);
        if !is_plain || !is_passed {
            return None;
        }
        let Next::Out { interface, to } =
            self.balancer.next(turn.map, self.id, Flow::of(&datagram))
        else {
            return None;
        };
        let mtu_bytes = turn.map.interface(self.id, interface).mtu_bytes(family);
        let is_near = segments::largest_bytes(&frame.bytes, shape) <= mtu_bytes as usize
            // Whoever sent it may have to hear of a better hop.
            && frame.came_by != Some(interface)
            && matches!(to, Recipient::Node(_) | Recipient::Address(_));
        is_near.then_some((interface, to))
    }
}
