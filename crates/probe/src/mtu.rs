//! The path MTU engine: how large a datagram may be to get from here to a target without being cut,
//! which links are the narrow ones, and how that is known (RFC 1191, RFC 8201, RFC 8899).
//!
//! One run asks by one method. Echo says what gets there and back, UDP what gets there: see
//! [`conclude`].

use crate::method::Method;
use crate::token::Key;
use crate::{SendFault, Time};
use std::net::IpAddr;
use std::time::Duration;

mod conclusion;
mod engine;
mod locate;
mod plateau;
mod receive;
mod road;
mod search;
mod table;

pub use crate::trace::{Destination, Says};
pub use conclusion::{Conclusion, conclude};
pub use engine::Mtu;

/// The largest IP datagram (without IPv6 jumbograms).
pub const BYTES_MAX: u32 = 65_535;

/// The smallest probe: it has room for headers and token, and no link is narrower.
pub const BYTES_MIN: u32 = 68;

/// Everything that is decided before the first probe.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the target and the hops are asked; a method that carries a payload of any size.
    pub method: &'static dyn Method,
    /// The target's port; without meaning to methods without ports.
    pub port: u16,
    /// The largest IP datagram to try, [`BYTES_MIN`] to [`BYTES_MAX`].
    pub max_bytes: u32,
    /// Whether narrow links are to be found; else only how narrow they are.
    pub locates: bool,
    /// The farthest hop to ask, at least 1.
    pub hops_max: u8,
    /// TTL or hop limit of what is sent to the target itself.
    pub hop_limit: u8,
    /// How many tries make silence a limit (MAX_PROBES of RFC 8899 §5.1.2); twice as many where
    /// packets are lost.
    pub tries: u8,
    /// The least time between two probes of the run.
    pub gap: Duration,
    /// How long an answer is waited for at most before another try.
    pub timeout: Duration,
    /// How long a road is measured at most; then what is known must do.
    pub deadline: Duration,
    /// Probes that may be unanswered on one road at one time.
    pub in_flight_max: u32,
    /// IPv6 flow label of the probes; `None` for the system's choice.
    pub flow_label: Option<u32>,
    /// The identifiers or ports that the driver may use; the first is taken.
    pub identifiers: Vec<u16>,
    /// Whether errors show the IP header of the probe as it arrived at the hop, and not only as the
    /// driver rebuilt it.
    pub sees_quoted_headers: bool,
    /// How many roads are under way at one time.
    pub roads_max: u32,
    /// The run's secret.
    pub key: Key,
}

impl Plan {
    /// A plan with the usual values: everything up to the largest datagram, every narrow link.
    pub fn new(method: &'static dyn Method, identifiers: Vec<u16>, key: Key) -> Plan {
        Plan {
            method,
            port: method.usual_port().unwrap_or(0),
            max_bytes: BYTES_MAX,
            locates: true,
            hops_max: 30,
            hop_limit: 64,
            tries: 3,
            gap: Duration::ZERO,
            timeout: Duration::from_millis(1_500),
            deadline: Duration::from_secs(30),
            in_flight_max: 64,
            flow_label: None,
            identifiers,
            sees_quoted_headers: true,
            roads_max: 16,
            key,
        }
    }
}

/// What an earlier run of another method found of a road.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The largest datagram that passed: that and one byte more are asked first, and if it is right
    /// nothing else is.
    pub mtu_bytes: u32,
    /// The largest that this host lets out.
    pub local_bytes: u32,
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
    /// A link is narrower than those before it. In the order of the hops.
    Limit(Limit),
    /// Somebody said "packet too big", and it is not to be taken at its word. Once for each who
    /// says so and each reason.
    Remark(Remark),
    /// How wide the road is. The last report of it.
    Verdict(Verdict),
}

/// A narrow link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The farthest hop that larger datagrams reach: it stands before the link. 0 is this host.
    pub hop: u8,
    /// Its address; `None` for this host, and if it answered nothing.
    pub from: Option<IpAddr>,
    /// A hop behind it, the nearest that larger datagrams do not reach; `None` for the target.
    pub next_hop: Option<u8>,
    /// The address of that hop or of the target, where it was heard.
    pub next: Option<IpAddr>,
    /// The largest IP datagram that passes.
    pub mtu_bytes: u32,
    /// Whether that size was seen to pass, and one byte more not to.
    pub is_exact: bool,
    /// How it is known.
    pub evidence: Evidence,
    /// In which direction.
    pub way: Way,
}

/// How a limit is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// This host refuses to send more.
    Local,
    /// Somebody says "packet too big".
    Said {
        /// Who.
        from: IpAddr,
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// The next-hop MTU that it names; `None` if it is 0.
        mtu_bytes: Option<u32>,
    },
    /// Nobody says anything: larger ones vanish.
    Silence {
        /// How many vanished beside smaller ones that were answered.
        tries: u32,
    },
}

/// In which direction a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On the way there.
    There,
    /// On the last stretch there or anywhere on the way back: what answers is as large as the
    /// probe.
    ThereOrBack,
}

/// Why a "packet too big" is not taken at its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It names no next-hop MTU: a router from before RFC 1191.
    NoValue,
    /// It names an MTU that the probe fits.
    NotBelow,
    /// It names an MTU below what the family allows.
    BelowMinimum,
    /// It quotes a datagram of another size than the probe's.
    OtherSize {
        /// The size that it quotes.
        quoted_bytes: u32,
    },
    /// The probe, or one at least as large that went at least as far, was answered.
    Contradicted,
    /// What passes there is another size than the MTU that it names.
    Inaccurate {
        /// The largest that passes.
        mtu_bytes: u32,
    },
}

/// A "packet too big" that is not to be taken at its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Who says it.
    pub from: IpAddr,
    /// The size of the probe that it is about.
    pub bytes: u32,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// The next-hop MTU that it names; `None` if it is 0.
    pub mtu_bytes: Option<u32>,
    /// Why it is not believed.
    pub why: Doubt,
}

/// How a road ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the target.
    Reached {
        /// Who answered: the target, or another address in its stead.
        from: IpAddr,
        /// What it said.
        says: Says,
    },
    /// Somebody on the way refuses, whatever the size.
    Refused {
        /// Who refuses.
        from: IpAddr,
        /// Why.
        says: Says,
    },
    /// The target answers nothing; the road is known as far as hops answer.
    Silent {
        /// The farthest hop that answers; 0 if none does.
        heard: u8,
    },
    /// This host refuses to send, whatever the size.
    Unsendable(SendFault),
    /// Not known, because the run was interrupted.
    Unknown,
}

/// How wide a road is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How the road ends.
    pub end: End,
    /// The largest IP datagram that this host lets out, of those that were to be tried.
    pub local_bytes: u32,
    /// The largest IP datagram that was answered at the end: of the target, or else of the farthest
    /// hop that answers. `None` if nothing was.
    pub mtu_bytes: Option<u32>,
    /// The smallest that does not pass; `None` if the largest that was to be tried does.
    pub refused_bytes: Option<u32>,
    /// Whether these two are one byte apart and both certain, or all passes that was to be tried.
    pub is_exact: bool,
    /// The target's distance, where it came up.
    pub hop: Option<u8>,
    /// The shortest round trip to the end of the road.
    pub rtt: Option<Duration>,
    /// Probes sent.
    pub sent: u64,
    /// Those that were answered.
    pub answered: u64,
    /// From the road's first send to now.
    pub took: Duration,
}

/// All that a run says of a road.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The method by which it asked.
    pub method: &'static str,
    /// Narrow links, in the order of the hops.
    pub limits: Vec<Limit>,
    /// What is not to be taken at its word.
    pub remarks: Vec<Remark>,
    /// How wide the road is.
    pub verdict: Verdict,
}

impl Finding {
    /// What a run by that method reported of one road; `None` without a verdict.
    pub fn of(method: &'static str, events: Vec<Event>) -> Option<Finding> {
        let (mut limits, mut remarks, mut verdict) = (Vec::new(), Vec::new(), None);
        for event in events {
            match event {
                Event::Limit(limit) => limits.push(limit),
                Event::Remark(remark) => remarks.push(remark),
                Event::Verdict(last) => verdict = Some(last),
            }
        }
        Some(Finding { method, limits, remarks, verdict: verdict? })
    }
}
