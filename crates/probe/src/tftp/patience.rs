//! When what is unanswered is sent again, and when that has been enough.

use crate::Time;
use std::time::Duration;

/// How long an answer is waited for before something is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Always so long.
    Fixed(Duration),
    /// So long at first, then twice as long each time.
    Exponential(Duration),
    /// By the round trips so far (RFC 6298), as RFC 1123 §4.2.3.2 asks for.
    Adaptive,
}

/// Before any round trip is known (RFC 6298 §2.1).
const FIRST: Duration = Duration::from_secs(1);

/// The least of an adaptive schedule. RFC 6298 §2.4 says 1 s, for clocks of its time; TCP in Linux
/// takes this.
const LEAST: Duration = Duration::from_millis(200);

/// The most of an adaptive schedule (RFC 6298 §2.5).
const MOST: Duration = Duration::from_secs(60);

/// What an expired timer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Send it again.
    Again,
    /// It was sent so many times in vain.
    Enough(u32),
}

/// The timer of a transfer.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    schedule: Schedule,
    retries: u32,
    /// The smoothed round trip and its variation.
    smoothed: Option<(Duration, Duration)>,
    least_rtt: Option<Duration>,
    wait: Duration,
    /// Sends again without progress.
    tries: u32,
    until: Time,
}

impl Patience {
    pub(super) fn new(schedule: Schedule, retries: u32) -> Patience {
        let wait = first_wait(schedule);
        let (smoothed, least_rtt) = (None, None);
        Patience { schedule, retries, smoothed, least_rtt, wait, tries: 0, until: Time::NEVER }
    }

    /// When it expires.
    pub(super) fn until(&self) -> Time {
        self.until
    }

    /// Something was sent that wants an answer.
    pub(super) fn arm(&mut self, now: Time) {
        // A wait of no time would never let the driver sleep.
        self.until = now + self.wait.max(Duration::from_nanos(1));
    }

    /// Nothing is unanswered.
    pub(super) fn disarm(&mut self) {
        self.until = Time::NEVER;
    }

    /// The transfer went on. A wait that was lengthened is so no more, as with TCP in Linux: RFC
    /// 6298 §5 would keep it until the next round trip of something sent once, and servers give up
    /// sooner than that on a bad link.
    pub(super) fn note_progress(&mut self) {
        self.tries = 0;
        self.wait = self.usual();
    }

    /// The wait for something that is sent for the first time.
    pub(super) fn usual(&self) -> Duration {
        match (self.schedule, self.smoothed) {
            (Schedule::Adaptive, Some((smoothed, variation))) => {
                (smoothed + variation * 4).clamp(LEAST, MOST)
            }
            (schedule, _) => first_wait(schedule),
        }
    }

    /// A round trip of something that was sent once (RFC 6298 §2, §3).
    pub(super) fn note_round_trip(&mut self, rtt: Duration) {
        self.least_rtt = Some(self.least_rtt.map_or(rtt, |least| least.min(rtt)));
        let (smoothed, variation) = match self.smoothed {
            None => (rtt, rtt / 2),
            Some((smoothed, variation)) => {
                (smoothed * 7 / 8 + rtt / 8, variation * 3 / 4 + smoothed.abs_diff(rtt) / 4)
            }
        };
        self.smoothed = Some((smoothed, variation));
        self.wait = self.usual();
    }

    /// The shortest round trip so far.
    pub(super) fn least_rtt(&self) -> Option<Duration> {
        self.least_rtt
    }

    /// The smoothed round trip.
    pub(super) fn smoothed_rtt(&self) -> Option<Duration> {
        self.smoothed.map(|(smoothed, _)| smoothed)
    }

    /// What it means that it is now, if the time has come. The next wait is longer, unless the
    /// schedule is fixed.
    pub(super) fn expire(&mut self, now: Time) -> Option<Expiry> {
        if now < self.until {
            return None;
        }
        self.until = Time::NEVER;
        if self.tries >= self.retries {
            return Some(Expiry::Enough(self.tries.saturating_add(1)));
        }
        self.tries += 1;
        match self.schedule {
            Schedule::Fixed(_) => {}
            Schedule::Exponential(_) => self.wait = self.wait.saturating_mul(2),
            Schedule::Adaptive => self.wait = self.wait.saturating_mul(2).min(MOST),
        }
        Some(Expiry::Again)
    }
}

fn first_wait(schedule: Schedule) -> Duration {
    match schedule {
        Schedule::Fixed(wait) | Schedule::Exponential(wait) => wait,
        Schedule::Adaptive => FIRST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times, in seconds, at which something unanswered is sent, and when it is given up.
    fn sends(schedule: Schedule, retries: u32) -> (Vec<u64>, u64) {
        let mut patience = Patience::new(schedule, retries);
        let (mut now, mut sends) = (Time::ZERO, vec![0]);
        loop {
            patience.arm(now);
            now = patience.until();
            match patience.expire(now).expect("it is time") {
                Expiry::Again => sends.push(now.0 / 1_000_000_000),
                Expiry::Enough(tries) => {
                    assert_eq!(tries as usize, sends.len());
                    return (sends, now.0 / 1_000_000_000);
                }
            }
        }
    }

    #[test]
    fn schedules_are_what_they_are_called() {
        let five = Duration::from_secs(5);
        assert_eq!(sends(Schedule::Fixed(five), 4), (vec![0, 5, 10, 15, 20], 25));
        assert_eq!(sends(Schedule::Exponential(five), 3), (vec![0, 5, 15, 35], 75));
        assert_eq!(sends(Schedule::Adaptive, 5), (vec![0, 1, 3, 7, 15, 31], 63));
    }

    #[test]
    fn round_trips_set_the_wait() {
        let ms = Duration::from_millis;
        let mut patience = Patience::new(Schedule::Adaptive, 5);
        patience.note_round_trip(ms(400));
        // SRTT 400, RTTVAR 200 (RFC 6298 §2.2).
        assert_eq!(patience.wait, ms(1_200));
        patience.note_round_trip(ms(480));
        // RTTVAR 150 + 20, SRTT 350 + 60 (RFC 6298 §2.3).
        assert_eq!(patience.wait, ms(410 + 4 * 170));
        for _ in 0..100 {
            patience.note_round_trip(ms(1));
        }
        assert_eq!(patience.wait, LEAST);
    }

    #[test]
    fn a_longer_wait_ends_when_the_transfer_goes_on() {
        let mut patience = Patience::new(Schedule::Adaptive, 5);
        patience.arm(Time::ZERO);
        assert_eq!(patience.expire(patience.until()), Some(Expiry::Again));
        assert_eq!(patience.wait, FIRST * 2);
        patience.note_progress();
        assert_eq!(patience.wait, FIRST);
        patience.note_round_trip(Duration::from_millis(100));
        patience.arm(Time::ZERO);
        assert_eq!(patience.expire(patience.until()), Some(Expiry::Again));
        assert_eq!(patience.wait, Duration::from_millis(600));
        patience.note_progress();
        assert_eq!(patience.wait, Duration::from_millis(300));
    }
}
