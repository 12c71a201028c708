//! How fast a node sends ICMP messages: token buckets, one for the node or one a destination, as
//! Linux has them (icmp_ratelimit).

use crate::scenario::LimitPlan;
use probe::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Destinations remembered at most; while none can be forgotten, no new one is answered.
const DESTINATIONS_MAX: usize = 4_096;

/// A node's allowance.
#[derive(Debug)]
pub(crate) struct Limiter {
    plan: Option<LimitPlan>,
    common: Bucket,
    by_destination: BTreeMap<IpAddr, Bucket>,
}

/// A token bucket, kept as the time that its missing tokens take: empty when that is the burst's.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// When it is full again.
    full_at: Time,
}

impl Limiter {
    pub(crate) fn new(plan: Option<LimitPlan>) -> Limiter {
        Limiter { plan, common: Bucket::default(), by_destination: BTreeMap::new() }
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
        if !plan.per_destination {
            return self.common.take(now, &plan);
        }
        if self.by_destination.len() >= DESTINATIONS_MAX && !self.by_destination.contains_key(&to) {
            // A full bucket is as good as none.
            self.by_destination.retain(|_, bucket| bucket.full_at > now);
            if self.by_destination.len() >= DESTINATIONS_MAX {
                return false;
            }
        }
        self.by_destination.entry(to).or_default().take(now, &plan)
    }
}

impl Bucket {
    fn take(&mut self, now: Time, plan: &LimitPlan) -> bool {
        let after = self.full_at.max(now) + plan.interval;
        let is_allowed = after.since(now) <= plan.interval.saturating_mul(plan.burst);
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
        interval: Duration::from_secs(1),
        burst: 6,
        per_destination: true,
        answers_too: false,
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
        let mut all = Limiter::new(Some(LimitPlan { answers_too: true, burst: 1, ..LINUX }));
        assert!(all.allows_answer(Time::ZERO, ip(1)) && !all.allows_answer(Time::ZERO, ip(1)));
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
