//! The station at priority 100: under which outer end a connection leaves.

use super::Tracker;
use super::behaviour::{Behaviour, Pooling, Ports};
use super::hooks::{Realm, UNSOLICITED};
use super::index::NONE;
use super::mapping::{Choice, Mappings, Refusal};
use super::table::{Entry, by_source, status};
use super::tcp::State;
use super::tuple::{Address, End, Tuple};
use probe::Time;
use std::sync::Arc;
use wire::ip::protocol;

/// Ports that Linux tries at most from one random start.
const TRIES: u32 = 128;

/// Connections of one source that are asked for their outer end.
const ASKED: usize = 16;

impl Tracker {
    /// Chooses the source under which the first packet of a connection leaves; the rule's name, or
    /// why it may not.
    pub(super) fn choose_source(
        &mut self,
        now: Time,
        entry: &mut Entry,
        from: Realm,
        to: Realm,
    ) -> Result<&'static str, &'static str> {
        let forward = entry.leaves(0);
        let is_hairpin = entry.is(status::HAIRPIN) && to == Realm::Inside;
        let leaves = from == Realm::Inside && to == Realm::Outside || is_hairpin;
        let is_translator = self.plan.masquerades && self.plan.families.contains(&forward.family);
        let masquerades = is_translator && leaves && !self.is_exempt(&forward);
        if !masquerades {
            let is_redirected = forward.destination() != entry.tuples[0].destination();
            let is_foreign = from == Realm::Outside && to == Realm::Inside && !is_redirected;
            if is_foreign && self.drops_unasked() {
                return Err(UNSOLICITED);
            }
            // As it is, unless that name is taken.
            let source = forward.source();
            let range = Range { addresses: &[source.address], ports: None };
            let chosen = self.unique(now, entry, &forward, &range, Ports::Preserved);
            self.reply_to(entry, &chosen);
            return Ok("source");
        }
        let addresses = self.addresses_of(&forward);
        if addresses.is_empty() {
            return Err("no outer address");
        }
        if self.maps() {
            self.map(now, entry, &forward)?;
            return Ok("masquerade");
        }
        let ports = self.plan.ports.clone().filter(|_| !forward.is_query());
        let range = Range { addresses: &addresses, ports: ports.map(|p| (*p.start(), *p.end())) };
        let kind = self.plan.behaviour.ports;
        let chosen = self.unique(now, entry, &forward, &range, kind);
        self.reply_to(entry, &chosen);
        Ok("masquerade")
    }

    /// The outer addresses of a packet's family.
    fn addresses_of(&self, tuple: &Tuple) -> Arc<[Address]> {
        let own = self.pool.iter().find(|(family, _)| *family == tuple.family);
        own.map_or_else(|| Arc::new([]) as Arc<[Address]>, |(_, all)| Arc::clone(all))
    }

    fn is_exempt(&self, forward: &Tuple) -> bool {
        let target = forward.destination();
        self.plan.exempt.iter().any(|(address, port)| {
            *address == forward.destination_ip() && port.is_none_or(|port| port == target.port)
        })
    }

    fn reply_to(&mut self, entry: &mut Entry, chosen: &Tuple) {
        if let Some(reply) = chosen.invert() {
            entry.tuples[1] = reply;
        }
    }

    /// The outer address of an inner end.
    pub(super) fn address_for(&self, forward: &Tuple, other: End) -> Address {
        let addresses = self.addresses_of(forward);
        let index = pick(forward, self.plan.behaviour.pooling, addresses.len());
        addresses.get(index).copied().unwrap_or(other.address)
    }

    /// Gives a connection the outer end of its mapping, which may be new.
    fn map(&mut self, now: Time, entry: &mut Entry, forward: &Tuple) -> Result<(), &'static str> {
        let behaviour: Behaviour = self.plan.behaviour;
        let inner = Mappings::inner_of(&entry.tuples[0], behaviour.mapping);
        let number = match self.mappings.find_inner(&inner) {
            Some(number) => number,
            None => {
                let address = self.address_for(forward, forward.source());
                let ports = self.plan.ports.clone();
                let choice =
                    Choice { inner: &inner, address, behaviour: &behaviour, ports: ports.as_ref() };
                let given: Vec<u16> = self.given_away(inner.protocol);
                let taken = |end: End| given.contains(&end.port);
                let chosen = self.mappings.choose(now, &choice, &mut self.random, taken);
                let outer = chosen.map_err(|refusal| match refusal {
                    Refusal::NoPort => "no port is left",
                    Refusal::Subscriber => "the sender has all its ports",
                })?;
                self.mappings.insert(inner, outer)
            }
        };
        let held = self.mappings.at_mut(number);
        held.fresh_until = held.fresh_until.max(entry.expires);
        let outer = held.outer;
        // A connection that comes back in has the mapping of whom it reaches already.
        if entry.mapping == NONE {
            entry.mapping = number;
        } else {
            entry.second_mapping = number;
        }
        let chosen = forward.from(outer);
        self.reply_to(entry, &chosen);
        Ok(())
    }

    fn given_away(&self, protocol: u8) -> Vec<u16> {
        let served = self.plan.served.iter().filter(|(number, _)| *number == protocol);
        let rules = self.plan.forwards.iter().filter(|rule| {
            rule.protocol.is_none_or(|number| number == protocol) && rule.address.is_none()
        });
        served.map(|(_, port)| *port).chain(rules.filter_map(|rule| rule.port)).collect()
    }

    /// A source in a range that makes the connection's name unique, as Linux looks for one; the
    /// last that was tried if there is none, which shows when it is to be kept.
    fn unique(
        &mut self,
        now: Time,
        entry: &Entry,
        forward: &Tuple,
        range: &Range<'_>,
        ports: Ports,
    ) -> Tuple {
        if ports != Ports::Random {
            if ports == Ports::Preserved && range.contains(forward) {
                if !self.is_used(now, entry, forward) {
                    return *forward;
                }
            } else if let Some(known) = self.known_source(now, forward, entry, range)
                && !self.is_used(now, entry, &known)
            {
                return known;
            }
        }
        let pooling = self.plan.behaviour.pooling;
        let index = pick(forward, pooling, range.addresses.len());
        let address = range.addresses.get(index).copied().unwrap_or(forward.source().address);
        let best = forward.from(End { address, ..forward.source() });
        if ports == Ports::Preserved && range.allows_port(&best) {
            let is_single = range.ports.is_some_and(|(first, last)| first == last);
            if is_single || !self.is_used(now, entry, &best) {
                return best;
            }
        }
        self.unique_port(now, entry, best, range, ports)
    }

    /// The source that another connection of the same inner end has.
    fn known_source(
        &self,
        now: Time,
        forward: &Tuple,
        entry: &Entry,
        range: &Range<'_>,
    ) -> Option<Tuple> {
        if self.maps() {
            return None;
        }
        let group = by_source(&entry.tuples[0]);
        let of = |entry: &Entry| Some(by_source(&entry.tuples[0]));
        let mut next = self.table.first_of(&group, of);
        for _ in 0..ASKED {
            let number = next?;
            let other = self.table.at(number);
            let known = forward.from(other.leaves(0).source());
            if other.expires > now && range.contains(&known) {
                return Some(known);
            }
            next = self.table.next_of(number);
        }
        None
    }

    /// Whether an answer to that would be taken for another connection's.
    fn is_used(&mut self, now: Time, entry: &Entry, forward: &Tuple) -> bool {
        let Some(reply) = forward.invert() else { return false };
        let Some((number, _)) = self.find_live(now, &reply) else {
            return self.maps()
                && self.mappings.find_outer(forward.protocol, reply.target()).is_some();
        };
        let is_same = self.table.at(number).tuples[0] == entry.tuples[0];
        self.counts.found += u64::from(!is_same);
        !is_same
    }

    /// Likewise, but where little hope is left, a TCP connection that is over makes room.
    fn is_used_still(
        &mut self,
        now: Time,
        entry: &Entry,
        forward: &Tuple,
        tries_left: u32,
    ) -> bool {
        if !self.is_used(now, entry, forward) {
            return false;
        }
        let is_last_hope = tries_left <= TRIES / 4
            && forward.protocol == protocol::TCP
            && entry.tcp.state == State::SynSent;
        let Some(reply) = forward.invert().filter(|_| is_last_hope) else { return true };
        let Some((number, _)) = self.table.find(&reply) else { return true };
        let other = self.table.at(number);
        let is_over = matches!(other.tcp.state, State::TimeWait | State::Close);
        let is_translated = other.tuples[0].source() != other.leaves(0).source();
        let ahead = entry.tcp.first_end().wrapping_sub(other.tcp.first_end()) as i32;
        if is_over && is_translated && ahead > 0 {
            self.forget(now, number);
            return false;
        }
        true
    }

    /// Tries ports from a random start; what is tried gets less with each start.
    fn unique_port(
        &mut self,
        now: Time,
        entry: &Entry,
        best: Tuple,
        range: &Range<'_>,
        ports: Ports,
    ) -> Tuple {
        if !best.has_ports() {
            return best;
        }
        let (first, count) = range.span(&best);
        let start = match ports {
            Ports::Sequential(from) => u32::from(from).saturating_sub(first),
            _ => self.random.next() as u32 & 0xffff,
        };
        let with = |offset: u32| {
            let port = (first + offset % count) as u16;
            best.from(End { port, ..best.source() })
        };
        if matches!(ports, Ports::Sequential(_)) {
            let mut all = (0..count).map(|n| with(start + n));
            return all.find(|tuple| !self.is_used(now, entry, tuple)).unwrap_or(best);
        }
        let (mut offset, mut tries) = (start, count.min(TRIES));
        let mut last = best;
        loop {
            for n in 0..tries {
                last = with(offset + n);
                if !self.is_used_still(now, entry, &last, tries - n) {
                    return last;
                }
            }
            if tries >= count || tries < 16 {
                return last;
            }
            tries /= 2;
            offset = self.random.next() as u32 & 0xffff;
        }
    }
}

/// Sources that a connection may have.
struct Range<'a> {
    addresses: &'a [Address],
    ports: Option<(u16, u16)>,
}

impl Range<'_> {
    fn allows_port(&self, tuple: &Tuple) -> bool {
        let port = tuple.source().port;
        self.ports.is_none_or(|(first, last)| (first..=last).contains(&port) || !tuple.has_ports())
    }

    fn contains(&self, tuple: &Tuple) -> bool {
        self.addresses.contains(&tuple.source().address) && self.allows_port(tuple)
    }

    /// The first port to be tried, and how many there are: of the inner one's class, if none are
    /// given.
    fn span(&self, tuple: &Tuple) -> (u32, u32) {
        let (first, last) = match (self.ports, tuple.source().port) {
            _ if tuple.is_query() && self.ports.is_none() => (0, u16::MAX),
            (Some((first, last)), _) => (first, last),
            (None, 0..512) => (1, 511),
            (None, 512..1_024) => (600, 1_023),
            (None, _) => (1_024, u16::MAX),
        };
        (first.into(), u32::from(last) - u32::from(first) + 1)
    }
}

/// Which of several addresses a connection gets: by a hash of its source, and of its destination if
/// inner ends are not paired with outer ones. It is Linux's, so that the same are chosen.
fn pick(forward: &Tuple, pooling: Pooling, count: usize) -> usize {
    if count < 2 {
        return 0;
    }
    let words = |address: Address| -> [u32; 4] {
        let words = match address.words() {
            // A short address stands in front.
            [0, short] if short >> 32 == 0 => [short as u32, 0, 0, 0],
            [front, back] => [(front >> 32) as u32, front as u32, (back >> 32) as u32, back as u32],
        };
        words.map(u32::swap_bytes)
    };
    let destination = words(forward.destination().address);
    let salt = match pooling {
        Pooling::Paired => 0,
        Pooling::Arbitrary if forward.destination().address.words()[0] == 0 => destination[0],
        Pooling::Arbitrary => destination[3],
    };
    let hash = jhash(words(forward.source().address), salt);
    ((u64::from(hash) * count as u64) >> 32) as usize
}

/// Bob Jenkins's lookup3 hash of four words, as Linux has it.
fn jhash(words: [u32; 4], salt: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(16).wrapping_add(salt);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|at| start.wrapping_add(words[at]));
    let mix = |x: &mut u32, y: u32, turn: u32| *x = x.wrapping_sub(y) ^ y.rotate_left(turn);
    mix(&mut a, c, 4);
    c = c.wrapping_add(b);
    mix(&mut b, a, 6);
    a = a.wrapping_add(c);
    mix(&mut c, b, 8);
    b = b.wrapping_add(a);
    mix(&mut a, c, 16);
    c = c.wrapping_add(b);
    mix(&mut b, a, 19);
    a = a.wrapping_add(c);
    mix(&mut c, b, 4);
    b = b.wrapping_add(a);
    a = a.wrapping_add(words[3]);
    let end = |x: &mut u32, y: u32, turn: u32| *x = (*x ^ y).wrapping_sub(y.rotate_left(turn));
    end(&mut c, b, 14);
    end(&mut a, c, 11);
    end(&mut b, a, 25);
    end(&mut c, b, 16);
    end(&mut a, c, 4);
    end(&mut b, a, 14);
    end(&mut c, b, 24);
    c
}
