//! The engine: turns, flights, and the end; what arrives stands in `answers`.

mod answers;

use super::account::{Account, Depth};
use super::proof::Payload;
use super::{Goal, Linger, Outcome, Pace, Plan, Report};
use crate::flight::{Flight, Flights, State};
use crate::kind::Question;
use crate::pace::{Queue, Rounds};
use crate::stats::Summary;
use crate::targets::{Target, Targets, TooMany};
use crate::{
    Arrival, Engine, Output, Own, SendFault, SendFaultReason, Stamp, Ticket, Time, Transmit,
};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;
use wire::Family;
use wire::icmp::Message;

/// An unanswered probe counts as in flight, not as lost, at an interrupt if it is younger than this
/// while no round trip is known.
const FIRST_ANSWER_GRACE: Duration = Duration::from_secs(1);

/// The least age at which an unanswered probe counts as lost at an interrupt.
const LEAST_GRACE: Duration = Duration::from_millis(10);

/// The ping engine.
///
/// Every probe takes a slot (identifier and sequence number) and a token. An answer is believed if
/// slot, token and address fit; everything else is counted as foreign and has no other effect.
#[derive(Debug)]
pub struct Ping {
    plan: Plan,
    targets: Targets,
    accounts: Vec<Account>,
    flights: Flights,
    payload: Payload,
    /// The newest probe's token, which in a flood is the next that is asked for.
    last_token: (Ticket, u64),
    /// Identifiers with their lanes, sorted.
    lanes: Vec<(u16, u16)>,
    turns: Turns,
    /// Targets to send to again.
    retries: VecDeque<u32>,
    /// First probes and all probes with equal timeouts expire in order: up to here they have.
    expired: Ticket,
    /// Up to here all probes are decided and booked into the runs of losses.
    booked: Ticket,
    /// Before then nothing expires, perhaps not even then: a bound that spares a look at each poll.
    none_expires_before: Time,
    /// Retries, whose timeouts differ, by the time at which they expire.
    expiries: BinaryHeap<Reverse<(Time, Ticket)>>,
    reports: VecDeque<Report>,
    /// Sends of one target's preload still to come in its turn.
    preload_left: u32,
    started: Time,
    last_send: Option<Time>,
    rtt_max_ns: Option<u64>,
    targets_done: u32,
    foreign: u64,
    /// Datagrams that this host threw away and that no missing answer was put down to yet.
    dropped: u64,
    expects_targets: bool,
    is_stopped: bool,
    /// The run is over; probes from here on are to be written off.
    closing: Option<Ticket>,
}

/// Whose turn it is.
#[derive(Debug)]
enum Turns {
    Rounds(Rounds),
    /// First probes in order, retries between, each a gap after the one before.
    Queue(Queue, u32),
    /// Whenever an answer makes room.
    Answered {
        in_flight: u32,
        index: u32,
    },
}

impl Ping {
    /// Starts a run at `now`.
    ///
    /// # Panics
    /// If the plan names no identifier, or an empty pattern: whoever builds plans checks them.
    pub fn new(plan: Plan, targets: Targets, now: Time) -> Ping {
        let lanes = u16::try_from(plan.identifiers.len()).expect("at most 65,535 identifiers");
        let mut flights = Flights::new(lanes, plan.first_sequence);
        let turns = match (plan.goal, plan.pace) {
            (Goal::FirstReply { .. }, _) => Turns::Queue(Queue::new(now, plan.gap), 0),
            (_, Pace::Answered { in_flight }) => {
                Turns::Answered { in_flight: in_flight.max(1), index: 0 }
            }
            _ => Turns::Rounds(Rounds::new(now, plan.interval, plan.gap)),
        };
        flights.reserve(targets.len() as usize);
        let mut by_identifier: Vec<(u16, u16)> =
            plan.identifiers.iter().copied().zip(0..).collect();
        by_identifier.sort_unstable();
        let mut ping = Ping {
            payload: Payload::new(&plan),
            last_token: (Ticket::MAX, 0),
            flights,
            turns,
            lanes: by_identifier,
            accounts: Vec::with_capacity(targets.len() as usize),
            retries: VecDeque::new(),
            expired: 0,
            none_expires_before: Time::NEVER,
            booked: 0,
            expiries: BinaryHeap::new(),
            reports: VecDeque::new(),
            preload_left: preload(&plan),
            started: now,
            last_send: None,
            rtt_max_ns: None,
            targets_done: 0,
            foreign: 0,
            dropped: 0,
            expects_targets: false,
            is_stopped: false,
            closing: None,
            plan,
            targets,
        };
        ping.accounts.resize_with(ping.targets.len() as usize, Account::default);
        ping
    }

    /// Adds a target while the run goes on (its name has been resolved).
    ///
    /// # Errors
    /// If an index cannot count them any more.
    pub fn add_target(&mut self, target: Target) -> Result<u32, TooMany> {
        let index = self.targets.push(target)?;
        self.accounts.push(Account::default());
        Ok(index)
    }

    /// Says whether targets will still be added: while they will, the run does not end for want of
    /// anything to do.
    pub fn expect_targets(&mut self, more_to_come: bool) {
        self.expects_targets = more_to_come;
    }

    /// The targets, by index.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What is known about a target so far; after the run, what was found out.
    ///
    /// # Panics
    /// If there is no target of that index.
    pub fn summary(&self, target: u32) -> Summary {
        self.accounts[target as usize].summary()
    }

    /// Whether [`Plan::until`] came true for a target.
    ///
    /// # Panics
    /// If there is no target of that index.
    pub fn until_met(&self, target: u32) -> bool {
        self.accounts[target as usize].until_met
    }

    /// How many targets are done, for progress.
    pub fn targets_done(&self) -> u32 {
        self.targets_done
    }

    /// Probes sent to all targets so far.
    pub fn probes_sent(&self) -> u64 {
        self.flights.next()
    }

    /// Datagrams that arrived and had nothing to do with this run.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    fn depth(&self) -> Depth {
        match self.plan.goal {
            Goal::FirstReply { .. } => Depth::Counts,
            _ => Depth::Full,
        }
    }

    // Out of line, since a report is large: elsewhere it would be moved field by field.
    #[inline(never)]
    fn report(&mut self, flight: &Flight, at: Time, outcome: Outcome) {
        let number = self.accounts[flight.target as usize].number(flight);
        self.reports.push_back(Report {
            target: flight.target,
            sequence: u64::from(self.plan.first_sequence).saturating_add(number),
            sent_at: flight.sent_at(),
            at,
            outcome,
        });
    }

    fn finish(&mut self, target: u32) {
        let account = &mut self.accounts[target as usize];
        self.targets_done += u32::from(!account.is_done);
        account.is_done = true;
    }
}

/// Sending.
impl Ping {
    /// The target whose turn it is and when that comes; `None` if nobody's.
    fn turn(&mut self, now: Time) -> Option<(u32, Time)> {
        if self.is_stopped || self.targets_done == self.targets.len() {
            return None;
        }
        match &mut self.turns {
            Turns::Queue(queue, next) => {
                while let Some(&target) = self.retries.front() {
                    if !self.accounts[target as usize].is_done {
                        return Some((target, queue.due()));
                    }
                    self.retries.pop_front();
                }
                (*next < self.targets.len()).then(|| (*next, queue.due()))
            }
            Turns::Rounds(rounds) => {
                while self.accounts[rounds.index() as usize].is_done {
                    rounds.step(self.targets.len());
                }
                rounds.catch_up(now, self.targets.len());
                Some((rounds.index(), rounds.due()))
            }
            Turns::Answered { in_flight, index } => {
                while self.accounts[*index as usize].is_done {
                    *index = (*index + 1) % self.targets.len();
                }
                let has_room = self.flights.unanswered() < *in_flight;
                let wait = if has_room { self.plan.gap } else { self.plan.interval };
                Some((*index, self.last_send.map_or(now, |last| last + wait)))
            }
        }
    }

    /// Passes the turn on.
    fn step(&mut self, now: Time) {
        self.preload_left = self.preload_left.saturating_sub(1);
        match &mut self.turns {
            Turns::Queue(queue, next) => {
                if self.retries.pop_front().is_none() {
                    *next += 1;
                }
                queue.step(now);
            }
            Turns::Rounds(rounds) => {
                if self.preload_left == 0 {
                    rounds.step(self.targets.len());
                    let in_first_round = self.flights.next()
                        < u64::from(preload(&self.plan)) * u64::from(self.targets.len());
                    self.preload_left = if in_first_round { preload(&self.plan) } else { 1 };
                }
            }
            Turns::Answered { index, .. } => *index = (*index + 1) % self.targets.len(),
        }
    }

    fn launch(&mut self, index: u32, now: Time, datagram: &mut Vec<u8>) -> Transmit {
        let depth = self.depth();
        let number = self.accounts[index as usize].launch(depth, now);
        let ticket = self.flights.launch(index, number as u32, now);
        self.step(now);
        self.last_send = Some(now);
        if let Goal::Probes(Some(count)) = self.plan.goal
            && number + 1 >= count
        {
            self.finish(index);
        }
        if let Goal::FirstReply { .. } = self.plan.goal
            && number > 0
        {
            self.expiries.push(Reverse((now + self.patience(number), ticket)));
        }
        self.none_expires_before = self.none_expires_before.min(now + self.patience(number));
        let target = self.targets.at(index);
        let slot = self.flights.slot(ticket);
        let token = self.plan.key.token(ticket, target.address);
        self.last_token = (ticket, token);
        let question = Question {
            family: Family::of(target.address),
            identifier: self.plan.identifiers[usize::from(slot.lane)],
            sequence: slot.sequence,
            payload: self.payload.with(token),
            originate_ms: milliseconds_since_midnight(self.plan.midnight_ms, now),
        };
        datagram.clear();
        self.plan.kind.encode(&question, datagram);
        if self.plan.report_sent {
            let flight = *self.flights.find(ticket).expect("just launched");
            self.report(&flight, now, Outcome::Sent);
        }
        Transmit {
            to: target.address,
            zone: target.zone,
            lane: slot.lane,
            ticket,
            header: Own::default(),
        }
    }

    /// How long the probe of that number to a target may stay unanswered.
    fn patience(&self, number: u64) -> Duration {
        match self.plan.goal {
            Goal::FirstReply { backoff, .. } if number > 0 => {
                let factor = backoff.max(1.0).powi(i32::try_from(number).unwrap_or(i32::MAX));
                let seconds = self.plan.timeout.as_secs_f64() * factor;
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
            _ => self.plan.timeout,
        }
    }
}

/// Timeouts and the end.
impl Ping {
    /// The next probe to time out and when, of those that time out in order.
    fn next_in_order(&mut self) -> Option<(Ticket, Time)> {
        self.expired = self.expired.max(self.flights.oldest());
        let retries = matches!(self.plan.goal, Goal::FirstReply { .. });
        loop {
            let flight = self.flights.find(self.expired)?;
            let waits = if retries {
                // Also a probe that an error ended is tried again, when its time is up.
                flight.number == 0 && !self.accounts[flight.target as usize].is_done
            } else {
                flight.state == State::InFlight
            };
            if waits {
                return Some((self.expired, flight.sent_at() + self.plan.timeout));
            }
            self.expired += 1;
        }
    }

    /// When the next probe times out.
    fn next_expiry(&mut self) -> Time {
        let in_order = self.next_in_order().map_or(Time::NEVER, |(_, at)| at);
        let retry = self.expiries.peek().map_or(Time::NEVER, |Reverse((at, _))| *at);
        in_order.min(retry)
    }

    /// Times out one probe whose time is up; says whether there was one.
    fn expire_one(&mut self, now: Time) -> bool {
        if now < self.none_expires_before {
            return false;
        }
        if let Some((ticket, at)) = self.next_in_order()
            && at <= now
            && at != Time::NEVER
        {
            self.expired += 1;
            self.time_out(ticket, now);
            return true;
        }
        if let Some(&Reverse((at, ticket))) = self.expiries.peek()
            && at <= now
        {
            self.expiries.pop();
            self.time_out(ticket, now);
            return true;
        }
        self.none_expires_before = self.next_expiry();
        false
    }

    fn time_out(&mut self, ticket: Ticket, now: Time) {
        let Some(flight) = self.flights.find(ticket).copied() else { return };
        if flight.state == State::InFlight {
            self.write_off(ticket, &flight, now);
        }
        if let Goal::FirstReply { retries, .. } = self.plan.goal {
            if self.accounts[flight.target as usize].is_done {
                return;
            }
            if flight.number < retries {
                self.retries.push_back(flight.target);
            } else {
                self.finish(flight.target);
            }
        }
    }

    /// Books an unanswered probe as lost: by this host if it threw arrivals away, else by the
    /// network.
    fn write_off(&mut self, ticket: Ticket, flight: &Flight, now: Time) {
        let depth = self.depth();
        let account = &mut self.accounts[flight.target as usize];
        if self.dropped > 0 {
            self.dropped -= 1;
            account.drop_locally();
            self.flights.settle(ticket, State::Dropped);
            self.report(flight, now, Outcome::LocalDrop);
        } else {
            account.lose(depth, now);
            self.flights.settle(ticket, State::TimedOut);
            self.report(flight, now, Outcome::Timeout);
            self.judge(flight, false);
        }
    }

    /// Ends a target's probing if what became of this probe says so; `flight` as it was before.
    fn judge(&mut self, flight: &Flight, is_answered: bool) {
        let target = flight.target;
        let account = &mut self.accounts[target as usize];
        if let Some(until) = self.plan.until
            && !account.is_done
            && (is_answered || flight.state == State::InFlight)
            && account.meets(until, flight.number, is_answered)
        {
            account.until_met = true;
            self.finish(target);
            return;
        }
        let is_done = match self.plan.goal {
            Goal::Answers(count) => account.answers() >= count,
            Goal::FirstReply { .. } => account.received > 0,
            Goal::Probes(_) => false,
        };
        if is_done {
            self.finish(target);
        }
    }

    /// When the run ends at the latest, as things stand; `now` or earlier if it is over.
    fn end(&self, now: Time) -> (Time, &'static str) {
        let deadline = match self.plan.deadline {
            Some(span) => (self.started + span, "deadline"),
            None => (Time::NEVER, "deadline"),
        };
        if self.is_stopped {
            return (now, "stopped");
        }
        if self.is_complete() {
            return (now, "done");
        }
        if self.expects_targets || self.targets_done < self.targets.len() {
            return deadline;
        }
        let linger = match self.plan.linger {
            Linger::UntilTimeout => Time::NEVER,
            Linger::TwiceLongest(none_yet) => {
                let span = match self.rtt_max_ns {
                    Some(longest) => {
                        self.plan.interval.max(Duration::from_nanos(longest.saturating_mul(2)))
                    }
                    None => none_yet,
                };
                self.last_send.map_or(now, |last| last + span)
            }
        };
        if linger < deadline.0 { (linger, "linger") } else { deadline }
    }

    /// Whether nothing is left to send or to wait for.
    fn is_complete(&self) -> bool {
        if self.expects_targets || self.targets_done < self.targets.len() {
            return false;
        }
        let waits_for_answers =
            matches!(self.plan.goal, Goal::Probes(_)) && self.flights.unanswered() > 0;
        !waits_for_answers || self.all_met()
    }

    fn all_met(&self) -> bool {
        self.plan.until.is_some() && self.accounts.iter().all(|account| account.until_met)
    }

    /// Books what is decided into the runs of losses, in the order of the sends: a loss is known
    /// later than the answers to the probes behind it.
    fn book(&mut self) {
        if self.depth() == Depth::Counts {
            return;
        }
        self.booked = self.booked.max(self.flights.oldest());
        while let Some(flight) = self.flights.find(self.booked)
            && flight.state != State::InFlight
        {
            self.accounts[flight.target as usize].line_up(flight);
            self.booked += 1;
        }
    }

    /// Decides one unanswered probe after the end; `None` when there are none left.
    fn close_one(&mut self, now: Time) -> Option<()> {
        let ticket = self.closing?.max(self.flights.oldest());
        let flight = self.flights.find(ticket).copied()?;
        self.closing = Some(ticket + 1);
        if flight.state != State::InFlight {
            return Some(());
        }
        let grace = match self.rtt_max_ns {
            Some(longest) => LEAST_GRACE.max(Duration::from_nanos(longest.saturating_mul(2))),
            None => FIRST_ANSWER_GRACE,
        };
        let ended_by_itself = !self.is_stopped
            && matches!(self.plan.linger, Linger::TwiceLongest(_))
            && self.targets_done == self.targets.len();
        let age = now.since(flight.sent_at());
        if ended_by_itself || age >= grace.min(self.plan.timeout) {
            self.write_off(ticket, &flight, now);
        } else {
            self.flights.settle(ticket, State::Left);
            self.report(&flight, now, Outcome::InFlight);
        }
        Some(())
    }
}

impl Engine for Ping {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        loop {
            self.book();
            if let Some(report) = self.reports.pop_front() {
                return Output::Report(report);
            }
            if self.closing.is_some() {
                match self.close_one(now) {
                    Some(()) => continue,
                    None => return Output::Done,
                }
            }
            if self.expire_one(now) {
                continue;
            }
            let (end, end_why) = self.end(now);
            if end <= now {
                self.closing = Some(self.flights.oldest());
                continue;
            }
            let turn = self.turn(now);
            if let Some((_, due)) = turn
                && due <= now
                && let Some(ticket) = self.flights.in_the_way()
                && self.is_awaited(ticket, now)
            {
                if let Some(wait) = self.make_way(ticket, now) {
                    return Output::Wait { until: wait.min(end), why: "window" };
                }
                continue;
            }
            return match turn {
                Some((index, due)) if due <= now => Output::Send(self.launch(index, now, datagram)),
                _ => {
                    let due = turn.map_or(Time::NEVER, |(_, due)| due);
                    let expiry = self.none_expires_before;
                    let waits = [(due, "send"), (expiry, "timeout"), (end, end_why)];
                    let (until, why) = waits.into_iter().min().expect("three timers");
                    Output::Wait { until, why }
                }
            };
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        if self.is_complete() {
            // A driver may have read more at once than the answer that ended the run; what that
            // was is chance.
            return;
        }
        let family = Family::of(arrival.source);
        let kind = self.plan.kind;
        let believed = if arrival.protocol == kind.protocol(family)
            && let Some(answer) = kind.recognise_answer(family, arrival.payload)
        {
            self.receive_answer(now, arrival, &answer)
        } else if is_icmp(family, arrival.protocol)
            && let Ok(Message::Error(error)) = Message::parse(family, arrival.payload)
        {
            self.receive_error(now, arrival, &error)
        } else {
            None
        };
        self.foreign += u64::from(believed.is_none());
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        self.flights.stamp(ticket, stamp);
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        let Some(flight) = self.flights.find(ticket).copied() else { return };
        if flight.state != State::InFlight {
            return;
        }
        let account = &mut self.accounts[flight.target as usize];
        if fault.reason == SendFaultReason::NoBuffers {
            account.drop_locally();
            self.flights.settle(ticket, State::Dropped);
            self.report(&flight, now, Outcome::LocalDrop);
        } else {
            account.refuse();
            self.flights.settle(ticket, State::Unsent);
            self.report(&flight, now, Outcome::SendError(fault));
            self.judge(&flight, false);
            if let Goal::FirstReply { .. } = self.plan.goal {
                self.finish(flight.target);
            }
        }
    }

    fn receive_dropped(&mut self, count: u32) {
        self.dropped += u64::from(count);
    }

    fn stop(&mut self, _now: Time) {
        self.is_stopped = true;
    }

    fn is_endless(&self) -> bool {
        let goes_on = matches!(self.plan.goal, Goal::Probes(None) | Goal::Answers(_));
        goes_on && self.plan.deadline.is_none()
    }
}

impl Ping {
    /// Whether something is still to come of a probe: its answer, or its timeout, at which a target
    /// is asked again or given up even if an error has ended the probe before.
    fn is_awaited(&self, ticket: Ticket, now: Time) -> bool {
        let Some(flight) = self.flights.find(ticket) else { return false };
        let may_be_retried = matches!(self.plan.goal, Goal::FirstReply { .. })
            && !self.accounts[flight.target as usize].is_done;
        let expiry = flight.sent_at() + self.patience(flight.number.into());
        flight.state == State::InFlight || may_be_retried && expiry > now && expiry != Time::NEVER
    }

    /// Frees the slot of the oldest probe for the next one: says how long to wait for that, or
    /// writes the probe off if nothing else would ever decide it.
    fn make_way(&mut self, ticket: Ticket, now: Time) -> Option<Time> {
        let flight = *self.flights.find(ticket).expect("in the way");
        let expiry = flight.sent_at() + self.patience(flight.number.into());
        let is_flood = matches!(self.turns, Turns::Answered { .. });
        if expiry > now && expiry != Time::NEVER && !is_flood {
            return Some(expiry);
        }
        self.write_off(ticket, &flight, now);
        None
    }
}

fn preload(plan: &Plan) -> u32 {
    match plan.pace {
        Pace::Schedule { preload } => preload.max(1),
        Pace::Answered { .. } => 1,
    }
}

fn is_icmp(family: Family, protocol: u8) -> bool {
    protocol == crate::kind::Kind::protocol(&crate::kind::ECHO, family)
}

fn milliseconds_since_midnight(at_start_ms: u32, now: Time) -> u32 {
    let now_ms = u64::from(at_start_ms).saturating_add(now.0 / 1_000_000);
    u32::try_from(now_ms % 86_400_000).expect("less than a day")
}
