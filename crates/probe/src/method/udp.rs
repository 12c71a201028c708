//! UDP to a port where nobody listens. The mark is the checksum, held by two bytes of the payload.

use super::{
    BALANCE_BYTES, Greeting, Method, Proof, Question, Trail, balance, be16, fill, proof_in,
};
use crate::Carrier;
use wire::checksum::Sum;
use wire::ip::protocol;
use wire::udp;

/// UDP.
pub static UDP: UdpMethod = UdpMethod;

/// See [`UDP`].
pub struct UdpMethod;

const HEADER_BYTES: usize = 8;
const CHECKSUM_AT: usize = 6;

impl Method for UdpMethod {
    fn name(&self) -> &'static str {
        "udp"
    }

    fn summary(&self) -> &'static str {
        "UDP to a port where nobody should listen"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Udp
    }

    fn usual_port(&self) -> Option<u16> {
        Some(33_434)
    }

    fn overhead_bytes(&self) -> usize {
        HEADER_BYTES
    }

    fn carries_payload(&self) -> bool {
        true
    }

    fn mark_min_bytes(&self) -> usize {
        BALANCE_BYTES
    }

    fn checksum_offset(&self) -> usize {
        CHECKSUM_AT
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(question.payload_bytes);
        fill(question, &mut payload);
        let message = udp::Message {
            source_port: question.port,
            destination_port: question.to_port,
            has_checksum: true,
            payload: &payload,
        };
        let start = out.len();
        message.emit(question.source, question.to, out).expect("plans bound the payload");
        // Without room for the balance, the mark would make the checksum wrong.
        if question.is_steady && question.payload_bytes >= BALANCE_BYTES {
            let message = &mut out[start..];
            message[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&question.mark.to_be_bytes());
            let length = message.len();
            let sum = Sum::new();
            let sum = sum.pseudo_header(question.source, question.to, protocol::UDP, length);
            balance(sum, HEADER_BYTES, message);
        }
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail> {
        let payload = message.get(HEADER_BYTES..).unwrap_or_default();
        let stated = be16(message, 4).map_or(0, usize::from);
        Some(Trail {
            port: be16(message, 0)?,
            to_port: Some(be16(message, 2)?),
            // A rebuilt quote does not know it.
            mark: be16(message, CHECKSUM_AT).filter(|mark| *mark != 0),
            proof: proof_in(payload, stated >= HEADER_BYTES + super::TOKEN_BYTES + 2),
        })
    }

    fn recognise_answer(&self, message: &[u8]) -> Option<(Trail, Greeting)> {
        let answer = udp::Message::parse(message).ok()?;
        let trail = Trail {
            port: answer.destination_port,
            to_port: Some(answer.source_port),
            mark: None,
            proof: Proof::None,
        };
        Some((trail, Greeting::Datagram))
    }
}
