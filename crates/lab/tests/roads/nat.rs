//! Translators on the road: what comes back, and what quotes tell of them.

use super::*;
use lab::SocketEvent;
use wire::icmp::Transport;

const HOME: &str = r#"
    [host]
    a = {}
    a2 = {}
    b = { tcp = [80], udp = [53] }
    [router]
    nat = { nat = NAT }
    r1 = {}
    r2 = {}
    [[link]]
    ends = ["a", "a2", "nat"]
    networks = ["10.0.0.0/24", "fd00:1::/64"]
    [[link]]
    ends = ["nat", "r1"]
    [[link]]
    ends = ["r1", "r2"]
    [[link]]
    ends = ["r2", "b"]
"#;

fn home(nat: &str) -> String {
    HOME.replace("NAT", nat)
}

/// What the time exceeded that a router sent quotes; what the noise quotes bears other names.
fn quoted_by<'a>(ride: &'a Ride, name: &str) -> Quoted<'a> {
    let family = Family::of(ride.prober.to);
    let heard = ride.prober.heard.iter().map(|heard| (heard.from, &heard.message));
    let others = ride.prober.strange.iter().map(|(from, message)| (*from, message));
    let from = |address| ride.world.name_of(address) == Some(name);
    let mut quotes =
        heard.chain(others).filter(|(address, _)| from(*address)).filter_map(|(_, message)| {
            match Message::parse(family, message) {
                Ok(Message::Error(error)) if error.meaning == Meaning::HopLimitExceeded => {
                    let quoted = error.parse_quoted().ok()?;
                    let datagram = quoted.datagram;
                    let is_ours = datagram.flow_label == 0x12345
                        || (1..100).contains(&datagram.identification);
                    is_ours.then_some(quoted)
                }
                _ => None,
            }
        });
    quotes.next().expect("an error")
}

fn port(quoted: &Quoted<'_>) -> u16 {
    match quoted.transport {
        Transport::Ports { source, .. } => source,
        Transport::Query { identifier, .. } => identifier,
        Transport::Opaque(_) => panic!("{quoted:?}"),
    }
}

#[test]
fn a_masquerade_is_not_seen_if_it_translates_all() {
    each(|method, family| {
        for nat in ["\"nat-r1\"", "{ out = \"nat-r1\", ports = \"new\" }"] {
            let ride = trip(method, family, 4).over(&home(nat));
            assert_eq!(ride.names(), ["nat", "r1", "r2", "b"], "{method:?} {family}");
            for number in 0..3 {
                let quoted = ride.heard(number).quoted();
                assert_eq!(quoted.datagram.source, ride.prober.source);
                let mut whole = Vec::new();
                method.encode(&ride.prober.question(number), &mut whole);
                assert_eq!(quoted.datagram.payload, whole, "{method:?} {family}");
            }
        }
    });
}

#[test]
fn the_world_outside_sees_the_translator_alone() {
    each(|method, family| {
        let untouched = "{ out = \"nat-r1\", ports = \"new\", quotes = \"untouched\" }";
        let ride = trip(method, family, 3).over(&home(untouched));
        // The translator itself speaks of the packet as it came.
        assert_eq!(quoted_by(&ride, "nat").datagram.source, ride.prober.source);
        for name in ["r1", "r2"] {
            let quoted = quoted_by(&ride, name);
            assert_eq!(quoted.datagram.source, ride.address("nat", 1), "{method:?} {family}");
            assert_eq!(port(&quoted), 50_000);
            assert!(sums(&quoted), "{method:?} {family}");
        }
    });
}

/// Whether the transport checksum of what was quoted whole is right.
fn sums(quoted: &Quoted<'_>) -> bool {
    let wire::ip::Datagram { source, destination, protocol, payload, .. } = quoted.datagram;
    match protocol {
        wire::ip::protocol::TCP => wire::tcp::verify(source, destination, payload),
        wire::ip::protocol::UDP => wire::udp::verify(source, destination, payload),
        _ => wire::icmp::verify(source, destination, payload),
    }
}

#[test]
fn a_translator_may_forget_the_checksum_in_the_quote() {
    each(|method, family| {
        let address = "{ out = \"nat-r1\", ports = \"new\", quotes = \"address\" }";
        let ride = trip(method, family, 3).over(&home(address));
        let quoted = quoted_by(&ride, "r2");
        assert_eq!(quoted.datagram.source, ride.prober.source);
        assert_eq!(port(&quoted), 41_000);
        assert!(!sums(&quoted), "{method:?} {family}");
    });
}

#[test]
fn two_hosts_with_one_port_are_two() {
    each(|method, family| {
        let mut world = World::load(&home("\"nat-r1\""), "test", None).expect("a scenario");
        let to = world.addresses(world.node("b").expect("b"), family)[0];
        let mut trip = trip(method, family, 4);
        trip.asks.drain(..3);
        for name in ["a", "a2"] {
            let at = world.node(name).expect("a host");
            let source = world.source_towards(at, to).expect("a way");
            trip.asks.iter_mut().for_each(|ask| ask.at = world.now());
            let mut prober = trip.prober(source, to);
            let envelope = Envelope::default();
            world.drive(at, method.carrier(), &envelope, &mut prober, &mut Deaf, &mut || None);
            assert_eq!(prober.heard.len(), 1, "{name} {method:?} {family}");
            assert_eq!(prober.heard[0].from, to);
        }
    });
}

#[test]
fn translators_behind_translators_work() {
    let text = include_str!("../../scenarios/nat.toml");
    each(|method, family| {
        let ride = trip(method, family, 5).over(text);
        assert_eq!(ride.name(0), "home", "{method:?} {family}");
        for name in ["carrier", "r1", "r2"] {
            let quoted = quoted_by(&ride, name);
            assert_eq!(quoted.datagram.source, ride.address("home", 1));
            assert_eq!(port(&quoted), 50_000);
        }
        // If the outer one leaves quotes alone, the inner one does not know whose they are.
        let text = text.replace("\"new\" } }", "\"new\", quotes = \"untouched\" } }");
        let ride = trip(method, family, 5).over(&text);
        assert_eq!(ride.names()[2..4], ["*", "*"]);
        let is_error = method.carrier() == Carrier::Udp;
        assert_eq!(ride.name(4), if is_error { "*" } else { "b" });
    });
}

#[test]
fn another_host_answers_for_the_target() {
    let text = include_str!("../../scenarios/dnat.toml");
    each(|method, family| {
        let ride = trip(method, family, 4).over(text);
        assert_eq!(ride.names(), ["r1", "gate", "inside", "b"], "{method:?} {family}");
        for number in 0..3 {
            assert_eq!(ride.heard(number).quoted().datagram.destination, ride.prober.to);
        }
        // Four hops away, but an answer of three: the way back begins at c.
        assert_eq!(ride.heard(3).hop_limit, 61);
        let hides = text.replace("host = \"c\"", "host = \"c\", hides = true");
        let names = trip(method, family, 4).over(&hides).names();
        assert_eq!(names, ["r1", "gate", "b", "b"]);
        let untouched = text.replace("host = \"c\"", "host = \"c\", quotes = \"untouched\"");
        let ride = trip(method, family, 4).over(&untouched);
        let quoted = quoted_by(&ride, "inside");
        assert_eq!(quoted.datagram.destination, ride.address("c", 0));
        assert_eq!(quoted.datagram.source, ride.prober.source);
        // The answer proper is translated anyway; an error comes from who sent it.
        let is_error = method.carrier() == Carrier::Udp;
        let from_c = ride.prober.strange.iter().any(|(from, _)| *from == ride.address("c", 0));
        assert_eq!(from_c, is_error, "{method:?} {family}");
    });
}

#[test]
fn mistakes_in_translators_are_shown() {
    for (router, message) in [
        ("nat = \"r2-b\"", "`r1` has no link named `r2-b`"),
        ("dnat = { to = \"b\", host = \"b\" }", "`to` and `host` are the same"),
        ("dnat = { to = \"b\", host = \"r1\" }", "`r1` cannot stand in for another itself"),
        ("nat = { out = \"a-r1\", quotes = \"half\" }", "`quotes` wants another word"),
    ] {
        let text = line("", "").replace("r1 = {}", &format!("r1 = {{ {router} }}"));
        let fault = World::load(&text, "test", None).expect_err("a mistake");
        assert!(fault.message.starts_with(message), "{fault}");
    }
    let text = line("", "nat = \"r3-b\"");
    let fault = World::load(&text, "test", None).expect_err("a mistake");
    assert!(fault.message.starts_with("only routers translate"), "{fault}");
}

#[test]
fn a_translator_may_change_while_it_runs() {
    let text = home(r#"{ out = "nat-r1" }"#)
        + r#"
        [[at]]
        time = "1s"
        node = "nat"
        personality = "symmetric"
        [[traffic]]
        from = "a"
        to = "b"
        udp = 53
        count = 4
        families = ["v4"]
        [[traffic]]
        from = "a"
        to = "b"
        udp = 53
        start = "1500ms"
        count = 1
        families = ["v4"]
    "#;
    let mut world = World::load(&text, "test", None).expect("a scenario");
    world.advance(Time(5_000_000_000));
    let nat = world.node("nat").expect("it is there");
    let listed: Vec<String> = world.conntrack(nat).iter().map(|it| it.to_string()).collect();
    let outer = |inner: &str| {
        let line = listed.iter().find(|line| line.contains(inner)).expect("it is tracked");
        line.rsplit("dport=").next().and_then(|it| it.split(' ').next()).map(str::to_string)
    };
    // The old connection keeps its port, and answers go on coming; a new one gets any.
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(outer("sport=32768 ").as_deref(), Some("32768"));
    assert_ne!(outer("sport=32769 ").as_deref(), Some("32769"));
    let heard = |index: usize| {
        let events = world.sockets().nth(index).expect("a socket").events.iter();
        events.filter(|(_, event)| *event == SocketEvent::Received).count()
    };
    assert_eq!((heard(0), heard(1)), (4, 1));
    let wrong = text.replace("node = \"nat\"", "node = \"r1\"");
    let fault = World::load(&wrong, "test", None).expect_err("it translates nothing");
    assert!(fault.message.contains("`nat`"), "{fault}");
}
