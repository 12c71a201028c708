//! The ping engine: thousands of targets in one loop, every probe accounted for.

use crate::kind::{Detail, Kind};
use crate::token::Key;
use crate::{RttSource, SendFault, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Meaning;

mod account;
mod engine;
mod proof;

pub use engine::Ping;

/// Everything that is decided before the first probe.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The probe type.
    pub kind: &'static dyn Kind,
    /// When a target is done.
    pub goal: Goal,
    /// When the next probe goes.
    pub pace: Pace,
    /// From one probe to a target to the next one to it. Rounds start at absolute times, start +
    /// n x interval, so that nothing drifts.
    pub interval: Duration,
    /// The least time between any two probes; with many targets a round takes at least targets x
    /// gap.
    pub gap: Duration,
    /// How long a probe may stay unanswered before it is reported as timed out and counted lost.
    /// `Duration::MAX`: until the run ends.
    pub timeout: Duration,
    /// How long the run goes on after its last probe.
    pub linger: Linger,
    /// The run ends that long after its start, whatever is missing.
    pub deadline: Option<Duration>,
    /// Ends a target's probing when its answers say so.
    pub until: Option<Until>,
    /// Payload bytes, the token included.
    pub payload_bytes: usize,
    /// What fills the payload behind the token.
    pub pattern: Pattern,
    /// A target's first sequence number: 1 as iputils, 0 as fping.
    pub first_sequence: u16,
    /// The identifiers that the driver may use, one a lane; each lane carries 65,536 sequence
    /// numbers. At least one.
    pub identifiers: Vec<u16>,
    /// The run's secret, for tokens.
    pub key: Key,
    /// Whether an answer may come from any address, because the target stands for many (broadcast);
    /// multicast addresses need no such word.
    pub any_source: bool,
    /// Whether each send is reported ([`Outcome::Sent`]).
    pub report_sent: bool,
    /// The wall clock at [`Time::ZERO`], milliseconds since midnight UTC, for kinds that carry it.
    pub midnight_ms: u32,
}

impl Plan {
    /// A plan with the usual values: echo, endless, one probe a second, 56 bytes, 1 s timeout.
    pub fn new(identifiers: Vec<u16>, key: Key) -> Plan {
        Plan {
            kind: &crate::kind::ECHO,
            goal: Goal::Probes(None),
            pace: Pace::Schedule { preload: 1 },
            interval: Duration::from_secs(1),
            gap: Duration::ZERO,
            timeout: Duration::from_secs(1),
            linger: Linger::UntilTimeout,
            deadline: None,
            until: None,
            payload_bytes: 56,
            pattern: Pattern::Counting,
            first_sequence: 1,
            identifiers,
            key,
            any_source: false,
            report_sent: false,
            midnight_ms: 0,
        }
    }
}

/// When a target is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// After that many probes; `None`: never.
    Probes(Option<u64>),
    /// After that many answers (replies and ICMP errors), however many probes it takes.
    Answers(u64),
    /// After the first reply. Unanswered probes are sent again up to `retries` times, each waiting
    /// `backoff` times as long as the one before (`backoff` >= 1); [`Plan::interval`] is not used.
    /// A probe that the system refuses to send ends its target too.
    FirstReply {
        /// Probes after the first one.
        retries: u32,
        /// Factor from one timeout to the next.
        backoff: f64,
    },
}

/// When the next probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// By the schedule of [`Plan::interval`] and [`Plan::gap`]; the first `preload` probes to each
    /// target go at once, ahead of it.
    Schedule {
        /// Probes ahead of the schedule.
        preload: u32,
    },
    /// As soon as fewer than `in_flight` probes are unanswered, but no sooner than [`Plan::gap`]
    /// after the one before; after [`Plan::interval`] in any case.
    Answered {
        /// How many probes may be unanswered.
        in_flight: u32,
    },
}

/// How long a run goes on after its last probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linger {
    /// Until every probe is answered or timed out.
    UntilTimeout,
    /// Until every probe is answered, at most twice the longest round trip seen but at least one
    /// interval; without any answer until the span given. As iputils.
    TwiceLongest(Duration),
}

/// Ends a target's probing when its answers say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// That many successive probes answered.
    Up(u32),
    /// That many successive probes lost.
    Down(u32),
}

/// What fills the payload behind the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Byte i is i modulo 256.
    Counting,
    /// These bytes, repeated; not empty.
    Repeat(Vec<u8>),
    /// Random bytes from this seed, the same in every probe.
    Random(u64),
}

/// What became of one probe, or that it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Index of the target.
    pub target: u32,
    /// Which probe to this target, from [`Plan::first_sequence`] on; not wrapped at 65,536.
    pub sequence: u64,
    /// When it was sent.
    pub sent_at: Time,
    /// When this came about.
    pub at: Time,
    /// What came about.
    pub outcome: Outcome,
}

/// What became of a probe. Every probe ends as exactly one of these. In addition come `Duplicate`
/// and what takes an end back: `Late` after its own `Timeout`, an answer after an `IcmpError`.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was sent; only with [`Plan::report_sent`], and no end.
    Sent,
    /// The answer.
    Reply(Reply),
    /// The answer, after the timeout was reported. Takes the loss back: it counts as late, not
    /// lost.
    Late(Reply),
    /// One more answer to an answered probe.
    Duplicate(Reply),
    /// The answer, damaged: the byte at `offset` of the ICMP message is not what was sent.
    Corrupted {
        /// The answer.
        reply: Reply,
        /// First differing byte of the payload, 0-based.
        offset: usize,
        /// What was sent there.
        sent: u8,
        /// What came back; `None` if the answer ends before it.
        got: Option<u8>,
        /// Everything that came back behind identifier and sequence number.
        payload: Box<[u8]>,
    },
    /// The answer, from an address that was not asked. The token proves that it is one, so it
    /// counts as received.
    WrongSource(Reply),
    /// An ICMP error.
    IcmpError(Box<IcmpError>),
    /// No answer within [`Plan::timeout`]; or, in a run that ended by itself, by its end.
    Timeout,
    /// The system refused to send it.
    SendError(SendFault),
    /// It was lost on this host: no room in a queue of ours, going out or coming in.
    LocalDrop,
    /// Still unanswered when the run was interrupted; not lost.
    InFlight,
}

/// An answer, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Who answered.
    pub from: IpAddr,
    /// Our address that it came to, where known.
    pub to: Option<IpAddr>,
    /// Bytes of the ICMP message.
    pub bytes: usize,
    /// TTL or hop limit as received, where known.
    pub hop_limit: Option<u8>,
    /// TOS or traffic class as received, where known.
    pub traffic_class: Option<u8>,
    /// The round-trip time.
    pub rtt: Duration,
    /// How that was measured.
    pub rtt_source: RttSource,
    /// Whether it overtook the answer to an earlier probe: its sequence is less than one already
    /// seen (RFC 4737 §3.3).
    pub reordered: bool,
    /// Whether its ICMP checksum is wrong (a raw IPv4 socket sees such answers).
    pub bad_checksum: bool,
    /// IPv4 options as received, padding included; `None` without any.
    pub options: Option<Box<[u8]>>,
    /// What else it says.
    pub detail: Detail,
}

/// An ICMP error about one of our probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Who sent it.
    pub from: IpAddr,
    /// What it says.
    pub meaning: Meaning,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// Bytes 4 to 7: pointer, gateway, MTU or unused.
    pub word: u32,
    /// The next-hop MTU, if it names one.
    pub mtu_bytes: Option<u32>,
    /// TTL or hop limit of the error itself, where known.
    pub hop_limit: Option<u8>,
    /// From the probe's send to the error's arrival.
    pub rtt: Duration,
    /// How that was measured.
    pub rtt_source: RttSource,
    /// The quoted datagram as it came: at most [`QUOTED_MAX_BYTES`] of it.
    pub quoted: Box<[u8]>,
}

/// The most of a quoted datagram that a report keeps.
pub const QUOTED_MAX_BYTES: usize = 128;
