//! Datagrams of any IP protocol, with nothing behind the IP header that belongs to it: our
//! identifier and the flow, which balancers may take for ports; the mark, the proof's short
//! form, and the token.

use super::{Greeting, Method, Proof, Question, TOKEN_BYTES, Trail, be16, proof_in};
use crate::Carrier;

/// Datagrams of an IP protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawMethod {
    /// The protocol's number.
    pub protocol: u8,
}

/// Of a protocol that is left to experiments (RFC 3692 §2.1).
pub static RAW: RawMethod = RawMethod { protocol: 253 };

const MARK_AT: usize = 4;
const SHORT_AT: usize = 6;
const TOKEN_AT: usize = 8;

impl Method for RawMethod {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn summary(&self) -> &'static str {
        "datagrams of any IP protocol"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Other(self.protocol)
    }

    fn usual_port(&self) -> Option<u16> {
        None
    }

    fn overhead_bytes(&self) -> usize {
        0
    }

    fn carries_payload(&self) -> bool {
        true
    }

    fn mark_min_bytes(&self) -> usize {
        MARK_AT + 2
    }

    /// There is none; what stands there is the identifier, which is the same in all probes.
    fn checksum_offset(&self) -> usize {
        0
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let start = out.len();
        for word in [question.port, question.flow, question.mark, question.token as u16] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&question.token.to_be_bytes());
        let rest = question.payload_bytes.saturating_sub(TOKEN_AT + TOKEN_BYTES);
        out.extend((0..rest).map(|index| 0x40 + (index & 0x3f) as u8));
        out.truncate(start + question.payload_bytes);
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail> {
        let short = be16(message, SHORT_AT).map_or(Proof::None, Proof::Short);
        let token = message.get(TOKEN_AT..).unwrap_or_default();
        let proof = match proof_in(token, true) {
            Proof::None => short,
            token => token,
        };
        Some(Trail { port: be16(message, 0)?, to_port: None, mark: be16(message, MARK_AT), proof })
    }

    /// Nothing is known of the protocol, so that nothing can be known again.
    fn recognise_answer(&self, _: &[u8]) -> Option<(Trail, Greeting)> {
        None
    }
}
