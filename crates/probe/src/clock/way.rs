//! Ways to ask the time: how a question is written and what an answer says. One file each.
//!
//! A way works on transport messages and knows nothing of timing or targets. Everything that lists
//! the ways iterates [`ALL`].

use super::{Doubt, SECOND_NS};
use crate::Carrier;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use wire::{Family, ntp};

pub mod daytime;
pub mod icmp;
pub mod network_time;
pub mod time;
mod whole_seconds;

pub use daytime::DAYTIME;
pub use icmp::ICMP;
pub use network_time::NTP;
pub use time::TIME;
pub use whole_seconds::WholeSeconds;

/// Every way, in the order in which help shows them.
pub const ALL: &[&dyn Way] = &[&ICMP, &DAYTIME, &TIME, &NTP];

/// What a question must say.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Our address.
    pub source: IpAddr,
    /// The target.
    pub to: IpAddr,
    /// The lane's identifier or source port.
    pub identifier: u16,
    /// Which question it is.
    pub sequence: u16,
    /// What nobody else can know of it.
    pub nonce: u64,
    /// When it is sent, milliseconds since midnight UTC.
    pub originate_ms: u32,
}

/// What an answer names its question by. What a way does not carry is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The lane.
    pub identifier: u16,
    /// See [`Question::sequence`].
    pub sequence: Option<u16>,
    /// See [`Question::nonce`].
    pub nonce: Option<u64>,
}

/// A message that came from a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer, if its proof holds.
    Answer(Proof, Said),
    /// From the port that was asked to one of ours, and no answer.
    Malformed(u16),
}

/// What an answer says, as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// ICMP timestamps: milliseconds since midnight UTC, or with the high bit set anything else.
    Stamps {
        /// When we sent.
        originate: u32,
        /// When the target received.
        receive: u32,
        /// When the target answered.
        transmit: u32,
    },
    /// A line of text: at most [`daytime::TEXT_MAX_BYTES`], not safe for a terminal.
    Text(String),
    /// Seconds since 1900-01-01 UTC, modulo 2^32.
    Seconds(u32),
    /// An NTP packet.
    Ntp(ntp::Packet),
}

/// A clock, read twice: when the question came and when the answer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Nanoseconds since 1970-01-01 UTC, modulo `cycle_ns`.
    pub receive_ns: i128,
    /// Likewise.
    pub transmit_ns: i128,
    /// Stamps are cut to a multiple of that: the clock stood at most so much further.
    pub step_ns: i64,
    /// What the stamps are modulo of; `None` if they are whole.
    pub cycle_ns: Option<i128>,
}

/// A way to ask. What is provided is as of one that asks by UDP and whose answers are fine.
pub trait Way: Sync {
    /// The name on the command line and in output.
    fn name(&self) -> &'static str;

    /// What carries it. A carrier of ICMP needs raw sockets.
    fn carrier(&self) -> Carrier {
        Carrier::Udp
    }

    /// The target's port, if it has ports.
    fn port(&self) -> Option<u16>;

    /// Whether it exists in this family.
    fn speaks(&self, _family: Family) -> bool {
        true
    }

    /// Whether answers name their question, so that one lane carries any number of them.
    fn names_questions(&self) -> bool {
        true
    }

    /// Whether answers come in whole seconds.
    fn is_coarse(&self) -> bool {
        false
    }

    /// How many questions make an estimate, if the user does not say.
    fn usual_count(&self) -> u64;

    /// From one question to the next, likewise.
    fn usual_interval(&self) -> Duration;

    /// The same for runs that go on.
    fn watch_interval(&self) -> Duration;

    /// Reads what a TCP connection brought; `None`: no answer, or the way has no TCP.
    fn hear(&self, _bytes: &[u8]) -> Option<Said> {
        None
    }

    /// Whether it also goes over TCP, at the same port.
    fn has_tcp(&self) -> bool {
        false
    }

    /// What a quoted question is known by: as far as it is quoted, see [`Proof::nonce`].
    fn nonce(&self, question: &Question) -> u64 {
        question.nonce
    }

    /// Appends the message to `out`.
    fn encode(&self, question: &Question, out: &mut Vec<u8>);

    /// Reads a transport message that came from a target; `None`: it has nothing to do with this.
    fn recognise(&self, family: Family, message: &[u8]) -> Option<Heard>;

    /// Reads the start of one of our own questions, as an error quotes it: at least 8 bytes.
    fn recognise_quoted(&self, message: &[u8]) -> Option<Proof>;

    /// The clock that an answer tells of.
    ///
    /// # Errors
    /// If it tells of none.
    fn read(&self, said: &Said) -> Result<Reading, Doubt>;
}

/// The way of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Way> {
    ALL.iter().copied().find(|way| way.name() == name)
}

impl fmt::Debug for dyn Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Appends a UDP message.
fn datagram(question: &Question, port: u16, payload: &[u8], out: &mut Vec<u8>) {
    let message = wire::udp::Message {
        source_port: question.identifier,
        destination_port: port,
        has_checksum: true,
        payload,
    };
    message.emit(question.source, question.to, out).expect("questions are short");
}

/// The payload of a UDP message from a port, and the port of ours that it came to.
fn payload(message: &[u8], port: u16) -> Option<(u16, &[u8])> {
    let message = wire::udp::Message::parse(message).ok()?;
    (message.source_port == port).then_some((message.destination_port, message.payload))
}

/// What the start of a UDP message to a port, with a payload of that length, is known by: our port
/// and the payload as far as it is there.
fn quoted(message: &[u8], port: u16, payload_bytes: usize) -> Option<(u16, &[u8])> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], payload) = message.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let is_ours = u16::from_be_bytes([d0, d1]) == port && length == 8 + payload_bytes;
    is_ours.then_some((u16::from_be_bytes([s0, s1]), payload))
}

/// 2^32 seconds: what the time protocol and NTP count up to.
const ERA_NS: i128 = SECOND_NS << 32;

/// Nanoseconds from 1900-01-01 to 1970-01-01.
const UNIX_EPOCH_NS: i128 = ntp::UNIX_EPOCH_S as i128 * SECOND_NS;
