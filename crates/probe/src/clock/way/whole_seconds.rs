//! Ways that tell the second to whoever sends an empty datagram or opens a connection. Answers name
//! no question, so that a lane carries one at a time.

use super::{Heard, Proof, Question, Reading, Said, Way};
use crate::clock::{Doubt, SECOND_NS};
use std::time::Duration;
use wire::Family;

/// The step of such a clock: kernels tell programs that ask for no more the second as of their last
/// tick, at most 10 ms ago.
const STEP_NS: i64 = SECOND_NS as i64 + 10_000_000;

/// A way of this kind.
pub struct WholeSeconds {
    /// See [`Way::name`].
    pub name: &'static str,
    /// The target's port, of UDP and TCP.
    pub port: u16,
    /// Reads what a datagram or a connection brought.
    pub hear: fn(&[u8]) -> Option<Said>,
    /// See [`Way::read`].
    pub read: fn(&Said) -> Result<Reading, Doubt>,
}

impl WholeSeconds {
    /// A clock that is read once, and stands for any time between question and answer.
    pub(super) fn reading(at_ns: i128, cycle_ns: Option<i128>) -> Reading {
        Reading { receive_ns: at_ns, transmit_ns: at_ns, step_ns: STEP_NS, cycle_ns }
    }
}

impl Way for WholeSeconds {
    fn name(&self) -> &'static str {
        self.name
    }

    fn port(&self) -> Option<u16> {
        Some(self.port)
    }

    fn names_questions(&self) -> bool {
        false
    }

    fn is_coarse(&self) -> bool {
        true
    }

    fn usual_count(&self) -> u64 {
        8
    }

    fn usual_interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn watch_interval(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn hear(&self, bytes: &[u8]) -> Option<Said> {
        (self.hear)(bytes)
    }

    fn has_tcp(&self) -> bool {
        true
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        super::datagram(question, self.port, &[], out);
    }

    fn recognise(&self, _family: Family, message: &[u8]) -> Option<Heard> {
        let (identifier, payload) = super::payload(message, self.port)?;
        Some(match (self.hear)(payload) {
            Some(said) => Heard::Answer(Proof { identifier, sequence: None, nonce: None }, said),
            None => Heard::Malformed(identifier),
        })
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Proof> {
        let (identifier, _) = super::quoted(message, self.port, 0)?;
        Some(Proof { identifier, sequence: None, nonce: None })
    }

    fn read(&self, said: &Said) -> Result<Reading, Doubt> {
        (self.read)(said)
    }
}
