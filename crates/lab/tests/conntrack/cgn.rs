//! What RFC 6888 requires of a carrier's NAT besides, each under its number. REQ-9 and REQ-10 are
//! about protocols to control it, REQ-12 and REQ-14 about logs: there are none here.

use super::*;
use wire::icmp::Meaning;

fn cgn() -> Tracker {
    gateway(Personality::Cgnat)
}

#[test]
fn rfc6888_req_1_transports_keep_their_requirements() {
    let net = v4();
    let mut tracker = cgn();
    let outer = mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    assert_eq!(mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.t, 54)), outer);
    let timers = Personality::Cgnat.behaviour().timers;
    assert_eq!(timers, Personality::Bcp127.behaviour().timers);
}

#[test]
fn rfc6888_req_2_and_3_pools_are_paired_and_need_not_be_contiguous() {
    let net = v4();
    let pool: Vec<IpAddr> = [3, 77, 9, 200].map(|last| IpAddr::from([203, 0, 113, last])).to_vec();
    let mut tracker =
        Tracker::new(Plan { pool: pool.clone(), ..plan(Personality::Cgnat.behaviour()) }, 1);
    let mut used = Vec::new();
    for host in 1..=40 {
        let inner = IpAddr::from([192, 0, 2, host]);
        let outer = |tracker: &mut Tracker, to| mapped(tracker, Time::ZERO, (inner, 1_024), to).0;
        let first = outer(&mut tracker, (net.s, 1));
        assert_eq!(outer(&mut tracker, (net.t, 2)), first);
        used.push(first);
    }
    assert!(pool.iter().all(|address| used.contains(address)));
}

#[test]
fn rfc6888_req_4_ports_of_a_subscriber_are_limited() {
    let net = v4();
    let mut behaviour = Personality::Cgnat.behaviour();
    behaviour.per_subscriber = Some(5);
    let mut tracker = with(behaviour);
    let mut send = |inner, port| out(&mut tracker, Time::ZERO, &udp((inner, port), (net.s, 53)));
    for port in 0..5 {
        send(net.a, 4_000 + port).expect("within the limit");
    }
    assert_eq!(send(net.a, 4_005), Err(Verdict::Refuse(Meaning::HostUnreachable)));
    // What there is goes on, and others have their own.
    send(net.a, 4_000).expect("it has a port");
    send(net.b, 4_000).expect("another subscriber");
}

#[test]
fn rfc6888_req_5_state_is_limited() {
    let net = v4();
    let mut tracker = Tracker::new(Plan { limit: 3, ..plan(Personality::Cgnat.behaviour()) }, 1);
    for port in 0..3 {
        mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, port));
    }
    let refused = out(&mut tracker, Time::ZERO, &udp((net.a, 4_000), (net.s, 3)));
    assert_eq!(refused, Err(Verdict::Refuse(Meaning::HostUnreachable)));
}

#[test]
fn rfc6888_req_6_destinations_may_be_exempt() {
    let net = v4();
    let plan = Plan { exempt: vec![(net.s, Some(53))], ..plan(Personality::Cgnat.behaviour()) };
    let mut tracker = Tracker::new(plan, 1);
    let a = (net.a, 4_000);
    assert_eq!(mapped(&mut tracker, Time::ZERO, a, (net.s, 53)), a);
    assert_eq!(mapped(&mut tracker, Time::ZERO, a, (net.s, 54)).0, net.n);
    assert_eq!(back(&mut tracker, Time::ZERO, &udp((net.s, 53), a)), Ok(udp((net.s, 53), a)));
}

#[test]
fn rfc6888_req_7_mappings_are_open() {
    let net = v4();
    let mut tracker = cgn();
    let outer = mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    assert!(back(&mut tracker, Time::ZERO, &udp((net.t, 9), outer)).is_ok());
}

#[test]
fn rfc6888_req_8_ports_rest_for_two_minutes() {
    let net = v4();
    let behaviour = Personality::Cgnat.behaviour();
    let one = Plan { ports: Some(5_000..=5_000), ..plan(behaviour) };
    let mut tracker = Tracker::new(one, 1);
    mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    let gone = seconds(301);
    tracker.sweep(gone, 100);
    assert_eq!(tracker.mappings(), 0);
    let other = udp((net.b, 4_000), (net.s, 53));
    assert!(out(&mut tracker, gone, &other).is_err());
    assert!(out(&mut tracker, seconds(301 + 119), &other).is_err());
    assert!(out(&mut tracker, seconds(301 + 121), &other).is_ok());
    // Whose it was may have it again at once.
    let mut tracker = Tracker::new(Plan { ports: Some(5_000..=5_000), ..plan(behaviour) }, 1);
    mapped(&mut tracker, Time::ZERO, (net.a, 4_000), (net.s, 53));
    tracker.sweep(gone, 100);
    assert_eq!(mapped(&mut tracker, gone, (net.a, 4_002), (net.t, 53)).1, 5_000);
}

#[test]
fn rfc6888_req_11_nothing_is_forgotten_to_make_room() {
    let net = v4();
    let mut tracker = Tracker::new(
        Plan { ports: Some(5_000..=5_009), ..plan(Personality::Cgnat.behaviour()) },
        1,
    );
    let mut outer = Vec::new();
    for port in 0..10 {
        outer.push(mapped(&mut tracker, Time::ZERO, (net.a, 4_000 + port), (net.s, 53)));
    }
    // a) dropped, b) its sender hears of it, d) mappings stay.
    for port in 0..100 {
        let refused = out(&mut tracker, Time::ZERO, &udp((net.b, port), (net.s, 53)));
        assert_eq!(refused, Err(Verdict::Refuse(Meaning::HostUnreachable)));
    }
    assert_eq!(tracker.mappings(), 10);
    for (port, end) in outer.into_iter().enumerate() {
        let came = back(&mut tracker, Time::ZERO, &udp((net.s, 53), end)).expect("an answer");
        assert_eq!(ends(&came).1, (net.a, 4_000 + port as u16));
    }
}

#[test]
fn rfc6888_req_13_every_port_is_used() {
    let net = v4();
    let mut behaviour = Personality::Cgnat.behaviour();
    behaviour.per_subscriber = None;
    let mut tracker = Tracker::new(Plan { ports: Some(40_000..=40_499), ..plan(behaviour) }, 1);
    for port in 0..500 {
        mapped(&mut tracker, Time::ZERO, (net.a, 2_000 + port), (net.s, 53));
    }
    assert!(out(&mut tracker, Time::ZERO, &udp((net.a, 1_999), (net.s, 53))).is_err());
}

#[test]
fn rfc6888_req_15_ports_are_hard_to_guess() {
    let net = v4();
    let mut tracker = cgn();
    let ports: Vec<u16> = (0..100)
        .map(|port| mapped(&mut tracker, Time::ZERO, (net.a, 4_000 + port), (net.s, 53)).1)
        .collect();
    let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 100).count();
    assert!(near < 5, "{ports:?}");
}
