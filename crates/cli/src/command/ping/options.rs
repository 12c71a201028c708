//! The options of `askway ping`: long ones by meaning, short ones as users of ping know them.

use crate::args::{BadValue, duration, number, size};
use crate::command::origin::{OneFamily, Origin};
use crate::help::Texts;
use crate::values::{access, bad, byte, dscp, hops, identifier, mark};
use net::Access;
use probe::kind::{self, Kind};
use probe::ping::Until;
use probe::{Fragmentation, ping};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Hosts to ask: addresses, names, prefixes (192.0.2.0/24), ranges (192.0.2.1-20); - for stdin
    #[arg(value_name = "TARGET", required_unless_present = "file")]
    pub targets: Vec<String>,
    /// Read targets from a file, one or more a line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Which family.
    #[command(flatten)]
    pub family: OneFamily,
    /// Ask every address of a name, not only the first
    #[arg(long)]
    pub all_addresses: bool,
    /// Show the names of addresses that answer
    #[arg(short = 'H', long)]
    pub reverse: bool,
    /// Show addresses only; the default, unless --reverse is given
    #[arg(short = 'n', long, overrides_with = "reverse")]
    pub numeric: bool,

    /// Stop after that many probes to each target
    #[arg(short, long, value_name = "N", value_parser = positive, help_heading = "When")]
    pub count: Option<u64>,
    /// From one probe to a target to the next: 10ms, 1s
    #[arg(short, long, value_name = "TIME", value_parser = duration, help_heading = "When")]
    pub interval: Option<Duration>,
    /// The least time between two probes to different targets [default: 1ms]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "When")]
    pub gap: Option<Duration>,
    /// How long a probe may stay unanswered before it counts as lost; 0: for ever
    #[arg(short = 'W', long, value_name = "TIME", value_parser = duration, default_value = "2s",
        help_heading = "When")]
    pub timeout: Duration,
    /// End after that time, whatever is missing
    #[arg(short = 'w', long, value_name = "TIME", value_parser = duration, help_heading = "When")]
    pub deadline: Option<Duration>,
    /// Stop after N answers (up:N) or N losses (down:N) in a row
    #[arg(long, value_name = "up:N|down:N", value_parser = until, help_heading = "When")]
    pub until: Option<Until>,
    /// Send that many probes at once before the schedule starts
    #[arg(short = 'l', long, value_name = "N", value_parser = preload, help_heading = "When")]
    pub preload: Option<u32>,
    /// Send the next probe as soon as the last one is answered
    #[arg(short = 'A', long, help_heading = "When")]
    pub adaptive: bool,
    /// As fast as answers come; also allows what would be too fast otherwise
    #[arg(short = 'f', long, help_heading = "When")]
    pub flood: bool,
    /// Hand probes to the system in batches: more a second, less exact times
    #[arg(long, help_heading = "When")]
    pub batch: bool,

    /// Probe type
    #[arg(long, value_name = "KIND", default_value = "icmp", value_parser = kind_of,
        help_heading = "What")]
    pub kind: &'static dyn Kind,
    /// Bytes of payload
    #[arg(short, long, value_name = "BYTES", value_parser = size, default_value = "56",
        help_heading = "What")]
    pub size: usize,
    /// What fills the payload: counting, random, or bytes in hexadecimal
    #[arg(short, long, value_name = "PATTERN", value_parser = pattern, help_heading = "What")]
    pub pattern: Option<Fill>,
    /// Have the routers write their addresses into the header (IPv4, nine at most)
    #[arg(short = 'R', long, help_heading = "What",
        conflicts_with_all = ["timestamp_option", "timestamp_form", "source_route"])]
    pub record_route: bool,
    /// Have the routers write address and time into the header (IPv4, four at most)
    #[arg(long, help_heading = "What", conflicts_with = "source_route")]
    pub timestamp_option: bool,
    /// The same in a form: tsonly, tsandaddr, or tsprespec=ADDRESS,... (IPv4)
    #[arg(short = 'T', id = "timestamp_form", value_name = "FORM", value_parser = stamp_form,
        help_heading = "What", conflicts_with = "source_route")]
    pub timestamp_form: Option<StampForm>,
    /// Routers to visit on the way (IPv4)
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',', help_heading = "What")]
    pub source_route: Vec<Ipv4Addr>,
    /// Visit no other routers than those of --source-route
    #[arg(long, requires = "source_route", help_heading = "What")]
    pub strict: bool,
    /// TTL, or hop limit
    #[arg(short, long, value_name = "HOPS", value_parser = hops, help_heading = "What")]
    pub ttl: Option<u8>,
    /// TOS byte, or traffic class
    #[arg(short = 'Q', long, value_name = "0-255", value_parser = byte, help_heading = "What")]
    pub tos: Option<u8>,
    /// DSCP by number or name: 46, ef, af41, cs5, le
    #[arg(long, value_name = "DSCP", value_parser = dscp, conflicts_with = "tos",
        help_heading = "What")]
    pub dscp: Option<u8>,
    /// IPv6 flow label
    #[arg(short = 'F', long, value_name = "LABEL", value_parser = flow_label,
        help_heading = "What")]
    pub flow_label: Option<u32>,
    /// Path MTU: want (discover), do (never fragment), dont (no DF), probe (DF whatever is known)
    #[arg(short = 'M', long, value_name = "MODE", value_parser = fragment, help_heading = "What")]
    pub fragment: Option<Fragmentation>,
    /// The identifier of the probes
    #[arg(short = 'e', long, value_name = "ID", value_parser = identifier, help_heading = "What")]
    pub identifier: Option<u16>,

    /// From which address.
    #[command(flatten)]
    pub origin: Origin,
    /// Keep the source address of the start, even if routes change
    #[arg(short = 'B', long, conflicts_with = "source", help_heading = "Where from")]
    pub sticky_source: bool,
    /// Firewall mark
    #[arg(short, long, value_name = "MARK", value_parser = mark, help_heading = "Where from")]
    pub mark: Option<u32>,
    /// Only to directly attached networks, past the routing table
    #[arg(short = 'r', long, help_heading = "Where from")]
    pub direct: bool,
    /// Allow broadcast addresses as targets
    #[arg(short, long, help_heading = "Where from")]
    pub broadcast: bool,
    /// Do not hear our own multicasts
    #[arg(short = 'L', long, help_heading = "Where from")]
    pub no_loopback: bool,
    /// Sockets: raw, datagram, or auto (raw where allowed)
    #[arg(long, value_name = "SOCKETS", value_parser = access, default_value = "auto",
        hide_default_value = true, help_heading = "Where from")]
    pub access: Access,
    /// Send buffer in bytes
    #[arg(long, value_name = "BYTES", value_parser = size, help_heading = "Where from")]
    pub send_buffer: Option<usize>,
    /// Set SO_DEBUG on the sockets
    #[arg(short = 'd', long, help_heading = "Where from")]
    pub debug: bool,
    /// Measure with this program's clock alone, without the kernel's stamps
    #[arg(short = 'U', long, help_heading = "Where from")]
    pub user_clock: bool,

    /// Only the summary
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    /// More of each answer; twice: also sends and what is in flight
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// Guess from the TTL of answers how far the target is and what it runs
    #[arg(long, help_heading = "Output")]
    pub hints: bool,
    /// The time in front of each line
    #[arg(short = 'D', long, help_heading = "Output")]
    pub timestamps: bool,
    /// Say that a probe is unanswered when the next one goes, without waiting for its timeout
    #[arg(short = 'O', long, help_heading = "Output")]
    pub outstanding: bool,
    /// Ring the bell at each answer
    #[arg(short, long, help_heading = "Output")]
    pub audible: bool,
    /// Decimals of times in milliseconds; 6 shows nanoseconds
    #[arg(long, value_name = "0-6", value_parser = decimals, help_heading = "Output")]
    pub precision: Option<usize>,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("targets", "要问的主机：地址、名字、前缀（192.0.2.0/24）、范围（192.0.2.1-20）；- 为标准输入"),
    ("file", "从文件读目标，每行一个或多个；- 为标准输入"),
    ("reverse", "显示应答者地址的名字"),
    ("numeric", "只显示地址；没有 --reverse 时就是这样"),
    ("count", "每个目标探测这么多次后停止"),
    ("interval", "对同一目标两次探测的间隔：10ms、1s"),
    ("gap", "对不同目标两次探测的最小间隔 [默认：1ms]"),
    ("timeout", "多久没有应答算丢失；0 为一直等"),
    ("until", "连续 N 个应答（up:N）或 N 个丢失（down:N）后停止"),
    ("preload", "开始时一次发出这么多探测"),
    ("adaptive", "上一个有了应答就发下一个"),
    ("flood", "应答多快就发多快；也允许本来嫌太快的设置"),
    ("batch", "成批交给系统发送：每秒更多，时间不那么准"),
    ("kind", "探测的种类"),
    ("size", "数据的字节数"),
    ("pattern", "用什么填充数据：counting（递增）、random（随机）或十六进制字节"),
    ("record_route", "让路由器把地址写进首部（IPv4，最多九个）"),
    ("timestamp_option", "让路由器把地址和时间写进首部（IPv4，最多四个）"),
    ("timestamp_form", "同上，形式为 tsonly、tsandaddr 或 tsprespec=地址,...（IPv4）"),
    ("source_route", "途中要经过的路由器（IPv4）"),
    ("strict", "只经过 --source-route 的路由器"),
    ("ttl", "TTL，即跳数限制"),
    ("flow_label", "IPv6 流标签"),
    ("fragment", "路径 MTU：want（发现）、do（不分片）、dont（不设 DF）、probe（总设 DF）"),
    ("identifier", "探测的标识符"),
    ("sticky_source", "路由变了也保持开始时的源地址"),
    ("direct", "只发给直连的网络，不查路由表"),
    ("broadcast", "允许广播地址作目标"),
    ("no_loopback", "不收自己的多播"),
    ("send_buffer", "发送缓冲区的字节数"),
    ("debug", "在套接字上设 SO_DEBUG"),
    ("user_clock", "只用本程序的时钟计时，不用内核的时间戳"),
    ("quiet", "只要总结"),
    ("verbose", "每个应答多说一些；两次：也显示发送和在途的"),
    ("hints", "由应答的 TTL 猜测目标有多远、是什么系统"),
    ("timestamps", "每行前面加时间"),
    ("outstanding", "发下一个探测时就说上一个没有应答，不等超时"),
    ("audible", "每个应答响铃"),
    ("precision", "毫秒时间的小数位数；6 位即纳秒"),
];

/// What fills the payload behind the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// As the engine has it.
    Fixed(ping::Pattern),
    /// Random bytes.
    Random,
}

/// What the timestamp option asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StampForm {
    /// Times.
    TimeOnly,
    /// Addresses and times.
    WithAddress,
    /// Times of these hosts.
    Of(Vec<Ipv4Addr>),
}

fn positive(text: &str) -> Result<u64, BadValue> {
    match number(text, u64::MAX)? {
        0 => Err(bad("nothing to do", "at least 1; without this option it goes on until Ctrl-C")),
        count => Ok(count),
    }
}

fn preload(text: &str) -> Result<u32, BadValue> {
    number(text, 65_536).map(|count| count.max(1) as u32)
}

fn flow_label(text: &str) -> Result<u32, BadValue> {
    number(text, 0xf_ffff).map(|label| label as u32)
}

fn decimals(text: &str) -> Result<usize, BadValue> {
    number(text, 6).map(|decimals| decimals as usize)
}

fn until(text: &str) -> Result<Until, BadValue> {
    let (which, count) = text.split_once(':').unwrap_or((text, "1"));
    let hint = "up:3 stops after three answers in a row, down:3 after three losses";
    let count = match number(count, u32::MAX.into()) {
        Ok(count) if count > 0 => count as u32,
        _ => return Err(bad("not a number of probes", hint)),
    };
    match which {
        "up" => Ok(Until::Up(count)),
        "down" => Ok(Until::Down(count)),
        _ => Err(bad("neither up nor down", hint)),
    }
}

fn kind_of(text: &str) -> Result<&'static dyn Kind, BadValue> {
    kind::by_name(text).ok_or_else(|| {
        let names: Vec<&str> = kind::ALL.iter().map(|kind| kind.name()).collect();
        bad(&format!("no probe type of that name ({})", names.join(", ")), "askway ping --help")
    })
}

fn pattern(text: &str) -> Result<Fill, BadValue> {
    match text {
        "counting" => return Ok(Fill::Fixed(ping::Pattern::Counting)),
        "random" => return Ok(Fill::Random),
        _ => {}
    }
    let wrong = || bad("not a pattern", "counting, random, or up to 64 bytes in hexadecimal: ff00");
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.is_empty() || text.len() > 128 || !is_hex {
        return Err(wrong());
    }
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
        u8::from_str_radix(pair, 16).expect("checked above")
    });
    Ok(Fill::Fixed(ping::Pattern::Repeat(digits.collect())))
}

fn stamp_form(text: &str) -> Result<StampForm, BadValue> {
    let hint = "tsonly, tsandaddr, or tsprespec=ADDRESS,... with one to four IPv4 addresses";
    match text.split_once('=') {
        None if text == "tsonly" => Ok(StampForm::TimeOnly),
        None if text == "tsandaddr" => Ok(StampForm::WithAddress),
        Some(("tsprespec", hosts)) => {
            let hosts: Result<Vec<Ipv4Addr>, _> = hosts.split(',').map(str::parse).collect();
            match hosts {
                Ok(hosts) if hosts.len() <= 4 => Ok(StampForm::Of(hosts)),
                _ => Err(bad("not one to four IPv4 addresses", hint)),
            }
        }
        _ => Err(bad("not a form of the timestamp option", hint)),
    }
}

fn fragment(text: &str) -> Result<Fragmentation, BadValue> {
    match text {
        "want" => Ok(Fragmentation::Want),
        "do" => Ok(Fragmentation::Forbidden),
        "dont" => Ok(Fragmentation::Allowed),
        "probe" => Ok(Fragmentation::Probe),
        _ => Err(bad("not a mode", "want, do, dont or probe")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_counts() {
        assert_eq!(until("up:3"), Ok(Until::Up(3)));
        assert_eq!(until("down"), Ok(Until::Down(1)));
        assert!(until("up:0").is_err());
        assert!(until("sideways:1").is_err());
    }

    #[test]
    fn patterns_are_hexadecimal_or_named() {
        let bytes = |bytes: &[u8]| Ok(Fill::Fixed(ping::Pattern::Repeat(bytes.to_vec())));
        assert_eq!(pattern("ff0"), bytes(&[0xff, 0x0]));
        assert_eq!(pattern("random"), Ok(Fill::Random));
        assert!(pattern("").is_err());
        assert!(pattern("+f").is_err());
        assert!(pattern(&"00".repeat(65)).is_err());
    }

    #[test]
    fn prespecified_hosts_are_four_at_most() {
        let one = StampForm::Of(vec![Ipv4Addr::new(192, 0, 2, 1)]);
        assert_eq!(stamp_form("tsprespec=192.0.2.1"), Ok(one));
        assert!(stamp_form("tsprespec=").is_err());
        assert!(stamp_form("tsprespec=192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5").is_err());
    }
}
