//! Ethernet: what goes over the wire before the first packet and after the last.

use super::*;
use crate::neighbour::Reachability;
use wire::arp;
use wire::icmp::neighbour::{Discovery, Options};

const LAN: &str = r#"
[host]
a = {}
b = {}
gone = { absent = true }
[router]
r = {}
[host.far]
[[link]]
ends = ["a", "b", "gone", "r"]
[[link]]
ends = ["r", "far"]
"#;

/// A frame as it came out of a link: when, its header, what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) at: Time,
    pub(super) to: [u8; 6],
    pub(super) from: [u8; 6],
    pub(super) kind: u16,
    pub(super) bytes: Vec<u8>,
}

/// Lets everything happen; the frames on Ethernet.
pub(super) fn watch(world: &mut World) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(event) = world.agenda.peek() {
        if let Event::Arrival { frame: Frame { ethernet: Some(header), bytes, .. }, .. } = event {
            seen.push(Seen {
                at: world.next_event(),
                to: header[..6].try_into().expect("six bytes"),
                from: header[6..12].try_into().expect("six bytes"),
                kind: u16::from_be_bytes([header[12], header[13]]),
                bytes: bytes.clone(),
            });
        }
        world.step();
    }
    seen
}

/// Lets a node send an echo request.
pub(super) fn ask(world: &mut World, from: &str, to: IpAddr) {
    let from = world.named(from);
    let family = Family::of(to);
    let header = Header::new(world.addresses(from, family)[0], to, rules::of(family).icmp);
    let echo = Echo { identifier: 1, sequence: 2, payload: &[7; 56] };
    let bytes = message(&header, &Message::EchoRequest(echo));
    world.turn(from, |node, turn| {
        node.originate(turn, header, &bytes, probe::Fragmentation::System).expect("a way");
    });
}

fn link_address(world: &World, name: &str) -> [u8; 6] {
    world.map.interface(world.named(name), 0).link_address()
}

#[test]
fn a_question_goes_before_the_first_packet() {
    for family in Family::ALL {
        let mut world = load(LAN);
        let [a, b] = ["a", "b"].map(|name| link_address(&world, name));
        let [from, to] = ["a", "b"].map(|name| world.address(name, family));
        ask(&mut world, "a", to);
        let seen = watch(&mut world);
        let all = match to {
            IpAddr::V4(_) => [0xff; 6],
            IpAddr::V6(_) => [0x33, 0x33, 0xff, 0, 0, 2],
        };
        // The question, the answer, both echoes; and later b makes sure of a, whom it has only
        // heard of. In IPv6 it asks from its link-local address, which a then has heard of.
        let us = |n: u64| Time(n * 1_000);
        let route: Vec<_> = seen.iter().map(|it| (it.at, it.from, it.to)).collect();
        let mut expected =
            vec![(us(100), a, all), (us(200), b, a), (us(300), a, b), (us(400), b, a)];
        if to.is_ipv4() {
            expected.extend([(us(5_000_400), b, a), (us(5_000_500), a, b)]);
        } else {
            expected.extend([(us(5_000_200), b, a), (us(5_000_300), a, b)]);
            expected.extend([(us(10_000_300), a, b), (us(10_000_400), b, a)]);
            expected.extend([(us(15_000_400), b, a), (us(15_000_500), a, b)]);
        }
        assert_eq!(route, expected, "{family}");
        let kind = if to.is_ipv4() { 0x0806 } else { 0x86dd };
        assert_eq!(seen[0].kind, kind);
        assert_eq!(seen[1].kind, kind);
        let known = |world: &World, name| world.neighbours(world.named(name));
        assert_eq!(known(&world, "a")[0].address, to);
        assert_eq!(known(&world, "a")[0].link_address, Some(b));
        assert_eq!(known(&world, "b")[0].address, from);
        assert_eq!(known(&world, "b")[0].state, Reachability::Reachable);
        assert!(known(&world, "r").is_empty(), "others learn nothing");
        check_counts(&world);
    }
}

#[test]
fn arp_asks_and_answers_in_the_standard_form() {
    let mut world = load(LAN);
    let [a, b] = ["a", "b"].map(|name| link_address(&world, name));
    let v4 = |world: &World, name| match world.address(name, Family::V4) {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("{address}"),
    };
    let [from, to] = ["a", "b"].map(|name| v4(&world, name));
    ask(&mut world, "a", to.into());
    let seen = watch(&mut world);
    let packet = |number: usize| arp::Packet::parse(&seen[number].bytes).expect("whole");
    let question = arp::Packet {
        operation: arp::REQUEST,
        sender_link: a,
        sender: from,
        target_link: [0; 6],
        target: to,
    };
    assert_eq!(packet(0), question);
    let answer = arp::Packet {
        operation: arp::REPLY,
        sender_link: b,
        sender: to,
        target_link: a,
        target: from,
    };
    assert_eq!(packet(1), answer);
    // The one that makes sure names whom it asks.
    let question = arp::Packet { operation: arp::REQUEST, ..answer };
    assert_eq!(packet(4), question);
}

#[test]
fn neighbour_discovery_asks_and_answers_in_the_standard_form() {
    let mut world = load(LAN);
    let [a, r] = ["a", "r"].map(|name| link_address(&world, name));
    let far = world.address("far", Family::V6);
    ask(&mut world, "a", far);
    let seen = watch(&mut world);
    let parsed = |number: usize| {
        let datagram = Datagram::parse(&seen[number].bytes).expect("whole");
        assert_eq!(datagram.hop_limit, 255);
        assert!(icmp::verify(datagram.source, datagram.destination, datagram.payload));
        (datagram, Message::parse(Family::V6, datagram.payload).expect("whole"))
    };
    // A router is known by its link-local address.
    let (datagram, Message::NeighbourSolicitation(question)) = parsed(0) else { panic!() };
    assert_eq!(question.target.to_string(), "fe80::4");
    assert_eq!(datagram.source, world.address("a", Family::V6));
    assert_eq!(datagram.destination.to_string(), "ff02::1:ff00:4");
    let options: Vec<_> = Options::new(question.options).collect();
    assert_eq!(options, [Ok(Discovery::SourceLink(&a))]);
    let (datagram, Message::NeighbourAdvertisement(answer)) = parsed(1) else { panic!() };
    assert_eq!(datagram.source.to_string(), "fe80::4");
    assert_eq!(datagram.destination, world.address("a", Family::V6));
    assert!(answer.is_router && answer.solicited && answer.overrides);
    assert_eq!(answer.target, question.target);
    let options: Vec<_> = Options::new(answer.options).collect();
    assert_eq!(options, [Ok(Discovery::TargetLink(&r))]);
}

#[test]
fn who_sends_to_nobody_hears_of_each_packet_after_three_seconds() {
    for family in Family::ALL {
        let mut world = load(LAN);
        world.watched = Some(Watch { node: world.named("a"), carrier: Carrier::Icmp });
        let gone = world.address("gone", family);
        for _ in 0..3 {
            ask(&mut world, "a", gone);
        }
        let seen = watch(&mut world);
        assert!(seen.is_empty(), "nobody takes the questions: {seen:?}");
        let sent: u64 = world.sent_by("a");
        assert_eq!(sent, 3, "three questions");
        assert_eq!(world.now, Time(3_000_010_000));
        let heard: Vec<_> = std::mem::take(&mut world.inbox).into();
        let unreachable = heard.iter().filter(|bytes| {
            Datagram::parse(bytes).is_ok_and(|it| it.payload.len() > 64 + 8)
                && error(bytes).0 == Meaning::HostUnreachable
        });
        assert_eq!(unreachable.count(), 3);
        check_counts(&world);
    }
}

#[test]
fn routers_say_that_a_host_does_not_answer() {
    for family in Family::ALL {
        let text = LAN.replace("far", "a").replace("[host]\na = {}\n", "[host]\n");
        let text = text.replace("\"a\", \"b\", \"gone\"", "\"b\", \"gone\"");
        let mut world = load(&text);
        let (r, gone) = (world.named("r"), world.address("gone", family));
        let header = Header { destination: gone, ..world.header("b", family, protocol::UDP) };
        let back = world.exchange(udp(&header, b"to nobody"), Recipient::Node(r));
        assert_eq!(error(&back[0]).0, Meaning::HostUnreachable);
        assert_eq!(Datagram::parse(&back[0]).expect("whole").source, {
            let near = world.map.source_towards(r, world.address("a", family));
            near.expect("a way")
        });
    }
}

#[test]
fn questions_and_answers_may_be_lost_on_the_way() {
    for family in Family::ALL {
        let text = LAN.replace("\"gone\", \"r\"]", "\"gone\", \"r\"]\nthere = { loss = [1] }");
        let mut world = load(&text);
        let to = world.address("b", family);
        ask(&mut world, "a", to);
        let seen = watch(&mut world);
        assert_eq!(seen[0].at, Time(1_000_100_000), "the second question is a second later");
        assert_eq!(seen[2].at, Time(1_000_300_000));
    }
}

#[test]
fn what_is_in_the_place_of_a_node_can_be_found() {
    for family in Family::ALL {
        let mut world = load(LAN);
        let (a, b) = (world.named("a"), world.named("b"));
        world.attach(b);
        let to = world.address("b", family);
        ask(&mut world, "a", to);
        world.advance(Time(1_000_000));
        let (node, packet, _) = world.take_outgoing().expect("the echo request");
        assert_eq!(node, b);
        assert_eq!(Datagram::parse(&packet).expect("whole").destination, to);
        assert!(world.take_outgoing().is_none(), "no frame of the lab's own");
        assert_eq!(world.neighbours(a).len(), 1);
    }
}

#[test]
fn links_that_go_down_make_their_ends_forget() {
    let mut world =
        load(&format!("{LAN}[[at]]\ntime = \"1s\"\nlink = \"a-b-gone-r\"\ndown = true"));
    let to = world.address("b", Family::V4);
    ask(&mut world, "a", to);
    world.advance(Time(500_000_000));
    assert_eq!(world.neighbours(world.named("a")).len(), 1);
    world.advance(Time(1_000_000_000));
    assert!(world.neighbours(world.named("a")).is_empty());
}

/// What `b` knows after it has heard a message of neighbour discovery.
fn learned(message: &Message<'_>, change: impl Fn(&mut Header, &mut Vec<u8>)) -> usize {
    let mut world = load(LAN);
    let mut header = world.header("b", Family::V6, protocol::ICMPV6);
    header.hop_limit = 255;
    let mut payload = Vec::new();
    message.emit(Family::V6, &mut payload);
    icmp::fill_checksum(header.source, header.destination, &mut payload);
    change(&mut header, &mut payload);
    let (a, b) = (world.address("a", Family::V6), world.named("b"));
    world.exchange(emit(&header, &payload), Recipient::Node(b));
    world.neighbours(b).iter().filter(|neighbour| neighbour.address == a).count()
}

#[test]
fn discovery_from_afar_or_malformed_is_not_believed() {
    let IpAddr::V6(target) = load(LAN).address("b", Family::V6) else { panic!() };
    let mut options = Vec::new();
    Discovery::SourceLink(&[2, 0, 0, 0, 0, 1]).emit(&mut options).expect("fits");
    let question =
        |options| Message::NeighbourSolicitation(icmp::neighbour::Solicitation { target, options });
    assert_eq!(learned(&question(&options), |_, _| ()), 1);
    assert_eq!(learned(&question(&options), |header, _| header.hop_limit = 254), 0);
    assert_eq!(learned(&question(&options), |_, payload| payload[30] ^= 1), 0);
    assert_eq!(learned(&question(&[1, 0, 2, 0, 0, 0, 0, 1]), |_, _| ()), 0);
    // From nobody: the question whether an address is free may name no link-layer address.
    let anonymous = |header: &mut Header, payload: &mut Vec<u8>| {
        header.source = "::".parse().expect("an address");
        payload[2..4].fill(0);
        icmp::fill_checksum(header.source, header.destination, payload);
    };
    assert_eq!(learned(&question(&options), anonymous), 0);
}

#[test]
fn no_frame_of_rubbish_brings_a_node_down() {
    let seed = RandomState::new().hash_one(2);
    println!("seed {seed}");
    let mut random = Random::named(seed, "rubbish");
    let mut world = load(LAN);
    let (a, b) = (world.named("a"), world.named("b"));
    for _ in 0..3_000 {
        let mut bytes = Vec::new();
        let packet = arp::Packet {
            operation: random.below(3) as u16,
            sender_link: [random.next() as u8; 6],
            sender: Ipv4Addr::from_bits(0xc000_0200 | random.below(8) as u32),
            target_link: [random.next() as u8; 6],
            target: Ipv4Addr::from_bits(0xc000_0200 | random.below(8) as u32),
        };
        packet.emit(&mut bytes);
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        bytes.truncate(bytes.len() - random.below(2) as usize);
        let to = Recipient::Node(b);
        world.turn(a, |_, turn| turn.actions.push(Action::SendArp { interface: 0, to, bytes }));
        let mut bytes: Vec<u8> = (0..32 + random.below(40)).map(|_| random.next() as u8).collect();
        (bytes[0], bytes[1]) = (133 + random.below(5) as u8, 0);
        let mut header = world.header("b", Family::V6, protocol::ICMPV6);
        header.hop_limit = 255;
        if random.below(2) == 0 {
            bytes[8..24].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
            bytes.resize(24, 0);
        }
        icmp::fill_checksum(header.source, header.destination, &mut bytes);
        let bytes = emit(&header, &bytes);
        world.turn(a, |_, turn| turn.actions.push(Action::Send { interface: 0, to, bytes }));
        watch(&mut world);
    }
    check_counts(&world);
}
