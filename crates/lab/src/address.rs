//! Addresses of a lab: prefixes, and which ones links get if the scenario names none: small links
//! from the documentation ranges (RFC 5737, RFC 3849), large ones from RFC 2544's test range.

use crate::rules;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Family;

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Prefix {
    /// The first address: all other bits are 0.
    first: IpAddr,
    length: u8,
}

impl Prefix {
    /// The prefix of that length that holds an address; `None` if the family has no such length.
    pub(crate) fn new(address: IpAddr, length: u8) -> Option<Prefix> {
        let host_bits = width(Family::of(address)).checked_sub(length)?;
        let mask = u128::MAX.checked_shl(host_bits.into()).unwrap_or(0);
        Some(Prefix { first: with_bits(address, bits(address) & mask), length })
    }

    /// The prefix of one address alone.
    pub(crate) fn of_one(address: IpAddr) -> Prefix {
        Prefix { first: address, length: width(Family::of(address)) }
    }

    /// Reads `192.0.2.0/24`; a lone address is itself.
    pub(crate) fn parse(text: &str) -> Option<Prefix> {
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().ok().map(Prefix::of_one);
        };
        Prefix::new(address.parse().ok()?, length.parse().ok()?)
    }

    pub(crate) fn family(&self) -> Family {
        Family::of(self.first)
    }

    pub(crate) fn length(&self) -> u8 {
        self.length
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        Prefix::new(address, self.length) == Some(*self)
    }

    pub(crate) fn overlaps(&self, other: &Prefix) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// As a mask: ones where bits count.
    pub(crate) fn mask(&self) -> IpAddr {
        let host_bits = width(self.family()) - self.length;
        let ones = u128::MAX.checked_shl(host_bits.into()).unwrap_or(0);
        with_bits(self.first, ones)
    }

    /// The first address: in IPv4 the network's own, held by no node.
    pub(crate) fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address: in IPv4 the network's broadcast address, where it has one (RFC 3021: links
    /// of two addresses have none).
    pub(crate) fn last(&self) -> IpAddr {
        let host_bits = width(self.family()) - self.length;
        let ones = !u128::MAX.checked_shl(host_bits.into()).unwrap_or(0);
        with_bits(self.first, bits(self.first) | ones)
    }

    /// Whether an address is the network's broadcast address, in the old form (all zeros,
    /// RFC 1122 §3.3.6) or today's.
    pub(crate) fn is_broadcast(&self, address: IpAddr) -> bool {
        rules::of(self.family()).has_broadcast
            && self.length < 31
            && (address == self.first || address == self.last())
    }

    /// The `index`-th address that a node may hold, 0-based; `None` behind the last one.
    pub(crate) fn host(&self, index: u64) -> Option<IpAddr> {
        let skipped = u128::from(self.length < width(self.family()) - 1);
        let address = bits(self.first).checked_add(u128::from(index))?.checked_add(skipped)?;
        let host = with_bits(self.first, address);
        (address <= bits(self.last()) && !self.is_broadcast(host)).then_some(host)
    }
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
        let before = self.taken.range(..=prefix.first).next_back();
        let after = self.taken.range(prefix.first..).next();
        let is_free =
            [before, after].into_iter().flatten().all(|(_, taken)| !taken.overlaps(&prefix));
        if is_free {
            self.taken.insert(prefix.first, prefix);
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
                let prefix = Prefix { first: first.into(), length };
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
            let prefix = Prefix { first: first.into(), length: 64 };
            if self.reserve(prefix) {
                return Some(prefix);
            }
        }
    }
}

/// An address that all hosts of a link listen to.
pub(crate) fn is_for_all(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_broadcast() || a == Ipv4Addr::new(224, 0, 0, 1),
        IpAddr::V6(a) => a == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    }
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

/// The address in a network that goes with a link-local one; any other address is itself.
pub(crate) fn in_network(address: IpAddr, network: Prefix) -> IpAddr {
    match (address, network.first) {
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
    let is_of_link = matches!(address, IpAddr::V6(a) if a.is_unicast_link_local());
    let is_broadcast = matches!(address, IpAddr::V4(a) if a.is_broadcast());
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_of_link
        || is_broadcast)
}

fn width(family: Family) -> u8 {
    rules::of(family).address_bits
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => a.to_bits().into(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

/// The address of those bits, of the family of `like`.
fn with_bits(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(bits as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).expect("a prefix")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn prefixes_hold_what_they_should() {
        let network = prefix("192.0.2.9/30");
        assert_eq!(network.first(), ip("192.0.2.8"));
        assert_eq!(network.last(), ip("192.0.2.11"));
        assert!(network.contains(ip("192.0.2.11")) && !network.contains(ip("192.0.2.12")));
        assert!(!network.contains(ip("::c000:20b")));
        assert_eq!(network.host(1), Some(ip("192.0.2.10")));
        assert_eq!(network.host(2), None);
        assert!(prefix("0.0.0.0/0").contains(ip("255.255.255.255")));
        assert_eq!(prefix("2001:db8::/64").host(0), Some(ip("2001:db8::1")));
        assert_eq!(prefix("192.0.2.4/31").host(0), Some(ip("192.0.2.4")));
        assert_eq!(Prefix::parse("192.0.2.0/33"), None);
        assert!(prefix("192.0.2.0/24").overlaps(&prefix("192.0.2.64/26")));
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
