//! Probe types: how a probe is written and how its answer is recognised. One file each.
//!
//! A kind works on transport messages and knows nothing of timing or targets. Everything that lists
//! the kinds iterates [`ALL`].

use std::fmt;
use wire::Family;

mod echo;
mod node_information;
mod timestamp;

pub use echo::ECHO;
pub use node_information::{NODE_INFORMATION, NodeInformationKind};
pub use timestamp::TIMESTAMP;

/// Every kind, in the order in which help shows them.
pub const ALL: &[&dyn Kind] = &[&ECHO, &TIMESTAMP, &NODE_INFORMATION];

/// What a socket must be able to do for a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// An unprivileged datagram ICMP socket is enough.
    Datagram,
    /// Only a raw socket will do.
    Raw,
}

/// What one probe must say.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// IP version.
    pub family: Family,
    /// Which run and lane it belongs to.
    pub identifier: u16,
    /// Which probe of the lane it is.
    pub sequence: u16,
    /// What to carry; kinds with a fixed layout carry none of it.
    pub payload: &'a [u8],
    /// Milliseconds since midnight UTC at the send, for kinds that carry a time.
    pub originate_ms: u32,
}

/// An answer that names its probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The identifier that came back.
    pub identifier: u16,
    /// The sequence number that came back.
    pub sequence: u16,
    /// What came back of the payload, where the kind carries one.
    pub payload: Option<&'a [u8]>,
    /// What the answer says beyond "here I am".
    pub detail: Detail,
}

/// What an answer says beyond "here I am".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The three times of an ICMP timestamp reply, as on the wire: milliseconds since midnight UTC,
    /// or with the high bit set anything else.
    Timestamps {
        /// When we sent.
        originate: u32,
        /// When the peer received.
        receive: u32,
        /// When the peer answered.
        transmit: u32,
    },
    /// A node information reply (RFC 4620): the whole message, as [`wire::icmp::Message`] reads it.
    NodeInformation(Box<[u8]>),
}

/// A probe type.
pub trait Kind: Sync {
    /// The name on the command line and in output.
    fn name(&self) -> &'static str;

    /// One line for help.
    fn summary(&self) -> &'static str;

    /// Whether the kind exists in this family.
    fn speaks(&self, family: Family) -> bool;

    /// What the socket must be able to do.
    fn rights(&self) -> Rights;

    /// The IP protocol number of its messages.
    fn protocol(&self, family: Family) -> u8;

    /// Bytes of a message around its payload.
    fn overhead_bytes(&self) -> usize;

    /// Whether probes carry a payload of any size.
    fn carries_payload(&self) -> bool;

    /// Appends the message to `out`, ICMPv4 checksum included.
    fn encode(&self, question: &Question<'_>, out: &mut Vec<u8>);

    /// Reads a transport message as an answer to a probe of this kind.
    fn recognise_answer<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>>;

    /// Reads the start of one of our own probes, as an error quotes it: at least 8 bytes.
    fn recognise_quoted<'a>(&self, family: Family, message: &'a [u8]) -> Option<Answer<'a>>;
}

/// The kind of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Kind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}

impl fmt::Debug for dyn Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
