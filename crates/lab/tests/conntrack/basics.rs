//! What every personality does: roads, listings, events, errors, room.

use super::*;
use lab::conntrack::{Forward, Hook, Relation, Station, road};

#[test]
fn an_answer_finds_its_way_back() {
    for (_, personality) in Personality::ALL {
        for net in [v4(), v6()] {
            let mut tracker = gateway(*personality);
            let (a, s) = ((net.a, 4_000), (net.s, 53));
            let outer = mapped(&mut tracker, Time::ZERO, a, s);
            assert_eq!(outer.0, net.n, "{personality:?}");
            let answer = back(&mut tracker, Time::ZERO, &udp(s, outer)).expect("an answer");
            assert_eq!(answer, udp(s, a), "{personality:?}");
            // The same out again.
            assert_eq!(mapped(&mut tracker, Time::ZERO, a, s), outer);
            assert_eq!(tracker.len(), 1);
        }
    }
}

#[test]
fn queries_are_translated_by_their_identifier() {
    for (_, personality) in Personality::ALL {
        for net in [v4(), v6()] {
            let mut tracker = gateway(*personality);
            let query = out(&mut tracker, Time::ZERO, &echo(net.a, net.s, 77, false));
            let query = query.expect("it leaves");
            let (outer, _) = ends(&query);
            assert_eq!(query, echo(net.n, net.s, outer.1, false));
            let reply = echo(net.s, net.n, outer.1, true);
            let reply = back(&mut tracker, Time::ZERO, &reply).expect("an answer");
            assert_eq!(reply, echo(net.s, net.a, 77, true), "{personality:?}");
            // A reply to nothing begins nothing.
            let stray = echo(net.s, net.n, outer.1.wrapping_add(1), true);
            let before = tracker.len();
            let _ = back(&mut tracker, Time::ZERO, &stray);
            assert_eq!(tracker.len(), before);
        }
    }
}

#[test]
fn errors_are_translated_with_what_they_quote() {
    for (_, personality) in Personality::ALL {
        for net in [v4(), v6()] {
            let mut tracker = gateway(*personality);
            let (a, s) = ((net.a, 4_000), (net.s, 9));
            let question = udp(a, s);
            let left = out(&mut tracker, Time::ZERO, &question).expect("it leaves");
            // A router on the way speaks, not the target.
            let error = unreachable(net.t, net.n, &left);
            let error = back(&mut tracker, Time::ZERO, &error).expect("it is about something");
            assert_eq!(error, unreachable(net.t, net.a, &question), "{personality:?}");
            // And about an answer, from inside.
            let outer = ends(&left).0;
            let answer = udp(s, outer);
            let came = back(&mut tracker, Time::ZERO, &answer).expect("an answer");
            let error = unreachable(net.b, net.s, &came);
            let error = out(&mut tracker, Time::ZERO, &error).expect("it is about something");
            assert_eq!(error, unreachable(net.n, net.s, &answer), "{personality:?}");
        }
    }
}

#[test]
fn errors_about_nothing_are_invalid() {
    let net = v4();
    let mut tracker = gateway(Personality::Linux);
    let stray = unreachable(net.s, net.n, &udp((net.n, 4_000), (net.s, 9)));
    let mut bytes = stray.clone();
    let (verdict, passage) = tracker.prerouting(Time::ZERO, &mut bytes, Realm::Outside);
    assert_eq!((verdict, passage.relation()), (Verdict::Accept, Relation::Invalid));
    assert_eq!(bytes, stray);
    let counts = tracker.statistics();
    assert_eq!((counts.invalid, counts.error), (1, 1));
    for broken in [gateway(Personality::Bcp127), gateway(Personality::Cgnat)] {
        let mut broken = broken;
        assert_eq!(back(&mut broken, Time::ZERO, &stray), Err(Verdict::Drop("invalid")));
    }
}

#[test]
fn what_is_dropped_on_the_way_leaves_nothing() {
    let net = v4();
    for (_, personality) in Personality::ALL {
        let mut tracker = gateway(*personality);
        let mut bytes = udp((net.a, 4_000), (net.s, 53));
        let (verdict, passage) = tracker.prerouting(Time::ZERO, &mut bytes, Realm::Inside);
        assert_eq!((verdict, passage.relation()), (Verdict::Accept, Relation::New));
        // Nobody takes the passage any farther.
        assert!(tracker.is_empty());
        assert_eq!(tracker.mappings(), 0);
    }
}

#[test]
fn a_road_is_told_in_words() {
    let net = v4();
    let mut tracker = gateway(Personality::Linux);
    assert!(tracker.steps().is_empty());
    tracker.explain(true);
    let (a, s) = ((net.a, 4_000), (net.s, 53));
    out(&mut tracker, Time::ZERO, &udp(a, s)).expect("it leaves");
    assert_eq!(
        road(tracker.steps()),
        "PREROUTING: new; FORWARD: passed; POSTROUTING: masquerade 192.0.2.2:4000 -> \
         203.0.113.5:4000; confirmed"
    );
    back(&mut tracker, Time::ZERO, &udp(s, (net.n, 4_000))).expect("an answer");
    assert_eq!(
        road(tracker.steps()),
        "PREROUTING: established, reply; destination 203.0.113.5:4000 -> 192.0.2.2:4000; \
         FORWARD: passed"
    );
    let order = |hook: Hook| tracker.steps().iter().filter(move |step| step.hook == hook);
    assert!(order(Hook::Prerouting).is_sorted_by_key(|step| step.station.priority()));
    assert_eq!(Station::Destination.priority(), -100);
}

#[test]
fn lines_are_those_of_conntrack() {
    let net = v4();
    let mut tracker = gateway(Personality::Linux);
    tracker.watch(true);
    let (a, s) = ((net.a, 4_000), (net.s, 80));
    out(&mut tracker, Time::ZERO, &tcp(a, s, SYN, 100, 0)).expect("it leaves");
    out(&mut tracker, Time::ZERO, &echo(net.a, net.s, 77, false)).expect("it leaves");
    out(&mut tracker, seconds(1), &datagram(net.a, net.s, 47, &[0; 8])).expect("it leaves");
    let n = (net.n, 4_000);
    back(&mut tracker, seconds(2), &tcp(s, n, SYN | ACK, 500, 101)).expect("it comes");
    out(&mut tracker, seconds(2), &tcp(a, s, ACK, 101, 501)).expect("it leaves");
    let lines = lines(&tracker, seconds(2));
    assert_eq!(
        lines,
        [
            "icmp     1 28 src=192.0.2.2 dst=198.51.100.2 type=8 code=0 id=77 [UNREPLIED] \
             src=198.51.100.2 dst=203.0.113.5 type=0 code=0 id=77 mark=0 use=1",
            "tcp      6 432000 ESTABLISHED src=192.0.2.2 dst=198.51.100.2 sport=4000 dport=80 \
             src=198.51.100.2 dst=203.0.113.5 sport=80 dport=4000 [ASSURED] mark=0 use=1",
            "gre      47 29 src=192.0.2.2 dst=198.51.100.2 srckey=0x0 dstkey=0x0 [UNREPLIED] \
             src=198.51.100.2 dst=203.0.113.5 srckey=0x0 dstkey=0x0 mark=0 use=1",
        ]
    );
    let events: Vec<String> = tracker.take_events().map(|event| event.to_string()).collect();
    let words: Vec<&str> =
        events.iter().map(|line| line.split_whitespace().next().expect("a word")).collect();
    assert_eq!(words, ["[NEW]", "[NEW]", "[NEW]", "[UPDATE]", "[UPDATE]"]);
    // As `conntrack -E` prints them.
    assert_eq!(
        events[4],
        " [UPDATE] tcp      6 432000 ESTABLISHED src=192.0.2.2 dst=198.51.100.2 sport=4000 \
         dport=80 src=198.51.100.2 dst=203.0.113.5 sport=80 dport=4000 [ASSURED]"
    );
    tracker.sweep(seconds(432_100), 1_000);
    let gone: Vec<String> = tracker.take_events().map(|event| event.to_string()).collect();
    assert_eq!(gone.len(), 3);
    assert_eq!(
        gone[0],
        "[DESTROY] icmp     1 src=192.0.2.2 dst=198.51.100.2 type=8 code=0 id=77 [UNREPLIED] \
         src=198.51.100.2 dst=203.0.113.5 type=0 code=0 id=77"
    );
    assert!(tracker.is_empty());
    let json = Listed::json(&gateway_with_one().list(Time::ZERO)[0]);
    assert_eq!(
        json,
        concat!(
            r#"{"protocol":"udp","number":17,"timeout_s":30,"original":{"source":"192.0.2.2","#,
            r#""destination":"198.51.100.2","source_port":1,"destination_port":2},"reply":"#,
            r#"{"source":"198.51.100.2","destination":"203.0.113.5","source_port":2,"#,
            r#""destination_port":1},"answered":false,"assured":false}"#
        )
    );
}

fn gateway_with_one() -> Tracker {
    let mut tracker = gateway(Personality::Linux);
    mapped(&mut tracker, Time::ZERO, (v4().a, 1), (v4().s, 2));
    tracker
}

#[test]
fn a_full_table_makes_room_of_what_is_not_assured() {
    let net = v4();
    let limited = |personality: Personality| {
        Tracker::new(Plan { limit: 10, ..plan(personality.behaviour()) }, 1)
    };
    let mut tracker = limited(Personality::Linux);
    let send = |tracker: &mut Tracker, port: u16, now: Time| {
        out(tracker, now, &udp((net.a, port), (net.s, 53)))
    };
    for port in 0..10 {
        send(&mut tracker, 2_000 + port, Time::ZERO).expect("there is room");
    }
    send(&mut tracker, 3_000, Time::ZERO).expect("another one goes");
    assert_eq!((tracker.len(), tracker.statistics().early_drop), (10, 1));
    // Streams stay.
    let mut tracker = limited(Personality::Linux);
    for port in 2_000..2_010 {
        send(&mut tracker, port, Time::ZERO).expect("there is room");
        back(&mut tracker, Time::ZERO, &udp((net.s, 53), (net.n, port))).expect("an answer");
        send(&mut tracker, port, seconds(3)).expect("it goes on");
    }
    assert_eq!(send(&mut tracker, 3_000, seconds(3)), Err(Verdict::Drop("the table is full")));
    assert_eq!((tracker.len(), tracker.statistics().drop), (10, 1));
    // Where nothing may be forgotten, nothing is.
    let mut tracker = limited(Personality::Bcp127);
    for port in 2_000..2_010 {
        send(&mut tracker, port, Time::ZERO).expect("there is room");
    }
    assert!(matches!(send(&mut tracker, 3_000, Time::ZERO), Err(Verdict::Refuse(_))));
    assert_eq!((tracker.len(), tracker.statistics().early_drop), (10, 0));
    // What has expired is no obstacle.
    send(&mut tracker, 3_000, seconds(1_000)).expect("there is room again");
}

/// Ports 1024 to 65535 are 64,512: so many connections to one destination have one outer address.
#[test]
fn one_address_carries_64_512_connections_to_one_destination() {
    let net = v4();
    for personality in [Personality::Linux, Personality::PortRestricted] {
        let mut tracker = gateway(personality);
        let server = (net.s, 443);
        let mut seen = vec![false; 65_536];
        for port in 1_024..=65_535_u16 {
            let outer = mapped(&mut tracker, Time::ZERO, (net.a, port), server);
            assert_eq!(outer.0, net.n);
            assert!(outer.1 >= 1_024 && !seen[usize::from(outer.1)], "{personality:?} {port}");
            seen[usize::from(outer.1)] = true;
        }
        assert_eq!(tracker.len(), 64_512);
        let dropped = tracker.statistics().drop;
        let refused = out(&mut tracker, Time::ZERO, &udp((net.b, 5_000), server));
        assert!(refused.is_err(), "{personality:?}");
        assert_eq!(tracker.statistics().drop, dropped + 1);
        assert_eq!(tracker.len(), 64_512);
        // A packet of one that is held still goes.
        mapped(&mut tracker, Time::ZERO, (net.a, 2_000), server);
        // To another destination there is room, where ports may be given out twice.
        let other = out(&mut tracker, Time::ZERO, &udp((net.b, 5_000), (net.t, 443)));
        assert_eq!(other.is_ok(), personality == Personality::Linux);
        // One expires: another takes its place.
        let later = seconds(10_000);
        mapped(&mut tracker, later, (net.b, 5_000), server);
    }
}

#[test]
fn everything_else_is_given_back_when_it_expires() {
    let net = v4();
    for (_, personality) in Personality::ALL {
        let mut tracker = gateway(*personality);
        for port in 0..500 {
            mapped(&mut tracker, seconds(port.into()), (net.a, 1_024 + port), (net.s, 53));
        }
        assert!(!tracker.is_empty());
        while let Some(due) = tracker.due() {
            tracker.sweep(due, 16);
        }
        assert!(tracker.is_empty());
        assert_eq!(tracker.mappings(), 0, "{personality:?}");
    }
}

#[test]
fn a_gateway_forwards_ports() {
    for (_, personality) in Personality::ALL {
        for net in [v4(), v6()] {
            let rule = Forward {
                protocol: Some(protocol::TCP),
                address: None,
                port: Some(8_080),
                to: net.b,
                to_port: Some(80),
                is_anywhere: false,
            };
            let plan = Plan { forwards: vec![rule], ..plan(personality.behaviour()) };
            let mut tracker = Tracker::new(plan, 1);
            let (client, outer, server) = ((net.s, 4_000), (net.n, 8_080), (net.b, 80));
            let syn = back(&mut tracker, Time::ZERO, &tcp(client, outer, SYN, 1, 0));
            assert_eq!(syn.expect("it is let in"), tcp(client, server, SYN, 1, 0));
            let answer = tcp(server, client, SYN | ACK, 7, 2);
            let answer = out(&mut tracker, Time::ZERO, &answer).expect("it leaves");
            assert_eq!(answer, tcp(outer, client, SYN | ACK, 7, 2), "{personality:?}");
        }
    }
}

#[test]
fn behaviour_changes_at_run_time() {
    let net = v4();
    let mut tracker = gateway(Personality::Linux);
    let (a, s) = ((net.a, 4_000), (net.s, 53));
    let outer = mapped(&mut tracker, Time::ZERO, a, s);
    let stranger = udp((net.t, 1), outer);
    assert!(back(&mut tracker, Time::ZERO, &stranger).is_ok_and(|bytes| bytes == stranger));
    tracker.set_behaviour(Personality::FullCone.behaviour());
    // The connection goes on, its outer end is a mapping now, and that is open.
    let answer = back(&mut tracker, Time::ZERO, &udp(s, outer)).expect("an answer");
    assert_eq!(answer, udp(s, a));
    let stranger = udp((net.t, 2), outer);
    let came = back(&mut tracker, Time::ZERO, &stranger).expect("let in");
    assert_eq!(came, udp((net.t, 2), a));
    assert_eq!(mapped(&mut tracker, Time::ZERO, a, (net.t, 9)), outer);
    tracker.set_behaviour(Personality::Linux.behaviour());
    assert_eq!(mapped(&mut tracker, Time::ZERO, a, (net.t, 10)), outer);
    tracker.flush(Time::ZERO);
    assert_eq!((tracker.len(), tracker.mappings()), (0, 0));
}

#[test]
fn two_packets_may_be_under_way_at_once() {
    let net = v4();
    let mut tracker = gateway(Personality::Linux);
    let (a, s) = ((net.a, 4_000), (net.s, 53));
    let begin = |tracker: &mut Tracker, packet: Vec<u8>| {
        let mut bytes = packet;
        let (verdict, passage) = tracker.prerouting(Time::ZERO, &mut bytes, Realm::Inside);
        assert_eq!(verdict, Verdict::Accept);
        (bytes, passage)
    };
    let end = |tracker: &mut Tracker, (mut bytes, mut passage): (Vec<u8>, _)| {
        tracker.postrouting(Time::ZERO, &mut bytes, &mut passage, Realm::Outside)
    };
    // Two of the same connection: the second joins the first.
    let first = begin(&mut tracker, udp(a, s));
    let second = begin(&mut tracker, udp(a, s));
    assert_eq!(end(&mut tracker, first), Verdict::Accept);
    assert_eq!(end(&mut tracker, second), Verdict::Accept);
    assert_eq!((tracker.len(), tracker.statistics().clash_resolve), (1, 1));
    // TCP does not.
    let first = begin(&mut tracker, tcp(a, s, SYN, 1, 0));
    let second = begin(&mut tracker, tcp(a, s, SYN, 1, 0));
    assert_eq!(end(&mut tracker, first), Verdict::Accept);
    assert_eq!(end(&mut tracker, second), Verdict::Drop("its name is taken"));
    assert_eq!((tracker.len(), tracker.statistics().insert_failed), (2, 1));
}
