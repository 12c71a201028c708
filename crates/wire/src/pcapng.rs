//! Capture files: pcapng written and read, classic pcap read and written too.
//!
//! pcapng as draft-ietf-opsawg-pcapng lays it out, pcap as draft-ietf-opsawg-pcap does. A
//! [`Writer`] appends to bytes, a [`Reader`] is pushed bytes as they come. Left out: name
//! resolution, decryption secrets, custom and statistics blocks, which are skipped when read.

use std::fmt;

pub mod classic;
mod read;
mod write;

pub use read::{Reader, Record};
pub use write::{Statistics, Writer};

/// Link types: what the bytes of a packet begin with (draft-ietf-opsawg-pcaplinktype).
pub mod link {
    /// A word in the capturing host's byte order that tells the family, then IP: BSD loopback.
    pub const NULL: u16 = 0;
    /// Ethernet.
    pub const ETHERNET: u16 = 1;
    /// IP of either version; the number of old files.
    pub const RAW_OLD: u16 = 12;
    /// IP of either version.
    pub const RAW: u16 = 101;
    /// Linux "cooked": 16 bytes in place of any link header.
    pub const LINUX_SLL: u16 = 113;
    /// IPv4.
    pub const IPV4: u16 = 228;
    /// IPv6.
    pub const IPV6: u16 = 229;
    /// Linux "cooked", second version: 20 bytes, with the interface.
    pub const LINUX_SLL2: u16 = 276;
}

/// The most bytes of one packet that are written, and what "all of it" is in a header.
pub const SNAPLEN_MAX: u32 = 262_144;

/// The longest block or record that is read: more than any packet with its comments needs. A file
/// that states more is refused before anything is set aside for it.
pub const BLOCK_MAX_BYTES: u32 = 1 << 20;

/// Interfaces of a section, at most.
pub const INTERFACES_MAX: usize = 65_536;

/// Which way a packet went, as seen from the interface (epb_flags, bits 0 and 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Nobody noted it.
    #[default]
    Unknown,
    /// Towards this host.
    Inbound,
    /// From this host.
    Outbound,
}

/// A packet in a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Which interface saw it: its number within the section, from 0.
    pub interface: u32,
    /// When, in nanoseconds since 1970-01-01 UTC; `None` where a file does not say. Written within
    /// 0 to 2^64 - 1.
    pub time_ns: Option<i128>,
    /// Which way.
    pub direction: Direction,
    /// The first comment on it, UTF-8 if its writer kept the rules. At most 65,532 bytes are
    /// written.
    pub comment: Option<&'a [u8]>,
    /// How long it was on the wire; never less than what is there.
    pub original_bytes: u32,
    /// What was kept of it, from the link header on.
    pub bytes: &'a [u8],
}

/// An interface of a capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What its packets begin with: see [`link`].
    pub link: u16,
    /// The most bytes that were kept of a packet; 0 for all.
    pub snaplen: u32,
    /// Its name, at most 255 bytes.
    pub name: Option<String>,
    /// What it is, likewise.
    pub description: Option<String>,
}

/// Why a capture file cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where the block or record begins, in bytes from the file's start.
    pub at: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a block or record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The file begins like neither pcapng nor pcap.
    Magic([u8; 4]),
    /// A version that nobody has defined yet: major, minor.
    Version(u16, u16),
    /// The file ends inside it.
    Truncated {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that were there.
        got: u64,
    },
    /// A length that is impossible.
    Length(u32),
    /// A length beyond [`BLOCK_MAX_BYTES`].
    TooLong(u32),
    /// The length at a block's end is not that at its beginning.
    Trailer(u32),
    /// A packet of an interface that is not described.
    Interface(u32),
    /// More interfaces than [`INTERFACES_MAX`].
    TooManyInterfaces,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.at)?;
        match self.why {
            Why::Magic([a, b, c, d]) => {
                write!(f, "{a:02x} {b:02x} {c:02x} {d:02x} begins no pcap or pcapng file")
            }
            Why::Version(major, minor) => write!(f, "version {major}.{minor} is not known"),
            Why::Truncated { needed, got } => {
                write!(f, "the file is cut: {needed} bytes needed, {got} there")
            }
            Why::Length(bytes) => write!(f, "a length of {bytes} bytes is impossible"),
            Why::TooLong(bytes) => {
                write!(f, "a length of {bytes} bytes is more than the {BLOCK_MAX_BYTES} allowed")
            }
            Why::Trailer(bytes) => {
                write!(f, "the block ends with another length than it began with, {bytes}")
            }
            Why::Interface(index) => write!(f, "interface {index} is not described"),
            Why::TooManyInterfaces => f.write_str("there are too many interfaces"),
        }
    }
}

impl std::error::Error for Broken {}

/// Block types and option codes of pcapng.
mod code {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    /// Obsolete, but files have it.
    pub(super) const OLD_PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const STATISTICS: u32 = 5;
    pub(super) const PACKET: u32 = 6;

    pub(super) const ORDER: u32 = 0x1a2b_3c4d;

    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const SHB_USERAPPL: u16 = 4;
    pub(super) const IF_NAME: u16 = 2;
    pub(super) const IF_DESCRIPTION: u16 = 3;
    pub(super) const IF_TSRESOL: u16 = 9;
    pub(super) const IF_TSOFFSET: u16 = 14;
    pub(super) const EPB_FLAGS: u16 = 2;
    pub(super) const ISB_IFRECV: u16 = 4;
    pub(super) const ISB_IFDROP: u16 = 5;
}
