//! What one test of a filter looks at.

use crate::Family;
use std::net::IpAddr;

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    /// What the link header says that follows.
    EtherType(u16),
    /// IP of a family, or either, with that protocol.
    Protocol { family: Option<Family>, number: u8 },
    /// An address in a network, of IP or ARP.
    Net { scope: Scope, end: End, network: IpAddr, bits: u8 },
    /// An Ethernet address.
    Ether { end: End, address: [u8; 6] },
    /// A port, both included.
    Ports { transport: Option<u8>, family: Option<Family>, end: End, first: u16, last: u16 },
    /// Length on the wire.
    Length { relation: Relation, bytes: u32 },
    /// To all, or to a group, on the link.
    EtherGroup { to_all: bool },
    /// To a group, of IP.
    Group(Family),
    /// Bytes of a header.
    Bytes { header: Layer, at: u32, size: u8, mask: Option<u32>, relation: Relation, value: u32 },
}

/// Which protocol's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// IP, ARP and reverse ARP.
    Any,
    /// IP alone.
    Ip,
    /// ARP alone.
    Arp,
}

/// Which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// One of them at least.
    #[default]
    Either,
    /// Both of them.
    Both,
    Source,
    Destination,
}

/// How two numbers stand to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

/// A header whose bytes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Ether,
    Arp,
    /// IP of a family.
    Ip(Family),
    /// What IP of a family carries, unless it is a later fragment: a protocol number.
    Above(Family, u8),
}
