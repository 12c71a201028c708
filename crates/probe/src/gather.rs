//! Asks a place that may hold many, and gathers every answer until a deadline; or only listens.
//!
//! What is asked and what an answer says is a [`Subject`]'s: address masks, routers. A place is
//! asked once; it is asked again only if nobody has answered when the wait is over.

use crate::departure::Departure;
use crate::{Arrival, Engine, Output, Own, RttSource, SendFault, Stamp, Ticket, Time, Transmit};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Meaning;

/// Answers that are told of in a run that asks; more are only counted. A run that only listens
/// tells of all, since it remembers none.
pub const ANSWERS_MAX: u64 = 16_384;

/// Questions in a run at most: a sequence number of 16 bits names one.
pub const QUESTIONS_MAX: usize = 65_536;

/// What is asked, and what answers mean.
pub trait Subject {
    /// What an answer says.
    type Finding;

    /// Writes the message that asks a place; `question` is its number in the run.
    fn ask(&mut self, place: &Place, question: u16, message: &mut Vec<u8>);

    /// Reads what arrived; anything may be in it.
    fn read(&mut self, places: &[Place], arrival: &Arrival<'_>) -> Reading<Self::Finding>;
}

/// What an arrival is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<F> {
    /// Nothing to do with the run.
    Stray,
    /// It means to be an answer, and is malformed.
    Malformed,
    /// An answer.
    Answer {
        /// What it answers.
        to: To,
        /// What it says.
        finding: F,
        /// Whether it is what was hoped for, so that the place need not be asked again.
        settles: bool,
    },
    /// An ICMP error about a question.
    Error {
        /// Which.
        question: u16,
        /// What it says.
        says: Says,
    },
}

/// What an answer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The question of that number.
    Question(u16),
    /// A place by its index, whichever question it was, or none.
    Place(u32),
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Says {
    /// What it means.
    pub meaning: Meaning,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
}

/// Somewhere to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The destination: one host, or a broadcast or multicast address.
    pub to: IpAddr,
    /// IPv6 zone (interface index) of a link-local destination, else 0.
    pub zone: u32,
    /// Whether several may answer, so that the first answer does not end the wait.
    pub is_for_many: bool,
    /// What the question's IP header has of its own.
    pub header: Own,
}

/// How to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where; at most [`QUESTIONS_MAX`] with all retries.
    pub places: Vec<Place>,
    /// How long each question is waited for.
    pub wait: Duration,
    /// How often a place is asked again while nobody has answered.
    pub retries: u32,
    /// The pause between the first questions to two places.
    pub gap: Duration,
    /// When everything ends, from the start.
    pub deadline: Option<Duration>,
    /// Asks nothing, and goes on until stopped or until the deadline.
    pub only_listens: bool,
}

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<F> {
    /// Which place it is about, by index.
    pub place: u32,
    /// What it is.
    pub event: Event<F>,
}

/// What came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<F> {
    /// Somebody answered.
    Answer(Answer<F>),
    /// An ICMP error about a question.
    Error {
        /// Who sent it.
        from: IpAddr,
        /// What it says.
        says: Says,
    },
    /// The system refused to send.
    Unsent(SendFault),
    /// Nothing more is awaited from this place.
    Ended {
        /// How often it was asked.
        asked: u32,
        /// Answers that settle it, each host's once a question.
        answers: u64,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<F> {
    /// Who sent it.
    pub from: IpAddr,
    /// Our address, or the group, that it was sent to, where known.
    pub to: Option<IpAddr>,
    /// TTL or hop limit as received, where known.
    pub hop_limit: Option<u8>,
    /// When it arrived.
    pub at: Time,
    /// From the question (the last one, if it names none), and by which clocks; `None` if nothing
    /// was asked.
    pub rtt: Option<(Duration, RttSource)>,
    /// Which answer of this sender to this question it is, 1-based: from 2 on a duplicate.
    pub number: u32,
    /// Whether it comes from another address than the only one that was asked.
    pub is_elsewhere: bool,
    /// What it says.
    pub finding: F,
}

/// What arrived and was not told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions sent.
    pub sent: u64,
    /// Meant to be answers, and malformed.
    pub malformed: u64,
    /// Answers beyond [`ANSWERS_MAX`].
    pub untold: u64,
    /// Thrown away by this host for want of buffer.
    pub dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To be asked at the time of its timer.
    Due,
    /// Asked; the timer ends the wait.
    Asked,
    /// Nothing more is awaited.
    Ended,
}

#[derive(Clone, Debug)]
struct State {
    phase: Phase,
    timer: Time,
    asked: u32,
    /// The number of its last question.
    last: Option<usize>,
    answers: u64,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    place: u32,
    departure: Departure,
}

/// The engine.
#[derive(Debug)]
pub struct Gather<S: Subject> {
    subject: S,
    plan: Plan,
    states: Vec<State>,
    /// Places that wait for something, by when.
    timers: BTreeSet<(Time, u32)>,
    questions: Vec<Question>,
    /// By question (or place, if an answer names none) and sender, how many answers; bounded by
    /// [`ANSWERS_MAX`].
    heard: BTreeMap<(To, IpAddr), u32>,
    told: u64,
    queue: VecDeque<Report<S::Finding>>,
    counts: Counts,
    ends_at: Time,
    is_stopped: bool,
}

impl PartialOrd for To {
    fn partial_cmp(&self, other: &To) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for To {
    fn cmp(&self, other: &To) -> std::cmp::Ordering {
        let key = |to: &To| match *to {
            To::Question(number) => (0, u32::from(number)),
            To::Place(place) => (1, place),
        };
        key(self).cmp(&key(other))
    }
}

impl<S: Subject> Gather<S> {
    /// An engine that begins at `now`.
    pub fn new(subject: S, plan: Plan, now: Time) -> Gather<S> {
        let mut engine = Gather {
            subject,
            states: Vec::with_capacity(plan.places.len()),
            timers: BTreeSet::new(),
            questions: Vec::new(),
            heard: BTreeMap::new(),
            told: 0,
            queue: VecDeque::new(),
            counts: Counts::default(),
            ends_at: plan.deadline.map_or(Time::NEVER, |deadline| now + deadline),
            is_stopped: false,
            plan,
        };
        for place in 0..engine.plan.places.len() as u32 {
            let timer = now + engine.plan.gap.saturating_mul(place);
            let phase = if engine.plan.only_listens { Phase::Ended } else { Phase::Due };
            engine.states.push(State { phase, timer, asked: 0, last: None, answers: 0 });
            if phase == Phase::Due {
                engine.timers.insert((timer, place));
            }
        }
        engine
    }

    /// The places asked, by index.
    pub fn places(&self) -> &[Place] {
        &self.plan.places
    }

    /// What was sent, and what arrived and was not told of.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the answers are about.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    fn set_timer(&mut self, place: u32, phase: Phase, timer: Time) {
        let state = &mut self.states[place as usize];
        self.timers.remove(&(state.timer, place));
        (state.phase, state.timer) = (phase, timer);
        if phase != Phase::Ended {
            self.timers.insert((timer, place));
        }
    }

    fn end(&mut self, place: u32) {
        let State { asked, answers, timer, .. } = self.states[place as usize];
        self.set_timer(place, Phase::Ended, timer);
        self.queue.push_back(Report { place, event: Event::Ended { asked, answers } });
    }

    fn ask(&mut self, now: Time, place: u32, message: &mut Vec<u8>) -> Transmit {
        let number = self.questions.len();
        self.questions.push(Question { place, departure: Departure::at(now) });
        self.counts.sent += 1;
        let state = &mut self.states[place as usize];
        state.asked += 1;
        state.last = Some(number);
        self.set_timer(place, Phase::Asked, now + self.plan.wait.max(Duration::from_nanos(1)));
        let asked = self.plan.places[place as usize];
        message.clear();
        self.subject.ask(&asked, number as u16, message);
        Transmit {
            to: asked.to,
            zone: asked.zone,
            lane: 0,
            ticket: number as Ticket,
            header: asked.header,
        }
    }

    /// Puts an answer down to its place; `None` if it answers nothing that was asked.
    fn place_of(&self, to: To) -> Option<(u32, Option<&Question>)> {
        match to {
            To::Question(number) => {
                let question = self.questions.get(usize::from(number))?;
                Some((question.place, Some(question)))
            }
            To::Place(place) => {
                let last = self.states.get(place as usize)?.last;
                Some((place, last.and_then(|number| self.questions.get(number))))
            }
        }
    }

    /// Whether one more answer is told of; which one of its sender's it is.
    fn remember(&mut self, to: To, from: IpAddr) -> Option<u32> {
        if self.plan.only_listens {
            return Some(1);
        }
        if self.told >= ANSWERS_MAX {
            self.counts.untold += 1;
            return None;
        }
        self.told += 1;
        let number = self.heard.entry((to, from)).or_insert(0);
        *number += 1;
        Some(*number)
    }

    fn take(&mut self, arrival: &Arrival<'_>, to: To, finding: S::Finding, settles: bool) {
        let Some((place, question)) = self.place_of(to) else { return };
        let rtt = question.map(|it| it.departure.round_trip(arrival.received));
        let Some(number) = self.remember(to, arrival.source) else { return };
        let asked = self.plan.places[place as usize];
        let is_elsewhere = !asked.is_for_many && asked.to != arrival.source;
        let answer = Answer {
            from: arrival.source,
            to: arrival.destination,
            hop_limit: arrival.hop_limit,
            at: arrival.received.at,
            rtt,
            number,
            is_elsewhere,
            finding,
        };
        self.queue.push_back(Report { place, event: Event::Answer(answer) });
        if !settles || is_elsewhere || number > 1 {
            return;
        }
        let state = &mut self.states[place as usize];
        state.answers += 1;
        if state.phase == Phase::Asked && !asked.is_for_many {
            self.end(place);
        }
    }
}

impl<S: Subject> Engine for Gather<S> {
    type Report = Report<S::Finding>;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Self::Report> {
        loop {
            if let Some(report) = self.queue.pop_front() {
                return Output::Report(report);
            }
            if self.is_stopped || now >= self.ends_at {
                match self.timers.first() {
                    Some(&(_, place)) => self.end(place),
                    None => return Output::Done,
                }
                continue;
            }
            let Some(&(due, place)) = self.timers.first() else {
                if self.plan.only_listens {
                    return Output::Wait { until: self.ends_at, why: "the deadline" };
                }
                return Output::Done;
            };
            if due > now {
                return Output::Wait { until: due.min(self.ends_at), why: "questions and answers" };
            }
            let State { phase, asked, answers, .. } = self.states[place as usize];
            let may_ask = self.questions.len() < QUESTIONS_MAX;
            let again = answers == 0 && asked <= self.plan.retries;
            if may_ask && (phase == Phase::Due || again) {
                return Output::Send(self.ask(now, place, datagram));
            }
            self.end(place);
        }
    }

    fn receive(&mut self, _now: Time, arrival: &Arrival<'_>) {
        match self.subject.read(&self.plan.places, arrival) {
            Reading::Stray => {}
            Reading::Malformed => self.counts.malformed += 1,
            Reading::Answer { to, finding, settles } => self.take(arrival, to, finding, settles),
            Reading::Error { question, says } => {
                let Some((place, _)) = self.place_of(To::Question(question)) else { return };
                if self.remember(To::Question(question), arrival.source).is_some() {
                    let event = Event::Error { from: arrival.source, says };
                    self.queue.push_back(Report { place, event });
                }
            }
        }
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        let question = usize::try_from(ticket).ok().and_then(|at| self.questions.get_mut(at));
        if let Some(question) = question {
            question.departure.stamp_with(stamp);
        }
    }

    fn send_failed(&mut self, _now: Time, ticket: Ticket, fault: SendFault) {
        let question = usize::try_from(ticket).ok().and_then(|at| self.questions.get(at));
        let Some(Question { place, .. }) = question.copied() else { return };
        self.counts.sent = self.counts.sent.saturating_sub(1);
        self.states[place as usize].asked = self.states[place as usize].asked.saturating_sub(1);
        self.queue.push_back(Report { place, event: Event::Unsent(fault) });
        if self.states[place as usize].phase != Phase::Ended {
            self.end(place);
        }
    }

    fn receive_dropped(&mut self, count: u32) {
        self.counts.dropped = self.counts.dropped.saturating_add(count.into());
    }

    fn stop(&mut self, _now: Time) {
        self.is_stopped = true;
    }

    fn is_endless(&self) -> bool {
        self.plan.only_listens && self.plan.deadline.is_none()
    }
}
