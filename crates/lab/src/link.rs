//! What a link does to the packets that cross it: delay, loss, duplication, corruption, reordering.
//! Each sender has a stream of random numbers of its own.

use crate::random::Random;
use crate::scenario::{Chance, Impairments, LinkPlan};
use probe::Time;
use std::time::Duration;

/// A link and the state of its directions.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    there: Impairments,
    back: Impairments,
    /// Whether it carries nothing.
    is_down: bool,
    directions: Vec<Direction>,
}

/// What one end of a link has sent, and what became of it. A packet to all ends counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Packets sent into the link.
    pub sent: u64,
    /// Packets that the link doubled.
    pub duplicated: u64,
    /// Packets that it lost.
    pub lost: u64,
    /// Packets that it damaged.
    pub corrupted: u64,
    /// Packets that it held back.
    pub reordered: u64,
    /// Packets that came out at the other end.
    pub delivered: u64,
}

#[derive(Debug)]
struct Direction {
    random: Random,
    /// When the latest packet that must not be overtaken comes out.
    latest: Time,
    counts: LinkCounts,
}

/// A packet on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) arrives: Time,
    pub(crate) bytes: Vec<u8>,
}

impl Link {
    pub(crate) fn new(plan: &LinkPlan, seed: u64, names: &[&str]) -> Link {
        let stream = |name: &&str| format!("link {} from {name}", plan.name);
        let direction = |name: &&str| Direction {
            random: Random::named(seed, &stream(name)),
            latest: Time::ZERO,
            counts: LinkCounts::default(),
        };
        Link {
            name: plan.name.clone(),
            there: plan.there.clone(),
            back: plan.back.clone(),
            is_down: false,
            directions: names.iter().map(direction).collect(),
        }
    }

    /// What becomes of a packet that an end sends: nothing, one packet, or two.
    pub(crate) fn cross(&mut self, end: usize, now: Time, mut bytes: Vec<u8>) -> Vec<Crossing> {
        let rules = if end == 0 { &self.there } else { &self.back };
        let direction = &mut self.directions[end];
        direction.counts.sent += 1;
        let number = direction.counts.sent;
        // Every packet draws the same numbers whatever happens to it, so that a change to one rule
        // does not change what the others do.
        let [loss, duplicate, corrupt, reorder, jitter, bit] =
            std::array::from_fn(|_| direction.random.next());
        if self.is_down || rules.loss.hits(number, loss) {
            direction.counts.lost += 1;
            return Vec::new();
        }
        let mut crossings = Vec::with_capacity(1);
        let arrives = direction.arrival(rules, now, rules.reorder.hits(number, reorder), jitter);
        if rules.duplicate.hits(number, duplicate) {
            direction.counts.duplicated += 1;
            crossings.push(Crossing { arrives, bytes: bytes.clone() });
        }
        if rules.corrupt.hits(number, corrupt) && !bytes.is_empty() {
            direction.counts.corrupted += 1;
            let bit = scale(bit, bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        crossings.insert(0, Crossing { arrives, bytes });
        crossings
    }

    /// Becomes another link, as it were; what is under way arrives.
    pub(crate) fn change(&mut self, is_down: bool, there: Impairments, back: Impairments) {
        (self.is_down, self.there, self.back) = (is_down, there, back);
    }

    /// Takes the news that there was no room for a packet from that end.
    pub(crate) fn lost(&mut self, end: usize) {
        self.directions[end].counts.lost += 1;
    }

    /// Takes the news that a packet from that end came out.
    pub(crate) fn delivered(&mut self, end: usize) {
        self.directions[end].counts.delivered += 1;
    }

    pub(crate) fn counts(&self, end: usize) -> LinkCounts {
        self.directions[end].counts
    }
}

impl Direction {
    fn arrival(&mut self, rules: &Impairments, now: Time, is_held: bool, jitter: u64) -> Time {
        let spread = u64::try_from(rules.jitter.as_nanos()).unwrap_or(u64::MAX);
        let extra = Duration::from_nanos(scale(jitter, spread.saturating_add(1)));
        let arrives = now + rules.delay + extra;
        if is_held {
            self.counts.reordered += 1;
            return arrives + rules.reorder_by;
        }
        if rules.jitter_reorders {
            return arrives;
        }
        self.latest = arrives.max(self.latest);
        self.latest
    }
}

impl Chance {
    /// Whether it befalls the packet with that 1-based number and that random number.
    fn hits(&self, number: u64, random: u64) -> bool {
        match self {
            Chance::Never => false,
            Chance::Share(ppm) => scale(random, 1_000_000) < u64::from(*ppm),
            Chance::Numbers(numbers) => numbers.binary_search(&number).is_ok(),
        }
    }
}

/// A 64-bit random number as one from 0 to `bound` - 1.
fn scale(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(there: Impairments) -> Link {
        let plan = LinkPlan {
            name: "a-b".to_string(),
            ends: Vec::new(),
            is_ethernet: false,
            networks: Vec::new(),
            there,
            back: Impairments::default(),
            at: 0,
        };
        Link::new(&plan, 1, &["a", "b"])
    }

    fn ms(n: u64) -> Time {
        Time(n * 1_000_000)
    }

    fn arrivals(link: &mut Link, end: usize, sends: &[Time]) -> Vec<Vec<Time>> {
        let crossings = sends.iter().map(|now| link.cross(end, *now, vec![0; 8]));
        crossings.map(|c| c.iter().map(|c| c.arrives).collect()).collect()
    }

    #[test]
    fn a_plain_link_delays() {
        let mut link =
            link(Impairments { delay: Duration::from_millis(5), ..Impairments::default() });
        let crossings = link.cross(0, ms(1), vec![1, 2, 3]);
        assert_eq!(crossings, [Crossing { arrives: ms(6), bytes: vec![1, 2, 3] }]);
        assert_eq!(arrivals(&mut link, 1, &[ms(1)]), [[Time(1_100_000)]]);
    }

    #[test]
    fn scripts_hit_exactly_the_numbered() {
        let mut link = link(Impairments {
            delay: Duration::from_millis(1),
            loss: Chance::Numbers(vec![2]),
            duplicate: Chance::Numbers(vec![3]),
            reorder: Chance::Numbers(vec![4]),
            reorder_by: Duration::from_millis(20),
            ..Impairments::default()
        });
        let got = arrivals(&mut link, 0, &[ms(0), ms(1), ms(2), ms(3), ms(4)]);
        assert_eq!(got, [vec![ms(1)], vec![], vec![ms(3), ms(3)], vec![ms(24)], vec![ms(5)]]);
        let counts = link.counts(0);
        assert_eq!((counts.sent, counts.lost, counts.duplicated, counts.reordered), (5, 1, 1, 1));
        assert_eq!(link.counts(1), LinkCounts::default());
    }

    #[test]
    fn corruption_flips_one_bit() {
        let mut link =
            link(Impairments { corrupt: Chance::Share(1_000_000), ..Impairments::default() });
        for _ in 0..100 {
            let crossings = link.cross(0, ms(0), vec![0; 16]);
            let ones: u32 = crossings[0].bytes.iter().map(|byte| byte.count_ones()).sum();
            assert_eq!(ones, 1);
        }
    }

    #[test]
    fn jitter_keeps_the_order_unless_told_otherwise() {
        let jittery = |jitter_reorders| Impairments {
            jitter: Duration::from_millis(50),
            jitter_reorders,
            ..Impairments::default()
        };
        let sends: Vec<Time> = (0..200).map(ms).collect();
        let times = |mut link: Link| arrivals(&mut link, 0, &sends).concat();
        let kept = times(link(jittery(false)));
        assert!(kept.is_sorted());
        let free = times(link(jittery(true)));
        assert!(!free.is_sorted());
        let most = Duration::from_micros(50_100);
        assert!(free.iter().zip(&sends).all(|(out, sent)| out.since(*sent) <= most));
    }

    #[test]
    fn shares_are_met() {
        let mut link = link(Impairments { loss: Chance::Share(10_000), ..Impairments::default() });
        for _ in 0..100_000 {
            link.cross(0, ms(0), Vec::new());
        }
        assert!((800..1_200).contains(&link.counts(0).lost), "{:?}", link.counts(0));
    }
}
