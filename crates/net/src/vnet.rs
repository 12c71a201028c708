//! What fast devices put in front of packets: struct virtio_net_hdr (linux/virtio_net.h), in this
//! machine's own byte order. What it does not say is as on a wire.

use wire::offload::{Shape, Sums};

/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 10;

/// A header as it stands before a packet.
pub(crate) type Header = [u8; HEADER_BYTES];

/// Flags: the checksum is partial; it is good.
const NEEDS_SUM: u8 = 1;
const SUM_VALID: u8 = 2;

/// What a packet that stands for many consists of; the last comes on top.
const TCP_V4: u8 = 1;
const TCP_V6: u8 = 4;
const UDP: u8 = 5;
const ECN: u8 = 0x80;

/// Where the checksum is in a TCP header.
const TCP_SUM_AT: u16 = 16;

/// Bytes of a UDP header.
const UDP_HEADER_BYTES: u16 = 8;

/// Reads a header.
pub(crate) fn read(header: &Header) -> Shape {
    let word = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let sums = match header[0] {
        flags if flags & NEEDS_SUM != 0 => {
            let from = word(6);
            Sums::Partial { from, at: from.saturating_add(word(8)) }
        }
        flags if flags & SUM_VALID != 0 => Sums::Good,
        _ => Sums::Unknown,
    };
    // The second byte says what it stands for: nothing, or segments of some kind.
    Shape { sums, segment_bytes: (header[1] != 0).then_some(word(4)) }
}

/// Writes the header of a packet.
pub(crate) fn write(packet: &[u8], shape: Shape) -> Header {
    let mut header = [0; HEADER_BYTES];
    let Sums::Partial { from, at } = shape.sums else {
        header[0] = if shape.sums == Sums::Good { SUM_VALID } else { 0 };
        return header;
    };
    let offset = at.saturating_sub(from);
    header[0] = NEEDS_SUM;
    let mut put = |at: usize, word: u16| header[at..at + 2].copy_from_slice(&word.to_ne_bytes());
    put(6, from);
    put(8, offset);
    let Some(segment_bytes) = shape.segment_bytes else { return header };
    let byte = |at: usize| packet.get(usize::from(from) + at).copied().unwrap_or_default();
    let is_tcp = offset == TCP_SUM_AT;
    let transport_bytes = if is_tcp { u16::from(byte(12) >> 4) * 4 } else { UDP_HEADER_BYTES };
    put(2, from.saturating_add(transport_bytes));
    put(4, segment_bytes);
    header[1] = match packet.first().map(|first| first >> 4) {
        _ if !is_tcp => UDP,
        Some(6) => TCP_V6,
        _ => TCP_V4,
    };
    if is_tcp && byte(13) & wire::tcp::flag::CWR as u8 != 0 {
        header[1] |= ECN;
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_was_written_is_read_again() {
        let mut packet = vec![0; 100];
        (packet[0], packet[20 + 12]) = (0x45, 0x80);
        let sums = [
            Sums::Unknown,
            Sums::Good,
            Sums::Partial { from: 20, at: 36 },
            Sums::Partial { from: 20, at: 26 },
        ];
        for sums in sums {
            let most = if sums.is_partial() { 2 } else { 1 };
            for segment_bytes in [None, Some(8)].into_iter().take(most) {
                let shape = Shape { sums, segment_bytes };
                assert_eq!(read(&write(&packet, shape)), shape);
            }
        }
        let shape = Shape { sums: sums[2], segment_bytes: Some(8) };
        let [flags, kind, headers @ ..] = write(&packet, shape);
        assert_eq!((flags, kind, &headers[..2]), (1, TCP_V4, &52_u16.to_ne_bytes()[..]));
        packet[20 + 13] = 0x80;
        assert_eq!(write(&packet, shape)[1], TCP_V4 | ECN);
        packet[0] = 0x60;
        assert_eq!(write(&packet, shape)[1], TCP_V6 | ECN);
    }

    #[test]
    fn any_header_is_read_and_any_packet_has_one() {
        for seed in 0..=u8::MAX {
            let header = std::array::from_fn(|at| seed.wrapping_mul(at as u8 * 2 + 1));
            let shape = read(&header);
            for packet in [&[][..], &[seed], &[seed; 60]] {
                write(packet, shape);
            }
        }
    }
}
