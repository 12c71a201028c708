//! IPv6 extension headers as a node meets them (RFC 8200 §4): options that it does not know,
//! routing headers that it does not follow, headers in the wrong place. Those behind a fragment
//! header are not looked at.

use wire::icmp::Meaning;
use wire::ip::extensions::Content;
use wire::ip::{Datagram, protocol};

/// Why a datagram is thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Without a word.
    Silent,
    /// This is said of it, and where it is.
    Said { meaning: Meaning, pointer: u32 },
}

/// Padding and router alert (RFC 2711 §2.1).
const PADDING: u8 = 1;
const ROUTER_ALERT: u8 = 5;

/// Jumbo payload (RFC 2675): known, but nothing is as long here.
const JUMBO: u8 = 0xc2;

/// As much padding as any header needs in one place.
const PADDING_MAX_BYTES: usize = 7;

/// What is wrong with a datagram for a node: its destination, or one on the way, which looks at the
/// options for every hop alone.
pub(crate) fn examine(datagram: &Datagram<'_>, is_destination: bool) -> Option<Problem> {
    let is_to_many = datagram.destination.is_multicast();
    let mut at = 40;
    // The field that names the kind of the header.
    let mut named_at = 6;
    let headers = datagram.extension_headers().map_while(Result::ok);
    for (index, header) in headers.enumerate() {
        let problem = match header.content() {
            Ok(Content::HopByHop(_)) if index > 0 && is_destination => {
                Some(Problem::Said { meaning: Meaning::NextHeaderUnknown, pointer: named_at })
            }
            Ok(Content::HopByHop(_)) if index == 0 => {
                unknown_option(&header.bytes[2..], at + 2, is_to_many, &[ROUTER_ALERT, JUMBO])
            }
            Ok(Content::Destination(_)) if is_destination => {
                unknown_option(&header.bytes[2..], at + 2, is_to_many, &[])
            }
            Ok(Content::Routing { segments_left, .. }) if is_destination && segments_left > 0 => {
                Some(Problem::Said { meaning: Meaning::HeaderField, pointer: at + 2 })
            }
            _ => None,
        };
        if problem.is_some() || header.kind == protocol::FRAGMENT {
            return problem;
        }
        named_at = at;
        at += header.bytes.len() as u32;
    }
    None
}

/// What becomes of a datagram for the first option that nobody knows: the upper two bits of its
/// kind say it (RFC 8200 §4.2). `at` is where the options begin; `known` are the kinds that mean
/// something in such a header. Padding that is too long or no padding counts as malformed, as with
/// Linux.
fn unknown_option(options: &[u8], at: u32, is_to_many: bool, known: &[u8]) -> Option<Problem> {
    let (mut offset, mut padding_bytes) = (0, 0);
    while let Some(&kind) = options.get(offset) {
        let end = match kind {
            0 => Some(offset + 1),
            _ => options.get(offset + 1).map(|length| offset + 2 + usize::from(*length)),
        };
        let Some(end) = end.filter(|end| *end <= options.len()) else {
            return Some(Problem::Silent);
        };
        let body = options.get(offset + 2..end).unwrap_or_default();
        match kind {
            0 | PADDING => {
                padding_bytes += end - offset;
                if padding_bytes > PADDING_MAX_BYTES || body.iter().any(|byte| *byte != 0) {
                    return Some(Problem::Silent);
                }
            }
            ROUTER_ALERT if known.contains(&kind) && body.len() != 2 => {
                return Some(Problem::Silent);
            }
            JUMBO if known.contains(&kind) => return Some(refused_jumbo(body, at + offset as u32)),
            _ if known.contains(&kind) => padding_bytes = 0,
            _ => {
                padding_bytes = 0;
                let pointer = at + offset as u32;
                let said = Problem::Said { meaning: Meaning::OptionUnknown, pointer };
                match kind >> 6 {
                    0 => {}
                    2 => return Some(said),
                    3 if !is_to_many => return Some(said),
                    _ => return Some(Problem::Silent),
                }
            }
        }
        offset = end;
    }
    None
}

/// Why a jumbo payload option that stands there is refused: every datagram is short enough without
/// (RFC 2675 §3).
fn refused_jumbo(body: &[u8], at: u32) -> Problem {
    let &[a, b, c, d] = body else { return Problem::Silent };
    let meaning = Meaning::HeaderField;
    match u32::from_be_bytes([a, b, c, d]) {
        _ if at % 4 != 2 => Problem::Silent,
        0..=65_535 => Problem::Said { meaning, pointer: at + 2 },
        _ => Problem::Said { meaning, pointer: at },
    }
}

/// Where the field that says which fragment a datagram is stands.
pub(crate) fn fragment_offset_at(datagram: &Datagram<'_>) -> u32 {
    let headers = datagram.extension_headers().map_while(Result::ok);
    let before = headers.take_while(|header| header.kind != protocol::FRAGMENT);
    40 + before.map(|header| header.bytes.len() as u32).sum::<u32>() + 2
}
