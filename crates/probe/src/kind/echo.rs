//! ICMP echo (RFC 792, RFC 4443 §4): the question that every host answers.

use super::{Answer, Detail, Kind, Question, Rights};
use wire::Family;
use wire::icmp::{self, Echo, Message};

/// ICMP echo request and reply.
pub static ECHO: EchoKind = EchoKind;

/// See [`ECHO`].
pub struct EchoKind;

impl Kind for EchoKind {
    fn name(&self) -> &'static str {
        "icmp"
    }

    fn summary(&self) -> &'static str {
        "ICMP echo request; every host should answer"
    }

    fn speaks(&self, _family: Family) -> bool {
        true
    }

    fn rights(&self) -> Rights {
        Rights::Datagram
    }

    fn protocol(&self, family: Family) -> u8 {
        icmp::protocol(family)
    }

    fn overhead_bytes(&self) -> usize {
        8
    }

    fn carries_payload(&self) -> bool {
        true
    }

    fn encode(&self, question: &Question<'_>, out: &mut Vec<u8>) {
        let echo = Echo {
            identifier: question.identifier,
            sequence: question.sequence,
            payload: question.payload,
        };
        Message::EchoRequest(echo).emit(question.family, out);
    }

    fn recognise_answer<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>> {
        match Message::parse(family, message) {
            Ok(Message::EchoReply(echo)) => Some(answer(echo)),
            _ => None,
        }
    }

    fn recognise_quoted<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>> {
        match Message::parse(family, message) {
            Ok(Message::EchoRequest(echo)) => Some(answer(echo)),
            _ => None,
        }
    }
}

fn answer(echo: Echo<'_>) -> Answer<'_> {
    Answer {
        identifier: echo.identifier,
        sequence: echo.sequence,
        payload: Some(echo.payload),
        detail: Detail::None,
    }
}
