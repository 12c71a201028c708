//! IPv6 node information queries (RFC 4620): a node's names and addresses.

use crate::{Malformed, array, be16, be32};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked: the numbers of RFC 4620 §5.
pub mod question {
    /// Nothing but an answer.
    pub const NOOP: u16 = 0;
    /// The node's name.
    pub const NAME: u16 = 2;
    /// Its IPv6 addresses.
    pub const IPV6_ADDRESSES: u16 = 3;
    /// Its IPv4 addresses.
    pub const IPV4_ADDRESSES: u16 = 4;
}

/// A question to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// What the subject is, the ICMP code: 0 an IPv6 address, 1 a name, 2 an IPv4 address.
    pub subject_kind: u8,
    /// What is asked: a number of [`question`].
    pub question: u16,
    /// By question; of addresses 0x02 all, 0x04 compatible, 0x08 link-local, 0x10 site-local,
    /// 0x20 global.
    pub flags: u16,
    /// Ties the reply to the question.
    pub nonce: [u8; 8],
    /// Whom the question is for.
    pub subject: &'a [u8],
}

/// An answer of a node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The ICMP code: 0 answered, 1 refused, 2 question unknown.
    pub result: u8,
    /// What was asked: a number of [`question`].
    pub question: u16,
    /// As in the question; 0x01 if there is more than fits.
    pub flags: u16,
    /// The question's.
    pub nonce: [u8; 8],
    /// The answer: see [`Reply::names`] and [`Reply::addresses`].
    pub answer: &'a [u8],
}

/// Question and flags, then the nonce, from byte 4 of the message on.
fn parse(bytes: &[u8]) -> Result<([u16; 2], [u8; 8]), Malformed> {
    Ok(([be16(bytes, 4)?, be16(bytes, 6)?], array(bytes, 8)?))
}

fn emit(question: u16, flags: u16, nonce: &[u8; 8], rest: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&question.to_be_bytes());
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(nonce);
    out.extend_from_slice(rest);
}

impl<'a> Query<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Query<'a>, Malformed> {
        let [_, subject_kind]: [u8; 2] = array(bytes, 0)?;
        let ([question, flags], nonce) = parse(bytes)?;
        Ok(Query { subject_kind, question, flags, nonce, subject: &bytes[16..] })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        emit(self.question, self.flags, &self.nonce, self.subject, out);
    }
}

impl<'a> Reply<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Reply<'a>, Malformed> {
        let [_, result]: [u8; 2] = array(bytes, 0)?;
        let ([question, flags], nonce) = parse(bytes)?;
        Ok(Reply { result, question, flags, nonce, answer: &bytes[16..] })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        emit(self.question, self.flags, &self.nonce, self.answer, out);
    }

    /// Seconds for which each address may be believed, and the address; of an answer to a question
    /// after addresses (RFC 4620 §6.3, §6.4), else none.
    pub fn addresses(&self) -> impl Iterator<Item = (u32, IpAddr)> + use<'a> {
        let step = match (self.result, self.question) {
            (0, question::IPV6_ADDRESSES) => 20,
            (0, question::IPV4_ADDRESSES) => 8,
            _ => usize::MAX,
        };
        self.answer.chunks_exact(step).filter_map(|entry| {
            let address = match array::<16>(entry, 4) {
                Ok(octets) => IpAddr::V6(Ipv6Addr::from(octets)),
                Err(_) => IpAddr::V4(Ipv4Addr::from(be32(entry, 4).ok()?)),
            };
            Some((be32(entry, 0).ok()?, address))
        })
    }

    /// The names of an answer to a question after names (RFC 4620 §6.2), else none.
    pub fn names(&self) -> Names<'a> {
        match (self.result, self.question) {
            (0, question::NAME) => Names { rest: self.answer.get(4..).unwrap_or_default() },
            _ => Names { rest: &[] },
        }
    }
}

/// The names of an answer, in order; ends where one is malformed.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    rest: &'a [u8],
}

/// A name in DNS form, uncompressed: its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    rest: &'a [u8],
    /// Whether it is fully qualified, and not just the start of a name.
    pub is_qualified: bool,
}

impl<'a> Iterator for Names<'a> {
    type Item = Name<'a>;

    fn next(&mut self) -> Option<Name<'a>> {
        let start = self.rest;
        let mut bytes = 0;
        loop {
            let length = usize::from(*start.get(bytes)?);
            if length > 63 {
                return None;
            }
            bytes += 1 + length;
            if length == 0 {
                break;
            }
        }
        self.rest = start.get(bytes..)?;
        // A name that is not fully qualified ends with a second empty label (RFC 4620 §6.2).
        let is_qualified = bytes == 1 || self.rest.first() != Some(&0);
        if !is_qualified {
            self.rest = &self.rest[1..];
        }
        Some(Name { rest: &start[..bytes], is_qualified })
    }
}

impl<'a> Iterator for Name<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, behind) = self.rest.split_first().filter(|(length, _)| **length > 0)?;
        let (label, rest) = behind.split_at_checked(usize::from(*length))?;
        self.rest = rest;
        Some(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(question: u16, answer: &[u8]) -> Reply<'_> {
        Reply { result: 0, question, flags: 0, nonce: [0; 8], answer }
    }

    #[test]
    fn names_are_read_label_by_label() {
        let answer = b"\0\0\0\0\x04host\x07example\0\x04only\0\0";
        let names = reply(question::NAME, answer).names();
        let qualified: Vec<bool> = names.map(|name| name.is_qualified).collect();
        let read: Vec<Vec<&[u8]>> = names.map(Iterator::collect).collect();
        assert_eq!(read, [vec![&b"host"[..], b"example"], vec![b"only"]]);
        assert_eq!(qualified, [true, false]);
    }

    #[test]
    fn a_name_that_is_cut_is_none() {
        assert_eq!(reply(question::NAME, b"\0\0\0\0\x04hos").names().count(), 0);
        assert_eq!(reply(question::NAME, b"\0\0\0\0\xc0\x04").names().count(), 0);
    }

    #[test]
    fn addresses_of_both_families() {
        let answer = [&[0, 0, 0, 9, 192, 0, 2, 1][..]].concat();
        let read: Vec<_> = reply(question::IPV4_ADDRESSES, &answer).addresses().collect();
        assert_eq!(read, [(9, IpAddr::from([192, 0, 2, 1]))]);
        assert_eq!(reply(question::NOOP, &answer).addresses().count(), 0);
    }
}
