//! The ping engine against a network that is a function: what was sent to what comes back, and
//! when.

mod clock;
mod gather;
mod hostile;
mod input;
mod mtu;
mod tftp;
mod trace;

use probe::ping::{Goal, Linger, Outcome, Pace, Ping, Plan, Report, Until};
use probe::stats::Summary;
use probe::targets::{Target, Targets};
use probe::token::Key;
use probe::{
    Arrival, Engine, Output, RttSource, SendFault, SendFaultReason, Stamp, StampedBy, Time,
    Transmit,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::{Echo, Error, Meaning, Message};
use wire::{Family, ip};

const MS: Duration = Duration::from_millis(1);

/// A probe as the network saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Time,
    nth: u64,
    transmit: Transmit,
    message: Vec<u8>,
}

/// One thing that the network does about a probe.
enum Back {
    /// An ICMP message from an address.
    Message(IpAddr, Vec<u8>),
    /// The kernel's send stamp.
    Stamp,
    /// The system refuses it.
    Refusal(SendFaultReason),
    /// The receive buffer overflowed.
    Overflow(u32),
    /// The user interrupts.
    Interrupt,
}

/// What comes back for a probe, and how long after it.
type Respond<'a> = dyn FnMut(&Seen) -> Vec<(Duration, Back)> + 'a;

struct World<'a> {
    respond: Box<Respond<'a>>,
    seen: Vec<Seen>,
    reports: Vec<Report>,
    pending: BTreeMap<(Time, u64), (u64, Back)>,
}

impl<'a> World<'a> {
    fn new(respond: impl FnMut(&Seen) -> Vec<(Duration, Back)> + 'a) -> World<'a> {
        World {
            respond: Box::new(respond),
            seen: Vec::new(),
            reports: Vec::new(),
            pending: BTreeMap::new(),
        }
    }

    fn run(&mut self, ping: &mut Ping) -> Time {
        let mut now = Time(5_000);
        let mut datagram = Vec::new();
        let mut order = 0;
        loop {
            match ping.poll(now, &mut datagram) {
                Output::Report(report) => self.reports.push(report),
                Output::Done => return now,
                Output::Send(transmit) => {
                    let nth = self.seen.len() as u64;
                    let seen = Seen { at: now, nth, transmit, message: datagram.clone() };
                    for (delay, back) in (self.respond)(&seen) {
                        order += 1;
                        self.pending.insert((now + delay, order), (transmit.ticket, back));
                    }
                    self.seen.push(seen);
                }
                Output::Wait { until, why } => {
                    assert!(until > now, "waiting for the past: {why}");
                    let next = self.pending.first_key_value().map(|((at, _), _)| *at);
                    let Some(at) = next.filter(|at| *at <= until) else {
                        assert_ne!(until, Time::NEVER, "nothing will ever happen again: {why}");
                        now = until;
                        continue;
                    };
                    now = at;
                    let (_, (ticket, back)) = self.pending.pop_first().expect("just seen");
                    deliver(ping, now, ticket, back);
                }
            }
        }
    }

    fn outcomes(&self) -> Vec<(u64, &Outcome)> {
        self.reports.iter().map(|report| (report.sequence, &report.outcome)).collect()
    }
}

fn deliver(ping: &mut Ping, now: Time, ticket: u64, back: Back) {
    match back {
        Back::Message(source, message) => ping.receive(
            now,
            &Arrival {
                received: Stamp { at: now, by: StampedBy::Kernel },
                source,
                destination: None,
                hop_limit: Some(61),
                traffic_class: Some(0),
                options: &[],
                protocol: match Family::of(source) {
                    Family::V4 => ip::protocol::ICMP,
                    Family::V6 => ip::protocol::ICMPV6,
                },
                payload: &message,
            },
        ),
        Back::Stamp => ping.sent(ticket, Stamp { at: now, by: StampedBy::Kernel }),
        Back::Refusal(reason) => ping.send_failed(now, ticket, SendFault { reason, os_error: 0 }),
        Back::Overflow(count) => ping.receive_dropped(count),
        Back::Interrupt => ping.stop(now),
    }
}

fn reply(seen: &Seen) -> Back {
    Back::Message(seen.transmit.to, echo_reply(seen, |_| {}))
}

fn echo_reply(seen: &Seen, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let family = Family::of(seen.transmit.to);
    let Ok(Message::EchoRequest(echo)) = Message::parse(family, &seen.message) else {
        panic!("not an echo request: {:?}", seen.message);
    };
    let mut payload = echo.payload.to_vec();
    change(&mut payload);
    let mut message = Vec::new();
    Message::EchoReply(Echo { payload: &payload, ..echo }).emit(family, &mut message);
    message
}

fn error(seen: &Seen, from: IpAddr, meaning: Meaning, quoted_bytes: usize) -> Back {
    let to = seen.transmit.to;
    let family = Family::of(to);
    let protocol = match family {
        Family::V4 => ip::protocol::ICMP,
        Family::V6 => ip::protocol::ICMPV6,
    };
    let source = match family {
        Family::V4 => address("192.0.2.1"),
        Family::V6 => address("2001:db8::1"),
    };
    let mut quoted = Vec::new();
    ip::Header::new(source, to, protocol).emit(&seen.message, &mut quoted).expect("fits");
    let header_bytes = quoted.len() - seen.message.len();
    quoted.truncate(header_bytes + quoted_bytes);
    let (kind, code) = meaning.numbers(family).expect("both families say it");
    let mut message = Vec::new();
    Message::Error(Error { meaning, kind, code, word: 0, body: &quoted })
        .emit(family, &mut message);
    Back::Message(from, message)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn targets(addresses: &[&str]) -> Targets {
    let mut targets = Targets::default();
    for text in addresses {
        targets.push(Target { address: address(text), zone: 0 }).expect("few");
    }
    targets
}

fn plan(count: u64) -> Plan {
    Plan {
        goal: Goal::Probes(Some(count)),
        interval: 100 * MS,
        timeout: 1_000 * MS,
        ..Plan::new(vec![0x1234], Key([3, 4]))
    }
}

fn run(plan: Plan, respond: impl FnMut(&Seen) -> Vec<(Duration, Back)>) -> (Vec<Report>, Summary) {
    let mut ping = Ping::new(plan, targets(&["192.0.2.7"]), Time(5_000));
    let mut world = World::new(respond);
    world.run(&mut ping);
    (world.reports, ping.summary(0))
}

#[test]
fn replies_are_timed_from_stamp_to_stamp() {
    for to in ["192.0.2.7", "2001:db8::7"] {
        let mut ping = Ping::new(plan(3), targets(&[to]), Time(5_000));
        let mut world = World::new(|seen| match seen.nth {
            1 => vec![(20 * MS, reply(seen))],
            _ => vec![(MS, Back::Stamp), (20 * MS, reply(seen))],
        });
        let end = world.run(&mut ping);
        assert_eq!(end, Time(5_000) + 220 * MS, "ends with the last answer");
        let sources: Vec<_> = world
            .outcomes()
            .into_iter()
            .map(|(sequence, outcome)| match outcome {
                Outcome::Reply(reply) => (sequence, reply.rtt, reply.rtt_source),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            (1, 19 * MS, RttSource::Kernel),
            (2, 20 * MS, RttSource::KernelReceive),
            (3, 19 * MS, RttSource::Kernel),
        ];
        assert_eq!(sources, expected);
        let summary = ping.summary(0);
        assert_eq!((summary.sent, summary.received, summary.lost), (3, 3, 0));
    }
}

#[test]
fn probes_go_at_start_plus_n_times_the_interval_however_late_answers_are() {
    let mut ping = Ping::new(plan(50), targets(&["192.0.2.7", "192.0.2.9"]), Time(5_000));
    let mut world = World::new(|seen| vec![(Duration::from_micros(seen.nth * 777), reply(seen))]);
    world.run(&mut ping);
    for pair in world.seen.chunks(2) {
        let round = pair[0].nth / 2;
        assert_eq!(pair[0].at, Time(5_000) + 100 * MS * round as u32);
        assert_eq!(pair[1].at, pair[0].at, "no gap was asked for");
    }
    assert_eq!(world.seen.len(), 100);
}

#[test]
fn a_preload_goes_at_once_and_counts() {
    let plan = Plan { pace: Pace::Schedule { preload: 3 }, ..plan(5) };
    let mut ping = Ping::new(plan, targets(&["192.0.2.7"]), Time(5_000));
    let mut world = World::new(|seen| vec![(MS, reply(seen))]);
    world.run(&mut ping);
    let at: Vec<u64> = world.seen.iter().map(|seen| (seen.at.0 - 5_000) / 1_000_000).collect();
    assert_eq!(at, [0, 0, 0, 100, 200]);
}

#[test]
fn silence_is_a_timeout_and_a_late_answer_takes_it_back() {
    let (reports, summary) = run(plan(2), |seen| match seen.nth {
        0 => vec![(1_050 * MS, reply(seen))],
        _ => vec![],
    });
    let kinds: Vec<_> = reports.iter().map(|report| (report.sequence, &report.outcome)).collect();
    assert!(matches!(
        kinds[..],
        [(1, Outcome::Timeout), (1, Outcome::Late(_)), (2, Outcome::Timeout)]
    ));
    assert_eq!((summary.received, summary.late, summary.lost), (1, 1, 1));
    assert_eq!(summary.loss_ratio(), Some(0.5));
}

#[test]
fn duplicates_are_extra_and_overtaken_answers_are_marked() {
    let (reports, summary) = run(plan(3), |seen| match seen.nth {
        0 => vec![(150 * MS, reply(seen)), (160 * MS, reply(seen))],
        _ => vec![(10 * MS, reply(seen))],
    });
    let [second, first, again, _] = &reports[..] else { panic!("{reports:?}") };
    assert!(matches!(&second.outcome, Outcome::Reply(reply) if !reply.reordered));
    assert!(matches!(&first.outcome, Outcome::Reply(reply) if reply.reordered));
    assert!(matches!(&again.outcome, Outcome::Duplicate(_)) && again.sequence == 1);
    assert_eq!((summary.received, summary.duplicates, summary.reordered), (3, 1, 1));
    assert_eq!(summary.rtt.expect("answered").count, 3);
}

#[test]
fn the_last_answer_ends_the_run_whatever_was_read_with_it() {
    let mut ping = Ping::new(plan(1), targets(&["192.0.2.2"]), Time::ZERO);
    let mut message = Vec::new();
    let Output::Send(transmit) = ping.poll(Time::ZERO, &mut message) else { panic!("no probe") };
    let seen = Seen { at: Time::ZERO, nth: 0, transmit, message };
    for _ in 0..2 {
        deliver(&mut ping, Time(1_000), transmit.ticket, reply(&seen));
    }
    let Output::Report(report) = ping.poll(Time(1_000), &mut Vec::new()) else { panic!("silent") };
    assert!(matches!(report.outcome, Outcome::Reply(_)), "{report:?}");
    assert_eq!(ping.poll(Time(1_000), &mut Vec::new()), Output::Done);
}

#[test]
fn damage_is_located_and_a_stranger_is_no_damage() {
    let (reports, summary) = run(plan(3), |seen| match seen.nth {
        0 => vec![(MS, Back::Message(seen.transmit.to, echo_reply(seen, |p| p[20] = 0)))],
        1 => vec![
            (MS, Back::Message(seen.transmit.to, echo_reply(seen, |p| p.fill(0)))),
            (2 * MS, Back::Message(seen.transmit.to, echo_reply(seen, |p| p.truncate(4)))),
            (3 * MS, reply(seen)),
        ],
        _ => vec![(MS, Back::Message(seen.transmit.to, echo_reply(seen, |p| p.truncate(30))))],
    });
    let [first, second, third] = &reports[..] else { panic!("{reports:?}") };
    assert!(matches!(first.outcome, Outcome::Corrupted { offset: 20, sent: 20, got: Some(0), .. }));
    assert!(matches!(&second.outcome, Outcome::Reply(reply) if reply.rtt == 3 * MS));
    assert!(matches!(third.outcome, Outcome::Corrupted { offset: 30, got: None, .. }));
    assert_eq!((summary.received, summary.corrupted), (3, 2));
}

#[test]
fn an_answer_from_elsewhere_is_named_if_the_token_proves_it() {
    let other = address("192.0.2.99");
    let answer = |seen: &Seen| vec![(MS, Back::Message(other, echo_reply(seen, |_| {})))];
    let (reports, summary) = run(plan(1), answer);
    assert!(matches!(&reports[0].outcome, Outcome::WrongSource(reply) if reply.from == other));
    assert_eq!((summary.received, summary.wrong_source), (1, 1));
    let (reports, _) = run(Plan { payload_bytes: 0, ..plan(1) }, answer);
    assert!(matches!(reports[..], [Report { outcome: Outcome::Timeout, .. }]));
    let (reports, summary) = run(Plan { any_source: true, ..plan(1) }, answer);
    assert!(matches!(&reports[0].outcome, Outcome::Reply(_)));
    assert_eq!(summary.wrong_source, 0);
}

#[test]
fn errors_end_their_own_probe_only() {
    let router = address("198.51.100.1");
    let (reports, summary) = run(plan(4), |seen| match seen.nth {
        0 => vec![(MS, error(seen, router, Meaning::HopLimitExceeded, 8))],
        1 => {
            // An error about somebody else's probe with our numbers.
            let elsewhere = Transmit { to: address("192.0.2.8"), ..seen.transmit };
            let foreign = Seen { transmit: elsewhere, ..seen.clone() };
            let mut stranger = seen.clone();
            stranger.message[8] ^= 0xff;
            vec![
                (MS, error(&foreign, router, Meaning::HostUnreachable, 8)),
                (MS, error(&stranger, router, Meaning::HostUnreachable, 28)),
                (2 * MS, reply(seen)),
            ]
        }
        2 => vec![(MS, error(seen, router, Meaning::RedirectHost, 64)), (2 * MS, reply(seen))],
        _ => vec![(MS, error(seen, router, Meaning::PortUnreachable, 7))],
    });
    let outcomes: Vec<_> =
        reports.iter().map(|report| (report.sequence, &report.outcome)).collect();
    let [
        (1, Outcome::IcmpError(first)),
        (2, Outcome::Reply(_)),
        (3, Outcome::IcmpError(hint)),
        (3, Outcome::Reply(_)),
        (4, Outcome::Timeout),
    ] = outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!((first.from, first.meaning), (router, Meaning::HopLimitExceeded));
    assert_eq!(hint.meaning, Meaning::RedirectHost);
    assert_eq!((summary.icmp_errors, summary.received, summary.lost), (1, 2, 2));
}

#[test]
fn an_answer_after_an_error_takes_the_error_back() {
    let router = address("198.51.100.1");
    let (_, summary) = run(plan(2), |seen| match seen.nth {
        0 => vec![(MS, error(seen, router, Meaning::HostUnreachable, 8)), (9 * MS, reply(seen))],
        _ => vec![(MS, reply(seen))],
    });
    assert_eq!((summary.received, summary.lost, summary.icmp_errors), (2, 0, 0));
}

#[test]
fn losses_are_runs_by_their_place_and_not_by_when_they_are_known() {
    let (_, summary) = run(plan(6), |seen| match seen.nth {
        1 | 3 | 4 => vec![],
        _ => vec![(MS, reply(seen))],
    });
    assert_eq!((summary.loss_runs, summary.loss_run_max), (2, 2));
    assert_eq!((summary.outage, summary.outage_max), (300 * MS, 200 * MS));
    assert_eq!(summary.down_since, None);
}

#[test]
fn an_interrupt_leaves_the_young_in_flight_and_loses_the_old() {
    let mut endless = plan(0);
    endless.goal = Goal::Probes(None);
    endless.timeout = Duration::from_secs(10);
    let (reports, summary) = run(endless, |seen| match seen.nth {
        0 => vec![(30 * MS, reply(seen))],
        3 => vec![(5 * MS, Back::Interrupt)],
        _ => vec![],
    });
    let ends: Vec<_> =
        reports[1..].iter().map(|report| (report.sequence, &report.outcome)).collect();
    assert!(matches!(
        ends[..],
        [(2, Outcome::Timeout), (3, Outcome::Timeout), (4, Outcome::InFlight)]
    ));
    assert_eq!((summary.sent, summary.lost, summary.in_flight), (4, 2, 1));
}

#[test]
fn own_drops_are_never_called_loss() {
    let (reports, summary) = run(plan(4), |seen| match seen.nth {
        0 => vec![(MS, Back::Refusal(SendFaultReason::NoBuffers))],
        1 => vec![(MS, Back::Overflow(1))],
        2 => vec![(MS, Back::Refusal(SendFaultReason::TooBig { mtu_bytes: Some(1_400) }))],
        _ => vec![],
    });
    let ends: Vec<_> = reports.iter().map(|report| (report.sequence, &report.outcome)).collect();
    assert!(matches!(
        ends[..],
        [
            (1, Outcome::LocalDrop),
            (3, Outcome::SendError(_)),
            (2, Outcome::LocalDrop),
            (4, Outcome::Timeout)
        ]
    ));
    assert_eq!((summary.sent, summary.lost), (1, 1));
    assert_eq!((summary.local_drops, summary.send_errors), (2, 1));
}

#[test]
fn until_counts_replies_or_losses_in_a_row() {
    let mut up = plan(0);
    up.goal = Goal::Probes(None);
    up.until = Some(Until::Up(3));
    let mut down = up.clone();
    down.until = Some(Until::Down(2));
    let (_, summary) = run(up, |seen| match seen.nth {
        0 | 1 | 3..=5 => vec![(MS, reply(seen))],
        _ => vec![],
    });
    assert_eq!(summary.received, 5, "3 missing, so 4, 5 and 6 are three in a row");
    let (_, summary) = run(down, |seen| match seen.nth {
        0 | 2 => vec![(MS, reply(seen))],
        _ => vec![],
    });
    // 2 is lost alone, then 4 and 5 in a row: known when 5 times out at 1.4 s, after 14 probes,
    // whose silence is older than any answer took.
    assert_eq!((summary.received, summary.lost), (2, 12));
}

#[test]
fn the_first_reply_ends_a_target_and_silence_is_asked_again_with_backoff() {
    let plan = Plan {
        goal: Goal::FirstReply { retries: 2, backoff: 2.0 },
        timeout: 100 * MS,
        gap: MS,
        ..plan(0)
    };
    let mut ping = Ping::new(plan, targets(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]), Time(5_000));
    let mut world = World::new(|seen| match (seen.transmit.to, seen.nth) {
        (to, _) if to == address("192.0.2.1") => vec![(MS, reply(seen))],
        (to, 3..) if to == address("192.0.2.2") => vec![(MS, reply(seen))],
        _ => vec![],
    });
    let end = world.run(&mut ping);
    let sends: Vec<_> = world
        .seen
        .iter()
        .map(|seen| (seen.transmit.to.to_string(), (seen.at.0 - 5_000) / 1_000_000))
        .collect();
    let expected = [
        ("192.0.2.1", 0),
        ("192.0.2.2", 1),
        ("192.0.2.3", 2),
        ("192.0.2.2", 101),
        ("192.0.2.3", 102),
        ("192.0.2.3", 302),
    ];
    assert_eq!(sends, expected.map(|(to, at)| (to.to_owned(), at)));
    assert_eq!(end, Time(5_000) + 702 * MS, "the last try waits four times as long");
    let received: Vec<_> = (0..3).map(|index| ping.summary(index).received).collect();
    assert_eq!(received, [1, 1, 0]);
    assert_eq!(ping.targets_done(), 3);
}

#[test]
fn a_target_that_cannot_be_sent_to_is_not_asked_again() {
    let plan =
        Plan { goal: Goal::FirstReply { retries: 2, backoff: 2.0 }, timeout: 100 * MS, ..plan(0) };
    let mut ping = Ping::new(plan, targets(&["192.0.2.1"]), Time::ZERO);
    let mut datagram = Vec::new();
    let Output::Send(transmit) = ping.poll(Time(1), &mut datagram) else { panic!("a probe") };
    let fault = SendFault { reason: SendFaultReason::NoRoute, os_error: 101 };
    ping.send_failed(Time(2), transmit.ticket, fault);
    let Output::Report(report) = ping.poll(Time(3), &mut datagram) else { panic!("a report") };
    assert_eq!(report.outcome, Outcome::SendError(fault));
    assert_eq!(ping.poll(Time(4), &mut datagram), Output::Done);
}

#[test]
fn more_than_65_536_probes_may_be_in_flight() {
    let mut many = Targets::default();
    let first = Target { address: address("198.18.0.0"), zone: 0 };
    many.push_consecutive(first, 100_000).expect("fits");
    let plan = Plan { identifiers: vec![0x1000, 0x1001], ..plan(1) };
    let mut ping = Ping::new(plan, many, Time(5_000));
    let mut world = World::new(|seen| vec![(50 * MS, reply(seen))]);
    world.run(&mut ping);
    assert!(world.reports.iter().all(|report| matches!(report.outcome, Outcome::Reply(_))));
    assert_eq!(world.reports.len(), 100_000);
}

#[test]
fn a_full_window_waits_for_room() {
    let mut many = Targets::default();
    let first = Target { address: address("198.18.0.0"), zone: 0 };
    many.push_consecutive(first, 70_000).expect("fits");
    let mut ping = Ping::new(plan(1), many, Time(5_000));
    let mut world = World::new(|seen| match seen.transmit.to.to_string().ends_with(".0") {
        true => vec![],
        false => vec![(50 * MS, reply(seen))],
    });
    world.run(&mut ping);
    let answered =
        world.reports.iter().filter(|report| matches!(report.outcome, Outcome::Reply(_))).count();
    let silent = world.reports.len() - answered;
    assert_eq!((answered + silent, silent), (70_000, 70_000_usize.div_ceil(256)));
}

#[test]
fn a_full_window_forgets_no_target_that_is_still_to_be_asked_again() {
    let mut many = Targets::default();
    let first = Target { address: address("198.18.0.0"), zone: 0 };
    many.push_consecutive(first, 70_000).expect("fits");
    let goal = Goal::FirstReply { retries: 1, backoff: 2.0 };
    let mut ping = Ping::new(Plan { goal, ..plan(1) }, many, Time(5_000));
    let router = address("192.0.2.1");
    let mut world = World::new(|seen| {
        let back = match seen.transmit.to.to_string().ends_with(".0") {
            true => error(seen, router, Meaning::HostUnreachable, 16),
            false => reply(seen),
        };
        vec![(50 * MS, back)]
    });
    world.run(&mut ping);
    let refused = 70_000_u32.div_ceil(256);
    assert_eq!(ping.targets_done(), 70_000);
    assert_eq!(ping.probes_sent(), u64::from(70_000 + refused));
}

#[test]
fn a_flood_keeps_a_fixed_number_in_the_air_and_survives_losses() {
    let plan = Plan {
        pace: Pace::Answered { in_flight: 2 },
        interval: 10 * MS,
        timeout: Duration::from_secs(10),
        linger: Linger::TwiceLongest(Duration::from_secs(10)),
        ..plan(200_000)
    };
    let mut ping = Ping::new(plan, targets(&["192.0.2.7"]), Time(5_000));
    let mut world = World::new(|seen| match seen.nth % 1_000 {
        999 => vec![],
        _ => vec![(Duration::from_micros(30), reply(seen))],
    });
    world.run(&mut ping);
    let summary = ping.summary(0);
    assert_eq!((summary.sent, summary.lost), (200_000, 200));
}

#[test]
fn the_deadline_ends_a_run_whatever_is_missing() {
    let mut endless = plan(0);
    endless.goal = Goal::Answers(100);
    endless.deadline = Some(450 * MS);
    let mut ping = Ping::new(endless, targets(&["192.0.2.7"]), Time(5_000));
    let mut world = World::new(|seen| vec![(MS, reply(seen))]);
    assert_eq!(world.run(&mut ping), Time(5_000) + 450 * MS);
    assert_eq!(world.seen.len(), 5);
}

#[test]
fn names_may_resolve_while_the_run_goes_on() {
    let mut ping = Ping::new(plan(1), Targets::default(), Time::ZERO);
    ping.expect_targets(true);
    let mut datagram = Vec::new();
    assert!(matches!(ping.poll(Time(1), &mut datagram), Output::Wait { until: Time::NEVER, .. }));
    ping.add_target(Target { address: address("192.0.2.7"), zone: 0 }).expect("few");
    ping.expect_targets(false);
    assert!(matches!(ping.poll(Time(2), &mut datagram), Output::Send(_)));
}

#[test]
fn the_corpus_breaks_nothing() {
    let inputs = testbed::replay("engine", hostile::check);
    assert!(inputs >= 10, "{inputs} inputs");
}

#[test]
fn no_tftp_server_breaks_anything() {
    let inputs = testbed::replay("tftp", tftp::check);
    assert!(inputs >= 8, "{inputs} inputs");
    // And what nobody thought of.
    let mut state = u64::from(std::process::id());
    println!("state {state}");
    for _ in 0..3_000 {
        let mut input = Vec::new();
        for _ in 0..40 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            input.extend_from_slice(&state.to_be_bytes()[..3]);
        }
        tftp::check(&input);
    }
}

/// Whatever the network does, every probe ends exactly once and the sums agree.
#[test]
fn every_probe_ends_exactly_once() {
    let seed = std::env::var("ASKWAY_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7_919);
    println!("ASKWAY_SEED={seed}");
    let mut state = seed;
    let mut random = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for round in 0..200 {
        let goal = match random(3) {
            0 => Goal::Probes(Some(1 + random(30))),
            1 => Goal::Answers(1 + random(10)),
            _ => Goal::FirstReply { retries: random(4) as u32, backoff: 1.5 },
        };
        let pace = match random(2) {
            0 => Pace::Schedule { preload: random(4) as u32 },
            _ => Pace::Answered { in_flight: 1 + random(3) as u32 },
        };
        let linger = match random(2) {
            0 => Linger::UntilTimeout,
            _ => Linger::TwiceLongest(500 * MS),
        };
        let plan = Plan {
            goal,
            pace,
            linger,
            gap: Duration::from_micros(random(5_000)),
            payload_bytes: random(20) as usize,
            deadline: Some(Duration::from_secs(60)),
            ..plan(0)
        };
        let mut ping = Ping::new(plan, targets(&["192.0.2.7", "2001:db8::7"]), Time(5_000));
        let mut world = World::new(|seen| {
            let router = match Family::of(seen.transmit.to) {
                Family::V4 => address("198.51.100.1"),
                Family::V6 => address("2001:db8:1::1"),
            };
            let delay = |n| Duration::from_micros(n);
            (0..random(4))
                .map(|_| match random(12) {
                    0..=5 => (delay(random(90_000)), reply(seen)),
                    6 => (delay(random(3_000_000)), reply(seen)),
                    7 => (delay(random(90_000)), error(seen, router, Meaning::HostUnreachable, 8)),
                    8 => (delay(random(9)), Back::Refusal(SendFaultReason::NoBuffers)),
                    9 => (delay(random(9)), Back::Overflow(1)),
                    10 => (delay(random(9)), Back::Refusal(SendFaultReason::NoRoute)),
                    _ => (delay(random(9)), Back::Stamp),
                })
                .collect()
        });
        world.run(&mut ping);
        check_books(&ping, &world, round);
    }
}

fn check_books(ping: &Ping, world: &World<'_>, round: u64) {
    for target in 0..2 {
        let summary = ping.summary(target);
        let mut last: BTreeMap<u64, Vec<&Outcome>> = BTreeMap::new();
        for report in world.reports.iter().filter(|report| report.target == target) {
            last.entry(report.sequence).or_default().push(&report.outcome);
        }
        let to = ping.targets().at(target).address;
        let sent = world.seen.iter().filter(|seen| seen.transmit.to == to).count();
        assert_eq!(last.len(), sent, "round {round}: every probe is reported");
        let booked = summary.sent + summary.send_errors + summary.local_drops;
        assert_eq!(booked, sent as u64, "round {round}: {summary:?}");
        let decided = summary.received + summary.lost;
        assert_eq!(summary.sent, decided + summary.in_flight, "round {round}");
        for (sequence, outcomes) in last {
            let ends = outcomes.iter().filter(|outcome| !is_extra(outcome)).count();
            let taken_back = outcomes.iter().filter(|outcome| takes_back(outcome)).count();
            assert!(ends >= 1, "round {round}, {sequence}: {outcomes:?}");
            assert!(
                ends - taken_back.min(ends - 1) == 1,
                "round {round}, {sequence}: {outcomes:?}"
            );
        }
    }
}

fn is_extra(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Duplicate(_) | Outcome::Sent)
}

/// Ends that may come after another end of the same probe: answers after an error, an error or an
/// answer after a timeout.
fn takes_back(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Late(_) | Outcome::Reply(_) | Outcome::IcmpError(_))
}
