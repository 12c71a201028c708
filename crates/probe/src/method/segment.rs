//! A TCP segment with any flags and options. As with the plain SYN, mark and proof are the halves
//! of its sequence number; where it acknowledges, it acknowledges the same number, which is what a
//! reset then begins with (RFC 9293 §3.10.7).

use super::{Greeting, Method, Proof, Question, Trail, be16};
use crate::Carrier;
use wire::tcp::{Segment, flag};

/// TCP with flags and options of the user's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMethod {
    /// See [`wire::tcp::flag`].
    pub flags: u16,
    /// As they go on the wire: a multiple of 4 bytes, at most 40.
    pub options: Vec<u8>,
}

/// A FIN that comes out of nowhere.
pub static SEGMENT: SegmentMethod =
    SegmentMethod { flags: flag::FIN | flag::ACK, options: Vec::new() };

const HEADER_BYTES: usize = 20;

impl SegmentMethod {
    /// How many sequence numbers it takes, beside data (RFC 9293 §3.4).
    fn length(&self) -> u32 {
        u32::from(self.flags & flag::SYN != 0) + u32::from(self.flags & flag::FIN != 0)
    }
}

impl Method for SegmentMethod {
    fn name(&self) -> &'static str {
        "segment"
    }

    fn summary(&self) -> &'static str {
        "TCP segment with any flags and options"
    }

    fn carrier(&self) -> Carrier {
        Carrier::Tcp
    }

    fn usual_port(&self) -> Option<u16> {
        Some(80)
    }

    fn overhead_bytes(&self) -> usize {
        HEADER_BYTES + self.options.len()
    }

    fn carries_payload(&self) -> bool {
        false
    }

    fn checksum_offset(&self) -> usize {
        16
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let sequence = u32::from(question.mark) << 16 | u32::from(question.token as u16);
        let segment = Segment {
            source_port: question.port,
            destination_port: question.to_port,
            sequence,
            acknowledgment: if self.flags & flag::ACK != 0 { sequence } else { 0 },
            flags: self.flags,
            window: 5_840,
            urgent: 0,
            options: &self.options,
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
        let acknowledges = segment.flags & flag::ACK != 0;
        let sequence = match segment.flags & flag::RST != 0 {
            _ if acknowledges => Some(segment.acknowledgment.wrapping_sub(self.length())),
            true if self.flags & flag::ACK != 0 => Some(segment.sequence),
            true => None,
            false => return None,
        };
        let trail = Trail {
            port: segment.destination_port,
            to_port: Some(segment.source_port),
            mark: sequence.map(|sequence| (sequence >> 16) as u16),
            proof: sequence.map_or(Proof::None, |sequence| Proof::Short(sequence as u16)),
        };
        Some((trail, Greeting::Segment { flags: segment.flags }))
    }
}
