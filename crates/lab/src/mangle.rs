//! Errors that are malformed, as routers with faults and people with intentions send them. Nothing
//! of the kind may bring an instrument down, or be taken for an answer that it is not.

use crate::rules;
use wire::Family;
use wire::ext::{self, Structure};
use wire::icmp;
use wire::ip::{Datagram, protocol};

/// How an error is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mangle {
    /// Ends behind its eight bytes of header.
    NoQuote,
    /// Quotes ten bytes.
    ShortQuote,
    /// The quoted header says that it is longer than the quote: IHL 15, or an IPv6 extension header
    /// of 2 KiB.
    HeaderLong,
    /// The quoted header says that it is shorter than one is: IHL 0, or an IPv6 extension header of
    /// which nothing is there.
    HeaderShort,
    /// The quoted header is of no IP version.
    Version,
    /// The quoted header says that the datagram is empty.
    TotalZero,
    /// Quotes four bytes behind the IP header.
    ShortTransport,
    /// The quoted UDP header says that its length is 0.
    UdpLengthZero,
    /// An extension object says that its length is 0.
    ObjectLengthZero,
    /// An extension object says that its length is 3, less than its header.
    ObjectLengthThree,
    /// An extension object says that it is longer than the message.
    ObjectLong,
    /// The extension structure fails its checksum.
    ExtensionChecksum,
    /// The length of the quote is said to be 255 units.
    LengthLong,
    /// Ends behind its checksum.
    Stub,
    /// Ends behind its type.
    OneByte,
    /// Is no error, but an echo reply of four bytes.
    EchoStub,
    /// Its own checksum is wrong.
    Checksum,
}

/// By the names that scenarios use.
pub(crate) const NAMES: &[(&str, Mangle)] = &[
    ("no-quote", Mangle::NoQuote),
    ("short-quote", Mangle::ShortQuote),
    ("inner-ihl-15", Mangle::HeaderLong),
    ("inner-ihl-0", Mangle::HeaderShort),
    ("inner-version", Mangle::Version),
    ("inner-total-0", Mangle::TotalZero),
    ("short-transport", Mangle::ShortTransport),
    ("udp-length-0", Mangle::UdpLengthZero),
    ("object-length-0", Mangle::ObjectLengthZero),
    ("object-length-3", Mangle::ObjectLengthThree),
    ("object-length-long", Mangle::ObjectLong),
    ("extension-checksum", Mangle::ExtensionChecksum),
    ("length-255", Mangle::LengthLong),
    ("stub", Mangle::Stub),
    ("one-byte", Mangle::OneByte),
    ("echo-stub", Mangle::EchoStub),
    ("checksum", Mangle::Checksum),
];

/// Where the quote stands in an error.
const QUOTE: usize = 8;

impl Mangle {
    /// Spoils an error of a family; its checksum is to be filled in afterwards.
    pub(crate) fn spoil(self, family: Family, message: &mut Vec<u8>) {
        let header_bytes = rules::of(family).header_bytes;
        let transport = match Datagram::parse_quoted(&message[QUOTE..]) {
            Ok(quoted) => message.len() - quoted.payload.len(),
            Err(_) => message.len(),
        };
        match self {
            Mangle::NoQuote => message.truncate(QUOTE),
            Mangle::ShortQuote => message.truncate(QUOTE + 10),
            Mangle::HeaderLong => {
                message.truncate(QUOTE + header_bytes + 8);
                stretch_header(&mut message[QUOTE..], header_bytes, 15);
            }
            Mangle::HeaderShort => {
                message.truncate(QUOTE + header_bytes + 1);
                stretch_header(&mut message[QUOTE..], header_bytes, 0);
            }
            Mangle::Version => message[QUOTE] = 0xf0,
            Mangle::TotalZero => message[QUOTE + rules::of(family).length_at..][..2].fill(0),
            Mangle::ShortTransport => message.truncate(transport + 4),
            Mangle::UdpLengthZero => zero_udp_length(message, transport),
            Mangle::ObjectLengthZero => extend(family, message, &[0, 0, 1, 1, 9, 9, 9, 9], true),
            Mangle::ObjectLengthThree => extend(family, message, &[0, 3, 1, 1, 9, 9, 9, 9], true),
            Mangle::ObjectLong => extend(family, message, &[0xff, 0xff, 1, 1], true),
            Mangle::ExtensionChecksum => extend(family, message, &[0, 8, 1, 1, 9, 9, 1, 1], false),
            Mangle::LengthLong => state_length(family, message, 255),
            Mangle::Stub => message.truncate(4),
            Mangle::OneByte => message.truncate(1),
            Mangle::EchoStub => {
                message.truncate(4);
                message[..2].copy_from_slice(&[icmp::echo_reply_type(family), 0]);
            }
            Mangle::Checksum => {}
        }
    }
}

/// Makes a quoted header say that it is `words` long; IPv6, whose fixed header has no length, gets
/// an extension header instead that is as wrong.
fn stretch_header(quote: &mut [u8], header_bytes: usize, words: u8) {
    match quote.first().map(|first| first >> 4) {
        Some(4) => quote[0] = 0x40 | words,
        Some(6) => {
            quote[6] = protocol::HOP_BY_HOP;
            if let Some(length) = quote.get_mut(header_bytes + 1) {
                *length = 0xff;
            }
        }
        _ => {}
    }
}

fn zero_udp_length(message: &mut [u8], transport: usize) {
    let is_udp = Datagram::parse_quoted(&message[QUOTE..])
        .is_ok_and(|quoted| quoted.protocol == protocol::UDP);
    if is_udp && let Some(length) = message.get_mut(transport + 4..transport + 6) {
        length.fill(0);
    }
}

/// Puts an extension structure behind the quote, right but for what it holds or its checksum.
fn extend(family: Family, message: &mut Vec<u8>, objects: &[u8], is_summed_right: bool) {
    let quote = message[QUOTE..message.len().min(QUOTE + 128)].to_vec();
    let structure = Structure { has_checksum: true, bytes: objects };
    let unit_bytes = rules::of(family).length_unit_bytes;
    let (length, mut body) = ext::extend(&quote, &structure, unit_bytes).expect("128 bytes fit");
    if !is_summed_right {
        let at = body.len() - objects.len() - 1;
        body[at] ^= 0x5a;
    }
    message.truncate(QUOTE);
    message.extend_from_slice(&body);
    state_length(family, message, length);
}

/// Writes the length attribute (RFC 4884 §4).
fn state_length(family: Family, message: &mut [u8], length: u8) {
    message[rules::of(family).length_attribute_at] = length;
}
