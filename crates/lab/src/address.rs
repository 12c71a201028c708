//! Addresses of a lab: which ones links get if the scenario names none: small links from the
//! documentation ranges (RFC 5737, RFC 3849), large ones from RFC 2544's test range.

use crate::rules::{self, Both};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Family;
pub(crate) use wire::prefix::Prefix;

/// Reads `192.0.2.0/24`; a lone address is itself.
pub(crate) fn parse_prefix(text: &str) -> Option<Prefix> {
    let one = || text.parse().ok().map(Prefix::of_one);
    text.parse().ok().or_else(one)
}

/// Hashes addresses, the same in every run. They are of the scenario, so nobody chooses them to
/// collide but whoever would wait for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The golden ratio, as in Knuth's multiplicative hashing.
        let product = u128::from(self.0 ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write_usize(&mut self, word: usize) {
        self.0 = self.0.wrapping_add(word as u64 + 1);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Hands out networks to links.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Networks by their first address; they do not overlap.
    taken: BTreeMap<IpAddr, Prefix>,
    /// By block and length of a network, how many such networks from the block's start are taken.
    tried: BTreeMap<(Ipv4Addr, u8), u64>,
    links: u32,
}

/// RFC 5737, then RFC 2544's range for what does not fit there.
const V4_BLOCKS: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
];

impl Pool {
    /// Keeps a network that the scenario names from being handed out. `false` if it overlaps one.
    pub(crate) fn reserve(&mut self, prefix: Prefix) -> bool {
        let before = self.taken.range(..=prefix.first()).next_back();
        let after = self.taken.range(prefix.first()..).next();
        let is_free =
            [before, after].into_iter().flatten().all(|(_, taken)| !taken.overlaps(&prefix));
        if is_free {
            self.taken.insert(prefix.first(), prefix);
        }
        is_free
    }

    /// A free network for that many nodes; `None` if none is left.
    pub(crate) fn network(&mut self, family: Family, nodes: usize) -> Option<Prefix> {
        match rules::of(family).has_broadcast {
            true => self.network_v4(nodes),
            false => self.network_v6(),
        }
    }

    fn network_v4(&mut self, nodes: usize) -> Option<Prefix> {
        // Two more than nodes: the network's own address and its broadcast address.
        let size = u64::try_from(nodes).ok()?.checked_add(2)?.checked_next_power_of_two()?.max(4);
        let length = 32_u8.checked_sub(u8::try_from(size.trailing_zeros()).ok()?)?;
        for (block, block_length) in V4_BLOCKS {
            let count = 1_u64.checked_shl(length.checked_sub(block_length).unwrap_or(64).into());
            let tried = self.tried.get(&(block, length)).copied().unwrap_or(0);
            for index in tried..count.unwrap_or(0) {
                self.tried.insert((block, length), index + 1);
                let start = u64::from(block.to_bits()) + index * size;
                let first = Ipv4Addr::from_bits(u32::try_from(start).ok()?);
                let prefix = Prefix::of(first.into(), length);
                if self.reserve(prefix) {
                    return Some(prefix);
                }
            }
        }
        None
    }

    fn network_v6(&mut self) -> Option<Prefix> {
        loop {
            self.links = self.links.checked_add(1).filter(|number| *number <= 0xffff)?;
            let number = u16::try_from(self.links).ok()?;
            let first = Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 0);
            let prefix = Prefix::of(first.into(), 64);
            if self.reserve(prefix) {
                return Some(prefix);
            }
        }
    }
}

/// The group of all hosts of a link (RFC 1112 §4, RFC 4291 §2.7.1).
pub(crate) const EVERYBODY: Both<IpAddr> = Both::new(
    IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
);

/// An address that all hosts of a link listen to.
pub(crate) fn is_for_all(address: IpAddr) -> bool {
    address == Ipv4Addr::BROADCAST || address == EVERYBODY.of(Family::of(address))
}

/// An address that all routers of a link listen to (RFC 1112, RFC 4291 §2.7.1).
pub(crate) fn is_for_routers(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a == Ipv4Addr::new(224, 0, 0, 2),
        IpAddr::V6(a) => a == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2),
    }
}

/// The address under which a router is known on its link: in IPv6 the link-local one with the same
/// interface identifier (RFC 4861 §4.2).
pub(crate) fn on_link(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(a) => {
            let [.., a, b, c, d] = a.segments();
            Ipv6Addr::new(0xfe80, 0, 0, 0, a, b, c, d).into()
        }
    }
}

/// Whether an address is of one link only (RFC 4291 §2.5.6).
pub(crate) fn is_of_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// The address in a network that goes with a link-local one; any other address is itself.
pub(crate) fn in_network(address: IpAddr, network: Prefix) -> IpAddr {
    match (address, network.first()) {
        (IpAddr::V6(local), IpAddr::V6(first)) if local.is_unicast_link_local() => {
            let low = local.to_bits() & u128::from(u64::MAX);
            Ipv6Addr::from_bits(first.to_bits() & !u128::from(u64::MAX) | low).into()
        }
        _ => address,
    }
}

/// Whether a redirect may name an address: in IPv4 one of the link's network (RFC 1122 §3.2.2.2),
/// in IPv6 a link-local one or the destination itself (RFC 4861 §8.1).
pub(crate) fn may_be_gateway(gateway: IpAddr, destination: IpAddr, network: Prefix) -> bool {
    match gateway {
        IpAddr::V4(_) => network.contains(gateway) && !network.is_broadcast(gateway),
        IpAddr::V6(a) => a.is_unicast_link_local() || gateway == destination,
    }
}

/// An address that can stand for one host alone, and so be answered (RFC 1122 §3.2.2, RFC 4443
/// §2.4 (e)).
pub(crate) fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !(a.octets()[0] == 0 || a.is_loopback() || a.octets()[0] >= 224),
        IpAddr::V6(a) => !(a.is_unspecified() || a.is_multicast()),
    }
}

/// Whether routers pass on what comes from an address. Linux does from 0.1.2.3 and from class E,
/// but not what is of one link alone (RFC 4291 §2.5.6).
pub(crate) fn may_pass_from(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(a) if a.is_broadcast());
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_of_link(address)
        || is_broadcast)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        parse_prefix(text).expect("a prefix")
    }

    #[test]
    fn networks_are_big_enough_and_never_overlap() {
        let mut pool = Pool::default();
        assert!(pool.reserve(prefix("192.0.2.0/29")));
        assert_eq!(pool.network(Family::V4, 2), Some(prefix("192.0.2.8/30")));
        assert_eq!(pool.network(Family::V4, 20), Some(prefix("192.0.2.32/27")));
        assert_eq!(pool.network(Family::V4, 254), Some(prefix("198.51.100.0/24")));
        assert_eq!(pool.network(Family::V4, 255), Some(prefix("198.18.0.0/23")));
        assert_eq!(pool.network(Family::V4, usize::MAX), None);
        assert_eq!(pool.network(Family::V6, 2), Some(prefix("2001:db8:0:1::/64")));
        assert!(!pool.reserve(prefix("192.0.2.11/32")));
    }
}
