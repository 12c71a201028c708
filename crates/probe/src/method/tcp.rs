//! The SYN of a TCP handshake (RFC 9293 §3.5). Mark and proof are the halves of its sequence
//! number, which an answer acknowledges and eight quoted bytes still show.

use super::{Greeting, Method, Proof, Question, Trail, be16};
use crate::Carrier;
use wire::tcp::{Segment, TcpOption, flag};

/// TCP SYN.
pub static TCP: TcpMethod = TcpMethod;

/// See [`TCP`].
pub struct TcpMethod;

/// As of an Ethernet without options.
const SEGMENT_MAX_BYTES: u16 = 1_460;

impl Method for TcpMethod {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn summary(&self) -> &'static str {
        "TCP SYN, as of a connection to the port"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Tcp
    }

    fn usual_port(&self) -> Option<u16> {
        Some(80)
    }

    fn overhead_bytes(&self) -> usize {
        28
    }

    fn carries_payload(&self) -> bool {
        false
    }

    fn checksum_offset(&self) -> usize {
        16
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let mut options = Vec::with_capacity(8);
        for option in [
            TcpOption::MaximumSegmentSize(SEGMENT_MAX_BYTES),
            TcpOption::SackPermitted,
            TcpOption::NoOperation,
            TcpOption::NoOperation,
        ] {
            option.emit(&mut options).expect("these options are short");
        }
        let segment = Segment {
            source_port: question.port,
            destination_port: question.to_port,
            sequence: u32::from(question.mark) << 16 | u32::from(question.token as u16),
            acknowledgment: 0,
            flags: flag::SYN,
            window: 64_240,
            urgent: 0,
            options: &options,
            payload: &[],
        };
        segment.emit(question.source, question.to, out).expect("the options are padded");
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail> {
        Some(Trail {
            port: be16(message, 0)?,
            to_port: Some(be16(message, 2)?),
            mark: be16(message, 4),
            proof: be16(message, 6).map_or(Proof::None, Proof::Short),
        })
    }

    fn recognise_answer(&self, message: &[u8]) -> Option<(Trail, Greeting)> {
        let segment = Segment::parse(message).ok()?;
        let answers = |bits| segment.flags & bits == bits;
        let greeting = if answers(flag::RST) {
            Greeting::Reset
        } else if answers(flag::SYN | flag::ACK) {
            Greeting::SynAck
        } else {
            return None;
        };
        let sequence = answers(flag::ACK).then(|| segment.acknowledgment.wrapping_sub(1));
        let trail = Trail {
            port: segment.destination_port,
            to_port: Some(segment.source_port),
            mark: sequence.map(|sequence| (sequence >> 16) as u16),
            proof: sequence.map_or(Proof::None, |sequence| Proof::Short(sequence as u16)),
        };
        Some((trail, greeting))
    }
}
