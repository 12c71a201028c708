//! What a link does to the packets that cross it: rate and queue, delay, loss, duplication,
//! corruption, reordering. Each sender has a stream of random numbers of its own.

mod chance;
mod jitter;
mod queue;
pub(crate) mod select;
mod story;
#[cfg(test)]
mod tests;

use crate::random::{Random, mixed};
use crate::scenario::LinkPlan;
use crate::scenario::impairments::{DELAY_LEAST, Impairments, Odds};
use chance::{Hit, Tally};
use probe::Time;
use queue::Line;
use std::time::Duration;
pub(crate) use story::{Fate, Loss, Story};

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
    /// Bytes of those.
    pub sent_bytes: u64,
    /// Packets that had to wait, because another was being sent.
    pub queued: u64,
    /// Packets that found the queue full.
    pub dropped: u64,
    /// Packets that the link doubled.
    pub duplicated: u64,
    /// Packets that it lost on the way.
    pub lost: u64,
    /// Packets that it damaged.
    pub corrupted: u64,
    /// Packets that it held back.
    pub reordered: u64,
    /// Packets that came out at the other end.
    pub delivered: u64,
    /// Bytes of those.
    pub delivered_bytes: u64,
}

#[derive(Debug)]
struct Direction {
    random: Random,
    line: Line,
    /// When the latest packet that must not be overtaken comes out.
    latest: Time,
    /// What the jitter of the packet before was made of.
    jitter: u64,
    /// What the rules have seen, in the order of [`effects`].
    tallies: [Vec<Tally>; 4],
    counts: LinkCounts,
}

/// A packet that entered a link, and what becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) story: Story,
    /// As they come out; of a lost packet, as they went in.
    pub(crate) bytes: Vec<u8>,
    /// The packet once more, undamaged, if it is doubled.
    pub(crate) twin: Option<Vec<u8>>,
}

/// Random numbers that every packet draws, and which of them is for the jitter.
const DRAWS: usize = 6;
const JITTER_DRAW: usize = 4;

/// The rules of each effect.
fn effects(rules: &Impairments) -> [&Odds; 4] {
    [&rules.loss, &rules.duplicate, &rules.corrupt, &rules.reorder]
}

impl Link {
    pub(crate) fn new(plan: &LinkPlan, seed: u64, names: &[&str]) -> Link {
        let direction = |(end, name): (usize, &&str)| Direction {
            random: Random::named(seed, &format!("link {} from {name}", plan.name)),
            line: Line::default(),
            latest: Time::ZERO,
            jitter: 0,
            tallies: effects(if end == 0 { &plan.there } else { &plan.back }).map(chance::tallies),
            counts: LinkCounts::default(),
        };
        Link {
            name: plan.name.clone(),
            there: plan.there.clone(),
            back: plan.back.clone(),
            is_down: false,
            directions: names.iter().enumerate().map(direction).collect(),
        }
    }

    /// What becomes of a packet that an end sends.
    pub(crate) fn cross(&mut self, end: usize, now: Time, bytes: Vec<u8>) -> Crossing {
        let rules = if end == 0 { &self.there } else { &self.back };
        let direction = &mut self.directions[end];
        direction.counts.sent += 1;
        direction.counts.sent_bytes += bytes.len() as u64;
        // Every packet draws the same numbers whatever happens to it, so that a change to one rule
        // does not change what the others do.
        let [loss, duplicate, corrupt, reorder, jitter, bit]: [u64; DRAWS] =
            std::array::from_fn(|_| direction.random.next());
        let draws = [loss, duplicate, corrupt, reorder];
        let hits = direction.hits(rules, draws, &bytes);
        let jitter = direction.jitter(rules, jitter);
        if self.is_down {
            direction.counts.lost += 1;
            return Crossing::ended(Story::new(now), Loss::Down, bytes);
        }
        direction.cross(rules, now, bytes, hits, (jitter, bit))
    }

    /// Whether nothing is done to what an end sends but to delay it, all by the same time.
    pub(crate) fn carries_whole(&self, end: usize) -> bool {
        let rules = self.rules(end);
        rules.wire.rate_bits.is_none()
            && rules.jitter.spread.is_zero()
            && effects(rules).iter().all(|odds| odds.0.is_empty())
    }

    /// What becomes of packets that an end sends as one, over a link that carries them so: how many
    /// they are, and their bytes. Counts and dice are left as if they had come one by one.
    pub(crate) fn pass_whole(
        &mut self,
        end: usize,
        now: Time,
        (packets, bytes): (u64, u64),
    ) -> Fate {
        let rules = if end == 0 { &self.there } else { &self.back };
        let direction = &mut self.directions[end];
        direction.counts.sent += packets;
        direction.counts.sent_bytes += bytes;
        for _ in 0..packets {
            let draws: [u64; DRAWS] = std::array::from_fn(|_| direction.random.next());
            direction.jitter(rules, draws[JITTER_DRAW]);
        }
        if self.is_down {
            direction.counts.lost += packets;
            return Fate::Lost(Loss::Down);
        }
        let mut story = Story::new(now);
        direction.arrive(rules, &mut story, false, 0);
        story.fate
    }

    /// Becomes another link, as it were; what is under way arrives. Rules that stay go on counting.
    pub(crate) fn change(&mut self, is_down: bool, there: Impairments, back: Impairments) {
        for (end, direction) in self.directions.iter_mut().enumerate() {
            let (old, new) = if end == 0 { (&self.there, &there) } else { (&self.back, &back) };
            let changes = effects(old).into_iter().zip(effects(new));
            for ((old, new), tallies) in changes.zip(&mut direction.tallies) {
                if old != new {
                    *tallies = chance::tallies(new);
                }
            }
        }
        (self.is_down, self.there, self.back) = (is_down, there, back);
    }

    /// Takes the news that there was no room for so many packets from that end.
    pub(crate) fn lost(&mut self, end: usize, packets: u64) {
        self.directions[end].counts.lost += packets;
    }

    /// Takes the news that so many packets from that end, and so many bytes, came out.
    pub(crate) fn delivered(&mut self, end: usize, (packets, bytes): (u64, u64)) {
        let counts = &mut self.directions[end].counts;
        counts.delivered += packets;
        counts.delivered_bytes += bytes;
    }

    pub(crate) fn counts(&self, end: usize) -> LinkCounts {
        self.directions[end].counts
    }

    /// What happens to what an end sends.
    pub(crate) fn rules(&self, end: usize) -> &Impairments {
        if end == 0 { &self.there } else { &self.back }
    }
}

impl Direction {
    /// Which rule of each effect hits the packet.
    fn hits(&mut self, rules: &Impairments, draws: [u64; 4], bytes: &[u8]) -> [Option<Hit>; 4] {
        let number = self.counts.sent;
        let mut hits = [None; 4];
        let effects = effects(rules).into_iter().zip(&mut self.tallies).zip(draws);
        for (hit, ((odds, tallies), random)) in hits.iter_mut().zip(effects) {
            *hit = chance::hit(odds, tallies, number, random, bytes);
        }
        hits
    }

    /// What the packet's jitter is made of: sometimes the same as before.
    fn jitter(&mut self, rules: &Impairments, random: u64) -> u64 {
        if !chance::is_within(mixed(random, 1), rules.jitter.correlation_ppm) {
            self.jitter = random;
        }
        self.jitter
    }

    fn cross(
        &mut self,
        rules: &Impairments,
        now: Time,
        mut bytes: Vec<u8>,
        [loss, duplicate, corrupt, reorder]: [Option<Hit>; 4],
        (jitter, bit): (u64, u64),
    ) -> Crossing {
        let mut story = Story::new(now);
        let Some(turn) = self.line.enter(&rules.wire, now, bytes.len()) else {
            self.counts.dropped += 1;
            return Crossing::ended(story, Loss::Queue, bytes);
        };
        self.counts.queued += u64::from(turn.starts > now);
        (story.starts, story.ends) = (turn.starts, turn.ends);
        if let Some(hit) = loss {
            self.counts.lost += 1;
            return Crossing::ended(story, Loss::Rule(hit), bytes);
        }
        let is_held = reorder.is_some();
        self.arrive(rules, &mut story, is_held, jitter);
        let twin = duplicate.map(|_| bytes.clone());
        self.counts.duplicated += u64::from(twin.is_some());
        if corrupt.is_some() && !bytes.is_empty() {
            self.counts.corrupted += 1;
            let bit = scale(bit, bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            story.flipped = Some(bit);
        }
        Crossing { story, bytes, twin }
    }

    /// When the packet comes out.
    fn arrive(&mut self, rules: &Impairments, story: &mut Story, is_held: bool, jitter: u64) {
        story.delay = match rules.jitter.spread {
            Duration::ZERO => rules.delay,
            _ => {
                let extra_ns = jitter::extra_ns(&rules.jitter, jitter);
                jitter::delayed(rules.delay, extra_ns, DELAY_LEAST)
            }
        };
        story.usual = rules.delay;
        let mut arrives = story.ends + story.delay;
        if is_held {
            self.counts.reordered += 1;
            story.held = rules.reorder_by;
            arrives = arrives + rules.reorder_by;
        } else if !rules.jitter.reorders {
            self.latest = arrives.max(self.latest);
            story.kept = self.latest.since(arrives);
            arrives = self.latest;
        }
        story.fate = Fate::Arrives(arrives);
    }
}

impl Crossing {
    fn ended(story: Story, loss: Loss, bytes: Vec<u8>) -> Crossing {
        Crossing { story: Story { fate: Fate::Lost(loss), ..story }, bytes, twin: None }
    }
}

/// A 64-bit random number as one from 0 to `bound` - 1.
fn scale(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}
