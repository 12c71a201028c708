//! Who is asked: what the user named, in that order, and the engine's indexes of it.

use crate::print::Whom;
use crate::resolve::{Resolved, Unresolved, zoned};
use crate::spec;
use probe::targets::{Target, Targets, TooMany};

/// Everything that the user named.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    entries: Vec<Entry>,
    /// The first index of each entry that has addresses, and the entry; indexes ascend.
    starts: Vec<(u32, usize)>,
}

/// One thing that the user named.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name; `None` for literal addresses.
    pub name: Option<Box<str>>,
    /// What it stands for.
    pub state: State,
}

/// What an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not known yet.
    Pending,
    /// These indexes of the engine's targets: the first one and how many.
    Addresses(u32, u32),
    /// Nothing.
    Unresolved(Unresolved),
}

impl Roster {
    /// Adds what the user named; literal addresses go to `targets`. `zone` is that of link-local
    /// addresses without one.
    ///
    /// # Errors
    /// If there are too many.
    pub fn new(list: &spec::List, zone: u32, targets: &mut Targets) -> Result<Roster, TooMany> {
        let mut roster = Roster::default();
        for entry in list.entries() {
            match entry {
                spec::Entry::Name(name) => {
                    roster.entries.push(Entry { name: Some(name.into()), state: State::Pending });
                }
                spec::Entry::Addresses(first, count) => {
                    let first = zoned(first, zone);
                    let start = targets.push_consecutive(first, count)?;
                    roster.starts.push((start, roster.entries.len()));
                    let state = State::Addresses(start, count);
                    roster.entries.push(Entry { name: None, state });
                }
            }
        }
        Ok(roster)
    }

    /// Everything, in the order of the user.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names that are not resolved yet, with their entries.
    pub fn pending(&self) -> impl Iterator<Item = (usize, &str)> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| {
            match (&entry.name, &entry.state) {
                (Some(name), State::Pending) => Some((at, &**name)),
                _ => None,
            }
        })
    }

    /// Takes what a name stands for: its first address, or all of them. `push` adds a target and
    /// returns its index.
    ///
    /// # Errors
    /// If there are too many targets.
    pub fn settle(
        &mut self,
        entry: usize,
        resolved: Resolved,
        all_addresses: bool,
        zone: u32,
        mut push: impl FnMut(Target) -> Result<u32, TooMany>,
    ) -> Result<(), TooMany> {
        let state = match resolved {
            Err(unresolved) => State::Unresolved(unresolved),
            Ok(found) => {
                let mut range: Option<(u32, u32)> = None;
                let most = if all_addresses { usize::MAX } else { 1 };
                for target in found.into_iter().take(most) {
                    let index = push(zoned(target, zone))?;
                    range = Some(range.map_or((index, 1), |(first, count)| (first, count + 1)));
                }
                let (first, count) = range.expect("a resolved name has an address");
                self.starts.push((first, entry));
                State::Addresses(first, count)
            }
        };
        self.entries[entry].state = state;
        Ok(())
    }

    /// The name of the target at an index of the engine's.
    pub fn name(&self, index: u32) -> Option<&str> {
        let after = self.starts.partition_point(|(start, _)| *start <= index);
        let (_, entry) = self.starts[..after].last()?;
        self.entries[*entry].name.as_deref()
    }

    /// The target at an index of the engine's.
    pub fn whom<'a>(&'a self, index: u32, targets: &Targets) -> Whom<'a> {
        Whom { name: self.name(index), target: Some(targets.at(index)) }
    }

    /// How many targets there are: a name without an address, or not yet with one, is one.
    pub fn count(&self) -> usize {
        let counts = self.entries.iter().map(|entry| match entry.state {
            State::Addresses(_, count) => count as usize,
            State::Pending | State::Unresolved(_) => 1,
        });
        counts.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> spec::List {
        let mut list = spec::List::new(spec::Rules::default());
        for word in words {
            list.argument(word).expect("a target");
        }
        list
    }

    #[test]
    fn names_keep_their_place_whenever_they_resolve() {
        let mut targets = Targets::default();
        let list = list(&["a.example", "192.0.2.1", "b.example", "192.0.2.8/30"]);
        let mut roster = Roster::new(&list, 0, &mut targets).expect("few");
        assert_eq!(roster.pending().map(|(at, _)| at).collect::<Vec<_>>(), [0, 2]);
        let found = ["192.0.2.3", "192.0.2.4"];
        let found = found.map(|it| Target { address: it.parse().expect("an address"), zone: 0 });
        roster.settle(2, Ok(found.to_vec()), true, 0, |target| targets.push(target)).expect("few");
        assert_eq!(roster.name(0), None);
        assert_eq!(roster.name(2), None);
        assert_eq!(roster.name(3), Some("b.example"));
        assert_eq!(roster.name(4), Some("b.example"));
        assert_eq!(roster.entries()[2].state, State::Addresses(3, 2));
        assert_eq!(roster.count(), 6);
    }

    #[test]
    fn link_local_addresses_get_the_zone_of_the_interface() {
        let mut targets = Targets::default();
        let words = ["fe80::1", "2001:db8::1", "ff02::1", "fe80::2%9"];
        Roster::new(&list(&words), 7, &mut targets).expect("few");
        let zones: Vec<u32> = targets.iter().map(|target| target.zone).collect();
        assert_eq!(zones, [7, 0, 7, 9]);
    }
}
