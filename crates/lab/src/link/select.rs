//! What a rule of a link is about: kinds of packets, told by their headers.

use wire::Family;
use wire::icmp::{self, Message};
use wire::ip::{Datagram, protocol};
use wire::tcp::{Segment, flag};

/// A kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    V4,
    V6,
    Icmp,
    /// An ICMP error, of either family.
    IcmpError,
    EchoRequest,
    EchoReply,
    Udp,
    Tcp,
    /// SYN without ACK.
    Syn,
    SynAck,
    /// A segment with data.
    TcpData,
    /// A segment with ACK and nothing else: no data, no SYN, FIN or RST.
    TcpAck,
    Fin,
    Rst,
    /// A piece of a datagram, the first or another.
    Fragment,
}

/// Their names in scenarios.
pub(crate) const NAMES: &[(&str, Selector)] = &[
    ("v4", Selector::V4),
    ("v6", Selector::V6),
    ("icmp", Selector::Icmp),
    ("icmp-error", Selector::IcmpError),
    ("echo-request", Selector::EchoRequest),
    ("echo-reply", Selector::EchoReply),
    ("udp", Selector::Udp),
    ("tcp", Selector::Tcp),
    ("syn", Selector::Syn),
    ("syn-ack", Selector::SynAck),
    ("tcp-data", Selector::TcpData),
    ("tcp-ack", Selector::TcpAck),
    ("fin", Selector::Fin),
    ("rst", Selector::Rst),
    ("fragment", Selector::Fragment),
];

impl Selector {
    /// Its name in scenarios.
    pub(crate) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, it)| *it == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether a packet is of the kind. What is no whole IP packet is of none. Of a datagram in
    /// pieces, the first alone has a transport header.
    pub(crate) fn takes(self, bytes: &[u8]) -> bool {
        let Ok(datagram) = Datagram::parse(bytes) else { return false };
        let family = datagram.family();
        let is_icmp = datagram.protocol == icmp::protocol(family);
        match self {
            Selector::V4 => bytes[0] >> 4 == 4,
            Selector::V6 => bytes[0] >> 4 == 6,
            Selector::Fragment => datagram.fragment.is_some(),
            Selector::Udp => datagram.protocol == protocol::UDP,
            Selector::Tcp => datagram.protocol == protocol::TCP,
            Selector::Icmp => is_icmp,
            Selector::IcmpError | Selector::EchoRequest | Selector::EchoReply => {
                is_icmp && self.takes_icmp(family, transport(&datagram))
            }
            _ => datagram.protocol == protocol::TCP && self.takes_tcp(&datagram),
        }
    }

    fn takes_icmp(self, family: Family, message: &[u8]) -> bool {
        let kind = message.first().copied();
        match self {
            Selector::IcmpError => matches!(Message::parse(family, message), Ok(Message::Error(_))),
            Selector::EchoRequest => kind == Some(icmp::echo_request_type(family)),
            _ => kind == Some(icmp::echo_reply_type(family)),
        }
    }

    fn takes_tcp(self, datagram: &Datagram<'_>) -> bool {
        let Ok(segment) = Segment::parse(transport(datagram)) else { return false };
        let (has, data) = (|bit| segment.flags & bit != 0, !segment.payload.is_empty());
        match self {
            Selector::Syn => has(flag::SYN) && !has(flag::ACK),
            Selector::SynAck => has(flag::SYN) && has(flag::ACK),
            Selector::TcpData => data,
            Selector::Fin => has(flag::FIN),
            Selector::Rst => has(flag::RST),
            _ => has(flag::ACK) && !data && !has(flag::SYN | flag::FIN | flag::RST),
        }
    }
}

/// What stands behind the IP header; nothing in a fragment but the first.
fn transport<'a>(datagram: &Datagram<'a>) -> &'a [u8] {
    if datagram.is_later_fragment() { &[] } else { datagram.payload }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use wire::ip::{Fragment, Header};

    fn names(bytes: &[u8]) -> Vec<&'static str> {
        let taken = NAMES.iter().filter(|(_, selector)| selector.takes(bytes));
        taken.map(|(name, _)| *name).collect()
    }

    fn packet(is_v6: bool, number: u8, fragment: Option<Fragment>, payload: &[u8]) -> Vec<u8> {
        let texts = if is_v6 { ["2001:db8::1", "2001:db8::2"] } else { ["192.0.2.1", "192.0.2.2"] };
        let [from, to]: [IpAddr; 2] = texts.map(|text| text.parse().expect("an address"));
        let mut bytes = Vec::new();
        let header = Header { fragment, ..Header::new(from, to, number) };
        header.emit(payload, &mut bytes).expect("fits");
        bytes
    }

    fn segment(flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 20];
        bytes[12..14].copy_from_slice(&(5 << 12 | flags).to_be_bytes());
        bytes.extend_from_slice(payload);
        packet(false, protocol::TCP, None, &bytes)
    }

    #[test]
    fn packets_are_of_their_kinds() {
        assert_eq!(names(&segment(flag::SYN, &[])), ["v4", "tcp", "syn"]);
        assert_eq!(names(&segment(flag::SYN | flag::ACK, &[])), ["v4", "tcp", "syn-ack"]);
        assert_eq!(names(&segment(flag::ACK, &[])), ["v4", "tcp", "tcp-ack"]);
        assert_eq!(names(&segment(flag::ACK | flag::PSH, b"x")), ["v4", "tcp", "tcp-data"]);
        let last = segment(flag::ACK | flag::FIN, b"x");
        assert_eq!(names(&last), ["v4", "tcp", "tcp-data", "fin"]);
        assert_eq!(names(&segment(flag::RST, &[])), ["v4", "tcp", "rst"]);
        let udp = packet(true, protocol::UDP, None, &[0; 8]);
        assert_eq!(names(&udp), ["v6", "udp"]);
        let echo = packet(true, protocol::ICMPV6, None, &[128, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(names(&echo), ["v6", "icmp", "echo-request"]);
        let error = packet(false, protocol::ICMP, None, &[11, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(names(&error), ["v4", "icmp", "icmp-error"]);
        let error = packet(true, protocol::ICMPV6, None, &[3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(names(&error), ["v6", "icmp", "icmp-error"]);
        let redirect = packet(true, protocol::ICMPV6, None, &[[137].as_slice(), &[0; 39]].concat());
        assert_eq!(names(&redirect), ["v6", "icmp", "icmp-error"]);
        let strange = packet(false, protocol::ICMPV6, None, &[128, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(names(&strange), ["v4"]);
        let reply = packet(false, protocol::ICMP, None, &[0; 8]);
        assert_eq!(names(&reply), ["v4", "icmp", "echo-reply"]);
    }

    #[test]
    fn a_later_fragment_has_no_header_to_look_at() {
        let at = |offset_bytes| Some(Fragment { identification: 1, offset_bytes, more: true });
        let first = packet(false, protocol::ICMP, at(0), &[8, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(names(&first), ["v4", "icmp", "echo-request", "fragment"]);
        let later = packet(false, protocol::ICMP, at(8), &[8, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(names(&later), ["v4", "icmp", "fragment"]);
        assert_eq!(names(&[0x45, 0]), Vec::<&str>::new());
        assert_eq!(names(&segment(flag::SYN, &[])[..30]), Vec::<&str>::new());
    }
}
