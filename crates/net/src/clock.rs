//! The run's clock: monotonic time, and the kernel's wall-clock stamps brought onto it.
//!
//! The kernel stamps packets with the wall clock. Between steps its distance from the monotonic
//! clock is constant, since slewing moves both; so a changed distance is a step, and stamps that
//! may have been taken before one are not believed.

use probe::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Where the two clocks are read.
pub(crate) trait Readings {
    /// Nanoseconds on the monotonic clock.
    fn monotonic_ns(&self) -> u64;
    /// Nanoseconds since 1970-01-01 UTC on the wall clock.
    fn wall_ns(&self) -> i64;
}

/// The run's clock.
pub(crate) struct Clock<R> {
    readings: R,
    start_ns: u64,
    wall: WallClock,
    /// Half the span of the readings that measured the distance of the clocks.
    noise_ns: i64,
    believed_from: Time,
    next_look: Time,
}

/// The wall clock's reading at [`Time::ZERO`], for whoever shows times to people while a run goes
/// on. Clones follow each other.
#[derive(Clone, Debug)]
pub struct WallClock(Arc<AtomicI64>);

impl WallClock {
    /// Nanoseconds since 1970-01-01 UTC at [`Time::ZERO`]; follows steps of the wall clock.
    pub fn epoch_ns(&self) -> i128 {
        i128::from(self.0.load(Ordering::Relaxed))
    }
}

/// How long a packet may have waited unread when a step is noticed: stamps that near behind it may
/// still be from before.
const STEP_SHADOW: Duration = Duration::from_secs(1);

/// How often the distance of the clocks is measured with care.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A distance that differs by less is not called a step.
const STEP_MIN_NS: i64 = 1_000;

/// Two readings one after the other are at most that far apart, unless somebody took the processor.
const PAIR_MAX_NS: i64 = 5_000;

impl<R: Readings> Clock<R> {
    /// Starts the run's time.
    pub(crate) fn start(readings: R) -> Clock<R> {
        let start_ns = readings.monotonic_ns();
        let (epoch_ns, noise_ns) = measure(&readings, start_ns);
        Clock {
            readings,
            start_ns,
            wall: WallClock(Arc::new(AtomicI64::new(epoch_ns))),
            noise_ns,
            believed_from: Time::ZERO,
            next_look: Time::ZERO + LOOK_INTERVAL,
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Time {
        Time(self.readings.monotonic_ns().saturating_sub(self.start_ns))
    }

    /// The wall clock at [`Time::ZERO`].
    pub(crate) fn wall(&self) -> &WallClock {
        &self.wall
    }

    /// Now, with a look at the wall clock: to be called between reading stamped packets and
    /// converting their stamps.
    pub(crate) fn observe(&mut self) -> Time {
        let now = self.now();
        let distance = self.readings.wall_ns().saturating_sub(clamp(now.0));
        let off = distance.saturating_sub(self.epoch());
        if !(-STEP_MIN_NS..=PAIR_MAX_NS).contains(&off) || now >= self.next_look {
            return self.look();
        }
        now
    }

    /// The time of a kernel stamp, if it can be believed: not from before the run or a step of the
    /// wall clock, not from the future.
    pub(crate) fn kernel(&self, stamp_ns: i64, now: Time) -> Option<Time> {
        let since_start = stamp_ns.checked_sub(self.epoch())?;
        let at = u64::try_from(since_start).ok()?;
        // The distance of the clocks is known to within the noise.
        let noise = self.noise_ns.unsigned_abs();
        let plausible = self.believed_from.0..=now.0.saturating_add(noise);
        plausible.contains(&at).then_some(Time(at.min(now.0)))
    }

    /// By how much a kernel stamp on this clock may be wrong.
    pub(crate) fn noise(&self) -> Duration {
        Duration::from_nanos(self.noise_ns.unsigned_abs())
    }

    /// Measures the distance of the clocks with care, and notes a step.
    fn look(&mut self) -> Time {
        let (epoch_ns, noise_ns) = measure(&self.readings, self.start_ns);
        let now = self.now();
        self.next_look = now + LOOK_INTERVAL;
        let off = epoch_ns.saturating_sub(self.epoch()).saturating_abs();
        if off > STEP_MIN_NS.max(noise_ns.saturating_add(self.noise_ns)) {
            self.wall.0.store(epoch_ns, Ordering::Relaxed);
            self.noise_ns = noise_ns;
            self.believed_from = now + STEP_SHADOW;
        }
        now
    }

    fn epoch(&self) -> i64 {
        self.wall.0.load(Ordering::Relaxed)
    }
}

/// The wall clock at the start of the run, and how wrong that may be: the tightest of a few pairs
/// of readings.
fn measure(readings: &impl Readings, start_ns: u64) -> (i64, i64) {
    const TRIES: usize = 8;
    const TIGHT_NS: i64 = 100;
    let mut best = (0, i64::MAX);
    for _ in 0..TRIES {
        let before = readings.monotonic_ns().saturating_sub(start_ns);
        let wall = readings.wall_ns();
        let after = readings.monotonic_ns().saturating_sub(start_ns);
        let noise = clamp(after.saturating_sub(before)) / 2 + 1;
        if noise < best.1 {
            best = (wall.saturating_sub(clamp(before)).saturating_sub(noise), noise);
        }
        if noise <= TIGHT_NS {
            break;
        }
    }
    best
}

fn clamp(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const EPOCH: i64 = 1_700_000_000_000_000_000;

    /// Clocks that advance by `pace` with each reading.
    struct Fake {
        monotonic: Cell<u64>,
        offset: Cell<i64>,
        pace: Cell<u64>,
    }

    impl Readings for &Fake {
        fn monotonic_ns(&self) -> u64 {
            self.monotonic.set(self.monotonic.get() + self.pace.get());
            self.monotonic.get()
        }
        fn wall_ns(&self) -> i64 {
            self.monotonic.set(self.monotonic.get() + self.pace.get());
            self.monotonic.get() as i64 + self.offset.get()
        }
    }

    fn fake() -> Fake {
        Fake { monotonic: Cell::new(5_000), offset: Cell::new(EPOCH), pace: Cell::new(20) }
    }

    /// The stamp that the kernel would give now, and when that is.
    fn stamp(fake: &Fake, clock: &Clock<&Fake>) -> (i64, Time) {
        let now = fake.monotonic.get();
        (now as i64 + fake.offset.get(), Time(now - clock.start_ns))
    }

    fn advance(fake: &Fake, span: Duration) {
        fake.monotonic.set(fake.monotonic.get() + span.as_nanos() as u64);
    }

    #[test]
    fn stamps_land_where_they_were_taken() {
        let fake = fake();
        let mut clock = Clock::start(&fake);
        advance(&fake, Duration::from_millis(30));
        let (stamp_ns, at) = stamp(&fake, &clock);
        advance(&fake, Duration::from_micros(50));
        let now = clock.observe();
        let got = clock.kernel(stamp_ns, now).expect("a plausible stamp");
        assert!(got.0.abs_diff(at.0) <= 30, "{got} {at}");
    }

    #[test]
    fn the_future_and_the_time_before_the_run_are_not_believed() {
        let fake = fake();
        let mut clock = Clock::start(&fake);
        advance(&fake, Duration::from_secs(1));
        let now = clock.observe();
        let (stamp_ns, _) = stamp(&fake, &clock);
        assert_eq!(clock.kernel(stamp_ns + 1_000_000, now), None);
        assert_eq!(clock.kernel(stamp_ns - 1_100_000_000, now), None);
        for stamp_ns in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(clock.kernel(stamp_ns, now), None);
        }
    }

    #[test]
    fn a_step_hides_the_stamps_around_it() {
        for step in [3_600_000_000_000, 5_000_000, 20_000, -20_000, -5_000_000, -3_600_000_000_000]
        {
            let fake = fake();
            let mut clock = Clock::start(&fake);
            advance(&fake, Duration::from_secs(10));
            let (before, _) = stamp(&fake, &clock);
            fake.offset.set(EPOCH + step);
            let (after, _) = stamp(&fake, &clock);
            let now = clock.observe();
            assert_eq!(clock.kernel(before, now), None, "{step}");
            assert_eq!(clock.kernel(after, now), None, "{step}");
            assert!(clock.wall().epoch_ns().abs_diff((EPOCH + step + 5_020).into()) < 50);
            advance(&fake, STEP_SHADOW);
            let (later, at) = stamp(&fake, &clock);
            let now = clock.observe();
            let got = clock.kernel(later, now).expect("believed again");
            assert!(got.0.abs_diff(at.0) <= 30, "{step}");
        }
    }

    #[test]
    fn slow_readings_are_no_step() {
        let fake = fake();
        let mut clock = Clock::start(&fake);
        fake.pace.set(400_000);
        for _ in 0..20 {
            advance(&fake, Duration::from_millis(50));
            let now = clock.observe();
            let (stamp_ns, _) = stamp(&fake, &clock);
            assert!(clock.kernel(stamp_ns - 1_000, now).is_some());
        }
        assert_eq!(clock.believed_from, Time::ZERO);
    }

    #[test]
    fn a_small_step_is_found_by_and_by() {
        let fake = fake();
        let mut clock = Clock::start(&fake);
        fake.offset.set(EPOCH + 3_000);
        advance(&fake, Duration::from_millis(10));
        clock.observe();
        assert_eq!(clock.believed_from, Time::ZERO);
        advance(&fake, LOOK_INTERVAL);
        clock.observe();
        assert!(clock.believed_from > Time::ZERO);
    }
}
