//! What ICMP errors say, and the numbers with which each family says it.

use crate::Family;

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

/// A meaning, then its type and code in IPv4, then in IPv6.
pub type Numbers = (Meaning, Option<(u8, u8)>, Option<(u8, u8)>);

/// Every meaning that has a number: RFC 792, 1122 §3.2.2.1, 1812 §5.2.7, 4443 §3, 4861 §4.5.
pub const NUMBERS: &[Numbers] = &[
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
    /// Whether it is advice for what is sent later, and the datagram may have gone on: redirects
    /// and source quench.
    pub fn is_advice(self) -> bool {
        matches!(
            self,
            Meaning::SourceQuench
                | Meaning::RedirectNetwork
                | Meaning::RedirectHost
                | Meaning::RedirectNetworkForService
                | Meaning::RedirectHostForService
        )
    }

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
