//! UDP-Lite (RFC 3828): as UDP, but for a length that became the part which the checksum covers.

use super::{BALANCE_BYTES, Greeting, Method, Question, TOKEN_BYTES, Trail};
use super::{balance, be16, fill, proof_in};
use crate::Carrier;
use wire::checksum::Sum;
use wire::ip::protocol;

/// UDP-Lite datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpLiteMethod {
    /// How many bytes the checksum covers, header included; `None` for all. At least so many that
    /// the mark is among them.
    pub coverage_bytes: Option<u16>,
}

/// UDP-Lite whose checksums cover everything.
pub static UDPLITE: UdpLiteMethod = UdpLiteMethod { coverage_bytes: None };

const HEADER_BYTES: usize = 8;
const CHECKSUM_AT: usize = 6;
const COVERAGE_MIN_BYTES: usize = HEADER_BYTES + TOKEN_BYTES + BALANCE_BYTES;

impl Method for UdpLiteMethod {
    fn name(&self) -> &'static str {
        "udplite"
    }

    fn summary(&self) -> &'static str {
        "UDP-Lite to a port"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Other(protocol::UDP_LITE)
    }

    fn usual_port(&self) -> Option<u16> {
        Some(53)
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
        let start = out.len();
        out.extend_from_slice(&question.port.to_be_bytes());
        out.extend_from_slice(&question.to_port.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        fill(question, out);
        let message = &mut out[start..];
        let length = message.len();
        // 0 stands for everything (RFC 3828 §3.1).
        let (covered, coverage) = match self.coverage_bytes.map(usize::from) {
            Some(bytes) if bytes < length => {
                let bytes = bytes.clamp(COVERAGE_MIN_BYTES.min(length), length);
                (bytes, bytes as u16)
            }
            _ => (length, 0),
        };
        message[4..CHECKSUM_AT].copy_from_slice(&coverage.to_be_bytes());
        let sum =
            Sum::new().pseudo_header(question.source, question.to, protocol::UDP_LITE, length);
        let message = &mut message[..covered];
        if question.is_steady && question.payload_bytes >= BALANCE_BYTES {
            message[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&question.mark.to_be_bytes());
            balance(sum, HEADER_BYTES, message);
        } else {
            let checksum = match sum.bytes(message).finish() {
                // Here 0 is never a checksum (RFC 3828 §3.1).
                0 => 0xffff,
                checksum => checksum,
            };
            message[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_be_bytes());
        }
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail> {
        let payload = message.get(HEADER_BYTES..).unwrap_or_default();
        Some(Trail {
            port: be16(message, 0)?,
            to_port: Some(be16(message, 2)?),
            mark: be16(message, CHECKSUM_AT).filter(|mark| *mark != 0),
            proof: proof_in(payload, payload.len() >= TOKEN_BYTES + BALANCE_BYTES),
        })
    }

    fn recognise_answer(&self, message: &[u8]) -> Option<(Trail, Greeting)> {
        let trail = Trail {
            port: be16(message, 2)?,
            to_port: Some(be16(message, 0)?),
            mark: None,
            proof: super::Proof::None,
        };
        Some((trail, Greeting::Datagram))
    }
}
