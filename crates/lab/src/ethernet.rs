//! Ethernet as links of the lab have it: the addresses of their ends, the addresses of groups, and
//! the header of a frame.

use std::net::{IpAddr, Ipv6Addr};
use wire::link::ether_type;

/// An Ethernet address.
pub(crate) type LinkAddress = [u8; 6];

/// The header of a frame as it stands on the wire: destination, source, type.
pub(crate) type FrameHeader = [u8; 14];

/// Everybody on a link.
pub(crate) const EVERYBODY: LinkAddress = [0xff; 6];

/// The address of a link's end: a locally administered one (IEEE 802 §8.4), made of the link's
/// number and the end's.
pub(crate) fn of_end(link: usize, end: usize) -> LinkAddress {
    let [.., link_high, link_low] = link.to_be_bytes();
    let [.., high, middle, low] = (end + 1).to_be_bytes();
    [2, link_high, link_low, high, middle, low]
}

/// The end of a link that has an address, if it is one of that link's.
pub(crate) fn end_of(link: usize, address: LinkAddress) -> Option<usize> {
    let [.., high, middle, low] = address;
    let end = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    end.checked_sub(1).filter(|end| of_end(link, *end) == address)
}

/// Where a datagram to many goes (RFC 1112 §6.4, RFC 2464 §7).
pub(crate) fn of_group(destination: IpAddr) -> LinkAddress {
    match destination {
        IpAddr::V4(group) if group.is_multicast() => {
            let [_, high, middle, low] = group.octets();
            [1, 0, 0x5e, high & 0x7f, middle, low]
        }
        IpAddr::V4(_) => EVERYBODY,
        IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            [0x33, 0x33, a, b, c, d]
        }
    }
}

/// The group of those whose address ends like this one (RFC 4291 §2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

/// The header of a frame.
pub(crate) fn header(to: LinkAddress, from: LinkAddress, kind: u16) -> FrameHeader {
    let mut header = [0; 14];
    header[..6].copy_from_slice(&to);
    header[6..12].copy_from_slice(&from);
    header[12..].copy_from_slice(&kind.to_be_bytes());
    header
}

/// Whether a frame went to more than one.
pub(crate) fn is_to_many(header: &FrameHeader) -> bool {
    header[0] & 1 == 1
}

/// Whether a frame carries ARP.
pub(crate) fn is_arp(header: &FrameHeader) -> bool {
    header[12..] == ether_type::ARP.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_one_end_of_one_link() {
        for (link, end) in [(0, 0), (1, 0), (65_534, 99_999), (256, 255)] {
            let address = of_end(link, end);
            assert_eq!(address[0] & 3, 2, "locally administered, and of one station");
            assert_eq!(end_of(link, address), Some(end));
            assert_eq!(end_of(link + 1, address), None);
        }
        assert_eq!(end_of(0, [2, 0, 0, 0, 0, 0]), None);
        assert_eq!(end_of(0, EVERYBODY), None);
    }

    #[test]
    fn groups_have_addresses_of_their_own() {
        let group = |text: &str| of_group(text.parse().expect("an address"));
        assert_eq!(group("224.128.1.2"), [1, 0, 0x5e, 0, 1, 2]);
        assert_eq!(group("192.0.2.255"), EVERYBODY);
        assert_eq!(group("ff02::1:ff00:7"), [0x33, 0x33, 0xff, 0, 0, 7]);
        let address: Ipv6Addr = "2001:db8::1:8122:3344".parse().expect("an address");
        assert_eq!(solicited_node(address).to_string(), "ff02::1:ff22:3344");
    }
}
