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

/// Options that every node knows: padding, router alert, jumbo payload.
const KNOWN: [u8; 4] = [0, 1, 5, 0xc2];

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
                unknown_option(&header.bytes[2..], at + 2, is_to_many)
            }
            Ok(Content::Destination(_)) if is_destination => {
                unknown_option(&header.bytes[2..], at + 2, is_to_many)
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
/// kind say it (RFC 8200 §4.2). `at` is where the options begin.
fn unknown_option(options: &[u8], at: u32, is_to_many: bool) -> Option<Problem> {
    let mut offset = 0;
    while let Some(&kind) = options.get(offset) {
        if kind == 0 {
            offset += 1;
            continue;
        }
        let end = options.get(offset + 1).map(|length| offset + 2 + usize::from(*length));
        let Some(end) = end.filter(|end| *end <= options.len()) else {
            return Some(Problem::Silent);
        };
        if !KNOWN.contains(&kind) {
            let pointer = at + offset as u32;
            let said = Problem::Said { meaning: Meaning::OptionUnknown, pointer };
            match kind >> 6 {
                0 => {}
                2 => return Some(said),
                3 if !is_to_many => return Some(said),
                _ => return Some(Problem::Silent),
            }
        }
        offset = end;
    }
    None
}

/// Where the field that says which fragment a datagram is stands.
pub(crate) fn fragment_offset_at(datagram: &Datagram<'_>) -> u32 {
    let headers = datagram.extension_headers().map_while(Result::ok);
    let before = headers.take_while(|header| header.kind != protocol::FRAGMENT);
    40 + before.map(|header| header.bytes.len() as u32).sum::<u32>() + 2
}
