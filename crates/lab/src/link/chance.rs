//! Whether something befalls a packet: by share, by number, or in bursts.

use super::scale;
use crate::random::mixed;
use crate::scenario::impairments::{Burst, Chance, Odds};

/// What a rule has seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Packets of its kind.
    seen: u64,
    /// Whether the link is in its bad state.
    is_bad: bool,
    /// How many in a row it has hit.
    run: u64,
}

/// A rule that has hit: which one of the list, and why this packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rule: usize,
    /// The packet's number among those that the rule is about.
    pub(crate) number: u64,
    /// How many in a row it has hit with this one, if it hits in bursts.
    pub(crate) run: Option<u64>,
}

/// What is kept for a list of rules.
pub(super) fn tallies(odds: &Odds) -> Vec<Tally> {
    vec![Tally::default(); odds.0.len()]
}

/// The first rule that hits the packet with that 1-based number in the direction, if any does.
/// Every rule looks at every packet, whichever hit before it.
pub(super) fn hit(
    odds: &Odds,
    tallies: &mut [Tally],
    number: u64,
    random: u64,
    bytes: &[u8],
) -> Option<Hit> {
    let mut first = None;
    for (index, (rule, tally)) in odds.0.iter().zip(tallies).enumerate() {
        let number = match rule.of {
            None => number,
            Some(of) if of.takes(bytes) => {
                tally.seen += 1;
                tally.seen
            }
            Some(_) => continue,
        };
        // The first rule has the packet's own number, others one made of it.
        let random = if index == 0 { random } else { mixed(random, index as u64) };
        let is_hit = match &rule.chance {
            Chance::Share(ppm) => is_within(random, *ppm),
            Chance::Numbers(numbers) => numbers.binary_search(&number).is_ok(),
            Chance::Burst(burst) => tally.is_hit(burst, random),
        };
        tally.run = if is_hit { tally.run + 1 } else { 0 };
        if is_hit && first.is_none() {
            let run = matches!(rule.chance, Chance::Burst(_)).then_some(tally.run);
            first = Some(Hit { rule: index, number, run });
        }
    }
    first
}

impl Tally {
    /// The state in which the packet finds the link decides; then the state may change.
    fn is_hit(&mut self, burst: &Burst, random: u64) -> bool {
        let (hits, changes) = match self.is_bad {
            true => (burst.in_bad, burst.recovers),
            false => (burst.in_good, burst.worsens),
        };
        self.is_bad ^= is_within(mixed(random, u64::MAX), changes);
        is_within(random, hits)
    }
}

/// Whether a 64-bit random number is among so many of a million.
pub(super) fn is_within(random: u64, ppm: u32) -> bool {
    scale(random, 1_000_000) < u64::from(ppm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::select::Selector;
    use crate::random::Random;
    use crate::scenario::impairments::Rule;

    fn odds(chance: Chance) -> Odds {
        Odds(vec![Rule { of: None, chance }])
    }

    /// Hits and bursts among so many packets, and the longest burst.
    fn bursts(odds: &Odds, packets: u64) -> (u64, u64, u64) {
        let (mut tallies, mut random) = (tallies(odds), Random::named(3, "bursts"));
        let (mut hits, mut begun, mut longest) = (0, 0, 0);
        for number in 1..=packets {
            let Some(it) = hit(odds, &mut tallies, number, random.next(), &[]) else { continue };
            let run = it.run.expect("a burst");
            hits += 1;
            begun += u64::from(run == 1);
            longest = longest.max(run);
        }
        (hits, begun, longest)
    }

    #[test]
    fn bursts_are_as_long_and_as_rare_as_the_model_says() {
        let burst = Burst { worsens: 10_000, recovers: 250_000, in_bad: 1_000_000, in_good: 0 };
        let (hits, begun, longest) = bursts(&odds(Chance::Burst(burst)), 1_000_000);
        // Bad for p / (p + r) of the time, 1 / r packets each.
        assert!((37_000..40_000).contains(&hits), "{hits}");
        let mean = hits * 100 / begun;
        assert!((390..410).contains(&mean), "{mean}");
        assert!(longest > 20, "{longest}");
    }

    #[test]
    fn the_states_have_losses_of_their_own() {
        let burst =
            Burst { worsens: 500_000, recovers: 500_000, in_bad: 300_000, in_good: 100_000 };
        let (hits, ..) = bursts(&odds(Chance::Burst(burst)), 1_000_000);
        assert!((197_000..203_000).contains(&hits), "{hits}");
    }

    #[test]
    fn numbers_count_the_kind_that_they_are_about() {
        let rule = |of, number| Rule { of, chance: Chance::Numbers(vec![number]) };
        let odds = Odds(vec![rule(Some(Selector::V6), 2), rule(None, 4)]);
        let mut tallies = tallies(&odds);
        let (mut v4, mut v6) = (vec![0; 20], vec![0; 40]);
        (v4[0], v4[3], v6[0]) = (0x45, 20, 0x60);
        v6[6] = 59;
        let packets = [&v6, &v4, &v6, &v4, &v6];
        let hits: Vec<Option<(usize, u64)>> = (1..)
            .zip(packets)
            .map(|(number, bytes)| hit(&odds, &mut tallies, number, 0, bytes))
            .map(|hit| hit.map(|hit| (hit.rule, hit.number)))
            .collect();
        assert_eq!(hits, [None, None, Some((0, 2)), Some((1, 4)), None]);
    }

    #[test]
    fn rules_throw_dice_of_their_own() {
        let half = |_| Rule { of: None, chance: Chance::Share(500_000) };
        let odds = Odds((0..2).map(half).collect());
        let (mut tallies, mut random) = (tallies(&odds), Random::named(4, "dice"));
        let mut count = |number| hit(&odds, &mut tallies, number, random.next(), &[]).is_some();
        let hits = (0..100_000).filter(|number| count(*number)).count();
        assert!((74_000..76_000).contains(&hits), "{hits}");
    }
}
