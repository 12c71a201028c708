//! The tracker by itself: packets in, verdicts and packets out. Linux's ways, the requirements of
//! the BCPs by their numbers, and random packets beside a slow model.

use lab::conntrack::{Behaviour, Listed, Personality, Plan, Realm, Tracker, Verdict};
use probe::Time;
use std::net::IpAddr;
use wire::ip::{Datagram, Header, protocol};
use wire::{Family, icmp, tcp, udp};

mod basics;
mod bcp;
mod cgn;
mod foresight;
mod gateway;
mod hostile;
mod linux;
mod segments;

/// Addresses of one family: two hosts inside, the gateway's outer ones, two hosts outside.
#[derive(Clone, Copy)]
struct Net {
    a: IpAddr,
    b: IpAddr,
    n: IpAddr,
    n2: IpAddr,
    s: IpAddr,
    t: IpAddr,
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn v4() -> Net {
    let [a, b] = ["192.0.2.2", "192.0.2.3"].map(ip);
    let [n, n2] = ["203.0.113.5", "203.0.113.6"].map(ip);
    let [s, t] = ["198.51.100.2", "198.51.100.3"].map(ip);
    Net { a, b, n, n2, s, t }
}

fn v6() -> Net {
    let [a, b] = ["2001:db8:a::2", "2001:db8:a::3"].map(ip);
    let [n, n2] = ["2001:db8:b::5", "2001:db8:b::6"].map(ip);
    let [s, t] = ["2001:db8:c::2", "2001:db8:c::3"].map(ip);
    Net { a, b, n, n2, s, t }
}

/// A gateway of one outer address of each family.
fn gateway(personality: Personality) -> Tracker {
    with(personality.behaviour())
}

fn with(behaviour: Behaviour) -> Tracker {
    Tracker::new(plan(behaviour), 1)
}

fn plan(behaviour: Behaviour) -> Plan {
    Plan { pool: vec![v4().n, v6().n], ..Plan::new(behaviour) }
}

fn seconds(count: u64) -> Time {
    Time(count * 1_000_000_000)
}

fn datagram(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Header::new(from, to, protocol).emit(payload, &mut bytes).expect("fits");
    bytes
}

type End = (IpAddr, u16);

fn udp(from: End, to: End) -> Vec<u8> {
    let message = udp::Message {
        source_port: from.1,
        destination_port: to.1,
        has_checksum: true,
        payload: b"payload",
    };
    let mut bytes = Vec::new();
    message.emit(from.0, to.0, &mut bytes).expect("fits");
    datagram(from.0, to.0, protocol::UDP, &bytes)
}

/// A segment of some flags, sequence number and acknowledgment; without payload.
fn tcp(from: End, to: End, flags: u16, sequence: u32, acknowledgment: u32) -> Vec<u8> {
    let segment = tcp::Segment {
        source_port: from.1,
        destination_port: to.1,
        sequence,
        acknowledgment,
        flags,
        window: 1_000,
        urgent: 0,
        options: &[],
        payload: &[],
    };
    let mut bytes = Vec::new();
    segment.emit(from.0, to.0, &mut bytes).expect("fits");
    datagram(from.0, to.0, protocol::TCP, &bytes)
}

const SYN: u16 = tcp::flag::SYN;
const ACK: u16 = tcp::flag::ACK;
const FIN: u16 = tcp::flag::FIN;
const RST: u16 = tcp::flag::RST;

/// An echo request, or its reply.
fn echo(from: IpAddr, to: IpAddr, identifier: u16, is_reply: bool) -> Vec<u8> {
    let family = Family::of(from);
    let kind = match is_reply {
        true => icmp::echo_reply_type(family),
        false => icmp::echo_request_type(family),
    };
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(identifier.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(b"ping");
    icmp::fill_checksum(from, to, &mut bytes);
    datagram(from, to, icmp::protocol(family), &bytes)
}

/// "Port unreachable" about a datagram.
fn unreachable(from: IpAddr, to: IpAddr, about: &[u8]) -> Vec<u8> {
    let family = Family::of(from);
    let (kind, code) =
        icmp::Meaning::PortUnreachable.numbers(family).expect("both families have it");
    let mut bytes = vec![kind, code, 0, 0, 0, 0, 0, 0];
    bytes.extend(about);
    icmp::fill_checksum(from, to, &mut bytes);
    datagram(from, to, icmp::protocol(family), &bytes)
}

/// Whether all checksums of a datagram are right.
fn is_sound(bytes: &[u8]) -> bool {
    let Ok(datagram) = Datagram::parse(bytes) else { return false };
    let Datagram { source, destination, payload, .. } = datagram;
    let transport = match datagram.protocol {
        protocol::TCP => tcp::verify(source, destination, payload),
        protocol::UDP => udp::verify(source, destination, payload),
        protocol::ICMP | protocol::ICMPV6 => icmp::verify(source, destination, payload),
        _ => true,
    };
    transport && wire::ip::verify_header(bytes)
}

/// Sends a packet from inside to outside; as it leaves, if it does.
#[track_caller]
fn out(tracker: &mut Tracker, now: Time, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
    pass(tracker, now, packet, Realm::Inside, Realm::Outside)
}

/// Likewise from outside to inside.
#[track_caller]
fn back(tracker: &mut Tracker, now: Time, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
    pass(tracker, now, packet, Realm::Outside, Realm::Inside)
}

#[track_caller]
fn pass(
    tracker: &mut Tracker,
    now: Time,
    packet: &[u8],
    from: Realm,
    to: Realm,
) -> Result<Vec<u8>, Verdict> {
    let mut bytes = packet.to_vec();
    match tracker.through(now, &mut bytes, from, to) {
        Verdict::Accept => {
            assert!(is_sound(&bytes), "{bytes:x?}");
            Ok(bytes)
        }
        verdict => Err(verdict),
    }
}

/// Source and destination of a datagram with ports, or of a query.
fn ends(bytes: &[u8]) -> (End, End) {
    let datagram = Datagram::parse(bytes).expect("whole");
    let (source, destination) = match icmp::Transport::parse(&datagram) {
        icmp::Transport::Ports { source, destination, .. } => (source, destination),
        icmp::Transport::Query { identifier, .. } => (identifier, identifier),
        icmp::Transport::Opaque(_) => (0, 0),
    };
    ((datagram.source, source), (datagram.destination, destination))
}

/// The source that a UDP datagram from inside gets.
#[track_caller]
fn mapped(tracker: &mut Tracker, now: Time, from: End, to: End) -> End {
    ends(&out(tracker, now, &udp(from, to)).expect("it leaves")).0
}

fn lines(tracker: &Tracker, now: Time) -> Vec<String> {
    tracker.list(now).iter().map(Listed::to_string).collect()
}
