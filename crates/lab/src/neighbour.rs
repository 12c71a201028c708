//! What a node knows of its neighbours on Ethernet: who has which link-layer address, how sure that
//! is, and what waits for an answer (RFC 826, RFC 1122 §2.3.2, RFC 4861 §7.3), with Linux's times.
//! The messages are in `exchange`.

mod exchange;

use crate::ethernet::LinkAddress;
use crate::random::Random;
use probe::Time;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// How often a neighbour is asked for before it counts as unreachable (Linux's mcast_solicit and
/// ucast_solicit; RFC 4861 §10).
const QUESTIONS: u32 = 3;

/// From one question to the next (RFC 4861 §10, Linux's retrans_time).
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

/// How long a neighbour that is no longer sure is used before it is asked (RFC 4861 §10).
const DELAY: Duration = Duration::from_secs(5);

/// Packets that wait for one neighbour at most; the oldest gives way (Linux's unres_qlen).
const WAITING_MAX: usize = 101;

/// Neighbours that a node knows at most (Linux's gc_thresh3).
const NEIGHBOURS_MAX: usize = 1_024;

/// The shortest and the longest time for which an answer counts: half and one and a half times 30 s
/// (RFC 4861 §6.3.2).
const REACHABLE_MS: (u64, u64) = (15_000, 45_000);

/// A neighbour, by the interface that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) interface: usize,
    pub(crate) address: IpAddr,
}

/// How sure it is that a neighbour has its link-layer address (RFC 4861 §7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It has been asked for, and has not answered yet.
    Incomplete,
    /// It answered not long ago.
    Reachable,
    /// It answered once, or was heard of.
    Stale,
    /// Likewise, and something was sent to it a moment ago.
    Delay,
    /// It is being asked whether it is still there.
    Probe,
}

/// A neighbour as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The interface that leads to it, by its index among the node's.
    pub interface: usize,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, once that is known.
    pub link_address: Option<[u8; 6]>,
    /// How sure that is.
    pub state: Reachability,
}

/// What a node knows.
#[derive(Debug)]
pub(crate) struct Neighbours {
    entries: BTreeMap<Key, Entry>,
    /// For how long an answer counts at this node.
    reachable: Duration,
    /// Numbers timers, so that one that was meant for an earlier state does nothing.
    timers: u64,
}

#[derive(Debug)]
struct Entry {
    link: LinkAddress,
    state: State,
    /// When something was sent to it or heard of it.
    used: Time,
    /// The number of its timer.
    timer: u64,
}

#[derive(Debug)]
enum State {
    Incomplete { asked: u32, waiting: VecDeque<Vec<u8>> },
    Reachable { until: Time },
    Stale,
    Delay,
    Probe { asked: u32 },
}

/// Names a moment at which a node comes back to a neighbour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    key: Key,
    number: u64,
}

/// What is to be done about a neighbour.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// Packets that go to it now.
    packets: Vec<Vec<u8>>,
    /// Where they go.
    link: LinkAddress,
    asks: Option<Asks>,
    /// When to come back to it.
    timer: Option<Duration>,
    /// Nobody answered. What waited for it goes back to its senders.
    is_lost: bool,
    unreachable: VecDeque<Vec<u8>>,
}

/// Who is asked for a neighbour's link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Everybody,
    Itself(LinkAddress),
}

/// What a message says of its sender's link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// It asks for somebody, and names its own.
    InPassing,
    /// It says so when asked, or unasked; `overrides` what is known or not.
    Answer { is_solicited: bool, overrides: bool },
}

impl Neighbours {
    pub(crate) fn new(mut random: Random) -> Neighbours {
        let (least, most) = REACHABLE_MS;
        let reachable = Duration::from_millis(least + random.below(most - least + 1));
        Neighbours { entries: BTreeMap::new(), reachable, timers: 0 }
    }

    /// Everything that is known, in the order of interfaces and addresses.
    pub(crate) fn list(&self, now: Time) -> Vec<Neighbour> {
        let seen = |(key, entry): (&Key, &Entry)| {
            let state = match entry.state {
                State::Incomplete { .. } => Reachability::Incomplete,
                State::Reachable { until } if now < until => Reachability::Reachable,
                State::Reachable { .. } | State::Stale => Reachability::Stale,
                State::Delay => Reachability::Delay,
                State::Probe { .. } => Reachability::Probe,
            };
            let link_address = (state != Reachability::Incomplete).then_some(entry.link);
            Neighbour { interface: key.interface, address: key.address, link_address, state }
        };
        self.entries.iter().map(seen).collect()
    }

    /// The link-layer address of a neighbour, if it is known.
    pub(crate) fn link_of(&self, key: Key) -> Option<LinkAddress> {
        let entry = self.entries.get(&key)?;
        (!matches!(entry.state, State::Incomplete { .. })).then_some(entry.link)
    }

    /// Forgets who is behind an interface; what waits there is lost.
    pub(crate) fn forget(&mut self, interface: usize) {
        self.entries.retain(|key, _| key.interface != interface);
    }

    /// What of a neighbour's packets waits first.
    fn waiting(&self, key: Key) -> Option<&[u8]> {
        match &self.entries.get(&key)?.state {
            State::Incomplete { waiting, .. } => waiting.front().map(Vec::as_slice),
            _ => None,
        }
    }

    /// Something is to be sent to a neighbour.
    fn send(&mut self, now: Time, key: Key, packet: Vec<u8>) -> Outcome {
        let Some(entry) = self.entries.get_mut(&key) else { return self.begin(now, key, packet) };
        entry.used = now;
        match &mut entry.state {
            State::Incomplete { waiting, .. } => {
                if waiting.len() >= WAITING_MAX {
                    waiting.pop_front();
                }
                waiting.push_back(packet);
                return Outcome::default();
            }
            State::Reachable { until } if now < *until => {}
            State::Delay | State::Probe { .. } => {}
            State::Reachable { .. } | State::Stale => {
                entry.state = State::Delay;
                let link = entry.link;
                return Outcome {
                    packets: vec![packet],
                    link,
                    timer: Some(DELAY),
                    ..Outcome::default()
                };
            }
        }
        Outcome { packets: vec![packet], link: entry.link, ..Outcome::default() }
    }

    /// Begins to look for a neighbour; without room the packet is lost.
    fn begin(&mut self, now: Time, key: Key, packet: Vec<u8>) -> Outcome {
        let waiting = VecDeque::from([packet]);
        let state = State::Incomplete { asked: 1, waiting };
        if !self.insert(key, Entry { link: [0; 6], state, used: now, timer: 0 }) {
            return Outcome::default();
        }
        Outcome {
            asks: Some(Asks::Everybody),
            timer: Some(BETWEEN_QUESTIONS),
            ..Outcome::default()
        }
    }

    /// Takes an entry in; the one that was used the longest ago gives way, unless it is asked for.
    fn insert(&mut self, key: Key, entry: Entry) -> bool {
        if self.entries.len() >= NEIGHBOURS_MAX {
            let known = self.entries.iter();
            let known = known.filter(|(_, entry)| !matches!(entry.state, State::Incomplete { .. }));
            let Some(oldest) = known.min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key)
            else {
                return false;
            };
            self.entries.remove(&oldest);
        }
        self.entries.insert(key, entry);
        true
    }

    /// Sets the timer of a neighbour.
    fn arm(&mut self, key: Key) -> Option<Timer> {
        self.timers += 1;
        self.entries.get_mut(&key)?.timer = self.timers;
        Some(Timer { key, number: self.timers })
    }

    /// A timer has run out.
    fn fired(&mut self, timer: Timer) -> Outcome {
        let Timer { key, number } = timer;
        let entry = self.entries.get_mut(&key).filter(|entry| entry.timer == number);
        let Some(entry) = entry else { return Outcome::default() };
        let again = |asks| Outcome {
            asks: Some(asks),
            timer: Some(BETWEEN_QUESTIONS),
            ..Outcome::default()
        };
        match &mut entry.state {
            State::Incomplete { asked, .. } if *asked < QUESTIONS => {
                *asked += 1;
                return again(Asks::Everybody);
            }
            State::Probe { asked } if *asked < QUESTIONS => {
                *asked += 1;
                return again(Asks::Itself(entry.link));
            }
            State::Delay => {
                entry.state = State::Probe { asked: 1 };
                return again(Asks::Itself(entry.link));
            }
            State::Reachable { .. } | State::Stale => return Outcome::default(),
            State::Incomplete { .. } | State::Probe { .. } => {}
        }
        let unreachable = match self.entries.remove(&key).map(|entry| entry.state) {
            Some(State::Incomplete { waiting, .. }) => waiting,
            _ => VecDeque::new(),
        };
        Outcome { is_lost: true, unreachable, ..Outcome::default() }
    }

    /// A neighbour's link-layer address was heard (RFC 4861 §7.2.3, §7.2.5).
    fn hears(&mut self, now: Time, key: Key, link: LinkAddress, says: Says) -> Outcome {
        let reachable = State::Reachable { until: now + self.reachable };
        let Some(entry) = self.entries.get_mut(&key) else {
            if says == Says::InPassing {
                self.insert(key, Entry { link, state: State::Stale, used: now, timer: 0 });
            }
            return Outcome::default();
        };
        let is_other = entry.link != link;
        let (is_solicited, overrides) = match says {
            Says::InPassing => (false, true),
            Says::Answer { is_solicited, overrides } => (is_solicited, overrides),
        };
        if let State::Incomplete { waiting, .. } = &mut entry.state {
            let packets: Vec<_> = waiting.drain(..).collect();
            (entry.link, entry.used) = (link, now);
            // What is sent to somebody who is not sure makes him be asked in a while.
            entry.state = if is_solicited { reachable } else { State::Delay };
            let timer = (!is_solicited).then_some(DELAY);
            return Outcome { packets, link, timer, ..Outcome::default() };
        }
        if is_other && !overrides {
            if matches!(entry.state, State::Reachable { .. }) {
                entry.state = State::Stale;
            }
            return Outcome::default();
        }
        entry.link = link;
        if is_solicited {
            entry.state = reachable;
        } else if is_other {
            entry.state = State::Stale;
        }
        Outcome::default()
    }
}

#[cfg(test)]
mod tests;
