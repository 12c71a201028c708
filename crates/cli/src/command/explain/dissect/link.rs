//! What a packet begins with: a link's header, IP, or ICMP itself.

use super::{Dissection, Reader, ip, mac, says};
use crate::command::explain::both::{Both, Pair};
use std::net::Ipv4Addr;
use wire::Family;
use wire::ip::verify_header;

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The header of a link.
    Link(Link),
    /// An IP header.
    Ip,
    /// An ICMP message.
    Icmp(Family),
}

/// A link, by how it frames packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet, perhaps with VLAN tags.
    Ethernet,
    /// tcpdump's "any" interface: Linux cooked capture.
    Cooked,
    /// The same, version 2.
    Cooked2,
    /// BSD's loopback: an address family.
    Loopback,
}

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
/// VLAN tags: IEEE 802.1Q and 802.1ad.
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// More tags than any network nests.
const TAGS_MAX: usize = 4;

/// Finds out what a packet begins with.
pub fn guess(bytes: &[u8], family: Option<Family>) -> Start {
    let version = bytes.first().map_or(0, |first| first >> 4);
    let is_right_v4 = version == 4 && verify_header(bytes);
    if is_right_v4 {
        return Start::Ip;
    }
    let links = [Link::Ethernet, Link::Cooked2, Link::Cooked, Link::Loopback];
    if let Some(link) = links.into_iter().find(|link| begins(bytes, *link)) {
        return Start::Link(link);
    }
    // No ICMP type is assigned where IPv4's first byte lies, and two are where IPv6's does.
    let has_v4 = version == 4 && bytes[0] & 0x0f >= 5;
    let is_private = matches!(bytes.first(), Some(100 | 101)) && bytes.len() < 40;
    let has_v6 = version == 6 && !is_private;
    if has_v4 || has_v6 {
        return Start::Ip;
    }
    Start::Icmp(family.unwrap_or_else(|| family_of(bytes)))
}

/// Whether the ICMPv4 checksum of a message is right.
fn is_summed(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && wire::checksum::of(bytes) == 0
}

/// Types below 128 of ICMPv6 are errors that few know by number; above, they are its own.
fn family_of(bytes: &[u8]) -> Family {
    let kind = bytes.first().copied().unwrap_or(0);
    let quotes_v6 = bytes.get(8).is_some_and(|first| first >> 4 == 6) && matches!(kind, 1..=4);
    if kind >= 128 || matches!(kind, 1 | 2) || quotes_v6 && !is_summed(bytes) {
        return Family::V6;
    }
    Family::V4
}

/// Whether a packet begins as that link's do, and an IP header or ARP follows.
fn begins(bytes: &[u8], link: Link) -> bool {
    let word =
        |at: usize| bytes.get(at..at + 2).map_or(0, |word| u16::from_be_bytes([word[0], word[1]]));
    let follows = |kind: u16, at: usize| match (kind, bytes.get(at)) {
        (IPV4, Some(first)) => first >> 4 == 4,
        (IPV6, Some(first)) => first >> 4 == 6,
        (ARP, Some(_)) => true,
        _ => false,
    };
    match link {
        Link::Ethernet => {
            let tags = (0..TAGS_MAX).take_while(|tag| TAGS.contains(&word(12 + tag * 4))).count();
            follows(word(12 + tags * 4), 14 + tags * 4)
        }
        Link::Cooked => follows(word(14), 16) && word(0) <= 4,
        Link::Cooked2 => follows(word(0), 20) && word(2) == 0,
        Link::Loopback => match bytes {
            [2, 0, 0, 0, first, ..] | [0, 0, 0, 2, first, ..] => first >> 4 == 4,
            [10 | 24 | 28 | 30, 0, 0, 0, first, ..] | [0, 0, 0, 10 | 24 | 28 | 30, first, ..] => {
                first >> 4 == 6
            }
            _ => false,
        },
    }
}

/// Reads a link's header and what it carries.
pub fn read(work: &mut Dissection, bytes: &[u8], link: Link) -> Option<()> {
    let title: Pair = match link {
        Link::Ethernet => ("Ethernet", "以太网"),
        Link::Cooked => ("Linux cooked capture", "Linux cooked抓包首部"),
        Link::Cooked2 => ("Linux cooked capture, version 2", "Linux cooked抓包首部，第2版"),
        Link::Loopback => ("loopback", "环回"),
    };
    work.section(title);
    let mut reader = Reader::new(work, bytes, 0);
    let kind = match link {
        Link::Ethernet => {
            for name in [("destination", "目的地址"), ("source", "源地址")] {
                let address = reader.take::<6>(name)?;
                reader.put(6, name, mac(&address), mac_says(&address));
            }
            ethernet_type(&mut reader)?
        }
        Link::Cooked => {
            let name = ("direction, hardware, address", "方向、硬件、地址");
            let bytes = reader.take::<14>(name)?;
            reader.put(14, name, super::hex(&bytes, 14), None);
            ethernet_type(&mut reader)?
        }
        Link::Cooked2 => {
            let kind = ethernet_type(&mut reader)?;
            let name = ("interface, direction, address", "接口、方向、地址");
            let bytes = reader.take::<18>(name)?;
            reader.put(18, name, super::hex(&bytes, 18), None);
            kind
        }
        Link::Loopback => {
            let name = ("address family", "地址族");
            let bytes = reader.take::<4>(name)?;
            reader.put(4, name, super::hex(&bytes, 4), None);
            if bytes.contains(&2) { IPV4 } else { IPV6 }
        }
    };
    let (inner, at) = (reader.rest(), reader.at);
    match kind {
        IPV4 | IPV6 => ip::datagram(work, inner, at),
        ARP => arp(work, inner, at),
        _ => None,
    }
}

/// The type of what follows, past VLAN tags.
fn ethernet_type(reader: &mut Reader<'_, '_>) -> Option<u16> {
    for _ in 0..=TAGS_MAX {
        let name = ("type", "类型");
        let kind = u16::from_be_bytes(reader.take(name)?);
        let what = match kind {
            IPV4 => says("IPv4", "IPv4"),
            IPV6 => says("IPv6", "IPv6"),
            ARP => says("ARP", "ARP"),
            _ if TAGS.contains(&kind) => says("a VLAN tag follows", "后面是VLAN标签"),
            _ => None,
        };
        reader.put(2, name, format!("{kind:#06x}"), what);
        if !TAGS.contains(&kind) {
            return Some(kind);
        }
        reader.u16(("VLAN", "VLAN"), |tag| {
            says(
                format!("number {}, priority {}", tag & 0xfff, tag >> 13),
                format!("编号 {}，优先级 {}", tag & 0xfff, tag >> 13),
            )
        })?;
    }
    None
}

fn mac_says(address: &[u8; 6]) -> Option<Both> {
    match address {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => says("broadcast", "广播"),
        [first, ..] if first & 1 != 0 => says("multicast", "多播"),
        [first, ..] if first & 2 != 0 => says("made up, not a maker's", "自行设定，非厂商分配"),
        _ => None,
    }
}

fn arp(work: &mut Dissection, bytes: &[u8], base: usize) -> Option<()> {
    work.section(("ARP", "ARP"));
    let mut reader = Reader::new(work, bytes, base);
    reader.u16(("hardware", "硬件类型"), |it| {
        (it == 1).then(|| Both::new("Ethernet", "以太网"))
    })?;
    reader
        .u16(("protocol", "协议类型"), |it| (it == IPV4).then(|| Both::new("IPv4", "IPv4")))?;
    let lengths = [
        reader.u8(("hardware length", "硬件地址长度"), |_| None)?,
        reader.u8(("protocol length", "协议地址长度"), |_| None)?,
    ];
    let operation = reader.u16(("operation", "操作"), |it| match it {
        1 => says("request: who has the target address?", "请求：谁有目标地址？"),
        2 => says("reply: the sender has its address", "应答：发送者有该地址"),
        _ => None,
    })?;
    if lengths != [6, 4] {
        reader.data(("addresses", "地址"));
        return None;
    }
    let mut addresses = [Ipv4Addr::UNSPECIFIED; 2];
    let names = [
        (("sender's hardware address", "发送者硬件地址"), ("sender's address", "发送者地址")),
        (("target's hardware address", "目标硬件地址"), ("target's address", "目标地址")),
    ];
    for (address, (hardware, protocol)) in addresses.iter_mut().zip(names) {
        let link = reader.take::<6>(hardware)?;
        reader.put(6, hardware, mac(&link), mac_says(&link));
        *address = reader.v4(protocol)?;
    }
    let [sender, target] = addresses;
    work.told.push(match operation {
        1 => Both::new(
            format!("{sender} asks who has {target}"),
            format!("{sender} 问谁有 {target}"),
        ),
        _ => Both::new(
            format!("{sender} tells {target} its hardware address"),
            format!("{sender} 把硬件地址告诉 {target}"),
        ),
    });
    Some(())
}
