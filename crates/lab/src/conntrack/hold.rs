//! SYNs that nobody waits for yet: held for six seconds, in case that inside opens the same
//! connection (RFC 5382 REQ-4).

use super::tuple::Tuple;
use probe::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// How long one is held.
pub(crate) const HELD: Duration = Duration::from_secs(6);

/// Held at most; further ones are dropped without a word.
const HELD_MAX: usize = 256;

/// Of a SYN, as much is kept as an error may quote.
const KEPT_BYTES: usize = 1_280;

/// All that are held, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    syns: VecDeque<(Time, Tuple, Vec<u8>)>,
}

impl Hold {
    /// Holds a SYN, unless one of the same connection is.
    pub(crate) fn add(&mut self, now: Time, tuple: Tuple, bytes: &[u8]) {
        let is_known = self.syns.iter().any(|(_, known, _)| *known == tuple);
        if !is_known && self.syns.len() < HELD_MAX && bytes.len() <= KEPT_BYTES {
            self.syns.push_back((now + HELD, tuple, bytes.to_vec()));
        }
    }

    /// Inside opens that connection: drops the SYN in silence.
    pub(crate) fn meet(&mut self, tuple: &Tuple) {
        if !self.syns.is_empty() {
            self.syns.retain(|(_, known, _)| known != tuple);
        }
    }

    pub(crate) fn due(&self) -> Option<Time> {
        self.syns.front().map(|(until, ..)| *until)
    }

    /// The next one whose time is over.
    pub(crate) fn release(&mut self, now: Time) -> Option<Vec<u8>> {
        self.due().filter(|until| *until <= now)?;
        self.syns.pop_front().map(|(_, _, bytes)| bytes)
    }
}
