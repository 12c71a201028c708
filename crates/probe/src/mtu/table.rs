//! What is known of a road: every probe by hop and size, and what that says of others. What arrives
//! somewhere speaks for all that is smaller and nearer; what is refused, against all that is larger
//! and farther.

use crate::departure::Departure;
use crate::{Stamp, Time};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The target, as a hop.
pub(super) const TARGET: u8 = u8::MAX;

/// A probe that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    /// The hop that is asked, or [`TARGET`].
    pub hop: u8,
    pub bytes: u32,
    pub state: State,
    pub departure: Departure,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Unanswered.
    InFlight,
    /// Unanswered for too long.
    Overdue,
    /// It arrived at its hop.
    Arrived,
    /// Somebody says that it is too big.
    Refused,
    /// It never left, or nobody can tell what became of it.
    Void,
}

impl Flight {
    fn sent_at(&self) -> Time {
        self.departure.sent_at()
    }

    /// Whether an answer would still be news.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::InFlight | State::Overdue)
    }
}

/// A "packet too big" about a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub from: IpAddr,
    pub kind: u8,
    pub code: u8,
    /// The next-hop MTU that it names.
    pub mtu_bytes: Option<u32>,
    /// Whether that can be true.
    pub is_sound: bool,
}

/// All probes of one size to one hop.
#[derive(Clone, Debug, Default)]
struct Cell {
    flights: Vec<u32>,
    has_arrived: bool,
    refusal: Option<Refusal>,
}

/// How things stand with a size at a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Unasked,
    Open,
    Arrived,
    Refused,
    Silent,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Table {
    flights: Vec<Flight>,
    cells: BTreeMap<(u8, u32), Cell>,
    hops: BTreeMap<u8, Column>,
    in_flight: u32,
}

/// What is known of a hop.
#[derive(Clone, Debug, Default)]
struct Column {
    flights: Vec<u32>,
    from: Option<IpAddr>,
    /// Whether it answers so seldom that it has to be asked one thing at a time.
    is_limited: bool,
}

/// What happened.
impl Table {
    /// Notes a send; the probe's number.
    pub fn launch(&mut self, hop: u8, bytes: u32, now: Time) -> u64 {
        let number = self.flights.len() as u32;
        let state = State::InFlight;
        self.flights.push(Flight { hop, bytes, state, departure: Departure::at(now) });
        self.cells.entry((hop, bytes)).or_default().flights.push(number);
        self.hops.entry(hop).or_default().flights.push(number);
        self.in_flight += 1;
        number.into()
    }

    /// Takes a better send time of a probe.
    pub fn stamp(&mut self, number: u64, stamp: Stamp) {
        if let Some(flight) = self.flights.get_mut(number as usize) {
            flight.departure.stamp_with(stamp);
        }
    }

    /// Changes what is known of a probe.
    pub fn settle(&mut self, number: u64, state: State) {
        let Some(flight) = self.flights.get_mut(number as usize) else { return };
        let was = std::mem::replace(&mut flight.state, state);
        self.in_flight -= u32::from(was == State::InFlight);
        self.in_flight += u32::from(state == State::InFlight);
    }

    /// Notes that `hop` answered a probe of that size.
    pub fn arrive(&mut self, hop: u8, bytes: u32, from: IpAddr) {
        self.cells.entry((hop, bytes)).or_default().has_arrived = true;
        self.hops.entry(hop).or_default().from.get_or_insert(from);
    }

    /// Notes that a probe of that size to `hop` is said to be too big. A sound word outweighs
    /// others.
    pub fn refuse(&mut self, hop: u8, bytes: u32, refusal: Refusal) {
        let cell = self.cells.entry((hop, bytes)).or_default();
        if cell.refusal.is_none_or(|old| !old.is_sound) {
            cell.refusal = Some(refusal);
        }
    }

    /// Gives up all that are under way: nobody can tell their answers apart.
    pub fn void(&mut self) {
        for flight in self.flights.iter_mut().filter(|flight| flight.state == State::InFlight) {
            flight.state = State::Void;
        }
        self.in_flight = 0;
    }

    /// Notes that a hop answers but now and then.
    pub fn limit(&mut self, hop: u8) {
        self.hops.entry(hop).or_default().is_limited = true;
    }

    /// Takes that back if the last two questions, one right behind the other, were answered.
    pub fn unlimit(&mut self, hop: u8, within: Duration) {
        let Some(column) = self.hops.get_mut(&hop).filter(|column| column.is_limited) else {
            return;
        };
        let mut last = column.flights.iter().rev().map(|number| &self.flights[*number as usize]);
        let (Some(second), Some(first)) = (last.next(), last.next()) else { return };
        let is_answered = [first, second].iter().all(|flight| flight.state == State::Arrived);
        column.is_limited &= !is_answered || first.sent_at() + within < second.sent_at();
    }

    /// Takes back what silence said of a hop without an answer beside it.
    pub fn void_unproven(&mut self, hop: u8, window: Duration) {
        let Some(column) = self.hops.get(&hop) else { return };
        let unproven = column.flights.iter().copied().filter(|number| {
            let flight = &self.flights[*number as usize];
            flight.state == State::Overdue && !self.is_controlled(*number, flight, window)
        });
        for number in unproven.collect::<Vec<u32>>() {
            self.flights[number as usize].state = State::Void;
        }
    }

    /// Marks those overdue that have been unanswered for so long.
    pub fn mark_overdue(&mut self, after: Duration, now: Time) {
        for flight in &mut self.flights {
            if flight.state == State::InFlight && flight.sent_at() + after <= now {
                flight.state = State::Overdue;
                self.in_flight -= 1;
            }
        }
    }
}

/// What is known.
impl Table {
    /// Probes sent so far; the number of the next.
    pub fn count(&self) -> u64 {
        self.flights.len() as u64
    }

    /// Probes that are unanswered and not overdue.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub fn find(&self, number: u64) -> Option<&Flight> {
        self.flights.get(usize::try_from(number).ok()?)
    }

    /// All probes and their numbers.
    pub fn flights(&self) -> impl DoubleEndedIterator<Item = (u64, &Flight)> {
        self.flights.iter().enumerate().map(|(number, flight)| (number as u64, flight))
    }

    /// When the next will be overdue.
    pub fn next_overdue(&self, after: Duration) -> Time {
        let open = self.flights.iter().filter(|flight| flight.state == State::InFlight);
        open.map(|flight| flight.sent_at() + after).min().unwrap_or(Time::NEVER)
    }

    /// The largest size that got as far as `hop`; 0 if none did.
    pub fn passed(&self, hop: u8) -> u32 {
        let beyond = self.cells.range((hop, 0)..).filter(|(_, cell)| cell.has_arrived);
        beyond.map(|((_, bytes), _)| *bytes).max().unwrap_or(0)
    }

    /// The farthest hop before the target that a datagram of that size got to; 0 if none.
    pub fn reach(&self, bytes: u32) -> u8 {
        let before = self.cells.range(..(TARGET, 0)).rev();
        let mut there = before.filter(|((_, size), cell)| cell.has_arrived && *size >= bytes);
        there.next().map_or(0, |((hop, _), _)| *hop)
    }

    /// The farthest hop before the target that answered anything; 0 if none.
    pub fn heard(&self) -> u8 {
        self.reach(0)
    }

    /// Who answered at a hop.
    pub fn from(&self, hop: u8) -> Option<IpAddr> {
        self.hops.get(&hop)?.from
    }

    /// Whether a hop answered anything.
    pub fn answers(&self, hop: u8) -> bool {
        self.from(hop).is_some()
    }

    /// See [`Table::limit`].
    pub fn is_limited(&self, hop: u8) -> bool {
        self.hops.get(&hop).is_some_and(|column| column.is_limited)
    }

    /// When a hop was asked last.
    pub fn asked_at(&self, hop: u8) -> Option<Time> {
        let number = *self.hops.get(&hop)?.flights.last()?;
        Some(self.flights[number as usize].sent_at())
    }

    /// The nearest hop at or behind `hop`, the target included, that answered anything.
    pub fn next_answering(&self, hop: u8) -> Option<u8> {
        let mut behind = self.hops.range(hop..);
        behind.find(|(_, column)| column.from.is_some()).map(|(hop, _)| *hop)
    }

    /// How things stand with a size at a hop.
    pub fn standing(&self, hop: u8, bytes: u32) -> Standing {
        let Some(cell) = self.cells.get(&(hop, bytes)) else { return Standing::Unasked };
        let mut states = cell.flights.iter().map(|number| self.flights[*number as usize].state);
        match cell {
            Cell { has_arrived: true, .. } => Standing::Arrived,
            _ if states.clone().any(|state| state == State::InFlight) => Standing::Open,
            Cell { refusal: Some(_), .. } => Standing::Refused,
            _ if states.any(|state| state == State::Overdue) => Standing::Silent,
            _ => Standing::Unasked,
        }
    }

    /// The smallest size above `low` that seems not to get as far as `hop`, as asked there. Silence
    /// says nothing of a hop that never answered.
    pub fn doubtful(&self, hop: u8, low: u32) -> Option<u32> {
        let answers = self.answers(hop);
        let cells = self.cells.range((hop, low + 1)..=(hop, u32::MAX));
        let mut sizes = cells.map(|((_, bytes), _)| *bytes);
        sizes.find(|bytes| {
            let cell = &self.cells[&(hop, *bytes)];
            let mut flights = cell.flights.iter().map(|number| &self.flights[*number as usize]);
            let is_silent = flights.any(|flight| flight.state == State::Overdue);
            !cell.has_arrived && (cell.refusal.is_some() || (answers && is_silent))
        })
    }

    /// Whether an answer is awaited from `hop` for a size above `low` and below `high`.
    pub fn is_asking(&self, hop: u8, low: u32, high: u32) -> bool {
        let mut between = self.cells.range((hop, low + 1)..(hop, high));
        between.any(|((hop, bytes), _)| self.standing(*hop, *bytes) == Standing::Open)
    }

    /// What was said about a size at a hop.
    pub fn refusal(&self, hop: u8, bytes: u32) -> Option<Refusal> {
        self.cells.get(&(hop, bytes))?.refusal
    }

    /// Everything that was said about sizes above `low` and up to `high` at `hop` or farther: the
    /// nearest hop first.
    pub fn refusals(&self, hop: u8, low: u32, high: u32) -> impl Iterator<Item = Refusal> {
        let beyond = self.cells.range((hop, 0)..);
        let inside = beyond.filter(move |((_, bytes), _)| (low + 1..=high).contains(bytes));
        inside.filter_map(|(_, cell)| cell.refusal)
    }

    /// Sizes that somebody named, and that may be true.
    pub fn named(&self) -> Vec<u32> {
        let said = self.cells.values().filter_map(|cell| cell.refusal);
        let mut sizes: Vec<u32> =
            said.filter(|refusal| refusal.is_sound).filter_map(|said| said.mtu_bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Tries of a size at a hop that are over: those that were refused or that vanished beside an
    /// answer, and those of which silence says nothing.
    pub fn tries(&self, hop: u8, bytes: u32, window: Duration) -> Tries {
        let mut tries = Tries::default();
        let Some(cell) = self.cells.get(&(hop, bytes)) else { return tries };
        for number in &cell.flights {
            let flight = &self.flights[*number as usize];
            tries.last_sent = flight.sent_at();
            match flight.state {
                State::Refused => tries.refused += 1,
                State::Overdue if self.is_controlled(*number, flight, window) => {
                    tries.vanished += 1
                }
                State::Overdue => tries.unproven += 1,
                _ => {}
            }
        }
        tries
    }

    /// Whether a probe that was sent right behind this one was answered by the same hop.
    fn is_controlled(&self, number: u32, flight: &Flight, window: Duration) -> bool {
        let Some(column) = self.hops.get(&flight.hop) else { return false };
        let behind = column.flights.partition_point(|other| *other <= number);
        let mut others = column.flights[behind..].iter().map(|at| &self.flights[*at as usize]);
        others.any(|other| {
            other.state == State::Arrived && other.sent_at() <= flight.sent_at() + window
        })
    }

    /// Whether anything was lost that ought to have been answered: as much or more got as far.
    pub fn has_losses(&self) -> bool {
        self.flights.iter().any(|flight| {
            flight.state == State::Overdue
                && self.answers(flight.hop)
                && self.passed(flight.hop) >= flight.bytes
        })
    }
}

/// See [`Table::tries`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    pub refused: u32,
    pub vanished: u32,
    pub unproven: u32,
    pub last_sent: Time,
}

impl Tries {
    /// How many there were.
    pub fn count(self) -> u32 {
        self.refused + self.vanished + self.unproven
    }
}
