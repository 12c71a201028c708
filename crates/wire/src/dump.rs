//! Captured packets in the words of `tcpdump -n`: a line each, more with detail.
//!
//! Decoded are Ethernet, Linux "cooked", ARP, IP of both versions with options and extension
//! headers, ICMP of both, IGMP in short, UDP and TCP; nothing above. Beyond tcpdump's words, what
//! an ICMP error quotes, and its extensions (RFC 4884), follow on lines of their own.

use crate::link::{Frame, Header, ether_type};
use crate::pcapng::link;
use crate::{arp, be16};
use std::fmt::Write;

mod connections;
mod icmp4;
mod icmp6;
mod igmp;
mod ip;
mod tcp;

pub use connections::{Bases, Connections};
pub use tcp::flags;

/// Writing to a text cannot fail.
macro_rules! put {
    ($out:expr, $($words:tt)*) => {{ let _ = write!($out, $($words)*); }};
}
pub(crate) use put;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// 1: IP headers, checksums and options of messages; 2: more of both.
    pub detail: u8,
    /// Link headers too.
    pub link_header: bool,
    /// What ICMP errors quote also where tcpdump says nothing of it.
    pub quotes: bool,
    /// TCP sequence numbers as they are, not counted from a connection's first.
    pub absolute: bool,
}

/// A packet as a capture has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured<'a> {
    /// What it begins with: see [`link`].
    pub link: u16,
    /// What was kept of it.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub original_bytes: usize,
    /// The interface's name, safe to be shown; used where the link header names interfaces.
    pub interface: Option<&'a str>,
}

/// What is there of a layer, and how long it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) length: usize,
}

/// Shows packets, and remembers where the numbers of TCP connections began.
#[derive(Clone, Debug, Default)]
pub struct Printer {
    view: View,
    connections: Connections,
    /// How many quotes deep what is being shown stands.
    depth: u8,
}

impl Printer {
    /// A printer that has seen nothing yet.
    pub fn new(view: View) -> Printer {
        Printer { view, ..Printer::default() }
    }

    /// Appends a packet, without a line end. Whatever the packet, what is appended is ASCII but for
    /// the interface's name.
    pub fn packet(&mut self, captured: &Captured<'_>, out: &mut String) {
        let Captured { link: kind, bytes, original_bytes, .. } = *captured;
        let Ok(frame) = Frame::parse(kind, bytes) else {
            match known(kind) {
                Some(name) => put!(out, "[|{name}]"),
                None => put!(out, "link type {kind}, length {original_bytes}"),
            }
            return;
        };
        let header_bytes = bytes.len() - frame.payload.len();
        let length = original_bytes.max(bytes.len()) - header_bytes;
        let piece = Piece { bytes: frame.payload, length };
        if let Header::Cooked { interface: Some(index), kind, .. } = frame.header {
            match captured.interface {
                Some(name) => put!(out, "{name:<5} "),
                None => put!(out, "ifindex {index} "),
            }
            put!(out, "{:<3} ", direction(kind));
        }
        let is_known =
            matches!(frame.ether_type, ether_type::IPV4 | ether_type::IPV6 | ether_type::ARP);
        if self.view.link_header || !is_known {
            link_header(kind, &frame, original_bytes, out);
        }
        match frame.ether_type {
            ether_type::IPV4 | ether_type::IPV6 => self.datagram(piece, out),
            ether_type::ARP => self.arp(piece, out),
            _ => hexadecimal(piece.bytes, "\n\t", out),
        }
    }

    fn arp(&self, piece: Piece<'_>, out: &mut String) {
        if !self.view.link_header {
            out.push_str("ARP, ");
        }
        let Ok(packet) = arp::Packet::parse(piece.bytes) else {
            put!(out, "not of IPv4 over Ethernet, length {}", piece.length);
            return hexadecimal(piece.bytes, "\n\t", out);
        };
        if self.view.detail > 0 {
            out.push_str("Ethernet (len 6), IPv4 (len 4), ");
        }
        let arp::Packet { sender, target, sender_link, target_link, operation } = packet;
        match operation {
            arp::REQUEST => {
                put!(out, "Request who-has {target}");
                if target_link != [0; 6] {
                    put!(out, " ({})", mac(&target_link));
                }
                put!(out, " tell {sender}");
            }
            arp::REPLY => put!(out, "Reply {sender} is-at {}", mac(&sender_link)),
            other => put!(out, "Unknown ({other}) {sender} to {target}"),
        }
        put!(out, ", length {}", piece.length);
    }

    /// Shows what an error quotes, on a line of its own.
    fn quoted(&mut self, piece: Piece<'_>, out: &mut String) {
        // An error about an error about an error is nobody's; its author may go on for ever.
        const DEPTH_MAX: u8 = 2;
        out.push_str("\n\t");
        if self.depth == DEPTH_MAX {
            return out.push_str("...");
        }
        self.depth += 1;
        self.datagram(piece, out);
        self.depth -= 1;
    }
}

/// The name of a link type in marks of what is cut.
fn known(kind: u16) -> Option<&'static str> {
    match kind {
        link::ETHERNET => Some("ether"),
        link::LINUX_SLL => Some("sll"),
        link::LINUX_SLL2 => Some("sll2"),
        link::NULL => Some("null"),
        link::RAW | link::RAW_OLD | link::IPV4 | link::IPV6 => Some("ip"),
        _ => None,
    }
}

fn direction(kind: u16) -> &'static str {
    ["In", "B", "M", "P", "Out"].get(usize::from(kind)).copied().unwrap_or("?")
}

fn link_header(kind: u16, frame: &Frame<'_>, length: usize, out: &mut String) {
    match frame.header {
        Header::Ethernet { destination, source, ether_type } => {
            put!(out, "{} > {}, ", mac(&source), mac(&destination));
            match ether_type < ether_type::FIRST {
                true => put!(out, "802.3, length {ether_type}: "),
                false => {
                    put!(out, "ethertype {} (0x{ether_type:04x})", ether_name(ether_type));
                    put!(out, ", length {length}: ");
                }
            }
        }
        Header::Cooked { interface, kind, source, ether_type } => {
            match interface {
                Some(index) => put!(out, "ifindex {index} "),
                None => put!(out, "{:>3} ", direction(kind)),
            }
            if source.len() == 6 {
                put!(out, "{} ", mac(source));
            }
            let name = ether_name(ether_type);
            put!(out, "ethertype {name} (0x{ether_type:04x}), length {length}: ");
        }
        Header::Bare if kind == link::NULL => {}
        Header::Bare => out.push_str("ip: "),
    }
    for tag in frame.tags.chunks_exact(4) {
        let (Ok(control), Ok(next)) = (be16(tag, 0), be16(tag, 2)) else { continue };
        put!(out, "vlan {}, p {}", control & 0x0fff, control >> 13);
        out.push_str(if control & 0x1000 == 0 { ", " } else { ", DEI, " });
        if next >= ether_type::FIRST {
            put!(out, "ethertype {} (0x{next:04x}), ", ether_name(next));
        }
    }
}

/// An address of a link as pairs of digits with colons between.
pub(crate) fn mac(address: &[u8]) -> impl std::fmt::Display + '_ {
    std::fmt::from_fn(move |f| {
        for (index, byte) in address.iter().enumerate() {
            write!(f, "{}{byte:02x}", if index > 0 { ":" } else { "" })?;
        }
        Ok(())
    })
}

fn ether_name(number: u16) -> &'static str {
    match number {
        ether_type::IPV4 => "IPv4",
        ether_type::IPV6 => "IPv6",
        ether_type::ARP => "ARP",
        ether_type::VLAN => "802.1Q",
        ether_type::SERVICE_VLAN => "802.1Q-QinQ",
        0x8035 => "Reverse ARP",
        0x8847 => "MPLS unicast",
        0x8848 => "MPLS multicast",
        0x8863 => "PPPoE D",
        0x8864 => "PPPoE S",
        0x888e => "EAPOL",
        0x88cc => "LLDP",
        0x9000 => "Loopback",
        _ => "Unknown",
    }
}

/// Bytes in hexadecimal, sixteen a line, each line behind `lead` and its offset.
pub fn hexadecimal(bytes: &[u8], lead: &str, out: &mut String) {
    for (row, line) in bytes.chunks(16).enumerate() {
        put!(out, "{lead}0x{:04x}: ", row * 16);
        pairs(line, out);
    }
}

/// The same with the bytes as characters beside them; what is not printable is a dot.
pub fn hexadecimal_and_ascii(bytes: &[u8], lead: &str, out: &mut String) {
    for (row, line) in bytes.chunks(16).enumerate() {
        put!(out, "{lead}0x{:04x}: ", row * 16);
        let start = out.len();
        pairs(line, out);
        let width = out.len() - start;
        put!(out, "{:pad$}  ", "", pad = 40_usize.saturating_sub(width));
        out.extend(line.iter().map(|byte| match byte {
            0x21..0x7f => char::from(*byte),
            _ => '.',
        }));
    }
}

fn pairs(line: &[u8], out: &mut String) {
    for pair in line.chunks(2) {
        out.push(' ');
        pair.iter().for_each(|byte| put!(out, "{byte:02x}"));
    }
}
