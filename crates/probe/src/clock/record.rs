//! What is known of one target's clock: its answers, and what follows from them. Knows no network,
//! so that answers that came by a connection are judged as those of the engine.

use super::estimate::{self, Estimate, Interval};
use super::habits::{Habits, Stamped};
use super::trend::{Change, Trend};
use super::way::daytime::{Date, ZONE_STEP_S};
use super::way::network_time::{is_unsynchronised, root_distance_ns};
use super::way::{Reading, Said, Way};
use super::{Doubt, End, Offset, SECOND_NS, Sample, Verdict};
use crate::{RttSource, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are kept; of more the latest.
pub const KEPT_MAX: usize = 4_096;

/// Of a run that watches, so many of the latest answers make the estimate: clocks drift.
const WATCHED: usize = 64;

/// What the bounds of a way in whole seconds cannot be narrowed below, besides the round trip.
const SHARP_NS: u64 = 7_000_000;

/// Answers that must agree before seconds are called byte-swapped, and how near ours they must be.
const SWAPPED_MIN: usize = 2;
const SWAPPED_NEAR_NS: i128 = 86_400 * SECOND_NS;

/// Answers that a way in whole seconds is asked for at least.
const SHARP_MIN: usize = 4;

/// An answer as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which question it answers, from 1.
    pub number: u64,
    /// When it arrived.
    pub received_at: Time,
    /// From the question's send.
    pub rtt: Duration,
    /// How that was measured.
    pub rtt_source: RttSource,
    /// The originate stamp that was sent, for ways that send one.
    pub originate: u32,
    /// What it says.
    pub said: Said,
}

impl Answer {
    fn sent_at(&self) -> Time {
        Time(self.received_at.0.saturating_sub(self.rtt_ns() as u64))
    }

    fn rtt_ns(&self) -> i64 {
        i64::try_from(self.rtt.as_nanos()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
    }
}

/// All that is known of a target's clock.
#[derive(Clone, Debug)]
pub struct Record {
    way: &'static dyn Way,
    /// The wall clock at [`Time::ZERO`].
    epoch_ns: i128,
    answers: VecDeque<Answer>,
    answered: u64,
    rtt: Option<(Duration, RttSource)>,
    habits: Habits,
    /// Whether the target was seen to copy what we sent, or not to.
    echoes: Option<bool>,
    trend: Option<Trend>,
    /// The first low bound, which all others are told from, so that none is a cycle away.
    origin_ns: Option<i64>,
    /// See [`Verdict::malformed`].
    pub malformed: u64,
    /// See [`Verdict::unproven`].
    pub unproven: u64,
    /// Questions sent.
    pub sent: u64,
}

/// What an answer says for certain, and the difference of its stamps and ours.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low_ns: i64,
    high_ns: i64,
    step_ns: i64,
    cycle_ns: Option<i128>,
    stay_ns: i64,
}

impl Record {
    /// Nothing known yet.
    pub fn new(way: &'static dyn Way, epoch_ns: i128, watches: bool) -> Record {
        Record {
            way,
            epoch_ns,
            answers: VecDeque::new(),
            answered: 0,
            rtt: None,
            habits: Habits::default(),
            echoes: None,
            trend: watches.then(Trend::default),
            origin_ns: None,
            malformed: 0,
            unproven: 0,
            sent: 0,
        }
    }

    /// How many questions were answered.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// So many of the latest answers, as far as they are kept, in the order in which they came.
    pub fn latest(&self, count: u64) -> impl Iterator<Item = &Answer> {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.answers.len());
        self.answers.range(self.answers.len() - count..)
    }

    /// Takes an answer.
    pub fn take(&mut self, answer: Answer) {
        self.answered += 1;
        if self.rtt.is_none_or(|(least, _)| answer.rtt < least) {
            self.rtt = Some((answer.rtt, answer.rtt_source));
        }
        if self.answers.len() == KEPT_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back(answer);
    }

    /// Looks at all answers for how the target writes its times.
    pub fn judge(&mut self) {
        let stamped = |answer: &Answer| match answer.said {
            Said::Stamps { receive, transmit, .. } => Some(Stamped {
                sent_ms: (answer.sent_at().0 / 1_000_000) as i64,
                rtt_ms: answer.rtt_ns() / 1_000_000 + 1,
                receive,
                transmit,
            }),
            _ => None,
        };
        let stamped: Vec<Stamped> = self.answers.iter().filter_map(stamped).collect();
        self.habits = Habits::of(&stamped, self.echoes == Some(true));
        self.habits.is_swapped |= self.has_swapped_seconds();
    }

    /// Whether all answers are near our time with their bytes the other way round, and none as it
    /// came: of one answer in 25,000 that is chance.
    fn has_swapped_seconds(&self) -> bool {
        let is_near = |answer: &Answer, said: Said| {
            let arrived_ns = self.epoch_ns + i128::from(answer.received_at.0);
            let reading = self.way.read(&said).ok();
            reading.is_some_and(|it| {
                wrap(it.receive_ns - arrived_ns, it.cycle_ns).abs() < SWAPPED_NEAR_NS
            })
        };
        self.answers.len() >= SWAPPED_MIN
            && self.answers.iter().all(|answer| match answer.said {
                Said::Seconds(seconds) => {
                    is_near(answer, Said::Seconds(seconds.swap_bytes()))
                        && !is_near(answer, Said::Seconds(seconds))
                }
                _ => false,
            })
    }

    /// Whether all stamps are copies of ours, as those of a clock near ours may be, too: a question
    /// with another originate stamp tells which.
    pub fn suspects_echo(&self) -> bool {
        let is_copy = |answer: &Answer| match answer.said {
            Said::Stamps { originate, receive, transmit } => {
                receive == originate && transmit == originate
            }
            _ => false,
        };
        self.echoes.is_none() && !self.answers.is_empty() && self.answers.iter().all(is_copy)
    }

    /// Takes what that question showed; also that nobody answered it, which leaves the suspicion.
    pub fn clear_up(&mut self, echoes: bool) {
        self.echoes = Some(echoes);
    }

    /// What one answer says.
    pub fn sample(&mut self, answer: &Answer) -> Sample {
        let bounds = self.bounds(answer);
        let change = match (&bounds, &self.trend) {
            (Ok(bounds), Some(_)) => self.change(answer, bounds),
            _ => None,
        };
        let offset = bounds.map(|bounds| bounds.offset(answer.rtt_ns()));
        Sample {
            number: answer.number,
            sent_at: answer.sent_at(),
            received_at: answer.received_at,
            rtt: answer.rtt,
            rtt_source: answer.rtt_source,
            said: answer.said.clone(),
            offset,
            change,
        }
    }

    fn change(&mut self, answer: &Answer, bounds: &Bounds) -> Option<Change> {
        let low = self.near_origin(bounds);
        let forward = low.saturating_add(answer.rtt_ns()).saturating_sub(bounds.stay_ns);
        let trend = self.trend.as_mut()?;
        Some(trend.take(answer.sent_at().0, forward, low.saturating_neg()))
    }

    /// A low bound on the same side of the cycle's end as the first.
    fn near_origin(&mut self, bounds: &Bounds) -> i64 {
        let origin = *self.origin_ns.get_or_insert(bounds.low_ns);
        let apart = i128::from(bounds.low_ns) - i128::from(origin);
        let near = i128::from(origin) + wrap(apart, bounds.cycle_ns);
        i64::try_from(near).unwrap_or(bounds.low_ns)
    }

    fn read(&self, answer: &Answer) -> Result<Reading, Doubt> {
        match answer.said {
            Said::Stamps { originate, receive, transmit } => {
                let sent = answer.originate;
                if originate != sent && originate.swap_bytes() != sent {
                    return Err(Doubt::OriginateChanged);
                }
                if self.suspects_echo() {
                    return Err(Doubt::Echoed);
                }
                self.habits.read(receive, transmit)
            }
            Said::Seconds(seconds) if self.habits.is_swapped => {
                self.way.read(&Said::Seconds(seconds.swap_bytes()))
            }
            _ => self.way.read(&answer.said),
        }
    }

    fn bounds(&self, answer: &Answer) -> Result<Bounds, Doubt> {
        let reading = self.read(answer)?;
        let Reading { receive_ns, transmit_ns, step_ns, cycle_ns } = reading;
        let rtt_ns = answer.rtt_ns();
        let stay = wrap(transmit_ns - receive_ns, cycle_ns);
        let stay_max = i128::from(rtt_ns) + i128::from(step_ns);
        if !(0..=stay_max).contains(&stay) {
            return Err(Doubt::Impossible);
        }
        let arrived_ns = self.epoch_ns + i128::from(answer.received_at.0);
        let low = wrap(transmit_ns - arrived_ns, cycle_ns);
        let low_ns = i64::try_from(low).map_err(|_| Doubt::OutOfRange)?;
        let stay_ns = i64::try_from(stay).map_err(|_| Doubt::Impossible)?;
        let high_ns = low_ns.saturating_add(rtt_ns - stay_ns).saturating_add(step_ns);
        Ok(Bounds { low_ns, high_ns, step_ns, cycle_ns, stay_ns })
    }

    fn intervals(&self) -> Vec<Interval> {
        let kept = if self.trend.is_some() { WATCHED } else { KEPT_MAX };
        let latest = self.answers.iter().rev().take(kept);
        let mut origin = None;
        let mut intervals = Vec::new();
        for answer in latest {
            let Ok(bounds) = self.bounds(answer) else { continue };
            let origin = *origin.get_or_insert(bounds.low_ns);
            let apart = wrap(i128::from(bounds.low_ns) - i128::from(origin), bounds.cycle_ns);
            let low_ns = i128::from(origin) + apart;
            let Ok(low_ns) = i64::try_from(low_ns) else { continue };
            let width = bounds.high_ns.saturating_sub(bounds.low_ns);
            let high_ns = low_ns.saturating_add(width);
            intervals.push(Interval { at_ns: answer.sent_at().0, low_ns, high_ns });
        }
        intervals
    }

    /// What all answers say together.
    pub fn estimate(&self) -> Option<Estimate> {
        let estimate = estimate::estimate(&self.intervals())?;
        let root_ns = match self.answers.iter().rev().map(|it| &it.said).next() {
            Some(Said::Ntp(packet)) if !is_unsynchronised(packet) => root_distance_ns(packet),
            _ => 0,
        };
        Some(Estimate { root_ns, bound_ns: estimate.bound_ns.saturating_add(root_ns), ..estimate })
    }

    /// Whether another question in whole seconds would teach nothing.
    pub fn is_sharp(&self) -> bool {
        let Some((rtt, _)) = self.rtt else { return false };
        let rtt_ns = rtt.as_nanos() as u64;
        let sharp_ns = rtt_ns.saturating_add(SHARP_NS);
        self.answers.len() >= SHARP_MIN && self.estimate().is_some_and(|it| it.bound_ns <= sharp_ns)
    }

    /// The next moment, not before `earliest`, at which a question gets to a clock of whole seconds
    /// as its next second begins, as far as that is known: whichever second it answers with, what
    /// is not known is halved. The golden section of a second while nothing is known.
    pub fn aim(&self, earliest: Time) -> Time {
        let estimate = self.estimate();
        let Some((estimate, (rtt, _))) = estimate.zip(self.rtt) else {
            return earliest + Duration::from_millis(618);
        };
        let phase = -i128::from(estimate.offset_ns) - rtt.as_nanos() as i128 / 2;
        let wall = self.epoch_ns + i128::from(earliest.0);
        let wait = (phase - wall).rem_euclid(SECOND_NS);
        earliest + Duration::from_nanos(wait as u64)
    }

    /// How far the zone of a text without one seems to be ahead of UTC.
    fn assumed_zone_s(&self) -> Option<i32> {
        let latest = self.answers.back()?;
        let Said::Text(text) = &latest.said else { return None };
        let date = Date::parse(text)?;
        if date.zone_s.is_some() {
            return None;
        }
        let arrived_s = (self.epoch_ns + i128::from(latest.received_at.0)).div_euclid(SECOND_NS);
        let ahead = date.unix_s() - i64::try_from(arrived_s).ok()?;
        let zone = (ahead + ZONE_STEP_S / 2).div_euclid(ZONE_STEP_S) * ZONE_STEP_S;
        i32::try_from(zone).ok()
    }

    /// What all answers say together, and how the questions ended.
    pub fn verdict(&self, end: End) -> Verdict {
        let estimate = self.estimate();
        let doubts = || self.answers.iter().rev().filter_map(|it| self.bounds(it).err());
        Verdict {
            end,
            doubt: if estimate.is_none() { doubts().next() } else { None },
            estimate,
            habits: self.habits,
            sent: self.sent,
            answered: self.answered,
            rtt: self.rtt,
            said: self.answers.back().map(|it| it.said.clone()),
            assumed_zone_s: self.assumed_zone_s(),
            malformed: self.malformed,
            unproven: self.unproven,
            drift_ppm: self.trend.as_ref().and_then(Trend::drift_ppm),
        }
    }
}

impl Bounds {
    fn offset(&self, rtt_ns: i64) -> Offset {
        let way_ns = rtt_ns - self.stay_ns;
        let difference_ns = self.low_ns.saturating_add(way_ns);
        let bound_ns = (way_ns / 2).saturating_add(self.step_ns).max(0);
        Offset {
            difference_ns,
            correction_ns: difference_ns.saturating_sub(way_ns / 2),
            bound_ns: bound_ns.unsigned_abs(),
        }
    }
}

/// A difference of times that are told modulo a cycle: that of all which is nearest to 0.
fn wrap(difference_ns: i128, cycle_ns: Option<i128>) -> i128 {
    match cycle_ns {
        Some(cycle) => (difference_ns + cycle / 2).rem_euclid(cycle) - cycle / 2,
        None => difference_ns,
    }
}
