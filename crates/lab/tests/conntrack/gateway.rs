//! Any packets from both sides of a gateway, at any times: what is fuzzed, and what the tests feed
//! with the corpus. Nothing panics; what leaves is whole, and shows the outside no inner address;
//! the table and all that waits stay within their bounds.

use lab::conntrack::{self, Forward, Personality, Quotes};
use lab::gateway::{Gateway, Interface, Plan, Side};
use probe::Time;
use std::net::IpAddr;
use wire::icmp::{self, Message};
use wire::ip::{Datagram, Fragment, Header, protocol, verify_header};
use wire::offload::Shape;
use wire::tcp::Segment;
use wire::udp;

const PERSONALITIES: [Personality; 7] = [
    Personality::Linux,
    Personality::Bcp127,
    Personality::FullCone,
    Personality::Restricted,
    Personality::PortRestricted,
    Personality::Symmetric,
    Personality::Cgnat,
];

/// Who there is, by family: inner hosts, the gateway inside and outside, outer hosts, nobody.
const ADDRESSES: [[&str; 8]; 2] = [
    [
        "10.0.0.7",
        "10.0.0.8",
        "10.0.0.1",
        "203.0.113.1",
        "203.0.113.9",
        "198.51.100.9",
        "10.0.0.255",
        "0.0.0.0",
    ],
    [
        "fd00::7",
        "fd00::8",
        "fd00::1",
        "2001:db8:1::1",
        "2001:db8:1::9",
        "2001:db8:9::9",
        "ff02::1",
        "fe80::7",
    ],
];

/// Connections at most: few, so that the table is full now and then.
const CONNECTIONS: usize = 24;

/// Packets of its own that one packet may make it send: the pieces of a large one.
const MADE_AT_ONCE: usize = 64;

/// A gateway, and the last packet that left by each side.
struct Run {
    gateway: Gateway,
    now: Time,
    last: [Vec<u8>; 2],
}

/// Reads what is to happen from any bytes.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (some, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        some
    }
}

/// Lets happen what the bytes say.
///
/// # Panics
/// If anything does not hold.
pub fn check(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut run = Run::new(input.byte());
    while !input.0.is_empty() {
        let what = input.byte();
        let side = Side::BOTH[usize::from(what & 1)];
        match what >> 1 & 7 {
            0 => {
                let count = usize::from(input.byte());
                let packet = input.take(count).to_vec();
                run.pass(side, packet);
            }
            1..=3 => {
                let packet = built(&mut input);
                run.pass(side, packet);
            }
            4 => run.answer(side, &mut input),
            5 => run.complain(side, &mut input),
            6 => run.wait(u64::from(input.byte()) * 50_000_000),
            _ => run.wait(u64::from(input.byte()) * 10_000_000_000),
        }
    }
    // In time everything is forgotten.
    run.wait(20 * 86_400 * 1_000_000_000);
    for _ in 0..4 {
        run.wait(600_000_000_000);
    }
    assert_eq!(run.gateway.tracker().len(), 0, "after weeks of silence");
}

impl Run {
    fn new(how: u8) -> Run {
        let interface = |family: &dyn Fn(usize) -> IpAddr, mtu_bytes| Interface {
            addresses: vec![(family(0), 24), (family(1), 64)],
            mtu_bytes,
        };
        let personality = PERSONALITIES[usize::from(how) % PERSONALITIES.len()];
        let mut tracking = conntrack::Plan::new(personality.behaviour());
        tracking.limit = CONNECTIONS;
        tracking.quotes = if how & 0x80 == 0 { Quotes::Whole } else { Quotes::Address };
        let forward = |protocol, port, to: usize, to_port| Forward {
            protocol: Some(protocol),
            address: None,
            port: Some(port),
            to: address(0, to),
            to_port: Some(to_port),
            is_anywhere: false,
        };
        tracking.forwards = vec![forward(protocol::UDP, 1, 0, 2), forward(protocol::TCP, 2, 1, 1)];
        let gateway = Gateway::new(Plan {
            interfaces: [
                interface(&|family| address(family, 2), 1_500),
                interface(
                    &|family| address(family, 3),
                    if how & 0x40 == 0 { 1_500 } else { 1_280 },
                ),
            ],
            tracking,
            epoch_ns: 0,
            seed: u64::from(how),
        });
        Run { gateway, now: Time::ZERO, last: [Vec::new(), Vec::new()] }
    }

    fn pass(&mut self, side: Side, mut packet: Vec<u8>) {
        let out = self.gateway.pass(self.now, side, &mut packet, Shape::PLAIN);
        if let Some(out) = out {
            self.leaves(out, packet);
        }
        self.gateway.advance(self.now);
        self.look();
    }

    /// Lets time pass, as a driver does: from one thing that is due to the next, or a little more.
    fn wait(&mut self, nanoseconds: u64) {
        let until = Time(self.now.0.saturating_add(nanoseconds));
        for _ in 0..64 {
            let due = self.gateway.due();
            if due > until {
                break;
            }
            self.now = self.now.max(due);
            self.gateway.advance(self.now);
            self.look();
        }
        self.now = until;
        self.gateway.advance(self.now);
        self.look();
    }

    /// Sends back what left by a side, from there, changed as the input says.
    fn answer(&mut self, side: Side, input: &mut Input<'_>) {
        let Ok(datagram) = Datagram::parse(&self.last[side.index()]) else { return };
        let mut header = datagram.header();
        (header.source, header.destination) = (header.destination, header.source);
        header.hop_limit = 64;
        let mut payload = datagram.payload.to_vec();
        if payload.len() >= 4 && matches!(header.protocol, protocol::UDP | protocol::TCP) {
            // The ports change places.
            payload[..4].rotate_left(2);
        }
        let change = input.byte();
        if let Some(byte) = payload.get_mut(usize::from(change >> 2)) {
            *byte ^= change & 3;
        }
        if header.protocol == protocol::TCP && payload.len() > 13 {
            payload[13] = input.byte();
        }
        let is_reply = matches!(payload.first(), Some(8 | 128));
        if is_reply && matches!(header.protocol, protocol::ICMP | protocol::ICMPV6) {
            payload[0] = if payload[0] == 8 { 0 } else { 129 };
        }
        fill(&header, &mut payload);
        let mut bytes = Vec::new();
        if header.emit(&payload, &mut bytes).is_ok() {
            self.pass(side, bytes);
        }
    }

    /// Sends an error about what left by a side, from there.
    fn complain(&mut self, side: Side, input: &mut Input<'_>) {
        let about = self.last[side.index()].clone();
        let Ok(datagram) = Datagram::parse(&about) else { return };
        let family = usize::from(datagram.source.is_ipv6());
        let [kind, who, cut, flip] = [(); 4].map(|()| input.byte());
        let mut body = about[..about.len().min(usize::from(cut) + 20)].to_vec();
        if let Some(byte) = body.get_mut(usize::from(flip) % 64).filter(|_| flip >= 64) {
            *byte ^= 1;
        }
        let kinds = [[3, 11, 12, 4, 5], [1, 2, 3, 4, 137]][family];
        let mut message = vec![kinds[usize::from(kind) % 5], kind >> 4, 0, 0, 0, 0, 5, 0];
        message.append(&mut body);
        let number = if family == 0 { protocol::ICMP } else { protocol::ICMPV6 };
        let source = match who % 3 {
            0 => datagram.destination,
            _ => address(family, usize::from(who % 8)),
        };
        let header = Header::new(source, datagram.source, number);
        fill(&header, &mut message);
        let mut bytes = Vec::new();
        if header.emit(&message, &mut bytes).is_ok() {
            self.pass(side, bytes);
        }
    }

    /// What must hold at any time.
    fn look(&mut self) {
        let mut made = 0;
        while let Some((side, packet)) = self.gateway.take() {
            made += 1;
            self.leaves(side, packet);
        }
        assert!(made <= MADE_AT_ONCE, "{made} packets at once");
        let tracker = self.gateway.tracker();
        assert!(tracker.len() <= CONNECTIONS, "{} connections", tracker.len());
        assert!(tracker.mappings() <= 2 * CONNECTIONS, "{} mappings", tracker.mappings());
    }

    /// What must hold of every packet that leaves.
    fn leaves(&mut self, side: Side, packet: Vec<u8>) {
        let datagram = Datagram::parse(&packet).expect("what leaves is whole");
        assert_eq!(datagram.total_bytes, packet.len());
        assert!(verify_header(&packet));
        if side == Side::Outside {
            let shown = [Some(datagram.source), quoted_end(&datagram)];
            let inner = shown.into_iter().flatten().find(is_inner);
            assert_eq!(inner, None, "it is shown outside: {}", wire::text::describe(&packet));
        }
        self.last[side.index()] = packet;
    }
}

/// Who the packet went to that an error is about: seen from outside that is the gateway.
fn quoted_end(datagram: &Datagram<'_>) -> Option<IpAddr> {
    if datagram.fragment.is_some()
        || !matches!(datagram.protocol, protocol::ICMP | protocol::ICMPV6)
    {
        return None;
    }
    match Message::parse(datagram.family(), datagram.payload) {
        Ok(Message::Error(error)) => Some(Datagram::parse_quoted(error.body).ok()?.destination),
        _ => None,
    }
}

fn is_inner(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.octets()[..3] == [10, 0, 0],
        IpAddr::V6(a) => a.octets()[..8] == [0xfd, 0, 0, 0, 0, 0, 0, 0],
    }
}

fn address(family: usize, index: usize) -> IpAddr {
    ADDRESSES[family][index].parse().expect("an address")
}

/// Fills in the checksum of what is carried.
fn fill(header: &Header, payload: &mut [u8]) {
    let (from, to) = (header.source, header.destination);
    let at = match header.protocol {
        protocol::UDP => 6,
        protocol::TCP => 16,
        protocol::ICMP | protocol::ICMPV6 if payload.len() >= 4 => {
            return icmp::fill_checksum(from, to, payload);
        }
        _ => return,
    };
    if payload.len() >= at + 2 {
        payload[at..at + 2].fill(0);
        let sum = wire::checksum::Sum::new();
        let sum = sum.pseudo_header(from, to, header.protocol, payload.len()).bytes(payload);
        payload[at..at + 2].copy_from_slice(&sum.finish().to_be_bytes());
    }
}

/// A packet from a few bytes: mostly right, and mostly about what other packets are about too.
fn built(input: &mut Input<'_>) -> Vec<u8> {
    let [ends, what, ports, change] = [(); 4].map(|()| input.byte());
    let family = usize::from(ends >> 6 & 1);
    let mut header = Header::new(
        address(family, usize::from(ends & 7)),
        address(family, usize::from(ends >> 3 & 7)),
        0,
    );
    header.hop_limit = if what & 0x80 == 0 { 64 } else { what >> 4 & 3 };
    let (there, back) = (u16::from(ports & 15), u16::from(ports >> 4));
    let filling = vec![0x55; usize::from(change >> 4) * 100];
    let mut payload = Vec::new();
    match what & 7 {
        0..=2 => {
            header.protocol = protocol::UDP;
            let message = udp::Message {
                source_port: there,
                destination_port: back,
                has_checksum: what & 8 == 0,
                payload: &filling,
            };
            message.emit(header.source, header.destination, &mut payload).expect("it fits");
        }
        3..=4 => {
            header.protocol = protocol::TCP;
            let segment = Segment {
                source_port: there,
                destination_port: back,
                sequence: u32::from(input.byte()),
                acknowledgment: u32::from(input.byte()),
                flags: u16::from(input.byte() & 0x1f),
                window: 1_000,
                urgent: 0,
                options: &[],
                payload: &filling,
            };
            segment.emit(header.source, header.destination, &mut payload).expect("it fits");
        }
        5..=6 => {
            let kinds = if family == 0 { [8, 0, 13, 3] } else { [128, 129, 139, 1] };
            header.protocol = if family == 0 { protocol::ICMP } else { protocol::ICMPV6 };
            payload = vec![kinds[usize::from(ports & 3)], 0, 0, 0, 0, ports >> 2, 0, 1];
            payload.extend(filling);
            fill(&header, &mut payload);
        }
        _ => {
            header.protocol = ports;
            payload = filling;
        }
    }
    if change & 3 == 3 {
        let [start, piece] = [(); 2].map(|()| usize::from(input.byte()) * 8);
        let start = start.min(payload.len() / 8 * 8);
        let end = (start + piece).min(payload.len());
        header.fragment = Some(Fragment {
            identification: u32::from(change >> 2 & 3),
            offset_bytes: start as u16,
            more: end < payload.len(),
        });
        payload = payload[start..end].to_vec();
    }
    if change & 7 == 4 && family == 0 {
        let options = usize::from(input.byte() % 10) * 4;
        header.options = input.take(options).to_vec();
        header.options.resize(header.options.len().next_multiple_of(4), 0);
    }
    header.dont_fragment = change & 8 != 0;
    let mut bytes = Vec::new();
    header.emit(&payload, &mut bytes).expect("it fits");
    bytes
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn random_packets_break_no_gateway() {
        let noise = testbed::noise((0..150).sum::<usize>() * 8);
        let mut rest = &noise[..];
        for length in 0..150 {
            let input;
            (input, rest) = rest.split_at(length * 8);
            check(input);
        }
    }

    #[test]
    fn the_corpus_breaks_no_gateway() {
        let inputs = testbed::replay("gateway", check);
        assert!(inputs >= 10, "{inputs} inputs");
    }
}
