//! Conversations: what of a capture passed between two ends, kept for pictures.

use super::Record;
use std::collections::BTreeMap;
use std::net::IpAddr;
use wire::icmp::{Meaning, Message};
use wire::sight::{Content, End, Flow, Sight};
use wire::tcp::{TcpOption, flag};

/// Packets that are kept, at most; the rest is counted.
const KEPT_MAX: usize = 1_000_000;

/// Conversations, the busiest first.
#[derive(Debug, Default)]
pub struct Flows {
    known: BTreeMap<Flow, Conversation>,
    kept: usize,
    /// Packets that there was no room for.
    pub left_out: u64,
}

/// What passed between two ends.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Who spoke first, and to whom; of TCP, who opened it.
    pub flow: Flow,
    /// What they said, in the order of the capture.
    pub packets: Vec<Kept>,
}

/// A packet of a conversation.
#[derive(Clone, Debug)]
pub struct Kept {
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub time_ns: i128,
    /// Whether it comes from the end that spoke first; of an error, whether it goes to the other.
    pub is_forward: bool,
    /// What it is.
    pub what: What,
}

/// What a packet of a conversation is.
#[derive(Clone, Debug)]
pub enum What {
    /// A TCP segment.
    Segment(Segment),
    /// A datagram, with so many bytes of data.
    Datagram(usize),
    /// An ICMP query or its reply: its name, its number, bytes of data.
    Query(&'static str, u16, usize),
    /// An ICMP error about a packet of the conversation.
    Error {
        /// What it says.
        meaning: Meaning,
        /// The MTU that it names.
        mtu_bytes: Option<u32>,
        /// Who sent it.
        by: IpAddr,
    },
}

/// What matters of a TCP segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its sequence number.
    pub sequence: u32,
    /// What it acknowledges, if it does.
    pub acknowledgment: Option<u32>,
    /// Its flags.
    pub flags: u16,
    /// Its window, not scaled.
    pub window: u16,
    /// How much data it has.
    pub data_bytes: u32,
    /// The largest segment that its sender takes.
    pub mss: Option<u16>,
    /// How far windows are to be shifted.
    pub scale: Option<u8>,
    /// What arrived out of order, the first blocks.
    pub selective: Vec<(u32, u32)>,
}

impl Flows {
    /// Takes a packet in.
    pub fn take(&mut self, record: &Record<'_>) {
        let Some(sight) = Sight::of(record.link, record.packet.bytes) else { return };
        let is_error = matches!(sight.content, Content::Icmp(Message::Error(_)));
        let flow = if is_error { sight.quoted_flow() } else { sight.flow() };
        let (Some(flow), Some(what)) = (flow, what(&sight)) else { return };
        if self.kept >= KEPT_MAX {
            self.left_out += 1;
            return;
        }
        self.kept += 1;
        let opens_other = matches!(&what, What::Segment(it)
            if it.flags & (flag::SYN | flag::ACK) == flag::SYN | flag::ACK);
        let first = if opens_other { flow.reversed() } else { flow };
        let known = self.known.entry(flow.key());
        let conversation =
            known.or_insert_with(|| Conversation { flow: first, packets: Vec::new() });
        conversation.packets.push(Kept {
            time_ns: record.packet.time_ns.unwrap_or(0),
            // An error goes back to who sent what it quotes.
            is_forward: (flow == conversation.flow) != is_error,
            what,
        });
    }

    /// The conversations, the busiest first.
    pub fn into_sorted(self) -> Vec<Conversation> {
        let mut all: Vec<Conversation> = self.known.into_values().collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.packets.len()));
        all
    }
}

fn what(sight: &Sight<'_>) -> Option<What> {
    Some(match sight.content {
        Content::Tcp { segment, data_bytes } => {
            let mut kept = Segment {
                sequence: segment.sequence,
                acknowledgment: (segment.flags & flag::ACK != 0).then_some(segment.acknowledgment),
                flags: segment.flags,
                window: segment.window,
                data_bytes: u32::try_from(data_bytes).unwrap_or(u32::MAX),
                mss: None,
                scale: None,
                selective: Vec::new(),
            };
            for option in segment.options().map_while(Result::ok) {
                match option {
                    TcpOption::MaximumSegmentSize(bytes) => kept.mss = Some(bytes),
                    TcpOption::WindowScale(shift) => kept.scale = Some(shift.min(14)),
                    TcpOption::Sack(blocks) => kept.selective = blocks.iter().take(4).collect(),
                    _ => {}
                }
            }
            What::Segment(kept)
        }
        Content::Udp { data_bytes, .. } => What::Datagram(data_bytes),
        Content::Icmp(Message::EchoRequest(echo)) => query("echo request", &echo, sight),
        Content::Icmp(Message::EchoReply(echo)) => query("echo reply", &echo, sight),
        Content::Icmp(Message::Error(error)) => What::Error {
            meaning: error.meaning,
            mtu_bytes: error.mtu_bytes(),
            by: sight.datagram?.source,
        },
        _ => What::Datagram(sight.datagram?.payload.len()),
    })
}

fn query(name: &'static str, echo: &wire::icmp::Echo<'_>, sight: &Sight<'_>) -> What {
    let there = sight.datagram.map_or(0, |datagram| datagram.total_bytes);
    let header = sight.datagram.map_or(0, |it| if it.source.is_ipv4() { 20 } else { 40 });
    let options = sight.datagram.map_or(0, |it| it.options.len() + it.extensions.len());
    What::Query(name, echo.sequence, there.saturating_sub(header + options + 8))
}

/// An end as people write it.
pub fn shown(end: End) -> String {
    match (end.port, end.address) {
        (0, address) => address.to_string(),
        (port, IpAddr::V4(address)) => format!("{address}:{port}"),
        (port, IpAddr::V6(address)) => format!("[{address}]:{port}"),
    }
}
