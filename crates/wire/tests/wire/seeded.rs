//! Values drawn by chance, emitted and parsed: the same value comes back.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::ext::{self, Content, Interface, Label, Role, Structure};
use wire::icmp::{self, Echo, Message, Timestamp};
use wire::ip::options::{self, TimestampForm};
use wire::ip::{Datagram, Fragment, Header, pieces, protocol};
use wire::{Family, checksum, tcp, udp};

/// Chance with a seed, which is shown if a test fails.
pub struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// A new seed, or the one in `ASKWAY_SEED`.
    pub fn thrown() -> Dice {
        let given = std::env::var("ASKWAY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        Dice { seed, state: seed | 1 }
    }

    /// xorshift64*.
    pub fn number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    fn word(&mut self) -> u16 {
        self.number() as u16
    }

    fn long(&mut self) -> u32 {
        self.number() as u32
    }

    fn coin(&mut self) -> bool {
        self.number() & 1 == 1
    }

    pub fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.number() as u8).collect()
    }

    fn v4(&mut self) -> Ipv4Addr {
        Ipv4Addr::from(self.long())
    }

    fn address(&mut self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.v4().into(),
            Family::V6 => Ipv6Addr::from(u128::from(self.number()) << 80 | 7).into(),
        }
    }

    /// A copy with bytes changed, and perhaps cut or stretched.
    pub fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut spoiled = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(spoiled.len());
            spoiled[at] = match self.below(4) {
                0 => 0,
                1 => 0xff,
                2 => spoiled[at] ^ 1 << self.below(8),
                _ => self.number() as u8,
            };
        }
        match self.below(4) {
            0 => spoiled.truncate(self.below(bytes.len()).max(1)),
            1 => spoiled.extend(self.bytes(40)),
            _ => {}
        }
        spoiled
    }
}

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("ASKWAY_SEED={}", self.seed);
        }
    }
}

#[test]
fn headers_read_back_as_written() {
    let mut dice = Dice::thrown();
    for _ in 0..2_000 {
        for family in Family::ALL {
            let header = header(&mut dice, family);
            let payload = dice.bytes(60);
            let mut bytes = Vec::new();
            header.emit(&payload, &mut bytes).unwrap();
            assert_eq!(bytes.len(), header.bytes() + payload.len());
            let read = Datagram::parse(&bytes).unwrap();
            assert_eq!(read.payload, payload);
            assert_eq!(read.fragment, header.fragment);
            assert_eq!(read.protocol, header.protocol);
            // Where there is a fragment header in IPv6, it is one of the extension headers.
            let expected = match family {
                Family::V4 => header,
                Family::V6 => Header {
                    fragment: None,
                    identification: header.fragment.map_or(0, |f| f.identification as u16),
                    extensions: read.header().extensions,
                    ..header
                },
            };
            assert_eq!(read.header(), expected);
        }
    }
}

fn header(dice: &mut Dice, family: Family) -> Header {
    let mut header = Header::new(dice.address(family), dice.address(family), 253);
    header.hop_limit = dice.number() as u8;
    header.traffic_class = dice.number() as u8;
    if dice.coin() {
        let identification = match family {
            Family::V4 => u32::from(dice.word()),
            Family::V6 => dice.long(),
        };
        let offset_bytes = dice.word() & 0xfff8;
        header.fragment = Some(Fragment { identification, offset_bytes, more: dice.coin() });
    }
    match family {
        Family::V4 => {
            header.identification = match header.fragment {
                Some(fragment) => fragment.identification as u16,
                None => dice.word(),
            };
            header.dont_fragment = dice.coin();
            header.options = match dice.below(4) {
                0 => options::record_route(1 + dice.below(9)).unwrap(),
                1 => options::timestamp(TimestampForm::TimeOnly, 1 + dice.below(9)).unwrap(),
                2 => options::loose_source_route(&[dice.v4(), dice.v4()]).unwrap(),
                _ => Vec::new(),
            };
        }
        Family::V6 => {
            header.flow_label = dice.long() & 0xf_ffff;
            for kind in [protocol::HOP_BY_HOP, protocol::DESTINATION_OPTIONS] {
                if dice.coin() {
                    header.extensions.push((kind, vec![0, 0, 1, 4, 0, 0, 0, 0]));
                }
            }
        }
    }
    header
}

#[test]
fn messages_read_back_as_written() {
    let mut dice = Dice::thrown();
    for _ in 0..2_000 {
        let payload = dice.bytes(64);
        let (identifier, sequence) = (dice.word(), dice.word());
        let echo = Echo { identifier, sequence, payload: &payload };
        let [originate, receive, transmit] = [dice.long(), dice.long(), dice.long()];
        let stamp = Timestamp { identifier, sequence, originate, receive, transmit };
        let mask = icmp::Mask { identifier, sequence, mask: dice.v4() };
        let extended = icmp::ExtendedReply {
            code: dice.number() as u8,
            identifier,
            sequence: dice.number() as u8,
            state: dice.number() as u8 & 7,
            active: dice.coin(),
            ipv4: dice.coin(),
            ipv6: dice.coin(),
            rest: &payload,
        };
        let only_v4 = [
            Message::TimestampRequest(stamp),
            Message::TimestampReply(stamp),
            Message::MaskRequest(mask),
            Message::MaskReply(mask),
        ];
        let both = [
            Message::EchoRequest(echo),
            Message::EchoReply(echo),
            Message::ExtendedEchoReply(extended),
        ];
        for family in Family::ALL {
            both.iter().for_each(|message| same(&mut dice, family, message));
        }
        only_v4.iter().for_each(|message| same(&mut dice, Family::V4, message));
    }
}

fn same(dice: &mut Dice, family: Family, message: &Message<'_>) {
    let (source, destination) = (dice.address(family), dice.address(family));
    let mut bytes = Vec::new();
    message.emit(family, &mut bytes);
    if family == Family::V4 {
        assert!(icmp::verify(source, destination, &bytes));
    }
    icmp::fill_checksum(source, destination, &mut bytes);
    assert!(icmp::verify(source, destination, &bytes));
    assert_eq!(Message::parse(family, &bytes).as_ref(), Ok(message));
    let at = dice.below(bytes.len());
    bytes[at] ^= 1 << dice.below(8);
    assert!(!icmp::verify(source, destination, &bytes), "a flipped bit shows");
}

#[test]
fn udp_and_tcp_read_back_as_written() {
    let mut dice = Dice::thrown();
    for _ in 0..2_000 {
        for family in Family::ALL {
            let (source, destination) = (dice.address(family), dice.address(family));
            let payload = dice.bytes(50);
            let mut bytes = Vec::new();
            let message = udp::Message {
                source_port: dice.word(),
                destination_port: dice.word(),
                has_checksum: dice.coin(),
                payload: &payload,
            };
            message.emit(source, destination, &mut bytes).unwrap();
            assert_eq!(udp::Message::parse(&bytes), Ok(message));
            let segment = tcp::Segment {
                source_port: dice.word(),
                destination_port: dice.word(),
                sequence: dice.long(),
                acknowledgment: dice.long(),
                flags: dice.word() & 0xfff,
                window: dice.word(),
                urgent: dice.word(),
                options: &[1, 1, 1, 0][..4 * dice.below(2)],
                payload: &payload,
            };
            bytes.clear();
            segment.emit(source, destination, &mut bytes).unwrap();
            assert!(tcp::verify(source, destination, &bytes));
            assert_eq!(tcp::Segment::parse(&bytes), Ok(segment));
        }
    }
}

#[test]
fn errors_give_back_quote_and_extensions() {
    let mut dice = Dice::thrown();
    for _ in 0..1_000 {
        for family in Family::ALL {
            let (kind, code, unit, shift) = match family {
                Family::V4 => (11, 0, 4, 16),
                Family::V6 => (3, 0, 8, 24),
            };
            let header = Header::new(dice.address(family), dice.address(family), protocol::UDP);
            let (source, destination) = (dice.word(), dice.word());
            let mut payload = source.to_be_bytes().to_vec();
            payload.extend_from_slice(&destination.to_be_bytes());
            payload.extend(dice.bytes(200));
            let mut quote = Vec::new();
            header.emit(&payload, &mut quote).unwrap();
            let objects = objects(&mut dice, family);
            let structure = Structure { has_checksum: dice.coin(), bytes: &objects };
            let (length, body) = ext::extend(&quote, &structure, unit).unwrap();
            let word = u32::from(length) << shift;
            let meaning = icmp::Meaning::of(family, kind, code);
            let error = icmp::Error { meaning, kind, code, word, body: &body };
            let quoted = error.parse_quoted().unwrap();
            assert_eq!(quoted.datagram.payload, payload);
            let ports = icmp::Transport::Ports { source, destination, sequence: None };
            assert_eq!(quoted.transport, ports);
            assert_eq!(quoted.extensions(), Some(Ok(structure)));

            // Without the length attribute, 128 bytes and a checksum tell them apart.
            let mut old = vec![0; 128];
            let kept = quote.len().min(128);
            old[..kept].copy_from_slice(&quote[..kept]);
            structure.emit(&mut old);
            let error = icmp::Error { word: 0, body: &old, ..error };
            let found = error.parse_quoted().unwrap().extensions();
            assert_eq!(found, structure.has_checksum.then_some(Ok(structure)));
        }
    }
}

fn objects(dice: &mut Dice, family: Family) -> Vec<u8> {
    let name = dice.bytes(20);
    let name: Vec<u8> = name.into_iter().filter(|byte| *byte != 0).collect();
    let interface = Interface {
        role: [Role::Incoming, Role::Component, Role::Outgoing, Role::NextHop][dice.below(4)],
        index: dice.coin().then(|| dice.long()),
        address: dice.coin().then(|| dice.address(family)),
        name: dice.coin().then_some(&name),
        mtu_bytes: dice.coin().then(|| dice.long()),
    };
    let label = Label {
        label: dice.long() & 0xf_ffff,
        traffic_class: dice.number() as u8 & 7,
        is_bottom: dice.coin(),
        hop_limit: dice.number() as u8,
    };
    let mut out = Vec::new();
    interface.emit(&mut out);
    ext::Object { class: 1, kind: 1, body: &label.bytes() }.emit(&mut out).unwrap();
    let structure = Structure { has_checksum: false, bytes: &out };
    let contents: Vec<_> = structure.objects().map(|object| object.unwrap().content()).collect();
    assert_eq!(contents[0], Ok(Content::Interface(interface)));
    let Ok(Content::Mpls(labels)) = contents[1] else { panic!("{contents:?}") };
    assert_eq!(labels.iter().collect::<Vec<_>>(), [label]);
    out
}

#[test]
fn pieces_cover_a_payload_and_fit() {
    let mut dice = Dice::thrown();
    for _ in 0..2_000 {
        let (payload, header, mtu) = (dice.below(9_000), 20 + dice.below(40), dice.below(1_500));
        let mut end = 0;
        for (range, more) in pieces(payload, header, mtu) {
            assert_eq!(range.start, end);
            assert!(range.len() + header <= mtu && (!more || range.len() % 8 == 0));
            assert_eq!(more, range.end < payload);
            end = range.end;
        }
        assert!(end == payload || (end == 0 && mtu < header + 8));
    }
}

#[test]
fn a_checksum_is_updated_as_if_it_were_made_anew() {
    let mut dice = Dice::thrown();
    for _ in 0..20_000 {
        let mut bytes = dice.bytes(40);
        bytes.resize(bytes.len().next_multiple_of(2) + 2, 1);
        let at = dice.below(bytes.len() / 2) * 2;
        let (before, new) = (checksum::of(&bytes), dice.word());
        let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
        // 0 and all ones are the same number; it is all zeros or nothing that they tell apart.
        let (updated, anew) = (checksum::update(before, old, new), checksum::of(&bytes));
        assert!(updated == anew || updated ^ anew == 0xffff && [0, 0xffff].contains(&anew));
    }
}
