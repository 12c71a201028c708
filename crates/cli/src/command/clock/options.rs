//! The options of `askway clock`, and the plans that come of them.

use crate::args::{BadValue, number};
use crate::command::origin::{OneFamily, Origin};
use crate::command::trace::options::some_time;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::road::Road;
use crate::values::{access, bad};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use net::{Access, Batch, Stamps, Want};
use probe::clock::way::{self, Way};
use probe::clock::{Plan, record};
use probe::{Carrier, Envelope};
use std::time::Duration;
use wire::Family;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Whom to ask: addresses, names, prefixes (192.0.2.0/28), ranges (192.0.2.1-20); - for stdin
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// Which family.
    #[command(flatten)]
    pub family: OneFamily,
    /// Ask every address of a name, not only the first
    #[arg(long)]
    pub all_addresses: bool,

    /// How to ask: icmp, daytime, time, ntp, or several with commas between
    #[arg(long, value_name = "WAY", value_parser = ways(), value_delimiter = ',',
        default_value = "icmp", hide_possible_values = true, help_heading = "What")]
    pub via: Vec<&'static dyn Way>,
    /// daytime and time by TCP at once, and not only where UDP is not answered
    #[arg(long, help_heading = "What")]
    pub tcp: bool,
    /// Follow how the delays there and back change, until interrupted or -c
    #[arg(long, help_heading = "What")]
    pub watch: bool,

    /// Questions to each target [default: 20 by icmp, 8 by daytime and time, 4 by ntp]
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = "When")]
    pub count: Option<u64>,
    /// From one question to the next [default: 100ms by icmp, 2s by ntp; with --watch 1s and 16s]
    #[arg(short, long, value_name = "TIME", value_parser = some_time, help_heading = "When")]
    pub interval: Option<Duration>,
    /// How long an answer is waited for
    #[arg(short = 'W', long, value_name = "TIME", value_parser = some_time, default_value = "1s",
        help_heading = "When")]
    pub timeout: Duration,

    /// From which address.
    #[command(flatten)]
    pub origin: Origin,
    /// Sockets for UDP: raw, datagram, or auto (datagram); ICMP timestamps are always raw
    #[arg(long, value_name = "SOCKETS", value_parser = access, default_value = "auto",
        hide_default_value = true, help_heading = "Where from")]
    pub access: Access,

    /// Only what all answers say together
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("targets", "要问的主机：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("via", "怎么问：icmp、daytime、time、ntp，可用逗号隔开几种"),
    ("tcp", "daytime 和 time 直接用 TCP，而不只在 UDP 无应答时用"),
    ("watch", "跟踪去程和回程时延的变化，直到被中断或 -c 次"),
    ("count", "每个目标问几次 [默认：icmp 20 次，daytime 和 time 8 次，ntp 4 次]"),
    ("interval", "两次询问的间隔 [默认：icmp 100ms，ntp 2s；--watch 时为 1s 和 16s]"),
    ("timeout", "等一个应答最多多久"),
    ("access", "UDP 的套接字：raw、datagram 或 auto（datagram）；ICMP 时间戳总用 raw"),
    ("quiet", "只显示综合的结果"),
];

/// The pause between questions to several targets.
const GAP: Duration = Duration::from_millis(1);

/// How many answers may queue up.
const BURST: u32 = 64;

/// Source ports for ways whose answers do not name their question.
const PORTS: u64 = 32;

/// The longest answer, in bytes of ICMP or UDP.
const MESSAGE_MAX_BYTES: usize = 1_500;

fn ways() -> impl TypedValueParser<Value = &'static dyn Way> {
    PossibleValuesParser::new(way::ALL.iter().map(|way| way.name()))
        .map(|name| way::by_name(&name).expect("the names are theirs"))
}

fn count(text: &str) -> Result<u64, BadValue> {
    match number(text, u32::MAX.into())? {
        0 => Err(bad("nobody would be asked", "1 or more")),
        count => Ok(count),
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
    pub fn check(&self, is_lab: bool) -> Result<(), Failure> {
        if self.tcp && !self.via.iter().any(|way| way.has_tcp()) {
            return usage("--tcp is for daytime and time", "add --via daytime,time");
        }
        if self.tcp && is_lab {
            return usage("a lab keeps no TCP connections", "leave out --tcp: UDP works there");
        }
        if self.watch && (self.ways().len() > 1 || self.ways()[0].is_coarse()) {
            return usage("--watch follows one way, by icmp or ntp", "as in --watch --via ntp");
        }
        if !self.watch && self.count.is_some_and(|count| count > record::KEPT_MAX as u64) {
            let message = format!("more than {} answers are not kept", record::KEPT_MAX);
            return usage(&message, "fewer, or --watch");
        }
        Ok(())
    }

    /// The ways to ask, each once.
    pub fn ways(&self) -> Vec<&'static dyn Way> {
        let asked = |way: &&dyn Way| self.via.iter().any(|it| it.name() == way.name());
        way::ALL.iter().copied().filter(asked).collect()
    }

    /// The only family to ask; `None` for both.
    ///
    /// # Errors
    /// If the options contradict one another.
    pub fn family(&self) -> Result<Option<Family>, Failure> {
        self.origin.family(&self.family)
    }

    /// Questions to each target; `None` for no end.
    pub fn count_of(&self, way: &dyn Way) -> Option<u64> {
        self.count.or((!self.watch).then(|| way.usual_count()))
    }

    /// What a run by that way needs of the network.
    pub fn want(&self, way: &'static dyn Way, families: Vec<Family>) -> Want {
        let is_icmp = way.carrier() == Carrier::Icmp;
        let ports = self.count_of(way).unwrap_or(PORTS).min(PORTS);
        Want {
            families,
            carrier: way.carrier(),
            access: match self.access {
                _ if is_icmp => Access::Raw,
                Access::Auto => Access::Datagram,
                chosen => chosen,
            },
            datagram_will_do: !is_icmp,
            envelope: Envelope { source: self.origin.source_address(), ..Envelope::default() },
            interface: self.origin.interface_name().map(str::to_owned),
            mark: None,
            broadcast: false,
            direct_only: false,
            multicast_loop: true,
            debug: false,
            identifier: None,
            lanes: if way.names_questions() { 1 } else { ports as u16 },
            message_max_bytes: MESSAGE_MAX_BYTES,
            burst: BURST,
            send_buffer_bytes: None,
            stamps: Stamps::Both,
            batch: Batch::One,
        }
    }

    /// The engine's plan for that way.
    pub fn plan(&self, road: &Road, way: &'static dyn Way) -> Plan {
        let usual = if self.watch { way.watch_interval() } else { way.usual_interval() };
        Plan {
            way,
            count: self.count_of(way),
            interval: self.interval.unwrap_or(usual),
            gap: GAP,
            timeout: self.timeout,
            watches: self.watch,
            identifiers: road.identifiers(),
            epoch_ns: road.epoch_ns(),
            key: road.key(),
        }
    }
}
