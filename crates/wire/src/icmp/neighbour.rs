//! Neighbour discovery (RFC 4861): solicitations, advertisements and the options of both, of router
//! messages and of redirects.

use super::after;
use crate::{Malformed, array, be32};
use std::net::Ipv6Addr;

/// Who has this address? RFC 4861 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitation<'a> {
    /// The address asked after.
    pub target: Ipv6Addr,
    /// Options: see [`Options`].
    pub options: &'a [u8],
}

/// Who has an address, RFC 4861 §4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement<'a> {
    /// The sender routes.
    pub is_router: bool,
    /// It answers a solicitation.
    pub solicited: bool,
    /// It replaces what is known.
    pub overrides: bool,
    /// The address that the sender has.
    pub target: Ipv6Addr,
    /// Options: see [`Options`].
    pub options: &'a [u8],
}

impl<'a> Solicitation<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Solicitation<'a>, Malformed> {
        let target = Ipv6Addr::from(array::<16>(bytes, 8)?);
        Ok(Solicitation { target, options: after(bytes, 24)? })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.target.octets());
        out.extend_from_slice(self.options);
    }
}

impl<'a> Advertisement<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Advertisement<'a>, Malformed> {
        let target = Ipv6Addr::from(array::<16>(bytes, 8)?);
        Ok(Advertisement {
            is_router: bytes[4] & 0x80 != 0,
            solicited: bytes[4] & 0x40 != 0,
            overrides: bytes[4] & 0x20 != 0,
            target,
            options: after(bytes, 24)?,
        })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let bits = u8::from(self.is_router) << 7
            | u8::from(self.solicited) << 6
            | u8::from(self.overrides) << 5;
        out.extend_from_slice(&[bits, 0, 0, 0]);
        out.extend_from_slice(&self.target.octets());
        out.extend_from_slice(self.options);
    }
}

/// A neighbour discovery option. An option of a known kind whose length is not that kind's counts
/// as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery<'a> {
    /// The sender's link-layer address.
    SourceLink(&'a [u8]),
    /// The target's link-layer address.
    TargetLink(&'a [u8]),
    /// A prefix of this link, RFC 4861 §4.6.2.
    Prefix {
        /// Its length.
        prefix_bits: u8,
        /// 0x80 on this link, 0x40 may form addresses.
        flags: u8,
        /// For how long it is valid; all ones for ever.
        valid_s: u32,
        /// For how long its addresses are preferred.
        preferred_s: u32,
        /// The prefix.
        prefix: Ipv6Addr,
    },
    /// The start of the datagram that was redirected.
    Redirected(&'a [u8]),
    /// The MTU of this link, in bytes.
    Mtu(u32),
    /// A route through the sender, RFC 4191 §2.3.
    Route {
        /// Length of its prefix.
        prefix_bits: u8,
        /// 0x18 preference.
        flags: u8,
        /// For how long it stands.
        lifetime_s: u32,
        /// As much of the prefix as is sent: 0, 8 or 16 bytes.
        prefix: &'a [u8],
    },
    /// Recursive name servers, RFC 8106 §5.1.
    NameServers {
        /// For how long to use them.
        lifetime_s: u32,
        /// Their addresses, 16 bytes each.
        addresses: &'a [u8],
    },
    /// Ties an answer to its question, RFC 3971 §5.3.2.
    Nonce(&'a [u8]),
    /// Domains to search for short names, RFC 8106 §5.2.
    SearchList {
        /// For how long to use them.
        lifetime_s: u32,
        /// Their names as they stand, padding included: see [`Domains`].
        names: &'a [u8],
    },
    /// Where those who have no way out yet are told so, RFC 8910 §2.3.
    CaptivePortal(&'a [u8]),
    /// The prefix of a translator to IPv4 (PREF64), RFC 8781 §4.
    Nat64 {
        /// For how long it stands, in units of 8 seconds; 13 bits.
        lifetime_units: u16,
        /// How long the prefix is, 3 bits: see [`nat64_prefix_bits`].
        length_code: u8,
        /// Its first 96 bits.
        prefix: [u8; 12],
    },
    /// Any other.
    Unknown {
        /// Its kind.
        kind: u8,
        /// Its data, padding included.
        body: &'a [u8],
    },
}

impl<'a> Discovery<'a> {
    fn parse(kind: u8, body: &'a [u8]) -> Result<Discovery<'a>, Malformed> {
        Ok(match (kind, body.len()) {
            (1, _) => Discovery::SourceLink(body),
            (2, _) => Discovery::TargetLink(body),
            (3, 30) => Discovery::Prefix {
                prefix_bits: body[0],
                flags: body[1],
                valid_s: be32(body, 2)?,
                preferred_s: be32(body, 6)?,
                prefix: Ipv6Addr::from(array::<16>(body, 14)?),
            },
            (4, 6..) => Discovery::Redirected(&body[6..]),
            (5, 6) => Discovery::Mtu(be32(body, 2)?),
            (14, _) => Discovery::Nonce(body),
            (24, 6 | 14 | 22) => Discovery::Route {
                prefix_bits: body[0],
                flags: body[1],
                lifetime_s: be32(body, 2)?,
                prefix: &body[6..],
            },
            (25, 22..) if body.len() % 16 == 6 => {
                Discovery::NameServers { lifetime_s: be32(body, 2)?, addresses: &body[6..] }
            }
            (31, 14..) => Discovery::SearchList { lifetime_s: be32(body, 2)?, names: &body[6..] },
            (37, _) => Discovery::CaptivePortal(body),
            (38, 14) => {
                let word = u16::from_be_bytes(array(body, 0)?);
                Discovery::Nat64 {
                    lifetime_units: word >> 3,
                    length_code: (word & 7) as u8,
                    prefix: array(body, 2)?,
                }
            }
            _ => Discovery::Unknown { kind, body },
        })
    }

    /// Appends the option to `out`, padded to 8 bytes.
    ///
    /// # Errors
    /// If it is longer than 2,040 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let start = out.len();
        out.extend_from_slice(&[0, 0]);
        let kind = match self {
            Discovery::SourceLink(address) => put(1, &[address], out),
            Discovery::TargetLink(address) => put(2, &[address], out),
            Discovery::Prefix { prefix_bits, flags, valid_s, preferred_s, prefix } => {
                let times = [valid_s.to_be_bytes(), preferred_s.to_be_bytes(), [0; 4]];
                put(3, &[&[*prefix_bits, *flags], times.as_flattened(), &prefix.octets()], out)
            }
            Discovery::Redirected(datagram) => put(4, &[&[0; 6], datagram], out),
            Discovery::Mtu(bytes) => put(5, &[&[0; 2], &bytes.to_be_bytes()], out),
            Discovery::Nonce(nonce) => put(14, &[nonce], out),
            Discovery::Route { prefix_bits, flags, lifetime_s, prefix } => {
                put(24, &[&[*prefix_bits, *flags], &lifetime_s.to_be_bytes(), prefix], out)
            }
            Discovery::NameServers { lifetime_s, addresses } => {
                put(25, &[&[0; 2], &lifetime_s.to_be_bytes(), addresses], out)
            }
            Discovery::SearchList { lifetime_s, names } => {
                put(31, &[&[0; 2], &lifetime_s.to_be_bytes(), names], out)
            }
            Discovery::CaptivePortal(uri) => put(37, &[uri], out),
            Discovery::Nat64 { lifetime_units, length_code, prefix } => {
                let word = lifetime_units << 3 | u16::from(length_code & 7);
                put(38, &[&word.to_be_bytes(), prefix], out)
            }
            Discovery::Unknown { kind, body } => put(*kind, &[body], out),
        };
        let bytes = (out.len() - start).next_multiple_of(8);
        out.resize(start + bytes, 0);
        out[start] = kind;
        out[start + 1] = u8::try_from(bytes / 8).map_err(|_| Malformed::Option(start))?;
        Ok(())
    }
}

fn put(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) -> u8 {
    for part in parts {
        out.extend_from_slice(part);
    }
    kind
}

/// How long the prefix of a translator is, by the code that says so (RFC 8781 §4).
pub fn nat64_prefix_bits(length_code: u8) -> Option<u8> {
    [96, 64, 56, 48, 40, 32].get(usize::from(length_code)).copied()
}

/// The names of a search list, in order (RFC 8106 §5.2: as in DNS, without compression). Ends after
/// the first that is malformed, and where the padding begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domains<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Domains<'a> {
    /// Reads the names of [`Discovery::SearchList`].
    pub fn new(names: &'a [u8]) -> Domains<'a> {
        Domains { bytes: names, at: 0 }
    }
}

impl<'a> Iterator for Domains<'a> {
    type Item = Result<Domain<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        if rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        let mut end = 0;
        loop {
            match rest.get(end) {
                Some(0) if end > 0 => break,
                Some(length @ 1..=LABEL_MAX_BYTES) if end < NAME_MAX_BYTES => {
                    end += 1 + usize::from(*length);
                }
                _ => {
                    let at = std::mem::replace(&mut self.at, self.bytes.len());
                    return Some(Err(Malformed::Value(at)));
                }
            }
        }
        self.at += end + 1;
        Some(Ok(Domain { labels: &rest[..end] }))
    }
}

/// RFC 1035 §2.3.4.
const LABEL_MAX_BYTES: u8 = 63;
/// Likewise.
const NAME_MAX_BYTES: usize = 255;

/// A name of a search list: at least one label, none empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain<'a> {
    labels: &'a [u8],
}

impl<'a> Domain<'a> {
    /// Its labels, the most specific first. Anything may be in them.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.labels;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, others) = behind.split_at_checked(usize::from(*length))?;
            rest = others;
            Some(label)
        })
    }
}

/// Options, in order. Ends after the first that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Options<'a> {
    /// Reads options as they stand behind a message's fixed fields.
    pub fn new(bytes: &'a [u8]) -> Options<'a> {
        Options { bytes, at: 0 }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Discovery<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let whole = rest.get(1).and_then(|units| rest.get(..usize::from(*units) * 8));
        let Some([kind, _, body @ ..]) = whole else {
            let at = std::mem::replace(&mut self.at, self.bytes.len());
            return Some(Err(Malformed::Option(at)));
        };
        self.at += body.len() + 2;
        Some(Discovery::parse(*kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_zero_ends_the_list() {
        assert_eq!(Options::new(&[1, 0, 1, 1]).collect::<Vec<_>>(), [Err(Malformed::Option(0))]);
    }

    #[test]
    fn every_option_reads_back_as_written() {
        let address = Ipv6Addr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let options = [
            Discovery::SourceLink(&[2, 0, 0, 0, 0, 1]),
            Discovery::TargetLink(&[2, 0, 0, 0, 0, 2]),
            Discovery::Prefix {
                prefix_bits: 64,
                flags: 0xc0,
                valid_s: 1,
                preferred_s: 2,
                prefix: address,
            },
            Discovery::Redirected(&[0x60, 0, 0, 0, 0, 0, 0, 0]),
            Discovery::Mtu(1280),
            Discovery::Route { prefix_bits: 64, flags: 8, lifetime_s: 9, prefix: &[1; 8] },
            Discovery::NameServers { lifetime_s: 5, addresses: &[7; 32] },
            Discovery::Nonce(&[9; 6]),
            Discovery::SearchList { lifetime_s: 7, names: b"\x03lab\x07example\0\0\0\0" },
            Discovery::CaptivePortal(b"https://lab.example/\0\0"),
            Discovery::Nat64 { lifetime_units: 225, length_code: 0, prefix: [6; 12] },
            Discovery::Unknown { kind: 200, body: &[4; 14] },
        ];
        let mut bytes = Vec::new();
        for option in options {
            option.emit(&mut bytes).unwrap();
        }
        let read: Vec<_> = Options::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(read, options);
    }

    #[test]
    fn search_lists_end_where_names_do() {
        let read = |bytes: &'static [u8]| -> Vec<Result<Vec<&[u8]>, Malformed>> {
            Domains::new(bytes).map(|name| name.map(|it| it.labels().collect())).collect()
        };
        let names = read(b"\x03lab\x07example\0\x01b\0\0\0");
        assert_eq!(names, [Ok(vec![&b"lab"[..], b"example"]), Ok(vec![&b"b"[..]])]);
        assert_eq!(read(&[0; 8]), []);
        // A label beyond the end, no end, a compression pointer.
        assert_eq!(read(b"\x09lab\0"), [Err(Malformed::Value(0))]);
        assert_eq!(read(b"\x01a\0\x03lab"), [Ok(vec![&b"a"[..]]), Err(Malformed::Value(3))]);
        assert_eq!(read(b"\xc0\x01"), [Err(Malformed::Value(0))]);
    }

    #[test]
    fn prefixes_of_translators_have_six_lengths() {
        let lengths: Vec<_> = (0..8).map(nat64_prefix_bits).collect();
        let some = [96, 64, 56, 48, 40, 32].map(Some);
        assert_eq!(lengths, [&some[..], &[None, None]].concat());
    }
}
