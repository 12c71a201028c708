//! What is in the air: every probe from its send until its sequence number is needed again.
//!
//! A ring by ticket. A probe's slot, its lane and sequence number on the wire, is its ticket plus
//! the first sequence number modulo the window (lanes x 65,536), so that an answer finds its probe
//! without a search, and probes that were answered long ago still know their duplicates.

use crate::departure::{kernel_delay_ns, kernel_stamp};
use crate::{Stamp, StampedBy, Ticket, Time};
use std::collections::VecDeque;

/// What became of a probe so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Unanswered.
    InFlight,
    /// Answered, in whatever way.
    Answered,
    /// Reported as timed out.
    TimedOut,
    /// Ended by an ICMP error.
    Failed,
    /// Never left, by fault of the system.
    Unsent,
    /// Lost in a queue of this host's.
    Dropped,
    /// Still unanswered when the run ended.
    Left,
}

/// One probe. Its departure is spread out here, which saves a quarter of the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    sent_at: Time,
    /// From the program's send stamp to the kernel's; meaningful if `by_kernel`.
    kernel_delay_ns: u32,
    /// Index of its target.
    pub target: u32,
    /// The low 32 bits of its number among the target's probes, 0-based.
    pub number: u32,
    by_kernel: bool,
    /// What became of it.
    pub state: State,
}

impl Flight {
    /// When the program sent it.
    pub fn sent_at(&self) -> Time {
        self.sent_at
    }

    /// The best send stamp.
    pub fn stamp(&self) -> Stamp {
        if self.by_kernel {
            kernel_stamp(self.sent_at, self.kernel_delay_ns)
        } else {
            Stamp { at: self.sent_at, by: StampedBy::Program }
        }
    }

    /// Takes a better send stamp.
    pub fn stamp_with(&mut self, stamp: Stamp) {
        match stamp.by {
            StampedBy::Program => self.sent_at = stamp.at,
            StampedBy::Kernel => {
                if let Some(delay) = kernel_delay_ns(self.sent_at, stamp.at) {
                    self.kernel_delay_ns = delay;
                    self.by_kernel = true;
                }
            }
        }
    }
}

/// Lane and sequence number of a probe on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub lane: u16,
    pub sequence: u16,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Flights {
    ring: VecDeque<Flight>,
    /// Ticket of the ring's front.
    base: Ticket,
    first_sequence: u16,
    /// Probes that the identifiers can tell apart.
    window: u64,
    unanswered: u32,
}

impl Flights {
    pub fn new(lanes: u16, first_sequence: u16) -> Flights {
        assert!(lanes > 0, "a plan names at least one identifier");
        Flights {
            ring: VecDeque::new(),
            base: 0,
            first_sequence,
            window: u64::from(lanes) << 16,
            unanswered: 0,
        }
    }

    /// The ticket of the next probe.
    pub fn next(&self) -> Ticket {
        self.base + self.ring.len() as u64
    }

    /// The oldest ticket that is still known.
    pub fn oldest(&self) -> Ticket {
        self.base
    }

    /// How many probes are unanswered.
    pub fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// The probe whose slot the next one needs, if it is not free.
    pub fn in_the_way(&self) -> Option<Ticket> {
        (self.ring.len() as u64 == self.window).then_some(self.base)
    }

    /// Room for that many more probes, as far as the window goes.
    pub fn reserve(&mut self, probes: usize) {
        let room = (self.window as usize).saturating_sub(self.ring.len());
        self.ring.reserve_exact(probes.min(room));
    }

    /// Adds a probe; the oldest is forgotten if its slot is needed.
    pub fn launch(&mut self, target: u32, number: u32, sent_at: Time) -> Ticket {
        let ticket = self.next();
        if self.ring.len() as u64 == self.window {
            let oldest = self.ring.pop_front();
            debug_assert!(oldest.is_some_and(|flight| flight.state != State::InFlight));
            self.base += 1;
        }
        self.ring.push_back(Flight {
            sent_at,
            kernel_delay_ns: 0,
            target,
            number,
            by_kernel: false,
            state: State::InFlight,
        });
        self.unanswered += 1;
        ticket
    }

    /// The probe of that ticket, unless it was forgotten or never was.
    pub fn find(&self, ticket: Ticket) -> Option<&Flight> {
        self.ring.get(usize::try_from(ticket.checked_sub(self.base)?).ok()?)
    }

    /// Takes a better send stamp of a probe.
    pub fn stamp(&mut self, ticket: Ticket, stamp: Stamp) {
        if let Some(flight) = self.find_mut(ticket) {
            flight.stamp_with(stamp);
        }
    }

    /// Changes what became of a probe.
    pub fn settle(&mut self, ticket: Ticket, state: State) {
        let Some(flight) = self.find_mut(ticket) else { return };
        let was = std::mem::replace(&mut flight.state, state);
        self.unanswered -= u32::from(was == State::InFlight);
        self.unanswered += u32::from(state == State::InFlight);
    }

    /// Where a probe stands on the wire.
    pub fn slot(&self, ticket: Ticket) -> Slot {
        let slot = (ticket + u64::from(self.first_sequence)) % self.window;
        Slot { lane: (slot >> 16) as u16, sequence: slot as u16 }
    }

    /// The newest probe that stood in that slot, unless it was forgotten or never was.
    pub fn at_slot(&self, slot: Slot) -> Option<Ticket> {
        let newest = self.next().checked_sub(1)?;
        let wanted = u64::from(slot.lane) << 16 | u64::from(slot.sequence);
        let here = (newest + u64::from(self.first_sequence)) % self.window;
        if wanted >= self.window {
            return None;
        }
        let back = if wanted <= here { here - wanted } else { here + self.window - wanted };
        newest.checked_sub(back).filter(|ticket| *ticket >= self.base)
    }

    fn find_mut(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.ring.get_mut(usize::try_from(ticket.checked_sub(self.base)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_small() {
        assert_eq!(size_of::<Flight>(), 24);
    }

    #[test]
    fn slots_lead_back_to_their_probes_across_wraps_and_lanes() {
        for (lanes, first) in [(1, 1), (1, 0), (3, 1), (2, 65_535)] {
            let mut flights = Flights::new(lanes, first);
            for _ in 0..500_000_u32 {
                let ticket = flights.launch(0, 0, Time::ZERO);
                assert_eq!(flights.at_slot(flights.slot(ticket)), Some(ticket));
                flights.settle(ticket, State::Answered);
            }
            let oldest = flights.oldest();
            assert_eq!(flights.next() - oldest, u64::from(lanes) << 16);
            assert_eq!(flights.at_slot(flights.slot(oldest)), Some(oldest));
        }
    }

    #[test]
    fn more_than_a_lane_may_be_in_flight() {
        let mut flights = Flights::new(2, 1);
        for _ in 0..131_072_u32 {
            assert_eq!(flights.in_the_way(), None);
            flights.launch(0, 0, Time::ZERO);
        }
        assert_eq!(flights.unanswered(), 131_072);
        assert_eq!(flights.in_the_way(), Some(0));
        flights.settle(0, State::Answered);
        flights.launch(0, 0, Time::ZERO);
        assert_eq!(flights.in_the_way(), Some(1));
    }

    #[test]
    fn slots_never_used_lead_nowhere() {
        let mut flights = Flights::new(1, 1);
        assert_eq!(flights.at_slot(Slot { lane: 0, sequence: 1 }), None);
        flights.launch(0, 0, Time::ZERO);
        assert_eq!(flights.at_slot(Slot { lane: 0, sequence: 2 }), None);
        assert_eq!(flights.at_slot(Slot { lane: 1, sequence: 1 }), None);
        assert_eq!(flights.at_slot(Slot { lane: 0, sequence: 1 }), Some(0));
    }

    #[test]
    fn an_impossible_kernel_stamp_is_not_believed() {
        let mut flights = Flights::new(1, 1);
        let ticket = flights.launch(0, 0, Time(1_000));
        let kernel = |at| Stamp { at: Time(at), by: StampedBy::Kernel };
        flights.stamp(ticket, kernel(999));
        flights.stamp(ticket, kernel(1_000 + (1 << 33)));
        let flight = flights.find(ticket).expect("just launched");
        assert_eq!(flight.stamp(), Stamp { at: Time(1_000), by: StampedBy::Program });
        flights.stamp(ticket, kernel(1_250));
        let flight = flights.find(ticket).expect("just launched");
        assert_eq!(flight.stamp(), kernel(1_250));
    }
}
