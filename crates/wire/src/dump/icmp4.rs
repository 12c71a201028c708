//! ICMP for IPv4.

use super::{Piece, Printer, hexadecimal, put};
use crate::ext::{Content, Interface, Objects, Role, Structure};
use crate::icmp::router::Offer;
use crate::icmp::{self, Error, Message, Quoted, Transport};
use crate::ip::{Datagram, protocol};
use crate::{Family, be16, checksum};
use std::fmt::Write;

impl Printer {
    pub(super) fn icmp4(&mut self, datagram: &Datagram<'_>, piece: Piece<'_>, out: &mut String) {
        let message = match Message::parse(Family::V4, piece.bytes) {
            Ok(message) => message,
            Err(_) => return out.push_str("ICMP [|icmp]"),
        };
        out.push_str("ICMP ");
        content(&message, out);
        put!(out, ", length {}", piece.length);
        let is_whole = datagram.fragment.is_none() && piece.bytes.len() >= piece.length;
        if self.view.detail > 0 && is_whole && checksum::of(piece.bytes) != 0 {
            let stated = be16(piece.bytes, 2).unwrap_or(0);
            let (head, rest) = piece.bytes.split_at_checked(2).unwrap_or_default();
            let rest = rest.get(2..).unwrap_or_default();
            let right = checksum::Sum::new().bytes(head).bytes(rest).finish();
            put!(out, " (wrong icmp cksum {stated:x} (->{right:x})!)");
        }
        if let Message::Error(error) = message
            && (self.view.quotes || self.view.detail > 0)
        {
            self.error(&error, piece, 8, out);
        }
    }

    /// What an error quotes and what extends it; the quote begins `at` bytes into the message.
    pub(super) fn error(
        &mut self,
        error: &Error<'_>,
        piece: Piece<'_>,
        at: usize,
        out: &mut String,
    ) {
        let quoted = match error.parse_quoted() {
            Ok(quoted) => quoted,
            Err(_) => {
                // As much of it as there is says what is missing.
                return self.quoted(Piece { bytes: error.body, length: error.body.len() }, out);
            }
        };
        let Quoted { datagram, extension, .. } = quoted;
        let there = extension.map_or(error.body.len(), |it| error.body.len() - it.len());
        let bytes = match error.kind {
            // A redirect of ICMPv6 has it in an option.
            137 => return self.redirected(&datagram, out),
            _ => error.body.get(..there).unwrap_or(error.body),
        };
        // Errors quote the beginning: what is not there was never meant to be.
        let length = datagram.total_bytes.max(bytes.len());
        self.quoted(Piece { bytes, length }, out);
        if let Some(extension) = extension {
            let length = piece.length.saturating_sub(at + there);
            structure(extension, length, out);
        }
    }

    fn redirected(&mut self, datagram: &Datagram<'_>, out: &mut String) {
        let mut bytes = Vec::new();
        if datagram.emit(&mut bytes).is_ok() {
            self.quoted(Piece { bytes: &bytes, length: datagram.total_bytes }, out);
        }
    }
}

fn content(message: &Message<'_>, out: &mut String) {
    match message {
        Message::EchoRequest(echo) => {
            put!(out, "echo request, id {}, seq {}", echo.identifier, echo.sequence);
        }
        Message::EchoReply(echo) => {
            put!(out, "echo reply, id {}, seq {}", echo.identifier, echo.sequence);
        }
        Message::TimestampRequest(stamp) => {
            put!(out, "time stamp query id {} seq {}", stamp.identifier, stamp.sequence);
        }
        Message::TimestampReply(stamp) => {
            put!(out, "time stamp reply id {} seq {}", stamp.identifier, stamp.sequence);
            put!(out, ": org {}, recv {}", time(stamp.originate), time(stamp.receive));
            put!(out, ", xmit {}", time(stamp.transmit));
        }
        Message::InformationRequest(_) => out.push_str("information request"),
        Message::InformationReply(_) => out.push_str("information reply"),
        Message::MaskRequest(_) => out.push_str("address mask request"),
        Message::MaskReply(mask) => {
            put!(out, "address mask is 0x{:08x}", mask.mask.to_bits());
        }
        Message::RouterSolicitation { .. } => out.push_str("router solicitation"),
        Message::RouterAdvertisement(advertisement) => {
            out.push_str("router advertisement lifetime ");
            let seconds = advertisement.lifetime_s;
            match seconds {
                0..60 => put!(out, "{seconds}"),
                60..3_600 => put!(out, "{}:{:02}", seconds / 60, seconds % 60),
                _ => {
                    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
                    let hours = advertisement.lifetime_s / 3_600;
                    put!(out, "{hours}:{minutes:02}:{seconds:02}");
                }
            }
            if let Offer::Addresses(addresses) = advertisement.offer {
                put!(out, " {}:", addresses.count);
                for (address, preference) in addresses.iter() {
                    put!(out, " {{{address} {}}}", preference.cast_unsigned());
                }
            }
        }
        Message::Error(error) => about(error, out),
        other => put!(out, "type-#{}", other.numbers(Family::V4).0),
    }
}

fn time(since_midnight_ms: u32) -> impl std::fmt::Display {
    std::fmt::from_fn(move |f| {
        let (seconds, ms) = (since_midnight_ms / 1_000, since_midnight_ms % 1_000);
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{ms:03}", seconds % 60)
    })
}

/// What an error says of the datagram that it quotes.
fn about(error: &Error<'_>, out: &mut String) {
    let quoted = error.parse_quoted();
    let Ok(Quoted { datagram, transport, .. }) = &quoted else {
        return out.push_str("[|icmp]");
    };
    let to = datagram.destination;
    match (error.kind, error.code) {
        (3, 2) => put!(out, "{to} protocol {} unreachable", datagram.protocol),
        (3, 3) => {
            let port = match transport {
                Transport::Ports { destination, .. } => *destination,
                _ => 0,
            };
            match datagram.protocol {
                protocol::TCP => put!(out, "{to} tcp port {port} unreachable"),
                protocol::UDP => put!(out, "{to} udp port {port} unreachable"),
                other => put!(out, "{to} protocol {other} port {port} unreachable"),
            }
        }
        (3, 4) => {
            put!(out, "{to} unreachable - need to frag");
            if let Some(mtu) = error.mtu_bytes() {
                put!(out, " (mtu {mtu})");
            }
        }
        (3, code) => {
            let (subject, reason) = match code {
                0 => ("net ", ""),
                1 => ("host ", ""),
                5 => ("", " - source route failed"),
                6 => ("net ", " - unknown"),
                7 => ("host ", " - unknown"),
                8 => ("", " - source host isolated"),
                9 => ("net ", " - admin prohibited"),
                10 => ("host ", " - admin prohibited"),
                11 => ("net ", " - tos prohibited"),
                12 => ("host ", " - tos prohibited"),
                13 => ("host ", " - admin prohibited filter"),
                14 => ("host ", " - host precedence violation"),
                15 => ("host ", " - precedence cutoff"),
                _ => {
                    put!(out, "#{code} {to} unreachable");
                    return;
                }
            };
            put!(out, "{subject}{to} unreachable{reason}");
        }
        (4, _) => out.push_str("source quench"),
        (5, code) => {
            let gateway = std::net::Ipv4Addr::from(error.word);
            match code {
                0 => put!(out, "redirect {to} to net {gateway}"),
                1 => put!(out, "redirect {to} to host {gateway}"),
                2 => put!(out, "redirect-tos {to} to net {gateway}"),
                3 => put!(out, "redirect-tos {to} to host {gateway}"),
                _ => put!(out, "redirect-#{code} {to} to net {gateway}"),
            }
        }
        (11, 0) => out.push_str("time exceeded in-transit"),
        (11, 1) => out.push_str("ip reassembly time exceeded"),
        (11, code) => put!(out, "time exceeded-#{code}"),
        (12, 0) => put!(out, "parameter problem - octet {}", error.word >> 24),
        (_, code) => put!(out, "parameter problem - code {code}"),
    }
}

/// An extension structure (RFC 4884), an object a line.
fn structure(bytes: &[u8], length: usize, out: &mut String) {
    let Ok(stated) = be16(bytes, 2) else { return };
    let is_right = checksum::of(bytes) == 0;
    let word = if is_right { "" } else { "in" };
    let version = bytes.first().map_or(0, |first| first >> 4);
    put!(out, "\n\tICMP Multi-Part extension v{version}, checksum 0x{stated:04x}");
    put!(out, " ({word}correct), length {length}");
    let objects = match Structure::parse(bytes) {
        Ok(structure) => structure.objects(),
        // Objects behind a wrong checksum are shown all the same: the line says so.
        Err(_) if version == 2 => Objects::new(bytes.get(4..).unwrap_or_default()),
        Err(_) => return,
    };
    for object in objects.map_while(Result::ok) {
        let name = match object.class {
            1 => "MPLS Stack Entry",
            2 => "Interface Identification",
            3 => "Interface Query",
            5 => "Node Identification",
            _ => "unknown",
        };
        let length = object.body.len() + 4;
        put!(out, "\n\t  {name} Object ({}), Class-Type: {}", object.class, object.kind);
        put!(out, ", length {length}");
        match object.content() {
            Ok(Content::Mpls(labels)) => {
                for label in labels.iter() {
                    put!(out, "\n\t    label {}, tc {}", label.label, label.traffic_class);
                    out.push_str(if label.is_bottom { ", [S]" } else { "" });
                    put!(out, ", ttl {}", label.hop_limit);
                }
            }
            Ok(Content::Interface(shown)) => interface(&shown, out),
            _ => hexadecimal(object.body, "\n\t    ", out),
        }
    }
}

fn interface(interface: &Interface<'_>, out: &mut String) {
    out.push_str(match interface.role {
        Role::Incoming => "\n\t    incoming interface",
        Role::Component => "\n\t    component of the incoming interface",
        Role::Outgoing => "\n\t    outgoing interface",
        Role::NextHop => "\n\t    next hop",
    });
    if let Some(index) = interface.index {
        put!(out, ", ifindex {index}");
    }
    if let Some(address) = interface.address {
        put!(out, ", {address}");
    }
    if let Some(name) = interface.name {
        put!(out, ", name {}", name.escape_ascii());
    }
    if let Some(mtu) = interface.mtu_bytes {
        put!(out, ", mtu {mtu}");
    }
}

/// Whether a message's checksum is right; for both families.
pub(super) fn is_right(datagram: &Datagram<'_>, bytes: &[u8]) -> bool {
    icmp::verify(datagram.source, datagram.destination, bytes)
}
