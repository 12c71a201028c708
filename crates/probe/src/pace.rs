//! When the next probe goes: rounds over all targets at absolute times, so that nothing drifts.

use crate::Time;
use std::time::Duration;

/// How far behind its schedule a sender may be and still catch up. What is further behind was not
/// this program's doing (a suspended machine) and is skipped, never sent in a burst.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Rounds: round r starts at start + r x period, its probes follow each other by the gap; the
/// period is the interval, or longer if a round does not fit it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    start: Time,
    interval: Duration,
    gap: Duration,
    index: u32,
}

impl Rounds {
    pub fn new(now: Time, interval: Duration, gap: Duration) -> Rounds {
        Rounds { start: now, interval, gap, index: 0 }
    }

    /// The target whose turn it is.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// When its turn comes.
    pub fn due(&self) -> Time {
        self.start + times(self.gap, self.index)
    }

    /// Passes the turn on.
    pub fn step(&mut self, targets: u32) {
        self.index += 1;
        if self.index >= targets {
            self.index = 0;
            self.start = self.start + self.period(targets);
        }
    }

    /// Leaves out the rounds that were missed beyond what can be caught up.
    pub fn catch_up(&mut self, now: Time, targets: u32) {
        let late = now.since(self.due());
        let period = self.period(targets);
        if late > CATCH_UP.max(period) && !period.is_zero() {
            let missed = late.as_nanos() / period.as_nanos();
            let skip_ns = missed.saturating_mul(period.as_nanos());
            self.start =
                Time(self.start.0.saturating_add(u64::try_from(skip_ns).unwrap_or(u64::MAX)));
        }
    }

    fn period(&self, targets: u32) -> Duration {
        self.interval.max(times(self.gap, targets))
    }
}

/// One queue at a rate: each turn comes a gap after the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    due: Time,
    gap: Duration,
}

impl Queue {
    pub fn new(now: Time, gap: Duration) -> Queue {
        Queue { due: now, gap }
    }

    pub fn due(&self) -> Time {
        self.due
    }

    /// Takes the turn. What the queue left unused is not made up for, beyond a tenth of the usual.
    pub fn step(&mut self, now: Time) {
        let earliest = Time(now.0.saturating_sub((CATCH_UP / 10).as_nanos() as u64));
        self.due = self.due.max(earliest) + self.gap;
    }
}

fn times(span: Duration, count: u32) -> Duration {
    span.checked_mul(count).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn rounds_stand_at_multiples_of_the_interval_however_late_the_sender_is() {
        let mut rounds = Rounds::new(Time(7), 10 * MS, Duration::ZERO);
        for round in 0..1_000_u64 {
            assert_eq!(rounds.due(), Time(7 + round * 10_000_000));
            rounds.catch_up(rounds.due() + 9 * MS, 1);
            rounds.step(1);
        }
    }

    #[test]
    fn a_round_that_does_not_fit_the_interval_takes_longer() {
        let mut rounds = Rounds::new(Time::ZERO, 10 * MS, 4 * MS);
        let due: Vec<u64> = (0..5)
            .map(|_| {
                let due = rounds.due().0 / 1_000_000;
                rounds.step(4);
                due
            })
            .collect();
        assert_eq!(due, [0, 4, 8, 12, 16]);
    }

    #[test]
    fn a_suspended_sender_does_not_burst() {
        let mut rounds = Rounds::new(Time::ZERO, 10 * MS, Duration::ZERO);
        rounds.step(1);
        let now = Time::ZERO + Duration::from_secs(3_600) + 3 * MS;
        rounds.catch_up(now, 1);
        assert!(rounds.due() <= now && now.since(rounds.due()) < 10 * MS);
        assert_eq!(rounds.due().0 % 10_000_000, 0, "the phase is kept");
    }

    #[test]
    fn a_queue_keeps_its_rate_and_forgets_idle_time() {
        let mut queue = Queue::new(Time::ZERO, MS);
        for _ in 0..50 {
            queue.step(queue.due() + MS);
        }
        assert_eq!(queue.due(), Time::ZERO + 50 * MS);
        let later = Time::ZERO + 500 * MS;
        queue.step(later);
        assert_eq!(queue.due(), Time::ZERO + 491 * MS);
    }
}
