//! ICMP messages by meaning, the same for both families (RFC 792, RFC 4443).
//!
//! Errors stand in one table ([`NUMBERS`]), the types of queries in [`Message::numbers`]. The
//! families share most layouts but for the checksum, which in ICMPv6 covers a pseudo-header too
//! (RFC 4443 §2.3).

use crate::ip::protocol;
use crate::{Family, Malformed, array, be16, be32, checksum};
use std::net::{IpAddr, Ipv4Addr};

pub mod listener;
mod meaning;
pub mod neighbour;
pub mod node;
mod quoted;
pub mod router;

pub use meaning::{Meaning, NUMBERS, Numbers};
pub use quoted::{Quoted, Transport};

/// An ICMP error, with the start of the datagram that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error<'a> {
    /// What it says.
    pub meaning: Meaning,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// Bytes 4 to 7 of the message: MTU, pointer, gateway or unused, as the type has it.
    pub word: u32,
    /// Everything behind the 8-byte header: the quoted datagram, and extensions (RFC 4884) if any;
    /// in an ICMPv6 redirect the two addresses and options (RFC 4861 §4.5). [`Error::parse_quoted`]
    /// takes it apart.
    pub body: &'a [u8],
}

impl Error<'_> {
    /// The next-hop MTU of a "packet too big"; `None` if it is another error or a router before
    /// RFC 1191, which leaves it 0.
    pub fn mtu_bytes(&self) -> Option<u32> {
        let mtu = match (self.meaning, self.kind) {
            (Meaning::PacketTooBig, 3) => self.word & 0xffff,
            (Meaning::PacketTooBig, _) => self.word,
            _ => 0,
        };
        (mtu != 0).then_some(mtu)
    }

    /// The better first hop that a redirect names.
    pub fn gateway(&self) -> Option<IpAddr> {
        match self.kind {
            REDIRECT_V4 => Some(Ipv4Addr::from(self.word).into()),
            REDIRECT_V6 => Some(IpAddr::from(array::<16>(self.body, 0).ok()?)),
            _ => None,
        }
    }

    /// The destination that a redirect is about: stated in IPv6 (RFC 4861 §4.5), in IPv4 that of
    /// the quoted datagram (RFC 792).
    pub fn redirected(&self) -> Option<IpAddr> {
        match self.kind {
            REDIRECT_V4 => Some(self.parse_quoted().ok()?.datagram.destination),
            REDIRECT_V6 => Some(IpAddr::from(array::<16>(self.body, 16).ok()?)),
            _ => None,
        }
    }

    /// Where in the quoted datagram a parameter problem lies.
    pub fn pointer(&self) -> Option<u32> {
        match (self.meaning, self.kind) {
            (_, 12) => Some(self.word >> 24),
            (Meaning::HeaderField | Meaning::NextHeaderUnknown | Meaning::OptionUnknown, 4) => {
                Some(self.word)
            }
            _ => None,
        }
    }
}

const REDIRECT_V4: u8 = 5;
const REDIRECT_V6: u8 = 137;

/// An ICMP message of either family, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// Echo request: type 8, ICMPv6 128.
    EchoRequest(Echo<'a>),
    /// Echo reply: type 0, ICMPv6 129.
    EchoReply(Echo<'a>),
    /// Timestamp request: type 13, IPv4 only.
    TimestampRequest(Timestamp),
    /// Timestamp reply: type 14, IPv4 only.
    TimestampReply(Timestamp),
    /// Information request: type 15, IPv4 only, deprecated (RFC 6918). Carries no payload.
    InformationRequest(Echo<'a>),
    /// Information reply: type 16, likewise.
    InformationReply(Echo<'a>),
    /// Address mask request: type 17, IPv4 only, deprecated (RFC 6918).
    MaskRequest(Mask),
    /// Address mask reply: type 18, likewise.
    MaskReply(Mask),
    /// Who routes here? Type 10 (RFC 1256), ICMPv6 133 (RFC 4861 §4.1).
    RouterSolicitation {
        /// Neighbour discovery options: see [`neighbour::Options`]. IPv4 has none.
        options: &'a [u8],
    },
    /// A router offers itself: type 9 (RFC 1256), ICMPv6 134 (RFC 4861 §4.2).
    RouterAdvertisement(router::Advertisement<'a>),
    /// Who has this address? ICMPv6 135.
    NeighbourSolicitation(neighbour::Solicitation<'a>),
    /// Who has an address: ICMPv6 136.
    NeighbourAdvertisement(neighbour::Advertisement<'a>),
    /// Who listens to multicast? ICMPv6 130 of either version (RFC 2710, RFC 3810).
    ListenerQuery(listener::Query<'a>),
    /// Listens to a group: ICMPv6 131 (RFC 2710).
    ListenerReport(listener::Membership),
    /// Listens no more: ICMPv6 132 (RFC 2710).
    ListenerDone(listener::Membership),
    /// Listens to groups, by source: ICMPv6 143 (RFC 3810 §5.2).
    ListenerReports(listener::Reports<'a>),
    /// Asks a node for its names or addresses: ICMPv6 139 (RFC 4620).
    NodeQuery(node::Query<'a>),
    /// Names or addresses: ICMPv6 140 (RFC 4620).
    NodeReply(node::Reply<'a>),
    /// Asks after an interface: type 42, ICMPv6 160 (RFC 8335).
    ExtendedEchoRequest(ExtendedRequest<'a>),
    /// The state of an interface: type 43, ICMPv6 161 (RFC 8335).
    ExtendedEchoReply(ExtendedReply<'a>),
    /// Any error, redirects included.
    Error(Error<'a>),
    /// A message that this parser has no layout for.
    Other {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// Everything behind type, code and checksum.
        body: &'a [u8],
    },
}

/// The fields of an echo request or reply, RFC 792, RFC 4443 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Whose probe this is.
    pub identifier: u16,
    /// Which probe this is.
    pub sequence: u16,
    /// Data that the reply repeats.
    pub payload: &'a [u8],
}

/// The fields of a timestamp request or reply, RFC 792: milliseconds since midnight UTC, or with
/// the high bit set anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Whose probe this is.
    pub identifier: u16,
    /// Which probe this is.
    pub sequence: u16,
    /// When the sender sent the request.
    pub originate: u32,
    /// When the echoer received it.
    pub receive: u32,
    /// When the echoer sent the reply.
    pub transmit: u32,
}

/// IP protocol number of ICMP.
pub fn protocol(family: Family) -> u8 {
    match family {
        Family::V4 => protocol::ICMP,
        Family::V6 => protocol::ICMPV6,
    }
}

/// ICMP type of a router advertisement.
pub fn router_advertisement_type(family: Family) -> u8 {
    match family {
        Family::V4 => 9,
        Family::V6 => 134,
    }
}

/// ICMP type of an echo request.
pub fn echo_request_type(family: Family) -> u8 {
    match family {
        Family::V4 => 8,
        Family::V6 => 128,
    }
}

/// ICMP type of an echo reply.
pub fn echo_reply_type(family: Family) -> u8 {
    match family {
        Family::V4 => 0,
        Family::V6 => 129,
    }
}

/// The fields of an address mask request or reply, RFC 950 appendix I.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Whose probe this is.
    pub identifier: u16,
    /// Which probe this is.
    pub sequence: u16,
    /// The subnet mask; zero in a request.
    pub mask: Ipv4Addr,
}

/// The fields of an extended echo request, RFC 8335 §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedRequest<'a> {
    /// Whose probe this is.
    pub identifier: u16,
    /// Which probe this is.
    pub sequence: u8,
    /// Whether the interface is the proxy's own (L bit), not a neighbour's.
    pub is_local: bool,
    /// The extension structure that names the interface: see [`crate::ext::Structure`].
    pub extension: &'a [u8],
}

/// The fields of an extended echo reply, RFC 8335 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedReply<'a> {
    /// 0 no error, 1 malformed query, 2 no such interface, 3 no such table entry, 4 several
    /// interfaces fit.
    pub code: u8,
    /// Whose probe this answers.
    pub identifier: u16,
    /// Which probe this answers.
    pub sequence: u8,
    /// State of a neighbour's entry, 3 bits: 2 reachable, 3 stale, 4 delay, 5 probe, 6 failed.
    pub state: u8,
    /// Whether the interface is up.
    pub active: bool,
    /// Whether it speaks IPv4.
    pub ipv4: bool,
    /// Whether it speaks IPv6.
    pub ipv6: bool,
    /// What follows: nothing by the RFC; Linux repeats the extension of the request.
    pub rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// Parses a message from its type field on. The checksum is not checked: see [`verify`]. A code
    /// that the type does not define makes it [`Message::Other`].
    ///
    /// # Errors
    /// If the message is shorter than its type's fixed fields.
    pub fn parse(family: Family, bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let [kind, code]: [u8; 2] = array(bytes, 0)?;
        let body = after(bytes, 4)?;
        let is_error = match family {
            Family::V4 => matches!(kind, 3 | 4 | REDIRECT_V4 | 11 | 12),
            Family::V6 => kind < 128 || (kind, code) == (REDIRECT_V6, 0),
        };
        if is_error {
            if (family, kind) == (Family::V6, REDIRECT_V6) {
                after(bytes, 40)?;
            }
            let meaning = Meaning::of(family, kind, code);
            let word = be32(bytes, 4)?;
            return Ok(Message::Error(Error { meaning, kind, code, word, body: &bytes[8..] }));
        }
        let query = match family {
            Family::V4 => Message::parse_v4(kind, code, bytes)?,
            Family::V6 => Message::parse_v6(kind, code, bytes)?,
        };
        Ok(query.unwrap_or(Message::Other { kind, code, body }))
    }

    fn parse_v4(kind: u8, code: u8, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        Ok(Some(match (kind, code) {
            (0, 0) => Message::EchoReply(Echo::parse(bytes)?),
            (8, 0) => Message::EchoRequest(Echo::parse(bytes)?),
            (9, 0) => Message::RouterAdvertisement(router::Advertisement::parse_v4(bytes)?),
            (10, 0) => Message::RouterSolicitation { options: after(bytes, 8)? },
            (13, 0) => Message::TimestampRequest(Timestamp::parse(bytes)?),
            (14, 0) => Message::TimestampReply(Timestamp::parse(bytes)?),
            (15, 0) => Message::InformationRequest(Echo::parse(bytes)?),
            (16, 0) => Message::InformationReply(Echo::parse(bytes)?),
            (17, 0) => Message::MaskRequest(Mask::parse(bytes)?),
            (18, 0) => Message::MaskReply(Mask::parse(bytes)?),
            (42, 0) => Message::ExtendedEchoRequest(ExtendedRequest::parse(bytes)?),
            (43, _) => Message::ExtendedEchoReply(ExtendedReply::parse(bytes)?),
            _ => return Ok(None),
        }))
    }

    fn parse_v6(kind: u8, code: u8, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        Ok(Some(match (kind, code) {
            (128, 0) => Message::EchoRequest(Echo::parse(bytes)?),
            (129, 0) => Message::EchoReply(Echo::parse(bytes)?),
            (130, 0) => Message::ListenerQuery(listener::Query::parse(bytes)?),
            (131, 0) => Message::ListenerReport(listener::Membership::parse(bytes)?),
            (132, 0) => Message::ListenerDone(listener::Membership::parse(bytes)?),
            (133, 0) => Message::RouterSolicitation { options: after(bytes, 8)? },
            (134, 0) => Message::RouterAdvertisement(router::Advertisement::parse_v6(bytes)?),
            (135, 0) => Message::NeighbourSolicitation(neighbour::Solicitation::parse(bytes)?),
            (136, 0) => Message::NeighbourAdvertisement(neighbour::Advertisement::parse(bytes)?),
            (139, _) => Message::NodeQuery(node::Query::parse(bytes)?),
            (140, _) => Message::NodeReply(node::Reply::parse(bytes)?),
            (143, 0) => Message::ListenerReports(listener::Reports::parse(bytes)?),
            (160, 0) => Message::ExtendedEchoRequest(ExtendedRequest::parse(bytes)?),
            (161, _) => Message::ExtendedEchoReply(ExtendedReply::parse(bytes)?),
            _ => return Ok(None),
        }))
    }

    /// Type and code. A message that exists in one family only has that family's numbers in both.
    pub fn numbers(&self, family: Family) -> (u8, u8) {
        let by_family = |v4, v6| match family {
            Family::V4 => (v4, 0),
            Family::V6 => (v6, 0),
        };
        match self {
            Message::EchoRequest(_) => by_family(8, 128),
            Message::EchoReply(_) => by_family(0, 129),
            Message::TimestampRequest(_) => (13, 0),
            Message::TimestampReply(_) => (14, 0),
            Message::InformationRequest(_) => (15, 0),
            Message::InformationReply(_) => (16, 0),
            Message::MaskRequest(_) => (17, 0),
            Message::MaskReply(_) => (18, 0),
            Message::RouterSolicitation { .. } => by_family(10, 133),
            Message::RouterAdvertisement(_) => by_family(9, 134),
            Message::NeighbourSolicitation(_) => (135, 0),
            Message::NeighbourAdvertisement(_) => (136, 0),
            Message::ListenerQuery(_) => (130, 0),
            Message::ListenerReport(_) => (131, 0),
            Message::ListenerDone(_) => (132, 0),
            Message::ListenerReports(_) => (143, 0),
            Message::NodeQuery(query) => (139, query.subject_kind),
            Message::NodeReply(reply) => (140, reply.result),
            Message::ExtendedEchoRequest(_) => by_family(42, 160),
            Message::ExtendedEchoReply(reply) => (by_family(43, 161).0, reply.code),
            Message::Error(error) => (error.kind, error.code),
            Message::Other { kind, code, .. } => (*kind, *code),
        }
    }

    /// Appends the message to `out`, reserved fields 0. The checksum is complete in IPv4; in IPv6
    /// it is left 0 for [`fill_checksum`], because only the sender's stack knows the source
    /// address.
    pub fn emit(&self, family: Family, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, code) = self.numbers(family);
        out.extend_from_slice(&[kind, code, 0, 0]);
        match self {
            Message::EchoRequest(echo)
            | Message::EchoReply(echo)
            | Message::InformationRequest(echo)
            | Message::InformationReply(echo) => echo.emit(out),
            Message::TimestampRequest(stamp) | Message::TimestampReply(stamp) => stamp.emit(out),
            Message::MaskRequest(mask) | Message::MaskReply(mask) => mask.emit(out),
            Message::RouterSolicitation { options } => {
                out.extend_from_slice(&[0; 4]);
                out.extend_from_slice(options);
            }
            Message::RouterAdvertisement(advertisement) => advertisement.emit(out),
            Message::NeighbourSolicitation(solicitation) => solicitation.emit(out),
            Message::NeighbourAdvertisement(advertisement) => advertisement.emit(out),
            Message::ListenerQuery(query) => query.emit(out),
            Message::ListenerReport(group) | Message::ListenerDone(group) => group.emit(out),
            Message::ListenerReports(reports) => reports.emit(out),
            Message::NodeQuery(query) => query.emit(out),
            Message::NodeReply(reply) => reply.emit(out),
            Message::ExtendedEchoRequest(request) => request.emit(out),
            Message::ExtendedEchoReply(reply) => reply.emit(out),
            Message::Error(error) => {
                out.extend_from_slice(&error.word.to_be_bytes());
                out.extend_from_slice(error.body);
            }
            Message::Other { body, .. } => out.extend_from_slice(body),
        }
        if family == Family::V4 {
            let sum = checksum::of(&out[start..]);
            out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

impl<'a> Echo<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Echo<'a>, Malformed> {
        let identifier = be16(bytes, 4)?;
        let sequence = be16(bytes, 6)?;
        Ok(Echo { identifier, sequence, payload: &bytes[8..] })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.identifier.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

impl Timestamp {
    fn parse(bytes: &[u8]) -> Result<Timestamp, Malformed> {
        Ok(Timestamp {
            identifier: be16(bytes, 4)?,
            sequence: be16(bytes, 6)?,
            originate: be32(bytes, 8)?,
            receive: be32(bytes, 12)?,
            transmit: be32(bytes, 16)?,
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.identifier.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.originate.to_be_bytes());
        out.extend_from_slice(&self.receive.to_be_bytes());
        out.extend_from_slice(&self.transmit.to_be_bytes());
    }
}

impl Mask {
    fn parse(bytes: &[u8]) -> Result<Mask, Malformed> {
        Ok(Mask {
            identifier: be16(bytes, 4)?,
            sequence: be16(bytes, 6)?,
            mask: Ipv4Addr::from(be32(bytes, 8)?),
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.identifier.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.mask.octets());
    }
}

impl<'a> ExtendedRequest<'a> {
    fn parse(bytes: &'a [u8]) -> Result<ExtendedRequest<'a>, Malformed> {
        let [i0, i1, sequence, flags]: [u8; 4] = array(bytes, 4)?;
        let identifier = u16::from_be_bytes([i0, i1]);
        let extension = &bytes[8..];
        Ok(ExtendedRequest { identifier, sequence, is_local: flags & 1 != 0, extension })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.identifier.to_be_bytes());
        out.extend_from_slice(&[self.sequence, u8::from(self.is_local)]);
        out.extend_from_slice(self.extension);
    }
}

impl<'a> ExtendedReply<'a> {
    fn parse(bytes: &'a [u8]) -> Result<ExtendedReply<'a>, Malformed> {
        let [_, code, _, _, i0, i1, sequence, flags]: [u8; 8] = array(bytes, 0)?;
        Ok(ExtendedReply {
            code,
            identifier: u16::from_be_bytes([i0, i1]),
            sequence,
            state: flags >> 5,
            active: flags & 4 != 0,
            ipv4: flags & 2 != 0,
            ipv6: flags & 1 != 0,
            rest: &bytes[8..],
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let bits = u8::from(self.active) << 2 | u8::from(self.ipv4) << 1 | u8::from(self.ipv6);
        out.extend_from_slice(&self.identifier.to_be_bytes());
        out.extend_from_slice(&[self.sequence, self.state << 5 | bits]);
        out.extend_from_slice(self.rest);
    }
}

/// The bytes from `offset` on.
fn after(bytes: &[u8], offset: usize) -> Result<&[u8], Malformed> {
    bytes.get(offset..).ok_or(Malformed::Truncated { needed: offset, got: bytes.len() })
}

/// Writes the checksum of a whole ICMP message between two addresses into its bytes 2 and 3.
/// Messages under 4 bytes are left alone.
pub fn fill_checksum(source: IpAddr, destination: IpAddr, message: &mut [u8]) {
    if message.len() < 4 {
        return;
    }
    message[2..4].fill(0);
    let sum = sum(source, destination, message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// Whether the checksum of a whole ICMP message between two addresses is right.
pub fn verify(source: IpAddr, destination: IpAddr, message: &[u8]) -> bool {
    sum(source, destination, message).finish() == 0
}

fn sum(source: IpAddr, destination: IpAddr, message: &[u8]) -> checksum::Sum {
    match Family::of(source) {
        Family::V4 => checksum::Sum::new().bytes(message),
        Family::V6 => checksum::Sum::new()
            .pseudo_header(source, destination, crate::ip::protocol::ICMPV6, message.len())
            .bytes(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(family: Family, bytes: [u8; 8]) -> (Option<u32>, Option<u32>) {
        let Ok(Message::Error(error)) = Message::parse(family, &bytes) else {
            panic!("{bytes:?} is an error")
        };
        (error.mtu_bytes(), error.pointer())
    }

    #[test]
    fn the_second_word_is_read_as_the_type_has_it() {
        assert_eq!(error(Family::V4, [3, 4, 0, 0, 9, 9, 0xff, 0xff]), (Some(65_535), None));
        assert_eq!(error(Family::V4, [3, 4, 0, 0, 0, 0, 0, 0]), (None, None));
        assert_eq!(error(Family::V6, [2, 0, 0, 0, 0, 1, 0, 0]), (Some(65_536), None));
        assert_eq!(error(Family::V4, [12, 0, 0, 0, 20, 7, 0, 0]), (None, Some(20)));
        assert_eq!(error(Family::V6, [4, 2, 0, 0, 0, 0, 1, 0]), (None, Some(256)));
        // Type 4 of IPv4 is source quench, whose second word means nothing.
        assert_eq!(error(Family::V4, [4, 0, 0, 0, 0, 0, 1, 0]), (None, None));
        assert_eq!(error(Family::V6, [3, 0, 0, 0, 0, 0, 1, 0]), (None, None));
    }

    #[test]
    fn a_code_that_is_not_defined_makes_no_query() {
        for (family, kind) in [(Family::V4, 8), (Family::V4, 0), (Family::V6, 128)] {
            let bytes = [kind, 1, 0, 0, 0, 0, 0, 0];
            let parsed = Message::parse(family, &bytes);
            assert!(matches!(parsed, Ok(Message::Other { code: 1, .. })), "{parsed:?}");
        }
    }
}
