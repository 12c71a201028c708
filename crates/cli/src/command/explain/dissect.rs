//! Packets taken apart field by field: where each field stands and what it says.
//!
//! Reads as far as there are bytes, and says where they end too early. [`wire`] knows the layouts;
//! what is written out here is which bytes a field is.

use super::both::{Both, Pair};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Family;
use wire::ip::protocol;

mod extensions;
mod icmp;
mod ip;
mod link;
mod neighbours;
mod transport;

/// A packet taken apart.
#[derive(Clone, Debug, Default)]
pub struct Dissection {
    /// Header by header, from the outside.
    pub sections: Vec<Section>,
    /// What is malformed, and at which byte.
    pub flaws: Vec<Flaw>,
    /// The ICMP message: family, type and code.
    pub message: Option<(Family, u8, u8)>,
    /// What the packet tells as a whole.
    pub told: Vec<Both>,
}

/// One header.
#[derive(Clone, Debug)]
pub struct Section {
    /// What it is.
    pub title: Pair,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its first byte, from the start of the packet.
    pub offset: usize,
    /// How many bytes it touches.
    pub bytes: usize,
    /// What it is called.
    pub name: Pair,
    /// What stands there. Safe for a terminal.
    pub value: String,
    /// What that says, where the value does not.
    pub says: Option<Both>,
}

/// What is malformed.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// At which byte of the packet.
    pub offset: usize,
    /// What is wrong.
    pub what: Both,
}

/// Takes a packet apart: an Ethernet frame (or another link's), an IP packet, or an ICMP message;
/// the last of a family, if that is said. Of a packet that is not whole no checksum is judged where
/// only its end would tell.
pub fn dissect(bytes: &[u8], family: Option<Family>, is_whole: bool) -> Dissection {
    let mut work = Dissection::default();
    // A field that is cut ends the reading; what was read until then stays.
    let _ = match link::guess(bytes, family) {
        link::Start::Link(kind) => link::read(&mut work, bytes, kind),
        link::Start::Ip => ip::datagram(&mut work, bytes, 0),
        link::Start::Icmp(family) => icmp::message(&mut work, bytes, 0, family, None, is_whole),
    };
    work
}

/// Who sends what to whom: what stands around an ICMP message, or is quoted in it.
#[derive(Clone, Copy, Debug)]
struct Between {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    protocol: u8,
}

impl Dissection {
    fn section(&mut self, title: Pair) {
        self.sections.push(Section { title, fields: Vec::new() });
    }

    fn flaw(&mut self, offset: usize, en: impl Into<String>, zh: impl Into<String>) {
        self.flaws.push(Flaw { offset, what: Both::new(en, zh) });
    }

    /// Adds a field to the last section.
    fn field(&mut self, field: Field) {
        if let Some(section) = self.sections.last_mut() {
            section.fields.push(field);
        }
    }
}

/// Reads fields one behind the other.
struct Reader<'a, 'w> {
    work: &'w mut Dissection,
    bytes: &'a [u8],
    /// Where `bytes` begins in the packet.
    base: usize,
    /// How many of `bytes` are read.
    at: usize,
    /// Whether the end may come at any place, as in a quote.
    may_end: bool,
}

impl<'a, 'w> Reader<'a, 'w> {
    fn new(work: &'w mut Dissection, bytes: &'a [u8], base: usize) -> Reader<'a, 'w> {
        Reader { work, bytes, base, at: 0, may_end: false }
    }

    /// What is not read yet.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `N` bytes, or a flaw that says what is missing.
    fn take<const N: usize>(&mut self, name: Pair) -> Option<[u8; N]> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Some(*bytes)
            }
            None => {
                if !self.may_end {
                    let (there, end) = (self.rest().len(), self.base + self.bytes.len());
                    let (en, zh) = name;
                    self.work.flaw(
                        end,
                        format!("the packet ends here: {en} needs {N} bytes, {there} are there"),
                        format!("分组到此为止：“{zh}”需要 {N} 字节，只有 {there} 字节"),
                    );
                }
                None
            }
        }
    }

    /// Adds a field of the `bytes` that were read last.
    fn put(&mut self, bytes: usize, name: Pair, value: impl Into<String>, says: Option<Both>) {
        let offset = (self.base + self.at).saturating_sub(bytes);
        self.work.field(Field { offset, bytes, name, value: value.into(), says });
    }

    /// A field of 8 bits.
    fn u8(&mut self, name: Pair, says: impl FnOnce(u8) -> Option<Both>) -> Option<u8> {
        let [value] = self.take::<1>(name)?;
        self.put(1, name, value.to_string(), says(value));
        Some(value)
    }

    /// A field of 16 bits.
    fn u16(&mut self, name: Pair, says: impl FnOnce(u16) -> Option<Both>) -> Option<u16> {
        let value = u16::from_be_bytes(self.take(name)?);
        self.put(2, name, value.to_string(), says(value));
        Some(value)
    }

    /// A field of 32 bits.
    fn u32(&mut self, name: Pair, says: impl FnOnce(u32) -> Option<Both>) -> Option<u32> {
        let value = u32::from_be_bytes(self.take(name)?);
        self.put(4, name, value.to_string(), says(value));
        Some(value)
    }

    /// An IPv4 address.
    fn v4(&mut self, name: Pair) -> Option<Ipv4Addr> {
        let address = Ipv4Addr::from(self.take::<4>(name)?);
        self.put(4, name, address.to_string(), address_says(address.into()));
        Some(address)
    }

    /// An IPv6 address.
    fn v6(&mut self, name: Pair) -> Option<Ipv6Addr> {
        let address = Ipv6Addr::from(self.take::<16>(name)?);
        self.put(16, name, address.to_string(), address_says(address.into()));
        Some(address)
    }

    /// Everything that is left, as a count of bytes and the first of them.
    fn data(&mut self, name: Pair) {
        let rest = self.rest();
        self.at = self.bytes.len();
        if !rest.is_empty() {
            let value = hex(rest, 8);
            let count = rest.len();
            let says = Both::new(format!("{count} bytes"), format!("{count} 字节"));
            self.put(count, name, value, Some(says));
        }
    }

    /// The checksum of the two bytes that come next; `is_right` if that can be told.
    fn checksum(&mut self, is_right: Option<bool>) -> Option<()> {
        let name: Pair = ("checksum", "检验和");
        let value = u16::from_be_bytes(self.take(name)?);
        let says = match is_right {
            Some(true) => Some(Both::new("right", "正确")),
            Some(false) => Some(Both::new("wrong", "有错")),
            None => None,
        };
        self.put(2, name, format!("{value:#06x}"), says);
        if is_right == Some(false) && !self.may_end {
            let at = self.base + self.at - 2;
            self.work.flaw(
                at,
                "the checksum is wrong: damaged, or captured before the card filled it in",
                "检验和有错：数据损坏，或抓包时网卡还没有填写",
            );
        }
        Some(())
    }
}

/// The first bytes as hex, with dots for more.
fn hex(bytes: &[u8], most: usize) -> String {
    let digits: Vec<String> = bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > most { " ..." } else { "" };
    format!("{}{more}", digits.join(" "))
}

/// `02:00:00:00:00:01`.
fn mac(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(":")
}

/// What kind of address it is, if a special one.
fn address_says(address: IpAddr) -> Option<Both> {
    let (en, zh) = match address {
        IpAddr::V4(v4) if v4.is_unspecified() => ("no address yet", "还没有地址"),
        IpAddr::V4(v4) if v4.is_loopback() => ("this host itself", "本机自己"),
        IpAddr::V4(v4) if v4.is_private() => ("private, RFC 1918", "私有地址，RFC 1918"),
        IpAddr::V4(v4) if v4.is_link_local() => ("link-local, RFC 3927", "链路本地，RFC 3927"),
        IpAddr::V4(v4) if v4.is_broadcast() => ("broadcast", "广播"),
        IpAddr::V4(v4) if v4.is_multicast() => ("multicast", "多播"),
        IpAddr::V4(v4) if v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64 => {
            ("shared by a carrier's NAT, RFC 6598", "运营商NAT共用，RFC 6598")
        }
        IpAddr::V6(v6) if v6.is_unspecified() => ("no address yet", "还没有地址"),
        IpAddr::V6(v6) if v6.is_loopback() => ("this host itself", "本机自己"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => ("link-local", "链路本地"),
        IpAddr::V6(v6) if v6.is_unique_local() => ("unique local, RFC 4193", "唯一本地，RFC 4193"),
        IpAddr::V6(v6)
            if v6.segments()[..7] == [0xff02, 0, 0, 0, 0, 1, 0xff00]
                || v6.segments()[..6] == [0xff02, 0, 0, 0, 0, 1]
                    && v6.segments()[6] >> 8 == 0xff =>
        {
            ("solicited-node multicast", "被请求节点多播")
        }
        IpAddr::V6(v6) if v6.is_multicast() => ("multicast", "多播"),
        _ => return None,
    };
    Some(Both::new(en, zh))
}

/// A protocol's name.
fn protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        protocol::HOP_BY_HOP => "hop-by-hop options",
        protocol::ICMP => "ICMP",
        2 => "IGMP",
        4 => "IPv4",
        protocol::TCP => "TCP",
        protocol::UDP => "UDP",
        protocol::DCCP => "DCCP",
        41 => "IPv6",
        protocol::ROUTING => "routing header",
        protocol::FRAGMENT => "fragment header",
        47 => "GRE",
        50 => "ESP",
        protocol::AUTHENTICATION => "AH",
        protocol::ICMPV6 => "ICMPv6",
        protocol::NO_NEXT_HEADER => "nothing follows",
        protocol::DESTINATION_OPTIONS => "destination options",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        protocol::SCTP => "SCTP",
        protocol::UDP_LITE => "UDP-Lite",
        _ => return None,
    })
}

/// The same text in both languages.
fn same(text: impl Into<String>) -> Option<Both> {
    let text = text.into();
    Some(Both { en: text.clone(), zh: text })
}

/// A text in both languages.
fn says(en: impl Into<String>, zh: impl Into<String>) -> Option<Both> {
    Some(Both::new(en, zh))
}
