//! The options of `askway tftp`, and the plans that come of them.

use crate::args::{BadValue, duration, number};
use crate::command::origin::{OneFamily, Origin};
use crate::command::trace::options::some_time;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::values::{bad, identifier, mark};
use net::{Access, Batch, Stamps, Want};
use probe::targets::Target;
use probe::tftp::{Asks, Mode, Plan, Schedule, Task, WINDOW_MAX};
use probe::{Carrier, Envelope};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use wire::Family;
use wire::tftp::{BLOCK_BYTES, PORT};

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// get (a file comes) or put (a file goes)
    #[arg(value_name = "get|put", hide_possible_values = true)]
    pub verb: Verb,
    #[allow(rustdoc::broken_intra_doc_links, reason = "the help shows the brackets")]
    /// The server: HOST, HOST:PORT or [IPv6]:PORT
    #[arg(value_name = "HOST")]
    pub host: String,
    /// get: the file's name at the server; put: the file here, - for stdin
    #[arg(value_name = "FILE")]
    pub file: OsString,
    /// put: the file's name at the server [default: its name here]
    #[arg(value_name = "REMOTE")]
    pub remote: Option<OsString>,

    /// Which family.
    #[command(flatten)]
    pub family: OneFamily,
    /// The server's port, as HOST:PORT [default: 69]
    #[arg(short, long, value_name = "PORT", value_parser = port)]
    pub port: Option<u16>,

    /// get: write to this file, - for stdout [default: the last part of its name]
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub output: Option<PathBuf>,
    /// get: write into this directory and nowhere else [default: the current one]
    #[arg(short, long, value_name = "DIR", help_heading = "Files")]
    pub directory: Option<PathBuf>,
    /// get: replace a file that is there
    #[arg(short, long, help_heading = "Files")]
    pub force: bool,
    /// get: take no file larger than this: bytes, or with k, M, G, KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", value_parser = file_size, default_value = "4GiB",
        help_heading = "Files")]
    pub max_size: u64,
    /// How the bytes of a file are sent: octet (as they are) or netascii (as lines of text)
    #[arg(short, long, value_name = "MODE", value_parser = mode, default_value = "octet",
        help_heading = "Files")]
    pub mode: Mode,

    /// Ask for blocks of so many bytes
    #[arg(short, long, value_name = "BYTES", value_parser = block, default_value = "1428",
        help_heading = "What")]
    pub blksize: u16,
    /// Ask for so many blocks to an acknowledgment
    #[arg(short, long, value_name = "BLOCKS", value_parser = window, default_value = "16",
        help_heading = "What")]
    pub windowsize: u16,
    /// Ask the server to send again after so many seconds [default: as it likes]
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, help_heading = "What")]
    pub timeout: Option<u8>,
    /// The block number that follows 65535: 0, or 1 for servers that never use 0 again
    #[arg(long, value_name = "NUMBER", value_parser = rollover, default_value = "0",
        help_heading = "What")]
    pub rollover: u16,
    /// Ask for no options: blocks of 512 bytes, one at a time
    #[arg(long, help_heading = "What")]
    pub no_options: bool,

    /// When to send again: adaptive (by round trips), fixed:TIME, or exponential:TIME
    #[arg(long, value_name = "SCHEDULE", value_parser = schedule, default_value = "adaptive",
        help_heading = "When")]
    pub retransmit: Schedule,
    /// How often in a row to send again [default: adaptive 5, fixed 4, exponential 3]
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = "When")]
    pub retries: Option<u32>,
    /// Do not hear ICMP errors, as a program whose socket is not connected
    #[arg(long, help_heading = "When")]
    pub unconnected: bool,
    /// get: how long a lost last acknowledgment is repaired [default: the server's timeout, or 1s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "When")]
    pub dally: Option<Duration>,
    /// Give up after this time, whatever is missing
    #[arg(long, value_name = "TIME", value_parser = some_time, help_heading = "When")]
    pub deadline: Option<Duration>,

    /// From which address.
    #[command(flatten)]
    pub origin: Origin,
    /// Firewall mark
    #[arg(long, value_name = "MARK", value_parser = mark, help_heading = "Where from")]
    pub mark: Option<u32>,

    /// No progress, and only how it ended
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    ("verb", "get（取文件）或 put（放文件）"),
    ("host", "服务器：HOST、HOST:PORT 或 [IPv6]:PORT"),
    ("file", "get：服务器上的文件名；put：这里的文件，- 为标准输入"),
    ("remote", "put：服务器上的文件名 [默认：同这里的名字]"),
    ("port", "服务器的端口，同 HOST:PORT [默认：69]"),
    ("output", "get：写到这个文件，- 为标准输出 [默认：其名字的最后一段]"),
    ("directory", "get：只写到这个目录里 [默认：当前目录]"),
    ("force", "get：替换已有的文件"),
    ("max_size", "get：不取比这更大的文件：字节数，或带 k、M、G、KiB、MiB、GiB"),
    ("mode", "文件的字节怎样传：octet（原样）或 netascii（文本行）"),
    ("blksize", "请求每块这么多字节"),
    ("windowsize", "请求每个确认这么多块"),
    ("timeout", "请服务器过这么多秒重发 [默认：随它]"),
    ("rollover", "65535 之后的块号：0，或对不再用 0 的服务器为 1"),
    ("no_options", "不请求任何选项：每块 512 字节，一次一块"),
    ("retransmit", "何时重发：adaptive（按往返时间）、fixed:时间 或 exponential:时间"),
    ("retries", "连续重发几次 [默认：adaptive 5、fixed 4、exponential 3]"),
    ("unconnected", "听不到 ICMP 差错，像套接字没有连接的程序"),
    ("dally", "get：最后的确认丢失时，多久之内补发 [默认：服务器的超时，或 1 秒]"),
    ("deadline", "到这个时间就放弃，不管还缺什么"),
    ("quiet", "没有进度，只说结果"),
];

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Verb {
    /// A file comes.
    Get,
    /// A file goes.
    Put,
}

/// Units of a file's size and their bytes.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
];

fn file_size(text: &str) -> Result<u64, BadValue> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit);
    let bytes = digits.parse::<u64>().ok().zip(factor);
    bytes
        .and_then(|(number, (_, factor))| number.checked_mul(*factor))
        .ok_or(bad("not a size", "a number of bytes, or with k, M, G, KiB, MiB or GiB: 4GiB"))
}

fn port(text: &str) -> Result<u16, BadValue> {
    match identifier(text)? {
        0 => Err(bad("nothing is ever sent to port 0", "a port from 1 to 65535")),
        port => Ok(port),
    }
}

fn block(text: &str) -> Result<u16, BadValue> {
    let bytes = identifier(text)?;
    let is_one = BLOCK_BYTES.contains(&bytes);
    if is_one { Ok(bytes) } else { Err(bad("no size of a block", "8 to 65464 bytes")) }
}

fn window(text: &str) -> Result<u16, BadValue> {
    match identifier(text)? {
        blocks @ 1..=WINDOW_MAX => Ok(blocks),
        _ => Err(bad("no size of a window", "1 to 16384 blocks")),
    }
}

fn seconds(text: &str) -> Result<u8, BadValue> {
    match number(text.trim_end_matches('s'), 255)? {
        0 => Err(bad("no timeout of a server", "1 to 255 seconds")),
        seconds => Ok(seconds as u8),
    }
}

fn rollover(text: &str) -> Result<u16, BadValue> {
    number(text, 1).map(|number| number as u16)
}

fn count(text: &str) -> Result<u32, BadValue> {
    number(text, 1_000).map(|count| count as u32)
}

fn mode(text: &str) -> Result<Mode, BadValue> {
    let modes = [Mode::Octet, Mode::Netascii];
    let found = modes.into_iter().find(|mode| mode.name() == text);
    found.ok_or(bad("no such mode", "octet or netascii"))
}

/// Of an exponential schedule, and a fixed one, that name no time.
const USUAL: Duration = Duration::from_secs(5);

fn schedule(text: &str) -> Result<Schedule, BadValue> {
    let hint = "adaptive, fixed:TIME or exponential:TIME, as in fixed:5s";
    let (name, time) = match text.split_once(':') {
        Some((name, time)) => (name, Some(some_time(time)?)),
        None => (text, None),
    };
    match (name, time) {
        ("adaptive", None) => Ok(Schedule::Adaptive),
        ("fixed", time) => Ok(Schedule::Fixed(time.unwrap_or(USUAL))),
        ("exponential", time) => Ok(Schedule::Exponential(time.unwrap_or(USUAL))),
        _ => Err(bad("no such schedule", hint)),
    }
}

/// Refuses a command line.
pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure { message: message.into(), hint: Some(hint.into()), exit: Exit::Usage }
}

impl Options {
    /// The server's name and port.
    ///
    /// # Errors
    /// If there is no such port, or it stands there twice.
    pub fn server(&self) -> Result<(&str, u16), Failure> {
        let text = self.host.as_str();
        let hint = "HOST, HOST:PORT or [IPv6]:PORT";
        let (host, behind) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(None) => return Err(usage("a bracket is not closed", hint)),
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, rest))) => match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return Err(usage("there is something behind the bracket", hint)),
            },
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        if host.is_empty() {
            return Err(usage("the server has no name", hint));
        }
        let named = behind.map(port).transpose();
        let named = named.map_err(|bad| usage(format!("the port: {}", bad.message), bad.hint))?;
        match (named, self.port) {
            (Some(named), Some(port)) if named != port => {
                Err(usage("two ports are named", "HOST:PORT or --port"))
            }
            (named, port) => Ok((host, named.or(port).unwrap_or(PORT))),
        }
    }

    /// Refuses what contradicts itself.
    ///
    /// # Errors
    /// If something does.
    pub fn check(&self) -> Result<(), Failure> {
        let for_get = self.output.is_some() || self.directory.is_some() || self.force;
        match self.verb {
            Verb::Get if self.remote.is_some() => {
                Err(usage("get takes one file", "name the file here with --output"))
            }
            Verb::Put if for_get => Err(usage(
                "--output, --directory and --force are for get",
                "put HOST FILE REMOTE names the file at the server",
            )),
            _ => Ok(()),
        }
    }

    /// The only family to ask; `None` for both.
    ///
    /// # Errors
    /// If the options contradict one another.
    pub fn family(&self) -> Result<Option<Family>, Failure> {
        self.origin.family(&self.family)
    }

    /// What the transfer needs of the network: a socket that anybody may open.
    pub fn want(&self, families: Vec<Family>) -> Want {
        Want {
            families,
            carrier: Carrier::Udp,
            access: Access::Datagram,
            datagram_will_do: true,
            envelope: Envelope { source: self.origin.source_address(), ..Envelope::default() },
            interface: self.origin.interface_name().map(str::to_owned),
            mark: self.mark,
            broadcast: false,
            direct_only: false,
            multicast_loop: true,
            debug: false,
            identifier: None,
            lanes: 1,
            message_max_bytes: usize::from(self.blksize) + 64,
            burst: u32::from(self.windowsize) * 2 + 8,
            send_buffer_bytes: None,
            stamps: Stamps::None,
            batch: Batch::One,
        }
    }

    /// The engine's plan.
    ///
    /// # Errors
    /// If there can be no such request.
    pub fn plan(
        &self,
        (server, port): (Target, u16),
        (local_port, source): (u16, IpAddr),
        task: Task,
        name: &[u8],
    ) -> Result<Plan, Failure> {
        let asks = Asks {
            block_bytes: Some(self.blksize),
            window: Some(self.windowsize),
            timeout_s: self.timeout,
            // Of a text, the size in packets is another one than here.
            size: self.mode == Mode::Octet,
            rolls_over_to_1: self.rollover == 1,
        };
        let none = Asks { rolls_over_to_1: self.rollover == 1, ..Asks::default() };
        let usual = match self.retransmit {
            Schedule::Fixed(_) => 4,
            Schedule::Exponential(_) => 3,
            Schedule::Adaptive => 5,
        };
        let plan = Plan {
            port,
            mode: self.mode,
            asks: if self.no_options { none } else { asks },
            schedule: self.retransmit,
            retries: self.retries.unwrap_or(usual),
            hears_errors: !self.unconnected,
            max_bytes: if self.verb == Verb::Get { self.max_size } else { u64::MAX },
            dally: self.dally,
            deadline: self.deadline,
            ..Plan::new(server, local_port, source, task, name)
        };
        let hint = "name another file, or ask for less";
        plan.check().map_err(|fault| usage(fault.to_string(), hint))?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(file_size("4GiB"), Ok(4 << 30));
        assert_eq!(file_size("10k"), Ok(10_000));
        for text in ["", "k", "-1", "1.5k", "1x", "99999999999999999999", "99999999999g"] {
            assert!(file_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn schedules_have_times() {
        let seconds = Duration::from_secs;
        assert_eq!(schedule("adaptive"), Ok(Schedule::Adaptive));
        assert_eq!(schedule("fixed:2s"), Ok(Schedule::Fixed(seconds(2))));
        assert_eq!(schedule("exponential"), Ok(Schedule::Exponential(seconds(5))));
        for text in ["", "fixed:", "fixed:0", "adaptive:1s", "linear"] {
            assert!(schedule(text).is_err(), "{text}");
        }
    }
}
