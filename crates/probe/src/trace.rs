//! The trace engine: which way packets go, hop by hop, once or round after round.
//!
//! A hop is asked by a probe whose hop limit runs out there. Everything that is found out leaves as
//! a [`Report`]; a [`ledger`] adds reports up.

use crate::method::{Greeting, Method};
use crate::token::Key;
use crate::{RttSource, SendFault, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::icmp::Meaning;

mod ends;
mod engine;
mod flights;
pub(crate) mod identity;
pub mod ledger;
pub mod limit;
pub(crate) mod quote;
mod receive;
mod road;
mod share;
mod web;

pub use engine::Trace;

/// One address to trace, and the address that packets to it leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address, and the zone of a link-local one.
    pub target: crate::targets::Target,
    /// Our address towards it; of the same family. Checksums are reckoned with it.
    pub source: IpAddr,
}

/// Everything that is decided before the first probe.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How hops are asked.
    pub method: &'static dyn Method,
    /// The target's port; without meaning to methods without ports.
    pub port: u16,
    /// What tells the probes of a road apart.
    pub naming: Naming,
    /// Once, or round after round.
    pub course: Course,
    /// The first hop to ask, at least 1.
    pub first_hop: u8,
    /// The last hop to ask, at least `first_hop`.
    pub hops_max: u8,
    /// Probes that may be unanswered on one road at one time.
    pub in_flight_max: u32,
    /// The least time between two probes of the run.
    pub gap: Duration,
    /// How long a probe's answer is waited for at most before it counts as silent. What answers
    /// later is reported as late.
    pub timeout: Duration,
    /// Whether a probe that others make look hopeless is given up sooner (three times the longest
    /// round trip of hops around it).
    pub is_adaptive: bool,
    /// How long after the last news of a road its silent end is given up.
    pub patience: Duration,
    /// Bytes behind the transport header, for methods that carry any.
    pub payload_bytes: usize,
    /// TOS or traffic class of the probes, as the driver was told.
    pub traffic_class: u8,
    /// IPv6 flow label of the first flow, to be counted up for others; `None` for the system's
    /// choice.
    pub flow_label: Option<u32>,
    /// The identifiers or ports that the driver may use: one a flow. At least one.
    pub identifiers: Vec<u16>,
    /// Whether errors show the IP header of the probe as it arrived at the hop, and not only as the
    /// driver rebuilt it.
    pub sees_quoted_headers: bool,
    /// How many roads are under way at one time.
    pub roads_max: u32,
    /// Whether roads of one run share what is known of routers: a road that joins a known one is
    /// not asked again.
    pub shares_hops: bool,
    /// The run's secret.
    pub key: Key,
}

/// What tells the probes of a road apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Marks where load balancers do not look, so that all probes go one way (as Paris traceroute).
    Steady,
    /// The target's port counts up (as the classic traceroute).
    CountingPort,
}

/// Once, or round after round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Course {
    /// Each hop is asked by so many probes, at least 1; then comes the verdict.
    Once {
        /// Probes a hop.
        queries: u8,
    },
    /// Each hop is asked once a round; round n begins at start + n x interval.
    Rounds {
        /// From one round to the next.
        interval: Duration,
        /// How many; `None` for ever.
        count: Option<u64>,
    },
    /// Flow after flow until every load-balanced path is found; then comes the verdict.
    Paths {
        /// The chance with which a branch may be missed at a router: 0.05 or 0.01.
        risk: f64,
    },
}

impl Plan {
    /// A plan with the usual values: UDP, 30 hops, three probes each, one steady flow.
    pub fn new(method: &'static dyn Method, identifiers: Vec<u16>, key: Key) -> Plan {
        Plan {
            method,
            port: method.usual_port().unwrap_or(0),
            naming: Naming::Steady,
            course: Course::Once { queries: 3 },
            first_hop: 1,
            hops_max: 30,
            in_flight_max: 64,
            gap: Duration::ZERO,
            timeout: Duration::from_millis(1_500),
            is_adaptive: true,
            patience: Duration::from_millis(1_500),
            payload_bytes: 32,
            traffic_class: 0,
            flow_label: None,
            identifiers,
            sees_quoted_headers: true,
            roads_max: 64,
            shares_hops: false,
            key,
        }
    }
}

impl Plan {
    /// Whether all probes of a flow go one way.
    pub fn is_steady(&self) -> bool {
        self.naming == Naming::Steady
    }

    /// Flows that can be told apart.
    fn flows_max(&self) -> u16 {
        match self.method.usual_port() {
            Some(_) => self.identifiers.len() as u16,
            // Their flow is the checksum, which takes any value.
            None => 1_024,
        }
    }

    /// The identifier or port that a flow's probes bear.
    fn lane_of(&self, flow: u16) -> u16 {
        if self.method.usual_port().is_some() { flow } else { 0 }
    }

    /// The IPv6 flow label of a flow, if it is ours to choose.
    fn flow_label_of(&self, flow: u16) -> Option<u32> {
        self.flow_label.map(|label| label.wrapping_add(flow.into()) & 0x000f_ffff)
    }
}

/// Something that was found out about a road.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Index of the target.
    pub target: u32,
    /// When.
    pub at: Time,
    /// What.
    pub event: Event,
}

/// What was found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// What became of one probe. Once for each, and once more for each answer that comes after
    /// that.
    Probe(Probe),
    /// Everything that is to be known of a hop; in the order of the hops, without gaps. Only with
    /// [`Course::Once`].
    Hop(Hop),
    /// A round is over: what the road looks like now. Only with [`Course::Rounds`].
    Round {
        /// 0-based.
        round: u64,
        /// How the road ends.
        end: End,
    },
    /// All ways to the target. Only with [`Course::Paths`].
    Graph(Graph),
    /// How the road ends. The last report of it, except for late answers.
    Verdict(Verdict),
}

/// What became of one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The hop that was asked, 1-based.
    pub hop: u8,
    /// Which probe of the road this is, in the order of the sends, 0-based; names it in reports.
    pub number: u64,
    /// Which probe of its hop this is, 1-based.
    pub query: u32,
    /// Which flow it belongs to, 0-based; to methods with ports an index into
    /// [`Plan::identifiers`].
    pub flow: u16,
    /// The target's port that it went to; without meaning to methods without ports.
    pub port: u16,
    /// When it was sent.
    pub sent_at: Time,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Somebody answered.
    Answer(Box<Answer>),
    /// Nobody answered in time.
    Silent,
    /// The system refused to send it.
    SendError(SendFault),
    /// This host lost it, or what may have been its answer.
    LocalDrop,
    /// Unanswered when the run was interrupted.
    InFlight,
    /// Unanswered when its hop turned out to lie beyond the end of the road.
    Moot,
}

/// An answer to a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who answered.
    pub from: IpAddr,
    /// What it says.
    pub says: Says,
    /// The round-trip time.
    pub rtt: Duration,
    /// How that was measured.
    pub rtt_source: RttSource,
    /// When it arrived.
    pub at: Time,
    /// TTL or hop limit of the answer as received, where known.
    pub hop_limit: Option<u8>,
    /// TOS or traffic class of the answer as received, where known.
    pub traffic_class: Option<u8>,
    /// Whether the probe had been reported silent.
    pub is_late: bool,
    /// Whether the probe had been answered.
    pub is_duplicate: bool,
    /// Whether the answer names its probe, or was put down to the likeliest (a program that answers
    /// by UDP names none).
    pub is_certain: bool,
    /// What an error shows of the probe; `None` if it is no error.
    pub quote: Option<Quote>,
    /// What extends an error (RFC 4884), in order.
    pub extensions: Vec<Extension>,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The target itself.
    Greeting(Greeting),
    /// An ICMP error, time exceeded among them.
    Error {
        /// What it means.
        meaning: Meaning,
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// The next-hop MTU, if it names one.
        mtu_bytes: Option<u32>,
    },
}

impl Says {
    /// Whether it only says that the hop limit ran out: the road goes on.
    pub fn is_expired(self) -> bool {
        matches!(self, Says::Error { meaning: Meaning::HopLimitExceeded, .. })
    }

    /// Whether it says that the probe arrived where it was sent.
    pub fn is_arrival(self) -> bool {
        match self {
            Says::Greeting(_) => true,
            Says::Error { meaning, .. } => {
                use Meaning::{NextHeaderUnknown, PortUnreachable, ProtocolUnreachable};
                // The last is how IPv6 calls the second (RFC 8200 §4).
                matches!(meaning, PortUnreachable | ProtocolUnreachable | NextHeaderUnknown)
            }
        }
    }
}

/// What an error shows of the probe, beside what was sent. Where the headers could not be seen,
/// only the transport's own fields are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// TTL or hop limit with which the probe arrived at the hop, where seen.
    pub hop_limit: Option<u8>,
    /// Bytes of the probe that came back, IP header included.
    pub bytes: usize,
    /// What differs from the probe as it was sent.
    pub changes: Vec<Change>,
}

/// One thing that was changed on the way to a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The source address: source translation that the error's way back did not undo.
    Source(IpAddr),
    /// The destination address: destination translation.
    Destination(IpAddr),
    /// The source port or identifier.
    Port {
        /// As sent.
        sent: u16,
        /// As quoted.
        got: u16,
    },
    /// The destination port.
    ToPort {
        /// As sent.
        sent: u16,
        /// As quoted.
        got: u16,
    },
    /// TOS or traffic class: DSCP in the upper six bits, ECN in the lower two.
    TrafficClass {
        /// As sent.
        sent: u8,
        /// As quoted.
        got: u8,
    },
    /// IPv4 identification.
    Identification {
        /// As sent.
        sent: u16,
        /// As quoted.
        got: u16,
    },
    /// IPv6 flow label.
    FlowLabel {
        /// As sent.
        sent: u32,
        /// As quoted.
        got: u32,
    },
    /// The transport checksum: somebody translated addresses or ports that the quote does not show.
    Checksum {
        /// As sent.
        sent: u16,
        /// As quoted.
        got: u16,
    },
}

/// One object that extends an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// The MPLS labels with which the probe arrived, outermost first (RFC 4950).
    Mpls(Vec<wire::ext::Label>),
    /// An interface (RFC 5837).
    Interface {
        /// What it has to do with the probe.
        role: wire::ext::Role,
        /// Its index.
        index: Option<u32>,
        /// Its address.
        address: Option<IpAddr>,
        /// Its name as it came: not safe for a terminal.
        name: Option<Vec<u8>>,
        /// Its MTU in bytes.
        mtu_bytes: Option<u32>,
    },
    /// Anything else, malformed ones included; see also [`Extension::node`].
    Unknown {
        /// Its class.
        class: u8,
        /// Its type within the class.
        kind: u8,
        /// Its content; at most [`EXTENSION_MAX_BYTES`] of it.
        body: Vec<u8>,
    },
}

impl Extension {
    /// The node that sent the error, if this says so.
    pub fn node(&self) -> Option<wire::ext::Node<'_>> {
        match self {
            Extension::Unknown { class: wire::ext::Node::CLASS, kind, body } => {
                let node = wire::ext::Node::parse(*kind, body).ok()?;
                (node.address.is_some() || node.name.is_some()).then_some(node)
            }
            _ => None,
        }
    }
}

/// The most of an unknown object's content that a report keeps.
pub const EXTENSION_MAX_BYTES: usize = 128;

/// The most objects that a report keeps of one error, and the most labels of one stack.
pub const EXTENSIONS_MAX: usize = 16;

/// Everything that is to be known of a hop.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// Its number, 1-based.
    pub hop: u8,
    /// Its probes, in the order of the sends. Those that outran the end of the road count at the
    /// end: their answers came from the same place.
    pub probes: Vec<Probe>,
    /// Whether the road ends here.
    pub is_end: bool,
    /// Set if it was not asked, because another road of the run came by the same routers.
    pub shared: Option<Shared>,
}

/// A hop that another road of the run stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The index of that road's target.
    pub target: u32,
    /// Who answered there.
    pub from: Option<IpAddr>,
}

/// All ways to a target that were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The chance with which a branch was missed at a router.
    pub risk: f64,
    /// The hops, in order.
    pub layers: Vec<Layer>,
    /// Distinct ways through them, the one with the most flows first.
    pub paths: Vec<Path>,
}

/// A hop, with everybody who answered there.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its number, 1-based.
    pub hop: u8,
    /// Who answered, by address; none if the hop is silent.
    pub vertices: Vec<Vertex>,
    /// Flows that it was asked with.
    pub flows: usize,
    /// Probes that it was asked with.
    pub sent: u64,
    /// Whether one flow met several routers here: packets are balanced, not flows.
    pub is_per_packet: bool,
}

/// Somebody who answered at a hop.
#[derive(Clone, Debug, PartialEq)]
pub struct Vertex {
    /// Who.
    pub from: IpAddr,
    /// Whether the road ends there.
    pub is_end: bool,
    /// Answers.
    pub answered: u64,
    /// Flows that came by.
    pub flows: Vec<u16>,
    /// The round trips.
    pub rtt: crate::stats::RttSummary,
    /// Where flows went from here: indexes into the next layer's vertices.
    pub next: Vec<usize>,
}

/// One way.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// By layer the index of the vertex; `None` where nobody answered.
    pub vertices: Vec<Option<usize>>,
    /// Flows that went this way.
    pub flows: Vec<u16>,
    /// Decided probes of these flows.
    pub sent: u64,
    /// Those that were answered.
    pub answered: u64,
    /// The median round trip to the farthest vertex that these flows were answered by.
    pub rtt: Option<Duration>,
    /// The hop of that vertex; 0 without any.
    pub rtt_hop: u8,
}

/// How a road ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// At the target.
    Reached {
        /// Its distance.
        hop: u8,
        /// Who answered: the target, or another address in its stead.
        from: IpAddr,
        /// What it said.
        says: Says,
    },
    /// Somebody on the way refused.
    Refused {
        /// The distance of whoever refused.
        hop: u8,
        /// Who refused.
        from: IpAddr,
        /// Why.
        says: Says,
    },
    /// Nobody answered any more.
    Silent {
        /// The first hop of the silence.
        from_hop: u8,
    },
    /// The last hop to ask still was a router.
    HopsExhausted,
    /// The same routers came round again.
    Loop {
        /// The first hop of the loop.
        from_hop: u8,
        /// How many hops until it repeats.
        length: u8,
    },
    /// This host refused to send.
    Unsendable(SendFault),
    /// Not known, because the run was interrupted.
    Unknown,
}

/// The last word on a road.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How it ends.
    pub end: End,
    /// Probes sent.
    pub sent: u64,
    /// Those that were answered.
    pub answered: u64,
    /// From the road's first send to now.
    pub took: Duration,
}
