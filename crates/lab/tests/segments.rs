//! Large packets of any shape, as the fuzz target `segments` makes them: what comes out is single
//! packets, which hold what went in.

use lab::{NodeId, World};
use probe::Time;
use wire::ip::{Datagram, protocol};
use wire::offload::{Shape, Sums};
use wire::{checksum, tcp, udp};

/// The second link cuts whatever comes whole.
const NETWORK: &str = r#"
[host]
a = {}
b = {}
[router]
r = {}
[[link]]
ends = ["a", "r"]
mtu = 65535
[[link]]
ends = ["r", "b"]
mtu = 65535
rate = "100gbit"
queue = 100000
"#;

/// Bytes are: what is known of the checksum, where it begins and belongs, the size of segments, and
/// a packet, which is given the ends of the network.
///
/// # Panics
/// If something comes out that must not.
pub fn check(bytes: &[u8]) {
    let [sums, from, at, high, low, packet @ ..] = bytes else { return };
    let mut world = World::load(NETWORK, "fuzz", None).expect("a network");
    let [a, b] = ["a", "b"].map(|name| world.node(name).expect("it is there"));
    world.attach(a);
    world.attach(b);
    let mut packet = packet[..packet.len().min(65_535)].to_vec();
    address(&world, [a, b], &mut packet);
    let segment = u16::from_be_bytes([*high, *low]);
    let partial = Sums::Partial { from: u16::from(*from), at: u16::from(*at) };
    let shape = Shape {
        sums: [Sums::Unknown, Sums::Good, partial][usize::from(sums % 3)],
        segment_bytes: (sums & 0x80 != 0).then_some(segment),
    };
    let is_begun_rightly = is_begun_rightly(&packet, shape.sums);
    world.inject(Time::ZERO, a, packet.clone(), shape);
    world.advance(Time(60_000_000_000));
    let mut payload = Vec::new();
    while let Some((node, bytes, shape)) = world.take_outgoing() {
        assert_eq!(shape, Shape::PLAIN);
        if node == b {
            payload.extend_from_slice(body(&bytes, segment, is_begun_rightly));
        }
    }
    if shape.segment_bytes.is_some() && !payload.is_empty() {
        let whole = Datagram::parse(&packet).expect("something came of it");
        assert!(whole.payload.ends_with(&payload), "other bytes came out");
    }
}

/// Whether the checksums of segments must be right: if the one of the whole was begun rightly.
fn is_begun_rightly(packet: &[u8], sums: Sums) -> bool {
    let Ok(datagram) = Datagram::parse(packet) else { return false };
    if datagram.total_bytes != packet.len() || datagram.fragment.is_some() {
        return false;
    }
    let length = datagram.payload.len();
    let start = packet.len() - length;
    let place = start
        + match datagram.protocol {
            protocol::TCP => 16,
            protocol::UDP => 6,
            _ => return false,
        };
    let (source, destination) = (datagram.source, datagram.destination);
    let begun = checksum::Sum::new().pseudo_header(source, destination, datagram.protocol, length);
    sums == Sums::Partial { from: start as u16, at: place as u16 }
        && packet.get(place..place + 2) == Some(&(!begun.finish()).to_be_bytes()[..])
}

/// What a segment carries.
fn body(bytes: &[u8], segment: u16, is_begun: bool) -> &[u8] {
    let datagram = Datagram::parse(bytes).expect("a datagram");
    let (from, to) = (datagram.source, datagram.destination);
    match datagram.protocol {
        protocol::TCP => {
            assert!(!is_begun || tcp::verify(from, to, datagram.payload), "{bytes:?}");
            let header = datagram.payload.get(12).map_or(0, |word| usize::from(word >> 4) * 4);
            datagram.payload.get(header..).unwrap_or_default()
        }
        protocol::UDP => {
            assert!(!is_begun || udp::verify(from, to, datagram.payload), "{segment} {bytes:?}");
            datagram.payload.get(8..).unwrap_or_default()
        }
        _ => datagram.payload,
    }
}

/// Gives a packet the addresses of two nodes, and its header's checksum.
fn address(world: &World, ends: [NodeId; 2], packet: &mut [u8]) {
    let Ok(datagram) = Datagram::parse(packet) else { return };
    let [from, to] = ends.map(|end| world.addresses(end, datagram.family())[0]);
    let header = wire::ip::Header { source: from, destination: to, ..datagram.header() };
    let mut bytes = Vec::new();
    let payload = datagram.payload.to_vec();
    if header.emit(&payload, &mut bytes).is_ok() && bytes.len() == packet.len() {
        packet.copy_from_slice(&bytes);
    }
}

#[test]
fn the_corpus_breaks_nothing() {
    let inputs = testbed::replay("segments", check);
    assert!(inputs >= 10, "{inputs} inputs");
}
