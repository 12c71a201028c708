//! When to look at which entry: a wheel of 512 seconds. What is refreshed is not moved; when its
//! turn comes it gets a new one. Look-ups do not need the wheel: they see for themselves.

use super::index::NONE;
use probe::Time;

/// Seconds of the wheel.
const SLOTS: u64 = 512;

/// Nanoseconds of one.
const SECOND: u64 = 1_000_000_000;

/// Where an entry hangs in the wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    before: u32,
    behind: u32,
    /// [`OFF`] outside of it.
    slot: u16,
}

const OFF: u16 = u16::MAX;

impl Default for Links {
    fn default() -> Links {
        Links { before: NONE, behind: NONE, slot: OFF }
    }
}

/// Lists of entries by the second in which they are looked at.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    /// The second whose list is worked off.
    second: u64,
    count: usize,
}

/// Where entries keep their links.
pub(crate) trait Hung {
    fn links(&mut self, number: u32) -> &mut Links;
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel { heads: vec![NONE; SLOTS as usize], second: 0, count: 0 }
    }

    /// Hangs up an entry that is to be looked at then.
    pub(crate) fn hang(&mut self, all: &mut impl Hung, number: u32, at: Time) {
        // Not before it has expired, and within one turn.
        let due = at.0.div_ceil(SECOND).clamp(self.second, self.second + SLOTS - 1);
        let slot = (due % SLOTS) as usize;
        let head = std::mem::replace(&mut self.heads[slot], number);
        *all.links(number) = Links { before: NONE, behind: head, slot: slot as u16 };
        if head != NONE {
            all.links(head).before = number;
        }
        self.count += 1;
    }

    /// Takes an entry down.
    pub(crate) fn unhang(&mut self, all: &mut impl Hung, number: u32) {
        let links = std::mem::take(all.links(number));
        if links.slot == OFF {
            return;
        }
        match links.before {
            NONE => self.heads[usize::from(links.slot)] = links.behind,
            before => all.links(before).behind = links.behind,
        }
        if links.behind != NONE {
            all.links(links.behind).before = links.before;
        }
        self.count -= 1;
    }

    /// Takes down the next entry that is to be looked at by now; `None` if there is none.
    pub(crate) fn next(&mut self, all: &mut impl Hung, now: Time) -> Option<u32> {
        let current = second(now);
        if self.count == 0 {
            self.second = self.second.max(current);
            return None;
        }
        loop {
            let head = self.heads[(self.second % SLOTS) as usize];
            if head != NONE {
                self.unhang(all, head);
                return Some(head);
            }
            if self.second >= current {
                return None;
            }
            // After a turn without anybody there is nobody.
            let skips = (current - self.second).saturating_sub(SLOTS);
            self.second += 1 + skips;
        }
    }

    /// When somebody is to be looked at next.
    pub(crate) fn due(&self) -> Option<Time> {
        let mut seconds = (self.second..self.second + SLOTS).filter(|_| self.count > 0);
        let hangs = |second: &u64| self.heads[(second % SLOTS) as usize] != NONE;
        let second = seconds.find(hangs)?;
        Some(Time(second.saturating_mul(SECOND)))
    }
}

fn second(time: Time) -> u64 {
    time.0 / SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    struct All(Vec<Links>);

    impl Hung for All {
        fn links(&mut self, number: u32) -> &mut Links {
            &mut self.0[number as usize]
        }
    }

    #[test]
    fn all_come_after_their_time_and_within_a_turn() {
        let mut all = All(vec![Links::default(); 100]);
        let mut wheel = Wheel::new();
        let at = |seconds: u64| Time(seconds * 1_000_000_000);
        for number in 0..100 {
            wheel.hang(&mut all, number, at(u64::from(number) * 10));
        }
        wheel.unhang(&mut all, 40);
        assert_eq!(wheel.due(), Some(at(0)));
        let mut seen = Vec::new();
        for now in 0..2_000 {
            while let Some(number) = wheel.next(&mut all, at(now)) {
                let wanted = u64::from(number) * 10;
                if wanted <= now {
                    seen.push((number, now));
                } else {
                    wheel.hang(&mut all, number, at(wanted));
                }
            }
        }
        let expected = (0..100).filter(|number| *number != 40);
        assert!(expected.map(|number| (number, u64::from(number) * 10)).eq(seen));
        assert_eq!(wheel.due(), None);
        wheel.hang(&mut all, 1, at(5_000));
        assert_eq!(wheel.next(&mut all, at(1_999)), None);
    }
}
