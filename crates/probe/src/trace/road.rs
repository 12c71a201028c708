//! One road: what was sent along it, what was heard, and what is to be asked next.

mod lead;
mod paths;

use super::flights::{Flight, Flights, State};
use super::share::Lead;
use super::web::Web;
use super::{Answer, Course, Destination, End, Event, Hop, Outcome, Plan, Probe, Report, Says};
use super::{Verdict, ends};
use crate::{SendFault, Time};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

/// Hops that are asked at once beyond the farthest that was heard, before any was; then the window
/// grows by a hop for each that is heard.
const WINDOW: u8 = 6;

/// Likewise when paths are looked for, where probes are counted.
const PATHS_WINDOW: u8 = 4;

/// No probe is overdue sooner, however near its neighbours are.
const OVERDUE_MIN: Duration = Duration::from_millis(100);

/// When a probe is overdue while no round trip is known.
const OVERDUE_FIRST: Duration = Duration::from_millis(500);

/// Long round trips may stretch the patience to this.
const PATIENCE_MAX: Duration = Duration::from_secs(2);

/// Answers that cannot be told apart are given at least that long to have all arrived.
const SETTLING_MIN: Duration = Duration::from_millis(20);

/// How many hops beyond the end of the road that it goes by a road looks for its own.
const BEYOND_LEAD: u8 = 2;

/// How many silent hops behind the last that was heard are asked round after round.
const SILENT_TAIL: u8 = 5;

/// One road.
#[derive(Debug)]
pub(super) struct Road {
    pub destination: Destination,
    pub flights: Flights,
    /// Hops to ask, and by which flow, in this order, as soon as the pace allows.
    wanted: VecDeque<(u8, u16)>,
    hops: Vec<HopState>,
    first_hop: u8,
    /// The farthest hop that was asked.
    frontier: u8,
    /// The farthest hop at which a hop limit ran out; the one before the first if none did.
    heard: u8,
    /// The nearest hop at which the road ends.
    ending: Option<Ending>,
    /// The hop limit with which the answer from the end arrived.
    end_hop_limit: Option<u8>,
    rtt_max: Option<Duration>,
    began: Time,
    /// When something was last heard, or the road began.
    news_at: Time,
    /// Hops up to here have been reported.
    reported: u8,
    /// The first hop that it asks itself.
    lowest: u8,
    /// The road that it goes by, and whether that has proved right.
    lead: Option<(Lead, bool)>,
    /// Whether silence made all hops be asked at once.
    is_desperate: bool,
    /// Set if hops quote so little that answers cannot be told apart: one probe at a time, and none
    /// before that time.
    one_by_one: Option<Time>,
    pub is_done: bool,
    /// Whether it stands in the queue of those that want to send.
    pub is_queued: bool,
    answered: u64,
    /// When it is to be looked at again.
    pub due: Time,
    rounds: Rounds,
    /// What is known of load-balanced paths, where they are looked for.
    web: Option<Box<Web>>,
}

/// Where rounds stand.
#[derive(Clone, Copy, Debug)]
struct Rounds {
    /// The round under way, 0-based; the first finds out how long the road is.
    round: u64,
    began: Time,
    /// The next hop to ask in it; one more than there can be if all were.
    next_hop: u16,
    /// The last hop to ask in it.
    last_hop: u8,
}

/// Where and how a road ends.
#[derive(Clone, Copy, Debug)]
struct Ending {
    hop: u8,
    from: IpAddr,
    says: Says,
}

/// What is known of a hop.
#[derive(Clone, Debug, Default)]
struct HopState {
    /// Probes that were sent or are wanted.
    asked: u32,
    /// Probes that were sent.
    sent: u32,
    /// Its probes as they ended, until the hop is reported; with rounds, none.
    ends: Vec<Probe>,
    /// Who answered: first, or with rounds last.
    from: Option<IpAddr>,
}

/// A road's turn: the moment, the plan, and where findings go.
pub(super) struct Turn<'a> {
    pub now: Time,
    pub plan: &'a Plan,
    /// The road's index.
    pub target: u32,
    pub reports: &'a mut VecDeque<Report>,
    /// Datagrams that this host threw away and that no silence was put down to yet.
    pub dropped: &'a mut u64,
}

impl Turn<'_> {
    fn report(&mut self, event: Event) {
        self.reports.push_back(Report { target: self.target, at: self.now, event });
    }
}

impl Road {
    /// A road that has not begun; knows nothing and costs little.
    pub fn waiting(destination: Destination, plan: &Plan, now: Time) -> Road {
        let before = plan.first_hop - 1;
        Road {
            destination,
            flights: Flights::default(),
            wanted: VecDeque::new(),
            hops: Vec::new(),
            first_hop: plan.first_hop,
            frontier: before,
            heard: before,
            ending: None,
            end_hop_limit: None,
            rtt_max: None,
            began: now,
            news_at: now,
            reported: before,
            lowest: plan.first_hop,
            lead: None,
            is_desperate: false,
            one_by_one: None,
            is_done: false,
            is_queued: false,
            answered: 0,
            due: now,
            rounds: Rounds { round: 0, began: now, next_hop: 0, last_hop: 0 },
            web: None,
        }
    }

    pub fn begin(&mut self, lead: Option<Lead>, plan: &Plan, now: Time) {
        let hops = usize::from(plan.hops_max - plan.first_hop) + 1;
        *self = Road::waiting(self.destination, plan, now);
        self.hops = vec![HopState::default(); hops];
        if let Course::Paths { risk } = plan.course {
            let web = Web::new(plan.first_hop, plan.hops_max, risk, plan.flows_max());
            self.web = Some(Box::new(web));
        }
        if let Some(lead) = lead {
            self.go_by(lead, plan);
        }
    }

    /// Forgets what is needed no more once it is over and has taught others.
    pub fn rest(&mut self) {
        self.hops = Vec::new();
        self.wanted = VecDeque::new();
        self.web = None;
    }

    /// The farthest hop at which a hop limit ran out.
    pub fn heard(&self) -> u8 {
        self.heard
    }

    fn hop(&mut self, hop: u8) -> &mut HopState {
        &mut self.hops[usize::from(hop - self.first_hop)]
    }

    fn want(&mut self, hop: u8, flow: u16) {
        self.hop(hop).asked += 1;
        self.wanted.push_back((hop, flow));
    }

    /// Wants no hop any more that lies beyond the end.
    fn forgo_beyond(&mut self) {
        // Other flows may have a longer way to go.
        let goes_beyond = self.web.as_ref().is_some_and(|web| web.has_begun());
        let Some(ending) = self.ending.filter(|_| !goes_beyond) else { return };
        let (first_hop, hops) = (self.first_hop, &mut self.hops);
        self.wanted.retain(|(hop, _)| {
            if *hop > ending.hop {
                hops[usize::from(*hop - first_hop)].asked -= 1;
            }
            *hop <= ending.hop
        });
    }

    /// Whether a probe is to be sent now.
    pub fn wants(&self, plan: &Plan, now: Time) -> bool {
        let (in_flight_max, from) = match self.one_by_one {
            Some(from) => (1, from),
            None => (plan.in_flight_max, now),
        };
        let may_fly = self.flights.in_flight() < in_flight_max && self.flights.has_room();
        !self.wanted.is_empty() && from <= now && may_fly
    }

    /// Takes note of the wanted probe, which goes now; its number.
    pub fn launch(&mut self, plan: &Plan, now: Time) -> Option<u64> {
        let (hop, flow) = self.wanted.pop_front()?;
        if let Some(web) = &mut self.web {
            web.ask(hop, flow, now);
        }
        let state = self.hop(hop);
        state.sent += 1;
        let query = state.sent;
        let number = self.flights.count();
        let port = match plan.naming {
            super::Naming::Steady => plan.port,
            super::Naming::CountingPort => plan.port.wrapping_add(number as u16),
        };
        self.flights.launch(Flight::new(hop, query, flow, port, now));
        Some(number)
    }

    /// How long a probe may stay unanswered before something is done about it.
    fn overdue_after(&self, plan: &Plan) -> Duration {
        match self.rtt_max {
            _ if !plan.is_adaptive => plan.timeout,
            Some(rtt) => (rtt * 3).max(OVERDUE_MIN).min(plan.timeout),
            None => plan.timeout.min(OVERDUE_FIRST),
        }
    }

    /// When the silence ahead is final.
    fn gives_up_at(&self, plan: &Plan) -> Time {
        let stretched = self.rtt_max.map_or(Duration::ZERO, |rtt| (rtt * 3).min(PATIENCE_MAX));
        self.news_at + plan.patience.max(stretched)
    }

    /// Does what is due, and finds out when it is due again.
    pub fn advance(&mut self, turn: &mut Turn<'_>) {
        if self.is_done {
            self.due = Time::NEVER;
            return;
        }
        self.forgo_beyond();
        let overdue_after = self.overdue_after(turn.plan);
        self.flights.mark_overdue(overdue_after, turn.now);
        match turn.plan.course {
            Course::Once { queries } => self.advance_once(turn, queries.into()),
            Course::Rounds { interval, count } => self.advance_rounds(turn, interval, count),
            Course::Paths { .. } => self.advance_paths(turn),
        }
        if !self.is_done {
            self.due = self.due.min(self.flights.next_overdue(overdue_after));
            if let Some(from) = self.one_by_one.filter(|from| *from > turn.now) {
                self.due = self.due.min(from);
            }
        }
    }

    /// Widens the window of hops that are asked.
    fn widen(&mut self, plan: &Plan) {
        if self.ending.is_some() {
            return;
        }
        let known = self.heard - (self.first_hop - 1);
        let window = match &self.lead {
            // Where the end is expected, there is little to look for ahead.
            Some(_) => self.lowest.max(self.heard.saturating_add(1)),
            None => self.heard.saturating_add(known).saturating_add(WINDOW),
        };
        let window = window.min(plan.hops_max);
        let is_stalled = self.wanted.is_empty() && self.flights.in_flight() == 0;
        self.is_desperate |= is_stalled && self.flights.count() > 0 && window <= self.frontier;
        let limit = match self.is_desperate {
            true => self.horizon(plan),
            false => window,
        };
        while self.frontier < limit {
            self.frontier += 1;
            self.want(self.frontier, 0);
        }
    }
}

/// Once.
impl Road {
    fn advance_once(&mut self, turn: &mut Turn<'_>, queries: u32) {
        self.widen(turn.plan);
        self.check_lead(turn.plan);
        let last = self.ending.map_or(self.frontier, |ending| ending.hop);
        for hop in self.lowest..=last {
            self.ask_again(hop, queries);
        }
        self.due = Time::NEVER;
        let is_hopeless = self.ending.is_none() && self.is_hopeless(turn);
        if matches!(self.lead, Some((_, true))) {
            while self.reported < self.lowest - 1 {
                self.report_shared(turn, self.reported + 1);
            }
        }
        while self.reported >= self.lowest - 1
            && self.reported < last
            && self.is_final(self.reported + 1, queries, is_hopeless)
        {
            self.report_hop(turn, self.reported + 1, queries);
        }
        let is_over = match self.ending {
            Some(ending) => self.reported == ending.hop,
            None => self.reported == self.horizon(turn.plan),
        };
        if is_over {
            let end = self.end(turn.plan);
            self.finish(turn, end);
        }
    }

    /// Wants further probes of a hop once its first is decided.
    fn ask_again(&mut self, hop: u8, queries: u32) {
        // What outran the end was answered there, so it counts there.
        let is_end = self.ending.is_some_and(|ending| ending.hop == hop);
        let (asked, decided) = match is_end {
            true => {
                let sent = self.flights.since_hop(hop);
                let waiting = self.wanted.iter().filter(|(wanted, _)| *wanted == hop).count();
                (sent.count() + waiting, 1)
            }
            false => (self.hop(hop).asked as usize, self.flights.decided_at(hop)),
        };
        let mut desired = if decided > 0 { queries as usize } else { 1 };
        // Between the last router and an end that was met farther out lies silence: if that is the
        // target's own, which limits its replies, another try may show it nearer.
        let is_doubtful = self.ending.is_some_and(|ending| ending.hop > hop && hop > self.heard);
        if is_doubtful && hop == self.heard + 1 && decided >= desired {
            desired += 1;
        }
        for _ in asked..desired {
            self.want(hop, 0);
        }
    }

    /// Whether nothing more is to be hoped for ahead. What was not tried yet is tried first.
    fn is_hopeless(&mut self, turn: &Turn<'_>) -> bool {
        let gives_up_at = self.gives_up_at(turn.plan);
        if gives_up_at > turn.now {
            self.due = self.due.min(gives_up_at);
            return false;
        }
        let may_try = !self.wanted.is_empty() && self.flights.has_room();
        if may_try || self.flights.in_flight() > 0 {
            return false;
        }
        if !self.is_desperate {
            self.is_desperate = true;
            self.news_at = turn.now;
            self.widen(turn.plan);
            return false;
        }
        true
    }

    /// Whether a hop is known as well as it will be.
    fn is_final(&mut self, hop: u8, queries: u32, is_hopeless: bool) -> bool {
        let is_end = self.ending.is_some_and(|ending| ending.hop == hop);
        if is_end {
            let answered = self.flights.since_hop(hop).filter(|f| f.state == State::Answered);
            if answered.count() >= queries as usize {
                return true;
            }
            let in_flight = self.flights.since_hop(hop).any(|f| f.state == State::InFlight);
            return !in_flight && !self.wanted.iter().any(|(wanted, _)| *wanted == hop);
        }
        if is_hopeless {
            return true;
        }
        let is_passed = self.heard > hop || self.ending.is_some();
        let is_wanted = self.wanted.iter().any(|(wanted, _)| *wanted == hop);
        if is_wanted || self.flights.at_hop(hop).count() < queries as usize {
            return false;
        }
        self.flights.at_hop(hop).all(|flight| match flight.state {
            State::InFlight => false,
            State::Overdue => is_passed,
            _ => true,
        })
    }

    fn report_hop(&mut self, turn: &mut Turn<'_>, hop: u8, queries: u32) {
        self.reported = hop;
        let ending = self.ending.filter(|ending| ending.hop == hop);
        self.settle(turn, |flight| flight.hop == hop);
        let mut probes = std::mem::take(&mut self.hop(hop).ends);
        if ending.is_some() {
            for beyond in usize::from(hop - self.first_hop) + 1..self.hops.len() {
                let ends = std::mem::take(&mut self.hops[beyond].ends);
                probes.extend(ends.into_iter().filter(is_arrival));
            }
            // Answers before silence, each in the order of the sends.
            probes.sort_by_key(|probe| (answer(probe).is_none(), probe.number));
            probes.truncate(queries as usize);
        }
        probes.sort_by_key(|probe| probe.number);
        let is_end = ending.is_some();
        turn.report(Event::Hop(Hop { hop, probes, is_end, shared: None }));
    }

    /// Writes off unanswered probes; their hops and flows.
    fn settle(&mut self, turn: &mut Turn<'_>, which: impl Fn(&Flight) -> bool) -> Vec<(u8, u16)> {
        let open: Vec<(u64, (u8, u16))> = self
            .flights
            .open()
            .filter(|(_, flight)| which(flight))
            .map(|(number, flight)| (number, (flight.hop, flight.flow)))
            .collect();
        for (number, _) in &open {
            let number = *number;
            let is_moot = |flight: &Flight| self.ending.is_some_and(|end| flight.hop > end.hop);
            let outcome = match self.flights.find(number) {
                Some(flight) if is_moot(flight) => Outcome::Moot,
                _ if *turn.dropped > 0 => {
                    *turn.dropped -= 1;
                    Outcome::LocalDrop
                }
                _ => Outcome::Silent,
            };
            self.end_probe(turn, number, State::Settled, outcome);
        }
        open.into_iter().map(|(_, place)| place).collect()
    }
}

/// Round after round.
impl Road {
    fn advance_rounds(&mut self, turn: &mut Turn<'_>, interval: Duration, count: Option<u64>) {
        self.due = Time::NEVER;
        let timeout = turn.plan.timeout;
        let now = turn.now;
        self.settle(turn, |flight| flight.sent_at() + timeout <= now);
        self.due = self.due.min(self.flights.next_timeout(timeout));
        let is_last = count.is_some_and(|count| self.rounds.round + 1 >= count);
        let next = self.rounds.began + interval;
        let is_round_over = next <= now;
        if is_last && is_round_over && self.flights.open().next().is_none() {
            let round = self.rounds.round;
            let end = self.end(turn.plan);
            turn.report(Event::Round { round, end: end.clone() });
            return self.finish(turn, end);
        }
        if !is_last && is_round_over {
            self.next_round(turn, interval);
        } else if !is_round_over {
            self.due = self.due.min(next);
        }
        if !(is_last && is_round_over) {
            self.widen(turn.plan);
            self.ask_round(now, interval);
        }
    }

    fn next_round(&mut self, turn: &mut Turn<'_>, interval: Duration) {
        let round = self.rounds.round;
        let end = self.end(turn.plan);
        turn.report(Event::Round { round, end });
        let late = turn.now.since(self.rounds.began).as_nanos();
        // What a suspended machine missed is skipped; the phase is kept.
        let passed = (late / interval.as_nanos().max(1)).max(1);
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        let last_hop = match self.ending {
            Some(ending) => ending.hop,
            None => self.frontier.min(self.heard.saturating_add(SILENT_TAIL)),
        };
        self.rounds = Rounds {
            round: round + 1,
            began: self.rounds.began + interval.saturating_mul(passed),
            next_hop: self.first_hop.into(),
            last_hop,
        };
    }

    /// Wants the hops whose turn has come: they are spread over the round.
    fn ask_round(&mut self, now: Time, interval: Duration) {
        let rounds = self.rounds;
        if rounds.round == 0 {
            return;
        }
        let length = u32::from(rounds.last_hop.saturating_sub(self.first_hop)) + 1;
        let mut next_hop = rounds.next_hop;
        while let Some(hop) = u8::try_from(next_hop).ok().filter(|hop| *hop <= rounds.last_hop) {
            let turn = u32::from(hop - self.first_hop);
            let at = rounds.began + interval * turn / length;
            if at > now {
                self.due = self.due.min(at);
                break;
            }
            // What the pace did not allow in the round before is not made up for.
            if !self.wanted.iter().any(|(wanted, _)| *wanted == hop) {
                self.want(hop, 0);
            }
            next_hop += 1;
        }
        self.rounds.next_hop = next_hop;
    }
}

/// What comes in.
impl Road {
    /// Takes an answer to a probe of this road.
    pub fn take(&mut self, turn: &mut Turn<'_>, number: u64, mut found: Answer) {
        let Some(flight) = self.flights.find(number).copied() else { return };
        found.is_duplicate = flight.state == State::Answered;
        found.is_late = flight.state == State::Settled;
        let (hop, from, says, rtt) = (flight.hop, found.from, found.says, found.rtt);
        let hop_limit = found.hop_limit;
        let is_first = !found.is_duplicate;
        self.end_probe(turn, number, State::Answered, Outcome::Answer(Box::new(found)));
        if !is_first {
            return;
        }
        self.answered += 1;
        self.news_at = turn.now;
        self.rtt_max = self.rtt_max.max(Some(rtt));
        if let Some(web) = &mut self.web {
            web.answer(hop, flight.flow, from, !says.is_expired(), rtt);
        }
        if says.is_expired() {
            self.heard = self.heard.max(hop);
            if self.ending.is_some_and(|ending| ending.hop <= hop) && self.reported < hop {
                // The road has grown; what lies ahead is new.
                self.ending = None;
                if matches!(turn.plan.course, Course::Rounds { .. }) {
                    self.frontier = hop;
                    self.is_desperate = false;
                }
            }
        } else if hop > self.reported && self.ending.is_none_or(|ending| hop <= ending.hop) {
            // Once a hop is reported, others behind it were heard.
            self.ending = Some(Ending { hop, from, says });
            self.end_hop_limit = hop_limit;
        }
    }

    /// Takes the news that the system did not send a probe.
    pub fn fail(&mut self, turn: &mut Turn<'_>, number: u64, fault: SendFault) {
        if !self.flights.find(number).is_some_and(Flight::is_open) {
            return;
        }
        self.end_probe(turn, number, State::Settled, Outcome::SendError(fault));
        if self.answered == 0 && !matches!(turn.plan.course, Course::Rounds { .. }) {
            self.settle(turn, |_| true);
            self.finish(turn, End::Unsendable(fault));
        }
    }

    /// Takes an answer that may be to any of several probes: from now on there will be one at a
    /// time. Until those that are under way have surely arrived, nothing is sent.
    pub fn cannot_tell(&mut self, plan: &Plan, now: Time) {
        if self.one_by_one.is_some() {
            return;
        }
        let oldest = self.flights.open().map(|(_, flight)| flight.sent_at()).min();
        let took = now.since(oldest.unwrap_or(now));
        self.one_by_one = Some(now + (took * 3).max(SETTLING_MIN).min(self.overdue_after(plan)));
        let forgotten = self.flights.forget();
        self.wanted.clear();
        for (state, hop) in self.hops.iter_mut().zip(self.first_hop..=u8::MAX) {
            state.asked = self.flights.at_hop(hop).count() as u32;
        }
        self.look_again(&forgotten);
    }

    /// The run is interrupted.
    pub fn stop(&mut self, turn: &mut Turn<'_>) {
        if self.is_done {
            return;
        }
        let open: Vec<u64> = self.flights.open().map(|(number, _)| number).collect();
        for number in open {
            self.end_probe(turn, number, State::Settled, Outcome::InFlight);
        }
        let end = match (turn.plan.course, self.ending) {
            (Course::Once { queries }, ending) => {
                let last = ending.map_or(self.heard, |ending| ending.hop).min(self.frontier);
                while self.reported < last && self.reported + 1 >= self.lowest {
                    self.report_hop(turn, self.reported + 1, queries.into());
                }
                if ending.is_some() { self.end(turn.plan) } else { End::Unknown }
            }
            (Course::Rounds { .. }, _) => self.end(turn.plan),
            (Course::Paths { .. }, ending) => {
                if let Some(web) = &self.web {
                    turn.report(Event::Graph(web.graph()));
                }
                if ending.is_some() { self.end(turn.plan) } else { End::Unknown }
            }
        };
        self.finish(turn, end);
    }

    fn finish(&mut self, turn: &mut Turn<'_>, end: End) {
        self.settle(turn, |_| true);
        self.is_done = true;
        self.due = Time::NEVER;
        self.wanted.clear();
        turn.report(Event::Verdict(Verdict {
            end,
            sent: self.flights.count(),
            answered: self.answered,
            took: turn.now.since(self.began),
        }));
    }

    fn end_probe(&mut self, turn: &mut Turn<'_>, number: u64, state: State, outcome: Outcome) {
        let Some(flight) = self.flights.settle(number, state) else { return };
        let hop = flight.hop;
        let probe = flight.probe(number, outcome);
        let is_once = matches!(turn.plan.course, Course::Once { .. });
        let is_duplicate = answer(&probe).is_some_and(|answer| answer.is_duplicate);
        let from = answer(&probe).map(|answer| answer.from);
        if let Some(state) = self.hops.get_mut(usize::from(hop - self.first_hop)) {
            state.from = if is_once { state.from.or(from) } else { from.or(state.from) };
            if is_once && !is_duplicate {
                state.ends.push(probe.clone());
            }
        }
        turn.report(Event::Probe(probe));
    }

    /// Whether an address other than the target's was met on the way: a filter there may say "port
    /// unreachable", but that is no arrival.
    fn is_known_router(&self, from: IpAddr, before: u8) -> bool {
        let nearer = self.hops.iter().take(usize::from(before - self.first_hop));
        from != self.destination.target.address
            && nearer.into_iter().any(|hop| hop.from == Some(from))
    }

    /// How the road ends, as far as is known.
    fn end(&self, plan: &Plan) -> End {
        match self.ending {
            Some(Ending { hop, from, says })
                if says.is_arrival() && !self.is_known_router(from, hop) =>
            {
                End::Reached { hop, from, says }
            }
            Some(Ending { hop, from, says }) => End::Refused { hop, from, says },
            None => {
                let hops: Vec<Option<IpAddr>> = self.hops.iter().map(|hop| hop.from).collect();
                let heard = match self.lead {
                    Some((_, true)) => self.heard.max(self.lowest - 1),
                    _ => self.heard,
                };
                ends::without_end(&hops, self.first_hop, heard, plan.hops_max)
            }
        }
    }
}

/// The answer to a probe, if it had one.
fn answer(probe: &Probe) -> Option<&Answer> {
    match &probe.outcome {
        Outcome::Answer(answer) => Some(answer),
        _ => None,
    }
}

fn is_arrival(probe: &Probe) -> bool {
    answer(probe).is_some_and(|answer| !answer.says.is_expired())
}
