//! The probes of one road that are or were in the air, by number.

use super::{Outcome, Probe};
use crate::departure::Departure;
use crate::{Stamp, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// Probes of a road that are remembered; answers to older ones are not known any more.
const REMEMBERED_MAX: usize = 4_096;

/// Probes in the order of the sends.
#[derive(Debug, Default)]
pub(super) struct Flights {
    ring: VecDeque<Flight>,
    /// The number of the first in the ring.
    base: u64,
    /// Nobody hopes for the answers to those before this one any more.
    first_open: u64,
    in_flight: u32,
}

/// A probe that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub hop: u8,
    pub state: State,
    pub flow: u16,
    /// The target's port.
    pub port: u16,
    /// The transport checksum as sent.
    pub checksum: u16,
    query: u32,
    pub departure: Departure,
}

/// What is known of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Unanswered.
    InFlight,
    /// Unanswered, and later than its neighbours were.
    Overdue,
    /// Answered.
    Answered,
    /// Reported as something else.
    Settled,
    /// Its answer could not be told from others, and it is asked again.
    Forgotten,
}

impl Flight {
    pub fn new(hop: u8, query: u32, flow: u16, port: u16, now: Time) -> Flight {
        let state = State::InFlight;
        let departure = Departure::at(now);
        Flight { hop, state, flow, port, checksum: 0, query, departure }
    }

    /// When this program sent it.
    pub fn sent_at(&self) -> Time {
        self.departure.sent_at()
    }

    /// Whether an answer is still hoped for.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::InFlight | State::Overdue)
    }

    /// As it is reported.
    pub fn probe(&self, number: u64, outcome: Outcome) -> Probe {
        Probe {
            hop: self.hop,
            number,
            query: self.query,
            flow: self.flow,
            port: self.port,
            sent_at: self.sent_at(),
            outcome,
        }
    }
}

impl Flights {
    /// Probes sent so far; the number of the next.
    pub fn count(&self) -> u64 {
        self.base + self.ring.len() as u64
    }

    /// Probes that are unanswered and not overdue.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether another may be launched: to make room, none is forgotten that an answer is hoped
    /// for.
    pub fn has_room(&self) -> bool {
        self.ring.len() < REMEMBERED_MAX || !self.ring.front().is_some_and(Flight::is_open)
    }

    /// Takes note of a probe that goes now. There has to be room.
    pub fn launch(&mut self, flight: Flight) {
        if self.ring.len() == REMEMBERED_MAX {
            self.ring.pop_front();
            self.base += 1;
        }
        self.in_flight += 1;
        self.ring.push_back(flight);
    }

    pub fn find(&self, number: u64) -> Option<&Flight> {
        self.ring.get(usize::try_from(number.checked_sub(self.base)?).ok()?)
    }

    pub fn find_mut(&mut self, number: u64) -> Option<&mut Flight> {
        self.ring.get_mut(usize::try_from(number.checked_sub(self.base)?).ok()?)
    }

    /// Takes a better send time of a probe.
    pub fn stamp(&mut self, number: u64, stamp: Stamp) {
        if let Some(flight) = self.find_mut(number) {
            flight.departure.stamp_with(stamp);
        }
    }

    /// Changes what is known of a probe; the probe.
    pub fn settle(&mut self, number: u64, state: State) -> Option<Flight> {
        let flight = self.find_mut(number)?;
        let was = std::mem::replace(&mut flight.state, state);
        let flight = *flight;
        self.in_flight -= u32::from(was == State::InFlight);
        let open = self.open().next().map(|(number, _)| number);
        self.first_open = open.unwrap_or(self.count());
        Some(flight)
    }

    /// Those that an answer is still hoped for, and their numbers.
    pub fn open(&self) -> impl Iterator<Item = (u64, &Flight)> {
        let first = self.first_open.max(self.base);
        let rest = self.ring.range((first - self.base) as usize..).zip(first..);
        rest.filter(|(flight, _)| flight.is_open()).map(|(flight, number)| (number, flight))
    }

    /// Those that asked a hop, forgotten ones left out.
    pub fn at_hop(&self, hop: u8) -> impl Iterator<Item = &Flight> {
        self.since_hop(hop).filter(move |flight| flight.hop == hop)
    }

    /// Those that asked a hop or one behind it, forgotten ones left out.
    pub fn since_hop(&self, hop: u8) -> impl Iterator<Item = &Flight> {
        let is_there = move |f: &&Flight| f.hop >= hop && f.state != State::Forgotten;
        self.ring.iter().filter(is_there)
    }

    /// How many that asked a hop are answered, given up or overdue.
    pub fn decided_at(&self, hop: u8) -> usize {
        self.at_hop(hop).filter(|flight| flight.state != State::InFlight).count()
    }

    /// Marks those overdue that have been unanswered for so long.
    pub fn mark_overdue(&mut self, after: Duration, now: Time) {
        let first = self.first_open.max(self.base) - self.base;
        for flight in self.ring.range_mut(first as usize..) {
            if flight.state == State::InFlight && flight.sent_at() + after <= now {
                flight.state = State::Overdue;
                self.in_flight -= 1;
            }
        }
    }

    /// When the next will be overdue.
    pub fn next_overdue(&self, after: Duration) -> Time {
        let in_flight = self.open().filter(|(_, flight)| flight.state == State::InFlight);
        in_flight.map(|(_, flight)| flight.sent_at() + after).min().unwrap_or(Time::NEVER)
    }

    /// When the next will have been unanswered for so long.
    pub fn next_timeout(&self, timeout: Duration) -> Time {
        self.open().map(|(_, flight)| flight.sent_at() + timeout).min().unwrap_or(Time::NEVER)
    }

    /// Forgets those that an answer is hoped for; their hops and flows.
    pub fn forget(&mut self) -> Vec<(u8, u16)> {
        let open = self.ring.iter_mut().filter(|flight| flight.is_open());
        let forgotten = open.map(|flight| {
            flight.state = State::Forgotten;
            (flight.hop, flight.flow)
        });
        let places = forgotten.collect();
        self.in_flight = 0;
        places
    }
}
