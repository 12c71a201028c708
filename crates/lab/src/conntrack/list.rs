//! Connections as `conntrack` prints them (conntrack-tools 1.4): `-L`, `-E` and `-S`; and as JSON.

use super::table::{Count, Entry, status};
use super::tcp::State;
use super::track::GRE;
use super::tuple::Tuple;
use crate::rules;
use probe::Time;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use wire::ip::protocol;

/// Ticks of the kernel's clock in a second, as distributions build it (CONFIG_HZ): whatever happens
/// in one tick leaves the same time.
const HZ: u64 = 250;

fn tick(at: Time) -> u64 {
    at.0 / (1_000_000_000 / HZ)
}

/// A connection as it was at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What began it, as that arrived.
    pub original: Tuple,
    /// What answers it, as that arrives.
    pub reply: Tuple,
    /// Whole seconds until it is forgotten.
    pub left_seconds: u64,
    /// What TCP believes.
    pub state: Option<State>,
    /// Whether anything came back.
    pub is_answered: bool,
    /// Whether it stays when room is needed.
    pub is_assured: bool,
    /// Packets and bytes in both directions, if they are counted.
    pub counts: Option<[Count; 2]>,
}

impl Listed {
    pub(crate) fn of(entry: &Entry, now: Time, counts: bool) -> Listed {
        let [original, reply] = entry.tuples;
        Listed {
            original,
            reply,
            left_seconds: (tick(entry.expires) - tick(now).min(tick(entry.expires))) / HZ,
            state: (original.protocol == protocol::TCP).then_some(entry.tcp.state),
            is_answered: entry.is(status::ANSWERED),
            is_assured: entry.is(status::ASSURED),
            counts: counts.then_some(entry.counts),
        }
    }

    /// The line without what only a listing has. The last event of a connection tells its time only
    /// if that was not over.
    fn body(&self, is_last: bool) -> String {
        let mut line = format!("{:<8} {} ", name(&self.original), self.original.protocol());
        if !is_last || self.left_seconds > 0 {
            let _ = write!(line, "{} ", self.left_seconds);
        }
        if let Some(state) = self.state {
            let _ = write!(line, "{} ", state.name());
        }
        let count = |direction: usize| match self.counts.map(|counts| counts[direction]) {
            Some(count) => format!("packets={} bytes={} ", count.packets, count.bytes),
            None => String::new(),
        };
        let _ = write!(line, "{}{}", ends(&self.original), count(0));
        if !self.is_answered {
            line.push_str("[UNREPLIED] ");
        }
        let _ = write!(line, "{}{}", ends(&self.reply), count(1));
        if self.is_assured {
            line.push_str("[ASSURED] ");
        }
        line
    }

    /// One JSON object in one line, without what lines of a run have besides.
    pub fn json(&self) -> String {
        let mut line = format!(
            r#"{{"protocol":"{}","number":{},"timeout_s":{}"#,
            name(&self.original),
            self.original.protocol(),
            self.left_seconds
        );
        if let Some(state) = self.state {
            let _ = write!(line, r#","state":"{}""#, state.name());
        }
        for (direction, tuple) in [("original", &self.original), ("reply", &self.reply)] {
            let _ = write!(line, r#","{direction}":{{{}"#, json_ends(tuple));
            if let Some(counts) = self.counts {
                let Count { packets, bytes } = counts[usize::from(direction == "reply")];
                let _ = write!(line, r#","packets":{packets},"bytes":{bytes}"#);
            }
            line.push('}');
        }
        let (answered, assured) = (self.is_answered, self.is_assured);
        let _ = write!(line, r#","answered":{answered},"assured":{assured}}}"#);
        line
    }
}

impl fmt::Display for Listed {
    /// A line of `conntrack -L`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}mark=0 use=1", self.body(false))
    }
}

/// What `conntrack` calls a protocol.
pub(super) fn name(tuple: &Tuple) -> &'static str {
    match tuple.protocol() {
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        protocol::UDP_LITE => "udplite",
        protocol::SCTP => "sctp",
        protocol::DCCP => "dccp",
        protocol::ICMP => "icmp",
        protocol::ICMPV6 => "icmpv6",
        GRE => "gre",
        _ => "unknown",
    }
}

fn ends(tuple: &Tuple) -> String {
    let (source, destination) = (tuple.source_ip(), tuple.destination_ip());
    let mut text = format!("src={source} dst={destination} ");
    let (first, second) = tuple.ports();
    let _ = match tuple {
        _ if tuple.is_query() => {
            write!(text, "type={} code={} id={first} ", second >> 8, second & 0xff)
        }
        _ if tuple.has_ports() => write!(text, "sport={first} dport={second} "),
        // Keys are those of PPTP, which nobody looks into here.
        _ if tuple.protocol() == GRE => write!(text, "srckey=0x0 dstkey=0x0 "),
        _ => Ok(()),
    };
    text
}

fn json_ends(tuple: &Tuple) -> String {
    let (source, destination) = (tuple.source_ip(), tuple.destination_ip());
    let mut text = format!(r#""source":"{source}","destination":"{destination}""#);
    let (first, second) = tuple.ports();
    let _ = match tuple {
        _ if tuple.is_query() => {
            let (kind, code) = (second >> 8, second & 0xff);
            write!(text, r#","icmp_type":{kind},"icmp_code":{code},"identifier":{first}"#)
        }
        _ if tuple.has_ports() => {
            write!(text, r#","source_port":{first},"destination_port":{second}"#)
        }
        _ => Ok(()),
    };
    text
}

/// What becomes of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Time,
    /// What.
    pub kind: EventKind,
    /// The connection after it.
    pub connection: Listed,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It is in the table.
    New,
    /// Its state changed, or it was answered or assured.
    Update,
    /// It was forgotten.
    Destroy,
}

impl fmt::Display for Event {
    /// A line of `conntrack -E`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, is_last) = match self.kind {
            EventKind::New => ("[NEW]", false),
            EventKind::Update => ("[UPDATE]", false),
            EventKind::Destroy => ("[DESTROY]", true),
        };
        write!(f, "{word:>9} {}", self.connection.body(is_last).trim_end())
    }
}

/// What a tracker has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Ports that were looked at for a new connection and were taken.
    pub found: u64,
    /// Packets that belong to no connection and cannot begin one.
    pub invalid: u64,
    /// Connections that a program put into the table, as Linux counts them: none here.
    pub insert: u64,
    /// Connections that were kept when their first packet left. Linux does not count them.
    pub confirmed: u64,
    /// Connections that were not, since one of their names was taken in the meantime.
    pub insert_failed: u64,
    /// Packets dropped for want of room.
    pub drop: u64,
    /// Connections forgotten to make room.
    pub early_drop: u64,
    /// ICMP errors that are broken or about nothing known.
    pub error: u64,
    /// Look-ups that had to begin again: none here.
    pub search_restart: u64,
    /// Packets that lost the race for a name to one of the same connection, and joined it.
    pub clash_resolve: u64,
    /// Chains that grew too long: none here.
    pub chaintoolong: u64,
}

impl fmt::Display for Statistics {
    /// A line of `conntrack -S`, of the one processor that there is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statistics { found, invalid, insert, insert_failed, drop, early_drop, .. } = self;
        let Statistics { error, search_restart, clash_resolve, chaintoolong, .. } = self;
        write!(f, "cpu=0   \tfound={found} invalid={invalid} insert={insert} ")?;
        write!(f, "insert_failed={insert_failed} drop={drop} early_drop={early_drop} ")?;
        write!(f, "error={error} search_restart={search_restart} ")?;
        write!(f, "clash_resolve={clash_resolve} chaintoolong={chaintoolong} ")
    }
}

/// The addresses of a tuple's family have so many bits; for sorting listings by what is read.
pub(crate) fn order(listed: &Listed) -> (u8, u8, IpAddr, IpAddr, (u16, u16)) {
    let tuple = &listed.original;
    let bits = rules::of(tuple.family).address_bits;
    (bits, tuple.protocol(), tuple.source_ip(), tuple.destination_ip(), tuple.ports())
}
