//! The requirements of RFC 4787 (UDP), RFC 5382 (TCP), RFC 5508 (ICMP) and RFC 7857, each under its
//! number. Those that concern a whole node (fragments, sizes) are tested over scenarios.

use super::*;
use lab::conntrack::{Filtering, Forward, Ports, Relation};
use wire::icmp::Meaning;

fn bcp() -> Tracker {
    gateway(Personality::Bcp127)
}

/// Lets a packet in from outside, or says why not.
fn is_let_in(tracker: &mut Tracker, now: Time, packet: &[u8]) -> bool {
    back(tracker, now, packet).is_ok()
}

#[test]
fn rfc4787_req_1_mappings_are_endpoint_independent() {
    for net in [v4(), v6()] {
        let mut tracker = bcp();
        // Somebody else has the port already.
        mapped(&mut tracker, Time::ZERO, (net.b, 4_000), (net.s, 53));
        let a = (net.a, 4_000);
        let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
        assert_ne!(outer.1, 4_000);
        for to in [(net.s, 54), (net.t, 53), (net.t, 9)] {
            assert_eq!(mapped(&mut tracker, Time::ZERO, a, to), outer);
        }
    }
}

#[test]
fn rfc4787_req_2_pooling_is_paired() {
    let net = v4();
    let pool: Vec<IpAddr> = (1..=8).map(|last| IpAddr::from([203, 0, 113, last])).collect();
    let behaviour = Personality::Bcp127.behaviour();
    let mut tracker = Tracker::new(Plan { pool: pool.clone(), ..plan(behaviour) }, 1);
    let mut used = Vec::new();
    for host in 1..=60 {
        let inner = IpAddr::from([192, 0, 2, host]);
        let to = |port| [(net.s, port), (net.t, port)];
        let all = [1_000, 2_000, 3_000].into_iter().flat_map(to);
        let outer: Vec<IpAddr> =
            all.map(|to| mapped(&mut tracker, Time::ZERO, (inner, 5_000 + to.1), to).0).collect();
        assert!(outer.iter().all(|address| *address == outer[0]), "{outer:?}");
        used.push(outer[0]);
    }
    used.sort();
    used.dedup();
    assert_eq!(used, pool);
}

#[test]
fn rfc4787_req_3_ports_are_not_overloaded() {
    let net = v4();
    let mut tracker = bcp();
    let mut seen = Vec::new();
    for host in 1..=100 {
        let inner = (IpAddr::from([192, 0, 2, host]), 4_000);
        // To different destinations, where a port could be given out again.
        let to = (IpAddr::from([198, 51, 100, host]), 53);
        seen.push(mapped(&mut tracker, Time::ZERO, inner, to));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100);
    // REQ-3a: the class stays.
    for port in [1_u16, 500, 1_023, 1_024, 60_000] {
        for inner in [net.a, net.b] {
            let outer = mapped(&mut tracker, Time::ZERO, (inner, port), (net.s, 53)).1;
            assert_eq!(outer < 1_024, port < 1_024, "{port} became {outer}");
        }
    }
}

#[test]
fn rfc4787_req_4_parity_is_preserved() {
    let net = v4();
    for personality in [Personality::Bcp127, Personality::Symmetric] {
        let mut tracker = gateway(personality);
        for port in 3_000..3_200_u16 {
            for inner in [net.a, net.b] {
                let outer = mapped(&mut tracker, Time::ZERO, (inner, port), (net.s, 53)).1;
                assert_eq!(outer % 2, port % 2);
            }
        }
    }
}

#[test]
fn rfc4787_req_5_mappings_last_five_minutes() {
    let net = v4();
    let mut tracker = bcp();
    let a = (net.a, 4_000);
    let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
    let answer = udp((net.s, 53), outer);
    // Not less than two minutes (REQ-5), five are the default (REQ-5c).
    assert!(is_let_in(&mut tracker, seconds(299), &answer));
    assert!(!is_let_in(&mut tracker, seconds(301), &answer));
    // REQ-5b: it can be set.
    let mut behaviour = Personality::Bcp127.behaviour();
    (behaviour.timers.udp, behaviour.timers.udp_stream) = (120, 120);
    let mut tracker = with(behaviour);
    let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
    assert!(!is_let_in(&mut tracker, seconds(121), &udp((net.s, 53), outer)));
}

#[test]
fn rfc4787_req_6_what_goes_out_refreshes() {
    let net = v4();
    let a = (net.a, 4_000);
    let keep = |tracker: &mut Tracker| {
        let outer = mapped(tracker, Time::ZERO, a, (net.s, 53));
        for minute in 1..=10 {
            assert_eq!(mapped(tracker, seconds(minute * 240), a, (net.s, 53)), outer);
        }
        is_let_in(tracker, seconds(2_400 + 290), &udp((net.s, 53), outer))
    };
    assert!(keep(&mut bcp()));
    // REQ-6a: what comes in may; here it does not, so that nobody outside keeps a mapping.
    let mut tracker = bcp();
    let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
    assert!(is_let_in(&mut tracker, seconds(250), &udp((net.s, 53), outer)));
    assert!(!is_let_in(&mut tracker, seconds(310), &udp((net.s, 53), outer)));
    let mut behaviour = Personality::Bcp127.behaviour();
    behaviour.inbound_refreshes = true;
    let mut tracker = with(behaviour);
    let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
    assert!(is_let_in(&mut tracker, seconds(250), &udp((net.s, 53), outer)));
    assert!(is_let_in(&mut tracker, seconds(310), &udp((net.s, 53), outer)));
    // Nor do strangers, however often they knock at an open mapping.
    let mut tracker = gateway(Personality::FullCone);
    let outer = mapped(&mut tracker, Time::ZERO, a, (net.s, 53));
    for at in (10..300).step_by(10) {
        assert!(is_let_in(&mut tracker, seconds(at), &udp((net.t, at as u16), outer)));
    }
    assert!(!is_let_in(&mut tracker, seconds(301), &udp((net.t, 7), outer)));
}

#[test]
fn rfc4787_req_7_the_same_address_inside_and_outside() {
    let net = v4();
    let mut tracker = bcp();
    // A host outside has the number that `a` has inside.
    let (b, twin) = ((net.b, 4_000), (net.a, 53));
    let outer = mapped(&mut tracker, Time::ZERO, b, twin);
    let own = mapped(&mut tracker, Time::ZERO, (net.a, 53), (net.s, 9));
    let answer = back(&mut tracker, Time::ZERO, &udp(twin, outer)).expect("an answer");
    assert_eq!(answer, udp(twin, b));
    let answer = back(&mut tracker, Time::ZERO, &udp((net.s, 9), own)).expect("an answer");
    assert_eq!(answer, udp((net.s, 9), (net.a, 53)));
}

#[test]
fn rfc4787_req_8_filtering_is_a_choice() {
    for net in [v4(), v6()] {
        let probe = |filtering| {
            let mut tracker = with(Behaviour { filtering, ..Personality::Bcp127.behaviour() });
            let outer = mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
            [(net.s, 53), (net.s, 54), (net.t, 53)]
                .map(|from| is_let_in(&mut tracker, Time::ZERO, &udp(from, outer)))
        };
        assert_eq!(probe(Filtering::EndpointIndependent), [true, true, true]);
        assert_eq!(probe(Filtering::AddressDependent), [true, true, false]);
        assert_eq!(probe(Filtering::AddressAndPortDependent), [true, false, false]);
    }
}

#[test]
fn rfc4787_req_9_hairpins_show_the_outer_source() {
    for (personality, knows) in [
        (Personality::FullCone, false),
        (Personality::Bcp127, true),
        (Personality::Symmetric, true),
    ] {
        for net in [v4(), v6()] {
            let mut tracker = gateway(personality);
            let (a, b) = ((net.a, 4_000), (net.b, 4_002));
            let outer_b = mapped(&mut tracker, Time::ZERO, b, (net.s, 53));
            if knows && personality == Personality::Bcp127 {
                // Address-dependent: b has to have met a's outer address.
                mapped(&mut tracker, Time::ZERO, b, (net.n, 9));
            }
            let packet = udp(a, outer_b);
            let came = pass(&mut tracker, Time::ZERO, &packet, Realm::Inside, Realm::Inside);
            if personality == Personality::Symmetric {
                assert!(came.is_err());
                continue;
            }
            let came = came.expect("it comes back in");
            let (source, target) = ends(&came);
            // REQ-9a: external source address and port.
            assert_eq!((source.0, target), (net.n, b), "{personality:?}");
            assert_eq!(source, mapped(&mut tracker, Time::ZERO, a, (net.t, 1)));
            let answer = udp(b, source);
            let answer = pass(&mut tracker, Time::ZERO, &answer, Realm::Inside, Realm::Inside);
            assert_eq!(answer.expect("an answer"), udp(outer_b, a));
        }
    }
}

#[test]
fn rfc4787_req_10_payloads_are_left_alone() {
    let net = v4();
    let mut tracker = bcp();
    let text = b"EPRT |1|192.0.2.2|4000| 192.0.2.2:4000";
    let message = udp::Message {
        source_port: 4_000,
        destination_port: 21,
        has_checksum: true,
        payload: text,
    };
    let mut bytes = Vec::new();
    message.emit(net.a, net.s, &mut bytes).expect("fits");
    let left = out(&mut tracker, Time::ZERO, &datagram(net.a, net.s, protocol::UDP, &bytes));
    assert!(left.expect("it leaves").ends_with(text));
}

#[test]
fn rfc4787_req_11_behaviour_never_changes_by_itself() {
    let net = v4();
    let mut tracker = bcp();
    // Under conflict as without: still endpoint-independent, still address-dependent.
    for port in 4_000..4_200 {
        let (a, b) = ((net.a, port), (net.b, port));
        for inner in [a, b] {
            let outer = mapped(&mut tracker, Time::ZERO, inner, (net.s, 53));
            assert_eq!(mapped(&mut tracker, Time::ZERO, inner, (net.s, 54)), outer);
            assert!(is_let_in(&mut tracker, Time::ZERO, &udp((net.s, 99), outer)));
            assert!(!is_let_in(&mut tracker, Time::ZERO, &udp((net.t, 53), outer)));
        }
    }
}

#[test]
fn rfc4787_req_12_icmp_ends_no_mapping() {
    for net in [v4(), v6()] {
        let mut tracker = bcp();
        let (a, s) = ((net.a, 4_000), (net.s, 53));
        let left = out(&mut tracker, Time::ZERO, &udp(a, s)).expect("it leaves");
        let outer = ends(&left).0;
        // REQ-12a: whoever sends it. REQ-12b: it arrives.
        for from in [net.s, net.t, net.n2] {
            let error = unreachable(from, net.n, &left);
            let error = back(&mut tracker, Time::ZERO, &error).expect("it arrives");
            assert_eq!(error, unreachable(from, net.a, &udp(a, s)));
        }
        assert!(is_let_in(&mut tracker, seconds(200), &udp(s, outer)));
        assert_eq!(mapped(&mut tracker, seconds(200), a, s), outer);
    }
}

#[test]
fn rfc5382_req_1_tcp_mappings_are_endpoint_independent() {
    let net = v4();
    let mut tracker = bcp();
    let a = (net.a, 4_000);
    out(&mut tracker, Time::ZERO, &tcp((net.b, 4_000), (net.s, 80), SYN, 1, 0)).expect("leaves");
    let outer = |tracker: &mut Tracker, to| {
        ends(&out(tracker, Time::ZERO, &tcp(a, to, SYN, 1, 0)).expect("it leaves")).0
    };
    let first = outer(&mut tracker, (net.s, 80));
    assert_eq!(outer(&mut tracker, (net.s, 81)), first);
    assert_eq!(outer(&mut tracker, (net.t, 80)), first);
}

/// Opens a connection from inside; its outer end.
fn open(tracker: &mut Tracker, now: Time, a: End, s: End) -> End {
    let n = ends(&out(tracker, now, &tcp(a, s, SYN, 100, 0)).expect("a SYN leaves")).0;
    back(tracker, now, &tcp(s, n, SYN | ACK, 500, 101)).expect("its answer comes");
    out(tracker, now, &tcp(a, s, ACK, 101, 501)).expect("the handshake ends");
    n
}

#[test]
fn rfc5382_req_2_all_handshakes_work() {
    for (_, personality) in Personality::ALL {
        for net in [v4(), v6()] {
            let mut tracker = gateway(*personality);
            let (a, s) = ((net.a, 4_000), (net.s, 80));
            let n = open(&mut tracker, Time::ZERO, a, s);
            back(&mut tracker, Time::ZERO, &tcp(s, n, FIN | ACK, 501, 101)).expect("a FIN");
            out(&mut tracker, Time::ZERO, &tcp(a, s, FIN | ACK, 101, 502)).expect("its answer");
            back(&mut tracker, Time::ZERO, &tcp(s, n, ACK, 502, 102)).expect("the last one");
            // REQ-2a: both open at once.
            let (a, s) = ((net.a, 5_000), (net.s, 81));
            let n = ends(&out(&mut tracker, Time::ZERO, &tcp(a, s, SYN, 9, 0)).expect("SYN")).0;
            let syn = back(&mut tracker, Time::ZERO, &tcp(s, n, SYN, 7, 0)).expect("SYN");
            assert_eq!(syn, tcp(s, a, SYN, 7, 0), "{personality:?}");
            out(&mut tracker, Time::ZERO, &tcp(a, s, SYN | ACK, 9, 8)).expect("SYN-ACK");
            back(&mut tracker, Time::ZERO, &tcp(s, n, SYN | ACK, 7, 10)).expect("SYN-ACK");
            out(&mut tracker, Time::ZERO, &tcp(a, s, ACK, 10, 8)).expect("ACK");
            back(&mut tracker, Time::ZERO, &tcp(s, n, ACK, 8, 10)).expect("ACK");
            let state =
                tracker.list(Time::ZERO).into_iter().find(|c| c.original.ports().0 == 5_000);
            let state = state.and_then(|c| c.state).expect("TCP");
            assert_eq!(state.name(), "ESTABLISHED", "{personality:?}");
        }
    }
}

#[test]
fn rfc5382_req_3_tcp_filtering_is_a_choice() {
    let net = v4();
    let probe = |filtering| {
        let mut tracker = with(Behaviour { filtering, ..Personality::Bcp127.behaviour() });
        let n = open(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 80));
        [(net.s, 81), (net.t, 80)]
            .map(|from| is_let_in(&mut tracker, Time::ZERO, &tcp(from, n, SYN, 1, 0)))
    };
    assert_eq!(probe(Filtering::EndpointIndependent), [true, true]);
    assert_eq!(probe(Filtering::AddressDependent), [true, false]);
    assert_eq!(probe(Filtering::AddressAndPortDependent), [false, false]);
}

#[test]
fn rfc5382_req_4_unsolicited_syns_are_held_for_six_seconds() {
    for net in [v4(), v6()] {
        let mut tracker = bcp();
        let syn = tcp((net.s, 80), (net.n, 4_000), SYN, 1, 0);
        assert_eq!(back(&mut tracker, seconds(10), &syn), Err(Verdict::Hold));
        assert_eq!(tracker.due(), Some(seconds(16)));
        assert_eq!(tracker.release(Time(15_999_999_999)), None);
        // Nobody opened it: the sender is to hear "port unreachable" about what it sent.
        assert_eq!(tracker.release(seconds(16)), Some(syn.clone()));
        assert_eq!(tracker.release(seconds(16)), None);
        // Somebody does: the SYN is forgotten, and the connection opened by both.
        assert_eq!(back(&mut tracker, seconds(20), &syn), Err(Verdict::Hold));
        let own = tcp((net.a, 4_000), (net.s, 80), SYN, 9, 0);
        out(&mut tracker, seconds(21), &own).expect("it leaves");
        assert_eq!(tracker.release(seconds(100)), None);
        assert!(is_let_in(&mut tracker, seconds(22), &syn));
    }
    // However many come, few are held.
    let net = v4();
    let mut tracker = bcp();
    for port in 1..2_000 {
        let _ = back(&mut tracker, Time::ZERO, &tcp((net.s, port), (net.n, 80), SYN, 1, 0));
    }
    assert_eq!(std::iter::from_fn(|| tracker.release(seconds(6))).count(), 256);
}

#[test]
fn rfc5382_req_5_tcp_timers_are_long_enough() {
    let net = v4();
    let mut tracker = bcp();
    let (a, s) = ((net.a, 4_000), (net.s, 80));
    let n = open(&mut tracker, Time::ZERO, a, s);
    let idle = 2 * 3_600 + 4 * 60;
    let segment = tcp(s, n, ACK, 501, 101);
    assert!(is_let_in(&mut tracker, seconds(idle - 1), &segment));
    let mut tracker = bcp();
    let n = open(&mut tracker, Time::ZERO, a, s);
    assert!(!is_let_in(&mut tracker, seconds(idle + 1), &tcp(s, n, ACK, 501, 101)));
    // Transitory: half open, and closing.
    let mut tracker = bcp();
    let n = ends(&out(&mut tracker, Time::ZERO, &tcp(a, s, SYN, 100, 0)).expect("SYN")).0;
    assert!(is_let_in(&mut tracker, seconds(239), &tcp(s, n, SYN | ACK, 500, 101)));
    out(&mut tracker, seconds(239), &tcp(a, s, FIN | ACK, 101, 501)).expect("FIN");
    assert!(is_let_in(&mut tracker, seconds(478), &tcp(s, n, ACK, 501, 102)));
}

#[test]
fn rfc5382_req_6_tcp_payloads_are_left_alone() {
    let net = v4();
    let mut tracker = bcp();
    let (a, s) = ((net.a, 4_000), (net.s, 21));
    open(&mut tracker, Time::ZERO, a, s);
    let segment = tcp::Segment {
        source_port: a.1,
        destination_port: s.1,
        sequence: 101,
        acknowledgment: 501,
        flags: ACK,
        window: 1_000,
        urgent: 0,
        options: &[],
        payload: b"PORT 192,0,2,2,15,160\r\n",
    };
    let mut bytes = Vec::new();
    segment.emit(a.0, s.0, &mut bytes).expect("fits");
    let left = out(&mut tracker, Time::ZERO, &datagram(a.0, s.0, protocol::TCP, &bytes));
    assert!(left.expect("it leaves").ends_with(segment.payload));
}

#[test]
fn rfc5382_req_7_tcp_ports_are_not_overloaded() {
    let net = v4();
    let mut tracker = bcp();
    let mut seen = Vec::new();
    for host in 1..=100 {
        let inner = (IpAddr::from([192, 0, 2, host]), 4_000);
        let to = (IpAddr::from([198, 51, 100, host]), 80);
        let left = out(&mut tracker, Time::ZERO, &tcp(inner, to, SYN, 1, 0)).expect("it leaves");
        seen.push(ends(&left).0);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100);
    assert_eq!(tracker.mappings(), 100);
    // UDP has ports of its own.
    assert_eq!(mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 1)).1, 4_000);
}

#[test]
fn rfc5382_req_8_tcp_hairpins() {
    let net = v4();
    let mut tracker = gateway(Personality::FullCone);
    let (a, b) = ((net.a, 4_000), (net.b, 8_000));
    let outer = open(&mut tracker, Time::ZERO, b, (net.s, 80));
    let inner = |tracker: &mut Tracker, packet: Vec<u8>| {
        pass(tracker, Time::ZERO, &packet, Realm::Inside, Realm::Inside).expect("it comes back")
    };
    let syn = inner(&mut tracker, tcp(a, outer, SYN, 1, 0));
    let (source, target) = ends(&syn);
    assert_eq!((source.0, target), (net.n, b));
    let answer = inner(&mut tracker, tcp(b, source, SYN | ACK, 7, 2));
    assert_eq!(answer, tcp(outer, a, SYN | ACK, 7, 2));
    assert_eq!(inner(&mut tracker, tcp(a, outer, ACK, 2, 8)), tcp(source, b, ACK, 2, 8));
}

#[test]
fn rfc5382_req_9_and_10_errors_reach_tcp_and_end_nothing() {
    for net in [v4(), v6()] {
        let mut tracker = bcp();
        let (a, s) = ((net.a, 4_000), (net.s, 80));
        let syn = tcp(a, s, SYN, 100, 0);
        let left = out(&mut tracker, Time::ZERO, &syn).expect("it leaves");
        let error = back(&mut tracker, Time::ZERO, &unreachable(net.t, net.n, &left));
        assert_eq!(error.expect("it arrives"), unreachable(net.t, net.a, &syn));
        let n = ends(&left).0;
        assert!(is_let_in(&mut tracker, Time::ZERO, &tcp(s, n, SYN | ACK, 500, 101)));
    }
}

#[test]
fn rfc5508_req_1_queries_pass_and_their_mappings_are_independent() {
    for net in [v4(), v6()] {
        let mut tracker = bcp();
        let query = |tracker: &mut Tracker, from, to| {
            let left = out(tracker, Time::ZERO, &echo(from, to, 77, false)).expect("it leaves");
            ends(&left).0.1
        };
        let other = query(&mut tracker, net.b, net.s);
        let own = query(&mut tracker, net.a, net.s);
        assert_ne!(own, other);
        // REQ-1a: whoever is asked.
        assert_eq!(query(&mut tracker, net.a, net.t), own);
        assert!(is_let_in(&mut tracker, Time::ZERO, &echo(net.t, net.n, own, true)));
    }
}

#[test]
fn rfc5508_req_2_queries_last_a_minute() {
    let net = v4();
    let mut tracker = bcp();
    let left = out(&mut tracker, Time::ZERO, &echo(net.a, net.s, 77, false)).expect("it leaves");
    let reply = echo(net.s, net.n, ends(&left).0.1, true);
    assert!(is_let_in(&mut tracker, seconds(59), &reply));
    // REQ-2a: it can be set.
    let mut behaviour = Personality::Bcp127.behaviour();
    behaviour.timers.icmp = 90;
    let mut tracker = with(behaviour);
    out(&mut tracker, Time::ZERO, &echo(net.a, net.s, 77, false)).expect("it leaves");
    assert!(is_let_in(&mut tracker, seconds(89), &echo(net.s, net.n, 77, true)));
}

#[test]
fn rfc5508_req_3_errors_are_looked_at() {
    let net = v4();
    let mut tracker = bcp();
    let question = udp((net.a, 4_000), (net.s, 9));
    let left = out(&mut tracker, Time::ZERO, &question).expect("it leaves");
    let error = unreachable(net.s, net.n, &left);
    let mut damaged = error.clone();
    damaged[22] ^= 1;
    assert_eq!(back(&mut tracker, Time::ZERO, &damaged), Err(Verdict::Drop("invalid")));
    // REQ-3a: the quoted header's checksum.
    let mut quote = left.clone();
    quote[8] ^= 1;
    let error = unreachable(net.s, net.n, &quote);
    assert_eq!(back(&mut tracker, Time::ZERO, &error), Err(Verdict::Drop("invalid")));
    // REQ-3b: options before the quoted ports; a checksum of the transport that is wrong (REQ-3c).
    let mut header = Header::new(net.n, net.s, protocol::UDP);
    header.options = vec![1, 1, 1, 0];
    let mut quote = Vec::new();
    header.emit(&Datagram::parse(&left).expect("whole").payload[..8], &mut quote).expect("fits");
    let sum_at = quote.len() - 1;
    quote[sum_at] ^= 0x55;
    let error = back(&mut tracker, Time::ZERO, &unreachable(net.s, net.n, &quote));
    let error = error.expect("it is about something");
    let datagram = Datagram::parse(&error).expect("whole");
    let quoted = Datagram::parse_quoted(&datagram.payload[8..]).expect("a quote");
    assert_eq!((datagram.destination, quoted.source), (net.a, net.a));
    assert_eq!(quoted.options, [1, 1, 1, 0]);
    assert_eq!(quoted.payload[..4], [0x0f, 0xa0, 0, 9]);
}

#[test]
fn rfc5508_req_4_and_5_errors_of_both_realms() {
    for net in [v4(), v6()] {
        let mut tracker = bcp();
        let (a, s) = ((net.a, 4_000), (net.s, 9));
        let nothing = unreachable(net.s, net.n, &udp((net.n, 1), s));
        assert_eq!(back(&mut tracker, Time::ZERO, &nothing), Err(Verdict::Drop("invalid")));
        let nothing = unreachable(net.a, net.s, &udp(s, a));
        assert_eq!(out(&mut tracker, Time::ZERO, &nothing), Err(Verdict::Drop("invalid")));
        let left = out(&mut tracker, Time::ZERO, &udp(a, s)).expect("it leaves");
        let came = back(&mut tracker, Time::ZERO, &udp(s, ends(&left).0)).expect("an answer");
        // From the host itself and from a router before it: the gateway's address (REQ-5c).
        for from in [net.a, net.b] {
            let error = out(&mut tracker, Time::ZERO, &unreachable(from, net.s, &came));
            let expected = unreachable(net.n, net.s, &udp(s, ends(&left).0));
            assert_eq!(error.expect("it leaves"), expected);
        }
    }
}

#[test]
fn rfc5508_req_6_errors_refresh_no_query() {
    let net = v4();
    let mut tracker = bcp();
    let query = echo(net.a, net.s, 77, false);
    let left = out(&mut tracker, Time::ZERO, &query).expect("it leaves");
    for at in [20, 40, 59] {
        let error = back(&mut tracker, seconds(at), &unreachable(net.t, net.n, &left));
        assert_eq!(error.expect("it arrives"), unreachable(net.t, net.a, &query));
    }
    assert!(!is_let_in(&mut tracker, seconds(61), &echo(net.s, net.n, 77, true)));
}

#[test]
fn rfc5508_req_7_errors_hairpin_too() {
    for net in [v4(), v6()] {
        let mut tracker = gateway(Personality::FullCone);
        let (a, b) = ((net.a, 4_000), (net.b, 4_002));
        let outer_b = mapped(&mut tracker, Time::ZERO, b, (net.s, 53));
        let inner = |tracker: &mut Tracker, packet: &[u8]| {
            pass(tracker, Time::ZERO, packet, Realm::Inside, Realm::Inside).expect("it comes back")
        };
        let question = udp(a, outer_b);
        let came = inner(&mut tracker, &question);
        let error = unreachable(net.b, ends(&came).0.0, &came);
        assert_eq!(inner(&mut tracker, &error), unreachable(net.n, net.a, &question));
    }
}

#[test]
fn rfc5508_req_8_senders_hear_that_there_is_no_room() {
    let net = v4();
    let behaviour = Personality::Bcp127.behaviour();
    let mut tracker = Tracker::new(Plan { ports: Some(5_000..=5_001), ..plan(behaviour) }, 1);
    mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    let refused = out(&mut tracker, Time::ZERO, &udp((net.b, 4_000), (net.s, 53)));
    assert_eq!(refused, Err(Verdict::Refuse(Meaning::CommunicationProhibited)));
    // The other parity has a port still.
    mapped(&mut tracker, Time::ZERO, (net.b, 4_001), (net.s, 53));
    let mut tracker = Tracker::new(Plan { limit: 1, ..plan(behaviour) }, 1);
    mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    let refused = out(&mut tracker, Time::ZERO, &echo(net.b, net.s, 1, false));
    assert_eq!(refused, Err(Verdict::Refuse(Meaning::CommunicationProhibited)));
}

#[test]
fn rfc5508_req_10_errors_of_all_kinds_pass() {
    let net = v4();
    let mut tracker = bcp();
    let question = udp((net.a, 4_000), (net.s, 9));
    let left = out(&mut tracker, Time::ZERO, &question).expect("it leaves");
    for (kind, code) in [(3, 4), (11, 0), (11, 1), (12, 0), (4, 0)] {
        let error = |from, to, about: &[u8]| {
            let mut bytes = vec![kind, code, 0, 0, 0, 0, 5, 0];
            bytes.extend(about);
            icmp::fill_checksum(from, to, &mut bytes);
            datagram(from, to, protocol::ICMP, &bytes)
        };
        let came = back(&mut tracker, Time::ZERO, &error(net.t, net.n, &left));
        assert_eq!(came.expect("it arrives"), error(net.t, net.a, &question), "{kind}/{code}");
    }
}

#[test]
fn rfc5508_req_11_messages_that_are_neither_are_dropped() {
    let net = v4();
    let mut tracker = bcp();
    // A router solicitation (RFC 1256).
    let mut bytes = vec![10, 0, 0, 0, 0, 0, 0, 0];
    icmp::fill_checksum(net.a, net.s, &mut bytes);
    let dropped = out(&mut tracker, Time::ZERO, &datagram(net.a, net.s, 1, &bytes));
    assert_eq!(dropped, Err(Verdict::Drop("invalid")));
}

#[test]
fn rfc7857_section_2_2_what_is_reset_is_remembered_for_four_minutes() {
    let net = v4();
    let (a, s) = ((net.a, 4_000), (net.s, 80));
    let mut tracker = bcp();
    let n = open(&mut tracker, Time::ZERO, a, s);
    let reset = back(&mut tracker, Time::ZERO, &tcp(s, n, RST, 501, 0)).expect("translated");
    assert_eq!(reset, tcp(s, a, RST, 501, 0));
    assert_eq!(tracker.list(seconds(239)).len(), 1);
    assert_eq!(tracker.list(seconds(241)).len(), 0);
    // Also if that is all that comes back.
    let mut tracker = bcp();
    out(&mut tracker, Time::ZERO, &tcp(a, s, SYN, 100, 0)).expect("it leaves");
    let reset = tcp(s, n, RST | ACK, 0, 101);
    assert!(is_let_in(&mut tracker, Time::ZERO, &reset));
    assert_eq!(tracker.list(seconds(239)).len(), 1);
}

#[test]
fn rfc7857_section_3_endpoint_dependent_ports_may_overlap() {
    // Linux's do.
    let net = v4();
    let mut tracker = gateway(Personality::Linux);
    let first = mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    let second = mapped(&mut tracker, Time::ZERO, (net.b, 4_000), (net.t, 53));
    assert_eq!(first, second);
}

#[test]
fn rfc7857_section_5_mappings_are_of_one_protocol() {
    let net = v4();
    let mut tracker = bcp();
    mapped(&mut tracker, Time::ZERO, (net.b, 4_000), (net.s, 53));
    let udp = mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    let syn = tcp((net.a, 4_000), (net.s, 53), SYN, 1, 0);
    let tcp = ends(&out(&mut tracker, Time::ZERO, &syn).expect("it leaves")).0;
    assert_ne!(udp.1, 4_000);
    assert_eq!(tcp.1, 4_000);
}

#[test]
fn rfc7857_section_7_1_errors_from_inside_refresh_nothing() {
    let net = v4();
    let mut tracker = bcp();
    let (a, s) = ((net.a, 4_000), (net.s, 53));
    let outer = mapped(&mut tracker, Time::ZERO, a, s);
    let came = back(&mut tracker, seconds(200), &udp(s, outer)).expect("an answer");
    out(&mut tracker, seconds(201), &unreachable(net.a, net.s, &came)).expect("it leaves");
    assert!(!is_let_in(&mut tracker, seconds(301), &udp(s, outer)));
}

#[test]
fn rfc7857_section_8_parity_may_be_given_up() {
    let net = v4();
    let behaviour = Behaviour {
        keeps_parity: false,
        ports: Ports::Sequential(50_000),
        ..Personality::Bcp127.behaviour()
    };
    let mut tracker = with(behaviour);
    let outer =
        |tracker: &mut Tracker, port| mapped(tracker, Time::ZERO, (net.a, port), (net.s, 53)).1;
    assert_eq!(
        [4_000, 4_002, 4_004].map(|port| outer(&mut tracker, port)),
        [50_000, 50_001, 50_002]
    );
}

#[test]
fn rfc7857_section_9_ports_are_hard_to_guess() {
    let net = v4();
    let mut tracker = gateway(Personality::Symmetric);
    let ports: Vec<u16> = (0..100)
        .map(|port| mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, port)).1)
        .collect();
    let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 100).count();
    assert!(near < 5, "{ports:?}");
    // Another seed, other ports.
    let mut other = Tracker::new(plan(Personality::Symmetric.behaviour()), 2);
    assert_ne!(mapped(&mut other, Time::ZERO, (net.a, 4_000), (net.s, 0)).1, ports[0]);
}

#[test]
fn rfc7857_section_11_a_query_mapping_goes_with_its_last_session() {
    let net = v4();
    let mut tracker = bcp();
    for to in [net.s, net.t] {
        out(&mut tracker, Time::ZERO, &echo(net.a, to, 77, false)).expect("it leaves");
    }
    assert_eq!((tracker.len(), tracker.mappings()), (2, 1));
    tracker.sweep(seconds(100), 100);
    assert_eq!((tracker.len(), tracker.mappings()), (0, 0));
}

#[test]
fn what_nobody_asked_for_stays_outside() {
    let net = v4();
    for (_, personality) in Personality::ALL.iter().filter(|(name, _)| *name != "linux") {
        let mut tracker = gateway(*personality);
        // Straight to an inner address.
        assert!(!is_let_in(&mut tracker, Time::ZERO, &udp((net.s, 53), (net.a, 4_000))));
        assert!(tracker.is_empty());
        // To the gateway itself it may come.
        let mut bytes = udp((net.s, 53), (net.n, 4_000));
        let (verdict, mut passage) = tracker.prerouting(Time::ZERO, &mut bytes, Realm::Outside);
        assert_eq!((verdict, passage.relation()), (Verdict::Accept, Relation::New));
        assert_eq!(tracker.input(Time::ZERO, &mut bytes, &mut passage), Verdict::Accept);
        assert_eq!(tracker.len(), 1, "{personality:?}");
    }
}

#[test]
fn forwarded_ports_are_given_to_nobody_else() {
    let net = v4();
    let rule = Forward {
        protocol: Some(protocol::UDP),
        address: None,
        port: Some(4_000),
        to: net.b,
        to_port: None,
        is_anywhere: false,
    };
    let behaviour = Personality::Bcp127.behaviour();
    let mut tracker = Tracker::new(Plan { forwards: vec![rule], ..plan(behaviour) }, 1);
    assert_ne!(mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53)).1, 4_000);
    // And from inside too they lead to whom they are for.
    let packet = udp((net.a, 6_000), (net.n, 4_000));
    let came = pass(&mut tracker, Time::ZERO, &packet, Realm::Inside, Realm::Inside);
    let (source, target) = ends(&came.expect("it comes back in"));
    assert_eq!((source.0, target), (net.n, (net.b, 4_000)));
}
