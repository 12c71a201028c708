//! A packet's road through the hooks, in words. Nothing is collected unless somebody asks.

use super::tuple::{Carried, read};
use probe::Time;
use std::fmt;
use std::net::IpAddr;
use wire::icmp::Meaning;
use wire::ip::Datagram;

/// Where on its road a packet meets the tracker. Three roads: to the gateway (PREROUTING, INPUT),
/// from it (OUTPUT, POSTROUTING), through it (PREROUTING, FORWARD, POSTROUTING). Routing is no
/// hook, but what stands between the first and the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// It has come in.
    Prerouting,
    /// Where it goes on is decided, and whether it does.
    Routing,
    /// It is for the gateway.
    Input,
    /// It is to be passed on.
    Forward,
    /// The gateway sends it.
    Output,
    /// It is about to leave.
    Postrouting,
}

impl Hook {
    /// As netfilter calls it, or would.
    pub fn name(self) -> &'static str {
        match self {
            Hook::Prerouting => "PREROUTING",
            Hook::Routing => "ROUTING",
            Hook::Input => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::Output => "OUTPUT",
            Hook::Postrouting => "POSTROUTING",
        }
    }
}

/// What happens at a hook, in the order of netfilter's priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Station {
    /// The connection is looked up.
    Tracking,
    /// The destination is translated.
    Destination,
    /// The way is looked up, and the hop limit and size are looked at.
    Way,
    /// Filters say their word.
    Filter,
    /// The source is translated.
    Source,
    /// A new connection is kept.
    Confirmation,
}

impl Station {
    /// Netfilter's priority: smaller ones come first. Routing, which has none, is between hooks.
    pub fn priority(self) -> i32 {
        match self {
            Station::Tracking => -200,
            Station::Destination => -100,
            Station::Way | Station::Filter => 0,
            Station::Source => 100,
            Station::Confirmation => i32::MAX,
        }
    }
}

/// One thing that happened to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub hook: Hook,
    /// When in the order of that hook.
    pub station: Station,
    /// What.
    pub what: What,
}

/// What happened to a packet at a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It begins a connection.
    New,
    /// It belongs to one, in the direction of the first packet or against it.
    Established {
        /// Whether it goes against it.
        is_reply: bool,
    },
    /// It is an error about one.
    Related,
    /// It belongs to none, and cannot begin one.
    Invalid(&'static str),
    /// It is not looked at.
    Untracked(&'static str),
    /// An end was replaced.
    Translated {
        /// By which rule.
        rule: &'static str,
        /// What it was.
        from: (IpAddr, u16),
        /// What it is.
        to: (IpAddr, u16),
    },
    /// It passed.
    Passed,
    /// It was kept in the table.
    Confirmed,
    /// It was thrown away.
    Dropped(&'static str),
    /// It waits for a connection from inside.
    Held,
    /// It went no further.
    Stopped {
        /// Why.
        why: &'static str,
        /// What its sender was told; `None` if nothing was sent.
        told: Option<Meaning>,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::New => f.write_str("new"),
            What::Established { is_reply: false } => f.write_str("established"),
            What::Established { is_reply: true } => f.write_str("established, reply"),
            What::Related => f.write_str("related"),
            What::Invalid(why) => write!(f, "invalid ({why})"),
            What::Untracked(why) => write!(f, "untracked ({why})"),
            What::Translated { rule, from, to } => {
                write!(f, "{rule} {} -> {}", Shown(*from), Shown(*to))
            }
            What::Passed => f.write_str("passed"),
            What::Confirmed => f.write_str("confirmed"),
            What::Dropped(why) => write!(f, "dropped ({why})"),
            What::Held => f.write_str("held for 6 s"),
            What::Stopped { why, told: Some(told) } => write!(f, "{why} ({} sent)", error(*told)),
            What::Stopped { why, told: None } => write!(f, "{why} (nothing sent)"),
        }
    }
}

/// An ICMP error in a word or two.
fn error(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::HopLimitExceeded => "time exceeded",
        Meaning::NetworkUnreachable => "network unreachable",
        Meaning::HostUnreachable => "host unreachable",
        Meaning::PortUnreachable => "port unreachable",
        Meaning::PacketTooBig => "packet too big",
        Meaning::HeaderField => "parameter problem",
        Meaning::CommunicationProhibited => "communication prohibited",
        _ => "ICMP error",
    }
}

/// An end as one writes it; without the port if that is 0.
struct Shown((IpAddr, u16));

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            (address, 0) => write!(f, "{address}"),
            (IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            (IpAddr::V6(address), port) => write!(f, "[{address}]:{port}"),
        }
    }
}

/// A packet's road in one line: `PREROUTING: new; POSTROUTING: masquerade 192.0.2.2:4000 ->
/// 203.0.113.5:4000; confirmed`.
pub fn road(steps: &[Step]) -> String {
    let mut text = String::new();
    let mut last = None;
    for step in steps {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if last != Some(step.hook) {
            text.push_str(step.hook.name());
            text.push_str(": ");
        }
        text.push_str(&step.what.to_string());
        last = Some(step.hook);
    }
    text
}

/// A packet, and its road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Road {
    /// When it came.
    pub at: Time,
    /// What it was when it came: `udp 192.0.2.2:4000 > 203.0.113.5:53`.
    pub packet: String,
    /// What happened to it.
    pub steps: Vec<Step>,
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.packet, road(&self.steps))
    }
}

/// What a packet is, in short.
pub(super) fn headline(bytes: &[u8]) -> String {
    let Some((_, carried)) = read(bytes, false) else { return "no datagram".to_owned() };
    match carried {
        Carried::Tuple(tuple) => {
            let (source, destination) = (tuple.source_ip(), tuple.destination_ip());
            let name = super::list::name(&tuple);
            let (first, second) = tuple.ports();
            match tuple.is_query() {
                true => {
                    let kind = tuple.kind();
                    format!("{name} type {kind} id {first} {source} > {destination}")
                }
                false => {
                    let (from, to) = (Shown((source, first)), Shown((destination, second)));
                    format!("{name} {from} > {to}")
                }
            }
        }
        Carried::Message(_) | Carried::Cut => match Datagram::parse(bytes) {
            Ok(Datagram { source, destination, protocol, payload, .. }) => {
                let what = match carried {
                    Carried::Message(kind) => {
                        let code = payload.get(1).copied().unwrap_or_default();
                        format!("icmp type {kind} code {code}")
                    }
                    _ => format!("protocol {protocol}, cut,"),
                };
                format!("{what} {source} > {destination}")
            }
            Err(_) => "no datagram".to_owned(),
        },
    }
}
