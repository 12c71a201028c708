//! Who is asked: what the user named, with names resolved and nobody asked twice.

use crate::resolve::{self, Resolved, Unresolved};
use crate::spec::{Entry, List};
use probe::targets::{Target, Targets, TooMany};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Family;

/// Everybody who is asked, in the order in which they were named.
#[derive(Debug, Default)]
pub struct Asked {
    targets: Targets,
    /// The names that targets go by, by index of the target.
    names: Vec<(u32, Box<str>)>,
    /// Names without an address, each with the number of targets before it.
    unresolved: Vec<(u32, Unresolved)>,
    repeated: u64,
}

/// How a target is shown: by its name if it was named, else by its address.
#[derive(Clone, Copy, Debug)]
pub enum Label<'a> {
    /// As the user named it.
    Name(&'a str),
    /// An address, with its zone if it has one.
    Address(Target),
}

/// One line of the results.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A target that is asked, by index.
    Target(u32),
    /// A name that has no address.
    Unresolved(&'a Unresolved),
}

impl Asked {
    /// Puts names and addresses together: of each name its first address, or all of them. `found`
    /// answers for the names in order. An address or name that comes again is asked once.
    ///
    /// # Errors
    /// If there are more than an index can count.
    pub fn new(list: List, found: Vec<Resolved>, all_addresses: bool) -> Result<Asked, TooMany> {
        let overlap = overlaps(list.addresses());
        if found.is_empty() && !overlap {
            return Ok(Asked { targets: list.into_addresses(), ..Asked::default() });
        }
        let mut asked = Asked::default();
        let mut found = found.into_iter();
        let mut seen = overlap.then(Seen::default);
        let mut seen_names = BTreeSet::new();
        for entry in list.entries() {
            match entry {
                Entry::Addresses(first, count) => asked.add(first, count, seen.as_mut())?,
                Entry::Name(name) => {
                    let resolved = found.next().expect("there is an answer for each name");
                    if seen_names.insert(name) {
                        asked.add_name(name, resolved, all_addresses)?;
                    } else {
                        asked.repeated += 1;
                    }
                }
            }
        }
        Ok(asked)
    }

    /// The targets, by index.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The families that targets are of.
    pub fn families(&self) -> Vec<Family> {
        let occurs =
            |it: &Family| self.targets.runs().any(|(first, _)| Family::of(first.address) == *it);
        Family::ALL.into_iter().filter(occurs).collect()
    }

    /// How a target is shown.
    pub fn label(&self, target: u32) -> Label<'_> {
        match self.names.binary_search_by_key(&target, |(index, _)| *index) {
            Ok(at) => Label::Name(&self.names[at].1),
            Err(_) => Label::Address(self.targets.at(target)),
        }
    }

    /// All lines of the results, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut unresolved = self.unresolved.iter().peekable();
        let mut target = 0;
        std::iter::from_fn(move || {
            if let Some((_, name)) = unresolved.next_if(|(before, _)| *before == target) {
                return Some(Row::Unresolved(name));
            }
            if target == self.targets.len() {
                return None;
            }
            target += 1;
            Some(Row::Target(target - 1))
        })
    }

    /// How many names have no address.
    pub fn unresolved(&self) -> usize {
        self.unresolved.len()
    }

    /// How many lines of results there are.
    pub fn len(&self) -> u64 {
        u64::from(self.targets.len()) + self.unresolved.len() as u64
    }

    /// How many addresses and names came again and are asked once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    fn add(&mut self, first: Target, count: u32, seen: Option<&mut Seen>) -> Result<(), TooMany> {
        let Some(seen) = seen else {
            self.targets.push_consecutive(first, count)?;
            return Ok(());
        };
        let mut added = 0;
        for (first, count) in seen.unseen(Span::of(first, count)) {
            self.targets.push_consecutive(first, count)?;
            added += count;
        }
        self.repeated += u64::from(count - added);
        Ok(())
    }

    fn add_name(&mut self, name: &str, found: Resolved, all: bool) -> Result<(), TooMany> {
        match found {
            Ok(targets) => {
                let wanted = if all { targets.len() } else { 1 };
                for target in targets.into_iter().take(wanted) {
                    let index = self.targets.push(target)?;
                    self.names.push((index, name.into()));
                }
            }
            Err(unresolved) => self.unresolved.push((self.targets.len(), unresolved)),
        }
        Ok(())
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Name(name) => f.write_str(name),
            Label::Address(Target { address, zone: 0 }) => address.fmt(f),
            Label::Address(Target { address, zone }) => {
                write!(f, "{address}%{}", resolve::zone(*zone))
            }
        }
    }
}

/// What addresses are counted in: bits of an address of the family, and the zone.
type Space = (u32, u32);

/// Addresses that count up, as numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    space: Space,
    first: u128,
    last: u128,
}

impl Span {
    fn of(first: Target, count: u32) -> Span {
        let (bits, number) = match first.address {
            IpAddr::V4(address) => (Ipv4Addr::BITS, address.to_bits().into()),
            IpAddr::V6(address) => (Ipv6Addr::BITS, address.to_bits()),
        };
        Span {
            space: (bits, first.zone),
            first: number,
            last: number + u128::from(count.saturating_sub(1)),
        }
    }

    fn targets(self) -> (Target, u32) {
        let address = match self.space.0 {
            Ipv4Addr::BITS => Ipv4Addr::from_bits(self.first as u32).into(),
            _ => Ipv6Addr::from_bits(self.first).into(),
        };
        (Target { address, zone: self.space.1 }, (self.last - self.first + 1) as u32)
    }
}

/// Whether any address stands in a list twice. Sorts the runs and leaves them where they are, since
/// mostly none does.
fn overlaps(targets: &Targets) -> bool {
    let mut spans: Vec<Span> =
        targets.runs().map(|(first, count)| Span::of(first, count)).collect();
    spans.sort_unstable();
    spans.windows(2).any(|two| two[0].space == two[1].space && two[0].last >= two[1].first)
}

/// Addresses that were named so far: spans that do not touch, by where they start.
#[derive(Debug, Default)]
struct Seen(BTreeMap<(Space, u128), u128>);

impl Seen {
    /// The parts of a span that were not seen yet; now they are.
    fn unseen(&mut self, span: Span) -> Vec<(Target, u32)> {
        let before = self.0.range(..(span.space, span.first)).next_back();
        let before =
            before.filter(|((space, _), last)| *space == span.space && **last >= span.first);
        let within = self.0.range((span.space, span.first)..=(span.space, span.last));
        let mut parts = Vec::new();
        let mut next = Some(span.first);
        for ((_, first), last) in before.into_iter().chain(within) {
            if let Some(from) = next.filter(|from| from < first) {
                parts.push(Span { first: from, last: *first - 1, ..span });
            }
            next = last.checked_add(1);
        }
        if let Some(from) = next.filter(|from| *from <= span.last) {
            parts.push(Span { first: from, ..span });
        }
        for part in &parts {
            self.0.insert((part.space, part.first), part.last);
        }
        parts.into_iter().map(Span::targets).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Rules;

    fn asked(words: &str, all_addresses: bool) -> Asked {
        let mut list = List::new(Rules::default());
        list.read("test", &mut words.as_bytes()).expect("all are targets");
        let found = list
            .names()
            .map(|name| match name {
                "two.example" => Ok(["192.0.2.1", "2001:db8::1"]
                    .map(|text| Target { address: text.parse().expect("an address"), zone: 0 })
                    .to_vec()),
                _ => Err(Unresolved { name: name.into(), reason: "unknown".into(), code: -2 }),
            })
            .collect();
        Asked::new(list, found, all_addresses).expect("they fit")
    }

    fn rows(asked: &Asked) -> Vec<String> {
        let row = |row| match row {
            Row::Target(target) => {
                format!("{} {}", asked.label(target), asked.targets().at(target).address)
            }
            Row::Unresolved(name) => format!("{} {}", name.name, name.reason),
        };
        asked.rows().map(row).collect()
    }

    #[test]
    fn names_stand_where_they_were_named() {
        let asked = asked("none.example 192.0.2.8/31 two.example 192.0.2.10 last.example", false);
        assert_eq!(
            rows(&asked),
            [
                "none.example unknown",
                "192.0.2.8 192.0.2.8",
                "192.0.2.9 192.0.2.9",
                "two.example 192.0.2.1",
                "192.0.2.10 192.0.2.10",
                "last.example unknown",
            ]
        );
        assert_eq!((asked.len(), asked.unresolved(), asked.repeated()), (6, 2, 0));
    }

    #[test]
    fn all_addresses_of_a_name_on_request() {
        let asked = asked("two.example", true);
        assert_eq!(rows(&asked), ["two.example 192.0.2.1", "two.example 2001:db8::1"]);
    }

    #[test]
    fn nobody_is_asked_twice() {
        let words = "192.0.2.4 192.0.2.0-7 192.0.2.6-9 192.0.2.4 two.example two.example \
                     2001:db8::1 2001:db8::1 fe80::1%7 fe80::1%8";
        let asked = asked(words, false);
        let addresses: Vec<String> = asked
            .targets()
            .runs()
            .map(|(first, count)| format!("{}%{} x{count}", first.address, first.zone))
            .collect();
        assert_eq!(
            addresses,
            [
                "192.0.2.4%0 x1",
                "192.0.2.0%0 x4",
                "192.0.2.5%0 x5",
                "192.0.2.1%0 x1",
                "2001:db8::1%0 x1",
                "fe80::1%7 x1",
                "fe80::1%8 x1",
            ]
        );
        assert_eq!(asked.repeated(), 1 + 2 + 1 + 1 + 1);
    }

    #[test]
    fn the_ends_of_the_address_spaces_are_addresses_too() {
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let words = format!("255.255.255.255 255.255.255.254-255.255.255.255 {last} {last}");
        let asked = asked(&words, false);
        assert_eq!((asked.targets().len(), asked.repeated()), (3, 2));
    }
}
