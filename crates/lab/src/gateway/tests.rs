//! A gateway without devices: packets in, packets out.

use super::*;
use crate::conntrack::{Forward, Personality};
use crate::random::Random;
use wire::icmp::{self, Message};
use wire::ip::{Header, protocol};
use wire::offload::Sums;
use wire::tcp::{Segment, flag};
use wire::{tcp, udp};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// An inner host, an outer one, and the gateway's outer address, in both families.
const FAMILIES: [[&str; 3]; 2] =
    [["10.0.0.7", "198.51.100.9", "203.0.113.1"], ["fd00::7", "2001:db8:9::9", "2001:db8:1::1"]];

fn gateway(personality: Personality) -> Gateway {
    let interface =
        |v4, v6, mtu_bytes| Interface { addresses: vec![(ip(v4), 24), (ip(v6), 64)], mtu_bytes };
    let mut tracking = conntrack::Plan::new(personality.behaviour());
    tracking.forwards = vec![Forward {
        protocol: Some(protocol::UDP),
        address: None,
        port: Some(53),
        to: ip("10.0.0.7"),
        to_port: Some(5_353),
        is_anywhere: false,
    }];
    Gateway::new(Plan {
        interfaces: [
            interface("10.0.0.1", "fd00::1", 1_500),
            interface("203.0.113.1", "2001:db8:1::1", 1_400),
        ],
        tracking,
        epoch_ns: 0,
        seed: 1,
    })
}

#[test]
fn a_family_that_is_spared_passes_as_it_is() {
    let mut gateway = gateway(Personality::Linux);
    let mut plan = gateway.tracker.plan().clone();
    plan.families = vec![Family::V4];
    plan.pool = vec![ip("203.0.113.1")];
    gateway.tracker = Tracker::new(plan, 1);
    let [_, [inner, outer, _]] = FAMILIES;
    let mut bytes = datagram(inner, outer, b"question", |_| {});
    let side = gateway.pass(Time::ZERO, Side::Inside, &mut bytes, Shape::PLAIN);
    assert_eq!(side, Some(Side::Outside));
    assert_eq!(Datagram::parse(&bytes).expect("sound").source, ip(inner));
    // Nobody outside has been asked at another port.
    let mut bytes = datagram(outer, inner, b"unasked", |_| {});
    assert_eq!(gateway.pass(Time::ZERO, Side::Outside, &mut bytes, Shape::PLAIN), None);
    // The other is translated still.
    let [[inner, outer, own], _] = FAMILIES;
    let mut bytes = datagram(inner, outer, b"question", |_| {});
    gateway.pass(Time::ZERO, Side::Inside, &mut bytes, Shape::PLAIN).expect("it leaves");
    assert_eq!(Datagram::parse(&bytes).expect("sound").source, ip(own));
}

fn datagram(from: &str, to: &str, payload: &[u8], change: impl Fn(&mut Header)) -> Vec<u8> {
    let message =
        udp::Message { source_port: 4_000, destination_port: 53, has_checksum: true, payload };
    let (mut inner, mut bytes) = (Vec::new(), Vec::new());
    message.emit(ip(from), ip(to), &mut inner).expect("fits");
    let mut header = Header::new(ip(from), ip(to), protocol::UDP);
    change(&mut header);
    header.emit(&inner, &mut bytes).expect("fits");
    bytes
}

fn is_sound(bytes: &[u8]) -> bool {
    let Ok(datagram) = Datagram::parse(bytes) else { return false };
    let (from, to) = (datagram.source, datagram.destination);
    wire::ip::verify_header(bytes)
        && match datagram.protocol {
            _ if datagram.fragment.is_some() => true,
            protocol::UDP => udp::verify(from, to, datagram.payload),
            protocol::TCP => tcp::verify(from, to, datagram.payload),
            protocol::ICMP | protocol::ICMPV6 => icmp::verify(from, to, datagram.payload),
            _ => true,
        }
}

/// The error that the gateway sends next: its type and code, and to whom.
fn error(gateway: &mut Gateway) -> Option<(Side, IpAddr, Meaning, u32)> {
    let (side, bytes) = gateway.take()?;
    assert!(is_sound(&bytes));
    let datagram = Datagram::parse(&bytes).expect("a datagram");
    match Message::parse(datagram.family(), datagram.payload) {
        Ok(Message::Error(error)) => Some((side, datagram.destination, error.meaning, error.word)),
        other => panic!("no error: {other:?}"),
    }
}

#[test]
fn packets_pass_there_and_back_as_they_stand() {
    for [inner, outer, own] in FAMILIES {
        let mut gateway = gateway(Personality::Bcp127);
        let mut there = datagram(inner, outer, b"question", |_| {});
        let out = gateway.pass(Time(1), Side::Inside, &mut there, Shape::PLAIN);
        assert_eq!(out, Some(Side::Outside));
        let sent = Datagram::parse(&there).expect("whole");
        assert_eq!((sent.source, sent.hop_limit), (ip(own), 63));
        assert!(is_sound(&there));
        let message = udp::Message::parse(sent.payload).expect("whole");
        let answer = udp::Message {
            source_port: message.destination_port,
            destination_port: message.source_port,
            ..message
        };
        let (mut payload, mut back) = (Vec::new(), Vec::new());
        answer.emit(ip(outer), ip(own), &mut payload).expect("fits");
        let header = Header::new(ip(outer), ip(own), protocol::UDP);
        header.emit(&payload, &mut back).expect("fits");
        let out = gateway.pass(Time(2), Side::Outside, &mut back, Shape::PLAIN);
        assert_eq!(out, Some(Side::Inside));
        let received = Datagram::parse(&back).expect("whole");
        assert_eq!(received.destination, ip(inner));
        assert!(is_sound(&back));
        assert_eq!(gateway.counts().forwarded, [1, 1]);
        assert_eq!(gateway.take(), None);
    }
}

#[test]
fn partial_checksums_are_partial_behind_it_and_right_once_computed() {
    for [inner, outer, own] in FAMILIES {
        let mut gateway = gateway(Personality::Symmetric);
        let segment = Segment {
            source_port: 4_000,
            destination_port: 80,
            sequence: 1,
            acknowledgment: 0,
            flags: flag::SYN,
            window: 3,
            urgent: 0,
            options: &[],
            payload: &[],
        };
        let mut inside = Vec::new();
        segment.emit(ip(inner), ip(outer), &mut inside).expect("fits");
        let pseudo = |from: &str, length| {
            let sum = wire::checksum::Sum::new();
            !sum.pseudo_header(ip(from), ip(outer), protocol::TCP, length).finish()
        };
        let partial = pseudo(inner, inside.len());
        inside[16..18].copy_from_slice(&partial.to_be_bytes());
        let mut bytes = Vec::new();
        let header = Header::new(ip(inner), ip(outer), protocol::TCP);
        header.emit(&inside, &mut bytes).expect("fits");
        let from = (bytes.len() - inside.len()) as u16;
        let shape = Shape { sums: Sums::Partial { from, at: from + 16 }, segment_bytes: None };
        let out = gateway.pass(Time(1), Side::Inside, &mut bytes, shape);
        assert_eq!(out, Some(Side::Outside));
        let sent = Datagram::parse(&bytes).expect("whole");
        assert_eq!(sent.source, ip(own));
        assert_ne!(sent.payload[..2], 4_000_u16.to_be_bytes(), "a symmetric one has new ports");
        assert_eq!(sent.payload[16..18], pseudo(own, sent.payload.len()).to_be_bytes());
    }
}

#[test]
fn what_cannot_pass_is_told_to_its_sender_as_it_was() {
    for [inner, outer, own] in FAMILIES {
        let mut gateway = gateway(Personality::Linux);
        let mut expired = datagram(inner, outer, b"x", |header| header.hop_limit = 1);
        assert_eq!(gateway.pass(Time(1), Side::Inside, &mut expired, Shape::PLAIN), None);
        let told = error(&mut gateway).expect("an error");
        assert_eq!(told, (Side::Inside, ip(inner), Meaning::HopLimitExceeded, 0));
        let mut large = datagram(inner, outer, &[0; 1_450], |header| header.dont_fragment = true);
        assert_eq!(gateway.pass(Time(1), Side::Inside, &mut large, Shape::PLAIN), None);
        let told = error(&mut gateway).expect("an error");
        assert_eq!(told, (Side::Inside, ip(inner), Meaning::PacketTooBig, 1_400));
        // What stands for many is as large as each of them.
        for (segment, passes) in [(1_300, true), (1_440, false)] {
            let shape = Shape { sums: Sums::Good, segment_bytes: Some(segment) };
            let mut many = datagram(inner, outer, &[0; 9_000], |_| {});
            let out = gateway.pass(Time(1), Side::Inside, &mut many, shape);
            assert_eq!(out.is_some(), passes, "{segment}");
            assert_eq!(error(&mut gateway).is_none(), passes);
        }
        let mut sideways = datagram(inner, &inner.replace('7', "8"), b"x", |_| {});
        assert_eq!(gateway.pass(Time(1), Side::Inside, &mut sideways, Shape::PLAIN), None);
        assert_eq!(error(&mut gateway).expect("an error").2, Meaning::HostUnreachable);
        // In IPv4, somebody inside answers at that port.
        let mut closed = datagram(outer, own, b"x", |_| {});
        let out = gateway.pass(Time(1), Side::Outside, &mut closed, Shape::PLAIN);
        let told = error(&mut gateway).map(|(_, _, meaning, _)| meaning);
        let is_refused = told == Some(Meaning::PortUnreachable);
        assert_eq!((out.is_some(), is_refused), (own.contains('.'), own.contains(':')));
        assert_eq!(gateway.take(), None);
    }
}

#[test]
fn fragments_cross_and_are_cut_again() {
    for [inner, outer, own] in FAMILIES {
        let mut gateway = gateway(Personality::Linux);
        let whole = datagram(inner, outer, &[7; 2_500], |_| {});
        let datagram = Datagram::parse(&whole).expect("whole");
        let pieces = packet::split(&datagram.header(), datagram.payload, 99, 1_000);
        assert!(pieces.len() > 2);
        for mut piece in pieces {
            assert_eq!(gateway.pass(Time(1), Side::Inside, &mut piece, Shape::PLAIN), None);
        }
        let mut assembly = Assembly::default();
        let mut arrived = None;
        while let Some((side, piece)) = gateway.take() {
            assert_eq!(side, Side::Outside);
            assert!(piece.len() <= 1_000);
            let fragment = Datagram::parse(&piece).expect("whole");
            if let crate::assembly::Progress::Whole(bytes, _) = assembly.add(&fragment, &piece) {
                arrived = Some(bytes);
            }
        }
        let arrived = arrived.expect("all of it");
        assert_eq!(Datagram::parse(&arrived).expect("whole").source, ip(own));
        assert!(is_sound(&arrived));
    }
}

#[test]
fn fragments_that_stay_alone_are_forgotten() {
    let mut gateway = gateway(Personality::Linux);
    for number in 0..10_000_u32 {
        let outer = "198.51.100.9";
        let whole = datagram("10.0.0.7", outer, &[7; 100], |_| {});
        let datagram = Datagram::parse(&whole).expect("whole");
        let pieces = packet::split(&datagram.header(), datagram.payload, number, 68);
        let mut first = pieces[0].clone();
        gateway.pass(Time(u64::from(number)), Side::Inside, &mut first, Shape::PLAIN);
    }
    let due = gateway.due();
    assert_ne!(due, Time::NEVER);
    gateway.advance(due + Duration::from_secs(60));
    assert!(gateway.pending.due().is_none());
}

#[test]
fn strangers_do_not_pass_for_others() {
    for [inner, outer, own] in FAMILIES {
        let mut gateway = gateway(Personality::FullCone);
        for (from, source, to) in [
            (Side::Outside, inner, own),
            (Side::Outside, own, outer),
            (Side::Inside, outer, own),
            (Side::Inside, own, outer),
        ] {
            let mut bytes = datagram(source, to, b"x", |_| {});
            assert_eq!(gateway.pass(Time(1), from, &mut bytes, Shape::PLAIN), None, "{source}");
        }
        assert_eq!(gateway.counts().spoofed, 4);
        let mut bytes = datagram(outer, inner, b"x", |_| {});
        assert_eq!(gateway.pass(Time(1), Side::Outside, &mut bytes, Shape::PLAIN), None);
        assert_eq!(gateway.counts().refused, 1);
        assert_eq!(gateway.take(), None);
        assert!(gateway.tracker().is_empty());
    }
}

#[test]
fn noise_breaks_nothing() {
    for (_, personality) in Personality::ALL {
        let mut gateway = gateway(*personality);
        let mut random = Random::named(7, "noise");
        for number in 0..4_000_u64 {
            let [inner, outer, own] = FAMILIES[(random.next() % 2) as usize];
            let ends = [inner, outer, own];
            let end = |random: &mut Random| ends[(random.next() % 3) as usize];
            let (from, to) = (end(&mut random), end(&mut random));
            let size = (random.next() % 1_600) as usize;
            let mut bytes = datagram(from, to, &vec![3; size], |_| {});
            for _ in 0..random.next() % 4 {
                let at = (random.next() % 60) as usize % bytes.len();
                bytes[at] = random.next() as u8;
            }
            if random.next().is_multiple_of(4) && bytes[0] >> 4 == 4 && bytes[0] & 15 == 5 {
                packet::refresh_checksum(&mut bytes);
            }
            let side = Side::BOTH[(random.next() % 2) as usize];
            let partial = Sums::Partial { from: 20, at: 36 };
            let sums = [Sums::Unknown, Sums::Good, partial][(random.next() % 3) as usize];
            let segment_bytes = random.next().is_multiple_of(8).then_some(random.next() as u16);
            let now = Time(number * 3_000_000);
            gateway.advance(now);
            let shape = Shape { sums, segment_bytes };
            if gateway.pass(now, side, &mut bytes, shape).is_some() {
                let sent = Datagram::parse(&bytes).expect("what leaves is whole");
                assert!(wire::ip::verify_header(&bytes));
                assert!(!gateway.is_in(Side::Inside, sent.source) || sent.hop_limit < 64);
            }
            while let Some((_, bytes)) = gateway.take() {
                Datagram::parse(&bytes).expect("what it says is whole");
            }
        }
        assert!(gateway.tracker().len() <= 262_144);
    }
}
