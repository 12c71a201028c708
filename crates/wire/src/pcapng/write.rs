//! Writing pcapng: little-endian, times in nanoseconds.

use super::{Direction, Interface, Packet, SNAPLEN_MAX, code};

/// The longest option that is written: its length must fit 16 bits with the padding.
const OPTION_MAX_BYTES: usize = 65_532;

/// Writes one section of a capture file, by appending to bytes that the caller takes away whenever
/// it likes. Interfaces are described before their packets.
///
/// ```
/// use wire::pcapng::{Direction, Interface, Packet, Writer, link};
///
/// let mut out = Vec::new();
/// let mut writer = Writer::new("an example", &mut out);
/// let interface = Interface {
///     link: link::RAW,
///     snaplen: 0,
///     name: Some("r1-r2".to_owned()),
///     description: None,
/// };
/// let interface = writer.interface(&interface, &mut out);
/// let packet = Packet {
///     interface,
///     time_ns: Some(1_000_000),
///     direction: Direction::Unknown,
///     comment: Some(b"lost here"),
///     original_bytes: 3,
///     bytes: &[0x45, 0, 0],
/// };
/// writer.packet(&packet, &mut out);
/// ```
#[derive(Clone, Debug)]
pub struct Writer {
    interfaces: u32,
    /// The most bytes that are kept of a packet of the first interface.
    snaplen: u32,
}

/// What an interface counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub time_ns: i128,
    /// Packets that passed the filter.
    pub received: u64,
    /// Those of them that were dropped for want of room.
    pub dropped: u64,
}

impl Writer {
    /// Begins a section; `application` is what wrote it.
    pub fn new(application: &str, out: &mut Vec<u8>) -> Writer {
        block(code::SECTION, out, |out| {
            out.extend_from_slice(&code::ORDER.to_le_bytes());
            out.extend_from_slice(&1_u16.to_le_bytes());
            out.extend_from_slice(&0_u16.to_le_bytes());
            // The section's length is not known.
            out.extend_from_slice(&(-1_i64).to_le_bytes());
            option(code::SHB_USERAPPL, application.as_bytes(), out);
            option(code::END, &[], out);
        });
        Writer { interfaces: 0, snaplen: 0 }
    }

    /// Describes an interface; returns its number.
    pub fn interface(&mut self, interface: &Interface, out: &mut Vec<u8>) -> u32 {
        block(code::INTERFACE, out, |out| {
            out.extend_from_slice(&interface.link.to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&interface.snaplen.to_le_bytes());
            if let Some(name) = &interface.name {
                option(code::IF_NAME, name.as_bytes(), out);
            }
            if let Some(description) = &interface.description {
                option(code::IF_DESCRIPTION, description.as_bytes(), out);
            }
            option(code::IF_TSRESOL, &[9], out);
            option(code::END, &[], out);
        });
        let number = self.interfaces;
        if number == 0 {
            self.snaplen = interface.snaplen;
        }
        self.interfaces = number.saturating_add(1);
        number
    }

    /// Appends a packet. Of more than [`SNAPLEN_MAX`] bytes the rest is left out. One without a
    /// time gets the time 0 if its block, which has no room for much else, cannot do without.
    pub fn packet(&self, packet: &Packet<'_>, out: &mut Vec<u8>) {
        debug_assert!(packet.interface < self.interfaces, "the interface is described");
        let kept = packet.bytes.get(..SNAPLEN_MAX as usize).unwrap_or(packet.bytes);
        let Some(time_ns) = packet.time_ns.or_else(|| (!self.is_simple(packet)).then_some(0))
        else {
            return block(code::SIMPLE_PACKET, out, |out| {
                out.extend_from_slice(&original(packet).to_le_bytes());
                out.extend_from_slice(kept);
                pad(kept.len(), out);
            });
        };
        let (start, [high, low]) = (out.len(), time(time_ns));
        let (there, kept_bytes) = (original(packet), kept.len() as u32);
        words([code::PACKET, 0, packet.interface, high, low, kept_bytes, there], out);
        out.extend_from_slice(kept);
        pad(kept.len(), out);
        if let Some(comment) = packet.comment {
            option(code::COMMENT, comment, out);
        }
        let flags = match packet.direction {
            Direction::Unknown => 0,
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        let end = option_head(code::END, 0);
        if flags != 0 {
            words([option_head(code::EPB_FLAGS, 4), flags, end], out);
        } else if packet.comment.is_some() {
            words([end], out);
        }
        close(start, out);
    }

    /// Whether a simple packet block tells all: it has only the first interface, and no length of
    /// what was kept.
    fn is_simple(&self, packet: &Packet<'_>) -> bool {
        let bytes = packet.bytes.len();
        let most = if self.snaplen == 0 { SNAPLEN_MAX } else { self.snaplen.min(SNAPLEN_MAX) };
        packet.interface == 0
            && packet.comment.is_none()
            && packet.direction == Direction::Unknown
            && original(packet) as usize == bytes
            && bytes <= most as usize
    }

    /// Appends what an interface counted.
    pub fn statistics(&self, interface: u32, statistics: &Statistics, out: &mut Vec<u8>) {
        block(code::STATISTICS, out, |out| {
            let [high, low] = time(statistics.time_ns);
            words([interface, high, low], out);
            option(code::ISB_IFRECV, &statistics.received.to_le_bytes(), out);
            option(code::ISB_IFDROP, &statistics.dropped.to_le_bytes(), out);
            option(code::END, &[], out);
        });
    }
}

fn original(packet: &Packet<'_>) -> u32 {
    let there = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
    packet.original_bytes.max(there)
}

/// The upper word comes first, whatever the order of bytes.
fn time(time_ns: i128) -> [u32; 2] {
    let units = time_ns.clamp(0, u64::MAX.into()) as u64;
    [(units >> 32) as u32, units as u32]
}

/// Appends words, all at once.
fn words<const COUNT: usize>(words: [u32; COUNT], out: &mut Vec<u8>) {
    out.extend_from_slice(words.map(u32::to_le_bytes).as_flattened());
}

/// Appends a block of that type around what `body` appends.
fn block(kind: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    words([kind, 0], out);
    body(out);
    close(start, out);
}

/// Ends the block that starts there, and has its length stand on either side.
fn close(start: usize, out: &mut Vec<u8>) {
    // Packets and options are cut, so that this fits.
    let length = (out.len() - start + 4) as u32;
    words([length], out);
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
}

/// Appends an option. Text that is too long is cut.
fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    let value = if value.len() > OPTION_MAX_BYTES { cut(value) } else { value };
    words([option_head(code, value.len() as u16)], out);
    out.extend_from_slice(value);
    pad(value.len(), out);
}

/// What fits of a text, not cut inside a character.
fn cut(value: &[u8]) -> &[u8] {
    let is_inside = |at: &usize| value.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut end = value.len().min(OPTION_MAX_BYTES);
    while end > 0 && is_inside(&end) {
        end -= 1;
    }
    &value[..end]
}

/// An option's code and length, as the word that they make.
fn option_head(code: u16, bytes: u16) -> u32 {
    u32::from(bytes) << 16 | u32::from(code)
}

/// Appends the zeros that fill a word after so many bytes.
fn pad(bytes: usize, out: &mut Vec<u8>) {
    // A word less what is too much of it: of fixed size, it is no call.
    let end = out.len() + bytes.wrapping_neg() % 4;
    out.extend_from_slice(&[0; 4]);
    out.truncate(end);
}
