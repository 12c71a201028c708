//! Packets that stand for many: whatever happens to them is what would have happened to those.

use super::*;
use std::collections::BTreeMap;
use wire::offload::{Shape, Sums};
use wire::tcp::flag;

/// What a link does.
const LINKS: [&str; 12] = [
    "",
    "delay = \"3ms\"",
    "kind = \"ethernet\"",
    "kind = \"ethernet\"\nmtu = 700",
    "rate = \"10mbit\"\nqueue = 20",
    "loss = \"20%\"",
    "loss = [3, 7]",
    "duplicate = \"20%\"\ncorrupt = \"20%\"",
    "jitter = \"5ms\"",
    "reorder = \"20%\"",
    "mtu = 700",
    "mtu = 1300",
];

/// A router with habits between three hosts.
fn network(habits: &str, links: [&str; 3]) -> String {
    let habits = habits.replace("LINK", "r-h0");
    let host = "{ tcp = [80], udp = [53] }";
    let mut text =
        format!("[host]\na = {{}}\nh0 = {host}\nh1 = {host}\n[router]\nr = {{ {habits} }}\n");
    for (ends, link) in [r#""a", "r""#, r#""r", "h0""#, r#""r", "h1""#].iter().zip(links) {
        write!(text, "[[link]]\nends = [{ends}]\n{link}\n").expect("room");
    }
    text
}

/// A packet as a device would hand it over: the checksum begun only.
fn begun(mut bytes: Vec<u8>, segment_bytes: Option<u16>) -> (Vec<u8>, Shape) {
    let datagram = Datagram::parse(&bytes).expect("whole");
    let (from, to, number) = (datagram.source, datagram.destination, datagram.protocol);
    let length = datagram.payload.len();
    let sum = wire::checksum::Sum::new().pseudo_header(from, to, number, length).finish();
    let start = bytes.len() - length;
    let at = start + if number == protocol::TCP { 16 } else { 6 };
    bytes[at..at + 2].copy_from_slice(&(!sum).to_be_bytes());
    let sums = Sums::Partial { from: start as u16, at: at as u16 };
    (bytes, Shape { sums, segment_bytes })
}

/// What has come out for each node that somebody is in the place of, as on a wire; and how many
/// packets that was before they were cut.
fn came_out(world: &mut World) -> (BTreeMap<u32, Vec<Vec<u8>>>, usize) {
    let (mut all, mut handed) = (BTreeMap::<u32, Vec<Vec<u8>>>::new(), 0);
    while let Some((node, bytes, shape)) = world.take_outgoing() {
        handed += 1;
        let of_node = all.entry(node.0).or_default();
        Packet::from_parts(bytes, shape).each(|bytes| of_node.push(bytes));
    }
    (all, handed)
}

#[test]
fn what_happens_to_many_at_once_is_what_happens_to_each() {
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut random = Random::named(seed, "large");
    let mut saved = 0;
    for round in 0..240 {
        let habits = HABITS[round % HABITS.len()];
        let links = std::array::from_fn(|_| match random.below(3) {
            0 => "",
            _ => LINKS[random.below(LINKS.len() as u64) as usize],
        });
        let text = network(habits, links);
        let mut worlds = [load(&text), load(&text)];
        for world in &mut worlds {
            for name in ["a", "h0"] {
                let node = world.named(name);
                world.attach(node);
            }
        }
        let mut sequence = random.next() as u32;
        for number in 1..=6_u64 {
            let (bytes, segment_bytes) = something(&worlds[0], &mut random, &mut sequence);
            let (bytes, shape) = begun(bytes, segment_bytes);
            let now = Time(number * 4_000_000_000);
            let a = worlds[0].named("a");
            let packet = Packet::of(bytes.clone(), shape).expect("it is one");
            worlds[0].inject(now, a, bytes, shape);
            packet.each(|bytes| worlds[1].inject(now, a, bytes, Shape::PLAIN));
        }
        let [(whole, handed), (single, all)] = worlds.each_mut().map(|world| {
            world.advance(Time(60_000_000_000));
            came_out(world)
        });
        assert_eq!(whole, single, "{text}");
        let [whole, single] =
            worlds.each_ref().map(|world| world.link_counts().collect::<Vec<_>>());
        assert_eq!(whole, single, "{text}");
        saved += all - handed;
    }
    assert!(saved > 100, "hardly anything stayed whole: {saved}");
}

/// A packet from `a` that stands for many, or for one.
fn something(world: &World, random: &mut Random, sequence: &mut u32) -> (Vec<u8>, Option<u16>) {
    let family = Family::ALL[random.below(2) as usize];
    let to = ["h0", "h0", "h1", "r"][random.below(4) as usize];
    let is_tcp = random.below(2) == 0;
    let mut header = world.header(to, family, if is_tcp { protocol::TCP } else { protocol::UDP });
    header.hop_limit = if random.below(4) == 0 { random.below(3) as u8 } else { 64 };
    header.traffic_class = random.next() as u8;
    header.identification = random.next() as u16;
    header.dont_fragment = family == Family::ALL[0] && random.below(2) == 0;
    if family == Family::ALL[0] && random.below(8) == 0 {
        header.options =
            [vec![1; 4], vec![7, 7, 4, 0, 0, 0, 0, 0]][random.below(2) as usize].clone();
    }
    let size = 200 + random.below(1_200) as u16;
    let length = random.below(u64::from(size) * 12) as usize;
    let payload: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
    let port = if is_tcp { 80 } else { [53, 9][random.below(2) as usize] };
    let message = if is_tcp {
        let more = [flag::PSH, flag::CWR, flag::ECE | flag::CWR, 0][random.below(4) as usize];
        let segment = wire::tcp::Segment {
            source_port: 4_000,
            destination_port: port,
            sequence: *sequence,
            acknowledgment: 9,
            flags: flag::ACK | more,
            window: 60_000,
            urgent: 0,
            options: &[],
            payload: &payload,
        };
        *sequence = sequence.wrapping_add(length as u32);
        let mut bytes = Vec::new();
        segment.emit(header.source, header.destination, &mut bytes).expect("fits");
        bytes
    } else {
        udp_message(&header, port, &payload)
    };
    (emit(&header, &message), (random.below(5) > 0).then_some(size))
}

#[test]
fn many_stay_one_across_links_that_only_delay() {
    for (link, parts) in [
        ("delay = \"1ms\"", 1),
        ("kind = \"ethernet\"", 1),
        ("loss = \"0.0001%\"", 10),
        ("rate = \"10gbit\"", 10),
        ("jitter = \"1us\"", 10),
    ] {
        for family in Family::ALL {
            let mut world = load(&network("", ["", link, ""]));
            let (a, h0) = (world.named("a"), world.named("h0"));
            world.attach(a);
            world.attach(h0);
            let header = world.header("h0", family, protocol::TCP);
            // Whoever has to be found is found first.
            let first = emit(&header, &tcp_segment(&header, 80, flag::ACK, b""));
            world.inject(Time::ZERO, a, first, Shape::PLAIN);
            world.advance(Time(1_000_000_000));
            assert_eq!(came_out(&mut world).1, 1);
            let crossed = |world: &World| {
                let mut counts = world.link_counts();
                let is_there = |it: &(&str, NodeId, LinkCounts)| it.0 == "r-h0" && it.1 != h0;
                let (.., counts) = counts.find(is_there).expect("the link");
                (counts.sent, counts.delivered)
            };
            let (sent, delivered) = crossed(&world);
            let large = emit(&header, &tcp_segment(&header, 80, flag::ACK, &[7; 10_000]));
            let (bytes, shape) = begun(large, Some(1_000));
            world.inject(Time(1_000_000_000), a, bytes, shape);
            world.advance(Time(2_000_000_000));
            let (all, handed) = came_out(&mut world);
            assert_eq!((handed, all[&h0.0].len()), (parts, 10), "{link}");
            assert_eq!(crossed(&world), (sent + 10, delivered + 10), "{link}");
        }
    }
}

#[test]
fn a_captured_link_carries_single_packets() {
    let mut world = load(&network("", ["", "", ""]));
    assert!(world.capture(&["r-h0"], Box::new(|_| {})));
    let (a, h0) = (world.named("a"), world.named("h0"));
    world.attach(h0);
    for (to, parts) in [("h0", 10), ("h1", 0)] {
        let header = world.header(to, Family::ALL[0], protocol::TCP);
        let (bytes, shape) =
            begun(emit(&header, &tcp_segment(&header, 80, flag::ACK, &[7; 10_000])), Some(1_000));
        world.inject(world.now(), a, bytes, shape);
        world.advance(world.now() + Duration::from_secs(1));
        assert_eq!(came_out(&mut world).1, parts);
    }
}

#[test]
fn translators_pass_many_of_a_known_connection_as_one() {
    for family in Family::ALL {
        let mut world = load(&network("nat = { out = \"LINK\", ports = \"new\" }", [""; 3]));
        let (a, h0) = (world.named("a"), world.named("h0"));
        world.attach(a);
        world.attach(h0);
        let pass = |world: &mut World, from: NodeId, bytes, segment_bytes| {
            let (bytes, shape) = begun(bytes, segment_bytes);
            world.inject(world.now(), from, bytes, shape);
            world.advance(world.now() + Duration::from_millis(10));
            came_out(world)
        };
        let header = world.header("h0", family, protocol::TCP);
        let syn = emit(&header, &tcp_segment(&header, 80, flag::SYN, b""));
        let (out, _) = pass(&mut world, a, syn, None);
        let there = Datagram::parse(&out[&h0.0][0]).expect("whole");
        let (outer, port) = (there.source, wire::tcp::Segment::parse(there.payload));
        let port = port.expect("whole").source_port;
        assert_ne!((outer, port), (header.source, 4_000));
        let segment =
            |from: (IpAddr, u16), to: (IpAddr, u16), numbers: [u32; 2], flags, payload| {
                let segment = wire::tcp::Segment {
                    source_port: from.1,
                    destination_port: to.1,
                    sequence: numbers[0],
                    acknowledgment: numbers[1],
                    flags,
                    window: 60_000,
                    urgent: 0,
                    options: &[],
                    payload,
                };
                let mut bytes = Vec::new();
                segment.emit(from.0, to.0, &mut bytes).expect("fits");
                emit(&Header::new(from.0, to.0, protocol::TCP), &bytes)
            };
        let (inside, server) = ((header.source, 4_000), (header.destination, 80));
        let answer = segment(server, (outer, port), [100, 8], flag::SYN | flag::ACK, &[]);
        assert_eq!(pass(&mut world, h0, answer, None).0[&a.0].len(), 1);
        let large = [7; 10_000];
        let there = segment(inside, server, [8, 101], flag::ACK, &large);
        let back = segment(server, (outer, port), [101, 10_008], flag::ACK, &large);
        for (from, to, large, source) in [(a, h0, there, (outer, port)), (h0, a, back, server)] {
            let (out, handed) = pass(&mut world, from, large, Some(1_000));
            assert_eq!((handed, out[&to.0].len()), (1, 10));
            for bytes in &out[&to.0] {
                assert!(wire::ip::verify_header(bytes));
                let datagram = Datagram::parse(bytes).expect("whole");
                assert_eq!((datagram.source, datagram.hop_limit), (source.0, 63));
                assert!(wire::tcp::verify(datagram.source, datagram.destination, datagram.payload));
            }
        }
    }
}

#[test]
fn no_shape_of_any_bytes_brings_a_world_down() {
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut random = Random::named(seed, "shapes");
    let texts: Vec<String> = HABITS.iter().map(|it| network(it, ["", "", "mtu = 700"])).collect();
    for text in &texts {
        let mut world = load(text);
        let a = world.named("a");
        let mut sequence = 0;
        for number in 0..100_u64 {
            let (bytes, segment_bytes) = something(&world, &mut random, &mut sequence);
            let (mut bytes, mut shape) = begun(bytes, segment_bytes);
            match random.below(4) {
                0 => {
                    shape.segment_bytes =
                        [None, Some(0), Some(9), Some(u16::MAX)][random.below(4) as usize]
                }
                1 => {
                    let (from, at) =
                        [(0, 0), (u16::MAX, u16::MAX), (20, 19)][random.below(3) as usize];
                    shape.sums = Sums::Partial { from, at };
                }
                2 => shape.sums = [Sums::Unknown, Sums::Good][random.below(2) as usize],
                _ => {}
            }
            for _ in 0..random.below(3) {
                let at = random.below(bytes.len().min(80) as u64) as usize;
                bytes[at] = random.next() as u8;
            }
            bytes.truncate(bytes.len() - random.below(3) as usize);
            if random.below(2) == 0 && Datagram::parse(&bytes).is_ok() {
                packet::refresh_checksum(&mut bytes);
            }
            if random.below(16) == 0 {
                bytes.truncate(random.below(60) as usize);
            }
            world.inject(Time(number * 1_000_000), a, bytes, shape);
        }
        world.advance(Time(10_000_000_000));
    }
}
