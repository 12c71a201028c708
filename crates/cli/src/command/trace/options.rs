//! The options of `askway trace`: long ones by meaning, short ones as traceroute's users know them.

use super::systems::Sources;
use crate::args::{BadValue, Common, Format, When, duration, number, size};
use crate::command::origin::{Class, Hops, OneFamily, Origin, Sockets};
use crate::help::Texts;
use crate::values::{bad, identifier};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use probe::method::{self, Method};
use std::path::PathBuf;
use std::time::Duration;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to: addresses, names, prefixes (192.0.2.0/28), ranges (192.0.2.1-20); - for stdin
    #[arg(value_name = "TARGET", required_unless_present = "file")]
    pub targets: Vec<String>,
    /// Read targets from a file, one or more a line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Which family.
    #[command(flatten)]
    pub family: OneFamily,
    /// Trace every address of a name, not only the first
    #[arg(long)]
    pub all_addresses: bool,

    /// How hops are asked
    #[arg(short, long, value_name = "KIND", default_value = "udp", value_parser = kinds(),
        help_heading = "What")]
    pub kind: &'static dyn Method,
    /// As the classic traceroute: UDP to ports that count up, so that each probe may take another
    /// way
    #[arg(long, help_heading = "What")]
    pub classic: bool,
    /// Then measure how wide the roads are, as askway mtu does
    #[arg(long, help_heading = "What")]
    pub mtu: bool,
    /// Find every load-balanced path, flow by flow
    #[arg(long, conflicts_with = "classic", help_heading = "What")]
    pub paths: bool,
    /// With --paths: how surely no branch of a router is missed, 95 or 99 %
    #[arg(long, value_name = "PERCENT", value_parser = confidence, default_value = "95",
        help_heading = "What")]
    pub confidence: u8,
    /// The target's port, the first one with --classic [default: 33434, TCP 80]
    #[arg(short, long, value_name = "PORT", value_parser = identifier, help_heading = "What")]
    pub port: Option<u16>,
    /// Bytes of payload [default: 32]
    #[arg(long, value_name = "BYTES", value_parser = size, help_heading = "What")]
    pub size: Option<usize>,
    /// In which class.
    #[command(flatten)]
    pub class: Class,

    /// Which hops.
    #[command(flatten)]
    pub hops: Hops,
    /// Probes to each hop
    #[arg(short, long, value_name = "N", value_parser = queries, default_value = "3",
        help_heading = "When")]
    pub queries: u8,
    /// How long an answer is waited for at most before its probe counts as silent
    #[arg(short = 'w', long, value_name = "TIME", value_parser = some_time, default_value = "1.5s",
        help_heading = "When")]
    pub timeout: Duration,
    /// How long after the last news a silent end of the road is given up
    #[arg(long, value_name = "TIME", value_parser = some_time, default_value = "1.5s",
        help_heading = "When")]
    pub patience: Duration,
    /// The least time between two probes [default: 0 to one target, 1ms to several]
    #[arg(short = 'z', long, value_name = "TIME", value_parser = duration, help_heading = "When")]
    pub gap: Option<Duration>,
    /// How many probes may be unanswered on one road at one time
    #[arg(short = 'N', long, value_name = "N", value_parser = in_flight, default_value = "64",
        help_heading = "When")]
    pub in_flight: u32,
    /// How many roads are under way at one time
    #[arg(long, value_name = "N", value_parser = roads, default_value = "64",
        help_heading = "When")]
    pub roads: u32,
    /// Whether hops that several roads have in common are asked once: auto (from 16 targets on),
    /// always, never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true,
        help_heading = "When"
    )]
    pub share_hops: When,

    /// From which address.
    #[command(flatten)]
    pub origin: Origin,
    /// Source port, or ICMP identifier
    #[arg(long, value_name = "PORT", value_parser = identifier, help_heading = "Where from")]
    pub source_port: Option<u16>,
    /// Through which sockets.
    #[command(flatten)]
    pub sockets: Sockets,

    /// How results are written: human, json, csv, atlas (RIPE Atlas), text (plain, to paste); with
    /// --paths also dot (Graphviz), svg
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["json", "csv"],
        hide_possible_values = true, help_heading = "Output")]
    pub format: Option<Form>,
    /// Show addresses only, do not ask for their names
    #[arg(short = 'n', long, help_heading = "Output")]
    pub numeric: bool,
    /// Show AS numbers, from a database of the system's
    #[arg(short = 'A', long, help_heading = "Output")]
    pub asn: bool,
    /// Where AS numbers come from otherwise.
    #[command(flatten)]
    pub systems: Sources,
    /// Only how each road ends
    #[arg(long, help_heading = "Output")]
    pub quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("targets", "到哪里：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("file", "从文件读目标，每行一个或多个；- 为标准输入"),
    ("all_addresses", "追踪一个名字的所有地址，而不只是第一个"),
    ("kind", "怎样问各跳"),
    ("classic", "像经典的 traceroute：UDP，端口递增，因此每个探测可能走不同的路"),
    ("mtu", "然后像 askway mtu 那样测量路有多宽"),
    ("paths", "一个流一个流地找出所有负载均衡的路径"),
    ("confidence", "用 --paths 时：有多大把握不漏掉路由器的一个分支，95 或 99 %"),
    ("port", "目标的端口，用 --classic 时是第一个 [默认：33434，TCP 为 80]"),
    ("size", "数据的字节数 [默认：32]"),
    ("queries", "每跳几个探测"),
    ("timeout", "一个探测最多等多久，之后算沉默"),
    ("patience", "最后一次有消息之后多久，就认定路的末端沉默"),
    ("gap", "两次探测的最小间隔 [默认：一个目标为 0，多个为 1ms]"),
    ("in_flight", "一条路上同时有几个探测没有应答"),
    ("roads", "同时追踪几条路"),
    ("share_hops", "几条路共有的跳只问一次：auto（16个目标起）、always、never"),
    (
        "format",
        "结果的格式：human、json、csv、atlas（RIPE Atlas）、text（纯文本，便于粘贴）；用 --paths 时还有 dot（Graphviz）、svg",
    ),
    ("quiet", "只说每条路的结果"),
];

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a header line.
    Csv,
    /// As RIPE Atlas writes it.
    Atlas,
    /// Plain text with everything on top that a reader elsewhere does not know.
    Text,
    /// Paths in the language of Graphviz.
    Dot,
    /// Paths as a picture.
    Svg,
}

impl Options {
    /// How results are written.
    pub fn form(&self, common: &Common) -> Form {
        self.format.unwrap_or(match common.format() {
            Format::Human => Form::Human,
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
        })
    }
}

/// Every method, by name.
pub fn kinds() -> impl TypedValueParser<Value = &'static dyn Method> {
    PossibleValuesParser::new(method::ALL.iter().map(|method| method.name()))
        .map(|name| method::by_name(&name).expect("the names are theirs"))
}

fn queries(text: &str) -> Result<u8, BadValue> {
    at_least_one(text, 255).map(|count| count as u8)
}

fn confidence(text: &str) -> Result<u8, BadValue> {
    match number(text.trim_end_matches('%'), 100)? {
        percent @ (95 | 99) => Ok(percent as u8),
        _ => Err(bad("no such confidence", "95 or 99")),
    }
}

fn in_flight(text: &str) -> Result<u32, BadValue> {
    at_least_one(text, 4_096).map(|count| count as u32)
}

fn roads(text: &str) -> Result<u32, BadValue> {
    at_least_one(text, 65_536).map(|count| count as u32)
}

/// A whole number that is not 0.
///
/// # Errors
/// If it is none, or above.
pub fn at_least_one(text: &str, most: u64) -> Result<u64, BadValue> {
    match number(text, most)? {
        0 => Err(bad("nothing would be sent", "at least 1")),
        count => Ok(count),
    }
}

/// A length of time that is not 0.
///
/// # Errors
/// If it is none.
pub fn some_time(text: &str) -> Result<Duration, BadValue> {
    match duration(text)? {
        Duration::ZERO => Err(bad("no time at all", "a number and ms, s, m or h: 200ms, 5s")),
        span => Ok(span),
    }
}
