//! A gateway between two networks, without a world around it: packets go in by one side, and come
//! out of the other where they stand, translated; nothing is allocated for one that passes.
//!
//! It does what a router with `nat` does in a world: connections, hop limits, MTUs, errors, echo.
//! Whoever drives it brings the time and the packets.

mod assembling;
mod complaining;
mod own;

use crate::address::{self, Prefix};
use crate::assembly::{Assembly, Cut};
use crate::conntrack::{self, Passage, Realm, Relation, Tracker, Verdict};
use crate::limit::Limiter;
use crate::packet;
use crate::rules;
use crate::scenario::{LimitPlan, Rate};
use assembling::Pending;
use probe::Time;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::Meaning;
use wire::ip::Datagram;
use wire::offload::Shape;

/// One of its two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where addresses are not known elsewhere.
    Inside,
    /// Everywhere else.
    Outside,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::Inside, Side::Outside];

    /// Where it stands in [`Side::BOTH`].
    pub fn index(self) -> usize {
        self as usize
    }

    fn realm(self) -> Realm {
        match self {
            Side::Inside => Realm::Inside,
            Side::Outside => Realm::Outside,
        }
    }
}

/// What the gateway is on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its addresses, and the length of their networks' prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest packet there, in bytes.
    pub mtu_bytes: u32,
}

/// Everything that is decided before the first packet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is on either side, in the order of [`Side::BOTH`].
    pub interfaces: [Interface; 2],
    /// How it translates. Its pool is replaced by the outer addresses.
    pub tracking: conntrack::Plan,
    /// The wall clock at [`Time::ZERO`], for IPv4 timestamp options: nanoseconds since 1970-01-01.
    pub epoch_ns: i128,
    /// Where all its chance comes from.
    pub seed: u64,
}

/// What became of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came in by either side.
    pub received: [u64; 2],
    /// Their bytes.
    pub received_bytes: [u64; 2],
    /// Packets that were passed on, by the side that they came from.
    pub forwarded: [u64; 2],
    /// Packets for the gateway itself.
    pub own: u64,
    /// ICMP errors that it has sent.
    pub errors: u64,
    /// Packets that were no whole datagrams, or whose IP header was wrong.
    pub malformed: u64,
    /// Packets from addresses that cannot be where they came from.
    pub spoofed: u64,
    /// Packets that tracking or translation turned away, or that nobody asked for.
    pub refused: u64,
    /// Packets to many, or to addresses of one link.
    pub local: u64,
}

/// Hosts' share of errors, and the gateway's in all: as Linux limits them (icmp_ratelimit,
/// icmp_msgs_per_sec).
const LIMIT: LimitPlan = LimitPlan {
    rate: Rate { interval: Duration::from_secs(1), burst: 6 },
    per_destination: true,
    answers_too: false,
    overall: Some(Rate { interval: Duration::from_millis(1), burst: 50 }),
};

/// As much of a packet as translation may change.
const HEAD_BYTES: usize = 128;

/// Connections that are looked at in one go when there is time.
const SWEPT_AT_ONCE: usize = 256;

/// A gateway and what it remembers.
#[derive(Debug)]
pub struct Gateway {
    interfaces: [Interface; 2],
    networks: [Vec<Prefix>; 2],
    tracker: Tracker,
    limiter: Limiter,
    assembly: Assembly,
    pending: Pending,
    /// Packets of its own making, and the side that they leave by.
    outgoing: VecDeque<(Side, Vec<u8>)>,
    identification: u16,
    epoch_ns: i128,
    counts: Counts,
}

/// A packet under way: whence and how, and how it began before it was translated.
struct Way {
    now: Time,
    from: Side,
    shape: Shape,
    cut: Option<Cut>,
    head: [u8; HEAD_BYTES],
    kept_bytes: usize,
}

impl Way {
    fn new(now: Time, from: Side, shape: Shape, bytes: &[u8]) -> Way {
        let kept_bytes = bytes.len().min(HEAD_BYTES);
        let mut head = [0; HEAD_BYTES];
        head[..kept_bytes].copy_from_slice(&bytes[..kept_bytes]);
        Way { now, from, shape, cut: None, head, kept_bytes }
    }

    /// The packet as it came.
    fn restore<'a>(&self, bytes: &'a mut [u8]) -> &'a [u8] {
        bytes[..self.kept_bytes].copy_from_slice(&self.head[..self.kept_bytes]);
        bytes
    }
}

impl Gateway {
    /// A gateway that knows no connection.
    pub fn new(plan: Plan) -> Gateway {
        let Plan { interfaces, mut tracking, epoch_ns, seed } = plan;
        let networks = interfaces.each_ref().map(|interface| {
            let all = interface.addresses.iter();
            all.filter_map(|(address, bits)| Prefix::new(*address, *bits)).collect()
        });
        let outer = &interfaces[Side::Outside.index()].addresses;
        let outer = outer.iter().map(|(address, _)| *address);
        let is_translated = |address: &IpAddr| tracking.families.contains(&Family::of(*address));
        tracking.pool = outer.filter(is_translated).collect();
        Gateway {
            interfaces,
            networks,
            tracker: Tracker::new(tracking, seed),
            limiter: Limiter::new(Some(LIMIT)),
            assembly: Assembly::default(),
            pending: Pending::default(),
            outgoing: VecDeque::new(),
            identification: 0,
            epoch_ns,
            counts: Counts::default(),
        }
    }

    /// What tracks its connections.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Likewise, to watch it.
    pub fn tracker_mut(&mut self) -> &mut Tracker {
        &mut self.tracker
    }

    /// What became of packets so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes a packet; if it is to go on, it stands there as it is to leave, by the side that is
    /// returned. What else is to be sent is to be asked for: [`Gateway::take`].
    pub fn pass(&mut self, now: Time, from: Side, bytes: &mut [u8], shape: Shape) -> Option<Side> {
        self.counts.received[from.index()] += 1;
        self.counts.received_bytes[from.index()] += bytes.len() as u64;
        let Ok(datagram) = Datagram::parse(bytes) else {
            self.counts.malformed += 1;
            return None;
        };
        if datagram.total_bytes != bytes.len() || !wire::ip::verify_header(bytes) {
            self.counts.malformed += 1;
            return None;
        }
        if !self.may_pass(from, &datagram) {
            return None;
        }
        if datagram.fragment.is_some() {
            self.assemble(now, from, bytes);
            return None;
        }
        let way = Way::new(now, from, shape, bytes);
        self.cross(&way, bytes)
    }

    /// Whether a packet can have come from where it did, and is for one host.
    fn may_pass(&mut self, from: Side, datagram: &Datagram<'_>) -> bool {
        let (source, destination) = (datagram.source, datagram.destination);
        if is_of_link(source) || is_of_link(destination) || self.is_for_many(destination) {
            self.counts.local += 1;
            return false;
        }
        let is_inner = self.is_in(Side::Inside, source);
        let is_possible = is_inner == (from == Side::Inside)
            && address::is_one_host(source)
            && self.owner(source).is_none()
            && !self.networks.iter().flatten().any(|it| it.is_broadcast(source));
        self.counts.spoofed += u64::from(!is_possible);
        is_possible
    }

    /// The road of a whole packet through the hooks, in netfilter's order.
    fn cross(&mut self, way: &Way, bytes: &mut [u8]) -> Option<Side> {
        let (now, from) = (way.now, way.from);
        let (verdict, mut passage) =
            self.tracker.prerouting_summed(now, bytes, from.realm(), way.shape.sums);
        if verdict != Verdict::Accept {
            return self.turn_away(way, bytes, verdict);
        }
        let Ok(datagram) = Datagram::parse(bytes) else { return None };
        let (family, to, hop_limit) = (datagram.family(), datagram.destination, datagram.hop_limit);
        if let Some(side) = self.owner(to) {
            // Nobody outside is told that its inner address is there.
            if from == Side::Outside && side == Side::Inside && self.came_to(way, to) {
                self.counts.refused += 1;
                self.tracker.stop("for an inner address, from outside", None);
                return None;
            }
            if self.tracker.input(now, bytes, &mut passage) == Verdict::Accept {
                self.counts.own += 1;
                self.keep(way, bytes);
            }
            return None;
        }
        let out = if self.is_in(Side::Inside, to) { Side::Inside } else { Side::Outside };
        let is_redirected = !self.came_to(way, to);
        if !is_redirected && !self.is_open(way, out, &passage, bytes) {
            return None;
        }
        if hop_limit <= 1 {
            let says = (Meaning::HopLimitExceeded, 0);
            self.stop(way, way.restore(bytes), "hop limit exceeded", says);
            return None;
        }
        let limit_bytes = self.fit(way, out, bytes, family)?;
        if !datagram_options(bytes).is_empty() && !self.stamp_options(way, out, bytes) {
            return None;
        }
        self.tracker.forward(&mut passage);
        let verdict = self.tracker.postrouting(now, bytes, &mut passage, out.realm());
        if verdict != Verdict::Accept {
            return self.turn_away(way, bytes, verdict);
        }
        // What tracking lets pass as it is must not show the outside what is inside.
        if out == Side::Outside && self.shows_inside(bytes) {
            self.counts.refused += 1;
            self.tracker.stop("it would show an inner address outside", None);
            return None;
        }
        packet::decrement_hop_limit(bytes);
        self.counts.forwarded[from.index()] += 1;
        if bytes.len() > limit_bytes && way.shape.segment_bytes.is_none() {
            self.cut(way, out, bytes, limit_bytes);
            return None;
        }
        Some(out)
    }

    /// Whether a packet that was sent to where it goes may go there.
    fn is_open(&mut self, way: &Way, out: Side, passage: &Passage, bytes: &mut [u8]) -> bool {
        if out == way.from {
            // Whoever is there would have been met before.
            let says = (Meaning::HostUnreachable, 0);
            self.stop(way, way.restore(bytes), "for a host on the side that it came from", says);
            return false;
        }
        let is_known = matches!(passage.relation(), Relation::Established | Relation::Related);
        let is_open = out == Side::Outside || is_known;
        if !is_open {
            self.counts.refused += 1;
            self.tracker.stop("nobody inside has asked for it", None);
        }
        is_open
    }

    /// What a packet that leaves by a side is cut to, in bytes; nothing if it is too large and must
    /// not be cut.
    fn fit(&mut self, way: &Way, out: Side, bytes: &mut [u8], family: Family) -> Option<usize> {
        let mtu_bytes = self.interfaces[out.index()].mtu_bytes as usize;
        // What was put together here goes on in pieces that are as large as those that came.
        let cut = way.cut.as_ref().map(|cut| cut.largest_bytes as usize);
        let largest = match way.shape.segment_bytes {
            Some(payload) => headers_bytes(bytes) + usize::from(payload),
            None => cut.unwrap_or(bytes.len()),
        };
        if largest > mtu_bytes {
            let Ok(datagram) = Datagram::parse(bytes) else { return None };
            let may_cut = rules::of(family).routers_fragment && !datagram.dont_fragment;
            if !may_cut || way.shape.segment_bytes.is_some() {
                let says = (Meaning::PacketTooBig, mtu_bytes as u32);
                self.stop(way, way.restore(bytes), "too large for the next link", says);
                return None;
            }
        }
        Some(cut.map_or(mtu_bytes, |cut| cut.min(mtu_bytes)))
    }

    /// What becomes of a packet that does not go on.
    fn turn_away(&mut self, way: &Way, bytes: &mut [u8], verdict: Verdict) -> Option<Side> {
        self.counts.refused += 1;
        if let Verdict::Refuse(meaning) = verdict {
            self.complain(way, way.restore(bytes), meaning, 0);
        }
        None
    }

    /// Lets everything happen that is due by now.
    pub fn advance(&mut self, now: Time) {
        if self.tracker.due().is_some_and(|due| due <= now) {
            self.tracker.sweep(now, SWEPT_AT_ONCE);
            while let Some(syn) = self.tracker.release(now) {
                let way = Way::new(now, Side::Outside, Shape::PLAIN, &syn);
                self.complain(&way, &syn, Meaning::PortUnreachable, 0);
            }
        }
        self.abandon(now);
    }

    /// When something is due that no packet brings.
    pub fn due(&self) -> Time {
        let due = self.tracker.due().into_iter().chain(self.pending.due()).min();
        due.unwrap_or(Time::NEVER)
    }

    /// The next packet of its own making, and by which side it leaves.
    pub fn take(&mut self) -> Option<(Side, Vec<u8>)> {
        self.outgoing.pop_front()
    }

    /// By which side an address of its own is.
    fn owner(&self, address: IpAddr) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| {
            self.interfaces[side.index()].addresses.iter().any(|(own, _)| *own == address)
        })
    }

    fn is_in(&self, side: Side, address: IpAddr) -> bool {
        self.networks[side.index()].iter().any(|network| network.contains(address))
    }

    fn is_for_many(&self, to: IpAddr) -> bool {
        to.is_multicast()
            || address::is_for_all(to)
            || self.networks.iter().flatten().any(|network| network.is_broadcast(to))
    }

    /// Whether a packet was sent to an address, before it was translated.
    fn came_to(&self, way: &Way, to: IpAddr) -> bool {
        let rules = rules::of(Family::of(to));
        let width = usize::from(rules.address_bits) / 8;
        let at = rules.addresses_at + width;
        let came = &way.head[at..at + width];
        match to {
            IpAddr::V4(to) => came == to.octets(),
            IpAddr::V6(to) => came == to.octets(),
        }
    }

    fn shows_inside(&self, bytes: &[u8]) -> bool {
        let families = &self.tracker.plan().families;
        Datagram::parse(bytes)
            .is_ok_and(|it| families.contains(&it.family()) && self.is_in(Side::Inside, it.source))
    }

    /// Its first address of a family on a side.
    fn address(&self, side: Side, family: Family) -> Option<IpAddr> {
        let addresses = self.interfaces[side.index()].addresses.iter().map(|(own, _)| *own);
        addresses.into_iter().find(|own| Family::of(*own) == family)
    }
}

/// The IPv4 options of a datagram; none in IPv6.
fn datagram_options(bytes: &[u8]) -> &[u8] {
    Datagram::parse(bytes).map_or(&[], |datagram| datagram.options)
}

/// The headers that every segment of a large packet has, in bytes.
fn headers_bytes(bytes: &[u8]) -> usize {
    let Ok(datagram) = Datagram::parse(bytes) else { return bytes.len() };
    let before = bytes.len().saturating_sub(datagram.payload.len());
    let transport = match datagram.protocol {
        wire::ip::protocol::TCP => {
            datagram.payload.get(12).map_or(20, |word| usize::from(word >> 4) * 4)
        }
        _ => 8,
    };
    before + transport
}

/// Whether an address means something on one link only.
fn is_of_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
