//! The TFTP engine: one file from a server or to it (RFC 1350), with options (RFC 2347 to 2349, RFC
//! 7440), over any schedule of sending again.
//!
//! It knows no files: what comes is reported as bytes, what goes is asked for by a report and given
//! by [`Tftp::feed`]. Nothing that a server sends makes it hold more than a window of blocks.

use crate::targets::Target;
use crate::{SendFault, Time};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Meaning;
use wire::tftp::{BLOCK_USUAL_BYTES, PORT, REQUEST_MAX_BYTES};

mod download;
mod engine;
mod netascii;
mod numbers;
mod offer;
mod patience;
mod upload;

pub use engine::Tftp;
pub use netascii::{Decoder, Encoder};
pub use patience::Schedule;

/// The largest window that is asked for: block numbers have 16 bits, and a quarter of them tells
/// what is new from what is old.
pub const WINDOW_MAX: u16 = 16_384;

/// A window that is to be sent is kept until it has arrived, and holds no more than this.
pub const WINDOW_MAX_BYTES: u64 = 16 << 20;

/// Everything that is decided before the request goes out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: Target,
    /// The port at which it is asked.
    pub port: u16,
    /// The port that the driver sends from.
    pub local_port: u16,
    /// The address that the driver sends from, for checksums.
    pub source: IpAddr,
    /// What is to be done.
    pub task: Task,
    /// The file's name at the server: not empty, without NUL.
    pub name: Vec<u8>,
    /// How the file's bytes stand in packets.
    pub mode: Mode,
    /// Options to ask for.
    pub asks: Asks,
    /// When what is unanswered is sent again.
    pub schedule: Schedule,
    /// How many times in a row something is sent again before the server is given up.
    pub retries: u32,
    /// Whether ICMP errors are heard, as by a connected socket.
    pub hears_errors: bool,
    /// The most that is taken of a file, in bytes as they stand in packets.
    pub max_bytes: u64,
    /// How long a last acknowledgment that was lost is repaired after a file has come; `None`: as
    /// long as the server is likely to take to send its last block again.
    pub dally: Option<Duration>,
    /// When the transfer is given up whatever happens, from its start.
    pub deadline: Option<Duration>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The file comes.
    Get,
    /// The file goes.
    Put {
        /// Its size, where known.
        bytes: Option<u64>,
    },
}

/// How a file's bytes stand in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    #[default]
    Octet,
    /// Lines end in CR LF, and a CR that ends none is CR NUL (RFC 764, as RFC 1350 §1 has it).
    Netascii,
}

impl Mode {
    /// Its name in requests.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Octet => "octet",
            Mode::Netascii => "netascii",
        }
    }
}

/// Options to ask for; none of them by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Bytes of a block (RFC 2348).
    pub block_bytes: Option<u16>,
    /// Blocks to an acknowledgment (RFC 7440), at most [`WINDOW_MAX`].
    pub window: Option<u16>,
    /// After how many seconds the server is to send again (RFC 2349), not 0.
    pub timeout_s: Option<u8>,
    /// The file's size is asked for, or said (RFC 2349).
    pub size: bool,
    /// What follows block 65,535 is block 1, not block 0. No RFC knows the option `rollover`, which
    /// asks for it; it is in force even if the server says nothing of it.
    pub rolls_over_to_1: bool,
}

/// Why there can be no such request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFault {
    /// The file has no name.
    NoName,
    /// The name holds a NUL, which would end it.
    Nul,
    /// The request is larger than [`REQUEST_MAX_BYTES`].
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// A window would hold more than [`WINDOW_MAX_BYTES`].
    Window,
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanFault::NoName => f.write_str("the file has no name"),
            PlanFault::Nul => f.write_str("the file's name holds a NUL"),
            PlanFault::TooLong { bytes } => {
                write!(f, "the request has {bytes} bytes, and {REQUEST_MAX_BYTES} are allowed")
            }
            PlanFault::Window => {
                write!(f, "a window of such blocks holds more than {WINDOW_MAX_BYTES} bytes")
            }
        }
    }
}

impl Plan {
    /// A plan with the usual values: octets, no options.
    pub fn new(server: Target, local_port: u16, source: IpAddr, task: Task, name: &[u8]) -> Plan {
        Plan {
            server,
            port: PORT,
            local_port,
            source,
            task,
            name: name.to_vec(),
            mode: Mode::Octet,
            asks: Asks::default(),
            schedule: Schedule::Adaptive,
            retries: 5,
            hears_errors: true,
            max_bytes: u64::MAX,
            dally: None,
            deadline: None,
        }
    }

    /// Whether the request can be made.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self) -> Result<(), PlanFault> {
        let bytes = self.request().len();
        let block = self.asks.block_bytes.unwrap_or(BLOCK_USUAL_BYTES);
        let window = self.asks.window.unwrap_or(1);
        match &self.name {
            name if name.is_empty() => Err(PlanFault::NoName),
            name if name.contains(&0) => Err(PlanFault::Nul),
            _ if bytes > REQUEST_MAX_BYTES => Err(PlanFault::TooLong { bytes }),
            _ if u64::from(block) * u64::from(window) > WINDOW_MAX_BYTES => Err(PlanFault::Window),
            _ => Ok(()),
        }
    }
}

/// What is in force between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Bytes of a full block.
    pub block_bytes: u16,
    /// Blocks to an acknowledgment.
    pub window: u16,
    /// After how many seconds the server sends again, if it was asked and agreed.
    pub timeout_s: Option<u8>,
    /// The file's size, as far as the server said it.
    pub bytes: Option<u64>,
    /// Whether the server acknowledged options; else these are the usual values.
    pub is_by_options: bool,
}

impl Default for Agreed {
    fn default() -> Agreed {
        Agreed {
            block_bytes: BLOCK_USUAL_BYTES,
            window: 1,
            timeout_s: None,
            bytes: None,
            is_by_options: false,
        }
    }
}

/// Something that came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When.
    pub at: Time,
    /// What.
    pub event: Event,
}

/// What came about.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The server answered: once, before anything else of the transfer.
    Agreed {
        /// The port that it chose for the transfer: its transfer identifier (RFC 1350 §4).
        port: u16,
        /// What is in force.
        agreed: Agreed,
    },
    /// The file goes on with these bytes. They are acknowledged once the report is taken: call
    /// [`Tftp::give_up`] before the next poll if they cannot be kept.
    Bytes(Vec<u8>),
    /// The file is whole. It is acknowledged once the report is taken, as with [`Event::Bytes`].
    Whole,
    /// As many bytes of the file are wanted, or fewer: call [`Tftp::feed`].
    Wants(usize),
    /// Somebody else than the server's port sent something to ours: the first of each.
    Stranger {
        /// Who.
        from: IpAddr,
        /// From which port.
        port: u16,
    },
    /// An ICMP error that ends nothing: the first of each sender and meaning.
    Remark(IcmpError),
    /// How it ended: once. A driver goes on until [`Output::Done`](crate::Output::Done), since
    /// there may be something left to send.
    End(End),
}

/// An ICMP error about a packet of this transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Who says it.
    pub from: IpAddr,
    /// What it says.
    pub meaning: Meaning,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// The next-hop MTU that it names.
    pub mtu_bytes: Option<u32>,
    /// The source port in the first octets of the quoted datagram: ours.
    pub source_port: u16,
    /// The destination port there: the one that was tried.
    pub destination_port: u16,
    /// The destination that it quotes: the server.
    pub destination: IpAddr,
}

/// How a transfer ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The file is over there, or here.
    Complete,
    /// The server said no.
    Refused {
        /// See [`wire::tftp::code`].
        code: u16,
        /// The server's words, as they came.
        message: Vec<u8>,
    },
    /// An ICMP error says that it can never be.
    Unreachable(IcmpError),
    /// Nothing was heard of the server for so many sends.
    Silence {
        /// Sends of the last packet.
        tries: u32,
        /// Whether the server had answered before.
        had_answered: bool,
    },
    /// The request could not be sent.
    Unsendable(SendFault),
    /// The server broke the rules.
    Breach(Breach),
    /// The file is larger than [`Plan::max_bytes`].
    TooLarge {
        /// Its size: as the server said it, or what has come so far.
        bytes: u64,
        /// Whether the server said it.
        is_stated: bool,
    },
    /// What came is not as long as the server had said.
    WrongSize {
        /// What it had said.
        stated_bytes: u64,
        /// What came, to the end or until it was more.
        bytes: u64,
    },
    /// This side could not go on: see [`Tftp::give_up`].
    GivenUp,
    /// [`Plan::deadline`] passed.
    Late,
    /// The run was stopped.
    Interrupted,
}

/// How a server broke the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// An option that it acknowledged.
    Option {
        /// The option's name, as it came.
        name: Vec<u8>,
        /// The value, as it came.
        value: Vec<u8>,
        /// What is wrong with it.
        why: OptionFault,
    },
    /// A block larger than agreed on.
    BlockTooLarge {
        /// Bytes of its data.
        bytes: usize,
        /// Bytes of a full block.
        most: u16,
    },
}

/// What is wrong with an option that a server acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionFault {
    /// It was not asked for.
    NotAsked,
    /// It was acknowledged before.
    Twice,
    /// The value is none, or not one that was allowed by what was asked for.
    Value,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks that came in order, or that the server acknowledged.
    pub blocks: u64,
    /// Bytes of these, as they stood in packets.
    pub payload_bytes: u64,
    /// Bytes of the file on this side: reported, or fed.
    pub file_bytes: u64,
    /// Packets sent, all of them.
    pub sent: u64,
    /// Packets sent again.
    pub resent: u64,
    /// Times that nothing was heard in time.
    pub timeouts: u64,
    /// Blocks or acknowledgments that had come before.
    pub duplicates: u64,
    /// Blocks that came while an earlier one was missing.
    pub out_of_order: u64,
    /// Packets that fit nowhere, from the server's port.
    pub odd: u64,
    /// Packets from others.
    pub strangers: u64,
    /// ICMP errors about this transfer that were heard.
    pub icmp_errors: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrival, Engine, Output, Stamp, StampedBy, Time};
    use std::time::Duration;
    use wire::udp;

    /// A server's packet arrives.
    fn answer(tftp: &mut Tftp, at_ms: u64, packet: &[u8]) {
        let (server, ours) = (tftp.plan().server.address, tftp.plan().source);
        let mut payload = Vec::new();
        let destination_port = tftp.plan().local_port;
        let message =
            udp::Message { source_port: 7, destination_port, has_checksum: true, payload: packet };
        message.emit(server, ours, &mut payload).expect("it is short");
        let now = Time(at_ms * 1_000_000);
        let arrival = Arrival {
            received: Stamp { at: now, by: StampedBy::Program },
            source: server,
            destination: Some(ours),
            hop_limit: None,
            traffic_class: None,
            options: &[],
            protocol: 17,
            payload: &payload,
        };
        tftp.receive(now, &arrival);
        while !matches!(tftp.poll(now, &mut Vec::new()), Output::Wait { .. } | Output::Done) {}
    }

    #[test]
    fn a_block_that_overtakes_another_tells_the_round_trip() {
        let server = Target { address: [192, 0, 2, 1].into(), zone: 0 };
        let mut plan = Plan::new(server, 50_000, [192, 0, 2, 2].into(), Task::Get, b"file");
        plan.asks.window = Some(16);
        let mut tftp = Tftp::new(plan);
        // The request is sent twice, so that its round trip is not known.
        for second in [0, 1] {
            let now = Time(second * 1_000_000_000);
            while !matches!(tftp.poll(now, &mut Vec::new()), Output::Wait { .. } | Output::Done) {}
        }
        answer(&mut tftp, 1_100, b"\0\x06windowsize\x0016\0");
        assert_eq!(tftp.rtt(), None);
        answer(&mut tftp, 1_110, b"\0\x03\0\x02 the second block");
        answer(&mut tftp, 1_115, b"\0\x03\0\x01 the first one");
        assert_eq!(tftp.rtt(), Some(Duration::from_millis(10)));
    }
}
