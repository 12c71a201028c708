//! Bytes to values and back: IP, ICMP, UDP, TCP, ARP, DNS and NTP as they stand on the wire.
//!
//! Parsing borrows from the input and allocates nothing; no function panics on any input. This
//! crate knows no clock, socket, file or thread.

use core::fmt;

pub mod arp;
pub mod bpf;
pub mod catalogue;
pub mod checksum;
pub mod dns;
pub mod dump;
pub mod ext;
pub mod filter;
pub mod icmp;
pub mod ip;
pub mod link;
pub mod ntp;
pub mod offload;
pub mod pcapng;
pub mod prefix;
pub mod sight;
pub mod tcp;
pub mod text;
pub mod tftp;
pub mod udp;

/// IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4, RFC 791.
    V4,
    /// IPv6, RFC 8200.
    V6,
}

impl Family {
    /// Both, in the order in which they are shown.
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// The family of an address.
    pub fn of(address: std::net::IpAddr) -> Family {
        match address {
            std::net::IpAddr::V4(_) => Family::V4,
            std::net::IpAddr::V6(_) => Family::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the format needs.
    Truncated {
        /// Bytes that the format needs.
        needed: usize,
        /// Bytes that were there.
        got: usize,
    },
    /// An IP version other than the one expected.
    Version(u8),
    /// A header length field that contradicts the format or the packet.
    HeaderLength(usize),
    /// A total or payload length field that contradicts the packet.
    TotalLength(usize),
    /// A checksum that does not verify.
    Checksum,
    /// An option or extension object with an impossible length, at this byte offset.
    Option(usize),
    /// A value that the format forbids, at this byte offset.
    Value(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Malformed::Truncated { needed, got } => {
                write!(f, "truncated: {needed} bytes needed, {got} there")
            }
            Malformed::Version(v) => write!(f, "unexpected IP version {v}"),
            Malformed::HeaderLength(n) => write!(f, "impossible header length {n}"),
            Malformed::TotalLength(n) => write!(f, "impossible total length {n}"),
            Malformed::Checksum => f.write_str("bad checksum"),
            Malformed::Option(at) => write!(f, "impossible option at byte {at}"),
            Malformed::Value(at) => write!(f, "forbidden value at byte {at}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// The first `N` bytes at `offset`, or how many are missing.
pub(crate) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], Malformed> {
    let needed = offset.saturating_add(N);
    bytes
        .get(offset..needed)
        .and_then(|slice| slice.try_into().ok())
        .ok_or(Malformed::Truncated { needed, got: bytes.len() })
}

/// The big-endian 16-bit number at `offset`.
pub(crate) fn be16(bytes: &[u8], offset: usize) -> Result<u16, Malformed> {
    array(bytes, offset).map(u16::from_be_bytes)
}

/// The big-endian 32-bit number at `offset`.
pub(crate) fn be32(bytes: &[u8], offset: usize) -> Result<u32, Malformed> {
    array(bytes, offset).map(u32::from_be_bytes)
}
