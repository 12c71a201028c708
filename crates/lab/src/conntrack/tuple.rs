//! What names a connection in one direction: addresses, protocol, and ports or what stands for
//! them; and where a datagram keeps that.

use crate::rules;
use std::net::IpAddr;
use wire::Family;
use wire::ip::{Outline, protocol};

/// An address of either family; which one is said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Address([u64; 2]);

impl Address {
    pub(crate) fn ip(self, family: Family) -> IpAddr {
        match rules::of(family).address_bits {
            32 => IpAddr::from((self.number() as u32).to_be_bytes()),
            _ => IpAddr::from(self.octets()),
        }
    }

    /// Its bytes, at the end of sixteen.
    pub(crate) fn octets(self) -> [u8; 16] {
        self.number().to_be_bytes()
    }

    fn number(self) -> u128 {
        u128::from(self.0[0]) << 64 | u128::from(self.0[1])
    }

    pub(crate) fn words(self) -> [u64; 2] {
        self.0
    }
}

impl From<u128> for Address {
    fn from(number: u128) -> Address {
        Address([(number >> 64) as u64, number as u64])
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Address {
        match ip {
            IpAddr::V4(ip) => u128::from(u32::from(ip)).into(),
            IpAddr::V6(ip) => u128::from(ip).into(),
        }
    }
}

/// One end of a connection: an address, and a port or an ICMP query's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct End {
    pub(crate) address: Address,
    pub(crate) port: u16,
}

/// A connection in one direction. ICMP queries have their identifier for the source's port, and
/// type and code for the destination's; what has no ports has 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    source: Address,
    destination: Address,
    source_port: u16,
    destination_port: u16,
    pub(crate) protocol: u8,
    pub(crate) family: Family,
}

impl Tuple {
    pub(crate) fn new(family: Family, protocol: u8, source: End, destination: End) -> Tuple {
        Tuple {
            source: source.address,
            destination: destination.address,
            source_port: source.port,
            destination_port: destination.port,
            protocol,
            family,
        }
    }

    pub(crate) fn source(&self) -> End {
        End { address: self.source, port: self.source_port }
    }

    pub(crate) fn destination(&self) -> End {
        End { address: self.destination, port: self.destination_port }
    }

    /// The same towards another destination; an ICMP query keeps what it asks.
    pub(crate) fn to(self, destination: End) -> Tuple {
        let port = if self.is_query() { self.destination_port } else { destination.port };
        Tuple { destination: destination.address, destination_port: port, ..self }
    }

    /// The same from another source.
    pub(crate) fn from(self, source: End) -> Tuple {
        Tuple { source: source.address, source_port: source.port, ..self }
    }

    /// Whether it is one of ICMP queries, whose identifier is at both ends.
    pub(crate) fn is_query(&self) -> bool {
        self.protocol == rules::of(self.family).icmp
    }

    /// Whether ports, or an identifier, tell connections apart.
    pub(crate) fn has_ports(&self) -> bool {
        self.is_query() || carries_ports(self.protocol)
    }

    /// The type of an ICMP query.
    pub(crate) fn kind(&self) -> u8 {
        (self.destination_port >> 8) as u8
    }

    /// What answers it; `None` if nothing can: an ICMP message that is no query.
    pub(crate) fn invert(&self) -> Option<Tuple> {
        let (source_port, destination_port) = if self.is_query() {
            let kind = answer_to(self.family, self.kind())?;
            let code = self.destination_port & 0xff;
            (self.source_port, u16::from(kind) << 8 | code)
        } else {
            (self.destination_port, self.source_port)
        };
        let (source, destination) = (self.destination, self.source);
        Some(Tuple { source, destination, source_port, destination_port, ..*self })
    }

    /// Whether the source, or the destination, is another than `reply`, which answers it, says; an
    /// ICMP query's identifier counts as the source's.
    pub(crate) fn is_renamed_in(&self, reply: &Tuple, is_source: bool) -> bool {
        match (is_source, self.is_query()) {
            (true, false) => self.source() != reply.destination(),
            (false, false) => self.destination() != reply.source(),
            (true, true) => {
                self.source != reply.destination || self.source_port != reply.source_port
            }
            (false, true) => self.destination != reply.source,
        }
    }

    /// Protocol and source alone.
    pub(crate) fn source_alone(self) -> Tuple {
        Tuple { destination: Address::default(), destination_port: 0, ..self }
    }

    /// Without the port that a packet comes from, and without what an ICMP query asks.
    pub(crate) fn without_peer_port(self) -> Tuple {
        match self.is_query() {
            true => Tuple { destination_port: 0, ..self },
            false => Tuple { source_port: 0, ..self },
        }
    }

    /// The end that a packet goes to; of an ICMP query, address and identifier.
    pub(crate) fn target(&self) -> End {
        let port = if self.is_query() { self.source_port } else { self.destination_port };
        End { address: self.destination, port }
    }

    /// All of it as words, for hashing; how many depends on the family alone.
    pub(crate) fn words(&self) -> ([u64; 4], u64) {
        let Tuple { source: Address([a, b]), destination: Address([c, d]), .. } = *self;
        ([a, b, c, d], self.port_word())
    }

    fn port_word(&self) -> u64 {
        let ports = u64::from(self.source_port) << 16 | u64::from(self.destination_port);
        ports | u64::from(self.protocol) << 32 | (self.family as u64) << 40
    }

    /// The source's address.
    pub fn source_ip(&self) -> IpAddr {
        self.source.ip(self.family)
    }

    /// The destination's address.
    pub fn destination_ip(&self) -> IpAddr {
        self.destination.ip(self.family)
    }

    /// Source and destination port; of an ICMP query the identifier, and 256 times type plus code.
    pub fn ports(&self) -> (u16, u16) {
        (self.source_port, self.destination_port)
    }

    /// The number of the protocol.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }
}

/// The protocols whose header begins with two ports.
pub(crate) fn carries_ports(number: u8) -> bool {
    matches!(
        number,
        protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::SCTP | protocol::DCCP
    )
}

/// The type of the answer to a query, or of the query to an answer.
fn answer_to(family: Family, kind: u8) -> Option<u8> {
    let pairs = rules::of(family).queries;
    pairs.iter().find_map(|&(query, answer)| match kind {
        _ if kind == query => Some(answer),
        _ if kind == answer => Some(query),
        _ => None,
    })
}

/// Whether a type is a query's, which may begin a connection.
pub(crate) fn is_query_type(family: Family, kind: u8) -> bool {
    rules::of(family).queries.iter().any(|(query, _)| *query == kind)
}

/// A datagram's names and where they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) family: Family,
    pub(crate) protocol: u8,
    /// Where the transport header begins.
    pub(crate) transport_at: usize,
    /// Where the datagram ends, as its header says.
    pub(crate) end: usize,
    pub(crate) is_fragment: bool,
    /// Whether the transport checksum is still to be computed: see [`wire::offload::Sums`].
    pub(crate) is_partial: bool,
}

/// What a datagram's transport header is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried {
    /// Something that has a tuple.
    Tuple(Tuple),
    /// An ICMP message that is neither query nor answer, by its type.
    Message(u8),
    /// Cut before anything could be told.
    Cut,
}

/// Takes a datagram apart as far as tracking needs it; `None` if it is none.
pub(crate) fn read(bytes: &[u8], is_quoted: bool) -> Option<(Layout, Carried)> {
    let outline = Outline::parse(bytes).ok().filter(|it| is_quoted || it.is_whole(bytes))?;
    let layout = Layout {
        family: outline.family,
        protocol: outline.protocol,
        transport_at: outline.payload_at,
        end: outline.total_bytes,
        is_fragment: outline.fragment.is_some(),
        is_partial: false,
    };
    Some((layout, carried(&outline, outline.payload(bytes))))
}

#[inline]
fn carried(outline: &Outline, payload: &[u8]) -> Carried {
    let Outline { family, protocol, .. } = *outline;
    let tuple = |source, destination| {
        let source = End { address: outline.source.into(), port: source };
        let destination = End { address: outline.destination.into(), port: destination };
        Carried::Tuple(Tuple::new(family, protocol, source, destination))
    };
    let is_icmp = protocol == rules::of(family).icmp;
    if outline.is_later_fragment() {
        return Carried::Cut;
    }
    match *payload {
        [kind, code, _, _, i0, i1, _, _, ..] if is_icmp => match answer_to(family, kind) {
            Some(_) => tuple(u16::from_be_bytes([i0, i1]), u16::from_be_bytes([kind, code])),
            None => Carried::Message(kind),
        },
        _ if is_icmp => Carried::Cut,
        [s0, s1, d0, d1, ..] if carries_ports(protocol) => {
            tuple(u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]))
        }
        _ if carries_ports(protocol) => Carried::Cut,
        _ => tuple(0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ip::Header;

    fn tuple(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Carried {
        let [from, to]: [IpAddr; 2] = [from, to].map(|a| a.parse().expect("an address"));
        let mut bytes = Vec::new();
        Header::new(from, to, protocol).emit(payload, &mut bytes).expect("fits");
        read(&bytes, false).expect("a datagram").1
    }

    #[test]
    fn inverting_twice_changes_nothing() {
        let families = [("192.0.2.1", "198.51.100.2", 1), ("2001:db8::1", "2001:db8::2", 58)];
        for (from, to, icmp) in families {
            let echo = if icmp == 1 { 8 } else { 128 };
            for (protocol, payload) in
                [(6, [0, 1, 2, 3, 4, 5, 6, 7]), (47, [0; 8]), (icmp, [echo, 0, 0, 0, 7, 8, 0, 1])]
            {
                let Carried::Tuple(tuple) = tuple(from, to, protocol, &payload) else {
                    panic!("{protocol} has a tuple")
                };
                let inverse = tuple.invert().expect("it has an answer");
                assert_ne!(inverse, tuple);
                assert_eq!(inverse.invert(), Some(tuple));
                assert_eq!(tuple.source_ip().to_string(), from);
                assert_eq!(inverse.source_ip().to_string(), to);
            }
            assert!(matches!(tuple(from, to, 17, &[0, 1, 2]), Carried::Cut));
            assert!(matches!(tuple(from, to, icmp, &[3; 8]), Carried::Message(3)));
        }
    }

    #[test]
    fn a_tuple_is_forty_bytes() {
        assert_eq!(size_of::<Tuple>(), 40);
    }
}
