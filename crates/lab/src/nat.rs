//! Translation of addresses in the middle of a road: of sources behind a masquerade, of a
//! destination that another host stands in for; answers and the quotes of errors are translated
//! back. A plain one: mappings are by the inner end alone (RFC 4787 §4.1), are open to everybody
//! and last for ever; what has neither ports nor an identifier, and fragments but the first, do not
//! cross a masquerade.

use crate::NodeId;
use crate::map::Map;
use crate::rules;
use crate::scenario::nat::{DnatPlan, NatPlan, Quotes};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use wire::icmp::{self, Message, Transport};
use wire::ip::{Datagram, protocol};
use wire::{Family, checksum};

/// The ports that a masquerade gives out.
const PORTS: Range<u32> = 1_024..65_536;

/// Where it begins to look if it gives out new ones.
const FIRST_NEW: u16 = 50_000;

/// Ends of connections to a destination translated that are remembered at most; later ones are not
/// translated back.
const PEERS_MAX: usize = 65_536;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as it was.
    Same,
    Translated,
    Dropped,
}

/// One end of a datagram: a port, or the identifier of an ICMP query, which is at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    protocol: u8,
    address: IpAddr,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

/// A masquerade.
#[derive(Debug)]
pub(crate) struct Nat {
    plan: NatPlan,
    /// Inner ends, and the ends that they seem to be.
    outer: BTreeMap<End, End>,
    /// The other way round.
    inner: BTreeMap<End, End>,
}

impl Nat {
    pub(crate) fn new(plan: NatPlan) -> Nat {
        Nat { plan, outer: BTreeMap::new(), inner: BTreeMap::new() }
    }

    /// Translates a packet that leaves by an interface of `own` addresses.
    pub(crate) fn leave(
        &mut self,
        interface: usize,
        came_by: Option<usize>,
        own: IpAddr,
        bytes: &mut [u8],
    ) -> Verdict {
        if interface != self.plan.out || came_by == Some(self.plan.out) {
            return Verdict::Same;
        }
        if let Some(quote_at) = error_quote(bytes) {
            // An error from inside: about something that came in.
            let known = end(&bytes[quote_at..], Side::Destination);
            let Some(outer) = known.and_then(|known| self.outer.get(&known)) else {
                return Verdict::Dropped;
            };
            rewrite(&mut bytes[quote_at..], Side::Destination, *outer, true);
            rewrite_address(bytes, Side::Source, own);
            refill(bytes);
            return Verdict::Translated;
        }
        let Some(inner) = end(bytes, Side::Source) else { return Verdict::Dropped };
        let Some(outer) = self.outer_of(inner, own) else { return Verdict::Dropped };
        rewrite(bytes, Side::Source, outer, true);
        Verdict::Translated
    }

    /// Translates a packet that comes in back, if it is for somebody inside.
    pub(crate) fn enter(&mut self, came_by: Option<usize>, bytes: &mut [u8]) -> Verdict {
        if came_by != Some(self.plan.out) {
            return Verdict::Same;
        }
        if let Some(quote_at) = error_quote(bytes) {
            let quoted = end(&bytes[quote_at..], Side::Source);
            let inner = quoted.and_then(|quoted| self.inner.get(&quoted)).copied();
            let Some(inner) = inner else { return Verdict::Same };
            translate_quote(&mut bytes[quote_at..], Side::Source, inner, self.plan.quotes);
            rewrite_address(bytes, Side::Destination, inner.address);
            refill(bytes);
            return Verdict::Translated;
        }
        let outer = end(bytes, Side::Destination);
        let Some(inner) = outer.and_then(|outer| self.inner.get(&outer)).copied() else {
            return Verdict::Same;
        };
        rewrite(bytes, Side::Destination, inner, true);
        Verdict::Translated
    }

    /// What an inner end seems to be, from now on if not yet; `None` if no port is left.
    fn outer_of(&mut self, inner: End, own: IpAddr) -> Option<End> {
        if let Some(outer) = self.outer.get(&inner) {
            return Some(*outer);
        }
        let first = if self.plan.keeps_ports { inner.port } else { FIRST_NEW };
        let count = PORTS.len() as u32;
        let others = (0..count).map(|n| {
            let offset = (u32::from(first).saturating_sub(PORTS.start) + n) % count;
            (PORTS.start + offset) as u16
        });
        let kept = self.plan.keeps_ports.then_some(inner.port);
        let mut ends =
            kept.into_iter().chain(others).map(|port| End { address: own, port, ..inner });
        let outer = ends.find(|outer| !self.inner.contains_key(outer))?;
        self.outer.insert(inner, outer);
        self.inner.insert(outer, inner);
        Some(outer)
    }
}

/// A host in front of another.
#[derive(Debug)]
pub(crate) struct Dnat {
    plan: DnatPlan,
    /// Ends that asked, and the address that they asked.
    asked: BTreeMap<End, IpAddr>,
}

impl Dnat {
    pub(crate) fn new(plan: DnatPlan) -> Dnat {
        Dnat { plan, asked: BTreeMap::new() }
    }

    /// Translates a packet that comes in, in either direction.
    pub(crate) fn enter(&mut self, map: &Map, bytes: &mut [u8]) -> Verdict {
        let Ok(datagram) = Datagram::parse(bytes) else { return Verdict::Same };
        let (source, destination) = (datagram.source, datagram.destination);
        let holds = |address: IpAddr, node: NodeId| map.holder(address) == Some(node);
        if holds(destination, self.plan.to) {
            let hosts = map.addresses(self.plan.host, datagram.family());
            let Some(host) = hosts.first().copied() else { return Verdict::Same };
            if let Some(peer) = end(bytes, Side::Source)
                && self.asked.len() < PEERS_MAX
            {
                self.asked.insert(peer, destination);
            }
            rewrite_address(bytes, Side::Destination, host);
            return Verdict::Translated;
        }
        if let Some(quote_at) = error_quote(bytes) {
            let about = end(&bytes[quote_at..], Side::Destination);
            let about = about.filter(|about| holds(about.address, self.plan.host));
            let peer = about.and_then(|_| end(&bytes[quote_at..], Side::Source));
            let asked = peer.and_then(|peer| self.asked.get(&peer)).copied();
            let (Some(about), Some(asked)) = (about, asked) else { return Verdict::Same };
            let quotes = self.plan.quotes;
            let asked_end = End { address: asked, ..about };
            translate_quote(&mut bytes[quote_at..], Side::Destination, asked_end, quotes);
            let is_host = holds(source, self.plan.host) && quotes != Quotes::Untouched;
            if is_host || self.plan.hides {
                rewrite_address(bytes, Side::Source, asked);
            }
            refill(bytes);
            return Verdict::Translated;
        }
        let peer = end(bytes, Side::Destination).filter(|_| holds(source, self.plan.host));
        let Some(asked) = peer.and_then(|peer| self.asked.get(&peer)).copied() else {
            return Verdict::Same;
        };
        rewrite_address(bytes, Side::Source, asked);
        Verdict::Translated
    }
}

/// One end of a datagram; of a quote too. `None` if it has neither ports nor an identifier.
fn end(bytes: &[u8], side: Side) -> Option<End> {
    let datagram = Datagram::parse_quoted(bytes).ok()?;
    let address = match side {
        Side::Source => datagram.source,
        Side::Destination => datagram.destination,
    };
    let port = match Transport::parse(&datagram) {
        Transport::Ports { source, .. } if side == Side::Source => source,
        Transport::Ports { destination, .. } => destination,
        Transport::Query { identifier, .. } => identifier,
        Transport::Opaque(_) => return None,
    };
    Some(End { protocol: datagram.protocol, address, port })
}

/// Where the quote of an ICMP error stands; `None` if a datagram is none, or is damaged.
fn error_quote(bytes: &[u8]) -> Option<usize> {
    let datagram = Datagram::parse(bytes).ok()?;
    let family = datagram.family();
    let is_icmp = datagram.protocol == icmp::protocol(family) && datagram.fragment.is_none();
    let is_whole = is_icmp && icmp::verify(datagram.source, datagram.destination, datagram.payload);
    match is_whole.then(|| Message::parse(family, datagram.payload))? {
        Ok(Message::Error(_)) => Some(transport_at(&datagram) + 8),
        _ => None,
    }
}

fn transport_at(datagram: &Datagram<'_>) -> usize {
    let fixed = rules::of(datagram.family()).header_bytes;
    fixed + datagram.options.len() + datagram.extensions.len()
}

fn translate_quote(quote: &mut [u8], side: Side, to: End, how: Quotes) {
    if how != Quotes::Untouched {
        rewrite(quote, side, to, how == Quotes::Whole);
    }
}

/// Makes an ICMP error's checksum right, which was so before it was translated.
fn refill(bytes: &mut [u8]) {
    let Ok(datagram) = Datagram::parse(bytes) else { return };
    let (at, source, to) = (transport_at(&datagram), datagram.source, datagram.destination);
    icmp::fill_checksum(source, to, &mut bytes[at..]);
}

/// Replaces one address of a datagram.
fn rewrite_address(bytes: &mut [u8], side: Side, to: IpAddr) {
    let Ok(datagram) = Datagram::parse_quoted(bytes) else { return };
    let fields = Fields::of(&datagram, side);
    fields.set_address(bytes, to, true);
    fields.settle(bytes);
}

/// Replaces one end of a datagram, or of a quote; with the transport checksum if `is_summed`.
fn rewrite(bytes: &mut [u8], side: Side, to: End, is_summed: bool) {
    let Ok(datagram) = Datagram::parse_quoted(bytes) else { return };
    let fields = Fields::of(&datagram, side);
    let sum_at = fields.sum_at.filter(|_| is_summed);
    fields.set_address(bytes, to.address, is_summed);
    put(bytes, fields.port_at, &to.port.to_be_bytes(), &[sum_at]);
    fields.settle(bytes);
}

/// Where the fields of a datagram stand that translation changes.
struct Fields {
    address_at: usize,
    port_at: usize,
    /// The IPv4 header's checksum.
    header_sum_at: Option<usize>,
    /// The transport checksum, unless it is absent.
    sum_at: Option<usize>,
    sums_addresses: bool,
    is_udp: bool,
}

impl Fields {
    fn of(datagram: &Datagram<'_>, side: Side) -> Fields {
        let family: Family = datagram.family();
        let rules = rules::of(family);
        let start = transport_at(datagram);
        let is_udp = datagram.protocol == protocol::UDP;
        let sum = match datagram.protocol {
            protocol::TCP => Some(16),
            protocol::UDP if datagram.payload.get(6..8) != Some(&[0, 0]) => Some(6),
            number if number == rules.icmp => Some(2),
            _ => None,
        };
        let is_source = side == Side::Source;
        let port = match Transport::parse(datagram) {
            Transport::Query { .. } => 4,
            _ if is_source => 0,
            _ => 2,
        };
        let width = usize::from(rules.address_bits) / 8;
        Fields {
            address_at: rules.addresses_at + if is_source { 0 } else { width },
            port_at: start + port,
            header_sum_at: rules.header_sum_at,
            sum_at: sum.filter(|_| !datagram.is_later_fragment()).map(|sum| start + sum),
            sums_addresses: datagram.protocol != rules.icmp || rules.icmp_sums_addresses,
            is_udp,
        }
    }

    fn set_address(&self, bytes: &mut [u8], to: IpAddr, is_summed: bool) {
        let sum_at = self.sum_at.filter(|_| is_summed && self.sums_addresses);
        let sums = [self.header_sum_at, sum_at];
        match to {
            IpAddr::V4(address) => put(bytes, self.address_at, &address.octets(), &sums),
            IpAddr::V6(address) => put(bytes, self.address_at, &address.octets(), &sums),
        }
    }

    /// A UDP checksum of 0 would say that there is none.
    fn settle(&self, bytes: &mut [u8]) {
        let sum = self.sum_at.filter(|_| self.is_udp).and_then(|at| bytes.get_mut(at..at + 2));
        if let Some(sum) = sum.filter(|sum| **sum == [0, 0]) {
            sum.fill(0xff);
        }
    }
}

/// Writes words at an even offset, and corrects the checksums that cover them (RFC 1624), as far as
/// both are there.
fn put(bytes: &mut [u8], at: usize, words: &[u8], sums: &[Option<usize>]) {
    for (index, word) in words.as_chunks::<2>().0.iter().enumerate() {
        let at = at + 2 * index;
        let Some(old) = word_at(bytes, at) else { return };
        bytes[at..at + 2].copy_from_slice(word);
        for sum_at in sums.iter().flatten() {
            if let Some(sum) = word_at(bytes, *sum_at) {
                let sum = checksum::update(sum, old, u16::from_be_bytes(*word));
                bytes[*sum_at..*sum_at + 2].copy_from_slice(&sum.to_be_bytes());
            }
        }
    }
}

fn word_at(bytes: &[u8], at: usize) -> Option<u16> {
    let word = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([word[0], word[1]]))
}
