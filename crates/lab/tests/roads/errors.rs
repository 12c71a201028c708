//! What errors look like: quotes, extensions, sources, refusals, and those that are malformed.

use super::*;
use probe::method::by_name;
use std::collections::BTreeSet;
use wire::ext::{Content, Label, Role};
use wire::icmp;

fn udp() -> &'static dyn Method {
    by_name("udp").expect("udp")
}

/// What the second router answers to a probe that ends there.
fn second(method: &'static dyn Method, family: Family, r2: &str) -> Ride {
    let mut trip = trip(method, family, 2);
    trip.asks.remove(0);
    trip.over(&line(r2, ""))
}

#[test]
fn quotes_are_as_long_as_the_router_likes() {
    each(|method, family| {
        for bytes in [0, 8, 20] {
            let ride = second(method, family, &format!("quotes = {bytes}"));
            // Without the ports nobody knows whose it is.
            if bytes == 0 {
                assert_eq!(ride.names(), ["*"]);
                continue;
            }
            let quoted = ride.heard(0);
            assert_eq!(quoted.quoted().datagram.payload.len(), bytes, "{method:?} {family}");
            assert_eq!(quoted.quoted().extension, None);
        }
    });
}

const CARRIES: &str = r#"mpls = [{ label = 24001, ttl = 2 }, { label = 16, tc = 5 }],
    interface_info = true, objects = [{ class = 5, kind = 1, hex = "dead be ef" }]"#;

#[test]
fn extensions_are_carried_in_both_forms() {
    each(|method, family| {
        for more in ["", ", quotes = 8", ", legacy_extensions = true"] {
            let ride = second(method, family, &format!("{CARRIES}{more}"));
            let quoted = ride.heard(0).quoted();
            let mut whole = Vec::new();
            method.encode(&ride.prober.question(0), &mut whole);
            let start = quoted.datagram.payload;
            if more.contains("quotes") {
                assert_eq!(start[..8], whole[..8]);
                assert!(start[8..].iter().all(|byte| *byte == 0), "padding: {start:?}");
            } else {
                assert_eq!(start, whole);
            }
            let structure = quoted.extensions().expect("extensions").expect("well-formed");
            let objects: Vec<_> = structure.objects().map(|o| o.expect("well-formed")).collect();
            let [mpls, interface, unknown] = objects.as_slice() else { panic!("{objects:?}") };
            let Ok(Content::Mpls(labels)) = mpls.content() else { panic!("{mpls:?}") };
            let labels: Vec<Label> = labels.iter().collect();
            let outer = Label { label: 24_001, traffic_class: 0, is_bottom: false, hop_limit: 2 };
            let inner = Label { label: 16, traffic_class: 5, is_bottom: true, hop_limit: 1 };
            assert_eq!(labels, [outer, inner]);
            let Ok(Content::Interface(interface)) = interface.content() else { panic!() };
            assert_eq!((interface.role, interface.index), (Role::Incoming, Some(1)));
            assert_eq!(interface.address, Some(ride.address("r2", 0)));
            assert_eq!(interface.name, Some(&b"eth0"[..]));
            assert_eq!(interface.mtu_bytes, Some(1_500));
            assert_eq!((unknown.class, unknown.kind), (5, 1));
            assert_eq!(unknown.body, [0xde, 0xad, 0xbe, 0xef]);
        }
    });
}

#[test]
fn extended_errors_are_no_longer_than_others() {
    for (family, most) in [(Family::V4, 576), (Family::V6, 1_280)] {
        let mut trip = trip(udp(), family, 2);
        trip.asks.remove(0);
        trip.asks[0].payload_bytes = 1_400;
        let ride = trip.over(&line(CARRIES, ""));
        let heard = ride.heard(0);
        let header = if family == Family::V4 { 20 } else { 40 };
        let bytes = heard.message.len() + header;
        assert!((most - 8..=most).contains(&bytes), "{bytes}");
        assert!(heard.quoted().extensions().is_some_and(|found| found.is_ok()));
    }
}

#[test]
fn labels_are_for_time_exceeded_alone() {
    for family in Family::ALL {
        let text = line(&format!("{CARRIES}, refuses = \"host\""), "");
        let ride = trip(udp(), family, 3).over(&text);
        let structure = ride.heard(2).quoted().extensions().expect("extensions");
        let classes: Vec<u8> =
            structure.expect("whole").objects().map(|o| o.expect("whole").class).collect();
        assert_eq!(classes, [2, 5]);
    }
}

#[test]
fn errors_may_come_from_elsewhere() {
    each(|method, family| {
        let from = |r2: &str| second(method, family, r2).heard(0).from;
        let plain = second(method, family, "");
        assert_eq!(plain.heard(0).from, plain.address("r2", 0));
        assert_eq!(from("errors_from = \"target\""), plain.address("b", 0));
        assert_eq!(from("errors_from = \"incoming\""), plain.address("r2", 0));
        assert_eq!(from("errors_from = \"r3\""), plain.address("r3", 0));
        let chosen: [IpAddr; 2] = ["10.9.8.7", "fd00::7"].map(|a| a.parse().expect("an address"));
        let stated = format!("errors_from = [\"{}\", \"{}\"]", chosen[0], chosen[1]);
        assert_eq!(from(&stated), chosen[usize::from(family == Family::V6)]);
        // An address of one family serves that one.
        let one = from("errors_from = \"10.9.8.7\"");
        assert_eq!(one == chosen[0], family == Family::V4);
    });
    // Nobody passes on what comes from a loopback address, so only a neighbour hears of it.
    let text = line("", "").replace("r1 = {}", "r1 = { errors_from = \"127.0.0.1\" }");
    let ride = trip(udp(), Family::V4, 1).over(&text);
    assert_eq!(ride.heard(0).from, IpAddr::from([127, 0, 0, 1]));
    let far = second(udp(), Family::V4, "errors_from = \"127.0.0.1\"");
    assert_eq!(far.names(), ["*"]);
}

#[test]
fn answers_may_come_twice_and_identifications_turned_round() {
    each(|method, family| {
        let ride = second(method, family, "errors_twice = true, swaps_id = true");
        assert_eq!(ride.prober.heard.len(), 2);
        let expected = if family == Family::V4 { 0x0100 } else { 0 };
        assert_eq!(ride.heard(0).quoted().datagram.identification, expected);
    });
}

#[test]
fn every_code_of_unreachable_can_be_said() {
    let words = [
        "network",
        "host",
        "protocol",
        "port",
        "source-route",
        "network-unknown",
        "host-unknown",
        "isolated",
        "network-prohibited",
        "host-prohibited",
        "network-for-service",
        "host-for-service",
        "admin",
        "precedence",
        "precedence-cutoff",
        "scope",
        "source-policy",
        "reject-route",
    ];
    for family in Family::ALL {
        let mut said = BTreeSet::new();
        for word in words {
            let ride = trip(udp(), family, 3).over(&line(&format!("refuses = \"{word}\""), ""));
            assert_eq!(ride.names(), ["r1", "r2", "r2"]);
            let error = ride.heard(2).error();
            assert_ne!(error.meaning, Meaning::Unnamed, "{word}");
            said.insert((error.kind, error.code));
            if (error.kind, error.code) == (4, 1) {
                assert_eq!(error.pointer(), Some(6), "points at the next-header field");
            }
        }
        let all: BTreeSet<(u8, u8)> = match family {
            Family::V4 => (0..16).filter(|code| *code != 4).map(|code| (3, code)).collect(),
            Family::V6 => (0..8).map(|code| (1, code)).chain([(4, 1)]).collect(),
        };
        assert_eq!(said, all);
        let ride = trip(udp(), family, 3)
            .over(&line("refuses = { kind = 3, code = 4 }", "refuses = \"admin\""));
        let error = ride.heard(2).error();
        assert_eq!((error.kind, error.code, error.mtu_bytes()), (3, 4, None));
    }
}

#[test]
fn filters_may_look_at_protocols_or_say_nothing() {
    each(|method, family| {
        let is_udp = method.carrier() == Carrier::Udp;
        let text = line("refuses = { says = \"admin\", protocols = [\"udp\", 132] }", "");
        let last = if is_udp { "r2" } else { "b" };
        assert_eq!(trip(method, family, 4).over(&text).name(3), last);
        let text = line("", "refuses = { says = \"silent\", protocols = [\"udp\"] }");
        let last = if is_udp { "*" } else { "b" };
        assert_eq!(trip(method, family, 4).over(&text).name(3), last);
        let text = line("refuses = \"silent\"", "");
        assert_eq!(trip(method, family, 4).over(&text).names(), ["r1", "*", "*", "*"]);
        let text = line("silent = true", "");
        assert_eq!(trip(method, family, 4).over(&text).names(), ["r1", "*", "r3", "b"]);
    });
}

#[test]
fn routers_change_what_they_pass_on() {
    each(|method, family| {
        let seen = |r2: &str, hop: u8| {
            let mut trip = trip(method, family, hop);
            trip.asks.drain(..usize::from(hop) - 1);
            trip.envelope.traffic_class = 0xb9;
            let ride = trip.over(&line(r2, ""));
            let heard = ride.heard(0);
            let datagram = heard.quoted().datagram;
            (datagram.traffic_class, datagram.identification, datagram.flow_label)
        };
        let (_, identification, label) = seen("", 3);
        assert_eq!(seen("bleaches_ecn = true", 2).0, 0xb9, "it quotes what came");
        assert_eq!(seen("bleaches_ecn = true", 3).0, 0xb8);
        assert_eq!(seen("sets_dscp = 0", 3).0, 0x01);
        assert_eq!(seen("sets_dscp = 10", 3).0, 0x29);
        let is_v4 = family == Family::V4;
        assert_eq!(seen("rewrites_id = true", 3).1 != identification, is_v4);
        assert_eq!(seen("clears_flow_label = true", 3).2 != label, !is_v4);
    });
}

#[test]
fn hop_limits_may_be_handled_wrongly() {
    each(|method, family| {
        let names = |r2: &str| trip(method, family, 5).over(&line(r2, ""));
        assert_eq!(names("decrements = false").names(), ["r1", "r3", "b", "b", "b"]);
        let ride = names("passes_expired = true");
        assert_eq!(ride.names(), ["r1", "r3", "r3", "b", "b"]);
        let limits = [1, 2].map(|number| ride.heard(number).quoted().datagram.hop_limit);
        assert_eq!(limits, [0, 1]);
    });
}

#[test]
fn malformed_errors_are_what_their_names_say() {
    let names = [
        "no-quote",
        "short-quote",
        "inner-ihl-15",
        "inner-ihl-0",
        "inner-version",
        "inner-total-0",
        "short-transport",
        "udp-length-0",
        "object-length-0",
        "object-length-3",
        "object-length-long",
        "extension-checksum",
        "length-255",
        "stub",
        "one-byte",
        "echo-stub",
        "checksum",
    ];
    for family in Family::ALL {
        let mut whole = 0;
        for name in names {
            let one = first_error(family, &format!("mangles = \"{name}\""));
            if family == Family::V6 && ["one-byte", "checksum"].contains(&name) {
                assert!(one.1.is_empty(), "the kernel throws it away");
                continue;
            }
            let parsed = Message::parse(family, &one.1);
            let quoted = match parsed {
                Ok(Message::Error(error)) => error.parse_quoted().ok(),
                _ => None,
            };
            let is_v4 = family == Family::V4;
            let expected = match name {
                "stub" | "echo-stub" => Some(4),
                "one-byte" => Some(1),
                "no-quote" => Some(8),
                "short-quote" => Some(18),
                "short-transport" => Some(if is_v4 { 32 } else { 52 }),
                _ => None,
            };
            if let Some(bytes) = expected {
                assert_eq!(one.1.len(), bytes, "{name} {family}");
            }
            whole += usize::from(quoted.is_some());
            if one.1.len() >= 4 {
                let verifies = icmp::verify(one.0, one.2, &one.1);
                assert_eq!(verifies, name != "checksum", "{name} {family}");
            }
            let extensions = quoted.and_then(|quoted| quoted.extensions());
            match name {
                "object-length-0" | "object-length-3" | "object-length-long" => {
                    let structure = extensions.expect("some").expect("right so far");
                    assert!(structure.objects().next().is_some_and(|object| object.is_err()));
                }
                "extension-checksum" => assert!(extensions.is_some_and(|found| found.is_err())),
                _ => assert!(extensions.is_none(), "{name} {family}"),
            }
        }
        assert!((7..12).contains(&whole), "{whole} of the quotes can be read");
    }
}

/// Source, message and destination of the first thing that `r2` says about a probe.
fn first_error(family: Family, r2: &str) -> (IpAddr, Vec<u8>, IpAddr) {
    let mut world = World::load(&line(r2, ""), "test", None).expect("a scenario");
    let address =
        |world: &World, name: &str| world.addresses(world.node(name).expect("a node"), family)[0];
    let [a, b, r2] = ["a", "b", "r2"].map(|name| address(&world, name));
    let at = world.default_node();
    let mut ear = Ear { to: b, from: r2, source: a, heard: None, is_sent: false };
    world.drive(at, Carrier::Udp, &Envelope::default(), &mut ear, &mut Deaf, &mut || None);
    let heard = ear.heard.unwrap_or_default();
    (r2, heard, a)
}

/// Sends one UDP probe to the second hop and keeps the ICMP message that comes in time, whatever
/// it is.
struct Ear {
    to: IpAddr,
    from: IpAddr,
    source: IpAddr,
    heard: Option<Vec<u8>>,
    is_sent: bool,
}

impl Engine for Ear {
    type Report = ();

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<()> {
        let end = Time(1_000_000_000);
        if now >= end {
            return Output::Done;
        }
        if std::mem::replace(&mut self.is_sent, true) {
            return Output::Wait { until: end, why: "listens" };
        }
        let question = Question {
            source: self.source,
            to: self.to,
            port: 41_000,
            to_port: 33_434,
            flow: 0,
            mark: 7,
            token: 9,
            payload_bytes: 32,
            is_steady: true,
        };
        datagram.clear();
        udp().encode(&question, datagram);
        let header = Own { hop_limit: Some(2), ..Own::default() };
        Output::Send(Transmit { to: self.to, zone: 0, lane: 0, ticket: 0, header })
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        if arrival.source == self.from && now == Time(6_000_000) {
            self.heard.get_or_insert(arrival.payload.to_vec());
        }
    }

    fn sent(&mut self, _ticket: Ticket, _stamp: Stamp) {}
    fn send_failed(&mut self, _now: Time, _ticket: Ticket, _fault: SendFault) {}
    fn receive_dropped(&mut self, _count: u32) {}
    fn stop(&mut self, _now: Time) {}
}

impl Observer<Ear> for Deaf {
    fn report(&mut self, _engine: &Ear, _report: ()) {}
}

#[test]
fn malformed_errors_come_in_turn() {
    each(|method, family| {
        let trip = trip(method, family, 1).repeated(2, 40, Duration::from_millis(10));
        let ride = trip.over(&line("mangles = [\"no-quote\", \"length-255\"]", ""));
        let heard: Vec<usize> = ride.prober.heard.iter().map(|heard| heard.probe).collect();
        assert!(heard.iter().all(|number| number % 2 == 1) && heard.len() == 20, "{heard:?}");
        // The rest of the road is as it was.
        let ride = super::trip(method, family, 4).over(&line("mangles = \"all\"", ""));
        assert_eq!(
            (ride.name(0), ride.name(2), ride.name(3)),
            ("r1".into(), "r3".into(), "b".into())
        );
    });
}
