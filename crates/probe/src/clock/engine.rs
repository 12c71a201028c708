//! The engine: several targets, one pace; each target's answers go into its [`Record`].

use super::record::Answer;
use super::way::{Heard, Proof, Question, Said};
use super::{Asked, End, Event, Plan, Record, Refusal, Report};
use crate::departure::Departure;
use crate::{Arrival, Engine, Output, Own, SendFault, Stamp, Ticket, Time, Transmit};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::{self, Message};

/// Answers after which a run that watches knows how the target writes its times.
const SETTLED: u64 = 5;

/// So many of the first answers are each looked at for it.
const JUDGED: u64 = 64;

/// What a run that watches holds back at most while too few answers come.
const HELD_MAX: usize = 16;

/// Questions of another originate stamp that may go unanswered.
const CONTROLS_MAX: u8 = 3;

/// Errors without any answer after which a target is asked no more.
const REFUSALS_MAX: u32 = 2;

/// Questions of a target that may be unanswered, for ways whose answers name theirs.
const OPEN_MAX: usize = 1_024;

/// Between a whole second's answer and the next question, at least.
const COARSE_GAP: Duration = Duration::from_millis(20);

/// Questions are spread over so much of time, so that they meet every part of a clock's steps.
const DITHER_NS: u64 = 10_000_000;

/// A question that is unanswered.
#[derive(Clone, Copy, Debug)]
struct Flight {
    ticket: Ticket,
    /// From 1; 0 for one with another originate stamp.
    number: u64,
    proof: Proof,
    originate: u32,
    departure: Departure,
}

/// One target.
#[derive(Debug)]
struct Account {
    to: Asked,
    record: Record,
    flights: VecDeque<Flight>,
    /// Questions and controls that were to be sent.
    launches: u32,
    /// Questions that were to be sent.
    questions: u64,
    /// When the next question goes.
    next: Time,
    controls: u8,
    refusals: u32,
    refusal: Option<Refusal>,
    fault: Option<SendFault>,
    /// Held back until the target's habits are known.
    held: Vec<Event>,
    is_settled: bool,
    /// Answers that were reported.
    reported: u64,
    /// It is not asked any more.
    is_enough: bool,
    is_done: bool,
    /// When it wants to be looked at.
    due: Time,
}

/// The clock engine.
///
/// An answer is believed if address and port or identifier fit, and whatever else the way has to
/// prove it; everything else is counted and has no other effect.
#[derive(Debug)]
pub struct Clock {
    plan: Plan,
    accounts: Vec<Account>,
    by_address: BTreeMap<IpAddr, u32>,
    due: BTreeSet<(Time, u32)>,
    reports: VecDeque<Report>,
    last_send: Option<Time>,
    started: Time,
    is_stopped: bool,
    foreign: u64,
}

impl Clock {
    /// Starts a run at `now`. Each address should stand in the list once.
    ///
    /// # Panics
    /// If the plan names no identifier: whoever builds plans checks that.
    pub fn new(plan: Plan, targets: Vec<Asked>, now: Time) -> Clock {
        assert!(!plan.identifiers.is_empty(), "a plan names at least one identifier");
        let mut by_address = BTreeMap::new();
        for (to, index) in targets.iter().zip(0..) {
            by_address.entry(to.target.address).or_insert(index);
        }
        let account = |to| Account {
            to,
            record: Record::new(plan.way, plan.epoch_ns, plan.watches),
            flights: VecDeque::new(),
            launches: 0,
            questions: 0,
            next: now,
            controls: 0,
            refusals: 0,
            refusal: None,
            fault: None,
            held: Vec::new(),
            is_settled: false,
            reported: 0,
            is_enough: plan.count == Some(0),
            is_done: false,
            due: now,
        };
        let accounts: Vec<Account> = targets.into_iter().map(account).collect();
        let due = (0..accounts.len() as u32).map(|index| (now, index)).collect();
        Clock {
            plan,
            accounts,
            by_address,
            due,
            reports: VecDeque::new(),
            last_send: None,
            started: now,
            is_stopped: false,
            foreign: 0,
        }
    }

    /// Datagrams that arrived and had nothing to do with this run.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Lets a target be looked at again at once.
    fn wake(&mut self, index: u32, at: Time) {
        let account = &mut self.accounts[index as usize];
        if account.is_done {
            return;
        }
        self.due.remove(&(account.due, index));
        account.due = at;
        self.due.insert((at, index));
    }

    /// Brings a target up to date; whether it wants to send now.
    fn visit(&mut self, index: u32, now: Time) -> bool {
        let Clock { plan, accounts, reports, .. } = self;
        let account = &mut accounts[index as usize];
        let mut events = Vec::new();
        account.expire(plan, now, &mut events);
        let is_over = account.is_enough && account.flights.is_empty() || self.is_stopped;
        let wants_control = account.wants_control(plan, is_over, self.is_stopped);
        if !wants_control {
            account.settle(plan, is_over, &mut events);
        }
        if is_over && !wants_control {
            account.is_done = true;
            let end = account.end();
            let verdict = account.record.verdict(end);
            events.push(Event::Verdict(Box::new(verdict)));
        }
        reports.extend(events.into_iter().map(|event| Report { target: index, event }));
        self.due.remove(&(account.due, index));
        if account.is_done {
            return false;
        }
        let may_send = wants_control || account.may_send(plan);
        let next = if wants_control { now } else { account.next };
        let expiry =
            account.flights.front().map_or(Time::NEVER, |it| it.departure.sent_at() + plan.timeout);
        account.due = if may_send { next.min(expiry) } else { expiry };
        self.due.insert((account.due, index));
        may_send && next <= now
    }

    fn launch(&mut self, index: u32, now: Time, datagram: &mut Vec<u8>) -> Transmit {
        let plan = &self.plan;
        let account = &mut self.accounts[index as usize];
        let is_over = account.is_enough && account.flights.is_empty();
        let is_control = account.wants_control(plan, is_over, self.is_stopped);
        let Asked { target, source } = account.to;
        account.launches = account.launches.wrapping_add(1);
        let ticket = Ticket::from(index) << 32 | Ticket::from(account.launches);
        let lane = account.launches as usize % plan.identifiers.len();
        let names = plan.way.names_questions();
        let lane = if names { 0 } else { lane };
        let nonce = plan.key.token(ticket, target.address).max(1);
        let question = Question {
            source,
            to: target.address,
            identifier: plan.identifiers[lane],
            sequence: account.launches as u16,
            nonce,
            originate_ms: match is_control {
                // High bit set: no time of the day (RFC 792), and nobody can have known it.
                true => nonce as u32 | 1 << 31,
                false => midnight_ms(plan.epoch_ns, now),
            },
        };
        datagram.clear();
        plan.way.encode(&question, datagram);
        let number = if is_control { 0 } else { account.questions + 1 };
        account.flights.push_back(Flight {
            ticket,
            number,
            proof: Proof {
                identifier: question.identifier,
                sequence: Some(question.sequence),
                nonce: Some(plan.way.nonce(&question)),
            },
            originate: question.originate_ms,
            departure: Departure::at(now),
        });
        if is_control {
            account.controls += 1;
        } else {
            account.questions += 1;
            account.record.sent += 1;
            account.is_enough |= plan.count.is_some_and(|count| account.questions >= count);
            account.next = next_turn(plan, self.started, now, account.questions);
        }
        self.last_send = Some(now);
        self.wake(index, now);
        Transmit {
            to: target.address,
            zone: target.zone,
            lane: lane as u16,
            ticket,
            header: Own {
                source: Some(source).filter(|it| !it.is_unspecified()),
                ..Own::default()
            },
        }
    }

    /// Takes what comes from a target's address; whether it had to do with the run.
    fn take(&mut self, now: Time, arrival: &Arrival<'_>) -> bool {
        let family = Family::of(arrival.source);
        let way = self.plan.way;
        let Some(index) = self.by_address.get(&arrival.source).copied() else { return false };
        if arrival.protocol != way.carrier().protocol(family) {
            return false;
        }
        let Some(heard) = way.recognise(family, arrival.payload) else { return false };
        let ours = |identifier: u16| self.plan.identifiers.contains(&identifier);
        let account = &mut self.accounts[index as usize];
        match heard {
            Heard::Malformed(identifier) if ours(identifier) => account.record.malformed += 1,
            Heard::Answer(proof, said) if ours(proof.identifier) => {
                match account.flights.iter().position(|it| it.is_answered_by(&proof)) {
                    Some(at) => {
                        account.answered(&self.plan, at, arrival, said);
                        self.wake(index, now);
                    }
                    None => account.record.unproven += 1,
                }
            }
            _ => return false,
        }
        true
    }

    /// Takes an ICMP error; whether it was about a question of ours.
    fn take_error(&mut self, now: Time, arrival: &Arrival<'_>) -> bool {
        let family = Family::of(arrival.source);
        if arrival.protocol != icmp::protocol(family) {
            return false;
        }
        let Ok(Message::Error(error)) = Message::parse(family, arrival.payload) else {
            return false;
        };
        let Ok(quoted) = error.parse_quoted() else { return false };
        let way = self.plan.way;
        let datagram = &quoted.datagram;
        if datagram.protocol != way.carrier().protocol(family) {
            return false;
        }
        let Some(proof) = way.recognise_quoted(datagram.payload) else { return false };
        let Some(index) = self.by_address.get(&datagram.destination).copied() else {
            return false;
        };
        let account = &mut self.accounts[index as usize];
        let Some(at) = account.flights.iter().position(|it| it.is_answered_by(&proof)) else {
            return false;
        };
        let Some(flight) = account.flights.remove(at) else { return false };
        let (from, kind, code) = (arrival.source, error.kind, error.code);
        let refusal = Refusal { from, kind, code, meaning: error.meaning };
        account.refuse(&flight, refusal);
        self.wake(index, now);
        true
    }
}

impl Flight {
    /// Whether an answer is to this question, by all that it carries.
    fn is_answered_by(&self, proof: &Proof) -> bool {
        let fits = |sent: Option<u64>, came: Option<u64>| came.is_none() || came == sent;
        self.proof.identifier == proof.identifier
            && fits(self.proof.sequence.map(u64::from), proof.sequence.map(u64::from))
            && fits(self.proof.nonce, proof.nonce)
    }
}

impl Account {
    /// Gives up questions whose time is over.
    fn expire(&mut self, plan: &Plan, now: Time, events: &mut Vec<Event>) {
        while let Some(flight) = self.flights.front()
            && flight.departure.sent_at() + plan.timeout <= now
        {
            if flight.number > 0 {
                let (number, sent_at) = (flight.number, flight.departure.sent_at());
                self.tell(Event::Silent { number, sent_at }, events);
            }
            self.flights.pop_front();
        }
    }

    /// Reports something, or keeps it until samples are reported, which it stands between.
    fn tell(&mut self, event: Event, events: &mut Vec<Event>) {
        if self.is_settled { events.push(event) } else { self.held.push(event) }
    }

    fn answered(&mut self, plan: &Plan, at: usize, arrival: &Arrival<'_>, said: Said) {
        let Some(flight) = self.flights.remove(at) else { return };
        if flight.number == 0 {
            if let Said::Stamps { receive, transmit, .. } = said {
                self.record.clear_up(receive == flight.originate || transmit == flight.originate);
            }
            return;
        }
        let (rtt, rtt_source) = flight.departure.round_trip(arrival.received);
        // Who asks not to be asked is not (RFC 5905 §7.4).
        self.is_enough |= matches!(&said, Said::Ntp(packet) if packet.stratum == 0);
        self.record.take(Answer {
            number: flight.number,
            received_at: arrival.received.at,
            rtt,
            rtt_source,
            originate: flight.originate,
            said,
        });
        if plan.way.is_coarse() {
            self.record.judge();
            self.is_enough |= plan.count.is_some() && self.record.is_sharp();
            self.next = self.record.aim(arrival.received.at + COARSE_GAP);
        }
    }

    fn refuse(&mut self, flight: &Flight, refusal: Refusal) {
        self.refusal = Some(refusal);
        self.refusals += 1;
        self.is_enough |= self.record.answered() == 0 && self.refusals >= REFUSALS_MAX;
        if flight.number > 0 {
            let (number, sent_at) = (flight.number, flight.departure.sent_at());
            self.held.push(Event::Refused { number, sent_at, refusal });
        }
    }

    /// Whether a question with another originate stamp is needed now.
    fn wants_control(&self, plan: &Plan, is_over: bool, is_stopped: bool) -> bool {
        let is_time = is_over || plan.watches && self.record.answered() >= SETTLED;
        let is_under_way = self.flights.iter().any(|flight| flight.number == 0);
        is_time
            && !is_stopped
            && !is_under_way
            && self.controls < CONTROLS_MAX
            && self.record.suspects_echo()
    }

    /// Reports what was held back, once it is known how to read it.
    fn settle(&mut self, plan: &Plan, is_over: bool, events: &mut Vec<Event>) {
        let is_cleared = !self.record.suspects_echo() || self.controls >= CONTROLS_MAX;
        let is_enough = self.record.answered() >= SETTLED || self.held.len() >= HELD_MAX;
        let is_known = plan.watches && is_enough && is_cleared;
        if !(is_over || is_known) {
            return;
        }
        if self.record.answered() <= JUDGED || is_over {
            self.record.judge();
        }
        let mut new = std::mem::take(&mut self.held);
        let fresh = self.record.answered() - self.reported;
        let answers: Vec<Answer> = self.record.latest(fresh).cloned().collect();
        self.reported += fresh;
        new.extend(answers.iter().map(|answer| Event::Sample(self.record.sample(answer))));
        new.sort_by_key(number_of);
        events.extend(new);
        self.is_settled = true;
    }

    fn may_send(&self, plan: &Plan) -> bool {
        let open_max = match (plan.way.is_coarse(), plan.way.names_questions()) {
            (true, _) => 1,
            (false, true) => OPEN_MAX,
            (false, false) => plan.identifiers.len(),
        };
        !self.is_enough && self.flights.len() < open_max
    }

    fn end(&self) -> End {
        match (self.record.answered(), self.refusal, self.fault) {
            (1.., ..) => End::Answered,
            (0, Some(refusal), _) => End::Refused(refusal),
            (0, None, Some(fault)) => End::Unsendable(fault),
            (0, None, None) if self.record.sent == 0 || !self.flights.is_empty() => End::Unknown,
            (0, None, None) => End::Silent,
        }
    }
}

/// Which question an event is about, from 1.
fn number_of(event: &Event) -> u64 {
    match event {
        Event::Sample(sample) => sample.number,
        Event::Silent { number, .. }
        | Event::Refused { number, .. }
        | Event::Unsent { number, .. } => *number,
        Event::Verdict(_) => u64::MAX,
    }
}

/// When the next question goes: rounds at absolute times, each put off by another part of the
/// steps that clocks make (the golden section never meets the same part twice).
fn next_turn(plan: &Plan, started: Time, now: Time, questions: u64) -> Time {
    if plan.way.is_coarse() {
        return now + COARSE_GAP;
    }
    let interval_ns = u64::try_from(plan.interval.as_nanos()).unwrap_or(u64::MAX);
    let part = questions.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let dither_ns = (part * DITHER_NS.min(interval_ns)) >> 32;
    let round = started.0.saturating_add(interval_ns.saturating_mul(questions));
    // What was missed is not made up for at once.
    Time(round.saturating_add(dither_ns)).max(now + plan.gap.max(plan.interval / 4))
}

fn midnight_ms(epoch_ns: i128, now: Time) -> u32 {
    let ms = (epoch_ns + i128::from(now.0)).div_euclid(1_000_000);
    ms.rem_euclid(i128::from(super::way::icmp::DAY_MS)) as u32
}

impl Engine for Clock {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Output::Report(report);
            }
            let Some((at, index)) = self.due.first().copied() else { return Output::Done };
            if at > now {
                return Output::Wait { until: at, why: "question or timeout" };
            }
            if !self.visit(index, now) {
                continue;
            }
            if !self.reports.is_empty() {
                // What is known is told before anything new is asked.
                continue;
            }
            let may_send_at = self.last_send.map_or(now, |last| last + self.plan.gap);
            if may_send_at > now {
                self.wake(index, may_send_at);
                continue;
            }
            return Output::Send(self.launch(index, now, datagram));
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        if !self.take(now, arrival) && !self.take_error(now, arrival) {
            self.foreign += 1;
        }
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        let Some(account) = self.accounts.get_mut((ticket >> 32) as usize) else { return };
        let mut flights = account.flights.iter_mut().rev();
        if let Some(flight) = flights.find(|it| it.ticket == ticket) {
            flight.departure.stamp_with(stamp);
        }
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        let index = (ticket >> 32) as u32;
        let Some(account) = self.accounts.get_mut(index as usize) else { return };
        let Some(at) = account.flights.iter().position(|it| it.ticket == ticket) else { return };
        let Some(flight) = account.flights.remove(at) else { return };
        account.fault = Some(fault);
        // What this host refuses to send it will refuse again.
        account.refusals += 1;
        account.is_enough |= account.record.answered() == 0 && account.refusals >= REFUSALS_MAX;
        if flight.number > 0 {
            account.record.sent -= 1;
            account.held.push(Event::Unsent { number: flight.number, fault });
        }
        self.wake(index, now);
    }

    fn receive_dropped(&mut self, _count: u32) {
        // An answer that this host lost is one answer less, and no other answer changes for it.
    }

    fn stop(&mut self, now: Time) {
        self.is_stopped = true;
        for index in 0..self.accounts.len() as u32 {
            self.wake(index, now);
        }
    }

    fn is_endless(&self) -> bool {
        self.plan.count.is_none()
    }
}
