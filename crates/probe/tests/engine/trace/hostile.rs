//! The trace engine against a network that does what it likes; what is fuzzed, and what the tests
//! feed with the corpus: nothing panics, every wait lies ahead, every probe ends exactly once, each
//! road has its hops in order and one verdict, and what is remembered follows from what was sent.
//!
//! The input is a plan, then a list of commands: a byte that says what happens, and what it needs
//! behind it. When there is nothing left of it, time passes until the run is over.

use super::network::{Seen, address, arrival, datagram, error_quoting, here};
use crate::input::Input;
use probe::method::{self, Method};
use probe::targets::Target;
use probe::token::Key;
use probe::trace::{Course, Destination, Event, Naming, Outcome, Plan, Probe, Report, Trace};
use probe::{
    Arrival, Engine, Output, SendFault, SendFaultReason, Stamp, StampedBy, Time, Transmit,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::{self, Meaning};

/// Enough to see everything, few enough to be fast.
const COMMANDS_MAX: usize = 1_000;

/// By then any run is over that is left alone.
const STEPS_MAX: usize = 200_000;

/// So many of the newest probes can be answered.
const SEEN_MAX: usize = 256;

/// What an engine may remember for each address, hop and probe, written out in full.
const REMEMBERED_MAX_BYTES: usize = 16_384;

const MS: Duration = Duration::from_millis(1);

/// Plays one input.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Some(setup) = setup(&mut input) else { return };
    let hops = usize::from(setup.plan.hops_max);
    let is_endless = matches!(setup.plan.course, Course::Rounds { count: None, .. });
    let (is_once, roads) = (matches!(setup.plan.course, Course::Once { .. }), setup.to.len());
    let mut run = Run::new(setup, is_once);
    for _ in 0..COMMANDS_MAX {
        if run.is_over || run.happen(&mut input).is_none() {
            break;
        }
    }
    let remembered = format!("{:?}", run.engine).len();
    let fair = REMEMBERED_MAX_BYTES * (roads * hops + run.sends + 1);
    assert!(remembered <= fair, "{remembered} bytes after {} probes", run.sends);
    if is_endless {
        run.stop();
    }
    run.let_time_pass();
    run.settle();
}

/// What is run.
struct Setup {
    plan: Plan,
    to: Vec<IpAddr>,
    /// How many hops it is to the targets.
    distance: u8,
}

fn setup(input: &mut Input<'_>) -> Option<Setup> {
    let [how, course, size, pace] = [input.byte()?, input.byte()?, input.byte()?, input.byte()?];
    let count = method::ALL.len() + method::EXTRA.len();
    let at = usize::from(how & 15) % count;
    let method: &'static dyn Method = method::ALL.iter().chain(method::EXTRA).nth(at).copied()?;
    let family = if how & 16 == 0 { Family::V4 } else { Family::V6 };
    // All hops there can be take long, so they are rare.
    let hops_max =
        if size == 255 { 255 } else { [1, 3, 8, 8, 12, 20, 30, 30][usize::from(size & 7)] };
    let first_hop = if size & 8 == 0 { 1 } else { hops_max.min(1 + (size >> 4)) };
    let queries = if hops_max > 30 { 1 } else { 1 + (course >> 4 & 3) };
    let interval = MS * [1, 50, 1_000, 1_000][usize::from(course >> 2 & 3)];
    let rounds = u64::from(course >> 4);
    let targets = if hops_max > 30 { 1 } else { 1 + (pace & 3) };
    let classic = how & 32 != 0 && method.name() == "udp";
    let usual = Plan::new(method, vec![40_000, 40_001, 40_002][..1 + at % 3].to_vec(), Key([7, 9]));
    let plan = Plan {
        naming: if classic { Naming::CountingPort } else { Naming::Steady },
        course: match course & 3 {
            0 | 3 => Course::Once { queries },
            1 => Course::Rounds { interval, count: (rounds > 0).then_some(rounds) },
            _ => Course::Paths { risk: if course & 4 == 0 { 0.05 } else { 0.01 } },
        },
        first_hop,
        hops_max,
        in_flight_max: [1, 2, 64, 4_096][usize::from(pace >> 2 & 3)],
        gap: [Duration::ZERO, MS, MS * 300][usize::from(pace >> 4 & 3) % 3],
        timeout: if pace & 64 == 0 { MS * 1_500 } else { MS * 60_000 },
        is_adaptive: pace & 128 == 0,
        payload_bytes: [0, 2, 32, 32][usize::from(size >> 4 & 3)],
        flow_label: (how & 64 == 0).then_some(77),
        sees_quoted_headers: how & 128 == 0,
        roads_max: 1 + u32::from(size >> 7),
        shares_hops: size & 64 != 0,
        ..usual
    };
    let payload_bytes = if method.carries_payload() { plan.payload_bytes } else { 0 };
    let plan = Plan { payload_bytes, ..plan };
    let to = (0..targets).map(|index| address(family, 200 + index * 8)).collect();
    Some(Setup { plan, to, distance: 1 + input.byte()? % 40 })
}

/// A run, and everything that is known of it from outside.
struct Run {
    engine: Trace,
    now: Time,
    datagram: Vec<u8>,
    family: Family,
    protocol: u8,
    distance: u8,
    seen: Vec<Seen>,
    sends: usize,
    /// Until when the engine waits.
    until: Time,
    is_over: bool,
    /// So many probes more are answered as they should.
    answered_rightly: u8,
    /// Arrivals, and answers reported.
    arrivals: u64,
    answers: u64,
    books: Vec<Book>,
    is_once: bool,
}

/// What was reported of a road.
#[derive(Default)]
struct Book {
    sent: u64,
    /// By number whether the probe was answered.
    ended: BTreeMap<u64, bool>,
    hops: u8,
    rounds: Option<u64>,
    graphs: usize,
    is_closed: bool,
}

impl Run {
    fn new(setup: Setup, is_once: bool) -> Run {
        let Setup { plan, to, distance } = setup;
        let family = Family::of(to[0]);
        let protocol = plan.method.carrier().protocol(family);
        let first_hop = plan.first_hop;
        let book = || Book { hops: first_hop - 1, ..Book::default() };
        let books = to.iter().map(|_| book()).collect();
        let source = here(family);
        let destination = |address: &IpAddr| Destination {
            target: Target { address: *address, zone: 0 },
            source,
        };
        let destinations = to.iter().map(destination).collect();
        let mut run = Run {
            engine: Trace::new(plan, destinations, Time(1)),
            now: Time(1),
            datagram: Vec::new(),
            family,
            protocol,
            distance,
            seen: Vec::new(),
            sends: 0,
            until: Time(1),
            is_over: false,
            answered_rightly: 0,
            arrivals: 0,
            answers: 0,
            books,
            is_once,
        };
        run.drain();
        run
    }

    /// Polls until the engine waits.
    fn drain(&mut self) {
        let roads = self.books.len();
        let at_once = roads.saturating_mul(self.engine.plan().in_flight_max as usize);
        // What is answered at once makes room for another.
        let at_once = at_once + usize::from(self.answered_rightly);
        let sent_before = self.sends;
        while !self.is_over {
            match self.engine.poll(self.now, &mut self.datagram) {
                Output::Report(report) => self.take(report),
                Output::Done => self.is_over = true,
                Output::Send(transmit) => self.send(transmit),
                Output::Wait { until, why } => {
                    assert!(until > self.now, "{why}");
                    self.until = until;
                    break;
                }
            }
            assert!(self.sends - sent_before <= at_once, "time stands still");
        }
    }

    fn send(&mut self, transmit: Transmit) {
        self.sends += 1;
        self.books[(transmit.ticket >> 40) as usize].sent += 1;
        let message = self.datagram.clone();
        if self.seen.len() == SEEN_MAX {
            self.seen.remove(0);
        }
        self.seen.push(Seen { nth: self.sends, transmit, message, protocol: self.protocol });
        if self.answered_rightly > 0 {
            self.answered_rightly -= 1;
            self.answer(self.seen.len() - 1, 500, &[]);
        }
    }

    fn take(&mut self, report: Report) {
        let book = &mut self.books[report.target as usize];
        match report.event {
            Event::Probe(probe) => {
                self.answers += u64::from(matches!(probe.outcome, Outcome::Answer(_)));
                book.end(&probe);
            }
            Event::Hop(hop) => {
                assert!(!book.is_closed && self.is_once);
                assert_eq!(hop.hop, book.hops + 1, "hops come in order");
                book.hops = hop.hop;
            }
            Event::Round { round, .. } => {
                assert!(!book.is_closed && book.rounds.is_none_or(|last| round > last));
                book.rounds = Some(round);
            }
            Event::Graph(_) => book.graphs += 1,
            Event::Verdict(verdict) => {
                assert!(!book.is_closed, "one verdict");
                book.is_closed = true;
                assert_eq!(verdict.sent, book.sent);
                let answered = book.ended.values().filter(|answered| **answered).count();
                assert_eq!(verdict.answered, answered as u64);
            }
        }
    }

    /// One thing happens, or time passes.
    fn happen(&mut self, input: &mut Input<'_>) -> Option<()> {
        let command = input.byte()?;
        let newest = self.seen.len().checked_sub(1 + usize::from(command >> 4));
        let last = newest.map(|at| self.seen[at].transmit.ticket);
        match (command & 15, newest) {
            (0, _) if self.until != Time::NEVER => self.now = self.until,
            (1, _) => {
                // The engine may wait for less long.
                let span = MS * u32::from(input.byte()?);
                self.now = (self.now + span).min(self.until);
            }
            (2, _) => self.answered_rightly = input.byte()?,
            (3, Some(at)) => {
                let by = if command & 16 == 0 { StampedBy::Kernel } else { StampedBy::Program };
                self.engine.sent(self.seen[at].transmit.ticket, Stamp { at: self.now, by });
            }
            (4, _) if last.is_some() => {
                let reason = match command & 16 {
                    0 => SendFaultReason::NoBuffers,
                    _ => SendFaultReason::NoRoute,
                };
                let fault = SendFault { reason, os_error: 1 };
                self.engine.send_failed(self.now, last?, fault);
            }
            (5, _) => self.engine.receive_dropped(u32::from(command >> 4)),
            (6, _) if command >> 4 == 0 => self.stop(),
            (7, Some(at)) => self.answer(at, 500, &[]),
            (8, Some(at)) => self.answer(at, usize::from(input.byte()?), &[]),
            (9, Some(at)) => {
                let bytes = usize::from(input.byte()?);
                self.answer(at, bytes, input.bytes()?);
            }
            (10, Some(at)) => {
                let place = input.byte()?;
                let meaning = icmp::NUMBERS[usize::from(input.byte()?) % icmp::NUMBERS.len()].0;
                self.complain(at, address(self.family, place), meaning, input.bytes()?);
            }
            (11, Some(at)) => {
                let (at, from) = (usize::from(input.byte()?) % (at + 1), input.byte()?);
                let meaning = Meaning::HopLimitExceeded;
                self.complain(at, address(self.family, from), meaning, &[]);
            }
            (12, Some(at)) => {
                let stamped = Time(input.number()?);
                let (from, protocol, payload) = self.right_answer(at, 500);
                self.arrive(from, protocol, &payload, stamped);
            }
            _ => {
                let [from, protocol] = [input.byte()?, input.byte()?];
                let family = if protocol & 1 == 0 { self.family } else { Family::V6 };
                let protocol = match protocol >> 1 {
                    0..64 => icmp::protocol(family),
                    64..120 => self.protocol,
                    other => other,
                };
                self.arrive(address(family, from), protocol, input.bytes()?, self.now);
            }
        }
        self.drain();
        Some(())
    }

    /// What a router on the way or the target says to a probe.
    fn right_answer(&self, at: usize, quoted_bytes: usize) -> (IpAddr, u8, Vec<u8>) {
        let seen = &self.seen[at];
        let hop = seen.transmit.header.hop_limit.expect("traces set it");
        if hop >= self.distance {
            return arrival(seen);
        }
        let mut quote = datagram(seen);
        quote.truncate(quote.len() - seen.message.len() + quoted_bytes);
        error_quoting(address(self.family, hop), Meaning::HopLimitExceeded, &quote)
    }

    /// The same, with some bytes changed: pairs of where and what.
    fn answer(&mut self, at: usize, quoted_bytes: usize, changes: &[u8]) {
        let (from, protocol, mut payload) = self.right_answer(at, quoted_bytes);
        for change in changes.chunks_exact(2) {
            if let Some(byte) = payload.get_mut(usize::from(change[0])) {
                *byte = change[1];
            }
        }
        self.arrive(from, protocol, &payload, self.now);
    }

    /// An error about a probe whose quote has some bytes changed, if this family has such an error.
    fn complain(&mut self, at: usize, from: IpAddr, meaning: Meaning, changes: &[u8]) {
        if meaning.numbers(self.family).is_none() {
            return;
        }
        let mut quote = datagram(&self.seen[at]);
        for change in changes.chunks_exact(2) {
            if let Some(byte) = quote.get_mut(usize::from(change[0])) {
                *byte = change[1];
            }
        }
        let (from, protocol, payload) = error_quoting(from, meaning, &quote);
        self.arrive(from, protocol, &payload, self.now);
    }

    fn arrive(&mut self, source: IpAddr, protocol: u8, payload: &[u8], at: Time) {
        self.arrivals += 1;
        let received = Stamp { at, by: StampedBy::Kernel };
        self.engine.receive(
            self.now,
            &Arrival {
                received,
                source,
                destination: None,
                hop_limit: payload.last().copied(),
                traffic_class: None,
                options: &payload[..payload.len().min(4)],
                protocol,
                payload,
            },
        );
    }

    fn stop(&mut self) {
        self.engine.stop(self.now);
        self.drain();
    }

    fn let_time_pass(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.is_over {
                return;
            }
            assert_ne!(self.until, Time::NEVER, "nobody will ever answer");
            self.now = self.until;
            self.drain();
        }
        panic!("never over: {} after {} probes", self.now, self.sends);
    }

    /// The books balance.
    fn settle(&self) {
        let believed = self.arrivals - self.engine.foreign();
        for book in &self.books {
            assert!(book.is_closed, "no verdict");
            let ended = book.ended.len() as u64;
            assert!(book.ended.keys().next_back().is_none_or(|last| *last < book.sent));
            // Probes whose answers told nobody which of them they were to are asked again.
            assert!(ended == book.sent || believed > self.answers, "{ended} of {}", book.sent);
        }
    }
}

impl Book {
    fn end(&mut self, probe: &Probe) {
        let (is_answer, is_late, is_duplicate) = match &probe.outcome {
            Outcome::Answer(answer) => (true, answer.is_late, answer.is_duplicate),
            _ => (false, false, false),
        };
        assert!(!self.is_closed || is_late || is_duplicate, "after the verdict: {probe:?}");
        let before = self.ended.get(&probe.number).copied();
        let expected = match (is_late, is_duplicate) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        assert_eq!(before, expected, "a probe ends once: {probe:?}");
        self.ended.insert(probe.number, is_answer);
    }
}
