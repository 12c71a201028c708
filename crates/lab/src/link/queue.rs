//! A direction of a link that has a rate: one packet after the other, the others wait in a bounded
//! queue, first in first out; what finds no room is dropped (tail drop).

use crate::scenario::impairments::{Queue, Wire};
use probe::Time;
use std::collections::VecDeque;

/// Nanoseconds in a second, times bits in a byte.
const NS_BITS: u128 = 8_000_000_000;

/// What stands before a link of some rate.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// When the last packet has been sent to its last bit.
    free_at: Time,
    /// What that moment leaves out of a nanosecond, in parts of the rate, and that rate.
    rest: (u64, u64),
    /// Packets that wait: when each begins to be sent, and its bytes.
    waiting: VecDeque<(Time, u64)>,
    waiting_bytes: u64,
}

/// When a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Its first bit.
    pub(super) starts: Time,
    /// Its last.
    pub(super) ends: Time,
}

impl Line {
    /// Takes a packet of that many bytes, unless the queue is full.
    pub(super) fn enter(&mut self, wire: &Wire, now: Time, bytes: usize) -> Option<Turn> {
        let Some(rate) = wire.rate_bits else { return Some(Turn { starts: now, ends: now }) };
        let bytes = bytes as u64 + u64::from(wire.overhead_bytes);
        while let Some((_, left)) = self.waiting.pop_front_if(|(starts, _)| *starts <= now) {
            self.waiting_bytes -= left;
        }
        let waits = self.free_at > now;
        if waits && !self.has_room(wire.queue, bytes) {
            return None;
        }
        let starts = self.free_at.max(now);
        // Packets back to back take no more time together than one that is as long.
        let carried = match self.rest {
            (rest, of) if self.free_at >= now && of == rate => rest,
            _ => 0,
        };
        let parts = u128::from(bytes) * NS_BITS + u128::from(carried);
        let ns = u64::try_from(parts / u128::from(rate)).unwrap_or(u64::MAX);
        self.rest = ((parts % u128::from(rate)) as u64, rate);
        self.free_at = Time(starts.0.saturating_add(ns));
        if waits {
            self.waiting.push_back((starts, bytes));
            self.waiting_bytes += bytes;
        }
        Some(Turn { starts, ends: self.free_at })
    }

    fn has_room(&self, queue: Queue, bytes: u64) -> bool {
        let packets = self.waiting.len() as u64 + 1;
        queue.packets.is_none_or(|most| packets <= most)
            && queue.bytes.is_none_or(|most| self.waiting_bytes + bytes <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(rate_bits: u64, queue: Queue) -> Wire {
        Wire { rate_bits: Some(rate_bits), queue, overhead_bytes: 0 }
    }

    const ROOMY: Queue = Queue { packets: None, bytes: None };

    /// When packets of those sizes that come at time 0 are over, in nanoseconds.
    fn ends(wire: &Wire, sizes: &[usize]) -> Vec<Option<u64>> {
        let mut line = Line::default();
        let turn = |size: &usize| line.enter(wire, Time::ZERO, *size).map(|turn| turn.ends.0);
        sizes.iter().map(turn).collect()
    }

    #[test]
    fn a_packet_takes_its_bits_at_the_rate() {
        assert_eq!(ends(&wire(10_000_000, ROOMY), &[1_250; 2]), [Some(1_000_000), Some(2_000_000)]);
        let framed = Wire { overhead_bytes: 38, ..wire(1_000_000_000, ROOMY) };
        assert_eq!(ends(&framed, &[1_500]), [Some(12_304)]);
        let mut idle = Line::default();
        let free = Wire::default();
        let now = Time(7);
        assert_eq!(idle.enter(&free, now, 1_500), Some(Turn { starts: now, ends: now }));
    }

    #[test]
    fn fractions_of_a_nanosecond_add_up() {
        // 8/7 ns each.
        let sent = ends(&wire(7_000_000_000, ROOMY), &[1; 7]);
        assert_eq!(sent, [1, 2, 3, 4, 5, 6, 8].map(Some));
        // 1,000 bytes at 3 bit/s.
        let slow = ends(&wire(3, ROOMY), &[1_000; 3]);
        assert_eq!(slow[2], Some(8_000_000_000_000));
    }

    #[test]
    fn a_full_queue_drops_the_last() {
        let packets = |most| wire(8_000, Queue { packets: Some(most), bytes: None });
        let bytes = |most| wire(8_000, Queue { packets: None, bytes: Some(most) });
        // One is being sent, so many wait.
        let sent = |wire: &Wire, sizes: &[usize]| ends(wire, sizes).iter().flatten().count();
        assert_eq!(sent(&packets(2), &[100; 9]), 3);
        assert_eq!(sent(&packets(0), &[100; 9]), 1);
        assert_eq!(sent(&bytes(250), &[100; 9]), 3);
        assert_eq!(ends(&bytes(250), &[100, 200, 100, 50])[2..], [None, Some(350_000_000)]);
    }

    #[test]
    fn the_queue_drains() {
        let wire = wire(8_000, Queue { packets: Some(1), bytes: None });
        let mut line = Line::default();
        let mut enter = |ms: u64| line.enter(&wire, Time(ms * 1_000_000), 10).is_some();
        let entered: Vec<bool> = [0, 1, 2, 10, 11, 30].into_iter().map(&mut enter).collect();
        assert_eq!(entered, [true, true, false, true, false, true]);
        assert_eq!((line.waiting.len(), line.waiting_bytes), (0, 0));
    }
}
