//! One road: what was sent along it, what was heard, and how it ends.

use super::locate::Walk;
use super::search::Settled;
use super::table::{Flight, State, TARGET, Table};
use super::{
    BYTES_MIN, Destination, Doubt, End, Event, Evidence, Expectation, Limit, Plan, Remark, Report,
};
use super::{Says, Verdict, Way, plateau};
use crate::{SendFault, SendFaultReason, Time};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Error;
use wire::{Family, ip};

/// No probe is overdue sooner, however near its neighbours are.
const OVERDUE_MIN: Duration = Duration::from_millis(60);

/// When a probe is overdue while no round trip is known.
const OVERDUE_FIRST: Duration = Duration::from_millis(500);

/// More probes are not sent along one road.
const PROBES_MAX: u64 = 2_000;

/// So many refused sends end a road.
const FAULTS_MAX: u32 = 30;

/// More remarks are not made about one road.
const REMARKS_MAX: usize = 32;

/// One road.
#[derive(Debug)]
pub(super) struct Road {
    pub destination: Destination,
    pub table: Table,
    /// What to ask, in this order, as soon as the pace allows: hop and size.
    pub wanted: VecDeque<(u8, u32)>,
    /// What this host itself lets out.
    pub local: Local,
    /// The target's distance, where it came up.
    pub distance: Option<u8>,
    /// What its answers let expect of it.
    pub expected_distance: Option<u8>,
    pub walk: Walk,
    /// What an earlier run found.
    pub expectation: Option<Expectation>,
    /// Who answered at the end, and what.
    ending: Option<(IpAddr, Says)>,
    /// A send that failed for another reason than its size.
    fault: Option<SendFault>,
    faults: u32,
    /// Nothing is sent before that, because this host had no room.
    hold_until: Time,
    /// Whether errors name so little of a probe that only one may be under way.
    pub is_one_by_one: bool,
    rtt_min: Option<Duration>,
    rtt_max: Option<Duration>,
    remarks: Vec<(IpAddr, Doubt)>,
    began: Time,
    answered: u64,
    pub is_done: bool,
    /// When it is to be looked at again.
    pub due: Time,
}

/// What this host itself lets out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    /// The largest that left, and the smallest that did not.
    fits_bytes: u32,
    refused_bytes: u32,
    /// The limit that the system names.
    named_bytes: Option<u32>,
    is_reported: bool,
}

/// An answer of the target's, or of somebody in its stead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub from: IpAddr,
    pub says: Says,
    pub rtt: Duration,
    /// How far away it seems to be.
    pub distance: Option<u8>,
}

/// A road's turn: the moment, the plan, and where findings go.
pub(super) struct Turn<'a> {
    pub now: Time,
    pub plan: &'a Plan,
    /// The road's index.
    pub target: u32,
    pub reports: &'a mut VecDeque<Report>,
}

impl Turn<'_> {
    pub fn report(&mut self, event: Event) {
        self.reports.push_back(Report { target: self.target, at: self.now, event });
    }
}

impl Local {
    /// What to ask next to know this host's own limit; `None` if it is known.
    fn next(&self, plan: &Plan) -> Option<u32> {
        let is_untouched = self.refused_bytes > plan.max_bytes;
        if self.fits_bytes + 1 >= self.refused_bytes {
            return None;
        }
        if is_untouched {
            return Some(plan.max_bytes);
        }
        let inside = |bytes: &u32| (self.fits_bytes + 1..self.refused_bytes).contains(bytes);
        let beyond = self.named_bytes.map(|named| named.saturating_add(1)).filter(inside);
        let named = self.named_bytes.filter(inside);
        let middle = self.fits_bytes + (self.refused_bytes - self.fits_bytes) / 2;
        let plateau = plateau::below(self.refused_bytes, middle);
        // The name may be that of a path measured earlier, so that one byte more is tried first.
        Some(beyond.or(named).or(plateau).unwrap_or(middle))
    }

    /// The largest datagram that leaves this host.
    fn ceiling(&self, plan: &Plan) -> u32 {
        plan.max_bytes.min(self.refused_bytes - 1)
    }
}

impl Road {
    pub fn new(destination: Destination, plan: &Plan, now: Time) -> Road {
        Road {
            destination,
            table: Table::default(),
            wanted: VecDeque::new(),
            local: Local {
                fits_bytes: 0,
                refused_bytes: plan.max_bytes + 1,
                named_bytes: None,
                is_reported: false,
            },
            distance: None,
            walk: Walk::default(),
            expectation: None,
            ending: None,
            fault: None,
            faults: 0,
            hold_until: Time::ZERO,
            is_one_by_one: false,
            rtt_min: None,
            expected_distance: None,
            rtt_max: None,
            remarks: Vec::new(),
            began: now,
            answered: 0,
            is_done: false,
            due: now,
        }
    }

    fn family(&self) -> Family {
        Family::of(self.destination.target.address)
    }

    /// How long a probe may take before another try.
    pub fn overdue_after(&self, plan: &Plan) -> Duration {
        let usual = self.rtt_max.map(|rtt| rtt * 3 / 2 + OVERDUE_MIN / 3);
        usual.unwrap_or(OVERDUE_FIRST).max(OVERDUE_MIN).min(plan.timeout)
    }

    /// How long after a probe an answer to it would surely have come, where answers are quick.
    pub fn surely_after(&self) -> Duration {
        self.rtt_max.unwrap_or(OVERDUE_MIN) * 5 / 4 + Duration::from_millis(1)
    }

    /// The largest datagram to ask.
    pub fn ceiling(&self, plan: &Plan) -> u32 {
        let expected = self.expectation.map_or(u32::MAX, |expected| expected.local_bytes);
        self.local.ceiling(plan).min(expected)
    }

    /// The road begins.
    pub fn begin(&mut self, now: Time) {
        (self.began, self.due) = (now, now);
    }

    /// Wants a probe, unless it is wanted already.
    pub fn want(&mut self, hop: u8, bytes: u32) {
        if !self.wanted.contains(&(hop, bytes)) {
            self.wanted.push_back((hop, bytes));
        }
    }

    /// Looks at the road again then, at the latest.
    pub fn look_at(&mut self, at: Time) {
        self.due = self.due.min(at);
    }

    /// The next probe to send, if the pace allows one.
    pub fn next_wanted(&self, plan: &Plan, now: Time) -> Option<(u8, u32)> {
        let most = if self.is_one_by_one { 1 } else { plan.in_flight_max };
        let is_full = self.table.in_flight() >= most;
        if self.is_done || is_full || self.hold_until > now {
            return None;
        }
        self.wanted.front().copied()
    }

    /// Notes that the next wanted probe is sent; its number.
    pub fn launch(&mut self, now: Time) -> Option<(u64, u8, u32)> {
        let (hop, bytes) = self.wanted.pop_front()?;
        let number = self.table.launch(hop, bytes, now);
        self.local.fits_bytes = self.local.fits_bytes.max(bytes);
        Some((number, hop, bytes))
    }

    /// Does what is due, and finds out when it is due again.
    pub fn advance(&mut self, turn: &mut Turn<'_>) {
        self.due = Time::NEVER;
        if self.is_done {
            return;
        }
        let overdue_after = self.overdue_after(turn.plan);
        self.table.mark_overdue(overdue_after, turn.now);
        let ceiling = self.ceiling(turn.plan);
        self.wanted.retain(|(_, bytes)| *bytes <= ceiling);
        if self.hold_until > turn.now {
            self.look_at(self.hold_until);
        } else if self.wanted.is_empty() {
            self.think(turn);
        }
        if self.is_done {
            self.due = Time::NEVER;
            return;
        }
        self.look_at(self.table.next_overdue(overdue_after));
        self.look_at(self.began + turn.plan.deadline);
    }

    /// Finds out what to ask next, or that all is known.
    fn think(&mut self, turn: &mut Turn<'_>) {
        let is_late = turn.now >= self.began + turn.plan.deadline;
        if is_late || self.table.count() >= PROBES_MAX {
            return self.finish(turn, None);
        }
        if let Some(bytes) = self.local.next(turn.plan).filter(|_| self.expectation.is_none()) {
            return self.want(TARGET, bytes);
        }
        self.report_local(turn);
        let settled = self.settle_target(turn);
        let is_deaf = self.is_mute(turn.plan, TARGET);
        let is_located = match (self.expectation, settled) {
            _ if !turn.plan.locates => true,
            (Some(_), None) if !is_deaf => false,
            (Some(expected), Some(settled)) if settled.mtu_bytes == expected.mtu_bytes => true,
            _ => self.locate(turn, settled, is_deaf),
        };
        let is_over = settled.is_some() || is_deaf;
        if is_over && is_located && self.wanted.is_empty() {
            self.finish(turn, settled);
        }
    }

    fn report_local(&mut self, turn: &mut Turn<'_>) {
        if self.local.refused_bytes > turn.plan.max_bytes || self.local.is_reported {
            return;
        }
        self.local.is_reported = true;
        turn.report(Event::Limit(Limit {
            hop: 0,
            from: None,
            next_hop: Some(1),
            next: None,
            mtu_bytes: self.local.fits_bytes,
            is_exact: true,
            evidence: Evidence::Local,
            way: Way::There,
        }));
    }
}

/// What comes in.
impl Road {
    /// Takes an answer that says that a probe got where its hop limit ran out.
    pub fn take_expired(&mut self, turn: &mut Turn<'_>, number: u64, from: IpAddr, rtt: Duration) {
        let Some(&flight) = self.table.find(number) else { return };
        if flight.hop == TARGET || !self.is_news(turn, &flight) {
            // One for the target loops, or the target is farther away than probes go.
            return;
        }
        self.hear(rtt);
        self.table.settle(number, State::Arrived);
        self.table.arrive(flight.hop, flight.bytes, from);
    }

    /// Takes an answer of the target's, or of somebody who refuses in its stead.
    pub fn take_arrival(&mut self, turn: &mut Turn<'_>, number: u64, arrived: &Arrived) {
        let Arrived { from, says, rtt, distance } = *arrived;
        let Some(&flight) = self.table.find(number) else { return };
        if !self.is_news(turn, &flight) {
            return;
        }
        self.hear(rtt);
        self.rtt_min = Some(self.rtt_min.map_or(rtt, |least| least.min(rtt)));
        self.table.settle(number, State::Arrived);
        if flight.hop != TARGET {
            // It is as near as the hop, or nearer.
            self.distance = Some(self.distance.map_or(flight.hop, |hop| hop.min(flight.hop)));
            self.table.arrive(flight.hop, flight.bytes, from);
        }
        self.table.arrive(TARGET, flight.bytes, from);
        self.expected_distance = self.expected_distance.or(distance);
        // Who refuses may be passed by later probes; the target itself has the last word.
        if self.ending.is_none_or(|(_, says)| !says.is_arrival()) {
            self.ending = Some((from, says));
        }
    }

    /// Takes a "packet too big". What cannot be true of it is no more than a doubt about the size.
    pub fn take_refusal(
        &mut self,
        turn: &mut Turn<'_>,
        number: u64,
        from: IpAddr,
        error: &Error<'_>,
    ) {
        let Some(&flight) = self.table.find(number) else { return };
        let mtu_bytes = error.mtu_bytes();
        let least = ip::mtu_min_bytes(self.family());
        let why = match mtu_bytes {
            _ if flight.state == State::Arrived => Some(Doubt::Contradicted),
            _ if self.table.passed(flight.hop) >= flight.bytes => Some(Doubt::Contradicted),
            None => Some(Doubt::NoValue),
            Some(bytes) if bytes >= flight.bytes => Some(Doubt::NotBelow),
            Some(bytes) if bytes < least => Some(Doubt::BelowMinimum),
            Some(_) => None,
        };
        let remark = |why| Remark {
            from,
            bytes: flight.bytes,
            kind: error.kind,
            code: error.code,
            mtu_bytes,
            why,
        };
        if let Some(why) = why {
            self.remark(turn, remark(why));
        }
        if why == Some(Doubt::Contradicted) || !flight.is_open() {
            return;
        }
        let is_sound = why.is_none();
        let (kind, code) = (error.kind, error.code);
        self.answered += 1;
        self.table.settle(number, State::Refused);
        let refusal = super::table::Refusal { from, kind, code, mtu_bytes, is_sound };
        self.table.refuse(flight.hop, flight.bytes, refusal);
    }

    /// Takes a "packet too big" that quotes a datagram of another size than the probe's.
    pub fn take_misquote(
        &mut self,
        turn: &mut Turn<'_>,
        number: u64,
        from: IpAddr,
        error: &Error<'_>,
        quoted_bytes: u32,
    ) {
        let Some(&flight) = self.table.find(number) else { return };
        let (kind, code, mtu_bytes) = (error.kind, error.code, error.mtu_bytes());
        let why = Doubt::OtherSize { quoted_bytes };
        self.remark(turn, Remark { from, bytes: flight.bytes, kind, code, mtu_bytes, why });
    }

    /// Takes the news that the system did not send a probe.
    pub fn fail(&mut self, turn: &mut Turn<'_>, number: u64, fault: SendFault) {
        let Some(&flight) = self.table.find(number).filter(|flight| flight.is_open()) else {
            return;
        };
        self.table.settle(number, State::Void);
        match fault.reason {
            SendFaultReason::TooBig { mtu_bytes } if flight.bytes > BYTES_MIN => {
                let sent = self.table.flights().filter(|(_, flight)| flight.state != State::Void);
                self.local.fits_bytes = sent.map(|(_, flight)| flight.bytes).max().unwrap_or(0);
                self.local.refused_bytes = self.local.refused_bytes.min(flight.bytes);
                self.local.named_bytes = mtu_bytes.filter(|bytes| *bytes < flight.bytes);
            }
            reason => {
                self.faults += 1;
                // A full queue says nothing of the road, and passes.
                let passes = reason == SendFaultReason::NoBuffers || self.answered > 0;
                if !passes || self.faults > FAULTS_MAX {
                    self.fault = Some(fault);
                    return self.finish(turn, None);
                }
                self.hold_until = turn.now + OVERDUE_MIN;
            }
        }
    }

    fn hear(&mut self, rtt: Duration) {
        self.answered += 1;
        self.rtt_max = self.rtt_max.max(Some(rtt));
    }

    /// Whether an answer to a probe is news: also where somebody said that it was too big.
    fn is_news(&mut self, turn: &mut Turn<'_>, flight: &Flight) -> bool {
        if flight.state == State::Refused {
            self.contradict(turn, flight.hop, flight.bytes);
        }
        flight.is_open() || flight.state == State::Refused
    }

    /// Whether somebody said "packet too big" of what was answered.
    pub fn is_liar(&self, who: IpAddr) -> bool {
        self.remarks.iter().any(|(from, why)| *from == who && *why == Doubt::Contradicted)
    }

    /// Takes an error that may be about any of several probes: from now on there will be one at a
    /// time. Until those that are under way have surely arrived, nothing is sent.
    pub fn cannot_tell(&mut self, turn: &Turn<'_>) {
        if !self.is_one_by_one {
            self.is_one_by_one = true;
            self.hold_until = turn.now + self.overdue_after(turn.plan);
            self.table.void();
            self.wanted.clear();
        }
    }

    /// Remarks on whoever said that a size does not pass that does.
    fn contradict(&mut self, turn: &mut Turn<'_>, hop: u8, bytes: u32) {
        if let Some(said) = self.table.refusal(hop, bytes) {
            let super::table::Refusal { from, kind, code, mtu_bytes, .. } = said;
            let why = Doubt::Contradicted;
            self.remark(turn, Remark { from, bytes, kind, code, mtu_bytes, why });
        }
    }

    /// Makes a remark, once for each who and why.
    pub fn remark(&mut self, turn: &mut Turn<'_>, remark: Remark) {
        let is_known = self.remarks.iter().any(|(from, why)| {
            *from == remark.from
                && std::mem::discriminant(why) == std::mem::discriminant(&remark.why)
        });
        if !is_known && self.remarks.len() < REMARKS_MAX {
            self.remarks.push((remark.from, remark.why));
            turn.report(Event::Remark(remark));
        }
    }
}

/// The end.
impl Road {
    /// The run is interrupted.
    pub fn stop(&mut self, turn: &mut Turn<'_>) {
        if !self.is_done {
            self.conclude(turn, None, true);
        }
    }

    fn finish(&mut self, turn: &mut Turn<'_>, settled: Option<Settled>) {
        self.conclude(turn, settled, false);
    }

    fn conclude(&mut self, turn: &mut Turn<'_>, settled: Option<Settled>, is_interrupted: bool) {
        self.is_done = true;
        self.due = Time::NEVER;
        self.wanted.clear();
        let heard = self.table.heard();
        let last = if self.table.answers(TARGET) { TARGET } else { heard };
        let passed = self.table.passed(last);
        let end = match (self.ending, self.fault) {
            (Some((from, says)), _) if says.is_arrival() => End::Reached { from, says },
            (Some((from, says)), _) => End::Refused { from, says },
            (None, Some(fault)) if self.answered == 0 => End::Unsendable(fault),
            (None, _) if is_interrupted => End::Unknown,
            (None, _) => End::Silent { heard },
        };
        let refused_bytes = match settled {
            Some(settled) => settled.refused_bytes,
            None => self.table.doubtful(last, passed),
        };
        let sent = self.table.flights().filter(|(_, flight)| flight.state != State::Void).count();
        turn.report(Event::Verdict(Verdict {
            end,
            local_bytes: self.ceiling(turn.plan),
            mtu_bytes: (passed > 0).then_some(passed),
            refused_bytes,
            is_exact: settled.is_some_and(|settled| settled.is_sure),
            hop: self.distance,
            rtt: self.rtt_min,
            sent: sent as u64,
            answered: self.answered,
            took: turn.now.since(self.began),
        }));
    }
}
