//! The trace engine against a road that is a function: which hop a probe reaches, and what it says.

mod hostile;
mod nameless;
mod network;
mod paths;
mod share;

use network::{RAW_PROTOCOL, Seen, address, arrival, error, here};
use probe::method::{self, Greeting, Method};
use probe::targets::Target;
use probe::token::Key;
use probe::trace::{
    Answer, Change, Course, Destination, End, Event, Hop, Naming, Outcome, Plan, Report, Says,
    Trace, Verdict,
};
use probe::{Arrival, Engine, Output, Stamp, StampedBy, Time};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::checksum::Sum;
use wire::icmp::Meaning;
use wire::{Family, icmp, ip, udp};

const MS: Duration = Duration::from_millis(1);
const PORT: u16 = 40_000;

/// What comes back: after how long, from whom, with which protocol, what.
type Back = (Duration, IpAddr, u8, Vec<u8>);

type Respond<'a> = dyn FnMut(&Seen) -> Vec<Back> + 'a;

struct Road<'a> {
    family: Family,
    protocol: u8,
    respond: Box<Respond<'a>>,
    targets: Vec<IpAddr>,
    sent: Vec<Seen>,
    stop_at: Option<Time>,
}

impl<'a> Road<'a> {
    fn new(
        family: Family,
        method: &dyn Method,
        respond: impl FnMut(&Seen) -> Vec<Back> + 'a,
    ) -> Road<'a> {
        let protocol = method.carrier().protocol(family);
        Road {
            family,
            protocol,
            respond: Box::new(respond),
            targets: vec![target(family)],
            sent: Vec::new(),
            stop_at: None,
        }
    }

    /// Runs a trace to its end; the reports, and when it was over.
    fn run(&mut self, plan: Plan) -> (Vec<Report>, Time) {
        let destination = |address: &IpAddr| Destination {
            target: Target { address: *address, zone: 0 },
            source: here(self.family),
        };
        let destinations = self.targets.iter().map(destination).collect();
        let mut engine = Trace::new(plan, destinations, Time::ZERO);
        let (mut now, mut reports) = (Time::ZERO, Vec::new());
        let mut pending: BTreeMap<(Time, u64), Back> = BTreeMap::new();
        let (mut message, mut order) = (Vec::new(), 0);
        loop {
            let until = match engine.poll(now, &mut message) {
                Output::Send(transmit) => {
                    let nth = self.sent.len();
                    let (message, protocol) = (message.clone(), self.protocol);
                    let seen = Seen { nth, transmit, message, protocol };
                    for back in (self.respond)(&seen) {
                        order += 1;
                        pending.insert((now + back.0, order), back);
                    }
                    self.sent.push(seen);
                    engine.sent(transmit.ticket, Stamp { at: now, by: StampedBy::Kernel });
                    continue;
                }
                Output::Report(report) => {
                    reports.push(report);
                    continue;
                }
                Output::Wait { until, why } => {
                    assert!(until > now, "{why}");
                    until
                }
                Output::Done => return (reports, now),
            };
            let next = pending.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            if let Some(stop_at) = self.stop_at.take_if(|at| *at <= until.min(next)) {
                now = stop_at;
                engine.stop(now);
            } else if next <= until && next != Time::NEVER {
                let (_, (_, from, protocol, payload)) = pending.pop_first().expect("just seen");
                now = next;
                let arrival = Arrival {
                    received: Stamp { at: now, by: StampedBy::Kernel },
                    source: from,
                    destination: Some(here(self.family)),
                    hop_limit: Some(60),
                    traffic_class: Some(0),
                    options: &[],
                    protocol,
                    payload: &payload,
                };
                engine.receive(now, &arrival);
            } else {
                assert_ne!(until, Time::NEVER, "nobody will ever answer");
                now = until;
            }
        }
    }
}

fn target(family: Family) -> IpAddr {
    address(family, 200)
}

/// The router at a hop.
fn router(family: Family, hop: u8) -> IpAddr {
    address(family, hop)
}

fn hop_of(seen: &Seen) -> u8 {
    seen.transmit.header.hop_limit.expect("traces set it")
}

/// A road of that many hops, the target's among them, each a span farther than the one before.
fn chain(hops: u8, step: Duration) -> impl FnMut(&Seen) -> Vec<Back> {
    move |seen| {
        let hop = hop_of(seen);
        let (from, protocol, payload) = match hop < hops {
            true => error(
                seen,
                router(Family::of(seen.transmit.to), hop),
                Meaning::HopLimitExceeded,
                500,
            ),
            false => arrival(seen),
        };
        vec![(step * u32::from(hop.min(hops)), from, protocol, payload)]
    }
}

fn plan(method: &'static dyn Method) -> Plan {
    Plan::new(method, vec![PORT], Key([7, 9]))
}

fn hops(reports: &[Report]) -> Vec<&Hop> {
    let hop = |report: &'_ Report| matches!(report.event, Event::Hop(_));
    reports
        .iter()
        .filter(|report| hop(report))
        .map(|report| match &report.event {
            Event::Hop(hop) => hop,
            _ => unreachable!("filtered"),
        })
        .collect()
}

fn verdict(reports: &[Report]) -> &Verdict {
    let verdicts: Vec<&Verdict> = reports
        .iter()
        .filter_map(|report| match &report.event {
            Event::Verdict(verdict) => Some(verdict),
            _ => None,
        })
        .collect();
    assert_eq!(verdicts.len(), 1, "a road has one verdict");
    verdicts[0]
}

fn answers(hop: &Hop) -> Vec<&Answer> {
    hop.probes
        .iter()
        .filter_map(|probe| match &probe.outcome {
            Outcome::Answer(answer) => Some(&**answer),
            _ => None,
        })
        .collect()
}

/// Every method in both families.
fn everywhere(mut act: impl FnMut(Family, &'static dyn Method)) {
    for method in method::ALL.iter().chain(method::EXTRA) {
        for family in Family::ALL {
            act(family, *method);
        }
    }
}

#[test]
fn the_corpus_breaks_nothing() {
    let inputs = testbed::replay("trace", hostile::check);
    assert!(inputs >= 10, "{inputs} inputs");
}

#[test]
fn a_responsive_road_is_known_in_order_and_at_once() {
    everywhere(|family, method| {
        let mut road = Road::new(family, method, chain(8, MS));
        let (reports, end) = road.run(plan(method));
        let hops = hops(&reports);
        assert_eq!(hops.iter().map(|hop| hop.hop).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
        for hop in &hops {
            let answers = answers(hop);
            assert_eq!(answers.len(), 3, "{family} {method:?} {hop:?}");
            let from = if hop.is_end { target(family) } else { router(family, hop.hop) };
            assert!(answers.iter().all(|answer| answer.from == from));
            assert!(answers.iter().all(|answer| answer.rtt == MS * u32::from(hop.hop)));
            assert!(answers.iter().filter_map(|a| a.quote.as_ref()).all(|q| q.changes.is_empty()));
        }
        let verdict = verdict(&reports);
        let End::Reached { hop: 8, from, .. } = verdict.end else { panic!("{verdict:?}") };
        assert_eq!(from, target(family));
        assert!(end <= Time::ZERO + MS * 24, "{end}");
        assert!(road.sent.len() <= 40, "{} probes", road.sent.len());
    });
}

#[test]
fn thirty_hops_take_three_round_trips_at_most() {
    everywhere(|family, method| {
        let mut road = Road::new(family, method, chain(30, 100 * MS / 30));
        let (reports, end) = road.run(plan(method));
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 30, .. }));
        assert!(end <= Time::ZERO + 300 * MS, "{family} {method:?}: {end}");
    });
}

#[test]
fn a_flow_is_held_where_balancers_look() {
    everywhere(|family, method| {
        let mut road = Road::new(family, method, chain(8, MS));
        road.run(plan(method));
        let looked_at = |seen: &Seen| seen.message[..4].to_vec();
        assert!(road.sent.iter().all(|seen| looked_at(seen) == looked_at(&road.sent[0])));
        let mut names: Vec<_> = road.sent.iter().map(|seen| seen.message[4..8].to_vec()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), road.sent.len(), "eight bytes name the probe");
        assert!(road.sent.iter().all(verifies), "{family} {method:?}");
    });
}

#[test]
fn probes_too_short_for_a_mark_are_right_all_the_same() {
    everywhere(|family, method| {
        for payload_bytes in [0, 1, 2, 9] {
            let mut road = Road::new(family, method, chain(4, MS));
            let (reports, _) = road.run(Plan { payload_bytes, ..plan(method) });
            assert!(road.sent.iter().all(verifies), "{family} {method:?} {payload_bytes}");
            let end = &verdict(&reports).end;
            // An empty datagram is anybody's.
            let is_nameless = method.overhead_bytes() + payload_bytes < 2;
            let is_known = matches!(end, End::Reached { hop: 4, .. });
            assert!(is_known != is_nameless, "{family} {method:?} {payload_bytes}: {end:?}");
        }
    });
}

/// Whether a probe's checksum is right.
fn verifies(seen: &Seen) -> bool {
    let to = seen.transmit.to;
    let (source, message) = (here(Family::of(to)), &seen.message);
    match seen.protocol {
        ip::protocol::UDP => udp::verify(source, to, message),
        ip::protocol::TCP => wire::tcp::verify(source, to, message),
        protocol @ (ip::protocol::UDP_LITE | ip::protocol::DCCP) => {
            let sum = Sum::new().pseudo_header(source, to, protocol, message.len());
            sum.bytes(message).finish() == 0
        }
        RAW_PROTOCOL => true,
        _ => icmp::verify(source, to, message),
    }
}

#[test]
fn a_silent_end_is_given_up_in_two_seconds() {
    everywhere(|family, method| {
        let mut chain = chain(40, MS);
        let respond = move |seen: &Seen| if hop_of(seen) < 4 { chain(seen) } else { Vec::new() };
        let mut road = Road::new(family, method, respond);
        let (reports, end) = road.run(plan(method));
        assert_eq!(verdict(&reports).end, End::Silent { from_hop: 4 });
        assert!(end <= Time::ZERO + 2_000 * MS, "{end}");
        assert_eq!(hops(&reports).len(), 30);
        assert!(hops(&reports)[3..].iter().all(|hop| hop.probes.len() == 3));
    });
}

#[test]
fn a_silent_hop_among_others_is_known_as_soon_as_they_are() {
    everywhere(|family, method| {
        let mut chain = chain(9, MS);
        let respond = move |seen: &Seen| if hop_of(seen) == 4 { Vec::new() } else { chain(seen) };
        let (reports, end) = Road::new(family, method, respond).run(plan(method));
        let hops = hops(&reports);
        assert_eq!(hops.len(), 9);
        assert!(hops[3].probes.iter().all(|probe| probe.outcome == Outcome::Silent));
        assert!(end <= Time::ZERO + 250 * MS, "{end}");
    });
}

#[test]
fn any_unreachable_ends_the_road_with_its_reason() {
    for (meaning, v4, v6) in icmp::NUMBERS {
        for (family, numbers) in Family::ALL.into_iter().zip([v4, v6]) {
            let is_unreachable = matches!(
                (family, numbers),
                (Family::V4, Some((3, _))) | (Family::V6, Some((1, _)))
            );
            if !is_unreachable
                || matches!(meaning, Meaning::PortUnreachable | Meaning::ProtocolUnreachable)
            {
                continue;
            }
            let mut chain = chain(9, MS);
            let respond = move |seen: &Seen| match hop_of(seen) {
                0..3 => chain(seen),
                _ => {
                    let (from, protocol, payload) = error(seen, router(family, 3), *meaning, 8);
                    vec![(3 * MS, from, protocol, payload)]
                }
            };
            let (reports, _) = Road::new(family, &method::UDP, respond).run(plan(&method::UDP));
            let verdict = verdict(&reports);
            let End::Refused { hop: 3, from, says: Says::Error { meaning: said, .. } } =
                verdict.end
            else {
                panic!("{meaning:?}: {verdict:?}")
            };
            assert_eq!((from, said), (router(family, 3), *meaning));
            assert_eq!(hops(&reports).len(), 3);
        }
    }
}

#[test]
fn eight_quoted_bytes_are_enough() {
    everywhere(|family, method| {
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            let (from, protocol, payload) = match hop < 6 {
                true => error(seen, router(family, hop), Meaning::HopLimitExceeded, 8),
                false => arrival(seen),
            };
            vec![(MS * u32::from(hop.min(6)), from, protocol, payload)]
        };
        let (reports, _) = Road::new(family, method, respond).run(plan(method));
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 6, .. }));
        for hop in hops(&reports) {
            assert!(answers(hop).iter().all(|a| a.rtt == MS * u32::from(hop.hop)), "{hop:?}");
        }
    });
}

#[test]
fn a_target_that_limits_its_replies_is_not_thought_farther_than_it_is() {
    everywhere(|family, method| {
        // Its first two answers are not given.
        let mut chain = chain(5, MS);
        let mut arrived = 0;
        let respond = move |seen: &Seen| {
            arrived += u32::from(hop_of(seen) >= 5);
            if hop_of(seen) >= 5 && arrived <= 2 { Vec::new() } else { chain(seen) }
        };
        let plan = Plan { course: Course::Once { queries: 1 }, ..plan(method) };
        let (reports, _) = Road::new(family, method, respond).run(plan);
        let verdict = verdict(&reports);
        assert!(matches!(verdict.end, End::Reached { hop: 5, .. }), "{verdict:?}");
    });
}

#[test]
fn translators_are_located_by_what_they_change() {
    let family = Family::V4;
    let nat = address(family, 99);
    // From hop 3 on quotes show another source and a checksum to match; hop 5 swaps bytes.
    let respond = move |seen: &Seen| {
        let hop = hop_of(seen);
        let mut changed = seen.clone();
        if hop >= 3 {
            let sum = u16::from_be_bytes([changed.message[6], changed.message[7]]);
            changed.message[6..8].copy_from_slice(&(sum ^ 0x1234).to_be_bytes());
            changed.transmit.header.source = Some(nat);
        }
        if hop == 5 {
            let swapped = changed.transmit.header.identification.map(u16::swap_bytes);
            changed.transmit.header.identification = swapped;
        }
        let (from, meaning) = match hop < 7 {
            true => (router(family, hop), Meaning::HopLimitExceeded),
            false => (target(family), Meaning::PortUnreachable),
        };
        let (from, protocol, payload) = error(&changed, from, meaning, 500);
        vec![(MS * u32::from(hop), from, protocol, payload)]
    };
    let (reports, _) = Road::new(family, &method::UDP, respond).run(plan(&method::UDP));
    let hops = hops(&reports);
    assert_eq!(hops.len(), 7);
    for hop in hops {
        let quote = answers(hop)[0].quote.clone().expect("an error");
        let has = |is: fn(&Change) -> bool| quote.changes.iter().any(is);
        assert_eq!(has(|c| matches!(c, Change::Source(_))), hop.hop >= 3, "{hop:?}");
        assert_eq!(has(|c| matches!(c, Change::Checksum { .. })), hop.hop >= 3, "{hop:?}");
        assert_eq!(has(|c| matches!(c, Change::Identification { .. })), hop.hop == 5, "{hop:?}");
    }
}

#[test]
fn an_answer_in_the_targets_stead_is_named() {
    everywhere(|family, method| {
        let stand_in = address(family, 77);
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            let (from, protocol, payload) = match hop < 4 {
                true => error(seen, router(family, hop), Meaning::HopLimitExceeded, 500),
                false => {
                    let (_, protocol, payload) = arrival(seen);
                    (stand_in, protocol, payload)
                }
            };
            vec![(MS * u32::from(hop), from, protocol, payload)]
        };
        let (reports, _) = Road::new(family, method, respond).run(plan(method));
        let verdict = verdict(&reports);
        let End::Reached { hop: 4, from, .. } = verdict.end else { panic!("{verdict:?}") };
        assert_eq!(from, stand_in);
    });
}

#[test]
fn a_filter_that_says_port_unreachable_is_no_arrival() {
    for family in Family::ALL {
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            let meaning = match hop <= 3 {
                true => Meaning::HopLimitExceeded,
                false => Meaning::PortUnreachable,
            };
            vec![with_delay(hop.min(3), error(seen, router(family, hop.min(3)), meaning, 500))]
        };
        let (reports, _) = Road::new(family, &method::UDP, respond).run(plan(&method::UDP));
        let verdict = verdict(&reports);
        assert!(matches!(verdict.end, End::Refused { hop: 4, .. }), "{verdict:?}");
    }
}

#[test]
fn a_program_that_answers_by_udp_is_the_end() {
    for family in Family::ALL {
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            if hop < 4 {
                return vec![with_delay(
                    hop,
                    error(seen, router(family, hop), Meaning::HopLimitExceeded, 500),
                )];
            }
            let asked = udp::Message::parse(&seen.message).expect("a message");
            let answer = udp::Message {
                source_port: asked.destination_port,
                destination_port: asked.source_port,
                has_checksum: true,
                payload: b"hello",
            };
            let mut out = Vec::new();
            answer.emit(target(family), here(family), &mut out).expect("fits");
            vec![with_delay(4, (target(family), ip::protocol::UDP, out))]
        };
        let (reports, _) = Road::new(family, &method::UDP, respond).run(plan(&method::UDP));
        let verdict = verdict(&reports);
        let End::Reached { hop: 4, says: Says::Greeting(Greeting::Datagram), .. } = verdict.end
        else {
            panic!("{verdict:?}")
        };
    }
}

fn with_delay(hop: u8, (from, protocol, payload): (IpAddr, u8, Vec<u8>)) -> Back {
    (MS * u32::from(hop), from, protocol, payload)
}

#[test]
fn a_late_answer_is_reported_after_all() {
    let family = Family::V4;
    let mut chain = chain(40, MS);
    let respond = move |seen: &Seen| match hop_of(seen) {
        4 if seen.nth < 20 => {
            let mut back = chain(seen);
            back[0].0 = 700 * MS;
            back
        }
        0..=4 | 6.. => Vec::new(),
        _ => chain(seen),
    };
    // Hop 5 answers, so hop 4 is given up before its answer comes.
    let (reports, _) = Road::new(family, &method::ICMP, respond).run(plan(&method::ICMP));
    let late = reports.iter().filter(|report| match &report.event {
        Event::Probe(probe) => matches!(&probe.outcome, Outcome::Answer(a) if a.is_late),
        _ => false,
    });
    assert!(late.count() > 0, "{reports:?}");
}

#[test]
fn a_target_that_answers_for_a_hop_already_reported_is_no_end() {
    let family = Family::V4;
    let mut chain = chain(30, MS);
    let respond = move |seen: &Seen| match hop_of(seen) {
        // By a short way to the target, on which it takes long.
        3 => {
            let (from, protocol, payload) = arrival(seen);
            vec![(500 * MS, from, protocol, payload)]
        }
        6.. => Vec::new(),
        _ => chain(seen),
    };
    let (reports, _) = Road::new(family, &method::ICMP, respond).run(plan(&method::ICMP));
    assert_eq!(verdict(&reports).end, End::Silent { from_hop: 6 });
    assert_eq!(hops(&reports).len(), 30);
}

#[test]
fn strangers_have_no_effect() {
    everywhere(|family, method| {
        let clean = Road::new(family, method, chain(5, MS)).run(plan(method)).0;
        let mut chain = chain(5, MS);
        let respond = move |seen: &Seen| {
            let mut back = chain(seen);
            let names: &[usize] = match seen.protocol {
                ip::protocol::UDP | ip::protocol::UDP_LITE | ip::protocol::DCCP => {
                    &[0, 1, 2, 3, 6, 7]
                }
                // Changed ports beside the right sequence number are a translator's.
                ip::protocol::TCP | RAW_PROTOCOL => &[4, 5, 6, 7],
                _ => &[0, 4, 5, 6, 7],
            };
            for byte in names {
                // Errors about other probes, which differ from ours in one byte, and in the header.
                let mut other = seen.clone();
                other.message[*byte] ^= 0x41;
                other.transmit.header.identification = Some(1);
                let from = router(family, 66);
                back.push(with_delay(0, error(&other, from, Meaning::HopLimitExceeded, 8)));
                // The right sequence number on the way to another address is a translator's, too.
                if matches!(seen.protocol, ip::protocol::TCP | RAW_PROTOCOL) {
                    continue;
                }
                let mut other = seen.clone();
                other.transmit.to = address(family, 201);
                back.push(with_delay(0, error(&other, from, Meaning::HopLimitExceeded, 8)));
            }
            back
        };
        let noisy = Road::new(family, method, respond).run(plan(method)).0;
        let addresses = |reports: &[Report]| -> Vec<Vec<IpAddr>> {
            hops(reports).iter().map(|hop| answers(hop).iter().map(|a| a.from).collect()).collect()
        };
        assert_eq!(addresses(&clean), addresses(&noisy), "{family} {method:?}");
    });
}

#[test]
fn from_a_port_that_no_probe_went_to_nobody_answers() {
    for family in Family::ALL {
        let mut chain = chain(40, MS);
        let respond = move |seen: &Seen| {
            if hop_of(seen) < 3 {
                return chain(seen);
            }
            let to = seen.transmit.to;
            let [source_port, destination_port] = [53, PORT];
            let payload = &[0; 12];
            let stray = udp::Message { source_port, destination_port, has_checksum: true, payload };
            let mut out = Vec::new();
            stray.emit(to, here(family), &mut out).expect("fits");
            vec![(MS, to, ip::protocol::UDP, out)]
        };
        let mut road = Road::new(family, &method::UDP, respond);
        let plan = Plan { naming: Naming::CountingPort, ..plan(&method::UDP) };
        let (reports, _) = road.run(plan);
        assert_eq!(verdict(&reports).end, End::Silent { from_hop: 3 }, "{family}");
    }
}

#[test]
fn the_classic_way_counts_ports() {
    for family in Family::ALL {
        let mut road = Road::new(family, &method::UDP, chain(6, MS));
        let plan = Plan { naming: Naming::CountingPort, ..plan(&method::UDP) };
        let (reports, _) = road.run(plan);
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 6, .. }));
        let ports: Vec<u16> = road
            .sent
            .iter()
            .map(|seen| udp::Message::parse(&seen.message).expect("a message").destination_port)
            .collect();
        assert!(ports.iter().zip(33_434..).all(|(port, wanted)| *port == wanted), "{ports:?}");
        assert!(hops(&reports).iter().all(|hop| answers(hop).len() == 3));
    }
}

#[test]
fn loops_and_endless_roads_are_told_apart() {
    let family = Family::V6;
    let looping = move |seen: &Seen| {
        let hop = hop_of(seen);
        let router = if hop < 4 { hop } else { 4 + hop % 2 };
        let from = address(family, router);
        vec![with_delay(hop, error(seen, from, Meaning::HopLimitExceeded, 500))]
    };
    let (reports, _) = Road::new(family, &method::ICMP, looping).run(plan(&method::ICMP));
    assert_eq!(verdict(&reports).end, End::Loop { from_hop: 4, length: 2 });
    let (reports, _) = Road::new(family, &method::ICMP, chain(99, MS)).run(plan(&method::ICMP));
    assert_eq!(verdict(&reports).end, End::HopsExhausted);
}

#[test]
fn the_longest_road_has_255_hops() {
    let family = Family::V6;
    let rounds = Course::Rounds { interval: 1_000 * MS, count: Some(3) };
    for course in [Course::Once { queries: 1 }, rounds, Course::Paths { risk: 0.05 }] {
        let endless = move |seen: &Seen| {
            let from = address(family, hop_of(seen));
            vec![with_delay(0, error(seen, from, Meaning::HopLimitExceeded, 500))]
        };
        let plan = Plan { course, hops_max: 255, shares_hops: true, ..plan(&method::ICMP) };
        let (reports, _) = Road::new(family, &method::ICMP, endless).run(plan);
        assert_eq!(verdict(&reports).end, End::HopsExhausted, "{course:?}");
        let farthest = reports.iter().filter_map(|report| match &report.event {
            Event::Probe(probe) => Some(probe.hop),
            _ => None,
        });
        assert_eq!(farthest.max(), Some(255));
    }
}

#[test]
fn rounds_that_come_faster_than_probes_may_leave_do_not_pile_up() {
    let mut chain = chain(30, MS);
    let respond = move |seen: &Seen| if hop_of(seen) > 3 { Vec::new() } else { chain(seen) };
    let course = Course::Rounds { interval: MS, count: Some(2_000) };
    let plan = Plan { course, in_flight_max: 8, ..plan(&method::ICMP) };
    let timeout = plan.timeout;
    let (reports, end) = Road::new(Family::V4, &method::ICMP, respond).run(plan);
    assert_eq!(verdict(&reports).end, End::Silent { from_hop: 4 });
    assert!(end <= Time::ZERO + 2_100 * MS + timeout, "{end}");
}

#[test]
fn rounds_follow_a_road_that_changes() {
    everywhere(|family, method| {
        let mut before = chain(5, MS);
        let mut after = chain(7, MS);
        let respond = move |seen: &Seen| if seen.nth < 30 { before(seen) } else { after(seen) };
        let course = Course::Rounds { interval: 100 * MS, count: Some(12) };
        let plan = Plan { course, ..plan(method) };
        let (reports, end) = Road::new(family, method, respond).run(plan);
        let ends: Vec<u8> = reports
            .iter()
            .filter_map(|report| match report.event {
                Event::Round { end: End::Reached { hop, .. }, .. } => Some(hop),
                _ => None,
            })
            .collect();
        assert_eq!(ends.len(), 12, "{ends:?}");
        assert_eq!((ends[0], ends[11]), (5, 7));
        assert!(ends.is_sorted(), "{ends:?}");
        assert!((1_200..1_300).contains(&(end.0 / 1_000_000)), "{end}");
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 7, .. }));
    });
}

#[test]
fn no_probe_is_forgotten_however_many_are_silent() {
    let course = Course::Rounds { interval: MS, count: Some(1_000) };
    let plan = Plan { course, timeout: 60_000 * MS, in_flight_max: 4_096, ..plan(&method::UDP) };
    let mut road = Road::new(Family::V6, &method::UDP, |_| Vec::new());
    let (reports, _) = road.run(plan);
    let ended = reports.iter().filter(|report| matches!(report.event, Event::Probe(_))).count();
    assert!(ended > 4_096, "{ended}");
    assert_eq!(ended, road.sent.len());
}

#[test]
fn every_probe_ends_exactly_once_whenever_it_is_interrupted() {
    for stop_ms in (0..2_000).step_by(37) {
        let mut chain = chain(12, 7 * MS);
        let respond = move |seen: &Seen| if hop_of(seen) == 9 { Vec::new() } else { chain(seen) };
        let mut road = Road::new(Family::V4, &method::UDP, respond);
        road.stop_at = Some(Time::ZERO + MS * stop_ms);
        let (reports, _) = road.run(plan(&method::UDP));
        let mut ended: Vec<u64> = reports
            .iter()
            .filter_map(|report| match &report.event {
                Event::Probe(probe) => Some(probe.number),
                _ => None,
            })
            .collect();
        ended.sort_unstable();
        let sent: Vec<u64> = (0..road.sent.len() as u64).collect();
        assert_eq!(ended, sent, "stopped after {stop_ms} ms");
        assert_eq!(verdict(&reports).sent, road.sent.len() as u64);
    }
}
