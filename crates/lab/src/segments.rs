//! Packets as devices hand them over that leave work to others (virtio_net_hdr): one may stand for
//! many, and a checksum may be only begun. They are cut and completed here, exactly as Linux does
//! (tcp_gso_segment, __udp_gso_segment, inet_gso_segment, skb_checksum_help).

use crate::packet;
use crate::rules::{self, Rules};
use wire::checksum::Sum;
use wire::ip::{Datagram, protocol};
use wire::offload::{Shape, Sums};
use wire::tcp::flag;

/// A packet between nodes. It is as it is on a wire, or else a whole datagram of TCP or UDP, no
/// fragment, whose checksum is partial; such a one may stand for many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    shape: Shape,
}

impl From<Vec<u8>> for Packet {
    fn from(bytes: Vec<u8>) -> Packet {
        Packet { bytes, shape: Shape::PLAIN }
    }
}

/// Where a datagram of TCP or UDP keeps what differs between segments.
#[derive(Clone, Copy, Debug)]
struct Layout {
    rules: &'static Rules,
    is_tcp: bool,
    /// Where the transport header begins, and what it carries.
    transport_at: usize,
    payload_at: usize,
}

impl Layout {
    /// Of a whole datagram, and nothing else.
    fn of(bytes: &[u8]) -> Option<Layout> {
        let datagram = Datagram::parse(bytes).ok()?;
        if datagram.total_bytes != bytes.len() || datagram.fragment.is_some() {
            return None;
        }
        let is_tcp = datagram.protocol == protocol::TCP;
        let header_bytes = match datagram.protocol {
            protocol::TCP => usize::from(datagram.payload.get(12)? >> 4) * 4,
            protocol::UDP => UDP_HEADER_BYTES,
            _ => return None,
        };
        let least = if is_tcp { TCP_HEADER_BYTES } else { UDP_HEADER_BYTES };
        if header_bytes < least || header_bytes > datagram.payload.len() {
            return None;
        }
        let transport_at = bytes.len() - datagram.payload.len();
        let rules = rules::of(datagram.family());
        Some(Layout { rules, is_tcp, transport_at, payload_at: transport_at + header_bytes })
    }

    /// Where the transport checksum is.
    fn sum_at(&self) -> usize {
        self.transport_at + if self.is_tcp { 16 } else { 6 }
    }

    /// What is known of a transport checksum that is only begun.
    fn begun(&self) -> Option<Sums> {
        let [from, at] = [self.transport_at, self.sum_at()].map(u16::try_from);
        Some(Sums::Partial { from: from.ok()?, at: at.ok()? })
    }

    /// The sum of the pseudo-header of such a datagram, not complemented.
    fn pseudo_sum(&self, bytes: &[u8]) -> u16 {
        let width = usize::from(self.rules.address_bits) / 8;
        let addresses = &bytes[self.rules.addresses_at..][..2 * width];
        let length = (bytes.len() - self.transport_at) as u32;
        let number = if self.is_tcp { protocol::TCP } else { protocol::UDP };
        let sum = Sum::new().bytes(addresses).bytes(&length.to_be_bytes()).word(number.into());
        !sum.finish()
    }
}

const TCP_HEADER_BYTES: usize = 20;
const UDP_HEADER_BYTES: usize = 8;

impl Packet {
    /// Takes a packet as a device hands it over. What is no large packet that Linux would make
    /// becomes one that is as on a wire; nothing if it stands for many that nobody could make of
    /// it.
    pub(crate) fn of(mut bytes: Vec<u8>, shape: Shape) -> Option<Packet> {
        let Shape { sums, segment_bytes } = shape;
        if !sums.is_partial() && segment_bytes.is_none() {
            return Some(bytes.into());
        }
        let layout = Layout::of(&bytes);
        let begun = layout.and_then(|it| it.begun());
        if begun != Some(sums) {
            if let (Sums::Partial { from, at }, None) = (sums, segment_bytes) {
                // Another header's, as in tunnels; of the outer one nothing is left to be done.
                complete(&mut bytes, from.into(), at.into());
                return Some(bytes.into());
            }
            let layout = layout?;
            let sum = layout.pseudo_sum(&bytes);
            bytes[layout.sum_at()..][..2].copy_from_slice(&sum.to_be_bytes());
        }
        let payload_bytes = bytes.len() - layout?.payload_at;
        let segment_bytes = segment_bytes.filter(|it| usize::from(*it) < payload_bytes);
        if segment_bytes == Some(0) {
            return None;
        }
        Some(Packet { bytes, shape: Shape { sums: begun?, segment_bytes } })
    }

    /// The packet again, somewhere on its way.
    pub(crate) fn from_parts(bytes: Vec<u8>, shape: Shape) -> Packet {
        Packet { bytes, shape }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Hands over, one after the other, the packets that it stands for, as they are on a wire.
    pub(crate) fn each(mut self, mut take: impl FnMut(Vec<u8>)) {
        if self.shape == Shape::PLAIN {
            return take(self.bytes);
        }
        let Some(layout) = Layout::of(&self.bytes) else { return };
        let Some(segment_bytes) = self.shape.segment_bytes else {
            complete(&mut self.bytes, layout.transport_at, layout.sum_at());
            return take(self.bytes);
        };
        for number in 0..segments(&self.bytes, &layout, segment_bytes) {
            take(segment(&self.bytes, &layout, segment_bytes, number));
        }
    }

    /// The first packet that it stands for, as it is on a wire.
    pub(crate) fn first(&self) -> Vec<u8> {
        let Packet { bytes, shape } = self;
        let layout = Layout::of(bytes).filter(|_| *shape != Shape::PLAIN);
        let Some(layout) = layout else { return bytes.to_vec() };
        if let Some(segment_bytes) = shape.segment_bytes {
            return segment(bytes, &layout, segment_bytes, 0);
        }
        let mut bytes = bytes.to_vec();
        complete(&mut bytes, layout.transport_at, layout.sum_at());
        bytes
    }
}

/// How many packets one stands for, and their bytes.
pub(crate) fn amount(Packet { bytes, shape }: &Packet) -> (u64, u64) {
    let known = shape.segment_bytes.and_then(|size| Some((size, Layout::of(bytes)?)));
    let Some((size, layout)) = known else { return (1, bytes.len() as u64) };
    let count = segments(bytes, &layout, size) as u64;
    (count, bytes.len() as u64 + (count - 1) * layout.payload_at as u64)
}

/// The largest packet that one stands for, in bytes.
pub(crate) fn largest_bytes(bytes: &[u8], shape: Shape) -> usize {
    let known = shape.segment_bytes.and_then(|size| Some((size, Layout::of(bytes)?)));
    known.map_or(bytes.len(), |(size, layout)| layout.payload_at + usize::from(size))
}

fn segments(bytes: &[u8], layout: &Layout, segment_bytes: u16) -> usize {
    (bytes.len() - layout.payload_at).div_ceil(usize::from(segment_bytes).max(1)).max(1)
}

/// One of the segments.
fn segment(bytes: &[u8], layout: &Layout, segment_bytes: u16, number: usize) -> Vec<u8> {
    let (headers, payload) = bytes.split_at(layout.payload_at);
    let start = (number * usize::from(segment_bytes)).min(payload.len());
    let end = (start + usize::from(segment_bytes)).min(payload.len());
    let mut out = Vec::with_capacity(headers.len() + end - start);
    out.extend_from_slice(headers);
    out.extend_from_slice(&payload[start..end]);
    state_length(&mut out, layout.rules);
    packet::advance_identification(&mut out, number as u16);
    let (transport_at, sum_at) = (layout.transport_at, layout.sum_at());
    let transport = &mut out[transport_at..];
    if layout.is_tcp {
        let sequence = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
        let sequence = sequence.wrapping_add(start as u32);
        transport[4..8].copy_from_slice(&sequence.to_be_bytes());
        if number > 0 {
            transport[13] &= !(flag::CWR as u8);
        }
        if end < payload.len() {
            transport[13] &= !((flag::FIN | flag::PSH) as u8);
        }
    } else {
        let length = transport.len() as u16;
        transport[4..6].copy_from_slice(&length.to_be_bytes());
    }
    // The sum of the pseudo-header of the whole becomes that of the part.
    let begun = u16::from_be_bytes([out[sum_at], out[sum_at + 1]]);
    let (whole, part) = (bytes.len() - transport_at, out.len() - transport_at);
    out[sum_at..sum_at + 2].fill(0);
    let sum = Sum::new().word(begun).word(!(whole as u16)).word(part as u16);
    let sum = sum.bytes(&out[transport_at..]).finish();
    // RFC 768: a UDP checksum of 0 would say that there is none.
    let sum = if sum == 0 && !layout.is_tcp { 0xffff } else { sum };
    out[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
    out
}

/// Has the header say how long the datagram is.
fn state_length(bytes: &mut [u8], rules: &Rules) {
    let counted = bytes.len() - if rules.counts_header { 0 } else { rules.header_bytes };
    bytes[rules.length_at..][..2].copy_from_slice(&(counted as u16).to_be_bytes());
}

/// Completes a checksum that is begun: it covers everything from `from` on, and belongs at `at`.
/// Linux writes no 0, whatever the protocol.
fn complete(bytes: &mut [u8], from: usize, at: usize) {
    if at < from || at.saturating_add(2) > bytes.len() {
        return;
    }
    let sum = match wire::checksum::of(&bytes[from..]) {
        0 => 0xffff,
        sum => sum,
    };
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests;
