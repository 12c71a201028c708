//! Forwarding (RFC 1812 §5.2): the way, the hop limit, the options, the size, in Linux's order.

use crate::assembly::Cut;
use crate::balance::Flow;
use crate::complaint::Subject;
use crate::map::{Next, Recipient};
use crate::node::{Frame, Node, Turn};
use crate::scenario::Reject;
use crate::{address, packet, rules};
use std::net::IpAddr;
use wire::icmp::Meaning;
use wire::ip::Datagram;

/// Why routers stop packets, for whoever asks.
const ROUTED_ELSEWHERE: &str = "its source route led elsewhere";
const NOT_PASSED: &str = "not for one host elsewhere, or from none";

impl Node {
    /// Passes on a datagram that is not for this node.
    pub(crate) fn forward(&mut self, turn: &mut Turn<'_>, frame: Frame) {
        match Datagram::parse(&frame.bytes) {
            // Options are changed on the way, and by Linux already for errors to quote them.
            Ok(datagram) if !datagram.options.is_empty() => {
                if crate::options::has_strict_route(datagram.options) {
                    // It should have come to the next stop alone: the destination is wrong.
                    let says = (Some(Meaning::HeaderField), 16 << 24);
                    return self.stop(turn, frame.subject(), ROUTED_ELSEWHERE, says);
                }
                let mut original = frame.bytes.clone();
                if let Some(IpAddr::V4(own)) = turn.map.source_towards(self.id, datagram.source) {
                    // What is malformed was refused before.
                    self.stamp_options(turn, packet::options_mut(&mut original), own).ok();
                    packet::refresh_checksum(&mut original);
                }
                self.forward_as(turn, frame, original);
            }
            Ok(_) => self.forward_as(turn, frame, Vec::new()),
            Err(_) => {}
        }
    }

    /// Passes on a datagram; `original` is how it came, or empty if that is how it is.
    pub(crate) fn forward_as(
        &mut self,
        turn: &mut Turn<'_>,
        mut frame: Frame,
        mut original: Vec<u8>,
    ) {
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        let (family, destination) = (datagram.family(), datagram.destination);
        let quoted = if original.is_empty() { &frame.bytes } else { &original };
        let quoted = Subject { bytes: quoted, is_broadcast: false, came_by: frame.came_by };
        if frame.is_broadcast
            || destination.is_multicast()
            || !address::may_pass_from(datagram.source)
        {
            return self.stop(turn, quoted, NOT_PASSED, (None, 0));
        }
        let next = match address::is_of_link(destination) {
            // Such are sent to, never passed on (RFC 4291 §2.5.6).
            true => Next::NoRoute,
            false => self.balancer.next(turn.map, self.id, Flow::of(&datagram)),
        };
        let (interface, to) = match next {
            Next::Out { to: Recipient::Everyone, .. } | Next::Local => {
                return self.stop(turn, quoted, NOT_PASSED, (None, 0));
            }
            Next::Out { interface, to } => (interface, to),
            Next::NoRoute => return self.stop(turn, quoted, "no route", (refusal(next), 0)),
            Next::Reject(_) => {
                return self.stop(turn, quoted, "rejected by a route", (refusal(next), 0));
            }
        };
        // Filters stand at the entrance: before the hop limit is looked at.
        if self.refuses(turn, quoted, &datagram) {
            return;
        }
        let plan = &self.plan.forwarding;
        let is_passed = plan.is_hidden || plan.passes_expired && datagram.hop_limit == 1;
        if datagram.hop_limit <= 1 && !is_passed {
            let says = (Some(Meaning::HopLimitExceeded), 0);
            return self.stop(turn, quoted, "hop limit exceeded", says);
        }
        let mtu_bytes = turn.map.interface(self.id, interface).mtu_bytes(family);
        // What was put together here goes on in the pieces that came, or as large ones.
        let cut = frame.road.as_ref().and_then(|road| road.cut.clone());
        let largest_bytes = cut.as_ref().map(|cut| cut.largest_bytes);
        let largest = largest_bytes.map_or(datagram.total_bytes, |bytes| bytes as usize);
        let limit_bytes = largest_bytes.map_or(mtu_bytes, |bytes| mtu_bytes.min(bytes));
        let is_cut = datagram.total_bytes > limit_bytes as usize;
        let is_too_big = largest > mtu_bytes as usize;
        if is_too_big && (datagram.dont_fragment || !rules::of(family).routers_fragment) {
            let said = self.plan.errors.mtu_said.unwrap_or(mtu_bytes);
            let is_said = !self.plan.errors.is_mtu_silent;
            let says = (Some(Meaning::PacketTooBig).filter(|_| is_said), said);
            return self.stop(turn, quoted, "too large for the next link", says);
        }
        self.offer_better_hop(turn, quoted, interface, to);
        let source = turn.map.interface(self.id, interface).address(family);
        if let IpAddr::V4(own) = source
            && let Err(word) = self.stamp_options(turn, packet::options_mut(&mut frame.bytes), own)
        {
            let about = Subject { bytes: &original, is_broadcast: false, came_by: frame.came_by };
            let says = (Some(Meaning::HeaderField), word);
            return self.stop(turn, about, "its IP options are wrong", says);
        }
        if !original.is_empty() {
            settle_options(&mut frame.bytes, &mut original);
        }
        self.alter(&mut frame.bytes);
        if !self.leave_tracked(turn, interface, &mut frame, &original) {
            return;
        }
        if !is_cut {
            return self.put(turn, interface, to, frame.bytes);
        }
        for bytes in self.pieces(&frame.bytes, cut, limit_bytes) {
            self.put(turn, interface, to, bytes);
        }
    }

    /// What a datagram is cut into: as it was cut before, if it was.
    fn pieces(&mut self, bytes: &[u8], cut: Option<Cut>, limit_bytes: u32) -> Vec<Vec<u8>> {
        let own_identification = self.next_identification();
        let Ok(datagram) = Datagram::parse(bytes) else { return Vec::new() };
        let (header, payload) = (datagram.header(), datagram.payload);
        let Some(mut cut) = cut else {
            return packet::split(&header, payload, datagram.identification, limit_bytes);
        };
        // Pieces of IPv6 are its own now: others' might have the same number (Linux).
        if !rules::of(datagram.family()).routers_fragment {
            cut.identification = own_identification;
        }
        packet::split_again(&header, payload, &cut, limit_bytes)
    }

    /// Changes what it changes in everything that it passes on.
    pub(crate) fn alter(&mut self, bytes: &mut [u8]) {
        let plan = &self.plan.forwarding;
        if !plan.is_hidden {
            packet::decrement_hop_limit(bytes);
        }
        if plan.bleaches_ecn {
            packet::set_traffic_class(bytes, |class| class & !0x03);
        }
        if let Some(dscp) = plan.dscp {
            packet::set_traffic_class(bytes, |class| dscp << 2 | class & 0x03);
        }
        if plan.rewrites_identification {
            packet::set_identification(bytes, self.random.next() as u16);
        }
        if plan.clears_flow_label {
            packet::clear_flow_label(bytes);
        }
    }
}

/// Has the options of what is passed on in order, whose destination is the same unless a source
/// route led on: Linux stamps them as they come in, by its address there.
fn settle_options(bytes: &mut [u8], original: &mut [u8]) {
    if original[16..20] == bytes[16..20] {
        let stamped = packet::options_mut(original).to_vec();
        crate::options::keep_stamps(&stamped, packet::options_mut(bytes));
    }
    packet::refresh_checksum(bytes);
}

/// What a router says of a way that it does not go; `None`: nothing.
pub(crate) fn refusal(next: Next) -> Option<Meaning> {
    match next {
        Next::NoRoute | Next::Reject(Reject::Network) => Some(Meaning::NetworkUnreachable),
        Next::Reject(Reject::Host) => Some(Meaning::HostUnreachable),
        Next::Reject(Reject::Silent) => None,
        // A way exists, but may not be gone.
        Next::Reject(Reject::Prohibited) | Next::Out { .. } | Next::Local => {
            Some(Meaning::CommunicationProhibited)
        }
    }
}
