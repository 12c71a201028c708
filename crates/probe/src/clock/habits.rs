//! How a responder writes its ICMP timestamps. RFC 792 leaves much open and hosts take more: each
//! habit shows in several answers, never in one.

use super::Doubt;
use super::way::icmp::{DAY_MS, of_day};
use super::way::{ICMP, Reading, Said, Way};

/// Answers that must agree before a responder is called byte-swapped.
const SWAPPED_MIN: usize = 4;
/// The same for stamps that end in 0 (one in ten does), counting each answer once.
const TENS_MIN: usize = 5;
/// The same for stamps that end in 000 (one in a thousand does).
const SECONDS_MIN: usize = 3;
/// The same for equal receive and transmit stamps.
const COPIES_MIN: usize = 4;
/// The same for stamps that are not filled in.
const UNFILLED_MIN: usize = 2;
/// The same for a clock that stands still.
const STOPPED_MIN: usize = 3;

/// By how much two differences may differ and still be those of one clock, besides round trips and
/// steps.
const SLACK_MS: i64 = 5;

/// How a responder writes its times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// With the bytes of each stamp the wrong way round (little endian).
    pub is_swapped: bool,
    /// In milliseconds that the last digits leave over: 10 or 1000; 0 if every millisecond occurs.
    pub step_ms: u32,
    /// Whether enough answers show the step to call it one.
    pub is_step_certain: bool,
    /// Transmit is always the same as receive, so how long it took to answer does not show.
    pub copies_receive: bool,
    /// Receive is always 0.
    pub leaves_receive: bool,
    /// Transmit is always 0.
    pub leaves_transmit: bool,
    /// Receive and transmit are copies of originate.
    pub echoes: bool,
    /// Always the same time.
    pub is_stopped: bool,
    /// Always with the high bit set.
    pub is_non_standard: bool,
}

/// One answer's stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// When the question was sent, milliseconds of the run.
    pub sent_ms: i64,
    /// Its round trip.
    pub rtt_ms: i64,
    /// When the target received.
    pub receive: u32,
    /// When the target answered.
    pub transmit: u32,
}

impl Stamped {
    fn swapped(self) -> Stamped {
        let (receive, transmit) = (self.receive.swap_bytes(), self.transmit.swap_bytes());
        Stamped { receive, transmit, ..self }
    }

    fn all(self, holds: impl Fn(u32) -> bool) -> bool {
        holds(self.receive) && holds(self.transmit)
    }
}

impl Habits {
    /// What all answers to one run's questions show.
    pub fn of(answers: &[Stamped], echoes: bool) -> Habits {
        let every = |least: usize, holds: &dyn Fn(&Stamped) -> bool| {
            answers.len() >= least && answers.iter().all(holds)
        };
        let mut habits = Habits {
            echoes,
            copies_receive: every(COPIES_MIN, &|it| it.receive == it.transmit),
            leaves_receive: every(UNFILLED_MIN, &|it| it.receive == 0),
            leaves_transmit: every(UNFILLED_MIN, &|it| it.transmit == 0),
            ..Habits::default()
        };
        if habits.leaves_receive && habits.leaves_transmit || echoes {
            return Habits { copies_receive: false, ..habits };
        }
        let swapped: Vec<Stamped> = answers.iter().map(|it| it.swapped()).collect();
        habits.is_swapped =
            answers.len() >= SWAPPED_MIN && is_one_clock(&swapped) && !is_one_clock(answers);
        let read = if habits.is_swapped { &swapped } else { answers };
        habits.is_non_standard =
            !habits.is_swapped && every(UNFILLED_MIN, &|it| it.all(|stamp| stamp >> 31 != 0));
        habits.is_stopped = is_stopped(read);
        if habits.is_non_standard || habits.is_stopped {
            return habits;
        }
        for (step_ms, least) in [(1_000, SECONDS_MIN), (10, TENS_MIN)] {
            if !read.is_empty() && read.iter().all(|it| it.all(|s| s.is_multiple_of(step_ms))) {
                habits.step_ms = step_ms;
                habits.is_step_certain = read.len() >= least;
                break;
            }
        }
        habits
    }

    /// The clock that an answer tells of, written as this responder does.
    ///
    /// # Errors
    /// If it tells of none.
    pub fn read(&self, receive: u32, transmit: u32) -> Result<Reading, Doubt> {
        if self.echoes {
            return Err(Doubt::Echoed);
        }
        // All zero is what nobody filled in, rather than one millisecond of the day.
        if receive == 0 && transmit == 0 {
            return Err(Doubt::Unfilled);
        }
        if self.is_stopped {
            return Err(Doubt::Stopped);
        }
        let (mut receive, mut transmit) = (receive, transmit);
        if self.is_swapped {
            (receive, transmit) = (receive.swap_bytes(), transmit.swap_bytes());
        }
        if self.leaves_receive {
            receive = transmit;
        } else if self.leaves_transmit {
            transmit = receive;
        }
        let reading = ICMP.read(&Said::Stamps { originate: 0, receive, transmit })?;
        Ok(Reading { step_ns: i64::from(self.step_ms.max(1)) * 1_000_000, ..reading })
    }

    /// The habits that are certain, by the words of the schema.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let unfilled = self.leaves_receive && self.leaves_transmit;
        [
            (self.is_swapped, "byte_swapped"),
            (self.is_step_certain && self.step_ms == 10, "steps_of_10_ms"),
            (self.is_step_certain && self.step_ms == 1_000, "whole_seconds"),
            (self.copies_receive, "copies_receive"),
            (unfilled, "no_times"),
            (self.leaves_receive && !unfilled, "no_receive"),
            (self.leaves_transmit && !unfilled, "no_transmit"),
            (self.echoes, "echoes_originate"),
            (self.is_stopped, "stopped"),
            (self.is_non_standard, "non_standard"),
        ]
        .into_iter()
        .filter_map(|(holds, name)| holds.then_some(name))
    }
}

/// Whether stamps are times of the day that advance as ours do.
fn is_one_clock(answers: &[Stamped]) -> bool {
    let Some(first) = answers.first() else { return false };
    let Ok(origin) = of_day(first.receive) else { return false };
    answers.iter().all(|it| {
        let (Ok(receive), Ok(transmit)) = (of_day(it.receive), of_day(it.transmit)) else {
            return false;
        };
        let elapsed = it.sent_ms - first.sent_ms;
        let slack = SLACK_MS + 1_000.min(elapsed.abs()) + it.rtt_ms + first.rtt_ms;
        let shown = wrapped(i64::from(receive) - i64::from(origin));
        let stay = wrapped(i64::from(transmit) - i64::from(receive));
        (shown - elapsed).abs() <= slack && (0..=slack).contains(&stay)
    })
}

/// Whether a clock shows one time for longer than its steps last.
fn is_stopped(answers: &[Stamped]) -> bool {
    let (Some(first), Some(last)) = (answers.first(), answers.last()) else { return false };
    let step = match first.receive {
        it if it.is_multiple_of(1_000) => 1_000,
        it if it.is_multiple_of(10) => 10,
        _ => 1,
    };
    answers.len() >= STOPPED_MIN
        && last.sent_ms - first.sent_ms > 2 * step + first.rtt_ms + last.rtt_ms
        && answers.iter().all(|it| it.receive == first.receive && it.transmit == first.transmit)
}

/// A difference of times of the day: that of the two which is nearer.
fn wrapped(ms: i64) -> i64 {
    let half = i64::from(DAY_MS / 2);
    (ms + half).rem_euclid(i64::from(DAY_MS)) - half
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten answers of a clock that is an hour ahead, each written by `write`.
    fn answers(count: u32, write: impl Fn(u32) -> (u32, u32)) -> Vec<Stamped> {
        let answer = |n: u32| {
            let sent = 40_000_000 + 103 * n;
            let (receive, transmit) = write(sent + 3_600_000);
            Stamped { sent_ms: sent.into(), rtt_ms: 1, receive, transmit }
        };
        (0..count).map(answer).collect()
    }

    fn names(answers: &[Stamped]) -> Vec<&'static str> {
        Habits::of(answers, false).names().collect()
    }

    #[test]
    fn habits_show_in_several_answers() {
        assert_eq!(names(&answers(10, |t| (t, t + 1))), [""; 0]);
        assert_eq!(names(&answers(10, |t| (t, t))), ["copies_receive"]);
        let swap = |t: u32| (t.swap_bytes(), (t + 1).swap_bytes());
        assert_eq!(names(&answers(10, swap)), ["byte_swapped"]);
        let tens = |t: u32| (t / 10 * 10, (t + 10) / 10 * 10);
        assert_eq!(names(&answers(10, tens)), ["steps_of_10_ms"]);
        let seconds = |t: u32| (t / 1_000 * 1_000, t / 1_000 * 1_000);
        assert_eq!(names(&answers(12, seconds)), ["whole_seconds", "copies_receive"]);
        assert_eq!(names(&answers(10, |_| (0, 0))), ["no_times"]);
        assert_eq!(names(&answers(10, |t| (t, 0))), ["no_transmit"]);
        assert_eq!(names(&answers(10, |t| (0, t))), ["no_receive"]);
        assert_eq!(names(&answers(10, |_| (1_234_567, 1_234_567))), ["copies_receive", "stopped"]);
        let odd = |t: u32| (t | 1 << 31, (t + 1) | 1 << 31);
        assert_eq!(names(&answers(10, odd)), ["non_standard"]);
    }

    #[test]
    fn one_answer_is_no_proof() {
        for write in [
            (|t: u32| (t.swap_bytes(), t.swap_bytes())) as fn(u32) -> (u32, u32),
            |t| (t / 10 * 10, t / 10 * 10),
            |t| (t / 1_000 * 1_000, t / 1_000 * 1_000),
            |t| (t, t),
            |t| (t | 1 << 31, t | 1 << 31),
            |_| (0, 0),
        ] {
            assert_eq!(names(&answers(1, write)), [""; 0]);
        }
    }

    #[test]
    fn unproven_steps_widen_the_bound_all_the_same() {
        let one = answers(1, |t| (t / 1_000 * 1_000, t / 1_000 * 1_000));
        let habits = Habits::of(&one, false);
        let reading = habits.read(one[0].receive, one[0].transmit).expect("a time");
        assert_eq!(reading.step_ns, 1_000_000_000);
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        let habits = Habits::default();
        assert_eq!(habits.read(1 << 31 | 5, 5), Err(Doubt::NonStandard));
        assert_eq!(habits.read(u32::MAX, u32::MAX), Err(Doubt::NonStandard));
        assert_eq!(habits.read(DAY_MS + 60_000, 5), Err(Doubt::OutOfRange));
        assert_eq!(habits.read(0, 0), Err(Doubt::Unfilled));
        let past = habits.read(DAY_MS + 5, DAY_MS + 5).expect("past midnight");
        assert_eq!(past.receive_ns, 5_000_000);
    }

    #[test]
    fn midnight_does_not_look_byte_swapped() {
        let answer = |n: u32| {
            let at = (DAY_MS - 300 + 103 * n) % DAY_MS;
            Stamped { sent_ms: i64::from(103 * n), rtt_ms: 1, receive: at, transmit: at }
        };
        let answers: Vec<Stamped> = (0..8).map(answer).collect();
        assert_eq!(names(&answers), ["copies_receive"]);
    }
}
