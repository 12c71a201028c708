//! Hash tags to numbers: open addressing with linear probing, eight bytes a slot. The tag is
//! compared first, so that hardly ever another entry than the right one is looked at.

use prefetch_index::prefetch_index;

/// What no number is.
pub(crate) const NONE: u32 = u32::MAX;

/// The slots when there is nothing yet.
const LEAST: usize = 64;

/// Where numbers stand by their hash tag.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Tag, number; a power of two of them, at most three quarters in use.
    slots: Vec<(u32, u32)>,
    used: usize,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index { slots: vec![(0, NONE); LEAST], used: 0 }
    }

    /// Memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(u32, u32)>()
    }

    fn home(&self, tag: u32) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    /// The number of that tag that is the right one.
    #[inline]
    pub(crate) fn find(&self, tag: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            let (other, number) = self.slots[at];
            if number == NONE {
                return None;
            }
            if other == tag && is_it(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    /// Has the slot where a tag belongs fetched from memory, and does not wait for it.
    #[inline]
    pub(crate) fn fetch(&self, tag: u32) {
        prefetch_index(&self.slots, self.home(tag));
    }

    /// What stands where a tag belongs, if it has that tag: the number that is looked for, hardly
    /// ever another, and now and then none though there is one.
    #[inline]
    pub(crate) fn glance(&self, tag: u32) -> u32 {
        let (other, number) = self.slots[self.home(tag)];
        if other == tag { number } else { NONE }
    }

    /// Adds a number; the same one is not to be there.
    pub(crate) fn insert(&mut self, tag: u32, number: u32) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.used += 1;
        self.place(tag, number);
    }

    fn place(&mut self, tag: u32, number: u32) {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        while self.slots[at].1 != NONE {
            at = (at + 1) & mask;
        }
        self.slots[at] = (tag, number);
    }

    fn grow(&mut self) {
        let doubled = vec![(0, NONE); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, doubled);
        for (tag, number) in old.into_iter().filter(|(_, number)| *number != NONE) {
            self.place(tag, number);
        }
    }

    /// Puts another number where one stands.
    pub(crate) fn replace(&mut self, tag: u32, number: u32, by: u32) {
        if let Some(at) = self.slot_of(tag, number) {
            self.slots[at].1 = by;
        }
    }

    /// Takes a number out, and closes the gap.
    pub(crate) fn remove(&mut self, tag: u32, number: u32) {
        let Some(mut gap) = self.slot_of(tag, number) else { return };
        let mask = self.slots.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let (tag, number) = self.slots[at];
            if number == NONE {
                break;
            }
            // Only what would not be found behind the gap moves into it.
            let from_home = at.wrapping_sub(self.home(tag)) & mask;
            let from_gap = at.wrapping_sub(gap) & mask;
            if from_home >= from_gap {
                self.slots[gap] = (tag, number);
                gap = at;
            }
        }
        self.slots[gap] = (0, NONE);
        self.used -= 1;
    }

    fn slot_of(&self, tag: u32, number: u32) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            match self.slots[at] {
                (_, NONE) => return None,
                slot if slot == (tag, number) => return Some(at),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// The numbers in so many slots from where a tag belongs.
    pub(crate) fn near(&self, tag: u32, slots: usize) -> impl Iterator<Item = u32> + '_ {
        let mask = self.slots.len() - 1;
        let home = self.home(tag);
        let numbers = (0..slots.min(self.slots.len())).map(move |step| (home + step) & mask);
        numbers.map(|at| self.slots[at].1).filter(|number| *number != NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn finds_what_a_map_finds() {
        let mut random = Random::named(1, "index");
        let mut index = Index::new();
        let mut map = BTreeMap::new();
        for number in 0..4_000 {
            // Few tags, so that many collide, also around the end of the slots.
            let tag = random.below(300) as u32 + if number % 2 == 0 { 0 } else { u32::MAX - 300 };
            index.insert(tag, number);
            map.insert(number, tag);
            if number > 500 && random.below(10) < 9 {
                let gone = random.below(u64::from(number)) as u32;
                if let Some(tag) = map.remove(&gone) {
                    index.remove(tag, gone);
                }
            }
            if number % 500 == 0 {
                let glances = map.iter().filter(|(number, tag)| index.glance(**tag) == **number);
                assert!(
                    number == 0
                        || glances.count() * 4 > map.values().collect::<BTreeSet<_>>().len()
                );
                for number in 0..=number {
                    let tag = map.get(&number).copied().unwrap_or(0);
                    let found = index.find(tag, |other| other == number);
                    assert_eq!(found.is_some(), map.contains_key(&number), "{number}");
                }
            }
        }
        assert_eq!(index.used, map.len());
    }
}
