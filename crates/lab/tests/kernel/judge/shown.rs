//! Packets as words, written: all that a node decides, and nothing that chance does.

use super::notation::{NAMES, pattern};
use crate::child::hex;
use std::net::IpAddr;
use wire::icmp::{self, Message};
use wire::ip::{Datagram, protocol, verify_header};
use wire::tcp::{Segment, flag};
use wire::{Family, udp};

/// What was seen so far: packets that quotes may be of, and identifications that got names.
#[derive(Default)]
pub struct Seen {
    /// Packets that were sent to the node.
    pub sent: Vec<Vec<u8>>,
    /// Identifications that the node has chosen.
    chosen: Vec<(IpAddr, u32)>,
}

impl Seen {
    /// A packet that the node has sent.
    pub fn show(&mut self, bytes: &[u8]) -> String {
        let Ok(datagram) = Datagram::parse(bytes) else { return format!("damaged {}", hex(bytes)) };
        let mut text = self.header(&datagram);
        if bytes.len() != datagram.total_bytes {
            text += &format!(" pad {}", bytes.len() - datagram.total_bytes);
        }
        if !verify_header(bytes) {
            text += " badsum";
        }
        text += &match datagram.fragment {
            Some(_) => filling(datagram.payload),
            None => self.payload(&datagram, true),
        };
        text
    }

    fn header(&mut self, datagram: &Datagram<'_>) -> String {
        let [from, to] = [datagram.source, datagram.destination].map(name);
        let mut text = format!("{from} > {to} ttl {}", datagram.hop_limit);
        for (word, value) in
            [("tos", u32::from(datagram.traffic_class)), ("flow", datagram.flow_label)]
        {
            if value != 0 {
                text += &format!(" {word} {value:#x}");
            }
        }
        let id = datagram.identification;
        match datagram.fragment {
            Some(fragment) => {
                let more = if fragment.more { "+" } else { "" };
                let id = self.identification(datagram.source, id);
                text += &format!(" fragment {id}@{}{more}", fragment.offset_bytes);
            }
            None if self.was_sent(datagram.source, id) => text += &format!(" id {id}"),
            None => {}
        }
        if datagram.dont_fragment && datagram.family() == Family::V4 {
            text += " df";
        }
        if !datagram.options.is_empty() {
            text += &format!(" opt {}", options(datagram.options));
        }
        for extension in datagram.extension_headers().map_while(Result::ok) {
            if extension.kind != protocol::FRAGMENT {
                text += &format!(" ext {} {}", extension.kind, hex(&extension.bytes[1..]));
            }
        }
        text
    }

    /// Identifications that a script chose are told; what the node chose gets a letter.
    fn identification(&mut self, from: IpAddr, id: u32) -> String {
        // In IPv6 whoever translates chooses anew.
        if from.is_ipv4() && self.was_sent(from, id) {
            return id.to_string();
        }
        let known = self.chosen.iter().position(|known| *known == (from, id));
        let index = known.unwrap_or_else(|| {
            self.chosen.push((from, id));
            self.chosen.len() - 1
        });
        char::from(b'A' + index as u8).to_string()
    }

    fn was_sent(&self, from: IpAddr, id: u32) -> bool {
        let same = |bytes: &Vec<u8>| {
            Datagram::parse(bytes).is_ok_and(|it| (it.source, it.identification) == (from, id))
        };
        id != 0 && self.sent.iter().any(same)
    }

    fn payload(&mut self, datagram: &Datagram<'_>, is_whole: bool) -> String {
        let (from, to, bytes) = (datagram.source, datagram.destination, datagram.payload);
        let family = datagram.family();
        let mark = |is_good: bool| if is_good || !is_whole { "" } else { " badcheck" };
        match datagram.protocol {
            protocol::UDP => match udp::Message::parse(bytes) {
                Ok(it) => {
                    let (there, back) = (it.source_port, it.destination_port);
                    let sum = match it.has_checksum {
                        true => mark(udp::verify(from, to, bytes)),
                        false => " nocheck",
                    };
                    format!(" udp {there} {back}{}{sum}", filling(it.payload))
                }
                Err(_) => format!(" udp{}", filling(bytes)),
            },
            protocol::TCP => match Segment::parse(bytes) {
                Ok(it) => {
                    let flags = [(flag::SYN, "S"), (flag::ACK, "A"), (flag::RST, "R")];
                    let flags = flags.iter().filter(|(bit, _)| it.flags & bit != 0);
                    let flags: String = flags.map(|(_, letter)| *letter).collect();
                    let (there, back) = (it.source_port, it.destination_port);
                    format!(" tcp {there} {back} {flags} {} {}", it.sequence, it.acknowledgment)
                }
                Err(_) => format!(" tcp{}", filling(bytes)),
            },
            number if number == icmp::protocol(family) => {
                let sum = mark(icmp::verify(from, to, bytes));
                format!("{}{sum}", self.icmp(family, bytes))
            }
            number => format!(" proto {number}{}", filling(bytes)),
        }
    }

    fn icmp(&mut self, family: Family, bytes: &[u8]) -> String {
        match Message::parse(family, bytes) {
            Ok(Message::EchoRequest(it)) => {
                format!(" echo {} {}{}", it.identifier, it.sequence, filling(it.payload))
            }
            Ok(Message::EchoReply(it)) => {
                format!(" reply {} {}{}", it.identifier, it.sequence, filling(it.payload))
            }
            // Times differ, also of the node's own clock.
            Ok(Message::TimestampReply(_)) => format!(" icmp 14/0 {}", hex(&bytes[4..8])),
            Ok(Message::Error(it)) if it.kind == 137 && it.body.len() >= 32 => {
                self.redirect(it.body)
            }
            Ok(Message::Error(it)) => {
                let word = if it.word == 0 { String::new() } else { format!(" {:#x}", it.word) };
                format!(" icmp {}/{}{word}{}", it.kind, it.code, self.quote(it.body))
            }
            _ => format!(" icmp{}", filling(bytes)),
        }
    }

    /// A redirect of IPv6, but for link-layer addresses, which routers need not know.
    fn redirect(&mut self, body: &[u8]) -> String {
        let address = |at: usize| {
            let octets: [u8; 16] = body[at..at + 16].try_into().expect("16 bytes");
            name(octets.into())
        };
        let mut text = format!(" icmp 137/0 to {} for {}", address(0), address(16));
        let mut options = &body[32..];
        while let [kind, units, ..] = *options {
            let (option, rest) = options.split_at(usize::from(units.max(1)) * 8);
            text += &match kind {
                2 => String::new(),
                4 => self.quote(&option[8..]),
                other => format!(" option {other}"),
            };
            options = rest;
        }
        text
    }

    /// What an error quotes: in the best case, so many bytes of something that was sent as it was.
    fn quote(&mut self, body: &[u8]) -> String {
        if self.sent.iter().any(|sent| sent.starts_with(body)) {
            return format!(" quotes {}", body.len());
        }
        match Datagram::parse_quoted(body) {
            Ok(datagram) => {
                let text = self.header(&datagram) + &self.payload(&datagram, false);
                format!(" about [{text}] in {}", body.len())
            }
            Err(_) => filling(body),
        }
    }
}

fn name(address: IpAddr) -> String {
    let text = address.to_string();
    let named = NAMES.iter().find(|(_, known)| *known == text);
    named.map_or(text, |(name, _)| (*name).to_string())
}

/// IPv4 options; times are not told.
fn options(bytes: &[u8]) -> String {
    let mut text = hex(bytes);
    let mut at = 0;
    while at < bytes.len() {
        // Where a timestamp option points to, the next time goes.
        if let [68, length, pointer, form, ..] = bytes[at..] {
            let entry = if form & 0x0f == 0 { 4 } else { 8 };
            let end = usize::from(pointer.min(length + 1)).saturating_sub(1);
            for start in (4..end).step_by(entry) {
                let time = at + start + entry - 4..at + start + entry;
                text.replace_range(time.start * 2..time.end * 2, "tttttttt");
            }
        }
        at += match bytes[at..] {
            [0 | 1, ..] | [_] => 1,
            [_, length, ..] => usize::from(length.max(1)),
            [] => 1,
        };
    }
    text
}

/// What is carried, if it is the pattern; else its bytes.
fn filling(bytes: &[u8]) -> String {
    let count = bytes.len();
    let Some(first) = bytes.first() else { return String::new() };
    let later = usize::from(*first);
    if bytes.iter().enumerate().all(|(at, byte)| *byte == pattern(at + later)) {
        let later = if later == 0 { String::new() } else { format!(" @{later}") };
        return format!(" bytes {count}{later}");
    }
    // Behind a header of ICMP or UDP.
    if count > 16 && (8..count).all(|at| bytes[at] == pattern(at - 8)) {
        return format!(" hex {} bytes {}", hex(&bytes[..8]), count - 8);
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return format!(" zeros {count}");
    }
    if count > 64 {
        return format!(" hex {}.. {count}", hex(&bytes[..64]));
    }
    format!(" hex {}", hex(bytes))
}
