//! What Linux's masquerade does where others do otherwise: how it looks for a port, what it lets
//! pass, what it forgets.

use super::*;
use lab::conntrack::{Forward, Pooling, Relation, State, Timers};

fn linux() -> Tracker {
    gateway(Personality::Linux)
}

/// Figures of `sysctl net.netfilter` on a kernel 6.18.
#[test]
fn timers_are_those_of_the_kernel() {
    let Timers { tcp, tcp_max_retrans, tcp_unacknowledged, udp, udp_stream, .. } = Timers::LINUX;
    let of = |state: State| tcp[state as usize];
    assert_eq!(of(State::SynSent), 120);
    assert_eq!(of(State::SynRecv), 60);
    assert_eq!(of(State::Established), 432_000);
    assert_eq!(of(State::FinWait), 120);
    assert_eq!(of(State::CloseWait), 60);
    assert_eq!(of(State::LastAck), 30);
    assert_eq!(of(State::TimeWait), 120);
    assert_eq!(of(State::Close), 10);
    assert_eq!((tcp_max_retrans, tcp_unacknowledged, udp, udp_stream), (300, 300, 30, 120));
    assert_eq!((Timers::LINUX.icmp, Timers::LINUX.generic), (30, 600));
}

#[test]
fn a_port_stays_if_it_is_free() {
    let net = v4();
    let mut tracker = linux();
    for port in [1, 80, 600, 1_024, 65_535] {
        assert_eq!(mapped(&mut tracker, Time::ZERO, (net.a, port), (net.s, 53)), (net.n, port));
    }
    // To another destination it is free once more.
    assert_eq!(mapped(&mut tracker, Time::ZERO, (net.b, 80), (net.t, 53)), (net.n, 80));
}

#[test]
fn a_port_that_is_taken_is_replaced_within_its_class() {
    let net = v4();
    for (port, class) in [
        (80, 1..=511),
        (511, 1..=511),
        (512, 600..=1_023),
        (1_023, 600..=1_023),
        (1_024, 1_024..=65_535),
    ] {
        let mut tracker = linux();
        let mut seen = Vec::new();
        for host in 1..=30 {
            let inner = (IpAddr::from([192, 0, 2, host]), port);
            let outer = mapped(&mut tracker, Time::ZERO, inner, (net.s, 53)).1;
            assert!(outer == port || class.contains(&outer), "{port} became {outer}");
            seen.push(outer);
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 30);
    }
}

#[test]
fn another_connection_of_the_same_source_lends_its_port() {
    let net = v4();
    let mut tracker = linux();
    mapped(&mut tracker, Time::ZERO, (net.b, 4_000), (net.s, 53));
    let a = (net.a, 4_000);
    let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
    assert_ne!(outer.1, 4_000);
    // 4000 would be free there, but a is known under another port.
    assert_eq!(mapped(&mut tracker, Time::ZERO, a, (net.t, 53)), outer);
    // Unless that is taken there.
    mapped(&mut tracker, Time::ZERO, (net.b, outer.1), (net.t, 54));
    assert_ne!(mapped(&mut tracker, Time::ZERO, a, (net.t, 54)), outer);
}

#[test]
fn nobody_but_who_was_asked_gets_in() {
    let net = v4();
    let mut tracker = linux();
    let outer = mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    for from in [(net.s, 54), (net.t, 53)] {
        let mut bytes = udp(from, outer);
        let (verdict, passage) = tracker.prerouting(Time::ZERO, &mut bytes, Realm::Outside);
        // It is for the gateway itself, which will say that nobody is there.
        assert_eq!((verdict, passage.relation()), (Verdict::Accept, Relation::New));
        assert_eq!(bytes, udp(from, outer));
    }
}

#[test]
fn udp_is_a_stream_after_two_seconds() {
    let net = v4();
    let mut tracker = linux();
    let (a, s) = ((net.a, 4_000), (net.s, 53));
    let left = |tracker: &Tracker, now| {
        let all = tracker.list(now);
        (all[0].left_seconds, all[0].is_assured)
    };
    let outer = mapped(&mut tracker, Time::ZERO, a, s);
    assert_eq!(left(&tracker, Time::ZERO), (30, false));
    back(&mut tracker, seconds(1), &udp(s, outer)).expect("an answer");
    assert_eq!(left(&tracker, seconds(1)), (30, false));
    mapped(&mut tracker, seconds(2), a, s);
    assert_eq!(left(&tracker, seconds(2)), (30, false));
    mapped(&mut tracker, seconds(3), a, s);
    assert_eq!(left(&tracker, seconds(3)), (120, true));
}

#[test]
fn strays_begin_a_connection_unless_that_is_forbidden() {
    let net = v4();
    let stray = tcp((net.a, 4_000), (net.s, 80), ACK, 100, 200);
    let mut tracker = linux();
    let left = out(&mut tracker, Time::ZERO, &stray).expect("it leaves");
    assert_eq!(ends(&left).0, (net.n, 4_000));
    assert_eq!(tracker.list(Time::ZERO)[0].state, Some(State::Established));
    assert_eq!(tracker.list(Time::ZERO)[0].left_seconds, 300);
    let mut tracker = with(Behaviour { is_loose: false, ..Personality::Linux.behaviour() });
    // It passes as it is: nothing but a filter would stop it.
    assert_eq!(out(&mut tracker, Time::ZERO, &stray), Ok(stray.clone()));
    assert!(tracker.is_empty());
    assert_eq!(tracker.statistics().invalid, 1);
    for flags in [FIN | ACK, RST, SYN | ACK, 0, SYN | FIN, SYN | RST] {
        let segment = tcp((net.a, 4_000), (net.s, 80), flags, 100, 200);
        assert_eq!(out(&mut linux(), Time::ZERO, &segment), Ok(segment), "{flags}");
    }
}

#[test]
fn a_reset_that_is_all_that_comes_back_ends_it() {
    let net = v4();
    let mut tracker = linux();
    let (a, s) = ((net.a, 4_000), (net.s, 80));
    let left = out(&mut tracker, Time::ZERO, &tcp(a, s, SYN, 100, 0)).expect("it leaves");
    let reset = tcp(s, ends(&left).0, RST | ACK, 0, 101);
    // It is translated still.
    let came = back(&mut tracker, Time::ZERO, &reset).expect("it comes");
    assert_eq!(came, tcp(s, a, RST | ACK, 0, 101));
    assert!(tracker.is_empty());
}

/// Lines of `conntrack -E` on a kernel 6.18 of 250 ticks a second: a reset within the tick of the
/// SYN, and one that came 300 ms later.
#[test]
fn what_is_reset_at_once_ends_as_closed() {
    let net = v4();
    for (after_ms, left) in [(3, 120), (300, 119)] {
        let mut tracker = linux();
        tracker.watch(true);
        let (a, s) = ((net.a, 4_000), (net.s, 81));
        let left_as = out(&mut tracker, seconds(1), &tcp(a, s, SYN, 100, 0)).expect("it leaves");
        let reset = tcp(s, ends(&left_as).0, RST | ACK, 0, 101);
        let later = Time(seconds(1).0 + after_ms * 1_000_000);
        back(&mut tracker, later, &reset).expect("it comes");
        let told: Vec<String> = tracker.take_events().map(|event| event.to_string()).collect();
        let ends = "src=192.0.2.2 dst=198.51.100.2 sport=4000 dport=81 [UNREPLIED] \
                    src=198.51.100.2 dst=203.0.113.5 sport=81 dport=4000";
        let wanted = [
            format!("    [NEW] tcp      6 120 SYN_SENT {ends}"),
            format!("[DESTROY] tcp      6 {left} CLOSE {ends}"),
        ];
        assert_eq!(told, wanted);
        let counted = tracker.statistics();
        assert_eq!((counted.insert, counted.confirmed), (0, 1));
        assert!(counted.to_string().ends_with(" chaintoolong=0 "));
    }
}

#[test]
fn a_family_may_be_spared() {
    for (personality, lets_in) in [(Personality::Linux, true), (Personality::Bcp127, false)] {
        for drops_unasked in [None, Some(true), Some(false)] {
            let plan = Plan {
                pool: vec![v4().n],
                families: vec![Family::V4],
                drops_unasked,
                ..plan(personality.behaviour())
            };
            let mut tracker = Tracker::new(plan, 1);
            let net = v6();
            let (a, s) = ((net.a, 4_000), (net.s, 53));
            // It leaves as it is, and is tracked, and so its answer comes in.
            assert_eq!(out(&mut tracker, Time::ZERO, &udp(a, s)), Ok(udp(a, s)));
            assert_eq!(tracker.len(), 1);
            assert_eq!(back(&mut tracker, Time::ZERO, &udp(s, a)), Ok(udp(s, a)));
            // What nobody asked for is let in or not.
            let unasked = udp((net.t, 53), a);
            let came = back(&mut tracker, Time::ZERO, &unasked);
            match drops_unasked.map_or(lets_in, |drops| !drops) {
                true => assert_eq!(came, Ok(unasked)),
                false => assert_eq!(came, Err(Verdict::Drop("unsolicited"))),
            }
            // The other is translated.
            let net = v4();
            let left = out(&mut tracker, Time::ZERO, &udp((net.a, 4_000), (net.s, 53)));
            assert_eq!(ends(&left.expect("it leaves")).0.0, net.n);
        }
    }
}

#[test]
fn a_filter_drops_what_belongs_to_nothing() {
    let net = v4();
    let stray = unreachable(net.s, net.a, &udp((net.a, 4_000), (net.s, 53)));
    let through = |drops_unasked| {
        let plan = Plan { drops_unasked, ..plan(Personality::Linux.behaviour()) };
        back(&mut Tracker::new(plan, 1), Time::ZERO, &stray)
    };
    assert_eq!(through(None), Ok(stray.clone()));
    assert_eq!(through(Some(true)), Err(Verdict::Drop("invalid")));
}

#[test]
fn damaged_packets_are_not_tracked() {
    let net = v4();
    let mut tracker = linux();
    for packet in [
        udp((net.a, 4_000), (net.s, 53)),
        tcp((net.a, 4_000), (net.s, 80), SYN, 1, 0),
        echo(net.a, net.s, 7, false),
    ] {
        let mut bytes = packet.clone();
        let last = bytes.len() - 1;
        bytes[last] ^= 0xff;
        let (verdict, passage) = tracker.prerouting(Time::ZERO, &mut bytes, Realm::Inside);
        assert_eq!((verdict, passage.relation()), (Verdict::Accept, Relation::Invalid));
    }
    // UDP without a checksum is right in IPv4, and has none afterwards.
    let mut bytes = udp((net.a, 4_000), (net.s, 53));
    bytes[26..28].fill(0);
    let left = out(&mut tracker, Time::ZERO, &bytes);
    assert_eq!(left.expect("it leaves")[26..28], [0, 0]);
}

#[test]
fn packets_of_the_gateway_itself_are_tracked() {
    let net = v4();
    let mut tracker = linux();
    let (n, s) = ((net.n, 4_000), (net.s, 53));
    let mut bytes = udp(n, s);
    let (_, mut passage) = tracker.output(Time::ZERO, &mut bytes);
    let verdict = tracker.postrouting(Time::ZERO, &mut bytes, &mut passage, Realm::Outside);
    assert_eq!((verdict, bytes), (Verdict::Accept, udp(n, s)));
    // Its port is taken then.
    assert_ne!(mapped(&mut tracker, Time::ZERO, (net.a, 4_000), s).1, 4_000);
    let mut answer = udp(s, n);
    let (_, mut passage) = tracker.prerouting(Time::ZERO, &mut answer, Realm::Outside);
    assert_eq!(passage.relation(), Relation::Established);
    assert!(passage.is_reply());
    assert_eq!(tracker.input(Time::ZERO, &mut answer, &mut passage), Verdict::Accept);
    assert_eq!(answer, udp(s, n));
}

#[test]
fn what_has_no_ports_is_told_apart_by_addresses() {
    for net in [v4(), v6()] {
        let mut tracker = linux();
        let packet = |from, to| datagram(from, to, 47, b"GRE-like");
        let left = out(&mut tracker, Time::ZERO, &packet(net.a, net.s)).expect("it leaves");
        assert_eq!(left, packet(net.n, net.s));
        let came = back(&mut tracker, Time::ZERO, &packet(net.s, net.n)).expect("an answer");
        assert_eq!(came, packet(net.s, net.a));
        // A second host has no name left there.
        let other = out(&mut tracker, Time::ZERO, &packet(net.b, net.s));
        assert_eq!(other, Err(Verdict::Drop("its name is taken")));
        assert_eq!(tracker.statistics().insert_failed, 1);
        out(&mut tracker, Time::ZERO, &packet(net.b, net.t)).expect("elsewhere it has");
    }
}

#[test]
fn pools_are_chosen_from_by_hash() {
    let net = v4();
    let pool: Vec<IpAddr> = (0..4).map(|last| IpAddr::from([203, 0, 113, 20 + last])).collect();
    let tracker = |pooling| {
        let behaviour = Behaviour { pooling, ..Personality::Linux.behaviour() };
        Tracker::new(Plan { pool: pool.clone(), ..plan(behaviour) }, 1)
    };
    let outer = |tracker: &mut Tracker, host: u8, to| {
        let inner = (IpAddr::from([192, 0, 2, host]), 4_000 + u16::from(host));
        mapped(tracker, Time::ZERO, inner, (to, 53)).0
    };
    let (mut paired, mut arbitrary) = (tracker(Pooling::Paired), tracker(Pooling::Arbitrary));
    let mut differs = false;
    for host in 1..=60 {
        assert_eq!(outer(&mut paired, host, net.s), outer(&mut paired, host, net.t));
        // Under one source port Linux reuses the mapping; under others it may differ.
        let inner = |port| (IpAddr::from([192, 0, 2, host]), port);
        let first = mapped(&mut arbitrary, Time::ZERO, inner(1_000), (net.s, 53)).0;
        let second = mapped(&mut arbitrary, Time::ZERO, inner(2_000), (net.t, 53)).0;
        differs |= first != second;
        assert!(pool.contains(&first) && pool.contains(&second));
    }
    assert!(differs);
}

#[test]
fn ports_may_be_limited_to_a_range() {
    let net = v4();
    let plan = Plan { ports: Some(10_000..=10_009), ..plan(Personality::Linux.behaviour()) };
    let mut tracker = Tracker::new(plan, 1);
    assert_eq!(mapped(&mut tracker, Time::ZERO, (net.a, 10_005), (net.s, 53)).1, 10_005);
    for port in 0..9 {
        let outer = mapped(&mut tracker, Time::ZERO, (net.a, 4_000 + port), (net.s, 53)).1;
        assert!((10_000..=10_009).contains(&outer));
    }
    let refused = out(&mut tracker, Time::ZERO, &udp((net.b, 9), (net.s, 53)));
    assert_eq!(refused, Err(Verdict::Drop("its name is taken")));
}

#[test]
fn a_connection_that_is_over_makes_room_for_a_new_one() {
    let net = v4();
    let plan = Plan { ports: Some(10_000..=10_001), ..plan(Personality::Linux.behaviour()) };
    let mut tracker = Tracker::new(plan, 1);
    let s = (net.s, 80);
    // Two connections, both closed in order.
    for (inner, first) in [((net.a, 4_000), 2_000), ((net.a, 4_001), 1_000)] {
        let left = out(&mut tracker, Time::ZERO, &tcp(inner, s, SYN, first, 0)).expect("SYN");
        let n = ends(&left).0;
        let mut step = |packet: Vec<u8>, is_out: bool| match is_out {
            true => out(&mut tracker, Time::ZERO, &packet).expect("it leaves"),
            false => back(&mut tracker, Time::ZERO, &packet).expect("it comes"),
        };
        step(tcp(s, n, SYN | ACK, 500, first + 1), false);
        step(tcp(inner, s, ACK, first + 1, 501), true);
        step(tcp(inner, s, FIN | ACK, first + 1, 501), true);
        step(tcp(s, n, FIN | ACK, 501, first + 2), false);
        step(tcp(inner, s, ACK, first + 2, 502), true);
    }
    let states: Vec<_> = tracker.list(Time::ZERO).iter().map(|c| c.state).collect();
    assert_eq!(states, [Some(State::TimeWait); 2]);
    // A newer sequence number may take one's place; an older one may not.
    let old = out(&mut tracker, Time::ZERO, &tcp((net.b, 5_000), s, SYN, 500, 0));
    assert_eq!(old, Err(Verdict::Drop("its name is taken")));
    out(&mut tracker, Time::ZERO, &tcp((net.b, 5_000), s, SYN, 9_000, 0)).expect("it leaves");
    assert_eq!(tracker.len(), 2);
}

#[test]
fn a_whole_host_may_stand_in_for_another() {
    for net in [v4(), v6()] {
        let rule = Forward {
            protocol: None,
            address: Some(net.t),
            port: None,
            to: net.b,
            to_port: None,
            is_anywhere: true,
        };
        let base =
            Plan { masquerades: false, forwards: vec![rule], ..plan(linux().plan().behaviour) };
        for hides_routers in [true, false] {
            let mut tracker = Tracker::new(Plan { hides_routers, ..base.clone() }, 1);
            let inward = |tracker: &mut Tracker, packet: &[u8]| {
                pass(tracker, Time::ZERO, packet, Realm::Inside, Realm::Inside).expect("it goes")
            };
            let (a, t) = ((net.a, 4_000), (net.t, 53));
            let question = inward(&mut tracker, &udp(a, t));
            assert_eq!(question, udp(a, (net.b, 53)));
            assert_eq!(inward(&mut tracker, &udp((net.b, 53), a)), udp(t, a));
            let ping = inward(&mut tracker, &echo(net.a, net.t, 7, false));
            assert_eq!(ping, echo(net.a, net.b, 7, false));
            assert_eq!(
                inward(&mut tracker, &echo(net.b, net.a, 7, true)),
                echo(net.t, net.a, 7, true)
            );
            // The host speaks for the other; a router before it does with Linux.
            let error = inward(&mut tracker, &unreachable(net.b, net.a, &question));
            assert_eq!(error, unreachable(net.t, net.a, &udp(a, t)));
            let error = inward(&mut tracker, &unreachable(net.n2, net.a, &question));
            let from = if hides_routers { net.t } else { net.n2 };
            assert_eq!(error, unreachable(from, net.a, &udp(a, t)));
        }
    }
}
