//! The options of `askway mtu`, and the plans that come of them.

use crate::args::{BadValue, number};
use crate::command::origin::{OneFamily, Origin, Sockets};
use crate::command::trace::options::some_time;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::road::Road;
use crate::values::{bad, hops, identifier};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use net::Want;
use probe::method::{self, Method};
use probe::mtu::{BYTES_MAX, BYTES_MIN, Plan};
use probe::{Envelope, Fragmentation};
use std::time::Duration;
use wire::Family;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to: addresses, names, prefixes (192.0.2.0/28), ranges (192.0.2.1-20); - for stdin
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// Which family.
    #[command(flatten)]
    pub family: OneFamily,
    /// Measure to every address of a name, not only the first
    #[arg(long)]
    pub all_addresses: bool,

    /// The largest IP datagram to try
    #[arg(long, value_name = "BYTES", value_parser = datagram, default_value = "65535",
        help_heading = "What")]
    pub max: u32,
    /// How to ask: icmp (there and back) or udp (there) [default: both, as far as needed]
    #[arg(short, long, value_name = "KIND", value_parser = kinds(), hide_possible_values = true,
        help_heading = "What")]
    pub kind: Option<&'static dyn Method>,
    /// The target's UDP port, where nobody should listen
    #[arg(short, long, value_name = "PORT", value_parser = identifier, default_value = "33434",
        help_heading = "What")]
    pub port: u16,
    /// The farthest hop to ask
    #[arg(short, long, value_name = "HOP", value_parser = hops, default_value = "30",
        help_heading = "What")]
    pub max_hops: u8,

    /// How long an answer is waited for at most before another try
    #[arg(short = 'w', long, value_name = "TIME", value_parser = some_time, default_value = "1.5s",
        help_heading = "When")]
    pub timeout: Duration,
    /// How long a road is measured at most by each kind
    #[arg(long, value_name = "TIME", value_parser = some_time, default_value = "30s",
        help_heading = "When")]
    pub deadline: Duration,

    /// From which address.
    #[command(flatten)]
    pub origin: Origin,
    /// Through which sockets.
    #[command(flatten)]
    pub sockets: Sockets,

    /// Show addresses only, do not ask for their names
    #[arg(short = 'n', long, help_heading = "Output")]
    pub numeric: bool,
    /// Only how wide each road is
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("targets", "到哪里：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("all_addresses", "测量到一个名字的所有地址，而不只是第一个"),
    ("max", "最大试到多大的 IP 数据报"),
    ("kind", "怎样问：icmp（往返）或 udp（去程）[默认：两者，视需要]"),
    ("port", "目标的 UDP 端口，那里不该有人监听"),
    ("timeout", "一个应答最多等多久，之后再试"),
    ("deadline", "每种方式对一条路最多测多久"),
    ("quiet", "只说每条路有多宽"),
];

/// The pause between probes to several targets.
const GAP: Duration = Duration::from_millis(1);

/// How many answers may queue up.
const BURST: u32 = 64;

/// Methods whose probes have any size.
fn methods() -> impl Iterator<Item = &'static dyn Method> {
    method::ALL.iter().copied().filter(|method| method.carries_payload())
}

fn kinds() -> impl TypedValueParser<Value = &'static dyn Method> {
    PossibleValuesParser::new(methods().map(|method| method.name()))
        .map(|name| method::by_name(&name).expect("the names are theirs"))
}

fn datagram(text: &str) -> Result<u32, BadValue> {
    match number(text, BYTES_MAX.into())? as u32 {
        0..BYTES_MIN => Err(bad("less than every link takes", "68 to 65535 bytes")),
        bytes => Ok(bytes),
    }
}

fn usage<T>(message: &str, hint: &str) -> Result<T, Failure> {
    Err(Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage })
}

impl Options {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self) -> Result<(), Failure> {
        if self.port == 0 {
            return usage("nothing is ever sent to port 0", "a port from 1 to 65535");
        }
        Ok(())
    }

    /// The only family to ask; `None` for both.
    ///
    /// # Errors
    /// If the options contradict one another.
    pub fn family(&self) -> Result<Option<Family>, Failure> {
        self.origin.family(&self.family)
    }

    /// How to ask, in this order: by echo first, which hosts answer without limit.
    pub fn methods(&self) -> Vec<&'static dyn Method> {
        match self.kind {
            Some(kind) => vec![kind],
            None => vec![&method::ICMP, &method::UDP],
        }
    }

    /// What a run by that method needs of the network.
    pub fn want(&self, method: &'static dyn Method, families: Vec<Family>) -> Want {
        Want {
            access: self.sockets.access,
            envelope: Envelope {
                source: self.origin.source_address(),
                fragmentation: Fragmentation::Probe,
                ..Envelope::default()
            },
            interface: self.origin.interface_name().map(str::to_owned),
            mark: self.sockets.mark,
            message_max_bytes: self.max as usize,
            burst: BURST,
            ..Want::new(families, method.carrier())
        }
    }

    /// The engine's plan for that method.
    pub fn plan(
        &self,
        road: &Road,
        method: &'static dyn Method,
        families: &[Family],
        targets: usize,
    ) -> Plan {
        let key = road.key();
        let flow_label = road.flow_label(&key, families);
        Plan {
            port: self.port,
            max_bytes: self.max,
            hops_max: self.max_hops,
            gap: if targets > 1 { GAP } else { Duration::ZERO },
            timeout: self.timeout,
            deadline: self.deadline,
            flow_label,
            sees_quoted_headers: flow_label.is_some(),
            ..Plan::new(method, road.identifiers(), key)
        }
    }
}
