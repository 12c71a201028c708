//! The options of `askway dump`.

use crate::args::{BadValue, number, size};
use crate::command::dump::sequence::Form;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::values::bad;
use std::path::PathBuf;
use wire::dump::View;
use wire::pcapng::SNAPLEN_MAX;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// What to see, in tcpdump's words: icmp, host A, tcp port 80, ..., and quotes FILTER
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// The interface to listen on; any for all [default: all]
    #[arg(
        short,
        long,
        value_name = "INTERFACE",
        conflicts_with = "read",
        help_heading = "Where from"
    )]
    pub interface: Option<String>,
    /// Read from this file, pcap or pcapng, and not from the network; - for stdin
    #[arg(short, long, value_name = "FILE", help_heading = "Where from")]
    pub read: Option<PathBuf>,
    /// End after this many packets
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = "Where from")]
    pub count: Option<u64>,
    /// Keep this many bytes of a packet at most
    #[arg(short, long, value_name = "BYTES", value_parser = snaplen, default_value = "262144",
        help_heading = "Where from")]
    pub snaplen: u32,
    /// Only packets that arrive (in) or leave (out)
    #[arg(short = 'Q', long, value_name = "WAY", value_parser = ["in", "out", "inout"],
        default_value = "inout", hide_default_value = true, help_heading = "Where from")]
    pub direction: String,
    /// Do not have the interface take what is for others
    #[arg(short = 'p', long, help_heading = "Where from")]
    pub no_promiscuous: bool,
    /// How much may wait to be read, in the kernel
    #[arg(short = 'B', long, value_name = "BYTES", value_parser = size, default_value = "8MiB",
        help_heading = "Where from")]
    pub buffer: usize,

    /// Write the packets to this file as pcapng, or as pcap if it is called so; - for stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub write: Option<PathBuf>,
    /// Show the packets also when they are written
    #[arg(long, requires = "write", help_heading = "Output")]
    pub print: bool,
    /// Time: -t none, -tt seconds since 1970, -ttt since the packet before, -tttt with the date,
    /// -ttttt since the first
    #[arg(short = 't', action = clap::ArgAction::Count, help_heading = "Output")]
    pub time: u8,
    /// Nanoseconds
    #[arg(long, help_heading = "Output")]
    pub nano: bool,
    /// Say more: IP headers, checksums, options; twice: more of it
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// Show link headers
    #[arg(short = 'e', long, help_heading = "Output")]
    pub link_header: bool,
    /// Show the bytes in hexadecimal; twice: with the link header
    #[arg(short = 'x', action = clap::ArgAction::Count, help_heading = "Output")]
    pub hexadecimal: u8,
    /// The same, and as characters
    #[arg(short = 'X', action = clap::ArgAction::Count, help_heading = "Output")]
    pub characters: u8,
    /// TCP sequence numbers as they are, not counted from the connection's first
    #[arg(short = 'S', long, help_heading = "Output")]
    pub absolute: bool,
    /// Leave out what ICMP errors quote, where tcpdump does
    #[arg(long, help_heading = "Output")]
    pub no_quotes: bool,
    /// Addresses and ports as numbers, which is always so
    #[arg(short = 'n', long, help_heading = "Output")]
    pub numeric: bool,
    /// Show each packet at once, which is always so
    #[arg(short = 'l', long, help_heading = "Output")]
    pub line_buffered: bool,

    /// Draw a conversation as a ladder: time runs down between its two ends; text or svg
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true,
        default_missing_value = "text", help_heading = "Pictures")]
    pub sequence: Option<Form>,
    /// Draw a TCP connection as SVG: time-sequence (segments, acknowledgments, window), or
    /// in-flight (bytes that are not acknowledged)
    #[arg(long, value_name = "WHAT", value_parser = ["time-sequence", "in-flight"],
        conflicts_with = "sequence", help_heading = "Pictures")]
    pub plot: Option<String>,
    /// Which conversation, by its place in the file's list of them, the busiest first
    #[arg(long, value_name = "N", value_parser = count, default_value = "1",
        help_heading = "Pictures")]
    pub flow: u64,
    /// Draw a ladder of text with ASCII characters only
    #[arg(long, help_heading = "Pictures")]
    pub ascii: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("filter", "看什么，用 tcpdump 的说法：icmp、host A、tcp port 80……，还有 quotes 过滤式"),
    ("interface", "监听的接口；any 为所有接口 [默认：所有]"),
    ("read", "从这个文件（pcap 或 pcapng）读，而不是从网络；- 为标准输入"),
    ("count", "这么多分组之后结束"),
    ("snaplen", "每个分组最多保留多少字节"),
    ("direction", "只要到达的（in）或离开的（out）"),
    ("no_promiscuous", "不让接口接收给别人的分组"),
    ("buffer", "内核里最多有多少等着被读"),
    ("write", "把分组写进这个文件，格式为 pcapng，名字以 .pcap 结尾则为 pcap；- 为标准输出"),
    ("print", "写文件时也显示分组"),
    ("time", "时间：-t 没有，-tt 自1970年的秒，-ttt 距上一个分组，-tttt 带日期，-ttttt 距第一个"),
    ("nano", "精确到纳秒"),
    ("verbose", "多说一些：IP 首部、检验和、选项；两次：更多"),
    ("link_header", "显示链路层首部"),
    ("hexadecimal", "以十六进制显示字节；两次：连同链路层首部"),
    ("characters", "同上，并显示字符"),
    ("absolute", "TCP 序号照原样，不从连接的第一个数起"),
    ("no_quotes", "不显示 ICMP 差错所引的内容，凡 tcpdump 不显示处"),
    ("numeric", "地址和端口都是数字；总是如此"),
    ("line_buffered", "每个分组立刻显示；总是如此"),
    ("sequence", "把一个会话画成梯形图：时间在两端之间向下流逝；text 或 svg"),
    (
        "plot",
        "把一个 TCP 连接画成 SVG：time-sequence（报文段、确认、窗口）或 in-flight（未确认的字节）",
    ),
    ("flow", "画哪个会话：按分组多少排列的第几个"),
    ("ascii", "文字梯形图只用 ASCII 字符"),
];

fn count(text: &str) -> Result<u64, BadValue> {
    match number(text, u64::MAX)? {
        0 => Err(bad("nothing is left at 0", "a whole number from 1 on")),
        count => Ok(count),
    }
}

fn snaplen(text: &str) -> Result<u32, BadValue> {
    // As tcpdump: 0 is everything.
    match number(text, SNAPLEN_MAX.into())? as u32 {
        0 => Ok(SNAPLEN_MAX),
        bytes => Ok(bytes),
    }
}

impl Options {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self, has_table: bool) -> Result<(), Failure> {
        let usage = |message: &str, hint: &str| {
            Err(Failure {
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
                exit: Exit::Usage,
            })
        };
        let has_picture = self.sequence.is_some() || self.plot.is_some();
        if has_picture && has_table {
            return usage("a picture is neither JSON nor CSV", "leave one of them out");
        }
        if has_picture && self.write.is_some() {
            return usage(
                "packets are either written or drawn",
                "write them first, then draw from the file: -r FILE",
            );
        }
        let writes_here = self.write.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if writes_here && self.print {
            return usage("standard output cannot take packets both ways", "-w FILE --print");
        }
        Ok(())
    }

    /// How packets are shown.
    pub fn view(&self) -> View {
        View {
            detail: self.verbose,
            link_header: self.link_header,
            quotes: !self.no_quotes,
            absolute: self.absolute,
        }
    }

    /// The interface, if it is only one.
    pub fn interface_name(&self) -> Option<&str> {
        self.interface.as_deref().filter(|name| *name != "any")
    }
}
