//! Connection tracking and address translation, as a Linux gateway does it: packets and the time go
//! in, verdicts come out, headers are rewritten in place. No clock, no socket, chance from a seed.
//!
//! A packet meets a [`Tracker`] at two hooks or three on its road ([`Hook`]): to the gateway
//! `prerouting`, `input`; from it `output`, `postrouting`; through it `prerouting`, `forward`,
//! `postrouting`. Between them it carries its [`Passage`], a new connection included: that is kept
//! at the last hook only, so a packet that is dropped on the way leaves nothing behind. Packets are
//! whole datagrams: whoever has fragments puts them together before.

mod behaviour;
mod confirm;
mod destination;
mod foresight;
mod hold;
mod hooks;
mod index;
mod list;
mod mapping;
mod rewrite;
mod source;
mod table;
mod tcp;
mod timers;
mod track;
mod tuple;
mod wheel;
mod why;

pub use behaviour::{
    Behaviour, Filtering, Forward, Hairpinning, Mapping, OnExhaustion, Personality, Plan, Pooling,
    Ports, Quotes,
};
pub use hooks::{Passage, Realm, Relation, Verdict};
pub use list::{Event, EventKind, Listed, Statistics};
pub use table::Count;
pub use tcp::State;
pub use timers::Timers;
pub use tuple::Tuple;
pub use why::{Hook, Road, Station, Step, What, road};

use crate::random::Random;
use foresight::Foreseen;
pub(crate) use hold::HELD;
use hold::Hold;
use index::NONE;
use mapping::Mappings;
use probe::Time;
use probe::token::Key;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use table::{Entry, Table, by_peer, by_source, status};
use tuple::Address;
use wheel::Wheel;
use wire::icmp::Meaning;

/// Events that are kept for whoever watches; older ones are lost.
const EVENTS_MAX: usize = 65_536;

/// Entries of the wheel that one packet looks after.
const SWEPT_BY_PACKET: usize = 4;

/// Tracks connections and translates addresses.
///
/// Hooks ([`Tracker::prerouting`] and so on) take packets in the order in which they come. Besides,
/// [`Tracker::sweep`] forgets what has expired where no packets come, and [`Tracker::release`] says
/// which unsolicited SYNs are to be refused now; [`Tracker::due`] tells when either has work.
#[derive(Debug)]
pub struct Tracker {
    plan: Plan,
    /// The outer addresses of each family, as tuples have them.
    pool: Vec<(wire::Family, Arc<[Address]>)>,
    table: Table,
    wheel: Wheel,
    mappings: Mappings,
    hold: Hold,
    random: Random,
    /// The packets that are about to come, in their order.
    foreseen: VecDeque<Foreseen>,
    counts: Statistics,
    /// What happened, if somebody watches.
    events: Option<VecDeque<Event>>,
    /// What happened to the packet that is under way, if somebody asks.
    steps: Option<Vec<Step>>,
    /// When that packet came, and what it is.
    headline: Option<(Time, String)>,
    /// The roads of packets before it.
    roads: VecDeque<Road>,
}

impl Tracker {
    /// An empty tracker; all its chance, and the key of its hashes, come from the seed.
    pub fn new(plan: Plan, seed: u64) -> Tracker {
        let mut random = Random::named(seed, "connection tracking");
        let keys: [Key; 2] = std::array::from_fn(|_| Key(std::array::from_fn(|_| random.next())));
        let pool = addresses(&plan.pool);
        Tracker {
            plan,
            pool,
            table: Table::new(keys[0]),
            wheel: Wheel::new(),
            mappings: Mappings::new(keys[1]),
            hold: Hold::default(),
            random,
            foreseen: VecDeque::new(),
            counts: Statistics::default(),
            events: None,
            steps: None,
            headline: None,
            roads: VecDeque::new(),
        }
    }

    /// What was decided about it.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Behaves otherwise from now on. Connections stay as they are translated, and become mappings
    /// where the new behaviour has any.
    pub fn set_behaviour(&mut self, behaviour: Behaviour) {
        self.table.disband();
        self.plan.behaviour = behaviour;
        let numbers: Vec<u32> = self.table.numbers().collect();
        for number in numbers {
            self.adopt(number);
            self.join_group(number);
        }
    }

    /// Gives a connection that was translated without one its mapping.
    fn adopt(&mut self, number: u32) {
        let mapping = self.plan.behaviour.mapping;
        let entry = self.table.at(number);
        let [original, reply] = entry.tuples;
        let (outer, expires) = (reply.target(), entry.expires);
        let is_mapped = entry.mapping != NONE || entry.is(status::INBOUND);
        if mapping == Mapping::PerConnection || is_mapped || original.source() == outer {
            return;
        }
        let inner = Mappings::inner_of(&original, mapping);
        let known = self.mappings.find_inner(&inner);
        let taken = self.mappings.find_outer(inner.protocol, outer);
        let held = match (known, taken) {
            (None, None) => self.mappings.insert(inner, outer),
            (Some(known), Some(taken)) if known == taken => known,
            _ => return,
        };
        self.mappings.take(held);
        let fresh = &mut self.mappings.at_mut(held).fresh_until;
        *fresh = expires.max(*fresh);
        self.table.at_mut(number).mapping = held;
    }

    /// Lets a connection be found by what others of its kind have in common with it.
    fn join_group(&mut self, number: u32) {
        match self.plan.behaviour.mapping {
            Mapping::PerConnection => {
                let group = by_source(&self.table.at(number).tuples[0]);
                self.table.join(number, &group, |entry| Some(by_source(&entry.tuples[0])));
            }
            _ => {
                if let Some(group) = peer_group(self.table.at(number)) {
                    self.table.join(number, &group, peer_group);
                }
            }
        }
    }

    /// Connections in the table, those included that have expired and are not yet swept.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Mappings, where the behaviour has any.
    pub fn mappings(&self) -> usize {
        self.mappings.len()
    }

    /// Memory that connections and mappings take, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.table.bytes() + self.mappings.bytes()
    }

    /// What was counted.
    pub fn statistics(&self) -> Statistics {
        self.counts
    }

    /// All connections, ordered by family, protocol and original ends.
    pub fn list(&self, now: Time) -> Vec<Listed> {
        let entries = self.table.numbers().map(|number| self.table.at(number));
        let live = entries.filter(|entry| entry.expires > now);
        let mut listed: Vec<Listed> =
            live.map(|entry| Listed::of(entry, now, self.plan.counts)).collect();
        listed.sort_by_key(list::order);
        listed
    }

    /// Whether a datagram belongs to a connection that is known; changes no connection.
    pub fn knows(&mut self, now: Time, datagram: &[u8]) -> bool {
        let Some((_, tuple::Carried::Tuple(tuple))) = tuple::read(datagram, false) else {
            return false;
        };
        let tag = self.tag(&tuple);
        let found = self.table.find_tagged(tag, &tuple);
        found.is_some_and(|(number, _)| self.table.at(number).expires > now)
    }

    /// Begins or ceases to keep events.
    pub fn watch(&mut self, is_watched: bool) {
        self.events = is_watched.then(|| self.events.take().unwrap_or_default());
    }

    /// What happened since this was asked last, if it is watched.
    pub fn take_events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.iter_mut().flat_map(|events| events.drain(..))
    }

    /// Begins or ceases to tell of each packet's road.
    pub fn explain(&mut self, is_explained: bool) {
        self.steps = is_explained.then(Vec::new);
    }

    /// The roads of packets that came since this was asked last, if they are to be told.
    pub fn take_roads(&mut self) -> impl Iterator<Item = Road> + '_ {
        self.finish_road();
        self.roads.drain(..)
    }

    /// Puts the road of the last packet to the others.
    fn finish_road(&mut self) {
        let (Some(steps), Some((at, packet))) = (&mut self.steps, self.headline.take()) else {
            return;
        };
        if self.roads.len() >= EVENTS_MAX {
            self.roads.pop_front();
        }
        self.roads.push_back(Road { at, packet, steps: std::mem::take(steps) });
    }

    /// The road of the last packet as far as it has come, if that is to be told.
    pub fn steps(&self) -> &[Step] {
        self.steps.as_deref().unwrap_or_default()
    }

    /// The packet that is under way goes no further.
    pub(crate) fn stop(&mut self, why: &'static str, told: Option<Meaning>) {
        self.note(Hook::Routing, Station::Way, || What::Stopped { why, told });
    }

    /// A packet that has left goes no further, as is known by now only.
    pub(crate) fn stop_late(
        &mut self,
        now: Time,
        bytes: &[u8],
        why: &'static str,
        told: Option<Meaning>,
    ) {
        if self.steps.is_some() {
            self.finish_road();
            self.headline = Some((now, why::headline(bytes)));
            self.note(Hook::Postrouting, Station::Way, || What::Stopped { why, told });
            self.finish_road();
        }
    }

    /// When there is work without a packet: to sweep or to release.
    pub fn due(&self) -> Option<Time> {
        self.wheel.due().into_iter().chain(self.hold.due()).min()
    }

    /// Forgets what has expired; looks at so many connections at most. Whether it is done.
    pub fn sweep(&mut self, now: Time, at_most: usize) -> bool {
        for _ in 0..at_most {
            let Some(number) = self.wheel.next(&mut self.table, now) else { return true };
            let expires = self.table.at(number).expires;
            if expires <= now {
                self.forget(now, number);
            } else {
                self.wheel.hang(&mut self.table, number, expires);
            }
        }
        false
    }

    /// SYNs that nobody inside has met within six seconds (RFC 5382 REQ-4): each is to be answered
    /// with "port unreachable". One at a time, as whole datagrams.
    pub fn release(&mut self, now: Time) -> Option<Vec<u8>> {
        self.hold.release(now)
    }

    /// Forgets everything.
    pub fn flush(&mut self, now: Time) {
        let numbers: Vec<u32> = self.table.numbers().collect();
        numbers.into_iter().for_each(|number| {
            self.forget(now, number);
        });
    }

    /// Takes a connection out of everything; what it was.
    fn forget(&mut self, now: Time, number: u32) -> Entry {
        self.wheel.unhang(&mut self.table, number);
        let entry = self.table.remove(number);
        let rest = timers::seconds(self.plan.behaviour.quarantine_seconds);
        for mapping in [entry.mapping, entry.second_mapping] {
            self.mappings.give_up(now, mapping, now + rest);
        }
        self.tell(now, EventKind::Destroy, &entry);
        entry
    }

    fn tell(&mut self, now: Time, kind: EventKind, entry: &Entry) {
        let Some(events) = &mut self.events else { return };
        if events.len() >= EVENTS_MAX {
            events.pop_front();
        }
        let connection = Listed::of(entry, now, self.plan.counts);
        events.push_back(Event { at: now, kind, connection });
    }

    fn note(&mut self, hook: Hook, station: Station, what: impl FnOnce() -> What) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step { hook, station, what: what() });
        }
    }

    /// Whether an address is one of its outer ones.
    fn is_outer(&self, address: Address, family: wire::Family) -> bool {
        self.pool.iter().any(|(own, all)| *own == family && all.contains(&address))
    }

    /// The live connection and direction of a tuple; one that has expired goes.
    fn find_live(&mut self, now: Time, tuple: &Tuple) -> Option<(u32, usize)> {
        self.find_live_tagged(now, self.table.tag(tuple), tuple)
    }

    fn find_live_tagged(&mut self, now: Time, tag: u32, tuple: &Tuple) -> Option<(u32, usize)> {
        let (number, direction) = self.table.find_tagged(tag, tuple)?;
        if self.table.at(number).expires > now {
            return Some((number, direction));
        }
        self.forget(now, number);
        None
    }
}

fn addresses(pool: &[IpAddr]) -> Vec<(wire::Family, Arc<[Address]>)> {
    let of = |family| {
        let own = pool.iter().filter(|ip| wire::Family::of(**ip) == family);
        (family, own.map(|ip| Address::from(*ip)).collect())
    };
    wire::Family::ALL.map(of).to_vec()
}

/// What a connection lets others of the same address do: those that inside has sent to.
fn peer_group(entry: &Entry) -> Option<table::Group> {
    let is_inbound = entry.is(status::INBOUND);
    let inward = entry.tuples[usize::from(!is_inbound)];
    let is_met = !is_inbound || entry.is(status::ANSWERED);
    (entry.mapping != NONE && is_met).then(|| by_peer(&inward))
}
