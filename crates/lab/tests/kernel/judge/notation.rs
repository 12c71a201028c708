//! Packets as words, read: `p4 > h4 ttl 1 udp 4000 9 bytes 100`.
//!
//! In this order, though all but the ends may be left out: `ttl`, `tos`, `flow`, `id`, `df`; `opt`
//! with the bytes of IPv4 options, `ext` with a kind and the bytes of an IPv6 extension header
//! behind its first; what is carried: `echo` and `reply` with identifier and sequence number, `icmp
//! TYPE/CODE WORD`, `udp` with two ports, `proto` with a number; `bytes N` of a pattern, `@N` that
//! begins later, `hex`, `about [..]` what an error quotes; `piece A..B` a fragment of that; then
//! what is wrong with it.

use std::net::IpAddr;
use wire::ip::{Fragment, Header, protocol};
use wire::{Family, checksum, icmp};

/// The addresses that scripts know by name.
pub const NAMES: [(&str, &str); 12] = [
    ("h4", "192.0.2.1"),
    ("p4", "192.0.2.2"),
    ("r4", "198.51.100.1"),
    ("s4", "198.51.100.2"),
    ("h6", "2001:db8:1::1"),
    ("p6", "2001:db8:1::2"),
    ("r6", "2001:db8:2::1"),
    ("s6", "2001:db8:2::2"),
    ("u4", "203.0.113.1"),
    ("t4", "203.0.113.2"),
    ("u6", "2001:db8:3::1"),
    ("t6", "2001:db8:3::2"),
];

/// The byte of the pattern at an offset; a prime, so that no two places of a packet look alike.
pub fn pattern(offset: usize) -> u8 {
    (offset % 251) as u8
}

/// Reads an address or its name.
pub fn address(word: &str) -> IpAddr {
    let named = NAMES.iter().find(|(name, _)| *name == word);
    let text = named.map_or(word, |(_, text)| text);
    text.parse().unwrap_or_else(|_| panic!("no address: {word}"))
}

/// What a packet is made of.
struct Draft {
    header: Header,
    /// What is carried: a header in front of the payload, and where its checksum stands.
    front: Vec<u8>,
    sum_at: Option<usize>,
    payload: Vec<u8>,
    piece: Option<(usize, usize, Option<bool>)>,
    udp_bytes: Option<u16>,
    total: Option<u16>,
    first_byte: Option<u8>,
    has_bad_sum: bool,
    has_bad_check: bool,
    has_no_check: bool,
    cut: Option<usize>,
    padding: usize,
}

/// Reads a packet.
///
/// # Panics
/// If a word is not understood.
pub fn packet(text: &str) -> Vec<u8> {
    let spaced = text.replace('[', " [ ").replace(']', " ] ");
    let mut words = spaced.split_whitespace();
    let bytes = read(&mut words, text);
    assert_eq!(words.next(), None, "{text}");
    bytes
}

type Words<'a, 'b> = &'a mut std::str::SplitWhitespace<'b>;

fn read(words: Words<'_, '_>, text: &str) -> Vec<u8> {
    let mut next = || words.next().unwrap_or_else(|| panic!("a word is missing: {text}"));
    let source = address(next());
    assert_eq!(next(), ">", "{text}");
    let destination = address(next());
    let mut draft = Draft {
        header: Header::new(source, destination, protocol::UDP),
        front: Vec::new(),
        sum_at: None,
        payload: Vec::new(),
        piece: None,
        udp_bytes: None,
        total: None,
        first_byte: None,
        has_bad_sum: false,
        has_bad_check: false,
        has_no_check: false,
        cut: None,
        padding: 0,
    };
    while let Some(word) = words.next() {
        if word == "]" {
            break;
        }
        if word == "about" {
            assert_eq!(words.next(), Some("["), "{text}");
            draft.payload = read(words, text);
            continue;
        }
        draft.take(word, words, text);
    }
    draft.finish()
}

/// A number in decimal, or in hexadecimal behind `0x`.
fn number(word: &str) -> u32 {
    let parsed = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("no number: {word}"))
}

/// Bytes as digits, with dots between for the eye.
fn hex(word: &str) -> Vec<u8> {
    crate::child::parse(&word.replace('.', ""))
}

impl Draft {
    fn take(&mut self, word: &str, words: Words<'_, '_>, text: &str) {
        let mut next = || words.next().unwrap_or_else(|| panic!("a word is missing: {text}"));
        let family = Family::of(self.header.source);
        match word {
            "ttl" => self.header.hop_limit = number(next()) as u8,
            "tos" => self.header.traffic_class = number(next()) as u8,
            "flow" => self.header.flow_label = number(next()),
            "id" => self.header.identification = number(next()) as u16,
            "df" => self.header.dont_fragment = true,
            "opt" => self.header.options = hex(next()),
            "ext" => {
                let kind = number(next()) as u8;
                self.header.extensions.push((kind, [vec![0], hex(next())].concat()));
            }
            "echo" | "reply" => {
                let kind = match word {
                    "echo" => icmp::echo_request_type(family),
                    _ => icmp::echo_reply_type(family),
                };
                let word = number(next()) << 16 | number(next());
                self.icmp(kind, 0, word);
            }
            "icmp" => {
                let (kind, code) = next().split_once('/').expect("type and code");
                let (kind, code) = (number(kind) as u8, number(code) as u8);
                self.icmp(kind, code, number(next()));
            }
            "udp" => {
                self.header.protocol = protocol::UDP;
                let ports = [number(next()) as u16, number(next()) as u16];
                self.front = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
                self.front.extend([0; 4]);
                self.sum_at = Some(6);
            }
            "proto" => self.header.protocol = number(next()) as u8,
            "bytes" => self.payload = (0..number(next()) as usize).map(pattern).collect(),
            "hex" => self.payload = hex(next()),
            "total" => self.total = Some(number(next()) as u16),
            "udplen" => self.udp_bytes = Some(number(next()) as u16),
            "first" => self.first_byte = Some(number(next()) as u8),
            "cut" => self.cut = Some(number(next()) as usize),
            "pad" => self.padding = number(next()) as usize,
            "badsum" => self.has_bad_sum = true,
            "badcheck" => self.has_bad_check = true,
            "nocheck" => self.has_no_check = true,
            "piece" => {
                let (from, to) = next().split_once("..").expect("from and to");
                self.piece = Some((number(from) as usize, number(to) as usize, None));
            }
            "more" | "last" => {
                let piece = self.piece.as_mut().expect("of a piece");
                piece.2 = Some(word == "more");
            }
            later if later.starts_with('@') => {
                let later = number(&later[1..]) as usize;
                self.payload = (0..self.payload.len()).map(|at| pattern(at + later)).collect();
            }
            other => panic!("{other} is not understood: {text}"),
        }
    }

    fn icmp(&mut self, kind: u8, code: u8, word: u32) {
        self.header.protocol = icmp::protocol(Family::of(self.header.source));
        self.front = vec![kind, code, 0, 0];
        self.front.extend(word.to_be_bytes());
        self.sum_at = Some(2);
    }

    fn finish(mut self) -> Vec<u8> {
        let mut body = std::mem::take(&mut self.front);
        let front_bytes = body.len();
        body.append(&mut self.payload);
        if self.header.protocol == protocol::UDP && front_bytes == 8 {
            let length = self.udp_bytes.unwrap_or(body.len() as u16);
            body[4..6].copy_from_slice(&length.to_be_bytes());
        }
        self.fill_check(&mut body);
        if let Some((from, to, more)) = self.piece {
            let identification = u32::from(self.header.identification);
            let more = more.unwrap_or(to < body.len());
            self.header.fragment =
                Some(Fragment { identification, offset_bytes: from as u16 / 8 * 8, more });
            // What is nowhere in it stands there as it is.
            if from <= body.len() {
                body = body[from..to.min(body.len())].to_vec();
            }
        }
        let mut bytes = Vec::new();
        self.header.emit(&body, &mut bytes).expect("it fits");
        let is_v4 = bytes[0] >> 4 == 4;
        if let Some(total) = self.total {
            let at = if is_v4 { 2 } else { 4 };
            bytes[at..at + 2].copy_from_slice(&total.to_be_bytes());
        }
        let header_bytes = usize::from(bytes[0] & 0x0f) * 4;
        bytes[0] = self.first_byte.unwrap_or(bytes[0]);
        if is_v4 {
            bytes[10..12].fill(0);
            let sum = checksum::of(&bytes[..header_bytes]) ^ u16::from(self.has_bad_sum);
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        bytes.truncate(self.cut.unwrap_or(usize::MAX));
        bytes.extend((0..self.padding).map(|_| 0x55));
        bytes
    }

    fn fill_check(&self, body: &mut [u8]) {
        let Some(at) = self.sum_at.filter(|_| !self.has_no_check) else { return };
        let (from, to) = (self.header.source, self.header.destination);
        if self.header.protocol == protocol::UDP {
            let sum = checksum::Sum::new();
            // As long as it says that it is.
            let length = usize::from(self.udp_bytes.unwrap_or(body.len() as u16));
            let summed = if length < 8 { &body[..] } else { &body[..length.min(body.len())] };
            let length = if length < 8 { body.len() } else { length };
            let sum = sum.pseudo_header(from, to, protocol::UDP, length).bytes(summed).finish();
            body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        } else {
            icmp::fill_checksum(from, to, body);
        }
        body[at] ^= u8::from(self.has_bad_check);
    }
}
