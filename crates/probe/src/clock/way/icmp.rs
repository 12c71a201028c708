//! ICMP timestamps (RFC 792), IPv4 only.

use super::{Heard, Proof, Question, Reading, Said, Way};
use crate::Carrier;
use crate::clock::Doubt;
use crate::kind::{self, Detail, Kind, TIMESTAMP};
use std::time::Duration;
use wire::Family;

/// ICMP timestamps.
pub static ICMP: IcmpWay = IcmpWay;

/// See [`ICMP`].
pub struct IcmpWay;

/// Milliseconds of a day.
pub const DAY_MS: u32 = 86_400_000;

/// A clock that counts on past midnight is believed to do so for that long.
const PAST_MIDNIGHT_MS: u32 = 60_000;

const MS_NS: i128 = 1_000_000;

impl Way for IcmpWay {
    fn name(&self) -> &'static str {
        "icmp"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Icmp
    }

    fn port(&self) -> Option<u16> {
        None
    }

    fn speaks(&self, family: Family) -> bool {
        TIMESTAMP.speaks(family)
    }

    fn usual_count(&self) -> u64 {
        20
    }

    fn usual_interval(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn watch_interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn nonce(&self, question: &Question) -> u64 {
        question.originate_ms.into()
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let question = kind::Question {
            family: Family::of(question.to),
            identifier: question.identifier,
            sequence: question.sequence,
            payload: &[],
            originate_ms: question.originate_ms,
        };
        TIMESTAMP.encode(&question, out);
    }

    fn recognise(&self, family: Family, message: &[u8]) -> Option<Heard> {
        let answer = TIMESTAMP.recognise_answer(family, message)?;
        let Detail::Timestamps { originate, receive, transmit } = answer.detail else {
            return None;
        };
        let (identifier, sequence) = (answer.identifier, Some(answer.sequence));
        // Raw IPv4 sockets see damaged messages, too.
        if wire::checksum::Sum::new().bytes(message).finish() != 0 {
            return Some(Heard::Malformed(identifier));
        }
        let proof = Proof { identifier, sequence, nonce: None };
        Some(Heard::Answer(proof, Said::Stamps { originate, receive, transmit }))
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Proof> {
        let family = Family::ALL.into_iter().find(|family| self.speaks(*family))?;
        let quoted = TIMESTAMP.recognise_quoted(family, message)?;
        let (identifier, sequence) = (quoted.identifier, Some(quoted.sequence));
        let (originate, unfilled) = message[8..].split_first_chunk().unzip();
        if unfilled.is_some_and(|bytes: &[u8]| bytes.iter().any(|byte| *byte != 0)) {
            return None;
        }
        let nonce = originate.map(|bytes| u32::from_be_bytes(*bytes).into());
        Some(Proof { identifier, sequence, nonce })
    }

    fn read(&self, said: &Said) -> Result<Reading, Doubt> {
        let Said::Stamps { receive, transmit, .. } = *said else { return Err(Doubt::Unfilled) };
        let (receive, transmit) = (of_day(receive)?, of_day(transmit)?);
        let ns = |ms: u32| i128::from(ms) * MS_NS;
        Ok(Reading {
            receive_ns: ns(receive),
            transmit_ns: ns(transmit),
            step_ns: MS_NS as i64,
            cycle_ns: Some(ns(DAY_MS)),
        })
    }
}

/// Milliseconds of the day that a stamp means.
///
/// # Errors
/// If it means something else.
pub fn of_day(stamp: u32) -> Result<u32, Doubt> {
    match stamp {
        0..DAY_MS => Ok(stamp),
        _ if stamp >> 31 != 0 => Err(Doubt::NonStandard),
        _ if stamp < DAY_MS + PAST_MIDNIGHT_MS => Ok(stamp - DAY_MS),
        _ => Err(Doubt::OutOfRange),
    }
}
