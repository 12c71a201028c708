//! The clock engine against hosts that are functions: from a question to what comes back, and when.

pub mod hostile;

use probe::clock::way::icmp::DAY_MS;
use probe::clock::way::{DAYTIME, ICMP, NTP, TIME, Way};
use probe::clock::{Asked, Clock, Doubt, End, Event, Plan, Report, Verdict};
use probe::targets::Target;
use probe::token::Key;
use probe::{Arrival, Engine, Output, Stamp, StampedBy, Time};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::{Error, Meaning, Message, Timestamp};
use wire::ntp::{self, Packet};
use wire::{Family, ip, udp};

const US: Duration = Duration::from_micros(1);
const MS: Duration = Duration::from_millis(1);

/// 2026-11-25 22:01:43.25 UTC.
const EPOCH_NS: i128 = 1_795_644_103_250_000_000;

fn us() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

fn them() -> IpAddr {
    IpAddr::from([192, 0, 2, 7])
}

pub fn plan(way: &'static dyn Way) -> Plan {
    Plan {
        way,
        count: Some(way.usual_count()),
        interval: way.usual_interval(),
        gap: MS,
        timeout: Duration::from_secs(1),
        watches: false,
        identifiers: if way.names_questions() { vec![7] } else { (7..15).collect() },
        epoch_ns: EPOCH_NS,
        key: Key([3, 4]),
    }
}

/// What a host does with a question that was sent at a time: messages, each with the time of its
/// arrival and its sender.
type Answers = Vec<(Time, IpAddr, u8, Vec<u8>)>;

/// Runs it to its end; what was reported.
fn run(plan: Plan, mut host: impl FnMut(Time, &[u8]) -> Answers) -> Vec<Report> {
    let target = Target { address: them(), zone: 0 };
    let mut engine = Clock::new(plan, vec![Asked { target, source: us() }], Time(1_000));
    let (mut now, mut datagram) = (Time(1_000), Vec::new());
    let mut pending: BTreeMap<(Time, usize), (IpAddr, u8, Vec<u8>)> = BTreeMap::new();
    let (mut reports, mut count) = (Vec::new(), 0);
    loop {
        match engine.poll(now, &mut datagram) {
            Output::Done => return reports,
            Output::Report(report) => reports.push(report),
            Output::Send(transmit) => {
                engine.sent(transmit.ticket, Stamp { at: now, by: StampedBy::Kernel });
                for (at, from, protocol, message) in host(now, &datagram) {
                    count += 1;
                    pending.insert((at, count), (from, protocol, message));
                }
            }
            Output::Wait { until, why } => {
                assert!(until > now, "{why}");
                match pending.first_key_value().map(|((at, _), _)| *at) {
                    Some(at) if at <= until => {
                        let (_, (source, protocol, payload)) =
                            pending.pop_first().expect("it was just there");
                        now = now.max(at);
                        let received = Stamp { at: now, by: StampedBy::Kernel };
                        let arrival = Arrival {
                            received,
                            source,
                            destination: Some(us()),
                            hop_limit: Some(60),
                            traffic_class: None,
                            options: &[],
                            protocol,
                            payload: &payload,
                        };
                        engine.receive(now, &arrival);
                    }
                    _ => now = until,
                }
            }
        }
    }
}

fn verdict(reports: &[Report]) -> &Verdict {
    let [.., Report { event: Event::Verdict(verdict), .. }] = reports else {
        panic!("the last report is a verdict: {reports:?}");
    };
    verdict
}

/// A clock: by how much it is ahead at a time of the run.
#[derive(Clone, Copy)]
struct Host {
    ahead_ns: i128,
}

impl Host {
    fn at(&self, time: Time) -> i128 {
        EPOCH_NS + i128::from(time.0) + self.ahead_ns
    }

    /// Its answer to a question that it got at one time and answers at another.
    fn answer(&self, way: &dyn Way, question: &[u8], got: Time, goes: Time) -> (u8, Vec<u8>) {
        let mut out = Vec::new();
        if way.name() == ICMP.name() {
            let Ok(Message::TimestampRequest(asked)) = Message::parse(Family::V4, question) else {
                panic!("a timestamp request");
            };
            let ms = |ns: i128| (ns.div_euclid(1_000_000).rem_euclid(DAY_MS.into())) as u32;
            let (receive, transmit) = (ms(self.at(got)), ms(self.at(goes)));
            let reply = Timestamp { receive, transmit, ..asked };
            Message::TimestampReply(reply).emit(Family::V4, &mut out);
            return (ip::protocol::ICMP, out);
        }
        let asked = udp::Message::parse(question).expect("a UDP message");
        let seconds = self.at(got).div_euclid(1_000_000_000);
        let payload = match asked.destination_port {
            13 => {
                // Which text this is does not matter here, only which second.
                let (minute, second) = (seconds / 60 % 60, seconds % 60);
                format!("2026-11-25T{:02}:{minute:02}:{second:02}Z", seconds / 3_600 % 24)
                    .into_bytes()
            }
            37 => ((seconds + i128::from(ntp::UNIX_EPOCH_S)) as u32).to_be_bytes().to_vec(),
            _ => {
                let question = Packet::parse(asked.payload).expect("a packet");
                let mut bytes = Vec::new();
                let answer = Packet {
                    mode: 4,
                    stratum: 2,
                    precision: -20,
                    origin: question.transmit,
                    receive: ntp::of_unix_ns(self.at(got)),
                    transmit: ntp::of_unix_ns(self.at(goes)),
                    ..question
                };
                answer.emit(&mut bytes);
                bytes
            }
        };
        (ip::protocol::UDP, datagram(asked.destination_port, asked.source_port, &payload))
    }
}

fn datagram(source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let message = udp::Message { source_port, destination_port, has_checksum: true, payload };
    message.emit(them(), us(), &mut out).expect("it fits");
    out
}

fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Whatever the delays of both ways, a clock that is not wrong is where the estimate says, within
/// its bound; so it is for each answer alone.
#[test]
fn the_truth_is_within_the_bound() {
    let seed = std::env::var("ASKWAY_SEED").ok().and_then(|text| text.parse().ok());
    let mut state: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7_919);
    println!("ASKWAY_SEED={state}");
    for round in 0..200 {
        let way = probe::clock::way::ALL[round % 4];
        let ahead_ns = i128::from(random(&mut state, 20_000_000_000)) - 10_000_000_000;
        let host = Host { ahead_ns };
        let (there_us, back_us) = (random(&mut state, 40_000), random(&mut state, 40_000));
        let plan = Plan { count: Some(1 + random(&mut state, 12)), ..plan(way) };
        let reports = run(plan, |sent, question| {
            let mut queue = || US * random(&mut state, 20_000) as u32;
            let got = sent + US * (1 + there_us as u32) + queue();
            let goes = got + queue() / 8;
            let (protocol, message) = host.answer(way, question, got, goes);
            vec![(goes + US * (1 + back_us as u32) + queue(), them(), protocol, message)]
        });
        let verdict = verdict(&reports);
        let estimate = verdict.estimate.unwrap_or_else(|| panic!("{way:?} {verdict:?}"));
        let off = i128::from(estimate.offset_ns) - ahead_ns;
        assert!(off.unsigned_abs() <= estimate.bound_ns.into(), "{way:?} {off} {estimate:?}");
        assert_eq!(estimate.agreeing, estimate.of, "{way:?} {verdict:?}");
        for report in &reports {
            let Event::Sample(sample) = &report.event else { continue };
            let offset = sample.offset.expect("each answer bounds it");
            let off = i128::from(offset.correction_ns) - ahead_ns;
            assert!(off.unsigned_abs() <= offset.bound_ns.into(), "{way:?} {off} {offset:?}");
        }
    }
}

/// A host at the same place that answers at once.
fn prompt(way: &'static dyn Way, host: Host) -> impl FnMut(Time, &[u8]) -> Answers {
    move |sent, question| {
        let got = sent + MS;
        let (protocol, message) = host.answer(way, question, got, got);
        vec![(got + MS, them(), protocol, message)]
    }
}

#[test]
fn what_proves_nothing_changes_nothing() {
    for way in probe::clock::way::ALL {
        let host = Host { ahead_ns: 2_000_000_000 };
        let liar = Host { ahead_ns: 77_000_000_000 };
        let honest = verdict(&run(plan(*way), prompt(*way, host))).clone();
        let reports = run(plan(*way), |sent, question| {
            let got = sent + MS;
            let (protocol, lie) = liar.answer(*way, question, got, got);
            let elsewhere = IpAddr::from([192, 0, 2, 8]);
            let other = |at: usize, flip: u8| {
                let mut message = lie.clone();
                message[at] ^= flip;
                message
            };
            let soon = got + US;
            let mut all = vec![
                // From elsewhere, to another port or identifier, cut short, of another protocol.
                (soon, elsewhere, protocol, lie.clone()),
                (soon, them(), protocol, other(if protocol == 1 { 4 } else { 2 }, 0x40)),
                (soon, them(), protocol, lie[..lie.len() - 1].to_vec()),
                (soon, them(), protocol, lie[..8].to_vec()),
                (soon, them(), protocol, Vec::new()),
                (soon, them(), 6, lie.clone()),
            ];
            let (protocol, message) = host.answer(*way, question, got, got);
            // Once answered, a question is not answered again.
            all.push((got + MS, them(), protocol, message));
            all.push((got + MS * 2, them(), protocol, lie.clone()));
            // Another question's name.
            if way.names_questions() && protocol == ip::protocol::UDP {
                all.push((soon, them(), protocol, other(8 + 24, 1)));
            }
            all
        });
        let told = verdict(&reports);
        assert_eq!(told.estimate, honest.estimate, "{way:?}");
        assert_eq!((told.sent, told.answered), (honest.sent, honest.answered), "{way:?}");
        assert!(told.unproven > 0, "{way:?}");
    }
}

/// A question as an error quotes it.
fn error_about(question: &[u8], protocol: u8) -> Vec<u8> {
    let mut body = Vec::new();
    ip::Header::new(us(), them(), protocol).emit(question, &mut body).expect("it fits");
    let meaning = Meaning::PortUnreachable;
    let (kind, code) = meaning.numbers(Family::V4).expect("it exists");
    let mut out = Vec::new();
    Message::Error(Error { meaning, kind, code, word: 0, body: &body }).emit(Family::V4, &mut out);
    out
}

#[test]
fn an_error_counts_if_it_quotes_the_question() {
    for way in probe::clock::way::ALL {
        let protocol = way.carrier().protocol(Family::V4);
        let refuse = |change: &dyn Fn(&mut Vec<u8>)| {
            let reports = run(plan(*way), |sent, question| {
                let mut quoted = question.to_vec();
                change(&mut quoted);
                vec![(sent + MS, them(), ip::protocol::ICMP, error_about(&quoted, protocol))]
            });
            verdict(&reports).clone()
        };
        let refused = refuse(&|_| {});
        assert!(matches!(refused.end, End::Refused(it) if it.from == them()), "{refused:?}");
        assert_eq!(refused.sent, 2, "{way:?}: who refuses is not asked on");
        // Another port or identifier.
        let at = if way.port().is_none() { 4 } else { 0 };
        assert_eq!(refuse(&|quoted| quoted[at] ^= 0x40).end, End::Silent, "{way:?}");
        if way.names_questions() {
            // What nobody can know: the originate time, or the nonce.
            let at = if way.port().is_none() { 8 } else { 8 + 40 };
            assert_eq!(refuse(&|quoted| quoted[at] ^= 1).end, End::Silent, "{way:?}");
            assert!(matches!(refuse(&|quoted| quoted.truncate(8)).end, End::Refused(_)));
        }
    }
}

#[test]
fn a_kiss_ends_it() {
    let mut questions = 0;
    let reports = run(plan(&NTP), |sent, question| {
        questions += 1;
        let asked = udp::Message::parse(question).expect("UDP");
        let packet = Packet::parse(asked.payload).expect("a packet");
        let mut payload = Vec::new();
        let reference_id = *b"DENY";
        let kiss = Packet { mode: 4, stratum: 0, origin: packet.transmit, reference_id, ..packet };
        kiss.emit(&mut payload);
        vec![(sent + MS, them(), ip::protocol::UDP, datagram(123, asked.source_port, &payload))]
    });
    assert_eq!(questions, 1);
    let verdict = verdict(&reports);
    assert_eq!((verdict.estimate, verdict.doubt), (None, Some(Doubt::Kiss(*b"DENY"))));
}

#[test]
fn a_clock_that_steps_is_not_averaged() {
    // Three answers before the step, seventeen after: the many count, and the few are told.
    let mut questions = 0;
    let reports = run(plan(&ICMP), |sent, question| {
        questions += 1;
        let ahead_ns = if questions <= 3 { 0 } else { 500_000_000 };
        prompt(&ICMP, Host { ahead_ns })(sent, question)
    });
    let estimate = verdict(&reports).estimate.expect("most agree");
    assert!((499_000_000..=501_000_000).contains(&estimate.offset_ns), "{estimate:?}");
    assert_eq!((estimate.agreeing, estimate.of), (17, 20));
    // Half and half: nobody knows.
    let mut questions = 0;
    let reports = run(plan(&ICMP), |sent, question| {
        questions += 1;
        let ahead_ns = if questions <= 10 { 0 } else { 500_000_000 };
        prompt(&ICMP, Host { ahead_ns })(sent, question)
    });
    assert_eq!(verdict(&reports).estimate, None);
}

#[test]
fn a_clock_near_ours_is_no_echo() {
    // With no delay at all, every stamp is that of the question.
    let host = Host { ahead_ns: 0 };
    let mut controls = 0;
    let reports = run(plan(&ICMP), |sent, question| {
        let Ok(Message::TimestampRequest(asked)) = Message::parse(Family::V4, question) else {
            panic!("a timestamp request");
        };
        controls += asked.originate >> 31;
        let (protocol, message) = host.answer(&ICMP, question, sent, sent);
        vec![(sent + Duration::from_nanos(1), them(), protocol, message)]
    });
    assert_eq!(controls, 1, "a question that no clock would answer like this");
    let estimate = verdict(&reports).estimate.expect("it is a clock");
    assert!(estimate.offset_ns.unsigned_abs() <= estimate.bound_ns, "{estimate:?}");
}

#[test]
fn whole_seconds_are_narrowed_down_by_asking_at_the_right_moment() {
    for way in [&TIME as &'static dyn Way, &DAYTIME] {
        let reports = run(plan(way), prompt(way, Host { ahead_ns: 123_456_789 }));
        let estimate = verdict(&reports).estimate.expect("all agree");
        assert!(estimate.bound_ns < 15_000_000, "{way:?}: {estimate:?}");
    }
}

#[test]
fn silence_ends() {
    for way in probe::clock::way::ALL {
        let reports = run(plan(*way), |_, _| Vec::new());
        let silent = reports.iter().filter(|it| matches!(it.event, Event::Silent { .. })).count();
        assert_eq!(silent as u64, way.usual_count(), "{way:?}");
        assert_eq!(verdict(&reports).end, End::Silent);
    }
}

#[test]
fn the_corpus_breaks_nothing() {
    let inputs = testbed::replay("clock", hostile::check);
    assert!(inputs >= 10, "{inputs} inputs");
}

#[test]
fn arbitrary_bytes_break_nothing() {
    let mut state = 1;
    for length in 0..2_000 {
        let bytes: Vec<u8> = (0..length % 400).map(|_| random(&mut state, 256) as u8).collect();
        hostile::check(&bytes);
    }
}
