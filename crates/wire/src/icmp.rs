//! ICMP messages by meaning, the same for both families (RFC 792, RFC 4443).
//!
//! Numbers that differ between the families stand in one table ([`NUMBERS`]); layouts do not differ
//! but for the checksum, which in ICMPv6 covers a pseudo-header too (RFC 4443 §2.3).

use crate::{Family, Malformed, array, be16, be32, checksum};
use std::net::IpAddr;

/// What an ICMP error says, whatever the family that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// No route to the network.
    NetworkUnreachable,
    /// The last router cannot reach the host.
    HostUnreachable,
    /// The host does not speak the protocol.
    ProtocolUnreachable,
    /// Nobody listens on the port.
    PortUnreachable,
    /// The datagram is larger than the next link takes.
    PacketTooBig,
    /// The source route cannot be followed.
    SourceRouteFailed,
    /// The destination network does not exist.
    NetworkUnknown,
    /// The destination host does not exist.
    HostUnknown,
    /// The source is isolated (obsolete).
    SourceIsolated,
    /// Policy forbids the network.
    NetworkProhibited,
    /// Policy forbids the host.
    HostProhibited,
    /// The network is not reachable for this type of service.
    NetworkUnreachableForService,
    /// The host is not reachable for this type of service.
    HostUnreachableForService,
    /// A filter forbids the packet.
    CommunicationProhibited,
    /// Host precedence violation (RFC 1812 §5.2.7.1).
    PrecedenceViolation,
    /// Precedence cutoff in effect (RFC 1812 §5.2.7.1).
    PrecedenceCutoff,
    /// Destination beyond the scope of the source address (ICMPv6).
    BeyondScope,
    /// The source address failed ingress or egress policy (ICMPv6).
    SourceAddressFailedPolicy,
    /// The route to the destination rejects (ICMPv6).
    RejectRoute,
    /// Error in a source routing header (ICMPv6).
    SourceRoutingHeader,
    /// Source quench (deprecated, RFC 6633).
    SourceQuench,
    /// A better first hop for the network.
    RedirectNetwork,
    /// A better first hop for the host.
    RedirectHost,
    /// A better first hop for the network and service.
    RedirectNetworkForService,
    /// A better first hop for the host and service.
    RedirectHostForService,
    /// The hop limit ran out on the way.
    HopLimitExceeded,
    /// Fragments were missing when reassembly timed out.
    ReassemblyTimeExceeded,
    /// A header field is wrong; the pointer says where.
    HeaderField,
    /// A required option is missing (IPv4, RFC 1108).
    OptionMissing,
    /// A length is wrong (IPv4).
    BadLength,
    /// An unrecognised next header (ICMPv6).
    NextHeaderUnknown,
    /// An unrecognised IPv6 option (ICMPv6).
    OptionUnknown,
    /// An error type or code without a name here.
    Unnamed,
}

/// Meaning, then type and code in IPv4, then in IPv6: RFC 792, 1122 §3.2.2.1, 1812 §5.2.7, 4443 §3, 4861 §4.5.
pub const NUMBERS: &[(Meaning, Option<(u8, u8)>, Option<(u8, u8)>)] = &[
    (Meaning::NetworkUnreachable, Some((3, 0)), Some((1, 0))),
    (Meaning::HostUnreachable, Some((3, 1)), Some((1, 3))),
    (Meaning::ProtocolUnreachable, Some((3, 2)), None),
    (Meaning::PortUnreachable, Some((3, 3)), Some((1, 4))),
    (Meaning::PacketTooBig, Some((3, 4)), Some((2, 0))),
    (Meaning::SourceRouteFailed, Some((3, 5)), None),
    (Meaning::NetworkUnknown, Some((3, 6)), None),
    (Meaning::HostUnknown, Some((3, 7)), None),
    (Meaning::SourceIsolated, Some((3, 8)), None),
    (Meaning::NetworkProhibited, Some((3, 9)), None),
    (Meaning::HostProhibited, Some((3, 10)), None),
    (Meaning::NetworkUnreachableForService, Some((3, 11)), None),
    (Meaning::HostUnreachableForService, Some((3, 12)), None),
    (Meaning::CommunicationProhibited, Some((3, 13)), Some((1, 1))),
    (Meaning::PrecedenceViolation, Some((3, 14)), None),
    (Meaning::PrecedenceCutoff, Some((3, 15)), None),
    (Meaning::BeyondScope, None, Some((1, 2))),
    (Meaning::SourceAddressFailedPolicy, None, Some((1, 5))),
    (Meaning::RejectRoute, None, Some((1, 6))),
    (Meaning::SourceRoutingHeader, None, Some((1, 7))),
    (Meaning::SourceQuench, Some((4, 0)), None),
    (Meaning::RedirectNetwork, Some((5, 0)), None),
    (Meaning::RedirectHost, Some((5, 1)), Some((137, 0))),
    (Meaning::RedirectNetworkForService, Some((5, 2)), None),
    (Meaning::RedirectHostForService, Some((5, 3)), None),
    (Meaning::HopLimitExceeded, Some((11, 0)), Some((3, 0))),
    (Meaning::ReassemblyTimeExceeded, Some((11, 1)), Some((3, 1))),
    (Meaning::HeaderField, Some((12, 0)), Some((4, 0))),
    (Meaning::OptionMissing, Some((12, 1)), None),
    (Meaning::BadLength, Some((12, 2)), None),
    (Meaning::NextHeaderUnknown, None, Some((4, 1))),
    (Meaning::OptionUnknown, None, Some((4, 2))),
];

impl Meaning {
    /// The meaning of a type and code; [`Meaning::Unnamed`] if the table has none.
    pub fn of(family: Family, kind: u8, code: u8) -> Meaning {
        let row = NUMBERS.iter().find(|(_, v4, v6)| match family {
            Family::V4 => *v4 == Some((kind, code)),
            Family::V6 => *v6 == Some((kind, code)),
        });
        row.map_or(Meaning::Unnamed, |(meaning, _, _)| *meaning)
    }

    /// Type and code in a family; `None` if that family cannot say it.
    pub fn numbers(self, family: Family) -> Option<(u8, u8)> {
        let (_, v4, v6) = NUMBERS.iter().find(|(meaning, _, _)| *meaning == self)?;
        match family {
            Family::V4 => *v4,
            Family::V6 => *v6,
        }
    }
}

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
    /// Everything behind the 8-byte header: the quoted datagram, and extensions (RFC 4884) if any.
    /// [`crate::ip::Datagram::parse_quoted`] reads its start.
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
}

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
    /// Any error.
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

/// The fields of a timestamp request or reply, RFC 792: milliseconds since midnight UTC, or with the
/// high bit set anything else.
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

impl<'a> Message<'a> {
    /// Parses a message from its type field on. The checksum is not checked: see [`verify`].
    ///
    /// # Errors
    /// If the message is shorter than its type's fixed fields.
    pub fn parse(family: Family, bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let [kind, code]: [u8; 2] = array(bytes, 0)?;
        let body = bytes.get(4..).ok_or(Malformed::Truncated { needed: 4, got: bytes.len() })?;
        let is_error = match family {
            Family::V4 => matches!(kind, 3 | 4 | 5 | 11 | 12),
            Family::V6 => kind < 128,
        };
        if is_error {
            let word = be32(bytes, 4)?;
            let meaning = Meaning::of(family, kind, code);
            return Ok(Message::Error(Error { meaning, kind, code, word, body: &bytes[8..] }));
        }
        if kind == echo_request_type(family) && code == 0 {
            return Ok(Message::EchoRequest(Echo::parse(bytes)?));
        }
        if kind == echo_reply_type(family) && code == 0 {
            return Ok(Message::EchoReply(Echo::parse(bytes)?));
        }
        match (family, kind, code) {
            (Family::V4, 13, 0) => Ok(Message::TimestampRequest(Timestamp::parse(bytes)?)),
            (Family::V4, 14, 0) => Ok(Message::TimestampReply(Timestamp::parse(bytes)?)),
            _ => Ok(Message::Other { kind, code, body }),
        }
    }

    /// Appends the message to `out`. The checksum is complete in IPv4; in IPv6 it is left 0 for
    /// [`fill_checksum`], because only the sender's stack knows the source address.
    pub fn emit(&self, family: Family, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Message::EchoRequest(echo) => {
                out.extend_from_slice(&[echo_request_type(family), 0, 0, 0]);
                echo.emit(out);
            }
            Message::EchoReply(echo) => {
                out.extend_from_slice(&[echo_reply_type(family), 0, 0, 0]);
                echo.emit(out);
            }
            Message::TimestampRequest(stamp) => {
                out.extend_from_slice(&[13, 0, 0, 0]);
                stamp.emit(out);
            }
            Message::TimestampReply(stamp) => {
                out.extend_from_slice(&[14, 0, 0, 0]);
                stamp.emit(out);
            }
            Message::Error(error) => {
                out.extend_from_slice(&[error.kind, error.code, 0, 0]);
                out.extend_from_slice(&error.word.to_be_bytes());
                out.extend_from_slice(error.body);
            }
            Message::Other { kind, code, body } => {
                out.extend_from_slice(&[*kind, *code, 0, 0]);
                out.extend_from_slice(body);
            }
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
