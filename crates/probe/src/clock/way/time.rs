//! The time protocol (RFC 868): seconds since 1900-01-01 UTC in 32 bits, which are full in 2036 and
//! begin anew; the era is the one that brings it nearest to our clock.

use super::{ERA_NS, Heard, Proof, Question, Reading, Said, UNIX_EPOCH_NS, WHOLE_SECOND_NS, Way};
use crate::Carrier;
use crate::clock::{Doubt, SECOND_NS};
use std::time::Duration;
use wire::Family;

/// The time protocol.
pub static TIME: TimeWay = TimeWay;

/// See [`TIME`].
pub struct TimeWay;

const PORT: u16 = 37;

impl Way for TimeWay {
    fn name(&self) -> &'static str {
        "time"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Udp
    }

    fn port(&self) -> Option<u16> {
        Some(PORT)
    }

    fn speaks(&self, _family: Family) -> bool {
        true
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
        seconds(bytes)
    }

    fn has_tcp(&self) -> bool {
        true
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        super::datagram(question, PORT, &[], out);
    }

    fn recognise(&self, _family: Family, message: &[u8]) -> Option<Heard> {
        let (identifier, payload) = super::payload(message, PORT)?;
        Some(match seconds(payload) {
            Some(said) => Heard::Answer(Proof { identifier, sequence: None, nonce: None }, said),
            None => Heard::Malformed(identifier),
        })
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Proof> {
        let (identifier, _) = super::quoted(message, PORT, 0)?;
        Some(Proof { identifier, sequence: None, nonce: None })
    }

    fn read(&self, said: &Said) -> Result<Reading, Doubt> {
        let Said::Seconds(seconds) = *said else { return Err(Doubt::Unfilled) };
        if seconds == 0 {
            // Nobody filled it in; the second that it stands for is one of 2036.
            return Err(Doubt::Unfilled);
        }
        let unix_ns = i128::from(seconds) * SECOND_NS - UNIX_EPOCH_NS;
        Ok(Reading::once(unix_ns, WHOLE_SECOND_NS, Some(ERA_NS)))
    }
}

/// What a datagram or a connection brought: four bytes, no more and no less.
pub fn seconds(payload: &[u8]) -> Option<Said> {
    Some(Said::Seconds(u32::from_be_bytes(payload.try_into().ok()?)))
}
