//! The arithmetic of the clockdiff of iputils, in whole milliseconds: fifty answers, each question
//! as soon as the one before is answered within a millisecond or its time is up. For the dialect;
//! [`crate::clock`] knows more.

use crate::kind::{Answer, Detail, ECHO, Kind, Question, TIMESTAMP};
use crate::targets::Target;
use crate::{Arrival, Engine, Output, Own, SendFault, Stamp, Ticket, Time, Transmit};
use std::collections::VecDeque;
use std::time::Duration;
use wire::Family;

/// Answers that make a measurement.
const ANSWERS: u32 = 50;
/// Questions in a row without an answer, after which nobody is there.
const TRIALS: u16 = 10;
/// An answer within so many milliseconds is as good as any can be.
const RANGE_MS: i64 = 1;
/// The round trip that is reckoned with at first.
const RTT_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;
const HALF_DAY_MS: i64 = DAY_MS / 2;

/// The option of IPv4 timestamps, and its form that names the hosts (RFC 791 §3.1).
const TIMESTAMP_OPTION: u8 = 68;
const PRESPECIFIED: u8 = 3;

/// Everything that is decided before the first question.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom to ask; IPv4.
    pub target: Target,
    /// Our identifier.
    pub identifier: u16,
    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
    /// Bytes of the IP option that takes the times instead, which the driver sends: 36 with a stamp
    /// for each end and direction, 28 with one for the target; 0 for ICMP timestamps.
    pub option_bytes: u8,
}

/// What came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// An answer counts.
    Counted,
    /// The option overflowed by so many hops, or came back in another form.
    Odd(Oddity),
    /// The last of the run.
    End(End),
}

/// What is wrong with the option of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// It has that form instead.
    WrongForm(u8),
    /// So many hops had no room.
    Overflow(u8),
    /// Stamps are missing.
    WrongStamps,
}

/// How a run ends. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has measured.
    Measured {
        /// The smoothed round trip, its deviation, and the shortest.
        rtt: [i64; 3],
        /// Of the shortest way there and the shortest way back.
        delta: i64,
        /// Of the shortest round trip.
        delta1: i64,
    },
    /// Nobody answers.
    Down,
    /// The high bit of a time is set.
    NonStandard,
    /// This host does not send there.
    Unreachable,
    /// Its times are none.
    Failed,
    /// It was interrupted.
    Stopped,
}

/// The engine.
#[derive(Debug)]
pub struct Clockdiff {
    plan: Plan,
    sequence: u16,
    acked: u16,
    rtt: i64,
    deviation: i64,
    counted: u32,
    shortest: [i64; 2],
    rtt_least: i64,
    delta1: i64,
    /// When the next question goes at the latest.
    until: Time,
    reports: VecDeque<Report>,
    is_over: bool,
}

impl Clockdiff {
    /// Starts a run at `now`.
    pub fn new(plan: Plan, now: Time) -> Clockdiff {
        Clockdiff {
            plan,
            sequence: 0,
            acked: 0,
            rtt: RTT_MS,
            deviation: 0,
            counted: 0,
            shortest: [i64::from(i32::MAX); 2],
            rtt_least: i64::from(i32::MAX),
            delta1: i64::from(i32::MAX),
            until: now,
            reports: VecDeque::new(),
            is_over: false,
        }
    }

    fn kind(&self) -> &'static dyn Kind {
        if self.plan.option_bytes > 0 { &ECHO } else { &TIMESTAMP }
    }

    fn midnight_ms(&self, at: Time) -> i64 {
        let ms = (self.plan.epoch_ns + i128::from(at.0)).div_euclid(1_000_000);
        ms.rem_euclid(i128::from(DAY_MS)) as i64
    }

    fn end(&mut self, end: End) {
        if !self.is_over {
            self.is_over = true;
            self.reports.push_back(Report::End(end));
        }
    }

    fn measured(&self) -> End {
        let [there, back] = self.shortest;
        End::Measured {
            rtt: [self.rtt, self.deviation, self.rtt_least],
            delta: (there - back) / 2,
            delta1: self.delta1,
        }
    }

    /// The four times of an answer: sent, received there, sent there, received. `None`: it ends the
    /// run, or says nothing.
    fn times(&mut self, arrival: &Arrival<'_>, answer: &Answer<'_>) -> Option<[i64; 4]> {
        if self.plan.option_bytes > 0 {
            return self.option_times(arrival.options);
        }
        let Detail::Timestamps { originate, receive, .. } = answer.detail else { return None };
        let received = self.midnight_ms(arrival.received.at);
        // Around midnight, an answer can come before its question.
        if received < i64::from(originate) {
            return None;
        }
        Some([originate.into(), receive.into(), receive.into(), received])
    }

    fn option_times(&mut self, options: &[u8]) -> Option<[i64; 4]> {
        let &[TIMESTAMP_OPTION, _, pointer, form, ref slots @ ..] = options else {
            return None;
        };
        if form & 15 != PRESPECIFIED {
            self.reports.push_back(Report::Odd(Oddity::WrongForm(form & 15)));
            self.end(End::NonStandard);
            return None;
        }
        let is_three_term = self.plan.option_bytes == 28;
        let missed = form >> 4;
        if missed != 0 && !(missed == 1 && is_three_term) {
            self.reports.push_back(Report::Odd(Oddity::Overflow(missed)));
        }
        let filled = usize::from(pointer.saturating_sub(5) / 8);
        let mut times = [0_i64; 4];
        for (index, slot) in slots.chunks_exact(8).take(filled.min(4)).enumerate() {
            let &[_, _, _, _, t0, t1, t2, t3] = slot else { break };
            let time = u32::from_be_bytes([t0, t1, t2, t3]);
            if time >> 31 != 0 {
                self.end(End::NonStandard);
                return None;
            }
            let time = i64::from(time);
            match (index, is_three_term) {
                (0, _) => times[0] = time,
                (1, _) => (times[1], times[2]) = (time, time),
                (2, false) => times[2] = time,
                _ => times[3] = time,
            }
        }
        // As the original has it: a bit that all four share.
        if times.iter().fold(-1, |all, time| all & time) == 0 {
            self.reports.push_back(Report::Odd(Oddity::WrongStamps));
            self.end(End::Failed);
            return None;
        }
        (times[3] >= times[0]).then_some(times)
    }

    /// Counts an answer. Whether the next question goes at once.
    fn count(&mut self, [sent, there, back, received]: [i64; 4]) -> bool {
        let rtt = received - sent;
        self.rtt = (self.rtt * 3 + rtt) / 4;
        self.deviation = (self.deviation * 3 + (rtt - self.rtt).abs()) / 4;
        self.counted += 1;
        if there >> 31 != 0 {
            self.end(End::NonStandard);
            return false;
        }
        self.reports.push_back(Report::Counted);
        let (forward, backward) = (wrapped(there - sent), wrapped(received - back));
        self.shortest = [self.shortest[0].min(forward), self.shortest[1].min(backward)];
        if forward + backward < self.rtt_least {
            self.rtt_least = forward + backward;
            self.delta1 = (forward - backward) / 2;
        }
        let is_best = rtt < RANGE_MS;
        if is_best {
            self.shortest = [forward, backward];
        }
        is_best
    }

    fn patience(&self) -> Duration {
        Duration::from_millis((self.rtt + self.deviation).max(1).unsigned_abs())
    }
}

/// A difference of times of the day, brought within half a day as the original does it.
fn wrapped(ms: i64) -> i64 {
    match ms {
        _ if ms < -HALF_DAY_MS => ms + DAY_MS,
        _ if ms > HALF_DAY_MS - 1 => ms - DAY_MS,
        _ => ms,
    }
}

impl Engine for Clockdiff {
    type Report = Report;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Report> {
        if !self.is_over && self.until <= now {
            if self.counted >= ANSWERS {
                self.end(self.measured());
            } else if self.sequence.wrapping_sub(self.acked) > TRIALS {
                self.end(End::Down);
            }
        }
        if let Some(report) = self.reports.pop_front() {
            return Output::Report(report);
        }
        if self.is_over {
            return Output::Done;
        }
        if self.until > now {
            return Output::Wait { until: self.until, why: "answer" };
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.until = now + self.patience();
        let question = Question {
            family: Family::of(self.plan.target.address),
            identifier: self.plan.identifier,
            sequence: self.sequence,
            payload: &[0; 12],
            originate_ms: self.midnight_ms(now) as u32,
        };
        datagram.clear();
        self.kind().encode(&question, datagram);
        Output::Send(Transmit {
            to: self.plan.target.address,
            zone: 0,
            lane: 0,
            ticket: self.sequence.into(),
            header: Own::default(),
        })
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        let family = Family::of(arrival.source);
        let kind = self.kind();
        if self.is_over
            || arrival.source != self.plan.target.address
            || arrival.protocol != kind.protocol(family)
        {
            return;
        }
        let Some(answer) = kind.recognise_answer(family, arrival.payload) else { return };
        let is_ours = answer.identifier == self.plan.identifier && answer.sequence <= self.sequence;
        if !is_ours {
            return;
        }
        self.acked = self.acked.max(answer.sequence);
        self.until = now + self.patience();
        let Some(times) = self.times(arrival, &answer) else { return };
        self.until = if self.count(times) { now } else { now + self.patience() };
    }

    fn sent(&mut self, _ticket: Ticket, _stamp: Stamp) {
        // The question carries its own time.
    }

    fn send_failed(&mut self, _now: Time, _ticket: Ticket, _fault: SendFault) {
        self.end(End::Unreachable);
    }

    fn receive_dropped(&mut self, _count: u32) {}

    fn stop(&mut self, _now: Time) {
        self.end(End::Stopped);
    }
}
