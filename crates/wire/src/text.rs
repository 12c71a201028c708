//! Any datagram on one line, for people: who to whom, how, and what it says.
//!
//! `192.0.2.1 > 192.0.2.2 hops 64 id 7 DF: ICMP echo request id 9 seq 1, 56 bytes`; what an error
//! quotes stands in braces, options in angle brackets, extensions of errors in square brackets.

use crate::icmp::Transport;
use crate::ip::extensions::{Content, Extensions, Ipv6Option};
use crate::ip::options::{Ipv4Option, Options, Route, Timestamps};
use crate::ip::{self, Datagram, protocol};
use crate::tcp::{self, Segment, TcpOption};
use crate::{Family, arp, udp};
use std::fmt::{self, Formatter};

mod icmp;

/// A datagram, displayed as one line. Nothing from the datagram is displayed unescaped.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a>(pub &'a [u8]);

/// The line of a datagram: see [`Line`].
pub fn describe(bytes: &[u8]) -> String {
    Line(bytes).to_string()
}

/// The line of an ARP packet.
pub fn describe_arp(bytes: &[u8]) -> String {
    match arp::Packet::parse(bytes) {
        Ok(packet) => packet.to_string(),
        Err(malformed) => format!("malformed: {malformed}"),
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let datagram = match Datagram::parse(self.0) {
            Ok(datagram) => datagram,
            Err(malformed) => return write!(f, "malformed: {malformed}"),
        };
        header(f, &datagram)?;
        if !ip::verify_header(self.0) {
            f.write_str(" (bad header checksum)")?;
        }
        f.write_str(": ")?;
        if datagram.fragment.is_some() {
            return quoted_payload(f, &datagram);
        }
        payload(f, &datagram)
    }
}

/// Addresses and everything else that the IP header says.
fn header(f: &mut Formatter<'_>, datagram: &Datagram<'_>) -> fmt::Result {
    let Datagram { source, destination, hop_limit, .. } = datagram;
    write!(f, "{source} > {destination} hops {hop_limit}")?;
    if datagram.traffic_class != 0 {
        write!(f, " class {:#04x}", datagram.traffic_class)?;
    }
    if datagram.flow_label != 0 {
        write!(f, " flow {:#07x}", datagram.flow_label)?;
    }
    match datagram.fragment {
        Some(fragment) => {
            let more = if fragment.more { "+" } else { "" };
            write!(f, " fragment {}@{}{more}", fragment.identification, fragment.offset_bytes)?;
        }
        None if datagram.identification != 0 => write!(f, " id {}", datagram.identification)?,
        None => {}
    }
    if datagram.dont_fragment && datagram.family() == Family::V4 {
        f.write_str(" DF")?;
    }
    options(f, datagram.ipv4_options())?;
    extensions(f, datagram.extension_headers())
}

/// IPv4 options in one pair of angle brackets.
fn options(f: &mut Formatter<'_>, options: Options<'_>) -> fmt::Result {
    let mut lead = " <";
    for option in options {
        f.write_str(std::mem::replace(&mut lead, ", "))?;
        match option {
            Ok(Ipv4Option::End) => f.write_str("end")?,
            Ok(Ipv4Option::NoOperation) => f.write_str("nop")?,
            Ok(Ipv4Option::RecordRoute(recorded)) => route(f, "record route", recorded)?,
            Ok(Ipv4Option::LooseSourceRoute(way)) => route(f, "loose source route", way)?,
            Ok(Ipv4Option::StrictSourceRoute(way)) => route(f, "strict source route", way)?,
            Ok(Ipv4Option::Timestamp(stamps)) => timestamps(f, stamps)?,
            Ok(Ipv4Option::RouterAlert(value)) => write!(f, "router alert {value}")?,
            Ok(Ipv4Option::Unknown { kind, body }) => {
                write!(f, "option {kind}, {} bytes", body.len())?;
            }
            Err(malformed) => write!(f, "{malformed}")?,
        }
    }
    f.write_str(if lead == " <" { "" } else { ">" })
}

/// The addresses of a route; a bar stands where the pointer points.
fn route(f: &mut Formatter<'_>, name: &str, route: Route<'_>) -> fmt::Result {
    f.write_str(name)?;
    for address in route.recorded() {
        write!(f, " {address}")?;
    }
    f.write_str(" |")?;
    for address in route.ahead() {
        write!(f, " {address}")?;
    }
    Ok(())
}

fn timestamps(f: &mut Formatter<'_>, stamps: Timestamps<'_>) -> fmt::Result {
    write!(f, "timestamp {:?}", stamps.form)?;
    for entry in stamps.entries() {
        if let Some(address) = entry.address {
            write!(f, " {address}")?;
        }
        match entry.stamped {
            true => write!(f, " {}", entry.time)?,
            false => f.write_str(" -")?,
        }
    }
    match stamps.overflow {
        0 => Ok(()),
        count => write!(f, " and {count} without room"),
    }
}

/// IPv6 extension headers, each in angle brackets. Fragment headers are shown with the addresses.
fn extensions(f: &mut Formatter<'_>, extensions: Extensions<'_>) -> fmt::Result {
    for header in extensions.map_while(Result::ok) {
        match header.content() {
            Ok(Content::HopByHop(options)) => {
                f.write_str(" <hop-by-hop")?;
                ipv6_options(f, options)?;
            }
            Ok(Content::Destination(options)) => {
                f.write_str(" <destination options")?;
                ipv6_options(f, options)?;
            }
            Ok(Content::Routing { kind, segments_left, body }) => {
                write!(f, " <routing type {kind}, {segments_left} left, {} bytes", body.len())?;
            }
            Ok(Content::Authentication { spi, sequence, check }) => {
                write!(f, " <authentication {spi:#010x} seq {sequence}, {} bytes", check.len())?;
            }
            Ok(Content::Fragment(_)) => continue,
            Err(malformed) => write!(f, " <{malformed}")?,
        }
        f.write_str(">")?;
    }
    Ok(())
}

fn ipv6_options(f: &mut Formatter<'_>, options: ip::extensions::Options<'_>) -> fmt::Result {
    for option in options {
        match option {
            Ok(Ipv6Option::Pad1) => f.write_str(", pad 1")?,
            Ok(Ipv6Option::PadN(bytes)) => write!(f, ", pad {bytes}")?,
            Ok(Ipv6Option::RouterAlert(value)) => write!(f, ", router alert {value}")?,
            Ok(Ipv6Option::Jumbo(bytes)) => write!(f, ", jumbo {bytes}")?,
            Ok(Ipv6Option::Unknown { kind, body }) => {
                write!(f, ", option {kind:#04x}, {} bytes", body.len())?;
            }
            Err(malformed) => write!(f, ", {malformed}")?,
        }
    }
    Ok(())
}

/// The payload of a whole datagram that is no fragment.
fn payload(f: &mut Formatter<'_>, datagram: &Datagram<'_>) -> fmt::Result {
    let Datagram { source, destination, payload: bytes, .. } = *datagram;
    let (parsed, is_right) = match datagram.protocol {
        protocol::ICMP if source.is_ipv4() => return icmp::message(f, datagram),
        protocol::ICMPV6 if source.is_ipv6() => return icmp::message(f, datagram),
        protocol::UDP => match udp::Message::parse(bytes) {
            Ok(message) => {
                let sent = bytes.get(..message.payload.len() + 8).unwrap_or(bytes);
                let is_right = udp::verify(source, destination, sent);
                (write!(f, "{message}"), is_right)
            }
            Err(malformed) => (write!(f, "UDP, {malformed}"), true),
        },
        protocol::TCP => match Segment::parse(bytes) {
            Ok(segment) => (write!(f, "{segment}"), tcp::verify(source, destination, bytes)),
            Err(malformed) => (write!(f, "TCP, {malformed}"), true),
        },
        other => (write!(f, "protocol {other}, {} bytes", bytes.len()), true),
    };
    parsed?;
    f.write_str(if is_right { "" } else { " (bad checksum)" })
}

/// The payload of a fragment or a quote, as far as it goes.
fn quoted_payload(f: &mut Formatter<'_>, datagram: &Datagram<'_>) -> fmt::Result {
    let family = datagram.family();
    match Transport::parse(datagram) {
        Transport::Ports { source, destination, sequence } => {
            protocol_name(f, datagram.protocol)?;
            write!(f, " {source} > {destination}")?;
            if let Some(sequence) = sequence {
                write!(f, " seq {sequence}")?;
            }
        }
        Transport::Query { kind, code, identifier, sequence } => {
            icmp::name(f, family, kind, code)?;
            write!(f, " id {identifier} seq {sequence}")?;
        }
        Transport::Opaque(_) => protocol_name(f, datagram.protocol)?,
    }
    let there = datagram.payload.len();
    let stated = datagram.total_bytes.saturating_sub(20 + datagram.options.len());
    let stated = match family {
        Family::V4 => stated,
        Family::V6 => stated.saturating_sub(20 + datagram.extensions.len()),
    };
    match there == stated {
        true => write!(f, ", {there} bytes"),
        false => write!(f, ", {there} of {stated} bytes"),
    }
}

fn protocol_name(f: &mut Formatter<'_>, number: u8) -> fmt::Result {
    match number {
        protocol::ICMP => f.write_str("ICMP"),
        protocol::ICMPV6 => f.write_str("ICMPv6"),
        protocol::TCP => f.write_str("TCP"),
        protocol::UDP => f.write_str("UDP"),
        other => write!(f, "protocol {other}"),
    }
}

impl fmt::Display for udp::Message<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let udp::Message { source_port, destination_port, .. } = self;
        write!(f, "UDP {source_port} > {destination_port}, {} bytes", self.payload.len())?;
        f.write_str(if self.has_checksum { "" } else { ", no checksum" })
    }
}

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Segment { source_port, destination_port, sequence, .. } = self;
        write!(f, "TCP {source_port} > {destination_port} ")?;
        let letters = ["F", "S", "R", "P", ".", "U", "E", "C", "A"];
        for (bit, letter) in letters.iter().enumerate() {
            f.write_str(if self.flags & 1 << bit != 0 { letter } else { "" })?;
        }
        write!(f, " seq {sequence}")?;
        if self.flags & tcp::flag::ACK != 0 {
            write!(f, " ack {}", self.acknowledgment)?;
        }
        write!(f, " win {}", self.window)?;
        if self.flags & tcp::flag::URG != 0 {
            write!(f, " urg {}", self.urgent)?;
        }
        let mut lead = " <";
        for option in self.options() {
            f.write_str(std::mem::replace(&mut lead, ", "))?;
            match option {
                Ok(option) => write!(f, "{option}")?,
                Err(malformed) => write!(f, "{malformed}")?,
            }
        }
        f.write_str(if lead == " <" { "" } else { ">" })?;
        write!(f, ", {} bytes", self.payload.len())
    }
}

impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            TcpOption::End => f.write_str("end"),
            TcpOption::NoOperation => f.write_str("nop"),
            TcpOption::MaximumSegmentSize(bytes) => write!(f, "mss {bytes}"),
            TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
            TcpOption::SackPermitted => f.write_str("sack permitted"),
            TcpOption::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(first, end)| write!(f, " {first}:{end}"))
            }
            TcpOption::Timestamps { value, echo } => write!(f, "time {value} echo {echo}"),
            TcpOption::FastOpen(cookie) => write!(f, "fast open, {} bytes", cookie.len()),
            TcpOption::Unknown { kind, body } => write!(f, "option {kind}, {} bytes", body.len()),
        }
    }
}

impl fmt::Display for arp::Packet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let arp::Packet { operation, sender, target, .. } = self;
        match *operation {
            arp::REQUEST => write!(f, "ARP who has {target}? tell {sender} at ")?,
            arp::REPLY => write!(f, "ARP to {target}: {sender} is at ")?,
            other => write!(f, "ARP operation {other} to {target} from {sender} at ")?,
        }
        link(f, &self.sender_link)
    }
}

/// A link-layer address.
fn link(f: &mut Formatter<'_>, address: &[u8]) -> fmt::Result {
    for (index, byte) in address.iter().enumerate() {
        write!(f, "{}{byte:02x}", if index == 0 { "" } else { ":" })?;
    }
    Ok(())
}
