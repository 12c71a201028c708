//! Transport headers: UDP, TCP, and others by their ports.

use super::{Between, Dissection, Reader, protocol_name, same, says};
use crate::command::explain::both::{Both, Pair};
use std::net::{IpAddr, SocketAddr};
use wire::ip::protocol;
use wire::{tcp, udp};

/// What was sent, as far as its header says.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Source and destination port.
    pub ports: Option<(u16, u16)>,
    /// ICMP type, code, identifier and sequence number.
    pub query: Option<(u8, u8, u16, u16)>,
}

impl Sent {
    /// `a UDP datagram from 192.0.2.1 port 40000 to 192.0.2.2 port 53`.
    pub fn told(&self, between: &Between) -> Both {
        let number = between.protocol;
        let name = protocol_name(number).map_or(format!("protocol {number}"), str::to_owned);
        let (from, to) = match self.ports {
            Some((from, to)) => (end(between.source, from), end(between.destination, to)),
            None => (between.source.to_string(), between.destination.to_string()),
        };
        match self.query {
            Some((_, _, identifier, sequence)) => Both::new(
                format!("{name} from {from} to {to}, identifier {identifier}, sequence {sequence}"),
                format!("{from} 发往 {to} 的{name}，标识符 {identifier}，序号 {sequence}"),
            ),
            None => Both::new(
                format!("{name} from {from} to {to}"),
                format!("{from} 发往 {to} 的{name}"),
            ),
        }
    }
}

fn end(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

const SOURCE: Pair = ("source port", "源端口");
const DESTINATION: Pair = ("destination port", "目的端口");

/// How much of a transport message there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All.
    Whole,
    /// The first fragment, or what a capture kept.
    Start,
    /// What an error quotes.
    Quote,
}

/// Reads the transport header of a datagram or a quote.
pub fn read(
    work: &mut Dissection,
    bytes: &[u8],
    base: usize,
    between: &Between,
    extent: Extent,
) -> Sent {
    let mut sent = Sent { ports: None, query: None };
    let (own, quoted): (Pair, Pair) = match between.protocol {
        protocol::TCP => (("TCP", "TCP首部"), ("quoted TCP", "引用的TCP首部")),
        protocol::UDP => (("UDP", "UDP首部"), ("quoted UDP", "引用的UDP首部")),
        protocol::UDP_LITE => {
            (("UDP-Lite", "UDP-Lite首部"), ("quoted UDP-Lite", "引用的UDP-Lite首部"))
        }
        protocol::ICMP | protocol::ICMPV6 => {
            (("ICMP", "ICMP报文"), ("quoted ICMP", "引用的ICMP报文"))
        }
        _ => (("data", "数据"), ("quoted data", "引用的数据")),
    };
    work.section(if extent == Extent::Quote { quoted } else { own });
    let mut reader = Reader::new(work, bytes, base);
    reader.may_end = extent == Extent::Quote;
    let is_whole = extent == Extent::Whole;
    // A field that is cut ends the reading; what was read until then stays.
    let _ = match between.protocol {
        protocol::TCP => tcp_header(&mut reader, between, is_whole, &mut sent),
        protocol::UDP => udp_header(&mut reader, between, is_whole, &mut sent),
        protocol::ICMP | protocol::ICMPV6 => icmp_header(&mut reader, between, &mut sent),
        protocol::DCCP | protocol::SCTP | protocol::UDP_LITE => ports(&mut reader, &mut sent),
        _ => Some(()),
    };
    reader.data(("data", "数据"));
    sent
}

fn ports(reader: &mut Reader<'_, '_>, sent: &mut Sent) -> Option<()> {
    let source = reader.u16(SOURCE, port_says)?;
    let destination = reader.u16(DESTINATION, port_says)?;
    sent.ports = Some((source, destination));
    Some(())
}

/// What usually listens there.
fn port_says(port: u16) -> Option<Both> {
    same(match port {
        22 => "ssh",
        25 => "smtp",
        53 => "dns",
        67 | 68 => "dhcp",
        69 => "tftp",
        80 => "http",
        123 => "ntp",
        161 => "snmp",
        443 => "https",
        500 => "ipsec ike",
        547 | 546 => "dhcpv6",
        3784 => "bfd",
        4789 => "vxlan",
        5353 => "mdns",
        33_434..=33_534 => "traceroute",
        51_820 => "wireguard",
        _ => return None,
    })
}

fn udp_header(
    reader: &mut Reader<'_, '_>,
    between: &Between,
    is_whole: bool,
    sent: &mut Sent,
) -> Option<()> {
    ports(reader, sent)?;
    let length = usize::from(reader.u16(("length", "长度"), |_| None)?);
    let there = reader.bytes.len();
    if is_whole && !(8..=there).contains(&length) {
        let at = reader.base + 4;
        reader.work.flaw(
            at,
            format!("a UDP length of {length} bytes, and {there} are there"),
            format!("UDP长度 {length} 字节，实有 {there} 字节"),
        );
    }
    let is_right = (is_whole && length >= 8)
        .then(|| reader.bytes.get(..length))
        .flatten()
        .map(|message| udp::verify(between.source, between.destination, message));
    reader.checksum(is_right)
}

fn tcp_header(
    reader: &mut Reader<'_, '_>,
    between: &Between,
    is_whole: bool,
    sent: &mut Sent,
) -> Option<()> {
    ports(reader, sent)?;
    reader.u32(("sequence number", "序号"), |_| None)?;
    reader.u32(("acknowledgment number", "确认序号"), |_| None)?;
    let name: Pair = ("header length, flags", "首部长度、标志");
    let word = u16::from_be_bytes(reader.take(name)?);
    let header_bytes = usize::from(word >> 12) * 4;
    let letters = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"];
    let set = letters.iter().enumerate().filter(|(bit, _)| word >> bit & 1 == 1);
    let set: Vec<&str> = set.map(|(_, letter)| *letter).collect();
    let set = set.join(" ");
    let about = says(format!("{header_bytes} bytes; {set}"), format!("{header_bytes} 字节；{set}"));
    reader.put(2, name, format!("{word:#06x}"), about);
    if header_bytes < 20 {
        let at = reader.base + reader.at - 2;
        reader.work.flaw(
            at,
            format!("a TCP header of {header_bytes} bytes: 20 is the least"),
            format!("TCP首部 {header_bytes} 字节：至少要20字节"),
        );
    }
    reader.u16(("window", "窗口"), |_| None)?;
    let is_right = is_whole.then(|| tcp::verify(between.source, between.destination, reader.bytes));
    reader.checksum(is_right)?;
    reader.u16(("urgent pointer", "紧急指针"), |_| None)?;
    tcp_options(reader, header_bytes);
    Some(())
}

fn tcp_options(reader: &mut Reader<'_, '_>, header_bytes: usize) {
    let bytes = reader.bytes.get(reader.at..header_bytes).unwrap_or_default();
    if bytes.is_empty() {
        return;
    }
    let options = tcp::Options::new(bytes).map(|option| match option {
        Ok(option) => option.to_string(),
        Err(_) => "an impossible option".to_owned(),
    });
    let words: Vec<String> = options.collect();
    reader.at = header_bytes;
    reader.put(bytes.len(), ("options", "选项"), words.join(", "), None);
}

/// An ICMP header in a quote.
fn icmp_header(reader: &mut Reader<'_, '_>, between: &Between, sent: &mut Sent) -> Option<()> {
    let family = wire::Family::of(between.source);
    let kind = reader.u8(("type", "类型"), |_| None)?;
    let code = reader.u8(("code", "代码"), |code| super::icmp::name(family, kind, code))?;
    reader.checksum(None)?;
    let is_query = match family {
        wire::Family::V4 => matches!(kind, 0 | 8 | 13..=18),
        wire::Family::V6 => matches!(kind, 128 | 129),
    };
    if is_query {
        let identifier = reader.u16(("identifier", "标识符"), |_| None)?;
        let sequence = reader.u16(("sequence number", "序号"), |_| None)?;
        sent.query = Some((kind, code, identifier, sequence));
    }
    Some(())
}
