//! What routers do with packets that stand for many: they pass them on as they are, if that is all
//! that would become of each. Whatever else is to be done is done to each of those: errors, options,
//! chance, what a node keeps for itself.

use crate::address;
use crate::balance::Flow;
use crate::map::{Next, Recipient};
use crate::node::{Frame, Node, Turn};
use crate::packet;
use crate::scenario::{Balance, Role};
use crate::segments::{self, Packet, Shape};
use wire::ip::Datagram;

/// As much of a packet as translation may change.
const HEAD_BYTES: usize = 128;

impl Node {
    /// Takes a packet that is not as on a wire yet from a link.
    pub(crate) fn receive_large(&mut self, turn: &mut Turn<'_>, mut frame: Frame) {
        let is_tracked = self.gate.is_some();
        let kept_bytes = frame.bytes.len().min(HEAD_BYTES);
        let mut head = [0; HEAD_BYTES];
        head[..kept_bytes].copy_from_slice(&frame.bytes[..kept_bytes]);
        let original = match is_tracked {
            true => Packet::first(&frame.bytes, frame.shape),
            false => Vec::new(),
        };
        let is_sound = packet::header_verifies(&frame.bytes)
            && (!is_tracked || self.track_large(turn, &mut frame));
        if let Some((interface, to)) = self.clear_way(turn, &frame).filter(|_| is_sound) {
            self.alter(&mut frame.bytes);
            if self.leave_tracked(turn, interface, &mut frame, &original) {
                self.put(turn, interface, to, Packet::from_parts(frame.bytes, frame.shape));
            }
            return;
        }
        // A tracker that has seen all of it takes what follows for sent again.
        frame.bytes[..kept_bytes].copy_from_slice(&head[..kept_bytes]);
        let Frame { bytes, shape, is_broadcast, ethernet, came_by, .. } = frame;
        Packet::from_parts(bytes, shape).each(|bytes| {
            let (shape, road) = (Shape::PLAIN, None);
            self.receive(turn, Frame { bytes, shape, is_broadcast, ethernet, came_by, road });
        });
    }

    /// Where a packet leaves, if nothing is to be done to any of those for which it stands but to
    /// pass them on.
    fn clear_way(&mut self, turn: &Turn<'_>, frame: &Frame) -> Option<(usize, Recipient)> {
        let datagram = Datagram::parse(&frame.bytes).ok()?;
        let (family, to, plan) = (datagram.family(), datagram.destination, &self.plan);
        let is_plain = !frame.is_broadcast
            && datagram.options.is_empty()
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
        let is_near = segments::largest_bytes(&frame.bytes, frame.shape) <= mtu_bytes as usize
            // Whoever sent it may have to hear of a better hop.
            && frame.came_by != Some(interface)
            && matches!(to, Recipient::Node(_) | Recipient::Address(_));
        is_near.then_some((interface, to))
    }
}
