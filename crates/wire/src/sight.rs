//! What a captured packet is, for whoever looks at many of them: who to whom, by what, how much.

use crate::arp;
use crate::icmp::{Message, Transport};
use crate::ip::{Datagram, protocol};
use crate::link::{Frame, ether_type};
use crate::tcp::Segment;
use std::net::IpAddr;

/// A captured packet, as far as it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight<'a> {
    /// Its frame.
    pub frame: Frame<'a>,
    /// Its datagram, if it is one of IP.
    pub datagram: Option<Datagram<'a>>,
    /// What that carries, or the frame.
    pub content: Content<'a>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A TCP segment; of its data what was kept.
    Tcp {
        /// The segment.
        segment: Segment<'a>,
        /// How much data it had on the wire.
        data_bytes: usize,
    },
    /// A UDP datagram.
    Udp {
        /// The sender's port.
        source_port: u16,
        /// The receiver's port.
        destination_port: u16,
        /// How much data it had on the wire.
        data_bytes: usize,
    },
    /// An ICMP message.
    Icmp(Message<'a>),
    /// An ARP packet.
    Arp(arp::Packet),
    /// Anything else, or too little of it.
    Other,
}

/// One end of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// Its address.
    pub address: IpAddr,
    /// Its port; 0 if the protocol has none.
    pub port: u16,
}

/// What belongs together: packets between two ends by one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The protocol's number.
    pub protocol: u8,
    /// Who sent the packet.
    pub from: End,
    /// To whom.
    pub to: End,
    /// The identifier of ICMP queries, else 0.
    pub identifier: u16,
}

impl Flow {
    /// The same for packets either way.
    pub fn key(self) -> Flow {
        if self.from <= self.to { self } else { self.reversed() }
    }

    /// That of packets the other way.
    pub fn reversed(self) -> Flow {
        Flow { from: self.to, to: self.from, ..self }
    }
}

impl<'a> Sight<'a> {
    /// Reads a packet of a link type of [`crate::pcapng::link`]; `None` if not even the link header
    /// is there.
    pub fn of(link: u16, bytes: &'a [u8]) -> Option<Sight<'a>> {
        let frame = Frame::parse(link, bytes).ok()?;
        let is_ip = matches!(frame.ether_type, ether_type::IPV4 | ether_type::IPV6);
        let datagram = Datagram::parse_quoted(frame.payload).ok().filter(|_| is_ip);
        let content = match &datagram {
            Some(datagram) => content(datagram),
            None if frame.ether_type == ether_type::ARP => {
                arp::Packet::parse(frame.payload).map_or(Content::Other, Content::Arp)
            }
            None => Content::Other,
        };
        Some(Sight { frame, datagram, content })
    }

    /// Between whom it passes; `None` if it is no whole datagram of IP, or an ICMP error.
    pub fn flow(&self) -> Option<Flow> {
        let datagram = self.datagram?;
        let (ports, identifier) = match self.content {
            Content::Tcp { segment, .. } => ((segment.source_port, segment.destination_port), 0),
            Content::Udp { source_port, destination_port, .. } => {
                ((source_port, destination_port), 0)
            }
            Content::Icmp(Message::EchoRequest(echo) | Message::EchoReply(echo)) => {
                ((0, 0), echo.identifier)
            }
            Content::Icmp(Message::Error(_)) => return None,
            _ if datagram.is_later_fragment() => return None,
            _ => ((0, 0), 0),
        };
        Some(flow(&datagram, ports, identifier))
    }

    /// The conversation of the datagram that an ICMP error is about, as that was sent.
    pub fn quoted_flow(&self) -> Option<Flow> {
        let Content::Icmp(Message::Error(error)) = self.content else { return None };
        let quoted = error.parse_quoted().ok()?;
        let (ports, identifier) = match quoted.transport {
            Transport::Ports { source, destination, .. } => ((source, destination), 0),
            Transport::Query { identifier, .. } => ((0, 0), identifier),
            Transport::Opaque(_) => ((0, 0), 0),
        };
        Some(flow(&quoted.datagram, ports, identifier))
    }
}

fn flow(datagram: &Datagram<'_>, ports: (u16, u16), identifier: u16) -> Flow {
    Flow {
        protocol: datagram.protocol,
        from: End { address: datagram.source, port: ports.0 },
        to: End { address: datagram.destination, port: ports.1 },
        identifier,
    }
}

fn content<'a>(datagram: &Datagram<'a>) -> Content<'a> {
    let bytes = datagram.payload;
    if datagram.is_later_fragment() {
        return Content::Other;
    }
    match datagram.protocol {
        protocol::TCP => match Segment::parse(bytes) {
            Ok(segment) => {
                let header = bytes.len() - segment.payload.len();
                Content::Tcp { segment, data_bytes: stated(datagram).saturating_sub(header) }
            }
            Err(_) => cut_segment(datagram),
        },
        protocol::UDP => match *bytes {
            [s0, s1, d0, d1, l0, l1, ..] => Content::Udp {
                source_port: u16::from_be_bytes([s0, s1]),
                destination_port: u16::from_be_bytes([d0, d1]),
                data_bytes: usize::from(u16::from_be_bytes([l0, l1])).saturating_sub(8),
            },
            _ => Content::Other,
        },
        protocol::ICMP | protocol::ICMPV6 => {
            Message::parse(datagram.family(), bytes).map_or(Content::Other, Content::Icmp)
        }
        _ => Content::Other,
    }
}

/// How much a datagram's header says that it carries.
fn stated(datagram: &Datagram<'_>) -> usize {
    let header = if datagram.source.is_ipv4() { 20 } else { 40 };
    let between = datagram.options.len() + datagram.extensions.len();
    datagram.total_bytes.saturating_sub(header + between)
}

/// A segment whose options were cut off: without them.
fn cut_segment<'a>(datagram: &Datagram<'a>) -> Content<'a> {
    let bytes = datagram.payload;
    let Some(fixed) = bytes.first_chunk::<20>() else { return Content::Other };
    let header = usize::from(fixed[12] >> 4) * 4;
    if header < 20 {
        return Content::Other;
    }
    let half = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let word = |at: usize| u32::from(half(at)) << 16 | u32::from(half(at + 2));
    let segment = Segment {
        source_port: half(0),
        destination_port: half(2),
        sequence: word(4),
        acknowledgment: word(8),
        flags: half(12) & 0x0fff,
        window: half(14),
        urgent: half(18),
        options: &[],
        payload: &[],
    };
    Content::Tcp { segment, data_bytes: stated(datagram).saturating_sub(header) }
}
