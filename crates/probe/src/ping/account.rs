//! What a run knows about one target. Most targets of a sweep send one probe and get one answer, so
//! everything beyond that stands apart and is made when it is first needed.

use super::Until;
use crate::Time;
use crate::flight::{Flight, State};
use crate::stats::{LossRuns, RoundTrips, RttSummary, Summary};
use std::time::Duration;

/// One target's account.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Probes handed out, those that never left included.
    pub launched: u64,
    /// Probes answered.
    pub received: u64,
    /// Probes lost: timed out or ended by an error.
    pub lost: u64,
    first_sent: Time,
    /// The only round trip, while `more` has none.
    first_rtt_ns: u64,
    more: Option<Box<More>>,
    icmp_errors: u32,
    /// Nothing more is to be sent.
    pub is_done: bool,
    /// [`super::Plan::until`] came true.
    pub until_met: bool,
}

/// The rest of the account.
#[derive(Debug, Default)]
struct More {
    round_trips: Option<RoundTrips>,
    losses: LossRuns,
    /// One more than the highest probe number that was answered.
    next_expected: u64,
    last_event: Time,
    last_decided: Time,
    late: u64,
    duplicates: u64,
    reordered: u64,
    corrupted: u64,
    wrong_source: u64,
    send_errors: u64,
    local_drops: u64,
    in_flight_max: u32,
    /// Answers (positive) or losses (negative) to successive probes.
    streak: i32,
    /// The low 32 bits of the number of the probe that `streak` ends with.
    streak_end: u32,
}

/// Whether losses are booked one by one, with their runs and outages, or only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Full,
    Counts,
}

/// Additional properties of an answer that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Late,
    Duplicate,
    Corrupted,
    WrongSource,
}

impl Account {
    /// Hands out the number of the next probe.
    pub fn launch(&mut self, depth: Depth, now: Time) -> u64 {
        let number = self.launched;
        self.launched += 1;
        if number == 0 {
            self.first_sent = now;
        } else if depth == Depth::Full {
            let in_flight = u32::try_from(self.undecided()).unwrap_or(u32::MAX);
            let more = self.more();
            more.in_flight_max = more.in_flight_max.max(in_flight);
        }
        number
    }

    /// A probe's number in full, from the low bits that its flight keeps.
    pub fn number(&self, flight: &Flight) -> u64 {
        let newest = self.launched.saturating_sub(1);
        newest - u64::from((newest as u32).wrapping_sub(flight.number))
    }

    /// Books the first answer to a probe; says whether it was overtaken.
    pub fn answer(&mut self, flight: &Flight, rtt: Duration, now: Time) -> bool {
        let number = self.number(flight);
        let rtt_ns = u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX);
        match flight.state {
            State::TimedOut | State::Failed => {
                let by_error = u32::from(flight.state == State::Failed);
                self.icmp_errors = self.icmp_errors.saturating_sub(by_error);
                self.lost = self.lost.saturating_sub(1);
                if let Some(more) = &mut self.more {
                    more.losses.answered_late(flight.sent_at());
                }
            }
            State::Dropped => {
                let more = self.more();
                more.local_drops = more.local_drops.saturating_sub(1);
            }
            // The system said that it did not leave, and yet it was answered.
            State::Unsent => {
                let more = self.more();
                more.send_errors = more.send_errors.saturating_sub(1);
            }
            State::InFlight | State::Answered | State::Left => {}
        }
        if self.received == 0 && self.more.is_none() {
            self.received = 1;
            self.first_rtt_ns = rtt_ns;
            return false;
        }
        let more = self.more();
        match &mut more.round_trips {
            Some(all) => all.push(rtt_ns),
            none => *none = Some(RoundTrips::first(rtt_ns)),
        }
        // RFC 4737 §3.3: reordered if its number is less than the one expected next.
        let is_reordered = number < more.next_expected;
        more.reordered += u64::from(is_reordered);
        more.next_expected = more.next_expected.max(number + 1);
        more.last_event = more.last_event.max(now);
        self.received += 1;
        is_reordered
    }

    /// Counts a property of an answer.
    pub fn mark(&mut self, mark: Mark, now: Time) {
        let more = self.more();
        match mark {
            Mark::Late => more.late += 1,
            Mark::Duplicate => more.duplicates += 1,
            Mark::Corrupted => more.corrupted += 1,
            Mark::WrongSource => more.wrong_source += 1,
        }
        more.last_event = now;
    }

    /// Books a loss.
    pub fn lose(&mut self, depth: Depth, now: Time) {
        self.lost += 1;
        if depth == Depth::Full {
            let more = self.more();
            more.last_event = more.last_event.max(now);
        }
    }

    /// Books a decided probe into the runs of losses: probes come here in the order of their sends.
    pub fn line_up(&mut self, flight: &Flight) {
        // Without the rest of the account there was no loss, and no run of them to end.
        let Some(more) = &mut self.more else { return };
        match flight.state {
            State::TimedOut | State::Failed => more.losses.lost(flight.sent_at()),
            State::Answered => more.losses.answered(flight.sent_at()),
            State::InFlight | State::Unsent | State::Dropped | State::Left => return,
        }
        more.last_decided = flight.sent_at();
    }

    /// Books an ICMP error; a probe that had timed out is lost already.
    pub fn fail(&mut self, flight: &Flight, depth: Depth, now: Time) {
        if flight.state == State::InFlight {
            self.lose(depth, now);
        }
        self.icmp_errors = self.icmp_errors.saturating_add(1);
    }

    /// Books a probe that the system refused to send.
    pub fn refuse(&mut self) {
        self.more().send_errors += 1;
    }

    /// Books a probe lost in a queue of this host's.
    pub fn drop_locally(&mut self) {
        self.more().local_drops += 1;
    }

    /// Counts a decided probe into the streak of its like and says whether that ends the target's
    /// probing. By number, because a loss is known later than the answers to the probes behind it.
    pub fn meets(&mut self, until: Until, number: u32, is_answered: bool) -> bool {
        let more = self.more();
        let by = if is_answered { 1 } else { -1 };
        let goes_on = more.streak.signum() == by && number == more.streak_end.wrapping_add(1);
        more.streak = if goes_on { more.streak.saturating_add(by) } else { by };
        more.streak_end = number;
        match until {
            Until::Up(count) => i64::from(more.streak) >= i64::from(count.max(1)),
            Until::Down(count) => -i64::from(more.streak) >= i64::from(count.max(1)),
        }
    }

    /// Replies and ICMP errors.
    pub fn answers(&self) -> u64 {
        self.received + u64::from(self.icmp_errors)
    }

    /// Probes that nothing is known of yet.
    pub fn undecided(&self) -> u64 {
        let unsent = self.more.as_ref().map_or(0, |more| more.send_errors + more.local_drops);
        self.launched.saturating_sub(self.received + self.lost + unsent)
    }

    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            sent: self.received + self.lost + self.undecided(),
            received: self.received,
            lost: self.lost,
            icmp_errors: self.icmp_errors.into(),
            in_flight: self.undecided(),
            in_flight_max: u32::from(self.launched > 0),
            rtt: (self.received > 0).then(|| only(self.first_rtt_ns)),
            ..Summary::default()
        };
        let Some(more) = &self.more else { return summary };
        summary.late = more.late;
        summary.duplicates = more.duplicates;
        summary.reordered = more.reordered;
        summary.corrupted = more.corrupted;
        summary.wrong_source = more.wrong_source;
        summary.send_errors = more.send_errors;
        summary.local_drops = more.local_drops;
        summary.in_flight_max = summary.in_flight_max.max(more.in_flight_max);
        summary.span = more.last_event.since(self.first_sent);
        more.losses.summarise(more.last_decided, &mut summary);
        if let Some(all) = &more.round_trips {
            summary.rtt = Some(all.summary());
        }
        summary
    }

    /// The rest; made when it is first needed, it takes over the one answer that there may be.
    fn more(&mut self) -> &mut More {
        let only_rtt = (self.received > 0).then_some(self.first_rtt_ns);
        let first_sent = self.first_sent;
        self.more.get_or_insert_with(|| {
            Box::new(More {
                round_trips: only_rtt.map(RoundTrips::first),
                next_expected: u64::from(only_rtt.is_some()),
                last_event: first_sent + Duration::from_nanos(only_rtt.unwrap_or(0)),
                last_decided: first_sent,
                ..More::default()
            })
        })
    }
}

fn only(rtt_ns: u64) -> RttSummary {
    RoundTrips::first(rtt_ns).summary()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_small() {
        assert_eq!(size_of::<Account>(), 56);
    }
}
