//! Who says what on a road: probes as the network sees them, and what routers and targets make of
//! them.

use probe::Transmit;
use std::net::IpAddr;
use wire::icmp::{Echo, Error, Meaning, Message};
use wire::tcp::{Segment, flag};
use wire::{Family, icmp, ip};

/// Of [`method::RAW`].
pub const RAW_PROTOCOL: u8 = 253;

/// A probe as the network saw it.
#[derive(Clone)]
pub struct Seen {
    pub nth: usize,
    pub transmit: Transmit,
    pub message: Vec<u8>,
    pub protocol: u8,
}

pub fn address(family: Family, host: u8) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from([192, 0, 2, host]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]),
    }
}

pub fn here(family: Family) -> IpAddr {
    address(family, 250)
}

/// The datagram as it arrives where its hop limit runs out.
pub fn datagram(seen: &Seen) -> Vec<u8> {
    let source = seen.transmit.header.source.expect("traces set it");
    let mut header = ip::Header::new(source, seen.transmit.to, seen.protocol);
    header.hop_limit = 1;
    header.identification = seen.transmit.header.identification.unwrap_or(0);
    let mut bytes = Vec::new();
    header.emit(&seen.message, &mut bytes).expect("fits");
    bytes
}

/// An error about a probe that quotes so many bytes of its transport message.
pub fn error(
    seen: &Seen,
    from: IpAddr,
    meaning: Meaning,
    transport_bytes: usize,
) -> (IpAddr, u8, Vec<u8>) {
    let mut quote = datagram(seen);
    let header_bytes = quote.len() - seen.message.len();
    quote.truncate(header_bytes + transport_bytes);
    error_quoting(from, meaning, &quote)
}

pub fn error_quoting(from: IpAddr, meaning: Meaning, quote: &[u8]) -> (IpAddr, u8, Vec<u8>) {
    let family = Family::of(from);
    let (kind, code) = meaning.numbers(family).expect("this family says so");
    let mut out = Vec::new();
    Message::Error(Error { meaning, kind, code, word: 0, body: quote }).emit(family, &mut out);
    (from, icmp::protocol(family), out)
}

/// What a target says to a probe.
pub fn arrival(seen: &Seen) -> (IpAddr, u8, Vec<u8>) {
    let to = seen.transmit.to;
    let family = Family::of(to);
    let mut out = Vec::new();
    match seen.protocol {
        ip::protocol::UDP => return error(seen, to, Meaning::PortUnreachable, 500),
        ip::protocol::TCP => {
            let asked = Segment::parse(&seen.message).expect("a segment");
            let acknowledges = asked.flags & flag::ACK != 0;
            let answer = Segment {
                source_port: asked.destination_port,
                destination_port: asked.source_port,
                sequence: if acknowledges { asked.acknowledgment } else { 1 },
                acknowledgment: if acknowledges { 0 } else { asked.sequence.wrapping_add(1) },
                flags: if acknowledges { flag::RST } else { flag::RST | flag::ACK },
                window: 0,
                urgent: 0,
                options: &[],
                payload: &[],
            };
            answer.emit(to, here(family), &mut out).expect("fits");
        }
        ip::protocol::UDP_LITE => return error(seen, to, Meaning::PortUnreachable, 500),
        ip::protocol::DCCP => {
            // A reset: long sequence numbers, and what is acknowledged behind two reserved bytes.
            let ports = [&seen.message[2..4], &seen.message[..2]].concat();
            out.extend_from_slice(&ports);
            out.extend_from_slice(&[7, 0, 0, 0, 7 << 1 | 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            out.extend_from_slice(&seen.message[10..16]);
            out.extend_from_slice(&[0; 4]);
        }
        other if other == RAW_PROTOCOL => {
            let [in_v4, in_v6] = [Meaning::ProtocolUnreachable, Meaning::NextHeaderUnknown];
            let meaning = if in_v4.numbers(family).is_some() { in_v4 } else { in_v6 };
            return error(seen, to, meaning, 500);
        }
        _ => {
            let Ok(Message::EchoRequest(echo)) = Message::parse(family, &seen.message) else {
                panic!("no echo request")
            };
            Message::EchoReply(Echo { ..echo }).emit(family, &mut out);
        }
    }
    (to, seen.protocol, out)
}
