//! Which send a kernel stamp belongs to: the kernel numbers a socket's sends from 0, we remember
//! what each number was.

use probe::{Ticket, Time};

/// How many sends can wait for their stamp; older ones are forgotten.
const SLOTS: usize = 256;

/// The sends of one socket that wait for their stamp.
pub(crate) struct SendKeys {
    slots: Box<[Slot; SLOTS]>,
    next: u32,
    waiting: usize,
    stale: bool,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    key: u32,
    send: Option<(Ticket, Time)>,
}

impl SendKeys {
    /// Nothing sent yet.
    pub(crate) fn new() -> SendKeys {
        SendKeys { slots: Box::new([Slot::default(); SLOTS]), next: 0, waiting: 0, stale: false }
    }

    /// Notes that the next number went to `ticket`, whose send call began at `begun`.
    pub(crate) fn sent(&mut self, ticket: Ticket, begun: Time) {
        let slot = &mut self.slots[self.next as usize % SLOTS];
        self.waiting += usize::from(slot.send.is_none());
        *slot = Slot { key: self.next, send: Some((ticket, begun)) };
        self.next = self.next.wrapping_add(1);
    }

    /// The send that bears a number, once, if `at` is not before its call began: a stamp from
    /// before a restart bears a number that has been given again.
    pub(crate) fn take(&mut self, key: u32, at: Time) -> Option<Ticket> {
        let slot = &mut self.slots[key as usize % SLOTS];
        if slot.key != key {
            return None;
        }
        let (ticket, begun) = slot.send?;
        if at < begun {
            return None;
        }
        slot.send = None;
        self.waiting -= 1;
        Some(ticket)
    }

    /// Whether any send waits for its stamp.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Notes that a send failed: whether the kernel gave it a number depends on the kernel, and on
    /// how far it got.
    pub(crate) fn mark_stale(&mut self) {
        self.stale = true;
    }

    /// Whether the kernel must be made to count from 0 again before the next send.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Notes that the kernel counts from 0 again.
    pub(crate) fn restart(&mut self) {
        self.slots.fill(Slot::default());
        self.next = 0;
        self.waiting = 0;
        self.stale = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_names_its_send_once() {
        let mut keys = SendKeys::new();
        keys.sent(70, Time(1_000));
        keys.sent(71, Time(2_000));
        assert_eq!(keys.take(1, Time(2_500)), Some(71));
        assert_eq!(keys.take(1, Time(2_500)), None);
        assert!(keys.is_waiting());
        assert_eq!(keys.take(0, Time(2_500)), Some(70));
        assert!(!keys.is_waiting());
        assert_eq!(keys.take(2, Time(2_500)), None);
    }

    #[test]
    fn a_stamp_from_before_the_send_is_another_sends() {
        let mut keys = SendKeys::new();
        keys.sent(70, Time(1_000));
        keys.mark_stale();
        assert!(keys.is_stale());
        keys.restart();
        assert!(!keys.is_stale());
        keys.sent(71, Time(5_000));
        assert_eq!(keys.take(0, Time(1_200)), None);
        assert_eq!(keys.take(0, Time(5_200)), Some(71));
    }

    #[test]
    fn forgets_the_oldest() {
        let mut keys = SendKeys::new();
        for ticket in 0..SLOTS as u64 + 1 {
            keys.sent(ticket, Time(0));
        }
        assert_eq!(keys.take(0, Time(1)), None);
        assert_eq!(keys.take(SLOTS as u32, Time(1)), Some(SLOTS as u64));
    }
}
