//! Classic pcap: one link type for all packets, no interfaces (draft-ietf-opsawg-pcap).

use super::read::Order;
use super::{Packet, SNAPLEN_MAX};

/// Bytes of the file's header.
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes of a record's.
pub(super) const RECORD_BYTES: usize = 16;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// How a file's numbers are to be read, as its first four bytes say: the byte order, and how many
/// nanoseconds a unit of the fraction of a second is.
pub(super) fn magic(bytes: [u8; 4]) -> Option<(Order, u32)> {
    [Order::Little, Order::Big].into_iter().find_map(|order| {
        let unit_ns = match order.word(bytes) {
            MICROSECONDS => 1_000,
            NANOSECONDS => 1,
            _ => return None,
        };
        Some((order, unit_ns))
    })
}

/// Appends the header of a file whose times are in nanoseconds, little-endian. [`super::link`]
/// lists link types.
pub fn header(link: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&NANOSECONDS.to_le_bytes());
    out.extend_from_slice(&2_u16.to_le_bytes());
    out.extend_from_slice(&4_u16.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&SNAPLEN_MAX.to_le_bytes());
    out.extend_from_slice(&u32::from(link).to_le_bytes());
}

/// Appends a packet: its time (0 if it has none, and none after 2106), its length and its bytes, of
/// which more than [`SNAPLEN_MAX`] are left out.
pub fn packet(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let most_ns = i128::from(u32::MAX) * 1_000_000_000 + 999_999_999;
    let time_ns = packet.time_ns.unwrap_or(0).clamp(0, most_ns);
    let kept = packet.bytes.get(..SNAPLEN_MAX as usize).unwrap_or(packet.bytes);
    let there = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&((time_ns / 1_000_000_000) as u32).to_le_bytes());
    out.extend_from_slice(&((time_ns % 1_000_000_000) as u32).to_le_bytes());
    out.extend_from_slice(&(kept.len() as u32).to_le_bytes());
    out.extend_from_slice(&packet.original_bytes.max(there).to_le_bytes());
    out.extend_from_slice(kept);
}
