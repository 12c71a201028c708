//! What nodes must and must not do, one by one, and that nothing is lost unaccounted.

use super::*;
use crate::complaint::Subject;
use crate::packet;
use crate::random::Random;
use crate::rules;
use etherparse::checksum::Sum16BitWords;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, NetSlice, SlicedPacket, TransportSlice};
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use wire::icmp::{self, Echo, Meaning, Message};
use wire::ip::options;
use wire::ip::{Datagram, Fragment, protocol};

const LINE: &str = r#"
[host]
a = {}
b = {}
[router]
r = {}
[[link]]
ends = ["a", "r"]
[[link]]
ends = ["r", "b"]
mtu = 1400
"#;

const SEGMENT: &str = r#"
[host]
a = {}
b = {}
[[link]]
ends = ["a", "b"]
networks = ["192.0.2.0/24", "2001:db8:1::/64"]
"#;

fn load(text: &str) -> World {
    World::load(text, "test", Some(1)).expect("a scenario")
}

impl World {
    fn named(&self, name: &str) -> NodeId {
        self.node(name).expect("a node")
    }

    fn address(&self, name: &str, family: Family) -> IpAddr {
        self.addresses(self.named(name), family)[0]
    }

    /// Sends a datagram from `a` as it is; what `a` gets back.
    fn exchange(&mut self, bytes: Vec<u8>, to: Recipient) -> Vec<Vec<u8>> {
        let a = self.named("a");
        self.watched = Some(Watch { node: a, carrier: Carrier::Icmp });
        self.turn(a, |_, turn| turn.actions.push(Action::Send { interface: 0, to, bytes }));
        while self.next_event() != Time::NEVER {
            self.step();
        }
        std::mem::take(&mut self.inbox).into()
    }

    /// Packets that a node has sent.
    fn sent_by(&self, name: &str) -> u64 {
        let node = self.named(name);
        self.link_counts().filter(|(_, from, _)| *from == node).map(|(.., c)| c.sent).sum()
    }

    /// A header from `a` to a node.
    fn header(&self, to: &str, family: Family, protocol: u8) -> Header {
        Header::new(self.address("a", family), self.address(to, family), protocol)
    }
}

fn emit(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.emit(payload, &mut bytes).expect("fits");
    bytes
}

/// A UDP datagram from port 4000 to port 9.
fn udp(header: &Header, payload: &[u8]) -> Vec<u8> {
    emit(header, &udp_message(header, 9, payload))
}

fn udp_message(header: &Header, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let message =
        wire::udp::Message { source_port: 4_000, destination_port, has_checksum: true, payload };
    let mut bytes = Vec::new();
    message.emit(header.source, header.destination, &mut bytes).expect("fits");
    bytes
}

fn tcp_segment(header: &Header, destination_port: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let segment = wire::tcp::Segment {
        source_port: 4_000,
        destination_port,
        sequence: 7,
        acknowledgment: 9,
        flags,
        window: 1_000,
        urgent: 0,
        options: &[],
        payload,
    };
    let mut bytes = Vec::new();
    segment.emit(header.source, header.destination, &mut bytes).expect("fits");
    bytes
}

fn message(header: &Header, message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(Family::of(header.source), &mut bytes);
    icmp::fill_checksum(header.source, header.destination, &mut bytes);
    bytes
}

const ECHO: Message<'_> =
    Message::EchoRequest(Echo { identifier: 1, sequence: 2, payload: b"payload!" });

/// The error that a datagram holds: meaning, word, quote.
fn error(bytes: &[u8]) -> (Meaning, u32, Vec<u8>) {
    let datagram = Datagram::parse(bytes).expect("whole");
    assert!(icmp::verify(datagram.source, datagram.destination, datagram.payload));
    match Message::parse(datagram.family(), datagram.payload) {
        Ok(Message::Error(error)) => (error.meaning, error.word, error.body.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hosts_say_what_they_do_not_speak() {
    for family in Family::ALL {
        let mut world = load(LINE);
        let r = Recipient::Node(world.named("r"));
        let udp = udp(&world.header("b", family, protocol::UDP), b"to nobody");
        let back = world.exchange(udp.clone(), r);
        let (meaning, word, quote) = error(&back[0]);
        assert_eq!((meaning, word), (Meaning::PortUnreachable, 0));
        // The router has taken one from the hop limit.
        let mut arrived = udp;
        packet::decrement_hop_limit(&mut arrived);
        assert_eq!(quote, arrived);
        let dccp = emit(&world.header("b", family, protocol::DCCP), &[0; 20]);
        let (meaning, word, _) = error(&world.exchange(dccp, r)[0]);
        let expected = match family {
            Family::V4 => (Meaning::ProtocolUnreachable, 0),
            // Points at the fixed header's next-header field.
            Family::V6 => (Meaning::NextHeaderUnknown, 6),
        };
        assert_eq!((meaning, word), expected);
    }
}

#[test]
fn errors_quote_as_much_as_fits() {
    for (family, whole) in [(Family::V4, 576), (Family::V6, 1_280)] {
        let mut world = load(LINE);
        let mut header = world.header("b", family, protocol::UDP);
        (header.hop_limit, header.traffic_class) = (1, 0x08);
        let sent = udp(&header, &[7; 1_300]);
        let back = world.exchange(sent.clone(), Recipient::Node(world.named("r")));
        let datagram = Datagram::parse(&back[0]).expect("whole");
        assert_eq!(datagram.total_bytes, whole);
        assert_eq!(datagram.traffic_class, if family == Family::V4 { 0xc8 } else { 0 });
        assert_eq!(datagram.source, world.address("r", family));
        let (meaning, _, quote) = error(&back[0]);
        assert_eq!(meaning, Meaning::HopLimitExceeded);
        assert_eq!(quote, sent[..quote.len()]);
    }
}

#[test]
fn a_narrow_link_names_its_size() {
    for family in Family::ALL {
        let mut world = load(LINE);
        let mut header = world.header("b", family, protocol::UDP);
        header.dont_fragment = true;
        let sent = udp(&header, &[0; 1_420]);
        let back = world.exchange(sent, Recipient::Node(world.named("r")));
        let (meaning, word, _) = error(&back[0]);
        assert_eq!((meaning, word), (Meaning::PacketTooBig, 1_400));
    }
}

/// Whatever makes an error impossible: `world` sends nothing in answer to the datagram.
fn assert_silence(text: &str, who: &str, bytes: Vec<u8>, to: Recipient, why: &str) {
    let mut world = load(text);
    world.exchange(bytes, to);
    assert_eq!(world.sent_by(who), 0, "{why}");
}

#[test]
fn no_error_about_an_error() {
    for family in Family::ALL {
        let world = load(LINE);
        let mut header = world.header("b", family, rules::of(family).icmp);
        header.hop_limit = 1;
        let (kind, code) = Meaning::PortUnreachable.numbers(family).expect("both say it");
        let meaning = Meaning::PortUnreachable;
        let about = udp(&world.header("b", family, protocol::UDP), b"quoted");
        let error = Message::Error(icmp::Error { meaning, kind, code, word: 0, body: &about });
        let to = Recipient::Node(world.named("r"));
        let sent = emit(&header, &message(&header, &error));
        assert_silence(LINE, "r", sent, to, "an error");
        assert_silence(LINE, "r", emit(&header, &[kind]), to, "an error, cut");
        assert_silence(LINE, "r", emit(&header, &[]), to, "perhaps an error");
        // A question is no error, even if it is cut: the router may complain about it.
        for question in [message(&header, &ECHO), vec![icmp::echo_request_type(family)]] {
            let mut world = load(LINE);
            assert_eq!(world.exchange(emit(&header, &question), to).len(), 1);
        }
    }
}

#[test]
fn no_error_to_many_or_about_many() {
    let to = |text: &str| text.parse::<IpAddr>().expect("an address");
    let many = ["192.0.2.255", "192.0.2.0", "255.255.255.255", "224.0.0.1", "ff02::1"];
    for destination in many.map(to) {
        let world = load(SEGMENT);
        let family = Family::of(destination);
        let header = Header { destination, ..world.header("b", family, protocol::UDP) };
        let sent = udp(&header, b"to all");
        assert_silence(SEGMENT, "b", sent, Recipient::Everyone, &destination.to_string());
    }
    for family in Family::ALL {
        let world = load(SEGMENT);
        let sent = udp(&world.header("b", family, protocol::UDP), b"by link-layer broadcast");
        assert_silence(SEGMENT, "b", sent, Recipient::Everyone, "the link brought it to all");
    }
}

#[test]
fn no_error_about_later_fragments() {
    for family in Family::ALL {
        for offset_bytes in [0, 8] {
            let mut world = load(LINE);
            let to = Recipient::Node(world.named("r"));
            let mut header = world.header("b", family, protocol::UDP);
            header.hop_limit = 1;
            header.fragment = Some(Fragment { identification: 1, offset_bytes, more: true });
            let back = world.exchange(emit(&header, b"fragment"), to);
            // IPv6 has no such rule, and Linux then does not either.
            let is_due = offset_bytes == 0 || family == Family::V6;
            assert_eq!(back.len(), usize::from(is_due));
        }
    }
}

#[test]
fn no_error_to_who_is_not_one_host() {
    let sources =
        ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.3", "::", "ff02::1"];
    for source in sources.map(|text| text.parse::<IpAddr>().expect("an address")) {
        let world = load(LINE);
        let family = Family::of(source);
        let to = Recipient::Node(world.named("r"));
        let header = Header { source, hop_limit: 1, ..world.header("b", family, protocol::UDP) };
        assert_silence(LINE, "r", udp(&header, b"from many"), to, &source.to_string());
        let header = Header { source, ..world.header("r", family, protocol::UDP) };
        assert_silence(LINE, "r", udp(&header, b"from many"), to, &source.to_string());
        let header = Header { source, ..world.header("r", family, rules::of(family).icmp) };
        let sent = emit(&header, &message(&header, &ECHO));
        assert_silence(LINE, "r", sent, to, &source.to_string());
    }
}

#[test]
fn only_two_errors_of_ipv6_may_be_about_many() {
    for family in Family::ALL {
        for meaning in [Meaning::PacketTooBig, Meaning::HopLimitExceeded] {
            let mut world = load(LINE);
            let about = udp(&world.header("b", family, protocol::UDP), b"about");
            let r = world.named("r");
            world.turn(r, |node, turn| {
                let about = Subject { is_broadcast: true, ..Subject::of(&about) };
                node.complain(turn, about, meaning, 1_280);
            });
            let may = family == Family::V6 && meaning == Meaning::PacketTooBig;
            assert_eq!(world.sent_by("r"), u64::from(may), "{family} {meaning:?}");
        }
    }
}

#[test]
fn a_strict_source_route_visits_no_others() {
    let v4 = |address| match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("{address}"),
    };
    let back = |stops: [&str; 1]| {
        let mut world = load(LINE);
        let stops = stops.map(|name| match world.node(name) {
            Some(_) => v4(world.address(name, Family::V4)),
            None => Ipv4Addr::new(203, 0, 113, 99),
        });
        let mut header = world.header("r", Family::V4, protocol::ICMP);
        header.options = options::strict_source_route(&stops).expect("they fit");
        let sent = emit(&header, &message(&header, &ECHO));
        world.exchange(sent, Recipient::Node(world.named("r")))
    };
    let answered = back(["b"]);
    assert_eq!(
        Datagram::parse(&answered[0]).expect("whole").source,
        load(LINE).address("b", Family::V4)
    );
    assert_eq!(error(&back(["nowhere"])[0]).0, Meaning::SourceRouteFailed);
}

#[test]
fn damaged_headers_and_messages_are_dropped() {
    let world = load(LINE);
    let to = Recipient::Node(world.named("r"));
    let mut sent = emit(&world.header("b", Family::V4, protocol::UDP), b"damaged");
    sent[8] ^= 1;
    assert_silence(LINE, "r", sent, to, "the header's checksum is wrong");
    for family in Family::ALL {
        let header = world.header("r", family, rules::of(family).icmp);
        let mut echo = message(&header, &ECHO);
        echo[9] ^= 1;
        assert_silence(LINE, "r", emit(&header, &echo), to, "the message's checksum is wrong");
    }
}

#[test]
fn nothing_that_arrives_brings_a_node_down() {
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut random = Random::named(seed, "rubbish");
    let habits = HABITS.iter().copied().chain(["mangles = \"all\""]);
    let texts: Vec<String> = habits.map(with_habits).collect();
    for (family, text) in Family::ALL.into_iter().flat_map(|f| texts.iter().map(move |t| (f, t))) {
        let mut world = load(text);
        let to = Recipient::Node(world.named("r"));
        for _ in 0..500 {
            let destination = ["h0", "h1", "r"][random.below(3) as usize];
            let usual = [1, 6, 17, 58][random.below(4) as usize];
            let protocol = if random.below(2) == 0 { usual } else { random.next() as u8 };
            let mut header = world.header(destination, family, protocol);
            header.hop_limit = random.next() as u8;
            let options = random.below(11) as usize * 4;
            header.options = (0..options).map(|_| random.next() as u8).collect();
            let payload: Vec<u8> = (0..random.below(64)).map(|_| random.next() as u8).collect();
            let mut bytes = emit(&header, &payload);
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.next() as u8;
            }
            bytes.truncate(bytes.len() - random.below(3) as usize);
            if Datagram::parse(&bytes).is_ok() {
                packet::refresh_checksum(&mut bytes);
            }
            world.exchange(bytes, to);
        }
    }
}

/// What routers of random networks may do besides.
const HABITS: &[&str] = &[
    "",
    "balance = \"flow\"",
    "balance = \"packet\"",
    "bleaches_ecn = true, sets_dscp = 3, rewrites_id = true, clears_flow_label = true",
    "passes_expired = true, errors_twice = true, errors_from = \"target\"",
    "mpls = [{ label = 16 }], interface_info = true, quotes = 8",
    "objects = [{ class = 5, kind = 1, hex = \"00 01\" }], legacy_extensions = true",
    "nat = \"LINK\"",
    "nat = { out = \"LINK\", ports = \"new\", quotes = \"address\" }",
    "dnat = { to = \"h0\", host = \"h1\", hides = true }",
    "refuses = { says = \"port\", protocols = [\"udp\"] }",
    "icmp_limit = \"linux\", silent_mtu = true",
];

/// A router with habits between three hosts.
fn with_habits(habits: &str) -> String {
    let habits = habits.replace("LINK", "r-h0");
    let host = "{ tcp = [80], udp = [53] }";
    let mut text =
        format!("[host]\na = {{}}\nh0 = {host}\nh1 = {host}\n[router]\nr = {{ {habits} }}\n");
    for ends in ["\"a\", \"r\"", "\"r\", \"h0\"", "\"r\", \"h1\""] {
        write!(text, "[[link]]\nends = [{ends}]\nmtu = 1400\n").expect("room");
    }
    text
}

/// A random network: routers in a tree with a link more, a host at each, everything impaired.
fn random_network(random: &mut Random) -> (String, u64) {
    let routers = 2 + random.below(6);
    let mut text = String::from("[host]\n");
    let lines = |count: u64, name: &str| -> String {
        (0..count).map(|number| format!("{name}{number} = {{}}\n")).collect()
    };
    text += &lines(routers, "h").replace("{}", "{ tcp = [80], udp = [53] }");
    text += "[router]\n";
    for number in 0..routers {
        let habits = HABITS[random.below(HABITS.len() as u64) as usize];
        text += &format!("r{number} = {{ {habits} }}\n").replace("LINK", &format!("up{number}"));
    }
    let mut link = |text: &mut String, name: String, a: String, b: String| {
        let percent = |random: &mut Random| random.below(10);
        write!(
            text,
            "[[link]]\nname = \"{name}\"\nends = [\"{a}\", \"{b}\"]\nkind = \"{}\"\n\
             loss = \"{}%\"\n\
             duplicate = \"{}%\"\nreorder = \"{}%\"\ndelay = \"{}us\"\njitter = \"1ms\"\n\
             mtu = {}\n",
            ["ethernet", "plain"][random.below(2) as usize],
            percent(random),
            percent(random),
            percent(random),
            1 + random.below(5_000),
            1_280 + random.below(221),
        )
        .expect("a string takes everything");
    };
    let mut shape = Random::named(routers, "shape");
    for number in 0..routers {
        link(&mut text, format!("up{number}"), format!("h{number}"), format!("r{number}"));
        if number > 0 {
            let other = format!("r{}", shape.below(number));
            link(&mut text, format!("r{number}-{other}"), format!("r{number}"), other);
        }
    }
    link(&mut text, "more".to_string(), "r0".to_string(), format!("r{}", routers - 1));
    (text, routers)
}

#[test]
fn nothing_appears_or_vanishes_unaccounted() {
    let seed = RandomState::new().hash_one(1);
    println!("seed {seed}");
    let mut random = Random::named(seed, "simulation");
    for _ in 0..20 {
        let (text, hosts) = random_network(&mut random);
        let mut world = World::load(&text, "test", Some(random.next())).expect("a scenario");
        for _ in 0..100 {
            send_something(&mut world, &mut random, hosts);
            for _ in 0..random.below(20) {
                check_next(&world);
                world.step();
                check_counts(&world);
            }
        }
        while world.next_event() != Time::NEVER {
            check_next(&world);
            world.step();
        }
        assert_eq!(world.in_flight(), 0);
        check_counts(&world);
    }
}

/// An echo request, a datagram or a segment of any size between any two hosts.
fn send_something(world: &mut World, random: &mut Random, hosts: u64) {
    let family = Family::ALL[random.below(2) as usize];
    let mut host = || world.named(&format!("h{}", random.below(hosts)));
    let (from, to) = (host(), host());
    let number = [rules::of(family).icmp, protocol::UDP, protocol::TCP][random.below(3) as usize];
    let header =
        Header::new(world.addresses(from, family)[0], world.addresses(to, family)[0], number);
    let header = Header { hop_limit: 1 + random.below(64) as u8, ..header };
    let payload = vec![9; random.below(4_000) as usize];
    let bytes = match number {
        protocol::UDP => udp_message(&header, [9, 53][random.below(2) as usize], &payload),
        protocol::TCP => {
            let port = [9, 80][random.below(2) as usize];
            tcp_segment(&header, port, random.next() as u16 & 0x1f, &payload)
        }
        _ => {
            let echo = Echo { identifier: 1, sequence: 1, payload: &payload };
            message(&header, &Message::EchoRequest(echo))
        }
    };
    world.turn(from, |node, turn| {
        node.originate(turn, header, &bytes, probe::Fragmentation::System).ok();
    });
}

/// Every packet that entered a link has come out, was lost or is still there.
fn check_counts(world: &World) {
    let counts = world.link_counts().map(|(.., counts)| counts);
    let balance: u64 =
        counts.map(|c| c.sent + c.duplicated - c.lost - c.dropped - c.delivered).sum();
    assert_eq!(balance, world.in_flight() as u64);
}

#[test]
fn packets_that_double_in_a_loop_take_bounded_memory() {
    let text = r#"
[host]
a = {}
[router]
r1 = { routes = [{ to = "default", via = "r2" }] }
r2 = { routes = [{ to = "default", via = "r1" }] }
[[link]]
ends = ["a", "r1"]
[[link]]
ends = ["r1", "r2"]
duplicate = "100%"
"#;
    for (family, nowhere) in [(Family::V4, "203.0.113.9"), (Family::V6, "2001:db8:ffff::9")] {
        let mut world = load(text);
        world.events_max_bytes = 200_000;
        let source = world.address("a", family);
        let to = nowhere.parse().expect("an address");
        let bytes = emit(&Header::new(source, to, protocol::UDP), &[0; 1_000]);
        let r1 = Recipient::Node(world.named("r1"));
        world.exchange(bytes, r1);
        let lost: u64 = world.link_counts().map(|(.., counts)| counts.lost).sum();
        assert!(lost > 0);
        assert_eq!(world.events_bytes, 0);
        check_counts(&world);
    }
}

#[test]
fn advertisements_come_again_where_no_memory_is_left() {
    let text = r#"
[host]
a = {}
[router]
r = { advertises = { every = "3s" } }
[[link]]
ends = ["a", "r"]
"#;
    let mut world = load(text);
    world.events_max_bytes = 0;
    world.advance(Time(10_000_000_000));
    assert_eq!(world.agenda.iter().count(), Family::ALL.len());
    world.events_max_bytes = EVENTS_MAX_BYTES;
    let before = world.sent_by("r");
    world.advance(Time(13_000_000_000));
    assert_eq!(world.sent_by("r"), before + 2);
}

#[test]
fn advertisements_come_again_after_a_silence() {
    let text = r#"
[host]
a = {}
[router]
r = { advertises = { every = "3s" } }
[[link]]
ends = ["a", "r"]
[[at]]
time = "1s"
node = "r"
silent = true
[[at]]
time = "10s"
node = "r"
silent = false
"#;
    let mut world = load(text);
    world.advance(Time(1_000_000_000));
    let before = world.sent_by("r");
    world.advance(Time(10_000_000_000));
    assert_eq!(world.sent_by("r"), before);
    world.advance(Time(13_000_000_000));
    assert_eq!(world.sent_by("r"), before + 2);
}

#[test]
fn large_networks_load() {
    let mut text = String::from("[host]\nh = { count = 20000 }\n[router]\nr = { count = 1000 }\n");
    text += "[[link]]\nends = [\"r1\", \"h\"]\n";
    for number in 2..=1_000 {
        text += &format!("[[link]]\nends = [\"r{}\", \"r{number}\"]\n", number / 2);
    }
    let world = load(&text);
    for family in Family::ALL {
        let far = world.address("r1000", family);
        assert!(world.source_towards(world.named("h20000"), far).is_some());
    }
}

/// What comes out of a link is what another implementation calls well-formed, checksums included.
fn check_next(world: &World) {
    let Some(Event::Arrival { frame, .. }) = world.agenda.peek() else {
        return;
    };
    let header = frame.ethernet.map(|header| header.to_vec()).unwrap_or_default();
    let whole = [header, frame.bytes.clone()].concat();
    let packet = match frame.ethernet {
        Some(_) => SlicedPacket::from_ethernet(&whole),
        None => SlicedPacket::from_ip(&whole),
    };
    let packet = packet.expect("well-formed");
    let addresses = match packet.net.expect("an IP header") {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.calc_header_checksum(), header.header_checksum);
            None
        }
        NetSlice::Ipv6(ip) => Some((ip.header().source(), ip.header().destination())),
        NetSlice::Arp(arp) => {
            assert_eq!((arp.hw_addr_size(), arp.proto_addr_size()), (6, 4));
            return;
        }
    };
    let ipv4 = match &addresses {
        None => Ipv4HeaderSlice::from_slice(&frame.bytes).map(|slice| slice.to_header()).ok(),
        Some(_) => None,
    };
    let ipv6 = match &addresses {
        None => None,
        Some(_) => Ipv6HeaderSlice::from_slice(&frame.bytes).map(|slice| slice.to_header()).ok(),
    };
    match (packet.transport, addresses) {
        (Some(TransportSlice::Udp(udp)), _) => {
            let header = udp.to_header();
            let sums = [
                ipv4.map(|ip| header.calc_checksum_ipv4(&ip, udp.payload())),
                ipv6.map(|ip| header.calc_checksum_ipv6(&ip, udp.payload())),
            ];
            assert!(sums.into_iter().flatten().all(|sum| sum == Ok(header.checksum)));
        }
        (Some(TransportSlice::Tcp(tcp)), _) => {
            let header = tcp.to_header();
            let sums = [
                ipv4.map(|ip| header.calc_checksum_ipv4(&ip, tcp.payload())),
                ipv6.map(|ip| header.calc_checksum_ipv6(&ip, tcp.payload())),
            ];
            assert!(sums.into_iter().flatten().all(|sum| sum == Ok(header.checksum)));
        }
        (Some(TransportSlice::Icmpv4(icmp)), None) => {
            // Over the bytes: its types know no length of a quote (RFC 4884).
            assert_eq!(Sum16BitWords::new().add_slice(icmp.slice()).ones_complement(), 0);
        }
        (Some(TransportSlice::Icmpv6(icmp)), Some((source, destination))) => {
            assert!(icmp.is_checksum_valid(source, destination));
        }
        // A fragment.
        (None, _) => assert!(Datagram::parse(&frame.bytes).is_ok_and(|d| d.fragment.is_some())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ways_are_short_and_stated_ones_come_first() {
    let square = r#"
        [host]
        a = {}
        b = {}
        [router]
        n = { routes = [{ to = "b", via = "w" }] }
        e = {}
        s = {}
        w = {}
        [[link]]
        ends = ["a", "n"]
        [[link]]
        ends = ["n", "e"]
        [[link]]
        ends = ["e", "s"]
        [[link]]
        ends = ["n", "w"]
        [[link]]
        ends = ["w", "s"]
        [[link]]
        ends = ["s", "b"]
    "#;
    for family in Family::ALL {
        let through = |text: &str| {
            let mut world = load(text);
            let header = world.header("b", family, rules::of(family).icmp);
            let sent = emit(&header, &message(&header, &ECHO));
            assert_eq!(world.exchange(sent, Recipient::Node(world.named("n"))).len(), 1);
            ["e", "w"].map(|name| world.sent_by(name))
        };
        // There by the stated way, back by the one that stands first in the file.
        assert_eq!(through(square), [1, 1]);
        assert_eq!(
            through(&square.replace("n = { routes = [{ to = \"b\", via = \"w\" }] }", "n = {}")),
            [2, 0]
        );
    }
}

mod large;
mod neighbours;
mod places;
mod redirects;
mod rules_of_errors;
