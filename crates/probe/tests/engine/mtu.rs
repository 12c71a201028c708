//! The path MTU engine against roads whose links are numbers: how much each takes, and what the
//! router before it says of more.

use probe::method::{self, Method};
use probe::mtu::{
    BYTES_MAX, BYTES_MIN, Destination, Doubt, End, Event, Evidence, Expectation, Finding, Limit,
    Mtu, Plan, Remark, Way, conclude,
};
use probe::targets::Target;
use probe::token::Key;
use probe::{
    Arrival, Engine, Output, SendFault, SendFaultReason, Stamp, StampedBy, Time, Transmit,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::{Echo, Error, Meaning, Message};
use wire::{Family, icmp, ip};

const MS: Duration = Duration::from_millis(1);
const PORT: u16 = 40_000;

/// Dice that lossy roads are thrown with; `ASKWAY_SEEDS` overrides it.
const SEEDS: u64 = 20;

/// Methods that carry probes of any size.
const METHODS: [&dyn Method; 2] = [&method::UDP, &method::ICMP];

/// What a router says of what is too large for the link behind it.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    /// The truth.
    Mtu,
    /// Nothing.
    Nothing,
    /// This, whatever is true.
    Other(u32),
    /// This, quoting so many bytes more than the probe has.
    Misquoted(u32),
}

/// A road: link `i` is behind node `i`, node 0 is this host, and the last node is the target.
#[derive(Clone)]
struct Road {
    family: Family,
    method: &'static dyn Method,
    links: Vec<(u32, Word)>,
    /// How much the way back takes.
    back_bytes: u32,
    /// One way over one link.
    delay: Duration,
    /// Nodes that never answer.
    mute: Vec<u8>,
    /// Packets lost in a million, each way.
    loss_ppm: u32,
    /// How many answers a node has at once, and how long it takes for one more.
    limit: Option<(u32, Duration)>,
    /// A forger's word, about every probe.
    forged: Option<u32>,
    /// Whether each answer comes once more, damaged.
    is_damaging: bool,
    /// Bytes of the probe's transport message that errors quote.
    quotes: usize,
    /// Whether this host hides what errors quote of headers, as without privilege.
    is_blind: bool,
    seed: u64,
}

/// What comes back: from how far, from whom, with which protocol, what.
type Back = (usize, IpAddr, u8, Vec<u8>);

/// What a run came to.
struct Ran {
    finding: Finding,
    took: Duration,
    sent: Vec<(u8, u32)>,
}

fn road(family: Family, method: &'static dyn Method, links: &[(u32, Word)]) -> Road {
    Road {
        family,
        method,
        links: links.to_vec(),
        back_bytes: BYTES_MAX,
        delay: MS,
        mute: Vec::new(),
        loss_ppm: 0,
        limit: None,
        forged: None,
        is_damaging: false,
        quotes: 500,
        is_blind: false,
        seed: 1,
    }
}

/// Links of that width, and some that are narrower: behind which node, how wide, what is said.
fn links(count: usize, narrow: &[(usize, u32, Word)]) -> Vec<(u32, Word)> {
    let mut links = vec![(1_500, Word::Mtu); count];
    for (behind, bytes, word) in narrow {
        links[*behind] = (*bytes, *word);
    }
    links
}

impl Road {
    fn plan(&self) -> Plan {
        Plan {
            sees_quoted_headers: !self.is_blind,
            ..Plan::new(self.method, vec![PORT], Key([self.seed, 9]))
        }
    }

    fn node(&self, at: usize) -> IpAddr {
        address(self.family, at as u8 + 1)
    }

    fn target(&self) -> IpAddr {
        self.node(self.links.len())
    }

    fn run(&self) -> Ran {
        self.run_as(None, None)
    }

    fn run_as(&self, expected: Option<Expectation>, stop_at: Option<Time>) -> Ran {
        let mut world = World {
            road: self,
            dice: self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            booked: BTreeMap::new(),
            pending: BTreeMap::new(),
            order: 0,
        };
        world.run(expected, stop_at)
    }
}

struct World<'a> {
    road: &'a Road,
    dice: u64,
    /// Until when each node has spent its answers.
    booked: BTreeMap<usize, Time>,
    pending: BTreeMap<(Time, u64), Back>,
    order: u64,
}

impl World<'_> {
    fn run(&mut self, expected: Option<Expectation>, mut stop_at: Option<Time>) -> Ran {
        let road = self.road;
        let destination = Destination {
            target: Target { address: road.target(), zone: 0 },
            source: road.node(0),
        };
        let method = road.method.name();
        let mut engine = Mtu::new(road.plan(), vec![destination], Time::ZERO);
        if let Some(expected) = expected {
            engine.expect(0, expected);
        }
        let (mut now, mut events) = (Time::ZERO, Vec::new());
        let (mut message, mut sent) = (Vec::new(), Vec::new());
        loop {
            let until = match engine.poll(now, &mut message) {
                Output::Send(transmit) => {
                    let hop = transmit.header.hop_limit.expect("it is set");
                    let bytes = self.size(&message);
                    if let Err(fault) = self.send(now, &transmit, &message) {
                        engine.send_failed(now, transmit.ticket, fault);
                    } else {
                        sent.push((hop, bytes));
                        let stamp = Stamp { at: now, by: StampedBy::Kernel };
                        engine.sent(transmit.ticket, stamp);
                    }
                    assert!(sent.len() < 2_000, "it goes on for ever");
                    continue;
                }
                Output::Report(report) => {
                    events.push(report.event);
                    continue;
                }
                Output::Wait { until, why } => {
                    assert!(until > now, "{why}");
                    until
                }
                Output::Done => {
                    let finding = finding(method, events);
                    return Ran { finding, took: now.since(Time::ZERO), sent };
                }
            };
            let next = self.pending.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            if let Some(at) = stop_at.filter(|at| *at <= until.min(next)) {
                (now, stop_at) = (at, None);
                engine.stop(now);
            } else if next <= until {
                let (_, (node, source, protocol, payload)) =
                    self.pending.pop_first().expect("seen");
                now = next;
                let arrival = Arrival {
                    received: Stamp { at: now, by: StampedBy::Kernel },
                    source,
                    destination: Some(road.node(0)),
                    hop_limit: Some(65 - node as u8),
                    traffic_class: Some(0),
                    options: &[],
                    protocol,
                    payload: &payload,
                };
                engine.receive(now, &arrival);
            } else {
                now = until;
            }
        }
    }

    fn size(&self, message: &[u8]) -> u32 {
        let header = ip::Header::new(self.road.node(0), self.road.target(), 0);
        (header.bytes() + message.len()) as u32
    }

    fn is_lost(&mut self) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        ((self.dice >> 20) % 1_000_000) < self.road.loss_ppm.into()
    }

    fn send(&mut self, now: Time, transmit: &Transmit, message: &[u8]) -> Result<(), SendFault> {
        let road = self.road;
        let bytes = self.size(message);
        let (local, _) = road.links[0];
        if bytes > local {
            let reason = SendFaultReason::TooBig { mtu_bytes: Some(local) };
            return Err(SendFault { reason, os_error: 90 });
        }
        if self.is_lost() {
            return Ok(());
        }
        let target = road.links.len();
        let hop_limit = usize::from(transmit.header.hop_limit.expect("it is set"));
        let narrow = (1..target).find(|at| bytes > road.links[*at].0).unwrap_or(target);
        if let Some(named) = road.forged {
            self.answer(now, 1, error(road, transmit, message, 1, Meaning::PacketTooBig, named, 0));
        }
        if hop_limit <= narrow.min(target - 1) {
            let meaning = Meaning::HopLimitExceeded;
            self.answer(now, hop_limit, error(road, transmit, message, hop_limit, meaning, 0, 0));
        } else if narrow < target {
            let (named, more) = match road.links[narrow] {
                (_, Word::Nothing) => return Ok(()),
                (mtu, Word::Mtu) => (mtu, 0),
                (_, Word::Other(named)) => (named, 0),
                (mtu, Word::Misquoted(more)) => (mtu, more),
            };
            let meaning = Meaning::PacketTooBig;
            self.answer(now, narrow, error(road, transmit, message, narrow, meaning, named, more));
        } else {
            let answer = greeting(road, transmit, message, target);
            let size = ip::Header::new(road.node(0), road.target(), 0).bytes() + answer.2.len();
            if size <= road.back_bytes as usize {
                self.answer(now, target, answer);
            }
        }
        Ok(())
    }

    fn answer(&mut self, now: Time, node: usize, (from, protocol, payload): (IpAddr, u8, Vec<u8>)) {
        let road = self.road;
        if road.mute.contains(&(node as u8)) {
            return;
        }
        let is_error = icmp::protocol(road.family) == protocol
            && matches!(Message::parse(road.family, &payload), Ok(Message::Error(_)));
        if let Some((burst, interval)) = road.limit.filter(|_| is_error) {
            // Each answer books an interval; more than the burst cannot be booked ahead.
            let booked = self.booked.entry(node).or_default();
            if booked.since(now) > interval * (burst - 1) {
                return;
            }
            *booked = now.max(*booked) + interval;
        }
        if self.is_lost() {
            return;
        }
        let delay = road.delay * 2 * node as u32;
        if road.is_damaging {
            let mut damaged = payload.clone();
            self.is_lost();
            let at = self.dice as usize % damaged.len().min(80);
            damaged[at] ^= (self.dice >> 40) as u8 | 1;
            damaged.truncate(self.dice as usize / 7 % (damaged.len() + 1));
            self.order += 1;
            self.pending.insert((now + delay / 2, self.order), (node, from, protocol, damaged));
        }
        self.order += 1;
        self.pending.insert((now + delay, self.order), (node, from, protocol, payload));
    }
}

fn address(family: Family, host: u8) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from([192, 0, 2, host]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]),
    }
}

/// An error about a probe by a node; `more` is added to the length that it quotes.
fn error(
    road: &Road,
    transmit: &Transmit,
    message: &[u8],
    node: usize,
    meaning: Meaning,
    named: u32,
    more: u32,
) -> (IpAddr, u8, Vec<u8>) {
    let protocol = road.method.carrier().protocol(road.family);
    let mut header = ip::Header::new(road.node(0), transmit.to, protocol);
    header.hop_limit = transmit.header.hop_limit.expect("it is set") - (node as u8 - 1);
    header.identification = transmit.header.identification.unwrap_or(0);
    let mut message = message.to_vec();
    if road.is_blind {
        header.identification = 0;
        if road.method.name() == "udp" {
            message[6..8].fill(0);
        }
    }
    message.resize(message.len() + more as usize, 0);
    let mut quote = Vec::new();
    header.emit(&message, &mut quote).expect("fits");
    quote.truncate(header.bytes() + road.quotes);
    let (kind, code) = meaning.numbers(road.family).expect("this family says so");
    let mut out = Vec::new();
    let error = Error { meaning, kind, code, word: named, body: &quote };
    Message::Error(error).emit(road.family, &mut out);
    (road.node(node), icmp::protocol(road.family), out)
}

/// What the target says to a probe.
fn greeting(
    road: &Road,
    transmit: &Transmit,
    message: &[u8],
    target: usize,
) -> (IpAddr, u8, Vec<u8>) {
    if road.method.name() == "udp" {
        return error(road, transmit, message, target, Meaning::PortUnreachable, 0, 0);
    }
    let Ok(Message::EchoRequest(echo)) = Message::parse(road.family, message) else {
        panic!("no echo request")
    };
    let mut out = Vec::new();
    Message::EchoReply(Echo { ..echo }).emit(road.family, &mut out);
    (road.target(), icmp::protocol(road.family), out)
}

fn finding(method: &'static str, events: Vec<Event>) -> Finding {
    let (mut limits, mut remarks, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Limit(limit) => limits.push(limit),
            Event::Remark(remark) => remarks.push(remark),
            Event::Verdict(verdict) => verdicts.push(verdict),
        }
    }
    assert_eq!(verdicts.len(), 1, "a road has one verdict");
    Finding { method, limits, remarks, verdict: verdicts[0] }
}

/// Hop and size of each limit.
fn places(finding: &Finding) -> Vec<(u8, u32)> {
    finding.limits.iter().map(|limit| (limit.hop, limit.mtu_bytes)).collect()
}

#[track_caller]
fn check(ran: &Ran, mtu: u32, expected: &[(u8, u32)]) {
    let Finding { verdict, limits, .. } = &ran.finding;
    assert!(matches!(verdict.end, End::Reached { .. }), "{:?}", ran.finding);
    assert_eq!(verdict.mtu_bytes, Some(mtu), "{:?}", ran.finding);
    assert!(verdict.is_exact, "{verdict:?}");
    assert_eq!(places(&ran.finding), expected, "{:?}", ran.finding);
    assert!(limits.iter().all(|limit| limit.is_exact), "{limits:?}");
}

/// Every method in both families.
fn everywhere(mut act: impl FnMut(Family, &'static dyn Method)) {
    for method in METHODS {
        for family in Family::ALL {
            act(family, method);
        }
    }
}

#[test]
fn a_plain_road_takes_two_probes() {
    everywhere(|family, method| {
        let ran = road(family, method, &links(6, &[])).run();
        check(&ran, 1_500, &[(0, 1_500)]);
        assert_eq!(ran.finding.limits[0].evidence, Evidence::Local);
        assert_eq!(ran.finding.verdict.refused_bytes, None);
        assert!(ran.sent.len() <= 3, "{:?}", ran.sent);
        assert_eq!(ran.took, 12 * MS);
    });
}

#[test]
fn routers_that_say_so_are_each_named() {
    everywhere(|family, method| {
        let narrow = links(9, &[(4, 1_400, Word::Mtu), (7, 1_300, Word::Mtu)]);
        let way = road(family, method, &narrow);
        let ran = way.run();
        check(&ran, 1_300, &[(0, 1_500), (4, 1_400), (7, 1_300)]);
        for limit in &ran.finding.limits[1..] {
            let Evidence::Said { from, mtu_bytes, .. } = limit.evidence else {
                panic!("{limit:?}")
            };
            assert_eq!((limit.from, mtu_bytes), (Some(from), Some(limit.mtu_bytes)));
            assert_eq!(from, way.node(usize::from(limit.hop)));
            assert_eq!(limit.next, Some(way.node(usize::from(limit.hop) + 1)));
            assert_eq!(limit.way, Way::There);
        }
        assert!(ran.finding.remarks.is_empty(), "{:?}", ran.finding.remarks);
        assert!(ran.took <= 400 * MS, "{:?}", ran.took);
        assert!(ran.sent.len() <= 45, "{} probes", ran.sent.len());
    });
}

#[test]
fn black_holes_are_each_found_in_less_than_five_seconds() {
    everywhere(|family, method| {
        for rtt in [1, 10, 100] {
            let narrow = links(10, &[(4, 1_400, Word::Nothing), (7, 1_300, Word::Nothing)]);
            let way = Road { delay: MS * rtt / 20, ..road(family, method, &narrow) };
            let ran = way.run();
            check(&ran, 1_300, &[(0, 1_500), (4, 1_400), (7, 1_300)]);
            for limit in &ran.finding.limits[1..] {
                let Evidence::Silence { tries } = limit.evidence else { panic!("{limit:?}") };
                assert!(tries >= 3, "{limit:?}");
                assert_eq!(limit.from, Some(way.node(usize::from(limit.hop))));
                assert_eq!(limit.way, Way::There);
            }
            assert!(ran.took <= 3_000 * MS, "{method:?} {rtt}: {:?}", ran.took);
        }
    });
}

#[test]
fn any_width_is_found_to_the_byte() {
    everywhere(|family, method| {
        let least = ip::mtu_min_bytes(family);
        for bytes in [69, 296, 575, 576, 577, 1_006, 1_279, 1_280, 1_281, 1_398, 1_492, 1_499] {
            for word in [Word::Mtu, Word::Nothing] {
                if bytes < least && word == Word::Mtu {
                    continue;
                }
                let way = road(family, method, &links(6, &[(3, bytes, word)]));
                check(&way.run(), bytes, &[(0, 1_500), (3, bytes)]);
            }
        }
    });
}

#[test]
fn jumbo_frames_are_measured_up_to_what_ip_takes() {
    everywhere(|family, method| {
        let ran = road(family, method, &[(65_536, Word::Mtu), (65_536, Word::Mtu)]).run();
        check(&ran, 65_535, &[]);
        let way = [(9_000, Word::Mtu), (9_000, Word::Mtu), (1_500, Word::Mtu), (1_500, Word::Mtu)];
        check(&road(family, method, &way).run(), 1_500, &[(0, 9_000), (2, 1_500)]);
        let way = [(9_216, Word::Mtu), (9_216, Word::Mtu), (9_000, Word::Nothing)];
        let ran = road(family, method, &way).run();
        assert_eq!(ran.finding.verdict.mtu_bytes, Some(9_000));
        assert_eq!(places(&ran.finding), [(0, 9_216), (2, 9_000)]);
    });
}

#[test]
fn what_cannot_be_true_is_a_remark_and_the_limit_is_found_all_the_same() {
    everywhere(|family, method| {
        let least = ip::mtu_min_bytes(family);
        let remark = |ran: &Ran| ran.finding.remarks.iter().map(|r| r.why).collect::<Vec<_>>();
        for (named, why) in [
            (0, Doubt::NoValue),
            (1_500, Doubt::NotBelow),
            (65_535, Doubt::NotBelow),
            (least - 1, Doubt::BelowMinimum),
            (1_299, Doubt::Inaccurate { mtu_bytes: 1_400 }),
        ] {
            let way = road(family, method, &links(6, &[(3, 1_400, Word::Other(named))]));
            let ran = way.run();
            check(&ran, 1_400, &[(0, 1_500), (3, 1_400)]);
            let limit = &ran.finding.limits[1];
            assert!(matches!(limit.evidence, Evidence::Said { .. }), "{limit:?}");
            assert_eq!(limit.from, Some(way.node(3)));
            assert!(remark(&ran).contains(&why), "{named}: {:?}", ran.finding.remarks);
            assert!(ran.finding.remarks.iter().all(|remark| remark.from == way.node(3)));
        }
        let way = road(family, method, &links(6, &[(3, 1_400, Word::Misquoted(4))]));
        let ran = way.run();
        check(&ran, 1_400, &[(0, 1_500), (3, 1_400)]);
        assert!(matches!(remark(&ran)[..], [Doubt::OtherSize { .. }]), "{:?}", remark(&ran));
        assert!(matches!(ran.finding.limits[1].evidence, Evidence::Silence { .. }));
    });
}

#[test]
fn a_forged_word_changes_nothing_but_a_remark() {
    everywhere(|family, method| {
        let least = ip::mtu_min_bytes(family);
        for forged in [0, 1, least, 1_300, 1_400, 1_499, 9_000] {
            for narrow in [&[][..], &[(3, 1_400, Word::Mtu)], &[(3, 1_400, Word::Nothing)]] {
                let way = Road { forged: Some(forged), ..road(family, method, &links(6, narrow)) };
                let ran = way.run();
                let mtu = narrow.first().map_or(1_500, |(_, bytes, _)| *bytes);
                let verdict = &ran.finding.verdict;
                assert_eq!(verdict.mtu_bytes, Some(mtu), "{forged}: {:?}", ran.finding);
                assert!(verdict.is_exact, "{forged}: {:?}", ran.finding);
                let at = if narrow.is_empty() { vec![] } else { vec![(3, 1_400)] };
                assert_eq!(places(&ran.finding)[1..], at, "{forged}: {:?}", ran.finding);
                let forger = |remark: &&Remark| remark.from == way.node(1);
                assert!(ran.finding.remarks.iter().any(|r| forger(&r)), "{forged}");
            }
        }
    });
}

#[test]
fn loss_is_not_taken_for_a_limit() {
    let mut wrong = 0;
    let mut runs = 0;
    everywhere(|family, method| {
        for seed in seeds() {
            for narrow in [
                &[][..],
                &[(4, 1_400, Word::Mtu), (6, 1_300, Word::Mtu)],
                &[(4, 1_400, Word::Nothing), (6, 1_300, Word::Nothing)],
                &[(4, 1_400, Word::Mtu), (6, 1_380, Word::Nothing)],
            ] {
                let links = links(8, narrow);
                let way = Road { loss_ppm: 50_000, seed, ..road(family, method, &links) };
                let ran = way.run();
                let mtu = narrow.last().map_or(1_500, |(_, bytes, _)| *bytes);
                runs += 1;
                let places = places(&ran.finding);
                let wanted: Vec<(u8, u32)> = std::iter::once((0, 1_500))
                    .chain(narrow.iter().map(|(hop, bytes, _)| (*hop as u8, *bytes)))
                    .collect();
                if ran.finding.verdict.mtu_bytes != Some(mtu) || places != wanted {
                    println!("{method:?} {family} seed {seed}: {:#?}", ran.finding);
                    wrong += 1;
                }
            }
        }
    });
    assert_eq!(wrong, 0, "of {runs}");
}

#[test]
fn routers_that_answer_once_a_second_are_not_taken_for_narrow_links() {
    everywhere(|family, method| {
        for word in [Word::Mtu, Word::Nothing] {
            let narrow = links(8, &[(3, 1_400, word), (5, 1_300, word)]);
            let limit = Some((6, Duration::from_secs(1)));
            let ran = Road { limit, ..road(family, method, &narrow) }.run();
            check(&ran, 1_300, &[(0, 1_500), (3, 1_400), (5, 1_300)]);
            assert!(ran.took <= 16_000 * MS, "{:?}", ran.took);
        }
    });
}

#[test]
fn mute_routers_leave_a_range() {
    everywhere(|family, method| {
        for word in [Word::Mtu, Word::Nothing] {
            let narrow = links(9, &[(4, 1_400, word)]);
            for mute in [4, 5] {
                let way = Road { mute: vec![mute], ..road(family, method, &narrow) };
                let ran = way.run();
                let verdict = &ran.finding.verdict;
                assert_eq!(verdict.mtu_bytes, Some(1_400), "{:?}", ran.finding);
                let hop = if mute == 4 { 3 } else { 4 };
                assert_eq!(places(&ran.finding)[1], (hop, 1_400), "{:?}", ran.finding);
                let next = if mute == 5 && word == Word::Nothing { 6 } else { 5 };
                assert_eq!(ran.finding.limits[1].next_hop, Some(next), "{:?}", ran.finding);
            }
        }
    });
}

#[test]
fn a_silent_target_is_measured_as_far_as_hops_answer() {
    everywhere(|family, method| {
        for (narrow, mtu) in [
            (vec![], 1_500),
            (vec![(2, 1_400, Word::Mtu)], 1_400),
            (vec![(2, 1_400, Word::Nothing)], 1_400),
        ] {
            let way = Road { mute: vec![6], ..road(family, method, &links(6, &narrow)) };
            let ran = way.run();
            let verdict = &ran.finding.verdict;
            assert_eq!(verdict.end, End::Silent { heard: 5 }, "{:?}", ran.finding);
            assert_eq!(verdict.mtu_bytes, Some(mtu), "{:?}", ran.finding);
            let wanted: Vec<(u8, u32)> =
                narrow.iter().map(|(hop, b, _)| (*hop as u8, *b)).collect();
            assert_eq!(places(&ran.finding)[1..], wanted, "{:?}", ran.finding);
            assert!(ran.took <= 6_000 * MS, "{:?}", ran.took);
        }
        let mute = (1..=6).collect();
        let ran = Road { mute, ..road(family, method, &links(6, &[])) }.run();
        assert_eq!(ran.finding.verdict.end, End::Silent { heard: 0 });
        assert_eq!(ran.finding.verdict.mtu_bytes, None);
    });
}

#[test]
fn the_way_back_is_told_from_the_way_there() {
    for family in Family::ALL {
        for (there, back) in [(1_500, 1_350), (1_400, 1_350), (1_400, 1_400)] {
            let narrow = links(6, &[(2, there, Word::Nothing)]);
            let way = |method| Road { back_bytes: back, ..road(family, method, &narrow) };
            let both = way(&method::ICMP).run().finding;
            assert_eq!(both.verdict.mtu_bytes, Some(back.min(there)));
            if back < there {
                let last = both.limits.last().expect("a limit");
                assert_eq!((last.hop, last.way), (5, Way::ThereOrBack), "{both:?}");
            }
            let way = way(&method::UDP);
            let expected = Expectation {
                mtu_bytes: both.verdict.mtu_bytes.expect("it was reached"),
                local_bytes: both.verdict.local_bytes,
            };
            let forward = way.run_as(Some(expected), None);
            assert_eq!(forward.finding.verdict.mtu_bytes, Some(there), "{:?}", forward.finding);
            if there == back {
                assert!(forward.sent.len() <= 8, "{:?}", forward.sent);
                assert!(forward.took <= 500 * MS, "{:?}", forward.took);
            }
            let said = conclude(Some(&both), Some(&forward.finding));
            assert_eq!(said.forward_bytes, Some(there), "{said:?}");
            assert_eq!(said.both_bytes, Some(back.min(there)));
            assert!(said.forward_is_exact && said.both_is_exact && said.is_reached);
            assert_eq!(said.is_narrower_back(), back < there);
            let back = said.limits.iter().filter(|limit| limit.way == Way::ThereOrBack);
            assert_eq!(back.count(), usize::from(said.is_narrower_back()), "{said:?}");
        }
    }
}

#[test]
fn what_came_back_got_there_even_if_nothing_else_answers() {
    let family = Family::V4;
    let both = road(family, &method::ICMP, &links(6, &[(2, 1_400, Word::Mtu)])).run().finding;
    let mute = Road { mute: vec![6], ..road(family, &method::UDP, &links(6, &[])) };
    let forward = mute.run().finding;
    let said = conclude(Some(&both), Some(&forward));
    assert_eq!((said.forward_bytes, said.forward_is_exact), (Some(1_400), true));
    let hole = road(family, &method::ICMP, &links(6, &[(5, 1_400, Word::Nothing)])).run().finding;
    let said = conclude(Some(&hole), None);
    assert_eq!((said.forward_bytes, said.forward_is_exact), (Some(1_400), false));
    assert!(said.narrowest().is_some_and(|limit: &Limit| limit.hop == 0));
}

#[test]
fn quotes_of_eight_bytes_and_sockets_without_rights_are_enough() {
    everywhere(|family, method| {
        for (is_blind, quotes) in [(false, 8), (true, 500), (true, 8)] {
            for word in [Word::Mtu, Word::Nothing] {
                let narrow = links(8, &[(3, 1_400, word), (5, 1_300, word)]);
                let way = Road { is_blind, quotes, ..road(family, method, &narrow) };
                let ran = way.run();
                assert_eq!(
                    ran.finding.verdict.mtu_bytes,
                    Some(1_300),
                    "blind {is_blind} quotes {quotes}: {:?}",
                    ran.finding
                );
                if !(is_blind && quotes == 8 && method.name() == "udp") {
                    assert_eq!(places(&ran.finding), [(0, 1_500), (3, 1_400), (5, 1_300)]);
                }
            }
        }
    });
}

#[test]
fn a_refusing_router_ends_the_road() {
    for family in Family::ALL {
        let way = road(family, &method::UDP, &links(4, &[]));
        let fault = SendFault { reason: SendFaultReason::NoRoute, os_error: 113 };
        let destination =
            Destination { target: Target { address: way.target(), zone: 0 }, source: way.node(0) };
        let mut engine = Mtu::new(way.plan(), vec![destination], Time::ZERO);
        let mut events = Vec::new();
        loop {
            match engine.poll(Time::ZERO, &mut Vec::new()) {
                Output::Send(transmit) => engine.send_failed(Time::ZERO, transmit.ticket, fault),
                Output::Report(report) => events.push(report.event),
                Output::Wait { .. } => panic!("nothing to wait for"),
                Output::Done => break,
            }
        }
        assert_eq!(finding("udp", events).verdict.end, End::Unsendable(fault));
    }
}

#[test]
fn an_interrupted_run_says_what_it_knows() {
    for family in Family::ALL {
        let way = road(family, &method::ICMP, &links(6, &[(3, 1_400, Word::Nothing)]));
        for stop_ms in (0..2_000).step_by(41) {
            let ran = way.run_as(None, Some(Time::ZERO + MS * stop_ms));
            let verdict = ran.finding.verdict;
            assert!(verdict.mtu_bytes.is_none_or(|bytes| bytes <= 1_400), "{verdict:?}");
            assert_eq!(verdict.sent, ran.sent.len() as u64);
            assert!(!verdict.is_exact || verdict.mtu_bytes == Some(1_400));
        }
    }
}

#[test]
fn damaged_answers_break_nothing() {
    everywhere(|family, method| {
        for seed in 1..=30 {
            let narrow = links(6, &[(2, 1_400, Word::Mtu), (4, 1_300, Word::Nothing)]);
            let way = Road { is_damaging: true, seed, ..road(family, method, &narrow) };
            let ran = way.run();
            assert!(ran.took <= 31_000 * MS, "{:?}", ran.took);
        }
    });
}

#[test]
fn probes_are_no_smaller_than_any_link() {
    everywhere(|family, method| {
        let ran = road(family, method, &links(6, &[(3, 100, Word::Nothing)])).run();
        assert!(ran.sent.iter().all(|(_, bytes)| *bytes >= BYTES_MIN), "{:?}", ran.sent);
        assert_eq!(ran.finding.verdict.mtu_bytes, Some(100));
    });
}

fn seeds() -> std::ops::RangeInclusive<u64> {
    let chosen = std::env::var("ASKWAY_SEEDS").ok();
    1..=chosen.map_or(SEEDS, |seeds| seeds.parse().expect("ASKWAY_SEEDS is a number"))
}
