//! Mappings as RFC 4787 has them: an inner end, the outer end that it seems to be, and the
//! connections that use it. Linux's behaviour has none.

use super::behaviour::{Behaviour, Mapping, Ports};
use super::index::{Index, NONE};
use super::tuple::{Address, End, Tuple};
use crate::random::Random;
use probe::Time;
use probe::token::Key;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

/// One mapping. The inner tuple is a packet's from inside as far as it matters: source and
/// protocol, and the destination where the mapping depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) inner: Tuple,
    pub(crate) outer: End,
    /// Until when it lets in what does not belong to a connection yet.
    pub(crate) fresh_until: Time,
    /// Connections that use it; nobody has a place if it is 0.
    users: u32,
}

/// All mappings.
#[derive(Debug)]
pub(crate) struct Mappings {
    key: Key,
    all: Vec<Held>,
    free: Vec<u32>,
    by_inner: Index,
    by_outer: Index,
    /// Mappings by inner address, where their number is limited.
    subscribers: BTreeMap<Address, u32>,
    /// Outer ends that were given up lately, whose they were, and until when nobody else gets them.
    resting: BTreeMap<(u8, End), (Address, Time)>,
    rest_ends: VecDeque<(Time, (u8, End))>,
    /// Where the next sequential port is looked for.
    cursor: u16,
    /// Counts what may make a port free: ends given up, and rests that are over.
    freed: u64,
    /// For whom there was no port, and the count then: there is none still.
    full: Option<(u64, u8, Address, bool)>,
}

/// Why there is no mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All ports are taken.
    NoPort,
    /// The inner address has as many as it may.
    Subscriber,
}

impl Mappings {
    pub(crate) fn new(key: Key) -> Mappings {
        Mappings {
            key,
            all: Vec::new(),
            free: Vec::new(),
            by_inner: Index::new(),
            by_outer: Index::new(),
            subscribers: BTreeMap::new(),
            resting: BTreeMap::new(),
            rest_ends: VecDeque::new(),
            cursor: 0,
            freed: 0,
            full: None,
        }
    }

    /// Memory that they take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let slots = self.by_inner.bytes() + self.by_outer.bytes();
        self.all.capacity() * size_of::<Held>() + self.free.capacity() * 4 + slots
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    pub(crate) fn at(&self, number: u32) -> &Held {
        &self.all[number as usize]
    }

    pub(crate) fn at_mut(&mut self, number: u32) -> &mut Held {
        &mut self.all[number as usize]
    }

    /// What of a packet from inside decides which mapping it has.
    pub(crate) fn inner_of(tuple: &Tuple, mapping: Mapping) -> Tuple {
        match mapping {
            _ if tuple.is_query() && mapping != Mapping::EndpointIndependent => {
                tuple.source_alone().to(End { port: 0, ..tuple.destination() })
            }
            Mapping::AddressAndPortDependent => *tuple,
            Mapping::AddressDependent => {
                tuple.source_alone().to(End { port: 0, ..tuple.destination() })
            }
            Mapping::EndpointIndependent | Mapping::PerConnection => tuple.source_alone(),
        }
    }

    fn tag(&self, tuple: &Tuple) -> u32 {
        let ([a, b, c, d], ports) = tuple.words();
        self.key.hash([a, b, c, d, ports]) as u32
    }

    fn outer_tag(&self, protocol: u8, outer: End) -> u32 {
        let [a, b] = outer.address.words();
        self.key.hash([a, b, u64::from(outer.port) << 8 | u64::from(protocol)]) as u32
    }

    pub(crate) fn find_inner(&self, inner: &Tuple) -> Option<u32> {
        self.by_inner.find(self.tag(inner), |number| self.at(number).inner == *inner)
    }

    /// The mapping of an outer end.
    pub(crate) fn find_outer(&self, protocol: u8, outer: End) -> Option<u32> {
        let tag = self.outer_tag(protocol, outer);
        self.by_outer.find(tag, |number| {
            let held = self.at(number);
            held.outer == outer && held.inner.protocol == protocol
        })
    }

    /// Adds a mapping that nobody uses yet: whoever does not use it gives it up.
    pub(crate) fn insert(&mut self, inner: Tuple, outer: End) -> u32 {
        let held = Held { inner, outer, fresh_until: Time::ZERO, users: 0 };
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = held;
                number
            }
            None => {
                self.all.push(held);
                (self.all.len() - 1) as u32
            }
        };
        self.by_inner.insert(self.tag(&inner), number);
        self.by_outer.insert(self.outer_tag(inner.protocol, outer), number);
        *self.subscribers.entry(inner.source().address).or_default() += 1;
        number
    }

    /// One more connection uses it.
    pub(crate) fn take(&mut self, number: u32) {
        self.at_mut(number).users += 1;
    }

    /// One connection less uses it; without any it is given up.
    pub(crate) fn give_up(&mut self, now: Time, number: u32, quarantine: Time) {
        if number == NONE {
            return;
        }
        let held = self.at_mut(number);
        held.users = held.users.saturating_sub(1);
        if held.users > 0 {
            return;
        }
        let Held { inner, outer, .. } = *held;
        self.freed += 1;
        self.by_inner.remove(self.tag(&inner), number);
        self.by_outer.remove(self.outer_tag(inner.protocol, outer), number);
        self.free.push(number);
        let subscriber = inner.source().address;
        if let Some(count) = self.subscribers.get_mut(&subscriber) {
            *count -= 1;
            if *count == 0 {
                self.subscribers.remove(&subscriber);
            }
        }
        if quarantine > now {
            let name = (inner.protocol, outer);
            self.resting.insert(name, (subscriber, quarantine));
            self.rest_ends.push_back((quarantine, name));
        }
    }

    /// Gives up a mapping that was made for a connection which was not kept.
    pub(crate) fn drop_unused(&mut self, now: Time, number: u32) {
        if number == NONE {
            return;
        }
        let Held { inner, users, .. } = *self.at(number);
        if users == 0 && self.find_inner(&inner) == Some(number) {
            self.give_up(now, number, now);
        }
    }

    /// How many one inner address has.
    pub(crate) fn of_subscriber(&self, address: Address) -> u32 {
        self.subscribers.get(&address).copied().unwrap_or(0)
    }

    /// Lets ends out of their rest that have had it; a few at a time.
    pub(crate) fn wake(&mut self, now: Time) {
        for _ in 0..4 {
            match self.rest_ends.front() {
                Some((until, _)) if *until <= now => {}
                _ => return,
            }
            let Some((until, name)) = self.rest_ends.pop_front() else { return };
            // It may have been given up again since.
            if self.resting.get(&name).is_some_and(|(_, other)| *other == until) {
                self.resting.remove(&name);
                self.freed += 1;
            }
        }
    }

    fn rests(&self, now: Time, protocol: u8, outer: End, subscriber: Address) -> bool {
        let rest = self.resting.get(&(protocol, outer));
        rest.is_some_and(|(whose, until)| *until > now && *whose != subscriber)
    }

    /// An outer end for an inner one; `taken` are those that are not to be given out.
    pub(crate) fn choose(
        &mut self,
        now: Time,
        choice: &Choice<'_>,
        random: &mut Random,
        taken: impl Fn(End) -> bool,
    ) -> Result<End, Refusal> {
        let Choice { inner, address, behaviour, .. } = *choice;
        let source = inner.source();
        let most = behaviour.per_subscriber;
        if most.is_some_and(|most| self.of_subscriber(source.address) >= most) {
            return Err(Refusal::Subscriber);
        }
        let is_free = |port: u16| {
            let outer = End { address, port };
            !taken(outer)
                && self.find_outer(inner.protocol, outer).is_none()
                && !self.rests(now, inner.protocol, outer, source.address)
        };
        if !inner.has_ports() {
            let found = is_free(0).then_some(End { address, port: 0 });
            return found.ok_or(Refusal::NoPort);
        }
        let range = choice.range();
        let parity = behaviour.keeps_parity && !inner.is_query();
        let step = if parity { 2 } else { 1 };
        let (least, most) = (u32::from(*range.start()), u32::from(*range.end()));
        // The first number of the right parity, and how many there are from there on.
        let first = least + if parity { (least ^ u32::from(source.port)) & 1 } else { 0 };
        let count = (most + 1).saturating_sub(first).div_ceil(step);
        let preserved = behaviour.ports == Ports::Preserved && range.contains(&source.port);
        if preserved && is_free(source.port) {
            return Ok(End { address, port: source.port });
        }
        let begin = match behaviour.ports {
            Ports::Sequential(from) => {
                let from = u32::from(if self.cursor < from { from } else { self.cursor });
                from.saturating_sub(first) / step
            }
            Ports::Random | Ports::Preserved => random.below(count.into()) as u32,
        };
        let ports = (0..count).map(|n| (first + (begin + n) % count * step) as u16);
        let state = (self.freed, inner.protocol, address, source.port < 1_024);
        if self.full == Some(state) {
            return Err(Refusal::NoPort);
        }
        let Some(port) = ports.into_iter().find(|port| is_free(*port)) else {
            // With parity the other half may have ports still.
            self.full = (!parity).then_some(state);
            return Err(Refusal::NoPort);
        };
        if let Ports::Sequential(_) = behaviour.ports {
            self.cursor = port.wrapping_add(1);
        }
        Ok(End { address, port })
    }
}

/// What decides which outer end an inner one gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) inner: &'a Tuple,
    pub(crate) address: Address,
    pub(crate) behaviour: &'a Behaviour,
    /// The ports that are given out at all, if not all are.
    pub(crate) ports: Option<&'a RangeInclusive<u16>>,
}

impl Choice<'_> {
    /// Ports of the inner one's class (RFC 4787 REQ-3a), or those that are given out at all.
    fn range(&self) -> RangeInclusive<u16> {
        match self.ports {
            _ if self.inner.is_query() => 0..=u16::MAX,
            Some(range) => range.clone(),
            None if self.inner.source().port < 1_024 => 1..=1_023,
            None => 1_024..=u16::MAX,
        }
    }
}
