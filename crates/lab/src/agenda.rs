//! What is going to happen, in the order in which it will: by time, and of one moment in the order
//! in which it was caused. Small keys are sorted, the events themselves stay where they are.

use probe::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events to come.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    /// When, the how-manieth that was added, and its place below.
    keys: BinaryHeap<Reverse<(Time, u64, u32)>>,
    events: Vec<Option<E>>,
    /// Places that nothing takes.
    free: Vec<u32>,
    /// How many were ever added.
    added: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Agenda<E> {
        Agenda { keys: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), added: 0 }
    }
}

impl<E> Agenda<E> {
    pub(crate) fn push(&mut self, at: Time, event: E) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            u32::try_from(self.events.len() - 1).expect("memory ends before 2^32 events")
        });
        self.events[place as usize] = Some(event);
        self.keys.push(Reverse((at, self.added, place)));
        self.added += 1;
    }

    /// The next event, and when it is due.
    pub(crate) fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse((at, _, place)) = self.keys.pop()?;
        self.free.push(place);
        let event = self.events[place as usize].take().expect("a key has its event");
        Some((at, event))
    }

    /// When the next event is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.keys.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next event.
    #[cfg(test)]
    pub(crate) fn peek(&self) -> Option<&E> {
        let Reverse((.., place)) = self.keys.peek()?;
        self.events[*place as usize].as_ref()
    }

    /// All events, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.events.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_added() {
        let mut agenda = Agenda::default();
        for (at, name) in [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd')] {
            agenda.push(Time(at), name);
        }
        assert_eq!((agenda.next(), agenda.peek()), (Some(Time(1)), Some(&'b')));
        assert_eq!(agenda.pop(), Some((Time(1), 'b')));
        agenda.push(Time(2), 'e');
        agenda.push(Time(3), 'f');
        assert_eq!(agenda.iter().count(), 5);
        let rest: String = std::iter::from_fn(|| agenda.pop()).map(|(_, name)| name).collect();
        assert_eq!(rest, "deacf");
        assert_eq!((agenda.next(), agenda.events.len()), (None, 5));
    }
}
