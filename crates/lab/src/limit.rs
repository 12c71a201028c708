//! How fast a node sends ICMP messages: token buckets, one for the node or one a destination, as
//! Linux has them (icmp_ratelimit).

use crate::bounded::has_room;
use crate::scenario::{LimitPlan, Rate};
use probe::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Destinations remembered at most; while none can be forgotten, no new one is answered.
const DESTINATIONS_MAX: usize = 4_096;

/// A node's allowance.
#[derive(Debug)]
pub(crate) struct Limiter {
    plan: Option<LimitPlan>,
    /// Of the whole node, where each destination has its own as well.
    overall: Bucket,
    common: Bucket,
    by_destination: BTreeMap<IpAddr, Bucket>,
}

/// A token bucket, kept as the time that its missing tokens take: empty when that is the burst's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again.
    full_at: Time,
}

impl Limiter {
    pub(crate) fn new(plan: Option<LimitPlan>) -> Limiter {
        let (overall, common) = (Bucket::default(), Bucket::default());
        Limiter { plan, overall, common, by_destination: BTreeMap::new() }
    }

    /// Whether one more error may go to a destination; takes the token if so.
    pub(crate) fn allows_error(&mut self, now: Time, to: IpAddr) -> bool {
        self.allows(now, to)
    }

    /// Whether one more answer may go to a destination; takes the token if so.
    pub(crate) fn allows_answer(&mut self, now: Time, to: IpAddr) -> bool {
        !self.plan.is_some_and(|plan| plan.answers_too) || self.allows(now, to)
    }

    fn allows(&mut self, now: Time, to: IpAddr) -> bool {
        let Some(plan) = self.plan else { return true };
        self.has_share(now, to, &plan)
            && plan.overall.is_none_or(|rate| self.overall.take(now, rate))
    }

    fn has_share(&mut self, now: Time, to: IpAddr, plan: &LimitPlan) -> bool {
        if !plan.per_destination {
            return self.common.take(now, plan.rate);
        }
        // A full bucket is as good as none.
        let counts = |bucket: &Bucket| bucket.full_at > now;
        if !has_room(&mut self.by_destination, &to, DESTINATIONS_MAX, counts) {
            return false;
        }
        self.by_destination.entry(to).or_default().take(now, plan.rate)
    }
}

impl Bucket {
    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Time, rate: Rate) -> bool {
        let after = self.full_at.max(now) + rate.interval;
        let is_allowed = after.since(now) <= rate.interval.saturating_mul(rate.burst);
        if is_allowed {
            self.full_at = after;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LINUX: LimitPlan = LimitPlan {
        rate: Rate { interval: Duration::from_secs(1), burst: 6 },
        per_destination: true,
        answers_too: false,
        overall: None,
    };

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_burst_then_one_an_interval() {
        let mut limiter = Limiter::new(Some(LINUX));
        let allowed = |limiter: &mut Limiter, at_ms: u64, count: u32| {
            let now = Time(at_ms * 1_000_000);
            (0..count).filter(|_| limiter.allows_error(now, ip(1))).count()
        };
        assert_eq!(allowed(&mut limiter, 0, 10), 6);
        assert_eq!(allowed(&mut limiter, 999, 10), 0);
        assert_eq!(allowed(&mut limiter, 1_000, 10), 1);
        assert_eq!(allowed(&mut limiter, 100_000, 10), 6);
    }

    #[test]
    fn destinations_have_their_own_unless_the_node_has_one() {
        let drained = |per_destination| {
            let mut limiter = Limiter::new(Some(LimitPlan { per_destination, ..LINUX }));
            (0..6).for_each(|_| assert!(limiter.allows_error(Time::ZERO, ip(1))));
            limiter
        };
        assert!(drained(true).allows_error(Time::ZERO, ip(2)));
        assert!(!drained(false).allows_error(Time::ZERO, ip(2)));
        assert!(drained(false).allows_answer(Time::ZERO, ip(1)));
        let mut all = Limiter::new(Some(LimitPlan {
            answers_too: true,
            rate: Rate { burst: 1, ..LINUX.rate },
            ..LINUX
        }));
        assert!(all.allows_answer(Time::ZERO, ip(1)) && !all.allows_answer(Time::ZERO, ip(1)));
    }

    #[test]
    fn the_whole_node_may_have_an_allowance_besides() {
        let overall = Some(Rate { interval: Duration::from_millis(1), burst: 50 });
        let mut limiter = Limiter::new(Some(LimitPlan { overall, ..LINUX }));
        let mut allowed = |now| {
            let mut all = (0..200).map(|last| limiter.allows_error(Time(now), ip(last)));
            all.by_ref().filter(|is_allowed| *is_allowed).count()
        };
        assert_eq!(allowed(0), 50);
        assert_eq!(allowed(10_000_000), 10);
    }

    #[test]
    fn memory_is_bounded() {
        let mut limiter = Limiter::new(Some(LINUX));
        let mut allows =
            |number: u32, now| limiter.allows_error(now, std::net::Ipv4Addr::from(number).into());
        let allowed = (0..5_000).filter(|number| allows(*number, Time::ZERO)).count();
        assert_eq!(allowed, DESTINATIONS_MAX);
        assert!(allows(5_000, Time(1_000_000_000)));
    }
}
