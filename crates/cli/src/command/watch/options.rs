//! The options of `askway watch`: as those of trace, and those that users of mtr know.

use super::fields::{self, Field};
use crate::args::{BadValue, duration, number, parser, size};
#[cfg(feature = "tui")]
use crate::args::{Common, Format};
use crate::command::origin::{Class, Hops, OneFamily, Origin, Sockets};
use crate::command::trace::options::{self as trace, at_least_one, kinds, some_time};
use crate::command::trace::systems::Sources;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::values::{bad, identifier};
use clap::{Args, FromArgMatches};
use probe::method::{self, Method};
use probe::trace::Course;
#[cfg(feature = "tui")]
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// Rounds of a report, unless told otherwise; as in mtr.
const REPORT_ROUNDS: u64 = 10;

/// The shortest interval: a round is as many probes as there are hops.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to: addresses, names, prefixes (192.0.2.0/28), ranges (192.0.2.1-20); - for stdin
    #[arg(value_name = "TARGET", required_unless_present_any = ["file", "replay"])]
    pub targets: Vec<String>,
    /// Read targets from a file, one or more a line; - for standard input
    #[arg(short = 'F', long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Which family.
    #[command(flatten)]
    pub family: OneFamily,
    /// Watch the road to every address of a name, not only to the first
    #[arg(long)]
    pub all_addresses: bool,

    /// How hops are asked [default: icmp, or udp where that is not permitted]
    #[arg(short, long, value_name = "KIND", value_parser = kinds(), help_heading = "What")]
    pub kind: Option<&'static dyn Method>,
    /// The target's port [default: 33434, TCP 80]
    #[arg(short, long, value_name = "PORT", value_parser = identifier, help_heading = "What")]
    pub port: Option<u16>,
    /// Bytes of payload [default: 32]
    #[arg(short, long, value_name = "BYTES", value_parser = size, help_heading = "What")]
    pub size: Option<usize>,
    /// In which class.
    #[command(flatten)]
    pub class: Class,

    /// From one round to the next; a round asks each hop once
    #[arg(short, long, value_name = "TIME", value_parser = interval, default_value = "1s",
        help_heading = "When")]
    pub interval: Duration,
    /// End after that many rounds [default: none; 10 for a report]
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = "When")]
    pub count: Option<u64>,
    /// Which hops.
    #[command(flatten)]
    pub hops: Hops,
    /// How long an answer is waited for before its probe counts as silent
    #[arg(short = 'W', long, value_name = "TIME", value_parser = some_time, default_value = "1.5s",
        help_heading = "When")]
    pub timeout: Duration,
    /// How fast a recording or a lab goes by, as a factor; a lab without the live view never waits
    #[arg(long, value_name = "FACTOR", value_parser = speed, default_value = "1",
        help_heading = "When")]
    pub speed: f64,

    /// From which address.
    #[command(flatten)]
    pub origin: Origin,
    /// Source port, or ICMP identifier
    #[arg(long, value_name = "PORT", value_parser = identifier, help_heading = "Where from")]
    pub source_port: Option<u16>,
    /// Through which sockets.
    #[command(flatten)]
    pub sockets: Sockets,

    /// No live view, but lines at the end, as those of mtr; the default without a terminal
    #[arg(short, long, help_heading = "Output")]
    pub report: bool,
    /// A report whose names are not cut
    #[arg(short, long, help_heading = "Output")]
    pub wide: bool,
    /// Columns in order, a letter each; a space parts
    #[arg(short, long, value_name = "LETTERS", value_parser = fields::parse,
        default_value = fields::USUAL, help_heading = "Output")]
    pub order: Fields,
    /// Names and addresses
    #[arg(short, long, help_heading = "Output")]
    pub both: bool,
    /// Show addresses only, do not ask for their names
    #[arg(short = 'n', long, help_heading = "Output")]
    pub numeric: bool,
    /// Show AS numbers, from a database of the system's
    #[arg(short = 'z', visible_short_alias = 'A', long, help_heading = "Output")]
    pub asn: bool,
    /// Where AS numbers come from otherwise.
    #[command(flatten)]
    pub systems: Sources,
    /// With each loss, between what and what the true one lies
    #[arg(long, help_heading = "Output")]
    pub intervals: bool,
    /// Write everything that is found out to a file, to be shown again
    #[arg(long, value_name = "FILE", conflicts_with = "replay", help_heading = "Output")]
    pub record: Option<PathBuf>,
    /// Show what was recorded, instead of sending anything
    #[arg(long, value_name = "FILE", conflicts_with_all = ["targets", "file", "lab"],
        help_heading = "Output")]
    pub replay: Option<PathBuf>,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("targets", "到哪里：地址、名字、前缀（192.0.2.0/28）、范围（192.0.2.1-20）；- 为标准输入"),
    ("file", "从文件读目标，每行一个或多个；- 为标准输入"),
    ("all_addresses", "观察到一个名字的所有地址的路，而不只是第一个"),
    ("kind", "怎样问各跳 [默认：icmp，不允许时用 udp]"),
    ("port", "目标的端口 [默认：33434，TCP 为 80]"),
    ("size", "数据的字节数 [默认：32]"),
    ("interval", "一轮到下一轮的时间；一轮问每跳一次"),
    ("count", "这么多轮之后结束 [默认：不结束；报告为 10]"),
    ("timeout", "一个探测等多久，之后算沉默"),
    ("speed", "回放或实验网络快多少倍；不用实时界面时实验网络从不等待"),
    ("report", "不用实时界面，而在结束时像 mtr 那样逐行列出；没有终端时就是这样"),
    ("wide", "名字不截断的报告"),
    ("order", "各列的顺序，每列一个字母；空格分隔"),
    ("both", "名字和地址都显示"),
    ("intervals", "每个丢失率都带真实值的范围"),
    ("record", "把得知的一切写进文件，以便回放"),
    ("replay", "回放录下的文件，什么也不发送"),
];

/// Columns in order.
pub type Fields = Vec<&'static Field>;

impl Options {
    /// What a trace of the same kind would be asked; with that method unless one was given.
    pub fn asking(&self, usual: &'static dyn Method) -> trace::Options {
        let parser = trace::Options::augment_args(parser("watch"));
        let matches = parser.try_get_matches_from(["watch", "-"]).expect("one target will do");
        let usual_options = trace::Options::from_arg_matches(&matches).expect("they are its own");
        trace::Options {
            targets: self.targets.clone(),
            file: self.file.clone(),
            family: self.family,
            all_addresses: self.all_addresses,
            kind: self.kind.unwrap_or(usual),
            port: self.port,
            size: self.size,
            class: self.class,
            hops: self.hops,
            timeout: self.timeout,
            origin: self.origin.clone(),
            source_port: self.source_port,
            sockets: self.sockets,
            numeric: self.numeric,
            ..usual_options
        }
    }

    /// The methods to try in order: the second where the first is not permitted.
    pub fn methods(&self) -> Vec<&'static dyn Method> {
        match self.kind {
            Some(kind) => vec![kind],
            // A target limits its echo replies least, and UDP needs no right at all.
            None if self.port.is_none() => vec![&method::ICMP, &method::UDP],
            None => vec![&method::UDP],
        }
    }

    /// Whether the run is shown live: on a terminal, and unless lines are asked for.
    #[cfg(feature = "tui")]
    pub fn is_live(&self, common: &Common) -> bool {
        let is_for_people = common.format() == Format::Human && !self.report && !self.wide;
        is_for_people && io::stdout().is_terminal() && io::stdin().is_terminal()
    }

    /// Whether AS numbers are wanted.
    pub fn shows_systems(&self) -> bool {
        self.asn || self.systems.are_given()
    }

    /// Round after round, in the live view without an end unless one was given.
    pub fn course(&self, is_report: bool) -> Course {
        let count = self.count.or(is_report.then_some(REPORT_ROUNDS));
        Course::Rounds { interval: self.interval, count }
    }

    /// Refuses what makes no sense together.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self) -> Result<(), Failure> {
        for method in self.methods().into_iter().take(1) {
            self.asking(method).check()?;
        }
        if self.replay.is_some() && self.count.is_some() {
            return Err(Failure {
                message: "a recording has as many rounds as it has".to_owned(),
                hint: Some("leave out --count, or --replay".to_owned()),
                exit: Exit::Usage,
            });
        }
        Ok(())
    }
}

/// From one round to the next.
///
/// # Errors
/// If it is no length of time, or too short.
pub fn interval(text: &str) -> Result<Duration, BadValue> {
    match duration(text)? {
        span if span < INTERVAL_MIN => {
            Err(bad("shorter than 1 ms", "a number and ms, s, m or h: 200ms, 5s"))
        }
        span => Ok(span),
    }
}

fn count(text: &str) -> Result<u64, BadValue> {
    at_least_one(text, u32::MAX.into())
}

fn speed(text: &str) -> Result<f64, BadValue> {
    let speed = text.parse().ok().filter(|speed: &f64| (0.01..=10_000.0).contains(speed));
    speed.ok_or_else(|| bad("not a factor from 0.01 to 10000", "2 is twice as fast, 0.5 half"))
}

/// The last hop to ask, or the bytes of payload, as somebody types them in the live view.
///
/// # Errors
/// If it is no such number.
pub fn typed_number(text: &str, most: u64) -> Result<u64, BadValue> {
    number(text.trim(), most)
}
