//! The gathering engines against answers that are made here.

pub mod hostile;

use probe::gather::{ANSWERS_MAX, Event, Gather, Place, Plan, Report};
use probe::mask::{Found, Masks, Question};
use probe::routers::{Advertisement, Discoverer, News, Routers, Violation};
use probe::{Arrival, Engine, Output, Own, Stamp, StampedBy, Time, Transmit};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use wire::Family;
use wire::icmp::neighbour::Discovery;
use wire::icmp::router::{self, Addresses, Offer};
use wire::icmp::{Error, Mask, Meaning, Message, fill_checksum};
use wire::ip::Header;

const MS: Duration = Duration::from_millis(1);
const QUESTION: Question = Question { identifier: 7, first_sequence: 65_535 };

fn place(to: &str, is_for_many: bool) -> Place {
    let to = to.parse().expect("an address");
    Place { to, zone: 0, is_for_many, header: Own::default() }
}

fn plan(places: &[(&str, bool)]) -> Plan {
    Plan {
        places: places.iter().map(|(to, many)| place(to, *many)).collect(),
        wait: MS * 100,
        retries: 2,
        gap: Duration::ZERO,
        deadline: None,
        only_listens: false,
    }
}

/// What an engine did until it waits or is done.
#[derive(Debug)]
struct Did<R> {
    sent: Vec<(Transmit, Vec<u8>)>,
    reports: Vec<R>,
    until: Option<Time>,
}

fn drain<E: Engine>(engine: &mut E, now: Time) -> Did<E::Report> {
    let mut did = Did { sent: Vec::new(), reports: Vec::new(), until: None };
    let mut datagram = Vec::new();
    loop {
        match engine.poll(now, &mut datagram) {
            Output::Send(transmit) => did.sent.push((transmit, datagram.clone())),
            Output::Report(report) => did.reports.push(report),
            Output::Wait { until, .. } => return Did { until: Some(until), ..did },
            Output::Done => return did,
        }
    }
}

fn arrive(engine: &mut impl Engine, now: Time, from: &str, hop_limit: u8, message: &[u8]) {
    let source: IpAddr = from.parse().expect("an address");
    engine.receive(
        now,
        &Arrival {
            received: Stamp { at: now, by: StampedBy::Kernel },
            source,
            destination: Some(us(source)),
            hop_limit: Some(hop_limit),
            traffic_class: None,
            options: &[],
            protocol: if source.is_ipv4() { 1 } else { 58 },
            payload: message,
        },
    );
}

fn us(like: IpAddr) -> IpAddr {
    let text = if like.is_ipv4() { "192.0.2.1" } else { "fe80::1" };
    text.parse().expect("an address")
}

fn reply(sequence: u16, mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mask = Mask { identifier: 7, sequence, mask: mask.into() };
    Message::MaskReply(mask).emit(Family::V4, &mut bytes);
    bytes
}

fn masks(places: &[(&str, bool)]) -> Masks {
    Gather::new(QUESTION, plan(places), Time::ZERO)
}

/// Who answered, which mask, the number, and whether it came from elsewhere.
fn answers(reports: &[Report<Found>]) -> Vec<(String, Ipv4Addr, u32, bool)> {
    let answer = |report: &Report<Found>| match &report.event {
        Event::Answer(it) => {
            Some((it.from.to_string(), it.finding.mask, it.number, it.is_elsewhere))
        }
        _ => None,
    };
    reports.iter().filter_map(answer).collect()
}

fn ended(reports: &[Report<Found>]) -> Vec<(u32, u32, u64)> {
    let end = |report: &Report<Found>| match report.event {
        Event::Ended { asked, answers } => Some((report.place, asked, answers)),
        _ => None,
    };
    reports.iter().filter_map(end).collect()
}

#[test]
fn one_host_is_asked_until_it_answers() {
    let mut engine = masks(&[("192.0.2.7", false)]);
    let first = drain(&mut engine, Time::ZERO);
    assert_eq!(first.sent[0].1[..8], [17, 0, 0xee, 0xf8, 0, 7, 0xff, 0xff]);
    assert_eq!(first.until, Some(Time::ZERO + MS * 100));
    let second = drain(&mut engine, Time::ZERO + MS * 100);
    // The sequence number wraps.
    assert_eq!(second.sent[0].1[4..8], [0, 7, 0, 0]);
    let now = Time::ZERO + MS * 120;
    arrive(&mut engine, now, "192.0.2.7", 64, &reply(0, [255, 255, 255, 0]));
    let end = drain(&mut engine, now);
    assert_eq!((end.sent.len(), end.until), (0, None));
    let Event::Answer(answer) = &end.reports[0].event else { panic!("{end:?}") };
    assert_eq!(answer.rtt.map(|(rtt, _)| rtt), Some(MS * 20));
    assert_eq!(ended(&end.reports), [(0, 2, 1)]);
}

#[test]
fn silence_is_asked_three_times_and_then_believed() {
    let mut engine = masks(&[("192.0.2.7", false), ("192.0.2.8", true)]);
    let (mut now, mut sent, mut reports) = (Time::ZERO, 0, Vec::new());
    loop {
        let did = drain(&mut engine, now);
        sent += did.sent.len();
        reports.extend(did.reports);
        match did.until {
            Some(until) => now = until,
            None => break,
        }
    }
    assert_eq!((sent, now), (6, Time::ZERO + MS * 300));
    assert_eq!(ended(&reports), [(0, 3, 0), (1, 3, 0)]);
}

#[test]
fn everybody_is_waited_for_at_a_broadcast_address_and_duplicates_are_numbered() {
    let mut engine = masks(&[("192.0.2.127", true)]);
    drain(&mut engine, Time::ZERO);
    let now = Time::ZERO + MS;
    let mut reports = Vec::new();
    for (from, sequence) in [
        ("192.0.2.7", 65_535),
        ("192.0.2.8", 65_535),
        ("192.0.2.7", 65_535),
        // A question that was never asked.
        ("192.0.2.9", 0),
    ] {
        arrive(&mut engine, now, from, 64, &reply(sequence, [255, 0, 0, 0]));
        let did = drain(&mut engine, now);
        assert_eq!(did.until, Some(Time::ZERO + MS * 100));
        reports.extend(did.reports);
    }
    let numbers: Vec<_> = answers(&reports).into_iter().map(|it| (it.0, it.2)).collect();
    let wanted = [("192.0.2.7", 1), ("192.0.2.8", 1), ("192.0.2.7", 2)];
    assert_eq!(numbers, wanted.map(|(from, number)| (from.to_owned(), number)));
    let end = drain(&mut engine, Time::ZERO + MS * 100);
    assert_eq!((end.sent.len(), ended(&end.reports)), (0, vec![(0, 1, 2)]));
}

#[test]
fn who_was_not_asked_does_not_answer_for_another() {
    let mut engine = masks(&[("192.0.2.7", false)]);
    drain(&mut engine, Time::ZERO);
    arrive(&mut engine, Time::ZERO + MS, "192.0.2.9", 64, &reply(65_535, [255, 0, 0, 0]));
    let did = drain(&mut engine, Time::ZERO + MS);
    assert!(answers(&did.reports)[0].3, "{did:?}");
    assert_eq!(drain(&mut engine, Time::ZERO + MS * 100).sent.len(), 1);
}

#[test]
fn what_is_malformed_changes_nothing_but_a_counter() {
    let mut engine = masks(&[("192.0.2.127", true)]);
    drain(&mut engine, Time::ZERO);
    let now = Time::ZERO + MS;
    let good = reply(65_535, [255, 255, 255, 0]);
    let mut bad: Vec<Vec<u8>> = (1..12).map(|length| good[..length].to_vec()).collect();
    bad.extend([13, 16, 1_000].map(|length| {
        let mut long = good.clone();
        long.resize(length, 0);
        fill_checksum([192, 0, 2, 7].into(), [192, 0, 2, 1].into(), &mut long);
        long
    }));
    let mut missummed = good.clone();
    missummed[2] ^= 1;
    bad.push(missummed);
    let mut coded = good.clone();
    coded[1] = 1;
    fill_checksum([192, 0, 2, 7].into(), [192, 0, 2, 1].into(), &mut coded);
    bad.push(coded);
    for message in &bad {
        arrive(&mut engine, now, "192.0.2.7", 64, message);
    }
    let did = drain(&mut engine, now);
    assert_eq!((did.reports.len(), did.sent.len()), (0, 0), "{did:?}");
    assert_eq!(engine.counts().malformed, bad.len() as u64);
    // Other askers' answers, and other messages, are not even that.
    let mut other = good.clone();
    other[5] = 8;
    for message in [&other[..], &[], &[8, 0, 0, 0], &[17; 12]] {
        arrive(&mut engine, now, "192.0.2.7", 64, message);
    }
    assert_eq!(engine.counts().malformed, bad.len() as u64);
    arrive(&mut engine, now, "192.0.2.7", 64, &good);
    assert_eq!(answers(&drain(&mut engine, now).reports).len(), 1);
}

#[test]
fn a_flood_of_answers_is_told_so_far_and_then_counted() {
    let mut engine = masks(&[("192.0.2.127", true)]);
    drain(&mut engine, Time::ZERO);
    let now = Time::ZERO + MS;
    let message = reply(65_535, [255, 255, 255, 0]);
    let mut told = 0;
    for number in 0..ANSWERS_MAX as u32 + 10 {
        let from = IpAddr::from((0x0a00_0000 + number).to_be_bytes()).to_string();
        arrive(&mut engine, now, &from, 64, &message);
        told += drain(&mut engine, now).reports.len() as u64;
    }
    assert_eq!((told, engine.counts().untold), (ANSWERS_MAX, 10));
}

#[test]
fn an_icmp_error_is_told_and_silences_nobody() {
    let mut engine = masks(&[("192.0.2.7", false)]);
    let asked = drain(&mut engine, Time::ZERO).sent.remove(0).1;
    let mut quoted = Vec::new();
    let header = Header::new([192, 0, 2, 1].into(), [192, 0, 2, 7].into(), 1);
    header.emit(&asked, &mut quoted).expect("it fits");
    let meaning = Meaning::HostUnreachable;
    let error = Error { meaning, kind: 3, code: 1, word: 0, body: &quoted };
    let mut message = Vec::new();
    Message::Error(error).emit(Family::V4, &mut message);
    let now = Time::ZERO + MS;
    arrive(&mut engine, now, "192.0.2.254", 64, &message);
    let did = drain(&mut engine, now);
    assert!(matches!(did.reports[0].event, Event::Error { says, .. } if says.meaning == meaning));
    assert_eq!(did.until, Some(Time::ZERO + MS * 100));
}

fn routers(listens: bool) -> Routers {
    let plan = Plan { only_listens: listens, ..plan(&[("224.0.0.2", true), ("ff02::2", true)]) };
    Gather::new(Discoverer::default(), plan, Time::ZERO)
}

/// An advertisement of either family.
fn advertisement(lifetime_s: u16, offer: Offer<'_>, from: &str) -> Vec<u8> {
    let from: IpAddr = from.parse().expect("an address");
    let mut bytes = Vec::new();
    let message = Message::RouterAdvertisement(router::Advertisement { lifetime_s, offer });
    message.emit(Family::of(from), &mut bytes);
    fill_checksum(from, us(from), &mut bytes);
    bytes
}

fn sender(options: &[u8]) -> Offer<'_> {
    Offer::Sender { hop_limit: 64, flags: 0, reachable_ms: 0, retransmit_ms: 0, options }
}

fn told(reports: Vec<Report<Advertisement>>) -> Vec<Advertisement> {
    let told = |report: Report<Advertisement>| match report.event {
        Event::Answer(answer) => Some(answer.finding),
        _ => None,
    };
    reports.into_iter().filter_map(told).collect()
}

#[test]
fn a_violator_is_named_and_not_believed() {
    let [v4, v6] = ["192.0.2.254", "fe80::7"];
    let entry = [192, 0, 2, 254, 0, 0, 0, 0];
    let some = |count, entry_words| {
        let addresses = Addresses { count, entry_words, entries: &entry };
        advertisement(900, Offer::Addresses(addresses), v4)
    };
    let plain = advertisement(900, sender(&[]), v6);
    let coded = |message: &[u8], from: &str| {
        let mut message = message.to_vec();
        message[1] = 1;
        let from: IpAddr = from.parse().expect("an address");
        fill_checksum(from, us(from), &mut message);
        message
    };
    let cut = |message: &[u8], from: &str, length: usize| {
        let mut message = message[..length].to_vec();
        let from: IpAddr = from.parse().expect("an address");
        fill_checksum(from, us(from), &mut message);
        message
    };
    let mut missummed = some(1, 2);
    missummed[3] ^= 1;
    let cases = [
        (v4, 1, some(1, 2), vec![]),
        (v6, 255, plain.clone(), vec![]),
        (v6, 254, plain.clone(), vec![Violation::HopLimit(254)]),
        (v6, 255, coded(&plain, v6), vec![Violation::Code(1)]),
        (v4, 1, coded(&some(1, 2), v4), vec![Violation::Code(1)]),
        (v4, 1, missummed, vec![Violation::Checksum]),
        (v4, 1, some(0, 2), vec![Violation::NoAddress]),
        (v4, 1, some(1, 1), vec![Violation::EntrySize(1)]),
        (v4, 1, some(255, 255), vec![Violation::TooShort { needed: 260_108, got: 16 }]),
        (v4, 1, cut(&some(1, 2), v4, 7), vec![Violation::TooShort { needed: 8, got: 7 }]),
        (v6, 255, cut(&plain, v6, 15), vec![Violation::TooShort { needed: 16, got: 15 }]),
        (v6, 255, advertisement(1, sender(&[1, 0]), v6), vec![Violation::OptionLength(0)]),
        (v6, 255, advertisement(1, sender(&[5, 2, 0, 0]), v6), vec![Violation::OptionLength(0)]),
    ];
    for (from, hop_limit, message, violations) in cases {
        let mut engine = routers(false);
        drain(&mut engine, Time::ZERO);
        arrive(&mut engine, Time::ZERO + MS, from, hop_limit, &message);
        let told = told(drain(&mut engine, Time::ZERO + MS).reports);
        assert_eq!(told[0].violations, violations, "{message:02x?}");
        assert_eq!(told[0].offers(Family::of(from.parse().expect("one"))), violations.is_empty());
        // Where nobody was believed, everybody is asked again.
        let again = drain(&mut engine, Time::ZERO + MS * 100).sent.len();
        assert_eq!(again, if violations.is_empty() { 1 } else { 2 });
    }
    let mut engine = routers(false);
    drain(&mut engine, Time::ZERO);
    let global = advertisement(900, sender(&[]), "2001:db8::7");
    arrive(&mut engine, Time::ZERO + MS, "2001:db8::7", 255, &global);
    let told = told(drain(&mut engine, Time::ZERO + MS).reports);
    assert_eq!(told[0].violations, [Violation::SourceNotLinkLocal]);
}

#[test]
fn who_listens_is_told_all_and_what_of_it_is_news() {
    let mut engine = routers(true);
    assert!(engine.is_endless());
    assert_eq!(drain(&mut engine, Time::ZERO).until, Some(Time::NEVER));
    let (one, other) = (advertisement(900, sender(&[]), "fe80::7"), {
        let mut options = Vec::new();
        Discovery::Mtu(1_400).emit(&mut options).expect("it is short");
        advertisement(900, sender(&options), "fe80::7")
    });
    let mut news = Vec::new();
    for message in [&one, &one, &other, &one] {
        arrive(&mut engine, Time::ZERO + MS, "fe80::7", 255, message);
        news.extend(told(drain(&mut engine, Time::ZERO + MS).reports).iter().map(|it| it.news));
    }
    assert_eq!(news, [News::New, News::Same, News::Changed, News::Changed]);
    engine.stop(Time::ZERO + MS);
    assert_eq!(drain(&mut engine, Time::ZERO + MS).until, None);
}

#[test]
fn who_routes_nothing_offers_nothing() {
    let offers = |lifetime_s, options: &[u8]| {
        let message = advertisement(lifetime_s, sender(options), "fe80::7");
        let found = Advertisement { message, violations: Vec::new(), news: News::New };
        found.offers(Family::V6)
    };
    let route = |lifetime_s, flags| {
        let mut options = Vec::new();
        let route = Discovery::Route { prefix_bits: 0, flags, lifetime_s, prefix: &[] };
        route.emit(&mut options).expect("it is short");
        options
    };
    assert!(offers(1, &[]) && !offers(0, &[]));
    assert!(offers(0, &route(1, 0)) && !offers(0, &route(0, 0)));
    // A reserved preference makes a route void (RFC 4191 §2.3).
    assert!(!offers(0, &route(1, 0x10)));
}

#[test]
fn the_corpus_breaks_nothing() {
    let inputs = testbed::replay("gather", hostile::check);
    assert!(inputs >= 10, "{inputs} inputs");
}
