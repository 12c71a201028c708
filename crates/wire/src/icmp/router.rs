//! Router advertisements: IPv4 (RFC 1256) lists addresses, IPv6 (RFC 4861 §4.2) the router's
//! advice.

use super::after;
use crate::{Malformed, array, be16, be32};
use std::net::Ipv4Addr;

/// A router advertisement of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement<'a> {
    /// Seconds for which the offer stands; 0 withdraws it.
    pub lifetime_s: u16,
    /// What is offered.
    pub offer: Offer<'a>,
}

/// What a router offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer<'a> {
    /// IPv4: routers by address.
    Addresses(Addresses<'a>),
    /// IPv6: the sender itself, and its advice.
    Sender {
        /// The hop limit to use; 0 for no advice.
        hop_limit: u8,
        /// 0x80 addresses from DHCPv6, 0x40 other configuration, 0x18 preference (RFC 4191).
        flags: u8,
        /// For how long a neighbour counts as reachable; 0 for no advice.
        reachable_ms: u32,
        /// Time between solicitations; 0 for no advice.
        retransmit_ms: u32,
        /// Options: see [`super::neighbour::Options`].
        options: &'a [u8],
    },
}

/// The addresses of an IPv4 router advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses<'a> {
    /// How many entries the message states; may be more than it has.
    pub count: u8,
    /// Size of an entry in units of 4 bytes: 2, the first two of which mean something.
    pub entry_words: u8,
    /// The entries.
    pub entries: &'a [u8],
}

impl<'a> Addresses<'a> {
    /// Address and preference (higher is better, `i32::MIN` never by default), in order.
    pub fn iter(&self) -> impl Iterator<Item = (Ipv4Addr, i32)> + use<'a> {
        let entry_bytes = usize::from(self.entry_words.max(2)) * 4;
        let entries = self.entries.chunks_exact(entry_bytes).take(usize::from(self.count));
        entries.filter_map(|entry| {
            let address = Ipv4Addr::from(be32(entry, 0).ok()?);
            Some((address, be32(entry, 4).ok()?.cast_signed()))
        })
    }
}

impl<'a> Advertisement<'a> {
    pub(super) fn parse_v4(bytes: &'a [u8]) -> Result<Advertisement<'a>, Malformed> {
        let [count, entry_words]: [u8; 2] = array(bytes, 4)?;
        let lifetime_s = be16(bytes, 6)?;
        let offer = Offer::Addresses(Addresses { count, entry_words, entries: &bytes[8..] });
        Ok(Advertisement { lifetime_s, offer })
    }

    pub(super) fn parse_v6(bytes: &'a [u8]) -> Result<Advertisement<'a>, Malformed> {
        let [hop_limit, flags]: [u8; 2] = array(bytes, 4)?;
        let offer = Offer::Sender {
            hop_limit,
            flags,
            reachable_ms: be32(bytes, 8)?,
            retransmit_ms: be32(bytes, 12)?,
            options: after(bytes, 16)?,
        };
        Ok(Advertisement { lifetime_s: be16(bytes, 6)?, offer })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        match &self.offer {
            Offer::Addresses(addresses) => {
                out.extend_from_slice(&[addresses.count, addresses.entry_words]);
                out.extend_from_slice(&self.lifetime_s.to_be_bytes());
                out.extend_from_slice(addresses.entries);
            }
            Offer::Sender { hop_limit, flags, reachable_ms, retransmit_ms, options } => {
                out.extend_from_slice(&[*hop_limit, *flags]);
                out.extend_from_slice(&self.lifetime_s.to_be_bytes());
                out.extend_from_slice(&reachable_ms.to_be_bytes());
                out.extend_from_slice(&retransmit_ms.to_be_bytes());
                out.extend_from_slice(options);
            }
        }
    }
}
