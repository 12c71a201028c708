//! Probe methods of a trace: how a probe is written so that every hop can be heard, and how it is
//! known again in what comes back. One file each; everything that lists them iterates [`ALL`], or
//! [`EXTRA`] too.
//!
//! A ping's [`Kind`](crate::kind::Kind) asks a question and knows its answer. A method also has to
//! hold still what load balancers look at (addresses, ports, the first four bytes of the transport
//! header), and to carry the probe's name where eight quoted bytes still show it.

use crate::Carrier;
use std::fmt;
use std::net::IpAddr;
use wire::checksum::Sum;

mod dccp;
mod icmp;
mod raw;
mod segment;
mod tcp;
mod udp;
mod udplite;

pub use dccp::{DCCP, DccpMethod};
pub use icmp::ICMP;
pub use raw::{RAW, RawMethod};
pub use segment::{SEGMENT, SegmentMethod};
pub use tcp::TCP;
pub use udp::UDP;
pub use udplite::{UDPLITE, UdpLiteMethod};

/// Every method that a user chooses by its name, in the order in which help shows them.
pub const ALL: &[&dyn Method] = &[&UDP, &ICMP, &TCP];

/// Methods that only those ask for who know why, with values of their own: raw sockets only, and
/// not on every help page. Here each with its usual values.
pub const EXTRA: &[&dyn Method] = &[&SEGMENT, &UDPLITE, &DCCP, &RAW];

/// What one probe must say.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Our address, with which checksums are reckoned.
    pub source: IpAddr,
    /// The target.
    pub to: IpAddr,
    /// Our port, or the ICMP identifier.
    pub port: u16,
    /// The target's port; ICMP has none.
    pub to_port: u16,
    /// Which flow it belongs to, to methods without ports: the value at which the checksum is held.
    pub flow: u16,
    /// The probe's name on the wire, 1 to 65,521.
    pub mark: u16,
    /// What proves it ours.
    pub token: u64,
    /// Bytes behind the transport header, for methods that carry any.
    pub payload_bytes: usize,
    /// Whether the mark stands where balancers do not look; else it does nowhere, and the ports
    /// tell the probe (the classic way of tracing).
    pub is_steady: bool,
}

/// What names a probe, in what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Our port, or the ICMP identifier.
    pub port: u16,
    /// The target's port, to methods that have ports.
    pub to_port: Option<u16>,
    /// The probe's mark, if it is there. In a quote a translator may have changed it.
    pub mark: Option<u16>,
    /// The proof, if it is there.
    pub proof: Proof,
}

/// How much of the proof came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// The lower half of the token's lower half.
    Short(u16),
    /// The token.
    Token(u64),
}

impl Proof {
    /// Whether this is what a probe with that token shows. Nothing shown is no contradiction.
    pub fn agrees(self, token: u64) -> bool {
        match self {
            Proof::None => true,
            Proof::Short(short) => short == token as u16,
            Proof::Token(whole) => whole == token,
        }
    }
}

/// How a target itself answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// ICMP echo reply.
    EchoReply,
    /// A datagram from the program at the port.
    Datagram,
    /// TCP: somebody listens.
    SynAck,
    /// TCP: nobody listens.
    Reset,
    /// TCP, to something else than a plain SYN.
    Segment {
        /// Its flags: see [`wire::tcp::flag`].
        flags: u16,
    },
}

/// A probe method.
pub trait Method: Sync {
    /// The name on the command line and in output.
    fn name(&self) -> &'static str;

    /// One line for help.
    fn summary(&self) -> &'static str;

    /// What carries it.
    fn carrier(&self) -> Carrier;

    /// The target's port unless another is given; `None` for methods without ports.
    fn usual_port(&self) -> Option<u16>;

    /// Bytes of the transport header.
    fn overhead_bytes(&self) -> usize;

    /// Whether probes carry a payload of any size.
    fn carries_payload(&self) -> bool;

    /// The least payload with which a probe bears its mark.
    fn mark_min_bytes(&self) -> usize {
        0
    }

    /// Where the checksum stands in the message.
    fn checksum_offset(&self) -> usize;

    /// Appends the message to `out`, with its checksum.
    fn encode(&self, question: &Question, out: &mut Vec<u8>);

    /// Reads the start of one of our own probes as an error quotes it.
    fn recognise_quoted(&self, message: &[u8]) -> Option<Trail>;

    /// Reads a transport message as a target's answer.
    fn recognise_answer(&self, message: &[u8]) -> Option<(Trail, Greeting)>;
}

/// The method of that name, of those that a user chooses by it.
pub fn by_name(name: &str) -> Option<&'static dyn Method> {
    ALL.iter().copied().find(|method| method.name() == name)
}

impl fmt::Debug for dyn Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bytes of the token, and of the word that makes up for it in the checksum.
const TOKEN_BYTES: usize = 8;
const BALANCE_BYTES: usize = 2;

/// Appends a payload: the token if there is room, room for the balance, and the alphabet from `@`
/// on.
fn fill(question: &Question, out: &mut Vec<u8>) {
    let start = out.len();
    if question.payload_bytes >= TOKEN_BYTES + BALANCE_BYTES {
        out.extend_from_slice(&question.token.to_be_bytes());
    }
    if question.payload_bytes >= BALANCE_BYTES {
        out.extend_from_slice(&[0; BALANCE_BYTES]);
    }
    let rest = question.payload_bytes - (out.len() - start);
    out.extend((0..rest).map(|index| 0x40 + (index & 0x3f) as u8));
}

/// Makes a message sum up to the checksum that already stands in it, by its balance word; does
/// nothing to a message without room for one. `overhead_bytes` stand before the payload.
fn balance(sum: Sum, overhead_bytes: usize, message: &mut [u8]) {
    let payload_bytes = message.len() - overhead_bytes;
    let at = match payload_bytes {
        0..BALANCE_BYTES => return,
        _ if payload_bytes < TOKEN_BYTES + BALANCE_BYTES => overhead_bytes,
        _ => overhead_bytes + TOKEN_BYTES,
    };
    let word = sum.bytes(message).finish();
    message[at..at + BALANCE_BYTES].copy_from_slice(&word.to_be_bytes());
}

/// The token at the start of a payload, as far as it is there. Zeros are no token, but what a
/// router that quotes little pads the quote with (RFC 4884 §4).
fn proof_in(payload: &[u8], has_token: bool) -> Proof {
    match payload.first_chunk::<TOKEN_BYTES>().map(|token| u64::from_be_bytes(*token)) {
        Some(token) if has_token && token != 0 => Proof::Token(token),
        _ => Proof::None,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
