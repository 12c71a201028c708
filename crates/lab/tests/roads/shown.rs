//! The scenarios that are shipped show what their first lines say.

use super::*;
use probe::method::by_name;

fn udp() -> &'static dyn Method {
    by_name("udp").expect("udp")
}

#[test]
fn thirty_hops_take_a_tenth_of_a_second() {
    each(|method, family| {
        let ride = trip(method, family, 30).over(include_str!("../../scenarios/long-30-hops.toml"));
        assert_eq!(ride.name(28), "r29");
        assert_eq!(ride.name(29), "b");
        assert_eq!(ride.heard(29).rtt, Duration::from_millis(100));
    });
}

#[test]
fn runs_repeat_noise_included() {
    each(|method, family| {
        for text in [
            include_str!("../../scenarios/uneven.toml"),
            include_str!("../../scenarios/asymmetric.toml"),
            include_str!("../../scenarios/nat.toml"),
            include_str!("../../scenarios/rewriting.toml"),
        ] {
            let story = |seed: u64| {
                let text = format!("seed = {seed}\n{text}");
                let prober = trip(method, family, 9).over(&text).prober;
                format!("{:?} {:?}", prober.heard, prober.strange)
            };
            assert_eq!(story(1), story(1));
            assert_ne!(story(1), story(2));
        }
    });
}

#[test]
fn tails_are_silent() {
    each(|method, family| {
        let names = |text| trip(method, family, 7).over(text).names();
        let seen = names(include_str!("../../scenarios/silent-tail.toml"));
        let end = if method.carrier() == Carrier::Tcp { "b" } else { "*" };
        assert_eq!(seen, ["r1", "r2", "r3", "*", "*", "*", end], "{method:?} {family}");
        let seen = names(include_str!("../../scenarios/black-hole.toml"));
        assert_eq!(seen, ["r1", "r2", "*", "*", "*", "*", "*"]);
    });
}

#[test]
fn tunnels_are_seen_or_not() {
    each(|method, family| {
        let ride = trip(method, family, 7).over(include_str!("../../scenarios/mpls.toml"));
        assert_eq!(ride.names(), ["r1", "in", "mid", "out", "old", "r2", "b"]);
        let carry = |number: usize| ride.heard(number).quoted().extensions().is_some();
        assert_eq!([0, 1, 2, 3, 4, 5].map(carry), [false, true, true, true, true, true]);
    });
}

#[test]
fn odd_routers_are_odd() {
    each(|method, family| {
        let ride = trip(method, family, 7).over(include_str!("../../scenarios/odd-routers.toml"));
        assert_eq!(ride.names(), ["?", "b", "r6", "r4", "r6", "r6", "b"]);
        assert_eq!(ride.prober.heard.len(), 8);
        let ride = trip(method, family, 4).over(include_str!("../../scenarios/malformed.toml"));
        assert_eq!(ride.names(), ["r1", "*", "r3", "b"]);
    });
}

#[test]
fn everybody_refuses_by_the_word_of_their_name() {
    let text = include_str!("../../scenarios/prohibited-codes.toml");
    for family in Family::ALL {
        for (to, meaning) in [
            ("admin", Meaning::CommunicationProhibited),
            ("host", Meaning::HostUnreachable),
            ("port", Meaning::PortUnreachable),
        ] {
            let ride = Trip { to, ..trip(udp(), family, 3) }.over(text);
            let refuser = format!("by-{to}");
            assert_eq!(ride.names(), ["r1", &refuser, &refuser]);
            assert_eq!(ride.heard(2).meaning(), Some(meaning));
        }
        let web = |method: &str| {
            let method = by_name(method).expect("a method");
            Trip { to: "web", ..trip(method, family, 3) }.over(text).names()
        };
        assert_eq!(web("udp"), ["r1", "*", "*"]);
        assert_eq!(web("tcp"), ["r1", "by-protocol-alone", "web"]);
    }
}

#[test]
fn changes_are_seen_one_router_later() {
    let text = include_str!("../../scenarios/rewriting.toml");
    each(|method, family| {
        let mut trip = trip(method, family, 6);
        trip.envelope.traffic_class = 0xb9;
        let ride = trip.over(text);
        let seen = |number: usize| {
            let datagram = ride.heard(number).quoted().datagram;
            (datagram.traffic_class, datagram.flow_label != 0)
        };
        let is_v6 = family == Family::V6;
        let classes = [0, 1, 2].map(|number| seen(number).0);
        assert_eq!(classes, [0xb9, 0xb8, 0x00], "{method:?} {family}");
        assert_eq!([seen(3).1, seen(4).1], [is_v6, false]);
    });
}

#[test]
fn dice_make_several_roads_look_like_one() {
    let text = include_str!("../../scenarios/uneven.toml");
    each(|method, family| {
        let trip = trip(method, family, 1).repeated(3, 40, Duration::from_millis(20));
        let mut names = trip.over(text).names();
        names.sort();
        names.dedup();
        assert_eq!(names, ["long2", "right"], "{method:?} {family}");
    });
}

#[test]
fn the_corpus_breaks_nothing() {
    let inputs = testbed::replay("scenario", hostile::check);
    assert!(inputs >= 10, "{inputs} inputs");
}
