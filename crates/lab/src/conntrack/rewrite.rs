//! Changing addresses, ports and identifiers where they stand, and every checksum that covers them
//! (RFC 1624): nothing is copied, and what was wrong stays wrong by as much.

use super::behaviour::Quotes;
use super::tuple::{Carried, End, Layout, Tuple, read};
use crate::rules;
use wire::checksum;
use wire::ip::protocol;

/// Which end of a datagram is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Source => Side::Destination,
            Side::Destination => Side::Source,
        }
    }

    /// That end of a tuple.
    pub(crate) fn of(self, tuple: &Tuple) -> End {
        match self {
            Side::Source => tuple.source(),
            Side::Destination => tuple.destination(),
        }
    }

    /// Whether that end of a datagram has the address.
    pub(crate) fn has(self, bytes: &[u8], layout: &Layout, end: End) -> bool {
        let rules = rules::of(layout.family);
        let width = usize::from(rules.address_bits) / 8;
        let at = match self {
            Side::Source => rules.addresses_at,
            Side::Destination => rules.addresses_at + width,
        };
        bytes.get(at..at + width) == Some(&end.address.octets()[16 - width..])
    }
}

/// Replaces one end of a datagram, which is whole or not.
pub(crate) fn rewrite(bytes: &mut [u8], layout: &Layout, side: Side, to: End) {
    rewrite_at(bytes, 0, layout, side, to, true, None);
}

/// Replaces the address alone, as in the header around a quote.
pub(crate) fn rewrite_address(bytes: &mut [u8], layout: &Layout, side: Side, to: End) {
    let fields = Fields::of(bytes, 0, layout);
    put_address(bytes, &fields, side, to, fields.sum_at);
}

/// Replaces one end of what an ICMP error quotes; the error's checksum covers that too.
pub(crate) fn rewrite_quote(bytes: &mut [u8], error: &Layout, side: Side, to: End, quotes: Quotes) {
    if quotes == Quotes::Untouched {
        return;
    }
    let quote_at = error.transport_at + 8;
    let Some((layout, _)) = bytes.get(quote_at..error.end).and_then(|quote| read(quote, true))
    else {
        return;
    };
    let sum_at = Some(error.transport_at + 2);
    rewrite_at(bytes, quote_at, &layout, side, to, quotes == Quotes::Whole, sum_at);
}

/// What an ICMP error quotes, if it can be told whose it was.
pub(crate) fn quoted(bytes: &[u8], error: &Layout) -> Option<Tuple> {
    let quote = bytes.get(error.transport_at + 8..error.end)?;
    match read(quote, true)?.1 {
        Carried::Tuple(tuple) => Some(tuple),
        _ => None,
    }
}

fn rewrite_at(
    bytes: &mut [u8],
    base: usize,
    layout: &Layout,
    side: Side,
    to: End,
    is_summed: bool,
    around: Option<usize>,
) {
    let fields = Fields::of(bytes, base, layout);
    let sum_at = fields.sum_at.filter(|_| is_summed);
    let mut around = Around { at: around, delta: 0 };
    let address_delta = write_address(bytes, &fields, side, to, &mut around);
    add_to(bytes, fields.header_sum_at, address_delta, false, &mut around);
    let mut transport_delta = if fields.sums_addresses { address_delta } else { 0 };
    if fields.is_partial {
        add_to_partial(bytes, sum_at, transport_delta);
        if let Some(port_at) = fields.port_at(side) {
            write(bytes, port_at, &to.port.to_be_bytes(), &mut around);
        }
        return;
    }
    if let Some(port_at) = fields.port_at(side) {
        transport_delta += write(bytes, port_at, &to.port.to_be_bytes(), &mut around);
    }
    if fields.is_sctp {
        refresh_sctp(bytes, base + layout.transport_at, base + layout.end);
    }
    add_to(bytes, sum_at, transport_delta, fields.is_udp, &mut around);
    let (at, delta) = (around.at, around.delta);
    add_to(bytes, at, delta, false, &mut Around { at: None, delta: 0 });
}

fn put_address(bytes: &mut [u8], fields: &Fields, side: Side, to: End, sum_at: Option<usize>) {
    let mut none = Around { at: None, delta: 0 };
    let delta = write_address(bytes, fields, side, to, &mut none);
    add_to(bytes, fields.header_sum_at, delta, false, &mut none);
    let sum_at = sum_at.filter(|_| fields.sums_addresses);
    add_to(bytes, sum_at, delta, fields.is_udp, &mut none);
}

/// A checksum around what is changed, and how much it is to change.
struct Around {
    at: Option<usize>,
    delta: u64,
}

/// Where the fields of a datagram stand that translation changes.
struct Fields {
    source_at: usize,
    width: usize,
    header_sum_at: Option<usize>,
    transport_at: usize,
    /// The transport checksum, unless it is absent.
    sum_at: Option<usize>,
    sums_addresses: bool,
    is_partial: bool,
    is_query: bool,
    has_ports: bool,
    is_udp: bool,
    is_sctp: bool,
}

impl Fields {
    fn of(bytes: &[u8], base: usize, layout: &Layout) -> Fields {
        let rules = rules::of(layout.family);
        let transport_at = base + layout.transport_at;
        let number = layout.protocol;
        let is_udp = matches!(number, protocol::UDP | protocol::UDP_LITE);
        let is_icmp = number == rules.icmp;
        let sum = match number {
            protocol::TCP => Some(16),
            protocol::UDP if bytes.get(transport_at + 6..transport_at + 8) == Some(&[0, 0]) => None,
            protocol::UDP | protocol::UDP_LITE | protocol::DCCP => Some(6),
            _ if is_icmp => Some(2),
            _ => None,
        };
        let kind = bytes.get(transport_at).copied().unwrap_or_default();
        let is_query = is_icmp
            && rules.queries.iter().any(|(query, answer)| [*query, *answer].contains(&kind));
        Fields {
            source_at: base + rules.addresses_at,
            width: usize::from(rules.address_bits) / 8,
            header_sum_at: rules.header_sum_at.map(|at| base + at),
            transport_at,
            sum_at: sum.map(|sum| transport_at + sum),
            sums_addresses: !is_icmp || rules.icmp_sums_addresses,
            is_partial: layout.is_partial && matches!(number, protocol::TCP | protocol::UDP),
            is_query,
            has_ports: super::tuple::carries_ports(number),
            is_udp,
            is_sctp: number == protocol::SCTP,
        }
    }

    fn port_at(&self, side: Side) -> Option<usize> {
        match side {
            _ if self.is_query => Some(self.transport_at + 4),
            Side::Source if self.has_ports => Some(self.transport_at),
            Side::Destination if self.has_ports => Some(self.transport_at + 2),
            _ => None,
        }
    }
}

fn write_address(
    bytes: &mut [u8],
    fields: &Fields,
    side: Side,
    to: End,
    around: &mut Around,
) -> u64 {
    let octets = to.address.octets();
    let at = match side {
        Side::Source => fields.source_at,
        Side::Destination => fields.source_at + fields.width,
    };
    write(bytes, at, &octets[16 - fields.width..], around)
}

/// Writes words at an even offset, as far as they are there; what checksums over them change by.
fn write(bytes: &mut [u8], at: usize, words: &[u8], around: &mut Around) -> u64 {
    let Some(place) = bytes.get_mut(at..at + words.len()) else { return 0 };
    let mut delta = 0;
    for (old, new) in place.as_chunks_mut::<2>().0.iter_mut().zip(words.as_chunks::<2>().0) {
        delta += u64::from(!u16::from_be_bytes(*old)) + u64::from(u16::from_be_bytes(*new));
        *old = *new;
    }
    around.delta += delta;
    delta
}

/// Changes a checksum by what its words changed by, if it is there (RFC 1624 §3).
fn add_to(bytes: &mut [u8], at: Option<usize>, delta: u64, is_udp: bool, around: &mut Around) {
    let Some(at) = at.filter(|_| delta != 0) else { return };
    let Some(place) = bytes.get(at..at + 2) else { return };
    let old = u16::from_be_bytes([place[0], place[1]]);
    let mut sum = u64::from(!old) + delta;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let new = match !(sum as u16) {
        // A UDP checksum of 0 would say that there is none.
        0 if is_udp => 0xffff,
        new => new,
    };
    write(bytes, at, &new.to_be_bytes(), around);
}

/// Changes the sum of a pseudo-header by what its words changed by; it is not complemented.
fn add_to_partial(bytes: &mut [u8], at: Option<usize>, delta: u64) {
    let Some(place) = at.and_then(|at| bytes.get_mut(at..at + 2)) else { return };
    let mut sum = u64::from(u16::from_be_bytes([place[0], place[1]])) + delta;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    place.copy_from_slice(&(sum as u16).to_be_bytes());
}

/// SCTP's checksum is no sum (RFC 9260 §6.8): it is computed anew, where the packet is whole.
fn refresh_sctp(bytes: &mut [u8], from: usize, to: usize) {
    let Some(packet) = bytes.get_mut(from..to).filter(|packet| packet.len() >= 12) else { return };
    packet[8..12].fill(0);
    let sum = crc32c(packet);
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
}

/// CRC-32C (Castagnoli; RFC 9260 appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    let crc =
        bytes.iter().fold(u32::MAX, |crc, byte| CRC[usize::from((crc as u8) ^ byte)] ^ (crc >> 8));
    !crc
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// Whether the transport checksum of a whole datagram is right, where there is one.
pub(crate) fn sums_up(bytes: &[u8], layout: &Layout) -> bool {
    let Some(payload) = bytes.get(layout.transport_at..layout.end) else { return false };
    let rules = rules::of(layout.family);
    let is_icmp = layout.protocol == rules.icmp;
    let covers_addresses = !is_icmp || rules.icmp_sums_addresses;
    match layout.protocol {
        protocol::UDP if payload.get(6..8) == Some(&[0, 0]) => return true,
        protocol::UDP | protocol::TCP => {}
        _ if is_icmp => {}
        _ => return true,
    }
    let width = usize::from(rules.address_bits) / 8;
    let mut sum = checksum::Sum::new();
    if covers_addresses {
        let addresses = &bytes[rules.addresses_at..rules.addresses_at + 2 * width];
        let length = payload.len() as u32;
        sum = sum.bytes(addresses).bytes(&length.to_be_bytes()).word(layout.protocol.into());
    }
    sum.bytes(payload).finish() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use wire::ip::Header;
    use wire::{icmp, tcp, udp};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn datagram(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Header::new(ip(from), ip(to), protocol).emit(payload, &mut bytes).expect("fits");
        bytes
    }

    /// What was translated is what would have been sent so at once.
    #[track_caller]
    fn check(before: &[u8], after: &[u8], side: Side, to: (&str, u16)) {
        let mut bytes = before.to_vec();
        let (layout, _) = read(&bytes, false).expect("a datagram");
        let end = End { address: ip(to.0).into(), port: to.1 };
        rewrite(&mut bytes, &layout, side, end);
        assert_eq!(bytes, after);
        assert!(sums_up(&bytes, &layout));
    }

    #[test]
    fn translated_is_as_sent_so() {
        let families = [
            ("192.0.2.1", "198.51.100.2", "203.0.113.77", 1_u8, 8_u8),
            ("2001:db8::1", "2001:db8:ffff::2", "2001:db8:7:8:9:a:b:c", 58, 128),
        ];
        for (a, b, n, icmp_number, echo) in families {
            let segment = |from: &str, port: u16| {
                let segment = tcp::Segment {
                    source_port: port,
                    destination_port: 80,
                    sequence: 1,
                    acknowledgment: 2,
                    flags: 0x10,
                    window: 3,
                    urgent: 0,
                    options: &[],
                    payload: b"odd",
                };
                let mut bytes = Vec::new();
                segment.emit(ip(from), ip(b), &mut bytes).expect("fits");
                datagram(from, b, 6, &bytes)
            };
            check(&segment(a, 4_000), &segment(n, 1), Side::Source, (n, 1));
            let message = |to: &str, port: u16| {
                let message = udp::Message {
                    source_port: 53,
                    destination_port: port,
                    has_checksum: true,
                    payload: b"",
                };
                let mut bytes = Vec::new();
                message.emit(ip(a), ip(to), &mut bytes).expect("fits");
                datagram(a, to, 17, &bytes)
            };
            check(&message(b, 9), &message(n, 65_535), Side::Destination, (n, 65_535));
            let query = |from: &str, identifier: u16| {
                let mut bytes = vec![echo, 0, 0, 0];
                bytes.extend(identifier.to_be_bytes());
                bytes.extend([0, 1, 9]);
                icmp::fill_checksum(ip(from), ip(b), &mut bytes);
                datagram(from, b, icmp_number, &bytes)
            };
            check(&query(a, 7), &query(n, 0xfffe), Side::Source, (n, 0xfffe));
            let packet = |from: &str, port: u16| {
                let mut bytes = port.to_be_bytes().to_vec();
                bytes.extend([0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 1, 0, 0, 4]);
                let sum = crc32c(&bytes);
                bytes[8..12].copy_from_slice(&sum.to_le_bytes());
                datagram(from, b, 132, &bytes)
            };
            check(&packet(a, 1_000), &packet(n, 2_000), Side::Source, (n, 2_000));
        }
        // RFC 3720 appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_quote_is_translated_with_all_that_covers_it() {
        let quote = |from: &str, port: u16| {
            let message = udp::Message {
                source_port: port,
                destination_port: 33_434,
                has_checksum: true,
                payload: b"probe",
            };
            let mut bytes = Vec::new();
            message.emit(ip(from), ip("198.51.100.2"), &mut bytes).expect("fits");
            datagram(from, "198.51.100.2", 17, &bytes)
        };
        let error = |quote: &[u8]| {
            let mut bytes = vec![11, 0, 0, 0, 0, 0, 0, 0];
            bytes.extend_from_slice(quote);
            icmp::fill_checksum(ip("192.0.2.9"), ip("203.0.113.5"), &mut bytes);
            datagram("192.0.2.9", "203.0.113.5", 1, &bytes)
        };
        for cut in [28, 25, 24, 33] {
            let mut bytes = error(&quote("203.0.113.5", 50_000)[..cut]);
            let expected = error(&quote("192.0.2.1", 4_000)[..cut]);
            let (layout, _) = read(&bytes, false).expect("a datagram");
            let end = End { address: ip("192.0.2.1").into(), port: 4_000 };
            assert_eq!(quoted(&bytes, &layout).is_some(), cut >= 24);
            rewrite_quote(&mut bytes, &layout, Side::Source, end, Quotes::Whole);
            assert_eq!(bytes, expected, "{cut}");
        }
    }
}
