//! What an ICMP error quotes of the datagram that caused it, and what extends it (RFC 4884).

use super::neighbour::{Discovery, Options};
use super::{Error, REDIRECT_V6};
use crate::ext::Structure;
use crate::ip::{Datagram, protocol};
use crate::{Malformed, be32};

/// The least that stands in front of extensions, padded if need be (RFC 4884 §4), and exactly what
/// routers older than the length attribute put there (§5).
const QUOTE_MIN_BYTES: usize = 128;

/// A quoted datagram: its headers, and what is there of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// The datagram, its payload cut.
    pub datagram: Datagram<'a>,
    /// What is there of the transport header.
    pub transport: Transport<'a>,
    /// The extension structure behind the quote, if there is one.
    pub extension: Option<&'a [u8]>,
}

/// The start of a transport header: 8 bytes or fewer may be all that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// TCP, UDP or another protocol that begins with ports.
    Ports {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
        /// TCP's sequence number, if it is there.
        sequence: Option<u32>,
    },
    /// An ICMP query with identifier and sequence number.
    Query {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// Whose probe it was.
        identifier: u16,
        /// Which probe it was.
        sequence: u16,
    },
    /// Anything else: a later fragment, another protocol, or too little to tell.
    Opaque(&'a [u8]),
}

impl<'a> Error<'a> {
    /// Takes the body apart: the quoted datagram, however little there is of its payload, and the
    /// extensions.
    ///
    /// # Errors
    /// If there is no whole IP header at the start of the quote.
    pub fn parse_quoted(&self) -> Result<Quoted<'a>, Malformed> {
        let (quote, extension) = self.split_body();
        let datagram = Datagram::parse_quoted(quote)?;
        Ok(Quoted { datagram, transport: Transport::parse(&datagram), extension })
    }

    /// Quote and extension structure.
    fn split_body(&self) -> (&'a [u8], Option<&'a [u8]>) {
        if self.kind == REDIRECT_V6 {
            return (redirected(self.body), None);
        }
        // Which unit the length has is a matter of the family, which an error shares with its
        // quote.
        let stated_bytes = match (self.body.first().map(|first| first >> 4), self.kind) {
            (Some(4), 3 | 11 | 12) => (self.word >> 16 & 0xff) as usize * 4,
            (Some(6), 1 | 3) => (self.word >> 24) as usize * 8,
            _ => return (self.body, None),
        };
        if stated_bytes >= QUOTE_MIN_BYTES
            && let Some((quote, extension)) = self.body.split_at_checked(stated_bytes)
        {
            return (quote, (!extension.is_empty()).then_some(extension));
        }
        // Without the attribute only a checksum that is there and right tells extensions from
        // quote.
        match self.body.split_at_checked(QUOTE_MIN_BYTES) {
            Some((quote, extension))
                if stated_bytes == 0
                    && Structure::parse(extension).is_ok_and(|found| found.has_checksum) =>
            {
                (quote, Some(extension))
            }
            _ => (self.body, None),
        }
    }
}

/// What a redirect's options quote.
fn redirected(body: &[u8]) -> &[u8] {
    let mut options = Options::new(body.get(32..).unwrap_or_default());
    let quote = options.find_map(|option| match option {
        Ok(Discovery::Redirected(quote)) => Some(quote),
        _ => None,
    });
    quote.unwrap_or_default()
}

impl<'a> Quoted<'a> {
    /// The extension structure taken apart, if there is one.
    pub fn extensions(&self) -> Option<Result<Structure<'a>, Malformed>> {
        self.extension.map(Structure::parse)
    }
}

impl<'a> Transport<'a> {
    /// Reads what is there of a datagram's transport header.
    pub fn parse(datagram: &Datagram<'a>) -> Transport<'a> {
        let bytes = datagram.payload;
        if datagram.is_later_fragment() {
            return Transport::Opaque(bytes);
        }
        match (datagram.protocol, bytes) {
            (
                protocol::TCP
                | protocol::UDP
                | protocol::DCCP
                | protocol::SCTP
                | protocol::UDP_LITE,
                &[s0, s1, d0, d1, ..],
            ) => Transport::Ports {
                source: u16::from_be_bytes([s0, s1]),
                destination: u16::from_be_bytes([d0, d1]),
                sequence: match datagram.protocol {
                    protocol::TCP => be32(bytes, 4).ok(),
                    _ => None,
                },
            },
            (protocol::ICMP, &[kind @ (0 | 8 | 13..=18), code, _, _, i0, i1, s0, s1, ..])
            | (protocol::ICMPV6, &[kind @ (128 | 129), code, _, _, i0, i1, s0, s1, ..]) => {
                Transport::Query {
                    kind,
                    code,
                    identifier: u16::from_be_bytes([i0, i1]),
                    sequence: u16::from_be_bytes([s0, s1]),
                }
            }
            _ => Transport::Opaque(bytes),
        }
    }
}
