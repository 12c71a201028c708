//! IPv6 extension headers (RFC 8200 §4): hop-by-hop and destination options, routing, fragment,
//! authentication (RFC 4302). Encapsulating security payload hides what follows and counts as
//! payload.

use super::{Fragment, protocol};
use crate::{Malformed, array, be16, be32};

/// One extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its own kind: a number of [`protocol`].
    pub kind: u8,
    /// The kind of what follows it.
    pub next: u8,
    /// The whole header, next header and length fields included.
    pub bytes: &'a [u8],
}

/// What an extension header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Options for every node on the way.
    HopByHop(Options<'a>),
    /// Options for the destination.
    Destination(Options<'a>),
    /// Nodes to visit.
    Routing {
        /// Type of routing: 0 is forbidden (RFC 5095), 2 mobility, 3 RPL, 4 segments (RFC 8754).
        kind: u8,
        /// Nodes still to visit.
        segments_left: u8,
        /// What follows, by type.
        body: &'a [u8],
    },
    /// A piece of a larger datagram.
    Fragment(Fragment),
    /// Authentication data.
    Authentication {
        /// Security parameters index.
        spi: u32,
        /// Sequence number.
        sequence: u32,
        /// Integrity check value.
        check: &'a [u8],
    },
}

impl<'a> Extension<'a> {
    /// What the header says.
    ///
    /// # Errors
    /// If it is shorter than its kind's fixed fields.
    pub fn content(&self) -> Result<Content<'a>, Malformed> {
        let bytes = self.bytes;
        match self.kind {
            protocol::HOP_BY_HOP => Ok(Content::HopByHop(Options::new(after(bytes, 2)?))),
            protocol::DESTINATION_OPTIONS => {
                Ok(Content::Destination(Options::new(after(bytes, 2)?)))
            }
            protocol::ROUTING => {
                let [_, _, kind, segments_left]: [u8; 4] = array(bytes, 0)?;
                Ok(Content::Routing { kind, segments_left, body: after(bytes, 4)? })
            }
            protocol::FRAGMENT => Ok(Content::Fragment(fragment(bytes)?)),
            protocol::AUTHENTICATION => Ok(Content::Authentication {
                spi: be32(bytes, 4)?,
                sequence: be32(bytes, 8)?,
                check: after(bytes, 12)?,
            }),
            _ => Err(Malformed::Value(0)),
        }
    }
}

/// The extension headers of a datagram, in order. Ends after the first that is malformed.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a> {
    next: u8,
    rest: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads a chain whose first header is of kind `next`.
    pub fn new(next: u8, bytes: &'a [u8]) -> Extensions<'a> {
        Extensions { next, rest: bytes }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let header_bytes = match stated_bytes(self.next, self.rest) {
            Ok(Some(header_bytes)) => header_bytes,
            Ok(None) => return None,
            Err(malformed) => {
                self.rest = &[];
                return Some(Err(malformed));
            }
        };
        let Some((bytes, rest)) = self.rest.split_at_checked(header_bytes) else {
            let got = self.rest.len();
            self.rest = &[];
            return Some(Err(Malformed::Truncated { needed: header_bytes, got }));
        };
        let header = Extension { kind: self.next, next: bytes[0], bytes };
        self.next = header.next;
        self.rest = rest;
        Some(Ok(header))
    }
}

/// Length that an extension header of a kind states for itself; `None` if the kind is none.
pub(super) fn stated_bytes(kind: u8, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let units = || array(bytes, 0).map(|[_, units]: [u8; 2]| usize::from(units));
    match kind {
        protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION_OPTIONS => {
            Ok(Some((units()? + 1) * 8))
        }
        protocol::FRAGMENT => Ok(Some(8)),
        // Counted in units of 4 bytes less 2, for the sake of IPv4 (RFC 4302 §2.2).
        protocol::AUTHENTICATION => Ok(Some((units()? + 2) * 4)),
        _ => Ok(None),
    }
}

/// Where the chain of extension headers at the start of `body` ends.
pub(super) struct Chain {
    /// What follows the chain.
    pub protocol: u8,
    /// Length of the chain.
    pub bytes: usize,
    /// The fragment header's content, if there is one.
    pub fragment: Option<Fragment>,
}

/// Follows extension headers to the upper layer. Stops behind a fragment header that is not of the
/// first fragment: what follows it is payload whatever its number says.
pub(super) fn walk(first: u8, body: &[u8]) -> Result<Chain, Malformed> {
    let mut chain = Chain { protocol: first, bytes: 0, fragment: None };
    loop {
        let rest = body.get(chain.bytes..).unwrap_or_default();
        let Some(header_bytes) = stated_bytes(chain.protocol, rest)? else {
            return Ok(chain);
        };
        let header = rest
            .get(..header_bytes)
            .ok_or(Malformed::Truncated { needed: chain.bytes + header_bytes, got: body.len() })?;
        let kind = chain.protocol;
        chain.protocol = header[0];
        chain.bytes += header_bytes;
        if kind == protocol::FRAGMENT {
            let fragment = fragment(header)?;
            chain.fragment = Some(fragment);
            if fragment.offset_bytes != 0 {
                return Ok(chain);
            }
        }
    }
}

fn fragment(header: &[u8]) -> Result<Fragment, Malformed> {
    let offset = be16(header, 2)?;
    Ok(Fragment {
        identification: be32(header, 4)?,
        offset_bytes: offset & 0xfff8,
        more: offset & 1 != 0,
    })
}

fn after(bytes: &[u8], offset: usize) -> Result<&[u8], Malformed> {
    bytes.get(offset..).ok_or(Malformed::Truncated { needed: offset, got: bytes.len() })
}

/// An option of a hop-by-hop or destination options header. The upper two bits of its kind say what
/// a node does that does not know it (RFC 8200 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6Option<'a> {
    /// One byte of padding.
    Pad1,
    /// Padding of that many bytes, kind and length included.
    PadN(usize),
    /// Routers should look inside (RFC 2711).
    RouterAlert(u16),
    /// Payload length beyond 65,535 (RFC 2675).
    Jumbo(u32),
    /// Any other.
    Unknown {
        /// Its kind.
        kind: u8,
        /// Its data.
        body: &'a [u8],
    },
}

impl Ipv6Option<'_> {
    /// Appends the option to `out`.
    ///
    /// # Errors
    /// If its data do not fit the 8-bit length.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Ipv6Option::Pad1 => out.push(0),
            Ipv6Option::PadN(bytes) => {
                let length = bytes.checked_sub(2).and_then(|n| u8::try_from(n).ok());
                out.extend_from_slice(&[1, length.ok_or(Malformed::Option(0))?]);
                out.resize(out.len() + bytes - 2, 0);
            }
            Ipv6Option::RouterAlert(value) => {
                out.extend_from_slice(&[5, 2]);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Ipv6Option::Jumbo(bytes) => {
                out.extend_from_slice(&[0xc2, 4]);
                out.extend_from_slice(&bytes.to_be_bytes());
            }
            Ipv6Option::Unknown { kind, body } => {
                let length = u8::try_from(body.len()).map_err(|_| Malformed::Option(0))?;
                out.extend_from_slice(&[*kind, length]);
                out.extend_from_slice(body);
            }
        }
        Ok(())
    }
}

/// The options of a header, in order. Ends after the first that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Options<'a> {
    /// Reads options behind next header and length fields.
    pub fn new(bytes: &'a [u8]) -> Options<'a> {
        Options { bytes, at: 0 }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Ipv6Option<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        let (&kind, behind) = rest.split_first()?;
        if kind == 0 {
            self.at += 1;
            return Some(Ok(Ipv6Option::Pad1));
        }
        let body = behind.split_first().and_then(|(length, data)| data.get(..usize::from(*length)));
        let Some(body) = body else {
            let at = std::mem::replace(&mut self.at, self.bytes.len());
            return Some(Err(Malformed::Option(at)));
        };
        self.at += 2 + body.len();
        Some(Ok(match (kind, body) {
            (1, _) => Ipv6Option::PadN(2 + body.len()),
            (5, &[a, b]) => Ipv6Option::RouterAlert(u16::from_be_bytes([a, b])),
            (0xc2, &[a, b, c, d]) => Ipv6Option::Jumbo(u32::from_be_bytes([a, b, c, d])),
            _ => Ipv6Option::Unknown { kind, body },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_header_of_a_later_fragment_is_payload() {
        // Next header 60, and bytes that would do for destination options.
        let options = [59, 0, 1, 4, 0, 0, 0, 0];
        for (offset, upper, bytes) in [(0, 59, 16), (8, 60, 8)] {
            let body = [&[60, 0, 0, offset, 0, 0, 0, 7][..], &options].concat();
            let chain = walk(protocol::FRAGMENT, &body).unwrap();
            assert_eq!((chain.protocol, chain.bytes), (upper, bytes));
        }
    }

    #[test]
    fn a_chain_that_is_cut_is_refused() {
        let hop_by_hop = protocol::HOP_BY_HOP;
        for body in [&[][..], &[59], &[59, 1, 0, 0, 0, 0, 0, 0], &[0, 0, 1, 4, 0, 0, 0, 0]] {
            assert!(walk(hop_by_hop, body).is_err(), "{body:?}");
        }
    }
}
