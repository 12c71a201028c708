//! Multicast listener discovery, versions 1 (RFC 2710) and 2 (RFC 3810).

use super::after;
use crate::{Malformed, array, be16};
use std::net::Ipv6Addr;

/// Who listens? The second version has the fields in `v2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// Longest time before an answer: milliseconds in version 1, a code in version 2.
    pub response_code: u16,
    /// The group asked after; unspecified for all.
    pub group: Ipv6Addr,
    /// What version 2 adds.
    pub v2: Option<QueryV2<'a>>,
}

/// What version 2 adds to a query, RFC 3810 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryV2<'a> {
    /// 0x08 routers shall not update timers, 0x07 robustness; the rest is reserved.
    pub flags: u8,
    /// The querier's interval, as a code.
    pub interval_code: u8,
    /// How many sources the message states; may be more than it has.
    pub source_count: u16,
    /// Sources asked after, 16 bytes each.
    pub sources: &'a [u8],
}

impl<'a> Query<'a> {
    /// Longest time before an answer, RFC 3810 §5.1.3.
    pub fn response_ms(&self) -> u32 {
        let code = u32::from(self.response_code);
        match self.v2 {
            Some(_) if code >= 0x8000 => (code & 0x0fff | 0x1000) << ((code >> 12 & 7) + 3),
            _ => code,
        }
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Query<'a>, Malformed> {
        // A query of exactly 24 bytes is version 1, of 28 and more version 2 (RFC 3810 §8.1).
        let v2 = match bytes.get(24..) {
            Some([flags, interval_code, n0, n1, sources @ ..]) => Some(QueryV2 {
                flags: *flags,
                interval_code: *interval_code,
                source_count: u16::from_be_bytes([*n0, *n1]),
                sources,
            }),
            _ => None,
        };
        let group = Ipv6Addr::from(array::<16>(bytes, 8)?);
        Ok(Query { response_code: be16(bytes, 4)?, group, v2 })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.response_code.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.group.octets());
        if let Some(v2) = self.v2 {
            out.extend_from_slice(&[v2.flags, v2.interval_code]);
            out.extend_from_slice(&v2.source_count.to_be_bytes());
            out.extend_from_slice(v2.sources);
        }
    }
}

/// A group that somebody listens to, or does no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: Ipv6Addr,
}

impl Membership {
    pub(super) fn parse(bytes: &[u8]) -> Result<Membership, Malformed> {
        Ok(Membership { group: Ipv6Addr::from(array::<16>(bytes, 8)?) })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.group.octets());
    }
}

/// What somebody listens to, by group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reports<'a> {
    /// How many records the message states; may be more than it has.
    pub count: u16,
    /// The records: see [`Reports::records`].
    pub bytes: &'a [u8],
}

/// One record of a report, RFC 3810 §5.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// 1 includes, 2 excludes, 3 and 4 change to that, 5 allows, 6 blocks the sources.
    pub kind: u8,
    /// The group.
    pub group: Ipv6Addr,
    /// Sources, 16 bytes each.
    pub sources: &'a [u8],
    /// Auxiliary data; empty in every use so far.
    pub auxiliary: &'a [u8],
}

impl<'a> Reports<'a> {
    /// The records, in order; ends after the first that is malformed.
    pub fn records(&self) -> Records<'a> {
        Records { left: self.count, rest: self.bytes }
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Reports<'a>, Malformed> {
        Ok(Reports { count: be16(bytes, 6)?, bytes: after(bytes, 8)? })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(self.bytes);
    }
}

/// The records of a report.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    left: u16,
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn one(&mut self) -> Result<Record<'a>, Malformed> {
        let [kind, auxiliary_words]: [u8; 2] = array(self.rest, 0)?;
        let sources_bytes = usize::from(be16(self.rest, 2)?) * 16;
        let group = Ipv6Addr::from(array::<16>(self.rest, 4)?);
        let end = 20 + sources_bytes + usize::from(auxiliary_words) * 4;
        let (whole, rest) = self
            .rest
            .split_at_checked(end)
            .ok_or(Malformed::Truncated { needed: end, got: self.rest.len() })?;
        self.rest = rest;
        let (sources, auxiliary) = whole[20..].split_at(sources_bytes);
        Ok(Record { kind, group, sources, auxiliary })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let record = self.one();
        if record.is_err() {
            self.left = 0;
        }
        Some(record)
    }
}

impl Record<'_> {
    /// Appends the record to `out`.
    ///
    /// # Errors
    /// If there are too many sources, or auxiliary data that are too long or no multiple of 4
    /// bytes.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let sources = u16::try_from(self.sources.len() / 16).map_err(|_| Malformed::Value(2))?;
        let words = u8::try_from(self.auxiliary.len() / 4).map_err(|_| Malformed::Value(1))?;
        if !self.sources.len().is_multiple_of(16) || !self.auxiliary.len().is_multiple_of(4) {
            return Err(Malformed::Value(0));
        }
        out.extend_from_slice(&[self.kind, words]);
        out.extend_from_slice(&sources.to_be_bytes());
        out.extend_from_slice(&self.group.octets());
        out.extend_from_slice(self.sources);
        out.extend_from_slice(self.auxiliary);
        Ok(())
    }
}

/// The addresses in a list of 16 bytes each.
pub fn addresses(bytes: &[u8]) -> impl Iterator<Item = Ipv6Addr> + '_ {
    bytes.as_chunks::<16>().0.iter().map(|octets| Ipv6Addr::from(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_response_codes_are_floating_point() {
        let v2 = QueryV2 { flags: 0, interval_code: 0, source_count: 0, sources: &[] };
        let group = Ipv6Addr::UNSPECIFIED;
        let read = |response_code, v2| Query { response_code, group, v2 }.response_ms();
        assert_eq!(read(0x8000, Some(v2)), 0x8000);
        assert_eq!(read(0xffff, Some(v2)), 0x1fff << 10);
        assert_eq!(read(0xffff, None), 0xffff);
    }
}
