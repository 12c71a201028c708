//! IPv6 node information queries (RFC 4620): a node tells its names and addresses. Few systems
//! answer them, Linux without a daemon never.

use super::{Answer, Detail, Kind, Question, Rights};
use crate::token::Key;
use std::net::Ipv6Addr;
use wire::icmp::Message;
use wire::icmp::node::{self, Query};
use wire::{Family, ip::protocol};

/// The question that asks for nothing but an answer.
pub static NODE_INFORMATION: NodeInformationKind = NodeInformationKind {
    // RFC 4620 §6.1: the code of such a question is 1, and it has no subject.
    subject_kind: 1,
    question: node::question::NOOP,
    flags: 0,
    subject: Vec::new(),
    secret: 0,
};

/// A node information query and its reply. The nonce carries identifier and sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInformationKind {
    /// What the subject is: 0 an IPv6 address, 1 a name, 2 an IPv4 address.
    pub subject_kind: u8,
    /// What is asked: a number of [`node::question`].
    pub question: u16,
    /// As [`Query::flags`].
    pub flags: u16,
    /// Whom the question is for.
    pub subject: Vec<u8>,
    /// Makes the rest of the nonce hard to guess; one for each run.
    pub secret: u64,
}

impl NodeInformationKind {
    fn nonce(&self, identifier: u16, sequence: u16) -> [u8; 8] {
        let name = u32::from(identifier) << 16 | u32::from(sequence);
        let proof = Key([self.secret, 0]).token(name.into(), Ipv6Addr::UNSPECIFIED.into()) as u32;
        let mut nonce = [0; 8];
        nonce[..4].copy_from_slice(&name.to_be_bytes());
        nonce[4..].copy_from_slice(&proof.to_be_bytes());
        nonce
    }

    fn answer(&self, nonce: [u8; 8], detail: Detail) -> Option<Answer<'static>> {
        let [i0, i1, s0, s1, ..] = nonce;
        let (identifier, sequence) = (u16::from_be_bytes([i0, i1]), u16::from_be_bytes([s0, s1]));
        let is_ours = nonce == self.nonce(identifier, sequence);
        is_ours.then_some(Answer { identifier, sequence, payload: None, detail })
    }
}

impl Kind for NodeInformationKind {
    fn name(&self) -> &'static str {
        "node-information"
    }

    fn summary(&self) -> &'static str {
        "node information query, IPv6; few systems answer"
    }

    fn speaks(&self, family: Family) -> bool {
        family == Family::V6
    }

    fn rights(&self) -> Rights {
        Rights::Raw
    }

    fn protocol(&self, _family: Family) -> u8 {
        protocol::ICMPV6
    }

    fn overhead_bytes(&self) -> usize {
        16 + self.subject.len()
    }

    fn carries_payload(&self) -> bool {
        false
    }

    fn encode(&self, question: &Question<'_>, out: &mut Vec<u8>) {
        let query = Query {
            subject_kind: self.subject_kind,
            question: self.question,
            flags: self.flags,
            nonce: self.nonce(question.identifier, question.sequence),
            subject: &self.subject,
        };
        Message::NodeQuery(query).emit(question.family, out);
    }

    fn recognise_answer<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>> {
        match Message::parse(family, message) {
            Ok(Message::NodeReply(reply)) => {
                self.answer(reply.nonce, Detail::NodeInformation(message.into()))
            }
            _ => None,
        }
    }

    fn recognise_quoted<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>> {
        match Message::parse(family, message) {
            Ok(Message::NodeQuery(query)) => self.answer(query.nonce, Detail::None),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(secret: u64) -> NodeInformationKind {
        NodeInformationKind {
            question: node::question::NAME,
            subject: b"\x04host\0\0".to_vec(),
            secret,
            ..NODE_INFORMATION.clone()
        }
    }

    fn asked(kind: &NodeInformationKind) -> Vec<u8> {
        let question = Question {
            family: Family::V6,
            identifier: 7,
            sequence: 0xfffe,
            payload: &[],
            originate_ms: 0,
        };
        let mut out = Vec::new();
        kind.encode(&question, &mut out);
        out
    }

    #[test]
    fn the_question_is_what_the_rfc_shows() {
        let kind = named(1);
        let message = asked(&kind);
        assert_eq!(message[..8], [139, 1, 0, 0, 0, 2, 0, 0]);
        assert_eq!(message[8..12], [0, 7, 0xff, 0xfe]);
        assert_eq!(message[16..], *b"\x04host\0\0");
        assert_eq!(message.len(), kind.overhead_bytes());
    }

    #[test]
    fn a_reply_is_ours_only_with_our_nonce() {
        let kind = named(1);
        let mut reply = asked(&kind);
        assert!(kind.recognise_quoted(Family::V6, &reply).is_some());
        assert!(kind.recognise_answer(Family::V6, &reply).is_none());
        reply[0] = 140;
        reply[1] = 0;
        let answer = kind.recognise_answer(Family::V6, &reply).expect("ours");
        assert_eq!((answer.identifier, answer.sequence), (7, 0xfffe));
        assert_eq!(answer.detail, Detail::NodeInformation(reply.clone().into()));
        assert!(named(2).recognise_answer(Family::V6, &reply).is_none());
        reply[15] ^= 1;
        assert!(kind.recognise_answer(Family::V6, &reply).is_none());
    }
}
