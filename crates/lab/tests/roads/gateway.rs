//! Gateways as nodes: what the tracker needs of a router for the requirements of RFC 4787 and
//! RFC 5382, forwarded ports, pools, and what is listed.

use super::*;
use lab::conntrack::{Listed, Personality};

const HOME: &str = r#"
    [host]
    a = {}
    a2 = { tcp = [80] }
    b = { udp = [53] }
    [router]
    gw = { nat = NAT }
    r1 = {}
    [[link]]
    name = "home"
    ends = ["a", "a2", "gw"]
    networks = ["192.0.2.0/24", "2001:db8:a::/64"]
    HOME
    [[link]]
    ends = ["gw", "r1"]
    networks = ["203.0.113.0/24", "2001:db8:b::/64"]
    OUT
    [[link]]
    ends = ["r1", "b"]
"#;

fn home(nat: &str, home: &str, out: &str) -> String {
    HOME.replace("NAT", nat).replace("HOME", home).replace("OUT", out)
}

fn of(personality: &str) -> String {
    format!("{{ out = \"gw-r1\", personality = \"{personality}\" }}")
}

/// One large probe of a method to the far host.
fn large(method: &'static dyn Method, family: Family, fragmentation: Fragmentation) -> Trip {
    let mut trip = trip(method, family, 1);
    trip.asks.iter_mut().for_each(|ask| {
        ask.hop = 20;
        ask.payload_bytes = 4_000;
    });
    trip.envelope.fragmentation = fragmentation;
    trip
}

fn carrying() -> impl Iterator<Item = &'static dyn Method> {
    method::ALL.iter().copied().filter(|method| method.carries_payload())
}

#[test]
fn rfc4787_req_13_what_is_too_big_is_refused_or_cut() {
    for method in carrying() {
        for family in Family::ALL {
            for (name, _) in Personality::ALL {
                let text = home(&of(name), "mtu = 9000", "mtu = 1400");
                let ride = large(method, family, Fragmentation::Probe).over(&text);
                assert_eq!(ride.heard(0).meaning(), Some(Meaning::PacketTooBig), "{name}");
                // It speaks of the packet as the host sent it.
                assert_eq!(ride.heard(0).quoted().datagram.source, ride.prober.source);
                assert_eq!(ride.name(0), "gw");
            }
            // REQ-13a: in pieces, where routers cut.
            if family == Family::ALL[0] {
                let text = home("\"gw-r1\"", "mtu = 9000", "mtu = 1400");
                let ride = large(method, family, Fragmentation::Allowed).over(&text);
                assert_eq!(ride.name(0), "b");
            }
        }
    }
}

#[test]
fn rfc4787_req_14_fragments_pass_in_any_order() {
    for method in carrying() {
        for family in Family::ALL {
            for (name, _) in Personality::ALL {
                // The first fragment comes last. Before it the gateway was asked for.
                let late = "reorder = [2]\nreorder_by = \"50ms\"";
                let text = home(&of(name), late, "");
                let ride = large(method, family, Fragmentation::Allowed).over(&text);
                assert_eq!(ride.name(0), "b", "{name} {family}");
                assert_eq!(ride.heard(0).quoted_or_own(), ride.prober.source);
                // One is lost: nothing is passed on, and nothing stays.
                let text = home(&of(name), "loss = [2]", "");
                let ride = large(method, family, Fragmentation::Allowed).over(&text);
                assert_eq!(ride.name(0), "*");
            }
        }
    }
}

impl Heard {
    /// Whom an error quotes; of an answer proper, nothing is to be seen.
    fn quoted_or_own(&self) -> IpAddr {
        match self.meaning() {
            Some(_) => self.quoted().datagram.source,
            None => ride_source(self.family()),
        }
    }
}

/// The address of the host that asks.
fn ride_source(family: Family) -> IpAddr {
    let world = World::load(&home("\"gw-r1\"", "", ""), "test", None).expect("a scenario");
    world.addresses(world.node("a").expect("a"), family)[0]
}

#[test]
fn rfc4787_req_14a_a_flood_of_fragments_stops_nothing_else() {
    // Every second packet is lost: half of all datagrams in pieces are never whole.
    let text = home(&of("bcp127"), "loss = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]", "");
    let family = Family::ALL[0];
    let mut trip = large(&method::ICMP, family, Fragmentation::Allowed);
    let piece = trip.asks[0];
    trip.asks = (0..200)
        .map(|number| Ask { at: Time(number * 1_000_000), port: 41_000, ..piece })
        .chain([Ask { at: Time(300_000_000), payload_bytes: 32, ..piece }])
        .collect();
    let ride = trip.over(&text);
    assert_eq!(ride.name(200), "b");
}

#[test]
fn rfc5382_req_4_nobody_hears_of_an_unsolicited_syn_for_six_seconds() {
    for family in Family::ALL {
        let ask = |personality: &str| {
            let text = format!("from = \"b\"\n{}", home(&of(personality), "", ""));
            let mut trip = trip(&method::TCP, family, 1);
            trip.to = "gw";
            let first = Ask { hop: 20, ..trip.asks[0] };
            let second = Ask { at: Time(4_000_000_000), port: 41_001, ..first };
            trip.asks = [first, second].into_iter().collect();
            // By the address that it has outside.
            let mut world = World::load(&text, "test", None).expect("a scenario");
            let (at, gw) = (world.node("b").expect("b"), world.node("gw").expect("gw"));
            let to = world.addresses(gw, family)[1];
            let source = world.source_towards(at, to).expect("a way");
            let mut prober = trip.prober(source, to);
            let envelope = Envelope::default();
            world.drive(at, Carrier::Tcp, &envelope, &mut prober, &mut Deaf, &mut || None);
            let heard = prober.heard.iter().find(|heard| heard.probe == 0);
            heard.map(|heard| (heard.rtt.as_secs(), heard.greeting.is_some()))
        };
        // Linux's own TCP resets it at once.
        assert_eq!(ask("linux"), Some((0, true)));
        assert_eq!(ask("bcp127"), Some((6, false)));
    }
}

#[test]
fn forwarded_ports_lead_inside() {
    for family in Family::ALL {
        for (name, _) in Personality::ALL {
            let nat = format!(
                "{{ out = \"gw-r1\", personality = \"{name}\", \
                 forward = [{{ proto = \"tcp\", port = 8080, to = \"a2:80\" }}] }}"
            );
            let text = format!("from = \"b\"\n{}", home(&nat, "", ""));
            let mut world = World::load(&text, "test", None).expect("a scenario");
            let (at, gw) = (world.node("b").expect("b"), world.node("gw").expect("gw"));
            let to = world.addresses(gw, family)[1];
            let source = world.source_towards(at, to).expect("a way");
            let mut trip = trip(&method::TCP, family, 1);
            trip.asks.iter_mut().for_each(|ask| (ask.hop, ask.to_port) = (20, 8_080));
            let mut prober = trip.prober(source, to);
            let envelope = Envelope::default();
            world.drive(at, Carrier::Tcp, &envelope, &mut prober, &mut Deaf, &mut || None);
            let heard = prober.heard.first().expect("an answer");
            assert_eq!((heard.from, heard.greeting.is_some()), (to, true), "{name}");
            // One hop more than the gateway.
            assert_eq!(heard.hop_limit, 62);
            assert_eq!(world.conntrack(gw).len(), 1, "{name}");
            assert!(world.conntrack(at).is_empty());
        }
    }
}

#[test]
fn pools_give_out_their_addresses() {
    let nat = "{ out = \"gw-r1\", pool = [\"203.0.113.77\", \"2001:db8:b::77\"] }";
    each(|method, family| {
        let ride = trip(method, family, 3).over(&home(nat, "", ""));
        assert_eq!(ride.names(), ["gw", "r1", "b"], "{method:?} {family}");
        let gw = ride.world.node("gw").expect("gw");
        let pool = ["203.0.113.77", "2001:db8:b::77"].map(|text| text.parse().expect("one"));
        let outer: Vec<IpAddr> =
            ride.world.conntrack(gw).iter().map(|c| c.reply.destination_ip()).collect();
        // A connection that is refused is gone.
        assert!(method.carrier() == Carrier::Tcp || !outer.is_empty());
        assert!(outer.iter().all(|address| pool.contains(address)));
    });
}

#[test]
fn connections_are_listed_as_conntrack_does() {
    let ride = trip(&method::ICMP, Family::ALL[0], 3).over(&home("\"gw-r1\"", "", ""));
    let gw = ride.world.node("gw").expect("gw");
    let lines: Vec<String> = ride.world.conntrack(gw).iter().map(Listed::to_string).collect();
    // What had one hop only left nothing: it was dropped before it was confirmed.
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("icmp     1 "), "{}", lines[0]);
    assert!(lines[0].contains(" src=192.0.2.1 dst="), "{}", lines[0]);
    let statistics = ride.world.tracker(gw).expect("it tracks").statistics();
    assert_eq!((statistics.confirmed, statistics.drop), (1, 0));
}

#[test]
fn mistakes_in_gateways_are_shown() {
    for (nat, message) in [
        ("{ out = \"gw-r1\", personality = \"cone\" }", "`personality` wants another word"),
        ("{ out = \"gw-r1\", ports = \"9-1\" }", "`9-1` are no ports"),
        ("{ out = \"gw-r1\", ports = \"some\" }", "`some` are no ports"),
        ("{ out = \"gw-r1\", pool = [\"192.0.2.9\"] }", "192.0.2.9 is not in the network"),
        ("{ out = \"gw-r1\", pool = [\"203.0.113.2\"] }", "`r1` and `gw` both have 203.0.113.2"),
        ("{ out = \"gw-r1\", forward = [{ port = 80, to = \"x\" }] }", "no node is named `x`"),
        ("{ out = \"gw-r1\", forward = [{ port = 80, to = \"a2:0\" }] }", "`0` is no port"),
        ("{ out = \"gw-r1\", forward = [{ port = 80, to = \"gw\" }] }", "`gw` cannot forward"),
        ("{ out = \"gw-r1\", limit = 0 }", "`limit` wants a whole number"),
    ] {
        let fault = World::load(&home(nat, "", ""), "test", None).expect_err("a mistake");
        assert!(fault.message.starts_with(message), "{nat}: {fault}");
    }
}

#[test]
fn ports_lead_to_the_address_at_which_a_node_is_reached() {
    let text = r#"
        [host]
        a = {}
        both = {}
        [router]
        gw = { nat = { out = "out", forward = [
            { proto = "tcp", port = 1, to = "both" },
            { proto = "tcp", port = 2, to = "deep:22" },
            { proto = "tcp", port = 3, to = "[fd00::9]:33" },
        ] } }
        mid = {}
        deep = {}
        [[link]]
        name = "behind"
        ends = ["deep", "a"]
        networks = ["10.0.3.0/24", "fd00:3::/64"]
        [[link]]
        name = "out"
        ends = ["gw", "both"]
        networks = ["203.0.113.0/24", "2001:db8:b::/64"]
        [[link]]
        ends = ["mid", "deep"]
        networks = ["10.0.2.0/24", "fd00:2::/64"]
        [[link]]
        ends = ["gw", "both", "mid"]
        networks = ["10.0.1.0/24", "fd00:1::/64"]
    "#;
    let world = World::load(text, "test", None).expect("a scenario");
    let tracker = world.node("gw").and_then(|gw| world.tracker(gw)).expect("it tracks");
    let led = tracker.plan().forwards.iter().map(|it| format!("{:?} {}", it.port, it.to));
    assert_eq!(
        led.collect::<Vec<_>>(),
        [
            // Not by the link that leads outside, though that is the first.
            "Some(1) 10.0.1.2",
            "Some(1) fd00:1::2",
            // Not what it has on the far side, though that is the first.
            "Some(2) 10.0.2.2",
            "Some(2) fd00:2::2",
            "Some(3) fd00::9",
        ]
    );
}
