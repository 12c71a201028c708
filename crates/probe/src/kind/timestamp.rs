//! ICMP timestamp (RFC 792), IPv4 only: the peer answers with its clock.

use super::{Answer, Detail, Kind, Question, Rights};
use wire::icmp::{Message, Timestamp};
use wire::{Family, ip::protocol};

/// ICMP timestamp request and reply.
pub static TIMESTAMP: TimestampKind = TimestampKind;

/// See [`TIMESTAMP`].
pub struct TimestampKind;

impl Kind for TimestampKind {
    fn name(&self) -> &'static str {
        "timestamp"
    }

    fn summary(&self) -> &'static str {
        "ICMP timestamp request, IPv4; the answer carries the target's clock"
    }

    fn speaks(&self, family: Family) -> bool {
        family == Family::V4
    }

    fn rights(&self) -> Rights {
        Rights::Raw
    }

    fn protocol(&self, _family: Family) -> u8 {
        protocol::ICMP
    }

    fn overhead_bytes(&self) -> usize {
        20
    }

    fn carries_payload(&self) -> bool {
        false
    }

    fn encode(&self, question: &Question<'_>, out: &mut Vec<u8>) {
        let request = Timestamp {
            identifier: question.identifier,
            sequence: question.sequence,
            originate: question.originate_ms,
            receive: 0,
            transmit: 0,
        };
        Message::TimestampRequest(request).emit(question.family, out);
    }

    fn recognise_answer<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>> {
        match Message::parse(family, message) {
            Ok(Message::TimestampReply(stamp)) => Some(Answer {
                identifier: stamp.identifier,
                sequence: stamp.sequence,
                payload: None,
                detail: Detail::Timestamps {
                    originate: stamp.originate,
                    receive: stamp.receive,
                    transmit: stamp.transmit,
                },
            }),
            _ => None,
        }
    }

    fn recognise_quoted<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>> {
        // An error quotes as little as 8 bytes, which a whole timestamp request does not fit.
        match (family, message) {
            (Family::V4, [13, 0, _, _, i0, i1, s0, s1, ..]) => Some(Answer {
                identifier: u16::from_be_bytes([*i0, *i1]),
                sequence: u16::from_be_bytes([*s0, *s1]),
                payload: None,
                detail: Detail::None,
            }),
            _ => None,
        }
    }
}
