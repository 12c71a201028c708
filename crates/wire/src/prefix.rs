//! Prefixes of addresses, and which addresses mean something beyond the networks that use them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// The first of them.
    first: IpAddr,
    /// How many bits are alike: up to 32, or 128.
    bits: u8,
}

impl Prefix {
    /// The prefix of that many bits that an address is in; of all bits if there are not so many.
    pub fn of(address: IpAddr, bits: u8) -> Prefix {
        let (value, width) = number(address);
        let bits = bits.min(width);
        let rest = u32::from(width - bits);
        let kept = value.checked_shr(rest).and_then(|kept| kept.checked_shl(rest)).unwrap_or(0);
        let first = match address {
            // The upper bits were 0 before.
            IpAddr::V4(_) => IpAddr::V4((kept as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(kept.into()),
        };
        Prefix { first, bits }
    }

    /// What the routing tables of the Internet tell apart at most: /24, or /48. Longer prefixes are
    /// filtered nearly everywhere.
    pub fn routable(address: IpAddr) -> Prefix {
        Prefix::of(address, if address.is_ipv4() { 24 } else { 48 })
    }

    /// How many bits are alike.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && Prefix::of(address, self.bits) == *self
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// Not a prefix as RFC 4632 §3.1 and RFC 4291 §2.3 write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPrefix;

impl FromStr for Prefix {
    type Err = NoPrefix;

    /// Bits behind the prefix are left out.
    fn from_str(text: &str) -> Result<Prefix, NoPrefix> {
        let (address, bits) = text.split_once('/').ok_or(NoPrefix)?;
        let address: IpAddr = address.parse().map_err(|_| NoPrefix)?;
        let bits = bits.parse().ok().filter(|bits| *bits <= number(address).1).ok_or(NoPrefix)?;
        Ok(Prefix::of(address, bits))
    }
}

/// An address as a number, and how many bits it has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u32::from(v4).into(), 32),
        IpAddr::V6(v6) => (v6.into(), 128),
    }
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
