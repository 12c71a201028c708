//! The request that begins a DCCP connection (RFC 4340 §5.1). The mark is the checksum, held by the
//! end of the sequence number; mark and proof stand in its beginning, too, which an answer
//! acknowledges.

use super::{Greeting, Method, Proof, Question, Trail, be16};
use crate::Carrier;
use wire::checksum::Sum;
use wire::ip::protocol;

/// DCCP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DccpMethod {
    /// Which service is asked for (RFC 4340 §8.1.2).
    pub service: u32,
}

/// DCCP requests for a service that nobody offers: `pitu` in ASCII.
pub static DCCP: DccpMethod = DccpMethod { service: 0x7069_7475 };

const HEADER_BYTES: usize = 20;
const CHECKSUM_AT: usize = 6;

/// Where the sequence number of 48 bits begins: proof, mark, and the word that holds the checksum.
const PROOF_AT: usize = 10;
const BALANCE_AT: usize = 14;

/// Where an answer acknowledges it.
const ACKNOWLEDGED_AT: usize = 18;

/// A request, of type 0, whose sequence number is long.
const REQUEST: u8 = 1;

/// Types of what answers it; in their byte they stand before the lowest bit.
const RESPONSE: u8 = 1;
const RESET: u8 = 7;

impl Method for DccpMethod {
    fn name(&self) -> &'static str {
        "dccp"
    }

    fn summary(&self) -> &'static str {
        "DCCP request, as of a connection to the port"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Other(protocol::DCCP)
    }

    fn usual_port(&self) -> Option<u16> {
        Some(33_434)
    }

    fn overhead_bytes(&self) -> usize {
        HEADER_BYTES
    }

    fn carries_payload(&self) -> bool {
        false
    }

    fn checksum_offset(&self) -> usize {
        CHECKSUM_AT
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&question.port.to_be_bytes());
        out.extend_from_slice(&question.to_port.to_be_bytes());
        // Words until the data; the checksum covers everything.
        out.extend_from_slice(&[(HEADER_BYTES / 4) as u8, 0]);
        out.extend_from_slice(&question.mark.to_be_bytes());
        out.extend_from_slice(&[REQUEST, 0]);
        out.extend_from_slice(&(question.token as u16).to_be_bytes());
        out.extend_from_slice(&question.mark.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.service.to_be_bytes());
        let message = &mut out[start..];
        let sum = Sum::new();
        let sum = sum.pseudo_header(question.source, question.to, protocol::DCCP, message.len());
        let word = sum.bytes(message).finish();
        message[BALANCE_AT..BALANCE_AT + 2].copy_from_slice(&word.to_be_bytes());
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail> {
        Some(Trail {
            port: be16(message, 0)?,
            to_port: Some(be16(message, 2)?),
            mark: be16(message, CHECKSUM_AT),
            proof: be16(message, PROOF_AT).map_or(Proof::None, Proof::Short),
        })
    }

    fn recognise_answer(&self, message: &[u8]) -> Option<(Trail, Greeting)> {
        let kind = message.get(8)? >> 1 & 0x0f;
        if !matches!(kind, RESPONSE | RESET) {
            return None;
        }
        let trail = Trail {
            port: be16(message, 2)?,
            to_port: Some(be16(message, 0)?),
            mark: Some(be16(message, ACKNOWLEDGED_AT + 2)?),
            proof: Proof::Short(be16(message, ACKNOWLEDGED_AT)?),
        };
        Some((trail, Greeting::Datagram))
    }
}
