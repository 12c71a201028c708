//! ICMP echo (RFC 792, RFC 4443 §4). The mark is the sequence number; the checksum, which balancers
//! take for ports, is held by two bytes of the payload.

use super::{Greeting, Method, Question, Trail, balance, be16, fill, proof_in};
use crate::Carrier;
use wire::Family;
use wire::checksum::Sum;
use wire::icmp::{Echo, Message, echo_reply_type, echo_request_type, protocol};

/// ICMP echo.
pub static ICMP: IcmpMethod = IcmpMethod;

/// See [`ICMP`].
pub struct IcmpMethod;

const HEADER_BYTES: usize = 8;
const CHECKSUM_AT: usize = 2;

impl Method for IcmpMethod {
    fn name(&self) -> &'static str {
        "icmp"
    }

    fn summary(&self) -> &'static str {
        "ICMP echo request; every host should answer"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Icmp
    }

    fn usual_port(&self) -> Option<u16> {
        None
    }

    fn overhead_bytes(&self) -> usize {
        HEADER_BYTES
    }

    fn carries_payload(&self) -> bool {
        true
    }

    fn checksum_offset(&self) -> usize {
        CHECKSUM_AT
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let family = Family::of(question.to);
        let mut payload = Vec::with_capacity(question.payload_bytes);
        fill(question, &mut payload);
        let echo = Echo { identifier: question.port, sequence: question.mark, payload: &payload };
        let start = out.len();
        Message::EchoRequest(echo).emit(family, out);
        let message = &mut out[start..];
        let length = message.len();
        let pseudo = Sum::new();
        let pseudo = match family {
            Family::V4 => pseudo,
            Family::V6 => {
                pseudo.pseudo_header(question.source, question.to, protocol(family), length)
            }
        };
        if question.is_steady {
            message[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&question.flow.to_be_bytes());
            balance(pseudo, HEADER_BYTES, message);
        }
        message[CHECKSUM_AT..CHECKSUM_AT + 2].fill(0);
        let sum = pseudo.bytes(message).finish();
        message[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_be_bytes());
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail> {
        let is_request = |family| message.first() == Some(&echo_request_type(family));
        Family::ALL.into_iter().any(is_request).then(|| trail(message))?
    }

    fn recognise_answer(&self, message: &[u8]) -> Option<(Trail, Greeting)> {
        let is_reply = |family| message.get(..2) == Some(&[echo_reply_type(family), 0]);
        let is_reply = Family::ALL.into_iter().any(is_reply);
        Some((is_reply.then(|| trail(message))??, Greeting::EchoReply))
    }
}

fn trail(message: &[u8]) -> Option<Trail> {
    let payload = message.get(HEADER_BYTES..).unwrap_or_default();
    Some(Trail {
        port: be16(message, 4)?,
        to_port: None,
        mark: Some(be16(message, 6)?),
        proof: proof_in(payload, payload.len() >= super::TOKEN_BYTES + super::BALANCE_BYTES),
    })
}
