//! Prefixes of addresses, and which addresses mean something beyond the networks that use them.

use crate::Family;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// The first of them.
    first: IpAddr,
    /// How many bits are alike: up to 32, or 128.
    length: u8,
}

impl Prefix {
    /// The prefix of that many bits that an address is in; of all bits if there are not so many.
    pub fn of(address: IpAddr, length: u8) -> Prefix {
        let (bits, width) = number(address);
        let length = length.min(width);
        Prefix { first: with_bits(address, bits & !ones(width - length)), length }
    }

    /// Likewise; `None` if there are not so many.
    pub fn new(address: IpAddr, length: u8) -> Option<Prefix> {
        (length <= number(address).1).then(|| Prefix::of(address, length))
    }

    /// The prefix of one address alone.
    pub fn of_one(address: IpAddr) -> Prefix {
        Prefix::of(address, u8::MAX)
    }

    /// What the routing tables of the Internet tell apart at most: /24, or /48. Longer prefixes are
    /// filtered nearly everywhere.
    pub fn routable(address: IpAddr) -> Prefix {
        Prefix::of(address, if address.is_ipv4() { 24 } else { 48 })
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(self.first)
    }

    /// How many bits are alike.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The first address: in IPv4 the network's own, held by no node.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address: in IPv4 the network's broadcast address, where it has one (RFC 3021: links
    /// of two addresses have none).
    pub fn last(&self) -> IpAddr {
        let (bits, width) = number(self.first);
        with_bits(self.first, bits | ones(width - self.length))
    }

    /// As a mask: ones where bits are alike.
    pub fn mask(&self) -> IpAddr {
        let (_, width) = number(self.first);
        with_bits(self.first, !ones(width - self.length))
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && Prefix::of(address, self.length) == *self
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &Prefix) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// Whether an address is the network's broadcast address, in the old form (all zeros,
    /// RFC 1122 §3.3.6) or today's.
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        self.first.is_ipv4()
            && self.length < 31
            && (address == self.first || address == self.last())
    }

    /// The `index`-th address that a node may hold, 0-based; `None` behind the last one.
    pub fn host(&self, index: u64) -> Option<IpAddr> {
        let (bits, width) = number(self.first);
        let skipped = u128::from(self.length < width - 1);
        let bits = bits.checked_add(u128::from(index))?.checked_add(skipped)?;
        let host = with_bits(self.first, bits);
        (bits <= number(self.last()).0 && !self.is_broadcast(host)).then_some(host)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

/// Not a prefix as RFC 4632 §3.1 and RFC 4291 §2.3 write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPrefix;

impl FromStr for Prefix {
    type Err = NoPrefix;

    /// Bits behind the prefix are left out.
    fn from_str(text: &str) -> Result<Prefix, NoPrefix> {
        let (address, length) = text.split_once('/').ok_or(NoPrefix)?;
        let address = address.parse().map_err(|_| NoPrefix)?;
        let length = length.parse().map_err(|_| NoPrefix)?;
        Prefix::new(address, length).ok_or(NoPrefix)
    }
}

/// An address as a number, and how many bits it has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u32::from(v4).into(), 32),
        IpAddr::V6(v6) => (v6.into(), 128),
    }
}

/// The address of those bits, of the family of `like`: so many are there.
fn with_bits(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4((bits as u32).into()),
        IpAddr::V6(_) => IpAddr::V6(bits.into()),
    }
}

/// A number of so many ones.
fn ones(count: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(128 - count)).unwrap_or(0)
}

/// Addresses that mean something in some network only, or nothing: what RFC 6890 and the registries
/// that it founded hold for not globally reachable, and multicast (RFC 5771, RFC 4291 §2.7).
const LOCAL_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

/// All that is handed out to networks (RFC 4291 §2.4).
const GLOBAL_UNICAST: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What is not, likewise: protocols of the IETF, documentation (RFC 3849, RFC 9637), and 6to4,
/// which is made of IPv4 addresses (RFC 3056).
const LOCAL_V6: &[([u16; 8], u8)] = &[
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Blocks of which no interface can have an address, and what they are for: RFC 1122 §3.2.1.3,
/// RFC 5771, RFC 919 §7, RFC 4291 §2.5 and §2.7.
const NOBODYS: &[(IpAddr, u8, &str)] = &[
    (IpAddr::V4(Ipv4Addr::new(0, 0, 0, 0)), 8, "\"this network\""),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8, "loopback"),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4, "multicast"),
    (IpAddr::V4(Ipv4Addr::BROADCAST), 32, "broadcast"),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 128, "the unspecified address"),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128, "loopback"),
    (IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0)), 96, "IPv4-mapped addresses"),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8, "multicast"),
];

/// What addresses of a prefix are for that no interface can have, if there are such.
pub fn unusable(prefix: &Prefix) -> Option<&'static str> {
    let concerns =
        |(first, bits, _): &&(IpAddr, u8, &str)| Prefix::of(*first, *bits).overlaps(prefix);
    NOBODYS.iter().find(concerns).map(|(_, _, what)| *what)
}

/// Whether an address is one of the public Internet's: to be found in its routing tables, if it is
/// in use.
pub fn is_public(address: IpAddr) -> bool {
    let is_in_v4 = |(first, bits): &([u8; 4], u8)| is_in(address, IpAddr::from(*first), *bits);
    let is_in_v6 = |(first, bits): &([u16; 8], u8)| is_in(address, IpAddr::from(*first), *bits);
    match address {
        IpAddr::V4(_) => !LOCAL_V4.iter().any(is_in_v4),
        IpAddr::V6(_) => is_in_v6(&GLOBAL_UNICAST) && !LOCAL_V6.iter().any(is_in_v6),
    }
}

fn is_in(address: IpAddr, first: IpAddr, bits: u8) -> bool {
    Prefix::of(first, bits).contains(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_holds_what_begins_alike() {
        let prefix: Prefix = "192.0.2.77/25".parse().unwrap();
        assert_eq!(prefix.to_string(), "192.0.2.0/25");
        assert!(
            prefix.contains(address("192.0.2.127")) && !prefix.contains(address("192.0.2.128"))
        );
        assert!(!prefix.contains(address("2001:db8::1")));
        let all: Prefix = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(address("203.0.113.1")) && !all.contains(address("::1")));
        let all: Prefix = "::/0".parse().unwrap();
        assert!(all.contains(address("2001:db8::1")));
        let one: Prefix = "2001:db8::1/128".parse().unwrap();
        assert!(one.contains(address("2001:db8::1")) && !one.contains(address("2001:db8::2")));
        let routable = Prefix::routable(address("2001:db8:1:2::3"));
        assert_eq!(routable.to_string(), "2001:db8:1::/48");
        for wrong in ["192.0.2.0", "192.0.2.0/33", "192.0.2.0/-1", "x/8", "2001:db8::/129", "/"] {
            assert_eq!(wrong.parse::<Prefix>(), Err(NoPrefix), "{wrong}");
        }
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn prefixes_hold_what_they_should() {
        let network = prefix("192.0.2.9/30");
        assert_eq!(network.first(), address("192.0.2.8"));
        assert_eq!(network.last(), address("192.0.2.11"));
        assert!(
            network.contains(address("192.0.2.11")) && !network.contains(address("192.0.2.12"))
        );
        assert!(!network.contains(address("::c000:20b")));
        assert_eq!(network.host(1), Some(address("192.0.2.10")));
        assert_eq!(network.host(2), None);
        assert!(prefix("0.0.0.0/0").contains(address("255.255.255.255")));
        assert_eq!(prefix("2001:db8::/64").host(0), Some(address("2001:db8::1")));
        assert_eq!(prefix("192.0.2.4/31").host(0), Some(address("192.0.2.4")));
        assert_eq!("192.0.2.0/33".parse::<Prefix>(), Err(NoPrefix));
        assert!(prefix("192.0.2.0/24").overlaps(&prefix("192.0.2.64/26")));
    }

    #[test]
    fn some_blocks_are_of_no_interface() {
        for (text, what) in [
            ("224.0.0.0/24", Some("multicast")),
            ("127.0.0.0/24", Some("loopback")),
            ("0.0.0.0/0", Some("\"this network\"")),
            ("255.255.255.252/30", Some("broadcast")),
            ("ff02::/64", Some("multicast")),
            ("::/64", Some("the unspecified address")),
            ("::ffff:192.0.2.0/120", Some("IPv4-mapped addresses")),
            ("10.0.0.0/8", None),
            ("169.254.0.0/16", None),
            ("240.0.0.0/24", None),
            ("2001:db8::/32", None),
        ] {
            assert_eq!(unusable(&prefix(text)), what, "{text}");
        }
    }

    #[test]
    fn both_ends_of_what_is_local_are() {
        for (inside, outside) in [
            ("0.0.0.0", "1.0.0.0"),
            ("10.255.255.255", "11.0.0.0"),
            ("100.64.0.0", "100.63.255.255"),
            ("100.127.255.255", "100.128.0.0"),
            ("127.0.0.1", "128.0.0.1"),
            ("169.254.0.1", "169.253.255.255"),
            ("172.31.255.255", "172.32.0.0"),
            ("172.16.0.0", "172.15.255.255"),
            ("192.0.0.1", "192.0.1.0"),
            ("192.168.0.1", "192.167.255.255"),
            ("198.19.255.255", "198.20.0.0"),
            ("198.51.100.1", "198.51.101.1"),
            ("203.0.113.1", "203.0.114.1"),
            ("224.0.0.1", "223.255.255.255"),
            ("255.255.255.255", "192.31.196.1"),
            ("::1", "2620:4f:8000::1"),
            ("::ffff:192.31.196.1", "2a00::1"),
            ("fe80::1", "2001:200::1"),
            ("fc00::1", "2001:4860::1"),
            ("ff02::1", "2003::1"),
            ("2001::1", "3ffe::1"),
            ("2001:1ff::1", "3fff:1000::1"),
            ("2001:db8::1", "2001:db9::1"),
            ("2002:c000:201::1", "2c0f::1"),
            ("3fff:fff::1", "2400::1"),
        ] {
            assert!(!is_public(address(inside)), "{inside}");
            assert!(is_public(address(outside)), "{outside}");
        }
    }
}
