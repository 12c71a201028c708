//! What many probes of one road say together: loss and round trips by hop, told apart by cause.
//!
//! A probe that a router's reply limit ate is not loss. What hops behind a hop lost, too, was lost
//! on the way there at worst; what only the hop itself did not answer was lost on the way back.

use super::limit::{self, Chance, ReplyLimit};
use super::{Answer, End, Event, Extension, Outcome, Probe, Quote, Report, Says};
use crate::stats::{RoundTrips, RttSummary};
use crate::{RttSource, Time};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// Probes of a hop that limits are fitted to, and that charts show.
pub const HISTORY_MAX: usize = 128;

/// Addresses that a hop is kept apart by at most; what others say counts for the hop alone.
pub const RESPONDERS_MAX: usize = 32;

/// Ends of a road that are remembered, the newest last.
pub const CHANGES_MAX: usize = 256;

/// The book of one road.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By hop, from 1 on.
    hops: Vec<HopBook>,
    end: Option<End>,
    rounds: u64,
    changes: VecDeque<PathChange>,
    sent: u64,
    answered: u64,
}

/// That a hop answered from another address than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// When.
    pub at: Time,
    /// Which hop.
    pub hop: u8,
    /// From whom before.
    pub before: IpAddr,
    /// From whom now.
    pub now: IpAddr,
}

/// The book of one hop.
#[derive(Clone, Debug, Default)]
struct HopBook {
    sent: u64,
    answered: u64,
    silent: u64,
    late: u64,
    duplicates: u64,
    local_drops: u64,
    send_errors: u64,
    /// Silent probes that limits explained and that are not in the history any more.
    limited_before: u64,
    history: VecDeque<Sample>,
    responders: Vec<Responder>,
    trips: Option<RoundTrips>,
    variation: Option<Variation>,
    /// Who answered last.
    latest: Option<IpAddr>,
}

/// How the round trips of a hop vary from one to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variation {
    /// The last difference; 0 with one round trip.
    pub last_ns: u64,
    /// The mean difference.
    pub mean_ns: f64,
    /// The greatest difference.
    pub max_ns: u64,
    /// The geometric mean of the round trips themselves; one of 0 counts as 1 ns.
    pub geometric_mean_ns: f64,
    count: u64,
    newest_ns: u64,
    logarithms: f64,
}

impl Variation {
    fn first(rtt_ns: u64) -> Variation {
        let logarithms = (rtt_ns.max(1) as f64).ln();
        Variation {
            last_ns: 0,
            mean_ns: 0.0,
            max_ns: 0,
            geometric_mean_ns: logarithms.exp(),
            count: 1,
            newest_ns: rtt_ns,
            logarithms,
        }
    }

    fn push(&mut self, rtt_ns: u64) {
        self.last_ns = rtt_ns.abs_diff(self.newest_ns);
        self.mean_ns += (self.last_ns as f64 - self.mean_ns) / self.count as f64;
        self.max_ns = self.max_ns.max(self.last_ns);
        self.count += 1;
        self.newest_ns = rtt_ns;
        self.logarithms += (rtt_ns.max(1) as f64).ln();
        self.geometric_mean_ns = (self.logarithms / self.count as f64).exp();
    }
}

/// One probe of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Which probe of the road.
    pub number: u64,
    /// When it was sent.
    pub sent_at: Time,
    /// Its round trip; `None` if it is silent.
    pub rtt: Option<Duration>,
}

/// Somebody who answered for a hop.
#[derive(Clone, Debug)]
pub struct Responder {
    /// Who.
    pub from: IpAddr,
    /// How often.
    pub answered: u64,
    /// What it said last.
    pub says: Says,
    /// TTL or hop limit of its last answer, where known.
    pub hop_limit: Option<u8>,
    /// What its last error showed of the probe.
    pub quote: Option<Quote>,
    /// What extended its last error.
    pub extensions: Vec<Extension>,
    /// How its last round trip was measured.
    pub rtt_source: RttSource,
    trips: RoundTrips,
}

impl Responder {
    /// Its round trips.
    pub fn rtt(&self) -> RttSummary {
        self.trips.summary()
    }
}

/// What is known of one hop. Counts are probes.
#[derive(Clone, Debug, PartialEq)]
pub struct HopSummary {
    /// Its number, 1-based.
    pub hop: u8,
    /// `answered + lost + limited + in_flight`.
    pub sent: u64,
    /// Answered, in time or late.
    pub answered: u64,
    /// Not answered, and no limit explains it.
    pub lost: u64,
    /// Not answered, because the router limits its replies.
    pub limited: u64,
    /// Sent and not decided.
    pub in_flight: u64,
    /// Answered after they were called silent; within `answered`.
    pub late: u64,
    /// Additional answers.
    pub duplicates: u64,
    /// Lost by this host; not within `sent`.
    pub local_drops: u64,
    /// Refused by this host; not within `sent`.
    pub send_errors: u64,
    /// Lost of those decided, 0 to 1; `None` if none is decided, or nobody ever answered: a silent
    /// hop is no lossy one.
    pub loss_ratio: Option<f64>,
    /// Between what and what the true ratio lies, with a confidence of 95 % (Wilson, 1927).
    pub loss_interval: Option<(f64, f64)>,
    /// How much of the loss hops behind this one had, too: the most that can have been lost on the
    /// way there.
    pub forward_ratio: Option<f64>,
    /// The rest: lost on the way back from here.
    pub backward_ratio: Option<f64>,
    /// The router's reply limit, if its silence shows one.
    pub limit: Option<ReplyLimit>,
    /// The round trips; `None` without any.
    pub rtt: Option<RttSummary>,
    /// How they vary from one to the next; `None` without any.
    pub variation: Option<Variation>,
    /// Who answered last.
    pub latest: Option<IpAddr>,
}

impl Ledger {
    /// Takes a report of the road.
    pub fn take(&mut self, report: &Report) {
        match &report.event {
            Event::Probe(probe) => self.take_probe(probe),
            Event::Round { end, .. } => {
                self.rounds += 1;
                self.end = Some(end.clone());
            }
            Event::Verdict(verdict) => self.end = Some(verdict.end.clone()),
            Event::Hop(_) | Event::Graph(_) => {}
        }
    }

    /// How the road ends, as far as is known.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Rounds that are over.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Probes decided, and those of them that were answered.
    pub fn counts(&self) -> (u64, u64) {
        (self.sent, self.answered)
    }

    /// When hops began to answer from other addresses, the newest last; at most [`CHANGES_MAX`].
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &PathChange> {
        self.changes.iter()
    }

    /// The last hop of the road as it is now: its end, or the farthest that answered.
    pub fn length(&self) -> u8 {
        match &self.end {
            Some(End::Reached { hop, .. } | End::Refused { hop, .. }) => *hop,
            _ => self.hops.iter().rposition(|hop| hop.answered > 0).map_or(0, |at| at as u8 + 1),
        }
    }

    /// Everybody who answered for a hop, the most frequent first.
    pub fn responders(&self, hop: u8) -> Vec<&Responder> {
        let book = self.book(hop);
        let mut list: Vec<&Responder> = book.into_iter().flat_map(|b| &b.responders).collect();
        list.sort_by_key(|responder| std::cmp::Reverse(responder.answered));
        list
    }

    /// The newest probes of a hop, in the order of the sends; at most [`HISTORY_MAX`].
    pub fn history(&self, hop: u8) -> impl DoubleEndedIterator<Item = &Sample> {
        self.book(hop).into_iter().flat_map(|book| &book.history)
    }

    /// What is known of one hop, also of one beyond [`Ledger::length`], by itself; `None` if it was
    /// never asked.
    pub fn hop(&self, hop: u8) -> Option<HopSummary> {
        self.book(hop).map(|book| book.summary(hop))
    }

    /// What is known of the hops, from 1 to [`Ledger::length`].
    pub fn hops(&self) -> Vec<HopSummary> {
        let books = self.hops.iter().zip(1..).take(self.length().into());
        let mut hops: Vec<HopSummary> = books.map(|(book, hop)| book.summary(hop)).collect();
        let mut behind: Option<f64> = None;
        for hop in hops.iter_mut().rev() {
            let Some(own) = hop.loss_ratio else { continue };
            let forward = behind.map_or(own, |behind| behind.min(own));
            hop.forward_ratio = Some(forward);
            hop.backward_ratio = Some(own - forward);
            behind = Some(forward);
        }
        hops
    }

    fn book(&self, hop: u8) -> Option<&HopBook> {
        self.hops.get(usize::from(hop).checked_sub(1)?)
    }

    fn take_probe(&mut self, probe: &Probe) {
        let Some(index) = usize::from(probe.hop).checked_sub(1) else { return };
        if self.hops.len() <= index {
            self.hops.resize_with(index + 1, HopBook::default);
        }
        let is_beyond = match &self.end {
            Some(End::Reached { hop, .. } | End::Refused { hop, .. }) => probe.hop > *hop,
            _ => false,
        };
        let book = &mut self.hops[index];
        match &probe.outcome {
            Outcome::Answer(answer) => {
                if !answer.is_duplicate {
                    self.answered += 1;
                    self.sent += u64::from(!answer.is_late);
                }
                if answer.is_late && !answer.is_duplicate && is_beyond {
                    book.count_on(probe);
                }
                if let Some(before) = book.answer(probe, answer) {
                    if self.changes.len() == CHANGES_MAX {
                        self.changes.pop_front();
                    }
                    let (at, hop, now) = (answer.at, probe.hop, answer.from);
                    self.changes.push_back(PathChange { at, hop, before, now });
                }
            }
            Outcome::Silent => {
                self.sent += 1;
                book.sent += 1;
                book.silent += 1;
                book.remember(probe, None);
            }
            Outcome::InFlight => {
                self.sent += 1;
                book.sent += 1;
            }
            Outcome::LocalDrop => book.local_drops += 1,
            Outcome::SendError(_) => book.send_errors += 1,
            // No hop's, but sent all the same: it may still be answered.
            Outcome::Moot => self.sent += 1,
        }
    }
}

impl HopBook {
    /// Counts a probe that had no hop, as it was sent beyond the end of the road: it is going to be
    /// answered.
    fn count_on(&mut self, probe: &Probe) {
        if !self.history.iter().any(|sample| sample.number == probe.number) {
            self.sent += 1;
            self.silent += 1;
            self.remember(probe, None);
        }
    }

    /// Takes an answer; who answered before, if that was somebody else.
    fn answer(&mut self, probe: &Probe, answer: &Answer) -> Option<IpAddr> {
        if answer.is_duplicate {
            self.duplicates += 1;
            return None;
        }
        self.answered += 1;
        if answer.is_late {
            self.late += 1;
            self.silent = self.silent.saturating_sub(1);
            let known = self.history.iter_mut().find(|sample| sample.number == probe.number);
            match known {
                Some(sample) => sample.rtt = Some(answer.rtt),
                None => self.limited_before = self.limited_before.min(self.silent),
            }
        } else {
            self.sent += 1;
            self.remember(probe, Some(answer.rtt));
        }
        let rtt_ns = u64::try_from(answer.rtt.as_nanos()).unwrap_or(u64::MAX);
        match &mut self.trips {
            Some(trips) => trips.push(rtt_ns),
            None => self.trips = Some(RoundTrips::first(rtt_ns)),
        }
        match &mut self.variation {
            Some(variation) => variation.push(rtt_ns),
            None => self.variation = Some(Variation::first(rtt_ns)),
        }
        self.respond(answer, rtt_ns);
        let before = self.latest.replace(answer.from);
        before.filter(|before| *before != answer.from)
    }

    fn respond(&mut self, answer: &Answer, rtt_ns: u64) {
        let is_full = self.responders.len() == RESPONDERS_MAX;
        match self.responders.iter_mut().find(|known| known.from == answer.from) {
            Some(known) => {
                known.answered += 1;
                known.trips.push(rtt_ns);
                known.says = answer.says;
                known.hop_limit = answer.hop_limit;
                known.quote.clone_from(&answer.quote);
                known.extensions.clone_from(&answer.extensions);
                known.rtt_source = answer.rtt_source;
            }
            None if is_full => {}
            None => self.responders.push(Responder {
                from: answer.from,
                answered: 1,
                says: answer.says,
                hop_limit: answer.hop_limit,
                quote: answer.quote.clone(),
                extensions: answer.extensions.clone(),
                rtt_source: answer.rtt_source,
                trips: RoundTrips::first(rtt_ns),
            }),
        }
    }

    /// Keeps a probe in the history, which stays in the order of the sends. What leaves it is
    /// judged for good.
    fn remember(&mut self, probe: &Probe, rtt: Option<Duration>) {
        if self.history.len() == HISTORY_MAX {
            let is_silent = self.history.front().is_some_and(|sample| sample.rtt.is_none());
            let is_limited = is_silent && self.fit().is_some_and(|fit| fit.denied[0]);
            self.limited_before += u64::from(is_limited);
            self.history.pop_front();
        }
        let sample = Sample { number: probe.number, sent_at: probe.sent_at, rtt };
        let at = self.history.partition_point(|known| known.number < sample.number);
        self.history.insert(at, sample);
    }

    fn fit(&self) -> Option<limit::Fit> {
        let chance =
            |sample: &Sample| Chance { at: sample.sent_at, is_answered: sample.rtt.is_some() };
        let chances: Vec<Chance> = self.history.iter().map(chance).collect();
        limit::fit(&chances)
    }

    fn summary(&self, hop: u8) -> HopSummary {
        let fit = self.fit();
        let eaten = fit.as_ref().map_or(0, |fit| {
            let pairs = fit.denied.iter().zip(&self.history);
            pairs.filter(|(denied, sample)| **denied && sample.rtt.is_none()).count() as u64
        });
        let limited = (self.limited_before + eaten).min(self.silent);
        let lost = self.silent - limited;
        let decided = self.answered + lost;
        let is_known = self.answered > 0;
        let ratio = is_known.then(|| lost as f64 / decided as f64);
        HopSummary {
            hop,
            sent: self.sent,
            answered: self.answered,
            lost,
            limited,
            in_flight: self.sent.saturating_sub(self.answered + self.silent),
            late: self.late,
            duplicates: self.duplicates,
            local_drops: self.local_drops,
            send_errors: self.send_errors,
            loss_ratio: ratio,
            loss_interval: is_known.then(|| wilson(lost, decided)),
            forward_ratio: None,
            backward_ratio: None,
            limit: fit.map(|fit| fit.limit),
            rtt: self.trips.as_ref().map(RoundTrips::summary),
            variation: self.variation,
            latest: self.latest,
        }
    }
}

/// The 95 % score interval of a ratio (Wilson, 1927): honest also for few events, and for none.
pub fn wilson(events: u64, all: u64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (all as f64, events as f64 / all as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::icmp::Meaning;

    const MS: Duration = Duration::from_millis(1);
    const EXPIRED: Says =
        Says::Error { meaning: Meaning::HopLimitExceeded, kind: 11, code: 0, mtu_bytes: None };

    fn probe(hop: u8, number: u64, outcome: Outcome) -> Probe {
        let sent_at = Time::ZERO + 100 * MS * number as u32;
        Probe { hop, number, query: 1, flow: 0, port: 33_434, sent_at, outcome }
    }

    fn answer(from: u8) -> Outcome {
        Outcome::Answer(Box::new(Answer {
            from: IpAddr::from([192, 0, 2, from]),
            says: EXPIRED,
            rtt: MS,
            rtt_source: RttSource::Kernel,
            at: Time::ZERO,
            hop_limit: None,
            traffic_class: None,
            is_late: false,
            is_duplicate: false,
            is_certain: true,
            quote: None,
            extensions: Vec::new(),
        }))
    }

    fn take(ledger: &mut Ledger, probe: Probe) {
        ledger.take(&Report { target: 0, at: Time::ZERO, event: Event::Probe(probe) });
    }

    /// A road of two hops; `lost` says which probes, by hop and round.
    fn book(rounds: u64, lost: impl Fn(u8, u64) -> bool) -> Vec<HopSummary> {
        let mut ledger = Ledger::default();
        for round in 0..rounds {
            for hop in 1..=2 {
                let outcome = if lost(hop, round) { Outcome::Silent } else { answer(hop) };
                let mut probe = probe(hop, round * 2 + u64::from(hop), outcome);
                probe.sent_at = Time::ZERO + 100 * MS * round as u32;
                take(&mut ledger, probe);
            }
        }
        ledger.hops()
    }

    #[test]
    fn what_a_limit_eats_is_no_loss() {
        let hops = book(30, |hop, round| hop == 1 && round >= 6 && round % 10 != 0);
        assert_eq!((hops[0].limited, hops[0].lost), (22, 0), "{:?}", hops[0]);
        assert_eq!(hops[0].loss_ratio, Some(0.0));
        let limit = hops[0].limit.expect("a limit");
        assert_eq!((limit.interval, limit.burst), (1_000 * MS, 6));
    }

    #[test]
    fn a_limit_stays_one_when_its_history_is_long() {
        let hops = book(1_000, |hop, round| hop == 1 && round >= 6 && round % 10 != 0);
        assert_eq!((hops[0].limited, hops[0].lost), (895, 0), "{:?}", hops[0]);
    }

    #[test]
    fn forward_and_backward_loss_are_told_apart() {
        // A fifth is lost on the way to hop 2; half of the answers of hop 1 get lost.
        let hops = book(1_000, |hop, round| match hop {
            1 => round * 7 % 10 < 5,
            _ => round * 3 % 10 < 2,
        });
        assert_eq!(hops[0].loss_ratio, Some(0.5));
        assert_eq!(hops[0].forward_ratio, Some(0.2));
        assert_eq!(hops[0].backward_ratio, Some(0.3));
        assert_eq!((hops[1].forward_ratio, hops[1].backward_ratio), (Some(0.2), Some(0.0)));
    }

    #[test]
    fn few_samples_say_how_little_they_say() {
        let (low, high) = wilson(0, 3);
        assert!(low < 1e-9, "{low}");
        assert!((high - 0.561).abs() < 0.001, "{high}");
        // From Newcombe, 1998, table I: 81 of 263.
        let (low, high) = wilson(81, 263);
        assert!((low - 0.2553).abs() < 0.0001 && (high - 0.3662).abs() < 0.0001, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn a_hop_that_never_answers_is_silent_and_not_lossy() {
        let hops = book(10, |hop, _| hop == 1);
        assert_eq!(hops[0].loss_ratio, None);
        assert_eq!(hops[1].loss_ratio, Some(0.0));
    }

    #[test]
    fn round_trips_vary_from_one_to_the_next() {
        let mut ledger = Ledger::default();
        for (number, ms) in [(0, 1), (1, 4), (2, 2)] {
            let Outcome::Answer(mut found) = answer(1) else { unreachable!("it is one") };
            found.rtt = ms * MS;
            take(&mut ledger, probe(1, number, Outcome::Answer(found)));
        }
        let it = ledger.hop(1).and_then(|hop| hop.variation).expect("three round trips");
        assert_eq!((it.last_ns, it.max_ns), (2_000_000, 3_000_000));
        assert!((it.mean_ns - 2_500_000.0).abs() < 1e-6, "{it:?}");
        assert!((it.geometric_mean_ns - 2_000_000.0).abs() < 1e-3, "{it:?}");
    }

    #[test]
    fn each_hop_has_its_own_probes_however_long_the_road_is() {
        let mut ledger = Ledger::default();
        let late = |from| {
            let Outcome::Answer(mut found) = answer(from) else { unreachable!("it is one") };
            found.is_late = true;
            Outcome::Answer(found)
        };
        let round = |ledger: &mut Ledger, round, hop| {
            let end = End::Reached { hop, from: [192, 0, 2, 1].into(), says: EXPIRED };
            ledger.take(&Report { target: 0, at: Time::ZERO, event: Event::Round { round, end } });
        };
        take(&mut ledger, probe(1, 0, answer(1)));
        take(&mut ledger, probe(2, 1, answer(1)));
        take(&mut ledger, probe(3, 2, Outcome::Silent));
        round(&mut ledger, 0, 1);
        // Beyond the end: answered late, though one was given up and the other nobody waited for.
        take(&mut ledger, probe(4, 3, Outcome::Moot));
        take(&mut ledger, probe(3, 2, late(1)));
        take(&mut ledger, probe(4, 3, late(1)));
        let counts = |ledger: &Ledger| {
            let hops = ledger.hops().into_iter();
            hops.map(|hop| (hop.sent, hop.answered, hop.late)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&ledger), [(1, 1, 0)]);
        round(&mut ledger, 1, 4);
        assert_eq!(counts(&ledger), [(1, 1, 0), (1, 1, 0), (1, 1, 1), (1, 1, 1)]);
        assert_eq!(ledger.counts(), (4, 4));
    }

    #[test]
    fn changes_of_the_path_are_dated() {
        let mut ledger = Ledger::default();
        for (number, from) in [(0, 1), (1, 1), (2, 9), (3, 9), (4, 1)] {
            take(&mut ledger, probe(1, number, answer(from)));
        }
        let changed: Vec<IpAddr> = ledger.changes().map(|change| change.now).collect();
        assert_eq!(changed, [IpAddr::from([192, 0, 2, 9]), IpAddr::from([192, 0, 2, 1])]);
        assert_eq!(ledger.responders(1).len(), 2);
    }
}
